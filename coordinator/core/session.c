#include "session.h"

#include "coordinator/core/state.h"

static const uint8_t legal[SESSION_STATES] = {
    [SESSION_STRANGER] = 1u << SESSION_GREETED | 1u << SESSION_GONE,
    [SESSION_GREETED] = 1u << SESSION_PEER | 1u << SESSION_CLIENT | 1u << SESSION_GONE,
    [SESSION_PEER] = 1u << SESSION_GONE,
    [SESSION_CLIENT] = 1u << SESSION_GONE,
};

static bool is_stranger(enum session_state s) { return s == SESSION_STRANGER || s == SESSION_GREETED; }

// Of 10,000 peers, 5,000 are due every second: those within a grain are looked at together. A ping is up to a grain
// early, what ends a session up to one late.
#define GRAIN_NS ((p2_ns)1 << 22)

static p2_ns grain_begin(p2_ns at) { return at / GRAIN_NS * GRAIN_NS; }
static p2_ns grain_end(p2_ns at) { return grain_begin(at + GRAIN_NS - 1); }

static p2_ns ping_due(const struct coord *c, const struct session *s) {
    const struct peer *p = s->state == SESSION_PEER ? peer_of(c, s) : NULL;
    return grain_begin(s->pinged_ns + (p && p->jobs ? c->limits.ping_busy_ns : c->limits.ping_ns));
}

// Half an interval more than the last heartbeat that may be missed: one that is merely late still counts.
static p2_ns silence_due(const struct coord *c, const struct session *s) {
    p2_ns since = p2_ns_max(s->heard_ns, c->excused_ns);
    return grain_end(since + c->limits.heartbeat_ns * c->limits.heartbeats_missed_max + c->limits.heartbeat_ns / 2);
}

static p2_ns handshake_due(const struct coord *c, const struct session *s) {
    return grain_end(s->opened_ns + c->limits.handshake_ns);
}

static p2_ns next_due(const struct coord *c, const struct session *s) {
    switch (s->state) {
    case SESSION_PEER: return p2_ns_min(ping_due(c, s), silence_due(c, s));
    case SESSION_CLIENT: return ping_due(c, s);
    default: return handshake_due(c, s);
    }
}

void session_rearm(struct coord *c, struct session *s) {
    if (p2_heap_in(&s->timer))
        p2_heap_update(&c->timers, &s->timer, next_due(c, s));
    else
        p2_heap_push(&c->timers, &s->timer, next_due(c, s), c->timer_ties++);
}

void session_move(struct coord *c, struct session *s, enum session_state to) {
    P2_CHECK(legal[s->state] & 1u << to);
    bool was = is_stranger(s->state);
    s->state = to;
    if (was && !is_stranger(to)) c->strangers--;
}

struct p2_msg *session_say(struct coord *c, const struct session *s, unsigned lane, enum p2_msg_kind kind,
                           uint32_t stream) {
    if (!s || s->state == SESSION_GONE) return NULL;
    struct coord_action *a = coord_act(c, COORD_SEND, s->conn);
    a->lane = lane;
    a->u.msg.kind = kind;
    a->u.msg.stream = stream;
    return &a->u.msg;
}

void session_said(struct coord *c, struct p2_blob *payload, struct p2_blob *cargo) {
    struct coord_action *a = &c->out->items[c->out->count - 1];
    if (payload) a->payload_held = p2_blob_ref(payload);
    if (cargo) a->cargo_held = p2_blob_ref(cargo);
}

static void send_to(struct coord *c, p2_handle conn, unsigned lane, const struct p2_msg *m) {
    struct coord_action *a = coord_act(c, COORD_SEND, conn);
    a->lane = lane;
    a->u.msg = *m;
    const struct p2_slice *payload = p2_msg_payload(&a->u.msg);
    if (payload && payload->blob) a->payload_held = p2_blob_ref(payload->blob);
}

void session_send(struct coord *c, const struct session *s, unsigned lane, const struct p2_msg *m) {
    if (s && s->state != SESSION_GONE) send_to(c, s->conn, lane, m);
}

