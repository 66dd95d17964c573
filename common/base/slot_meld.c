#include "slot_meld.h"

#include "check.h"

typedef p2_slot_meld_before order;

static struct p2_slot_meld_node *at(const struct p2_slots *s, uint32_t link) {
    return (struct p2_slot_meld_node *)p2_slots_at(s, link - 1);
}

static unsigned rank_of(const struct p2_slots *s, uint32_t link) { return link ? at(s, link)->rank : 0; }

// The shorter way down lies on the right. True when the rank changed.
static bool settle(const struct p2_slots *s, struct p2_slot_meld_node *n) {
    unsigned left = rank_of(s, n->left), right = rank_of(s, n->right);
    if (left < right) {
        uint32_t shorter = n->left;
        n->left = n->right;
        n->right = shorter;
        right = left;
    }
    bool changed = right + 1 != n->rank;
    n->rank = (uint8_t)(right + 1);
    return changed;
}

// Along both right spines, which are at most log2(n + 1) long each: the better node stays, the other goes on below it.
static uint32_t join(const struct p2_slots *s, uint32_t a, uint32_t b, order *before) {
    if (!a || !b) return a ? a : b;
    if (before(at(s, b), at(s, a))) {
        uint32_t better = b;
        b = a;
        a = better;
    }
    uint32_t here = a;
    for (uint32_t next; (next = at(s, here)->right) != 0; here = at(s, here)->right) {
        if (!before(at(s, b), at(s, next))) continue;
        at(s, here)->right = b;
        at(s, b)->up = here;
        b = next;
    }
    at(s, here)->right = b;
    at(s, b)->up = here;
    while (here != a) {
        struct p2_slot_meld_node *n = at(s, here);
        here = n->up;
        settle(s, n);
    }
    settle(s, at(s, a));
    return a;
}

void p2_slot_meld_push(const struct p2_slots *s, struct p2_slot_meld *m, uint32_t slot, order *before) {
    struct p2_slot_meld_node *n = at(s, slot + 1);
    P2_CHECK(!p2_slot_meld_in(n));
    n->left = n->right = n->up = 0;
    n->rank = 1;
    m->root = join(s, m->root, slot + 1, before); // neither has anything above it
}

void p2_slot_meld_remove(const struct p2_slots *s, struct p2_slot_meld *m, uint32_t slot, order *before) {
    struct p2_slot_meld_node *n = at(s, slot + 1);
    if (!p2_slot_meld_in(n)) return;
    struct p2_slot_meld_node *up = n->up ? at(s, n->up) : NULL;
    uint32_t rest = join(s, n->left, n->right, before);
    P2_CHECK(up ? up->left == slot + 1 || up->right == slot + 1 : m->root == slot + 1);
    if (rest) at(s, rest)->up = n->up;
    if (!up)
        m->root = rest;
    else if (up->left == slot + 1)
        up->left = rest;
    else
        up->right = rest;
    // A rank is at most log2(n + 1): so is the way up to where none changes.
    while (up && settle(s, up)) up = up->up ? at(s, up->up) : NULL;
    n->left = n->right = n->up = 0;
    n->rank = 0;
}

void p2_slot_meld_check(const struct p2_slots *s, const struct p2_slot_meld *m, uint32_t slot, order *before) {
    uint32_t link = slot + 1;
    const struct p2_slot_meld_node *n = at(s, link);
    P2_CHECK(p2_slot_meld_in(n));
    P2_CHECK(n->up ? at(s, n->up)->left == link || at(s, n->up)->right == link : m->root == link);
    P2_CHECK(rank_of(s, n->left) >= rank_of(s, n->right) && n->rank == rank_of(s, n->right) + 1);
    P2_CHECK(!n->left || (at(s, n->left)->up == link && before(n, at(s, n->left))));
    P2_CHECK(!n->right || (at(s, n->right)->up == link && before(n, at(s, n->right))));
}
