#include "coord.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/core/canmeet.h"
#include "coordinator/core/listing.h"
#include "coordinator/core/state.h"

#define ANY (1u << SESSION_GREETED | 1u << SESSION_PEER | 1u << SESSION_CLIENT)

// ---- messages -----------------------------------------------------------------------------------------------------

typedef void on_msg(struct coord *c, struct session *s, const struct p2_msg *m);

static void on_status_request(struct coord *c, struct session *s, const struct p2_msg *m) {
    struct p2_msg answer = {.kind = P2_MSG_STATUS};
    coord_status(c, &answer.u.status);
    struct p2_msg_unmet *rows = p2_arena_alloc(&c->out->texts, P2_UNMET_MAX * sizeof *rows);
    if (rows) {
        answer.u.status.unmet = rows;
        answer.u.status.unmet_count = unmet_list(c, rows);
    }
    uint32_t wanted = m->u.status_request.tasks_max;
    if (wanted > P2_OPEN_TASKS_MAX) wanted = P2_OPEN_TASKS_MAX;
    struct p2_msg_open_task *tasks = wanted ? p2_arena_alloc(&c->out->texts, wanted * sizeof *tasks) : NULL;
    if (tasks) {
        answer.u.status.tasks = tasks;
        answer.u.status.task_count = listing_fill(c, s, tasks, wanted);
    }
    session_send(c, s, 0, &answer);
}

static void on_chunk(struct coord *c, struct session *s, const struct p2_msg *m) {
    if (s->state == SESSION_PEER)
        replica_on_chunk(c, s, m);
    else
        client_on_chunk(c, s, m);
}

static void on_window(struct coord *c, struct session *s, const struct p2_msg *m) {
    if (s->state == SESSION_PEER)
        replica_on_window(c, s, m);
    else
        client_on_window(c, s, m);
}

static void on_drain(struct coord *c, struct session *s, const struct p2_msg *m) {
    if (s->state == SESSION_PEER) peer_on_drain(c, s, m);
}

// Stream 0 is the connection: its sender ends it, and we need not wait for that.
static void on_error(struct coord *c, struct session *s, const struct p2_msg *m) {
    struct coord_note *n = coord_note_add(c, NOTE_REMOTE_ERROR);
    n->conn = s->conn;
    n->code = m->u.error.code;
    n->text = p2_str(coord_text(c, m->u.error.sentence));
    if (m->stream == 0 || s->state == SESSION_GREETED)
        session_end(c, s, WHY_LEFT, P2_OK, "");
    else if (s->state == SESSION_PEER)
        replica_on_error(c, s, m);
    else
        client_on_error(c, s, m);
}

