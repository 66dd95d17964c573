#include "task.h"

#include "coordinator/core/state.h"

#define RECENT_AHEAD 8u
#define PAYLOAD_BYTES_PER_SECOND 1024u // slower, a client holds what others could use

#define TO(s) (1u << (s))
#define LOST (TO(TASK_FAILED) | TO(TASK_EXPIRED) | TO(TASK_CANCELLED))

static const uint16_t legal[TASK_STATES] = {
    [TASK_NEW] = TO(TASK_QUEUED) | TO(TASK_REFUSED),
    [TASK_QUEUED] = TO(TASK_PLACED) | TO(TASK_RETURNING) | TO(TASK_JOINED) | LOST,
    [TASK_JOINED] = TO(TASK_QUEUED) | TO(TASK_PLACED) | LOST,
    [TASK_PLACED] = TO(TASK_RETURNING) | TO(TASK_QUEUED) | LOST,
    [TASK_RETURNING] = TO(TASK_DONE) | TO(TASK_KEPT) | TO(TASK_QUEUED) | LOST,
    [TASK_KEPT] = TO(TASK_DONE) | TO(TASK_RETURNING) | TO(TASK_QUEUED) | TO(TASK_FAILED) | TO(TASK_CANCELLED),
};

struct task *task_at(const struct coord *c, uint32_t slot) {
    return p2_slab_in(&c->tasks, slot);
}

p2_handle task_handle(const struct coord *c, const struct task *t) { return p2_slab_handle(&c->tasks, t); }

uint32_t task_slot(const struct coord *c, const struct task *t) { return (uint32_t)task_handle(c, t); }

struct client *task_client(const struct coord *c, const struct task *t) {
    return p2_slab_in(&c->clients, t->client);
}

struct session *task_session(const struct coord *c, const struct task *t) {
    return t->stream ? p2_slab_get(&c->sessions, task_client(c, t)->session) : NULL;
}

static struct coord_note *note_move(struct coord *c, const struct task *t, enum coord_why why, enum p2_err code,
                                    struct p2_str text) {
    if (c->terse && t->state != TASK_FAILED) return &c->unheard;
    struct coord_note *n = coord_note_add(c, NOTE_TASK);
    const struct course *co = course_of(c, t);
    n->to = (enum task_state)t->state;
    n->why = why;
    n->code = code;
    n->class_ = (enum p2_class)t->class_;
    n->task = t->id;
    n->attempt = co ? co->run_attempt : 0;
    n->span_ns = c->now - t->accepted_ns;
    n->text = text;
    if (t->attempt) n->peer = co->peer;
    return n;
}

// ---- deadlines ---------------------------------------------------------------------------------------------------

bool task_before(const struct task *a, const struct task *b) {
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->arrival < b->arrival;
}

static bool due_before(const struct p2_slot_meld_node *a, const struct p2_slot_meld_node *b) {
    return task_before(P2_CONTAINER_OF(a, struct task, deadline), P2_CONTAINER_OF(b, struct task, deadline));
}

static void deadline_in(struct coord *c, const struct task *t) {
    struct p2_slots links = TASKS_BY_DEADLINE(c);
    p2_slot_order_push(&links, &c->deadlines, task_slot(c, t), due_before);
}

static void deadline_out(struct coord *c, const struct task *t) {
    struct p2_slots links = TASKS_BY_DEADLINE(c);
    p2_slot_order_remove(&links, &c->deadlines, task_slot(c, t), due_before);
}

static struct task *first_due(const struct coord *c) {
    struct p2_slots links = TASKS_BY_DEADLINE(c);
    uint32_t first = p2_slot_order_first(&links, &c->deadlines, due_before);
    return first == P2_NO_SLOT ? NULL : task_at(c, first);
}

void task_check_deadline(const struct coord *c, const struct task *t) {
    struct p2_slots links = TASKS_BY_DEADLINE(c);
    if (p2_slot_order_in(&t->deadline)) p2_slot_order_check(&links, &c->deadlines, task_slot(c, t), due_before);
}

// ---- states ------------------------------------------------------------------------------------------------------

