// The table of blobs: budget, order of eviction, pins, what becomes of one whose bytes are wrong.
#include <string.h>

#include "base/rng.h"
#include "base/shelf.h"
#include "cmocka_all.h"
#include "testlib.h"

struct own {
    struct p2_shelf_entry entry;
    uint32_t mine;
};

static const uint64_t seed[2] = {1, 2};

static struct p2_digest digest(uint8_t n) {
    struct p2_digest d = {{0}};
    d.b[0] = n;
    d.b[31] = (uint8_t)~n;
    return d;
}

static void make(struct p2_shelf *s, uint32_t entries, uint64_t bytes) {
    const struct p2_shelf_limits limits = {entries, bytes, sizeof(struct own)};
    assert_true(p2_shelf_init(s, &limits, seed));
}

static struct own *add(struct p2_shelf *s, uint8_t n, uint64_t size, enum p2_shelf_state state) {
    struct p2_digest d = digest(n);
    struct own *o = p2_shelf_add(s, &d, size, state);
    p2_shelf_check(s);
    return o;
}

static struct own *find(struct p2_shelf *s, uint8_t n) {
    struct p2_digest d = digest(n);
    return p2_shelf_find(s, &d);
}

static void the_longest_idle_goes_first(void **state) {
    (void)state;
    struct p2_shelf s;
    make(&s, 8, 100);
    struct own *a = add(&s, 1, 40, P2_SHELF_HERE), *b = add(&s, 2, 40, P2_SHELF_HERE);
    assert_ptr_equal(p2_shelf_victim(&s), a);
    p2_shelf_pin(&s, &a->entry);
    assert_ptr_equal(p2_shelf_victim(&s), b);
    assert_false(p2_shelf_unpin(&s, &a->entry)); // used a moment ago
    assert_ptr_equal(p2_shelf_victim(&s), b);
    assert_int_equal(p2_shelf_room(&s, 20), P2_OK);
    assert_int_equal(p2_shelf_room(&s, 21), P2_ERR_AGAIN);
    p2_shelf_remove(&s, &b->entry);
    assert_int_equal(p2_shelf_room(&s, 60), P2_OK);
    assert_null(find(&s, 2));
    assert_ptr_equal(find(&s, 1), a);
    p2_shelf_check(&s);
    p2_shelf_deinit(&s);
}

static void what_is_in_use_stays(void **state) {
    (void)state;
    struct p2_shelf s;
    make(&s, 8, 100);
    struct own *a = add(&s, 1, 60, P2_SHELF_HERE);
    struct own *b = add(&s, 2, 30, P2_SHELF_COMING);
    p2_shelf_pin(&s, &a->entry);
    p2_shelf_check(&s);
    assert_null(p2_shelf_victim(&s));
    assert_int_equal(p2_shelf_room(&s, 11), P2_ERR_OVERLOADED);
    assert_int_equal(p2_shelf_room(&s, 101), P2_ERR_TOO_LARGE);
    p2_shelf_move(&s, &b->entry, P2_SHELF_PART);
    assert_ptr_equal(p2_shelf_victim(&s), b);
    assert_int_equal(p2_shelf_room(&s, 40), P2_ERR_AGAIN);
    assert_int_equal(p2_shelf_room(&s, 41), P2_ERR_OVERLOADED);
    p2_shelf_check(&s);
    p2_shelf_deinit(&s);
}

static void a_full_table_needs_a_victim_too(void **state) {
    (void)state;
    struct p2_shelf s;
    make(&s, 2, 100);
    struct own *a = add(&s, 1, 1, P2_SHELF_HERE);
    struct own *b = add(&s, 2, 1, P2_SHELF_HERE);
    assert_int_equal(p2_shelf_room(&s, 1), P2_ERR_AGAIN);
    p2_shelf_pin(&s, &a->entry);
    p2_shelf_pin(&s, &b->entry);
    assert_int_equal(p2_shelf_room(&s, 1), P2_ERR_OVERLOADED);
    p2_shelf_deinit(&s);
}

