// Peers that go, fail or lie; cancels and deadlines: each accepted task ends exactly once.
#include "rig.h"

#define KIB 1024u
#define RECORD (64u * KIB)

static int setup(void **state) { return rig_set_up(state, NULL, 0); }

static p2_handle assigned(const struct rig *r, p2_handle a, p2_handle b) {
    return rig_count(r, a, P2_MSG_TASK_ASSIGN) ? a : b;
}

static void test_a_lost_peers_task_goes_to_another(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0), b = rig_peer(r, 1, 0);
    rig_submit(r, r->client, 1, 1, 200 * KIB);
    for (uint64_t at = RECORD; at < 200 * KIB; at += 8 * KIB) rig_chunk(r, r->client, 1, 1, at, 8 * KIB);
    p2_handle first = assigned(r, a, b), second = first == a ? b : a;
    rig_forget(r);
    rig_close(r, first);
    struct p2_msg assign = *rig_only(r, second, P2_MSG_TASK_ASSIGN);
    assert_int_equal(assign.u.assign.attempt, 2);
    assert_int_equal(rig_count(r, r->client, P2_MSG_RESEND), 0); // it was kept
    assert_int_equal(rig_count(r, second, P2_MSG_CHUNK), (200 - 64) / 8);
    rig_result(r, second, &assign, 10);
    assert_int_equal(rig_only(r, r->client, P2_MSG_RESULT_DELIVERY)->u.delivery.attempt, 2);
    assert_int_equal(r->c->stats.attempts_retried, 1);
}

static void test_a_large_payload_is_asked_for_again(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0), b = rig_peer(r, 1, 0);
    rig_submit(r, r->client, 1, 1, 300 * KIB);
    p2_handle first = assigned(r, a, b), second = first == a ? b : a;
    rig_forget(r);
    rig_close(r, first);
    const struct p2_msg *m = rig_only(r, r->client, P2_MSG_RESEND);
    assert_int_equal(m->stream, 1);
    assert_int_equal(m->u.resend.attempt, 2);
    assert_int_equal(m->u.resend.limit, 300 * KIB);
    assert_int_equal(rig_count(r, second, P2_MSG_TASK_ASSIGN), 0); // its first bytes are on their way
    rig_chunk(r, r->client, 1, 1, RECORD, RECORD);                 // of the first attempt, sent before it heard
    rig_chunk(r, r->client, 1, 2, 0, RECORD);
    struct p2_msg assign = *rig_only(r, second, P2_MSG_TASK_ASSIGN);
    assert_int_equal(assign.u.assign.attempt, 2);
    assert_int_equal(assign.u.assign.raw_size, RECORD);
    assert_true(rig_bytes_right(&assign.u.assign.payload, 0));
    for (uint64_t at = RECORD; at < 300 * KIB; at += 59 * KIB) rig_chunk(r, r->client, 1, 2, at, 59 * KIB);
    assert_int_equal(rig_last(r, second, P2_MSG_CHUNK)->u.chunk.attempt, 2);
    rig_window(r, second, assign.stream, 2, 300 * KIB);
    rig_result(r, second, &assign, 10);
    assert_int_equal(r->c->stats.tasks_completed, 1);
}

static void test_a_large_payload_not_yet_forwarded_is_not_asked_for_again(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0);
    rig_writable(r, a, 0);
    rig_submit(r, r->client, 1, 1, 300 * KIB);
    assert_int_equal(r->c->stats.tasks_running, 1);
    rig_close(r, a);
    assert_int_equal(rig_count(r, r->client, P2_MSG_RESEND), 0);
    p2_handle b = rig_peer(r, 1, 0);
    assert_int_equal(rig_only(r, b, P2_MSG_TASK_ASSIGN)->u.assign.attempt, 2);
}

