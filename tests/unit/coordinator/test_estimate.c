// Quantiles against sorted samples, what is forgotten, when the prior holds, and what a coordinator learns.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"

static struct rig rig;

static int by_size(const void *a, const void *b) {
    p2_ns x = *(const p2_ns *)a, y = *(const p2_ns *)b;
    return (x > y) - (x < y);
}

// At most an eighth above the sample of that rank, and not below it.
static void compare(const struct estimate_hist *h, const p2_ns *sorted, unsigned n) {
    static const unsigned percent[ESTIMATE_QUANTILES] = {50, 95};
    for (unsigned q = 0; q < ESTIMATE_QUANTILES; q++) {
        p2_ns truth = sorted[(n * percent[q] + 99) / 100 - 1];
        p2_ns said = estimate_hist_quantile(h, (enum estimate_quantile)q);
        assert_true(said >= truth && said <= truth + truth / 8);
    }
}

static void test_quantiles_are_those_of_the_samples(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 5);
    for (unsigned round = 0; round < 100; round++) {
        struct estimate_hist h = {.samples = 0};
        p2_ns samples[512];
        unsigned n = P2_PRIOR_SAMPLES + (unsigned)p2_rng_below(&rng, 512 - P2_PRIOR_SAMPLES);
        double octaves = 25 * p2_rng_unit(&rng);
        for (unsigned i = 0; i < n; i++) {
            samples[i] = (p2_ns)(16384 * exp2(octaves * p2_rng_unit(&rng)));
            estimate_hist_add(&h, samples[i]);
            estimate_hist_check(&h);
        }
        qsort(samples, n, sizeof *samples, by_size);
        compare(&h, samples, n);
    }
}

static void test_the_ends_of_the_range(void **state) {
    (void)state;
    static const p2_ns spans[] = {INT64_MIN, -1, 0, 1, 16383, 16384, 3600 * P2_SEC, P2_NEVER};
    for (unsigned i = 0; i < sizeof spans / sizeof *spans; i++) {
        struct estimate_hist h = {.samples = 0};
        for (unsigned n = 0; n < 2000; n++) estimate_hist_add(&h, spans[i]);
        estimate_hist_check(&h);
        p2_ns said = estimate_hist_quantile(&h, ESTIMATE_P50);
        assert_true(said > 0 && said <= 2 * 3600 * P2_SEC);
        assert_true(said >= p2_ns_min(spans[i], 4096 * P2_SEC));
        assert_int_equal(said, estimate_hist_quantile(&h, ESTIMATE_P95));
    }
}

static void test_what_is_old_is_forgotten(void **state) {
    (void)state;
    struct estimate_hist h = {.samples = 0};
    for (unsigned i = 0; i < 100000; i++) estimate_hist_add(&h, 10 * P2_MS);
    for (unsigned i = 0; i < 1100; i++) estimate_hist_add(&h, P2_MS);
    estimate_hist_check(&h);
    assert_in_range(estimate_hist_quantile(&h, ESTIMATE_P50), P2_MS, P2_MS + P2_MS / 8);
    for (unsigned i = 0; i < 1024; i++) estimate_hist_add(&h, P2_MS);
    assert_in_range(estimate_hist_quantile(&h, ESTIMATE_P95), P2_MS, P2_MS + P2_MS / 8);
}

