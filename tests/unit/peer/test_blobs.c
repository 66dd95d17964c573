// Blobs at a peer: wanted once, fetched under windows, proved, kept under a budget, given up; jobs that wait for them.
#include <string.h>

#include "rig.h"

#define BUDGET (UINT64_C(3) << 20)

static void open_joined(struct rig *r) {
    rig_config(r, 1);
    r->config.blob_budget_bytes = BUDGET;
    rig_open(r);
    rig_join(r);
}

static struct p2_digest digest(uint8_t n) { return (struct p2_digest){{n, 1}}; }

// A job without payload that refers to blobs [first, first + count).
static void assign(struct rig *r, uint32_t stream, uint8_t first, uint32_t count) {
    static struct p2_digest digests[P2_TASK_BLOBS_MAX];
    for (uint32_t i = 0; i < count; i++) digests[i] = digest((uint8_t)(first + i));
    struct p2_msg m = rig_assign(stream, 0, 0);
    m.u.assign.blobs = digests;
    m.u.assign.blob_count = count;
    rig_msg(r, m);
}

static const struct p2_blob_work *asked(const struct rig *r, enum p2_blob_what what, uint32_t n) {
    for (uint32_t i = 0; i < r->out.count; i++) {
        const struct worker_action *a = &r->out.items[i];
        if (a->kind == WORKER_ACT_BLOB && a->u.work.what == what && n-- == 0) return &a->u.work;
    }
    return NULL;
}

static void answer(struct rig *r, struct p2_blob_work w, enum p2_err why, uint64_t offset) {
    w.why = why;
    w.offset = offset;
    w.slice = (struct p2_slice){.blob = NULL};
    rig_step(r, (struct worker_event){.kind = WORKER_BLOB_DONE, .work = &w});
}

static struct p2_blob_work put(struct rig *r, uint32_t stream, uint8_t n, uint64_t size) {
    struct p2_msg m = {.kind = P2_MSG_BLOB_PUT, .stream = stream};
    m.u.blob_put = (struct p2_msg_blob_put){.digest = digest(n), .payload_size = size};
    rig_msg(r, m);
    const struct p2_blob_work *begin = asked(r, P2_BLOB_BEGIN, 0);
    assert_non_null(begin);
    assert_true(begin->fresh);
    return *begin;
}

// All of a small one; the step that ends it is the last.
static void fetch(struct rig *r, uint32_t stream, uint8_t n, uint32_t size) {
    put(r, stream, n, size);
    rig_msg(r, rig_chunk(stream, 0, size));
    const struct p2_blob_work *write = asked(r, P2_BLOB_WRITE, 0);
    assert_non_null(write);
    answer(r, *write, P2_OK, size);
    const struct p2_blob_work *commit = asked(r, P2_BLOB_COMMIT, 0);
    assert_non_null(commit);
    answer(r, *commit, P2_OK, 0);
}

static void find(struct rig *r, uint8_t n, uint64_t size, uint64_t have) {
    const struct p2_blob_work w = {.digest = digest(n), .size = size, .offset = have};
    rig_step(r, (struct worker_event){.kind = WORKER_BLOB_FOUND, .work = &w});
}

static void a_job_waits_for_its_blob(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    assign(&r, 1, 7, 1);
    const struct p2_msg *want = rig_sent(&r, P2_MSG_BLOB_WANT, 0);
    assert_non_null(want);
    assert_int_equal(want->stream, 0);
    assert_int_equal(want->u.blob_want.digest.b[0], 7);
    assert_null(rig_said(&r, WORD_JOB, 0));
    assign(&r, 2, 7, 1); // a second one wants it no second time
    assert_null(rig_sent(&r, P2_MSG_BLOB_WANT, 0));
    fetch(&r, 9, 7, 5000);
    const struct p2_msg *have = rig_sent(&r, P2_MSG_BLOB_HAVE, 0);
    assert_non_null(have);
    assert_false(have->u.blob_have.gone);
    assert_non_null(rig_said(&r, WORD_JOB, 1)); // both
    const struct word_job *job = &rig_said(&r, WORD_JOB, 0)->u.job;
    assert_int_equal(job->blob_count, 1);
    assert_int_equal(job->blobs[0].size, 5000);
    assert_int_equal(job->blobs[0].digest.b[0], 7);
    assign(&r, 3, 7, 1); // it is here now
    assert_non_null(rig_said(&r, WORD_JOB, 0));
    rig_close(&r);
}