static void send_error(struct coord *c, p2_handle conn, enum p2_err code, const char *sentence) {
    struct p2_msg m = {.kind = P2_MSG_ERROR};
    m.u.error.code = code;
    m.u.error.retryable = p2_err_retryable(code);
    m.u.error.retry_after_ns = m.u.error.retryable ? c->limits.retry_after_ns : 0;
    m.u.error.sentence = p2_str(sentence);
    send_to(c, conn, 0, &m);
}

static void refuse(struct coord *c, p2_handle conn, enum p2_err code) {
    send_error(c, conn, code, p2_err_sentence(code));
    coord_act(c, COORD_CLOSE, conn)->code = code;
    struct coord_note *n = coord_note_add(c, NOTE_CONN_REFUSED);
    n->conn = conn;
    n->code = code;
}

void session_open(struct coord *c, const struct coord_event *ev) {
    if (c->draining) {
        refuse(c, ev->conn, P2_ERR_DRAINING);
        return;
    }
    p2_handle h = P2_NO_HANDLE;
    struct session *s = c->strangers < c->limits.strangers_max ? p2_slab_alloc(&c->sessions, &h) : NULL;
    if (!s) {
        refuse(c, ev->conn, P2_ERR_TOO_MANY_CONNECTIONS);
        return;
    }
    *s = (struct session){.self = h, .conn = ev->conn, .id = ev->id, .opened_ns = c->now, .heard_ns = c->now};
    s->room = ev->room > INT64_MAX ? INT64_MAX : (int64_t)ev->room;
    for (unsigned i = 0; i < P2_CLASSES; i++) p2_list_init(&s->lanes[i]);
    p2_list_init(&s->pumping);
    p2_heap_node_init(&s->timer);
    struct p2_id key = table_pair_key(ev->conn, 0);
    P2_CHECK(p2_map_put(&c->by_conn, &key, h)); // a conn opens once
    c->strangers++;
    session_rearm(c, s);
}

struct session *session_find(const struct coord *c, p2_handle conn) {
    struct p2_id key = table_pair_key(conn, 0);
    return p2_slab_get(&c->sessions, p2_map_get(&c->by_conn, &key));
}

struct session *session_of_event(struct coord *c, p2_handle conn) {
    struct session *s = p2_slab_get(&c->sessions, c->heard);
    if (s && s->conn == conn) return s;
    s = session_find(c, conn);
    if (s) c->heard = s->self;
    return s;
}

static void release(struct coord *c, struct session *s, enum coord_why why, enum p2_err code) {
    struct peer *p = s->state == SESSION_PEER ? peer_of(c, s) : NULL;
    struct client *cl = s->state == SESSION_CLIENT ? client_of(c, s) : NULL;
    session_move(c, s, SESSION_GONE);
    if (p) peer_gone(c, p, why, code);
    if (cl && resume_stays(c, cl, why, code))
        resume_park(c, cl, code);
    else if (cl)
        client_gone(c, cl, code);
    for (unsigned i = 0; i < P2_CLASSES; i++) P2_CHECK(p2_list_empty(&s->lanes[i]));
    p2_list_remove(&s->pumping);
    p2_heap_remove(&c->timers, &s->timer);
    struct p2_id key = table_pair_key(s->conn, 0);
    P2_CHECK(p2_map_remove(&c->by_conn, &key));
    p2_slab_free(&c->sessions, s->self);
}

void session_closed(struct coord *c, struct session *s, enum p2_err why) { release(c, s, WHY_PEER_LOST, why); }

void session_end(struct coord *c, struct session *s, enum coord_why why, enum p2_err code, const char *sentence) {
    if (code != P2_OK) {
        send_error(c, s->conn, code, sentence);
        struct coord_note *n = coord_note_add(c, NOTE_CONN_ERROR);
        n->conn = s->conn;
        n->code = code;
        n->text = p2_str(sentence);
        c->stats.conn_errors++;
    }
    coord_act(c, COORD_CLOSE, s->conn)->code = code;
    release(c, s, why, code);
}

