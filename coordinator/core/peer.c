#include "peer.h"

#include "coordinator/core/state.h"

#define PACE_STEPS 4         // an octave
#define BYTE_PACE_STEPS 2    // an octave
#define BYTE_NS_PRIOR 80.0   // 100 Mbit/s, until measured
#define MEASURED_BYTES 32768 // smaller payloads say nothing of a rate

struct peer *peer_of(const struct coord *c, const struct session *s) {
    return p2_slab_get(&c->peers, s->who);
}

struct session *peer_session(const struct coord *c, const struct peer *p) {
    return p2_slab_get(&c->sessions, p->session);
}

bool peer_device_free(const struct peer *p, uint32_t device) {
    return p->jobs < p->jobs_max && p->devices[device].jobs < p->devices[device].jobs_max;
}

struct peer_share peer_share(const struct peer *p) {
    return (struct peer_share){
        .ready = p->offer_count > 0, .slots = p->slots, .slots_busy = p->jobs < p->slots ? p->jobs : p->slots};
}

uint32_t peer_take_stream(struct peer *p) {
    if (p->stream_next == UINT32_MAX) {
        p->stream_wrapped = true;
        p->stream_next = 1;
    }
    return p->stream_next++;
}

// After any change: the sums in stats follow, so that a status costs nothing.
static void count_share(struct coord *c, struct peer *p, struct peer_share now) {
    c->stats.peers_ready += now.ready - p->counted.ready;
    c->stats.slots += now.slots - p->counted.slots;
    c->stats.slots_busy += now.slots_busy - p->counted.slots_busy;
    p->counted = now;
}

// ---- registering --------------------------------------------------------------------------------------------------

static bool well_formed(const struct p2_msg_peer_register *m) {
    if (m->device_count > P2_DEVICES_MAX || m->offer_count > P2_DEVICES_MAX * P2_TYPES_MAX) return false;
    for (uint32_t i = 0; i < m->offer_count; i++) {
        if (m->offers[i].device >= m->device_count) return false;
    }
    return true;
}

static uint32_t clamp(uint64_t value, uint32_t ceiling) { return value < ceiling ? (uint32_t)value : ceiling; }

// Jobs in hand stay counted on their device, whatever the peer says of it now.
static void set_devices(const struct coord *c, struct peer *p, const struct p2_msg_peer_register *m) {
    uint32_t most = c->limits.jobs_per_peer_max;
    p->slots = clamp(m->slots, most);
    p->jobs_max = clamp((uint64_t)m->slots + m->queue_depth, most);
    for (uint32_t i = 0; i < P2_DEVICES_MAX; i++) {
        struct peer_device *d = &p->devices[i];
        d->slots = d->jobs_max = 0;
        if (i >= m->device_count) continue;
        const struct p2_msg_device *said = &m->devices[i];
        d->slots = clamp(said->slots, most);
        // Its share of the jobs accepted ahead, rounded up.
        uint64_t ahead = m->slots ? ((uint64_t)m->queue_depth * d->slots + m->slots - 1) / m->slots : 0;
        d->jobs_max = clamp(d->slots + ahead, most);
        d->kind = said->kind;
        d->memory_bytes = said->memory_bytes ? said->memory_bytes : UINT64_MAX;
    }
}

static void note_ignored(struct coord *c, const struct session *s, const struct p2_msg_offer *o, enum p2_err code) {
    struct coord_note *n = coord_note_add(c, NOTE_OFFER_IGNORED);
    n->conn = s->conn;
    n->peer = s->id;
    n->code = code;
    n->text = p2_str(coord_text(c, o->type));
}

static bool has_offer(const struct peer *p, uint32_t type, uint32_t device) {
    P2_LIST_EACH (it, next, &p->offers) {
        const struct offer *o = P2_CONTAINER_OF(it, struct offer, in_peer);
        if (o->type == type && o->device == device) return true;
    }
    return false;
}