static void two_are_fetched_at_once(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    assign(&r, 1, 1, 4);
    assert_non_null(rig_sent(&r, P2_MSG_BLOB_WANT, 1));
    assert_null(rig_sent(&r, P2_MSG_BLOB_WANT, 2));
    fetch(&r, 9, 1, 10);
    assert_non_null(rig_sent(&r, P2_MSG_BLOB_WANT, 0));
    fetch(&r, 10, 2, 10);
    fetch(&r, 11, 4, 10);
    assert_null(rig_said(&r, WORD_JOB, 0));
    fetch(&r, 12, 3, 10);
    assert_non_null(rig_said(&r, WORD_JOB, 0));
    rig_close(&r);
}

static void a_large_one_comes_under_windows(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    assign(&r, 1, 7, 1);
    const uint32_t piece = P2_RECORD_PAYLOAD_MAX;
    put(&r, 9, 7, 2 << 20);
    struct p2_blob_work writes[4];
    for (uint32_t i = 0; i < 4; i++) {
        rig_msg(&r, rig_chunk(9, i * piece, piece));
        writes[i] = *asked(&r, P2_BLOB_WRITE, 0);
    }
    answer(&r, writes[0], P2_OK, piece);
    const struct p2_msg *window = rig_sent(&r, P2_MSG_WINDOW, 0);
    assert_non_null(window);
    assert_int_equal(window->stream, 9);
    assert_int_equal(window->u.window.limit, piece + (1u << 20));
    rig_msg(&r, rig_chunk(9, 5 * piece, piece)); // a gap
    assert_non_null(rig_note(&r, WORKER_NOTE_FAULT, 0));
    assert_non_null(asked(&r, P2_BLOB_LEAVE, 0)); // what had come goes with the link
    assert_non_null(asked(&r, P2_BLOB_REMOVE, 0));
    rig_close(&r);
}

static void expect_failure(struct rig *r, enum p2_err code, bool retryable) {
    const struct p2_msg *f = rig_sent(r, P2_MSG_TASK_FAILURE, 0);
    assert_non_null(f);
    assert_int_equal(f->u.failure.code, code);
    assert_int_equal(f->u.failure.retryable, retryable);
}

static void what_does_not_come_fails_its_jobs(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    assign(&r, 1, 7, 1);
    const struct p2_digest seven = digest(7);
    struct p2_msg gone = {.kind = P2_MSG_BLOB_HAVE, .u.blob_have = {&seven, 1, true}};
    rig_msg(&r, gone);
    expect_failure(&r, P2_ERR_BLOB_MISSING, false);
    rig_msg(&r, gone); // of nothing that is wanted
    assign(&r, 2, 7, 1);
    struct p2_blob_work begin = put(&r, 9, 7, 100);
    struct p2_msg error = {.kind = P2_MSG_ERROR, .stream = 9, .u.error.code = P2_ERR_OVERLOADED};
    rig_msg(&r, error);
    expect_failure(&r, P2_ERR_OVERLOADED, true);
    answer(&r, begin, P2_OK, 0); // of one given up
    assign(&r, 3, 7, 1);
    put(&r, 10, 7, 100);
    rig_msg(&r, rig_chunk(10, 0, 100));
    struct p2_blob_work write = *asked(&r, P2_BLOB_WRITE, 0);
    answer(&r, write, P2_ERR_IO, 0);
    expect_failure(&r, P2_ERR_INTERNAL, true);
    rig_msg(&r, rig_chunk(10, 0, 100)); // still on its way then
    assert_null(rig_note(&r, WORKER_NOTE_FAULT, 0));
    assign(&r, 4, 7, 1);
    put(&r, 11, 7, 100);
    rig_msg(&r, rig_chunk(11, 0, 100));
    write = *asked(&r, P2_BLOB_WRITE, 0);
    answer(&r, write, P2_OK, 100);
    struct p2_blob_work commit = *asked(&r, P2_BLOB_COMMIT, 0);
    answer(&r, commit, P2_ERR_BAD_PAYLOAD, 0);
    expect_failure(&r, P2_ERR_INTERNAL, true);
    rig_close(&r);
}

static void room_is_made_and_told(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    assign(&r, 1, 1, 1);
    put(&r, 9, 1, BUDGET);
    struct p2_msg error = {.kind = P2_MSG_ERROR, .stream = 9, .u.error.code = P2_ERR_INTERNAL};
    rig_msg(&r, error);
    assign(&r, 2, 2, 1);
    fetch(&r, 10, 2, 60000);
    const uint32_t cell = rig_said(&r, WORD_JOB, 0)->u.job.cell;
    assign(&r, 3, 3, 1);
    struct p2_msg m = {.kind = P2_MSG_BLOB_PUT, .stream = 11};
    m.u.blob_put = (struct p2_msg_blob_put){.digest = digest(3), .payload_size = BUDGET};
    rig_msg(&r, m); // the other is in use
    expect_failure(&r, P2_ERR_OVERLOADED, true);
    assert_non_null(rig_sent(&r, P2_MSG_ERROR, 0));
    rig_word(&r, 0, rig_done(cell, P2_OK, 0));
    assign(&r, 4, 3, 1);
    put(&r, 12, 3, BUDGET);
    assert_non_null(asked(&r, P2_BLOB_REMOVE, 0));
    const struct p2_msg *gone = rig_sent(&r, P2_MSG_BLOB_HAVE, 0);
    assert_non_null(gone);
    assert_true(gone->u.blob_have.gone);
    assert_int_equal(gone->u.blob_have.digests[0].b[0], 2);
    rig_close(&r);
}

