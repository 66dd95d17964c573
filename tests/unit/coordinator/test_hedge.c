// A second run beside one that takes long: all orders in which the two, their peers and the client may come to an end.
#include "rig.h"

#define LONG (120 * P2_MS)

static struct rig rig;
static p2_handle client, first, second;
static struct p2_msg job1, job2;

static int setup_with(void **state, uint32_t attempts, uint32_t percent) {
    struct coord_limits l = rig_limits();
    l.attempts_max = attempts;
    l.hedge_percent = percent;
    rig_init(&rig, &l);
    for (unsigned i = 0; i < 100; i++) estimate_add(rig.c, 0, 0, 100 * P2_MS);
    client = rig_client(&rig);
    *state = &rig;
    return 0;
}

static int setup(void **state) { return setup_with(state, 3, 100); }

static int teardown(void **state) {
    rig_deinit(*state);
    return 0;
}

static p2_handle only_alpha(struct rig *r) {
    p2_handle peer = rig_open(r);
    rig_hello(r, peer, P2_ROLE_PEER);
    rig_register(r, peer, 1, 0, 1, 0);
    return peer;
}

// Task 1 runs on `first`, and `second` is idle.
static void begin(struct rig *r, uint64_t size) {
    first = only_alpha(r);
    rig_submit(r, client, 1, 1, size);
    job1 = *rig_only(r, first, P2_MSG_TASK_ASSIGN);
    second = only_alpha(r);
    rig_forget(r);
}

static void hedge(struct rig *r) {
    begin(r, 100);
    rig_pass(r, LONG);
    job2 = *rig_only(r, second, P2_MSG_TASK_ASSIGN);
    assert_int_equal(job2.u.assign.attempt, 2);
    assert_true(p2_id_equal(&job1.u.assign.id, &job2.u.assign.id));
    assert_true(rig_bytes_right(&job2.u.assign.payload, 0));
    assert_int_equal(rig_notes(r, NOTE_HEDGED), 1);
    rig_forget(r);
}

static void expect_done(struct rig *r, uint32_t attempt, p2_handle by) {
    const struct p2_msg *m = rig_only(r, client, P2_MSG_RESULT_DELIVERY);
    assert_int_equal(m->u.delivery.attempt, attempt);
    assert_true(p2_id_equal(&m->u.delivery.peer, &session_find(r->c, by)->id));
    assert_int_equal(r->c->stats.tasks_completed, 1);
    assert_int_equal(rig_count(r, client, P2_MSG_TASK_ENDED), 0);
}

// The first run brings the result after the second has begun: its number is not the newest.
static void test_a_result_is_acknowledged_by_its_own_number(void **state) {
    struct rig *r = *state;
    r->features |= P2_FEATURE_SESSIONS;
    client = rig_client(r);
    hedge(r);
    rig_result(r, first, &job1, 100);
    assert_int_equal(rig_only(r, client, P2_MSG_RESULT_DELIVERY)->u.delivery.attempt, 1);
    struct p2_msg ack = {.kind = P2_MSG_RESULT_ACK, .stream = 1, .u.ack.attempt = 1};
    rig_msg(r, client, &ack);
    assert_int_equal(r->c->stats.tasks_completed, 1);
    assert_int_equal(r->c->tasks.live, 0);
}

static void test_the_second_is_quicker(void **state) {
    struct rig *r = *state;
    hedge(r);
    rig_result(r, second, &job2, 100);
    expect_done(r, 2, second);
    assert_int_equal(rig_only(r, first, P2_MSG_TASK_CANCEL)->u.cancel.attempt, 1);
    rig_result(r, first, &job1, 100); // it had not heard yet
    assert_int_equal(rig_notes(r, NOTE_LATE), 1);
    assert_int_equal(r->c->stats.tasks_completed, 1);
    assert_int_equal(r->c->replicas.live, 0);
    struct p2_msg_status status;
    coord_status(r->c, &status);
    assert_int_equal(status.attempts_hedged, 1);
    assert_int_equal(status.attempts_retried, 0);
}