static void test_a_result_cut_off_starts_anew_at_the_client(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0), b = rig_peer(r, 1, 0);
    rig_submit(r, r->client, 1, 1, 100 * KIB);
    rig_chunk(r, r->client, 1, 1, RECORD, 36 * KIB);
    p2_handle first = assigned(r, a, b), second = first == a ? b : a;
    struct p2_msg assign = *rig_only(r, first, P2_MSG_TASK_ASSIGN);
    rig_result(r, first, &assign, 100 * KIB); // 64 KiB of it
    assert_int_equal(rig_only(r, r->client, P2_MSG_RESULT_DELIVERY)->u.delivery.attempt, 1);
    rig_close(r, first);
    assign = *rig_only(r, second, P2_MSG_TASK_ASSIGN);
    rig_forget(r);
    rig_result(r, second, &assign, 100 * KIB);
    const struct p2_msg *m = rig_only(r, r->client, P2_MSG_RESULT_DELIVERY);
    assert_int_equal(m->u.delivery.attempt, 2);
    assert_true(rig_bytes_right(&m->u.delivery.payload, 0));
    rig_chunk(r, second, assign.stream, 2, RECORD, 36 * KIB);
    assert_int_equal(rig_only(r, r->client, P2_MSG_CHUNK)->u.chunk.attempt, 2);
    assert_int_equal(r->c->stats.tasks_completed, 1);
}

static void test_attempts_end(void **state) {
    struct rig *r = *state;
    rig_peer(r, 1, 0);
    rig_submit(r, r->client, 1, 1, 10);
    p2_handle at = r->next_conn - 1;
    for (unsigned i = 0; i < 2; i++) {
        p2_handle next = rig_peer(r, 1, 0);
        rig_close(r, at);
        assert_int_equal(rig_count(r, r->client, P2_MSG_TASK_ENDED), 0);
        at = next;
    }
    rig_close(r, at);
    rig_expect_ended(r, r->client, 1, P2_ERR_ATTEMPTS_EXHAUSTED);
    const struct p2_msg *m = rig_only(r, r->client, P2_MSG_TASK_ENDED);
    assert_int_equal(m->u.ended.attempt, 3);
    assert_true(p2_str_is(m->u.ended.sentence, "3 attempts failed, the last with PeerLost"));
}

static void test_failures_that_may_and_may_not_be_retried(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0), b = rig_peer(r, 1, 0);
    rig_submit(r, r->client, 1, 1, 10);
    p2_handle first = assigned(r, a, b), second = first == a ? b : a;
    rig_failure(r, first, rig_only(r, first, P2_MSG_TASK_ASSIGN), P2_ERR_DEVICE_MEMORY, true);
    assert_int_equal(rig_count(r, first, P2_MSG_TASK_ASSIGN), 1); // free, but it has failed this one
    rig_failure(r, second, rig_only(r, second, P2_MSG_TASK_ASSIGN), P2_ERR_BAD_PAYLOAD, false);
    rig_expect_ended(r, r->client, 1, P2_ERR_BAD_PAYLOAD);
    const struct p2_msg *m = rig_only(r, r->client, P2_MSG_TASK_ENDED);
    assert_true(p2_str_is(m->u.ended.sentence, "it went wrong"));
    assert_int_equal(m->u.ended.attempt, 2);
    assert_false(m->u.ended.retryable);
}

static void test_a_lone_peer_is_asked_again(void **state) {
    struct rig *r = *state;
    p2_handle only = rig_peer(r, 1, 0);
    rig_submit(r, r->client, 1, 1, 10);
    for (unsigned i = 0; i < 3; i++) {
        struct p2_msg assign = *rig_nth(r, only, P2_MSG_TASK_ASSIGN, i);
        rig_failure(r, only, &assign, P2_ERR_EXECUTION_FAILED, true);
    }
    rig_expect_ended(r, r->client, 1, P2_ERR_ATTEMPTS_EXHAUSTED);
}

