#include "prefer.h"

#include "coordinator/core/state.h"

struct preference {
    struct offer *offer;
    int64_t cost;
    p2_ns missing_ns;
};

static bool counts_time(const struct coord *c) {
    return c->pick.strategy == PICK_FINISH_TIME || c->pick.strategy == PICK_LEAST_LOADED;
}

static struct preference preference(const struct coord *c, const struct pick_for *f, struct offer *o) {
    return (struct preference){o, pick_cost(c, f, o).cost, blob_transfer_ns(c, o->peer, f->cargo)};
}

static bool better(const struct coord *c, const struct preference *a, const struct preference *b) {
    if (counts_time(c)) return a->cost + a->missing_ns < b->cost + b->missing_ns;
    return a->missing_ns != b->missing_ns ? a->missing_ns < b->missing_ns : a->cost < b->cost;
}

static bool tried(const struct pick_for *f, const struct offer *o) { return !pick_suits(f, o, true); }

static void look_at(const struct coord *c, const struct pick_for *f, const struct peer *p, struct preference *best) {
    P2_LIST_EACH (it, next, &p->offers) {
        struct offer *o = P2_CONTAINER_OF(it, struct offer, in_peer);
        if (o->type != f->type || !p2_meld_in(&o->free.node)) continue; // busy, or not let work now
        if (!pick_suits(f, o, !tried(f, best->offer))) continue;
        const struct preference other = preference(c, f, o);
        if (better(c, &other, best)) *best = other;
    }
}

struct offer *prefer_holder(const struct coord *c, const struct pick_for *f, struct offer *best) {
    struct preference p = preference(c, f, best);
    for (uint32_t i = 0; i < cargo_blob_count(f->cargo) && p.missing_ns > 0; i++) {
        const struct blob *b = cargo_blob(c, f->cargo, i);
        uint32_t seen = 0;
        for (struct p2_list *it = b ? b->holders.next : NULL; it && it != &b->holders && seen < PREFER_HOLDERS_MAX;
             it = it->next, seen++) {
            const struct holding *h = P2_CONTAINER_OF(it, struct holding, in_blob);
            look_at(c, f, p2_slab_get(&c->peers, h->peer), &p);
        }
    }
    return p.offer;
}
