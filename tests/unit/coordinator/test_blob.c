// Blobs in use: tasks that refer to them, peers that fetch them, holders, bytes found to be wrong.
#include "rig.h"

#define PIECE P2_RECORD_PAYLOAD_MAX
#define SIZE (UINT64_C(6) * PIECE)

static void submit(struct rig *r, p2_handle client, uint32_t stream, const uint64_t *blobs, uint32_t count) {
    struct p2_digest digests[8];
    for (uint32_t i = 0; i < count; i++) digests[i] = rig_digest(blobs[i]);
    struct p2_msg m = rig_submit_msg(stream, stream, 10);
    m.u.submit.blobs = digests;
    m.u.submit.blob_count = count;
    rig_send_submit(r, client, &m);
}

static const struct blob *blob(const struct rig *r, uint64_t n) {
    const struct p2_digest digest = rig_digest(n);
    return p2_shelf_find(&r->c->blobs.shelf, &digest);
}

static void a_task_refers_to_what_is_here(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r), p = rig_peer(&r, 1, 0);
    submit(&r, a, 1, (uint64_t[]){7}, 1);
    rig_expect_ended(&r, a, 1, P2_ERR_BLOB_MISSING);
    rig_forget(&r);
    rig_put(&r, a, 2, 7, SIZE); // begun is not here
    submit(&r, a, 3, (uint64_t[]){7}, 1);
    rig_expect_ended(&r, a, 3, P2_ERR_BLOB_MISSING);
    rig_find(&r, 8, SIZE, SIZE);
    rig_find(&r, 9, PIECE, PIECE);
    submit(&r, a, 4, (uint64_t[]){8, 9, 8}, 3);
    const struct p2_msg *assign = rig_only(&r, p, P2_MSG_TASK_ASSIGN);
    assert_int_equal(assign->u.assign.blob_count, 3);
    const struct p2_digest eight = rig_digest(8), nine = rig_digest(9);
    assert_true(p2_digest_equal(&assign->u.assign.blobs[0], &eight));
    assert_true(p2_digest_equal(&assign->u.assign.blobs[1], &nine));
    assert_int_equal(blob(&r, 8)->entry.pins, 2);
    rig_result(&r, p, assign, 10);
    assert_int_equal(blob(&r, 8)->entry.pins, 0);
    assert_int_equal(blob(&r, 9)->entry.pins, 0);
    rig_forget(&r);
    submit(&r, a, 5, (uint64_t[]){8, 8, 8, 8, 8}, 5); // more than the type takes
    rig_expect_ended(&r, a, 5, P2_ERR_BAD_PARAMETER);
    rig_deinit(&r);
}

static void a_refused_task_pins_nothing(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r);
    rig_find(&r, 8, SIZE, SIZE);
    submit(&r, a, 1, (uint64_t[]){8}, 1); // nobody offers it
    rig_expect_ended(&r, a, 1, P2_ERR_NO_CAPABLE_PEER);
    assert_int_equal(blob(&r, 8)->entry.pins, 0);
    rig_deinit(&r);
}

static void every_end_lets_go(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r), b = rig_client(&r), p = rig_peer(&r, 2, 0);
    rig_find(&r, 8, SIZE, SIZE);
    submit(&r, a, 1, (uint64_t[]){8}, 1);
    submit(&r, a, 2, (uint64_t[]){8}, 1);
    submit(&r, a, 3, (uint64_t[]){8}, 1);
    submit(&r, b, 1, (uint64_t[]){8}, 1);
    assert_int_equal(blob(&r, 8)->entry.pins, 4);
    rig_cancel(&r, a, 1, 1);
    assert_int_equal(blob(&r, 8)->entry.pins, 3);
    rig_close(&r, b);
    assert_int_equal(blob(&r, 8)->entry.pins, 2);
    rig_failure(&r, p, rig_nth(&r, p, P2_MSG_TASK_ASSIGN, 1), P2_ERR_BAD_PAYLOAD, false);
    assert_int_equal(blob(&r, 8)->entry.pins, 1);
    rig_pass(&r, 2 * P2_SEC); // the deadline
    assert_int_equal(blob(&r, 8)->entry.pins, 0);
    rig_deinit(&r);
}

