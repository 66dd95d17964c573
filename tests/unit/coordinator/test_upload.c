// Blobs on their way here: offers and answers, windows, interruptions, room, wrong bytes, several who bring the same.
#include "rig.h"

#define PIECE P2_RECORD_PAYLOAD_MAX
#define SIZE (UINT64_C(6) * PIECE)

static void bring_from(struct rig *r, p2_handle conn, uint32_t stream, uint64_t from, uint64_t to) {
    for (uint64_t at = from; at < to; at += PIECE) {
        rig_chunk(r, conn, stream, 1, at, to - at < PIECE ? (uint32_t)(to - at) : PIECE);
    }
}

static const struct p2_msg *error_on(const struct rig *r, p2_handle conn, uint32_t stream, enum p2_err code) {
    const struct p2_msg *m = rig_last(r, conn, P2_MSG_ERROR);
    assert_int_equal(m->stream, stream);
    assert_int_equal(m->u.error.code, code);
    assert_int_equal(m->u.error.retryable, p2_err_retryable(code));
    return m;
}

static void what_is_wanted_is_taken_and_kept(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r);
    rig_put(&r, a, 1, 7, SIZE);
    const struct p2_msg *want = rig_only(&r, a, P2_MSG_BLOB_WANT);
    assert_int_equal(want->stream, 1);
    assert_int_equal(want->u.blob_want.offset, 0);
    assert_int_equal(want->u.blob_want.limit, P2_STREAM_WINDOW);
    bring_from(&r, a, 1, 0, SIZE);
    assert_true(rig_count(&r, a, P2_MSG_WINDOW) > 0);
    const struct p2_msg *have = rig_only(&r, a, P2_MSG_BLOB_HAVE);
    assert_int_equal(have->stream, 1);
    assert_int_equal(rig_notes(&r, NOTE_BLOB_STORED), 1);
    rig_forget(&r);
    rig_put(&r, a, 2, 7, SIZE); // again: it is here
    assert_int_equal(rig_only(&r, a, P2_MSG_BLOB_HAVE)->stream, 2);
    assert_int_equal(rig_count(&r, a, P2_MSG_BLOB_WANT), 0);
    rig_deinit(&r);
}

static void an_interrupted_upload_goes_on(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r), b = rig_client(&r);
    rig_put(&r, a, 1, 7, SIZE);
    bring_from(&r, a, 1, 0, 3 * PIECE);
    rig_close(&r, a);
    rig_put(&r, b, 1, 7, SIZE);
    assert_int_equal(rig_only(&r, b, P2_MSG_BLOB_WANT)->u.blob_want.offset, 3 * PIECE);
    bring_from(&r, b, 1, 3 * PIECE, SIZE);
    rig_only(&r, b, P2_MSG_BLOB_HAVE);
    rig_deinit(&r);
}

static void one_found_at_the_start_goes_on_too(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    rig_find(&r, 7, SIZE, 2 * PIECE);
    rig_find(&r, 8, SIZE, SIZE);
    p2_handle a = rig_client(&r);
    rig_put(&r, a, 1, 7, SIZE);
    assert_int_equal(rig_only(&r, a, P2_MSG_BLOB_WANT)->u.blob_want.offset, 2 * PIECE);
    rig_put(&r, a, 2, 8, SIZE);
    assert_int_equal(rig_only(&r, a, P2_MSG_BLOB_HAVE)->stream, 2);
    rig_deinit(&r);
}

static void one_of_which_all_is_here_is_only_checked(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r);
    r.store.held = true;
    rig_put(&r, a, 1, 7, PIECE);
    rig_store_do(&r); // BEGIN
    rig_chunk(&r, a, 1, 1, 0, PIECE);
    rig_close(&r, a); // the write is under way, and done after it left
    while (rig_store_do(&r)) {
    }
    p2_handle b = rig_client(&r);
    r.store.held = false;
    rig_put(&r, b, 1, 7, PIECE);
    assert_int_equal(rig_count(&r, b, P2_MSG_BLOB_WANT), 0);
    rig_only(&r, b, P2_MSG_BLOB_HAVE);
    rig_deinit(&r);
}

