// Identical tasks at the same time: one run, every submitter answered exactly once.
#include "rig.h"

static struct rig rig;
static p2_handle one, two, peer;

static int set_up(void **state) {
    (void)state;
    rig_init(&rig, NULL);
    peer = rig_peer(&rig, 1, 0);
    one = rig_client(&rig);
    two = rig_client(&rig);
    rig_forget(&rig);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    rig_forget(&rig);
    rig_deinit(&rig);
    return 0;
}

static void submit_as(p2_handle client, uint32_t n, uint64_t size, enum p2_class class_) {
    struct p2_msg m = rig_submit_msg(n, n, size);
    m.u.submit.type = p2_str("same");
    m.u.submit.class_ = class_;
    rig_send_submit(&rig, client, &m);
}

static void submit(p2_handle client, uint32_t n) { submit_as(client, n, 100, P2_CLASS_REALTIME); }

static struct p2_msg assigned(void) {
    struct p2_msg m = *rig_only(&rig, peer, P2_MSG_TASK_ASSIGN);
    m.u.assign.params.count = 0; // lent by the task
    return m;
}

static void expect_result(p2_handle client, uint32_t stream, bool cached) {
    const struct p2_msg *m = rig_only(&rig, client, P2_MSG_RESULT_DELIVERY);
    assert_int_equal(m->stream, stream);
    assert_int_equal(m->u.delivery.cached, cached);
    assert_int_equal(m->u.delivery.payload_size, 100);
}

static void one_run_answers_all(void **state) {
    (void)state;
    submit(one, 1);
    submit(two, 2);
    submit(two, 3);
    const struct p2_msg job = assigned();
    assert_int_equal(rig.c->stats.tasks_joined, 2);
    rig_result(&rig, peer, &job, 100);
    expect_result(one, 1, false);
    assert_int_equal(rig_count(&rig, two, P2_MSG_RESULT_DELIVERY), 2);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_ASSIGN), 1);
    assert_int_equal(rig.c->stats.tasks_completed, 3);
}

static void the_run_outlives_who_asked_first(void **state) {
    (void)state;
    submit(one, 1);
    submit(two, 2);
    const struct p2_msg job = assigned();
    rig_cancel(&rig, one, 1, 1);
    rig_expect_ended(&rig, one, 1, P2_ERR_CANCELLED);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_CANCEL), 0);
    // Whose share of slots it takes: who wants it now.
    assert_int_equal(client_of(rig.c, session_find(rig.c, one))->jobs, 0);
    assert_int_equal(client_of(rig.c, session_find(rig.c, two))->jobs, 1);
    rig_result(&rig, peer, &job, 100);
    expect_result(two, 2, false);
    assert_int_equal(rig_count(&rig, one, P2_MSG_RESULT_DELIVERY), 0);
}

static void a_lost_client_leaves_the_run_to_others(void **state) {
    (void)state;
    submit(one, 1);
    submit(one, 2);
    submit(two, 2);
    const struct p2_msg job = assigned();
    rig_close(&rig, one);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_CANCEL), 0);
    rig_result(&rig, peer, &job, 100);
    expect_result(two, 2, false);
}

static void nobody_left_ends_the_run(void **state) {
    (void)state;
    submit(one, 1);
    submit(two, 2);
    rig_cancel(&rig, two, 2, 2);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_CANCEL), 0);
    rig_cancel(&rig, one, 1, 1);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_CANCEL), 1);
    assert_int_equal(rig.c->flights.live, 0);
}

static void the_best_place_of_any(void **state) {
    (void)state;
    rig_submit(&rig, one, 9, 9, 10); // keeps the peer busy
    const struct p2_msg busy = assigned();
    rig_forget(&rig);
    submit_as(one, 1, 100, P2_CLASS_BACKGROUND);
    struct p2_msg batch = rig_submit_msg(5, 5, 10);
    batch.u.submit.class_ = P2_CLASS_BATCH;
    rig_send_submit(&rig, one, &batch);
    submit_as(two, 2, 100, P2_CLASS_REALTIME); // the same as 1, and more urgent than 5
    rig_result(&rig, peer, &busy, 10);
    const struct p2_msg job = assigned();
    assert_int_equal(job.u.assign.class_, P2_CLASS_REALTIME);
    rig_forget(&rig);
    rig_result(&rig, peer, &job, 100);
    expect_result(two, 2, false);
    expect_result(one, 1, true);
}

