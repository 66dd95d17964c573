#include "base/slot_meld.h"

#include <string.h>

#include "base/list.h"
#include "base/rng.h"
#include "cmocka_all.h"
#include "testlib.h"

#define ITEMS 400

struct item {
    int key;
    unsigned number;
    struct p2_slot_meld_node node;
};

static struct item items[ITEMS];

static struct p2_slots slots_of_items(void) {
    return (struct p2_slots){(unsigned char *)&items[0].node, sizeof *items};
}

static const struct item *item_of(const struct p2_slot_meld_node *n) { return P2_CONTAINER_OF(n, struct item, node); }

static bool before(const struct p2_slot_meld_node *a, const struct p2_slot_meld_node *b) {
    const struct item *x = item_of(a), *y = item_of(b);
    return x->key != y->key ? x->key < y->key : x->number < y->number;
}

static uint32_t naive_first(void) {
    uint32_t best = P2_NO_SLOT;
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (!p2_slot_meld_in(&items[i].node)) continue;
        if (best == P2_NO_SLOT || before(&items[i].node, &items[best].node)) best = i;
    }
    return best;
}

static void check_all(const struct p2_slots *s, const struct p2_slot_meld *m) {
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (p2_slot_meld_in(&items[i].node)) p2_slot_meld_check(s, m, i, before);
    }
}

static void agrees_with_a_walk_over_all(void **state) {
    (void)state;
    const struct p2_slots s = slots_of_items();
    struct p2_rng rng;
    assert_int_equal(sizeof(struct p2_slot_meld_node), 16);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct p2_slot_meld m = {0};
        memset(items, 0, sizeof items);
        for (unsigned i = 0; i < ITEMS; i++) items[i].number = i;
        p2_rng_init(&rng, seed);
        uint32_t keys = 1 + (uint32_t)p2_rng_below(&rng, 300);
        for (unsigned n = 0; n < 3000; n++) {
            uint32_t slot = (uint32_t)p2_rng_below(&rng, ITEMS);
            struct item *it = &items[slot];
            if (p2_slot_meld_in(&it->node)) {
                p2_slot_meld_remove(&s, &m, slot, before);
            } else {
                it->key = (int)p2_rng_below(&rng, keys);
                p2_slot_meld_push(&s, &m, slot, before);
            }
            if (n % 50 == 0) check_all(&s, &m);
            assert_int_equal(p2_slot_meld_peek(&m), naive_first());
        }
        for (uint32_t first; (first = p2_slot_meld_peek(&m)) != P2_NO_SLOT;) {
            assert_int_equal(first, naive_first());
            p2_slot_meld_remove(&s, &m, first, before);
        }
        assert_int_equal(naive_first(), P2_NO_SLOT);
    }
}

static void push_again(void *arg) {
    const struct p2_slots s = slots_of_items();
    p2_slot_meld_push(&s, arg, 7, before);
}

// The worst for a heap of links: everything in order, or in reverse. The way to a gap stays short.
static void ranks_stay_logarithmic(void **state) {
    (void)state;
    const struct p2_slots s = slots_of_items();
    for (int sign = -1; sign <= 1; sign += 2) {
        struct p2_slot_meld m = {0};
        memset(items, 0, sizeof items);
        for (uint32_t i = 0; i < ITEMS; i++) {
            items[i].key = sign * (int)i;
            p2_slot_meld_push(&s, &m, i, before);
        }
        check_all(&s, &m);
        for (uint32_t i = 0; i < ITEMS; i++) assert_true(items[i].node.rank <= 8); // log2(401)
        assert_true(t_aborts(push_again, &m));
        p2_slot_meld_remove(&s, &m, 7, before);
        p2_slot_meld_remove(&s, &m, 7, before); // in none: harmless
        check_all(&s, &m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_walk_over_all),
        cmocka_unit_test(ranks_stay_logarithmic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
