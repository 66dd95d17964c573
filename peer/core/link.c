// The connection to the coordinator: dial, greet, register, beat, drain.
#include <string.h>

#include "base/check.h"
#include "peer/core/state.h"

#define BACKOFF_FIRST (50 * P2_MS)
#define BACKOFF_DOUBLINGS 8u // 50 ms << 8 is above the ceiling
#define BACKOFF_MAX (10 * P2_SEC)
#define GOOD_LINK (5 * P2_SEC) // registered that long, a link's end is no failure to connect
#define BEAT_MIN (100 * P2_MS)
#define BEAT_MAX (60 * P2_SEC)
#define RETRY_AFTER_MAX (600 * P2_SEC)
#define QUEUE_DEPTH_MAX 256u // that the wire can say

static const bool moves[LINK_STATES][LINK_STATES] = {
    [LINK_WAITING] = {[LINK_DIALING] = true},
    [LINK_DIALING] = {[LINK_GREETING] = true, [LINK_CLOSING] = true, [LINK_WAITING] = true},
    [LINK_GREETING] = {[LINK_GREETED] = true, [LINK_CLOSING] = true, [LINK_WAITING] = true},
    [LINK_GREETED] = {[LINK_JOINING] = true, [LINK_CLOSING] = true, [LINK_WAITING] = true},
    [LINK_JOINING] = {[LINK_JOINED] = true, [LINK_CLOSING] = true, [LINK_WAITING] = true},
    [LINK_JOINED] = {[LINK_CLOSING] = true, [LINK_WAITING] = true},
    [LINK_CLOSING] = {[LINK_WAITING] = true},
};

bool worker_link_may(enum link_state from, enum link_state to) { return moves[from][to]; }

static void link_move(struct worker *w, enum link_state to) {
    struct link *l = &w->link;
    P2_CHECK(worker_link_may(l->state, to));
    if (to == LINK_DIALING || to == LINK_GREETING || to == LINK_JOINING) {
        l->answer_by_ns = p2_ns_add(w->now, w->config.handshake_ns);
    }
    if (to == LINK_JOINED) l->joined_ns = w->now;
    if (to == LINK_CLOSING || to == LINK_WAITING) {
        if (l->state == LINK_JOINED && w->now - l->joined_ns >= GOOD_LINK) l->failures = 0;
        l->room = 0;
        l->room_asked = false;
    }
    l->state = to;
}

static void link_close(struct worker *w, enum p2_err why) {
    worker_jobs_drop_all(w);
    worker_act(w, WORKER_ACT_CLOSE)->why = why;
    link_move(w, LINK_CLOSING);
}

void worker_link_fault(struct worker *w, enum p2_err code, const char *text) {
    if (w->link.state == LINK_WAITING || w->link.state == LINK_CLOSING) return;
    struct worker_note *n = worker_note(w, WORKER_NOTE_FAULT);
    n->code = code;
    n->text = text;
    if (w->link.state != LINK_DIALING) {
        struct p2_msg m = {.kind = P2_MSG_ERROR};
        m.u.error = (struct p2_msg_error){
            .code = code, .retryable = p2_err_retryable(code), .sentence = p2_str(p2_err_sentence(code))};
        worker_send(w, &m, 0);
    }
    link_close(w, code);
}

static void on_up(struct worker *w, uint64_t room) {
    struct link *l = &w->link;
    if (l->state != LINK_DIALING) return; // closed while the answer was on its way
    link_move(w, LINK_GREETING);
    l->room = room;
    struct p2_msg m = {.kind = P2_MSG_HELLO};
    m.u.hello = (struct p2_msg_hello){.magic = P2_PROTOCOL_MAGIC,
                                      .version_min = P2_PROTOCOL_VERSION,
                                      .version_max = P2_PROTOCOL_VERSION,
                                      .features = P2_FEATURE_ZSTD | P2_FEATURE_RECALL,
                                      .role = P2_ROLE_PEER,
                                      .agent = p2_str(w->config.agent)};
    worker_send(w, &m, 0);
}

static void on_down(struct worker *w, enum p2_err why) {
    struct link *l = &w->link;
    P2_CHECK(l->state != LINK_WAITING); // exactly one DOWN for a DIAL
    uint64_t dropped = w->stats.dropped;
    worker_jobs_drop_all(w);
    link_move(w, LINK_WAITING);
    p2_ns delay = BACKOFF_FIRST << (l->failures < BACKOFF_DOUBLINGS ? l->failures : BACKOFF_DOUBLINGS);
    delay = p2_ns_min(delay, BACKOFF_MAX);
    delay = delay / 2 + (p2_ns)p2_rng_below(&w->rng, (uint64_t)delay + 1);
    if (l->failures < UINT32_MAX) l->failures++;
    l->dial_at_ns = p2_ns_max(p2_ns_add(w->now, delay), l->not_before_ns);
    struct worker_note *n = worker_note(w, WORKER_NOTE_LINK_LOST);
    n->code = why;
    n->value = (int64_t)(w->stats.dropped - dropped);
    if (w->draining) return;
    n->text = p2_arena_printf(&w->arena, "next try in %lld ms", (long long)((l->dial_at_ns - w->now) / P2_MS));
}

