#include "steal.h"

#include "coordinator/core/share.h"
#include "coordinator/core/state.h"

#define RECALLS_PER_LOOK 64u
#define QUEUES_LOOKED_AT 8u // from the slowest, when that has nothing to gain or nothing that suits

static struct peer_device *device_of(const struct offer *o) { return &o->peer->devices[o->device]; }

// ---- the slowest queue --------------------------------------------------------------------------------------------

static const struct offer *offer_of(const struct p2_meld_node *n) {
    return P2_CONTAINER_OF(n, struct offer, steal.node);
}

static bool later(const struct p2_meld_node *a, const struct p2_meld_node *b) {
    const struct offer *x = offer_of(a), *y = offer_of(b);
    if (x->steal.free_at_ns != y->steal.free_at_ns) return x->steal.free_at_ns > y->steal.free_at_ns;
    return x->self < y->self;
}

static bool queues(const struct offer *o) {
    const struct peer_device *d = device_of(o);
    return !p2_list_empty(&o->steal.jobs) && d->jobs > d->slots;
}

void steal_offer_update(struct coord *c, struct offer *o) {
    struct steal_index *x = &c->types[o->type].steal;
    const struct peer_device *d = device_of(o);
    p2_meld_remove(&x->queues, &o->steal.node, later);
    o->steal.free_at_ns = d->free_at_ns;
    if (queues(o)) p2_meld_push(&x->queues, &o->steal.node, later);
    if (queues(o) || d->jobs < d->slots) x->look = true;
}

// Its payload is kept and whole, it was not asked for too often, and its peer understands the question.
static bool may_be_asked(const struct coord *c, const struct replica *r, const struct task *t) {
    const struct peer *p = p2_slab_get(&c->peers, r->peer);
    bool open = r->state == REPLICA_WAITING || r->state == REPLICA_SENT;
    const struct course *co = t ? course_of(c, t) : NULL;
    bool one = t && co->hedge == P2_NO_HANDLE && t->attempt == r->attempt; // the only run, and the last
    return c->limits.steal && t && t->keep && co->recalls < STEAL_RECALLS_MAX && one && open && !r->kept &&
           peer_session(c, p)->features & P2_FEATURE_RECALL;
}

void steal_job_given(struct coord *c, struct replica *r, struct offer *o) {
    const struct task *t = p2_slab_get(&c->tasks, r->task);
    if (!may_be_asked(c, r, t)) return;
    r->offer = o->self;
    p2_list_push_back(&o->steal.jobs, &r->in_offer);
}

void steal_job_left(struct coord *c, struct replica *r) {
    if (!p2_list_linked(&r->in_offer)) return;
    p2_list_remove(&r->in_offer);
    sched_offer_changed(c, p2_slab_get(&c->offers, r->offer));
}

// What its device had in hand when it was registered anew.
void steal_offer_added(struct coord *c, struct offer *o) {
    p2_list_init(&o->steal.jobs);
    P2_LIST_EACH (it, next, &o->peer->replicas) {
        struct replica *r = P2_CONTAINER_OF(it, struct replica, in_peer);
        const struct task *t = p2_slab_get(&c->tasks, r->task);
        if (t && t->type == o->type && r->device == o->device) steal_job_given(c, r, o);
    }
}

void steal_offer_removed(struct coord *c, struct offer *o) {
    p2_meld_remove(&c->types[o->type].steal.queues, &o->steal.node, later);
    P2_LIST_EACH (it, next, &o->steal.jobs) p2_list_remove(it);
}

// ---- is it worth it -----------------------------------------------------------------------------------------------

// The job of the offer that was given last, if it should still wait: as many as there are slots went before it.
// *ends_ns: how long until its result would be here.
static struct replica *last_waiting(const struct coord *c, const struct offer *o, p2_ns *ends_ns) {
    const struct peer_device *d = device_of(o);
    struct replica *last = P2_CONTAINER_OF(o->steal.jobs.prev, struct replica, in_offer);
    uint32_t before = 0;
    p2_ns waiting_ns = 0, after_ns = 0;
    bool found = false;
    P2_LIST_EACH (it, next, &o->peer->replicas) {
        const struct replica *r = P2_CONTAINER_OF(it, struct replica, in_peer);
        if (r->device != o->device) continue;
        if (found) after_ns += r->estimate_ns;
        if (!found && before >= d->slots) waiting_ns += r->estimate_ns;
        found = found || r == last;
        before += !found;
    }
    if (before < d->slots) return NULL;
    p2_ns slots = d->slots ? d->slots : 1;
    // A device that is late has at least what waits before it.
    p2_ns ends = p2_ns_max(d->free_at_ns - c->now - after_ns / slots, waiting_ns / slots);
    *ends_ns = p2_ns_add(p2_ns_max(ends, last->estimate_ns), o->rtt_ns / 2);
    return last;
}

