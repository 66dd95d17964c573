#include "resume.h"

#include "coordinator/core/forecast.h"
#include "coordinator/core/state.h"

#define STALL_PART 10 // of the grace: so long a peer waits with a long result for a client that is away

static bool is_away(const struct client *cl) { return cl->session == P2_NO_HANDLE; }

static bool may_be_long(const struct coord *c, const struct task *t) {
    return t->cost.result_bytes_max > c->limits.stream_window_bytes;
}

bool resume_absent(const struct coord *c, const struct task *t) { return !task_session(c, t) && may_be_long(c, t); }

// ---- tasks without a stream -----------------------------------------------------------------------------------------

static void end_kept(struct coord *c, struct task *t, enum coord_why why) {
    const struct task_end end = {.last = TASK_DONE, .why = why};
    task_end(c, t, &end);
}

// The result so far is void: it will be computed again, when somebody is there for it.
static void lose_result(struct coord *c, struct task *t) {
    struct replica *r = task_replica(c, t);
    if (r) replica_cancel(c, r);
    task_retry(c, t, WHY_CLIENT_LOST, P2_ERR_CONNECTION_LOST, P2_NO_HANDLE);
}

// Part of it is neither here any more nor surely there.
static bool is_broken(const struct coord *c, const struct task *t) {
    const struct course *co = course_of(c, t);
    bool begun = t->state == TASK_KEPT || (t->state == TASK_RETURNING && co->result_out.sent > 0);
    return begun && (!co->result_keep || (P2_CANARY(result_rerun) && t->state == TASK_KEPT));
}

static void set_aside(struct coord *c, struct task *t) {
    t->absent = resume_absent(c, t);
    if (!t->absent || t->state != TASK_QUEUED) return;
    flight_over(c, t, false); // those that wait with it are not to wait for its client
    if (t->unready) return;
    queue_set_aside(&c->types[t->type].queue, t);
    t->unready = true;
}

static void park_task(struct coord *c, struct task *t) {
    task_unbind(c, t);
    if (is_broken(c, t) && !P2_CANARY(result_gap))
        lose_result(c, t);
    else
        set_aside(c, t);
}

// ---- away -----------------------------------------------------------------------------------------------------------

bool resume_stays(const struct coord *c, const struct client *cl, enum coord_why why, enum p2_err code) {
    if (!(cl->features & P2_FEATURE_SESSIONS) || c->draining) return false;
    if (why == WHY_RESUMED) return true;
    return why == WHY_PEER_LOST && code >= P2_ERR_HANDSHAKE_TIMEOUT; // below: in order, or it broke a rule
}

void resume_leave(struct coord *c, struct client *cl) {
    if (is_away(cl)) c->clients_away--;
    p2_list_remove(&cl->waiting);
    p2_list_remove(&cl->stalling);
}

void resume_park(struct coord *c, struct client *cl, enum p2_err code) {
    struct session *s = p2_slab_get(&c->sessions, cl->session);
    struct coord_note *n = coord_note_add(c, NOTE_CLIENT_AWAY);
    n->conn = s->conn;
    n->code = code;
    n->count = cl->task_count;
    resume_leave(c, cl);
    upload_client_gone(c, cl); // what is here of them stays, and is gone on with
    cl->session = P2_NO_HANDLE;
    cl->stream_max = 0;
    c->clients_away++;
    cl->until_ns = p2_ns_add(c->now, c->limits.resume_grace_ns);
    cl->stall_until_ns = p2_ns_add(c->now, c->limits.resume_grace_ns / STALL_PART);
    p2_list_push_back(&c->away, &cl->waiting);
    p2_list_push_back(&c->stalling, &cl->stalling);
    struct p2_slots links = TASKS_IN_CLIENT(c);
    P2_SLOT_LIST_EACH (it, next, &links, &cl->tasks) park_task(c, task_at(c, it));
}

