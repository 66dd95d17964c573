// Doubly linked list of slots, 8 bytes per node: list.h for objects of one slab. Zeroed storage is an empty list, and a
// node that is in none. A node is in one list or none.
#ifndef P2_BASE_SLOT_LIST_H
#define P2_BASE_SLOT_LIST_H

#include "check.h"
#include "slots.h"

struct p2_slot_node {
    uint32_t prev, next; // links; the first and the last point at themselves there, one that is out has zeros
};

struct p2_slot_list {
    uint32_t first, last; // links
};

static inline bool p2_slot_list_empty(const struct p2_slot_list *l) { return l->first == 0; }
static inline bool p2_slot_list_linked(const struct p2_slot_node *n) { return n->next != 0; }
static inline uint32_t p2_slot_list_first(const struct p2_slot_list *l) { return l->first - 1; } // P2_NO_SLOT: empty
static inline uint32_t p2_slot_list_last(const struct p2_slot_list *l) { return l->last - 1; }   // the same

static inline struct p2_slot_node *p2_slot_list_node(const struct p2_slots *s, uint32_t slot) {
    return (struct p2_slot_node *)p2_slots_at(s, slot);
}

// P2_NO_SLOT after the last.
static inline uint32_t p2_slot_list_next(const struct p2_slots *s, uint32_t slot) {
    uint32_t next = p2_slot_list_node(s, slot)->next - 1;
    return next == slot ? P2_NO_SLOT : next;
}

// P2_NO_SLOT before the first.
static inline uint32_t p2_slot_list_before(const struct p2_slots *s, uint32_t slot) {
    uint32_t prev = p2_slot_list_node(s, slot)->prev - 1;
    return prev == slot ? P2_NO_SLOT : prev;
}

static inline void p2_slot_list_push_back(const struct p2_slots *s, struct p2_slot_list *l, uint32_t slot) {
    struct p2_slot_node *n = p2_slot_list_node(s, slot);
    P2_CHECK(!p2_slot_list_linked(n));
    uint32_t link = slot + 1;
    n->next = link;
    n->prev = l->last ? l->last : link;
    if (l->last)
        p2_slot_list_node(s, l->last - 1)->next = link;
    else
        l->first = link;
    l->last = link;
}

static inline void p2_slot_list_push_front(const struct p2_slots *s, struct p2_slot_list *l, uint32_t slot) {
    struct p2_slot_node *n = p2_slot_list_node(s, slot);
    P2_CHECK(!p2_slot_list_linked(n));
    uint32_t link = slot + 1;
    n->prev = link;
    n->next = l->first ? l->first : link;
    if (l->first)
        p2_slot_list_node(s, l->first - 1)->prev = link;
    else
        l->last = link;
    l->first = link;
}

// Harmless on a node that is in no list; `l` is the list it is in.
static inline void p2_slot_list_remove(const struct p2_slots *s, struct p2_slot_list *l, uint32_t slot) {
    struct p2_slot_node *n = p2_slot_list_node(s, slot);
    if (!p2_slot_list_linked(n)) return;
    uint32_t link = slot + 1;
    bool first = n->prev == link, last = n->next == link;
    P2_CHECK(first == (l->first == link) && last == (l->last == link)); // else it is in another list
    if (first)
        l->first = last ? 0 : n->next;
    else
        p2_slot_list_node(s, n->prev - 1)->next = last ? n->prev : n->next;
    if (last)
        l->last = first ? 0 : n->prev;
    else
        p2_slot_list_node(s, n->next - 1)->prev = first ? n->next : n->prev;
    *n = (struct p2_slot_node){0, 0};
}

// Safe against removal of `it` inside the body.
#define P2_SLOT_LIST_EACH(it, nx, s, l)                                                                                \
    for (uint32_t it = p2_slot_list_first(l), nx; it != P2_NO_SLOT && (nx = p2_slot_list_next(s, it), true); it = nx)

// Asserts links both ways; gives the number of nodes.
static inline uint32_t p2_slot_list_check(const struct p2_slots *s, const struct p2_slot_list *l) {
    uint32_t count = 0, before = l->first;
    P2_CHECK((l->first == 0) == (l->last == 0));
    for (uint32_t at = p2_slot_list_first(l); at != P2_NO_SLOT; at = p2_slot_list_next(s, at)) {
        P2_CHECK(p2_slot_list_node(s, at)->prev == before);
        before = at + 1;
        count++;
    }
    P2_CHECK(before == l->last);
    return count;
}

#endif
