#include "slot_order.h"

#include <stddef.h>

#include "check.h"

// In the line, a node's first bytes are a link there; the last, its rank, is left alone.
_Static_assert(sizeof(struct p2_slot_node) <= offsetof(struct p2_slot_meld_node, rank), "a node of both kinds");

static struct p2_slot_meld_node *node(const struct p2_slots *s, uint32_t slot) {
    return (struct p2_slot_meld_node *)p2_slots_at(s, slot);
}

uint32_t p2_slot_order_first(const struct p2_slots *s, const struct p2_slot_order *o, p2_slot_meld_before *before) {
    uint32_t line = p2_slot_list_first(&o->line), heap = p2_slot_meld_peek(&o->heap);
    if (line == P2_NO_SLOT || heap == P2_NO_SLOT) return line == P2_NO_SLOT ? heap : line;
    return before(node(s, heap), node(s, line)) ? heap : line;
}

uint32_t p2_slot_order_walk(const struct p2_slot_order *o) {
    uint32_t heap = p2_slot_meld_peek(&o->heap);
    return heap != P2_NO_SLOT ? heap : p2_slot_list_first(&o->line);
}

uint32_t p2_slot_order_next(const struct p2_slots *s, const struct p2_slot_order *o, uint32_t slot) {
    const struct p2_slot_meld_node *n = node(s, slot);
    if (n->rank == P2_SLOT_IN_LINE) return p2_slot_list_next(s, slot);
    if (n->left) return n->left - 1; // right only beside a left one: the heap is leftist
    uint32_t link = slot + 1;
    for (; n->up; n = node(s, link - 1)) { // up to the first that has something to the right of where this was
        const struct p2_slot_meld_node *up = node(s, n->up - 1);
        if (up->left == link && up->right) return up->right - 1;
        link = n->up;
    }
    return p2_slot_list_first(&o->line);
}

void p2_slot_order_push(const struct p2_slots *s, struct p2_slot_order *o, uint32_t slot, p2_slot_meld_before *before) {
    struct p2_slot_meld_node *n = node(s, slot);
    P2_CHECK(!p2_slot_order_in(n));
    uint32_t last = p2_slot_list_last(&o->line);
    if (last == P2_NO_SLOT || before(node(s, last), n)) {
        *n = (struct p2_slot_meld_node){.rank = 0};
        p2_slot_list_push_back(s, &o->line, slot);
        n->rank = P2_SLOT_IN_LINE;
    } else {
        p2_slot_meld_push(s, &o->heap, slot, before);
    }
    o->count++;
}

void p2_slot_order_remove(const struct p2_slots *s, struct p2_slot_order *o, uint32_t slot,
                          p2_slot_meld_before *before) {
    struct p2_slot_meld_node *n = node(s, slot);
    if (!p2_slot_order_in(n)) return;
    if (n->rank == P2_SLOT_IN_LINE) {
        p2_slot_list_remove(s, &o->line, slot);
        n->rank = 0;
    } else {
        p2_slot_meld_remove(s, &o->heap, slot, before);
    }
    o->count--;
}

void p2_slot_order_check(const struct p2_slots *s, const struct p2_slot_order *o, uint32_t slot,
                         p2_slot_meld_before *before) {
    const struct p2_slot_meld_node *n = node(s, slot);
    P2_CHECK(p2_slot_order_in(n) && o->count > 0);
    if (n->rank != P2_SLOT_IN_LINE) {
        p2_slot_meld_check(s, &o->heap, slot, before);
        return;
    }
    uint32_t prev = p2_slot_list_before(s, slot);
    P2_CHECK(prev == P2_NO_SLOT ? p2_slot_list_first(&o->line) == slot : before(node(s, prev), n));
}
