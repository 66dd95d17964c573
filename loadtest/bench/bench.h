// The frame of every benchmark: what is measured is compared with somebody else's figure from the same run, held
// against a bar, printed as one row, and written to out/bench/NAME.json.
//
//     measure                          value   bar      verdict
//     960x540 x2 bilinear              0.35    <= 0.40  ok       0.38 ms against 1.09 ms of OpenCV 4.6.0 INTER_LINEAR
#ifndef LOADTEST_BENCH_BENCH_H
#define LOADTEST_BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"

#define BENCH_ROWS_MAX 160
#define BENCH_REPETITIONS_MAX 201

enum bench_bar { BENCH_AT_MOST, BENCH_AT_LEAST, BENCH_TOLD }; // told: for the reader, no bar

struct bench_row {
    char measure[64];
    double value, bar;
    enum bench_bar kind;
    char unit[16];             // "x", "levels", "ms"
    char against[160];         // what value was compared with, and its version
    double ours_ms, theirs_ms; // whose ratio value is; 0: it is not of times
    bool ok;
};

enum bench_table { BENCH_VALUES, BENCH_VERSUS }; // as above; or with columns for both times

struct bench {
    const char *name;
    enum bench_table table;
    char machine[256];
    struct bench_row rows[BENCH_ROWS_MAX];
    uint32_t count;
};

// Prints the machine and the head of the table. Borrows name and device ("pthread-…", "" when there is none).
void bench_begin(struct bench *b, const char *name, const char *device, enum bench_table table);

// Adds and prints a row; returns whether it keeps its bar. The unit stands behind value.
bool bench_row(struct bench *b, const struct bench_row *row);

// A row without a bar; the rest is its `against`, as of printf.
void bench_tell(struct bench *b, const char *measure, double value, const char *unit, const char *against, ...)
    __attribute__((format(printf, 5, 6)));

// Sorts what was measured, and says what lies in its middle and below what all but a hundredth are.
struct bench_spread {
    double median_us, p99_us;
};
struct bench_spread bench_spread(p2_ns *spans, uint32_t count);

// Writes the JSON file; returns the exit code: 0, or 1 when a bar was missed or the file cannot be written.
int bench_end(const struct bench *b);

// Two things done alternately, so that both meet the same disturbances; each timed run follows an untimed one.
struct bench_pair {
    void (*ours)(void *arg);
    void (*theirs)(void *arg);
    void *arg;
    uint32_t repetitions, warm_up; // repetitions at most BENCH_REPETITIONS_MAX
    bool cpu_time;                 // of the whole process, in place of what a clock on the wall says
};

struct bench_times {
    double ours_ms, theirs_ms; // medians
    double ours_least_ms, theirs_least_ms;
    double ratio; // median of ours over median of theirs
};

void bench_pairs(const struct bench_pair *pair, struct bench_times *out);

#endif
