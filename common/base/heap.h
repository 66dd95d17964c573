// Binary min-heap of intrusive nodes: push, pop, remove and update are O(log n). Order is (key, then tie), both
// given at push, so equal keys leave in arrival order when tie is a counter.
#ifndef P2_BASE_HEAP_H
#define P2_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P2_HEAP_OUT UINT32_MAX

struct p2_heap_node {
    int64_t key;
    uint64_t tie;
    uint32_t at; // index in the heap, P2_HEAP_OUT when in none
};

struct p2_heap {
    struct p2_heap_node **nodes;
    uint32_t count, capacity;
};

// Fixed capacity, allocated here. False when memory is short.
bool p2_heap_init(struct p2_heap *h, uint32_t capacity);
void p2_heap_deinit(struct p2_heap *h);

void p2_heap_node_init(struct p2_heap_node *n);
static inline bool p2_heap_in(const struct p2_heap_node *n) { return n->at != P2_HEAP_OUT; }

// Lends the node to the heap until popped or removed. A full heap or a node already in one is our bug.
void p2_heap_push(struct p2_heap *h, struct p2_heap_node *n, int64_t key, uint64_t tie);
struct p2_heap_node *p2_heap_peek(const struct p2_heap *h);     // NULL when empty
struct p2_heap_node *p2_heap_pop(struct p2_heap *h);            // NULL when empty
void p2_heap_remove(struct p2_heap *h, struct p2_heap_node *n); // harmless when not in
void p2_heap_update(struct p2_heap *h, struct p2_heap_node *n, int64_t key);

#endif
