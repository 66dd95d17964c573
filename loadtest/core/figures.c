#include "loadtest/core/figures.h"

#include <stdlib.h>

#include "base/check.h"

static double us(p2_ns t) { return (double)t / (double)P2_US; }

void figures_add(struct figures *f, const struct report *r) {
    P2_CHECK(f->count < FIGURES_RUNS_MAX);
    const struct hdr *all = &r->stages[STAGE_LATENCY], *added = &r->stages[STAGE_ADDED];
    double *run = f->runs[f->count++];
    run[FIGURE_P50] = us(hdr_at(all, 0.5));
    run[FIGURE_P90] = us(hdr_at(all, 0.9));
    run[FIGURE_P99] = us(hdr_at(all, 0.99));
    run[FIGURE_ADDED_P50] = us(hdr_at(added, 0.5));
    run[FIGURE_ADDED_P99] = us(hdr_at(added, 0.99));
    run[FIGURE_COORDINATOR] = 0;
    if (r->ended[ENDED_DONE])
        run[FIGURE_COORDINATOR] = us(r->cpu_ns[PROGRAM_COORDINATOR]) / (double)r->ended[ENDED_DONE];
    run[FIGURE_RATE] = report_rate(r);
    run[FIGURE_SUCCESS] = report_success(r);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sorted(const struct figures *f, enum figure which, double out[FIGURES_RUNS_MAX]) {
    for (uint32_t i = 0; i < f->count; i++) out[i] = f->runs[i][which];
    qsort(out, f->count, sizeof *out, by_size);
}

double figures_median(const struct figures *f, enum figure which) {
    double all[FIGURES_RUNS_MAX];
    if (f->count == 0) return 0;
    sorted(f, which, all);
    return (all[(f->count - 1) / 2] + all[f->count / 2]) / 2;
}

double figures_least(const struct figures *f, enum figure which) {
    double all[FIGURES_RUNS_MAX] = {0};
    sorted(f, which, all);
    return all[0];
}

double figures_most(const struct figures *f, enum figure which) {
    double all[FIGURES_RUNS_MAX] = {0};
    sorted(f, which, all);
    return f->count ? all[f->count - 1] : 0;
}

uint32_t figures_middle(const struct figures *f, enum figure which) {
    double all[FIGURES_RUNS_MAX];
    uint32_t i = 0;
    if (f->count == 0) return 0;
    sorted(f, which, all);
    while (f->runs[i][which] != all[(f->count - 1) / 2]) i++;
    return i;
}

const char *figure_name(enum figure which) {
    static const char *const names[FIGURES] = {"p50_us",          "p90_us",       "p99_us",
                                               "added_p50_us",    "added_p99_us", "coordinator_us_per_task",
                                               "done_per_second", "success"};
    P2_CHECK(which < FIGURES);
    return names[which];
}

bool figure_more_is_better(enum figure which) { return which == FIGURE_RATE || which == FIGURE_SUCCESS; }

double figure_worse(enum figure which, double before, double now) {
    if (before <= 0) return 0;
    double by = (figure_more_is_better(which) ? before - now : now - before) / before;
    return by > 0 ? by : 0;
}