void worker_link_event(struct worker *w, const struct worker_event *ev) {
    switch (ev->kind) {
    case WORKER_LINK_UP: on_up(w, ev->room); break;
    case WORKER_WRITABLE:
        w->link.room_asked = false;
        w->link.room = ev->room;
        break;
    case WORKER_LINK_FAULT: worker_link_fault(w, ev->why, p2_err_sentence(ev->why)); break;
    default: on_down(w, ev->why); break;
    }
}

// ---- what the coordinator says --------------------------------------------------------------------------------------

static void on_hello(struct worker *w, const struct p2_msg_hello *h) {
    struct link *l = &w->link;
    if (h->role != P2_ROLE_COORDINATOR) {
        worker_link_fault(w, P2_ERR_WRONG_ROLE, "the other side is no coordinator");
        return;
    }
    if (h->version_min != P2_PROTOCOL_VERSION || h->version_max != P2_PROTOCOL_VERSION) {
        l->failures = BACKOFF_DOUBLINGS; // it will not speak another version soon
        worker_link_fault(w, P2_ERR_UNSUPPORTED_VERSION, "it chose a protocol version that was not offered");
        return;
    }
    if (h->features & ~(P2_FEATURE_ZSTD | P2_FEATURE_RECALL)) {
        worker_link_fault(w, P2_ERR_BAD_MESSAGE, "it chose a feature that was not offered");
        return;
    }
    l->zstd = (h->features & P2_FEATURE_ZSTD) != 0;
    l->recall = (h->features & P2_FEATURE_RECALL) != 0;
    link_move(w, LINK_GREETED);
    worker_act(w, WORKER_ACT_ESTABLISHED);
}

static void on_registered(struct worker *w, const struct p2_msg_peer_registered *r) {
    struct link *l = &w->link;
    if (l->state != LINK_JOINING && l->state != LINK_JOINED) {
        worker_link_fault(w, P2_ERR_UNEXPECTED_MESSAGE, "an answer to no registration");
        return;
    }
    l->beat_interval_ns = p2_ns_min(p2_ns_max(r->heartbeat_interval_ns, BEAT_MIN), BEAT_MAX);
    l->beat_at_ns = p2_ns_add(w->now, l->beat_interval_ns);
    if (l->state == LINK_JOINED) return;
    link_move(w, LINK_JOINED);
    worker_note(w, WORKER_NOTE_REGISTERED)->id = r->peer;
    worker_blobs_announce(w);
}

static void on_error(struct worker *w, const struct p2_msg *m) {
    const struct p2_msg_error *e = &m->u.error;
    if (m->stream) {
        if (!worker_blob_error(w, m)) worker_job_cancel(w, m);
        return;
    }
    struct worker_note *n = worker_note(w, WORKER_NOTE_REFUSED);
    n->code = e->code;
    n->text = p2_arena_printf(&w->arena, "%.*s", (int)e->sentence.n, e->sentence.n ? e->sentence.p : "");
    p2_ns after = p2_ns_min(e->retry_after_ns, RETRY_AFTER_MAX);
    w->link.not_before_ns = p2_ns_add(w->now, p2_ns_max(after, 0));
    if (!e->retryable && w->link.failures < BACKOFF_DOUBLINGS) w->link.failures = BACKOFF_DOUBLINGS;
    link_close(w, P2_OK);
}

// A job's messages make sense only once we are registered.
static void on_job_msg(struct worker *w, const struct p2_msg *m) {
    if (w->link.state != LINK_JOINED) {
        worker_link_fault(w, P2_ERR_UNEXPECTED_MESSAGE, "a job before the registration was answered");
        return;
    }
    switch (m->kind) {
    case P2_MSG_TASK_ASSIGN: worker_job_assign(w, m); break;
    case P2_MSG_CHUNK: worker_job_chunk(w, m); break;
    case P2_MSG_WINDOW: worker_job_window(w, m); break;
    case P2_MSG_TASK_RECALL:
        if (w->link.recall)
            worker_job_recall(w, m);
        else
            worker_link_fault(w, P2_ERR_UNEXPECTED_MESSAGE, "a recall that was not agreed on");
        break;
    case P2_MSG_BLOB_PUT: worker_blob_put(w, m); break;
    case P2_MSG_BLOB_HAVE: worker_blob_have(w, &m->u.blob_have); break;
    default: worker_job_cancel(w, m); break;
    }
}

