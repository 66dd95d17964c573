// The slots at work: jobs wait in order of deadline, each slot is a thread that takes the next. Every job submitted
// ends in exactly one call of `done`.
#ifndef PEER_EXECUTOR_RUN_H
#define PEER_EXECUTOR_RUN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/heap.h"
#include "base/ns.h"
#include "base/strbuf.h"
#include "peer/core/words.h"
#include "peer/executor/selftest.h"
#include "peer/executor/slot.h"

#define RUN_SLOTS_MAX 16
#define RUN_IDLE_NS (30 * P2_SEC) // after which a slot gives its free memory back

//   FREE --> WAITING --> RUNNING --> FREE      WAITING --> FREE: too late, cancelled or stopped
enum run_state { RUN_FREE, RUN_WAITING, RUN_RUNNING };

struct run_cell {
    struct p2_heap_node node;
    enum run_state state;
    atomic_bool cancelled;
    uint32_t type_index;
    p2_ns received_ns;
    struct slot_job job;
    struct upload upload;
    uint32_t blob_count;
    struct word_blob blobs[P2_TASK_BLOBS_MAX];
    _Alignas(64) uint8_t block[P2_BLOCK_MAX];
};

struct runner_options {
    const struct device *device; // borrows until runner_stop
    const struct proof *proofs;  // borrows until runner_stop; by type index
    uint32_t proof_count;
    struct word_setup setup; // checked
    uint8_t *memory;         // of the cells; 64-byte aligned
    const char *blob_dir;    // borrows until runner_stop; NULL: there are no blobs
    // Of any thread; the cell is free again when it is called. why is "" for P2_OK; valid for the call.
    void (*done)(void *arg, const struct word_done *done, const char *why);
    // A recalled job has started. Called before its done, with the runner's lock: calls nothing of the runner.
    void (*runs)(void *arg, uint32_t cell);
    // The device cannot be trusted any more; called after the job's done. Of any thread.
    void (*lost)(void *arg, const char *why);
    void *arg;
};

struct runner;

struct run_slot {
    struct runner *runner;
    struct exec_slot exec;
    pthread_t thread;
    bool started;
};

struct runner {
    struct runner_options o;
    pthread_mutex_t lock;
    pthread_cond_t wake; // on CLOCK_MONOTONIC
    bool stopping;
    uint64_t arrivals;
    struct p2_heap waiting;
    struct run_cell cells[WORD_CELLS_MAX];
    struct run_slot slots[RUN_SLOTS_MAX];
    uint32_t slot_count;
    atomic_uint_fast64_t allocations;
    struct residents residents;
    struct uploads uploads;
};

// Opens the first slot, on which types are proved before the threads start. keep_percent of the device's memory may
// hold what stays between jobs. Borrows device.
enum p2_err runner_init(struct runner *r, const struct device *device, uint32_t keep_percent, struct p2_strbuf *why);
struct exec_slot *runner_first_slot(struct runner *r);

// Makes the other slots and the cells' views, then starts the threads.
enum p2_err runner_start(struct runner *r, const struct runner_options *o, struct p2_strbuf *why);

// A checked word: cell in range, payload within the cell. P2_ERR_UNEXPECTED_MESSAGE: the cell's job has not ended.
// A type that is not offered ends through done() with P2_ERR_UNKNOWN_TYPE.
enum p2_err runner_submit(struct runner *r, const struct word_job *job, p2_ns now);
void runner_cancel(struct runner *r, uint32_t cell); // of a free cell: it was quicker, nothing happens
void runner_recall(struct runner *r, uint32_t cell); // what waits is dropped: done(), returned; what runs: runs()

// Ends waiting jobs whose deadline passed; when to call again, P2_NEVER for not before the next submit.
p2_ns runner_expire(struct runner *r, p2_ns now);

// What waits ends with P2_ERR_CANCELLED, what runs is waited for. Also after a failed start.
void runner_stop(struct runner *r);
void runner_deinit(struct runner *r); // after runner_stop

#endif
