// Jobs: what is refused, payloads in under windows, words, results out under windows and room, cancel in every state.
#include <string.h>

#include "rig.h"

static void open_joined(struct rig *r) {
    rig_config(r, 1);
    rig_open(r);
    rig_join(r);
}

static uint32_t live(const struct rig *r) {
    struct worker_stats stats;
    worker_stats(r->w, &stats);
    return stats.jobs;
}

static void expect_refusal(struct rig *r, struct p2_msg m, enum p2_err code, bool retryable) {
    rig_msg(r, m);
    const struct p2_msg *f = rig_sent(r, P2_MSG_TASK_FAILURE, 0);
    assert_non_null(f);
    assert_int_equal(f->stream, m.stream);
    assert_int_equal(f->u.failure.code, code);
    assert_int_equal(f->u.failure.retryable, retryable);
    assert_true(f->u.failure.sentence.n > 0);
    for (uint32_t i = 0; i < f->u.failure.sentence.n; i++) assert_in_range(f->u.failure.sentence.p[i], ' ', '~');
    assert_true(p2_id_equal(&f->u.failure.id, &m.u.assign.id));
    assert_null(rig_action(r, WORKER_ACT_STORE, 0));
    assert_null(rig_action(r, WORKER_ACT_CLOSE, 0));
    assert_int_equal(live(r), 0);
}

static void refuses_what_it_cannot_do(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    struct p2_msg m = rig_assign(1, 10, 10);
    m.u.assign.type = p2_str("nothing");
    expect_refusal(&r, m, P2_ERR_UNKNOWN_TYPE, true);
    m = rig_assign(1, 10, 10);
    m.u.assign.version = 2;
    expect_refusal(&r, m, P2_ERR_UNKNOWN_TYPE, true);
    m = rig_assign(1, 10, 10);
    m.u.assign.type = p2_str("other");
    m.u.assign.version = 1;
    expect_refusal(&r, m, P2_ERR_NO_CAPABLE_PEER, true); // known, but not proved here
    m = rig_assign(1, 10, 10);
    m.u.assign.device = UINT32_MAX;
    m.u.assign.deadline_ns = 0;
    expect_refusal(&r, m, P2_ERR_DEADLINE_EXCEEDED, false);
    expect_refusal(&r, rig_assign(1, RIG_PAYLOAD_MAX + 1, 10), P2_ERR_TOO_LARGE, false);
    expect_refusal(&r, rig_assign(1, (1 << 20) / 2 + 1, 10), P2_ERR_TOO_LARGE, true); // its result would not fit
    struct p2_param bad = {.name = p2_str("bad"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {1}};
    m = rig_assign(1, 10, 10);
    m.u.assign.params = (struct p2_params){&bad, 1};
    expect_refusal(&r, m, P2_ERR_BAD_PARAMETER, false);
    struct worker_stats stats;
    worker_stats(r.w, &stats);
    assert_int_equal(stats.refused, 7);
    rig_close(&r);
}

static void refuses_what_fits_no_cell_or_device(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    r.config.cell_bytes = 65536;
    r.config.devices[0].memory_bytes = 1000;
    rig_open(&r);
    rig_join(&r);
    expect_refusal(&r, rig_assign(1, 65537, 10), P2_ERR_TOO_LARGE, true);
    expect_refusal(&r, rig_assign(1, 1001, 10), P2_ERR_DEVICE_MEMORY, true);
    rig_close(&r);
}

static void refuses_more_than_its_cells_and_uses_another_device_first(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 2);
    rig_open(&r);
    rig_join(&r);
    rig_ready(&r, 1);
    for (uint32_t i = 1; i <= 12; i++) { // 2 devices, 2 slots, each with 2 in its queue
        rig_msg(&r, rig_assign(i, 10, 10));
        assert_int_equal(rig_action(&r, WORKER_ACT_STORE, 0)->exec, i <= 6 ? 0 : 1);
        rig_stored(&r);
    }
    rig_msg(&r, rig_assign(13, 10, 10));
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_FAILURE, 0)->u.failure.code, P2_ERR_OVERLOADED);
    assert_int_equal(live(&r), 12);
    rig_close(&r);
}

static void accepts_an_alias_and_any_version(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    struct p2_msg m = rig_assign(1, 0, 0);
    m.u.assign.type = p2_str("flop");
    m.u.assign.version = 0;
    rig_msg(&r, m);
    const struct word_job *job = &rig_said(&r, WORD_JOB, 0)->u.job; // an empty payload is whole at once
    assert_string_equal(job->type, "flip");
    assert_int_equal(job->type_version, 3);
    assert_int_equal(job->payload_size, 0);
    rig_close(&r);
}

