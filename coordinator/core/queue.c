#include "queue.h"

#include "base/check.h"
#include "coordinator/core/task.h"

static int64_t queue_key(const struct task *t) { return (int64_t)t->class_; }
static uint64_t queue_tie(const struct task *t) { return t->arrival; }

bool queue_init(struct queue *q, uint32_t capacity) {
    *q = (struct queue){.count = {0}};
    p2_list_init(&q->stranded);
    return p2_heap_init(&q->waiting, capacity);
}

void queue_deinit(struct queue *q) { p2_heap_deinit(&q->waiting); }

void queue_wait_again(struct queue *q, struct task *t) {
    p2_heap_push(&q->waiting, &t->queued, queue_key(t), queue_tie(t));
}

void queue_push(struct queue *q, struct task *t) {
    if (!t->unready) queue_wait_again(q, t);
    q->count[t->class_]++;
}

void queue_remove(struct queue *q, struct task *t) {
    P2_CHECK(p2_heap_in(&t->queued) + p2_list_linked(&t->stranded) + t->unready == 1);
    p2_heap_remove(&q->waiting, &t->queued);
    p2_list_remove(&t->stranded);
    q->count[t->class_]--;
}

struct task *queue_first(const struct queue *q) {
    struct p2_heap_node *n = p2_heap_peek(&q->waiting);
    return n ? P2_CONTAINER_OF(n, struct task, queued) : NULL;
}

void queue_strand(struct queue *q, struct task *t, p2_ns now) {
    P2_CHECK(p2_heap_in(&t->queued) && !p2_list_linked(&t->stranded));
    p2_heap_remove(&q->waiting, &t->queued);
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

bool queue_before(const struct task *a, const struct task *b) {
    if (queue_key(a) != queue_key(b)) return queue_key(a) < queue_key(b);
    return queue_tie(a) < queue_tie(b);
}

uint32_t queue_size(const struct queue *q) {
    uint32_t sum = 0;
    for (unsigned i = 0; i < P2_CLASSES; i++) sum += q->count[i];
    return sum;
}

uint32_t queue_ahead(const struct queue *q, const struct task *t) {
    uint32_t ahead = 0;
    for (unsigned i = 0; i <= (unsigned)t->class_; i++) ahead += q->count[i];
    return ahead ? ahead - 1 : 0;
}
