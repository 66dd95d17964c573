#include "replica.h"

#include "coordinator/core/state.h"

#define ESTIMATE_NS_MAX (3600 * P2_SEC)
#define TO(s) (1u << (s))

static const uint8_t legal[REPLICA_STATES] = {
    [REPLICA_WAITING] = TO(REPLICA_SENT) | TO(REPLICA_RECALLING) | TO(REPLICA_ENDED),
    [REPLICA_SENT] = TO(REPLICA_RECALLING) | TO(REPLICA_RETURNING) | TO(REPLICA_CANCELLING) | TO(REPLICA_ENDED),
    [REPLICA_RECALLING] = TO(REPLICA_SENT) | TO(REPLICA_RETURNING) | TO(REPLICA_CANCELLING) | TO(REPLICA_ENDED),
    [REPLICA_RETURNING] = TO(REPLICA_CANCELLING) | TO(REPLICA_ENDED),
    [REPLICA_CANCELLING] = TO(REPLICA_ENDED),
};

void replica_move(struct coord *c, struct replica *r, enum replica_state to) {
    P2_CHECK(legal[r->state] & TO(to));
    if (to != REPLICA_SENT) hedge_forget(c, r);
    if (r->state == REPLICA_CANCELLING) p2_list_remove(&r->lingering);
    if (to == REPLICA_CANCELLING) {
        r->linger_until_ns = c->now + c->limits.cancel_linger_ns;
        p2_list_push_back(&c->lingering, &r->lingering);
    }
    if (r->state == REPLICA_RECALLING) steal_job_settled(c, r);
    r->state = to;
    if (to != REPLICA_SENT) steal_job_left(c, r);
}

// ---- placing ------------------------------------------------------------------------------------------------------

static p2_ns estimate(const struct task *t, const struct offer *o) {
    if (o->pace.step == PACE_UNKNOWN) return p2_ns_max(1, p2_ns_min(t->cost.timeout_prior_ns, ESTIMATE_NS_MAX));
    double ns = (double)t->cost.units * o->pace.value;
    return ns >= (double)ESTIMATE_NS_MAX ? ESTIMATE_NS_MAX : p2_ns_max(P2_US, (p2_ns)ns);
}

bool replica_room(const struct coord *c) { return c->replicas.live < c->replicas.capacity; }

static struct replica *start(struct coord *c, struct task *t, struct offer *o) {
    struct peer *p = o->peer;
    p2_handle h;
    struct replica *r = p2_slab_alloc(&c->replicas, &h);
    P2_CHECK(r);
    r->self = h;
    r->task = task_handle(c, t);
    r->peer = p->self;
    r->client = task_client(c, t)->self;
    r->device = o->device;
    r->type = t->type;
    r->attempt = ++t->attempt;
    r->id = t->id;
    r->class_ = (enum p2_class)t->class_;
    r->estimate_ns = p2_ns_min(estimate(t, o) + blob_transfer_ns(c, p, t->cargo), ESTIMATE_NS_MAX);
    r->placed_ns = c->now;
    p2_list_init(&r->lingering);
    p2_list_init(&r->in_peer);
    p2_list_init(&r->in_offer);
    outlet_init(&r->outlet, OUTLET_PAYLOAD);
    p2_outflow_begin(&r->out, r->attempt, cargo_payload_bytes(t->cargo), P2_STREAM_WINDOW);
    do { // a stream is in use only after four thousand million jobs on one connection
        r->stream = peer_take_stream(p);
    } while (fetch_of(c, p, r->stream) || !table_put(&c->by_job, p->self, r->stream, (uint32_t)h));
    p2_list_push_back(&p->replicas, &r->in_peer);
    next_job_taken(c, p, r);
    if (!task_replica(c, t)) steal_job_given(c, r, o); // of two runs none is recalled
    health_job_given(c, r);
    peer_take_job(c, p, r->device, r->estimate_ns);
    return r;
}

void replica_place(struct coord *c, struct task *t, struct offer *o) {
    struct course *co = course_have(c, t);
    struct replica *r = start(c, t, o);
    co->replica = r->self;
    co->placed_ns = c->now;
    task_run_is(c, t, r);
    task_move(c, t, TASK_PLACED, WHY_PICKED, P2_OK);
    hedge_watch(c, t, r);
    relay_wake_payload(c, r);
}

