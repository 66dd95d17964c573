// Connections: how they open, what nodes ask of them, and what harms them.
#include "end.h"

#define QUEUE_MAX (UINT64_C(8) << 20) // queued bytes at which a slow reader is cut
#define STALL (10 * P2_SEC)           // an orderly close that does not get through is cut then
#define HEAD_MAX (P2_PREFIX_BYTES + P2_HEADER_MAX)

static struct p2_slab links;
static uint8_t head[HEAD_MAX];

static void on_open(struct timer *t) {
    struct link *l = P2_CONTAINER_OF(t, struct link, open);
    if (!l->arrived) {
        l->arrived = true;
        if (l->broken || sim.coord_node.frozen_until > sim.now) {
            end_cut_at(&l->ends[NEAR], sim.now + between(P2_MS, 2 * P2_SEC), P2_ERR_UNREACHABLE);
            l->ends[FAR].state = END_DEAD;
            return;
        }
        l->ends[FAR].state = END_OPEN;
        timer_at(t, sim.now + l->delay);
        coord_opened(l);
        return;
    }
    if (!l->node || l->ends[NEAR].state != END_NONE) return;
    if (l->node->frozen_until > sim.now) {
        timer_at(t, l->node->frozen_until);
        return;
    }
    l->ends[NEAR].state = END_OPEN;
    if (l->node->kind == NODE_PEER)
        peer_opened(l->node);
    else
        client_opened(l->node);
}

struct link *link_dial(struct node *node) {
    p2_handle h;
    struct link *l = p2_slab_alloc(&links, &h);
    P2_CHECK(l);
    l->self = h;
    l->node = node;
    l->delay = node->delay;
    l->bandwidth = node->bandwidth;
    l->message_bytes = (1 + below(4)) * (MESSAGE_MAX / 4);
    end_init(l, NEAR, &sim.codec);
    end_init(l, FAR, &sim.coord_codec);
    timer_init(&l->open, on_open);
    timer_at(&l->open, sim.now + 2 * l->delay);
    node->link = l;
    return l;
}

// ---- for the nodes -------------------------------------------------------------------------------------------------

struct link *link_find(p2_handle h) {
    return p2_slab_get(&links, h);
}
p2_handle link_handle(const struct link *l) { return l->self; }
struct node *link_node(const struct link *l) {
    return l->node;
}
bool link_tampered(const struct link *l) { return l->tampered; }

bool link_open(const struct link *l) { return l->ends[FAR].state == END_OPEN; }

bool link_healthy(const struct link *l) {
    return l->ends[NEAR].state == END_OPEN && l->ends[FAR].state == END_OPEN && !l->silent && !l->broken &&
           (!l->frozen_until || l->frozen_until + 10 * P2_SEC <= sim.now) && !timer_on(&l->ends[NEAR].cut) &&
           !timer_on(&l->ends[FAR].cut);
}

void link_send(struct link *l, int which, unsigned lane, const struct p2_msg *m) {
    struct end *e = &l->ends[which];
    if (e->state != END_OPEN) return;
    size_t size = p2_encode(m, head, sizeof head);
    P2_CHECK(size && lane < LANES);
    struct p2_slice payload = p2_encode_payload(m);
    if (e->queued + size + payload.size > QUEUE_MAX) {
        end_clear_queue(e);
        end_cut_at(e, sim.now, P2_ERR_SLOW_READER);
        return;
    }
    end_put(e, lane, head, size, payload);
}

uint64_t link_room(const struct link *l, int which) {
    const struct end *e = &l->ends[which];
    if (e->state != END_OPEN && e->state != END_NONE) return 0;
    return e->queued < sim.plan->room_bytes ? sim.plan->room_bytes - e->queued : 0;
}

void link_want_room(struct link *l, int which) {
    struct end *e = &l->ends[which];
    if (e->state == END_DEAD) return;
    e->room_wanted = true;
    end_wake(e);
}

void link_close(struct link *l, int which, enum p2_err why) {
    struct end *e = &l->ends[which];
    if (e->state == END_NONE) end_cut_at(e, sim.now, why);
    if (e->state != END_OPEN) return;
    e->state = END_FLUSHING;
    end_cut_at(e, sim.now + STALL, why);
    e->why = why;
    end_wake(e);
}

void link_break(struct link *l) {
    l->broken = true;
    for (int i = 0; i < 2; i++) end_cut_at(&l->ends[i], sim.now + between(0, 2 * l->delay), P2_ERR_CLOSED);
}

void link_silence(struct link *l) {
    l->silent = true;
    for (int i = 0; i < 2; i++)
        end_cut_at(&l->ends[i], sim.now + between(5 * P2_SEC, 40 * P2_SEC), P2_ERR_IDLE_TIMEOUT);
}

void link_halve(struct link *l) {
    l->silent = true;
    end_cut_at(&l->ends[NEAR], sim.now, P2_ERR_CLOSED);
    end_cut_at(&l->ends[FAR], sim.now + between(5 * P2_SEC, 40 * P2_SEC), P2_ERR_IDLE_TIMEOUT);
}

void link_freeze(struct link *l, p2_ns until) { l->frozen_until = p2_ns_max(l->frozen_until, until); }

void link_tamper(struct link *l) {
    l->tampered = true;
    end_copy_again(&l->ends[below(2)]);
}

void link_abandon(struct link *l) {
    if (l->node && l->node->link == l) l->node->link = NULL;
    l->node = NULL;
    end_die(&l->ends[NEAR]);
    timer_off(&l->open);
    if (l->ends[FAR].state == END_NONE) end_die(&l->ends[FAR]);
    end_cut_at(&l->ends[FAR], sim.now + l->delay, P2_ERR_CLOSED);
}

void links_init(uint32_t capacity) { P2_CHECK(p2_slab_init(&links, sizeof(struct link), capacity)); }

static bool all_dead(const struct link *l) {
    return l->ends[NEAR].state == END_DEAD && (l->ends[FAR].state == END_DEAD || l->ends[FAR].state == END_NONE);
}

void links_sweep(void) {
    for (uint32_t i = 0; i < links.capacity; i++) {
        p2_handle h;
        struct link *l = p2_slab_at(&links, i, &h);
        if (!l || !all_dead(l)) continue;
        timer_off(&l->open);
        for (int k = 0; k < 2; k++) end_die(&l->ends[k]); // harmless twice
        p2_slab_free(&links, h);
    }
}

void links_slow(void) {
    for (uint32_t i = 0; i < links.capacity; i++) {
        p2_handle h;
        struct link *l = p2_slab_at(&links, i, &h);
        if (!l) continue;
        l->delay *= 2;
        if (l->node) l->node->delay = l->delay;
    }
}

void links_mend(void) {
    for (uint32_t i = 0; i < links.capacity; i++) {
        p2_handle h;
        struct link *l = p2_slab_at(&links, i, &h);
        if (l) l->frozen_until = 0;
    }
}

uint32_t links_live(void) { return links.live; }

void links_deinit(void) {
    for (uint32_t i = 0; i < links.capacity; i++) {
        p2_handle h;
        struct link *l = p2_slab_at(&links, i, &h);
        if (!l) continue;
        timer_off(&l->open);
        for (int k = 0; k < 2; k++) {
            if (l->ends[k].state != END_DEAD) end_die(&l->ends[k]);
        }
    }
    p2_slab_deinit(&links);
}
