// A blob on its way to the coordinator: offered, sent from where it is wanted, refused, stopped, gone on with after a
// connection has ended; and tasks that refer to blobs.
#include "rig.h"

#include <string.h>

#define PART P2_RECORD_PAYLOAD_MAX
#define SIZE (UINT64_C(6) * PART + 100)

static void put(struct rig *r, uint64_t size) {
    rig_step(r, (struct session_event){.kind = SESSION_PUT, .u.put = {.digest = {{7}}, .size = size}});
}

static struct p2_msg want_msg(uint32_t stream, uint64_t offset, uint64_t limit) {
    return (struct p2_msg){.kind = P2_MSG_BLOB_WANT, .stream = stream, .u.blob_want = {{{7}}, offset, limit}};
}

static const struct p2_digest seven = {{7}};

static struct p2_msg have_msg(uint32_t stream) {
    return (struct p2_msg){.kind = P2_MSG_BLOB_HAVE, .stream = stream, .u.blob_have = {&seven, 1, false}};
}

static struct p2_msg window_msg(uint32_t stream, uint64_t limit) {
    return (struct p2_msg){.kind = P2_MSG_WINDOW, .stream = stream, .u.window = {.limit = limit, .attempt = 1}};
}

static uint32_t parts(struct rig *r) {
    uint32_t n = 0;
    while (rig_did(r, SESSION_DO_SEND_BLOB, n)) n++;
    return n;
}

static void goes_from_where_it_is_wanted(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 1);
    rig_tick(&r, 0);
    put(&r, SIZE); // before there is anybody to offer it to
    assert_null(rig_sent(&r, P2_MSG_BLOB_PUT, 0));
    rig_up(&r);
    const struct p2_msg *offer = rig_sent(&r, P2_MSG_BLOB_PUT, 0);
    assert_non_null(offer);
    assert_int_equal(offer->u.blob_put.payload_size, SIZE);
    uint32_t stream = offer->stream;
    rig_msg(&r, want_msg(stream, 2 * PART, 4 * PART));
    assert_int_equal(parts(&r), 2);
    assert_int_equal(rig_did(&r, SESSION_DO_SEND_BLOB, 0)->u.part.offset, 2 * PART);
    assert_int_equal(rig_did(&r, SESSION_DO_SEND_BLOB, 0)->u.part.stream, stream);
    rig_msg(&r, window_msg(stream, 5 * PART + 50)); // what does not fit as a whole waits
    assert_int_equal(parts(&r), 1);
    rig_msg(&r, window_msg(stream, SIZE));
    assert_int_equal(parts(&r), 2);
    assert_int_equal(rig_did(&r, SESSION_DO_SEND_BLOB, 1)->u.part.size, 100);
    rig_msg(&r, have_msg(stream));
    assert_int_equal(rig_did(&r, SESSION_DO_PUT_ENDED, 0)->u.put_ended.code, P2_OK);
    rig_msg(&r, window_msg(stream, SIZE)); // crossed its end
    assert_int_equal(p2_session_link(r.s), LINK_UP);
    rig_shut(&r);
}

static void one_that_is_there_is_not_sent(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 1);
    rig_up(&r);
    put(&r, SIZE);
    rig_msg(&r, have_msg(rig_sent(&r, P2_MSG_BLOB_PUT, 0)->stream));
    assert_int_equal(rig_did(&r, SESSION_DO_PUT_ENDED, 0)->u.put_ended.code, P2_OK);
    assert_int_equal(parts(&r), 0);
    rig_shut(&r);
}

static void goes_on_with_the_next_connection(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 1);
    rig_up(&r);
    put(&r, SIZE);
    rig_msg(&r, want_msg(rig_sent(&r, P2_MSG_BLOB_PUT, 0)->stream, 0, PART));
    rig_closed(&r);
    assert_null(rig_did(&r, SESSION_DO_PUT_ENDED, 0));
    rig_up(&r);
    const struct p2_msg *offer = rig_sent(&r, P2_MSG_BLOB_PUT, 0);
    assert_non_null(offer);
    rig_msg(&r, want_msg(offer->stream, PART, 2 * PART));
    assert_int_equal(rig_did(&r, SESSION_DO_SEND_BLOB, 0)->u.part.offset, PART);
    rig_shut(&r);
}

