#include "rig.h"

static int setup(void **state) { return rig_set_up(state, NULL, 1); }

static void test_open_tasks_are_finished_first(void **state) {
    struct rig *r = *state;
    rig_submit(r, r->client, 1, 1, 10);
    rig_drain(r);
    assert_int_equal(rig_only(r, r->client, P2_MSG_DRAIN)->u.drain.grace_ns, 30 * P2_SEC);
    assert_int_equal(rig_count(r, r->peer, P2_MSG_DRAIN), 1);
    assert_false(coord_idle(r->c));
    rig_submit(r, r->client, 2, 2, 10);
    rig_expect_ended(r, r->client, 2, P2_ERR_DRAINING);
    assert_true(rig_only(r, r->client, P2_MSG_TASK_ENDED)->u.ended.retryable);
    p2_handle newcomer = rig_open(r);
    rig_expect_error(r, newcomer, P2_ERR_DRAINING);
    rig_result(r, r->peer, rig_only(r, r->peer, P2_MSG_TASK_ASSIGN), 10);
    assert_int_equal(rig_count(r, r->client, P2_MSG_RESULT_DELIVERY), 1);
    assert_true(coord_idle(r->c));
    assert_true(rig_was_closed(r, r->client, P2_OK));
    assert_true(rig_was_closed(r, r->peer, P2_OK));
    assert_int_equal(rig_notes(r, NOTE_DRAINED), 1);
    assert_int_equal(coord_next_ns(r->c), P2_NEVER);
}

static void test_nothing_open_ends_at_once_and_twice_is_once(void **state) {
    struct rig *r = *state;
    rig_drain(r);
    rig_drain(r);
    assert_true(coord_idle(r->c));
    assert_int_equal(rig_count(r, r->client, P2_MSG_DRAIN), 1);
    assert_int_equal(rig_notes(r, NOTE_DRAIN), 1);
}

static void test_a_stranger_is_turned_away_in_words_it_knows(void **state) {
    struct rig *r = *state;
    rig_submit(r, r->client, 1, 1, 10);
    p2_handle stranger = rig_open(r);
    rig_drain(r);
    assert_int_equal(rig_count(r, stranger, P2_MSG_DRAIN), 0);
    rig_expect_error(r, stranger, P2_ERR_DRAINING);
}

static void test_the_grace_ends(void **state) {
    struct rig *r = *state;
    struct p2_msg m = rig_submit_msg(1, 1, 10);
    m.u.submit.deadline_ns = 600 * P2_SEC;
    rig_send_submit(r, r->client, &m);
    rig_drain(r);
    for (unsigned i = 0; i < 29; i++) {
        rig_pass(r, P2_SEC);
        rig_heartbeat(r, r->peer);
    }
    assert_false(coord_idle(r->c));
    rig_pass(r, 2 * P2_SEC);
    assert_true(coord_idle(r->c));
    assert_int_equal(r->c->stats.tasks_cancelled, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_open_tasks_are_finished_first),
        TEST(test_nothing_open_ends_at_once_and_twice_is_once),
        TEST(test_a_stranger_is_turned_away_in_words_it_knows),
        TEST(test_the_grace_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