static void test_nobody_left_is_told_after_a_grace(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0);
    struct p2_msg m = rig_submit_msg(1, 1, 10);
    m.u.submit.deadline_ns = 60 * P2_SEC;
    rig_send_submit(r, r->client, &m);
    rig_close(r, a);
    rig_pass(r, 1900 * P2_MS);
    assert_int_equal(rig_count(r, r->client, P2_MSG_TASK_ENDED), 0);
    rig_pass(r, 200 * P2_MS);
    rig_expect_ended(r, r->client, 1, P2_ERR_NO_CAPABLE_PEER);
    assert_true(rig_only(r, r->client, P2_MSG_TASK_ENDED)->u.ended.retryable);
}

static void test_a_peer_that_returns_in_time_takes_it(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0);
    struct p2_msg m = rig_submit_msg(1, 1, 10);
    m.u.submit.deadline_ns = 60 * P2_SEC;
    rig_send_submit(r, r->client, &m);
    rig_close(r, a);
    rig_pass(r, 1900 * P2_MS);
    p2_handle again = rig_peer(r, 1, 0);
    assert_int_equal(rig_only(r, again, P2_MSG_TASK_ASSIGN)->u.assign.attempt, 2);
}

static void test_deadlines_end_waiting_and_placed_tasks(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0);
    rig_submit(r, r->client, 1, 1, 10);
    rig_submit(r, r->client, 2, 2, 10);
    rig_pass(r, 999 * P2_MS);
    assert_int_equal(rig_count(r, r->client, P2_MSG_TASK_TIMEOUT), 0);
    rig_heartbeat(r, a);
    rig_pass(r, P2_MS);
    assert_int_equal(rig_count(r, r->client, P2_MSG_TASK_TIMEOUT), 2);
    assert_int_equal(rig_nth(r, r->client, P2_MSG_TASK_TIMEOUT, 0)->u.timeout.attempt, 1);
    assert_int_equal(rig_nth(r, r->client, P2_MSG_TASK_TIMEOUT, 1)->u.timeout.attempt, 0);
    assert_int_equal(rig_nth(r, r->client, P2_MSG_TASK_TIMEOUT, 1)->u.timeout.queue_ns, P2_SEC);
    assert_int_equal(rig_only(r, a, P2_MSG_TASK_CANCEL)->u.cancel.attempt, 1);
}

static void test_cancel_in_every_state(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0);
    rig_submit(r, r->client, 1, 1, 100 * KIB);
    rig_chunk(r, r->client, 1, 1, RECORD, 36 * KIB); // placed
    rig_submit(r, r->client, 2, 2, 10);              // waits
    rig_cancel(r, r->client, 2, 2);
    rig_expect_ended(r, r->client, 2, P2_ERR_CANCELLED);
    assert_int_equal(rig_count(r, a, P2_MSG_TASK_CANCEL), 0);        // its peer never heard of it
    rig_result(r, a, rig_only(r, a, P2_MSG_TASK_ASSIGN), 100 * KIB); // returning
    rig_forget(r);
    rig_cancel(r, r->client, 1, 1);
    rig_expect_ended(r, r->client, 1, P2_ERR_CANCELLED);
    assert_int_equal(rig_count(r, a, P2_MSG_TASK_CANCEL), 1);
    rig_forget(r);
    rig_cancel(r, r->client, 1, 1); // ended: it has had its answer
    assert_int_equal(rig_count(r, r->client, P2_MSG_TASK_ENDED), 0);
    rig_cancel(r, r->client, 9, 99); // never heard of
    rig_expect_ended(r, r->client, 9, P2_ERR_UNKNOWN_TASK);
}

