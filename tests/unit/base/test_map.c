#include "base/map.h"

#include "base/rng.h"
#include "cmocka_all.h"
#include "testlib.h"

#define KEYS 256

static const uint64_t seed[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

static struct p2_id key_of(uint32_t i) {
    struct p2_id id = {0}; // neighbours that differ in few bits
    id.b[0] = (uint8_t)i;
    id.b[9] = (uint8_t)(i >> 8);
    return id;
}

static void agrees_with_a_model(void **state) {
    (void)state;
    for (uint64_t run = 0; run < 8; run++) {
        struct p2_rng r;
        p2_rng_init(&r, run);
        struct p2_map m;
        const uint64_t own[2] = {p2_rng_next(&r), p2_rng_next(&r)};
        uint32_t capacity = 1 + (uint32_t)p2_rng_below(&r, KEYS), count = 0;
        assert_true(p2_map_init(&m, capacity, own));
        p2_handle model[KEYS] = {0};
        for (uint64_t step = 1; step < 6000; step++) {
            uint32_t i = (uint32_t)p2_rng_below(&r, KEYS);
            struct p2_id key = key_of(i);
            if (p2_rng_below(&r, 5) < 3) {
                bool fits = model[i] == 0 && count < capacity;
                assert_int_equal(p2_map_put(&m, &key, step), fits);
                if (fits) model[i] = step;
                count += fits;
            } else {
                assert_int_equal(p2_map_remove(&m, &key), model[i] != 0);
                count -= model[i] != 0;
                model[i] = 0;
            }
            assert_int_equal(m.count, count);
            if (step % 16) continue;
            for (uint32_t k = 0; k < KEYS; k++) {
                struct p2_id id = key_of(k);
                assert_int_equal(p2_map_get(&m, &id), model[k]);
            }
        }
        p2_map_deinit(&m);
    }
}

// Entries of one home in a table of four places, with a run that goes over the end of the table: removal in every order
// must leave the others findable.
static void removal_closes_runs_over_the_end(void **state) {
    (void)state;
    for (uint32_t first = 0; first < 40; first++) {
        struct p2_map m;
        assert_true(p2_map_init(&m, 2, seed));
        struct p2_id a = key_of(first), b = key_of(first + 1), c = key_of(first + 2);
        assert_true(p2_map_put(&m, &a, 1));
        assert_true(p2_map_put(&m, &b, 2));
        assert_false(p2_map_put(&m, &c, 3)); // full
        assert_false(p2_map_put(&m, &a, 4)); // there already
        assert_true(p2_map_remove(&m, &a));
        assert_int_equal(p2_map_get(&m, &b), 2);
        assert_int_equal(p2_map_get(&m, &a), P2_NO_HANDLE);
        assert_true(p2_map_put(&m, &c, 3));
        assert_true(p2_map_remove(&m, &b));
        assert_int_equal(p2_map_get(&m, &c), 3);
        p2_map_deinit(&m);
    }
}

static uint32_t longest_run(const struct p2_map *m) {
    uint32_t longest = 0, run = 0;
    for (uint64_t i = 0; i <= 2 * (uint64_t)m->mask; i++) {
        run = m->entries[i & m->mask].value ? run + 1 : 0;
        if (run > longest) longest = run;
    }
    return longest;
}

// Keys that are alike spread out, and where they go depends on the seed.
static void alike_keys_spread(void **state) {
    (void)state;
    struct p2_map m, other;
    const uint64_t other_seed[2] = {seed[0], seed[1] ^ 1};
    assert_true(p2_map_init(&m, 4096, seed));
    assert_true(p2_map_init(&other, 4096, other_seed));
    for (uint32_t i = 0; i < 4096; i++) {
        struct p2_id key = key_of(i);
        assert_true(p2_map_put(&m, &key, i + 1));
        assert_true(p2_map_put(&other, &key, i + 1));
    }
    assert_true(longest_run(&m) < 64);
    assert_true(longest_run(&other) < 64);
    uint32_t same = 0;
    for (uint32_t i = 0; i <= m.mask; i++) same += m.entries[i].value && m.entries[i].value == other.entries[i].value;
    assert_true(same < 40);
    p2_map_deinit(&m);
    p2_map_deinit(&other);
}

static void put_nothing(void *arg) {
    struct p2_id key = {0};
    p2_map_put(arg, &key, P2_NO_HANDLE);
}

static void edges(void **state) {
    (void)state;
    struct p2_map m;
    struct p2_id zero = {0};
    assert_true(p2_map_init(&m, 0, seed));
    assert_false(p2_map_put(&m, &zero, 1));
    assert_int_equal(p2_map_get(&m, &zero), P2_NO_HANDLE);
    assert_false(p2_map_remove(&m, &zero));
    p2_map_deinit(&m);
    assert_true(p2_map_init(&m, 1, seed));
    assert_true(p2_map_put(&m, &zero, UINT64_MAX)); // a key of zeros is a key
    assert_int_equal(p2_map_get(&m, &zero), UINT64_MAX);
    assert_true(t_aborts(put_nothing, &m));
    p2_map_deinit(&m);
    t_alloc_reset();
    t_alloc_fail_at(1);
    assert_false(p2_map_init(&m, 8, seed));
    assert_true(t_alloc_failed());
    t_alloc_reset();
    assert_false(p2_map_init(&m, UINT32_MAX, seed));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(removal_closes_runs_over_the_end),
        cmocka_unit_test(alike_keys_spread),
        cmocka_unit_test(edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
