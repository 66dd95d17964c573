// Retries as a share of traffic: the tokens alone, and what the core does when there are none.
#include "rig.h"

#include "coordinator/core/budget.h"

static unsigned take_all(struct budget *b, p2_ns now) {
    unsigned n = 0;
    while (n < 10 * BUDGET_TOKENS_MAX && budget_take(b, now, 0)) n++;
    budget_check(b);
    return n;
}

static void test_a_share_of_traffic(void **state) {
    (void)state;
    struct budget b;
    budget_init(&b, 10, 0, 5);
    assert_int_equal(take_all(&b, 5), 0);
    for (unsigned i = 0; i < 1009; i++) budget_earn(&b);
    assert_int_equal(take_all(&b, 5), 100);
    budget_earn(&b); // with what was left of the nine
    assert_int_equal(take_all(&b, 3600 * P2_SEC), 1);
    for (unsigned i = 0; i < 100 * BUDGET_TOKENS_MAX; i++) budget_earn(&b);
    assert_int_equal(take_all(&b, 3600 * P2_SEC), BUDGET_TOKENS_MAX);
}

static void test_the_floor_comes_back(void **state) {
    (void)state;
    struct budget b;
    budget_init(&b, 10, 10, P2_SEC);
    assert_int_equal(take_all(&b, P2_SEC), 10);
    assert_int_equal(take_all(&b, 2 * P2_SEC - 1), 0);
    assert_int_equal(take_all(&b, 2 * P2_SEC), 1);
    assert_int_equal(take_all(&b, 1000 * P2_SEC), 10); // and no more than that
}

static void test_time_passes_in_small_pieces(void **state) {
    (void)state;
    struct budget b;
    budget_init(&b, 10, 3, 0);
    unsigned n = 0;
    for (p2_ns now = 0; now <= 10 * P2_SEC; now += 7 * P2_MS) n += budget_take(&b, now, 0);
    assert_int_equal(n, 3 + 2); // the last of three is complete with the tenth second
}

static void test_some_may_have_to_be_left(void **state) {
    (void)state;
    struct budget b;
    budget_init(&b, 10, 4, 0);
    assert_true(budget_take(&b, 0, 2));
    assert_true(budget_take(&b, 0, 2));
    assert_false(budget_take(&b, 0, 2));
    assert_int_equal(take_all(&b, 0), 2);
}

// ---- in the core ----------------------------------------------------------------------------------------------------

static struct rig rig;

static int setup(void **state) {
    struct coord_limits l = rig_limits();
    l.retry_floor = 2;
    rig_init(&rig, &l);
    *state = &rig;
    return 0;
}

static int teardown(void **state) {
    rig_deinit(*state);
    return 0;
}

static void fail_last(struct rig *r, p2_handle peer) {
    struct p2_msg assign = *rig_last(r, peer, P2_MSG_TASK_ASSIGN);
    rig_forget(r);
    rig_failure(r, peer, &assign, P2_ERR_EXECUTION_FAILED, true);
}

static void test_no_token_no_retry(void **state) {
    struct rig *r = *state;
    p2_handle client = rig_client(r), peer = rig_peer(r, 1, 0);
    for (uint32_t i = 1; i <= 2; i++) {
        rig_submit(r, client, i, i, 10);
        fail_last(r, peer);
        struct p2_msg again = *rig_only(r, peer, P2_MSG_TASK_ASSIGN);
        rig_result(r, peer, &again, 10);
    }
    rig_submit(r, client, 3, 3, 10);
    fail_last(r, peer);
    rig_expect_ended(r, client, 3, P2_ERR_ATTEMPTS_EXHAUSTED);
    const struct p2_msg *m = rig_only(r, client, P2_MSG_TASK_ENDED);
    assert_true(m->u.ended.retryable);
    assert_int_equal(m->u.ended.attempt, 1);
    assert_true(p2_str_is(m->u.ended.sentence, "it failed with ExecutionFailed, and too much fails to try again"));
    rig_pass(r, P2_SEC);
    rig_heartbeat(r, peer);
    rig_pass(r, 3 * P2_SEC);
    rig_heartbeat(r, peer);
    rig_pass(r, 2 * P2_SEC); // one of two tokens is back
    rig_submit(r, client, 4, 4, 10);
    fail_last(r, peer);
    rig_only(r, peer, P2_MSG_TASK_ASSIGN);
}

static void test_a_lost_peers_task_costs_no_token(void **state) {
    struct rig *r = *state;
    p2_handle client = rig_client(r), peer = rig_peer(r, 1, 0);
    for (uint32_t i = 1; i <= 6; i++) {
        rig_submit(r, client, i, i, 10);
        p2_handle next = rig_peer(r, 1, 0);
        rig_forget(r);
        rig_close(r, peer);
        peer = next;
        struct p2_msg again = *rig_only(r, peer, P2_MSG_TASK_ASSIGN);
        rig_result(r, peer, &again, 10);
    }
    assert_int_equal(r->c->stats.tasks_completed, 6);
    assert_int_equal(r->c->stats.attempts_retried, 6);
}

static void object(struct rig *r, p2_handle client, uint32_t stream) {
    struct p2_msg m = {.kind = P2_MSG_ERROR, .stream = stream};
    m.u.error.code = P2_ERR_BAD_PAYLOAD;
    rig_msg(r, client, &m);
}

// Two tokens: its word is worth one of them.
static void test_a_client_cannot_spend_the_retries_of_others(void **state) {
    struct rig *r = *state;
    p2_handle client = rig_client(r), peer = rig_peer(r, 1, 0);
    for (uint32_t i = 1; i <= 2; i++) {
        struct p2_msg m = rig_submit_msg(i, i, 10);
        struct p2_param result = {
            .name = p2_str("result"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {200 << 10}};
        m.u.submit.params = (struct p2_params){&result, 1};
        rig_forget(r);
        rig_send_submit(r, client, &m);
        struct p2_msg assign = *rig_only(r, peer, P2_MSG_TASK_ASSIGN);
        rig_result(r, peer, &assign, 200 << 10);
        rig_forget(r);
        object(r, client, i);
        rig_failure(r, peer, &assign, P2_ERR_CANCELLED, false);
        assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), i == 1);
        assert_int_equal(rig_count(r, client, P2_MSG_TASK_ENDED), i == 2);
        if (i == 2) break;
        assign = *rig_only(r, peer, P2_MSG_TASK_ASSIGN);
        rig_result(r, peer, &assign, 10);
    }
    rig_submit(r, client, 3, 3, 10);
    fail_last(r, peer);
    rig_only(r, peer, P2_MSG_TASK_ASSIGN);
}

#define TEST(name) cmocka_unit_test(name)
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_share_of_traffic),
        TEST(test_the_floor_comes_back),
        TEST(test_time_passes_in_small_pieces),
        TEST(test_some_may_have_to_be_left),
        RIG_TEST(test_no_token_no_retry),
        RIG_TEST(test_a_lost_peers_task_costs_no_token),
        RIG_TEST(test_a_client_cannot_spend_the_retries_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
