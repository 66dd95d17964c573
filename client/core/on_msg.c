// One handler per message of a coordinator: validates against state, moves, returns.
#include "client/core/session_in.h"

#include <stddef.h>

static void on_hello(struct session *s, const struct p2_msg_hello *m) {
    enum p2_err e = s->hello_seen ? P2_ERR_UNEXPECTED_MESSAGE : p2_hello_check(m);
    if (e != P2_OK) {
        p2_link_fault(s, e);
        return;
    }
    s->hello_seen = true;
    s->features = m->features & s->config.features;
}

static void on_registered(struct session *s, const struct p2_msg_gamer_registered *m) {
    if (!s->hello_seen || s->link != LINK_GREETING)
        p2_link_fault(s, P2_ERR_UNEXPECTED_MESSAGE);
    else if (m->tasks_in_flight_max == 0)
        p2_link_fault(s, P2_ERR_BAD_MESSAGE);
    else
        p2_link_up(s, m);
}

static void on_pong(struct session *s, uint64_t token) {
    if (!s->ping_token || token != s->ping_token) return;
    s->ping_token = 0;
    p2_ewma_add(&s->rtt, s->now_ns - s->ping_sent_ns);
}

// Answers of a full connection are let wait for results now and then: it may come behind the begin of one.
static void on_accepted(struct session *s, struct ticket *t) {
    if (t->accepted) {
        p2_link_fault(s, P2_ERR_UNEXPECTED_MESSAGE);
        return;
    }
    t->accepted = true;
    if (t->state == TICKET_SENT) p2_ticket_move(s, t, TICKET_ACCEPTED);
}

static void on_ended(struct session *s, struct ticket *t, const struct p2_msg_task_ended *m) {
    enum session_outcome outcome = t->state == TICKET_SENT ? SESSION_REFUSED : SESSION_FAILED;
    if (m->code == P2_OK) {
        p2_link_fault(s, P2_ERR_BAD_MESSAGE); // an end without a result has a reason
        return;
    }
    if (t->again && t->state == TICKET_SENT && m->code == P2_ERR_UNKNOWN_TASK) {
        p2_ticket_unknown(s, t);
        return;
    }
    if (m->code == P2_ERR_DRAINING && t->state == TICKET_SENT && p2_link_several(s)) {
        s->draining = true; // it crossed the word of it
        p2_ticket_unknown(s, t);
        return;
    }
    if (t->again || t->anew) outcome = SESSION_FAILED; // whether it had been accepted is not known any more
    if (m->code == P2_ERR_CANCELLED) outcome = SESSION_CANCELLED;
    if (m->code == P2_ERR_DEADLINE_EXCEEDED) outcome = SESSION_EXPIRED;
    if (m->code == P2_ERR_CONNECTION_LOST) outcome = SESSION_LOST;
    struct ending how = {outcome, m->code, m->retryable, m->retry_after_ns, m->sentence};
    if (how.sentence.n == 0) how.sentence = p2_str(p2_err_sentence(m->code));
    if (m->attempt > t->attempts) t->attempts = m->attempt;
    p2_ticket_end(s, t, &how);
}

static void on_timeout(struct session *s, struct ticket *t, const struct p2_msg_task_timeout *m) {
    struct ending how = {SESSION_EXPIRED, P2_ERR_DEADLINE_EXCEEDED, false, 0,
                         p2_str(p2_err_sentence(P2_ERR_DEADLINE_EXCEEDED))};
    if (m->attempt > t->attempts) t->attempts = m->attempt;
    t->delivery.queue_ns = m->queue_ns;
    p2_ticket_end(s, t, &how);
}

// ---- payload in

struct part {
    uint32_t attempt;
    uint64_t offset;
    uint32_t raw_size;
    bool zstd;
    struct p2_slice slice;
};