static void a_small_job_from_assign_to_result(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    rig_msg(&r, rig_assign(5, 1000, 400));
    const struct worker_action *store = rig_action(&r, WORKER_ACT_STORE, 0);
    assert_int_equal(store->offset, 0);
    assert_int_equal(store->size, 400);
    rig_stored(&r);
    assert_null(rig_said(&r, WORD_JOB, 0));
    r.now += 5 * P2_MS;
    struct p2_msg chunk = rig_chunk(5, 400, 300);
    chunk.u.chunk.payload_zstd = true; // 300 bytes that will be 600
    chunk.u.chunk.raw_size = 600;
    rig_msg(&r, chunk);
    store = rig_action(&r, WORKER_ACT_STORE, 0);
    assert_int_equal(store->offset, 400);
    assert_int_equal(store->size, 600);
    assert_true(store->zstd);
    assert_null(rig_said(&r, WORD_JOB, 0)); // not before the bytes are there
    rig_stored(&r);
    const struct word_job *job = &rig_said(&r, WORD_JOB, 0)->u.job;
    assert_int_equal(job->payload_size, 1000);
    assert_int_equal(job->deadline_ns, r.now + P2_SEC - 5 * P2_MS);
    assert_int_equal(job->block[17], 0x5a);
    uint32_t cell = job->cell;
    r.now += 30 * P2_MS;
    struct word done = rig_done(cell, P2_OK, 2000);
    done.u.done.queue_ns = 1 * P2_MS;
    done.u.done.processing_ns = 20 * P2_MS;
    done.u.done.kernel_ns = 15 * P2_MS;
    done.u.done.launch_ns_max = 20 * P2_MS; // as long as one may be
    done.u.done.allocations = 77;
    rig_word(&r, 0, done);
    assert_null(rig_note(&r, WORKER_NOTE_EXEC_SLOW, 0));
    const struct worker_action *send = rig_action(&r, WORKER_ACT_SEND_RESULT, 0);
    assert_int_equal(send->cell, cell);
    assert_int_equal(send->offset, 0);
    assert_int_equal(send->size, 2000);
    assert_int_equal(send->lane, 1 + P2_CLASS_INTERACTIVE);
    assert_true(send->zstd);
    const struct p2_msg_task_result *result = &send->u.msg.u.result;
    assert_int_equal(send->u.msg.kind, P2_MSG_TASK_RESULT);
    assert_int_equal(send->u.msg.stream, 5);
    assert_int_equal(result->payload_size, 2000);
    assert_int_equal(result->attempt, 1);
    assert_int_equal(result->times.transfer_ns, 5 * P2_MS);
    assert_int_equal(result->times.queue_ns, 1 * P2_MS);
    assert_int_equal(result->times.processing_ns, 20 * P2_MS);
    assert_int_equal(result->times.kernel_ns, 15 * P2_MS);
    assert_non_null(rig_note(&r, WORKER_NOTE_JOB_DONE, 0));
    struct worker_stats stats;
    worker_stats(r.w, &stats);
    assert_int_equal(stats.jobs, 0);
    assert_int_equal(stats.completed, 1);
    assert_int_equal(stats.payload_bytes, 1000);
    assert_int_equal(stats.result_bytes, 2000);
    assert_int_equal(stats.allocations, 77);
    rig_close(&r);
}

static void an_empty_result_is_one_record(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    rig_word(&r, 0, rig_done(rig_handed(&r, 1), P2_OK, 0));
    assert_int_equal(rig_action(&r, WORKER_ACT_SEND_RESULT, 0)->size, 0);
    assert_null(rig_action(&r, WORKER_ACT_SEND_RESULT, 1));
    assert_int_equal(live(&r), 0);
    rig_close(&r);
}

static void times_beyond_what_passed_are_cut(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    uint32_t cell = rig_handed(&r, 1);
    r.now += 10;
    struct word done = rig_done(cell, P2_OK, 1);
    done.u.done.queue_ns = 4;
    done.u.done.processing_ns = done.u.done.kernel_ns = INT64_MAX;
    rig_word(&r, 0, done);
    const struct p2_job_times *t = &rig_sent(&r, P2_MSG_TASK_RESULT, 0)->u.result.times;
    assert_int_equal(t->queue_ns, 4);
    assert_int_equal(t->processing_ns, 6);
    assert_int_equal(t->kernel_ns, 10);
    rig_close(&r);
}

