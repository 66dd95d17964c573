// What stands for an executor behind a synthetic peer: it builds nothing, computes nothing, and takes as long as the
// scenario says. It hears words and answers with words, as peer/core/words.h has them.
#ifndef LOADTEST_EXEC_H
#define LOADTEST_EXEC_H

#include "base/rng.h"
#include "loadtest/core/scenario.h"
#include "loadtest/core/synthetic.h"
#include "peer/core/words.h"

#define EXEC_WORDS_MAX (P2_TYPES_MAX + 4u) // that follow from one word: a type each, and around them

struct exec_run {
    uint64_t order; // waiting ones start in this order; 0: no job
    bool running, endless;
    p2_ns deadline_ns, taken_ns, started_ns, ends_ns;
    enum p2_err code; // how it will end
};

struct exec_cell {
    struct exec_run run;
    uint8_t first[SYNTHETIC_HEADER]; // of the payload
    uint64_t payload_size;
    struct synthetic result;
};

struct exec {
    const struct scenario *scenario;    // borrows
    const struct scenario_group *group; // borrows
    struct word_setup setup;
    struct exec_cell *cells;
    uint32_t running, waiting;
    uint64_t order;
    bool quits;
    p2_ns busy_ns; // of ended jobs, since start
    uint64_t done, failed;
};

// Words that it says, lent until the next call.
struct exec_words {
    struct word all[EXEC_WORDS_MAX];
    uint32_t count;
};

bool exec_init(struct exec *e, const struct scenario *s, const struct scenario_group *g,
               const struct word_setup *setup); // false: memory is short
void exec_deinit(struct exec *e);               // fine with zeroes
void exec_reset(struct exec *e);                // a new process
void exec_hear(struct exec *e, const struct word *w, p2_ns now, struct p2_rng *rng, struct exec_words *out);
void exec_tick(struct exec *e, p2_ns now, struct p2_rng *rng, struct exec_words *out); // what is due by now
p2_ns exec_next_ns(const struct exec *e);
bool exec_left(const struct exec *e); // asked to quit, and has nothing left to do
void exec_store(struct exec *e, uint32_t cell, uint64_t offset, const uint8_t *bytes, uint32_t size);
bool exec_thin(const struct exec *e, uint32_t cell); // is its result compressible?
void exec_load(const struct exec *e, uint32_t cell, uint64_t offset, uint8_t *out, uint32_t size);

#endif