static void a_peer_fetches_as_its_window_allows(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    rig_find(&r, 8, SIZE, SIZE);
    p2_handle p = rig_peer(&r, 1, 0);
    rig_want(&r, p, 8, 0);
    const struct p2_msg *put = rig_only(&r, p, P2_MSG_BLOB_PUT);
    assert_int_equal(put->u.blob_put.payload_size, SIZE);
    assert_int_equal(rig_count(&r, p, P2_MSG_CHUNK), 4); // 256 KiB
    for (unsigned i = 0; i < 4; i++) {
        const struct p2_msg *chunk = rig_nth(&r, p, P2_MSG_CHUNK, i);
        assert_int_equal(chunk->stream, put->stream);
        assert_int_equal(chunk->u.chunk.offset, i * PIECE);
        assert_true(rig_bytes_right(&chunk->u.chunk.payload, i * PIECE));
    }
    assert_int_equal(blob(&r, 8)->entry.pins, 1);
    rig_window(&r, p, put->stream, 1, 5 * PIECE + 10);
    assert_int_equal(rig_count(&r, p, P2_MSG_CHUNK), 5); // a part of a part is not sent
    rig_window(&r, p, put->stream, 1, SIZE);
    assert_int_equal(rig_count(&r, p, P2_MSG_CHUNK), 6);
    assert_int_equal(rig_notes(&r, NOTE_BLOB_SENT), 1);
    assert_int_equal(blob(&r, 8)->entry.pins, 0);
    rig_window(&r, p, put->stream, 1, SIZE); // it crossed the end
    assert_int_equal(r.c->sessions.live, 1);
    rig_deinit(&r);
}

static void a_fetch_waits_for_room(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    rig_find(&r, 8, SIZE, SIZE);
    r.room = PIECE + RELAY_RECORD_OVERHEAD;
    p2_handle p = rig_peer(&r, 1, 0);
    rig_want(&r, p, 8, 0);
    assert_int_equal(rig_count(&r, p, P2_MSG_CHUNK), 1);
    assert_int_equal(r.store.read_bytes, 2 * PIECE); // one sent, one in hand
    assert_int_equal(rig_wants_room(&r, p), 1);
    rig_writable(&r, p, 1 << 20);
    assert_int_equal(rig_count(&r, p, P2_MSG_CHUNK), 4);
    rig_deinit(&r);
}

static void a_fetch_may_begin_in_the_middle(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    rig_find(&r, 8, SIZE, SIZE);
    p2_handle p = rig_peer(&r, 1, 0);
    rig_want(&r, p, 8, SIZE - 10);
    assert_int_equal(rig_only(&r, p, P2_MSG_BLOB_PUT)->u.blob_put.offset, SIZE - 10);
    assert_int_equal(rig_only(&r, p, P2_MSG_CHUNK)->u.chunk.raw_size, 10);
    assert_int_equal(r.c->blobs.fetches.live, 0);
    rig_deinit(&r);
}

static void what_is_not_here_is_told(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    rig_find(&r, 8, SIZE, PIECE);
    p2_handle p = rig_peer(&r, 1, 0);
    rig_want(&r, p, 7, 0);
    rig_want(&r, p, 8, 0);
    const struct p2_msg *gone = rig_last(&r, p, P2_MSG_BLOB_HAVE);
    const struct p2_digest eight = rig_digest(8);
    assert_true(gone->u.blob_have.gone);
    assert_true(p2_digest_equal(&gone->u.blob_have.digests[0], &eight));
    assert_int_equal(rig_count(&r, p, P2_MSG_BLOB_HAVE), 2);
    rig_deinit(&r);
}

static void a_peer_that_leaves_or_gives_up_ends_its_fetches(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    rig_find(&r, 8, SIZE, SIZE);
    p2_handle p = rig_peer(&r, 1, 0);
    rig_want(&r, p, 8, 0);
    struct p2_msg m = {.kind = P2_MSG_ERROR, .u.error.code = P2_ERR_OVERLOADED};
    m.stream = rig_only(&r, p, P2_MSG_BLOB_PUT)->stream;
    rig_msg(&r, p, &m);
    assert_int_equal(r.c->blobs.fetches.live, 0);
    r.store.held = true;
    rig_want(&r, p, 8, 0);
    rig_want(&r, p, 8, 0);
    rig_close(&r, p);
    assert_int_equal(r.c->blobs.fetches.live, 0);
    while (rig_store_do(&r)) { // answers that nobody waits for
    }
    p = rig_peer(&r, 1, 0);
    for (unsigned i = 0; i < FETCHES_PER_PEER; i++) rig_want(&r, p, 8, 0);
    rig_want(&r, p, 8, 0);
    rig_expect_error(&r, p, P2_ERR_UNEXPECTED_MESSAGE);
    rig_deinit(&r);
}