static void on_ping(struct worker *w, const struct p2_msg *m) {
    struct p2_msg pong = {.kind = P2_MSG_PONG, .u.ping = m->u.ping};
    worker_send(w, &pong, 0);
}

void worker_link_msg(struct worker *w, const struct p2_msg *m) {
    enum link_state s = w->link.state;
    if (s == LINK_WAITING || s == LINK_DIALING || s == LINK_CLOSING) return; // it was on its way when we closed
    if ((s == LINK_GREETING) != (m->kind == P2_MSG_HELLO) && m->kind != P2_MSG_ERROR) {
        worker_link_fault(w, P2_ERR_UNEXPECTED_MESSAGE, "out of order with the greeting");
        return;
    }
    switch (m->kind) {
    case P2_MSG_HELLO: on_hello(w, &m->u.hello); break;
    case P2_MSG_PEER_REGISTERED: on_registered(w, &m->u.peer_registered); break;
    case P2_MSG_TASK_ASSIGN:
    case P2_MSG_CHUNK:
    case P2_MSG_WINDOW:
    case P2_MSG_TASK_RECALL:
    case P2_MSG_BLOB_PUT:
    case P2_MSG_BLOB_HAVE:
    case P2_MSG_TASK_CANCEL: on_job_msg(w, m); break;
    case P2_MSG_PING: on_ping(w, m); break;
    case P2_MSG_PONG: break;
    case P2_MSG_DRAIN: worker_note(w, WORKER_NOTE_COORDINATOR_DRAINS)->value = m->u.drain.grace_ns / P2_MS; break;
    case P2_MSG_ERROR: on_error(w, m); break;
    default: worker_link_fault(w, P2_ERR_WRONG_ROLE, "a message that is not for a peer"); break;
    }
}

// ---- what we say of ourselves ---------------------------------------------------------------------------------------

static uint32_t offers_fill(struct worker *w, uint32_t exec, uint32_t count) {
    const struct exec *e = &w->execs[exec];
    for (uint32_t k = 0; e->state == EXEC_READY && k < e->offer_count && count < P2_TYPES_MAX; k++) {
        w->reg_offers[count++] = (struct p2_msg_offer){.type = p2_str(e->offers[k].type->name),
                                                       .version = e->offers[k].type->version,
                                                       .device = exec,
                                                       .units_per_second = e->offers[k].units_per_second};
    }
    return count;
}

static void send_register(struct worker *w) {
    uint32_t offers = 0, slots = 0;
    for (uint32_t i = 0; i < w->config.device_count; i++) {
        const struct worker_device *d = &w->execs[i].device;
        bool serves = worker_exec_serves(w, i);
        w->reg_devices[i] = (struct p2_msg_device){.kind = d->kind,
                                                   .name = p2_str(d->name),
                                                   .driver = p2_str(d->driver),
                                                   .memory_bytes = d->memory_bytes,
                                                   .buffer_bytes_max = d->buffer_bytes_max,
                                                   .compute_units = d->compute_units,
                                                   .slots = serves ? d->slots : 0};
        if (serves) slots += d->slots;
        offers = offers_fill(w, i, offers);
    }
    uint32_t depth = slots * w->config.queue_depth;
    struct p2_msg m = {.kind = P2_MSG_PEER_REGISTER};
    m.u.peer_register = (struct p2_msg_peer_register){.cpu_cores = w->config.cpu_cores,
                                                      .memory_bytes = w->config.memory_bytes,
                                                      .slots = slots,
                                                      .queue_depth = depth < QUEUE_DEPTH_MAX ? depth : QUEUE_DEPTH_MAX,
                                                      .devices = w->reg_devices,
                                                      .device_count = w->config.device_count,
                                                      .offers = w->reg_offers,
                                                      .offer_count = offers,
                                                      .instance = w->config.instance};
    worker_send(w, &m, 0);
    w->link.offers_changed = false;
    worker_note(w, WORKER_NOTE_OFFERED)->value = offers;
}

