#include "client/core/session_in.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

struct ticket *p2_ticket_find(const struct session *s, session_ticket handle) {
    uint32_t slot = (uint32_t)handle;
    if (slot >= s->config.tasks_max) return NULL;
    struct ticket *t = &s->tickets[slot];
    return t->state != TICKET_NONE && t->handle == handle ? t : NULL;
}

struct ticket *p2_ticket_of_stream(const struct session *s, uint32_t stream) {
    uint32_t slot = p2_streams_get(&s->streams, stream);
    return slot == P2_NO_SLOT ? NULL : &s->tickets[slot];
}

static unsigned lane_of(const struct ticket *t) { return 1 + (unsigned)t->task.class_; }

static bool is_sent(enum ticket_state state) { return state > TICKET_QUEUED; }

void p2_ticket_move(struct session *s, struct ticket *t, enum ticket_state to) {
    static const unsigned char legal[TICKET_STATES] = {
        [TICKET_NONE] = 1u << TICKET_QUEUED,
        [TICKET_QUEUED] = 1u << TICKET_SENT | 1u << TICKET_NONE,
        [TICKET_SENT] = 1u << TICKET_ACCEPTED | 1u << TICKET_ARRIVING | 1u << TICKET_QUEUED | 1u << TICKET_NONE,
        [TICKET_ACCEPTED] = 1u << TICKET_ARRIVING | 1u << TICKET_QUEUED | 1u << TICKET_NONE,
        [TICKET_ARRIVING] = 1u << TICKET_QUEUED | 1u << TICKET_NONE,
    };
    P2_CHECK(legal[t->state] & 1u << to);
    enum ticket_state from = t->state;
    t->state = to;
    if (from == TICKET_NONE) s->open++;
    if (to == TICKET_NONE) s->open--;
    if (is_sent(to) && !is_sent(from)) {
        s->in_flight++;
        s->in_flight_bytes += t->task.payload.size;
    } else if (is_sent(from) && !is_sent(to)) {
        s->in_flight--;
        s->in_flight_bytes -= t->task.payload.size;
    }
}

// When this ticket's silence has lasted too long.
static p2_ns due_ns(const struct session *s, const struct ticket *t) {
    if (P2_CANARY(ticket_timer) && is_sent(t->state)) return P2_NEVER - 1;
    if (is_sent(t->state)) return p2_ns_add(t->deadline_ns, 2 * s->rtt.mean + SESSION_GRACE_NS);
    if (t->again) return p2_ticket_waits_until(s, t);
    if (s->link == LINK_UP || t->task.withheld) return t->deadline_ns;
    p2_ns waits_since = p2_ns_max(t->submitted_ns, s->down_since_ns);
    return p2_ns_min(t->deadline_ns, p2_ns_add(waits_since, s->config.connect_timeout_ns));
}

void p2_ticket_submit(struct session *s, const struct session_submit *task) {
    uint32_t slot = (uint32_t)task->ticket;
    P2_CHECK(task->ticket != 0 && slot < s->config.tasks_max && s->tickets[slot].state == TICKET_NONE);
    P2_CHECK(task->deadline_ns >= 0 && task->payload.size <= P2_TASK_PAYLOAD_MAX);
    struct ticket *t = &s->tickets[slot];
    *t = (struct ticket){
        .handle = task->ticket, .task = *task, .submitted_ns = task->submitted_ns ? task->submitted_ns : s->now_ns};
    P2_CHECK(t->submitted_ns <= s->now_ns);
    if (!t->task.deadline_ns) t->task.deadline_ns = p2_timeout_ns(&s->timeouts, &task->kind);
    t->deadline_ns = p2_ns_add(t->submitted_ns, t->task.deadline_ns);
    p2_list_init(&t->link);
    p2_timer_init(&t->due);
    p2_ticket_move(s, t, TICKET_QUEUED);
    p2_ticket_rearm(s, t);
    if (!task->withheld) p2_list_push_back(&s->queued[task->class_], &t->link);
}

// Fills what a delivery said of where the time went; zeroes when there was none.
static void tell_times(const struct session *s, const struct ticket *t, struct session_ended *e) {
    const struct p2_msg_result_delivery *d = &t->delivery;
    e->total_ns = s->now_ns - t->submitted_ns;
    e->queue_ns = p2_ns_add(p2_ns_max(d->queue_ns, 0), p2_ns_max(d->times.queue_ns, 0));
    e->processing_ns = d->times.processing_ns;
    e->kernel_ns = d->times.kernel_ns;
    e->peer = d->peer;
    e->cached = d->cached;
}

