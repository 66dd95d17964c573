// Which tickets are wanted here, from when, and until when there is a point in it.
#include "base/check.h"
#include "client/local/local_in.h"

#define NEVER_WANTED P2_NEVER

// Before the first run: by the speed the child has measured, else by what the type expects anywhere.
static p2_ns guess(const struct local *l, const struct local_ticket *t) {
    uint64_t speed = l->units_per_second[t->task.type];
    if (!speed) return p2_ns_min(p2_ns_max(t->task.cost.timeout_prior_ns, P2_MS), ESTIMATE_SPAN_MAX);
    double seconds = (double)t->task.cost.units / (double)speed;
    double limit = (double)ESTIMATE_SPAN_MAX / (double)P2_SEC;
    return p2_ns_max((p2_ns)((seconds < limit ? seconds : limit) * (double)P2_SEC), P2_MS);
}

p2_ns p2_local_likely_ns(const struct local *l, const struct local_ticket *t) {
    return p2_estimate_likely_ns(&p2_local_known(l, p2_local_kind(t))->estimate, guess(l, t));
}

static p2_ns most(const struct local *l, const struct local_ticket *t) {
    return p2_estimate_most_ns(&p2_local_known(l, p2_local_kind(t))->estimate, guess(l, t));
}

// What no wait can change.
static bool possible(const struct local *l, const struct local_ticket *t) {
    const struct local_task *task = &t->task;
    if (l->child == CHILD_OVER || t->failed) return false;
    if (task->payload_size > l->config.cell_bytes || task->cost.result_bytes_max > l->config.cell_bytes) return false;
    if (l->child != CHILD_READY) return true;
    if (!l->offered[task->type]) return false;
    if (task->cost.device_kinds && !(task->cost.device_kinds & 1u << l->device.kind)) return false;
    return !l->device.memory_bytes || task->cost.device_bytes <= l->device.memory_bytes;
}

static p2_ns wanted_from(const struct local *l, const struct local_ticket *t) {
    if (!possible(l, t)) return NEVER_WANTED;
    const struct local_task *task = &t->task;
    if (t->alone || l->now_ns < p2_local_known(l, p2_local_kind(t))->shut_until_ns) return l->now_ns;
    p2_ns last = task->deadline_ns - most(l, t) - LOCAL_TURN_NS;
    if (!l->up) {
        p2_ns patience = p2_ns_max(t->submitted_ns, p2_ns_add(l->down_since_ns, LOCAL_PATIENCE_NS));
        return p2_ns_min(last, patience);
    }
    if (!task->usual_ns) return last;
    p2_ns usual = p2_ns_add(t->submitted_ns, task->usual_ns), worst = p2_ns_add(t->submitted_ns, task->worst_ns);
    if (usual >= task->deadline_ns) return t->submitted_ns;
    return worst > last && worst <= task->deadline_ns ? NEVER_WANTED : last;
}

void p2_local_watch(struct local *l, struct local_ticket *t) {
    p2_ns from = wanted_from(l, t);
    if (t->state != LOCAL_WATCHED) p2_local_ticket_move(l, t, LOCAL_WATCHED);
    p2_heap_remove(&l->watched, &t->due);
    if (from != NEVER_WANTED)
        p2_heap_push(&l->watched, &t->due, from, l->arrivals++);
    else if (t->alone)
        p2_local_end(l, t, LOCAL_END_UNMET);
}

void p2_local_rewatch(struct local *l) {
    P2_LIST_EACH (it, nx, &l->open) {
        struct local_ticket *t = P2_CONTAINER_OF(it, struct local_ticket, link);
        if (t->state == LOCAL_WATCHED) p2_local_watch(l, t);
    }
}

void p2_local_give_up(struct local *l, struct local_ticket *t) {
    if (t->alone)
        p2_local_end(l, t, LOCAL_END_UNMET);
    else
        p2_local_ticket_move(l, t, LOCAL_WATCHED); // without a time: the cluster may yet do it
}

// The last moment at which a run would likely be done by the deadline.
static p2_ns last_moment(const struct local *l, const struct local_ticket *t) {
    return t->task.deadline_ns - p2_local_likely_ns(l, t);
}

static void want(struct local *l, struct local_ticket *t) {
    p2_local_ticket_move(l, t, LOCAL_WANTED);
    p2_heap_push(&l->wanted, &t->due, last_moment(l, t), l->arrivals++);
}

static bool in_time(struct local *l, const struct local_ticket *t) {
    p2_ns begin = p2_ns_max(l->now_ns, p2_local_ready_ns(l));
    if (begin <= last_moment(l, t)) return true;
    // Only what has been learned may be wrong, not how long the child takes to start.
    bool learned = l->child == CHILD_READY && l->now_ns < t->task.deadline_ns;
    return learned && p2_estimate_probe(&p2_local_known(l, p2_local_kind(t))->estimate);
}

// False: it waits for the child, or for a cell.
static bool place(struct local *l, struct local_ticket *t) {
    p2_ns last = last_moment(l, t);
    if (t->due.key != last && last > t->due.key) { // faster than it seemed when it was wanted: others may be nearer
        p2_heap_update(&l->wanted, &t->due, last);
        return true;
    }
    bool room = l->child == CHILD_READY && l->busy < l->config.cells;
    if (!possible(l, t)) {
        p2_local_give_up(l, t);
    } else if (room ? !in_time(l, t) : p2_ns_max(l->now_ns, p2_local_ready_ns(l)) > last) {
        p2_local_give_up(l, t);
    } else if (room) {
        p2_local_hand(l, t);
    } else {
        return false;
    }
    return true;
}

void p2_local_choose(struct local *l) {
    struct p2_heap_node *n;
    while ((n = p2_heap_peek(&l->watched)) != NULL && n->key <= l->now_ns)
        want(l, P2_CONTAINER_OF(n, struct local_ticket, due));
    while ((n = p2_heap_peek(&l->wanted)) != NULL && place(l, P2_CONTAINER_OF(n, struct local_ticket, due))) continue;
}

p2_ns p2_local_choose_next(const struct local *l) {
    const struct p2_heap_node *watched = p2_heap_peek(&l->watched), *wanted = p2_heap_peek(&l->wanted);
    p2_ns next = watched ? watched->key : P2_NEVER;
    return wanted ? p2_ns_min(next, p2_ns_add(wanted->key, 1)) : next;
}
