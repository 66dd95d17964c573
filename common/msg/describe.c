#include <inttypes.h>

#include "base/decimal.h"
#include "msg.h"

#define SHOWN_MAX 64 // bytes shown of any one text

// Text from a remote: quoted, on one line, only printable ASCII.
static void add_text(struct p2_strbuf *out, const char *key, struct p2_str text) {
    p2_strbuf_printf(out, " %s=\"", key);
    for (uint32_t i = 0; i < text.n && i < SHOWN_MAX; i++) {
        bool plain = text.p[i] >= ' ' && text.p[i] <= '~' && text.p[i] != '"' && text.p[i] != '\\';
        p2_strbuf_add(out, plain ? &text.p[i] : "?", 1);
    }
    p2_strbuf_printf(out, text.n > SHOWN_MAX ? "...\"" : "\"");
}

static void add_id(struct p2_strbuf *out, const char *key, const struct p2_id *id) {
    char text[P2_ID_TEXT];
    p2_id_text(id, text);
    p2_strbuf_printf(out, " %s=%s", key, text);
}

static void add_number(struct p2_strbuf *out, const char *key, uint64_t n) {
    p2_strbuf_printf(out, " %s=%" PRIu64, key, n);
}

// Milliseconds to the microsecond, which is what the wire carries.
static void add_span(struct p2_strbuf *out, const char *key, p2_ns span) {
    if (span == P2_NEVER) {
        p2_strbuf_printf(out, " %s=never", key);
        return;
    }
    uint64_t us = p2_ns_to_us(span);
    p2_strbuf_printf(out, us % 1000 ? " %s=%" PRIu64 ".%03ums" : " %s=%" PRIu64 "ms", key, us / 1000,
                     (unsigned)(us % 1000));
}

static void add_flag(struct p2_strbuf *out, const char *name, bool set) {
    if (set) p2_strbuf_printf(out, " %s", name);
}

// "payload=65536/200000": bytes carried by this record, of the whole.
static void add_payload(struct p2_strbuf *out, uint32_t raw_size, uint64_t whole, bool zstd) {
    p2_strbuf_printf(out, " payload=%u/%" PRIu64 "%s", raw_size, whole, zstd ? " zstd" : "");
}

static void add_times(struct p2_strbuf *out, const struct p2_job_times *t) {
    add_span(out, "transfer", t->transfer_ns);
    add_span(out, "peer_queue", t->queue_ns);
    add_span(out, "processing", t->processing_ns);
    add_span(out, "kernel", t->kernel_ns);
}

static void add_error(struct p2_strbuf *out, enum p2_err code, bool retryable, struct p2_str sentence) {
    p2_strbuf_printf(out, " code=%s", p2_err_name(code));
    add_flag(out, "retryable", retryable);
    if (sentence.n) add_text(out, "sentence", sentence);
}

static void add_param(struct p2_strbuf *out, const struct p2_param *p) {
    char name[P2_PARAM_NAME_MAX + 1];
    uint32_t n = p->name.n < P2_PARAM_NAME_MAX ? p->name.n : P2_PARAM_NAME_MAX;
    for (uint32_t i = 0; i < n; i++) name[i] = p->name.p[i] > ' ' && p->name.p[i] <= '~' ? p->name.p[i] : '?';
    name[n] = 0;
    if (p->kind == P2_PARAM_TEXT) {
        add_text(out, name, p->value.text);
        return;
    }
    bool whole = p->kind == P2_PARAM_INT || p->kind == P2_PARAM_INTS;
    p2_strbuf_printf(out, " %s=", name);
    for (uint32_t i = 0; i < p->count && i < P2_PARAM_ITEMS_MAX; i++) {
        if (i > 0) p2_strbuf_add(out, ",", 1);
        if (whole) p2_strbuf_printf(out, "%" PRId64, p->value.ints[i]);
        if (!whole) p2_decimal_print(out, "%g", p->value.reals[i]);
    }
}

// How many, and the first of them.
static void add_digests(struct p2_strbuf *out, const char *key, const struct p2_digest *digests, uint32_t count) {
    add_number(out, key, count);
    if (count == 0) return;
    char text[P2_DIGEST_TEXT];
    p2_digest_text(&digests[0], text);
    p2_strbuf_printf(out, " first=%s", text);
}

static void add_digest(struct p2_strbuf *out, const struct p2_digest *d) {
    char text[P2_DIGEST_TEXT];
    p2_digest_text(d, text);
    p2_strbuf_printf(out, " digest=%s", text);
}