static void test_the_first_is_quicker(void **state) {
    struct rig *r = *state;
    hedge(r);
    rig_result(r, first, &job1, 100);
    expect_done(r, 1, first);
    rig_only(r, second, P2_MSG_TASK_CANCEL);
    rig_failure(r, second, &job2, P2_ERR_CANCELLED, false);
    assert_int_equal(r->c->replicas.live, 0);
}

static void test_a_long_result_is_one_peers(void **state) {
    struct rig *r = *state;
    first = only_alpha(r);
    struct p2_msg m = rig_submit_msg(1, 1, 100);
    struct p2_param result = {.name = p2_str("result"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {100 << 10}};
    m.u.submit.params = (struct p2_params){&result, 1};
    rig_send_submit(r, client, &m);
    job1 = *rig_only(r, first, P2_MSG_TASK_ASSIGN);
    second = only_alpha(r);
    rig_pass(r, LONG);
    job2 = *rig_only(r, second, P2_MSG_TASK_ASSIGN);
    rig_result(r, first, &job1, 100 << 10);
    rig_only(r, second, P2_MSG_TASK_CANCEL);
    rig_result(r, second, &job2, 100 << 10); // late, and so are its chunks
    rig_chunk(r, second, job2.stream, 2, 64 << 10, 36 << 10);
    rig_chunk(r, first, job1.stream, 1, 64 << 10, 36 << 10);
    expect_done(r, 1, first);
    assert_int_equal(rig_only(r, client, P2_MSG_CHUNK)->u.chunk.attempt, 1);
}

static void test_one_fails_and_the_other_goes_on(void **state) {
    struct rig *r = *state;
    hedge(r);
    rig_failure(r, first, &job1, P2_ERR_EXECUTION_FAILED, true);
    assert_int_equal(rig_notes(r, NOTE_TASK), 0);
    assert_int_equal(rig_notes(r, NOTE_RUN_LOST), 1);
    rig_result(r, second, &job2, 100);
    expect_done(r, 2, second);
}

static void test_the_second_fails_and_the_first_goes_on(void **state) {
    struct rig *r = *state;
    hedge(r);
    rig_failure(r, second, &job2, P2_ERR_EXECUTION_FAILED, true);
    rig_pass(r, LONG);
    assert_int_equal(rig_count(r, second, P2_MSG_TASK_ASSIGN), 0); // it has tried
    rig_result(r, first, &job1, 100);
    expect_done(r, 1, first);
}

static void test_both_fail_and_a_third_tries(void **state) {
    struct rig *r = *state;
    hedge(r);
    rig_failure(r, second, &job2, P2_ERR_EXECUTION_FAILED, true);
    p2_handle third = only_alpha(r);
    rig_failure(r, first, &job1, P2_ERR_EXECUTION_FAILED, true);
    struct p2_msg job3 = *rig_only(r, third, P2_MSG_TASK_ASSIGN);
    assert_int_equal(job3.u.assign.attempt, 3);
    rig_result(r, third, &job3, 100);
    expect_done(r, 3, third);
}

static void test_lost_peers(void **state) {
    struct rig *r = *state;
    hedge(r);
    rig_close(r, first);
    assert_int_equal(rig_notes(r, NOTE_TASK), 0);
    rig_close(r, second);
    assert_int_equal(r->c->stats.tasks_queued, 1);
    p2_handle third = only_alpha(r);
    struct p2_msg job3 = *rig_only(r, third, P2_MSG_TASK_ASSIGN);
    rig_result(r, third, &job3, 100);
    expect_done(r, 3, third);
}

static void test_attempts_are_counted_together(void **state) {
    setup_with(state, 2, 100);
    struct rig *r = *state;
    hedge(r);
    rig_close(r, second);
    rig_failure(r, first, &job1, P2_ERR_EXECUTION_FAILED, true);
    rig_expect_ended(r, client, 1, P2_ERR_ATTEMPTS_EXHAUSTED);
    assert_int_equal(rig_only(r, client, P2_MSG_TASK_ENDED)->u.ended.attempt, 2);
    teardown(state);
}

static void test_what_fails_everywhere_ends_both(void **state) {
    struct rig *r = *state;
    hedge(r);
    rig_failure(r, second, &job2, P2_ERR_BAD_PAYLOAD, false);
    rig_expect_ended(r, client, 1, P2_ERR_BAD_PAYLOAD);
    rig_only(r, first, P2_MSG_TASK_CANCEL);
}

static void test_a_result_too_large_is_that_runs_end(void **state) {
    struct rig *r = *state;
    hedge(r);
    rig_result(r, first, &job1, 101);
    rig_only(r, first, P2_MSG_TASK_CANCEL);
    assert_int_equal(peer_of(r->c, session_find(r->c, first))->jobs_failed, 1);
    assert_int_equal(peer_of(r->c, session_find(r->c, second))->jobs_failed, 0);
    rig_result(r, second, &job2, 100);
    expect_done(r, 2, second);
}

static void test_the_client_cancels(void **state) {
    struct rig *r = *state;
    hedge(r);
    rig_cancel(r, client, 1, 1);
    rig_only(r, first, P2_MSG_TASK_CANCEL);
    rig_only(r, second, P2_MSG_TASK_CANCEL);
    rig_only(r, client, P2_MSG_TASK_ENDED);
    rig_failure(r, first, &job1, P2_ERR_CANCELLED, false);
    assert_int_equal(r->c->replicas.live, 1);
    rig_pass(r, P2_SEC); // the other says nothing
    assert_int_equal(r->c->replicas.live, 0);
}

static void test_the_deadline_passes(void **state) {
    struct rig *r = *state;
    hedge(r);
    rig_pass(r, P2_SEC);
    rig_only(r, client, P2_MSG_TASK_TIMEOUT);
    rig_only(r, first, P2_MSG_TASK_CANCEL);
    rig_only(r, second, P2_MSG_TASK_CANCEL);
}

static void test_the_client_leaves(void **state) {
    struct rig *r = *state;
    hedge(r);
    rig_close(r, client);
    rig_only(r, first, P2_MSG_TASK_CANCEL);
    rig_only(r, second, P2_MSG_TASK_CANCEL);
}

static void test_draining_waits_for_one_of_them(void **state) {
    struct rig *r = *state;
    hedge(r);
    rig_drain(r);
    assert_false(coord_idle(r->c));
    rig_result(r, second, &job2, 100);
    assert_true(coord_idle(r->c));
}

static void test_a_second_run_not_yet_told_is_told_nothing(void **state) {
    struct rig *r = *state;
    begin(r, 100);
    rig_writable(r, second, 0);
    rig_pass(r, LONG);
    assert_int_equal(rig_notes(r, NOTE_HEDGED), 1);
    rig_result(r, first, &job1, 100);
    rig_writable(r, second, 1 << 20);
    assert_int_equal(rig_count(r, second, P2_MSG_TASK_ASSIGN), 0);
    assert_int_equal(rig_count(r, second, P2_MSG_TASK_CANCEL), 0);
    expect_done(r, 1, first);
}

// ---- when there is none ---------------------------------------------------------------------------------------------

static void expect_none(struct rig *r) {
    rig_pass(r, 3 * LONG);
    assert_int_equal(rig_notes(r, NOTE_HEDGED), 0);
}

static void test_not_while_others_wait(void **state) {
    struct rig *r = *state;
    begin(r, 100);
    rig_submit(r, client, 2, 2, 100); // takes the idle slot
    rig_submit(r, client, 3, 3, 100);
    expect_none(r);
    struct p2_msg job = *rig_last(r, second, P2_MSG_TASK_ASSIGN);
    rig_result(r, second, &job, 100);
    job = *rig_last(r, second, P2_MSG_TASK_ASSIGN);
    rig_result(r, second, &job, 100);
    rig_pass(r, LONG); // looked at again
    assert_int_equal(rig_notes(r, NOTE_HEDGED), 1);
}

static void test_not_a_payload_that_is_gone(void **state) {
    begin(*state, P2_STREAM_WINDOW + 1);
    expect_none(*state);
}

static void test_not_before_it_is_late(void **state) {
    struct rig *r = *state;
    begin(r, 100);
    rig_pass(r, 99 * P2_MS);
    assert_int_equal(rig_notes(r, NOTE_HEDGED), 0);
}

static void test_not_when_it_could_not_be_done_in_time(void **state) {
    struct rig *r = *state;
    first = only_alpha(r);
    second = only_alpha(r);
    struct p2_msg m = rig_submit_msg(1, 1, 100);
    m.u.submit.deadline_ns = 180 * P2_MS;
    rig_send_submit(r, client, &m);
    expect_none(r);
}

static void test_not_because_we_did_not_run(void **state) {
    struct rig *r = *state;
    first = only_alpha(r);
    second = only_alpha(r);
    struct p2_msg m = rig_submit_msg(1, 1, 100);
    m.u.submit.deadline_ns = 60 * P2_SEC;
    rig_send_submit(r, client, &m);
    rig_jump(r, 20 * P2_SEC);
    assert_int_equal(rig_notes(r, NOTE_STALL), 1);
    assert_int_equal(rig_notes(r, NOTE_PEER_LOST), 0);
    assert_int_equal(rig_notes(r, NOTE_HEDGED), 0);
    rig_pass(r, LONG);
    assert_int_equal(rig_notes(r, NOTE_HEDGED), 1);
}

static void test_not_when_switched_off(void **state) {
    setup_with(state, 3, 0);
    begin(*state, 100);
    expect_none(*state);
    teardown(state);
}

static void test_one_in_twenty(void **state) {
    setup_with(state, 3, 5);
    struct rig *r = *state;
    unsigned hedged = 0;
    first = only_alpha(r);
    second = only_alpha(r);
    for (uint32_t i = 1; i <= 40; i++) {
        rig_forget(r);
        rig_submit(r, client, i, i, 100);
        rig_heartbeat(r, first);
        rig_heartbeat(r, second);
        for (unsigned k = 0; k < 40; k++) estimate_add(r->c, 0, 0, 100 * P2_MS); // most take no longer
        rig_pass(r, LONG);
        p2_handle it = rig_count(r, first, P2_MSG_TASK_ASSIGN) ? first : second, other = it == first ? second : first;
        if (rig_notes(r, NOTE_HEDGED)) {
            job2 = *rig_only(r, other, P2_MSG_TASK_ASSIGN);
            hedged++;
            assert_int_equal(i % 20, 0);
        }
        job1 = *rig_last(r, it, P2_MSG_TASK_ASSIGN);
        rig_result(r, it, &job1, 100);
        if (rig_count(r, other, P2_MSG_TASK_CANCEL)) rig_failure(r, other, &job2, P2_ERR_CANCELLED, false);
    }
    assert_int_equal(hedged, 2);
    teardown(state);
}

#define TEST(name) cmocka_unit_test(name)
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_a_result_is_acknowledged_by_its_own_number),
        RIG_TEST(test_the_second_is_quicker),
        RIG_TEST(test_the_first_is_quicker),
        RIG_TEST(test_a_long_result_is_one_peers),
        RIG_TEST(test_one_fails_and_the_other_goes_on),
        RIG_TEST(test_the_second_fails_and_the_first_goes_on),
        RIG_TEST(test_both_fail_and_a_third_tries),
        RIG_TEST(test_lost_peers),
        TEST(test_attempts_are_counted_together),
        RIG_TEST(test_what_fails_everywhere_ends_both),
        RIG_TEST(test_a_result_too_large_is_that_runs_end),
        RIG_TEST(test_the_client_cancels),
        RIG_TEST(test_the_deadline_passes),
        RIG_TEST(test_the_client_leaves),
        RIG_TEST(test_draining_waits_for_one_of_them),
        RIG_TEST(test_a_second_run_not_yet_told_is_told_nothing),
        RIG_TEST(test_not_while_others_wait),
        RIG_TEST(test_not_a_payload_that_is_gone),
        RIG_TEST(test_not_before_it_is_late),
        RIG_TEST(test_not_when_it_could_not_be_done_in_time),
        RIG_TEST(test_not_because_we_did_not_run),
        TEST(test_not_when_switched_off),
        TEST(test_one_in_twenty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