static void wrong_bytes_are_found_before_they_are_served(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    rig_find(&r, 8, SIZE, SIZE);
    const struct p2_digest digest = rig_digest(8);
    rig_file(&r, &digest)->wrong = true; // a bit flipped while we were not looking
    p2_handle a = rig_client(&r), p = rig_peer(&r, 1, 0);
    submit(&r, a, 1, (uint64_t[]){8}, 1);
    rig_want(&r, p, 8, 0);
    assert_int_equal(rig_count(&r, p, P2_MSG_CHUNK), 0);
    assert_true(rig_only(&r, p, P2_MSG_BLOB_HAVE)->u.blob_have.gone);
    assert_int_equal(rig_notes(&r, NOTE_BLOB_LOST), 1);
    assert_null(rig_file(&r, &digest));
    submit(&r, a, 2, (uint64_t[]){8}, 1);
    rig_expect_ended(&r, a, 2, P2_ERR_BLOB_MISSING);
    rig_bring(&r, a, 3, 8, SIZE); // while the first task still refers to what was lost
    rig_last(&r, a, P2_MSG_BLOB_HAVE);
    const struct p2_msg assign = *rig_only(&r, p, P2_MSG_TASK_ASSIGN);
    rig_forget(&r);
    rig_failure(&r, p, &assign, P2_ERR_BLOB_MISSING, false);
    rig_expect_ended(&r, a, 1, P2_ERR_BLOB_MISSING);
    assert_int_equal(r.c->blobs.shelf.entries.live, 1);
    rig_want(&r, p, 8, 0);
    rig_only(&r, p, P2_MSG_BLOB_PUT);
    rig_deinit(&r);
}

static void what_was_received_here_is_proved_once(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r), p = rig_peer(&r, 1, 0);
    rig_bring(&r, a, 1, 7, PIECE);
    rig_find(&r, 8, PIECE, PIECE);
    assert_true(blob(&r, 7)->entry.proved);
    assert_false(blob(&r, 8)->entry.proved);
    rig_want(&r, p, 8, 0);
    assert_true(blob(&r, 8)->entry.proved);
    rig_deinit(&r);
}

static void holders_are_remembered_within_bounds(void **state) {
    (void)state;
    struct rig r;
    struct coord_limits l = rig_limits();
    l.blob_holdings_max = 3;
    rig_init(&r, &l);
    for (uint64_t i = 1; i <= 4; i++) rig_find(&r, i, PIECE, PIECE);
    p2_handle p = rig_peer(&r, 1, 0), q = rig_peer(&r, 1, 0);
    rig_have(&r, p, 1, false);
    rig_have(&r, p, 1, false);
    rig_have(&r, p, 99, false); // nobody can refer to it
    rig_have(&r, p, 2, false);
    rig_have(&r, q, 1, false);
    rig_have(&r, q, 2, false); // one too many
    assert_int_equal(r.c->blobs.holdings.live, 3);
    rig_have(&r, p, 1, true);
    rig_have(&r, p, 3, true);
    assert_int_equal(r.c->blobs.holdings.live, 2);
    rig_close(&r, p);
    assert_int_equal(r.c->blobs.holdings.live, 1);
    rig_deinit(&r);
}

static void bringing_a_blob_counts_as_load(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    rig_find(&r, 8, UINT64_C(8) << 20, UINT64_C(8) << 20);
    p2_handle a = rig_client(&r), p = rig_peer(&r, 2, 0);
    submit(&r, a, 1, (uint64_t[]){8}, 1);
    const struct peer *peer = peer_of(r.c, session_find(r.c, p));
    p2_ns with = peer->devices[0].load_ns;
    rig_cancel(&r, a, 1, 1);
    rig_failure(&r, p, rig_only(&r, p, P2_MSG_TASK_ASSIGN), P2_ERR_CANCELLED, false);
    assert_int_equal(peer->devices[0].load_ns, 0);
    rig_have(&r, p, 8, false);
    submit(&r, a, 2, (uint64_t[]){8}, 1);
    assert_int_equal(with - peer->devices[0].load_ns, 160 * P2_MS); // 8 MiB at what is assumed of a new peer
    rig_deinit(&r);
}