static void a_refusal_ends_it(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 1);
    rig_up(&r);
    put(&r, SIZE);
    struct p2_msg error = {.kind = P2_MSG_ERROR, .stream = rig_sent(&r, P2_MSG_BLOB_PUT, 0)->stream};
    error.u.error = (struct p2_msg_error){.code = P2_ERR_OVERLOADED, .retryable = true};
    rig_msg(&r, error);
    const struct session_action *a = rig_did(&r, SESSION_DO_PUT_ENDED, 0);
    assert_int_equal(a->u.put_ended.code, P2_ERR_OVERLOADED);
    assert_true(a->u.put_ended.retryable && a->u.put_ended.sentence.n > 0);
    put(&r, SIZE); // another may follow
    assert_non_null(rig_sent(&r, P2_MSG_BLOB_PUT, 0));
    rig_step(&r, (struct session_event){.kind = SESSION_PUT_STOP});
    assert_int_equal(rig_sent(&r, P2_MSG_ERROR, 0)->u.error.code, P2_ERR_CANCELLED);
    rig_step(&r, (struct session_event){.kind = SESSION_PUT_STOP});
    assert_int_equal(r.out.count, 0);
    rig_shut(&r);
}

static void waits_for_room(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 1);
    rig_up(&r);
    put(&r, UINT64_C(64) << 20);
    uint32_t stream = rig_sent(&r, P2_MSG_BLOB_PUT, 0)->stream;
    r.room = 0;
    rig_msg(&r, want_msg(stream, 0, UINT64_C(64) << 20));
    assert_int_equal(parts(&r), 0);
    assert_non_null(rig_did(&r, SESSION_DO_WANT_ROOM, 0));
    r.room = UINT64_C(64) << 20;
    rig_step(&r, (struct session_event){.kind = SESSION_WRITABLE});
    assert_int_equal(parts(&r), SESSION_PUT_SENDS_MAX);
    assert_true(p2_session_next_ns(r.s) <= r.now); // there is more
    rig_tick(&r, 0);
    assert_int_equal(parts(&r), SESSION_PUT_SENDS_MAX);
    rig_shut(&r);
}

static void nonsense_is_a_fault(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct rig r;
        rig_open(&r, 1);
        rig_up(&r);
        put(&r, SIZE);
        uint32_t stream = rig_sent(&r, P2_MSG_BLOB_PUT, 0)->stream;
        struct p2_msg m = want_msg(stream, SIZE, SIZE);
        if (i == 1) m = want_msg(stream, 10, 10);
        if (i == 2) m.u.blob_want = (struct p2_msg_blob_want){{{8}}, 0, 10};
        if (i == 3) m = chunk_msg(stream, 1, 0, (struct p2_slice){0});
        rig_msg(&r, m);
        assert_non_null(rig_did(&r, SESSION_DO_CLOSE, 0));
        rig_shut(&r);
    }
}

static void tasks_carry_their_blobs(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 1);
    rig_up(&r);
    struct session_submit task = rig_task(&r, 1, 10);
    task.blobs = p2_blob_new(&r.pool, 2 * sizeof(struct p2_digest));
    memset(task.blobs->data, 9, task.blobs->size);
    rig_submit_as(&r, task);
    const struct p2_msg *m = rig_sent(&r, P2_MSG_TASK_SUBMIT, 0);
    assert_int_equal(m->u.submit.blob_count, 2);
    assert_int_equal(m->u.submit.blobs[1].b[31], 9);
    rig_msg(&r, ended_msg(m->stream, task.ticket, P2_ERR_BLOB_MISSING));
    assert_ended(&r, task.ticket, SESSION_REFUSED, P2_ERR_BLOB_MISSING);
    rig_shut(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_from_where_it_is_wanted),
        cmocka_unit_test(one_that_is_there_is_not_sent),
        cmocka_unit_test(goes_on_with_the_next_connection),
        cmocka_unit_test(a_refusal_ends_it),
        cmocka_unit_test(waits_for_room),
        cmocka_unit_test(nonsense_is_a_fault),
        cmocka_unit_test(tasks_carry_their_blobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