static void send_heartbeat(struct worker *w) {
    uint32_t running = 0, handed = 0, serving = 0, count = 0;
    for (uint32_t i = 0; i < w->config.device_count; i++) {
        struct exec *e = &w->execs[i];
        worker_exec_count_busy(w, i);
        running += e->handed < e->device.slots ? e->handed : e->device.slots;
        handed += e->handed;
        if (worker_exec_serves(w, i)) serving += e->device.slots;
        for (uint32_t k = 0; k < e->device.slots; k++) w->beat_slots[count++] = e->slot_busy_ns[k];
    }
    struct p2_msg m = {.kind = P2_MSG_HEARTBEAT};
    m.u.heartbeat = (struct p2_msg_heartbeat){
        .load = serving ? (double)running / serving : 1.0, // nothing more can be run
        .tasks_completed = w->stats.completed,
        .tasks_failed = w->stats.failed,
        .running = running,
        .waiting = w->receiving + handed - running,
        .slot_busy_ns = w->beat_slots,
        .slot_count = count,
    };
    if (m.u.heartbeat.load > 1.0) m.u.heartbeat.load = 1.0;
    worker_send(w, &m, 0);
    w->link.beat_at_ns = p2_ns_add(w->now, w->link.beat_interval_ns);
}

static bool may_dial(const struct worker *w) { return !w->draining && worker_exec_any_serves(w); }

void worker_link_settle(struct worker *w) {
    struct link *l = &w->link;
    if (l->state == LINK_WAITING && may_dial(w) && w->now >= l->dial_at_ns) {
        worker_note(w, WORKER_NOTE_DIALLING)->value = l->failures;
        worker_act(w, WORKER_ACT_DIAL);
        link_move(w, LINK_DIALING);
    }
    bool waits = l->state == LINK_DIALING || l->state == LINK_GREETING || l->state == LINK_JOINING;
    if (waits && w->now >= l->answer_by_ns) {
        worker_link_fault(w, P2_ERR_HANDSHAKE_TIMEOUT, "no answer in time");
        return;
    }
    if (l->state == LINK_GREETED && worker_exec_any_serves(w) && !w->draining) {
        send_register(w);
        link_move(w, LINK_JOINING);
    }
    if ((l->state == LINK_JOINING || l->state == LINK_JOINED) && l->offers_changed && !w->draining) send_register(w);
    if (l->state == LINK_JOINED && w->now >= l->beat_at_ns) send_heartbeat(w);
}

p2_ns worker_link_next(const struct worker *w) {
    const struct link *l = &w->link;
    switch (l->state) {
    case LINK_WAITING: return may_dial(w) ? l->dial_at_ns : P2_NEVER;
    case LINK_DIALING:
    case LINK_GREETING:
    case LINK_JOINING: return l->answer_by_ns;
    case LINK_JOINED: return l->beat_at_ns;
    default: return P2_NEVER;
    }
}

// ---- leaving --------------------------------------------------------------------------------------------------------

static void leave(struct worker *w, enum p2_err why) {
    w->left = true;
    worker_act(w, WORKER_ACT_LEAVE)->why = why;
}

void worker_drain(struct worker *w) {
    if (w->draining) {
        leave(w, P2_ERR_CLOSED);
        return;
    }
    w->draining = true;
    w->drain_by_ns = p2_ns_add(w->now, w->config.drain_ns);
    worker_note(w, WORKER_NOTE_DRAINING)->value = w->jobs.live;
    if (w->link.state != LINK_JOINED && w->link.state != LINK_JOINING) return;
    struct p2_msg m = {.kind = P2_MSG_DRAIN, .u.drain = {.grace_ns = w->config.drain_ns}};
    worker_send(w, &m, 0);
}

// The jobs are done: say goodbye and have the executors exit.
static void part(struct worker *w) {
    w->parting = true;
    w->drain_by_ns = p2_ns_add(w->now, 2 * w->config.quit_ns);
    if (w->link.state == LINK_JOINED || w->link.state == LINK_JOINING) {
        struct p2_msg m = {.kind = P2_MSG_PEER_DISCONNECT, .u.disconnect = {.reason = p2_str("the peer was stopped")}};
        // behind the last results: what comes after a goodbye would not count
        worker_send(w, &m, P2_CLASSES);
    }
    if (w->link.state != LINK_WAITING && w->link.state != LINK_CLOSING) link_close(w, P2_OK);
    worker_exec_quit_all(w);
}

void worker_drain_settle(struct worker *w) {
    if (!w->draining || w->left) return;
    bool late = w->now >= w->drain_by_ns;
    if (!w->parting) {
        if (late) worker_jobs_fail_all(w, P2_ERR_DRAINING, "the peer had to stop before this was done");
        if (w->jobs.live == 0) part(w);
    }
    if (!w->parting) return;
    bool gone = w->link.state == LINK_WAITING && worker_exec_all_down(w);
    if (gone || w->now >= w->drain_by_ns) leave(w, P2_OK);
}