// The second of two equal peers has what the task needs: it goes first, until it has no place left.
static void holders_go_first(void **state) {
    (void)state;
    for (enum pick_strategy s = PICK_FINISH_TIME; s < PICK_STRATEGIES; s++) {
        struct rig r;
        rig_init(&r, NULL);
        r.c->pick.strategy = s;
        rig_find(&r, 8, UINT64_C(8) << 20, UINT64_C(8) << 20);
        rig_find(&r, 9, PIECE, PIECE);
        p2_handle a = rig_client(&r), p = rig_peer(&r, 1, 0), q = rig_peer(&r, 1, 0);
        rig_have(&r, p, 9, false);
        rig_have(&r, q, 8, false);
        submit(&r, a, 1, (uint64_t[]){8, 9}, 2); // of which q lacks less
        assert_int_equal(rig_count(&r, q, P2_MSG_TASK_ASSIGN), 1);
        submit(&r, a, 2, (uint64_t[]){8}, 1);
        assert_int_equal(rig_count(&r, p, P2_MSG_TASK_ASSIGN), 1);
        rig_failure(&r, q, rig_only(&r, q, P2_MSG_TASK_ASSIGN), P2_ERR_EXECUTION_FAILED, true);
        rig_result(&r, p, rig_only(&r, p, P2_MSG_TASK_ASSIGN), 10);
        const struct p2_msg *again = rig_last(&r, p, P2_MSG_TASK_ASSIGN); // who failed it has no advantage
        assert_int_equal(again->u.assign.attempt, 2);
        rig_deinit(&r);
    }
}

// Tasks that are the same but for their blobs are not the same.
static void a_known_result_is_of_the_same_blobs(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    rig_find(&r, 8, PIECE, PIECE);
    rig_find(&r, 9, PIECE, PIECE);
    p2_handle a = rig_client(&r), p = rig_open(&r);
    rig_hello(&r, p, P2_ROLE_PEER);
    rig_register(&r, p, 2, 0, 4, 0);
    for (uint32_t i = 0; i < 4; i++) {
        const struct p2_digest blobs[] = {rig_digest(8), rig_digest(9)};
        struct p2_msg m = rig_submit_msg(1 + i, 1 + i, 10);
        m.u.submit.type = p2_str("same");
        m.u.submit.blobs = blobs + (i == 1);
        m.u.submit.blob_count = i == 2 ? 2 : 1;
        rig_forget(&r);
        rig_send_submit(&r, a, &m);
        if (i < 3) {
            const struct p2_msg assign = *rig_only(&r, p, P2_MSG_TASK_ASSIGN);
            rig_result(&r, p, &assign, 10);
        } else {
            assert_true(rig_only(&r, a, P2_MSG_RESULT_DELIVERY)->u.delivery.cached); // as the first
        }
    }
    rig_deinit(&r);
}

static void what_lies_there_beyond_the_budget_goes(void **state) {
    (void)state;
    struct rig r;
    struct coord_limits l = rig_limits();
    l.blob_budget_bytes = 2 * PIECE;
    l.blob_bytes_max = 2 * PIECE;
    rig_init(&r, &l);
    for (uint64_t i = 1; i <= 3; i++) rig_find(&r, i, PIECE, PIECE);
    rig_find(&r, 4, 3 * PIECE, 3 * PIECE);
    rig_find(&r, 3, PIECE, 10); // an old part of what is here as a whole
    assert_null(blob(&r, 1));
    assert_non_null(blob(&r, 2));
    assert_int_equal(blob(&r, 3)->entry.state, P2_SHELF_HERE);
    assert_null(blob(&r, 4));
    assert_int_equal(r.store.removed, 2);
    rig_deinit(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_refers_to_what_is_here),
        cmocka_unit_test(a_refused_task_pins_nothing),
        cmocka_unit_test(every_end_lets_go),
        cmocka_unit_test(a_peer_fetches_as_its_window_allows),
        cmocka_unit_test(a_fetch_waits_for_room),
        cmocka_unit_test(a_fetch_may_begin_in_the_middle),
        cmocka_unit_test(what_is_not_here_is_told),
        cmocka_unit_test(a_peer_that_leaves_or_gives_up_ends_its_fetches),
        cmocka_unit_test(wrong_bytes_are_found_before_they_are_served),
        cmocka_unit_test(what_was_received_here_is_proved_once),
        cmocka_unit_test(holders_are_remembered_within_bounds),
        cmocka_unit_test(bringing_a_blob_counts_as_load),
        cmocka_unit_test(holders_go_first),
        cmocka_unit_test(a_known_result_is_of_the_same_blobs),
        cmocka_unit_test(what_lies_there_beyond_the_budget_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
