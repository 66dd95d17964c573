#include "client.h"

#include "coordinator/core/state.h"
#include "coordinator/core/submit.h"

struct client *client_of(const struct coord *c, const struct session *s) {
    return p2_slab_get(&c->clients, s->who);
}

// NULL: as many as may be are here. Who is away gives its place to who comes.
static struct client *create(struct coord *c, const struct session *s) {
    p2_handle h;
    struct client *cl = p2_slab_alloc(&c->clients, &h);
    if (!cl && resume_make_room(c)) cl = p2_slab_alloc(&c->clients, &h);
    if (!cl) return NULL;
    cl->self = h;
    cl->token = s->id;
    P2_CHECK(p2_map_put(&c->by_session, &cl->token, h)); // as unpredictable as it is unique
    p2_list_init(&cl->full);
    p2_list_init(&cl->waiting);
    p2_list_init(&cl->uploads);
    p2_list_init(&cl->stalling);
    next_client_came(c, cl);
    const uint64_t salt[2] = {p2_rng_next(&c->rng), p2_rng_next(&c->rng)};
    memcpy(cl->salt.b, salt, sizeof salt);
    return cl;
}

void client_on_register(struct coord *c, struct session *s, const struct p2_msg *m) {
    bool sessions = s->features & P2_FEATURE_SESSIONS;
    struct client *cl = sessions ? resume_find(c, &m->u.gamer_register.session) : NULL;
    bool resumed = cl != NULL;
    if (!cl) cl = create(c, s);
    if (!cl) {
        session_end(c, s, WHY_LIMIT, P2_ERR_TOO_MANY_CONNECTIONS, "as many clients as this coordinator takes are here");
        return;
    }
    if (resumed) resume_back(c, cl);
    cl->session = s->self;
    cl->features = s->features;
    s->who = cl->self;
    session_move(c, s, SESSION_CLIENT);

    struct p2_msg answer = {.kind = P2_MSG_GAMER_REGISTERED};
    answer.u.gamer_registered.session = cl->token;
    answer.u.gamer_registered.resumed = resumed;
    answer.u.gamer_registered.resume_grace_ns = sessions ? c->limits.resume_grace_ns : 0;
    answer.u.gamer_registered.tasks_in_flight_max = c->limits.tasks_per_client_max;
    answer.u.gamer_registered.payload_bytes_max = P2_TASK_PAYLOAD_MAX;
    answer.u.gamer_registered.bytes_in_flight_max = c->limits.client_bytes_max;
    session_send(c, s, 0, &answer);
    struct coord_note *n = coord_note_add(c, resumed ? NOTE_CLIENT_RESUMED : NOTE_CLIENT_JOINED);
    n->conn = s->conn;
    n->count = cl->task_count;
    s->pinged_ns = c->now - c->limits.ping_ns; // the first ping goes out with this step's timers
    session_rearm(c, s);
}

void client_on_submit(struct coord *c, struct session *s, const struct p2_msg *m) {
    submit_one(c, s, m->stream, &m->u.submit, false);
}

void client_on_submit_batch(struct coord *c, struct session *s, const struct p2_msg *m) {
    const struct p2_msg_task_submit_batch *b = &m->u.submit_batch;
    if (b->task_count == 0 || b->task_count > P2_BATCH_MAX || m->stream > UINT32_MAX - b->task_count) {
        session_end(c, s, WHY_NONE, P2_ERR_BAD_MESSAGE, "a batch holds 1 to 256 tasks");
        return;
    }
    for (uint32_t i = 0; i < b->task_count; i++) {
        if (!submit_one(c, s, m->stream + i, &b->tasks[i], true)) return;
    }
}

static void tell_unknown(struct coord *c, const struct session *s, const struct p2_msg *m) {
    struct p2_msg answer = {.kind = P2_MSG_TASK_ENDED, .stream = m->stream};
    answer.u.ended.id = m->u.cancel.id;
    answer.u.ended.code = P2_ERR_UNKNOWN_TASK;
    answer.u.ended.sentence = p2_str(p2_err_sentence(P2_ERR_UNKNOWN_TASK));
    session_send(c, s, 0, &answer);
}

void client_on_cancel(struct coord *c, struct session *s, const struct p2_msg *m) {
    struct client *cl = client_of(c, s);
    struct task *t = task_by_id(c, cl, &m->u.cancel.id);
    if (t) {
        const struct task_end end = {.last = TASK_CANCELLED,
                                     .why = WHY_CLIENT_ASKED,
                                     .code = P2_ERR_CANCELLED,
                                     .text = p2_str(p2_err_sentence(P2_ERR_CANCELLED))};
        task_end(c, t, &end);
    } else if (!task_recent(c, cl, &m->u.cancel.id)) { // one that ended a moment ago has had its answer
        tell_unknown(c, s, m);
    }
}