// Newest last; one that comes back is never newer than one that has not been tried.
static void wait_in_class(struct coord *c, struct task *t) {
    struct p2_slots links = TASKS_IN_GROUP(c);
    if (t->state == TASK_NEW)
        p2_slot_list_push_back(&links, &c->queued[t->class_], task_slot(c, t));
    else
        p2_slot_list_push_front(&links, &c->queued[t->class_], task_slot(c, t));
    c->queued_in_class[t->class_]++;
}

static void leave_class(struct coord *c, struct task *t) {
    struct p2_slots links = TASKS_IN_GROUP(c);
    p2_slot_list_remove(&links, &c->queued[t->class_], task_slot(c, t));
    c->queued_in_class[t->class_]--;
}

static void state_move(struct coord *c, struct task *t, enum task_state to) {
    P2_CHECK(legal[t->state] & TO(to));
    struct queue *q = &c->types[t->type].queue;
    if (t->state == TASK_QUEUED) {
        queue_remove(q, t);
        leave_class(c, t);
    }
    if (to == TASK_QUEUED) {
        queue_push(q, t);
        wait_in_class(c, t);
    }
    struct course *co = course_of(c, t);
    bool timed = p2_slot_order_in(&t->deadline);
    if (t->state == TASK_KEPT) p2_list_remove(&co->kept);
    if (to == TASK_QUEUED && !timed && t->state != TASK_NEW) // its result is lost after all
        deadline_in(c, t);
    if (to == TASK_KEPT) {
        deadline_out(c, t); // its result is in time, whenever it is asked for again
        co->kept_until_ns = p2_ns_add(c->now, c->limits.resume_grace_ns);
        p2_list_push_back(&c->kept, &co->kept);
    }
    stats_task_moved(&c->stats, (enum task_state)t->state, to);
    t->state = (uint8_t)to;
    course_look(c, t);
}

void task_move(struct coord *c, struct task *t, enum task_state to, enum coord_why why, enum p2_err code) {
    state_move(c, t, to);
    note_move(c, t, why, code, p2_str(NULL));
}

void task_move_of(struct coord *c, struct task *t, enum task_state to, enum coord_why why, const struct p2_id *of) {
    state_move(c, t, to);
    note_move(c, t, why, P2_OK, p2_str(NULL))->of = *of;
}

// ---- tables ----------------------------------------------------------------------------------------------------

struct task *task_by_stream(const struct coord *c, const struct client *cl, uint32_t stream) {
    return coord_at(&c->tasks, table_get(&c->by_stream, (uint32_t)cl->self, stream));
}

struct task *task_by_id(const struct coord *c, const struct client *cl, const struct p2_id *id) {
    return coord_at(&c->tasks, table_task_known(c, cl, id));
}

const struct recent_task *task_recent(const struct coord *c, const struct client *cl, const struct p2_id *id) {
    uint32_t at = table_task_known(c, cl, id);
    return at == P2_NO_SLOT || at < c->tasks.capacity ? NULL : &c->recent[at - c->tasks.capacity];
}

// The places of those that are forgotten soon have not been looked at for long.
static void prefetch_oldest(const struct coord *c) {
    uint32_t most = c->limits.recent_max, ahead = c->recent_next + RECENT_AHEAD;
    if (ahead >= most) return;
    if (c->recent[ahead].used) p2_index_prefetch(&c->by_id, &c->recent[ahead].key);
}

// Under the id it was known by while it was open.
static void remember(struct coord *c, const struct task *t, enum p2_err code) {
    struct recent_task *r = &c->recent[c->recent_next];
    prefetch_oldest(c);
    uint32_t at = c->tasks.capacity + c->recent_next;
    if (r->used) P2_CHECK(p2_index_remove(&c->by_id, at));
    *r = (struct recent_task){
        .key = table_own_key(task_client(c, t), &t->id), .used = true, .code = (uint8_t)code, .attempts = t->attempt};
    P2_CHECK(p2_index_replace(&c->by_id, task_slot(c, t), at));
    if (++c->recent_next == c->limits.recent_max) c->recent_next = 0;
}

