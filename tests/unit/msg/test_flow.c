#include "msg/flow.h"

#include "base/rng.h"
#include "cmocka_all.h"
#include "msg/limits.h"

static void chunks_must_fit(void **state) {
    (void)state;
    struct p2_inflow f;
    p2_inflow_begin(&f, 2, 1000, 600);
    assert_int_equal(f.granted, 600);
    assert_int_equal(p2_inflow_take(&f, 1, 0, 10), P2_ERR_NOT_FOUND);   // of an earlier attempt
    assert_int_equal(p2_inflow_take(&f, 3, 0, 10), P2_ERR_BAD_MESSAGE); // never asked for
    assert_int_equal(p2_inflow_take(&f, 2, 0, 0), P2_ERR_BAD_MESSAGE);
    assert_int_equal(p2_inflow_take(&f, 2, 1, 10), P2_ERR_BAD_MESSAGE);
    assert_int_equal(p2_inflow_take(&f, 2, 0, 1001), P2_ERR_BAD_MESSAGE);
    assert_int_equal(p2_inflow_take(&f, 2, 0, UINT32_MAX), P2_ERR_BAD_MESSAGE);
    assert_int_equal(p2_inflow_take(&f, 2, 0, 601), P2_ERR_TOO_LARGE);
    assert_int_equal(f.have, 0); // refused chunks leave no trace
    assert_int_equal(p2_inflow_take(&f, 2, 0, 600), P2_OK);
    assert_int_equal(p2_inflow_take(&f, 2, 0, 600), P2_ERR_BAD_MESSAGE); // again
    assert_int_equal(p2_inflow_take(&f, 2, 599, 1), P2_ERR_BAD_MESSAGE); // overlaps
    assert_int_equal(p2_inflow_take(&f, 2, 600, 1), P2_ERR_TOO_LARGE);
    assert_int_equal(p2_inflow_take(&f, 2, UINT64_MAX, 1), P2_ERR_BAD_MESSAGE);
    assert_int_equal(p2_inflow_grant(&f, 600, 600), 1000);
    assert_int_equal(p2_inflow_take(&f, 2, 600, 400), P2_OK);
    assert_true(p2_inflow_whole(&f));
    assert_int_equal(p2_inflow_take(&f, 2, 1000, 1), P2_ERR_BAD_MESSAGE);
}

static void nothing_to_expect(void **state) {
    (void)state;
    struct p2_inflow f;
    p2_inflow_begin(&f, 1, 0, 600);
    assert_true(p2_inflow_whole(&f));
    assert_int_equal(f.granted, 0);
    assert_int_equal(p2_inflow_take(&f, 1, 0, 1), P2_ERR_BAD_MESSAGE);
    assert_int_equal(p2_inflow_grant(&f, 0, 600), 0);
}

static void windows_are_told_in_halves(void **state) {
    (void)state;
    struct p2_inflow f;
    p2_inflow_begin(&f, 1, 10000, 1000);
    assert_int_equal(p2_inflow_grant(&f, 0, 1000), 0);
    assert_int_equal(p2_inflow_grant(&f, 499, 1000), 0);
    assert_int_equal(f.granted, 1000);
    assert_int_equal(p2_inflow_grant(&f, 500, 1000), 1500);
    assert_int_equal(p2_inflow_grant(&f, 500, 1000), 0);
    assert_int_equal(p2_inflow_grant(&f, 400, 1000), 0); // never back
    assert_int_equal(p2_inflow_grant(&f, 8999, 1000), 9999);
    assert_int_equal(p2_inflow_grant(&f, 9000, 1000), 10000); // little, but to the end
    assert_int_equal(p2_inflow_grant(&f, 9999, 1000), 0);
    p2_inflow_begin(&f, 1, 10000, 1000);
    assert_int_equal(p2_inflow_grant(&f, 5, UINT64_MAX), 10000); // does not overflow
}

static void sending_within_the_window(void **state) {
    (void)state;
    struct p2_outflow f;
    p2_outflow_begin(&f, 3, 200000, 70000);
    assert_int_equal(p2_outflow_next(&f), P2_RECORD_PAYLOAD_MAX);
    f.sent += p2_outflow_next(&f);
    assert_int_equal(p2_outflow_next(&f), 70000 - P2_RECORD_PAYLOAD_MAX);
    f.sent += p2_outflow_next(&f);
    assert_int_equal(p2_outflow_next(&f), 0);
    assert_false(p2_outflow_done(&f));
    p2_outflow_window(&f, 2, 200000); // stale
    p2_outflow_window(&f, 4, 200000); // of an attempt never sent
    p2_outflow_window(&f, 3, 100);    // never shrinks
    assert_int_equal(p2_outflow_next(&f), 0);
    p2_outflow_window(&f, 3, 70001);
    assert_int_equal(p2_outflow_next(&f), 1);
    p2_outflow_window(&f, 3, UINT64_MAX);
    assert_int_equal(f.limit, 200000);
    while (p2_outflow_next(&f)) f.sent += p2_outflow_next(&f);
    assert_true(p2_outflow_done(&f));
    p2_outflow_begin(&f, 1, 10, UINT64_MAX);
    assert_int_equal(p2_outflow_next(&f), 10);
    p2_outflow_begin(&f, 1, 0, 100);
    assert_true(p2_outflow_done(&f));
    assert_int_equal(p2_outflow_next(&f), 0);
}

// Both ends joined, with any sizes and windows: everything arrives, nothing beyond the window is under way.
static void both_ends_meet(void **state) {
    (void)state;
    struct p2_rng r;
    p2_rng_init(&r, 5);
    for (int run = 0; run < 200; run++) {
        uint64_t size = p2_rng_below(&r, 2000000), window = 1 + p2_rng_below(&r, 300000);
        struct p2_inflow in;
        struct p2_outflow out;
        p2_inflow_begin(&in, 1, size, window);
        p2_outflow_begin(&out, 1, size, window);
        uint64_t consumed = 0;
        for (int step = 0; !p2_inflow_whole(&in); step++) {
            assert_true(step < 10000000);
            uint32_t n = p2_outflow_next(&out);
            if (n > 0) {
                n = 1 + (uint32_t)p2_rng_below(&r, n);
                assert_int_equal(p2_inflow_take(&in, 1, out.sent, n), P2_OK);
                out.sent += n;
            }
            if (n == 0 || p2_rng_below(&r, 3) == 0) consumed = in.have;
            uint64_t limit = p2_inflow_grant(&in, consumed, window);
            if (limit) p2_outflow_window(&out, 1, limit);
            assert_true(out.sent <= consumed + window);
        }
        assert_true(p2_outflow_done(&out));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_must_fit),
        cmocka_unit_test(nothing_to_expect),
        cmocka_unit_test(windows_are_told_in_halves),
        cmocka_unit_test(sending_within_the_window),
        cmocka_unit_test(both_ends_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
