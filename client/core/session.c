#include "client/core/session_in.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

bool p2_session_actions_init(struct session_actions *a, uint32_t tasks_max) {
    // Every ticket may end and be cancelled in one step; besides, a step sends SESSION_SENDS_MAX payload records (or
    // resumes so many, with a cancel each) and a few words of its own.
    a->count = 0;
    a->capacity = 2 * tasks_max + 2 * SESSION_SENDS_MAX + SESSION_PUT_SENDS_MAX + 4 * ROUTE_MAX + 64;
    a->items = p2_calloc(a->capacity, sizeof *a->items);
    return a->items != NULL;
}

void p2_session_actions_deinit(struct session_actions *a) {
    p2_free(a->items);
    *a = (struct session_actions){0};
}

struct session *p2_session_create(const struct session_config *config) {
    P2_CHECK(config->tasks_max > 0 && config->tasks_max <= (1u << 24));
    struct session *s = p2_calloc(1, sizeof *s);
    if (!s) return NULL;
    s->config = *config;
    p2_rng_init(&s->rng, config->seed);
    s->link = LINK_DOWN;
    s->link_due_ns = 0; // the first step dials
    s->down_since_ns = P2_NEVER;
    p2_route_init(&s->route, config->addresses ? config->addresses : 1, p2_rng_next(&s->rng));
    s->tickets = p2_calloc(config->tasks_max, sizeof *s->tickets);
    bool ok = s->tickets && p2_streams_init(&s->streams, config->tasks_max);
    ok = ok && p2_timers_init(&s->due, config->tasks_max) && p2_timeouts_init(&s->timeouts, config->types);
    if (!ok) {
        p2_timers_deinit(&s->due);
        p2_streams_deinit(&s->streams);
        p2_free(s->tickets);
        p2_free(s);
        return NULL;
    }
    for (unsigned i = 0; i < P2_CLASSES; i++) {
        p2_list_init(&s->queued[i]);
        p2_list_init(&s->flowing[i]);
    }
    p2_list_init(&s->again);
    return s;
}

void p2_session_destroy(struct session **session) {
    struct session *s = *session;
    if (!s) return;
    for (uint32_t i = 0; i < s->config.tasks_max; i++) {
        struct ticket *t = &s->tickets[i];
        if (t->state == TICKET_NONE) continue;
        p2_blob_unref(t->task.params_blob);
        p2_blob_unref(t->task.payload.blob);
        p2_blob_unref(t->task.blobs);
    }
    p2_timeouts_deinit(&s->timeouts);
    p2_timers_deinit(&s->due);
    p2_streams_deinit(&s->streams);
    p2_free(s->tickets);
    p2_free(s);
    *session = NULL;
}

// ---- actions

struct session_action *p2_session_act(struct session *s, enum session_action_kind kind) {
    P2_CHECK(s->out->count < s->out->capacity);
    struct session_action *a = &s->out->items[s->out->count++];
    memset(a, 0, sizeof *a);
    a->kind = kind;
    return a;
}

struct p2_msg *p2_session_act_send(struct session *s, unsigned lane, enum p2_msg_kind kind, uint32_t stream) {
    struct session_action *a = p2_session_act(s, SESSION_DO_SEND);
    a->u.send.lane = lane;
    a->u.send.msg.kind = kind;
    a->u.send.msg.stream = stream;
    return &a->u.send.msg;
}

void p2_session_act_note(struct session *s, enum session_note_kind kind, enum p2_err code, session_ticket t) {
    struct session_action *a = p2_session_act(s, SESSION_DO_NOTE);
    a->u.note.kind = kind;
    a->u.note.code = code;
    a->u.note.ticket = t;
    a->u.note.address = s->address;
}

// ---- the link

void p2_link_move(struct session *s, enum session_link to) {
    static const unsigned char legal[] = {
        [LINK_DOWN] = 1u << LINK_DIALING | 1u << LINK_GREETING,
        [LINK_DIALING] = 1u << LINK_GREETING | 1u << LINK_DOWN | 1u << LINK_CLOSING,
        [LINK_GREETING] = 1u << LINK_UP | 1u << LINK_DOWN | 1u << LINK_CLOSING,
        [LINK_UP] = 1u << LINK_DOWN | 1u << LINK_CLOSING,
        [LINK_CLOSING] = 1u << LINK_DOWN,
    };
    P2_CHECK(legal[s->link] & 1u << to);
    bool was_up = s->link == LINK_UP;
    s->link = to;
    if (was_up) s->down_since_ns = s->now_ns;
    if (was_up) p2_questions_lost(s);
    if (was_up) p2_put_link_lost(s);
    if (was_up || to == LINK_UP) p2_tickets_rearm(s);
}

