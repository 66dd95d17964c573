#include "loadtest/bench/bench.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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

void bench_begin(struct bench *b, const char *name, const char *device, enum bench_table table) {
    *b = (struct bench){.name = name, .table = table};
    char cpu[96];
    cpu_model(cpu, sizeof cpu);
    snprintf(b->machine, sizeof b->machine, "%s, %ld cores%s%s", cpu, sysconf(_SC_NPROCESSORS_ONLN),
             *device ? ", device " : "", device);
    printf("%s on %s\n", name, b->machine);
    if (table == BENCH_VERSUS) {
        printf("%-44s %10s %12s %12s  %-10s %-5s  %s\n", "task", "ours ms", "opponent ms", "ratio", "bar", "kept",
               "opponent");
    } else {
        printf("%-48s %12s  %-10s %s\n", "measure", "value", "bar", "verdict");
    }
    fflush(stdout);
}

static bool keeps(const struct bench_row *r) {
    if (r->kind == BENCH_TOLD) return true;
    return r->kind == BENCH_AT_MOST ? r->value <= r->bar : r->value >= r->bar;
}

// Three digits; all of them of a number from a thousand on.
static void print_number(char *out, size_t capacity, const char *before, double value, const char *unit) {
    snprintf(out, capacity, value >= 999.5 ? "%s%s%.0f%s%s" : "%s%s%.3g%s%s", before, *before ? " " : "", value,
             *unit ? " " : "", unit);
}

static void print_versus(const struct bench_row *r, const char *value, const char *bar) {
    char ours[24] = "", theirs[24] = "";
    if (r->theirs_ms > 0) {
        snprintf(ours, sizeof ours, "%.3f", r->ours_ms);
        snprintf(theirs, sizeof theirs, "%.3f", r->theirs_ms);
    }
    const char *kept = r->kind == BENCH_TOLD ? "" : r->ok ? "yes" : "NO";
    printf("%-44s %10s %12s %12s  %-10s %-5s  %s\n", r->measure, ours, theirs, value, bar, kept, r->against);
}

bool bench_row(struct bench *b, const struct bench_row *row) {
    P2_CHECK(b->count < BENCH_ROWS_MAX);
    struct bench_row *r = &b->rows[b->count++];
    *r = *row;
    r->ok = keeps(r);
    char value[40], bar[40] = "";
    print_number(value, sizeof value, "", r->value, r->unit);
    if (r->kind != BENCH_TOLD) print_number(bar, sizeof bar, r->kind == BENCH_AT_MOST ? "<=" : ">=", r->bar, "");
    const char *verdict = r->kind == BENCH_TOLD ? "" : r->ok ? "ok" : "MISS";
    if (b->table == BENCH_VERSUS)
        print_versus(r, value, bar);
    else
        printf("%-48s %12s  %-10s %-7s  %s\n", r->measure, value, bar, verdict, r->against);
    fflush(stdout);
    return r->ok;
}

void bench_tell(struct bench *b, const char *measure, double value, const char *unit, const char *against, ...) {
    struct bench_row row = {.value = value, .kind = BENCH_TOLD};
    snprintf(row.measure, sizeof row.measure, "%s", measure);
    snprintf(row.unit, sizeof row.unit, "%s", unit);
    va_list rest;
    va_start(rest, against);
    vsnprintf(row.against, sizeof row.against, against, rest);
    va_end(rest);
    bench_row(b, &row);
}

static int by_span(const void *a, const void *b) {
    p2_ns x = *(const p2_ns *)a, y = *(const p2_ns *)b;
    return (x > y) - (x < y);
}

struct bench_spread bench_spread(p2_ns *spans, uint32_t count) {
    P2_CHECK(count > 0);
    qsort(spans, count, sizeof *spans, by_span);
    return (struct bench_spread){.median_us = (double)spans[count / 2] / P2_US,
                                 .p99_us = (double)spans[(uint64_t)count * 99 / 100] / P2_US};
}

static json_t *row_to_json(const struct bench_row *r) {
    json_t *row = json_pack("{s:s, s:f, s:s, s:s}", "measure", r->measure, "value", r->value, "unit", r->unit,
                            "against", r->against);
    if (r->theirs_ms > 0) {
        json_object_set_new(row, "ours_ms", json_real(r->ours_ms));
        json_object_set_new(row, "opponent_ms", json_real(r->theirs_ms));
    }
    if (r->kind == BENCH_TOLD) return row;
    json_object_set_new(row, "bar_kind", json_string(r->kind == BENCH_AT_MOST ? "at most" : "at least"));
    json_object_set_new(row, "bar", json_real(r->bar));
    json_object_set_new(row, "ok", json_boolean(r->ok));
    return row;
}

static json_t *to_json(const struct bench *b, bool ok) {
    json_t *rows = json_array();
    for (uint32_t i = 0; i < b->count; i++) json_array_append_new(rows, row_to_json(&b->rows[i]));
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
    uint32_t missed = 0, bars = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        missed += !b->rows[i].ok;
        bars += b->rows[i].kind != BENCH_TOLD;
    }
    printf("%u of %u bars kept\n", bars - missed, bars);
    if (!write_json(b, missed == 0)) {
        fprintf(stderr, "bench: out/bench/%s.json cannot be written\n", b->name);
        return 1;
    }
    return missed ? 1 : 0;
}

// After an untimed run of its own kind, so that neither side pays for the caches and threads of the other.
static double timed_ms(void (*what)(void *), void *arg, bool cpu_time) {
    clockid_t clock = cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
    struct timespec start, end;
    what(arg);
    clock_gettime(clock, &start);
    what(arg);
    clock_gettime(clock, &end);
    return 1e3 * (double)(end.tv_sec - start.tv_sec) + 1e-6 * (double)(end.tv_nsec - start.tv_nsec);
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
        theirs[i] = timed_ms(pair->theirs, pair->arg, pair->cpu_time);
        ours[i] = timed_ms(pair->ours, pair->arg, pair->cpu_time);
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
