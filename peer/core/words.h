// What the supervisor and an executor child say to each other: one fixed struct per datagram on a SOCK_SEQPACKET
// socketpair (fd 3 in the child), payload bytes in a shared memfd (fd 4). Both ends come from one build; the child is
// not trusted with more than its own cells: the supervisor checks every number it says.
//
// The memfd is `cells` cells of (in_bytes + out_bytes). A cell holds one job: its payload, then its result. Pages are
// touched only when used.
#ifndef PEER_CORE_WORDS_H
#define PEER_CORE_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ns.h"
#include "kernels/task_type.h"
#include "msg/msg.h"

#define WORDS_VERSION 3
#define WORD_TEXT 160
#define WORD_CELLS_MAX 64
#define WORD_KEEP_MAX 75

enum word_kind {
    // supervisor -> executor
    WORD_SETUP = 1, // first: cells and their sizes
    WORD_JOB,       // a cell's payload is whole: run it
    WORD_CANCEL,    // drop the cell's job; answered by DONE with P2_ERR_CANCELLED, or by the result if it was quicker
    WORD_QUIT,      // finish what runs, then exit 0
    WORD_RECALL,    // drop the cell's job if it has not started: answered by DONE, returned; if it runs, by RUNS. Of a
                    // job that has ended nothing is said
    // executor -> supervisor
    WORD_DEVICE,   // which device it drives
    WORD_PROGRESS, // building and testing, 0..1
    WORD_OFFER,    // a type has given its known answer on this device
    WORD_WITHHELD, // a type has not: text says why; it is not offered
    WORD_READY,    // all types decided: jobs may come
    WORD_DONE,     // a job ended
    WORD_FAILED,   // the device cannot be used; text says why; the child exits
    WORD_RUNS,     // a recalled job has started; its DONE comes later
};

struct word_setup {
    uint32_t version;
    uint32_t cells, slots;        // slots run at once; further cells wait in order of deadline
    uint32_t keep_percent;        // of the device's memory, for what stays there between jobs: at most WORD_KEEP_MAX
    uint64_t in_bytes, out_bytes; // of each cell
};

struct word_blob {
    struct p2_digest digest;
    uint64_t size;
};

struct word_job {
    uint32_t cell;
    uint32_t type_version;
    char type[32];
    uint64_t payload_size;
    p2_ns deadline_ns;           // monotonic: both processes share the clock; an expired job is dropped unstarted
    uint8_t block[P2_BLOCK_MAX]; // from the type's prepare()
    uint32_t blob_count;         // files of the folder of blobs, whole and proved
    struct word_blob blobs[P2_TASK_BLOBS_MAX];
};

struct word_device {
    enum p2_device_kind kind;
    uint32_t index, compute_units;
    uint64_t memory_bytes, buffer_bytes_max;
    char name[96], driver[96];
};

struct word_offer {
    char type[32];
    uint32_t version;
    uint64_t units_per_second;
};

struct word_done {
    uint32_t cell;
    enum p2_err code; // P2_OK, or why not
    bool returned;    // with CANCELLED: recalled, and had not started
    uint64_t result_size;
    p2_ns queue_ns, processing_ns, kernel_ns;
    p2_ns launch_ns_max;  // the longest launch of it: what a cancel would have waited for
    uint64_t allocations; // of device and host memory since start, by the pool: constant in steady state
};

struct word {
    enum word_kind kind;
    float progress;
    char text[WORD_TEXT]; // NUL-terminated
    union {
        struct word_setup setup;
        struct word_job job;
        uint32_t cell;   // CANCEL, RECALL, RUNS
        uint32_t is_new; // PROGRESS: not 0: what is done now was not on the disk and may take a while
        struct word_device device;
        struct word_offer offer;
        struct word_done done;
    } u;
};

// Of datagrams that may wait for an executor: a JOB and a CANCEL of every cell, whether or not it listens.
#define WORDS_UNHEARD_MAX (2 * WORD_CELLS_MAX * (sizeof(struct word) + 896))

static inline uint64_t word_memory_bytes(const struct word_setup *s) { return s->cells * (s->in_bytes + s->out_bytes); }

// Byte offset of a cell's payload and result in the memfd.
static inline uint64_t word_cell_in(const struct word_setup *s, uint32_t cell) {
    return (uint64_t)cell * (s->in_bytes + s->out_bytes);
}
static inline uint64_t word_cell_out(const struct word_setup *s, uint32_t cell) {
    return word_cell_in(s, cell) + s->in_bytes;
}

#endif