void p2_link_begin(struct session *s, uint32_t address, enum session_link as) {
    p2_link_move(s, as);
    s->link_due_ns = p2_ns_add(s->now_ns, SESSION_GREETING_NS);
    s->hello_seen = as == LINK_GREETING;
    s->draining = s->room_wanted = false;
    s->features = as == LINK_GREETING ? s->probe_features[address] : 0;
    s->ping_token = 0;
    s->retry_after_ns = 0;
    s->next_stream = 0;
    if (s->address != address) {
        s->rtt = (struct p2_ewma){0};
        s->silences = 0;
    }
    s->address = address;
}

static void link_close(struct session *s, enum p2_err why) {
    p2_link_move(s, LINK_CLOSING);
    s->link_due_ns = P2_NEVER;
    p2_session_act(s, SESSION_DO_CLOSE)->u.why = why;
}

// HELLO and registration leave together: one round trip to UP.
static void on_opened(struct session *s) {
    if (s->link != LINK_DIALING) return;
    p2_link_move(s, LINK_GREETING);
    p2_hello_make(s, &p2_session_act_send(s, 0, P2_MSG_HELLO, 0)->u.hello);
    p2_session_act_send(s, 0, P2_MSG_GAMER_REGISTER, 0)->u.gamer_register.session = s->ids[s->address];
}

// What was sent is not lost with the link: it will be resumed.
static void link_lost(struct session *s, enum p2_err why) {
    p2_tickets_shelve(s);
    link_close(s, why);
}

// This coordinator is not to be asked for what it has of us.
static void forget_session(struct session *s) {
    s->ids[s->address] = (struct p2_id){{0}};
    p2_route_doubt(&s->route, s->address, s->now_ns);
}

// When the connection is lost, tickets outlive it.
static bool outlive(const struct session *s) { return s->grace_ns > 0 || p2_link_several(s); }

static p2_ns silence_ns(const struct session *s) {
    return p2_link_several(s) ? SESSION_SILENCE_LIST_NS : SESSION_SILENCE_NS;
}

static void link_ping(struct session *s) {
    if (s->ping_token && outlive(s) && s->now_ns >= p2_ns_add(s->heard_ns, silence_ns(s))) {
        // Once may be the network, and results wait there. But not again and again.
        if (++s->silences > 1) p2_route_doubt(&s->route, s->address, s->now_ns);
        link_lost(s, P2_ERR_IDLE_TIMEOUT);
        return;
    }
    s->link_due_ns = p2_ns_add(s->now_ns, p2_link_several(s) ? SESSION_PING_LIST_NS : SESSION_PING_NS);
    if (s->ping_token) return; // one at a time: a late PONG must not be taken for a quick one
    s->ping_token = p2_rng_next(&s->rng) | 1;
    s->ping_sent_ns = s->now_ns;
    p2_session_act_send(s, 0, P2_MSG_PING, 0)->u.ping.token = s->ping_token;
}

void p2_link_up(struct session *s, const struct p2_msg_gamer_registered *m) {
    bool sessions = s->features & P2_FEATURE_SESSIONS;
    s->grace_ns = sessions ? m->resume_grace_ns : 0;
    p2_link_move(s, LINK_UP);
    if (!sessions || !m->resumed) p2_tickets_start_over(s);
    s->heard_ns = s->up_since_ns = s->now_ns;
    p2_route_up(&s->route);
    s->ids[s->address] = m->session;
    s->terms = *m;
    s->in_flight_max = m->tasks_in_flight_max;
    // One that does not say how much all may have together takes one at least.
    s->in_flight_bytes_max = m->bytes_in_flight_max ? m->bytes_in_flight_max : m->payload_bytes_max;
    p2_session_act(s, SESSION_DO_ESTABLISHED);
    p2_session_act_note(s, NOTE_UP, P2_OK, 0);
    link_ping(s);
}

