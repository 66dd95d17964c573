// The histogram: exactness, merging, the table for plotters.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "cmocka_all.h"
#include "loadtest/core/hdr.h"

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void nothing_is_zero(void **state) {
    (void)state;
    struct hdr *h = calloc(1, sizeof *h);
    assert_int_equal(hdr_at(h, 0.99), 0);
    assert_int_equal(hdr_mean(h), 0);
    assert_int_equal(hdr_deviation(h), 0);
    free(h);
}

static void every_range_is_exact_to_a_thousandth(void **state) {
    (void)state;
    struct hdr *h = calloc(1, sizeof *h);
    for (int64_t us = 0; us < (int64_t)HDR_US_MAX; us += 1 + us / 37) {
        hdr_clear(h);
        hdr_add(h, us * P2_US);
        hdr_add(h, HDR_US_MAX * P2_US); // so that the largest does not hide the bucket's ceiling
        p2_ns got = hdr_at(h, 0.5);
        assert_true(got >= us * P2_US && got <= us * P2_US + us);
    }
    hdr_clear(h);
    hdr_add(h, P2_NEVER);
    hdr_add(h, -5);
    assert_int_equal(hdr_at(h, 1), HDR_US_MAX * P2_US);
    assert_int_equal(hdr_at(h, 0), 0);
    free(h);
}

static void quantiles_are_those_of_the_sorted_values(void **state) {
    (void)state;
    enum { N = 20001 };
    struct hdr *h = calloc(2, sizeof *h);
    int64_t *all = malloc(N * sizeof *all);
    struct p2_rng r;
    p2_rng_init(&r, 7);
    double sum = 0;
    for (int i = 0; i < N; i++) {
        all[i] = (int64_t)(p2_rng_unit(&r) * p2_rng_unit(&r) * 3e6);
        sum += (double)all[i];
        hdr_add(&h[i % 2], all[i] * P2_US);
    }
    hdr_merge(&h[0], &h[1]);
    assert_int_equal(h->count, N);
    qsort(all, N, sizeof *all, by_size);
    static const double qs[] = {0, 0.001, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    for (size_t i = 0; i < sizeof qs / sizeof *qs; i++) {
        int64_t want = all[(int)(qs[i] * N) < N ? (int)(qs[i] * N) : N - 1];
        int64_t got = hdr_at(h, qs[i]) / P2_US;
        assert_true(got >= want - want / 500 - 1 && got <= want + want / 500 + 1);
    }
    assert_int_equal(hdr_max(h), all[N - 1] * P2_US);
    assert_true(llabs(hdr_mean(h) - (p2_ns)(sum / N * 1e3)) <= P2_US);
    free(all);
    free(h);
}

static void the_table_ends_with_all_and_rises(void **state) {
    (void)state;
    struct hdr *h = calloc(1, sizeof *h);
    char *text = malloc(HDR_TEXT);
    struct p2_strbuf out;
    for (int i = 1; i <= 100000; i++) hdr_add(h, i * P2_US);
    p2_strbuf_init(&out, text, HDR_TEXT);
    hdr_print(h, &out);
    assert_false(out.cut);
    assert_non_null(strstr(text, "Percentile"));
    double value, share, before = -1, last = -1;
    unsigned long long count = 0;
    int lines = 0;
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (sscanf(line, "%lf %lf %llu", &value, &share, &count) != 3) continue;
        assert_true(share >= before && value >= last);
        assert_true(value >= share * 100 - 0.001 && value <= share * 100 * 1.001 + 0.1);
        before = share;
        last = value;
        lines++;
    }
    assert_true(lines > 50 && lines < 200);
    assert_true(before > 0.9999999 && before < 1.0000001);
    assert_int_equal(count, 100000);
    free(text);
    free(h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_zero),
        cmocka_unit_test(every_range_is_exact_to_a_thousandth),
        cmocka_unit_test(quantiles_are_those_of_the_sorted_values),
        cmocka_unit_test(the_table_ends_with_all_and_rises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