bool resume_make_room(struct coord *c) {
    struct p2_list *first = p2_list_first(&c->away);
    if (first) client_gone(c, P2_CONTAINER_OF(first, struct client, waiting), P2_ERR_TOO_MANY_CONNECTIONS);
    return first != NULL;
}

// A result that began before this client went away and does not end gives its slot back.
static void stalled(struct coord *c, struct client *cl) {
    p2_list_remove(&cl->stalling);
    struct p2_slots links = TASKS_IN_CLIENT(c);
    P2_SLOT_LIST_EACH (it, next, &links, &cl->tasks) {
        struct task *t = task_at(c, it);
        bool here = t->state != TASK_RETURNING || course_of(c, t)->result_keep || !task_replica(c, t);
        if (!here) lose_result(c, t);
    }
}

bool resume_takes(struct coord *c, struct task *t, uint64_t size) {
    const struct client *cl = task_client(c, t);
    bool waits = !is_away(cl) || p2_list_linked(&cl->stalling);
    if (waits || size <= c->limits.stream_window_bytes) return true;
    lose_result(c, t);
    return false;
}

// ---- back -----------------------------------------------------------------------------------------------------------

struct client *resume_find(struct coord *c, const struct p2_id *session) {
    if (p2_id_is_zero(session)) return NULL;
    p2_handle h = p2_map_get(&c->by_session, session);
    struct client *cl = p2_slab_get(&c->clients, h);
    if (!cl) return NULL;
    struct session *old = p2_slab_get(&c->sessions, cl->session);
    if (old) session_end(c, old, WHY_RESUMED, P2_OK, "");
    return p2_slab_get(&c->clients, h); // while draining it has gone with its connection
}

void resume_claimed(struct client *cl) {
    if (--cl->unbound == 0 && !is_away(cl)) p2_list_remove(&cl->waiting);
}

void resume_back(struct coord *c, struct client *cl) {
    resume_leave(c, cl);
    cl->until_ns = p2_ns_add(c->now, c->limits.resume_grace_ns);
    if (cl->unbound) p2_list_push_back(&c->reclaiming, &cl->waiting);
}

void resume_forget(struct coord *c, struct client *cl) {
    if (!cl->unbound) return;
    p2_list_remove(&cl->waiting);
    struct p2_slots links = TASKS_IN_CLIENT(c);
    P2_SLOT_LIST_EACH (it, next, &links, &cl->tasks) {
        struct task *t = task_at(c, it);
        if (t->stream) continue;
        const struct task_end end = {.last = TASK_CANCELLED, .why = WHY_NOT_RESUMED, .code = P2_ERR_CONNECTION_LOST};
        if (t->state == TASK_KEPT)
            end_kept(c, t, WHY_NOT_RESUMED);
        else
            task_end(c, t, &end);
    }
}

// One that is not here: ended, or never known.
static void tell_past(struct coord *c, struct session *s, const struct p2_msg *m) {
    const struct recent_task *past = task_recent(c, client_of(c, s), &m->u.resume.id);
    struct p2_msg answer = {.kind = P2_MSG_TASK_ENDED, .stream = m->stream};
    enum p2_err code = past ? (enum p2_err)past->code : P2_ERR_UNKNOWN_TASK;
    if (code == P2_OK) code = P2_ERR_CONNECTION_LOST; // done, and no longer kept
    if (code == P2_ERR_DEADLINE_EXCEEDED) {
        answer.kind = P2_MSG_TASK_TIMEOUT;
        answer.u.timeout.id = m->u.resume.id;
        answer.u.timeout.attempt = past->attempts;
    } else {
        answer.u.ended.id = m->u.resume.id;
        answer.u.ended.attempt = past ? past->attempts : 0;
        answer.u.ended.code = code;
        answer.u.ended.retryable = p2_err_retryable(code);
        answer.u.ended.retry_after_ns = answer.u.ended.retryable ? c->limits.retry_after_ns : 0;
        answer.u.ended.sentence = p2_str(p2_err_sentence(code));
    }
    session_send(c, s, 0, &answer);
}

