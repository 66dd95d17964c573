// What every client of a comparison shares: the window of open tasks, payloads that name themselves, the part of the
// run that counts, and what it cost whom. One thread at a time; a wrong answer ends the process with a sentence.
#ifndef LOADTEST_BENCH_DISPATCH_DRIVE_H
#define LOADTEST_BENCH_DISPATCH_DRIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/ns.h"
#include "loadtest/core/hdr.h"

#define DRIVE_STAMP 16u // bytes at a payload's begin that say which task it is
#define DRIVE_WORKERS_MAX 16u

struct drive_plan {
    size_t payload_bytes; // DRIVE_STAMP + 8 or more
    uint32_t in_flight;
    p2_ns warm_ns, measured_ns;
    pid_t broker, workers[DRIVE_WORKERS_MAX]; // whose processor time is read; 0: none
    uint32_t worker_count;
};

struct drive_figures { // of the measured part; plain bytes, so that a pipe carries it
    uint64_t tasks;
    double seconds;
    double p50_us, p99_us;
    double broker_us, workers_us, load_us; // processor time a task: of the broker, of all workers, of this process
    uint64_t broker_grew_bytes;            // its resident memory at its highest, above what it was at the begin
};

enum drive_phase { DRIVE_WARMS, DRIVE_MEASURES, DRIVE_DRAINS };

struct drive_cost {
    p2_ns broker, workers, load;
};

struct drive {
    struct drive_plan plan;
    enum drive_phase phase;
    uint8_t *payload;
    struct drive_slot *slots;
    uint32_t *vacant; // slots, a stack
    uint32_t vacant_count;
    p2_ns now, begun_ns, measured_from_ns, measured_until_ns;
    uint64_t tasks, resident_before;
    struct drive_cost cost[2];
    struct hdr *latency; // in steps of nanoseconds where its own are of microseconds: up to 4.29 s
};

void drive_init(struct drive *d, const struct drive_plan *plan);
void drive_deinit(struct drive *d);

// Everybody is connected: the warm-up begins.
void drive_begin(struct drive *d);

// Looks at the clock: once for all that one read brought, and that leaves together.
void drive_turn(struct drive *d);

// How many tasks may be submitted now; none once the measured part is over.
uint32_t drive_room(const struct drive *d);

// The next task's payload: lent until the next call. Its first four bytes, little-endian, are its slot, below
// in_flight. To be called while there is room.
const uint8_t *drive_next(struct drive *d);

// A result; the process ends when it is not the payload of an open task.
void drive_done(struct drive *d, const void *result, size_t size);

bool drive_over(const struct drive *d); // measured, and nothing is open any more
void drive_figures(const struct drive *d, struct drive_figures *out);

// Ends the process: what, and the system's reason when there is one.
_Noreturn void drive_fail(const char *what, ...) __attribute__((format(printf, 1, 2)));

#endif