static void test_a_cancel_does_not_overtake_its_assign(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0);
    struct p2_msg m = rig_submit_msg(1, 1, 10);
    m.u.submit.class_ = P2_CLASS_BACKGROUND;
    rig_send_submit(r, r->client, &m);
    rig_cancel(r, r->client, 1, 1);
    unsigned lanes[2] = {9, 9}, n = 0;
    for (uint32_t i = 0; i < r->out.count && n < 2; i++) {
        const struct coord_action *act = &r->out.items[i];
        if (act->kind != COORD_SEND || act->conn != a) continue;
        if (act->u.msg.kind == P2_MSG_TASK_ASSIGN || act->u.msg.kind == P2_MSG_TASK_CANCEL) lanes[n++] = act->lane;
    }
    assert_int_equal(lanes[0], 1 + P2_CLASS_BACKGROUND);
    assert_int_equal(lanes[1], 1 + P2_CLASS_BACKGROUND);
}

static void test_a_cancelled_jobs_slot_is_free_when_the_peer_says_so(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0);
    rig_submit(r, r->client, 1, 1, 10);
    struct p2_msg first = *rig_only(r, a, P2_MSG_TASK_ASSIGN);
    rig_submit(r, r->client, 2, 2, 10);
    rig_cancel(r, r->client, 1, 1);
    assert_int_equal(rig_count(r, a, P2_MSG_TASK_ASSIGN), 1);
    rig_failure(r, a, &first, P2_ERR_CANCELLED, false);
    assert_int_equal(rig_count(r, a, P2_MSG_TASK_ASSIGN), 2);
    assert_int_equal(r->c->stats.tasks_failed, 0);
}

static void test_a_cancelled_jobs_slot_is_free_in_the_end_anyway(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0);
    rig_submit(r, r->client, 1, 1, 10);
    struct p2_msg first = *rig_only(r, a, P2_MSG_TASK_ASSIGN);
    rig_cancel(r, r->client, 1, 1);
    struct p2_msg m = rig_submit_msg(2, 2, 10);
    m.u.submit.deadline_ns = 60 * P2_SEC;
    rig_send_submit(r, r->client, &m);
    rig_pass(r, 1100 * P2_MS);
    assert_int_equal(rig_count(r, a, P2_MSG_TASK_ASSIGN), 2);
    rig_result(r, a, &first, 10); // late, but it was ours: dropped
    assert_int_equal(rig_notes(r, NOTE_LATE), 1);
    assert_int_equal(rig_count(r, a, P2_MSG_ERROR), 0);
    assert_int_equal(rig_count(r, r->client, P2_MSG_RESULT_DELIVERY), 0);
}

static void test_a_quicker_result_of_a_cancelled_job_is_dropped(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0);
    rig_submit(r, r->client, 1, 1, 100 * KIB);
    rig_chunk(r, r->client, 1, 1, RECORD, 36 * KIB);
    struct p2_msg first = *rig_only(r, a, P2_MSG_TASK_ASSIGN);
    rig_cancel(r, r->client, 1, 1);
    rig_result(r, a, &first, 100 * KIB);
    rig_chunk(r, a, first.stream, 1, RECORD, 36 * KIB);
    assert_int_equal(rig_notes(r, NOTE_LATE), 2);
    assert_int_equal(rig_count(r, a, P2_MSG_ERROR), 0);
    assert_int_equal(r->c->replicas.live, 0);
}

static void test_a_client_that_goes_takes_its_tasks_along(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0), other = rig_client(r);
    rig_submit(r, r->client, 1, 1, 10);
    rig_submit(r, r->client, 2, 2, 10);
    rig_submit(r, other, 1, 1, 10);
    rig_forget(r);
    rig_close(r, r->client);
    assert_int_equal(rig_count(r, a, P2_MSG_TASK_CANCEL), 1);
    assert_int_equal(r->c->stats.tasks_cancelled, 2);
    assert_int_equal(r->c->tasks.live, 1);
    for (uint32_t i = 0; i < r->out.count; i++) {
        assert_false(r->out.items[i].kind == COORD_SEND && r->out.items[i].conn == r->client);
    }
}