static void wrong_bytes_are_told_and_not_kept(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r);
    rig_put(&r, a, 1, 7, SIZE);
    const struct p2_digest digest = rig_digest(7);
    bring_from(&r, a, 1, 0, PIECE);
    rig_file(&r, &digest)->wrong = true;
    bring_from(&r, a, 1, PIECE, SIZE);
    error_on(&r, a, 1, P2_ERR_BAD_PAYLOAD);
    assert_null(rig_file(&r, &digest));
    rig_forget(&r);
    rig_bring(&r, a, 2, 7, SIZE); // and again, from its beginning
    assert_int_equal(rig_only(&r, a, P2_MSG_BLOB_WANT)->u.blob_want.offset, 0);
    rig_only(&r, a, P2_MSG_BLOB_HAVE);
    rig_deinit(&r);
}

static void a_disk_that_fails_is_told(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r);
    rig_put(&r, a, 1, 7, SIZE);
    r.store.broken = true;
    rig_chunk(&r, a, 1, 1, 0, PIECE);
    error_on(&r, a, 1, P2_ERR_INTERNAL);
    rig_chunk(&r, a, 1, 1, PIECE, PIECE); // it crossed the end
    assert_int_equal(r.c->sessions.live, 1);
    assert_int_equal(r.c->blobs.shelf.entries.live, 0);
    rig_deinit(&r);
}

static void the_second_waits_for_the_first(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r), b = rig_client(&r), d = rig_client(&r);
    rig_put(&r, a, 1, 7, SIZE);
    rig_put(&r, b, 1, 7, SIZE);
    rig_put(&r, d, 1, 7, SIZE);
    assert_int_equal(rig_count(&r, b, P2_MSG_BLOB_WANT), 0);
    bring_from(&r, a, 1, 0, 2 * PIECE);
    rig_close(&r, a);
    assert_int_equal(rig_only(&r, b, P2_MSG_BLOB_WANT)->u.blob_want.offset, 2 * PIECE);
    bring_from(&r, b, 1, 2 * PIECE, SIZE);
    rig_only(&r, b, P2_MSG_BLOB_HAVE);
    rig_only(&r, d, P2_MSG_BLOB_HAVE);
    assert_int_equal(rig_count(&r, d, P2_MSG_BLOB_WANT), 0);
    rig_deinit(&r);
}

static void who_waits_takes_over_from_one_that_lied(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r), b = rig_client(&r);
    rig_put(&r, a, 1, 7, PIECE);
    rig_put(&r, b, 1, 7, PIECE);
    const struct p2_digest digest = rig_digest(7);
    rig_file(&r, &digest)->wrong = true;
    rig_chunk(&r, a, 1, 1, 0, PIECE);
    error_on(&r, a, 1, P2_ERR_BAD_PAYLOAD);
    assert_int_equal(rig_only(&r, b, P2_MSG_BLOB_WANT)->u.blob_want.offset, 0);
    rig_chunk(&r, b, 1, 1, 0, PIECE);
    rig_only(&r, b, P2_MSG_BLOB_HAVE);
    rig_deinit(&r);
}

static void another_size_is_refused(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r), b = rig_client(&r);
    rig_put(&r, a, 1, 7, 2 * PIECE);
    rig_put(&r, b, 1, 7, PIECE);
    error_on(&r, b, 1, P2_ERR_OVERLOADED);
    rig_close(&r, a); // nothing but a part is left, of no use for the other size
    rig_bring(&r, b, 2, 7, PIECE);
    rig_only(&r, b, P2_MSG_BLOB_HAVE);
    rig_put(&r, b, 3, 7, 2 * PIECE);
    error_on(&r, b, 3, P2_ERR_BAD_PAYLOAD);
    rig_deinit(&r);
}

