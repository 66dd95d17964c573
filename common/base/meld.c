#include "meld.h"

#include "check.h"

static uint32_t rank_of(const struct p2_meld_node *n) { return n ? n->rank : 0; }

// The shorter way down lies on the right. True when the rank changed.
static bool settle(struct p2_meld_node *n) {
    if (rank_of(n->left) < rank_of(n->right)) {
        struct p2_meld_node *shorter = n->left;
        n->left = n->right;
        n->right = shorter;
    }
    uint32_t rank = rank_of(n->right) + 1;
    bool changed = rank != n->rank;
    n->rank = rank;
    return changed;
}

// Along both right spines, which are at most log2(n + 1) long each: the better node stays, the other goes on below it.
static struct p2_meld_node *join(struct p2_meld_node *a, struct p2_meld_node *b, p2_meld_before *before) {
    if (!a || !b) return a ? a : b;
    if (before(b, a)) {
        struct p2_meld_node *better = b;
        b = a;
        a = better;
    }
    struct p2_meld_node *at = a;
    while (at->right) {
        struct p2_meld_node *next = at->right;
        if (before(b, next)) {
            at->right = b;
            b->up = at;
            b = next;
        }
        at = at->right;
    }
    at->right = b;
    b->up = at;
    while (at != a) {
        struct p2_meld_node *up = at->up;
        settle(at);
        at = up;
    }
    settle(a);
    return a;
}

void p2_meld_push(struct p2_meld *m, struct p2_meld_node *n, p2_meld_before *before) {
    P2_CHECK(!p2_meld_in(n));
    *n = (struct p2_meld_node){.rank = 1};
    m->root = join(m->root, n, before);
    m->root->up = NULL;
}

void p2_meld_remove(struct p2_meld *m, struct p2_meld_node *n, p2_meld_before *before) {
    if (!p2_meld_in(n)) return;
    struct p2_meld_node *up = n->up, *rest = join(n->left, n->right, before);
    P2_CHECK(up ? up->left == n || up->right == n : m->root == n);
    if (rest) rest->up = up;
    if (!up)
        m->root = rest;
    else if (up->left == n)
        up->left = rest;
    else
        up->right = rest;
    while (up && settle(up)) up = up->up; // a rank is at most log2(n + 1): so is the way up to where none changes
    *n = (struct p2_meld_node){.rank = 0};
}

struct p2_meld_node *p2_meld_after(const struct p2_meld_node *n, bool below) {
    if (below && n->left) return n->left;
    for (; n->up; n = n->up) {
        if (n->up->left == n && n->up->right) return n->up->right;
    }
    return NULL;
}

void p2_meld_check(const struct p2_meld *m, const struct p2_meld_node *n, p2_meld_before *before) {
    P2_CHECK(p2_meld_in(n) && (n->up ? n->up->left == n || n->up->right == n : m->root == n));
    P2_CHECK(rank_of(n->left) >= rank_of(n->right) && n->rank == rank_of(n->right) + 1);
    P2_CHECK(!n->left || (n->left->up == n && before(n, n->left)));
    P2_CHECK(!n->right || (n->right->up == n && before(n, n->right)));
}
