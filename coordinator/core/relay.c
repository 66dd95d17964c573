#include "relay.h"

#include "coordinator/core/state.h"

void outlet_init(struct outlet *o, enum outlet_kind kind) {
    p2_list_init(&o->link);
    o->kind = kind;
}

void outlet_close(struct outlet *o) { p2_list_remove(&o->link); }

// A compressed piece is smaller than what it stands for: budgets and windows count raw bytes.
enum p2_err relay_piece_wrong(const struct p2_slice *payload, uint32_t raw_size, bool zstd) {
    bool sizes = zstd ? payload->size > 0 && payload->size < raw_size : payload->size == raw_size;
    return payload->blob && raw_size > 0 && raw_size <= P2_RECORD_PAYLOAD_MAX && sizes ? P2_OK : P2_ERR_BAD_MESSAGE;
}

// ---- what an outlet would send next -------------------------------------------------------------------------------

// The next piece a stream may send: there, and within the receiver's window.
static const struct piece *sendable(const struct spool *from, uint32_t index, const struct p2_outflow *flow) {
    const struct piece *p = spool_at(from, index);
    return p && p->raw_size <= flow->limit - flow->sent ? p : NULL;
}

// Has it something to send? *piece is then what, or NULL for a header alone.
static bool payload_ready(const struct coord *c, const struct replica *r, const struct piece **piece) {
    const struct task *t = p2_slab_get(&c->tasks, r->task);
    *piece = NULL;
    if (r->state == REPLICA_RECALLING) return false; // until it is known whether it stays
    if (!t || p2_outflow_done(&r->out)) return t && r->state == REPLICA_WAITING;
    *piece = sendable(cargo_payload(t->cargo), r->next_piece, &r->out);
    return *piece != NULL;
}

static bool result_ready(const struct coord *c, const struct task *t, const struct piece **piece) {
    *piece = NULL;
    if (t->state != TASK_RETURNING) return false;
    const struct course *co = course_of(c, t);
    if (!c->limits.cut_through && !p2_inflow_whole(&co->result_in)) return false;
    if (p2_outflow_done(&co->result_out)) return !co->delivery_begun;
    *piece = sendable(&co->result, co->result_next, &co->result_out);
    return *piece != NULL;
}

static void wake(struct coord *c, struct session *s, struct outlet *o, enum p2_class class_) {
    if (!p2_list_linked(&o->link)) p2_list_push_back(&s->lanes[class_], &o->link);
    if (!p2_list_linked(&s->pumping)) p2_list_push_back(&c->pumping, &s->pumping);
}

void relay_wake_payload(struct coord *c, struct replica *r) {
    const struct piece *piece;
    if (!r || !payload_ready(c, r, &piece)) return;
    struct peer *p = p2_slab_get(&c->peers, r->peer);
    wake(c, peer_session(c, p), &r->outlet, r->class_);
}

void relay_wake_result(struct coord *c, struct task *t) {
    const struct piece *piece;
    struct session *s = task_session(c, t);
    if (s && result_ready(c, t, &piece)) wake(c, s, &course_of(c, t)->outlet, (enum p2_class)t->class_);
}

void relay_wake_fetch(struct coord *c, struct session *s, struct fetch *f) { wake(c, s, &f->outlet, FETCH_CLASS); }

// ---- windows ------------------------------------------------------------------------------------------------------

static void send_window(struct coord *c, const struct session *s, uint32_t stream, const struct p2_inflow *f,
                        uint64_t limit) {
    struct p2_msg m = {.kind = P2_MSG_WINDOW, .stream = stream};
    m.u.window.limit = limit;
    m.u.window.attempt = f->attempt;
    session_send(c, s, 0, &m);
}

void relay_grant_payload(struct coord *c, struct task *t) {
    struct course *co = course_of(c, t);
    uint64_t limit = co ? p2_inflow_grant(&co->in, co->dropped, c->limits.stream_window_bytes) : 0;
    if (!limit || P2_CANARY(window_payload)) return;
    send_window(c, task_session(c, t), t->stream, &co->in, limit);
    task_await(c, t);
}

