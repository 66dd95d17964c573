// What the rows of `./run bench scenarios` share.
#ifndef LOADTEST_BENCH_BENCH_SCENARIOS_H
#define LOADTEST_BENCH_BENCH_SCENARIOS_H

#include <stdbool.h>

#include "loadtest/bench/bench.h"

struct scenarios {
    struct bench *bench;
    const char *program; // p2c2r-loadtest
    bool quick;          // a few seconds each
};

#define AT_MOST(measure_, value_, unit_, bar_)                                                                         \
    (&(const struct bench_row){                                                                                        \
        .measure = measure_, .value = (value_), .unit = unit_, .bar = (bar_), .kind = BENCH_AT_MOST})
#define AT_LEAST(measure_, value_, unit_, bar_)                                                                        \
    (&(const struct bench_row){                                                                                        \
        .measure = measure_, .value = (value_), .unit = unit_, .bar = (bar_), .kind = BENCH_AT_LEAST})

// A row; its `against` as of printf.
void scenarios_row(const struct scenarios *s, const struct bench_row *row, const char *against, ...)
    __attribute__((format(printf, 3, 4)));

void scenarios_off_on(const struct scenarios *s); // the table of optimisations

#endif