static void test_the_prior_holds_until_fifty(void **state) {
    (void)state;
    rig_init(&rig, NULL);
    const struct p2_task_cost cost = {.units = 1, .size_class = 7, .timeout_prior_ns = 100 * P2_MS};
    for (unsigned i = 1; i <= P2_PRIOR_SAMPLES; i++) {
        assert_int_equal(estimate_p50(rig.c, 1, 7), 0);
        assert_int_equal(estimate_p95(rig.c, 1, 7), 0);
        assert_int_equal(estimate_service(rig.c, 1, &cost), 100 * P2_MS);
        assert_int_equal(estimate_run(rig.c, 1, &cost), 100 * P2_MS);
        estimate_add(rig.c, 1, 7, (p2_ns)i * P2_MS);
        estimate_add_run(rig.c, 1, 7, P2_MS);
    }
    assert_in_range(estimate_p50(rig.c, 1, 7), 25 * P2_MS, 29 * P2_MS);
    assert_in_range(estimate_p95(rig.c, 1, 7), 48 * P2_MS, 54 * P2_MS);
    assert_int_equal(estimate_service(rig.c, 1, &cost), estimate_p50(rig.c, 1, 7));
    assert_in_range(estimate_run(rig.c, 1, &cost), P2_MS, P2_MS + P2_MS / 8);
    estimate_check(rig.c);
    // Of that type and size class alone; a class beyond the last is the last.
    assert_int_equal(estimate_p50(rig.c, 0, 7), 0);
    assert_int_equal(estimate_p50(rig.c, 1, 6), 0);
    for (unsigned i = 0; i < P2_PRIOR_SAMPLES; i++) estimate_add(rig.c, 1, UINT32_MAX, P2_SEC);
    assert_int_equal(estimate_p50(rig.c, 1, P2_SIZE_CLASSES - 1), estimate_p50(rig.c, 1, UINT32_MAX));
    rig_deinit(&rig);
}

static void test_a_prior_is_kept_in_bounds(void **state) {
    (void)state;
    rig_init(&rig, NULL);
    struct p2_task_cost cost = {.timeout_prior_ns = P2_NEVER};
    assert_int_equal(estimate_service(rig.c, 0, &cost), rig.c->limits.deadline_ns_max);
    cost.timeout_prior_ns = 0;
    assert_int_equal(estimate_service(rig.c, 0, &cost), 1);
    rig_deinit(&rig);
}

static void test_results_are_learned(void **state) {
    (void)state;
    rig_init(&rig, NULL);
    rig.run_ns = 5 * P2_MS;
    p2_handle client = rig_client(&rig), peer = rig_peer(&rig, 1, 0);
    for (uint32_t i = 1; i <= P2_PRIOR_SAMPLES; i++) {
        rig_forget(&rig);
        rig_submit(&rig, client, i, i, 10);
        const struct p2_msg job = *rig_only(&rig, peer, P2_MSG_TASK_ASSIGN);
        rig.now += 20 * P2_MS;
        rig_result(&rig, peer, &job, 10);
    }
    const struct p2_task_cost cost = {.timeout_prior_ns = P2_SEC};
    assert_in_range(estimate_p50(rig.c, 0, 0), 20 * P2_MS, 20 * P2_MS * 9 / 8);
    assert_in_range(estimate_run(rig.c, 0, &cost), 5 * P2_MS, 5 * P2_MS * 9 / 8);
    // A failure teaches nothing of how long a result takes.
    uint32_t samples = rig.c->estimates[0].service.samples;
    rig_forget(&rig);
    rig_submit(&rig, client, 1000, 1000, 10);
    rig_failure(&rig, peer, rig_only(&rig, peer, P2_MSG_TASK_ASSIGN), P2_ERR_EXECUTION_FAILED, false);
    assert_int_equal(rig.c->estimates[0].service.samples, samples);
    rig_deinit(&rig);
}

static void test_its_memory_is_counted(void **state) {
    (void)state;
    rig_init(&rig, NULL);
    assert_int_equal(estimate_bytes(rig.c), rig.c->type_count * P2_SIZE_CLASSES * sizeof(struct estimate));
    assert_true(coord_memory_bytes(rig.c) > estimate_bytes(rig.c) + next_bytes(rig.c));
    rig_deinit(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles_are_those_of_the_samples),
        cmocka_unit_test(test_the_ends_of_the_range),
        cmocka_unit_test(test_what_is_old_is_forgotten),
        cmocka_unit_test(test_the_prior_holds_until_fifty),
        cmocka_unit_test(test_a_prior_is_kept_in_bounds),
        cmocka_unit_test(test_results_are_learned),
        cmocka_unit_test(test_its_memory_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