static struct p2_msg stream_error(uint32_t stream, enum p2_err code) {
    struct p2_msg m = {.kind = P2_MSG_ERROR, .stream = stream};
    m.u.error.code = code;
    return m;
}

static void test_an_error_on_a_stream_ends_only_that(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 2, 0);
    rig_submit(r, r->client, 1, 1, 10);
    rig_submit(r, r->client, 2, 2, 10);
    struct p2_msg first = *rig_nth(r, a, P2_MSG_TASK_ASSIGN, 0), second = *rig_nth(r, a, P2_MSG_TASK_ASSIGN, 1);
    struct p2_msg m = stream_error(first.stream, P2_ERR_BAD_PAYLOAD);
    rig_msg(r, a, &m);
    rig_expect_ended(r, r->client, 1, P2_ERR_BAD_PAYLOAD);
    rig_result(r, a, &first, 10); // crossed the error
    rig_forget(r);
    m = stream_error(2, P2_ERR_BAD_PAYLOAD);
    rig_msg(r, r->client, &m);
    rig_expect_ended(r, r->client, 2, P2_ERR_BAD_PAYLOAD);
    assert_int_equal(rig_only(r, a, P2_MSG_TASK_CANCEL)->stream, second.stream);
    rig_msg(r, r->client, &m); // of one that has ended
    assert_int_equal(r->c->sessions.live, 2);
    assert_int_equal(r->c->stats.tasks_failed, 2);
}

// A result of `size` raw bytes whose first record claims to be compressed: half as long.
static void packed_result(struct rig *r, p2_handle peer, const struct p2_msg *assign, uint32_t size, uint32_t raw) {
    struct p2_msg m = {.kind = P2_MSG_TASK_RESULT, .stream = assign->stream};
    m.u.result.id = assign->u.assign.id;
    m.u.result.attempt = assign->u.assign.attempt;
    m.u.result.payload_size = size;
    m.u.result.raw_size = raw;
    m.u.result.payload_zstd = true;
    m.u.result.payload = rig_bytes(r, raw / 2, 0);
    rig_msg(r, peer, &m);
    p2_blob_unref(m.u.result.payload.blob);
}

// The peer has said half of its result when the client objects.
static void objected(struct rig *r, uint32_t size, uint32_t raw) {
    p2_handle a = rig_peer(r, 1, 0), b = rig_peer(r, 1, 0), c = rig_client(r);
    rig_submit(r, c, 1, 1, size);
    for (uint32_t at = RECORD; at < size; at += 8 * KIB) rig_chunk(r, c, 1, 1, at, 8 * KIB);
    p2_handle liar = assigned(r, a, b), other = liar == a ? b : a;
    struct p2_msg assign = *rig_only(r, liar, P2_MSG_TASK_ASSIGN);
    packed_result(r, liar, &assign, size, raw);
    assert_int_equal(rig_only(r, c, P2_MSG_RESULT_DELIVERY)->u.delivery.attempt, 1);
    struct p2_msg m = stream_error(1, P2_ERR_BAD_PAYLOAD);
    rig_msg(r, c, &m);
    assert_int_equal(rig_count(r, c, P2_MSG_TASK_ENDED), 0);
    assert_int_equal(peer_of(r->c, session_find(r->c, liar))->jobs_failed, 1);
    assert_int_equal(rig_only(r, liar, P2_MSG_TASK_CANCEL)->stream, assign.stream);
    assign = *rig_only(r, other, P2_MSG_TASK_ASSIGN);
    assert_int_equal(assign.u.assign.attempt, 2);
    rig_result(r, other, &assign, 10);
    assert_int_equal(rig_last(r, c, P2_MSG_RESULT_DELIVERY)->u.delivery.attempt, 2);
    assert_int_equal(r->c->stats.tasks_completed, 1);
}

static void test_a_result_its_client_cannot_read_is_tried_elsewhere(void **state) {
    objected(*state, 128 * KIB, RECORD);
}