void relay_grant_result(struct coord *c, struct task *t) {
    struct replica *r = task_replica(c, t);
    if (!r) return; // all of it is here
    struct course *co = course_of(c, t);
    uint64_t limit = p2_inflow_grant(&co->result_in, co->result_out.sent, c->limits.stream_window_bytes);
    struct peer *p = p2_slab_get(&c->peers, r->peer);
    if (limit) send_window(c, peer_session(c, p), r->stream, &co->result_in, limit);
}

// ---- sending ------------------------------------------------------------------------------------------------------

static void fill_chunk(struct p2_msg *m, const struct piece *piece, uint32_t attempt) {
    m->u.chunk = (struct p2_msg_chunk){.offset = piece->offset,
                                       .attempt = attempt,
                                       .raw_size = piece->raw_size,
                                       .payload_zstd = piece->zstd,
                                       .payload = piece->slice};
}

static void fill_assign(const struct coord *c, struct p2_msg *m, const struct task *t, const struct replica *r,
                        const struct piece *piece) {
    const struct p2_task_type *type = c->types[t->type].type;
    m->u.assign = (struct p2_msg_task_assign){.id = r->id, // of who led the run when it began
                                              .attempt = r->attempt,
                                              .type = p2_str(type->name),
                                              .version = type->version,
                                              .device = r->device,
                                              .class_ = r->class_,
                                              .deadline_ns = p2_ns_max(t->deadline_ns - c->now, 1),
                                              .payload_size = cargo_payload_bytes(t->cargo),
                                              .params = cargo_params(t->cargo),
                                              .blobs = t->cargo ? t->cargo->digests : NULL,
                                              .blob_count = cargo_blob_count(t->cargo)};
    if (!piece) return;
    m->u.assign.raw_size = piece->raw_size;
    m->u.assign.payload_zstd = piece->zstd;
    m->u.assign.payload = piece->slice;
}

static void fill_delivery(struct p2_msg *m, const struct task *t, const struct course *co, const struct piece *piece) {
    m->u.delivery = (struct p2_msg_result_delivery){.id = t->id,
                                                    .attempt = co->result_out.attempt,
                                                    .peer = co->peer,
                                                    .cached = co->memo.cached,
                                                    .queue_ns = co->placed_ns - t->accepted_ns,
                                                    .latency_ns = co->latency_ns,
                                                    .peer_rtt_ns = co->peer_rtt_ns,
                                                    .times = co->times,
                                                    .payload_size = co->result_in.size};
    if (!piece) return;
    m->u.delivery.raw_size = piece->raw_size;
    m->u.delivery.payload_zstd = piece->zstd;
    m->u.delivery.payload = piece->slice;
}

static void count_room(struct session *s, const struct piece *piece) {
    s->room -= RELAY_RECORD_OVERHEAD + (int64_t)(piece ? piece->slice.size : 0);
}

static void send_payload(struct coord *c, struct session *s, struct replica *r, const struct piece *piece) {
    struct task *t = p2_slab_get(&c->tasks, r->task);
    bool first = r->state == REPLICA_WAITING;
    unsigned lane = 1 + (unsigned)r->class_;
    struct p2_msg *m = session_say(c, s, lane, first ? P2_MSG_TASK_ASSIGN : P2_MSG_CHUNK, r->stream);
    if (first)
        fill_assign(c, m, t, r, piece);
    else
        fill_chunk(m, piece, r->attempt);
    session_said(c, piece ? piece->slice.blob : NULL, first && t->cargo ? t->cargo->memory : NULL);
    if (first) replica_move(c, r, REPLICA_SENT);
    count_room(s, piece);
    if (!piece) return;
    r->out.sent += piece->raw_size;
    if (t->keep && !P2_CANARY(spool_early)) {
        r->next_piece++;
        return;
    }
    course_of(c, t)->dropped += piece->raw_size;
    spool_drop_first(&t->cargo->payload);
    relay_grant_payload(c, t);
}

