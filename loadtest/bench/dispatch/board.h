// What was measured, its medians, and the bars they are held to.
#ifndef LOADTEST_BENCH_DISPATCH_BOARD_H
#define LOADTEST_BENCH_DISPATCH_BOARD_H

#include "loadtest/bench/dispatch/system.h"

#define BOARD_RUNS_MAX 31u

struct board_cell {
    struct drive_figures runs[BOARD_RUNS_MAX];
    uint32_t count;
};

struct board {
    struct board_cell cells[SYSTEMS][MEASURES];
};

struct board_bench {
    const char *name;
    unsigned measures; // bits
};

const struct board_bench *board_bench(const char *name); // NULL: there is none
// Does this bench compare that system in that measure?
bool board_measures(const struct board_bench *b, unsigned system, unsigned measure);

void board_head(void);
void board_add(struct board *b, unsigned system, unsigned measure, const struct drive_figures *f); // prints it, too
// Medians, and bars as far as both of their sides were measured; writes out/bench/NAME.json. Exit code.
int board_report(const struct board *b, const struct board_bench *bench, const struct stage *stage);

#endif