static void test_a_whole_result_on_its_way_can_be_objected_to(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0), b = rig_peer(r, 1, 0);
    rig_submit(r, r->client, 1, 1, 128 * KIB);
    for (uint32_t at = RECORD; at < 128 * KIB; at += 8 * KIB) rig_chunk(r, r->client, 1, 1, at, 8 * KIB);
    p2_handle liar = assigned(r, a, b), other = liar == a ? b : a;
    struct p2_msg assign = *rig_only(r, liar, P2_MSG_TASK_ASSIGN);
    rig_writable(r, r->client, RECORD); // room for the first record only
    packed_result(r, liar, &assign, 128 * KIB, RECORD);
    rig_chunk(r, liar, assign.stream, 1, RECORD, RECORD);
    assert_int_equal(rig_count(r, r->client, P2_MSG_RESULT_DELIVERY), 1);
    assert_int_equal(peer_of(r->c, session_find(r->c, liar))->jobs_done, 1);
    struct p2_msg m = stream_error(1, P2_ERR_BAD_PAYLOAD);
    rig_msg(r, r->client, &m);
    assert_int_equal(rig_count(r, liar, P2_MSG_TASK_CANCEL), 0); // its job has ended
    assert_int_equal(peer_of(r->c, session_find(r->c, liar))->jobs_failed, 1);
    assert_int_equal(rig_only(r, other, P2_MSG_TASK_ASSIGN)->u.assign.attempt, 2);
}

static enum p2_err refuse_unpack(const struct p2_slice *packed, uint32_t raw_size, struct p2_blob_pool *pool,
                                 struct p2_blob **out) {
    (void)raw_size, (void)pool, (void)out;
    return packed->size == 20 ? P2_ERR_NO_MEMORY : P2_ERR_BAD_RECORD;
}

static enum p2_err do_unpack(const struct p2_slice *packed, uint32_t raw_size, struct p2_blob_pool *pool,
                             struct p2_blob **out) {
    (void)packed;
    *out = p2_blob_new(pool, raw_size);
    return *out ? P2_OK : P2_ERR_NO_MEMORY;
}

static void test_a_result_is_unpacked_for_a_client_without_zstd(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0), b = rig_peer(r, 1, 0);
    client_of(r->c, session_find(r->c, r->client))->features = session_find(r->c, r->client)->features = 0;
    for (uint32_t i = 0; i < 2; i++) { // one that lies, one for which memory is short
        rig_forget(r);
        r->c->unpack = refuse_unpack;
        rig_submit(r, r->client, 1 + i, 1 + i, 100);
        p2_handle first = assigned(r, a, b), second = first == a ? b : a;
        uint64_t failed = peer_of(r->c, session_find(r->c, first))->jobs_failed;
        struct p2_msg assign = *rig_only(r, first, P2_MSG_TASK_ASSIGN);
        packed_result(r, first, &assign, 100, i ? 40 : 100);
        assert_int_equal(rig_count(r, r->client, P2_MSG_RESULT_DELIVERY), 0);
        assert_int_equal(peer_of(r->c, session_find(r->c, first))->jobs_failed, failed + !i);
        rig_failure(r, first, &assign, P2_ERR_CANCELLED, false);
        assign = *rig_only(r, second, P2_MSG_TASK_ASSIGN);
        r->c->unpack = do_unpack;
        packed_result(r, second, &assign, 100, 100);
        const struct p2_msg *m = rig_only(r, r->client, P2_MSG_RESULT_DELIVERY);
        assert_false(m->u.delivery.payload_zstd);
        assert_int_equal(m->u.delivery.payload.size, 100);
    }
    assert_int_equal(r->c->stats.tasks_completed, 2);
}

// ---- peers that say what is not so ----------------------------------------------------------------------------------

