// Clients and peers that come, go, crawl, cancel and crash, from a seed. Safety after every step (coord_check, and
// here: honest ones are never blamed, bytes arrive in order and right); in the end every accepted task has ended
// exactly once and all memory is back. P2C2R_TEST_SEED=N runs one seed, P2C2R_TEST_SEEDS=N that many.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "rig.h"

#define SEEDS 300
#define ITERATIONS 700
#define CLIENTS 4
#define PEERS 5
#define ACTORS (CLIENTS + PEERS)
#define STREAMS 24 // tasks of a client or jobs of a peer an actor follows at once
#define MAILS 512
#define RECORD (64u << 10)

struct mail { // a message on its way, without its bytes (looked at when sent)
    enum p2_msg_kind kind;
    uint32_t stream, attempt, raw_size;
    struct p2_id id;
    uint64_t size, offset, limit;
};

struct lane {
    struct mail items[MAILS];
    uint32_t first, count;
};

struct line { // a task to its client, a job to its peer
    bool used, whole_sent, begun, cancelled;
    uint32_t stream, attempt;
    struct p2_id id;
    uint64_t out_size, out_sent, out_limit; // what this side sends
    uint64_t in_size, in_have, in_granted;  // what it receives
    uint32_t in_attempt;
};

struct actor {
    p2_handle conn; // 0: away
    bool is_peer, naughty, room_asked;
    bool sessions, resumed; // it keeps its session; the last registration found it
    struct p2_id token;
    p2_ns beat_ns;
    uint32_t stream_next;
    struct lane lanes[1 + P2_CLASSES];
    struct line lines[STREAMS];
};

struct world {
    struct rig rig;
    struct p2_rng rng;
    struct actor actors[ACTORS];
    uint64_t ids, accepted, ended, hits, joined, resumed;
    bool open[4096], was_open[4096]; // by task number: accepted and not ended; ever accepted
    bool closing;                    // no new work
};

static struct world w;

static uint32_t below(uint32_t n) { return (uint32_t)p2_rng_below(&w.rng, n); }
static bool chance(uint32_t percent) { return below(100) < percent; }

static uint64_t number_of(const struct p2_id *id) {
    uint64_t n = 0;
    for (unsigned i = 8; i < 16; i++) n = n << 8 | id->b[i];
    return n;
}

static struct actor *actor_of(p2_handle conn) {
    for (unsigned i = 0; i < ACTORS; i++) {
        if (conn && w.actors[i].conn == conn) return &w.actors[i];
    }
    return NULL;
}

static struct line *line_of(struct actor *a, uint32_t stream) {
    for (unsigned i = 0; i < STREAMS; i++) {
        if (a->lines[i].used && a->lines[i].stream == stream) return &a->lines[i];
    }
    return NULL;
}

static struct line *free_line(struct actor *a) {
    for (unsigned i = 0; i < STREAMS; i++) {
        if (!a->lines[i].used) return &a->lines[i];
    }
    return NULL;
}

static void leave(struct actor *a) {
    bool is_peer = a->is_peer, sessions = a->sessions;
    memset(a, 0, sizeof *a);
    a->is_peer = is_peer;
    a->sessions = sessions;
}

// Its connection is lost, its session and its tasks are not.
static void lose(struct actor *a) {
    struct actor was = *a;
    leave(a);
    if (!was.sessions || was.naughty) return;
    a->token = was.token;
    for (unsigned i = 0; i < STREAMS; i++) {
        const struct line *l = &was.lines[i];
        if (l->used) a->lines[i] = (struct line){.used = true, .id = l->id, .out_size = l->out_size};
    }
}

// ---- what the core says ---------------------------------------------------------------------------------------------

