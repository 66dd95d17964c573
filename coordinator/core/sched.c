#include "sched.h"

#include "coordinator/core/state.h"

// ---- who offers what ----------------------------------------------------------------------------------------------

static void unblock(struct type_state *ts) { ts->blocked = false; }

// Least loaded first, by the estimated time until its device's slots are free; then fewest jobs; then longest idle.
static int64_t offer_key(const struct offer *o) {
    const struct peer_device *d = &o->peer->devices[o->device];
    return d->slots ? d->load_ns / d->slots : d->load_ns;
}

static uint64_t offer_tie(const struct coord *c, const struct offer *o) {
    uint64_t idle_since_us = p2_ns_to_us(o->peer->idle_since_ns - c->start_ns) & ((UINT64_C(1) << 48) - 1);
    return (uint64_t)(o->peer->jobs & 0xffffu) << 48 | idle_since_us;
}

void sched_offer_update(struct coord *c, struct offer *o) {
    struct type_state *ts = &c->types[o->type];
    next_supply_update(c, o);
    p2_heap_remove(&ts->free_offers, &o->free);
    if (!peer_device_free(o->peer, o->device)) return;
    p2_heap_push(&ts->free_offers, &o->free, offer_key(o), offer_tie(c, o));
    if (!P2_CANARY(blocked_stays)) unblock(ts);
}

static uint64_t offer_memory(const struct offer *o) { return o->peer->devices[o->device].memory_bytes; }

void sched_offer_added(struct coord *c, struct offer *o) {
    struct type_state *ts = &c->types[o->type];
    p2_list_push_back(&ts->offers, &o->in_type);
    if (!ts->max_stale && offer_memory(o) > ts->device_bytes_max) ts->device_bytes_max = offer_memory(o);
    o->slots = o->peer->devices[o->device].slots;
    ts->slots += o->slots;
    queue_rescue(&ts->queue, offer_memory(o));
    next_offer_added(c, o);
    sched_offer_update(c, o);
}

void sched_offer_removed(struct coord *c, struct offer *o) {
    struct type_state *ts = &c->types[o->type];
    p2_list_remove(&o->in_type);
    p2_heap_remove(&ts->free_offers, &o->free);
    next_offer_removed(c, o);
    ts->max_stale = true; // looked up again when somebody asks, so that many can leave at once
    ts->slots -= o->slots;
    unblock(ts); // so that what nobody can do any more is noticed
}

bool sched_capable(struct type_state *ts, uint64_t device_bytes) {
    if (ts->max_stale) {
        ts->device_bytes_max = 0;
        P2_LIST_EACH (it, next, &ts->offers) {
            const struct offer *o = P2_CONTAINER_OF(it, struct offer, in_type);
            if (offer_memory(o) > ts->device_bytes_max) ts->device_bytes_max = offer_memory(o);
        }
        ts->max_stale = false;
    }
    return !p2_list_empty(&ts->offers) && device_bytes <= ts->device_bytes_max;
}

void sched_task_waits(struct coord *c, struct task *t) { unblock(&c->types[t->type]); }

p2_ns sched_estimate(const struct coord *c, const struct task *t) {
    const struct type_state *ts = &c->types[t->type];
    if (!ts->service_ns.samples || !ts->slots) return 0;
    p2_ns rounds = 1 + (p2_ns)(queue_ahead(&ts->queue, t) / ts->slots);
    p2_ns estimate;
    return __builtin_mul_overflow(ts->service_ns.mean, rounds, &estimate) ? 0 : estimate;
}

// ---- picking ------------------------------------------------------------------------------------------------------

static bool was_tried(const struct task *t, const struct peer *p) {
    for (uint32_t i = 0; i < t->tried_count && !P2_CANARY(tried_forgotten); i++) {
        if (t->tried[i] == p->self) return true;
    }
    return false;
}

static bool goes_before(const struct p2_heap_node *a, const struct p2_heap_node *b) {
    return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

// Best free offer that suits: the heap is searched from its root, and below what suits nothing can be better.
static struct offer *best_free(const struct type_state *ts, const struct task *t, bool untried_only) {
    const struct p2_heap *h = &ts->free_offers;
    uint32_t stack[64], depth = 0;
    struct offer *best = NULL;
    if (h->count) stack[depth++] = 0;
    while (depth) {
        uint32_t at = stack[--depth];
        struct offer *o = P2_CONTAINER_OF(h->nodes[at], struct offer, free);
        if (best && !goes_before(&o->free, &best->free)) continue;
        if (offer_memory(o) >= t->cost.device_bytes && !(untried_only && was_tried(t, o->peer))) {
            best = o;
            continue;
        }
        uint64_t child = 2 * (uint64_t)at + 1;
        for (uint64_t i = child; i < child + 2 && i < h->count && depth < 64; i++) stack[depth++] = (uint32_t)i;
    }
    return best;
}

// Is there somebody, busy or not, whom this task has not tried?
static bool has_untried(const struct type_state *ts, const struct task *t) {
    P2_LIST_EACH (it, next, &ts->offers) {
        const struct offer *o = P2_CONTAINER_OF(it, struct offer, in_type);
        if (offer_memory(o) >= t->cost.device_bytes && !was_tried(t, o->peer)) return true;
    }
    return false;
}

// A peer that has failed the task gets it again only when there is nobody else.
struct offer *sched_pick(const struct type_state *ts, const struct task *t) {
    struct offer *o = best_free(ts, t, true);
    if (o || !t->tried_count || has_untried(ts, t)) return o;
    return best_free(ts, t, false);
}
