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

// A row with a bar; its `against` as of printf.
void scenarios_row(const struct scenarios *s, const char *measure, double value, const char *unit,
                   const struct bench_row *bar, const char *against, ...) __attribute__((format(printf, 6, 7)));

void scenarios_off_on(const struct scenarios *s); // the table of optimisations

#endif
