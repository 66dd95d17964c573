// Meldable min-heap of intrusive nodes (a leftist heap): push, remove and peek in O(log n), worst case, without any
// array, so that thousands of small heaps need no capacity of their own. The order is the owner's function; what it
// looks at must not change while a node is in a heap.
#ifndef P2_BASE_MELD_H
#define P2_BASE_MELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct p2_meld_node {
    struct p2_meld_node *left, *right, *up;
    uint32_t rank; // nodes down to the nearest gap, along the right; 0: in no heap
};

// Zeroed storage is an empty heap, and a node that is in none.
struct p2_meld {
    struct p2_meld_node *root;
};

typedef bool p2_meld_before(const struct p2_meld_node *a, const struct p2_meld_node *b); // never both ways

static inline bool p2_meld_in(const struct p2_meld_node *n) { return n->rank != 0; }
static inline struct p2_meld_node *p2_meld_peek(const struct p2_meld *m) { return m->root; } // NULL when empty

// Lends the node to the heap until removed. A node already in one is our bug.
void p2_meld_push(struct p2_meld *m, struct p2_meld_node *n, p2_meld_before *before);
void p2_meld_remove(struct p2_meld *m, struct p2_meld_node *n, p2_meld_before *before); // harmless when in none

// The next of a walk from the root over all, or over all but what lies below n. NULL at the end. Nothing below a node
// goes before it: so the best that satisfies something is found by skipping what lies below whatever does.
struct p2_meld_node *p2_meld_after(const struct p2_meld_node *n, bool below);

// Asserts links, ranks and order below one node; a walk over all of them is the caller's.
void p2_meld_check(const struct p2_meld *m, const struct p2_meld_node *n, p2_meld_before *before);

#endif
