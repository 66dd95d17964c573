// rng, ewma, hist, ns.
#include <stdlib.h>

#include "base/ewma.h"
#include "base/hist.h"
#include "base/ns.h"
#include "base/rng.h"
#include "cmocka_all.h"
#include "testlib.h"

static void rng_is_the_published_one(void **state) {
    (void)state;
    // First outputs of xoshiro256** from the state 1, 2, 3, 4, computed from its definition.
    struct p2_rng r = {{1, 2, 3, 4}};
    assert_int_equal(p2_rng_next(&r), 11520);
    assert_int_equal(p2_rng_next(&r), 0);
    assert_int_equal(p2_rng_next(&r), 1509978240);
    assert_int_equal(p2_rng_next(&r), UINT64_C(1215971899390074240));
    // And of splitmix64 from 0, which seeds it.
    p2_rng_init(&r, 0);
    assert_int_equal(r.s[0], UINT64_C(0xe220a8397b1dcdaf));
    assert_int_equal(r.s[1], UINT64_C(0x6e789e6aa1b965f4));
}

static void rng_ranges(void **state) {
    (void)state;
    struct p2_rng r;
    p2_rng_init(&r, 1);
    uint32_t seen[6] = {0};
    for (int i = 0; i < 60000; i++) seen[p2_rng_below(&r, 6)]++;
    for (int i = 0; i < 6; i++) assert_in_range(seen[i], 9500, 10500);
    for (int i = 0; i < 100; i++) assert_int_equal(p2_rng_below(&r, 1), 0);
    uint64_t large = (UINT64_C(1) << 63) + 1; // about half of all draws are thrown away
    for (int i = 0; i < 100; i++) assert_true(p2_rng_below(&r, large) < large);
    double sum = 0;
    for (int i = 0; i < 10000; i++) {
        double u = p2_rng_unit(&r);
        assert_true(u >= 0 && u < 1);
        sum += u;
    }
    assert_true(sum > 4900 && sum < 5100);
}

static void below_nothing(void *arg) { p2_rng_below(arg, 0); }

static void rng_below_zero_aborts(void **state) {
    (void)state;
    struct p2_rng r;
    p2_rng_init(&r, 1);
    assert_true(t_aborts(below_nothing, &r));
}

static void ewma_as_in_the_rfc(void **state) {
    (void)state;
    struct p2_ewma e = {0};
    p2_ewma_add(&e, 800);
    assert_int_equal(e.mean, 800);
    assert_int_equal(e.deviation, 400);
    p2_ewma_add(&e, 1600);
    assert_int_equal(e.mean, 900);      // 800 + 800 / 8
    assert_int_equal(e.deviation, 500); // 400 + (800 - 400) / 4
    for (int i = 0; i < 200; i++) p2_ewma_add(&e, 5000000);
    assert_true(llabs(e.mean - 5000000) < 8);
    assert_true(e.deviation < 16);
    assert_int_equal(e.samples, 202);
}

static void ewma_survives_extremes(void **state) {
    (void)state;
    struct p2_ewma e = {0};
    p2_ewma_add(&e, INT64_MIN);
    for (int i = 0; i < 50; i++) {
        p2_ewma_add(&e, i % 2 ? INT64_MIN : INT64_MAX); // the undefined-behaviour sanitizer watches
        assert_true(e.deviation >= 0);
    }
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void hist_quantiles_are_close(void **state) {
    (void)state;
    enum { VALUES = 5000 };
    static p2_ns values[VALUES];
    static const double quantiles[] = {0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1};
    for (uint64_t seed = 0; seed < 5; seed++) {
        struct p2_rng r;
        p2_rng_init(&r, seed);
        static struct p2_hist h;
        h = (struct p2_hist){0};
        for (int i = 0; i < VALUES; i++) { // whole microseconds over all powers of two
            values[i] = (p2_ns)(1 + p2_rng_below(&r, UINT64_C(1) << p2_rng_below(&r, 26))) * P2_US;
            if (values[i] > 60 * P2_SEC) values[i] = 60 * P2_SEC;
            p2_hist_add(&h, values[i]);
        }
        qsort(values, VALUES, sizeof values[0], by_value);
        for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
            size_t rank = (size_t)(quantiles[i] * VALUES + 0.5);
            p2_ns truth = values[rank > 0 ? rank - 1 : 0], q = p2_hist_quantile(&h, quantiles[i]);
            assert_true(q >= truth);
            assert_true((double)(q - truth) <= 0.008 * (double)truth);
        }
        assert_int_equal(p2_hist_quantile(&h, 1), values[VALUES - 1]);
    }
}

