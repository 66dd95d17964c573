// What a session learns of how long tasks take, and what it gives those that have no deadline.
#include "kernels/task_type.h"
#include "rig.h"

#define PRIOR (100 * P2_MS)

static const struct timeout_kind kind = {0, 3, PRIOR};

static session_ticket submit(struct rig *r, p2_ns deadline_ns) {
    struct session_submit task = rig_task(r, 0, 0);
    task.kind = kind;
    task.deadline_ns = deadline_ns;
    return rig_submit_as(r, task);
}

static uint32_t stream_sent(struct rig *r) { return rig_sent(r, P2_MSG_TASK_SUBMIT, 0)->stream; }

static struct p2_msg empty_result(uint32_t stream, session_ticket t, bool cached) {
    struct p2_msg m = delivery_msg(stream, t, 1, 0, (struct p2_slice){0});
    m.u.delivery.cached = cached;
    return m;
}

static void do_one(struct rig *r, p2_ns took, bool cached) {
    session_ticket t = submit(r, 0);
    uint32_t stream = stream_sent(r);
    rig_tick(r, took);
    rig_msg(r, empty_result(stream, t, cached));
    assert_ended(r, t, SESSION_DONE, P2_OK);
}

static void learn(struct rig *r, p2_ns took) {
    for (unsigned i = 0; i < 500; i++) do_one(r, took, false);
}

static p2_ns timeout(const struct rig *r) { return p2_session_timeout_ns(r->s, &kind); }

static void begin(struct rig *r) {
    rig_open(r, 1);
    rig_up(r);
}

static void what_was_learned_goes_with_the_task(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    submit(&r, 0);
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0)->u.submit.deadline_ns, 4 * PRIOR);
    rig_tick(&r, P2_SEC);
    rig_shut(&r);
    begin(&r);
    learn(&r, 50 * P2_MS);
    p2_ns learned = timeout(&r);
    assert_true(learned >= 100 * P2_MS && learned < 150 * P2_MS);
    submit(&r, 0);
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0)->u.submit.deadline_ns, learned);
    p2_ns due = r.now + learned + SESSION_GRACE_NS; // no PONG was seen: no round trips
    while (!rig_ended(&r)) {
        r.now = p2_ns_max(r.now, p2_session_next_ns(r.s));
        rig_tick(&r, 0);
    }
    assert_int_equal(r.now, due); // and it is kept here too
    assert_int_equal(rig_ended(&r)->outcome, SESSION_EXPIRED);
    assert_true(timeout(&r) >= 2 * learned);
    rig_shut(&r);
}

static void the_callers_own_deadline_is_used_and_its_end_learned_from(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    learn(&r, 50 * P2_MS);
    p2_ns learned = timeout(&r);
    session_ticket t = submit(&r, 7 * P2_MS);
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0)->u.submit.deadline_ns, 7 * P2_MS);
    rig_msg(&r, ended_msg(stream_sent(&r), t, P2_ERR_DEADLINE_EXCEEDED));
    assert_int_equal(timeout(&r), learned); // 7 ms being too short is no news
    t = submit(&r, 2 * P2_SEC);
    uint32_t stream = stream_sent(&r);
    rig_tick(&r, 200 * P2_MS);
    rig_msg(&r, empty_result(stream, t, false));
    assert_true(timeout(&r) >= 200 * P2_MS);
    rig_shut(&r);
}

// Else what would always be refused could never be learned better.
static void a_refusal_for_being_too_late_counts_as_too_late(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    learn(&r, 50 * P2_MS);
    p2_ns learned = timeout(&r);
    session_ticket t = submit(&r, 0);
    rig_msg(&r, ended_msg(stream_sent(&r), t, P2_ERR_OVERLOADED));
    assert_int_equal(timeout(&r), learned);
    t = submit(&r, 0);
    rig_msg(&r, ended_msg(stream_sent(&r), t, P2_ERR_WOULD_MISS_DEADLINE));
    assert_ended(&r, t, SESSION_REFUSED, P2_ERR_WOULD_MISS_DEADLINE);
    assert_true(timeout(&r) >= 2 * learned);
    rig_shut(&r);
}

static void answers_from_the_cache_are_no_samples(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    learn(&r, 80 * P2_MS);
    p2_ns learned = timeout(&r);
    for (unsigned i = 0; i < 100; i++) do_one(&r, P2_MS, true);
    assert_int_equal(timeout(&r), learned);
    do_one(&r, P2_MS, false);
    assert_true(timeout(&r) != learned);
    rig_shut(&r);
}

static void what_waited_for_the_link_is_no_sample(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    learn(&r, 50 * P2_MS);
    p2_ns learned = timeout(&r);
    session_ticket t = submit(&r, 20 * P2_SEC);
    rig_closed(&r);
    if (rig_knows(&r, t)) rig_step(&r, (struct session_event){.kind = SESSION_CANCEL, .u.end.ticket = t});
    struct session_submit while_away = rig_task(&r, 1, 0);
    while_away.kind = kind;
    while_away.deadline_ns = 20 * P2_SEC;
    rig_submit_as(&r, while_away);
    rig_tick(&r, 300 * P2_MS);
    rig_up(&r);
    uint32_t stream = stream_sent(&r);
    rig_msg(&r, empty_result(stream, while_away.ticket, false));
    assert_ended(&r, while_away.ticket, SESSION_DONE, P2_OK);
    assert_int_equal(timeout(&r), learned);
    rig_closed(&r);
    submit(&r, 0);
    rig_tick(&r, learned); // ends without ever having been sent
    assert_int_equal(rig_ended(&r)->outcome, SESSION_EXPIRED);
    assert_int_equal(timeout(&r), learned);
    rig_shut(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_learned_goes_with_the_task),
        cmocka_unit_test(the_callers_own_deadline_is_used_and_its_end_learned_from),
        cmocka_unit_test(a_refusal_for_being_too_late_counts_as_too_late),
        cmocka_unit_test(answers_from_the_cache_are_no_samples),
        cmocka_unit_test(what_waited_for_the_link_is_no_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
