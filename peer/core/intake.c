// Jobs on their way in: what is refused, the payload into its cell, the word to the executor.
#include <string.h>

#include "base/check.h"
#include "base/strbuf.h"
#include "peer/core/state.h"

// Why a job is not taken. err P2_OK: it is.
struct verdict {
    enum p2_err err;
    bool retryable; // may another peer do better?
    const char *text;
};

static struct verdict no(enum p2_err err, bool retryable, const char *text) {
    return (struct verdict){err, retryable, text};
}

static void refuse(struct worker *w, const struct p2_msg *m, const struct verdict *v) {
    const struct p2_msg_task_assign *a = &m->u.assign;
    struct p2_msg answer = {.kind = P2_MSG_TASK_FAILURE, .stream = m->stream};
    answer.u.failure = (struct p2_msg_task_failure){
        .id = a->id, .attempt = a->attempt, .code = v->err, .retryable = v->retryable, .sentence = p2_str(v->text)};
    worker_send(w, &answer, 1 + (unsigned)a->class_);
    struct worker_note *n = worker_note(w, WORKER_NOTE_JOB_REFUSED);
    n->id = a->id;
    n->attempt = a->attempt;
    n->code = v->err;
    n->text = v->text;
    w->stats.refused++;
}

static const struct p2_task_type *type_of(const struct worker *w, const struct p2_msg_task_assign *a) {
    for (uint32_t i = 0; i < w->config.type_count; i++) {
        const struct p2_task_type *t = w->config.types[i];
        if (p2_task_type_is(t, a->type) && (a->version == 0 || a->version == t->version)) return t;
    }
    return NULL;
}

// What keeps an executor from taking a job of this type and cost; P2_OK when nothing does.
static enum p2_err hindrance(const struct worker *w, uint32_t exec, const struct job *j) {
    const struct exec *e = &w->execs[exec];
    if (!worker_exec_offers(w, exec, j->type)) return P2_ERR_NO_CAPABLE_PEER;
    if (e->device.memory_bytes && j->cost.device_bytes > e->device.memory_bytes) return P2_ERR_DEVICE_MEMORY;
    return e->cells_free ? P2_OK : P2_ERR_OVERLOADED;
}

// The device asked for, or another that can: its executor may have gone while the message was on its way.
static enum p2_err place(const struct worker *w, uint32_t device, struct job *j) {
    enum p2_err why = device < w->config.device_count ? hindrance(w, device, j) : P2_ERR_NO_CAPABLE_PEER;
    j->exec = device;
    for (uint32_t i = 0; why && i < w->config.device_count; i++) {
        if (hindrance(w, i, j) != P2_OK) continue;
        j->exec = i;
        why = P2_OK;
    }
    if (!why) j->cell = (uint32_t)__builtin_ctzll(w->execs[j->exec].cells_free);
    return why;
}

static struct verdict prepare(struct worker *w, const struct p2_msg_task_assign *a, struct job *j) {
    char *storage = p2_arena_alloc(&w->arena, P2_TEXT_MAX);
    P2_CHECK(storage != NULL);
    struct p2_strbuf why;
    p2_strbuf_init(&why, storage, P2_TEXT_MAX);
    enum p2_err err = j->type->prepare(&a->params, a->payload_size, j->block, &j->cost, &why);
    worker_text_clean(storage, P2_TEXT_MAX, storage); // it may quote the parameters
    return no(err, false, *storage ? storage : p2_err_sentence(err));
}

// Fills what there is to know of a job before it is taken. Retryable is what a peer with other limits, another build
// or more room may accept.
static struct verdict examine(struct worker *w, const struct p2_msg_task_assign *a, struct job *j) {
    if (w->draining) return no(P2_ERR_DRAINING, true, "the peer is about to stop");
    if (a->deadline_ns <= 0) return no(P2_ERR_DEADLINE_EXCEEDED, false, "there was no time left when it came");
    j->type = type_of(w, a);
    if (!j->type) return no(P2_ERR_UNKNOWN_TYPE, true, "this peer does not know that type in that version");
    if (a->payload_size > j->type->payload_bytes_max)
        return no(P2_ERR_TOO_LARGE, false, "the type takes no such payload");
    if (a->blob_count > j->type->blobs_max) return no(P2_ERR_BAD_PARAMETER, false, "the type takes fewer blobs");
    if (a->blob_count && !w->config.blob_budget_bytes) return no(P2_ERR_OVERLOADED, true, "this peer keeps no blobs");
    uint64_t cell = w->config.cell_bytes;
    if (a->payload_size > cell) return no(P2_ERR_TOO_LARGE, true, "the payload is larger than this peer accepts");
    struct verdict v = prepare(w, a, j);
    if (v.err) return v;
    if (j->cost.result_bytes_max > cell)
        return no(P2_ERR_TOO_LARGE, true, "the result may be larger than this peer returns");
    switch (place(w, a->device, j)) {
    case P2_OK: return no(P2_OK, false, NULL);
    case P2_ERR_DEVICE_MEMORY: return no(P2_ERR_DEVICE_MEMORY, true, "the device has too little memory for this job");
    case P2_ERR_OVERLOADED: return no(P2_ERR_OVERLOADED, true, "every cell of this peer is taken");
    default: return no(P2_ERR_NO_CAPABLE_PEER, true, "no device of this peer offers that type now");
    }
}