// One job whose longest launch took so long; the note of it, or NULL.
static const struct worker_note *launched(struct rig *r, uint32_t stream, p2_ns took) {
    uint32_t cell = rig_handed(r, stream);
    r->now += P2_SEC / 2;
    struct word done = rig_done(cell, P2_OK, 1);
    done.u.done.launch_ns_max = took;
    rig_word(r, 0, done);
    return rig_note(r, WORKER_NOTE_EXEC_SLOW, 0);
}

static void launches_that_take_too_long_are_told_as_they_grow(void **state) {
    (void)state;
    struct rig r;
    struct worker_stats stats;
    open_joined(&r);
    assert_null(launched(&r, 1, 19 * P2_MS));
    const struct worker_note *n = launched(&r, 3, 40 * P2_MS);
    assert_non_null(n);
    assert_string_equal(n->text, "flip");
    assert_int_equal(n->value, 40000);
    assert_null(launched(&r, 5, 49 * P2_MS));
    assert_non_null(launched(&r, 7, 51 * P2_MS));
    assert_int_equal(launched(&r, 9, INT64_MAX)->value, 500000); // no longer than it had the job
    worker_stats(r.w, &stats);
    assert_int_equal(stats.launch_ns_max, P2_SEC / 2);
    rig_close(&r);
}

// A payload of eight records: windows open as bytes are stored, and only then.
static void windows_follow_what_is_stored(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    uint64_t size = 8 * P2_RECORD_PAYLOAD_MAX, limit = P2_STREAM_WINDOW, sent = 0;
    rig_msg(&r, rig_assign(1, size, 0));
    assert_null(rig_sent(&r, P2_MSG_WINDOW, 0));
    uint32_t windows = 0;
    while (sent < size) {
        assert_true(sent < limit); // else it would wait for ever
        rig_msg(&r, rig_chunk(1, sent, P2_RECORD_PAYLOAD_MAX));
        sent += P2_RECORD_PAYLOAD_MAX;
        assert_null(rig_sent(&r, P2_MSG_WINDOW, 0));
        rig_stored(&r);
        const struct p2_msg *w = rig_sent(&r, P2_MSG_WINDOW, 0);
        if (!w) continue;
        windows++;
        assert_int_equal(w->stream, 1);
        assert_int_equal(w->u.window.attempt, 1);
        assert_true(w->u.window.limit > limit && w->u.window.limit <= size);
        limit = w->u.window.limit;
    }
    assert_true(windows > 0);
    assert_non_null(rig_said(&r, WORD_JOB, 0));
    rig_close(&r);
}

static void bytes_beyond_the_window_are_a_fault(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    rig_msg(&r, rig_assign(1, 8 * P2_RECORD_PAYLOAD_MAX, 0));
    for (uint32_t i = 0; i < 4; i++) { // none of them stored
        rig_msg(&r, rig_chunk(1, (uint64_t)i * P2_RECORD_PAYLOAD_MAX, P2_RECORD_PAYLOAD_MAX));
        assert_null(rig_action(&r, WORKER_ACT_CLOSE, 0));
    }
    rig_msg(&r, rig_chunk(1, 4 * P2_RECORD_PAYLOAD_MAX, 1));
    assert_int_equal(rig_action(&r, WORKER_ACT_CLOSE, 0)->why, P2_ERR_TOO_LARGE);
    assert_int_equal(live(&r), 0);
    rig_close(&r);
}

static void broken_streams_are_faults(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct rig r;
        open_joined(&r);
        rig_msg(&r, rig_assign(1, 1000, 100));
        rig_stored(&r);
        struct p2_msg m = rig_chunk(1, 100, 100);
        if (i == 0) m = rig_chunk(1, 101, 100); // a gap
        if (i == 1) m = rig_chunk(1, 99, 100);  // an overlap
        if (i == 2) m = rig_chunk(1, 100, 901); // beyond the end
        if (i == 3) m = rig_chunk(1, 100, 0);   // nothing
        if (i == 4) m.u.chunk.attempt = 2;      // of an attempt never asked for
        if (i == 5) m = rig_assign(1, 10, 10);  // a stream in use
        if (i == 6) m = rig_assign(0, 10, 10);  // the connection's own stream
        if (i == 7) m = rig_assign(2, 10, 11);  // more than announced
        rig_msg(&r, m);
        assert_non_null(rig_action(&r, WORKER_ACT_CLOSE, 0));
        assert_int_equal(live(&r), 0);
        rig_close(&r);
    }
}