static void ask_for_rest(struct coord *c, const struct session *s, const struct task *t) {
    if (task_payload_whole(c, t)) return;
    const struct p2_inflow *in = &course_of(c, t)->in;
    struct p2_msg m = {.kind = P2_MSG_RESEND, .stream = t->stream};
    m.u.resend = (struct p2_msg_resend){.id = t->id, .attempt = in->attempt, .limit = in->granted, .offset = in->have};
    session_send(c, s, 0, &m);
}

// As a task like it would be told now; it is not ahead of itself.
static void tell_accepted(struct coord *c, const struct task *t) {
    const struct forecast_of of = {t->type, (enum p2_class)t->class_, t->deadline_ns, &t->cost};
    struct forecast f = {.ahead = 0};
    if (t->state == TASK_QUEUED) f = forecast(c, task_client(c, t), &of);
    task_tell_accepted(c, t, f.ahead ? f.ahead - 1 : 0, f.p50_ns);
}

static void go_on(struct coord *c, struct session *s, struct task *t) {
    struct course *co = course_of(c, t);
    t->absent = false;
    if (t->state == TASK_KEPT) task_move(c, t, TASK_RETURNING, WHY_RESUMED, P2_OK);
    if (t->state == TASK_RETURNING) {
        p2_outflow_begin(&co->result_out, co->result_in.attempt, co->result_in.size, P2_STREAM_WINDOW);
        co->result_next = 0;
        co->delivery_begun = false;
    }
    struct coord_note *n = coord_note_add(c, NOTE_TASK_RESUMED);
    n->conn = s->conn;
    n->task = t->id;
    tell_accepted(c, t);
    ask_for_rest(c, s, t);
    task_await(c, t);
    task_ready(c, t);
    course_look(c, t);
    if (t->state == TASK_QUEUED && co && co->memo.keyed && !t->flight) memo_again(c, t);
    relay_wake_result(c, t);
}

void resume_on_task(struct coord *c, struct session *s, const struct p2_msg *m) {
    struct client *cl = client_of(c, s);
    if (!(cl->features & P2_FEATURE_SESSIONS) || m->stream == 0 || task_by_stream(c, cl, m->stream)) {
        session_end(c, s, WHY_NONE, P2_ERR_UNEXPECTED_MESSAGE,
                    "a task resumed on a stream in use, or without sessions");
        return;
    }
    if (m->stream > cl->stream_max) cl->stream_max = m->stream;
    struct task *t = task_by_id(c, cl, &m->u.resume.id);
    if (t && t->stream) task_unbind(c, t);
    if (t && is_broken(c, t)) {
        lose_result(c, t);
        t = task_by_id(c, cl, &m->u.resume.id); // unless that was its last attempt
    }
    if (!t) {
        tell_past(c, s, m);
        return;
    }
    task_bind(c, t, m->stream);
    go_on(c, s, t);
}

void resume_on_ack(struct coord *c, struct session *s, const struct p2_msg *m) {
    struct client *cl = client_of(c, s);
    struct task *t = task_by_stream(c, cl, m->stream);
    if (m->stream == 0 || m->stream > cl->stream_max) {
        session_end(c, s, WHY_NONE, P2_ERR_UNEXPECTED_MESSAGE, "a result acknowledged that was not asked for");
    } else if (t && t->state == TASK_KEPT) {
        bool newest = P2_CANARY(ack_by_newest);
        uint32_t attempt = newest ? t->attempt : course_of(c, t)->result_out.attempt;
        if (m->u.ack.attempt == attempt) end_kept(c, t, WHY_ACKNOWLEDGED);
    } else if (t && m->u.ack.attempt == t->attempt) {
        session_end(c, s, WHY_NONE, P2_ERR_UNEXPECTED_MESSAGE, "a result acknowledged before it was sent");
    } // else it has ended meanwhile, or is being computed anew
}

// ---- time -----------------------------------------------------------------------------------------------------------