static void hand(struct worker *w, struct job *j) {
    j->times.transfer_ns = w->now - j->taken_ns;
    if (w->now >= j->deadline_ns) {
        worker_job_fail(w, j, P2_ERR_DEADLINE_EXCEEDED, "the payload was whole too late");
        return;
    }
    struct word_job *word = &worker_word(w, j->exec, WORD_JOB)->u.job;
    word->cell = j->cell;
    word->type_version = j->type->version;
    P2_CHECK(strlen(j->type->name) < sizeof word->type);
    memcpy(word->type, j->type->name, strlen(j->type->name));
    word->payload_size = j->in.size;
    word->deadline_ns = j->deadline_ns;
    memcpy(word->block, j->block, sizeof word->block);
    worker_blobs_fill(w, j, word);
    worker_job_move(w, j, JOB_HANDED);
}

void worker_job_hand_if_whole(struct worker *w, struct job *j) {
    if (j->stored == j->in.size && worker_blobs_ready(w, j)) hand(w, j);
}

// Part of a payload as a record carries it.
struct part {
    uint32_t attempt;
    uint64_t offset;
    uint32_t raw_size;
    bool zstd;
    struct p2_slice slice;
};

static void take(struct worker *w, struct job *j, const struct part *p) {
    uint32_t raw = p->zstd ? p->raw_size : p->slice.size;
    if (raw > P2_RECORD_PAYLOAD_MAX) {
        worker_link_fault(w, P2_ERR_BAD_MESSAGE, "more bytes than a record may carry");
        return;
    }
    enum p2_err err = p2_inflow_take(&j->in, p->attempt, p->offset, raw);
    if (err == P2_ERR_NOT_FOUND) {
        w->stats.late_messages++;
        return;
    }
    if (err) {
        worker_link_fault(w, err, "payload bytes out of order or beyond what was granted");
        return;
    }
    w->stats.payload_bytes += raw;
    struct worker_action *a = worker_act(w, WORKER_ACT_STORE);
    a->exec = j->exec;
    a->cell = j->cell;
    a->offset = p->offset;
    a->size = raw;
    a->zstd = p->zstd;
    a->job = j->self;
    a->u.slice = p->slice;
}

void worker_job_assign(struct worker *w, const struct p2_msg *m) {
    const struct p2_msg_task_assign *a = &m->u.assign;
    if (m->stream == 0 || (unsigned)a->class_ >= P2_CLASSES || a->payload_size > P2_TASK_PAYLOAD_MAX) {
        worker_link_fault(w, P2_ERR_BAD_MESSAGE, "a job on stream 0 or with values out of range");
        return;
    }
    if (worker_job_of_stream(w, m->stream)) {
        worker_link_fault(w, P2_ERR_UNEXPECTED_MESSAGE, "a second job on one stream");
        return;
    }
    p2_handle self;
    struct job *j = p2_slab_alloc(&w->jobs, &self);
    struct verdict v = examine(w, a, j ? j : &w->spare);
    if (v.err) {
        refuse(w, m, &v);
        if (j) p2_slab_free(&w->jobs, self);
        return;
    }
    P2_CHECK(j != NULL); // as many as cells
    j->stream = m->stream;
    j->id = a->id;
    j->attempt = a->attempt;
    j->class_ = a->class_;
    j->deadline_ns = p2_ns_add(w->now, p2_ns_min(a->deadline_ns, w->config.job_ns_max));
    worker_job_settle(w, j, self);
    worker_job_note(w, WORKER_NOTE_JOB_TAKEN, j)->value = (int64_t)a->payload_size;
    p2_inflow_begin(&j->in, a->attempt, a->payload_size, P2_STREAM_WINDOW);
    if (worker_blobs_take(w, j, a) != P2_OK) {
        worker_job_fail(w, j, P2_ERR_OVERLOADED, "this peer has no room for the blobs of this job");
    } else if (a->payload_size == 0 && a->payload.size == 0) {
        worker_job_hand_if_whole(w, j);
    } else if (a->payload.size > 0) {
        take(w, j, &(struct part){a->attempt, 0, a->raw_size, a->payload_zstd, a->payload});
    }
}

void worker_job_chunk(struct worker *w, const struct p2_msg *m) {
    const struct p2_msg_chunk *c = &m->u.chunk;
    if (worker_blob_chunk(w, m)) return;
    struct job *j = worker_job_of_stream(w, m->stream);
    if (!j || j->state == JOB_CANCELLING) {
        w->stats.late_messages++; // of a job refused, failed or cancelled while they were on their way
        return;
    }
    take(w, j, &(struct part){c->attempt, c->offset, c->raw_size, c->payload_zstd, c->payload});
}

void worker_job_stored(struct worker *w, const struct worker_event *ev) {
    struct job *j = p2_slab_get(&w->jobs, ev->job);
    if (!j || j->state != JOB_RECEIVING) return;
    if (ev->why) {
        bool ours = ev->why == P2_ERR_IO || ev->why == P2_ERR_NO_MEMORY;
        worker_job_fail(w, j, ours ? P2_ERR_INTERNAL : P2_ERR_BAD_PAYLOAD,
                        ours ? "the payload could not be stored" : "the payload does not decompress");
        return;
    }
    j->stored += ev->stored;
    P2_CHECK(j->stored <= j->in.have);
    if (j->stored == j->in.size) {
        worker_job_hand_if_whole(w, j);
        return;
    }
    uint64_t limit = p2_inflow_grant(&j->in, j->stored, w->config.window_bytes);
    if (!limit || P2_CANARY(window_peer)) return;
    struct p2_msg m = {.kind = P2_MSG_WINDOW, .stream = j->stream, .u.window = {.limit = limit, .attempt = j->attempt}};
    worker_send(w, &m, 0);
}