static void send_result(struct coord *c, struct session *s, struct task *t, const struct piece *piece) {
    struct course *co = course_of(c, t);
    bool first = !co->delivery_begun;
    unsigned lane = 1 + (unsigned)t->class_;
    struct p2_msg *m = session_say(c, s, lane, first ? P2_MSG_RESULT_DELIVERY : P2_MSG_CHUNK, t->stream);
    if (first)
        fill_delivery(m, t, co, piece);
    else
        fill_chunk(m, piece, co->result_out.attempt);
    session_said(c, piece ? piece->slice.blob : NULL, NULL);
    co->delivery_begun = true;
    count_room(s, piece);
    if (piece) {
        co->result_out.sent += piece->raw_size;
        if (co->result_keep)
            co->result_next++;
        else
            spool_drop_first(&co->result);
        relay_grant_result(c, t);
    }
    bool early = P2_CANARY(delivered_early) && co->result_out.sent > P2_RECORD_PAYLOAD_MAX;
    if (!p2_outflow_done(&co->result_out) && !early) return;
    if (s->features & P2_FEATURE_SESSIONS) {
        task_move(c, t, TASK_KEPT, WHY_DELIVERED, P2_OK);
    } else {
        const struct task_end end = {.last = TASK_DONE, .why = WHY_DELIVERED};
        task_end(c, t, &end);
    }
}

// ---- the pump -----------------------------------------------------------------------------------------------------

static struct outlet *first_outlet(struct session *s) {
    for (unsigned i = 0; i < P2_CLASSES; i++) {
        struct p2_list *first = p2_list_first(&s->lanes[i]);
        if (first) return P2_CONTAINER_OF(first, struct outlet, link);
    }
    return NULL;
}

static bool has_room(struct coord *c, struct session *s, const struct piece *piece) {
    if (s->room >= RELAY_RECORD_OVERHEAD + (int64_t)(piece ? piece->slice.size : 0)) return true;
    if (!s->room_asked) coord_act(c, COORD_WANT_ROOM, s->conn);
    s->room_asked = true;
    return false;
}

static bool pump_payload(struct coord *c, struct session *s, struct replica *r) {
    const struct piece *piece;
    bool ready = payload_ready(c, r, &piece);
    if (ready && !has_room(c, s, piece)) return false;
    outlet_close(&r->outlet);
    if (!ready) return true;
    send_payload(c, s, r, piece);
    relay_wake_payload(c, r);
    return true;
}

static bool pump_result(struct coord *c, struct session *s, struct course *co) {
    const struct piece *piece;
    p2_handle self = co->task;
    struct task *t = p2_slab_get(&c->tasks, self);
    bool ready = result_ready(c, t, &piece);
    if (ready && !has_room(c, s, piece)) return false;
    outlet_close(&co->outlet);
    if (!ready) return true;
    send_result(c, s, t, piece);
    t = p2_slab_get(&c->tasks, self);
    if (t) relay_wake_result(c, t);
    return true;
}

static bool pump_blob(struct coord *c, struct session *s, struct fetch *f) {
    const struct piece *piece;
    bool ready = fetch_ready(f, &piece);
    if (ready && !has_room(c, s, piece)) return false;
    outlet_close(&f->outlet);
    if (!ready) return true;
    count_room(s, piece);
    fetch_send(c, s, f); // which wakes it when the next piece has been read
    return true;
}

// One record of one outlet, which then goes behind its class when it has more. False when the connection is full.
static bool pump_one(struct coord *c, struct session *s, struct outlet *o) {
    switch (o->kind) {
    case OUTLET_PAYLOAD: return pump_payload(c, s, P2_CONTAINER_OF(o, struct replica, outlet));
    case OUTLET_RESULT: return pump_result(c, s, P2_CONTAINER_OF(o, struct course, outlet));
    case OUTLET_BLOB: return pump_blob(c, s, P2_CONTAINER_OF(o, struct fetch, outlet));
    }
    P2_UNREACHABLE();
}

void relay_room(struct coord *c, struct session *s, uint64_t room) {
    s->room = room > INT64_MAX ? INT64_MAX : (int64_t)room;
    s->room_asked = false;
    if (P2_CANARY(room_lost)) return;
    if (!p2_list_linked(&s->pumping)) p2_list_push_back(&c->pumping, &s->pumping);
}

void relay_flush(struct coord *c) {
    struct p2_list *first;
    while ((first = p2_list_first(&c->pumping))) {
        struct session *s = P2_CONTAINER_OF(first, struct session, pumping);
        struct outlet *o;
        while ((o = first_outlet(s)) && pump_one(c, s, o)) {
            if (coord_step_full(c)) return;
        }
        p2_list_remove(&s->pumping); // what it did not send waits for room or for bytes
    }
}
