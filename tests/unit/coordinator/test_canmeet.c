// Questions about tasks that are not submitted: every answer, and that a submission never says otherwise.
#include <stdio.h>
#include <string.h>

#include "rig.h"

static struct rig rig;
static p2_handle client, peer;

static int setup_with(struct coord_limits l) {
    rig_init(&rig, &l);
    client = rig_client(&rig);
    peer = rig_peer(&rig, 1, 0);
    rig_forget(&rig);
    return 0;
}

static int setup(void **state) {
    (void)state;
    return setup_with(rig_limits());
}

static int teardown(void **state) {
    (void)state;
    rig_deinit(&rig);
    return 0;
}

static struct p2_msg question(p2_ns deadline_ns) {
    struct p2_msg m = {.kind = P2_MSG_CAN_MEET};
    m.u.can_meet = (struct p2_msg_can_meet){
        .question = 41 + (uint64_t)deadline_ns, .type = p2_str("alpha"), .deadline_ns = deadline_ns};
    return m;
}

static struct p2_msg_can_meet_answer ask(const struct p2_msg *m) {
    rig_forget(&rig);
    rig_msg(&rig, client, m);
    const struct p2_msg_can_meet_answer a = rig_only(&rig, client, P2_MSG_CAN_MEET_ANSWER)->u.can_meet_answer;
    assert_int_equal(a.question, m->u.can_meet.question);
    assert_int_equal(a.can, a.code == P2_OK);
    assert_int_equal(a.sentence.n > 0, !a.can);
    return a;
}

static void expect_no(const struct p2_msg *m, enum p2_err code, const char *words) {
    const struct p2_msg_can_meet_answer a = ask(m);
    char text[P2_TEXT_MAX + 1];
    snprintf(text, sizeof text, "%.*s", (int)a.sentence.n, a.sentence.p);
    assert_int_equal(a.code, code);
    if (!strstr(text, words)) fail_msg("\"%s\" does not say \"%s\"", text, words);
}

static struct p2_param int_param(const char *name, int64_t value) {
    return (struct p2_param){.name = p2_str(name), .kind = P2_PARAM_INT, .count = 1, .value.ints = {value}};
}

static void test_yes_and_too_late(void **state) {
    (void)state;
    struct p2_msg m = question(50 * P2_MS);
    struct p2_msg_can_meet_answer a = ask(&m); // the prior is 50 ms
    assert_true(a.can);
    assert_int_equal(a.p50_ns, 50 * P2_MS);
    assert_int_equal(a.p95_ns, 50 * P2_MS);
    m = question(49 * P2_MS);
    expect_no(&m, P2_ERR_WOULD_MISS_DEADLINE, "it may take 50 ms, and the deadline is in 49 ms");
    m = question(0); // four times the prior
    assert_true(ask(&m).can);
    // With work ahead: half of a job of 10 ms, and two that wait.
    for (uint32_t i = 1; i <= 3; i++) rig_submit(&rig, client, i, i, 10);
    m = question(154 * P2_MS);
    assert_int_equal(ask(&m).queue_position, 0); // the earliest deadline of its client
    m.u.can_meet.class_ = P2_CLASS_BACKGROUND;
    a = ask(&m);
    assert_int_equal(a.code, P2_ERR_WOULD_MISS_DEADLINE);
    assert_int_equal(a.p95_ns, 155 * P2_MS);
    assert_true(a.retryable && a.retry_after_ns == 105 * P2_MS);
    assert_int_equal(a.queue_position, 2);
}

static void test_what_was_learned_counts(void **state) {
    (void)state;
    for (unsigned i = 0; i < P2_PRIOR_SAMPLES; i++) estimate_add(rig.c, 0, 0, (i % 10 ? 4 : 30) * P2_MS);
    struct p2_msg m = question(10 * P2_MS);
    struct p2_msg_can_meet_answer a = ask(&m); // most would be in time, but not 95 of 100
    assert_int_equal(a.code, P2_ERR_WOULD_MISS_DEADLINE);
    assert_in_range(a.p50_ns, 4 * P2_MS, 5 * P2_MS);
    assert_in_range(a.p95_ns, 30 * P2_MS, 34 * P2_MS);
    m = question(40 * P2_MS);
    assert_true(ask(&m).can);
}