static void post(struct actor *a, unsigned lane_number, const struct p2_msg *m) {
    struct mail mail = {.kind = m->kind, .stream = m->stream};
    struct p2_msg copy = *m;
    const struct p2_slice *payload = p2_msg_payload(&copy);
    switch (m->kind) {
    case P2_MSG_TASK_ASSIGN:
        mail.id = m->u.assign.id;
        mail.attempt = m->u.assign.attempt;
        mail.size = m->u.assign.payload_size;
        mail.raw_size = m->u.assign.raw_size;
        break;
    case P2_MSG_RESULT_DELIVERY:
        mail.id = m->u.delivery.id;
        mail.attempt = m->u.delivery.attempt;
        mail.size = m->u.delivery.payload_size;
        mail.raw_size = m->u.delivery.raw_size;
        break;
    case P2_MSG_CHUNK:
        mail.attempt = m->u.chunk.attempt;
        mail.offset = m->u.chunk.offset;
        mail.raw_size = m->u.chunk.raw_size;
        break;
    case P2_MSG_WINDOW:
        mail.attempt = m->u.window.attempt;
        mail.limit = m->u.window.limit;
        break;
    case P2_MSG_RESEND:
        mail.attempt = m->u.resend.attempt;
        mail.limit = m->u.resend.limit;
        mail.offset = m->u.resend.offset;
        break;
    case P2_MSG_GAMER_REGISTERED:
        a->token = m->u.gamer_registered.session;
        a->resumed = m->u.gamer_registered.resumed;
        break;
    case P2_MSG_TASK_ENDED: mail.id = m->u.ended.id; break;
    case P2_MSG_TASK_TIMEOUT: mail.id = m->u.timeout.id; break;
    case P2_MSG_TASK_CANCEL: mail.attempt = m->u.cancel.attempt; break;
    case P2_MSG_TASK_RECALL: mail.attempt = m->u.recall.attempt; break;
    default: break;
    }
    if (payload) {
        assert_int_equal(payload->size, mail.raw_size);
        assert_true(rig_bytes_right(payload, mail.offset));
    }
    struct lane *l = &a->lanes[lane_number];
    assert_true(l->count < MAILS);
    l->items[(l->first + l->count++) % MAILS] = mail;
}

static void count_task(const struct coord_note *n) {
    if (n->kind != NOTE_TASK || n->to == TASK_REFUSED) return;
    uint64_t number = number_of(&n->task);
    if (n->to == TASK_QUEUED && n->why == WHY_SUBMITTED) {
        assert_false(w.was_open[number]);
        w.open[number] = w.was_open[number] = true;
        w.accepted++;
    } else if (n->to >= TASK_DONE) {
        assert_true(w.open[number]);
        w.open[number] = false;
        w.ended++;
    }
    w.joined += n->to == TASK_JOINED;
    assert_true(n->attempt <= w.rig.c->limits.attempts_max);
}

static void listen_to_core(void) {
    struct rig *r = &w.rig;
    for (uint32_t i = 0; i < r->out.count; i++) {
        const struct coord_action *act = &r->out.items[i];
        struct actor *a = actor_of(act->conn);
        if (act->kind == COORD_NOTE) count_task(&act->u.note);
        if (!a) continue;
        if (act->kind == COORD_WANT_ROOM) {
            assert_false(a->room_asked);
            a->room_asked = true;
        } else if (act->kind == COORD_SEND && act->u.msg.kind == P2_MSG_ERROR) {
            if (!a->naughty && act->u.msg.u.error.code != P2_ERR_DRAINING)
                fail_msg("an honest one was blamed: %s", act->u.msg.u.error.sentence.p);
        } else if (act->kind == COORD_SEND) {
            post(a, act->lane, &act->u.msg);
        } else if (act->kind == COORD_CLOSE) {
            leave(a);
        }
    }
    rig_forget(r);
}

static void say(struct actor *a, const struct p2_msg *m) {
    rig_msg(&w.rig, a->conn, m);
    listen_to_core();
}

// ---- both ends of a stream ------------------------------------------------------------------------------------------

static void send_more(struct actor *a, struct line *l) {
    uint64_t left = l->out_size - l->out_sent, open = l->out_limit - l->out_sent;
    if (left == 0 || open == 0) return;
    uint64_t n = 4096 + below(RECORD - 4096 + 1);
    if (n > left) n = left;
    if (n > open) n = open;
    uint64_t at = l->out_sent;
    uint32_t stream = l->stream, attempt = l->attempt;
    l->out_sent += n;
    if (a->is_peer && l->out_sent == l->out_size) l->used = false;
    rig_chunk(&w.rig, a->conn, stream, attempt, at, (uint32_t)n);
    listen_to_core();
}

static void receive(struct actor *a, struct line *l, const struct mail *m) {
    assert_int_equal(m->offset, l->in_have);
    l->in_have += m->raw_size;
    assert_true(l->in_have <= l->in_size && l->in_have <= l->in_granted);
    if (l->in_have == l->in_size) {
        if (a->is_peer) return;
        l->used = false; // the task is done
        struct p2_msg ack = {.kind = P2_MSG_RESULT_ACK, .stream = l->stream, .u.ack.attempt = l->in_attempt};
        if (a->sessions && chance(80)) say(a, &ack);
    }
}

