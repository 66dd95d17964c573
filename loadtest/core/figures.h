// What runs are compared by: a few figures of each, their medians over repeated runs, and how much worse than a
// baseline is too much.
#ifndef LOADTEST_CORE_FIGURES_H
#define LOADTEST_CORE_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "loadtest/core/report.h"

enum figure {
    FIGURE_P50,
    FIGURE_P90,
    FIGURE_P99,
    FIGURE_ADDED_P50,
    FIGURE_ADDED_P99,
    FIGURE_COORDINATOR, // processor time for each task done
    FIGURE_RATE,
    FIGURE_SUCCESS,
    FIGURES
};

#define FIGURES_RUNS_MAX 32u

struct figures {
    double runs[FIGURES_RUNS_MAX][FIGURES]; // us; tasks a second; share
    uint32_t count;
};

void figures_add(struct figures *f, const struct report *r);       // at most FIGURES_RUNS_MAX; zeroed storage is none
double figures_median(const struct figures *f, enum figure which); // of an even number the mean of the middle two; 0
double figures_least(const struct figures *f, enum figure which);
double figures_most(const struct figures *f, enum figure which);
uint32_t figures_middle(const struct figures *f, enum figure which); // the run that is the median, or just below it
const char *figure_name(enum figure which);                          // "p99_us"
bool figure_more_is_better(enum figure which);
// By what share `now` is worse than `before`; 0 when it is not, or nothing can be said (before is 0).
double figure_worse(enum figure which, double before, double now);

#endif