void session_on_hello(struct coord *c, struct session *s, const struct p2_msg *m) {
    const struct p2_msg_hello *hello = &m->u.hello;
    if (hello->magic != P2_PROTOCOL_MAGIC) {
        session_end(c, s, WHY_NONE, P2_ERR_BAD_MAGIC, p2_err_sentence(P2_ERR_BAD_MAGIC));
        return;
    }
    if (hello->version_min > P2_PROTOCOL_VERSION || hello->version_max < P2_PROTOCOL_VERSION) {
        session_end(c, s, WHY_NONE, P2_ERR_UNSUPPORTED_VERSION, "this coordinator speaks protocol version 1 only");
        return;
    }
    if (hello->role != P2_ROLE_PEER && hello->role != P2_ROLE_CLIENT) {
        session_end(c, s, WHY_NONE, P2_ERR_WRONG_ROLE, "a coordinator talks to peers and clients only");
        return;
    }
    uint64_t known = c->limits.compress ? P2_FEATURE_ZSTD : 0;
    if (hello->role == P2_ROLE_PEER && c->limits.steal) known |= P2_FEATURE_RECALL;
    if (hello->role == P2_ROLE_CLIENT && c->limits.resume_grace_ns > 0) known |= P2_FEATURE_SESSIONS;
    uint64_t features = hello->features & known;
    s->role = hello->role;
    s->features = features;
    session_move(c, s, SESSION_GREETED);
    struct p2_msg answer = {.kind = P2_MSG_HELLO};
    answer.u.hello = (struct p2_msg_hello){.magic = P2_PROTOCOL_MAGIC,
                                           .version_min = P2_PROTOCOL_VERSION,
                                           .version_max = P2_PROTOCOL_VERSION,
                                           .features = features,
                                           .role = P2_ROLE_COORDINATOR,
                                           .agent = p2_str("p2c2r-coordinator " P2_VERSION)};
    session_send(c, s, 0, &answer);
    coord_act(c, COORD_ESTABLISHED, s->conn)->features = features;
}

void session_on_ping(struct coord *c, struct session *s, const struct p2_msg *m) {
    struct p2_msg pong = {.kind = P2_MSG_PONG, .u.ping.token = m->u.ping.token};
    session_send(c, s, 0, &pong);
}

void session_on_pong(struct coord *c, struct session *s, const struct p2_msg *m) {
    if (!s->ping_token || m->u.ping.token != s->ping_token) return; // answers an older ping, or none
    s->ping_token = 0;
    p2_ewma_add(&s->rtt, c->now - s->pinged_ns);
    struct peer *p = peer_of(c, s);
    if (p) peer_rtt_changed(c, p);
}

static void ping(struct coord *c, struct session *s) {
    s->pinged_ns = c->now;
    s->ping_token = p2_rng_next(&c->rng) | 1;
    struct p2_msg m = {.kind = P2_MSG_PING, .u.ping.token = s->ping_token};
    session_send(c, s, 0, &m);
}

void session_ping_soon(struct coord *c, struct session *s) {
    if (c->now >= ping_due(c, s) - p2_ns_min(c->limits.heartbeat_ns, c->limits.ping_ns / 4)) ping(c, s);
}

static void due(struct coord *c, struct session *s) {
    if (is_stranger(s->state)) {
        if (c->now >= handshake_due(c, s)) {
            session_end(c, s, WHY_SILENT, P2_ERR_HANDSHAKE_TIMEOUT, "no registration in time");
            return;
        }
    } else if (s->state == SESSION_PEER && c->now >= silence_due(c, s)) {
        session_end(c, s, WHY_SILENT, P2_ERR_IDLE_TIMEOUT, "no sign of life for three heartbeats");
        return;
    } else if (c->now >= ping_due(c, s)) {
        ping(c, s);
    }
    session_rearm(c, s);
}

void session_tick(struct coord *c) {
    struct p2_heap_node *first;
    while ((first = p2_heap_peek(&c->timers)) && first->key <= c->now) {
        if (coord_step_full(c)) return;
        due(c, P2_CONTAINER_OF(first, struct session, timer));
    }
}