static void one_with_wrong_bytes_is_found_no_more(void **state) {
    (void)state;
    struct p2_shelf s;
    make(&s, 8, 100);
    struct own *a = add(&s, 1, 60, P2_SHELF_HERE);
    p2_shelf_pin(&s, &a->entry);
    p2_shelf_move(&s, &a->entry, P2_SHELF_LOST);
    p2_shelf_check(&s);
    assert_null(find(&s, 1));
    assert_int_equal(p2_shelf_room(&s, 100), P2_OK); // its bytes are gone at once
    struct own *again = add(&s, 1, 60, P2_SHELF_COMING);
    assert_ptr_equal(find(&s, 1), again);
    assert_true(p2_shelf_unpin(&s, &a->entry));
    p2_handle h = a->entry.self;
    p2_shelf_remove(&s, &a->entry);
    assert_null(p2_shelf_get(&s, h));
    assert_ptr_equal(find(&s, 1), again);
    p2_shelf_check(&s);
    p2_shelf_deinit(&s);
}

static void digests_that_share_a_half_are_told_apart(void **state) {
    (void)state;
    struct p2_shelf s;
    make(&s, 8, 100);
    add(&s, 1, 1, P2_SHELF_HERE);
    struct p2_digest d = digest(1);
    d.b[20] ^= 1;
    assert_null(p2_shelf_find(&s, &d));
    assert_null(p2_shelf_add(&s, &d, 1, P2_SHELF_COMING));
    p2_shelf_check(&s);
    p2_shelf_deinit(&s);
}

static void what_comes_may_turn_out_larger(void **state) {
    (void)state;
    struct p2_shelf s;
    make(&s, 8, 100);
    struct own *a = add(&s, 1, 0, P2_SHELF_COMING);
    p2_shelf_resize(&s, &a->entry, 100);
    assert_int_equal(p2_shelf_room(&s, 1), P2_ERR_OVERLOADED);
    p2_shelf_move(&s, &a->entry, P2_SHELF_HERE);
    assert_int_equal(p2_shelf_room(&s, 1), P2_ERR_AGAIN);
    p2_shelf_check(&s);
    p2_shelf_deinit(&s);
}

// Whatever is done, the sums agree and the budget holds.
static void at_random(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 11);
    struct p2_shelf s;
    make(&s, 12, 1000);
    for (unsigned step = 0; step < 20000; step++) {
        uint8_t n = (uint8_t)(p2_rng_next(&rng) % 32);
        struct own *o = find(&s, n);
        unsigned what = (unsigned)(p2_rng_next(&rng) % 5);
        if (!o) {
            uint64_t size = p2_rng_next(&rng) % 400;
            while (p2_shelf_room(&s, size) == P2_ERR_AGAIN) p2_shelf_remove(&s, p2_shelf_victim(&s));
            if (p2_shelf_room(&s, size) == P2_OK)
                assert_non_null(add(&s, n, size, what ? P2_SHELF_COMING : P2_SHELF_HERE));
        } else if (what < 2 && o->entry.state != P2_SHELF_COMING) {
            if (o->entry.state == P2_SHELF_HERE && o->entry.pins < 3) p2_shelf_pin(&s, &o->entry);
        } else if (o->entry.pins) {
            p2_shelf_unpin(&s, &o->entry);
        } else if (o->entry.state == P2_SHELF_COMING) {
            p2_shelf_move(&s, &o->entry, what & 1 ? P2_SHELF_HERE : P2_SHELF_PART);
        } else if (o->entry.state == P2_SHELF_PART) {
            p2_shelf_move(&s, &o->entry, P2_SHELF_COMING);
        }
        p2_shelf_check(&s);
    }
    p2_shelf_deinit(&s);
}

static void memory_may_be_short(void **state) {
    (void)state;
    struct p2_shelf s;
    const struct p2_shelf_limits limits = {8, 100, sizeof(struct own)};
    for (uint64_t n = 1;; n++) {
        t_alloc_fail_at(n);
        bool made = p2_shelf_init(&s, &limits, seed);
        bool failed = t_alloc_failed();
        t_alloc_reset();
        assert_true(made == !failed);
        p2_shelf_deinit(&s);
        if (made) break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_idle_goes_first),
        cmocka_unit_test(what_is_in_use_stays),
        cmocka_unit_test(a_full_table_needs_a_victim_too),
        cmocka_unit_test(one_with_wrong_bytes_is_found_no_more),
        cmocka_unit_test(digests_that_share_a_half_are_told_apart),
        cmocka_unit_test(what_comes_may_turn_out_larger),
        cmocka_unit_test(at_random),
        cmocka_unit_test(memory_may_be_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
