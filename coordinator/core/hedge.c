#include "hedge.h"

#include "coordinator/core/share.h"
#include "coordinator/core/state.h"

#define AGAIN_NS_MIN (10 * P2_MS) // between two looks at the same run
#define LOOKS_PER_STEP 64u

// ---- who is watched: by when, then by when it was placed; what was set last is mostly due last ----------------------

static const struct replica *replica_of(const struct p2_slot_meld_node *n) {
    return P2_CONTAINER_OF(n, struct replica, straggler);
}

static bool due_before(const struct p2_slot_meld_node *a, const struct p2_slot_meld_node *b) {
    const struct replica *x = replica_of(a), *y = replica_of(b);
    return x->straggler_due_ns != y->straggler_due_ns ? x->straggler_due_ns < y->straggler_due_ns : x->turn < y->turn;
}

static struct p2_slots links(const struct coord *c) {
    return p2_slots_of(&c->replicas, offsetof(struct replica, straggler));
}

static void watch(struct coord *c, struct replica *r, p2_ns due_ns) {
    struct p2_slots nodes = links(c);
    hedge_forget(c, r);
    r->straggler_due_ns = due_ns;
    r->turn = c->timer_ties++;
    p2_slot_order_push(&nodes, &c->stragglers, (uint32_t)r->self, due_before);
}

void hedge_forget(struct coord *c, struct replica *r) {
    struct p2_slots nodes = links(c);
    p2_slot_order_remove(&nodes, &c->stragglers, (uint32_t)r->self, due_before);
}

bool hedge_watches(const struct replica *r) { return p2_slot_order_in(&r->straggler); }

static struct replica *first_due(const struct coord *c) {
    struct p2_slots nodes = links(c);
    uint32_t first = p2_slot_order_first(&nodes, &c->stragglers, due_before);
    return first == P2_NO_SLOT ? NULL : p2_slab_in(&c->replicas, first);
}

void hedge_check(const struct coord *c) {
    struct p2_slots nodes = links(c);
    uint32_t watched = 0;
    for (uint32_t i = 0; i < c->replicas.capacity; i++) {
        const struct replica *r = coord_at(&c->replicas, i);
        if (!r || !hedge_watches(r)) continue;
        p2_slot_order_check(&nodes, &c->stragglers, i, due_before);
        watched++;
    }
    P2_CHECK(watched == c->stragglers.count);
}

// ---- looking --------------------------------------------------------------------------------------------------------

void hedge_watch(struct coord *c, const struct task *t, struct replica *r) {
    if (!c->limits.hedge_percent || !t->keep || t->attempt >= c->limits.attempts_max) return;
    p2_ns p95 = estimate_p95(c, t->type, t->cost.size_class);
    if (!p95) return;
    r->straggle_ns = p95;
    watch(c, r, p2_ns_add(c->now, p95));
}

static bool worth_it(const struct coord *c, const struct type_state *ts, const struct task *t) {
    const struct queue *q = &ts->queue;
    if (queue_size(q) || !q->supply.free || !replica_room(c)) return false;
    if (!share_may_take(q, &c->limits, (enum p2_class)t->class_)) return false;
    return t->deadline_ns - c->now > estimate_p50(c, t->type, t->cost.size_class);
}

static bool try_one(struct coord *c, struct task *t) {
    struct type_state *ts = &c->types[t->type];
    sched_refresh(c, ts);
    if (!worth_it(c, ts, t)) return false;
    const struct pick_for f = pick_for(c, t);
    struct offer *o = pick_spare(c, ts, &f);
    if (!o || !budget_take(&c->hedges, c->now, 0)) return false;
    pick_chosen(c, &f, o);
    replica_hedge(c, t, o);
    next_charge(c, t, p2_slab_get(&c->replicas, course_of(c, t)->hedge));
    return true;
}

void hedge_run(struct coord *c) {
    struct replica *r;
    for (unsigned n = 0; (r = first_due(c)) && r->straggler_due_ns <= c->now; n++) {
        if (coord_step_full(c)) return;
        if (n == LOOKS_PER_STEP) {
            c->again = true;
            return;
        }
        p2_ns late_ns = p2_ns_add(p2_ns_max(r->placed_ns, c->excused_ns), r->straggle_ns);
        if (late_ns > c->now) { // it was us who did not run
            watch(c, r, late_ns);
            continue;
        }
        watch(c, r, p2_ns_add(c->now, p2_ns_max(r->straggle_ns / 2, AGAIN_NS_MIN)));
        if (try_one(c, p2_slab_get(&c->tasks, r->task))) hedge_forget(c, r);
    }
}

p2_ns hedge_due_ns(const struct coord *c) {
    const struct replica *first = first_due(c);
    return first ? first->straggler_due_ns : P2_NEVER;
}