static void late_messages_find_nothing(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    rig_msg(&r, rig_chunk(9, 0, 10));
    assert_int_equal(r.out.count, 0);
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_WINDOW, .stream = 9});
    rig_msg(&r, rig_cancel(9));
    rig_msg(&r, rig_assign(1, 100, 10));
    struct p2_msg m = rig_cancel(1);
    m.u.cancel.attempt = 2; // another attempt's
    rig_msg(&r, m);
    assert_int_equal(live(&r), 1);
    struct worker_stats stats;
    worker_stats(r.w, &stats);
    assert_int_equal(stats.late_messages, 4);
    rig_close(&r);
}

static void bytes_that_do_not_decompress_fail_the_job(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    rig_msg(&r, rig_assign(1, 1000, 100));
    p2_handle job = rig_action(&r, WORKER_ACT_STORE, 0)->job;
    rig_step(&r, (struct worker_event){.kind = WORKER_STORED, .job = job, .why = P2_ERR_BAD_RECORD});
    const struct p2_msg_task_failure *f = &rig_sent(&r, P2_MSG_TASK_FAILURE, 0)->u.failure;
    assert_int_equal(f->code, P2_ERR_BAD_PAYLOAD);
    assert_false(f->retryable);
    rig_step(&r, (struct worker_event){.kind = WORKER_STORED, .job = job, .stored = 100}); // of a job that is gone
    assert_int_equal(r.out.count, 0);
    rig_msg(&r, rig_assign(2, 1000, 100));
    job = rig_action(&r, WORKER_ACT_STORE, 0)->job;
    rig_step(&r, (struct worker_event){.kind = WORKER_STORED, .job = job, .why = P2_ERR_IO}); // our own fault
    f = &rig_sent(&r, P2_MSG_TASK_FAILURE, 0)->u.failure;
    assert_int_equal(f->code, P2_ERR_INTERNAL);
    assert_true(f->retryable);
    rig_close(&r);
}

static void expired_jobs_never_start(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    rig_msg(&r, rig_assign(1, 100, 100)); // whole, but stored a moment too late
    p2_handle job = rig_action(&r, WORKER_ACT_STORE, 0)->job;
    rig_msg(&r, rig_assign(2, 100, 50)); // never whole
    assert_true(worker_next_ns(r.w) <= r.now + P2_SEC);
    r.now += P2_SEC;
    rig_step(&r, (struct worker_event){.kind = WORKER_STORED, .job = job, .stored = 100});
    assert_null(rig_said(&r, WORD_JOB, 0));
    for (uint32_t i = 0; i < 2; i++) {
        const struct p2_msg_task_failure *f = &rig_sent(&r, P2_MSG_TASK_FAILURE, i)->u.failure;
        assert_int_equal(f->code, P2_ERR_DEADLINE_EXCEEDED);
        assert_false(f->retryable);
    }
    assert_int_equal(live(&r), 0);
    rig_close(&r);
}

static void failures_say_whether_another_may_do_better(void **state) {
    (void)state;
    static const struct {
        enum p2_err said, told;
        bool retryable;
    } rows[] = {
        {P2_ERR_BAD_PAYLOAD, P2_ERR_BAD_PAYLOAD, false},
        {P2_ERR_BAD_PARAMETER, P2_ERR_BAD_PARAMETER, false},
        {P2_ERR_RESULT_TOO_LARGE, P2_ERR_RESULT_TOO_LARGE, false},
        {P2_ERR_EXECUTION_FAILED, P2_ERR_EXECUTION_FAILED, true},
        {P2_ERR_DEVICE_MEMORY, P2_ERR_DEVICE_MEMORY, true},
        {P2_ERR_INTERNAL, P2_ERR_INTERNAL, true},
        {P2_ERR_DEADLINE_EXCEEDED, P2_ERR_DEADLINE_EXCEEDED, false},
        {P2_ERR_CANCELLED, P2_ERR_INTERNAL, true}, // nobody asked for that
    };
    struct rig r;
    open_joined(&r);
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_word(&r, 0, rig_done(rig_handed(&r, i + 1), rows[i].said, 0));
        const struct p2_msg_task_failure *f = &rig_sent(&r, P2_MSG_TASK_FAILURE, 0)->u.failure;
        assert_int_equal(f->code, rows[i].told);
        assert_int_equal(f->retryable, rows[i].retryable);
        assert_true(p2_str_is(f->sentence, "as the executor says"));
    }
    assert_int_equal(live(&r), 0);
    rig_close(&r);
}