// What its end says of how long such tasks take, unless it waited for the link too. A refusal because it would be too
// late says what an expiry would have.
static void learn(struct session *s, const struct ticket *t, const struct ending *how) {
    bool late = how->outcome == SESSION_EXPIRED || how->code == P2_ERR_WOULD_MISS_DEADLINE;
    if (s->link != LINK_UP || t->submitted_ns < s->up_since_ns || t->delivery.cached) return;
    if (how->outcome == SESSION_DONE) p2_timeout_took(&s->timeouts, &t->task.kind, s->now_ns - t->submitted_ns);
    if (late) p2_timeout_expired(&s->timeouts, &t->task.kind, t->task.deadline_ns);
}

void p2_ticket_end(struct session *s, struct ticket *t, const struct ending *how) {
    struct session_ended *e = &p2_session_act(s, SESSION_DO_ENDED)->u.ended;
    e->ticket = t->handle;
    e->outcome = how->outcome;
    e->code = how->code;
    e->retryable = how->retryable;
    e->retry_after_ns = how->retry_after_ns;
    e->sentence = how->sentence;
    e->attempts = t->attempts;
    e->result_size = how->outcome == SESSION_DONE ? t->in.size : 0;
    tell_times(s, t, e);
    if (how->outcome == SESSION_DONE) s->silences = 0;
    learn(s, t, how);
    if (P2_CANARY(ticket_twice) && how->outcome == SESSION_REFUSED) p2_session_act(s, SESSION_DO_ENDED)->u.ended = *e;
    if (t->stream) p2_streams_remove(&s->streams, t->stream);
    p2_list_remove(&t->link);
    p2_timers_stop(&s->due, &t->due);
    p2_ticket_move(s, t, TICKET_NONE);
    p2_blob_unref(t->task.params_blob);
    p2_blob_unref(t->task.payload.blob);
    p2_blob_unref(t->task.blobs);
}

// In the lane of the task, so that it cannot overtake the submit it is about.
void p2_ticket_tell_cancel(struct session *s, const struct ticket *t) {
    if (s->link != LINK_UP || !t->stream || t->cancelled) return;
    p2_session_act_send(s, lane_of(t), P2_MSG_TASK_CANCEL, t->stream)->u.cancel.id = t->task.id;
}

const struct ending p2_ticket_cancelled_here = {
    .outcome = SESSION_CANCELLED,
    .code = P2_ERR_CANCELLED,
    .sentence = {"cancelled on request", sizeof "cancelled on request" - 1}};

void p2_ticket_cancel(struct session *s, struct ticket *t) {
    if (t->state == TICKET_QUEUED && !t->again) {
        p2_ticket_end(s, t, &p2_ticket_cancelled_here);
        return;
    }
    if (t->state == TICKET_QUEUED) { // its peer may be at it: the coordinator is told when we are back
        t->cancelled = true;
        return;
    }
    p2_ticket_tell_cancel(s, t);
    t->cancelled = true;
    p2_list_remove(&t->link); // no further payload for a task nobody wants
}

void p2_ticket_drop(struct session *s, struct ticket *t, enum p2_err code) {
    struct ending how = {.outcome = SESSION_FAILED, .code = code, .sentence = p2_str(p2_err_sentence(code))};
    how.retryable = p2_err_retryable(code);
    if (code == P2_ERR_BAD_PAYLOAD) { // the peer's fault, of which the coordinator hears; another may do better
        how.retryable = true;
        how.sentence = p2_str(SESSION_BROKEN_RESULT);
        if (s->link == LINK_UP && t->stream) {
            struct p2_msg_error *e = &p2_session_act_send(s, lane_of(t), P2_MSG_ERROR, t->stream)->u.error;
            e->code = code;
            e->retryable = true;
            e->sentence = how.sentence;
        }
    }
    p2_ticket_tell_cancel(s, t); // behind the ERROR: no other attempt is wanted here
    p2_ticket_end(s, t, &how);
}

void p2_ticket_rearm(struct session *s, struct ticket *t) { p2_timers_set(&s->due, &t->due, due_ns(s, t)); }

