// The breaker alone, then what the core does with it.
#include "rig.h"

#include "coordinator/core/breaker.h"

static bool fail_in_a_row(struct breaker *b, unsigned n, p2_ns now) {
    bool opened = false;
    while (n--) opened = breaker_failed(b, false, now);
    return opened;
}

static void test_five_in_a_row_open_it(void **state) {
    (void)state;
    struct breaker b = {.state = BREAKER_CLOSED};
    assert_false(fail_in_a_row(&b, 4, 0));
    assert_false(breaker_succeeded(&b, false, 0));
    assert_false(fail_in_a_row(&b, 4, 0));
    assert_true(breaker_lets(&b));
    assert_true(fail_in_a_row(&b, 1, 7));
    assert_false(breaker_lets(&b));
    assert_int_equal(b.until_ns, 7 + P2_SEC);
}

static void test_more_than_half_of_sixteen_open_it(void **state) {
    (void)state;
    struct breaker b = {.state = BREAKER_CLOSED};
    for (unsigned i = 0; i < 100; i++) { // exactly half
        assert_false(breaker_failed(&b, false, 0));
        assert_false(breaker_succeeded(&b, false, 0));
    }
    assert_false(breaker_failed(&b, false, 0)); // takes the place of a failure
    assert_true(breaker_failed(&b, false, 0));  // of a success
    struct breaker young = {.state = BREAKER_CLOSED};
    for (unsigned i = 0; i < 3; i++) assert_false(breaker_failed(&young, false, 0));
    assert_false(breaker_succeeded(&young, false, 0));
    for (unsigned i = 0; i < 4; i++) assert_false(breaker_failed(&young, false, 0)); // seven of eight: too few to say
}

static void test_one_probe_decides(void **state) {
    (void)state;
    struct breaker b = {.state = BREAKER_CLOSED};
    fail_in_a_row(&b, 5, 0);
    assert_false(breaker_due(&b, P2_SEC - 1));
    assert_true(breaker_due(&b, P2_SEC));
    assert_true(breaker_lets(&b));
    assert_true(breaker_given(&b));
    assert_false(breaker_lets(&b));
    assert_false(breaker_succeeded(&b, false, 0)); // given before it opened
    assert_false(breaker_failed(&b, false, P2_SEC));
    breaker_untold(&b);
    assert_true(breaker_lets(&b));
    assert_true(breaker_given(&b));
    assert_true(breaker_succeeded(&b, true, 0));
    assert_int_equal(b.state, BREAKER_CLOSED);
    assert_false(breaker_given(&b));
    assert_false(fail_in_a_row(&b, 4, 0)); // it has forgotten
}

static void test_the_back_off_doubles_to_a_minute(void **state) {
    (void)state;
    struct breaker b = {.state = BREAKER_CLOSED};
    fail_in_a_row(&b, 5, 0);
    const unsigned seconds[] = {1, 2, 4, 8, 16, 32, 60, 60};
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(b.backoff_ns, (int64_t)seconds[i] * P2_SEC);
        assert_false(breaker_failed(&b, false, b.until_ns)); // late ones do not prolong it
        p2_ns until = b.until_ns;
        assert_true(breaker_due(&b, until));
        assert_true(breaker_given(&b));
        assert_true(breaker_failed(&b, true, until));
    }
}

// ---- in the core ----------------------------------------------------------------------------------------------------

static struct rig rig;

static int setup(void **state) {
    struct coord_limits l = rig_limits();
    l.retry_budget_percent = 0;
    rig_init(&rig, &l);
    *state = &rig;
    return 0;
}

static int teardown(void **state) {
    rig_deinit(*state);
    return 0;
}

static uint32_t tasks;

static void submit(struct rig *r, p2_handle client, const char *type) {
    tasks++;
    struct p2_msg m = rig_submit_msg(tasks, tasks, 10);
    m.u.submit.type = p2_str(type);
    m.u.submit.deadline_ns = 600 * P2_SEC;
    rig_forget(r);
    rig_send_submit(r, client, &m);
}

static void fail_one(struct rig *r, p2_handle client, p2_handle peer, bool retryable) {
    submit(r, client, "alpha");
    struct p2_msg assign = *rig_only(r, peer, P2_MSG_TASK_ASSIGN);
    rig_failure(r, peer, &assign, P2_ERR_EXECUTION_FAILED, retryable);
    rig_cancel(r, client, tasks, tasks);
    if (!rig_count(r, peer, P2_MSG_TASK_CANCEL)) return;
    assign = *rig_last(r, peer, P2_MSG_TASK_ASSIGN); // it was tried there again
    rig_failure(r, peer, &assign, P2_ERR_CANCELLED, false);
}

static void pass(struct rig *r, p2_handle peer, p2_ns span) {
    p2_ns end = r->now + span;
    while (r->now < end) {
        rig_heartbeat(r, peer);
        rig_run_to(r, p2_ns_min(end, r->now + P2_SEC));
    }
}

static p2_handle broken_peer(struct rig *r, p2_handle client) {
    p2_handle peer = rig_peer(r, 2, 0);
    for (unsigned i = 0; i < 5; i++) fail_one(r, client, peer, true);
    assert_int_equal(rig_notes(r, NOTE_BREAKER_OPEN), 1);
    return peer;
}

