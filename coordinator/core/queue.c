#include "queue.h"

#include "base/check.h"
#include "base/list.h"
#include "coordinator/core/task.h"

static const struct task *task_of(const struct p2_slot_meld_node *n) { return P2_CONTAINER_OF(n, struct task, queued); }

static bool tasks_in_order(const struct p2_slot_meld_node *a, const struct p2_slot_meld_node *b) {
    return task_before(task_of(a), task_of(b));
}

static struct task *task_in(const struct queue *q, uint32_t slot) {
    return slot == P2_NO_SLOT ? NULL : p2_slab_in(q->tasks, slot);
}

static uint32_t slot_of(const struct queue *q, const struct task *t) { return (uint32_t)p2_slab_handle(q->tasks, t); }

static struct p2_slots queued_in(const struct queue *q) { return p2_slots_of(q->tasks, offsetof(struct task, queued)); }

static struct p2_slots stranded_in(const struct queue *q) {
    return p2_slots_of(q->tasks, offsetof(struct task, stranded.link));
}

struct flow *queue_flow(const struct queue *q, const struct task *t) {
    return &q->accounts[(size_t)t->client * P2_CLASSES + t->class_].flows[t->type];
}

struct task *flow_first(const struct flow *f) {
    struct p2_slots links = queued_in(f->queue);
    return task_in(f->queue, p2_slot_order_first(&links, &f->waiting, tasks_in_order));
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

void queue_init(struct queue *q, const struct p2_slab *tasks, struct account *accounts) {
    *q = (struct queue){.tasks = tasks, .accounts = accounts};
}

static bool is_waiting(const struct task *t) { return !t->is_stranded && p2_slot_order_in(&t->queued); }

void queue_wait_again(struct queue *q, struct task *t) {
    struct flow *f = queue_flow(q, t);
    struct p2_slots links = queued_in(q);
    P2_CHECK(f->queue == q && !t->is_stranded);
    const struct task *first = flow_first(f);
    bool leads = !first || task_before(t, first);
    if (leads) turn_out(f);
    p2_slot_order_push(&links, &f->waiting, slot_of(q, t), tasks_in_order);
    if (leads) turn_in(f);
}

static void drop_stranded(struct queue *q, struct task *t) {
    struct p2_slots links = stranded_in(q);
    p2_slot_list_remove(&links, &q->stranded, slot_of(q, t));
    t->is_stranded = false;
    t->queued = (struct p2_slot_meld_node){.rank = 0};
}

void queue_set_aside(struct queue *q, struct task *t) {
    struct flow *f = queue_flow(q, t);
    struct p2_slots links = queued_in(q);
    P2_CHECK(f->queue == q);
    if (t->is_stranded) drop_stranded(q, t);
    if (!is_waiting(t)) return;
    bool led = flow_first(f) == t;
    if (led) turn_out(f);
    p2_slot_order_remove(&links, &f->waiting, slot_of(q, t), tasks_in_order);
    if (led) turn_in(f);
}

static p2_ns work_ns(const struct task *t) { return (p2_ns)t->work_us * P2_US; }

void queue_push(struct queue *q, struct task *t) {
    struct flow *f = queue_flow(q, t);
    struct account *a = f->account;
    // Nothing of it waits, so no order depends on its account: it joins where the class is.
    if (a->tasks++ == 0) a->served_ns = p2_ns_max(a->served_ns, *a->clock);
    if (!t->unready) queue_wait_again(q, t);
    if (f->count++ == 0) {
        f->last_deadline_ns = 0;
        q->flows[t->class_]++;
    }
    f->last_deadline_ns = p2_ns_max(f->last_deadline_ns, t->deadline_ns);
    q->work_ns[t->class_] += work_ns(t);
    q->count[t->class_]++;
}

void queue_remove(struct queue *q, struct task *t) {
    struct flow *f = queue_flow(q, t);
    P2_CHECK(is_waiting(t) + t->is_stranded + t->unready == 1);
    queue_set_aside(q, t);
    f->account->tasks--;
    if (--f->count == 0) q->flows[t->class_]--;
    q->work_ns[t->class_] -= work_ns(t);
    if (--q->count[t->class_] == 0) q->debt[t->class_] = 0; // nobody waits: nothing is owed
}

void queue_strand(struct queue *q, struct task *t, p2_ns now) {
    struct p2_slots links = stranded_in(q);
    P2_CHECK(is_waiting(t));
    queue_set_aside(q, t);
    t->is_stranded = true;
    t->stranded = (struct task_stranded){.since_ns = now};
    p2_slot_list_push_back(&links, &q->stranded, slot_of(q, t));
}

void queue_rescue(struct queue *q, uint32_t kind, uint64_t device_bytes) {
    struct p2_slots links = stranded_in(q);
    P2_SLOT_LIST_EACH (it, next, &links, &q->stranded) {
        struct task *t = task_in(q, it);
        bool suits = !t->cost.device_kinds || t->cost.device_kinds >> kind & 1;
        if (!suits || t->cost.device_bytes > device_bytes) continue;
        drop_stranded(q, t);
        queue_wait_again(q, t);
    }
}

struct task *queue_first_stranded(const struct queue *q) {
    return task_in(q, p2_slot_list_first(&q->stranded));
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
    const struct flow *f = queue_flow(q, t);
    struct p2_slots links = queued_in(q);
    P2_CHECK(f->queue == q && f->class_ == (enum p2_class)t->class_ && q->count[t->class_] > 0);
    P2_CHECK(f->count > 0 && t->deadline_ns <= f->last_deadline_ns);
    P2_CHECK(is_waiting(t) + t->is_stranded + t->unready == 1);
    if (is_waiting(t)) p2_slot_order_check(&links, &f->waiting, slot_of(q, t), tasks_in_order);
}
