#include "base/slot_order.h"

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

// The first of all, and how many there are.
static uint32_t naive_first(uint32_t *count) {
    uint32_t best = P2_NO_SLOT;
    *count = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (!p2_slot_order_in(&items[i].node)) continue;
        ++*count;
        if (best == P2_NO_SLOT || before(&items[i].node, &items[best].node)) best = i;
    }
    return best;
}

static void compare(const struct p2_slots *s, const struct p2_slot_order *o) {
    uint32_t count;
    assert_int_equal(p2_slot_order_first(s, o, before), naive_first(&count));
    assert_int_equal(o->count, count);
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (p2_slot_order_in(&items[i].node)) p2_slot_order_check(s, o, i, before);
    }
    bool seen[ITEMS] = {false};
    for (uint32_t i = p2_slot_order_walk(o); i != P2_NO_SLOT; i = p2_slot_order_next(s, o, i), count--) {
        assert_false(seen[i]);
        seen[i] = true;
    }
    assert_int_equal(count, 0);
}

// Keys that mostly grow, as deadlines do, but for a share that is up to `back` less than the latest.
static void play(uint64_t seed, unsigned back_percent, unsigned back) {
    const struct p2_slots s = slots_of_items();
    struct p2_slot_order o = {.count = 0};
    struct p2_rng rng;
    int latest = 0;
    memset(items, 0, sizeof items);
    p2_rng_init(&rng, seed);
    for (unsigned n = 0; n < 3000; n++) {
        uint32_t slot = (uint32_t)p2_rng_below(&rng, ITEMS);
        struct item *it = &items[slot];
        if (p2_slot_order_in(&it->node)) {
            p2_slot_order_remove(&s, &o, slot, before);
            p2_slot_order_remove(&s, &o, slot, before); // harmless
        } else {
            bool goes_back = p2_rng_below(&rng, 100) < back_percent;
            latest += (int)p2_rng_below(&rng, 2);
            it->key = goes_back ? latest - (int)p2_rng_below(&rng, back) : latest;
            it->number = n;
            p2_slot_order_push(&s, &o, slot, before);
        }
        if (n % 10 == 0) compare(&s, &o);
    }
    if (!back_percent) assert_int_equal(p2_slot_meld_peek(&o.heap), P2_NO_SLOT);
    for (uint32_t first; (first = p2_slot_order_first(&s, &o, before)) != P2_NO_SLOT;) {
        uint32_t count;
        assert_int_equal(first, naive_first(&count));
        p2_slot_order_remove(&s, &o, first, before);
    }
    assert_int_equal(o.count, 0);
}

static void agrees_with_a_walk_over_all(void **state) {
    (void)state;
    const unsigned shares[] = {0, 5, 50, 100};
    for (uint64_t seed = 1; seed <= 16; seed++) play(seed, shares[seed % 4], seed % 3 ? 300 : 3);
}

static void push_again(void *arg) {
    const struct p2_slots s = slots_of_items();
    p2_slot_order_push(&s, arg, 7, before);
}

static void one_that_is_in_is_not_pushed(void **state) {
    (void)state;
    const struct p2_slots s = slots_of_items();
    struct p2_slot_order o = {.count = 0};
    memset(items, 0, sizeof items);
    p2_slot_order_push(&s, &o, 7, before);
    assert_true(t_aborts(push_again, &o));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_walk_over_all),
        cmocka_unit_test(one_that_is_in_is_not_pushed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
