#include "heap.h"

#include "check.h"
#include "mem.h"

bool p2_heap_init(struct p2_heap *h, uint32_t capacity) {
    *h = (struct p2_heap){.capacity = capacity};
    h->nodes = p2_calloc(capacity ? capacity : 1, sizeof(struct p2_heap_node *));
    return h->nodes != NULL;
}

void p2_heap_deinit(struct p2_heap *h) {
    p2_free(h->nodes);
    *h = (struct p2_heap){0};
}

void p2_heap_node_init(struct p2_heap_node *n) { *n = (struct p2_heap_node){.at = P2_HEAP_OUT}; }

static bool before(const struct p2_heap_node *a, const struct p2_heap_node *b) {
    return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

static void place(struct p2_heap *h, struct p2_heap_node *n, uint32_t at) {
    h->nodes[at] = n;
    n->at = at;
}

// Both sifts move a hole from n's place and write n once, at the end.
static void sift_up(struct p2_heap *h, struct p2_heap_node *n) {
    uint32_t at = n->at;
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (!before(n, h->nodes[parent])) break;
        place(h, h->nodes[parent], at);
        at = parent;
    }
    place(h, n, at);
}

static void sift_down(struct p2_heap *h, struct p2_heap_node *n) {
    uint64_t at = n->at; // 64 bits: 2 * at + 2 must not wrap
    for (;;) {
        uint64_t child = 2 * at + 1;
        if (child >= h->count) break;
        if (child + 1 < h->count && before(h->nodes[child + 1], h->nodes[child])) child++;
        if (!before(h->nodes[child], n)) break;
        place(h, h->nodes[child], (uint32_t)at);
        at = child;
    }
    place(h, n, (uint32_t)at);
}

static void sift(struct p2_heap *h, struct p2_heap_node *n) {
    if (n->at > 0 && before(n, h->nodes[(n->at - 1) / 2])) {
        sift_up(h, n);
    } else {
        sift_down(h, n);
    }
}

static void check_member(const struct p2_heap *h, const struct p2_heap_node *n) {
    P2_CHECK(n->at < h->count && h->nodes[n->at] == n);
}

void p2_heap_push(struct p2_heap *h, struct p2_heap_node *n, int64_t key, uint64_t tie) {
    P2_CHECK(!p2_heap_in(n));
    P2_CHECK(h->count < h->capacity);
    n->key = key;
    n->tie = tie;
    place(h, n, h->count++);
    sift_up(h, n);
}

struct p2_heap_node *p2_heap_peek(const struct p2_heap *h) {
    return h->count ? h->nodes[0] : NULL;
}

struct p2_heap_node *p2_heap_pop(struct p2_heap *h) {
    struct p2_heap_node *n = p2_heap_peek(h);
    if (n) p2_heap_remove(h, n);
    return n;
}

void p2_heap_remove(struct p2_heap *h, struct p2_heap_node *n) {
    if (!p2_heap_in(n)) return;
    check_member(h, n);
    struct p2_heap_node *last = h->nodes[--h->count];
    if (last != n) {
        place(h, last, n->at);
        sift(h, last);
    }
    n->at = P2_HEAP_OUT;
}

void p2_heap_update(struct p2_heap *h, struct p2_heap_node *n, int64_t key) {
    check_member(h, n);
    n->key = key;
    sift(h, n);
}