void replica_hedge(struct coord *c, struct task *t, struct offer *o) {
    steal_job_left(c, task_replica(c, t));
    struct replica *r = start(c, t, o);
    course_of(c, t)->hedge = r->self;
    c->stats.attempts_hedged++;
    struct coord_note *n = coord_note_add(c, NOTE_HEDGED);
    n->task = t->id;
    n->peer = o->peer->id;
    n->attempt = r->attempt;
    n->span_ns = c->now - t->accepted_ns;
    relay_wake_payload(c, r);
}

// ---- ending -------------------------------------------------------------------------------------------------------

void replica_end(struct coord *c, struct replica *r, bool by_us) {
    struct peer *p = p2_slab_get(&c->peers, r->peer);
    replica_move(c, r, REPLICA_ENDED);
    table_remove(&c->by_job, r->peer, r->stream, (uint32_t)r->self);
    outlet_close(&r->outlet);
    p2_list_remove(&r->in_peer);
    p->ended[p->ended_next] = (struct ended_job){r->stream, r->attempt, r->id, by_us, r->asked};
    p->ended_next = (p->ended_next + 1) % PEER_ENDED_JOBS;
    next_job_dropped(c, p, r);
    health_job_dropped(c, r);
    peer_drop_job(c, p, r->device, P2_CANARY(load_kept) ? 0 : r->estimate_ns);
    if (P2_CANARY(slot_twice) && p->jobs) p->jobs--;
    p2_slab_free(&c->replicas, r->self);
}

void replica_cancel(struct coord *c, struct replica *r) {
    struct task *t = p2_slab_get(&c->tasks, r->task);
    if (t) task_drop_run(c, t, r, WHY_NONE, P2_OK);
    r->task = P2_NO_HANDLE;
    if (r->state == REPLICA_WAITING) {
        replica_end(c, r, false);
        return;
    }
    outlet_close(&r->outlet);
    struct p2_msg m = {.kind = P2_MSG_TASK_CANCEL, .stream = r->stream};
    m.u.cancel.id = r->id;
    m.u.cancel.attempt = r->attempt;
    struct peer *p = p2_slab_get(&c->peers, r->peer);
    if (!P2_CANARY(cancel_missed))
        session_send(c, peer_session(c, p), 1 + (unsigned)r->class_, &m); // behind its own ASSIGN and chunks
    replica_move(c, r, REPLICA_CANCELLING);
}

void replica_tick(struct coord *c) {
    struct p2_list *first;
    while ((first = p2_list_first(&c->lingering))) {
        struct replica *r = P2_CONTAINER_OF(first, struct replica, lingering);
        if (r->linger_until_ns > c->now) return;
        replica_end(c, r, true);
    }
}

// ---- messages -----------------------------------------------------------------------------------------------------

static void break_rules(struct coord *c, struct session *s, enum p2_err code, const char *sentence) {
    session_end(c, s, WHY_PEER_BROKE, code, sentence);
}

static void foreign(struct coord *c, struct session *s) {
    break_rules(c, s, P2_ERR_UNEXPECTED_MESSAGE, "about a job that is not assigned to this peer");
}

static void late(struct coord *c, const struct session *s, const struct p2_msg *m) {
    c->stats.late_messages++;
    struct coord_note *n = coord_note_add(c, NOTE_LATE);
    n->conn = s->conn;
    n->text = p2_str(p2_msg_name(m->kind));
}

static const struct ended_job *find_ended(const struct peer *p, uint32_t stream) {
    for (uint32_t i = 0; i < PEER_ENDED_JOBS; i++) {
        if (stream && p->ended[i].stream == stream) return &p->ended[i];
    }
    return NULL;
}