static void cancels_in_every_state(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    rig_msg(&r, rig_assign(1, 1000, 100)); // receiving
    rig_msg(&r, rig_cancel(1));
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_FAILURE, 0)->u.failure.code, P2_ERR_CANCELLED);
    assert_int_equal(live(&r), 0);

    uint32_t cell = rig_handed(&r, 2); // with the executor
    rig_msg(&r, rig_cancel(2));
    assert_int_equal(rig_said(&r, WORD_CANCEL, 0)->u.cell, cell);
    assert_null(rig_sent(&r, P2_MSG_TASK_FAILURE, 0)); // its slot is not free yet
    rig_msg(&r, rig_cancel(2));
    assert_null(rig_said(&r, WORD_CANCEL, 0));
    rig_msg(&r, rig_chunk(2, 0, 1)); // late
    assert_null(rig_action(&r, WORKER_ACT_CLOSE, 0));
    rig_word(&r, 0, rig_done(cell, P2_OK, 10)); // it was quicker: nobody wants it
    assert_null(rig_sent(&r, P2_MSG_TASK_RESULT, 0));
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_FAILURE, 0)->u.failure.code, P2_ERR_CANCELLED);
    assert_false(rig_sent(&r, P2_MSG_TASK_FAILURE, 0)->u.failure.retryable);
    assert_int_equal(live(&r), 0);

    rig_msg(&r, rig_assign(3, 400000, 0)); // sending, blocked by the window
    for (uint64_t at = 0; at < 400000; at += 50000) {
        rig_msg(&r, rig_chunk(3, at, 50000));
        rig_stored(&r);
    }
    rig_word(&r, 0, rig_done(rig_said(&r, WORD_JOB, 0)->u.job.cell, P2_OK, 400000));
    assert_int_equal(live(&r), 1);
    rig_msg(&r, rig_cancel(3));
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_FAILURE, 0)->u.failure.code, P2_ERR_CANCELLED);
    assert_int_equal(live(&r), 0);
    struct worker_stats stats;
    worker_stats(r.w, &stats);
    assert_int_equal(stats.cancelled, 3);
    assert_int_equal(stats.failed, 0);
    rig_close(&r);
}

static struct p2_msg recall(uint32_t stream) {
    struct p2_msg m = {.kind = P2_MSG_TASK_RECALL, .stream = stream};
    m.u.recall = (struct p2_msg_task_recall){.id = rig_id(stream), .attempt = 1};
    return m;
}

static void expect_recalled(const struct rig *r, uint32_t stream, bool returned) {
    const struct p2_msg *m = rig_sent(r, P2_MSG_TASK_RECALLED, 0);
    assert_non_null(m);
    assert_int_equal(m->stream, stream);
    assert_int_equal(m->u.recalled.attempt, 1);
    struct p2_id id = rig_id(stream);
    assert_true(p2_id_equal(&m->u.recalled.id, &id));
    assert_int_equal(m->u.recalled.returned, returned);
    assert_null(rig_sent(r, P2_MSG_TASK_RECALLED, 1));
}

static struct word done_returned(uint32_t cell) {
    struct word w = rig_done(cell, P2_ERR_CANCELLED, 0);
    w.u.done.returned = true;
    return w;
}

static void gives_back_what_has_not_started(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    rig_msg(&r, rig_assign(1, 1000, 100)); // receiving
    rig_msg(&r, recall(1));
    expect_recalled(&r, 1, true);
    assert_int_equal(live(&r), 0);
    rig_msg(&r, recall(1)); // there is no such job: nothing is said
    assert_int_equal(r.out.count, 0);

    uint32_t cell = rig_handed(&r, 2); // only its executor knows
    rig_msg(&r, recall(2));
    assert_int_equal(rig_said(&r, WORD_RECALL, 0)->u.cell, cell);
    assert_null(rig_sent(&r, P2_MSG_TASK_RECALLED, 0));
    rig_msg(&r, recall(2)); // it has been asked
    assert_int_equal(r.out.count, 0);
    rig_word(&r, 0, done_returned(cell));
    expect_recalled(&r, 2, true);
    assert_null(rig_sent(&r, P2_MSG_TASK_FAILURE, 0));
    assert_non_null(rig_note(&r, WORKER_NOTE_JOB_RETURNED, 0));
    assert_int_equal(live(&r), 0);
    struct worker_stats stats;
    worker_stats(r.w, &stats);
    assert_int_equal(stats.returned, 2);
    assert_int_equal(stats.cancelled + stats.failed, 0);
    rig_close(&r);
}

