#include "sched.h"

#include "coordinator/core/state.h"

static void unblock(struct type_state *ts) { ts->blocked = false; }

static void update(struct coord *c, struct offer *o) {
    p2_list_remove(&o->changed);
    next_supply_update(c, o);
    pick_update(c, o);
    steal_offer_update(c, o);
    if (p2_meld_in(&o->free.node) && !P2_CANARY(blocked_stays)) unblock(&c->types[o->type]);
}

void sched_offer_changed(struct coord *c, struct offer *o) {
    if (!p2_list_linked(&o->changed)) p2_list_push_back(&c->types[o->type].changed, &o->changed);
}

void sched_refresh(struct coord *c, struct type_state *ts) {
    P2_LIST_EACH (it, next, &ts->changed) update(c, P2_CONTAINER_OF(it, struct offer, changed));
}

void sched_refresh_all(struct coord *c) {
    for (uint32_t i = 0; i < c->type_count; i++) sched_refresh(c, &c->types[i]);
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
    update(c, o);
}

void sched_offer_removed(struct coord *c, struct offer *o) {
    struct type_state *ts = &c->types[o->type];
    p2_list_remove(&o->in_type);
    p2_list_remove(&o->changed);
    pick_removed(c, o);
    steal_offer_removed(c, o);
    next_offer_removed(c, o);
    ts->slots -= o->slots;
    unblock(ts); // so that what nobody can do any more is noticed
}

void sched_task_waits(struct coord *c, struct task *t) { unblock(&c->types[t->type]); }
