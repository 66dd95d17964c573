// Room for one more: quotas of a client, limits of all, who makes room, and what a slow client holds.
#include "rig.h"

static struct rig rig;
static p2_handle client, peer;

static void start(struct rig *r, const struct coord_limits *l) {
    rig_init(r, l);
    peer = rig_peer(r, 1, 0);
    client = rig_client(r);
    rig_forget(r);
}

static void submit(struct rig *r, p2_handle conn, uint32_t n, enum p2_class class_, uint64_t size) {
    struct p2_msg m = rig_submit_msg(n, n, size);
    m.u.submit.class_ = class_;
    m.u.submit.deadline_ns = 100 * P2_SEC;
    rig_send_submit(r, conn, &m);
}

static void frame(struct rig *r, uint32_t n, uint32_t series) {
    struct p2_msg m = rig_submit_msg(n, n, 10);
    m.u.submit.series = series;
    rig_send_submit(r, client, &m);
}

static const struct p2_msg_task_ended *refused(struct rig *r, uint32_t stream, enum p2_err code) {
    rig_expect_ended(r, client, stream, code);
    const struct p2_msg_task_ended *e = &rig_only(r, client, P2_MSG_TASK_ENDED)->u.ended;
    assert_true(e->retryable && e->retry_after_ns > 0);
    return e;
}

static void test_credit_is_as_announced(void **state) {
    (void)state;
    struct coord_limits l = rig_limits();
    l.client_bytes_max = P2_TASK_PAYLOAD_MAX;
    rig_init(&rig, &l);
    peer = rig_peer(&rig, 1, 0);
    rig_forget(&rig);
    client = rig_client(&rig);
    const struct p2_msg_gamer_registered *said = &rig_only(&rig, client, P2_MSG_GAMER_REGISTERED)->u.gamer_registered;
    assert_int_equal(said->bytes_in_flight_max, P2_TASK_PAYLOAD_MAX);
    assert_int_equal(said->tasks_in_flight_max, l.tasks_per_client_max);
    submit(&rig, client, 1, P2_CLASS_REALTIME, P2_TASK_PAYLOAD_MAX - 100);
    submit(&rig, client, 2, P2_CLASS_REALTIME, 100);
    assert_int_equal(rig_count(&rig, client, P2_MSG_TASK_ACCEPTED), 2);
    submit(&rig, client, 3, P2_CLASS_REALTIME, 1);
    refused(&rig, 3, P2_ERR_QUOTA_EXCEEDED);
    p2_handle other = rig_client(&rig); // has its own
    submit(&rig, other, 1, P2_CLASS_REALTIME, 1);
    assert_int_equal(rig_count(&rig, other, P2_MSG_TASK_ACCEPTED), 1);
    rig_cancel(&rig, client, 2, 2); // what has ended counts no more
    submit(&rig, client, 4, P2_CLASS_REALTIME, 100);
    assert_int_equal(rig_count(&rig, client, P2_MSG_TASK_ACCEPTED), 3);
    rig_deinit(&rig);
}

static void test_tasks_per_second(void **state) {
    (void)state;
    struct coord_limits l = rig_limits();
    l.client_tasks_per_s = 10;
    l.client_burst_ns = P2_SEC;
    start(&rig, &l);
    for (uint32_t i = 1; i <= 11; i++) submit(&rig, client, i, P2_CLASS_REALTIME, 10); // a burst, and one into debt
    assert_int_equal(rig_count(&rig, client, P2_MSG_TASK_ACCEPTED), 11);
    submit(&rig, client, 12, P2_CLASS_REALTIME, 10);
    p2_ns after = refused(&rig, 12, P2_ERR_QUOTA_EXCEEDED)->retry_after_ns;
    assert_int_equal(after, 100 * P2_MS); // not a guess: then one fits
    rig_forget(&rig);
    rig.now += after - 1;
    submit(&rig, client, 13, P2_CLASS_REALTIME, 10);
    refused(&rig, 13, P2_ERR_QUOTA_EXCEEDED);
    rig.now += 1;
    submit(&rig, client, 14, P2_CLASS_REALTIME, 10);
    assert_int_equal(rig_count(&rig, client, P2_MSG_TASK_ACCEPTED), 1);
    rig_deinit(&rig);
}

static void test_bytes_and_device_time_per_second(void **state) {
    (void)state;
    struct coord_limits l = rig_limits();
    l.client_bytes_per_s = 1000;
    l.client_burst_ns = P2_SEC;
    start(&rig, &l);
    submit(&rig, client, 1, P2_CLASS_REALTIME, 5000); // more than a burst: let in, paid for afterwards
    submit(&rig, client, 2, P2_CLASS_REALTIME, 1);
    assert_int_equal(refused(&rig, 2, P2_ERR_QUOTA_EXCEEDED)->retry_after_ns, 4 * P2_SEC);
    rig_deinit(&rig);

    l = rig_limits();
    l.client_device_s_per_s = 1; // a task of the bench is expected to take 50 ms
    l.client_burst_ns = 100 * P2_MS;
    start(&rig, &l);
    for (uint32_t i = 1; i <= 3; i++) submit(&rig, client, i, P2_CLASS_REALTIME, 10);
    assert_int_equal(rig_count(&rig, client, P2_MSG_TASK_ACCEPTED), 3);
    submit(&rig, client, 4, P2_CLASS_REALTIME, 10);
    assert_int_equal(refused(&rig, 4, P2_ERR_QUOTA_EXCEEDED)->retry_after_ns, 50 * P2_MS);
    rig_deinit(&rig);
}

