#include "timers.h"

#include "check.h"

static int64_t span_of(p2_ns at) { return at / P2_TIMERS_SPAN_NS; }

bool p2_timers_init(struct p2_timers *t, uint32_t capacity) {
    *t = (struct p2_timers){.first = 1};
    for (uint32_t i = 0; i < P2_TIMERS_SPANS; i++) p2_list_init(&t->far[i]);
    return p2_heap_init(&t->near, capacity);
}

void p2_timers_deinit(struct p2_timers *t) { p2_heap_deinit(&t->near); }

void p2_timer_init(struct p2_timer *timer) {
    p2_heap_node_init(&timer->near);
    p2_list_init(&timer->far);
}

static void place(struct p2_timers *t, struct p2_timer *timer) {
    int64_t span = span_of(timer->near.key), last = t->first + P2_TIMERS_SPANS - 1;
    if (span < t->first) {
        p2_heap_push(&t->near, &timer->near, timer->near.key, timer->near.tie);
        return;
    }
    uint32_t at = (uint32_t)((span < last ? span : last) % P2_TIMERS_SPANS);
    p2_list_push_back(&t->far[at], &timer->far);
    t->filled |= UINT64_C(1) << at;
}

void p2_timers_set(struct p2_timers *t, struct p2_timer *timer, p2_ns at) {
    bool was_on = p2_timer_on(timer);
    if (p2_heap_in(&timer->near) && span_of(at) < t->first) {
        p2_heap_update(&t->near, &timer->near, at);
        return;
    }
    p2_heap_remove(&t->near, &timer->near);
    p2_list_remove(&timer->far);
    timer->near.key = at;
    if (!was_on) timer->near.tie = t->tie++;
    t->count += !was_on;
    P2_CHECK(t->count <= t->near.capacity);
    place(t, timer);
}

void p2_timers_stop(struct p2_timers *t, struct p2_timer *timer) {
    t->count -= p2_timer_on(timer);
    p2_heap_remove(&t->near, &timer->near);
    p2_list_remove(&timer->far);
}

// Each list is gone through once, however much time has passed.
static void advance(struct p2_timers *t, p2_ns now) {
    int64_t from = t->first, to = span_of(now) + 1;
    if (to <= from) return;
    t->first = to;
    for (int64_t span = from; span < to && span < from + P2_TIMERS_SPANS; span++) {
        uint32_t at = (uint32_t)(span % P2_TIMERS_SPANS);
        struct p2_list moved;
        p2_list_init(&moved);
        t->filled &= ~(UINT64_C(1) << at);
        while (!p2_list_empty(&t->far[at])) {
            struct p2_list *node = p2_list_first(&t->far[at]);
            p2_list_remove(node);
            p2_list_push_back(&moved, node);
        }
        while (!p2_list_empty(&moved)) {
            struct p2_list *node = p2_list_first(&moved);
            p2_list_remove(node);
            place(t, P2_CONTAINER_OF(node, struct p2_timer, far));
        }
    }
}

struct p2_timer *p2_timers_due(struct p2_timers *t, p2_ns now) {
    advance(t, now);
    struct p2_heap_node *first = p2_heap_peek(&t->near);
    return first && first->key <= now ? P2_CONTAINER_OF(first, struct p2_timer, near) : NULL;
}

p2_ns p2_timers_next_ns(const struct p2_timers *t) {
    const struct p2_heap_node *first = p2_heap_peek(&t->near);
    if (first) return first->key;
    uint32_t at = (uint32_t)(t->first % P2_TIMERS_SPANS);
    uint64_t turned = at ? t->filled >> at | t->filled << (P2_TIMERS_SPANS - at) : t->filled;
    for (; turned; turned &= turned - 1) {
        int64_t span = t->first + __builtin_ctzll(turned);
        if (!p2_list_empty(&t->far[span % P2_TIMERS_SPANS])) return span * P2_TIMERS_SPAN_NS;
    }
    return P2_NEVER;
}
