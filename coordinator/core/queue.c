#include "queue.h"

#include "base/check.h"
#include "coordinator/core/task.h"

static const struct task *task_of(const struct p2_meld_node *n) { return P2_CONTAINER_OF(n, struct task, queued); }

static bool task_before(const struct task *a, const struct task *b) {
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->arrival < b->arrival;
}

static bool tasks_in_order(const struct p2_meld_node *a, const struct p2_meld_node *b) {
    return task_before(task_of(a), task_of(b));
}

struct task *flow_first(const struct flow *f) {
    struct p2_meld_node *n = p2_meld_peek(&f->waiting);
    return n ? P2_CONTAINER_OF(n, struct task, queued) : NULL;
}

bool flow_before(const struct flow *a, const struct flow *b) {
    p2_ns x = a->account->served_ns / FLOW_QUANTUM_NS, y = b->account->served_ns / FLOW_QUANTUM_NS;
    return x != y ? x < y : task_before(flow_first(a), flow_first(b));
}

static const struct flow *flow_of(const struct p2_meld_node *n) { return P2_CONTAINER_OF(n, struct flow, turn); }

static bool flows_in_order(const struct p2_meld_node *a, const struct p2_meld_node *b) {
    return flow_before(flow_of(a), flow_of(b));
}

// ---- turns: a flow is taken out before anything it is ordered by changes, and put back after ------------------------

static struct p2_meld *turns_of(const struct flow *f) {
    return f->over ? &f->queue->over[f->class_] : &f->queue->turns[f->class_];
}

static void turn_out(struct flow *f) {
    if (!p2_meld_in(&f->turn)) return;
    p2_meld_remove(turns_of(f), &f->turn, flows_in_order);
}

static void turn_in(struct flow *f) {
    if (flow_first(f)) p2_meld_push(turns_of(f), &f->turn, flows_in_order);
}

struct flow *queue_turn(const struct queue *q, enum p2_class class_, bool over) {
    struct p2_meld_node *n = p2_meld_peek(over ? &q->over[class_] : &q->turns[class_]);
    return n ? P2_CONTAINER_OF(n, struct flow, turn) : NULL;
}

void flow_set_over(struct flow *f, bool over) {
    if (f->over == over) return;
    turn_out(f);
    f->over = over;
    turn_in(f);
}

void account_charge(struct account *a, p2_ns device_ns) {
    *a->clock = p2_ns_max(*a->clock, a->served_ns);
    p2_ns served = p2_ns_add(a->served_ns, device_ns / a->weight);
    bool moves = served / FLOW_QUANTUM_NS != a->served_ns / FLOW_QUANTUM_NS;
    for (uint32_t i = 0; moves && i < a->flow_count; i++) turn_out(&a->flows[i]);
    a->served_ns = served;
    for (uint32_t i = 0; moves && i < a->flow_count; i++) turn_in(&a->flows[i]);
}

// ---- tasks ----------------------------------------------------------------------------------------------------------

void queue_init(struct queue *q) {
    *q = (struct queue){.count = {0}};
    p2_list_init(&q->stranded);
}

void queue_wait_again(struct queue *q, struct task *t) {
    P2_CHECK(t->flow->queue == q && !p2_list_linked(&t->stranded));
    turn_out(t->flow);
    p2_meld_push(&t->flow->waiting, &t->queued, tasks_in_order);
    turn_in(t->flow);
}

void queue_set_aside(struct queue *q, struct task *t) {
    P2_CHECK(t->flow->queue == q);
    if (!p2_meld_in(&t->queued)) return;
    turn_out(t->flow);
    p2_meld_remove(&t->flow->waiting, &t->queued, tasks_in_order);
    turn_in(t->flow);
}

void queue_push(struct queue *q, struct task *t) {
    struct account *a = t->flow->account;
    // Nothing of it waits, so no order depends on its account: it joins where the class is.
    if (a->tasks++ == 0) a->served_ns = p2_ns_max(a->served_ns, *a->clock);
    if (!t->unready) queue_wait_again(q, t);
    struct flow *f = t->flow;
    if (f->count++ == 0) {
        f->last_deadline_ns = 0;
        q->flows[t->class_]++;
    }
    f->last_deadline_ns = p2_ns_max(f->last_deadline_ns, t->deadline_ns);
    q->work_ns[t->class_] += t->work_ns;
    q->count[t->class_]++;
}

void queue_remove(struct queue *q, struct task *t) {
    P2_CHECK(p2_meld_in(&t->queued) + p2_list_linked(&t->stranded) + t->unready == 1);
    queue_set_aside(q, t);
    p2_list_remove(&t->stranded);
    t->flow->account->tasks--;
    if (--t->flow->count == 0) q->flows[t->class_]--;
    q->work_ns[t->class_] -= t->work_ns;
    if (--q->count[t->class_] == 0) q->debt[t->class_] = 0; // nobody waits: nothing is owed
}

void queue_strand(struct queue *q, struct task *t, p2_ns now) {
    P2_CHECK(p2_meld_in(&t->queued) && !p2_list_linked(&t->stranded));
    queue_set_aside(q, t);
    p2_list_push_back(&q->stranded, &t->stranded);
    t->stranded_ns = now;
}

void queue_rescue(struct queue *q, uint64_t device_bytes) {
    P2_LIST_EACH (it, next, &q->stranded) {
        struct task *t = P2_CONTAINER_OF(it, struct task, stranded);
        if (t->cost.device_bytes > device_bytes) continue;
        p2_list_remove(it);
        queue_wait_again(q, t);
    }
}

struct task *queue_first_stranded(const struct queue *q) {
    return p2_list_empty(&q->stranded) ? NULL : P2_CONTAINER_OF(q->stranded.next, struct task, stranded);
}

uint32_t queue_size(const struct queue *q) {
    uint32_t sum = 0;
    for (unsigned i = 0; i < P2_CLASSES; i++) sum += q->count[i];
    return sum;
}

// ---- invariants -----------------------------------------------------------------------------------------------------

void flow_check(const struct flow *f) {
    P2_CHECK(p2_meld_in(&f->turn) == (flow_first(f) != NULL));
    P2_CHECK(f->account->weight > 0 && f->account->served_ns >= 0);
    if (p2_meld_in(&f->turn)) p2_meld_check(turns_of(f), &f->turn, flows_in_order);
}

void queue_check_task(const struct queue *q, const struct task *t) {
    P2_CHECK(t->flow->queue == q && t->flow->class_ == t->class_ && q->count[t->class_] > 0);
    P2_CHECK(t->flow->count > 0 && t->deadline_ns <= t->flow->last_deadline_ns);
    P2_CHECK(p2_meld_in(&t->queued) + p2_list_linked(&t->stranded) + t->unready == 1);
    if (p2_meld_in(&t->queued)) p2_meld_check(&t->flow->waiting, &t->queued, tasks_in_order);
}
