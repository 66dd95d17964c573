// Tasks and the cache: answered when known, remembered when whole, never waited for longer than a hash.
#include "rig.h"

static struct rig rig;
static p2_handle client, peer;

static int set_up(void **state) {
    (void)state;
    rig_init(&rig, NULL);
    peer = rig_peer(&rig, 2, 0);
    client = rig_client(&rig);
    rig_forget(&rig);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    rig_deinit(&rig);
    return 0;
}

static struct p2_msg same(uint32_t n, uint64_t size) {
    struct p2_msg m = rig_submit_msg(n, n, size);
    m.u.submit.type = p2_str("same");
    return m;
}

static void submit(uint32_t n, uint64_t size) {
    struct p2_msg m = same(n, size);
    rig_send_submit(&rig, client, &m);
}

static void work(uint32_t nth, uint64_t size) {
    const struct p2_msg assign = *rig_nth(&rig, peer, P2_MSG_TASK_ASSIGN, nth);
    rig_result(&rig, peer, &assign, size);
}

static void run_one(uint32_t n, uint64_t size) {
    submit(n, size);
    work(0, size);
    assert_false(rig_only(&rig, client, P2_MSG_RESULT_DELIVERY)->u.delivery.cached);
    rig_forget(&rig);
}

static void expect_cached(uint32_t n, uint64_t size) {
    const struct p2_msg *m = rig_only(&rig, client, P2_MSG_RESULT_DELIVERY);
    assert_int_equal(m->stream, n);
    assert_true(m->u.delivery.cached && p2_id_is_zero(&m->u.delivery.peer));
    assert_int_equal(m->u.delivery.payload_size, size);
    assert_true(rig_bytes_right(&m->u.delivery.payload, 0));
    assert_int_equal(rig_count(&rig, client, P2_MSG_TASK_ACCEPTED), 1);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_ASSIGN), 0);
}

static void work_long(void) {
    const struct p2_msg assign = *rig_only(&rig, peer, P2_MSG_TASK_ASSIGN);
    rig_result(&rig, peer, &assign, 2 * P2_RECORD_PAYLOAD_MAX);
    rig_chunk(&rig, peer, assign.stream, assign.u.assign.attempt, P2_RECORD_PAYLOAD_MAX, P2_RECORD_PAYLOAD_MAX);
}

// What a peer compressed is not read here: a client that cannot unpack it says so, and it is known no more.
static void an_unreadable_result_is_forgotten(void **state) {
    (void)state;
    struct p2_param result = {.name = p2_str("result"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {8 << 20}};
    struct p2_msg m = same(1, 100), wrong = {.kind = P2_MSG_ERROR, .stream = 2};
    m.u.submit.params = (struct p2_params){&result, 1};
    rig_send_submit(&rig, client, &m);
    work_long();
    rig_forget(&rig);
    rig.room = P2_RECORD_PAYLOAD_MAX + 1024; // the first record only
    p2_handle reader = rig_client(&rig);
    m = same(2, 100);
    m.u.submit.params = (struct p2_params){&result, 1};
    rig_send_submit(&rig, reader, &m);
    assert_true(rig_only(&rig, reader, P2_MSG_RESULT_DELIVERY)->u.delivery.cached);
    wrong.u.error.code = P2_ERR_BAD_PAYLOAD;
    rig_msg(&rig, reader, &wrong);
    assert_int_equal(peer_of(rig.c, session_find(rig.c, peer))->jobs_failed, 0); // nobody knows any more whose it was
    rig_writable(&rig, reader, UINT64_C(1) << 20);
    work_long();
    const struct p2_msg *again = rig_nth(&rig, reader, P2_MSG_RESULT_DELIVERY, 1);
    assert_false(again->u.delivery.cached);
    assert_int_equal(again->u.delivery.attempt, 2);
}

static void step_alone(struct coord_event *ev) { // the bench gives no digest after it
    ev->now_ns = rig.now;
    coord_step(rig.c, ev, &rig.out);
    coord_check(rig.c);
}

static p2_handle submit_alone(uint32_t n) {
    const struct p2_msg m = same(n, 0);
    struct coord_event ev = {.kind = COORD_MSG, .conn = client, .msg = &m};
    step_alone(&ev);
    return task_handle(rig.c, task_by_stream(rig.c, client_of(rig.c, session_find(rig.c, client)), n));
}

static void a_digest_of_before_is_not_taken_for_another(void **state) {
    (void)state;
    p2_handle before = submit_alone(1), now = submit_alone(2); // the first has been given up meanwhile
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_ASSIGN), 0);
    struct coord_event ev = {.kind = COORD_HASHED, .task = before, .key = {{1}}};
    step_alone(&ev);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_ASSIGN), 0); // the other is still to come
    ev = (struct coord_event){.kind = COORD_HASHED, .task = now, .key = {{2}}};
    step_alone(&ev);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_ASSIGN), 2);
}