static void keeps_what_has_started(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    uint32_t cell = rig_handed(&r, 1);
    rig_msg(&r, recall(1));
    rig_word(&r, 0, (struct word){.kind = WORD_RUNS, .u.cell = cell});
    expect_recalled(&r, 1, false);
    rig_word(&r, 0, rig_done(cell, P2_OK, 10));
    assert_null(rig_sent(&r, P2_MSG_TASK_RECALLED, 0));
    assert_non_null(rig_sent(&r, P2_MSG_TASK_RESULT, 0));

    cell = rig_handed(&r, 2); // the result is quicker than the question
    rig_msg(&r, recall(2));
    rig_word(&r, 0, rig_done(cell, P2_OK, 10));
    expect_recalled(&r, 2, false);
    assert_non_null(rig_sent(&r, P2_MSG_TASK_RESULT, 0));
    assert_int_equal(live(&r), 0);

    cell = rig_handed(&r, 3);
    r.now += P2_SEC / 2;
    rig_msg(&r, recall(3));
    rig_word(&r, 0, rig_done(cell, P2_ERR_EXECUTION_FAILED, 0));
    expect_recalled(&r, 3, false);
    assert_non_null(rig_sent(&r, P2_MSG_TASK_FAILURE, 0));

    struct p2_msg m = rig_assign(4, 400000, 0); // sending, blocked by the window
    m.u.assign.deadline_ns = 5 * P2_SEC;
    rig_msg(&r, m);
    for (uint64_t at = 0; at < 400000; at += 50000) {
        rig_msg(&r, rig_chunk(4, at, 50000));
        rig_stored(&r);
    }
    rig_word(&r, 0, rig_done(rig_said(&r, WORD_JOB, 0)->u.job.cell, P2_OK, 400000));
    rig_msg(&r, recall(4));
    expect_recalled(&r, 4, false);
    assert_int_equal(live(&r), 1);
    rig_close(&r);
}

static void a_recalled_job_can_be_cancelled_or_lost(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    uint32_t cell = rig_handed(&r, 1);
    rig_msg(&r, recall(1));
    rig_msg(&r, rig_cancel(1));
    assert_int_equal(rig_said(&r, WORD_CANCEL, 0)->u.cell, cell);
    rig_word(&r, 0, done_returned(cell));
    assert_null(rig_sent(&r, P2_MSG_TASK_RECALLED, 0)); // the cancel is answered
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_FAILURE, 0)->u.failure.code, P2_ERR_CANCELLED);

    cell = rig_handed(&r, 2);
    rig_msg(&r, recall(2));
    rig_msg(&r, rig_cancel(2));
    rig_word(&r, 0, (struct word){.kind = WORD_RUNS, .u.cell = cell});
    assert_null(rig_sent(&r, P2_MSG_TASK_RECALLED, 0));
    assert_null(rig_action(&r, WORKER_ACT_KILL_EXEC, 0));
    rig_word(&r, 0, rig_done(cell, P2_ERR_CANCELLED, 0));

    cell = rig_handed(&r, 3);
    rig_msg(&r, recall(3));
    rig_step(&r, (struct worker_event){.kind = WORKER_LINK_DOWN, .why = P2_ERR_CONNECTION_LOST});
    assert_int_equal(rig_said(&r, WORD_CANCEL, 0)->u.cell, cell);
    rig_word(&r, 0, done_returned(cell));
    assert_null(rig_sent(&r, P2_MSG_TASK_RECALLED, 0));
    assert_int_equal(live(&r), 0);
    rig_close(&r);
}

static void an_executor_speaks_only_of_jobs_that_were_recalled(void **state) {
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct rig r;
        open_joined(&r);
        uint32_t cell = rig_handed(&r, 1);
        struct word w = {.kind = WORD_RUNS, .u.cell = i == 0 ? cell : i == 1 ? cell + 1 : UINT32_MAX};
        if (i == 3) w = done_returned(cell);
        rig_word(&r, 0, w);
        assert_non_null(rig_action(&r, WORKER_ACT_KILL_EXEC, 0));
        rig_close(&r);
    }
}