bool task_link(struct coord *c, struct client *cl, struct task *t) {
    uint32_t slot = task_slot(c, t);
    struct p2_slots links = TASKS_IN_CLIENT(c);
    if (!p2_index_put(&c->by_id, slot)) return false;
    if (!table_put(&c->by_stream, t->client, t->stream, slot)) {
        p2_index_remove(&c->by_id, slot);
        return false;
    }
    p2_slot_list_push_back(&links, &cl->tasks, slot);
    cl->task_count++;
    cl->bytes += cargo_payload_bytes(t->cargo);
    deadline_in(c, t);
    c->reserved_bytes += t->reserved_bytes;
    return true;
}

void task_bind(struct coord *c, struct task *t, uint32_t stream) {
    P2_CHECK(t->stream == 0);
    t->stream = stream;
    P2_CHECK(table_put(&c->by_stream, t->client, stream, task_slot(c, t)));
    resume_claimed(task_client(c, t));
}

void task_unbind(struct coord *c, struct task *t) {
    struct course *co = course_of(c, t);
    if (!t->stream) return;
    table_remove(&c->by_stream, t->client, t->stream, task_slot(c, t));
    t->stream = 0;
    task_client(c, t)->unbound++;
    if (!co) return;
    outlet_close(&co->outlet);
    p2_list_remove(&co->kept);
    p2_list_remove(&co->awaited);
}

static void let_go(struct coord *c, struct task *t, enum p2_err code) {
    struct client *cl = task_client(c, t);
    struct p2_slots links = TASKS_IN_CLIENT(c);
    uint32_t slot = task_slot(c, t);
    if (!t->stream)
        resume_claimed(cl);
    else if (!P2_CANARY(map_entry_leaked))
        table_remove(&c->by_stream, t->client, t->stream, slot);
    if (P2_CANARY(recent_forgotten))
        P2_CHECK(p2_index_remove(&c->by_id, slot));
    else
        remember(c, t, code);
    p2_slot_list_remove(&links, &cl->tasks, slot);
    cl->task_count--;
    cl->bytes -= cargo_payload_bytes(t->cargo);
    deadline_out(c, t);
    course_end(c, t);
    cargo_drop(c, t->cargo);
    if (!(P2_CANARY(reservation_leaked) && t->state == TASK_EXPIRED)) c->reserved_bytes -= t->reserved_bytes;
    p2_slab_free(&c->tasks, task_handle(c, t));
}

// ---- ends ------------------------------------------------------------------------------------------------------

// In the lane of the task's class, so that it does not overtake bytes of a result begun before.
static void tell_end(struct coord *c, const struct task *t, const struct task_end *e) {
    struct p2_msg m = {.stream = t->stream};
    if (e->last == TASK_DONE) return;
    if (e->last == TASK_EXPIRED) {
        m.kind = P2_MSG_TASK_TIMEOUT;
        m.u.timeout.id = t->id;
        m.u.timeout.attempt = t->attempt;
        m.u.timeout.queue_ns = (t->attempt ? course_of(c, t)->placed_ns : c->now) - t->accepted_ns;
    } else {
        m.kind = P2_MSG_TASK_ENDED;
        m.u.ended.id = t->id;
        m.u.ended.attempt = t->attempt;
        m.u.ended.code = e->code;
        m.u.ended.retryable = e->retryable;
        m.u.ended.retry_after_ns = e->retryable ? c->limits.retry_after_ns : 0;
        m.u.ended.sentence = e->text;
    }
    session_send(c, task_session(c, t), 1 + (unsigned)t->class_, &m);
}

void task_end(struct coord *c, struct task *t, const struct task_end *e) {
    flight_leave(c, t, e);
    P2_CHECK(!task_replica(c, t) || e->last != TASK_DONE);
    task_call_off(c, t);
    state_move(c, t, e->last);
    note_move(c, t, e->why, e->code, e->text);
    tell_end(c, t, e);
    if (P2_CANARY(cancel_twice) && e->last == TASK_CANCELLED) tell_end(c, t, e);
    let_go(c, t, e->last == TASK_DONE ? P2_OK : e->code);
}

