// The coordinator's core: how long it takes to decide among 10,000 peers, and how good its decisions are in a simulated
// cluster of unequal peers (speeds 1:4:20, round trips 1 to 120 ms, 5 % of peers leaving and coming a minute). Then
// what bench_core_*.c measure.
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "loadtest/bench/bench.h"
#include "loadtest/bench/bench_core.h"
#include "loadtest/bench/cluster.h"
#include "os/os.h"

#define CROWD 10000u
#define DECISIONS 20000u

static int by_size(const void *a, const void *b) {
    p2_ns x = *(const p2_ns *)a, y = *(const p2_ns *)b;
    return (x > y) - (x < y);
}

// Decisions of the scheduler alone, each followed by what a placement changes, while others end.
static void decisions(struct bench *b) {
    static p2_ns spent[DECISIONS];
    struct cluster *k = cluster_create(&(struct cluster_config){.peers = CROWD, .seed = 1, .measured = true});
    for (uint32_t i = 0; i < DECISIONS; i++) spent[i] = cluster_decide(k, p2_clock_now);
    cluster_destroy(&k);
    qsort(spent, DECISIONS, sizeof *spent, by_size);
    struct bench_row row = {.measure = "decision among 10,000 peers, p99",
                            .value = (double)spent[DECISIONS * 99 / 100] / P2_US,
                            .unit = "us",
                            .bar = 20,
                            .kind = BENCH_AT_MOST};
    snprintf(row.against, sizeof row.against, "median %.2f us", (double)spent[DECISIONS / 2] / P2_US);
    bench_row(b, &row);
}

static struct cluster_outcome outcome(enum pick_strategy strategy) {
    struct cluster_outcome o = {0};
    struct cluster_config config = {
        .peers = 60, .seed = 3, .strategy = strategy, .tasks = 8000, .load = 0.5, .churn_per_minute = 0.05};
    struct cluster *k = cluster_create(&config);
    cluster_run(k, &o);
    cluster_destroy(&k);
    P2_CHECK(o.completed + o.failed == config.tasks);
    return o;
}

static void quality(struct bench *b) {
    struct cluster_outcome all[PICK_STRATEGIES];
    for (unsigned i = 0; i < PICK_STRATEGIES; i++) all[i] = outcome((enum pick_strategy)i);
    bench_core_strategies(b, all);
    const enum pick_strategy naive[] = {PICK_RANDOM, PICK_ROUND_ROBIN};
    for (unsigned i = 0; i < 2; i++) {
        struct bench_row row = {.value = all[naive[i]].mean_ms / all[PICK_FINISH_TIME].mean_ms,
                                .unit = "x",
                                .bar = 2,
                                .kind = BENCH_AT_LEAST};
        snprintf(row.measure, sizeof row.measure, "mean completion, times better");
        snprintf(row.against, sizeof row.against, "than %s", pick_strategy_name(naive[i]));
        bench_row(b, &row);
    }
}

// 200 equal tasks at once to 20 slow and 20 fast peers: how much later the last result is without stealing.
static double makespan(bool no_stealing, uint64_t seed) {
    struct cluster_outcome o = {0};
    struct cluster *k = cluster_create(&(struct cluster_config){
        .peers = 40, .seed = seed, .tasks = 200, .load = 100, .two_speeds = true, .no_stealing = no_stealing});
    cluster_run(k, &o);
    cluster_destroy(&k);
    P2_CHECK(o.completed == 200);
    return o.makespan_s;
}

static void stealing(struct bench *b) {
    double on = 0, off = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        on += makespan(false, seed) / 5;
        off += makespan(true, seed) / 5;
    }
    struct bench_row row = {.measure = "stealing, makespan on a 1:4 mix, times shorter",
                            .value = off / on,
                            .unit = "x",
                            .bar = 1.3,
                            .kind = BENCH_AT_LEAST};
    snprintf(row.against, sizeof row.against, "%.2f s, not %.2f s", on, off);
    bench_row(b, &row);
}

int main(void) {
    struct bench b;
    bench_begin(&b, "core", "", BENCH_VALUES);
    bench_core_waiting(&b); // first: what others have let go of would be found resident here
    bench_core_queue(&b);
    decisions(&b);
    quality(&b);
    stealing(&b);
    bench_core_known(&b);
    bench_core_allocations(&b);
    return bench_end(&b);
}
