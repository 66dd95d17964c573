// A coordinator's core with clients and peers that a bench speaks for, word by word, in virtual time. Nobody pings,
// nothing comes late; peers have results when the bench says so.
#ifndef LOADTEST_BENCH_STAND_H
#define LOADTEST_BENCH_STAND_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/core/coord.h"

#define STAND_TYPES 3u // of equal meaning
#define STAND_WAITING_HASHES 8u

struct stand_config {
    uint32_t tasks_max; // open at once, all clients
    uint32_t clients, peers;
    uint32_t jobs;      // of each peer, at once
    bool deterministic; // the types are: results are remembered
};

struct stand_job { // a peer has it, and its bytes
    p2_handle conn;
    struct p2_id id;
    uint32_t stream, attempt;
};

struct stand {
    struct stand_config config;
    struct coord *c;
    struct coord_actions out;
    struct p2_blob_pool pool;
    p2_ns now;
    p2_ns spent_ns; // in coord_step; the bench sets it to 0
    uint32_t submitted;
    uint32_t *streams; // of each client, the last used
    struct stand_job *jobs;
    uint32_t job_first, job_count, job_capacity;
    uint64_t accepted, assigned, delivered, cached, ended; // ended: in any other way, refused ones included
    struct p2_digest key;                                  // what the shell would find for the task being submitted
    p2_handle to_hash[STAND_WAITING_HASHES];
    uint32_t to_hash_count;
};

struct stand_task {
    uint32_t client, type;
    enum p2_class class_;
    p2_ns deadline_ns;
    uint32_t payload_bytes; // at most P2_STREAM_WINDOW
};

void stand_init(struct stand *s, const struct stand_config *config); // all have joined
void stand_deinit(struct stand *s);

void stand_submit(struct stand *s,
                  const struct stand_task *t);             // with all its chunks, and its key when one is asked for
uint32_t stand_next(const struct stand *s);                // the number of the task that was assigned first: from 1
void stand_answer(struct stand *s, uint32_t result_bytes); // the job that was assigned first has its result

#endif