static void rearm_list(struct session *s, struct p2_list *list) {
    P2_LIST_EACH (it, nx, list) p2_ticket_rearm(s, P2_CONTAINER_OF(it, struct ticket, link));
}

void p2_tickets_rearm(struct session *s) {
    for (unsigned i = 0; i < P2_CLASSES; i++) rearm_list(s, &s->queued[i]);
    rearm_list(s, &s->again);
}

static void expire(struct session *s, struct ticket *t) {
    struct ending how = {.outcome = SESSION_EXPIRED, .code = P2_ERR_DEADLINE_EXCEEDED, .retryable = false};
    if (is_sent(t->state)) {
        how.sentence = p2_str("its deadline passed without word from the coordinator");
        p2_ticket_tell_cancel(s, t);
    } else if (s->now_ns >= t->deadline_ns) {
        how.sentence = p2_str(t->again ? "its deadline passed while the connection was lost"
                                       : "its deadline passed before it could be sent");
    } else if (t->again) {
        how.outcome = SESSION_LOST;
        how.code = P2_ERR_CONNECTION_LOST;
        how.retryable = true;
        how.sentence = p2_str("the connection to the coordinator was lost and did not come back in time");
    } else {
        how.outcome = SESSION_LOST;
        how.code = P2_ERR_UNREACHABLE;
        how.retryable = true;
        snprintf(s->why, sizeof s->why, "no coordinator answered within %lld ms",
                 (long long)(s->config.connect_timeout_ns / P2_MS));
        how.sentence = p2_str(s->why);
    }
    if (t->cancelled) how = p2_ticket_cancelled_here;
    p2_ticket_end(s, t, &how);
}

void p2_tickets_expire(struct session *s) {
    struct p2_timer *timer;
    while ((timer = p2_timers_due(&s->due, s->now_ns)) != NULL) {
        struct ticket *t = P2_CONTAINER_OF(timer, struct ticket, due);
        p2_ns due = due_ns(s, t); // round trips may have grown since it was set
        if (due > s->now_ns)
            p2_timers_set(&s->due, timer, due);
        else
            expire(s, t);
    }
}

static unsigned which_is(const struct ticket *t) {
    if (t->state != TICKET_QUEUED) return WHICH_SENT;
    return t->again ? WHICH_ONCE_SENT : WHICH_NEVER_SENT;
}

void p2_tickets_end_all(struct session *s, unsigned which, enum p2_err code, bool retryable, p2_ns retry_after_ns) {
    struct ending how = {.code = code, .retryable = retryable, .retry_after_ns = retry_after_ns};
    how.sentence = p2_str(s->why);
    for (uint32_t i = 0; i < s->config.tasks_max && s->open; i++) {
        struct ticket *t = &s->tickets[i];
        if (t->state == TICKET_NONE || !(which & which_is(t))) continue;
        how.outcome = which_is(t) == WHICH_NEVER_SENT && !t->anew ? SESSION_REFUSED : SESSION_LOST;
        p2_ticket_end(s, t, t->cancelled ? &p2_ticket_cancelled_here : &how);
    }
}

// ---- payload out

void p2_ticket_flow(struct session *s, struct ticket *t) {
    bool can = is_sent(t->state) && !t->cancelled && p2_outflow_next(&t->out) > 0;
    if (can && !p2_list_linked(&t->link)) p2_list_push_back(&s->flowing[t->task.class_], &t->link);
    if (!can) p2_list_remove(&t->link);
}

void p2_session_spend(struct session *s, uint32_t bytes) {
    uint64_t cost = (uint64_t)bytes + 256; // prefix and header, roughly
    s->room = s->room > cost ? s->room - cost : 0;
}

static struct p2_slice next_part(struct ticket *t, uint32_t n) {
    struct p2_slice part = t->task.payload;
    part.offset += (uint32_t)t->out.sent;
    part.size = n;
    t->out.sent += n;
    return part;
}

static struct p2_msg *send_for(struct session *s, const struct ticket *t, enum p2_msg_kind kind) {
    struct p2_msg *m = p2_session_act_send(s, lane_of(t), kind, t->stream);
    s->out->items[s->out->count - 1].u.send.ticket = t->handle;
    return m;
}

uint32_t p2_session_next_stream(struct session *s) {
    if (++s->next_stream == 0) s->next_stream = 1;
    return s->next_stream;
}