static void nobody_recalls_without_having_agreed(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    r.features = P2_FEATURE_ZSTD;
    rig_join(&r);
    rig_handed(&r, 1);
    rig_msg(&r, recall(1));
    assert_int_equal(rig_action(&r, WORKER_ACT_CLOSE, 0)->why, P2_ERR_UNEXPECTED_MESSAGE);
    rig_close(&r);
}

static void an_error_about_a_stream_ends_its_job_in_silence(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    uint32_t cell = rig_handed(&r, 1);
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_ERROR, .stream = 1, .u.error.code = P2_ERR_UNKNOWN_TASK});
    assert_non_null(rig_said(&r, WORD_CANCEL, 0));
    assert_null(rig_action(&r, WORKER_ACT_CLOSE, 0));
    rig_word(&r, 0, rig_done(cell, P2_ERR_CANCELLED, 0));
    assert_null(rig_sent(&r, P2_MSG_TASK_FAILURE, 0));
    assert_int_equal(live(&r), 0);
    rig_close(&r);
}

static void a_long_result_obeys_windows_and_room(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    uint64_t size = 500000;
    rig_msg(&r, rig_assign(1, size, 0));
    for (uint64_t at = 0; at < size; at += 50000) {
        rig_msg(&r, rig_chunk(1, at, 50000));
        rig_stored(&r);
    }
    uint32_t cell = rig_said(&r, WORD_JOB, 0)->u.job.cell;
    rig_word(&r, 0, rig_done(cell, P2_OK, size));
    uint64_t sent = 0;
    const struct worker_action *a;
    for (uint32_t i = 0; (a = rig_action(&r, WORKER_ACT_SEND_RESULT, i)); i++) {
        assert_int_equal(a->offset, sent);
        assert_int_equal(a->u.msg.kind, i == 0 ? P2_MSG_TASK_RESULT : P2_MSG_CHUNK);
        if (i > 0) assert_int_equal(a->u.msg.u.chunk.offset, sent);
        sent += a->size;
    }
    assert_int_equal(sent, P2_STREAM_WINDOW);
    // A bigger window, but room for two records only.
    rig_step(&r, (struct worker_event){.kind = WORKER_WRITABLE, .room = P2_RECORD_PAYLOAD_MAX + 1000});
    assert_null(rig_action(&r, WORKER_ACT_SEND_RESULT, 0));
    struct p2_msg window = {.kind = P2_MSG_WINDOW, .stream = 1, .u.window = {.limit = size + 99, .attempt = 1}};
    rig_msg(&r, window);
    assert_non_null(rig_action(&r, WORKER_ACT_SEND_RESULT, 1));
    assert_null(rig_action(&r, WORKER_ACT_SEND_RESULT, 2));
    assert_non_null(rig_action(&r, WORKER_ACT_WANT_ROOM, 0));
    sent += rig_action(&r, WORKER_ACT_SEND_RESULT, 0)->size + rig_action(&r, WORKER_ACT_SEND_RESULT, 1)->size;
    rig_tick_at(&r, r.now + 1);
    assert_null(rig_action(&r, WORKER_ACT_WANT_ROOM, 0)); // asked already
    rig_step(&r, (struct worker_event){.kind = WORKER_WRITABLE, .room = 1 << 20});
    for (uint32_t i = 0; (a = rig_action(&r, WORKER_ACT_SEND_RESULT, i)); i++) sent += a->size;
    assert_int_equal(sent, size);
    assert_int_equal(live(&r), 0);
    rig_close(&r);
}

static void the_best_class_is_sent_first(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    uint32_t cells[4];
    rig_step(&r, (struct worker_event){.kind = WORKER_WRITABLE, .room = 0});
    for (uint32_t i = 0; i < 4; i++) {
        struct p2_msg m = rig_assign(i + 1, 10, 10);
        m.u.assign.class_ = (enum p2_class)(3 - i);
        rig_msg(&r, m);
        rig_stored(&r);
        cells[i] = rig_said(&r, WORD_JOB, 0)->u.job.cell;
    }
    for (uint32_t i = 0; i < 4; i++) rig_word(&r, 0, rig_done(cells[i], P2_OK, 10));
    rig_step(&r, (struct worker_event){.kind = WORKER_WRITABLE, .room = 1 << 20});
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(rig_action(&r, WORKER_ACT_SEND_RESULT, i)->u.msg.stream, 4 - i);
        assert_int_equal(rig_action(&r, WORKER_ACT_SEND_RESULT, i)->lane, 1 + i);
    }
    rig_close(&r);
}