// Which states may send a kind, and which role. A kind without a handler is one that only coordinators send.
static const struct {
    on_msg *on;
    uint8_t states;
    enum p2_role role; // NONE: any
} handlers[P2_MSG_KINDS] = {
    [P2_MSG_HELLO] = {session_on_hello, 1u << SESSION_STRANGER, P2_ROLE_NONE},
    [P2_MSG_PEER_REGISTER] = {peer_on_register, 1u << SESSION_GREETED | 1u << SESSION_PEER, P2_ROLE_PEER},
    [P2_MSG_GAMER_REGISTER] = {client_on_register, 1u << SESSION_GREETED, P2_ROLE_CLIENT},
    [P2_MSG_TASK_SUBMIT] = {client_on_submit, 1u << SESSION_CLIENT, P2_ROLE_CLIENT},
    [P2_MSG_TASK_SUBMIT_BATCH] = {client_on_submit_batch, 1u << SESSION_CLIENT, P2_ROLE_CLIENT},
    [P2_MSG_TASK_CANCEL] = {client_on_cancel, 1u << SESSION_CLIENT, P2_ROLE_CLIENT},
    [P2_MSG_RESULT_ACK] = {resume_on_ack, 1u << SESSION_CLIENT, P2_ROLE_CLIENT},
    [P2_MSG_TASK_RESUME] = {resume_on_task, 1u << SESSION_CLIENT, P2_ROLE_CLIENT},
    [P2_MSG_TASK_RESULT] = {replica_on_result, 1u << SESSION_PEER, P2_ROLE_PEER},
    [P2_MSG_TASK_FAILURE] = {replica_on_failure, 1u << SESSION_PEER, P2_ROLE_PEER},
    [P2_MSG_TASK_RECALLED] = {replica_on_recalled, 1u << SESSION_PEER, P2_ROLE_PEER},
    [P2_MSG_CHUNK] = {on_chunk, 1u << SESSION_PEER | 1u << SESSION_CLIENT, P2_ROLE_NONE},
    [P2_MSG_WINDOW] = {on_window, 1u << SESSION_PEER | 1u << SESSION_CLIENT, P2_ROLE_NONE},
    [P2_MSG_HEARTBEAT] = {peer_on_heartbeat, 1u << SESSION_PEER, P2_ROLE_PEER},
    [P2_MSG_PEER_DISCONNECT] = {peer_on_disconnect, 1u << SESSION_PEER, P2_ROLE_PEER},
    [P2_MSG_STATUS_REQUEST] = {on_status_request, 1u << SESSION_GREETED | 1u << SESSION_CLIENT, P2_ROLE_CLIENT},
    [P2_MSG_CAN_MEET] = {canmeet_on_question, 1u << SESSION_CLIENT, P2_ROLE_CLIENT},
    [P2_MSG_DRAIN] = {on_drain, ANY, P2_ROLE_NONE},
    [P2_MSG_PING] = {session_on_ping, ANY, P2_ROLE_NONE},
    [P2_MSG_PONG] = {session_on_pong, ANY, P2_ROLE_NONE},
    [P2_MSG_ERROR] = {on_error, ANY, P2_ROLE_NONE},
    [P2_MSG_BLOB_PUT] = {upload_on_put, 1u << SESSION_CLIENT, P2_ROLE_CLIENT},
    [P2_MSG_BLOB_HAVE] = {blob_on_have, 1u << SESSION_PEER, P2_ROLE_PEER},
    [P2_MSG_BLOB_WANT] = {fetch_on_want, 1u << SESSION_PEER, P2_ROLE_PEER},
    [P2_MSG_PEER_REGISTERED] = {.role = P2_ROLE_COORDINATOR},
    [P2_MSG_GAMER_REGISTERED] = {.role = P2_ROLE_COORDINATOR},
    [P2_MSG_TASK_ACCEPTED] = {.role = P2_ROLE_COORDINATOR},
    [P2_MSG_TASK_ASSIGN] = {.role = P2_ROLE_COORDINATOR},
    [P2_MSG_RESULT_DELIVERY] = {.role = P2_ROLE_COORDINATOR},
    [P2_MSG_TASK_ENDED] = {.role = P2_ROLE_COORDINATOR},
    [P2_MSG_TASK_TIMEOUT] = {.role = P2_ROLE_COORDINATOR},
    [P2_MSG_RESEND] = {.role = P2_ROLE_COORDINATOR},
    [P2_MSG_TASK_RECALL] = {.role = P2_ROLE_COORDINATOR},
    [P2_MSG_STATUS] = {.role = P2_ROLE_COORDINATOR},
    [P2_MSG_CAN_MEET_ANSWER] = {.role = P2_ROLE_COORDINATOR},
};

static void unexpected(struct coord *c, struct session *s, enum p2_msg_kind kind) {
    const char *text = p2_arena_printf(&c->out->texts, "%s is not expected here", p2_msg_name(kind));
    session_end(c, s, WHY_PEER_BROKE, P2_ERR_UNEXPECTED_MESSAGE, text);
}

