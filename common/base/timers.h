// Many timers, most of which are taken back long before they are due: setting and taking back costs no search. What is
// due within the present span of time, of 8 ms, is in a heap; what is due later lies unordered in a list for its span,
// and what is far beyond with the last of them, to be looked at again when that begins.
#ifndef P2_BASE_TIMERS_H
#define P2_BASE_TIMERS_H

#include "heap.h"
#include "list.h"
#include "ns.h"

#define P2_TIMERS_SPAN_NS ((p2_ns)1 << 23)
#define P2_TIMERS_SPANS 64 // lists; a bit each

struct p2_timer {
    struct p2_heap_node near; // its key is when it is due, wherever the timer is
    struct p2_list far;
};

struct p2_timers {
    struct p2_heap near;
    struct p2_list far[P2_TIMERS_SPANS]; // of spans first to first + P2_TIMERS_SPANS - 1, round and round
    uint64_t filled;                     // a bit for each; of empty ones perhaps too
    int64_t first;                       // everything before this span is near
    uint32_t count;
    uint64_t tie;
};

// Room for so many. False when memory is short.
bool p2_timers_init(struct p2_timers *t, uint32_t capacity);
void p2_timers_deinit(struct p2_timers *t); // fine with zeroes

void p2_timer_init(struct p2_timer *timer);
static inline bool p2_timer_on(const struct p2_timer *timer) {
    return p2_heap_in(&timer->near) || p2_list_linked(&timer->far);
}
static inline p2_ns p2_timer_at(const struct p2_timer *timer) { return timer->near.key; }

// In place of what it was set to before. Timers due at the same time come in the order in which they were first set.
void p2_timers_set(struct p2_timers *t, struct p2_timer *timer, p2_ns at);
void p2_timers_stop(struct p2_timers *t, struct p2_timer *timer); // harmless when not on

// The next that is due by now, or NULL. It stays on: set it anew or stop it. `now` never goes back.
struct p2_timer *p2_timers_due(struct p2_timers *t, p2_ns now);
// When to ask again: not after the next is due, but perhaps somewhat before. P2_NEVER when none is on.
p2_ns p2_timers_next_ns(const struct p2_timers *t);

#endif
