// Payloads and results on their way through: order, windows, room, memory.
#include "rig.h"

#define KIB 1024u
#define RECORD (64u * KIB)

static int setup(void **state) { return rig_set_up(state, NULL, 4); }

// What was sent of one payload to `conn` since rig_forget is [from, return), in order and right.
static uint64_t sent_bytes(const struct rig *r, p2_handle conn, uint32_t stream, uint64_t from) {
    for (uint32_t i = 0; i < r->out.count; i++) {
        const struct coord_action *a = &r->out.items[i];
        if (a->kind != COORD_SEND || a->conn != conn || a->u.msg.stream != stream) continue;
        struct p2_msg m = a->u.msg;
        const struct p2_slice *payload = p2_msg_payload(&m);
        if (!payload) continue;
        if (m.kind == P2_MSG_CHUNK) assert_int_equal(m.u.chunk.offset, from);
        assert_true(rig_bytes_right(payload, from));
        from += payload->size;
    }
    return from;
}

static void test_small_payload_travels_in_the_first_records(void **state) {
    struct rig *r = *state;
    rig_submit(r, r->client, 1, 1, 100);
    struct p2_msg assign = *rig_only(r, r->peer, P2_MSG_TASK_ASSIGN);
    rig_result(r, r->peer, &assign, 60);
    const struct p2_msg *m = rig_only(r, r->client, P2_MSG_RESULT_DELIVERY);
    assert_int_equal(m->stream, 1);
    assert_int_equal(m->u.delivery.payload_size, 60);
    assert_int_equal(m->u.delivery.attempt, 1);
    assert_int_equal(m->u.delivery.times.processing_ns, 5 * P2_MS);
    assert_false(m->u.delivery.cached);
    assert_true(p2_id_equal(&m->u.delivery.peer, &session_find(r->c, r->peer)->id));
    assert_true(rig_bytes_right(&m->u.delivery.payload, 0));
    assert_int_equal(r->c->stats.tasks_completed, 1);
}

static void test_empty_payload_and_empty_result(void **state) {
    struct rig *r = *state;
    rig_submit(r, r->client, 1, 1, 0);
    struct p2_msg assign = *rig_only(r, r->peer, P2_MSG_TASK_ASSIGN);
    assert_int_equal(assign.u.assign.raw_size, 0);
    rig_result(r, r->peer, &assign, 0);
    assert_int_equal(rig_only(r, r->client, P2_MSG_RESULT_DELIVERY)->u.delivery.payload_size, 0);
    assert_int_equal(r->c->tasks.live, 0);
}

static void test_times_are_told(void **state) {
    struct rig *r = *state;
    for (uint32_t i = 1; i <= 5; i++) rig_submit(r, r->client, i, i, 10); // the fifth waits
    struct p2_msg first = *rig_nth(r, r->peer, P2_MSG_TASK_ASSIGN, 0);
    r->now += 30 * P2_MS;
    rig_result(r, r->peer, &first, 10);
    struct p2_msg fifth = *rig_nth(r, r->peer, P2_MSG_TASK_ASSIGN, 4);
    r->now += 20 * P2_MS;
    rig_result(r, r->peer, &fifth, 10);
    const struct p2_msg *m = rig_last(r, r->client, P2_MSG_RESULT_DELIVERY);
    assert_int_equal(m->u.delivery.queue_ns, 30 * P2_MS);
    assert_int_equal(m->u.delivery.latency_ns, 50 * P2_MS);
}

static void test_large_payload_is_cut_through(void **state) {
    struct rig *r = *state;
    const uint64_t size = 3 * 1024 * KIB + 100;
    rig_submit(r, r->client, 1, 1, size);
    assert_int_equal(rig_only(r, r->client, P2_MSG_WINDOW)->u.window.limit, 1024 * KIB);
    const struct p2_msg assign = *rig_only(r, r->peer, P2_MSG_TASK_ASSIGN);
    uint64_t limit = 1024 * KIB, sent = RECORD, forwarded = RECORD, peer_limit = 256 * KIB;
    while (sent < size) {
        while (sent == limit) { // the peer takes what it got, until enough has moved that the client is told
            rig_forget(r);
            rig_writable(r, r->peer, 1 << 20);
            peer_limit = forwarded + 256 * KIB;
            rig_window(r, r->peer, assign.stream, 1, peer_limit);
            forwarded = sent_bytes(r, r->peer, assign.stream, forwarded);
            if (rig_count(r, r->client, P2_MSG_WINDOW)) limit = rig_last(r, r->client, P2_MSG_WINDOW)->u.window.limit;
            assert_true(limit <= forwarded + 1024 * KIB);
        }
        uint32_t n = size - sent < RECORD ? (uint32_t)(size - sent) : RECORD;
        if (n > limit - sent) n = (uint32_t)(limit - sent);
        rig_forget(r);
        rig_chunk(r, r->client, 1, 1, sent, n);
        forwarded = sent_bytes(r, r->peer, assign.stream, forwarded);
        sent += n;
        assert_true(forwarded <= peer_limit);
        if (rig_count(r, r->client, P2_MSG_WINDOW)) limit = rig_last(r, r->client, P2_MSG_WINDOW)->u.window.limit;
        assert_true(r->pool.bytes_live <= 2 * 1024 * KIB); // never the whole
    }
    while (forwarded < size) {
        rig_forget(r);
        rig_writable(r, r->peer, 1 << 20);
        rig_window(r, r->peer, assign.stream, 1, forwarded + 256 * KIB);
        forwarded = sent_bytes(r, r->peer, assign.stream, forwarded);
    }
    assert_int_equal(forwarded, size);
    rig_forget(r);
    rig_result(r, r->peer, &assign, 10);
    assert_int_equal(r->c->stats.tasks_completed, 1);
}