static void on_message(struct coord *c, struct session *s, const struct p2_msg *m) {
    unsigned kind = (unsigned)m->kind;
    s->heard_ns = c->now;
    if (kind >= P2_MSG_KINDS || s->state == SESSION_STRANGER) {
        if (m->kind == P2_MSG_HELLO)
            session_on_hello(c, s, m);
        else
            unexpected(c, s, m->kind);
    } else if (handlers[kind].role != P2_ROLE_NONE && handlers[kind].role != s->role) {
        const char *text =
            p2_arena_printf(&c->out->texts, "a %s does not send %s", p2_role_name(s->role), p2_msg_name(m->kind));
        session_end(c, s, WHY_PEER_BROKE, P2_ERR_WRONG_ROLE, text);
    } else if (!handlers[kind].on || !(handlers[kind].states & 1u << s->state)) {
        unexpected(c, s, m->kind);
    } else {
        handlers[kind].on(c, s, m);
    }
}

// ---- draining -----------------------------------------------------------------------------------------------------

static void start_drain(struct coord *c) {
    if (c->draining) return;
    c->draining = true;
    c->drain_by_ns = p2_ns_add(c->now, c->limits.drain_grace_ns);
    struct coord_note *n = coord_note_add(c, NOTE_DRAIN);
    n->count = c->tasks.live;
}

// Tells everybody, as many in one step as actions allow; `drain_told` is where it goes on.
static void tell_drain(struct coord *c) {
    for (; c->drain_told < c->sessions.capacity && !coord_step_full(c); c->drain_told++) {
        struct session *s = coord_at(&c->sessions, c->drain_told);
        if (!s) continue;
        if (s->state == SESSION_STRANGER) { // before its HELLO it understands ERROR only
            session_end(c, s, WHY_DRAINING, P2_ERR_DRAINING, p2_err_sentence(P2_ERR_DRAINING));
            continue;
        }
        struct p2_msg m = {.kind = P2_MSG_DRAIN, .u.drain.grace_ns = c->limits.drain_grace_ns};
        session_send(c, s, 0, &m);
    }
}

static void finish_drain(struct coord *c) {
    for (uint32_t i = 0; c->sessions.live; i++) {
        if (coord_step_full(c)) return;
        struct session *s = coord_at(&c->sessions, i);
        if (s) session_end(c, s, WHY_DRAINING, P2_OK, "");
    }
    c->drained = true;
    coord_note_add(c, NOTE_DRAINED);
}

static void go_on_draining(struct coord *c) {
    if (!c->draining || c->drained) return;
    tell_drain(c);
    bool over = c->tasks.live == 0 || c->now >= c->drain_by_ns;
    if (over && c->drain_told == c->sessions.capacity) finish_drain(c);
}

bool coord_idle(const struct coord *c) { return c->drained; }

// ---- the step -----------------------------------------------------------------------------------------------------

// Silence while this process itself did not run proves nothing about others.
static void notice_stall(struct coord *c) {
    if (c->planned_ns == P2_NEVER || c->now - c->planned_ns <= c->limits.heartbeat_ns) return;
    c->excused_ns = c->now;
    c->stats.stalls++;
    struct coord_note *n = coord_note_add(c, NOTE_STALL);
    n->span_ns = c->now - c->planned_ns;
    c->planned_ns = c->now;
}

static void dispatch(struct coord *c, const struct coord_event *ev) {
    struct session *s = NULL;
    switch (ev->kind) {
    case COORD_TICK: return;
    case COORD_DRAIN: start_drain(c); return;
    case COORD_HASHED: memo_hashed(c, ev); return;
    case COORD_OPENED: session_open(c, ev); return;
    case COORD_BLOB_FOUND: blob_on_found(c, ev->work); return;
    case COORD_BLOB_DONE: blob_on_done(c, ev->work); return;
    default: s = session_of_event(c, ev->conn);
    }
    if (!s) return;
    if (ev->kind == COORD_MSG)
        on_message(c, s, ev->msg);
    else if (ev->kind == COORD_WRITABLE)
        relay_room(c, s, ev->room);
    else if (ev->kind == COORD_CLOSED)
        session_closed(c, s, ev->why);
}

