// What is true of every task, kept beside the cores: what its payload and result must be, who has computed it, what the
// coordinator has said of it. Several tasks may ask for the same content.
#ifndef TESTS_SIM_BOOK_H
#define TESTS_SIM_BOOK_H

#include "sim.h"

#define BOOK_PEERS 8 // that had or failed a task; more than attempts

#define BOOK_BLOBS 2 // a task refers to, at most

struct content {
    uint64_t seed, result_seed;
    uint32_t type, work_us, memory_mb;
    uint32_t told_us; // what its parameters say of its work
    uint32_t payload_size, result_size;
    bool plain; // bytes that do not compress
    bool computed;
};

struct deed { // one task
    uint32_t content, client;
    enum p2_class class_;
    p2_ns submitted_ns, deadline_ns;
    uint32_t weight_percent;
    p2_ns left_ns;                      // of the deadline when it was sent
    bool learned;                       // the deadline, and less than four priors
    bool asked_to_end, abandoned, over; // at the client: over once its ticket has ended
    p2_ns over_ns;
    // at the coordinator
    bool accepted, ended, done, waits, refused;
    // Sessions: the result was handed over whole; it is kept; it is short enough to be kept whatever happens.
    bool handed, kept, safe;
    p2_ns handed_ns;
    p2_handle delivered_on, answered_on; // the connection it was last told of
    uint32_t hedges;                     // second runs
    bool unpaid;                         // ended for want of a retry token
    p2_ns accepted_ns, due_ns, waits_since_ns;
    uint32_t attempt, delivered_attempt;
    uint32_t attempts; // those said, one bit each
    uint32_t blobs[BOOK_BLOBS], blob_count;
    uint32_t had[BOOK_PEERS], failed_by[BOOK_PEERS], had_count, failed_count; // peers
    p2_ns failed_ns[BOOK_PEERS];
};

extern const struct p2_task_type *const sim_types[SIM_TYPES];

struct sim_block { // of a job
    uint32_t content, result_size;
};

void book_open(void);
void book_close(void);
uint32_t book_content(uint32_t type);       // a new one, or (plan.repeats) sometimes an old one of that type
uint32_t book_add(const struct content *c); // one of that type, work and sizes
struct content *content_of(uint32_t number);
uint32_t book_task(uint32_t content); // number of a new task
struct deed *deed_of(uint32_t number);
uint32_t book_count(void);
struct p2_id book_id(uint32_t number);
bool book_number(const struct p2_id *id, uint32_t *number_out); // false: not of this book

void bytes_fill(uint8_t *out, uint64_t seed, uint64_t offset, uint32_t size);
bool bytes_right(const uint8_t *bytes, uint64_t seed, uint64_t offset, uint32_t size);
uint64_t result_seed_of(const uint8_t *payload, uint32_t size, uint32_t type); // the meaning of a type

#endif
