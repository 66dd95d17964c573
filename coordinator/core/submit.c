#include "submit.h"

#include "coordinator/core/forecast.h"
#include "coordinator/core/state.h"

static bool refused(struct admission *a, enum coord_why why, enum p2_err code, const char *text) {
    a->refusal = (struct refusal){why, code, text, 0};
    return false;
}

static void tell_refusal(struct coord *c, const struct session *s, uint32_t stream, const struct p2_msg_task_submit *m,
                         const struct refusal *r) {
    const char *text = r->text ? r->text : p2_err_sentence(r->code);
    bool later = p2_err_retryable(r->code);
    p2_ns after = r->retry_after_ns ? r->retry_after_ns : c->limits.retry_after_ns;
    stats_task_moved(&c->stats, TASK_NEW, TASK_REFUSED);
    struct coord_note *n = coord_note_add(c, NOTE_TASK);
    n->to = TASK_REFUSED;
    n->why = r->why;
    n->code = r->code;
    n->task = m->id;
    n->text = p2_str(text);
    struct p2_msg answer = {.kind = P2_MSG_TASK_ENDED, .stream = stream};
    answer.u.ended = (struct p2_msg_task_ended){.id = m->id,
                                                .code = r->code,
                                                .retryable = later,
                                                .retry_after_ns = later ? after : 0,
                                                .sentence = p2_str(text)};
    session_send(c, s, 0, &answer);
}

static bool well_formed(const struct p2_msg_task_submit *m, bool whole) {
    if ((unsigned)m->class_ >= P2_CLASSES || m->deadline_ns < 0 || p2_id_is_zero(&m->id)) return false;
    if (m->raw_size > m->payload_size || (whole && m->raw_size != m->payload_size)) return false;
    if (m->raw_size == 0) return m->payload.size == 0;
    return relay_piece_wrong(&m->payload, m->raw_size, m->payload_zstd) == P2_OK;
}

static bool find_type(struct coord *c, const struct p2_msg_task_submit *m, struct admission *a) {
    for (a->type = 0; a->type < c->type_count && !p2_task_type_is(c->types[a->type].type, m->type);) a->type++;
    if (a->type == c->type_count) {
        const char *name = coord_text(c, m->type);
        const char *text = p2_arena_printf(&c->out->texts, "no task type is called '%.64s'", name);
        return refused(a, WHY_BAD_REQUEST, P2_ERR_UNKNOWN_TYPE, text);
    }
    const struct p2_task_type *type = c->types[a->type].type;
    if (m->version != 0 && m->version != type->version) {
        a->unmet = (struct unmet_row){.type = a->type, .version = m->version, .missing = P2_MISSING_TYPE};
        return refused(a, WHY_NO_PEER, P2_ERR_NO_CAPABLE_PEER, unmet_sentence(c, &a->unmet, 0));
    }
    return true;
}

static uint32_t weight_of(const struct p2_msg_task_submit *m) {
    uint32_t percent = m->weight_percent;
    return !percent ? 100 : percent < P2_WEIGHT_MIN ? P2_WEIGHT_MIN : percent;
}

// Who is fast and who is idle soon is told from units: a client that knows what its rows are like makes them better.
// Size classes stay as they are: limits and timeouts are nobody's word.
static void weigh(struct p2_task_cost *cost, uint32_t percent) {
    uint64_t units = cost->units < UINT64_MAX / P2_WEIGHT_MAX ? cost->units * percent / 100 : cost->units;
    cost->units = units ? units : 1;
}

static bool prepare(struct coord *c, const struct p2_msg_task_submit *m, struct admission *a) {
    const struct p2_task_type *type = c->types[a->type].type;
    _Alignas(16) uint8_t block[P2_BLOCK_MAX];
    char storage[P2_TEXT_MAX];
    struct p2_strbuf why;
    p2_strbuf_init(&why, storage, sizeof storage);
    if (m->payload_size > P2_TASK_PAYLOAD_MAX || m->payload_size > type->payload_bytes_max) {
        const char *text = p2_arena_printf(&c->out->texts, "a payload of %s has at most %llu bytes", type->name,
                                           (unsigned long long)type->payload_bytes_max);
        return refused(a, WHY_BAD_REQUEST, P2_ERR_TOO_LARGE, text);
    }
    enum p2_err e = type->prepare(&m->params, m->payload_size, block, &a->cost, &why);
    if (e != P2_OK) {
        const char *text = why.size ? coord_text(c, (struct p2_str){why.text, (uint32_t)why.size}) : NULL;
        return refused(a, WHY_BAD_REQUEST, e, text);
    }
    if (a->cost.result_bytes_max > P2_TASK_PAYLOAD_MAX) a->cost.result_bytes_max = P2_TASK_PAYLOAD_MAX;
    weigh(&a->cost, weight_of(m));
    return true;
}