// What is due, and what the events since the last time have made possible.
static void settle(struct coord *c) {
    task_expire_due(c);
    task_stalled_due(c);
    upload_tick(c);
    replica_tick(c);
    health_tick(c);
    resume_tick(c);
    session_tick(c);
    next_tick(c);
    flight_tick(c);
    if (!memo_awaits(c)) next_run(c);
    steal_run(c);
    hedge_run(c);
    relay_flush(c);
    go_on_draining(c);
    sched_refresh_all(c);
    course_rest(c);
    if (!p2_list_empty(&c->settling)) c->again = true; // of what ended since
    c->planned_ns = coord_next_ns(c);
}

void coord_step(struct coord *c, const struct coord_event *ev, struct coord_actions *out) {
    P2_CHECK(ev->now_ns >= c->now);
    c->now = ev->now_ns;
    c->out = out;
    if (ev->kind != COORD_HASHED && c->hashes_awaited) { // the shell has gone on without them
        c->hashes_awaited = 0;
        c->hash_round++;
    }
    if (!c->unsettled) c->again = false;
    cache_tick(&c->cache, c->now);
    notice_stall(c);
    dispatch(c, ev);
    c->unsettled = ev->more;
    if (!ev->more) settle(c);
    c->out = NULL;
}

p2_ns coord_next_ns(const struct coord *c) {
    if (c->again) return c->now;
    const struct p2_heap_node *timer = p2_heap_peek(&c->timers);
    p2_ns next = p2_ns_min(p2_ns_min(next_due_ns(c), steal_next_ns(c)), task_stalled_next_ns(c));
    next = p2_ns_min(next, p2_ns_min(health_due_ns(c), hedge_due_ns(c)));
    next = p2_ns_min(next, p2_ns_min(resume_next_ns(c), upload_next_ns(c)));
    if (c->draining && !c->drained) next = p2_ns_min(next, c->drain_by_ns);
    if (timer) next = p2_ns_min(next, timer->key);
    next = p2_ns_min(next, task_expire_next_ns(c));
    if (!p2_list_empty(&c->lingering)) {
        next = p2_ns_min(next, P2_CONTAINER_OF(c->lingering.next, struct replica, lingering)->linger_until_ns);
    }
    return p2_ns_max(next, c->now); // what became due in the last step is due now, not late
}

void coord_status(const struct coord *c, struct p2_msg_status *out) {
    const struct coord_stats *st = &c->stats;
    *out = (struct p2_msg_status){.peers = c->peers.live,
                                  .peers_ready = st->peers_ready,
                                  .clients = c->clients.live - c->clients_away,
                                  .slots = st->slots,
                                  .slots_busy = st->slots_busy,
                                  .tasks_queued = st->tasks_queued + st->tasks_joined,
                                  .tasks_running = st->tasks_running,
                                  .tasks_accepted = st->tasks_accepted,
                                  .tasks_completed = st->tasks_completed,
                                  .tasks_failed = st->tasks_failed,
                                  .tasks_expired = st->tasks_expired,
                                  .tasks_cancelled = st->tasks_cancelled,
                                  .tasks_refused = st->tasks_refused,
                                  .attempts_retried = st->attempts_retried,
                                  .attempts_hedged = st->attempts_hedged,
                                  .peers_held_back = c->held.count,
                                  .uptime_ns = c->now - c->start_ns,
                                  .version = p2_str(P2_VERSION)};
    for (uint32_t i = 0; i < c->type_count; i++) {
        out->cache_hits += c->types[i].memo.hits;
        out->cache_misses += c->types[i].memo.misses;
    }
}

uint32_t coord_cache_status(const struct coord *c, uint32_t index, struct coord_cache_status *out) {
    if (index < c->type_count) {
        const struct type_state *ts = &c->types[index];
        *out = (struct coord_cache_status){ts->type->name, ts->memo.hits, ts->memo.misses};
    }
    return c->type_count;
}