// NULL when there is none; a stream never used ends the session.
static struct task *find_stream(struct coord *c, struct session *s, const struct p2_msg *m) {
    struct client *cl = client_of(c, s);
    struct task *t = task_by_stream(c, cl, m->stream);
    if (t) return t;
    if (m->stream == 0 || m->stream > cl->stream_max) {
        session_end(c, s, WHY_NONE, P2_ERR_UNEXPECTED_MESSAGE, "about a stream on which no task was submitted");
    }
    return NULL;
}

static void payload_came(struct coord *c, struct task *t) {
    task_await(c, t);
    relay_wake_payload(c, task_replica(c, t));
    task_ready(c, t);
}

void client_on_chunk(struct coord *c, struct session *s, const struct p2_msg *m) {
    const struct p2_msg_chunk *chunk = &m->u.chunk;
    struct upload *u = upload_of(c, client_of(c, s), m->stream);
    if (u) {
        upload_on_chunk(c, s, u, chunk);
        return;
    }
    struct task *t = find_stream(c, s, m);
    if (!t) return;
    struct p2_inflow *in = &course_have(c, t)->in;
    enum p2_err e = relay_piece_wrong(&chunk->payload, chunk->raw_size, chunk->payload_zstd);
    if (e == P2_OK)
        e = p2_inflow_take(in, P2_CANARY(stale_attempt) ? in->attempt : chunk->attempt, chunk->offset, chunk->raw_size);
    if (e == P2_ERR_NOT_FOUND) return; // of an attempt before a RESEND
    const struct piece piece = {chunk->payload, chunk->offset, chunk->raw_size, chunk->payload_zstd};
    if (e != P2_OK) {
        session_end(c, s, WHY_NONE, e, "a chunk that does not continue its payload or passes its window");
        return;
    }
    e = spool_push(&t->cargo->payload, c->pool, &piece);
    if (e == P2_OK) {
        memo_piece(c, t, &piece);
        payload_came(c, t);
    } else if (e == P2_ERR_NO_MEMORY)
        task_fail(c, t, WHY_MEMORY, P2_ERR_OVERLOADED, "no memory left for this payload");
    else
        session_end(c, s, WHY_NONE, e, "chunks too small: more than 16, of less than 2048 bytes on average");
}

void client_on_window(struct coord *c, struct session *s, const struct p2_msg *m) {
    struct task *t = find_stream(c, s, m);
    if (!t || t->state != TASK_RETURNING) return; // of a result that has been let go
    p2_outflow_window(&course_of(c, t)->result_out, m->u.window.attempt, m->u.window.limit);
    relay_wake_result(c, t);
}

void client_on_error(struct coord *c, struct session *s, const struct p2_msg *m) {
    struct upload *u = upload_of(c, client_of(c, s), m->stream);
    if (u) upload_on_error(c, u);
    struct task *t = task_by_stream(c, client_of(c, s), m->stream);
    if (!t) return; // it has ended meanwhile
    enum p2_err code = m->u.error.code == P2_OK ? P2_ERR_CANCELLED : m->u.error.code;
    const struct course *co = course_of(c, t);
    if (code == P2_ERR_BAD_PAYLOAD && co && co->delivery_begun) {
        replica_reject_result(c, t, WHY_CLIENT_ASKED, code); // what its peer compressed went by unread
        return;
    }
    const struct task_end end = {
        .last = TASK_FAILED, .why = WHY_CLIENT_ASKED, .code = code, .text = p2_str(p2_err_sentence(code))};
    task_end(c, t, &end);
}

void client_gone(struct coord *c, struct client *cl, enum p2_err code) {
    struct session *s = p2_slab_get(&c->sessions, cl->session);
    struct coord_note *n = coord_note_add(c, NOTE_CLIENT_LOST);
    n->conn = s ? s->conn : P2_NO_HANDLE; // it was away
    n->code = code;
    n->count = cl->task_count;
    struct p2_slots links = TASKS_IN_CLIENT(c);
    P2_SLOT_LIST_EACH (it, next, &links, &cl->tasks) {
        struct task *t = task_at(c, it);
        const struct task_end end = {.last = t->state == TASK_KEPT ? TASK_DONE : TASK_CANCELLED,
                                     .why = WHY_CLIENT_LOST,
                                     .code = P2_ERR_CONNECTION_LOST};
        task_end(c, t, &end);
    }
    upload_client_gone(c, cl);
    resume_leave(c, cl);
    P2_CHECK(p2_map_remove(&c->by_session, &cl->token));
    next_client_left(c, cl);
    p2_slab_free(&c->clients, cl->self);
}