// A message about a job that is not open: dropped when the peer may still be talking of it, else the peer's fault.
static void about_ended(struct coord *c, struct session *s, const struct p2_msg *m, const struct p2_id *id,
                        uint32_t attempt) {
    const struct peer *p = peer_of(c, s);
    const struct ended_job *e = find_ended(p, m->stream);
    if (e && id && (!p2_id_equal(id, &e->id) || attempt != e->attempt))
        foreign(c, s);
    else if (e && !e->by_us && m->kind != P2_MSG_WINDOW && !(e->asked && m->kind == P2_MSG_TASK_RECALLED))
        foreign(c, s); // it had ended this job itself
    else if (m->stream == 0 || (m->stream >= p->stream_next && !p->stream_wrapped))
        foreign(c, s);
    else if (m->kind != P2_MSG_WINDOW)
        late(c, s, m);
}

// The open job a message is about; NULL when there is none and it has been dealt with. `id` NULL: the kind has none.
static struct replica *find_job(struct coord *c, struct session *s, const struct p2_msg *m, const struct p2_id *id,
                                uint32_t attempt) {
    struct replica *r = coord_at(&c->replicas, table_get(&c->by_job, s->who, m->stream));
    if (!r) {
        about_ended(c, s, m, id, attempt);
        return NULL;
    }
    if (r->state == REPLICA_WAITING || (id && (!p2_id_equal(id, &r->id) || attempt != r->attempt))) {
        foreign(c, s);
        return NULL;
    }
    return r;
}

static void reject(struct coord *c, struct task *t, struct replica *r, enum coord_why why, enum p2_err code) {
    if (r) task_run_is(c, t, r);
    const struct course *co = course_of(c, t);
    struct peer *p = co->memo.cached ? NULL : p2_slab_get(&c->peers, co->peer_handle);
    p2_handle tried = p ? p->self : P2_NO_HANDLE;
    if (p && why != WHY_MEMORY) {
        p->jobs_failed++;
        peer_learn_failure(p);
    }
    if (r && why == WHY_PEER_FAILED) health_job_failed(c, r);
    if (r) task_drop_run(c, t, r, why, code);
    if (r) replica_cancel(c, r);
    if (why != WHY_MEMORY) memo_rejected(c, t);
    task_retry(c, t, why, code, tried);
}

void replica_reject_result(struct coord *c, struct task *t, enum coord_why why, enum p2_err code) {
    reject(c, t, task_replica(c, t), why, code);
}

static void finish_if_whole(struct coord *c, struct replica *r, struct task *t) {
    const struct course *co = course_of(c, t);
    if (!p2_inflow_whole(&co->result_in)) return;
    struct peer *p = p2_slab_get(&c->peers, r->peer);
    p->jobs_done++;
    peer_learn_result(c, p, r, &co->times);
    health_job_succeeded(c, r);
    estimate_add(c, t->type, t->cost.size_class, c->now - r->placed_ns);
    task_drop_run(c, t, r, WHY_NONE, P2_OK);
    replica_end(c, r, false);
    memo_result_whole(c, t);
}

// Kept as it came; or unpacked, when the client takes no zstd and it still can be told whose fault it is if that fails.
static enum p2_err keep_piece(struct coord *c, struct task *t, const struct piece *piece) {
    struct spool *result = &course_of(c, t)->result;
    if (!piece->zstd || !c->unpack || task_client(c, t)->features & P2_FEATURE_ZSTD)
        return spool_push(result, c->pool, piece);
    struct piece plain = {.offset = piece->offset, .raw_size = piece->raw_size};
    plain.slice = (struct p2_slice){NULL, 0, piece->raw_size};
    enum p2_err e = c->unpack(&piece->slice, piece->raw_size, c->pool, &plain.slice.blob);
    if (e == P2_OK) e = spool_push(result, c->pool, &plain);
    p2_blob_unref(plain.slice.blob);
    return e == P2_ERR_BAD_RECORD ? P2_ERR_BAD_PAYLOAD : e;
}