static void test_impossible(void **state) {
    (void)state;
    struct p2_msg m = question(P2_SEC);
    m.u.can_meet.type = p2_str("gamma");
    expect_no(&m, P2_ERR_UNKNOWN_TYPE, "gamma");
    m = question(P2_SEC);
    m.u.can_meet.version = 2;
    expect_no(&m, P2_ERR_NO_CAPABLE_PEER, "alpha version 2");
    struct p2_param param = int_param("bad", 1);
    m = question(P2_SEC);
    m.u.can_meet.params = (struct p2_params){&param, 1};
    expect_no(&m, P2_ERR_BAD_PARAMETER, "bad is not to be set");
    m = question(P2_SEC);
    m.u.can_meet.payload_size = P2_TASK_PAYLOAD_MAX + 1;
    expect_no(&m, P2_ERR_TOO_LARGE, "a payload of alpha");
    rig_register(&rig, peer, 1, 0, 1, 1000);
    param = int_param("memory", 2000);
    m = question(P2_SEC);
    m.u.can_meet.params = (struct p2_params){&param, 1};
    expect_no(&m, P2_ERR_NO_CAPABLE_PEER, "2000 bytes of device memory");
    m.u.can_meet.type = p2_str("beta");
    expect_no(&m, P2_ERR_NO_CAPABLE_PEER, "no peer offers beta version 3");
    rig_submit(&rig, client, 1, 1, 10); // so that there is something to wait for
    rig_drain(&rig);
    m = question(P2_SEC);
    expect_no(&m, P2_ERR_DRAINING, "");
}

static void test_full(void **state) {
    (void)state;
    struct p2_msg m = question(100 * P2_SEC);
    for (uint32_t i = 1; i <= rig.c->limits.tasks_per_client_max; i++) rig_submit(&rig, client, i, i, 10);
    expect_no(&m, P2_ERR_QUOTA_EXCEEDED, "as many tasks open");
}

static void test_questions_are_rated_like_tasks(void **state) {
    (void)state;
    struct coord_limits l = rig_limits();
    l.client_tasks_per_s = 2;
    l.client_burst_ns = 2 * P2_SEC;
    setup_with(l);
    struct p2_msg m = question(P2_SEC);
    unsigned yes = 0;
    for (unsigned i = 0; i < 20; i++) yes += ask(&m).can;
    assert_int_equal(yes, 5); // the burst, and one into debt
    expect_no(&m, P2_ERR_QUOTA_EXCEEDED, "more per second");
    assert_true(ask(&m).retry_after_ns > 0);
    rig_forget(&rig);
    rig_submit(&rig, client, 1, 1, 10);
    rig_expect_ended(&rig, client, 1, P2_ERR_QUOTA_EXCEEDED); // one bucket for both
    rig_pass(&rig, P2_SEC);
    assert_true(ask(&m).can);
}

static void test_nothing_else_may_be_said(void **state) {
    (void)state;
    struct p2_msg m = question(P2_SEC);
    m.u.can_meet.class_ = (enum p2_class)P2_CLASSES;
    rig_msg(&rig, client, &m);
    rig_expect_error(&rig, client, P2_ERR_BAD_MESSAGE);
}

// ---- never against a submission -------------------------------------------------------------------------------------

static struct p2_msg any_submit(struct p2_rng *rng, uint32_t n, struct p2_param params[2]) {
    static const char *const types[] = {"alpha", "first", "beta", "gamma"};
    struct p2_msg m = rig_submit_msg(n, n, p2_rng_below(rng, 4) ? p2_rng_below(rng, 3000) : 900000);
    params[0] = int_param("memory", p2_rng_below(rng, 2) ? 0 : (int64_t)p2_rng_below(rng, 20000));
    params[1] = int_param("bad", p2_rng_below(rng, 20) == 0);
    m.u.submit.type = p2_str(types[p2_rng_below(rng, 30) ? p2_rng_below(rng, 3) : 3]);
    m.u.submit.version = p2_rng_below(rng, 8) ? 0 : (uint32_t)p2_rng_below(rng, 4);
    m.u.submit.class_ = (enum p2_class)p2_rng_below(rng, P2_CLASSES);
    m.u.submit.deadline_ns = P2_MS + (p2_ns)p2_rng_below(rng, P2_SEC);
    m.u.submit.params = (struct p2_params){params, 2};
    return m;
}

