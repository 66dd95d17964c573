// Fields against a bucket queue in plain C, and A* from corner to corner against Boost's, on a map of 1024x1024 cells
// of which 30 % are closed. The map travels in the payload: making it ready is in our time, the opponents have theirs
// ready.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/rng.h"
#include "loadtest/bench/bench_kernels.h"
#include "loadtest/bench/opponent_boost.h"
#include "loadtest/bench/opponent_buckets.h"
#include "os/os.h"

#define SIDE 1024
#define CELLS (SIDE * SIDE)
#define CLOSED_PERCENT 30
#define AGENTS 128u
#define CORNER 3 // cells each way that are open at two corners

struct world {
    uint8_t *map;
    struct bench_task task;
    struct buckets *buckets;
    uint32_t *lengths;
    uint8_t *steps;
    bool with_steps;
    struct boost_map *boost;
    double boost_length;
};

static void run_ours(void *arg) { bench_task_run(&((struct world *)arg)->task); }

static void run_buckets(void *arg) {
    struct world *w = arg;
    buckets_field(w->buckets, SIDE / 2, SIDE / 2, w->lengths, w->with_steps ? w->steps : NULL);
}

static void run_boost(void *arg) {
    struct world *w = arg;
    w->boost_length = boost_astar(w->boost, 0, CELLS - 1);
}

static void paint(uint8_t *map) {
    struct p2_rng rng;
    p2_rng_init(&rng, 1);
    for (int i = 0; i < CELLS; i++) {
        int x = i % SIDE, y = i / SIDE;
        bool corner = (x < CORNER && y < CORNER) || (x >= SIDE - CORNER && y >= SIDE - CORNER);
        bool middle = abs(x - SIDE / 2) < CORNER && abs(y - SIDE / 2) < CORNER;
        map[i] = corner || middle || p2_rng_below(&rng, 100) >= CLOSED_PERCENT;
    }
}

static void begin(struct bench_kernels *k, struct world *w, const char *params) {
    bench_task_init(&w->task, k, "ai_pathfinding", params, &(struct exec_blob){.bytes = w->map, .size = CELLS});
}

static void figure(struct bench_kernels *k, const char *measure, double value, const char *unit, const char *against) {
    struct bench_row row = {.value = value, .bar = 0, .kind = BENCH_AT_MOST};
    snprintf(row.unit, sizeof row.unit, "%s", unit);
    snprintf(row.measure, sizeof row.measure, "%s", measure);
    snprintf(row.against, sizeof row.against, "%s", against);
    bench_figure(k, &row);
}

static void field(struct bench_kernels *k, struct world *w, bool steps) {
    begin(k, w,
          steps ? "map_size=1024x1024 goal=512x512 result=directions"
                : "map_size=1024x1024 goal=512x512 result=distances");
    w->with_steps = steps;
    struct bench_contest c = {
        .ours = run_ours, .theirs = run_buckets, .arg = w, .bar = 0.8, .pairs = 21, .ours_task = &w->task};
    snprintf(c.task, sizeof c.task, "field 1024x1024, 30 %% closed, %s", steps ? "directions" : "distances");
    snprintf(c.opponent, sizeof c.opponent, "Dijkstra with a bucket queue in C, lengths 10 and 14%s",
             steps ? ", with directions" : "");
    bench_contest(k, &c);
    double differ = 0;
    for (size_t i = 0; i < CELLS && steps; i++) differ += (w->task.out[i] != 255) != (w->lengths[i] != UINT32_MAX);
    if (steps) figure(k, "field, cells reached by one of the two alone", differ, "cells", c.opponent);
    bench_task_deinit(&w->task);
}

static void astar(struct bench_kernels *k, struct world *w) {
    begin(k, w, "map_size=1024x1024 start=0x0 goal=1023x1023");
    struct bench_contest c = {
        .ours = run_ours, .theirs = run_boost, .arg = w, .bar = 1.0, .pairs = 21, .ours_task = &w->task};
    snprintf(c.task, sizeof c.task, "A* 1024x1024, 30 %% closed, corner to corner");
    snprintf(c.opponent, sizeof c.opponent, "Boost %s astar_search, octile", boost_version());
    bench_contest(k, &c);
    uint32_t words[2];
    memcpy(words, w->task.out, sizeof words);
    double length = words[1] + words[0] * sqrt(2.0);
    figure(k, "A*, difference of the lengths", round(fabs(length - w->boost_length) * 1e6), "1e-6", c.opponent);
    bench_task_deinit(&w->task);
}

static size_t put_words(uint8_t *to, const uint32_t *words, size_t count, int bytes) {
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < bytes; k++) to[i * (size_t)bytes + (size_t)k] = (uint8_t)(words[i] >> 8 * k);
    return count * (size_t)bytes;
}

static uint32_t open_cell(const struct world *w, struct p2_rng *rng) {
    uint32_t cell;
    do cell = (uint32_t)p2_rng_below(rng, CELLS);
    while (!w->map[cell]);
    return cell;
}

// Many agents in one task, with no opponent: told, for the reader to plan by.
static void crowd(struct bench_kernels *k, struct world *w, uint32_t goals) {
    struct p2_rng rng;
    p2_rng_init(&rng, goals);
    uint8_t *payload = bench_bytes(CELLS + goals * 4 + AGENTS * 8);
    size_t size = CELLS;
    memcpy(payload, w->map, CELLS);
    for (uint32_t i = 0; i < goals + AGENTS; i++) {
        uint32_t cell = open_cell(w, &rng), goal = i % goals;
        size += put_words(payload + size, (uint32_t[]){cell % SIDE, cell / SIDE}, 2, 2);
        if (i >= goals) size += put_words(payload + size, &goal, 1, 4);
    }
    char params[80], measure[64];
    snprintf(params, sizeof params, "map_size=1024x1024 goals=%u agents=%u", goals, AGENTS);
    snprintf(measure, sizeof measure, "%u agents, %u goals, one task", AGENTS, goals);
    bench_task_init(&w->task, k, "ai_pathfinding", params, &(struct exec_blob){.bytes = payload, .size = size});
    p2_ns least = P2_NEVER;
    for (int i = 0; i < 5; i++) {
        p2_ns start = p2_clock_now();
        bench_task_run(&w->task);
        least = p2_ns_min(least, p2_clock_now() - start);
    }
    bench_tell(&k->table, measure, AGENTS * 1e9 / (double)least, "paths/s", "%.1f ms", (double)least / 1e6);
    bench_task_deinit(&w->task);
    free(payload);
}

static void run(struct bench_kernels *k) {
    struct world w = {
        .map = bench_bytes(CELLS), .lengths = (uint32_t *)(void *)bench_bytes(CELLS * 4), .steps = bench_bytes(CELLS)};
    paint(w.map);
    w.buckets = buckets_create(w.map, SIDE, SIDE);
    w.boost = boost_map_create(w.map, SIDE, SIDE);
    field(k, &w, false);
    field(k, &w, true);
    astar(k, &w);
    crowd(k, &w, AGENTS);
    crowd(k, &w, 8);
    boost_map_destroy(w.boost);
    buckets_destroy(w.buckets);
    free(w.steps);
    free(w.lengths);
    free(w.map);
}

const struct bench_kernels_rows bench_kernels_path = {"path", run};