static void add_submit(struct p2_strbuf *out, const struct p2_msg_task_submit *s) {
    add_id(out, "id", &s->id);
    add_text(out, "type", s->type);
    if (s->version) add_number(out, "version", s->version);
    p2_strbuf_printf(out, " class=%s", p2_class_name(s->class_));
    if (s->deadline_ns) add_span(out, "deadline", s->deadline_ns);
    add_flag(out, "no_cache", s->no_cache);
    if (s->series) add_number(out, "series", s->series);
    if (s->weight_percent) add_number(out, "weight", s->weight_percent);
    add_flag(out, "refresh", s->refresh);
    add_flag(out, "private", s->private_);
    if (s->blob_count) add_digests(out, "blobs", s->blobs, s->blob_count);
    add_payload(out, s->raw_size, s->payload_size, s->payload_zstd);
    for (uint32_t i = 0; i < s->params.count; i++) add_param(out, &s->params.items[i]);
}

static void add_assign(struct p2_strbuf *out, const struct p2_msg_task_assign *a) {
    add_id(out, "id", &a->id);
    add_number(out, "attempt", a->attempt);
    add_text(out, "type", a->type);
    add_number(out, "version", a->version);
    add_number(out, "device", a->device);
    p2_strbuf_printf(out, " class=%s", p2_class_name(a->class_));
    add_span(out, "deadline", a->deadline_ns);
    if (a->blob_count) add_digests(out, "blobs", a->blobs, a->blob_count);
    add_payload(out, a->raw_size, a->payload_size, a->payload_zstd);
    for (uint32_t i = 0; i < a->params.count; i++) add_param(out, &a->params.items[i]);
}

static void add_result(struct p2_strbuf *out, const struct p2_msg_task_result *r) {
    add_id(out, "id", &r->id);
    add_number(out, "attempt", r->attempt);
    add_payload(out, r->raw_size, r->payload_size, r->payload_zstd);
    add_times(out, &r->times);
}

static void add_delivery(struct p2_strbuf *out, const struct p2_msg_result_delivery *d) {
    add_id(out, "id", &d->id);
    add_number(out, "attempt", d->attempt);
    add_id(out, "peer", &d->peer);
    add_flag(out, "cached", d->cached);
    add_payload(out, d->raw_size, d->payload_size, d->payload_zstd);
    add_span(out, "queue", d->queue_ns);
    add_span(out, "latency", d->latency_ns);
    add_span(out, "rtt", d->peer_rtt_ns);
    add_times(out, &d->times);
}

static void add_register(struct p2_strbuf *out, const struct p2_msg_peer_register *r) {
    p2_strbuf_printf(out, " slots=%u queue_depth=%u cores=%u", r->slots, r->queue_depth, r->cpu_cores);
    add_flag(out, "instance", !p2_id_is_zero(&r->instance)); // whose it is, nobody else need know
    for (uint32_t i = 0; i < r->device_count; i++) add_text(out, "device", r->devices[i].name);
    for (uint32_t i = 0; i < r->offer_count; i++) {
        const struct p2_msg_offer *o = &r->offers[i];
        add_text(out, "offer", o->type);
        p2_strbuf_printf(out, "/%u@%u:%" PRIu64, o->version, o->device, o->units_per_second);
    }
}

static void add_unmet(struct p2_strbuf *out, const struct p2_msg_unmet *u) {
    add_text(out, "unmet", u->type);
    p2_strbuf_printf(out, "/%u:%s", u->version, p2_missing_name(u->missing));
    if (u->memory_bytes) p2_strbuf_printf(out, ":%" PRIu64, u->memory_bytes);
    if (u->kinds) p2_strbuf_printf(out, ":%#x", u->kinds);
    add_number(out, "count", u->count);
    add_span(out, "last", u->last_ns);
}

static void add_open_task(struct p2_strbuf *out, const struct p2_msg_open_task *t) {
    p2_strbuf_printf(out, " task=%08x", t->id_head);
    add_text(out, "type", t->type);
    p2_strbuf_printf(out, " class=%s state=%s", p2_class_name(t->class_), p2_open_state_name(t->where));
    add_span(out, "age", t->age_ns);
    add_span(out, "left", t->left_ns);
    add_number(out, "attempts", t->attempts);
    if (!p2_id_is_zero(&t->peer)) add_id(out, "peer", &t->peer);
    add_flag(out, "yours", t->yours);
}

static void add_status(struct p2_strbuf *out, const struct p2_msg_status *s) {
    p2_strbuf_printf(out, " peers=%u/%u clients=%u slots=%u/%u queued=%u running=%u", s->peers_ready, s->peers,
                     s->clients, s->slots_busy, s->slots, s->tasks_queued, s->tasks_running);
    add_number(out, "accepted", s->tasks_accepted);
    add_number(out, "completed", s->tasks_completed);
    add_number(out, "failed", s->tasks_failed);
    add_number(out, "expired", s->tasks_expired);
    add_number(out, "cancelled", s->tasks_cancelled);
    add_number(out, "refused", s->tasks_refused);
    add_number(out, "retried", s->attempts_retried);
    if (s->attempts_hedged) add_number(out, "hedged", s->attempts_hedged);
    if (s->peers_held_back) add_number(out, "held_back", s->peers_held_back);
    add_span(out, "uptime", s->uptime_ns);
    add_text(out, "version", s->version);
    if (s->cache_hits || s->cache_misses) {
        add_number(out, "cache_hits", s->cache_hits);
        add_number(out, "cache_misses", s->cache_misses);
    }
    for (uint32_t i = 0; i < s->unmet_count; i++) add_unmet(out, &s->unmet[i]);
    for (uint32_t i = 0; i < s->task_count; i++) add_open_task(out, &s->tasks[i]);
}