void task_fail(struct coord *c, struct task *t, enum coord_why why, enum p2_err code, const char *sentence) {
    const struct task_end end = {
        .last = TASK_FAILED, .why = why, .code = code, .retryable = p2_err_retryable(code), .text = p2_str(sentence)};
    task_end(c, t, &end);
}

// ---- its runs ---------------------------------------------------------------------------------------------------

void task_run_is(struct coord *c, struct task *t, const struct replica *r) {
    struct course *co = course_of(c, t);
    co->peer_handle = r->peer;
    co->peer = ((const struct peer *)p2_slab_get(&c->peers, r->peer))->id;
    co->run_attempt = r->attempt;
}

void task_drop_run(struct coord *c, struct task *t, const struct replica *r, enum coord_why why, enum p2_err code) {
    struct course *co = course_of(c, t);
    bool second = co->hedge == r->self;
    if (!second && co->replica != r->self) return;
    const struct replica *other = p2_slab_get(&c->replicas, second ? co->replica : co->hedge);
    co->replica = other ? other->self : P2_NO_HANDLE;
    co->hedge = P2_NO_HANDLE;
    if (!other) return;
    task_run_is(c, t, other);
    if (why == WHY_NONE) return;
    struct coord_note *n = coord_note_add(c, NOTE_RUN_LOST);
    n->why = why;
    n->code = code;
    n->task = t->id;
    n->peer = ((const struct peer *)p2_slab_get(&c->peers, r->peer))->id;
    n->attempt = r->attempt;
    n->span_ns = c->now - t->accepted_ns;
}

void task_call_off(struct coord *c, struct task *t) {
    struct replica *r;
    while ((r = task_replica(c, t))) replica_cancel(c, r);
}

// ---- another attempt -------------------------------------------------------------------------------------------

static void ask_again(struct coord *c, struct task *t) {
    struct course *co = course_have(c, t);
    memo_payload_again(c, t);
    spool_clear(&t->cargo->payload);
    co->dropped = 0;
    p2_inflow_begin(&co->in, t->attempt + 1u, co->in.size, c->limits.stream_window_bytes);
    struct p2_msg m = {.kind = P2_MSG_RESEND, .stream = t->stream};
    m.u.resend.id = t->id;
    m.u.resend.attempt = co->in.attempt;
    m.u.resend.limit = co->in.granted;
    session_send(c, task_session(c, t), 0, &m);
    task_await(c, t);
    struct coord_note *n = coord_note_add(c, NOTE_TASK_RESEND);
    n->task = t->id;
    n->attempt = co->in.attempt;
}

// A lost peer's tasks are tried again whatever the budget says: nothing accepted is lost because a process was killed,
// and no more can be lost than peers are. What costs is failing at once and again: jobs that peers say failed, and
// results that cannot be used. A client's word that it cannot read one may use up half of the floor at most, so that
// nobody can spend the retries of others.
static bool may_retry(struct coord *c, enum coord_why why) {
    uint32_t leave = 0;
    if (why == WHY_CLIENT_ASKED)
        leave = (c->limits.retry_floor + 1) / 2;
    else if (why != WHY_PEER_FAILED && why != WHY_MEMORY)
        return true;
    return !c->limits.retry_budget_percent || budget_take(&c->retries, c->now, leave);
}

void task_queue_again(struct coord *c, struct task *t, bool owed, enum coord_why why, enum p2_err code) {
    t->absent = resume_absent(c, t);
    if (t->absent) flight_over(c, t, false); // those that wait with it are not to wait for its client
    t->unready = owed || !task_payload_ready(c, t);
    task_move(c, t, TASK_QUEUED, why, code);
    sched_task_waits(c, t);
}