static enum p2_err add_offer(struct coord *c, struct peer *p, const struct p2_msg_offer *m) {
    uint32_t type = 0;
    while (type < c->type_count && !p2_str_is(m->type, c->types[type].type->name)) type++;
    if (type == c->type_count) return P2_ERR_UNKNOWN_TYPE;
    if (m->version != c->types[type].type->version) return P2_ERR_UNSUPPORTED_VERSION;
    if (has_offer(p, type, m->device)) return P2_ERR_BAD_PARAMETER;
    p2_handle h;
    struct offer *o = p2_slab_alloc(&c->offers, &h);
    if (!o) return P2_ERR_OVERLOADED;
    o->self = h;
    o->peer = p;
    o->type = type;
    o->device = m->device;
    o->pace = pace_of(m->units_per_second ? (double)P2_SEC / (double)m->units_per_second : 0, PACE_STEPS);
    p2_list_init(&o->in_peer);
    p2_list_init(&o->in_type);
    p2_list_init(&o->changed);
    p2_list_push_back(&p->offers, &o->in_peer);
    p->offer_count++;
    sched_offer_added(c, o);
    return P2_OK;
}

static void drop_offers(struct coord *c, struct peer *p) {
    P2_LIST_EACH (it, next, &p->offers) {
        struct offer *o = P2_CONTAINER_OF(it, struct offer, in_peer);
        p2_list_remove(it);
        p->offer_count--;
        sched_offer_removed(c, o);
        p2_slab_free(&c->offers, o->self);
    }
}

static struct peer *join(struct coord *c, struct session *s) {
    p2_handle h;
    struct peer *p = p2_slab_alloc(&c->peers, &h);
    if (!p) {
        session_end(c, s, WHY_LIMIT, P2_ERR_TOO_MANY_CONNECTIONS, "as many peers as this coordinator takes are here");
        return NULL;
    }
    p->self = h;
    p->session = s->self;
    p->id = s->id;
    p->idle_since_ns = c->now;
    p->stream_next = 1;
    p->success = 1;
    p->byte_pace = pace_of(BYTE_NS_PRIOR, BYTE_PACE_STEPS);
    p2_list_init(&p->offers);
    p2_list_init(&p->replicas);
    p2_list_init(&p->fetches);
    p2_list_init(&p->holdings);
    health_peer_came(c, p);
    s->who = h;
    s->pinged_ns = c->now - c->limits.ping_ns; // the first ping goes out with this step's timers
    session_move(c, s, SESSION_PEER);
    session_rearm(c, s);
    return p;
}

void peer_on_register(struct coord *c, struct session *s, const struct p2_msg *m) {
    const struct p2_msg_peer_register *said = &m->u.peer_register;
    if (!well_formed(said)) {
        session_end(c, s, WHY_PEER_BROKE, P2_ERR_BAD_MESSAGE, "an offer names a device that is not listed");
        return;
    }
    bool first = s->state == SESSION_GREETED;
    struct peer *p = first ? join(c, s) : peer_of(c, s);
    if (!p) return;
    drop_offers(c, p);
    set_devices(c, p, said);
    struct coord_note *n = coord_note_add(c, first ? NOTE_PEER_JOINED : NOTE_PEER_CHANGED);
    n->conn = s->conn;
    n->peer = s->id;
    n->count = p->slots;
    if (first) health_peer_joined(c, p, &said->instance);
    for (uint32_t i = 0; !p->draining && i < said->offer_count; i++) {
        enum p2_err e = add_offer(c, p, &said->offers[i]);
        if (e != P2_OK) note_ignored(c, s, &said->offers[i], e);
    }
    count_share(c, p, peer_share(p));
    struct p2_msg answer = {.kind = P2_MSG_PEER_REGISTERED};
    answer.u.peer_registered.peer = s->id;
    answer.u.peer_registered.heartbeat_interval_ns = c->limits.heartbeat_ns;
    session_send(c, s, 0, &answer);
}

// ---- jobs ---------------------------------------------------------------------------------------------------------

// What a peer says of its own time counts up to what the clock here saw.
void peer_learn_result(struct coord *c, struct peer *p, const struct replica *r, const struct p2_job_times *times) {
    const struct task *t = p2_slab_get(&c->tasks, r->task);
    p2_ns seen = c->now - r->placed_ns, run = times->processing_ns;
    if (run <= 0 || run > seen) run = seen;
    estimate_add_run(c, t->type, t->cost.size_class, run);
    double sample = (double)p2_ns_max(run, 1) / (double)t->cost.units;
    struct type_state *ts = &c->types[t->type];
    ts->pace = ts->pace > 0 ? ts->pace + (sample - ts->pace) / 64 : sample;
    P2_LIST_EACH (it, next, &p->offers) {
        struct offer *o = P2_CONTAINER_OF(it, struct offer, in_peer);
        if (o->type == t->type && o->device == r->device) pace_add(&o->pace, sample, PACE_STEPS);
    }
    uint64_t bytes = cargo_payload_bytes(t->cargo);
    if (times->transfer_ns > 0 && times->transfer_ns <= seen && bytes >= MEASURED_BYTES)
        pace_add(&p->byte_pace, (double)times->transfer_ns / (double)bytes, BYTE_PACE_STEPS);
    p->success += (1 - p->success) / 16;
}

