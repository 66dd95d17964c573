// What a seed chooses before anything happens.
#ifndef TESTS_SIM_PLAN_H
#define TESTS_SIM_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"

#define SIM_TYPES 6

struct stream_wish;

// CALM: nothing goes wrong and there is capacity, so every task must be done. PEERS_FAIL: peers, their executors and
// links do, deadlines are far: nothing may expire. WILD: everything may happen.
enum plan_mode { PLAN_CALM, PLAN_PEERS_FAIL, PLAN_WILD };

struct plan {
    enum plan_mode mode;
    uint32_t peers, clients;
    bool crowd;    // hundreds of them
    bool tight;    // small limits
    bool large;    // payloads and results beyond a stream's window
    bool zstd;     //
    bool sessions; // clients resume theirs
    bool blobs;    // tasks refer to some
    bool repeats;  // the same content is asked for again
    bool drains;   // the coordinator drains at the end
    bool doubles;  // calm, no task has a deadline of its own, and half way through all round trips double
    const struct stream_wish *stream; // calm, one client, frames of a stream in place of tasks by chance; NULL: not so
    uint32_t check_each;              // every invariant after each so many steps of a core
    p2_ns task_every;                 // of one client, on average
    p2_ns deadline_min, deadline_max;
    p2_ns resume_grace;         // not longer than deadline_max
    p2_ns work_max;             // of one task on a peer of speed 1
    p2_ns prior;                // of any task, beside twice its work
    p2_ns delay_min, delay_max; // of links, one way
    uint64_t bandwidth_min, bandwidth_max;
    double fault_every_s; // of the whole cluster, on average
    uint64_t cell_bytes;  // of a peer
    uint64_t room_bytes;  // of the coordinator's connections
    uint64_t payload_max, result_max;
};

void plan_make(struct plan *p, uint64_t seed, bool doubles, const struct stream_wish *stream);

#endif
