#include <string.h>

#include "base/meld.h"
#include "base/rng.h"
#include "cmocka_all.h"

#define ITEMS 400

struct item {
    struct p2_meld_node node;
    int key;
    unsigned number;
};

static struct item items[ITEMS];

static const struct item *item_of(const struct p2_meld_node *n) { return (const struct item *)(const void *)n; }

static bool before(const struct p2_meld_node *a, const struct p2_meld_node *b) {
    const struct item *x = item_of(a), *y = item_of(b);
    return x->key != y->key ? x->key < y->key : x->number < y->number;
}

static const struct item *naive_first(void) {
    const struct item *best = NULL;
    for (unsigned i = 0; i < ITEMS; i++) {
        if (p2_meld_in(&items[i].node) && (!best || before(&items[i].node, &best->node))) best = &items[i];
    }
    return best;
}

static void check_all(const struct p2_meld *m) {
    for (unsigned i = 0; i < ITEMS; i++) {
        if (p2_meld_in(&items[i].node)) p2_meld_check(m, &items[i].node, before);
    }
}

static void test_against_a_walk_over_all(void **state) {
    (void)state;
    struct p2_rng rng;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct p2_meld m = {NULL};
        memset(items, 0, sizeof items);
        for (unsigned i = 0; i < ITEMS; i++) items[i].number = i;
        p2_rng_init(&rng, seed);
        uint32_t keys = 1 + (uint32_t)p2_rng_below(&rng, 300);
        for (unsigned n = 0; n < 3000; n++) {
            struct item *it = &items[p2_rng_below(&rng, ITEMS)];
            if (p2_meld_in(&it->node)) {
                p2_meld_remove(&m, &it->node, before);
            } else {
                it->key = (int)p2_rng_below(&rng, keys);
                p2_meld_push(&m, &it->node, before);
            }
            if (n % 50 == 0) check_all(&m);
            assert_ptr_equal(p2_meld_peek(&m), naive_first());
        }
        while (m.root) {
            assert_ptr_equal(m.root, naive_first());
            p2_meld_remove(&m, m.root, before);
        }
        assert_null(naive_first());
    }
}

// The best that satisfies something, by skipping below whatever does; and a walk that skips nothing meets all.
static void test_a_walk_finds_the_best_that_suits(void **state) {
    (void)state;
    struct p2_meld m = {NULL};
    struct p2_rng rng;
    p2_rng_init(&rng, 2);
    memset(items, 0, sizeof items);
    for (unsigned i = 0; i < ITEMS; i++) {
        items[i].number = i;
        items[i].key = (int)p2_rng_below(&rng, 1000);
        p2_meld_push(&m, &items[i].node, before);
    }
    for (unsigned modulus = 1; modulus < 40; modulus++) {
        const struct p2_meld_node *found = NULL, *naive = NULL, *n = p2_meld_peek(&m);
        while (n) {
            bool worse = found && before(found, n), suits = item_of(n)->number % modulus == modulus - 1;
            if (!worse && suits) found = n;
            n = p2_meld_after(n, !worse && !suits);
        }
        for (unsigned i = modulus - 1; i < ITEMS; i += modulus) {
            if (!naive || before(&items[i].node, naive)) naive = &items[i].node;
        }
        assert_ptr_equal(found, naive);
    }
    unsigned met = 0;
    for (const struct p2_meld_node *n = p2_meld_peek(&m); n; n = p2_meld_after(n, true)) met++;
    assert_int_equal(met, ITEMS);
}

// The worst for a heap of links: everything in order, or in reverse. The way to a gap stays short.
static void test_ranks_stay_logarithmic(void **state) {
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        struct p2_meld m = {NULL};
        memset(items, 0, sizeof items);
        for (unsigned i = 0; i < ITEMS; i++) {
            items[i].key = sign * (int)i;
            p2_meld_push(&m, &items[i].node, before);
        }
        check_all(&m);
        for (unsigned i = 0; i < ITEMS; i++) assert_true(items[i].node.rank <= 8); // log2(401)
        p2_meld_remove(&m, &items[7].node, before);
        p2_meld_remove(&m, &items[7].node, before); // in none: harmless
        check_all(&m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_walk_over_all),
        cmocka_unit_test(test_a_walk_finds_the_best_that_suits),
        cmocka_unit_test(test_ranks_stay_logarithmic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
