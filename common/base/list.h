// Intrusive doubly linked list, circular through its head. A node is in one list or none.
#ifndef P2_BASE_LIST_H
#define P2_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct p2_list {
    struct p2_list *prev, *next; // a node out of any list points at itself
};

#define P2_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void p2_list_init(struct p2_list *l) { l->prev = l->next = l; }
static inline bool p2_list_empty(const struct p2_list *l) { return l->next == l; }
static inline bool p2_list_linked(const struct p2_list *n) { return n->next != n; }

static inline void p2_list_push_back(struct p2_list *head, struct p2_list *n) {
    n->prev = head->prev;
    n->next = head;
    head->prev->next = n;
    head->prev = n;
}

static inline void p2_list_push_front(struct p2_list *head, struct p2_list *n) { p2_list_push_back(head->next, n); }

// Harmless on a node that is in no list.
static inline void p2_list_remove(struct p2_list *n) {
    n->prev->next = n->next;
    n->next->prev = n->prev;
    n->prev = n->next = n;
}

static inline struct p2_list *p2_list_first(struct p2_list *head) { return p2_list_empty(head) ? NULL : head->next; }

// Safe against removal of `it` inside the body.
#define P2_LIST_EACH(it, nx, head)                                                                                     \
    for (struct p2_list *it = (head)->next, *nx = it->next; it != (head); it = nx, nx = nx->next)

#endif