static void add_can_meet(struct p2_strbuf *out, const struct p2_msg_can_meet *q) {
    add_number(out, "question", q->question);
    add_text(out, "type", q->type);
    if (q->version) add_number(out, "version", q->version);
    p2_strbuf_printf(out, " class=%s", p2_class_name(q->class_));
    add_span(out, "deadline", q->deadline_ns);
    add_number(out, "payload", q->payload_size);
    for (uint32_t i = 0; i < q->params.count; i++) add_param(out, &q->params.items[i]);
}

static void add_can_meet_answer(struct p2_strbuf *out, const struct p2_msg_can_meet_answer *a) {
    add_number(out, "question", a->question);
    p2_strbuf_printf(out, a->can ? " can" : " cannot");
    if (a->p95_ns) {
        add_number(out, "position", a->queue_position);
        add_span(out, "p50", a->p50_ns);
        add_span(out, "p95", a->p95_ns);
    }
    if (a->code == P2_OK) return;
    add_error(out, a->code, a->retryable, a->sentence);
    if (a->retry_after_ns) add_span(out, "retry_after", a->retry_after_ns);
}

// What happens to a task.
static void describe_task(const struct p2_msg *m, struct p2_strbuf *out) {
    switch (m->kind) {
    case P2_MSG_TASK_SUBMIT: add_submit(out, &m->u.submit); break;
    case P2_MSG_TASK_SUBMIT_BATCH: add_number(out, "tasks", m->u.submit_batch.task_count); break;
    case P2_MSG_TASK_ACCEPTED:
        add_id(out, "id", &m->u.accepted.id);
        add_number(out, "position", m->u.accepted.queue_position);
        if (m->u.accepted.estimate_ns) add_span(out, "estimate", m->u.accepted.estimate_ns);
        break;
    case P2_MSG_TASK_ASSIGN: add_assign(out, &m->u.assign); break;
    case P2_MSG_TASK_RESULT: add_result(out, &m->u.result); break;
    case P2_MSG_TASK_FAILURE:
        add_id(out, "id", &m->u.failure.id);
        add_number(out, "attempt", m->u.failure.attempt);
        add_error(out, m->u.failure.code, m->u.failure.retryable, m->u.failure.sentence);
        break;
    case P2_MSG_RESULT_DELIVERY: add_delivery(out, &m->u.delivery); break;
    case P2_MSG_TASK_ENDED:
        add_id(out, "id", &m->u.ended.id);
        add_number(out, "attempts", m->u.ended.attempt);
        add_error(out, m->u.ended.code, m->u.ended.retryable, m->u.ended.sentence);
        if (m->u.ended.retry_after_ns) add_span(out, "retry_after", m->u.ended.retry_after_ns);
        break;
    case P2_MSG_TASK_TIMEOUT:
        add_id(out, "id", &m->u.timeout.id);
        add_number(out, "attempts", m->u.timeout.attempt);
        add_span(out, "queue", m->u.timeout.queue_ns);
        break;
    case P2_MSG_TASK_CANCEL:
        add_id(out, "id", &m->u.cancel.id);
        add_number(out, "attempt", m->u.cancel.attempt);
        break;
    case P2_MSG_CAN_MEET: add_can_meet(out, &m->u.can_meet); break;
    case P2_MSG_CAN_MEET_ANSWER: add_can_meet_answer(out, &m->u.can_meet_answer); break;
    case P2_MSG_TASK_RECALL:
        add_id(out, "id", &m->u.recall.id);
        add_number(out, "attempt", m->u.recall.attempt);
        break;
    case P2_MSG_TASK_RECALLED:
        add_id(out, "id", &m->u.recalled.id);
        add_number(out, "attempt", m->u.recalled.attempt);
        add_flag(out, "returned", m->u.recalled.returned);
        break;
    default: break;
    }
}