static void take_part(struct session *s, struct ticket *t, const struct part *p) {
    enum p2_err e = p2_inflow_take(&t->in, p->attempt, p->offset, p->raw_size);
    if (e == P2_ERR_NOT_FOUND) return; // of an attempt given up: still on its way when the next began
    if (e == P2_OK && !p->zstd && p->slice.size != p->raw_size) e = P2_ERR_BAD_MESSAGE;
    if (e != P2_OK) {
        p2_link_fault(s, e);
        return;
    }
    struct session_action *a = p2_session_act(s, SESSION_DO_STORE);
    a->u.store.ticket = t->handle;
    a->u.store.attempt = p->attempt;
    a->u.store.offset = p->offset;
    a->u.store.slice = p->slice;
    a->u.store.raw_size = p->raw_size;
    a->u.store.zstd = p->zstd;
}

// Either it is whole, and the ticket ends, or more may come.
static void result_progress(struct session *s, struct ticket *t) {
    if (p2_inflow_whole(&t->in)) {
        if (s->features & P2_FEATURE_SESSIONS)
            p2_session_act_send(s, 0, P2_MSG_RESULT_ACK, t->stream)->u.ack.attempt = t->in.attempt;
        struct ending how = {.outcome = SESSION_DONE, .code = P2_OK};
        p2_ticket_end(s, t, &how);
        return;
    }
    uint64_t limit = p2_inflow_grant(&t->in, t->in.have, SESSION_RESULT_WINDOW);
    if (!limit || P2_CANARY(window_client)) return;
    struct p2_msg_window *w = &p2_session_act_send(s, 0, P2_MSG_WINDOW, t->stream)->u.window;
    w->limit = limit;
    w->attempt = t->in.attempt;
}

static void on_delivery(struct session *s, struct ticket *t, const struct p2_msg_result_delivery *m) {
    bool again = t->state == TICKET_ARRIVING;
    if (again && m->attempt < t->in.attempt) return;
    if ((again && m->attempt == t->in.attempt) || m->attempt == 0) {
        p2_link_fault(s, P2_ERR_BAD_MESSAGE);
        return;
    }
    if (m->payload_size > t->task.result_bytes_max || m->payload_size > P2_TASK_PAYLOAD_MAX) {
        p2_ticket_drop(s, t, P2_ERR_RESULT_TOO_LARGE);
        return;
    }
    if (again)
        p2_session_act_note(s, NOTE_RESTART, P2_OK, t->handle);
    else
        p2_ticket_move(s, t, TICKET_ARRIVING);
    if (m->attempt > t->attempts) t->attempts = m->attempt;
    t->delivery = *m;
    t->delivery.payload = (struct p2_slice){0};
    p2_inflow_begin(&t->in, m->attempt, m->payload_size, P2_STREAM_WINDOW);
    struct session_action *a = p2_session_act(s, SESSION_DO_BEGIN_RESULT);
    a->u.begin.ticket = t->handle;
    a->u.begin.attempt = m->attempt;
    a->u.begin.size = m->payload_size;
    struct part first = {m->attempt, 0, m->raw_size, m->payload_zstd, m->payload};
    if (m->raw_size || m->payload.size) take_part(s, t, &first);
    if (s->link == LINK_UP) result_progress(s, t);
}

static void on_chunk(struct session *s, struct ticket *t, const struct p2_msg_chunk *m) {
    if (t->state != TICKET_ARRIVING) {
        p2_link_fault(s, P2_ERR_UNEXPECTED_MESSAGE);
        return;
    }
    struct part part = {m->attempt, m->offset, m->raw_size, m->payload_zstd, m->payload};
    take_part(s, t, &part);
    if (s->link == LINK_UP) result_progress(s, t);
}

static void on_resend(struct session *s, struct ticket *t, const struct p2_msg_resend *m) {
    if (m->attempt <= t->out.attempt) return; // answered already
    p2_outflow_begin(&t->out, m->attempt, t->task.payload.size, 0);
    p2_outflow_window(&t->out, m->attempt, m->limit);
    if (m->offset > t->out.limit) {
        p2_link_fault(s, P2_ERR_BAD_MESSAGE);
        return;
    }
    t->out.sent = m->offset;
    if (P2_CANARY(resend_offset)) t->out.sent = t->out.limit / 2;
    p2_session_act_note(s, NOTE_RESEND, P2_OK, t->handle);
    p2_ticket_flow(s, t);
}

