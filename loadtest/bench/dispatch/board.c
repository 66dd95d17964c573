#include "loadtest/bench/dispatch/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "loadtest/bench/bench.h"

#define SMALL_MEASURES (1u << MEASURE_1 | 1u << MEASURE_256 | 1u << MEASURE_4096)
#define LARGE_MEASURES (1u << MEASURE_64K | 1u << MEASURE_6M)

static const struct board_bench benches[] = {{"dispatch", SMALL_MEASURES}, {"relay", LARGE_MEASURES}};

const struct board_bench *board_bench(const char *name) {
    for (size_t i = 0; i < sizeof benches / sizeof benches[0]; i++)
        if (strcmp(benches[i].name, name) == 0) return &benches[i];
    return NULL;
}

bool board_measures(const struct board_bench *b, unsigned system, unsigned measure) {
    return b->measures >> measure & 1 && systems[system].ahead[measure] > 0;
}

// ---- figures

enum figure { RATE, MEGABYTES, P50, P99, BROKER, WORKERS, LOAD, GREW, FIGURES };

static double figure_of(const struct drive_figures *f, unsigned measure, enum figure which) {
    const double rate = (double)f->tasks / f->seconds;
    const double all[FIGURES] = {
        [RATE] = rate,           [MEGABYTES] = rate * (double)measures[measure].payload_bytes / 1e6,
        [P50] = f->p50_us,       [P99] = f->p99_us,
        [BROKER] = f->broker_us, [WORKERS] = f->workers_us,
        [LOAD] = f->load_us,     [GREW] = (double)f->broker_grew_bytes / (1 << 20),
    };
    return all[which];
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// 0 when it was not measured.
static double median(const struct board *b, unsigned system, unsigned measure, enum figure which) {
    const struct board_cell *c = &b->cells[system][measure];
    double all[BOARD_RUNS_MAX];
    if (!c->count) return 0;
    for (uint32_t i = 0; i < c->count; i++) all[i] = figure_of(&c->runs[i], measure, which);
    qsort(all, c->count, sizeof all[0], by_size);
    return c->count % 2 ? all[c->count / 2] : (all[c->count / 2 - 1] + all[c->count / 2]) / 2;
}

// ---- lines

void board_head(void) {
    printf("%-14s %-6s %11s %8s %9s %9s   %8s %8s %8s %8s\n", "", "", "tasks/s", "MB/s", "p50 us", "p99 us", "broker",
           "workers", "load", "grew MiB");
    fflush(stdout);
}

void board_add(struct board *b, unsigned system, unsigned measure, const struct drive_figures *f) {
    struct board_cell *c = &b->cells[system][measure];
    double v[FIGURES];
    P2_CHECK(c->count < BOARD_RUNS_MAX);
    c->runs[c->count++] = *f;
    for (unsigned i = 0; i < FIGURES; i++) v[i] = figure_of(f, measure, (enum figure)i);
    printf("%-14s %-6s %11.0f %8.1f %9.1f %9.1f   %8.3f %8.3f %8.3f %8.1f\n", systems[system].name,
           measures[measure].name, v[RATE], v[MEGABYTES], v[P50], v[P99], v[BROKER], v[WORKERS], v[LOAD], v[GREW]);
    fflush(stdout);
}

// ---- report

static void tell_medians(const struct board *b, struct bench *out, unsigned measure) {
    for (unsigned y = 0; y < SYSTEMS; y++) {
        double v[FIGURES];
        char name[64];
        if (!b->cells[y][measure].count) continue;
        for (unsigned i = 0; i < FIGURES; i++) v[i] = median(b, y, measure, (enum figure)i);
        snprintf(name, sizeof name, "%s: %s", measures[measure].doc, systems[y].name);
        const bool large = measures[measure].payload_bytes > 65536;
        bench_tell(out, name, large ? v[MEGABYTES] : v[RATE], large ? "MB/s" : "tasks/s",
                   "p50 %.0f p99 %.0f us; a task: broker %.2f workers %.2f load %.2f us; broker grew %.1f MiB", v[P50],
                   v[P99], v[BROKER], v[WORKERS], v[LOAD], v[GREW]);
    }
}

struct bar {
    unsigned measure;
    enum figure figure;
    const enum system_id *ours, *theirs; // the best of each counts; end with SYSTEMS
    enum bench_bar kind;
    double bar;
    const char *what;
};

#define BEST(...) ((const enum system_id[]){__VA_ARGS__, SYSTEMS})

#define OTHERS NATS, NATS_LIB, REDIS, BEANSTALKD, GEARMAND_1, GEARMAND, GEARMAND_LIB

static const struct bar bars[] = {
    {MEASURE_1, P50, BEST(OURS, OURS_BATCH), BEST(RELAY), BENCH_AT_MOST, 1.15, "p50"},
    {MEASURE_1, P99, BEST(OURS, OURS_BATCH), BEST(RELAY), BENCH_AT_MOST, 1.5, "p99"},
    {MEASURE_256, RATE, BEST(OURS, OURS_BATCH), BEST(GEARMAND_1, GEARMAND), BENCH_AT_LEAST, 1.0, "tasks/s"},
    {MEASURE_256, BROKER, BEST(OURS, OURS_BATCH), BEST(GEARMAND_1, GEARMAND), BENCH_AT_MOST, 1.1, "broker's CPU"},
    {MEASURE_256, RATE, BEST(OURS, OURS_BATCH), BEST(GEARMAND_LIB), BENCH_AT_LEAST, 20, "tasks/s"},
    {MEASURE_256, RATE, BEST(OURS, OURS_BATCH), BEST(NATS), BENCH_AT_LEAST, 0.7, "tasks/s"},
    {MEASURE_256, RATE, BEST(OURS_LIB), BEST(NATS_LIB), BENCH_AT_LEAST, 4, "libraries, tasks/s"},
    {MEASURE_4096, RATE, BEST(OURS, OURS_BATCH), BEST(GEARMAND_1, GEARMAND), BENCH_AT_LEAST, 1.0, "tasks/s"},
    {MEASURE_4096, RATE, BEST(OURS, OURS_BATCH), BEST(NATS), BENCH_AT_LEAST, 0.5, "tasks/s"},
    {MEASURE_64K, RATE, BEST(OURS, OURS_BATCH), BEST(RELAY), BENCH_AT_LEAST, 0.85, "tasks/s"},
    {MEASURE_64K, RATE, BEST(OURS, OURS_BATCH), BEST(OTHERS), BENCH_AT_LEAST, 1.0, "tasks/s"},
    {MEASURE_6M, MEGABYTES, BEST(OURS_LIB), BEST(RELAY), BENCH_AT_LEAST, 0.85, "MB/s"},
    {MEASURE_6M, MEGABYTES, BEST(OURS_LIB), BEST(OTHERS), BENCH_AT_LEAST, 1.0, "MB/s"},
};

static bool more_is_better(enum figure f) { return f == RATE || f == MEGABYTES; }

// The best of them; SYSTEMS when none was measured.
static enum system_id best_of(const struct board *b, const struct bar *r, const enum system_id *all) {
    enum system_id best = SYSTEMS;
    for (const enum system_id *y = all; *y != SYSTEMS; y++) {
        if (!b->cells[*y][r->measure].count) continue;
        double value = median(b, *y, r->measure, r->figure);
        double before = best == SYSTEMS ? 0 : median(b, best, r->measure, r->figure);
        if (best == SYSTEMS || (more_is_better(r->figure) ? value > before : value < before)) best = *y;
    }
    return best;
}

static void hold_to(const struct board *b, struct bench *out, const struct bar *r) {
    const enum system_id ours = best_of(b, r, r->ours), theirs = best_of(b, r, r->theirs);
    if (ours == SYSTEMS || theirs == SYSTEMS) return;
    const double value = median(b, ours, r->measure, r->figure), other = median(b, theirs, r->measure, r->figure);
    const int digits = value < 100 ? 2 : 0;
    struct bench_row row = {.value = value / other, .bar = r->bar, .kind = r->kind, .unit = "x"};
    snprintf(row.measure, sizeof row.measure, "%s, %s", measures[r->measure].doc, r->what);
    snprintf(row.against, sizeof row.against, "%s %.*f against %.*f of %s (%s)", systems[ours].name, digits, value,
             digits, other, systems[theirs].name, systems[theirs].doc);
    bench_row(out, &row);
}

// What the coordinator keeps of a payload on its way, whatever else it keeps.
static void hold_memory(const struct board *b, struct bench *out) {
    if (!b->cells[OURS_LIB][MEASURE_6M].count) return;
    const double grew = median(b, OURS_LIB, MEASURE_6M, GREW);
    struct bench_row row = {
        .value = grew / measures[MEASURE_6M].in_flight, .bar = 4, .kind = BENCH_AT_MOST, .unit = "MiB"};
    snprintf(row.measure, sizeof row.measure, "%s, held for each", measures[MEASURE_6M].doc);
    snprintf(row.against, sizeof row.against, "resident memory at its highest, %.1f MiB above before", grew);
    bench_row(out, &row);
}

int board_report(const struct board *b, const struct board_bench *bench, const struct stage *stage) {
    static struct bench out;
    bench_begin(&out, bench->name, "", BENCH_VALUES);
    printf("%s, %s, %s\n", stage->own_network ? "loopback of its own" : "the machine's loopback", stage->congestion,
           stage->real_time ? "real-time scheduling" : "plain scheduling");
    for (unsigned m = 0; m < MEASURES; m++) tell_medians(b, &out, m);
    for (size_t i = 0; i < sizeof bars / sizeof bars[0]; i++) hold_to(b, &out, &bars[i]);
    hold_memory(b, &out);
    return bench_end(&out);
}