static void hist_edges(void **state) {
    (void)state;
    static struct p2_hist h, other;
    assert_int_equal(p2_hist_quantile(&h, 0.5), 0);
    p2_hist_merge(&h, &other);
    assert_int_equal(h.count, 0);
    const p2_ns values[] = {INT64_MIN, -1, 0, 1, 999, P2_US, 60 * P2_SEC, 61 * P2_SEC, INT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) p2_hist_add(&h, values[i]);
    assert_int_equal(h.count, 9);
    assert_int_equal(h.min_us, 1);
    assert_int_equal(h.max_us, 60000000);
    assert_int_equal(p2_hist_quantile(&h, 0), P2_US);
    assert_int_equal(p2_hist_quantile(&h, 6.0 / 9), P2_US);
    assert_int_equal(p2_hist_quantile(&h, 1), 60 * P2_SEC);
    assert_int_equal(p2_hist_quantile(&h, 7), 60 * P2_SEC); // out of range is held within it
    assert_int_equal(p2_hist_quantile(&h, -7), P2_US);
}

static void hist_rank_is_exact(void **state) {
    (void)state;
    static struct p2_hist h;
    h = (struct p2_hist){0};
    for (int i = 1; i <= 100; i++) p2_hist_add(&h, i * P2_US); // below 128 us every value has its bucket
    for (int i = 1; i <= 100; i++) assert_int_equal(p2_hist_quantile(&h, i / 100.0), i * P2_US);
}

static void hist_merge_is_adding(void **state) {
    (void)state;
    static struct p2_hist a, b, both;
    a = b = both = (struct p2_hist){0};
    struct p2_rng r;
    p2_rng_init(&r, 9);
    for (int i = 0; i < 1000; i++) {
        p2_ns v = (p2_ns)p2_rng_below(&r, 70000000000);
        p2_hist_add(i % 3 ? &a : &b, v);
        p2_hist_add(&both, v);
    }
    p2_hist_merge(&a, &b);
    assert_memory_equal(&a, &both, sizeof a);
}

static void spans_saturate(void **state) {
    (void)state;
    assert_int_equal(p2_ns_from_us(UINT64_MAX), P2_NEVER);
    assert_int_equal(p2_ns_from_us(INT64_MAX / 1000), INT64_MAX / 1000 * 1000);
    assert_int_equal(p2_ns_to_us(-5), 0);
    assert_int_equal(p2_ns_to_us(1999), 1);
    assert_int_equal(p2_ns_add(5, P2_NEVER), P2_NEVER);
    assert_int_equal(p2_ns_add(P2_NEVER, 5), P2_NEVER);
    assert_int_equal(p2_ns_add(P2_NEVER - 5, 5), P2_NEVER);
    assert_int_equal(p2_ns_add(7, -5), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rng_is_the_published_one),
        cmocka_unit_test(rng_ranges),
        cmocka_unit_test(rng_below_zero_aborts),
        cmocka_unit_test(ewma_as_in_the_rfc),
        cmocka_unit_test(ewma_survives_extremes),
        cmocka_unit_test(hist_quantiles_are_close),
        cmocka_unit_test(hist_edges),
        cmocka_unit_test(hist_rank_is_exact),
        cmocka_unit_test(hist_merge_is_adding),
        cmocka_unit_test(spans_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