static void test_the_worst_class_makes_room(void **state) {
    (void)state;
    struct coord_limits l = rig_limits();
    l.tasks_max = 5;
    start(&rig, &l);
    submit(&rig, client, 1, P2_CLASS_BACKGROUND, 10); // runs
    submit(&rig, client, 2, P2_CLASS_BACKGROUND, 10);
    submit(&rig, client, 3, P2_CLASS_BACKGROUND, 10);
    submit(&rig, client, 4, P2_CLASS_BATCH, 10);
    submit(&rig, client, 5, P2_CLASS_BATCH, 10);
    const uint32_t goes[] = {3, 2, 5, 4}; // the newest background, the other, then batch; never what runs
    for (uint32_t i = 0; i < 4; i++) {
        rig_forget(&rig);
        submit(&rig, client, 6 + i, P2_CLASS_INTERACTIVE, 10);
        refused(&rig, goes[i], P2_ERR_OVERLOADED);
        assert_int_equal(rig_count(&rig, client, P2_MSG_TASK_ACCEPTED), 1);
    }
    rig_forget(&rig);
    submit(&rig, client, 10, P2_CLASS_INTERACTIVE, 10); // its own class it does not push out
    refused(&rig, 10, P2_ERR_OVERLOADED);
    rig_deinit(&rig);
}

static void test_none_is_shed_in_vain(void **state) {
    (void)state;
    struct coord_limits l = rig_limits();
    l.payload_budget_bytes = 4 << 20;
    start(&rig, &l);
    submit(&rig, client, 1, P2_CLASS_REALTIME, 1 << 20); // 2 MiB with its result
    submit(&rig, client, 2, P2_CLASS_REALTIME, 800 << 10);
    submit(&rig, client, 3, P2_CLASS_BACKGROUND, 1000);
    rig_forget(&rig);
    submit(&rig, client, 4, P2_CLASS_REALTIME, 1 << 20); // without the background there would still be too little
    refused(&rig, 4, P2_ERR_OVERLOADED);
    assert_int_equal(rig.c->queued_in_class[P2_CLASS_BACKGROUND], 1);
    rig_deinit(&rig);
}

static void test_background_leaves_the_last_tenth_of_memory(void **state) {
    (void)state;
    struct coord_limits l = rig_limits();
    l.payload_budget_bytes = 20 << 20;
    start(&rig, &l);
    for (uint32_t i = 1; i <= 10; i++) submit(&rig, client, i, P2_CLASS_BATCH, 1 << 20); // 2 MiB each
    assert_int_equal(rig_count(&rig, client, P2_MSG_TASK_ACCEPTED), 9);
    refused(&rig, 10, P2_ERR_OVERLOADED);
    submit(&rig, client, 11, P2_CLASS_INTERACTIVE, 1 << 20);
    assert_int_equal(rig_count(&rig, client, P2_MSG_TASK_ACCEPTED), 10);
    rig_deinit(&rig);
}

static void test_a_newer_frame_for_the_oldest_that_waits(void **state) {
    (void)state;
    struct coord_limits l = rig_limits();
    l.tasks_per_client_max = 4;
    start(&rig, &l);
    frame(&rig, 1, 7); // runs
    frame(&rig, 2, 8);
    frame(&rig, 3, 7);
    frame(&rig, 4, 7);
    rig_forget(&rig);
    frame(&rig, 5, 7);
    refused(&rig, 3, P2_ERR_OVERLOADED);
    assert_int_equal(rig_only(&rig, client, P2_MSG_TASK_ACCEPTED)->stream, 5);
    rig_forget(&rig);
    frame(&rig, 6, 0); // of no series: nothing to take the place of
    refused(&rig, 6, P2_ERR_QUOTA_EXCEEDED);
    rig_forget(&rig);
    frame(&rig, 7, 9); // the first of its series
    refused(&rig, 7, P2_ERR_QUOTA_EXCEEDED);
    rig_deinit(&rig);
}

// A client that does not read keeps its own results waiting, not the peer's slots.
static void test_a_slow_client_holds_no_slot(void **state) {
    (void)state;
    rig_init(&rig, NULL);
    peer = rig_peer(&rig, 1, 0);
    rig.room = 0; // of the client's connection
    client = rig_client(&rig);
    rig.room = 1 << 20;
    p2_handle other = rig_client(&rig);
    rig_forget(&rig);
    for (uint32_t i = 1; i <= 8; i++) {
        submit(&rig, client, i, P2_CLASS_REALTIME, 50000);
        struct p2_msg assign = *rig_only(&rig, peer, P2_MSG_TASK_ASSIGN);
        rig_forget(&rig);
        rig_result(&rig, peer, &assign, 50000);
        assert_int_equal(rig_count(&rig, client, P2_MSG_RESULT_DELIVERY), 0);
        rig_forget(&rig);
    }
    assert_int_equal(rig.c->replicas.live, 0);
    assert_int_equal(rig.c->stats.tasks_running, 8); // returning
    submit(&rig, other, 1, P2_CLASS_BACKGROUND, 10);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_ASSIGN), 1);
    rig_writable(&rig, client, 1 << 20);
    assert_int_equal(rig_count(&rig, client, P2_MSG_RESULT_DELIVERY), 8);
    rig_deinit(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_credit_is_as_announced),
        cmocka_unit_test(test_tasks_per_second),
        cmocka_unit_test(test_bytes_and_device_time_per_second),
        cmocka_unit_test(test_the_worst_class_makes_room),
        cmocka_unit_test(test_none_is_shed_in_vain),
        cmocka_unit_test(test_background_leaves_the_last_tenth_of_memory),
        cmocka_unit_test(test_a_newer_frame_for_the_oldest_that_waits),
        cmocka_unit_test(test_a_slow_client_holds_no_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