static bool sooner(const struct coord *c, const struct replica *r, const struct offer *from, const struct offer *to,
                   p2_ns ends_ns) {
    const struct task *t = p2_slab_get(&c->tasks, r->task);
    const struct pick_for f = pick_for(c, t);
    p2_ns moved = pick_finish(c, &f, to).cost + (r->state == REPLICA_WAITING ? 0 : from->rtt_ns);
    return p2_ns_add(moved, moved / 4 + STEAL_MARGIN_NS) < ends_ns;
}

// ---- asking -------------------------------------------------------------------------------------------------------

static void note_recall(struct coord *c, const struct replica *r, const struct task *t) {
    struct coord_note *n = coord_note_add(c, NOTE_TASK_RECALL);
    n->task = t->id;
    n->peer = course_of(c, t)->peer;
    n->attempt = r->attempt;
}

static void ask(struct coord *c, struct replica *r, struct offer *to) {
    struct task *t = p2_slab_get(&c->tasks, r->task);
    bool told = r->state != REPLICA_WAITING;
    note_recall(c, r, t);
    course_of(c, t)->recalls++;
    c->stats.recalls_asked++;
    r->thief = to->peer->self;
    r->thief_device = to->device;
    device_of(to)->incoming++;
    replica_move(c, r, REPLICA_RECALLING);
    outlet_close(&r->outlet);
    if (!told) {
        steal_take_back(c, r, false);
        return;
    }
    struct p2_msg m = {.kind = P2_MSG_TASK_RECALL, .stream = r->stream};
    m.u.recall = (struct p2_msg_task_recall){.id = r->id, .attempt = r->attempt};
    const struct peer *p = p2_slab_get(&c->peers, r->peer);
    session_send(c, peer_session(c, p), 1 + (unsigned)r->class_, &m); // behind its own ASSIGN
    r->asked = true;
    if (P2_CANARY(recall_unacked)) steal_take_back(c, r, true);
}

void steal_job_settled(struct coord *c, struct replica *r) {
    struct peer *thief = p2_slab_get(&c->peers, r->thief);
    if (thief) thief->devices[r->thief_device].incoming--;
    c->types[r->type].steal.look = true;
}

static bool hopeful(const struct type_state *ts) {
    return p2_meld_peek(&ts->steal.queues) && ts->queue.supply.free > 0;
}

// From the slowest queue on. False: nothing that should move.
static bool steal_one(struct coord *c, struct type_state *ts) {
    const struct p2_meld_node *n = p2_meld_peek(&ts->steal.queues);
    for (uint32_t looked = 0; n && looked < QUEUES_LOOKED_AT; looked++, n = p2_meld_after(n, true)) {
        p2_ns ends_ns;
        const struct offer *from = offer_of(n);
        struct replica *r = last_waiting(c, from, &ends_ns);
        if (!r) continue;
        const struct task *t = p2_slab_get(&c->tasks, r->task);
        if (!share_may_take(&ts->queue, &c->limits, r->class_)) continue;
        const struct pick_for f = pick_for(c, t);
        struct offer *to = pick_idle(c, ts, &f);
        if (!to || !sooner(c, r, from, to, ends_ns)) continue;
        ask(c, r, to);
        return true;
    }
    return false;
}

static void look_at(struct coord *c, struct type_state *ts) {
    ts->steal.look = false;
    for (uint32_t n = 0; sched_refresh(c, ts), hopeful(ts); n++) {
        if (n == RECALLS_PER_LOOK || coord_step_full(c)) {
            ts->steal.look = c->again = true;
            return;
        }
        if (!steal_one(c, ts)) return;
    }
}

