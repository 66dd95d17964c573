// A blob on its way to the coordinator: offered on a stream, sent from where the coordinator wants it, offered again
// on the next connection when this one ends.
#include "base/check.h"
#include "client/core/session_in.h"

static void put_move(struct session *s, enum put_state to) {
    static const unsigned char legal[PUT_STATES] = {
        [PUT_NONE] = 1u << PUT_WAITING,
        [PUT_WAITING] = 1u << PUT_OFFERED | 1u << PUT_NONE,
        [PUT_OFFERED] = 1u << PUT_SENDING | 1u << PUT_WAITING | 1u << PUT_NONE,
        [PUT_SENDING] = 1u << PUT_WAITING | 1u << PUT_NONE,
    };
    P2_CHECK(legal[s->put.state] & 1u << to);
    s->put.state = to;
    if (to == PUT_NONE || to == PUT_WAITING) s->put.stream = 0;
}

void p2_put_begin(struct session *s, const struct p2_digest *digest, uint64_t size) {
    P2_CHECK(size > 0);
    put_move(s, PUT_WAITING);
    s->put.digest = *digest;
    s->put.size = size;
}

void p2_put_stop(struct session *s) {
    if (s->put.state == PUT_NONE) return;
    if (s->put.stream) {
        struct p2_msg_error *e = &p2_session_act_send(s, 0, P2_MSG_ERROR, s->put.stream)->u.error;
        e->code = P2_ERR_CANCELLED;
        e->sentence = p2_str(p2_err_sentence(P2_ERR_CANCELLED));
    }
    put_move(s, PUT_NONE);
}

void p2_put_link_lost(struct session *s) {
    if (s->put.state > PUT_WAITING) put_move(s, PUT_WAITING);
}

static void ended(struct session *s, const struct p2_msg_error *why) {
    struct session_action *a = p2_session_act(s, SESSION_DO_PUT_ENDED);
    put_move(s, PUT_NONE);
    if (!why) return;
    a->u.put_ended.code = why->code == P2_OK ? P2_ERR_INTERNAL : why->code;
    a->u.put_ended.retryable = why->retryable;
    a->u.put_ended.sentence = why->sentence.n ? why->sentence : p2_str(p2_err_sentence(why->code));
}

static void on_want(struct session *s, const struct p2_msg_blob_want *m) {
    struct put *p = &s->put;
    bool sensible = p->state == PUT_OFFERED && m->offset < p->size && m->limit > m->offset && m->limit <= p->size &&
                    p2_digest_equal(&m->digest, &p->digest);
    if (!sensible) {
        p2_link_fault(s, P2_ERR_BAD_MESSAGE);
        return;
    }
    put_move(s, PUT_SENDING);
    p2_outflow_begin(&p->out, 1, p->size, 0);
    p->out.sent = m->offset;
    p2_outflow_window(&p->out, 1, m->limit);
}

bool p2_put_msg(struct session *s, const struct p2_msg *m) {
    if (s->put.stream == 0 || m->stream != s->put.stream) return false;
    switch (m->kind) {
    case P2_MSG_BLOB_WANT: on_want(s, &m->u.blob_want); break;
    case P2_MSG_BLOB_HAVE: ended(s, NULL); break;
    case P2_MSG_ERROR: ended(s, &m->u.error); break;
    case P2_MSG_WINDOW: p2_outflow_window(&s->put.out, m->u.window.attempt, m->u.window.limit); break;
    default: p2_link_fault(s, P2_ERR_UNEXPECTED_MESSAGE);
    }
    return true;
}

static void offer(struct session *s) {
    put_move(s, PUT_OFFERED);
    s->put.stream = p2_session_next_stream(s);
    struct p2_msg_blob_put *m = &p2_session_act_send(s, 0, P2_MSG_BLOB_PUT, s->put.stream)->u.blob_put;
    m->digest = s->put.digest;
    m->payload_size = s->put.size;
}

// After what tasks have to send: a blob is seldom urgent. A part that does not fit its window as a whole waits.
void p2_put_pump(struct session *s) {
    struct put *p = &s->put;
    if (p->state == PUT_WAITING && !p2_link_leaving(s)) offer(s);
    for (uint32_t sent = 0; p->state == PUT_SENDING && !s->more; sent++) {
        uint64_t left = p->out.size - p->out.sent;
        uint32_t n = left < P2_RECORD_PAYLOAD_MAX ? (uint32_t)left : P2_RECORD_PAYLOAD_MAX;
        if (n == 0 || p->out.limit - p->out.sent < n) return;
        if (s->room == 0) {
            if (!s->room_wanted) p2_session_act(s, SESSION_DO_WANT_ROOM);
            s->room_wanted = true;
            return;
        }
        if (sent == SESSION_PUT_SENDS_MAX) {
            s->more = true;
            return;
        }
        struct session_action *a = p2_session_act(s, SESSION_DO_SEND_BLOB);
        a->u.part.stream = p->stream;
        a->u.part.offset = p->out.sent;
        a->u.part.size = n;
        p->out.sent += n;
        p2_session_spend(s, n);
    }
}

void p2_put_check(const struct session *s) {
    const struct put *p = &s->put;
    bool offered = p->state > PUT_WAITING;
    P2_CHECK((p->stream != 0) == offered && (!offered || s->link == LINK_UP));
    P2_CHECK(p->state != PUT_SENDING || (p->out.sent <= p->out.limit && p->out.limit <= p->size));
}
