// The way to UP: what route.c wishes is asked of the shell, and what probes say is told it. One address is dialled, the
// best of several adopted.
#include "base/check.h"
#include "client/core/session_in.h"

bool p2_link_several(const struct session *s) { return s->route.count > 1; }

bool p2_link_leaving(const struct session *s) { return s->draining && p2_link_several(s); }

bool p2_link_returns(const struct session *s, const struct p2_msg_error *m) {
    return s->grace_ns > 0 && m->retryable && m->code != P2_ERR_DRAINING;
}

void p2_hello_make(const struct session *s, struct p2_msg_hello *out) {
    *out = (struct p2_msg_hello){.magic = P2_PROTOCOL_MAGIC,
                                 .version_min = P2_PROTOCOL_VERSION,
                                 .version_max = P2_PROTOCOL_VERSION,
                                 .features = s->config.features,
                                 .role = P2_ROLE_CLIENT,
                                 .agent = p2_str(s->config.agent)};
}

enum p2_err p2_hello_check(const struct p2_msg_hello *m) {
    if (m->magic != P2_PROTOCOL_MAGIC) return P2_ERR_BAD_MAGIC;
    if (m->version_min != P2_PROTOCOL_VERSION || m->version_max != P2_PROTOCOL_VERSION)
        return P2_ERR_UNSUPPORTED_VERSION;
    return m->role == P2_ROLE_COORDINATOR ? P2_OK : P2_ERR_WRONG_ROLE;
}

static struct session_action *note(struct session *s, uint32_t address, enum session_note_kind kind, enum p2_err code) {
    p2_session_act_note(s, kind, code, 0);
    struct session_action *a = &s->out->items[s->out->count - 1];
    a->u.note.address = address;
    return a;
}

static void end_probe(struct session *s, uint32_t address, enum p2_err why) {
    struct session_action *a = p2_session_act(s, SESSION_DO_PROBE_END);
    a->u.probe.address = address;
    a->u.probe.why = why;
}

// HELLOs are exchanged already.
static void adopt(struct session *s, uint32_t address) {
    p2_link_begin(s, address, LINK_GREETING);
    p2_ewma_add(&s->rtt, s->route.places[address].rtt_ns);
    p2_session_act(s, SESSION_DO_ADOPT)->u.probe.address = address;
    p2_session_act_send(s, 0, P2_MSG_GAMER_REGISTER, 0)->u.gamer_register.session = s->ids[address];
}

void p2_seek(struct session *s) {
    for (;;) {
        const struct route_wish wish = p2_route_next(&s->route, s->now_ns);
        switch (wish.kind) {
        case ROUTE_DIAL:
            p2_link_begin(s, wish.place, LINK_DIALING);
            p2_session_act(s, SESSION_DO_DIAL);
            note(s, wish.place, NOTE_DIALING, P2_OK);
            break;
        case ROUTE_PROBE:
            p2_session_act(s, SESSION_DO_PROBE)->u.probe.address = wish.place;
            note(s, wish.place, NOTE_DIALING, P2_OK);
            break;
        case ROUTE_LEAVE:
            end_probe(s, wish.place, wish.failed ? P2_ERR_HANDSHAKE_TIMEOUT : P2_OK);
            if (wish.failed) note(s, wish.place, NOTE_DOWN, P2_ERR_HANDSHAKE_TIMEOUT);
            break;
        case ROUTE_TAKE: adopt(s, wish.place); break;
        default:
            if (s->link == LINK_DOWN) s->link_due_ns = p2_route_due_ns(&s->route);
            return;
        }
    }
}

// ---- what probes say. Of one that was left it may be late

static bool is_probed(const struct session *s, uint32_t address) {
    P2_CHECK(address < s->route.count);
    enum route_state state = s->route.places[address].state;
    return state != ROUTE_RESTING && state != ROUTE_TAKEN;
}

void p2_probe_opened(struct session *s, uint32_t address) {
    if (!is_probed(s, address) || s->route.places[address].state != ROUTE_CONNECTING) return;
    p2_route_opened(&s->route, address, s->now_ns);
    s->link_due_ns = p2_route_due_ns(&s->route);
    struct session_action *a = p2_session_act(s, SESSION_DO_PROBE_SEND);
    a->u.probe.address = address;
    a->u.probe.msg.kind = P2_MSG_HELLO;
    p2_hello_make(s, &a->u.probe.msg.u.hello);
}

static void give_up(struct session *s, uint32_t address, p2_ns at_least_ns) {
    p2_route_failed(&s->route, address, s->now_ns, at_least_ns);
    s->link_due_ns = p2_route_due_ns(&s->route);
}

// Where nobody is left who might take us, tickets learn why; but one that broke the protocol may yet do better.
static void spurned(struct session *s, uint32_t address, const struct p2_msg_error *m, enum session_note_kind kind) {
    bool hopeless = p2_route_spurned(&s->route, address);
    p2_why_say(s, m);
    struct session_action *a = note(s, address, kind, m->code);
    a->u.note.sentence = p2_str(s->why);
    a->u.note.hopeless = hopeless;
    if (!hopeless || (kind == NOTE_FAULT && m->code != P2_ERR_UNSUPPORTED_VERSION)) return;
    unsigned which = p2_link_returns(s, m) ? WHICH_NEVER_SENT : WHICH_ALL;
    p2_tickets_end_all(s, which, m->code, m->retryable, m->retry_after_ns);
}

static void answered(struct session *s, uint32_t address, uint64_t features) {
    s->probe_features[address] = features & s->config.features;
    p2_route_answered(&s->route, address, s->now_ns);
    s->link_due_ns = p2_route_due_ns(&s->route);
    note(s, address, NOTE_MEASURED, P2_OK)->u.note.rtt_ns = s->route.places[address].rtt_ns;
}

void p2_probe_msg(struct session *s, uint32_t address, const struct p2_msg *m) {
    if (!is_probed(s, address)) return;
    bool greeted = s->route.places[address].state == ROUTE_GREETED;
    if (m->stream == 0 && m->kind == P2_MSG_ERROR) {
        end_probe(s, address, m->u.error.code);
        give_up(s, address, p2_ns_min(m->u.error.retry_after_ns, ROUTE_BACKOFF_MAX_NS));
        spurned(s, address, &m->u.error, NOTE_TURNED_AWAY);
        return;
    }
    enum p2_err e = P2_ERR_UNEXPECTED_MESSAGE;
    if (m->stream == 0 && m->kind == P2_MSG_HELLO && greeted) e = p2_hello_check(&m->u.hello);
    if (e == P2_OK) {
        answered(s, address, m->u.hello.features);
        return;
    }
    end_probe(s, address, e);
    give_up(s, address, ROUTE_BACKOFF_MAX_NS);
    spurned(s, address, &(struct p2_msg_error){.code = e}, NOTE_FAULT);
}

void p2_probe_closed(struct session *s, uint32_t address, enum p2_err why) {
    if (!is_probed(s, address)) return;
    note(s, address, NOTE_DOWN, why);
    give_up(s, address, 0);
}