static bool blobs_here(struct coord *c, const struct p2_msg_task_submit *m, struct admission *a) {
    const struct p2_task_type *type = c->types[a->type].type;
    if (m->blob_count > type->blobs_max) {
        const char *text = p2_arena_printf(&c->out->texts, "a task of %s refers to at most %u blobs", type->name,
                                           (unsigned)type->blobs_max);
        return refused(a, WHY_BAD_REQUEST, P2_ERR_BAD_PARAMETER, text);
    }
    const struct p2_digest *missing = blob_missing(c, m);
    if (!missing) return true;
    char digits[P2_DIGEST_TEXT];
    p2_digest_text(missing, digits);
    const char *text = p2_arena_printf(&c->out->texts, "blob %s is not here: bring it first", digits);
    return refused(a, WHY_BLOB, P2_ERR_BLOB_MISSING, text);
}

static bool capable(struct coord *c, struct admission *a) {
    a->unmet = unmet_of(c, a->type, &a->cost);
    return a->unmet.missing == P2_MISSING_NONE ||
           refused(a, WHY_NO_PEER, P2_ERR_NO_CAPABLE_PEER, unmet_sentence(c, &a->unmet, a->cost.device_bytes));
}

static uint64_t at_most(uint64_t bytes, uint64_t ceiling) { return bytes < ceiling ? bytes : ceiling; }

bool submit_possible(struct coord *c, const struct p2_msg_task_submit *m, struct admission *a) {
    if (c->draining) return refused(a, WHY_DRAINING, P2_ERR_DRAINING, NULL);
    if (!find_type(c, m, a) || !prepare(c, m, a) || !blobs_here(c, m, a) || !capable(c, a)) return false;
    uint64_t window = c->limits.stream_window_bytes;
    a->work_ns = estimate_run(c, a->type, &a->cost);
    a->demand =
        (struct demand){.class_ = m->class_,
                        .series = m->series,
                        .payload_bytes = m->payload_size,
                        .reserved_bytes = at_most(m->payload_size, window) + at_most(a->cost.result_bytes_max, window),
                        .device_ns = a->work_ns};
    return true;
}

static bool check(struct coord *c, struct client *cl, const struct p2_msg_task_submit *m, struct admission *a) {
    table_task_prefetch(c, cl, &m->id);
    bool possible = submit_possible(c, m, a);
    if (!c->draining && table_task_known(c, cl, &m->id) != P2_NO_SLOT) {
        a->unmet = (struct unmet_row){.missing = P2_MISSING_NONE};
        return refused(a, WHY_DUPLICATE, P2_ERR_DUPLICATE_TASK, NULL);
    }
    return possible && admit(c, cl, &a->demand, &a->refusal);
}

static void take_payload(struct coord *c, struct task *t, const struct p2_msg_task_submit *m,
                         const struct p2_slice *payload) {
    struct course *co = course_have(c, t);
    t->keep = m->payload_size <= P2_STREAM_WINDOW;
    if (!m->raw_size) return;
    const struct piece first = {*payload, 0, m->raw_size, m->payload_zstd};
    P2_CHECK(p2_inflow_take(&co->in, 1, 0, m->raw_size) == P2_OK);
    P2_CHECK(spool_push(&t->cargo->payload, c->pool, &first) == P2_OK); // the first lies inside: it needs no memory
}