static void test_tasks_wait_and_one_probes(void **state) {
    struct rig *r = *state;
    p2_handle client = rig_client(r), peer = broken_peer(r, client);
    submit(r, client, "alpha");
    rig_only(r, client, P2_MSG_TASK_ACCEPTED); // it is not refused
    submit(r, client, "alpha");
    submit(r, client, "beta"); // another type is another matter
    rig_only(r, peer, P2_MSG_TASK_ASSIGN);
    rig_forget(r);
    rig_register(r, peer, 2, 0, 3, 0); // saying it again changes nothing
    pass(r, peer, P2_SEC - 1);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 0);
    pass(r, peer, 1);
    assert_int_equal(rig_notes(r, NOTE_BREAKER_HALF_OPEN), 1);
    struct p2_msg assign = *rig_only(r, peer, P2_MSG_TASK_ASSIGN); // though a slot is left
    rig_result(r, peer, &assign, 10);
    assert_int_equal(rig_notes(r, NOTE_BREAKER_CLOSED), 1);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 2);
}

static void test_a_probe_that_is_cancelled_is_followed_by_another(void **state) {
    struct rig *r = *state;
    p2_handle client = rig_client(r), peer = broken_peer(r, client);
    submit(r, client, "alpha");
    uint32_t first = tasks;
    submit(r, client, "alpha");
    pass(r, peer, P2_SEC);
    struct p2_msg assign = *rig_only(r, peer, P2_MSG_TASK_ASSIGN);
    rig_cancel(r, client, assign.u.assign.id.b[15] == (uint8_t)first ? first : tasks,
               assign.u.assign.id.b[15] == (uint8_t)first ? first : tasks);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 1);
    rig_failure(r, peer, &assign, P2_ERR_CANCELLED, false);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 2);
    assign = *rig_last(r, peer, P2_MSG_TASK_ASSIGN);
    rig_forget(r);
    rig_failure(r, peer, &assign, P2_ERR_EXECUTION_FAILED, true);
    assert_int_equal(rig_notes(r, NOTE_BREAKER_OPEN), 1);
    pass(r, peer, 2 * P2_SEC - 1);
    assert_int_equal(rig_notes(r, NOTE_BREAKER_HALF_OPEN), 0);
    pass(r, peer, 1);
    assert_int_equal(rig_notes(r, NOTE_BREAKER_HALF_OPEN), 1);
}

static void test_others_take_over_and_a_new_connection_starts_anew(void **state) {
    struct rig *r = *state;
    p2_handle client = rig_client(r), peer = broken_peer(r, client), other = rig_peer(r, 1, 0);
    submit(r, client, "alpha");
    rig_only(r, other, P2_MSG_TASK_ASSIGN);
    submit(r, client, "alpha");
    rig_forget(r);
    rig_close(r, peer);
    p2_handle again = rig_peer(r, 1, 0);
    rig_only(r, again, P2_MSG_TASK_ASSIGN);
}

// A task that fails everywhere alike, and a client that dislikes what it gets, say nothing of the peer.
static void test_it_cannot_be_opened_from_outside(void **state) {
    struct rig *r = *state;
    p2_handle client = rig_client(r), peer = rig_peer(r, 2, 0);
    for (unsigned i = 0; i < 20; i++) fail_one(r, client, peer, false);
    for (unsigned i = 0; i < 20; i++) {
        struct p2_msg m = rig_submit_msg(tasks + 1, tasks + 1, 10);
        struct p2_param result = {
            .name = p2_str("result"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {200 << 10}};
        tasks++;
        m.u.submit.params = (struct p2_params){&result, 1};
        rig_forget(r);
        rig_send_submit(r, client, &m);
        struct p2_msg assign = *rig_only(r, peer, P2_MSG_TASK_ASSIGN);
        rig_result(r, peer, &assign, 200 << 10);
        struct p2_msg objection = {.kind = P2_MSG_ERROR, .stream = tasks};
        objection.u.error.code = P2_ERR_BAD_PAYLOAD;
        rig_msg(r, client, &objection);
        rig_cancel(r, client, tasks, tasks);
        rig_failure(r, peer, &assign, P2_ERR_CANCELLED, false);
        if (rig_count(r, peer, P2_MSG_TASK_ASSIGN) < 2) continue;
        assign = *rig_last(r, peer, P2_MSG_TASK_ASSIGN);
        rig_failure(r, peer, &assign, P2_ERR_CANCELLED, false);
    }
    assert_int_equal(rig_notes(r, NOTE_BREAKER_OPEN), 0);
    submit(r, client, "alpha");
    rig_only(r, peer, P2_MSG_TASK_ASSIGN);
}

#define TEST(name) cmocka_unit_test(name)
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_five_in_a_row_open_it),
        TEST(test_more_than_half_of_sixteen_open_it),
        TEST(test_one_probe_decides),
        TEST(test_the_back_off_doubles_to_a_minute),
        RIG_TEST(test_tasks_wait_and_one_probes),
        RIG_TEST(test_a_probe_that_is_cancelled_is_followed_by_another),
        RIG_TEST(test_others_take_over_and_a_new_connection_starts_anew),
        RIG_TEST(test_it_cannot_be_opened_from_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