static void a_failure_is_everybodys(void **state) {
    (void)state;
    submit(one, 1);
    submit(two, 2);
    const struct p2_msg job = assigned();
    rig_failure(&rig, peer, &job, P2_ERR_BAD_PAYLOAD, false);
    rig_expect_ended(&rig, one, 1, P2_ERR_BAD_PAYLOAD);
    rig_expect_ended(&rig, two, 2, P2_ERR_BAD_PAYLOAD);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_ASSIGN), 1);
}

static void another_attempt_is_one_for_all(void **state) {
    (void)state;
    submit(one, 1);
    submit(two, 2);
    const struct p2_msg job = assigned();
    rig_forget(&rig);
    rig_failure(&rig, peer, &job, P2_ERR_EXECUTION_FAILED, true);
    const struct p2_msg again = assigned();
    assert_int_equal(again.u.assign.attempt, 2);
    rig_result(&rig, peer, &again, 100);
    expect_result(one, 1, false);
    expect_result(two, 2, true);
}

static void who_has_attempts_left_goes_on(void **state) {
    (void)state;
    submit(one, 1);
    submit(two, 2);
    for (uint32_t i = 0; i < rig.c->limits.attempts_max; i++) {
        const struct p2_msg job = assigned();
        rig_forget(&rig);
        rig_failure(&rig, peer, &job, P2_ERR_EXECUTION_FAILED, true);
    }
    rig_expect_ended(&rig, one, 1, P2_ERR_ATTEMPTS_EXHAUSTED);
    const struct p2_msg job = assigned();
    rig_result(&rig, peer, &job, 100);
    expect_result(two, 2, false);
}

static void each_has_its_own_deadline(void **state) {
    (void)state;
    submit(one, 1);
    struct p2_msg m = rig_submit_msg(2, 2, 100);
    m.u.submit.type = p2_str("same");
    m.u.submit.deadline_ns = 100 * P2_MS;
    rig_send_submit(&rig, two, &m);
    const struct p2_msg job = assigned();
    rig_pass(&rig, 200 * P2_MS);
    assert_int_equal(rig_count(&rig, two, P2_MSG_TASK_TIMEOUT), 1);
    rig_result(&rig, peer, &job, 100);
    expect_result(one, 1, false);
    assert_int_equal(rig_count(&rig, two, P2_MSG_RESULT_DELIVERY), 0);
}

static void what_is_not_kept_is_run_by_each(void **state) {
    (void)state;
    rig.c->limits.cache_result_bytes_max = 50;
    submit(one, 1);
    submit(two, 2);
    const struct p2_msg job = assigned();
    rig_forget(&rig);
    rig_result(&rig, peer, &job, 100);
    expect_result(one, 1, false);
    const struct p2_msg own = assigned();
    rig_result(&rig, peer, &own, 100);
    expect_result(two, 2, false);
}

static void a_run_lost_while_it_answers_starts_again(void **state) {
    (void)state;
    submit_as(one, 1, 70000, P2_CLASS_REALTIME);
    rig_chunk(&rig, one, 1, 1, 65536, 70000 - 65536);
    submit_as(two, 2, 70000, P2_CLASS_REALTIME);
    rig_chunk(&rig, two, 2, 1, 65536, 70000 - 65536);
    const struct p2_msg job = assigned();
    rig_result(&rig, peer, &job, 70000);
    rig_forget(&rig);
    rig_cancel(&rig, one, 1, 1); // half of its result is here
    rig_failure(&rig, peer, &job, P2_ERR_CANCELLED, false);
    const struct p2_msg again = assigned();
    assert_memory_equal(again.u.assign.id.b, rig_id(2).b, 16);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_run_answers_all),
        TEST(the_run_outlives_who_asked_first),
        TEST(a_lost_client_leaves_the_run_to_others),
        TEST(nobody_left_ends_the_run),
        TEST(the_best_place_of_any),
        TEST(a_failure_is_everybodys),
        TEST(another_attempt_is_one_for_all),
        TEST(who_has_attempts_left_goes_on),
        TEST(each_has_its_own_deadline),
        TEST(what_is_not_kept_is_run_by_each),
        TEST(a_run_lost_while_it_answers_starts_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