void task_retry(struct coord *c, struct task *t, enum coord_why why, enum p2_err code, p2_handle tried) {
    struct course *co = course_have(c, t);
    if (tried != P2_NO_HANDLE && co->tried_count < COORD_ATTEMPTS_CEILING) co->tried[co->tried_count++] = tried;
    if (co->replica != P2_NO_HANDLE) return; // its other run goes on
    co->delivery_begun = false;
    outlet_close(&co->outlet);
    spool_clear(&co->result);
    memo_collect_end(c, co);
    uint32_t most = c->limits.attempts_max;
    if (P2_CANARY(attempts_off_by_one)) most++;
    if (P2_CANARY(attempts_too_few)) most--;
    if (t->attempt >= most) {
        const char *text =
            p2_arena_printf(&c->out->texts, "%u attempts failed, the last with %s", t->attempt, p2_err_name(code));
        task_fail(c, t, WHY_ATTEMPTS, P2_ERR_ATTEMPTS_EXHAUSTED, text);
        return;
    }
    if (!may_retry(c, why)) {
        const char *text =
            p2_arena_printf(&c->out->texts, "it failed with %s, and too much fails to try again", p2_err_name(code));
        task_fail(c, t, WHY_BUDGET, P2_ERR_ATTEMPTS_EXHAUSTED, text);
        return;
    }
    bool again = co->dropped > 0;
    c->stats.attempts_retried++;
    task_queue_again(c, t, again, why, code);
    if (again) ask_again(c, t);
}

// ---- bytes the client owes ------------------------------------------------------------------------------------------

bool task_payload_ready(const struct coord *c, const struct task *t) {
    bool begun = c->limits.cut_through && !t->keep && cargo_bytes_here(t->cargo) > 0;
    return !t->absent && (begun || task_payload_whole(c, t));
}

void task_ready(struct coord *c, struct task *t) {
    if (t->state != TASK_QUEUED || !t->unready || !task_payload_ready(c, t)) return;
    t->unready = false;
    queue_wait_again(&c->types[t->type].queue, t);
    sched_task_waits(c, t);
}

void task_tell_accepted(struct coord *c, const struct task *t, uint32_t queue_position, p2_ns estimate_ns) {
    struct p2_msg *m = session_say(c, task_session(c, t), 0, P2_MSG_TASK_ACCEPTED, t->stream);
    if (!m) return;
    m->u.accepted =
        (struct p2_msg_task_accepted){.id = t->id, .queue_position = queue_position, .estimate_ns = estimate_ns};
}

void task_await(struct coord *c, struct task *t) {
    struct course *co = course_of(c, t);
    if (!co) return;
    bool listed = p2_list_linked(&co->awaited);
    uint64_t enough = (uint64_t)(c->limits.payload_stall_ns / P2_SEC) * PAYLOAD_BYTES_PER_SECOND;
    if (!t->stream || co->in.have >= co->in.granted) { // who is away has the session's grace to come back
        p2_list_remove(&co->awaited);
    } else if (!listed || co->in.have < co->awaited_have || co->in.have - co->awaited_have >= enough) {
        p2_list_remove(&co->awaited);
        p2_list_push_back(&c->awaited, &co->awaited);
        co->awaited_ns = c->now;
        co->awaited_have = co->in.have;
    }
}

static const struct course *longest_awaited(const struct coord *c) {
    return p2_list_empty(&c->awaited) ? NULL : P2_CONTAINER_OF(c->awaited.next, struct course, awaited);
}

p2_ns task_stalled_next_ns(const struct coord *c) {
    const struct course *co = longest_awaited(c);
    return co ? p2_ns_add(co->awaited_ns, c->limits.payload_stall_ns) : P2_NEVER;
}

void task_stalled_due(struct coord *c) {
    while (task_stalled_next_ns(c) <= c->now) {
        if (coord_step_full(c)) return;
        struct task *t = p2_slab_get(&c->tasks, longest_awaited(c)->task);
        task_fail(c, t, WHY_SILENT, P2_ERR_IDLE_TIMEOUT, "its payload stopped arriving");
    }
}

p2_ns task_expire_next_ns(const struct coord *c) {
    const struct task *first = first_due(c);
    return first ? first->deadline_ns : P2_NEVER;
}

void task_expire_due(struct coord *c) {
    if (P2_CANARY(deadline_ignored)) return;
    while (task_expire_next_ns(c) <= c->now) {
        if (coord_step_full(c)) return;
        const struct task_end end = {.last = TASK_EXPIRED, .why = WHY_DEADLINE, .code = P2_ERR_DEADLINE_EXCEEDED};
        task_end(c, first_due(c), &end);
    }
}
