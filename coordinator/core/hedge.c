#include "hedge.h"

#include "coordinator/core/share.h"
#include "coordinator/core/state.h"

#define AGAIN_NS_MIN (10 * P2_MS) // between two looks at the same run
#define LOOKS_PER_STEP 64u

void hedge_watch(struct coord *c, const struct task *t, struct replica *r) {
    if (!c->limits.hedge_percent || !t->keep || t->attempt >= c->limits.attempts_max) return;
    p2_ns p95 = estimate_p95(c, t->type, t->cost.size_class);
    if (!p95) return;
    r->straggle_ns = p95;
    p2_heap_push(&c->stragglers, &r->straggler, p2_ns_add(c->now, p95), c->timer_ties++);
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
    struct p2_heap_node *first;
    for (unsigned n = 0; (first = p2_heap_peek(&c->stragglers)) && first->key <= c->now; n++) {
        if (coord_step_full(c)) return;
        if (n == LOOKS_PER_STEP) {
            c->again = true;
            return;
        }
        struct replica *r = P2_CONTAINER_OF(first, struct replica, straggler);
        p2_ns late_ns = p2_ns_add(p2_ns_max(r->placed_ns, c->excused_ns), r->straggle_ns);
        if (late_ns > c->now) { // it was us who did not run
            p2_heap_update(&c->stragglers, first, late_ns);
            continue;
        }
        p2_heap_update(&c->stragglers, first, p2_ns_add(c->now, p2_ns_max(r->straggle_ns / 2, AGAIN_NS_MIN)));
        if (try_one(c, p2_slab_get(&c->tasks, r->task))) p2_heap_remove(&c->stragglers, first);
    }
}

p2_ns hedge_due_ns(const struct coord *c) {
    const struct p2_heap_node *first = p2_heap_peek(&c->stragglers);
    return first ? first->key : P2_NEVER;
}