// ---- which is for whom

static const struct p2_id *id_in(const struct p2_msg *m) {
    switch (m->kind) {
    case P2_MSG_TASK_ACCEPTED: return &m->u.accepted.id;
    case P2_MSG_TASK_ENDED: return &m->u.ended.id;
    case P2_MSG_TASK_TIMEOUT: return &m->u.timeout.id;
    case P2_MSG_RESULT_DELIVERY: return &m->u.delivery.id;
    case P2_MSG_RESEND: return &m->u.resend.id;
    default: return NULL;
    }
}

static void on_stream_error(struct session *s, struct ticket *t, const struct p2_msg_error *m) {
    struct p2_msg_task_ended as_end = {t->task.id, t->attempts, m->code, m->retryable, m->retry_after_ns, m->sentence};
    on_ended(s, t, &as_end);
}

static void on_stream_msg(struct session *s, const struct p2_msg *m) {
    if (p2_put_msg(s, m)) return;
    struct ticket *t = p2_ticket_of_stream(s, m->stream);
    if (!t) { // it has ended here; a stream never used is no one's
        if (m->stream > s->next_stream) p2_link_fault(s, P2_ERR_BAD_MESSAGE);
        return;
    }
    const struct p2_id *id = id_in(m);
    if (id && !p2_id_equal(id, &t->task.id)) {
        p2_link_fault(s, P2_ERR_BAD_MESSAGE);
        return;
    }
    switch (m->kind) {
    case P2_MSG_TASK_ACCEPTED: on_accepted(s, t); break;
    case P2_MSG_TASK_ENDED: on_ended(s, t, &m->u.ended); break;
    case P2_MSG_TASK_TIMEOUT: on_timeout(s, t, &m->u.timeout); break;
    case P2_MSG_RESULT_DELIVERY: on_delivery(s, t, &m->u.delivery); break;
    case P2_MSG_CHUNK: on_chunk(s, t, &m->u.chunk); break;
    case P2_MSG_RESEND: on_resend(s, t, &m->u.resend); break;
    case P2_MSG_ERROR: on_stream_error(s, t, &m->u.error); break;
    case P2_MSG_WINDOW:
        p2_outflow_window(&t->out, m->u.window.attempt, m->u.window.limit);
        p2_ticket_flow(s, t);
        break;
    default: p2_link_fault(s, P2_ERR_UNEXPECTED_MESSAGE);
    }
}

static void on_link_msg(struct session *s, const struct p2_msg *m) {
    switch (m->kind) {
    case P2_MSG_HELLO: on_hello(s, &m->u.hello); break;
    case P2_MSG_GAMER_REGISTERED: on_registered(s, &m->u.gamer_registered); break;
    case P2_MSG_PING: p2_session_act_send(s, 0, P2_MSG_PONG, 0)->u.ping = m->u.ping; break;
    case P2_MSG_PONG: on_pong(s, m->u.ping.token); break;
    case P2_MSG_STATUS: p2_session_act(s, SESSION_DO_STATUS)->u.status = &m->u.status; break;
    case P2_MSG_CAN_MEET_ANSWER: p2_question_answered(s, &m->u.can_meet_answer); break;
    case P2_MSG_ERROR: p2_link_turned_away(s, &m->u.error); break;
    case P2_MSG_DRAIN:
        s->draining = true;
        p2_session_act_note(s, NOTE_DRAINING, P2_OK, 0);
        break;
    default: p2_link_fault(s, P2_ERR_UNEXPECTED_MESSAGE);
    }
}

void p2_session_on_msg(struct session *s, const struct p2_msg *m) {
    if (s->link != LINK_GREETING && s->link != LINK_UP) return; // closing: nothing it says counts any more
    s->heard_ns = s->now_ns;
    if (m->stream == 0)
        on_link_msg(s, m);
    else if (s->link == LINK_UP)
        on_stream_msg(s, m);
    else
        p2_link_fault(s, P2_ERR_UNEXPECTED_MESSAGE);
}