static void lie(struct rig *r, void (*how)(struct rig *, p2_handle, struct p2_msg *), enum p2_err code) {
    p2_handle liar = rig_peer(r, 1, 0);
    p2_handle c = rig_client(r);
    rig_submit(r, c, 1, 1, 100);
    struct p2_msg assign = *rig_only(r, liar, P2_MSG_TASK_ASSIGN);
    how(r, liar, &assign);
    rig_expect_error(r, liar, code);
    p2_handle honest = rig_peer(r, 1, 0);
    assign = *rig_only(r, honest, P2_MSG_TASK_ASSIGN); // nobody else is disturbed: the task goes on
    rig_result(r, honest, &assign, 100);
    assert_int_equal(rig_last(r, c, P2_MSG_RESULT_DELIVERY)->u.delivery.attempt, 2);
    rig_close(r, honest);
    rig_close(r, c);
    rig_forget(r);
}

static void wrong_stream(struct rig *r, p2_handle peer, struct p2_msg *assign) {
    assign->stream += 1;
    rig_result(r, peer, assign, 10);
}

static void wrong_id(struct rig *r, p2_handle peer, struct p2_msg *assign) {
    assign->u.assign.id = rig_id(999);
    rig_result(r, peer, assign, 10);
}

static void wrong_attempt(struct rig *r, p2_handle peer, struct p2_msg *assign) {
    assign->u.assign.attempt = 2;
    rig_failure(r, peer, assign, P2_ERR_INTERNAL, true);
}

static void stream_zero(struct rig *r, p2_handle peer, struct p2_msg *assign) {
    assign->stream = 0;
    rig_result(r, peer, assign, 10);
}

static void chunk_first(struct rig *r, p2_handle peer, struct p2_msg *assign) {
    rig_chunk(r, peer, assign->stream, 1, 0, 10);
}

static void window_of_none(struct rig *r, p2_handle peer, struct p2_msg *assign) {
    rig_window(r, peer, assign->stream + 5, 1, 10);
}

static void more_first_than_all(struct rig *r, p2_handle peer, struct p2_msg *assign) {
    struct p2_msg m = {.kind = P2_MSG_TASK_RESULT, .stream = assign->stream};
    m.u.result.id = assign->u.assign.id;
    m.u.result.attempt = 1;
    m.u.result.payload_size = 5;
    m.u.result.raw_size = 10;
    m.u.result.payload = rig_bytes(r, 10, 0);
    rig_msg(r, peer, &m);
    p2_blob_unref(m.u.result.payload.blob);
}

static void test_results_that_are_not_theirs_end_the_peer(void **state) {
    struct rig *r = *state;
    lie(r, wrong_stream, P2_ERR_UNEXPECTED_MESSAGE);
    lie(r, wrong_id, P2_ERR_UNEXPECTED_MESSAGE);
    lie(r, wrong_attempt, P2_ERR_UNEXPECTED_MESSAGE);
    lie(r, stream_zero, P2_ERR_UNEXPECTED_MESSAGE);
    lie(r, chunk_first, P2_ERR_UNEXPECTED_MESSAGE);
    lie(r, window_of_none, P2_ERR_UNEXPECTED_MESSAGE);
    lie(r, more_first_than_all, P2_ERR_BAD_MESSAGE);
}

static void test_a_second_result_ends_the_peer(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0);
    rig_submit(r, r->client, 1, 1, 10);
    struct p2_msg assign = *rig_only(r, a, P2_MSG_TASK_ASSIGN);
    rig_result(r, a, &assign, 10);
    rig_window(r, a, assign.stream, 1, 10); // a late window is nobody's fault
    assert_int_equal(rig_count(r, a, P2_MSG_ERROR), 0);
    rig_result(r, a, &assign, 10);
    rig_expect_error(r, a, P2_ERR_UNEXPECTED_MESSAGE);
    assert_int_equal(rig_count(r, r->client, P2_MSG_RESULT_DELIVERY), 1);
}