// Of a payload that was forwarded only the window was ever reserved for, and nothing of it is here any more.
static void an_answer_needs_no_room_for_what_has_gone(void **state) {
    (void)state;
    struct rig *r = &rig;
    uint64_t size = 48 * P2_RECORD_PAYLOAD_MAX;
    r->c->limits.payload_budget_bytes = 2 * r->c->limits.stream_window_bytes;
    for (uint32_t n = 1; n <= 2; n++) {
        submit(n, size);
        const struct p2_msg job = *rig_only(r, peer, P2_MSG_TASK_ASSIGN);
        rig_window(r, peer, job.stream, job.u.assign.attempt, size);
        rig_writable(r, peer, 2 * size);
        for (uint64_t at = P2_RECORD_PAYLOAD_MAX; at < size; at += P2_RECORD_PAYLOAD_MAX) {
            rig_chunk(r, client, n, 1, at, P2_RECORD_PAYLOAD_MAX);
        }
        if (n == 1) rig_result(r, peer, &job, 100);
        assert_int_equal(rig_only(r, client, P2_MSG_RESULT_DELIVERY)->u.delivery.cached, n == 2);
        rig_forget(r);
    }
}

static void known_is_answered_without_a_peer(void **state) {
    (void)state;
    run_one(1, 100);
    submit(2, 100);
    expect_cached(2, 100);
    struct p2_msg_status st;
    coord_status(rig.c, &st);
    assert_int_equal(st.cache_hits, 1);
    assert_int_equal(st.cache_misses, 1);
    assert_int_equal(st.tasks_completed, 2);
    struct coord_cache_status one;
    assert_int_equal(coord_cache_status(rig.c, 2, &one), 3);
    assert_string_equal(one.type, "same");
    assert_int_equal(one.hits, 1);
}

static void other_bytes_or_types_are_not_known(void **state) {
    (void)state;
    run_one(1, 100);
    submit(2, 101);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_ASSIGN), 1);
    rig_submit(&rig, client, 3, 3, 100); // alpha is not deterministic
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_ASSIGN), 2);
}

static void empty_payloads_and_results(void **state) {
    (void)state;
    run_one(1, 0);
    submit(2, 0);
    expect_cached(2, 0);
}

static void controls(void **state) {
    (void)state;
    run_one(1, 100);
    struct p2_msg m = same(2, 100);
    m.u.submit.no_cache = true;
    rig_send_submit(&rig, client, &m);
    work(0, 100);
    rig_forget(&rig);
    m = same(3, 100);
    m.u.submit.refresh = true;
    rig_send_submit(&rig, client, &m);
    rig_pass(&rig, 10 * P2_MS);
    work(0, 50); // the new one replaces the old
    rig_forget(&rig);
    submit(4, 100);
    expect_cached(4, 50);
}

static void private_ones_stay_with_their_session(void **state) {
    (void)state;
    struct p2_msg m = same(1, 100);
    m.u.submit.private_ = true;
    rig_send_submit(&rig, client, &m);
    work(0, 100);
    rig_forget(&rig);
    submit(2, 100); // shared: not known
    work(0, 100);
    rig_forget(&rig);
    m = same(3, 100);
    m.u.submit.private_ = true;
    rig_send_submit(&rig, client, &m);
    expect_cached(3, 100);
    rig_forget(&rig);
    p2_handle second = rig_client(&rig);
    rig_forget(&rig);
    m = same(1, 100);
    m.u.submit.private_ = true;
    rig_send_submit(&rig, second, &m);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_ASSIGN), 1);
}

static void nobody_waits_for_a_late_digest(void **state) {
    (void)state;
    run_one(1, 5000);
    rig.slow_hash = true;
    submit(2, 5000);
    const struct p2_msg assign = *rig_only(&rig, peer, P2_MSG_TASK_ASSIGN); // placed at once
    rig_hash(&rig);
    const struct p2_msg *m = rig_only(&rig, client, P2_MSG_RESULT_DELIVERY); // and answered when it is known
    assert_true(m->u.delivery.cached);
    assert_int_equal(rig_only(&rig, peer, P2_MSG_TASK_CANCEL)->stream, assign.stream);
    rig_result(&rig, peer, &assign, 5000); // too late: dropped
    assert_int_equal(rig_notes(&rig, NOTE_LATE), 1);
}

