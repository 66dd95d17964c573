#include "health.h"

#include <stdlib.h>

#include "coordinator/core/state.h"

#define FLAP_MEMORY 2 // instances remembered for each peer that may be here

static size_t row_count(const struct coord *c) {
    return (size_t)c->limits.peers_max * (c->type_count ? c->type_count : 1);
}

static struct health *row(const struct coord *c, p2_handle peer, uint32_t type) {
    return &c->health[(size_t)(uint32_t)peer * c->type_count + type];
}

bool health_lets(const struct coord *c, const struct offer *o) {
    return !p2_heap_in(&o->peer->held) && breaker_lets(&row(c, o->peer->self, o->type)->breaker);
}

static void offers_changed(struct coord *c, const struct health *h) {
    const struct peer *p = p2_slab_get(&c->peers, h->peer);
    P2_LIST_EACH (it, next, &p->offers) {
        struct offer *o = P2_CONTAINER_OF(it, struct offer, in_peer);
        if (o->type == h->type) sched_offer_changed(c, o);
    }
}

// The breaker has moved: timer, offers and log follow.
static void moved(struct coord *c, struct health *h) {
    static const enum coord_note_kind kinds[] = {
        [BREAKER_CLOSED] = NOTE_BREAKER_CLOSED,
        [BREAKER_OPEN] = NOTE_BREAKER_OPEN,
        [BREAKER_HALF_OPEN] = NOTE_BREAKER_HALF_OPEN,
    };
    const struct peer *p = p2_slab_get(&c->peers, h->peer);
    bool open = h->breaker.state == BREAKER_OPEN;
    p2_heap_remove(&c->mending, &h->timer);
    if (open) p2_heap_push(&c->mending, &h->timer, h->breaker.until_ns, c->timer_ties++);
    struct coord_note *n = coord_note_add(c, kinds[h->breaker.state]);
    n->conn = peer_session(c, p)->conn;
    n->peer = p->id;
    n->text = p2_str(c->types[h->type].type->name);
    if (open) n->span_ns = h->breaker.backoff_ns;
    offers_changed(c, h);
}

// ---- peers and jobs -----------------------------------------------------------------------------------------------

void health_peer_came(struct coord *c, struct peer *p) {
    p2_heap_node_init(&p->held);
    for (uint32_t type = 0; type < c->type_count; type++) {
        struct health *h = row(c, p->self, type);
        *h = (struct health){.peer = p->self, .type = type};
        p2_heap_node_init(&h->timer);
    }
}

void health_peer_joined(struct coord *c, struct peer *p, const struct p2_id *instance) {
    p2_ns until = flap_joined(&c->flap, instance, c->now);
    if (until <= c->now) return;
    p2_heap_push(&c->held, &p->held, until, c->timer_ties++);
    struct coord_note *n = coord_note_add(c, NOTE_PEER_HELD);
    n->why = WHY_FLAPPING;
    n->conn = peer_session(c, p)->conn;
    n->peer = p->id;
    n->span_ns = until - c->now;
}

static void release(struct coord *c, struct peer *p) {
    p2_heap_remove(&c->held, &p->held);
    struct coord_note *n = coord_note_add(c, NOTE_PEER_RELEASED);
    n->conn = peer_session(c, p)->conn;
    n->peer = p->id;
    P2_LIST_EACH (it, next, &p->offers) sched_offer_changed(c, P2_CONTAINER_OF(it, struct offer, in_peer));
}

void health_peer_left(struct coord *c, struct peer *p) {
    p2_heap_remove(&c->held, &p->held);
    for (uint32_t type = 0; type < c->type_count; type++) p2_heap_remove(&c->mending, &row(c, p->self, type)->timer);
}

void health_job_given(struct coord *c, struct replica *r) {
    r->probe = breaker_given(&row(c, r->peer, r->type)->breaker);
}

void health_job_succeeded(struct coord *c, struct replica *r) {
    struct health *h = row(c, r->peer, r->type);
    bool changed = breaker_succeeded(&h->breaker, r->probe, c->now);
    if (changed) r->probe = false;
    if (changed) moved(c, h);
}

void health_job_failed(struct coord *c, struct replica *r) {
    struct health *h = row(c, r->peer, r->type);
    bool changed = breaker_failed(&h->breaker, r->probe, c->now);
    if (changed) r->probe = false;
    if (changed) moved(c, h);
}

void health_job_dropped(struct coord *c, const struct replica *r) {
    if (r->probe) breaker_untold(&row(c, r->peer, r->type)->breaker);
}

void health_tick(struct coord *c) {
    struct p2_heap_node *first;
    while ((first = p2_heap_peek(&c->held)) && first->key <= c->now) {
        if (coord_step_full(c)) return;
        release(c, P2_CONTAINER_OF(first, struct peer, held));
    }
    while ((first = p2_heap_peek(&c->mending)) && first->key <= c->now) {
        if (coord_step_full(c)) return;
        struct health *h = P2_CONTAINER_OF(first, struct health, timer);
        p2_heap_remove(&c->mending, first);
        if (breaker_due(&h->breaker, c->now)) moved(c, h);
    }
}

p2_ns health_due_ns(const struct coord *c) {
    const struct p2_heap_node *open = p2_heap_peek(&c->mending), *held = p2_heap_peek(&c->held);
    return p2_ns_min(open ? open->key : P2_NEVER, held ? held->key : P2_NEVER);
}

// ---- the tables ---------------------------------------------------------------------------------------------------

bool health_init(struct coord *c) {
    c->health = calloc(row_count(c), sizeof *c->health);
    const uint64_t seed[2] = {p2_rng_next(&c->rng), p2_rng_next(&c->rng)};
    return c->health && p2_heap_init(&c->mending, (uint32_t)row_count(c)) &&
           p2_heap_init(&c->held, c->limits.peers_max) && flap_init(&c->flap, FLAP_MEMORY * c->limits.peers_max, seed);
}

void health_deinit(struct coord *c) {
    flap_deinit(&c->flap);
    p2_heap_deinit(&c->held);
    p2_heap_deinit(&c->mending);
    free(c->health);
}

size_t health_bytes(const struct coord *c) {
    size_t timers = (size_t)c->mending.capacity + c->held.capacity;
    return row_count(c) * sizeof *c->health + timers * sizeof(struct p2_heap_node *) + flap_bytes(&c->flap);
}

static uint32_t probes_of(const struct peer *p, uint32_t type) {
    uint32_t n = 0;
    P2_LIST_EACH (it, next, &p->replicas) {
        const struct replica *r = P2_CONTAINER_OF(it, struct replica, in_peer);
        n += r->type == type && r->probe;
    }
    return n;
}

void health_check(const struct coord *c) {
    uint32_t open = 0, held = 0;
    flap_check(&c->flap);
    for (uint32_t i = 0; i < c->peers.capacity; i++) {
        const struct peer *p = coord_at(&c->peers, i);
        held += p && p2_heap_in(&p->held);
        for (uint32_t type = 0; p && type < c->type_count; type++) {
            const struct health *h = row(c, p->self, type);
            const struct breaker *b = &h->breaker;
            P2_CHECK(h->peer == p->self && h->type == type);
            P2_CHECK(probes_of(p, type) == b->probing && (!b->probing || b->state == BREAKER_HALF_OPEN));
            P2_CHECK(P2_CANARY(breaker_stays) || p2_heap_in(&h->timer) == (b->state == BREAKER_OPEN));
            open += p2_heap_in(&h->timer);
        }
    }
    P2_CHECK(open == c->mending.count && held == c->held.count);
}