static void test_a_result_before_its_payload_ends_the_peer(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0);
    rig_submit(r, r->client, 1, 1, 300 * KIB);
    rig_result(r, a, rig_only(r, a, P2_MSG_TASK_ASSIGN), 10);
    rig_expect_error(r, a, P2_ERR_UNEXPECTED_MESSAGE);
}

static void test_a_result_too_large_is_the_peers_failure(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0), b = rig_peer(r, 1, 0);
    rig_submit(r, r->client, 1, 1, 10); // its result has at most 10 bytes
    p2_handle first = assigned(r, a, b), second = first == a ? b : a;
    struct p2_msg assign = *rig_only(r, first, P2_MSG_TASK_ASSIGN);
    rig_result(r, first, &assign, 11);
    assert_int_equal(rig_count(r, first, P2_MSG_TASK_CANCEL), 1);
    assert_int_equal(rig_count(r, first, P2_MSG_ERROR), 0);
    assert_int_equal(peer_of(r->c, session_find(r->c, first))->jobs_failed, 1);
    assert_int_equal(rig_count(r, second, P2_MSG_TASK_ASSIGN), 1);
}

static void test_a_result_that_breaks_its_flow_ends_the_peer(void **state) {
    struct rig *r = *state;
    const struct {
        uint64_t offset;
        uint32_t attempt;
        enum p2_err code;
    } bad[] = {{RECORD + 1, 1, P2_ERR_BAD_MESSAGE}, {0, 1, P2_ERR_BAD_MESSAGE}, {RECORD, 2, P2_ERR_UNEXPECTED_MESSAGE}};
    for (unsigned i = 0; i < 3; i++) {
        p2_handle a = rig_peer(r, 1, 0), c = rig_client(r);
        rig_submit(r, c, 1, 1, 100 * KIB);
        rig_chunk(r, c, 1, 1, RECORD, 36 * KIB);
        struct p2_msg assign = *rig_only(r, a, P2_MSG_TASK_ASSIGN);
        rig_result(r, a, &assign, 100 * KIB);
        rig_chunk(r, a, assign.stream, bad[i].attempt, bad[i].offset, 10);
        rig_expect_error(r, a, bad[i].code);
        rig_close(r, c);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_lost_peers_task_goes_to_another),
        TEST(test_a_large_payload_is_asked_for_again),
        TEST(test_a_large_payload_not_yet_forwarded_is_not_asked_for_again),
        TEST(test_a_result_cut_off_starts_anew_at_the_client),
        TEST(test_attempts_end),
        TEST(test_failures_that_may_and_may_not_be_retried),
        TEST(test_a_lone_peer_is_asked_again),
        TEST(test_nobody_left_is_told_after_a_grace),
        TEST(test_a_peer_that_returns_in_time_takes_it),
        TEST(test_deadlines_end_waiting_and_placed_tasks),
        TEST(test_cancel_in_every_state),
        TEST(test_a_cancel_does_not_overtake_its_assign),
        TEST(test_a_cancelled_jobs_slot_is_free_when_the_peer_says_so),
        TEST(test_a_cancelled_jobs_slot_is_free_in_the_end_anyway),
        TEST(test_a_quicker_result_of_a_cancelled_job_is_dropped),
        TEST(test_a_client_that_goes_takes_its_tasks_along),
        TEST(test_an_error_on_a_stream_ends_only_that),
        TEST(test_a_result_its_client_cannot_read_is_tried_elsewhere),
        TEST(test_a_whole_result_on_its_way_can_be_objected_to),
        TEST(test_a_result_is_unpacked_for_a_client_without_zstd),
        TEST(test_results_that_are_not_theirs_end_the_peer),
        TEST(test_a_second_result_ends_the_peer),
        TEST(test_a_result_before_its_payload_ends_the_peer),
        TEST(test_a_result_too_large_is_the_peers_failure),
        TEST(test_a_result_that_breaks_its_flow_ends_the_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