static void room_is_made_by_what_is_not_in_use(void **state) {
    (void)state;
    struct rig r;
    struct coord_limits l = rig_limits();
    l.blob_budget_bytes = 4 * PIECE;
    rig_init(&r, &l);
    p2_handle a = rig_client(&r), p = rig_peer(&r, 1, 0);
    (void)p;
    for (uint32_t i = 1; i <= 4; i++) rig_bring(&r, a, i, i, PIECE);
    const struct p2_digest first = rig_digest(1);
    struct p2_msg m = rig_submit_msg(1, 10, 0);
    m.u.submit.blobs = &first;
    m.u.submit.blob_count = 1;
    rig_send_submit(&r, a, &m);
    rig_only(&r, a, P2_MSG_TASK_ACCEPTED);
    rig_put(&r, a, 11, 5, 3 * PIECE); // 2, 3 and 4 go, 1 is in use
    assert_int_equal(rig_notes(&r, NOTE_BLOB_EVICTED), 3);
    assert_non_null(rig_file(&r, &first));
    assert_int_equal(rig_last(&r, a, P2_MSG_BLOB_WANT)->stream, 11);
    rig_put(&r, a, 12, 6, PIECE); // what is on its way stays, too
    error_on(&r, a, 12, P2_ERR_OVERLOADED);
    rig_put(&r, a, 13, 7, 5 * PIECE);
    error_on(&r, a, 13, P2_ERR_TOO_LARGE);
    rig_cancel(&r, a, 10, 1);
    rig_put(&r, a, 14, 6, PIECE);
    assert_int_equal(rig_notes(&r, NOTE_BLOB_EVICTED), 4);
    rig_deinit(&r);
}

static void limits_are_refusals(void **state) {
    (void)state;
    struct rig r;
    struct coord_limits l = rig_limits();
    l.blob_bytes_max = 2 * PIECE;
    l.blob_uploads_max = UPLOADS_PER_CLIENT + 1;
    rig_init(&r, &l);
    p2_handle a = rig_client(&r), b = rig_client(&r);
    rig_put(&r, a, 1, 1, 2 * PIECE + 1);
    error_on(&r, a, 1, P2_ERR_TOO_LARGE);
    for (uint32_t i = 0; i < UPLOADS_PER_CLIENT; i++) rig_put(&r, a, 2 + i, 2 + i, PIECE);
    rig_put(&r, a, 20, 20, PIECE);
    error_on(&r, a, 20, P2_ERR_QUOTA_EXCEEDED);
    rig_put(&r, b, 1, 30, PIECE);
    rig_put(&r, b, 2, 31, PIECE);
    error_on(&r, b, 2, P2_ERR_OVERLOADED);
    rig_peer(&r, 1, 0);
    rig_submit(&r, b, 9, 1, 10); // so that it does not end at once
    rig_drain(&r);
    rig_put(&r, b, 13, 32, PIECE);
    error_on(&r, b, 13, P2_ERR_DRAINING);
    rig_deinit(&r);
}

static void without_a_disk_nothing_is_kept(void **state) {
    (void)state;
    struct rig r;
    struct coord_limits l = rig_limits();
    l.blob_budget_bytes = 0;
    rig_init(&r, &l);
    p2_handle a = rig_client(&r);
    rig_put(&r, a, 1, 1, PIECE);
    error_on(&r, a, 1, P2_ERR_TOO_LARGE);
    assert_int_equal(r.store.count + r.store.removed, 0);
    rig_deinit(&r);
}

static void one_that_stops_arriving_ends(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r);
    rig_put(&r, a, 1, 7, SIZE);
    rig_pass(&r, 9 * P2_SEC);
    rig_chunk(&r, a, 1, 1, 0, PIECE);
    rig_pass(&r, 9 * P2_SEC);
    assert_int_equal(rig_count(&r, a, P2_MSG_ERROR), 0);
    rig_chunk(&r, a, 1, 1, PIECE, 100);
    rig_pass(&r, 2 * P2_SEC);
    error_on(&r, a, 1, P2_ERR_IDLE_TIMEOUT);
    rig_put(&r, a, 2, 7, SIZE);
    assert_int_equal(rig_last(&r, a, P2_MSG_BLOB_WANT)->u.blob_want.offset, PIECE + 100);
    rig_deinit(&r);
}

static void a_client_may_give_up(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r);
    rig_put(&r, a, 1, 7, SIZE);
    struct p2_msg m = {.kind = P2_MSG_ERROR, .stream = 1, .u.error.code = P2_ERR_CANCELLED};
    rig_msg(&r, a, &m);
    assert_int_equal(r.c->blobs.uploads.live, 0);
    rig_put(&r, a, 2, 7, SIZE); // a stream and a blob of use again
    assert_int_equal(rig_count(&r, a, P2_MSG_BLOB_WANT), 2);
    rig_deinit(&r);
}