static struct client *first_of(const struct p2_list *list) {
    return p2_list_empty(list) ? NULL : P2_CONTAINER_OF(list->next, struct client, waiting);
}

static struct client *first_stalling(const struct coord *c) {
    return p2_list_empty(&c->stalling) ? NULL : P2_CONTAINER_OF(c->stalling.next, struct client, stalling);
}

static const struct course *first_kept(const struct coord *c) {
    return p2_list_empty(&c->kept) ? NULL : P2_CONTAINER_OF(c->kept.next, struct course, kept);
}

void resume_tick(struct coord *c) {
    struct client *cl;
    const struct course *co;
    while ((cl = first_of(&c->away)) && (cl->until_ns <= c->now || c->draining)) {
        if (coord_step_full(c)) return;
        client_gone(c, cl, P2_ERR_CONNECTION_LOST);
    }
    while ((cl = first_stalling(c)) && cl->stall_until_ns <= c->now) {
        if (coord_step_full(c)) return;
        stalled(c, cl);
    }
    while ((cl = first_of(&c->reclaiming)) && cl->until_ns <= c->now) {
        if (coord_step_full(c)) return;
        resume_forget(c, cl);
    }
    while ((co = first_kept(c)) && co->kept_until_ns <= c->now) {
        if (coord_step_full(c)) return;
        end_kept(c, p2_slab_get(&c->tasks, co->task), WHY_DELIVERED);
    }
}

p2_ns resume_next_ns(const struct coord *c) {
    p2_ns next = P2_NEVER;
    const struct client *away = first_of(&c->away), *back = first_of(&c->reclaiming), *stall = first_stalling(c);
    const struct course *kept = first_kept(c);
    if (away) next = p2_ns_min(next, c->draining ? c->now : away->until_ns);
    if (back) next = p2_ns_min(next, back->until_ns);
    if (stall) next = p2_ns_min(next, stall->stall_until_ns);
    return kept ? p2_ns_min(next, kept->kept_until_ns) : next;
}

// ---- invariants -----------------------------------------------------------------------------------------------------

static void check_client(const struct coord *c, const struct client *cl) {
    uint32_t unbound = 0;
    struct p2_slots links = TASKS_IN_CLIENT(c);
    P2_SLOT_LIST_EACH (it, next, &links, &cl->tasks) {
        const struct task *t = task_at(c, it);
        const struct course *co = course_of(c, t);
        unbound += !t->stream;
        P2_CHECK(!is_away(cl) || !t->stream);
        P2_CHECK(t->stream || !co || !p2_list_linked(&co->outlet.link));
        P2_CHECK(!t->absent || (!t->stream && may_be_long(c, t)));
        P2_CHECK(t->state != TASK_QUEUED || t->absent || t->stream || !may_be_long(c, t));
        P2_CHECK(t->stream || !is_broken(c, t));
        P2_CHECK((co && p2_list_linked(&co->kept)) == (t->state == TASK_KEPT && t->stream));
    }
    P2_CHECK(unbound == cl->unbound);
    P2_CHECK(p2_list_linked(&cl->waiting) == (is_away(cl) || unbound));
    P2_CHECK(is_away(cl) || !p2_list_linked(&cl->stalling));
    P2_CHECK(p2_map_get(&c->by_session, &cl->token) == cl->self);
}

void resume_check(const struct coord *c) {
    uint32_t away = 0, listed = 0;
    for (uint32_t i = 0; i < c->clients.capacity; i++) {
        const struct client *cl = coord_at(&c->clients, i);
        if (!cl) continue;
        check_client(c, cl);
        away += is_away(cl);
    }
    p2_ns before = 0;
    P2_LIST_EACH (it, next, &c->away) {
        const struct client *cl = P2_CONTAINER_OF(it, struct client, waiting);
        P2_CHECK(is_away(cl) && cl->until_ns >= before);
        before = cl->until_ns;
        listed++;
    }
    P2_CHECK(away == c->clients_away && listed == away && c->by_session.count == c->clients.live);
}