static void grant(struct actor *a, struct line *l) {
    if (!l->begun || l->in_granted == l->in_size || l->in_have == l->in_size) return;
    uint64_t limit = l->in_have + (256u << 10);
    if (limit > l->in_size) limit = l->in_size;
    if (limit <= l->in_granted) return;
    l->in_granted = limit;
    rig_window(&w.rig, a->conn, l->stream, l->in_attempt, limit);
    listen_to_core();
}

static void begin_in(struct line *l, const struct mail *m) {
    l->begun = true;
    l->in_attempt = m->attempt;
    l->in_size = m->size;
    l->in_have = 0;
    l->in_granted = m->size < P2_STREAM_WINDOW ? m->size : P2_STREAM_WINDOW;
}

// ---- clients --------------------------------------------------------------------------------------------------------

static uint64_t some_size(void) {
    if (chance(40)) return 1000 + 40000 * (uint64_t)below(3); // so that there are equal ones
    switch (below(10)) {
    case 0: return 0;
    case 1: return 1 + below(900u << 10);
    case 2: return 1 + below(300u << 10);
    default: return 1 + below(2000);
    }
}

static void submit(struct actor *a) {
    struct line *l = free_line(a);
    if (!l || w.ids + 1 >= 4096) return;
    uint64_t size = some_size();
    *l = (struct line){.used = true, .stream = ++a->stream_next, .attempt = 1, .id = rig_id(++w.ids)};
    l->out_size = size;
    l->out_limit = size < P2_STREAM_WINDOW ? size : P2_STREAM_WINDOW;
    l->out_sent = size < RECORD ? size : RECORD;
    struct p2_msg m = rig_submit_msg(w.ids, l->stream, size);
    m.u.submit.class_ = (enum p2_class)below(P2_CLASSES);
    m.u.submit.deadline_ns = (p2_ns)(1 + below(3000)) * P2_MS;
    m.u.submit.series = below(3);
    m.u.submit.type = p2_str(chance(70) || size > 1000 ? "alpha" : "beta");
    struct p2_param params[2] = {
        {.name = p2_str("result"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {(int64_t)some_size()}},
        {.name = p2_str("memory"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {below(2000)}}};
    m.u.submit.params = (struct p2_params){params, 1 + below(2)};
    if (chance(40)) { // one of few that are the same
        m.u.submit.type = p2_str("same");
        m.u.submit.no_cache = chance(5);
        m.u.submit.refresh = chance(10);
        m.u.submit.private_ = chance(20);
        params[0].value.ints[0] = size ? (int64_t)size : 70000;
        m.u.submit.params.count = 1;
    }
    rig_send_submit(&w.rig, a->conn, &m);
    listen_to_core();
}

static void client_hears(struct actor *a, const struct mail *m) {
    struct line *l = line_of(a, m->stream);
    if (!l) return;
    switch (m->kind) {
    case P2_MSG_TASK_ENDED:
    case P2_MSG_TASK_TIMEOUT:
        assert_true(p2_id_equal(&m->id, &l->id));
        l->used = false;
        break;
    case P2_MSG_RESULT_DELIVERY:
        assert_true(p2_id_equal(&m->id, &l->id));
        assert_true(!l->begun || m->attempt > l->in_attempt);
        begin_in(l, m);
        receive(a, l, m);
        break;
    case P2_MSG_CHUNK:
        assert_true(l->begun && m->attempt == l->in_attempt);
        receive(a, l, m);
        break;
    case P2_MSG_WINDOW:
        if (m->attempt == l->attempt && m->limit > l->out_limit) l->out_limit = m->limit;
        break;
    case P2_MSG_RESEND:
        assert_true(m->attempt > l->attempt);
        l->attempt = m->attempt;
        l->out_sent = m->offset;
        l->out_limit = m->limit;
        break;
    default: break;
    }
}

static void client_acts(struct actor *a) {
    struct line *l = &a->lines[below(STREAMS)];
    uint32_t dice = below(100);
    if (dice < 20 && !w.closing)
        submit(a);
    else if (dice < 22 && l->used)
        rig_cancel(&w.rig, a->conn, l->stream, number_of(&l->id)), listen_to_core();
    else if (dice < 70 && l->used)
        send_more(a, l);
    else if (l->used)
        grant(a, l);
}

// ---- peers ----------------------------------------------------------------------------------------------------------

static void send_result(struct actor *a, struct line *l) {
    p2_handle peer = session_find(w.rig.c, a->conn)->who;
    const struct replica *r = coord_at(&w.rig.c->replicas, table_get(&w.rig.c->by_job, peer, l->stream));
    const struct task *t = r ? p2_slab_get(&w.rig.c->tasks, r->task) : NULL;
    uint64_t most = t ? t->cost.result_bytes_max : 100; // as its own prepare() would tell it
    l->out_size = chance(90) ? most : below((uint32_t)most + 1);
    if (chance(1)) l->out_size = most + 1; // a fault of its own: the job is taken from it
    l->out_limit = l->out_size < P2_STREAM_WINDOW ? l->out_size : P2_STREAM_WINDOW;
    l->out_sent = l->out_size < RECORD ? l->out_size : RECORD;
    l->whole_sent = true;
    struct p2_msg assign = {.stream = l->stream};
    assign.u.assign.id = l->id;
    assign.u.assign.attempt = l->attempt;
    uint64_t size = l->out_size;
    if (l->out_sent == l->out_size) l->used = false;
    rig_result(&w.rig, a->conn, &assign, size);
    listen_to_core();
}

static void send_failure(struct actor *a, struct line *l, enum p2_err code, bool retryable) {
    struct p2_msg assign = {.stream = l->stream};
    assign.u.assign.id = l->id;
    assign.u.assign.attempt = l->attempt;
    l->used = false;
    rig_failure(&w.rig, a->conn, &assign, code, retryable);
    listen_to_core();
}

// A job can be given back until its result has begun; now and then it has started before.
static void answer_recall(struct actor *a, struct line *l) {
    struct p2_msg m = {.kind = P2_MSG_TASK_RECALLED, .stream = l->stream};
    m.u.recalled.id = l->id;
    m.u.recalled.attempt = l->attempt;
    m.u.recalled.returned = !l->whole_sent && chance(70);
    if (m.u.recalled.returned) l->used = false;
    say(a, &m);
}

static void peer_hears(struct actor *a, const struct mail *m) {
    struct line *l = line_of(a, m->stream);
    if (m->kind == P2_MSG_TASK_ASSIGN) {
        assert_null(l);
        l = free_line(a);
        assert_non_null(l);
        *l = (struct line){.used = true, .stream = m->stream, .attempt = m->attempt, .id = m->id};
        begin_in(l, m);
        receive(a, l, m);
    } else if (!l) {
        return; // of a job it has ended
    } else if (m->kind == P2_MSG_CHUNK) {
        assert_int_equal(m->attempt, l->attempt);
        receive(a, l, m);
    } else if (m->kind == P2_MSG_WINDOW) {
        if (m->limit > l->out_limit) l->out_limit = m->limit;
    } else if (m->kind == P2_MSG_TASK_RECALL) {
        assert_int_equal(m->attempt, l->attempt);
        if (chance(90)) answer_recall(a, l);
    } else if (m->kind == P2_MSG_TASK_CANCEL) {
        assert_int_equal(m->attempt, l->attempt);
        if (chance(70))
            send_failure(a, l, P2_ERR_CANCELLED, false); // else it says nothing of it any more
        else
            l->used = false;
    }
}

static void misbehave(struct actor *a) {
    a->naughty = true;
    switch (below(4)) {
    case 0: rig_chunk(&w.rig, a->conn, below(60), 1 + below(3), below(3) * 1000, 1 + below(1000)); break;
    case 1: rig_window(&w.rig, a->conn, below(60), below(3), below(1 << 20)); break;
    case 2: {
        struct p2_msg assign = {.stream = below(60)};
        assign.u.assign.id = rig_id(1 + below(100));
        assign.u.assign.attempt = below(4);
        rig_result(&w.rig, a->conn, &assign, below(3000));
        break;
    }
    default: {
        struct p2_msg m = {.kind = (enum p2_msg_kind)below(P2_MSG_KINDS)};
        // What is well said, only without sense, would be taken for its word.
        if (m.kind == P2_MSG_TASK_SUBMIT || m.kind == P2_MSG_TASK_CANCEL) m.kind = P2_MSG_STATUS;
        m.stream = below(60);
        rig_msg(&w.rig, a->conn, &m);
    }
    }
    listen_to_core();
}

static void register_anew(struct actor *a) {
    w.rig.instance = rig_id(chance(50) ? 1 + below(4) : 0);
    rig_register(&w.rig, a->conn, 1 + below(3), below(3), 1 + below(7), below(2) ? 0 : 500 + below(2000));
    listen_to_core();
}

static void peer_acts(struct actor *a) {
    struct line *l = &a->lines[below(STREAMS)];
    uint32_t dice = below(100);
    struct p2_msg drain = {.kind = P2_MSG_DRAIN};
    if (dice == 0)
        register_anew(a);
    else if (dice == 1 && chance(30))
        say(a, &drain);
    else if (!l->used)
        return;
    else if (dice < 5)
        send_failure(a, l, P2_ERR_EXECUTION_FAILED, chance(80));
    else if (dice < 40)
        grant(a, l);
    else if (l->in_have == l->in_size && !l->whole_sent)
        send_result(a, l);
    else if (l->whole_sent)
        send_more(a, l);
}

// ---- the world ------------------------------------------------------------------------------------------------------

static void come(struct actor *a) {
    w.rig.room = chance(50) ? 1u << 20 : 70000 + below(100000);
    a->conn = w.rig.next_conn;
    a->conn = rig_open(&w.rig);
    w.rig.features = a->sessions ? ~UINT64_C(0) : ~P2_FEATURE_SESSIONS;
    rig_hello(&w.rig, a->conn, a->is_peer ? P2_ROLE_PEER : P2_ROLE_CLIENT);
    listen_to_core();
    a->beat_ns = w.rig.now;
    struct p2_msg m = {.kind = P2_MSG_GAMER_REGISTER, .u.gamer_register.session = a->token};
    if (a->is_peer)
        register_anew(a);
    else
        say(a, &m);
    for (unsigned i = 0; i < STREAMS; i++) {
        if (!a->lines[i].used || a->lines[i].stream) continue;
        a->lines[i].used = a->resumed;
        a->lines[i].stream = ++a->stream_next;
        struct p2_msg again = {.kind = P2_MSG_TASK_RESUME, .stream = a->lines[i].stream, .u.resume.id = a->lines[i].id};
        w.resumed += a->resumed;
        if (a->resumed && chance(90))
            say(a, &again);
        else
            a->lines[i].used = false; // not wanted any more
    }
}

static void go(struct actor *a) {
    p2_handle conn = a->conn;
    lose(a);
    if (a->sessions && chance(30)) {
        come(a); // the old connection is half-open: it is closed for this one
        return;
    }
    rig_close(&w.rig, conn);
    listen_to_core();
}

static void read_mail(struct actor *a) {
    for (unsigned i = 0; i <= P2_CLASSES; i++) { // lower lanes leave first
        struct lane *l = &a->lanes[i];
        if (!l->count) continue;
        struct mail m = l->items[l->first];
        l->first = (l->first + 1) % MAILS;
        l->count--;
        if (a->is_peer)
            peer_hears(a, &m);
        else
            client_hears(a, &m);
        return;
    }
}

static void beat(struct actor *a) {
    if (!a->is_peer || !a->conn || w.rig.now - a->beat_ns < P2_SEC) return;
    a->beat_ns = w.rig.now;
    rig_heartbeat(&w.rig, a->conn);
    listen_to_core();
}

static void live_a_moment(struct actor *a) {
    if (!a->conn) {
        if (chance(w.closing ? 1 : 10)) come(a);
        return;
    }
    for (uint32_t n = below(6); n && a->conn; n--) read_mail(a);
    if (!a->conn) return;
    if (a->room_asked && chance(40)) {
        a->room_asked = false;
        rig_writable(&w.rig, a->conn, 70000 + below(1 << 20));
        listen_to_core();
    }
    if (a->conn && chance(1) && chance(40))
        go(a);
    else if (a->conn && chance(1) && chance(20))
        misbehave(a);
    else if (a->conn && a->is_peer)
        peer_acts(a);
    else if (a->conn)
        client_acts(a);
}

static void iterate(void) {
    struct actor *a = &w.actors[below(ACTORS)];
    live_a_moment(a);
    if (chance(10)) {
        rig_hash(&w.rig); // late digests
        listen_to_core();
    }
    if (chance(30)) {
        w.rig.now += (p2_ns)below(8000) * P2_US;
        for (unsigned i = 0; i < ACTORS; i++) beat(&w.actors[i]);
        struct coord_event ev = {.kind = COORD_TICK};
        rig_step(&w.rig, &ev);
        listen_to_core();
    }
}

static void run_seed(uint64_t seed) {
    memset(&w, 0, sizeof w);
    p2_rng_init(&w.rng, seed);
    struct coord_limits l = rig_limits();
    l.tasks_max = 40 + below(40);
    l.recent_max = 1 + below(64);
    l.stream_window_bytes = P2_STREAM_WINDOW << below(3);
    l.payload_budget_bytes = (4 + below(12)) * (uint64_t)(1 << 20);
    l.cut_through = chance(80);
    if (!l.cut_through) {
        l.stream_window_bytes = P2_TASK_PAYLOAD_MAX;
        l.payload_budget_bytes += 2 * l.stream_window_bytes;
    }
    l.cancel_linger_ns = (p2_ns)(1 + below(500)) * P2_MS;
    l.no_peer_grace_ns = (p2_ns)below(400) * P2_MS;
    l.jobs_per_peer_max = 5;
    l.resume_grace_ns = (p2_ns)(1 + below(2000)) * P2_MS;
    l.queue_per_class_max = 5 + below(40);
    l.tasks_per_client_max = 10 + below(20);
    l.client_tasks_per_s = chance(30) ? 20 + below(200) : 0;
    l.client_burst_ns = (p2_ns)below(2000) * P2_MS;
    l.retry_budget_percent = below(30);
    l.retry_floor = below(11);
    l.hedge_percent = below(101);
    l.class_floor_percent = below(31);
    l.reserve_percent = below(91);
    l.client_share_percent = 1 + below(100);
    l.cache_entries_max = below(12);
    l.cache_bytes_max = below(8) * UINT64_C(300000);
    l.cache_result_bytes_max = UINT64_C(1) << (14 + below(8));
    l.cache_ttl_ns = (p2_ns)(1 + below(4000)) * P2_MS;
    rig_init(&w.rig, &l);
    w.rig.slow_hash = chance(50);
    for (unsigned i = 0; i < ACTORS; i++) {
        w.actors[i].is_peer = i >= CLIENTS;
        w.actors[i].sessions = i < CLIENTS && chance(60);
    }
    // Tasks are known to be quick, so that many get a second run.
    for (unsigned i = chance(50) ? 200 : 0; i; i--) estimate_add(w.rig.c, i % 2, 0, P2_MS);
    for (unsigned i = 0; i < ITERATIONS; i++) iterate();
    w.closing = true;
    if (chance(30)) {
        rig_drain(&w.rig);
        listen_to_core();
    }
    for (unsigned i = 0; i < 100000 && w.rig.c->tasks.live; i++) iterate();
    assert_int_equal(w.rig.c->tasks.live, 0);
    assert_int_equal(w.accepted, w.ended);
    assert_int_equal(w.accepted, w.rig.c->stats.tasks_accepted);
    // Whoever is still here hears the end of each of its tasks.
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct actor *a = &w.actors[i];
        for (unsigned n = 0; n < 10 * MAILS && a->conn; n++) read_mail(a);
        for (unsigned n = 0; n < STREAMS; n++) assert_false(a->conn && a->lines[n].used);
    }
    struct p2_msg_status status;
    coord_status(w.rig.c, &status);
    w.hits = status.cache_hits;
    rig_deinit(&w.rig);
}

static void test_seeds(void **state) {
    (void)state;
    const char *one = getenv("P2C2R_TEST_SEED"), *many = getenv("P2C2R_TEST_SEEDS");
    uint64_t first = one ? strtoull(one, NULL, 0) : 1, count = one ? 1 : many ? strtoull(many, NULL, 0) : SEEDS;
    uint64_t accepted = 0, hits = 0, joined = 0, resumed = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        print_message("seed %llu\r", (unsigned long long)seed);
        run_seed(seed);
        accepted += w.accepted;
        resumed += w.resumed;
        hits += w.hits;
        joined += w.joined;
    }
    print_message("%llu seeds, %llu tasks accepted, %llu answered by the cache, %llu joined\n",
                  (unsigned long long)count, (unsigned long long)accepted, (unsigned long long)hits,
                  (unsigned long long)joined);
    assert_true(count < 100 || resumed > count);
    assert_true(accepted > count && (one || (hits > count / 10 && joined > count / 10))); // the worlds do something
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_seeds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