static void rules_are_held(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r);
    rig_put(&r, a, 0, 7, SIZE);
    rig_expect_error(&r, a, P2_ERR_UNEXPECTED_MESSAGE);
    a = rig_client(&r);
    rig_put(&r, a, 1, 7, SIZE);
    rig_put(&r, a, 1, 8, SIZE);
    rig_expect_error(&r, a, P2_ERR_UNEXPECTED_MESSAGE);
    a = rig_client(&r);
    rig_put(&r, a, 1, 7, SIZE);
    rig_submit(&r, a, 1, 1, 10);
    rig_expect_error(&r, a, P2_ERR_UNEXPECTED_MESSAGE);
    a = rig_client(&r);
    rig_put(&r, a, 1, 7, SIZE);
    rig_chunk(&r, a, 1, 1, PIECE, PIECE); // a gap
    rig_expect_error(&r, a, P2_ERR_BAD_MESSAGE);
    a = rig_client(&r);
    r.store.held = true;
    rig_put(&r, a, 1, 7, SIZE);
    rig_chunk(&r, a, 1, 1, 0, PIECE); // not asked for yet
    rig_expect_error(&r, a, P2_ERR_BAD_MESSAGE);
    a = rig_client(&r);
    while (rig_store_do(&r)) {
    }
    rig_put(&r, a, 1, 7, SIZE);
    rig_store_do(&r);
    bring_from(&r, a, 1, 0, P2_STREAM_WINDOW);
    rig_chunk(&r, a, 1, 1, P2_STREAM_WINDOW, PIECE); // beyond the window: nothing is written yet
    rig_expect_error(&r, a, P2_ERR_TOO_LARGE);
    a = rig_client(&r);
    rig_put(&r, a, 1, 9, SIZE);
    while (rig_store_do(&r)) {
    }
    for (uint32_t i = 0; i <= UPLOAD_WRITES_FREE; i++) rig_chunk(&r, a, 1, 1, i, 1);
    rig_expect_error(&r, a, P2_ERR_BAD_MESSAGE);
    rig_deinit(&r);
}

static void one_that_is_being_checked_needs_its_client_no_more(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r, NULL);
    p2_handle a = rig_client(&r), b = rig_client(&r);
    r.store.held = true;
    rig_put(&r, a, 1, 7, PIECE);
    rig_store_do(&r);
    rig_chunk(&r, a, 1, 1, 0, PIECE);
    rig_store_do(&r); // COMMIT is on its way
    rig_close(&r, a);
    rig_put(&r, b, 1, 7, PIECE);
    assert_int_equal(rig_count(&r, b, P2_MSG_BLOB_WANT) + rig_count(&r, b, P2_MSG_BLOB_HAVE), 0);
    rig_store_do(&r);
    rig_only(&r, b, P2_MSG_BLOB_HAVE);
    rig_deinit(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wanted_is_taken_and_kept),
        cmocka_unit_test(an_interrupted_upload_goes_on),
        cmocka_unit_test(one_found_at_the_start_goes_on_too),
        cmocka_unit_test(one_of_which_all_is_here_is_only_checked),
        cmocka_unit_test(wrong_bytes_are_told_and_not_kept),
        cmocka_unit_test(a_disk_that_fails_is_told),
        cmocka_unit_test(the_second_waits_for_the_first),
        cmocka_unit_test(who_waits_takes_over_from_one_that_lied),
        cmocka_unit_test(another_size_is_refused),
        cmocka_unit_test(room_is_made_by_what_is_not_in_use),
        cmocka_unit_test(limits_are_refusals),
        cmocka_unit_test(without_a_disk_nothing_is_kept),
        cmocka_unit_test(one_that_stops_arriving_ends),
        cmocka_unit_test(a_client_may_give_up),
        cmocka_unit_test(rules_are_held),
        cmocka_unit_test(one_that_is_being_checked_needs_its_client_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
