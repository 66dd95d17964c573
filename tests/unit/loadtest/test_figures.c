// Medians over runs, and what counts as worse.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "loadtest/core/figures.h"

static void add(struct figures *f, p2_ns latency, uint64_t done) {
    struct report *r = report_create(16);
    const struct report_end e = {.ending = ENDED_DONE, .latency_ns = latency, .processing_ns = latency / 2};
    for (uint64_t i = 0; i < done; i++) report_end(r, &e);
    r->due = 100;
    r->end_ns = P2_SEC;
    r->cpu_ns[PROGRAM_COORDINATOR] = 10 * P2_MS;
    figures_add(f, r);
    report_destroy(&r);
}

static void medians_are_of_the_runs(void **state) {
    (void)state;
    struct figures f = {0};
    assert_true(figures_median(&f, FIGURE_P99) == 0);
    add(&f, 900 * P2_US, 90);
    add(&f, 100 * P2_US, 100);
    add(&f, 300 * P2_US, 50);
    assert_true(figures_median(&f, FIGURE_P99) == 300);
    assert_int_equal(figures_middle(&f, FIGURE_P99), 2);
    assert_true(figures_median(&f, FIGURE_ADDED_P50) == 150);
    assert_true(fabs(figures_median(&f, FIGURE_SUCCESS) - 0.9) < 1e-9);
    assert_true(fabs(figures_median(&f, FIGURE_RATE) - 90) < 1e-9);
    assert_true(fabs(figures_least(&f, FIGURE_COORDINATOR) - 100) < 1e-9);
    assert_true(fabs(figures_most(&f, FIGURE_COORDINATOR) - 200) < 1e-9);
    add(&f, 500 * P2_US, 100);
    assert_true(figures_median(&f, FIGURE_P99) == 400);
    assert_int_equal(figures_middle(&f, FIGURE_P99), 2);
}

static void worse_is_more_time_and_less_work(void **state) {
    (void)state;
    assert_true(fabs(figure_worse(FIGURE_P99, 100, 116) - 0.16) < 1e-9);
    assert_true(figure_worse(FIGURE_P99, 100, 90) == 0);
    assert_true(fabs(figure_worse(FIGURE_RATE, 100, 80) - 0.2) < 1e-9);
    assert_true(figure_worse(FIGURE_SUCCESS, 0.9, 1) == 0);
    assert_true(figure_worse(FIGURE_COORDINATOR, 0, 5) == 0); // it was not ours then: nothing can be said
    for (enum figure i = 0; i < FIGURES; i++) {
        for (enum figure k = 0; k < i; k++) assert_string_not_equal(figure_name(i), figure_name(k));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians_are_of_the_runs),
        cmocka_unit_test(worse_is_more_time_and_less_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