static void take_piece(struct coord *c, struct session *s, struct replica *r, const struct piece *piece) {
    struct task *t = p2_slab_get(&c->tasks, r->task);
    enum p2_err e = relay_piece_wrong(&piece->slice, piece->raw_size, piece->zstd);
    if (e == P2_OK) e = p2_inflow_take(&course_of(c, t)->result_in, r->attempt, piece->offset, piece->raw_size);
    if (e == P2_OK) e = keep_piece(c, t, piece);
    if (e == P2_ERR_NO_MEMORY) {
        replica_reject_result(c, t, WHY_MEMORY, P2_ERR_OVERLOADED);
    } else if (e == P2_ERR_BAD_PAYLOAD) {
        replica_reject_result(c, t, WHY_PEER_FAILED, e);
    } else if (e != P2_OK) {
        break_rules(c, s, e, "a result that does not continue or passes its window");
    } else {
        memo_result_piece(c, t, piece);
        finish_if_whole(c, r, t);
        relay_wake_result(c, t);
    }
}

// The result of r begins: the task is its own, and the other run is not wanted any more.
static void win(struct coord *c, struct task *t, const struct replica *r) {
    const struct course *co = course_of(c, t);
    struct replica *other = p2_slab_get(&c->replicas, co->replica == r->self ? co->hedge : co->replica);
    if (other && !P2_CANARY(loser_kept)) {
        if (r->self == co->hedge) estimate_add(c, t->type, t->cost.size_class, c->now - other->placed_ns);
        task_drop_run(c, t, other, WHY_RESULT, P2_OK);
        replica_cancel(c, other);
    }
    task_run_is(c, t, r);
}

static void begin_result(struct coord *c, struct session *s, struct replica *r, const struct p2_msg_task_result *m) {
    struct task *t = p2_slab_get(&c->tasks, r->task);
    struct course *co = course_of(c, t);
    win(c, t, r);
    p2_inflow_begin(&co->result_in, r->attempt, m->payload_size, P2_STREAM_WINDOW);
    p2_outflow_begin(&co->result_out, r->attempt, m->payload_size, P2_STREAM_WINDOW);
    bool sessions = task_client(c, t)->features & P2_FEATURE_SESSIONS;
    co->result_keep = sessions && m->payload_size <= c->limits.stream_window_bytes;
    co->result_next = 0;
    co->latency_ns = c->now - t->accepted_ns;
    co->peer_rtt_ns = s->rtt.mean;
    co->times = m->times;
    memo_result_begins(c, t);
    replica_move(c, r, REPLICA_RETURNING);
    task_move(c, t, TASK_RETURNING, WHY_RESULT, P2_OK);
    const struct piece first = {m->payload, 0, m->raw_size, m->payload_zstd};
    if (!resume_takes(c, t, m->payload_size)) return;
    // All of it, whether or not the client is there, or before any of it goes on.
    if (co->result_keep || !c->limits.cut_through) relay_grant_result(c, t);
    if (m->raw_size) {
        take_piece(c, s, r, &first);
    } else {
        finish_if_whole(c, r, t);
        relay_wake_result(c, t);
    }
}

void replica_on_result(struct coord *c, struct session *s, const struct p2_msg *m) {
    const struct p2_msg_task_result *result = &m->u.result;
    struct replica *r = find_job(c, s, m, &result->id, result->attempt);
    if (!r) return;
    if (r->state == REPLICA_CANCELLING) { // quicker than our word; its chunks may still come
        late(c, s, m);
        replica_end(c, r, true);
        return;
    }
    const struct task *t = p2_slab_get(&c->tasks, r->task);
    bool may = r->state == REPLICA_SENT || r->state == REPLICA_RECALLING;
    if (!may || !p2_outflow_done(&r->out)) {
        break_rules(c, s, P2_ERR_UNEXPECTED_MESSAGE, "a second result, or one before its payload was whole");
    } else if (result->payload_size > t->cost.result_bytes_max) {
        reject(c, p2_slab_get(&c->tasks, r->task), r, WHY_PEER_FAILED, P2_ERR_RESULT_TOO_LARGE);
    } else if (result->raw_size > result->payload_size) {
        break_rules(c, s, P2_ERR_BAD_MESSAGE, "a result's first bytes are more than all of it");
    } else {
        begin_result(c, s, r, result);
    }
}