static int setup_stored(void **state) {
    struct coord_limits l = rig_limits();
    l.cut_through = false;
    l.stream_window_bytes = P2_TASK_PAYLOAD_MAX;
    l.payload_budget_bytes = 2 * l.stream_window_bytes;
    return rig_set_up(state, &l, 4);
}

// Nothing of a payload goes on before all of it is here, nor of a result; and who sends it is let.
static void test_without_cut_through_the_whole_is_kept(void **state) {
    struct rig *r = *state;
    const uint64_t size = 3 * 1024 * KIB;
    struct p2_msg m = rig_submit_msg(1, 1, size);
    struct p2_param param = {.name = p2_str("result"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {4 << 20}};
    m.u.submit.params = (struct p2_params){&param, 1};
    rig_send_submit(r, r->client, &m);
    assert_int_equal(rig_only(r, r->client, P2_MSG_WINDOW)->u.window.limit, size);
    for (uint64_t at = RECORD; at < size - RECORD; at += RECORD) rig_chunk(r, r->client, 1, 1, at, RECORD);
    assert_int_equal(rig_count(r, r->peer, P2_MSG_TASK_ASSIGN), 0);
    rig_chunk(r, r->client, 1, 1, size - RECORD, RECORD);
    struct p2_msg assign = *rig_only(r, r->peer, P2_MSG_TASK_ASSIGN);
    rig_window(r, r->peer, assign.stream, 1, size);
    for (int i = 0; i < 8; i++) rig_writable(r, r->peer, 1 << 20);
    assert_int_equal(sent_bytes(r, r->peer, assign.stream, 0), size);
    rig_forget(r);
    rig_result(r, r->peer, &assign, size);
    for (uint64_t at = RECORD; at < size - RECORD; at += RECORD) rig_chunk(r, r->peer, assign.stream, 1, at, RECORD);
    assert_int_equal(rig_last(r, r->peer, P2_MSG_WINDOW)->u.window.limit, size);
    assert_int_equal(rig_count(r, r->client, P2_MSG_RESULT_DELIVERY), 0);
    rig_chunk(r, r->peer, assign.stream, 1, size - RECORD, RECORD);
    assert_int_equal(sent_bytes(r, r->client, 1, 0), 256 * KIB); // the client's first window
    rig_window(r, r->client, 1, 1, size);
    for (int i = 0; i < 8; i++) rig_writable(r, r->client, 1 << 20);
    assert_int_equal(sent_bytes(r, r->client, 1, 0), size);
    assert_int_equal(r->c->stats.tasks_completed, 1);
}

static void test_small_tasks_need_no_cut_through(void **state) {
    struct rig *r = *state;
    rig_submit(r, r->client, 1, 1, 100);
    struct p2_msg assign = *rig_only(r, r->peer, P2_MSG_TASK_ASSIGN);
    rig_result(r, r->peer, &assign, 60);
    assert_int_equal(rig_only(r, r->client, P2_MSG_RESULT_DELIVERY)->u.delivery.payload_size, 60);
}

static void test_result_obeys_the_clients_window_and_grants_the_peer(void **state) {
    struct rig *r = *state;
    struct p2_msg m = rig_submit_msg(1, 1, 10);
    struct p2_param param = {.name = p2_str("result"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {4 << 20}};
    m.u.submit.params = (struct p2_params){&param, 1};
    rig_send_submit(r, r->client, &m);
    struct p2_msg assign = *rig_only(r, r->peer, P2_MSG_TASK_ASSIGN);
    rig_forget(r);
    const uint64_t size = 1024 * KIB;
    rig_result(r, r->peer, &assign, size);
    for (uint64_t at = RECORD; at < 256 * KIB; at += RECORD) rig_chunk(r, r->peer, assign.stream, 1, at, RECORD);
    assert_int_equal(sent_bytes(r, r->client, 1, 0), 256 * KIB); // the client's first window
    uint64_t limit = rig_last(r, r->peer, P2_MSG_WINDOW)->u.window.limit;
    assert_int_equal(limit, size); // all of it lies within a stream's window
    for (uint64_t at = 256 * KIB; at < size; at += RECORD) rig_chunk(r, r->peer, assign.stream, 1, at, RECORD);
    assert_int_equal(r->c->replicas.live, 0); // the slot is free though the client has not got it all
    assert_int_equal(sent_bytes(r, r->client, 1, 0), 256 * KIB);
    rig_writable(r, r->client, 4 << 20);
    rig_window(r, r->client, 1, 1, size);
    assert_int_equal(sent_bytes(r, r->client, 1, 0), size);
    assert_int_equal(r->c->stats.tasks_completed, 1);
}

static void test_no_room_means_waiting_for_room(void **state) {
    struct rig *r = *state;
    p2_handle slow = rig_client(r);
    rig_submit(r, slow, 1, 1, 1000);
    struct p2_msg assign = *rig_only(r, r->peer, P2_MSG_TASK_ASSIGN);
    rig_writable(r, slow, 100);
    rig_forget(r);
    rig_result(r, r->peer, &assign, 1000);
    assert_int_equal(rig_count(r, slow, P2_MSG_RESULT_DELIVERY), 0);
    assert_int_equal(rig_wants_room(r, slow), 1);
    rig_submit(r, slow, 2, 2, 10); // asked once, whatever else comes
    assign = *rig_only(r, r->peer, P2_MSG_TASK_ASSIGN);
    rig_result(r, r->peer, &assign, 10);
    assert_int_equal(rig_wants_room(r, slow), 1);
    rig_writable(r, slow, 100000);
    assert_int_equal(rig_count(r, slow, P2_MSG_RESULT_DELIVERY), 2);
    assert_int_equal(r->c->tasks.live, 0);
}

static void test_streams_of_a_class_take_turns_and_better_classes_go_first(void **state) {
    struct rig *r = *state;
    rig_writable(r, r->peer, 0); // everything waits for room
    for (uint32_t i = 1; i <= 2; i++) {
        struct p2_msg m = rig_submit_msg(i, i, 3 * RECORD);
        m.u.submit.class_ = P2_CLASS_BATCH;
        rig_send_submit(r, r->client, &m);
        rig_chunk(r, r->client, i, 1, RECORD, RECORD);
        rig_chunk(r, r->client, i, 1, 2 * RECORD, RECORD);
    }
    rig_submit(r, r->client, 3, 3, 10);
    rig_forget(r);
    rig_writable(r, r->peer, 1 << 20);
    uint32_t order[8], lanes[8], n = 0;
    for (uint32_t i = 0; i < r->out.count; i++) {
        if (r->out.items[i].kind != COORD_SEND || r->out.items[i].conn != r->peer || n == 8) continue;
        lanes[n] = r->out.items[i].lane;
        order[n++] = r->out.items[i].u.msg.stream;
    }
    const uint32_t expect[] = {3, 1, 2, 1, 2, 1, 2};
    assert_int_equal(n, 7);
    assert_memory_equal(order, expect, sizeof expect);
    assert_int_equal(lanes[0], 1 + P2_CLASS_REALTIME);
    assert_int_equal(lanes[1], 1 + P2_CLASS_BATCH);
}

static void test_zstd_passes_untouched(void **state) {
    struct rig *r = *state;
    struct p2_msg m = rig_submit_msg(1, 1, 5000);
    m.u.submit.raw_size = 5000;
    m.u.submit.payload_zstd = true;
    m.u.submit.payload = rig_bytes(r, 40, 0);
    rig_msg(r, r->client, &m);
    const struct p2_msg_task_assign *a = &rig_only(r, r->peer, P2_MSG_TASK_ASSIGN)->u.assign;
    assert_true(a->payload_zstd);
    assert_int_equal(a->raw_size, 5000);
    assert_int_equal(a->payload.size, 40);
    assert_ptr_equal(a->payload.blob, m.u.submit.payload.blob);
    p2_blob_unref(m.u.submit.payload.blob);
}

static void test_chunks_that_break_the_flow_end_the_client(void **state) {
    struct rig *r = *state;
    const struct {
        uint32_t stream, attempt;
        uint64_t offset;
        uint32_t size;
        enum p2_err code;
    } bad[] = {
        {1, 1, RECORD + 1, 100, P2_ERR_BAD_MESSAGE},    // a gap
        {1, 1, RECORD - 1, 100, P2_ERR_BAD_MESSAGE},    // an overlap
        {1, 2, RECORD, 100, P2_ERR_BAD_MESSAGE},        // an attempt nobody asked for
        {1, 1, RECORD, 0, P2_ERR_BAD_MESSAGE},          // nothing
        {1, 1, RECORD, RECORD + 1, P2_ERR_BAD_MESSAGE}, // more than a record holds
        {2, 1, 0, 100, P2_ERR_UNEXPECTED_MESSAGE},      // a stream never used
        {0, 1, 0, 100, P2_ERR_UNEXPECTED_MESSAGE},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        p2_handle conn = rig_client(r);
        rig_submit(r, conn, 1, 1, 2 * RECORD);
        rig_chunk(r, conn, bad[i].stream, bad[i].attempt, bad[i].offset, bad[i].size);
        rig_expect_error(r, conn, bad[i].code);
    }
    assert_int_equal(r->c->tasks.live, 0);
}

static void test_a_client_may_not_pass_its_window(void **state) {
    struct rig *r = *state;
    rig_close(r, r->peer);
    r->peer = rig_peer(r, 0, 0); // offers, but takes nothing
    rig_submit(r, r->client, 1, 1, 8 << 20);
    uint64_t at = RECORD;
    for (; at < 1024 * KIB; at += RECORD) rig_chunk(r, r->client, 1, 1, at, RECORD);
    assert_int_equal(rig_count(r, r->client, P2_MSG_ERROR), 0);
    rig_chunk(r, r->client, 1, 1, at, 1);
    rig_expect_error(r, r->client, P2_ERR_TOO_LARGE);
}

static void test_chunks_of_ended_tasks_are_dropped(void **state) {
    struct rig *r = *state;
    rig_submit(r, r->client, 1, 1, 2 * RECORD);
    rig_cancel(r, r->client, 1, 1);
    rig_chunk(r, r->client, 1, 1, RECORD, RECORD);
    rig_window(r, r->client, 1, 1, 100);
    assert_int_equal(rig_count(r, r->client, P2_MSG_ERROR), 0);
}

static void test_crumbs_are_refused(void **state) {
    struct rig *r = *state;
    rig_submit(r, r->client, 1, 1, 2 * RECORD);
    for (uint32_t i = 0; i < 200 && !rig_count(r, r->client, P2_MSG_ERROR); i++)
        rig_chunk(r, r->client, 1, 1, RECORD + i, 1);
    rig_expect_error(r, r->client, P2_ERR_BAD_MESSAGE);
}

static void test_no_memory_for_a_payload_ends_its_task_only(void **state) {
    struct rig *r = *state;
    rig_close(r, r->peer);
    r->peer = rig_peer(r, 0, 0);
    rig_submit(r, r->client, 1, 1, 3 * RECORD);
    rig_submit(r, r->client, 2, 2, 10);
    struct p2_slice bytes = rig_bytes(r, RECORD, RECORD);
    r->pool.bytes_live_max = r->pool.bytes_live; // not even a list of two pieces
    struct p2_msg m = {.kind = P2_MSG_CHUNK, .stream = 1};
    m.u.chunk = (struct p2_msg_chunk){.offset = RECORD, .attempt = 1, .raw_size = RECORD, .payload = bytes};
    rig_msg(r, r->client, &m);
    p2_blob_unref(bytes.blob);
    rig_expect_ended(r, r->client, 1, P2_ERR_OVERLOADED);
    assert_int_equal(r->c->tasks.live, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_small_payload_travels_in_the_first_records),
        TEST(test_empty_payload_and_empty_result),
        TEST(test_times_are_told),
        TEST(test_large_payload_is_cut_through),
        cmocka_unit_test_setup_teardown(test_without_cut_through_the_whole_is_kept, setup_stored, rig_tear_down),
        cmocka_unit_test_setup_teardown(test_small_tasks_need_no_cut_through, setup_stored, rig_tear_down),
        TEST(test_result_obeys_the_clients_window_and_grants_the_peer),
        TEST(test_no_room_means_waiting_for_room),
        TEST(test_streams_of_a_class_take_turns_and_better_classes_go_first),
        TEST(test_zstd_passes_untouched),
        TEST(test_chunks_that_break_the_flow_end_the_client),
        TEST(test_a_client_may_not_pass_its_window),
        TEST(test_chunks_of_ended_tasks_are_dropped),
        TEST(test_crumbs_are_refused),
        TEST(test_no_memory_for_a_payload_ends_its_task_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