static void a_digest_later_than_the_result_still_counts(void **state) {
    (void)state;
    rig.slow_hash = true;
    submit(1, 300 << 10);
    for (uint64_t at = 64 << 10; at < 300 << 10; at += 59 << 10) rig_chunk(&rig, client, 1, 1, at, 59 << 10);
    const struct p2_msg assign = *rig_only(&rig, peer, P2_MSG_TASK_ASSIGN);
    rig_window(&rig, peer, assign.stream, 1, 300 << 10);
    rig_result(&rig, peer, &assign, 300 << 10);
    assert_int_equal(rig_count(&rig, client, P2_MSG_RESULT_DELIVERY), 1);
    rig_hash(&rig);
    for (uint64_t at = 64 << 10; at < 300 << 10; at += 59 << 10) {
        rig_window(&rig, client, 1, 1, 300 << 10);
        rig_chunk(&rig, peer, assign.stream, 1, at, 59 << 10);
    }
    assert_int_equal(rig.c->cache.entries.live, 1);
    assert_int_equal(rig.c->tasks.live, 0);
}

static void half_a_result_is_not_kept(void **state) {
    (void)state;
    submit(1, 100 << 10);
    rig_chunk(&rig, client, 1, 1, 64 << 10, 36 << 10);
    work(0, 100 << 10);
    assert_true(rig.c->collected_bytes > 0);
    rig_close(&rig, peer); // in the middle of it
    assert_int_equal(rig.c->collected_bytes, 0);
    assert_int_equal(rig.c->cache.entries.live, 0);
}

static void a_retry_may_be_answered(void **state) {
    (void)state;
    rig.slow_hash = true;
    run_one(1, 5000);
    submit(2, 5000);
    rig_hash(&rig); // 1 has ended without its key: nothing is known
    work(0, 5000);
    assert_int_equal(rig.c->cache.entries.live, 1);
    rig_forget(&rig);
    submit(3, 5000);
    const struct p2_msg assign = *rig_only(&rig, peer, P2_MSG_TASK_ASSIGN);
    rig_failure(&rig, peer, &assign, P2_ERR_EXECUTION_FAILED, true);
    rig_hash(&rig);
    assert_true(rig_last(&rig, client, P2_MSG_RESULT_DELIVERY)->u.delivery.cached);
}

static void a_batch_of_the_same(void **state) {
    (void)state;
    run_one(1, 100);
    struct p2_msg_task_submit tasks[3];
    struct p2_slice bytes = rig_bytes(&rig, 100, 0);
    for (unsigned i = 0; i < 3; i++) {
        tasks[i] = same(10 + i, 100).u.submit;
        tasks[i].raw_size = 100;
        tasks[i].payload = bytes;
    }
    struct p2_msg m = {.kind = P2_MSG_TASK_SUBMIT_BATCH, .stream = 10, .u.submit_batch = {tasks, 3}};
    rig_msg(&rig, client, &m);
    p2_blob_unref(bytes.blob);
    assert_int_equal(rig_count(&rig, client, P2_MSG_RESULT_DELIVERY), 3);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_ASSIGN), 0);
}

static void large_results_are_relayed_only(void **state) {
    (void)state;
    struct p2_param result = {.name = p2_str("result"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {8 << 20}};
    struct p2_msg m = same(1, 100);
    m.u.submit.params = (struct p2_params){&result, 1};
    rig_send_submit(&rig, client, &m);
    work(0, 5 << 20);
    assert_int_equal(rig.c->collected_bytes, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_unreadable_result_is_forgotten),
        TEST(a_digest_of_before_is_not_taken_for_another),
        TEST(an_answer_needs_no_room_for_what_has_gone),
        TEST(known_is_answered_without_a_peer),
        TEST(other_bytes_or_types_are_not_known),
        TEST(empty_payloads_and_results),
        TEST(controls),
        TEST(private_ones_stay_with_their_session),
        TEST(nobody_waits_for_a_late_digest),
        TEST(a_digest_later_than_the_result_still_counts),
        TEST(half_a_result_is_not_kept),
        TEST(a_retry_may_be_answered),
        TEST(a_batch_of_the_same),
        TEST(large_results_are_relayed_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