void steal_run(struct coord *c) {
    if (c->again) return; // what waits here goes first
    bool timed = c->steal_look_ns <= c->now, hope = false;
    for (uint32_t i = 0; i < c->type_count; i++) {
        struct type_state *ts = &c->types[i];
        sched_refresh(c, ts);
        if (timed || ts->steal.look) look_at(c, ts);
        hope = hope || hopeful(ts);
    }
    if (!hope)
        c->steal_look_ns = P2_NEVER;
    else if (timed || c->steal_look_ns == P2_NEVER)
        c->steal_look_ns = c->now + STEAL_LOOK_NS;
}

p2_ns steal_next_ns(const struct coord *c) { return c->steal_look_ns; }

// ---- given back ---------------------------------------------------------------------------------------------------

// The slot it was recalled for, while it is idle and this task may have it.
static struct offer *thief_of(struct coord *c, const struct task *t, p2_handle peer, uint32_t device) {
    const struct peer *p = p2_slab_get(&c->peers, peer);
    struct type_state *ts = &c->types[t->type];
    const struct pick_for f = pick_for(c, t);
    sched_refresh(c, ts);
    if (!p || !share_may_take(&ts->queue, &c->limits, (enum p2_class)t->class_)) return NULL;
    P2_LIST_EACH (it, next, &p->offers) {
        struct offer *o = P2_CONTAINER_OF(it, struct offer, in_peer);
        bool idle = o->type == t->type && o->device == device && pick_is_idle(o);
        // On a shelf: its device takes a job, and nothing has turned it off since it was chosen.
        if (idle && p2_meld_in(&o->free.node) && pick_suits(&f, o, true)) return o;
    }
    return NULL;
}

void steal_take_back(struct coord *c, struct replica *r, bool by_us) {
    struct task *t = p2_slab_get(&c->tasks, r->task);
    p2_handle peer = r->thief;
    uint32_t device = r->thief_device;
    c->stats.recalls_returned++;
    replica_end(c, r, by_us);
    struct course *co = course_of(c, t);
    co->replica = P2_NO_HANDLE;
    co->run_attempt = --t->attempt; // that one did not take place
    co->returned = true;
    task_queue_again(c, t, false, WHY_RECALLED, P2_OK);
    struct offer *o = !t->unready && replica_room(c) ? thief_of(c, t, peer, device) : NULL;
    if (o) next_place(c, t, o);
}

// ---- invariants ---------------------------------------------------------------------------------------------------

static void check_offer(const struct coord *c, const struct offer *o) {
    P2_LIST_EACH (it, next, &o->steal.jobs) {
        const struct replica *r = P2_CONTAINER_OF(it, struct replica, in_offer);
        const struct task *t = p2_slab_get(&c->tasks, r->task);
        P2_CHECK(may_be_asked(c, r, t) && r->offer == o->self && r->peer == o->peer->self && r->device == o->device);
        P2_CHECK(t->type == o->type && t->state == TASK_PLACED);
    }
    P2_CHECK(p2_meld_in(&o->steal.node) == queues(o));
    P2_CHECK(!queues(o) || o->steal.free_at_ns == device_of(o)->free_at_ns);
}

// The jobs recalled for each device, held against the replicas that say so.
static void check_incoming(const struct coord *c) {
    uint32_t recalled = 0, incoming = 0;
    for (uint32_t i = 0; i < c->replicas.capacity; i++) {
        const struct replica *r = coord_at(&c->replicas, i);
        const struct peer *thief = r && r->state == REPLICA_RECALLING ? p2_slab_get(&c->peers, r->thief) : NULL;
        if (!thief) continue;
        P2_CHECK(thief->devices[r->thief_device].incoming > 0);
        recalled++;
    }
    for (uint32_t i = 0; i < c->peers.capacity; i++) {
        const struct peer *p = coord_at(&c->peers, i);
        for (uint32_t d = 0; p && d < P2_DEVICES_MAX; d++) incoming += p->devices[d].incoming;
    }
    P2_CHECK(recalled == incoming);
}

void steal_check(const struct coord *c) {
    for (uint32_t i = 0; i < c->type_count; i++) {
        const struct steal_index *x = &c->types[i].steal;
        for (const struct p2_meld_node *n = p2_meld_peek(&x->queues); n; n = p2_meld_after(n, true)) {
            P2_CHECK(offer_of(n)->type == i);
            p2_meld_check(&x->queues, n, later);
        }
    }
    for (uint32_t i = 0; i < c->offers.capacity; i++) {
        const struct offer *o = coord_at(&c->offers, i);
        if (o) check_offer(c, o);
    }
    check_incoming(c);
}