void p2_ticket_open_stream(struct session *s, struct ticket *t) {
    p2_list_remove(&t->link);
    t->stream = p2_session_next_stream(s);
    t->accepted = false;
    p2_streams_put(&s->streams, t->stream, (uint32_t)t->handle);
    p2_ticket_move(s, t, TICKET_SENT);
    // Its timer may come early, and is then set anew: most tickets end before it comes at all.
    if (due_ns(s, t) < p2_timer_at(&t->due)) p2_ticket_rearm(s, t);
}

static void send_submit(struct session *s, struct ticket *t) {
    p2_ticket_open_stream(s, t);
    p2_outflow_begin(&t->out, 1, t->task.payload.size, P2_STREAM_WINDOW);
    uint32_t first = p2_outflow_next(&t->out);
    struct p2_msg_task_submit *m = &send_for(s, t, P2_MSG_TASK_SUBMIT)->u.submit;
    *m = (struct p2_msg_task_submit){.id = t->task.id,
                                     .type = p2_str(t->task.type),
                                     .version = t->task.version,
                                     .class_ = t->task.class_,
                                     .deadline_ns =
                                         p2_ns_max(t->deadline_ns - s->now_ns, P2_US), // 0 would ask for the default
                                     .payload_size = t->task.payload.size,
                                     .raw_size = first,
                                     .no_cache = t->task.no_cache,
                                     .refresh = t->task.refresh,
                                     .private_ = t->task.private_,
                                     .series = t->task.series,
                                     .weight_percent = t->task.weight_percent,
                                     .params = t->task.params};
    if (t->task.blobs) {
        m->blobs = (const struct p2_digest *)(void *)t->task.blobs->data;
        m->blob_count = t->task.blobs->size / (uint32_t)sizeof *m->blobs;
    }
    if (first) m->payload = next_part(t, first);
    p2_session_spend(s, first);
    p2_ticket_flow(s, t);
}

static void send_chunk(struct session *s, struct ticket *t) {
    uint32_t n = p2_outflow_next(&t->out);
    P2_CHECK(n > 0);
    struct p2_msg_chunk *m = &send_for(s, t, P2_MSG_CHUNK)->u.chunk;
    m->offset = t->out.sent;
    m->attempt = t->out.attempt;
    m->raw_size = n;
    m->payload = next_part(t, n);
    p2_session_spend(s, n);
    p2_list_remove(&t->link); // to the back: payloads of one class take turns
    p2_ticket_flow(s, t);
}

static bool may_submit(const struct session *s, const struct ticket *t) {
    if (s->in_flight >= s->in_flight_max) return false;
    // A payload above the whole allowance goes alone and is refused by the coordinator in its own words.
    return s->in_flight == 0 || s->in_flight_bytes + t->task.payload.size <= s->in_flight_bytes_max;
}

// What goes next: payloads under way before new submits, so that what began ends.
static struct ticket *next_to_send(struct session *s) {
    struct p2_list *again = p2_list_first(&s->again);
    if (again) return P2_CONTAINER_OF(again, struct ticket, link);
    for (unsigned i = 0; i < P2_CLASSES; i++) {
        struct p2_list *n = p2_list_first(&s->flowing[i]);
        if (n) return P2_CONTAINER_OF(n, struct ticket, link);
        n = p2_link_leaving(s) ? NULL : p2_list_first(&s->queued[i]);
        if (n && may_submit(s, P2_CONTAINER_OF(n, struct ticket, link))) return P2_CONTAINER_OF(n, struct ticket, link);
    }
    return NULL;
}

void p2_tickets_pump(struct session *s) {
    s->more = false;
    struct ticket *t;
    uint32_t sent = 0;
    while ((t = next_to_send(s)) != NULL) {
        if (s->room == 0) {
            if (!s->room_wanted) p2_session_act(s, SESSION_DO_WANT_ROOM);
            s->room_wanted = true;
            return;
        }
        if (sent++ == SESSION_SENDS_MAX) {
            s->more = true;
            return;
        }
        if (t->state == TICKET_QUEUED && t->again) {
            p2_ticket_resume(s, t);
            p2_session_spend(s, 0);
        } else if (t->state == TICKET_QUEUED)
            send_submit(s, t);
        else
            send_chunk(s, t);
    }
}