static void a_result_nobody_fetches_is_dropped(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    p2_ns taken = r.now;
    uint32_t cell = rig_handed(&r, 1);
    rig_step(&r, (struct worker_event){.kind = WORKER_WRITABLE, .room = 0});
    rig_word(&r, 0, rig_done(cell, P2_OK, 10));
    rig_tick_at(&r, taken + P2_SEC + r.config.watchdog_ns - 1);
    assert_int_equal(live(&r), 1);
    rig_tick_at(&r, taken + P2_SEC + r.config.watchdog_ns);
    assert_int_equal(live(&r), 0);
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_FAILURE, 0)->u.failure.code, P2_ERR_DEADLINE_EXCEEDED);
    rig_close(&r);
}

static void expect_too_late(const struct rig *r, uint32_t stream) {
    const struct p2_msg *f = rig_sent(r, P2_MSG_TASK_FAILURE, 0);
    assert_non_null(f);
    assert_int_equal(f->stream, stream);
    assert_int_equal(f->u.failure.code, P2_ERR_DEADLINE_EXCEEDED);
    assert_false(f->u.failure.retryable); // what came too late here would come too late elsewhere
    assert_null(rig_said(r, WORD_JOB, 0));
    assert_int_equal(live(r), 0);
}

static void a_job_that_expired_is_answered_and_never_handed_over(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    rig_msg(&r, rig_assign(1, 100, 50)); // the rest does not come
    rig_stored(&r);
    rig_run_until(&r, r.now + P2_SEC - 1);
    assert_int_equal(live(&r), 1);
    rig_tick_at(&r, r.now + 1);
    expect_too_late(&r, 1);
    rig_msg(&r, rig_assign(2, 100, 50)); // the rest comes at the very moment
    rig_stored(&r);
    r.now += P2_SEC;
    rig_msg(&r, rig_chunk(2, 50, 50));
    if (!rig_sent(&r, P2_MSG_TASK_FAILURE, 0)) rig_stored(&r);
    expect_too_late(&r, 2);
    rig_msg(&r, rig_assign(3, 100, 100)); // all is here, but stored too late
    r.now += P2_SEC;
    rig_stored(&r);
    expect_too_late(&r, 3);
    rig_close(&r);
}

static void no_deadline_is_longer_than_the_peers_own(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    struct p2_msg m = rig_assign(1, 0, 0);
    m.u.assign.deadline_ns = P2_NEVER;
    rig_msg(&r, m);
    assert_int_equal(rig_said(&r, WORD_JOB, 0)->u.job.deadline_ns, r.now + r.config.job_ns_max);
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_it_cannot_do),
        cmocka_unit_test(refuses_what_fits_no_cell_or_device),
        cmocka_unit_test(refuses_more_than_its_cells_and_uses_another_device_first),
        cmocka_unit_test(accepts_an_alias_and_any_version),
        cmocka_unit_test(a_small_job_from_assign_to_result),
        cmocka_unit_test(an_empty_result_is_one_record),
        cmocka_unit_test(times_beyond_what_passed_are_cut),
        cmocka_unit_test(launches_that_take_too_long_are_told_as_they_grow),
        cmocka_unit_test(windows_follow_what_is_stored),
        cmocka_unit_test(bytes_beyond_the_window_are_a_fault),
        cmocka_unit_test(broken_streams_are_faults),
        cmocka_unit_test(late_messages_find_nothing),
        cmocka_unit_test(bytes_that_do_not_decompress_fail_the_job),
        cmocka_unit_test(expired_jobs_never_start),
        cmocka_unit_test(failures_say_whether_another_may_do_better),
        cmocka_unit_test(cancels_in_every_state),
        cmocka_unit_test(gives_back_what_has_not_started),
        cmocka_unit_test(keeps_what_has_started),
        cmocka_unit_test(a_recalled_job_can_be_cancelled_or_lost),
        cmocka_unit_test(an_executor_speaks_only_of_jobs_that_were_recalled),
        cmocka_unit_test(nobody_recalls_without_having_agreed),
        cmocka_unit_test(an_error_about_a_stream_ends_its_job_in_silence),
        cmocka_unit_test(a_long_result_obeys_windows_and_room),
        cmocka_unit_test(the_best_class_is_sent_first),
        cmocka_unit_test(a_result_nobody_fetches_is_dropped),
        cmocka_unit_test(a_job_that_expired_is_answered_and_never_handed_over),
        cmocka_unit_test(no_deadline_is_longer_than_the_peers_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