// Who is there, and how they are.
static void describe_party(const struct p2_msg *m, struct p2_strbuf *out) {
    const struct p2_msg_heartbeat *h = &m->u.heartbeat;
    switch (m->kind) {
    case P2_MSG_HELLO:
        p2_strbuf_printf(out, " role=%s versions=%u-%u features=%#" PRIx64, p2_role_name(m->u.hello.role),
                         m->u.hello.version_min, m->u.hello.version_max, m->u.hello.features);
        add_text(out, "agent", m->u.hello.agent);
        break;
    case P2_MSG_PEER_REGISTER: add_register(out, &m->u.peer_register); break;
    case P2_MSG_PEER_REGISTERED:
        add_id(out, "peer", &m->u.peer_registered.peer);
        add_span(out, "heartbeat", m->u.peer_registered.heartbeat_interval_ns);
        break;
    case P2_MSG_GAMER_REGISTER: add_flag(out, "again", !p2_id_is_zero(&m->u.gamer_register.session)); break;
    case P2_MSG_GAMER_REGISTERED:
        add_number(out, "in_flight_max", m->u.gamer_registered.tasks_in_flight_max);
        add_number(out, "payload_max", m->u.gamer_registered.payload_bytes_max);
        add_number(out, "bytes_in_flight_max", m->u.gamer_registered.bytes_in_flight_max);
        add_flag(out, "resumed", m->u.gamer_registered.resumed);
        if (m->u.gamer_registered.resume_grace_ns) add_span(out, "grace", m->u.gamer_registered.resume_grace_ns);
        break;
    case P2_MSG_HEARTBEAT:
        p2_strbuf_add(out, " load=", 6);
        p2_decimal_print(out, "%.2f", h->load);
        p2_strbuf_printf(out, " running=%u waiting=%u", h->running, h->waiting);
        add_number(out, "completed", h->tasks_completed);
        add_number(out, "failed", h->tasks_failed);
        break;
    case P2_MSG_STATUS_REQUEST:
        if (m->u.status_request.tasks_max) add_number(out, "tasks_max", m->u.status_request.tasks_max);
        break;
    case P2_MSG_STATUS: add_status(out, &m->u.status); break;
    case P2_MSG_DRAIN: add_span(out, "grace", m->u.drain.grace_ns); break;
    case P2_MSG_PEER_DISCONNECT: add_text(out, "reason", m->u.disconnect.reason); break;
    default: break;
    }
}

// Bytes on their way, and the connection itself.
static void describe_flow(const struct p2_msg *m, struct p2_strbuf *out) {
    switch (m->kind) {
    case P2_MSG_CHUNK:
        p2_strbuf_printf(out, " attempt=%u offset=%" PRIu64 " size=%u", m->u.chunk.attempt, m->u.chunk.offset,
                         m->u.chunk.raw_size);
        add_flag(out, "zstd", m->u.chunk.payload_zstd);
        break;
    case P2_MSG_WINDOW:
        p2_strbuf_printf(out, " attempt=%u limit=%" PRIu64, m->u.window.attempt, m->u.window.limit);
        break;
    case P2_MSG_RESEND:
        add_id(out, "id", &m->u.resend.id);
        p2_strbuf_printf(out, " attempt=%u limit=%" PRIu64, m->u.resend.attempt, m->u.resend.limit);
        if (m->u.resend.offset) add_number(out, "offset", m->u.resend.offset);
        break;
    case P2_MSG_RESULT_ACK: p2_strbuf_printf(out, " attempt=%u", m->u.ack.attempt); break;
    case P2_MSG_TASK_RESUME: add_id(out, "id", &m->u.resume.id); break;
    case P2_MSG_PING:
    case P2_MSG_PONG: p2_strbuf_printf(out, " token=%" PRIx64, m->u.ping.token); break;
    case P2_MSG_ERROR:
        add_error(out, m->u.error.code, m->u.error.retryable, m->u.error.sentence);
        if (m->u.error.retry_after_ns) add_span(out, "retry_after", m->u.error.retry_after_ns);
        break;
    case P2_MSG_BLOB_HAVE:
        add_flag(out, "gone", m->u.blob_have.gone);
        add_digests(out, "count", m->u.blob_have.digests, m->u.blob_have.digest_count);
        break;
    case P2_MSG_BLOB_WANT:
        add_digest(out, &m->u.blob_want.digest);
        p2_strbuf_printf(out, " offset=%" PRIu64 " limit=%" PRIu64, m->u.blob_want.offset, m->u.blob_want.limit);
        break;
    case P2_MSG_BLOB_PUT:
        add_digest(out, &m->u.blob_put.digest);
        p2_strbuf_printf(out, " offset=%" PRIu64 " size=%" PRIu64, m->u.blob_put.offset, m->u.blob_put.payload_size);
        break;
    default: break;
    }
}

void p2_msg_describe(const struct p2_msg *m, struct p2_strbuf *out) {
    p2_strbuf_printf(out, "%s stream=%u", p2_msg_name(m->kind), m->stream);
    describe_task(m, out);
    describe_party(m, out);
    describe_flow(m, out);
}
