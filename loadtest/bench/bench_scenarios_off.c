// What each optimisation is worth: the same load with it and without, in turns.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "loadtest/bench/asked.h"
#include "loadtest/bench/bench_scenarios.h"

#define TURNS 3

enum figure_of { RATE, WIRE_BYTES, LAST_RESULT, RESIDENT };

struct optimisation {
    const char *name, *base, *off; // JSON; off: keys in place of the base's
    enum figure_of of;
};

#define HEAD "\"name\": \"mine\", \"grace\": \"30s\", \"window\": 8192, "
#define SMALL                                                                                                          \
    "{" HEAD "\"clients\": 8, \"warmup\": \"300ms\", \"closed\": {\"in_flight\": 1024, \"duration\": \"2300ms\"}, "    \
    "\"tasks\": [{\"type\": \"echo\", \"payload\": \"64B\", \"deadline\": \"20s\", \"no_cache\": true}], "             \
    "\"peers\": [{\"count\": 4, \"slots\": 16, \"queue_depth\": 3}]}"
#define FRAMES                                                                                                         \
    "{" HEAD "\"clients\": 2, \"warmup\": \"300ms\", \"closed\": {\"in_flight\": 4, \"duration\": \"2300ms\"}, "       \
    "\"tasks\": [{\"type\": \"echo\", \"payload\": \"6MiB\", \"deadline\": \"20s\", \"no_cache\": true}], "            \
    "\"peers\": [{\"count\": 4, \"slots\": 1}]}"
#define TEXTS                                                                                                          \
    "{" HEAD "\"clients\": 2, \"closed\": {\"in_flight\": 16, \"count\": 600}, "                                       \
    "\"tasks\": [{\"type\": \"echo\", \"payload\": \"200KiB\", \"deadline\": \"20s\", \"compressible\": true, "        \
    "\"no_cache\": true}], \"peers\": [{\"count\": 4, \"slots\": 1}]}"
#define FAR_PEERS                                                                                                      \
    "{" HEAD "\"clients\": 2, \"warmup\": \"500ms\", \"closed\": {\"in_flight\": 256, \"duration\": \"2500ms\"}, "     \
    "\"tasks\": [{\"type\": \"echo\", \"payload\": \"4KiB\", \"deadline\": \"20s\", \"service\": \"5ms\", "            \
    "\"no_cache\": true}], \"peers\": [{\"count\": 20, \"slots\": 1, \"rtt\": \"10ms\"}]}"
// Without second runs, which would end the tail too.
#define UNEQUAL_PEERS                                                                                                  \
    "{" HEAD "\"clients\": 2, \"phases\": [{\"rate\": 0, \"burst\": 400, \"duration\": \"1s\"}], "                     \
    "\"tasks\": [{\"type\": \"echo\", \"payload\": \"1KiB\", \"deadline\": \"60s\", \"service\": \"50ms\", "           \
    "\"no_cache\": true}], \"coordinator\": [\"--hedge=0\"], "                                                         \
    "\"peers\": [{\"count\": 10, \"slots\": 1, \"speed\": 0.1}, {\"count\": 10, \"slots\": 1}]}"
#define KNOWN                                                                                                          \
    "{" HEAD "\"clients\": 8, \"warmup\": \"500ms\", \"closed\": {\"in_flight\": 256, \"duration\": \"2500ms\"}, "     \
    "\"tasks\": [{\"type\": \"echo\", \"payload\": \"1KiB\", \"deadline\": \"20s\", \"service\": \"1ms\", "            \
    "\"distinct\": 100}], \"peers\": [{\"count\": 16, \"slots\": 2}]}"

static const struct optimisation all[] = {
    {"batching: 64 B, 1,024 in flight, tasks/s", SMALL, "{\"unbatched\": true, \"coordinator\": [\"--batch=false\"]}",
     RATE},
    {"cut-through: 6 MiB, 4 in flight, tasks/s", FRAMES, "{\"coordinator\": [\"--cut-through=false\"]}", RATE},
    {"cut-through: the same, coordinator's memory", FRAMES, "{\"coordinator\": [\"--cut-through=false\"]}", RESIDENT},
    {"compression: half zeros, bytes on the wire", TEXTS, "{\"coordinator\": [\"--compress=false\"]}", WIRE_BYTES},
    {"prefetch: 5 ms jobs, peers 10 ms away, tasks/s", FAR_PEERS, "{\"group\": {\"queue_depth\": 0}}", RATE},
    {"stealing: 400 at once, peers 1:10, last result", UNEQUAL_PEERS,
     "{\"coordinator\": [\"--hedge=0\", \"--steal=false\"]}", LAST_RESULT},
    {"cache: 100 different tasks of 1 ms, tasks/s", KNOWN, "{\"coordinator\": [\"--cache-entries=0\"]}", RATE},
};

static const char *const units[] = {"/s", "bytes", "ms", "MB"};

static double figure(const json_t *report, enum figure_of of) {
    double most = 0;
    size_t i;
    json_t *row;
    switch (of) {
    case RATE: return asked_number(report, "done_per_second");
    case WIRE_BYTES: return asked_number(report, "costs.wire_bytes") / fmax(asked_number(report, "counts.done"), 1);
    case LAST_RESULT: return asked_number(report, "stages.latency.max_us") / 1e3;
    case RESIDENT:
        json_array_foreach(json_object_get(report, "rows"), i, row) {
            double bytes = json_number_value(json_array_get(json_object_get(row, "resident"), 2));
            if (bytes > most) most = bytes;
        }
        return most / 1e6;
    }
    return 0;
}

static double measured(const struct scenarios *s, const struct optimisation *o, bool off) {
    const char *const none[] = {NULL};
    json_t *report = asked_scenario(s->program, o->base, off ? o->off : NULL, none);
    double value = report && asked_number(report, "success") > 0.999 ? figure(report, o->of) : 0;
    json_decref(report);
    return value;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void scenarios_off_on(const struct scenarios *s) {
    const int turns = s->quick ? 1 : TURNS;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        double on[TURNS], off[TURNS];
        for (int k = 0; k < turns; k++) {
            off[k] = measured(s, &all[i], true);
            on[k] = measured(s, &all[i], false);
        }
        qsort(on, (size_t)turns, sizeof *on, by_size);
        qsort(off, (size_t)turns, sizeof *off, by_size);
        double with = on[turns / 2], without = off[turns / 2];
        double better = all[i].of == RATE ? with / without : without / with;
        if (with <= 0 || without <= 0) better = 0; // tasks were lost: that is no figure
        struct bench_row row = {.value = better, .unit = "x", .bar = 1, .kind = BENCH_AT_LEAST};
        snprintf(row.measure, sizeof row.measure, "%s", all[i].name);
        scenarios_row(s, &row, "%.6g %s, and %.6g without it", with, units[all[i].of], without);
    }
}