static struct p2_msg about(const struct p2_msg *submit) {
    const struct p2_msg_task_submit *t = &submit->u.submit;
    struct p2_msg m = {.kind = P2_MSG_CAN_MEET};
    m.u.can_meet = (struct p2_msg_can_meet){.question = submit->stream,
                                            .type = t->type,
                                            .version = t->version,
                                            .class_ = t->class_,
                                            .deadline_ns = t->deadline_ns,
                                            .payload_size = t->payload_size,
                                            .params = t->params};
    return m;
}

static void test_a_submission_never_says_otherwise(void **state) {
    (void)state;
    struct coord_limits l = rig_limits();
    l.tasks_max = 40;
    l.queue_per_class_max = 15;
    l.payload_budget_bytes = UINT64_C(8) << 20;
    setup_with(l);
    struct p2_rng rng;
    p2_rng_init(&rng, 11);
    unsigned seen[100] = {0};
    for (uint32_t n = 1; n <= 3000; n++) {
        struct p2_param params[2];
        struct p2_msg submit = any_submit(&rng, n, params);
        const struct p2_msg m = about(&submit);
        const struct p2_msg_can_meet_answer a = ask(&m);
        rig_forget(&rig);
        rig_send_submit(&rig, client, &submit);
        bool accepted = false;
        enum p2_err code = P2_OK;
        for (unsigned i = 0; i < rig_count(&rig, client, P2_MSG_TASK_ACCEPTED); i++)
            accepted |= rig_nth(&rig, client, P2_MSG_TASK_ACCEPTED, i)->stream == n;
        for (unsigned i = 0; i < rig_count(&rig, client, P2_MSG_TASK_ENDED); i++) {
            const struct p2_msg *end = rig_nth(&rig, client, P2_MSG_TASK_ENDED, i);
            if (end->stream == n) code = end->u.ended.code;
        }
        assert_int_equal(accepted, a.can || a.code == P2_ERR_WOULD_MISS_DEADLINE);
        if (accepted && !rig_count(&rig, client, P2_MSG_TASK_ENDED)) { // nobody made room for it
            const struct p2_msg_task_accepted *said = &rig_last(&rig, client, P2_MSG_TASK_ACCEPTED)->u.accepted;
            assert_int_equal(said->queue_position, a.queue_position);
            assert_int_equal(said->estimate_ns, a.p50_ns);
        } else if (!accepted) {
            assert_int_equal(code, a.code);
        }
        seen[a.code]++;
        rig_forget(&rig);
        if (p2_rng_below(&rng, 10) == 0) rig_pass(&rig, 30 * P2_MS);
        if (p2_rng_below(&rng, 40) == 0) rig_register(&rig, peer, 1, 0, (unsigned)p2_rng_below(&rng, 4), 12000);
        if (p2_rng_below(&rng, 10) == 0) rig_heartbeat(&rig, peer);
    }
    static const enum p2_err codes[] = {P2_OK,
                                        P2_ERR_WOULD_MISS_DEADLINE,
                                        P2_ERR_NO_CAPABLE_PEER,
                                        P2_ERR_OVERLOADED,
                                        P2_ERR_BAD_PARAMETER,
                                        P2_ERR_UNKNOWN_TYPE,
                                        P2_ERR_TOO_LARGE};
    for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) assert_true(seen[codes[i]] > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_yes_and_too_late, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_learned_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_impossible, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full, setup, teardown),
        cmocka_unit_test_teardown(test_questions_are_rated_like_tasks, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_else_may_be_said, setup, teardown),
        cmocka_unit_test_teardown(test_a_submission_never_says_otherwise, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