void p2_link_fault(struct session *s, enum p2_err code) {
    if (s->link != LINK_GREETING && s->link != LINK_UP) return;
    bool hopeless = p2_route_spurned(&s->route, s->address);
    p2_session_act_note(s, NOTE_FAULT, code, 0);
    s->out->items[s->out->count - 1].u.note.hopeless = hopeless;
    struct p2_msg_error *e = &p2_session_act_send(s, 0, P2_MSG_ERROR, 0)->u.error;
    e->code = code < P2_ERR_AGAIN ? code : P2_ERR_INTERNAL; // what is local stays here
    e->sentence = p2_str(p2_err_sentence(code));
    if (!hopeless) { // what it was at may go well elsewhere
        forget_session(s);
        s->retry_after_ns = ROUTE_BACKOFF_MAX_NS;
        link_lost(s, code);
        return;
    }
    link_close(s, code);
    snprintf(s->why, sizeof s->why, "the coordinator sent something unreadable: %s", p2_err_sentence(code));
    if (code == P2_ERR_UNSUPPORTED_VERSION) {
        snprintf(s->why, sizeof s->why, "the coordinator does not speak protocol version %d", P2_PROTOCOL_VERSION);
    }
    bool never = code == P2_ERR_UNSUPPORTED_VERSION;
    p2_tickets_end_all(s, never ? WHICH_ALL : WHICH_SENT, never ? code : P2_ERR_CONNECTION_LOST, !never, 0);
}

void p2_why_say(struct session *s, const struct p2_msg_error *m) {
    struct p2_str said = m->sentence.n ? m->sentence : p2_str(p2_err_sentence(m->code));
    uint32_t n = said.n < P2_TEXT_MAX ? said.n : P2_TEXT_MAX;
    memcpy(s->why, said.p, n);
    s->why[n] = 0;
}

void p2_link_turned_away(struct session *s, const struct p2_msg_error *m) {
    bool hopeless = p2_route_spurned(&s->route, s->address);
    p2_why_say(s, m);
    s->retry_after_ns = p2_ns_min(m->retry_after_ns, ROUTE_BACKOFF_MAX_NS);
    p2_session_act_note(s, NOTE_TURNED_AWAY, m->code, 0);
    struct session_action *note = &s->out->items[s->out->count - 1];
    note->u.note.sentence = p2_str(s->why);
    note->u.note.hopeless = hopeless;
    bool returns = p2_link_returns(s, m); // not its own end, nor ours
    if (!returns) forget_session(s);
    if (returns || !hopeless)
        link_lost(s, m->code);
    else
        link_close(s, m->code);
    if (hopeless)
        p2_tickets_end_all(s, returns ? WHICH_NEVER_SENT : WHICH_ALL, m->code, m->retryable, m->retry_after_ns);
}

// It will leave, nothing of ours is left there, and others are to be had.
static void link_leave(struct session *s) {
    forget_session(s);
    s->retry_after_ns = SESSION_AWAY_NS;
    link_close(s, P2_OK);
}

static void on_closed(struct session *s, enum p2_err why) {
    if (s->link == LINK_DOWN) return;
    if (outlive(s)) p2_tickets_shelve(s);
    if (s->link == LINK_GREETING) p2_route_doubt(&s->route, s->address, s->now_ns);
    p2_link_move(s, LINK_DOWN);
    p2_session_act_note(s, NOTE_DOWN, why, 0);
    p2_route_failed(&s->route, s->address, s->now_ns, s->retry_after_ns);
    p2_route_seek(&s->route, s->now_ns);
    s->link_due_ns = p2_route_due_ns(&s->route);
    snprintf(s->why, sizeof s->why, "the connection to the coordinator ended before a result came");
    p2_tickets_end_all(s, WHICH_SENT, P2_ERR_CONNECTION_LOST, true, 0);
}

static void link_tick(struct session *s) {
    if (s->now_ns < s->link_due_ns) return;
    if (s->link == LINK_DOWN)
        p2_seek(s);
    else if (s->link == LINK_UP)
        link_ping(s);
    else if (s->link != LINK_CLOSING) {
        p2_route_doubt(&s->route, s->address, s->now_ns);
        link_close(s, P2_ERR_HANDSHAKE_TIMEOUT);
    }
}

// ---- the door