void replica_on_chunk(struct coord *c, struct session *s, const struct p2_msg *m) {
    const struct p2_msg_chunk *chunk = &m->u.chunk;
    struct replica *r = find_job(c, s, m, NULL, 0);
    if (!r) return;
    if (r->state == REPLICA_CANCELLING) {
        late(c, s, m);
    } else if (r->state != REPLICA_RETURNING || chunk->attempt != r->attempt) {
        break_rules(c, s, P2_ERR_UNEXPECTED_MESSAGE, "a chunk of a result that has not begun");
    } else {
        const struct piece piece = {chunk->payload, chunk->offset, chunk->raw_size, chunk->payload_zstd};
        take_piece(c, s, r, &piece);
    }
}

// `r` is open and its peer says it failed. by_us: it may not know yet that this is the end.
static void fail(struct coord *c, struct replica *r, const struct p2_msg_error *e, bool by_us) {
    enum p2_err code = e->code == P2_OK ? P2_ERR_INTERNAL : e->code;
    struct peer *p = p2_slab_get(&c->peers, r->peer);
    struct task *t = p2_slab_get(&c->tasks, r->task);
    p2_handle tried = p->self;
    bool cancelled = r->state == REPLICA_CANCELLING;
    if (t) task_drop_run(c, t, r, WHY_PEER_FAILED, code);
    if (!cancelled) peer_learn_failure(p);
    if (!cancelled && e->retryable) health_job_failed(c, r); // else it would have failed everywhere
    replica_end(c, r, by_us);
    if (cancelled) return; // the answer to our word
    p->jobs_failed++;
    // It was told the deadline of the task the run began for; a later one may have taken it over (flight.h).
    bool early = code == P2_ERR_DEADLINE_EXCEEDED && c->now < t->deadline_ns;
    if (e->retryable || early) {
        task_retry(c, t, WHY_PEER_FAILED, code, tried);
        return;
    }
    const struct task_end end = {.last = TASK_FAILED,
                                 .why = WHY_PEER_FAILED,
                                 .code = code,
                                 .text = p2_str(e->sentence.n ? coord_text(c, e->sentence) : p2_err_sentence(code))};
    task_end(c, t, &end);
}

void replica_on_failure(struct coord *c, struct session *s, const struct p2_msg *m) {
    const struct p2_msg_task_failure *failure = &m->u.failure;
    struct replica *r = find_job(c, s, m, &failure->id, failure->attempt);
    const struct p2_msg_error error = {failure->code, failure->retryable, 0, failure->sentence};
    if (r) fail(c, r, &error, false);
}

void replica_on_recalled(struct coord *c, struct session *s, const struct p2_msg *m) {
    const struct p2_msg_task_recalled *answer = &m->u.recalled;
    struct replica *r = find_job(c, s, m, &answer->id, answer->attempt);
    if (!r) return;
    bool asked = r->asked;
    r->asked = false;
    if (!asked || (answer->returned && r->state == REPLICA_RETURNING)) {
        break_rules(c, s, P2_ERR_UNEXPECTED_MESSAGE, "an answer to no recall, or of a job that has a result");
    } else if (r->state == REPLICA_CANCELLING) {
        if (answer->returned) replica_end(c, r, true);
    } else if (r->state == REPLICA_RECALLING && answer->returned) {
        steal_take_back(c, r, false);
    } else if (r->state == REPLICA_RECALLING) {
        r->kept = true;
        replica_move(c, r, REPLICA_SENT);
        relay_wake_payload(c, r);
    }
}

void replica_on_error(struct coord *c, struct session *s, const struct p2_msg *m) {
    struct fetch *f = fetch_of(c, peer_of(c, s), m->stream);
    if (f) {
        fetch_end(c, f);
        return;
    }
    struct replica *r = find_job(c, s, m, NULL, 0);
    if (r) fail(c, r, &m->u.error, true);
}

void replica_on_window(struct coord *c, struct session *s, const struct p2_msg *m) {
    struct fetch *f = fetch_of(c, peer_of(c, s), m->stream);
    if (f) {
        fetch_on_window(c, f, &m->u.window);
        return;
    }
    struct replica *r = find_job(c, s, m, NULL, 0);
    if (!r || r->state == REPLICA_CANCELLING) return;
    p2_outflow_window(&r->out, m->u.window.attempt, m->u.window.limit);
    relay_wake_payload(c, r);
}
