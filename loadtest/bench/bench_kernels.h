// `./run bench kernels`: task types side by side with well-kept libraries, on the device that an executor would use,
// two threads each, both warm, in turns. A type's rows are a file bench_kernels_TYPE.c and a line in meson.build; they
// are left out, and that is said, where the opponent is not installed.
//
//     task                              ours ms  opponent ms    ratio  bar      kept  opponent
//     960x540 x2 bilinear (fast)          0.310        1.104    0.281  <= 0.4   yes   OpenCV 4.6.0 INTER_LINEAR
//
// On a GPU the same rows have no bar: they are told, with what they reach of the device's own ceilings.
#ifndef LOADTEST_BENCH_BENCH_KERNELS_H
#define LOADTEST_BENCH_BENCH_KERNELS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loadtest/bench/bench.h"
#include "loadtest/bench/bench_ceiling.h"
#include "peer/executor/slot.h"

#define BENCH_THREADS 2 // of ours on a CPU and of every opponent
#define BENCH_PAIRS_MIN 15

struct bench_kernels {
    struct bench table;
    bool bars; // on the CPU
    struct device device;
    struct residents residents;
    struct exec_slot slot;
    cl_program programs[P2_TYPES_MAX];
    atomic_uint_fast64_t allocations;
    struct bench_ceiling ceiling; // of the device
    p2_ns launch_ns_max;          // of the type whose rows run: the longest of a job, in the middle of its runs
};

// What a file of rows defines, named bench_kernels_TYPE.
struct bench_kernels_rows {
    const char *type;
    void (*run)(struct bench_kernels *k);
};

// In the order of meson.build; generated.
extern const struct bench_kernels_rows *const bench_kernels_all[];
extern const uint32_t bench_kernels_count;
extern const char bench_kernels_missing[]; // types whose opponent is not installed, each with a blank before it

// ---- our side: a job as an executor runs it ----

struct bench_task {
    struct bench_kernels *k;
    uint32_t type_index;
    _Alignas(64) uint8_t block[P2_BLOCK_MAX];
    struct p2_task_cost cost;
    uint8_t *in, *out;
    struct exec_blob blobs[P2_TASK_BLOBS_MAX];
    uint32_t blob_count;
    struct slot_job job;
    size_t out_size;                            // of the last run's result, which is at out
    p2_ns kernel_ns_least;                      // of all runs
    p2_ns launch_ns_max[BENCH_REPETITIONS_MAX]; // the longest of each of the last runs
    uint32_t runs;
};

// Parameters as on the command line ("input_res=960x540 quality=fast"). The payload is copied, blobs are borrowed until
// bench_task_deinit. What does not prepare ends the program with a sentence.
void bench_task_init(struct bench_task *t, struct bench_kernels *k, const char *type, const char *params,
                     const struct exec_blob *payload);
void bench_task_add_blob(struct bench_task *t, const void *bytes, size_t size); // digests it
void bench_task_deinit(struct bench_task *t);

// Runs it; one that fails ends the program with its reason.
void bench_task_run(struct bench_task *t);

// Memory whose pages are there before the clock runs, zeroed, 4096-byte aligned; free().
uint8_t *bench_bytes(size_t size);

// ---- rows ----

struct bench_contest {
    char task[64];
    char opponent[120]; // and its version
    void (*ours)(void *arg);
    void (*theirs)(void *arg);
    void *arg;
    double bar;
    // No bar: all threads, the device's too, on one CPU, and CPU time in place of time. For an opponent without
    // threads.
    bool one_cpu;
    bool by_speed;  // false: our time over theirs is at most bar; true: our speed over theirs is at least bar
    uint32_t pairs; // 0: 41; at least BENCH_PAIRS_MIN
    // For the device's ceilings: what one run must move and compute at least, and whose kernels' time counts. 0, 0,
    // NULL: nothing is said of it.
    uint64_t bytes, flops;
    const struct bench_task *ours_task;
};

// Both warmed, then in turns; a row of the medians.
void bench_contest(struct bench_kernels *k, const struct bench_contest *c);

// A figure that is no time, such as a largest difference; a bar on the CPU, told on a GPU.
void bench_figure(struct bench_kernels *k, const struct bench_row *row);

#endif