static void what_lay_here_is_told_and_proved(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    r.config.blob_budget_bytes = BUDGET;
    rig_open(&r);
    find(&r, 1, 100, 100);
    find(&r, 2, 200, 200);
    find(&r, 3, 300, 200); // a part is of no use here
    assert_non_null(asked(&r, P2_BLOB_REMOVE, 0));
    rig_join(&r);
    const struct p2_msg *have = rig_sent(&r, P2_MSG_BLOB_HAVE, 0);
    assert_non_null(have);
    assert_int_equal(have->u.blob_have.digest_count, 2);
    assert_int_equal(have->u.blob_have.digests[0].b[0], 2); // used last
    assign(&r, 1, 1, 2);
    assert_null(rig_said(&r, WORD_JOB, 0));
    const struct p2_blob_work first = *asked(&r, P2_BLOB_OPEN, 0), second = *asked(&r, P2_BLOB_OPEN, 1);
    assert_true(first.prove);
    answer(&r, first, P2_OK, 0);
    assert_non_null(asked(&r, P2_BLOB_CLOSE, 0));
    answer(&r, second, P2_ERR_BAD_PAYLOAD, 0); // a bit has flipped: it is fetched anew
    assert_true(rig_sent(&r, P2_MSG_BLOB_HAVE, 0)->u.blob_have.gone);
    assert_int_equal(rig_sent(&r, P2_MSG_BLOB_WANT, 0)->u.blob_want.digest.b[0], 2);
    fetch(&r, 9, 2, 200);
    assert_non_null(rig_said(&r, WORD_JOB, 0));
    rig_close(&r);
}

static void a_lost_link_ends_fetches(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    assign(&r, 1, 1, 4);
    put(&r, 9, 1, 100);
    rig_step(&r, (struct worker_event){.kind = WORKER_LINK_DOWN, .why = P2_ERR_CONNECTION_LOST});
    assert_non_null(asked(&r, P2_BLOB_LEAVE, 0));
    assert_non_null(asked(&r, P2_BLOB_REMOVE, 0));
    assert_null(rig_sent(&r, P2_MSG_BLOB_HAVE, 0));
    rig_close(&r);
}

static void a_cancelled_job_wants_nothing(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    assign(&r, 1, 1, 4);
    rig_msg(&r, rig_cancel(1)); // two were asked for, and come; the others are not asked for any more
    fetch(&r, 9, 1, 10);
    assert_null(rig_sent(&r, P2_MSG_BLOB_WANT, 0));
    fetch(&r, 10, 2, 10);
    rig_close(&r);
}

static void what_was_not_asked_for_is_a_fault(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    struct p2_msg m = {.kind = P2_MSG_BLOB_PUT, .stream = 9};
    m.u.blob_put = (struct p2_msg_blob_put){.digest = digest(3), .payload_size = 10};
    rig_msg(&r, m);
    assert_int_equal(rig_note(&r, WORKER_NOTE_FAULT, 0)->code, P2_ERR_UNEXPECTED_MESSAGE);
    rig_close(&r);
}

static void without_a_budget_jobs_with_blobs_are_refused(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    rig_join(&r);
    assign(&r, 1, 1, 1);
    expect_failure(&r, P2_ERR_OVERLOADED, true);
    assign(&r, 2, 1, 5); // more than the type takes
    expect_failure(&r, P2_ERR_BAD_PARAMETER, false);
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_waits_for_its_blob),
        cmocka_unit_test(two_are_fetched_at_once),
        cmocka_unit_test(a_large_one_comes_under_windows),
        cmocka_unit_test(what_does_not_come_fails_its_jobs),
        cmocka_unit_test(room_is_made_and_told),
        cmocka_unit_test(what_lay_here_is_told_and_proved),
        cmocka_unit_test(a_lost_link_ends_fetches),
        cmocka_unit_test(a_cancelled_job_wants_nothing),
        cmocka_unit_test(what_was_not_asked_for_is_a_fault),
        cmocka_unit_test(without_a_budget_jobs_with_blobs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
