#include "sched.h"

#include "coordinator/core/state.h"

static void unblock(struct type_state *ts) { ts->blocked = false; }

void sched_offer_update(struct coord *c, struct offer *o) {
    next_supply_update(c, o);
    pick_update(c, o);
    steal_offer_update(c, o);
    if (p2_meld_in(&o->free.node) && !P2_CANARY(blocked_stays)) unblock(&c->types[o->type]);
}

void sched_offer_added(struct coord *c, struct offer *o) {
    struct type_state *ts = &c->types[o->type];
    p2_list_push_back(&ts->offers, &o->in_type);
    const struct peer_device *d = &o->peer->devices[o->device];
    o->slots = d->slots;
    ts->slots += o->slots;
    queue_rescue(&ts->queue, d->kind, d->memory_bytes);
    next_offer_added(c, o);
    pick_added(c, o);
    steal_offer_added(c, o);
    sched_offer_update(c, o);
}

void sched_offer_removed(struct coord *c, struct offer *o) {
    struct type_state *ts = &c->types[o->type];
    p2_list_remove(&o->in_type);
    pick_removed(c, o);
    steal_offer_removed(c, o);
    next_offer_removed(c, o);
    ts->slots -= o->slots;
    unblock(ts); // so that what nobody can do any more is noticed
}

void sched_task_waits(struct coord *c, struct task *t) { unblock(&c->types[t->type]); }