static void handle(struct session *s, const struct session_event *ev) {
    struct ticket *t = NULL;
    switch (ev->kind) {
    case SESSION_PROBE_OPENED: p2_probe_opened(s, ev->address); break;
    case SESSION_PROBE_MSG: p2_probe_msg(s, ev->address, ev->u.msg); break;
    case SESSION_PROBE_CLOSED: p2_probe_closed(s, ev->address, ev->u.why); break;
    case SESSION_OPENED: on_opened(s); break;
    case SESSION_MSG: p2_session_on_msg(s, ev->u.msg); break;
    case SESSION_WRITABLE: s->room_wanted = false; break;
    case SESSION_CLOSED: on_closed(s, ev->u.why); break;
    case SESSION_TICK: break;
    case SESSION_FAULT: p2_link_fault(s, ev->u.why); break;
    case SESSION_SUBMIT: p2_ticket_submit(s, &ev->u.submit); break;
    case SESSION_STATUS:
        s->status_wanted = true;
        s->status_tasks_max = ev->u.tasks_max;
        break;
    case SESSION_ASK: p2_question_ask(s, ev->u.question); break;
    case SESSION_PUT: p2_put_begin(s, &ev->u.put.digest, ev->u.put.size); break;
    case SESSION_PUT_STOP: p2_put_stop(s); break;
    case SESSION_CANCEL:
        t = p2_ticket_find(s, ev->u.end.ticket);
        if (t) p2_ticket_cancel(s, t);
        break;
    case SESSION_DROP:
        t = p2_ticket_find(s, ev->u.end.ticket);
        if (t) p2_ticket_drop(s, t, ev->u.end.code);
        break;
    default: P2_UNREACHABLE();
    }
}

void p2_session_step(struct session *s, const struct session_event *ev, struct session_actions *out) {
    P2_CHECK(ev->now_ns >= s->now_ns);
    out->count = 0;
    s->out = out;
    // Who did not listen cannot tell that it was silent.
    if (s->link == LINK_UP && ev->now_ns - s->now_ns >= silence_ns(s)) s->heard_ns = ev->now_ns;
    s->now_ns = ev->now_ns;
    s->room = ev->room;
    if (s->down_since_ns == P2_NEVER) s->down_since_ns = ev->now_ns;
    handle(s, ev);
    link_tick(s);
    p2_tickets_expire(s);
    p2_questions_expire(s);
    if (s->link == LINK_UP) {
        if (s->status_wanted) {
            s->status_wanted = false;
            p2_session_act_send(s, 0, P2_MSG_STATUS_REQUEST, 0)->u.status_request.tasks_max = s->status_tasks_max;
        }
        p2_tickets_pump(s);
        p2_put_pump(s);
        if (p2_link_leaving(s) && s->in_flight == 0 && s->put.stream == 0) link_leave(s);
    }
    s->out = NULL;
}

p2_ns p2_session_next_ns(const struct session *s) {
    if (s->link == LINK_UP && (s->more || s->status_wanted)) return s->now_ns;
    p2_ns next = p2_ns_min(s->link_due_ns, p2_questions_due_ns(s));
    return p2_ns_min(next, p2_timers_next_ns(&s->due));
}

enum session_link p2_session_link(const struct session *s) { return s->link; }
uint32_t p2_session_address(const struct session *s) { return s->address; }
p2_ns p2_session_timeout_ns(const struct session *s, const struct timeout_kind *kind) {
    return p2_timeout_ns(&s->timeouts, kind);
}

bool p2_session_usual(const struct session *s, const struct timeout_kind *kind, p2_ns *usual_ns, p2_ns *worst_ns) {
    return p2_timeout_usual(&s->timeouts, kind, usual_ns, worst_ns);
}

p2_ns p2_session_rtt_ns(const struct session *s) { return s->rtt.mean; }
uint64_t p2_session_features(const struct session *s) { return s->features; }

const struct p2_msg_gamer_registered *p2_session_terms(const struct session *s) { return &s->terms; }
uint32_t p2_session_open(const struct session *s) { return s->open; }

const char *p2_session_note_name(enum session_note_kind k) {
    static const char *const names[] = {"none",     "dialing", "measured",    "up",     "down",
                                        "draining", "fault",   "turned_away", "resend", "restart"};
    return (size_t)k < sizeof names / sizeof *names ? names[k] : names[0];
}
