#include "loadtest/bench/bench.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "os/os.h"

static void cpu_model(char *out, size_t capacity) {
    snprintf(out, capacity, "unknown processor");
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "model name", 10) != 0) continue;
        const char *colon = strchr(line, ':');
        if (colon) snprintf(out, capacity, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (file) fclose(file);
}

void bench_begin(struct bench *b, const char *name, const char *device) {
    *b = (struct bench){.name = name};
    char cpu[96];
    cpu_model(cpu, sizeof cpu);
    snprintf(b->machine, sizeof b->machine, "%s, %ld cores%s%s", cpu, sysconf(_SC_NPROCESSORS_ONLN),
             *device ? ", device " : "", device);
    printf("%s on %s\n%-40s %12s  %-10s %s\n", name, b->machine, "measure", "value", "bar", "verdict");
    fflush(stdout);
}

bool bench_row(struct bench *b, const struct bench_row *row) {
    P2_CHECK(b->count < BENCH_ROWS_MAX);
    struct bench_row *r = &b->rows[b->count++];
    *r = *row;
    r->ok = r->kind == BENCH_AT_MOST ? r->value <= r->bar : r->value >= r->bar;
    char value[32], bar[32];
    snprintf(value, sizeof value, "%.3g %s", r->value, r->unit);
    snprintf(bar, sizeof bar, "%s %.3g", r->kind == BENCH_AT_MOST ? "<=" : ">=", r->bar);
    printf("%-40s %12s  %-10s %-7s  %s\n", r->measure, value, bar, r->ok ? "ok" : "MISS", r->against);
    fflush(stdout);
    return r->ok;
}

static json_t *to_json(const struct bench *b, bool ok) {
    json_t *rows = json_array();
    for (uint32_t i = 0; i < b->count; i++) {
        const struct bench_row *r = &b->rows[i];
        json_array_append_new(rows,
                              json_pack("{s:s, s:f, s:s, s:s, s:f, s:b, s:s}", "measure", r->measure, "value", r->value,
                                        "unit", r->unit, "bar_kind", r->kind == BENCH_AT_MOST ? "at most" : "at least",
                                        "bar", r->bar, "ok", r->ok, "against", r->against));
    }
    return json_pack("{s:s, s:s, s:s, s:b, s:o}", "bench", b->name, "version", P2_VERSION, "machine", b->machine, "ok",
                     ok, "rows", rows);
}

static bool write_json(const struct bench *b, bool ok) {
    char path[256];
    snprintf(path, sizeof path, "out/bench/%s.json", b->name);
    if ((mkdir("out", 0777) && errno != EEXIST) || (mkdir("out/bench", 0777) && errno != EEXIST)) return false;
    json_t *json = to_json(b, ok);
    bool written = json && json_dump_file(json, path, JSON_INDENT(2)) == 0;
    json_decref(json);
    if (written) printf("written to %s\n", path);
    return written;
}

int bench_end(const struct bench *b) {
    uint32_t missed = 0;
    for (uint32_t i = 0; i < b->count; i++) missed += !b->rows[i].ok;
    printf("%u of %u bars kept\n", b->count - missed, b->count);
    if (!write_json(b, missed == 0)) {
        fprintf(stderr, "bench: out/bench/%s.json cannot be written\n", b->name);
        return 1;
    }
    return missed ? 1 : 0;
}

// After an untimed run of its own kind, so that neither side pays for the caches and threads of the other.
static double timed_ms(void (*what)(void *), void *arg) {
    what(arg);
    p2_ns start = p2_clock_now();
    what(arg);
    return (double)(p2_clock_now() - start) / 1e6;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_pairs(const struct bench_pair *pair, struct bench_times *out) {
    double ours[BENCH_REPETITIONS_MAX], theirs[BENCH_REPETITIONS_MAX];
    P2_CHECK(pair->repetitions > 0 && pair->repetitions <= BENCH_REPETITIONS_MAX);
    for (uint32_t i = 0; i < pair->warm_up; i++) {
        pair->theirs(pair->arg);
        pair->ours(pair->arg);
    }
    for (uint32_t i = 0; i < pair->repetitions; i++) {
        theirs[i] = timed_ms(pair->theirs, pair->arg);
        ours[i] = timed_ms(pair->ours, pair->arg);
    }
    qsort(ours, pair->repetitions, sizeof *ours, by_size);
    qsort(theirs, pair->repetitions, sizeof *theirs, by_size);
    uint32_t middle = pair->repetitions / 2;
    *out = (struct bench_times){.ours_ms = ours[middle],
                                .theirs_ms = theirs[middle],
                                .ours_least_ms = ours[0],
                                .theirs_least_ms = theirs[0],
                                .ratio = ours[middle] / theirs[middle]};
}