// A slice of a batch's bytes would hold all of them for as long as this task lives: its part is copied out. Gives one
// reference. False: the pool's ceiling.
static bool own_payload(struct coord *c, const struct p2_slice *from, struct p2_slice *out) {
    *out = *from;
    if (!from->blob) return true;
    if (from->blob->size <= 2 * from->size) {
        p2_blob_ref(from->blob);
        return true;
    }
    *out = (struct p2_slice){.blob = p2_blob_new(c->pool, from->size), .size = from->size};
    if (!out->blob) return false;
    memcpy(out->blob->data, p2_slice_data(from), from->size);
    return true;
}

p2_ns submit_deadline(const struct coord *c, const struct p2_msg_task_submit *m, const struct admission *a) {
    p2_ns span = m->deadline_ns ? m->deadline_ns : p2_task_patience(a->cost.timeout_prior_ns);
    return p2_ns_add(c->now, p2_ns_min(span, c->limits.deadline_ns_max));
}

static struct task *create(struct coord *c, struct client *cl, uint32_t stream, const struct p2_msg_task_submit *m,
                           const struct admission *a) {
    struct p2_slice payload;
    struct cargo *cargo;
    if (!own_payload(c, &m->payload, &payload)) return NULL;
    if (!cargo_load(c, m, &cargo)) {
        p2_blob_unref(payload.blob);
        return NULL;
    }
    p2_handle h;
    struct task *t = p2_slab_alloc(&c->tasks, &h);
    P2_CHECK(t); // there was room
    t->client = (uint32_t)cl->self;
    t->id = m->id;
    t->stream = stream;
    t->weight_percent = (uint16_t)weight_of(m);
    t->type = (uint8_t)a->type;
    t->class_ = (uint8_t)m->class_;
    t->series = m->series;
    t->cargo = cargo;
    t->cost = a->cost;
    t->reserved_bytes = (uint32_t)a->demand.reserved_bytes;
    t->work_us = (uint32_t)p2_ns_min((a->work_ns + P2_US - 1) / P2_US, UINT32_MAX);
    t->accepted_ns = c->now;
    t->deadline_ns = submit_deadline(c, m, a);
    t->arrival = c->arrivals++;
    P2_CHECK(task_link(c, cl, t)); // the id and the stream were free
    take_payload(c, t, m, &payload);
    p2_blob_unref(payload.blob); // the spool holds its own reference
    return t;
}

static void accept(struct coord *c, struct session *s, struct task *t, const struct p2_msg_task_submit *submit) {
    const struct forecast_of of = {t->type, submit->class_, t->deadline_ns, &t->cost};
    const struct forecast f = forecast(c, client_of(c, s), &of);
    t->unready = !task_payload_ready(c, t);
    task_await(c, t);
    task_move(c, t, TASK_QUEUED, WHY_SUBMITTED, P2_OK);
    budget_earn(&c->retries);
    budget_earn(&c->hedges);
    sched_task_waits(c, t);
    task_tell_accepted(c, t, f.ahead, f.p50_ns);
    memo_begin(c, t, submit);
    relay_grant_payload(c, t);
}

bool submit_one(struct coord *c, struct session *s, uint32_t stream, const struct p2_msg_task_submit *m, bool whole) {
    struct client *cl = client_of(c, s);
    if (!well_formed(m, whole)) {
        session_end(c, s, WHY_NONE, P2_ERR_BAD_MESSAGE, "a submission whose fields contradict each other");
        return false;
    }
    if (stream == 0 || task_by_stream(c, cl, stream) || upload_of(c, cl, stream)) {
        session_end(c, s, WHY_NONE, P2_ERR_UNEXPECTED_MESSAGE, "a submission on a stream that is in use or 0");
        return false;
    }
    if (stream > cl->stream_max) cl->stream_max = stream;
    resume_forget(c, cl); // what it still wanted of an earlier connection it has said before
    struct admission a = {.type = 0};
    struct task *t = NULL;
    if (check(c, cl, m, &a)) {
        t = create(c, cl, stream, m, &a);
        if (!t) refused(&a, WHY_MEMORY, P2_ERR_OVERLOADED, "no memory left for this task");
    }
    if (t) {
        accept(c, s, t, m);
    } else {
        unmet_add(c, &a.unmet);
        tell_refusal(c, s, stream, m, &a.refusal);
    }
    return true;
}