void peer_learn_failure(struct peer *p) { p->success -= p->success / 16; }

static void load_changed(struct coord *c, struct peer *p) {
    P2_LIST_EACH (it, next, &p->offers) {
        sched_offer_changed(c, P2_CONTAINER_OF(it, struct offer, in_peer));
    }
}

void peer_take_job(struct coord *c, struct peer *p, uint32_t device, p2_ns estimate_ns) {
    struct peer_device *d = &p->devices[device];
    p->jobs++;
    d->jobs++;
    d->load_ns += estimate_ns;
    d->free_at_ns = p2_ns_add(p2_ns_max(d->free_at_ns, c->now), estimate_ns / (d->slots ? d->slots : 1));
    count_share(c, p, peer_share(p));
    load_changed(c, p);
    if (p->jobs == 1) session_rearm(c, peer_session(c, p)); // a busy peer is pinged more often
}

void peer_rtt_changed(struct coord *c, struct peer *p) { load_changed(c, p); }

void peer_drop_job(struct coord *c, struct peer *p, uint32_t device, p2_ns estimate_ns) {
    struct peer_device *d = &p->devices[device];
    P2_CHECK(p->jobs > 0 && d->jobs > 0 && d->load_ns >= estimate_ns);
    p->jobs--;
    d->jobs--;
    d->load_ns -= estimate_ns;
    d->free_at_ns = p2_ns_add(c->now, d->load_ns / (d->slots ? d->slots : 1)); // the next begins now
    count_share(c, p, peer_share(p));
    if (p->jobs == 0) p->idle_since_ns = c->now;
    load_changed(c, p);
}

// ---- the rest of its life -----------------------------------------------------------------------------------------

void peer_on_heartbeat(struct coord *c, struct session *s, const struct p2_msg *m) {
    struct peer *p = peer_of(c, s);
    p->load = m->u.heartbeat.load;
    p->running = m->u.heartbeat.running;
    p->waiting = m->u.heartbeat.waiting;
    if (!p->jobs) session_ping_soon(c, s); // while all of it is at hand: waking up for it costs more than sending it
}

void peer_on_drain(struct coord *c, struct session *s, const struct p2_msg *m) {
    (void)m;
    struct peer *p = peer_of(c, s);
    if (p->draining) return;
    p->draining = true;
    if (!P2_CANARY(offer_after_drain)) drop_offers(c, p);
    count_share(c, p, peer_share(p));
    struct coord_note *n = coord_note_add(c, NOTE_PEER_DRAINING);
    n->conn = s->conn;
    n->peer = s->id;
}

void peer_on_disconnect(struct coord *c, struct session *s, const struct p2_msg *m) {
    (void)m;
    session_end(c, s, WHY_LEFT, P2_OK, "");
}

void peer_gone(struct coord *c, struct peer *p, enum coord_why why, enum p2_err code) {
    struct coord_note *n = coord_note_add(c, NOTE_PEER_LOST);
    n->conn = peer_session(c, p)->conn;
    n->peer = p->id;
    n->why = why;
    n->code = code;
    n->count = p->jobs;
    drop_offers(c, p);
    P2_LIST_EACH (it, next, &p->replicas) {
        struct replica *r = P2_CONTAINER_OF(it, struct replica, in_peer);
        struct task *t = p2_slab_get(&c->tasks, r->task);
        if (t) task_drop_run(c, t, r, why, P2_ERR_PEER_LOST);
        replica_end(c, r, true);
        if (t) task_retry(c, t, why, P2_ERR_PEER_LOST, P2_NO_HANDLE);
    }
    P2_CHECK(p->jobs == 0);
    fetch_peer_gone(c, p);
    blob_peer_gone(c, p);
    count_share(c, p, (struct peer_share){.ready = 0});
    health_peer_left(c, p);
    p2_slab_free(&c->peers, p->self);
}
