// An executor process, as its supervisor sees it: starts, builds, offers, runs jobs, crashes, is killed.
#ifndef TESTS_SIM_EXEC_H
#define TESTS_SIM_EXEC_H

#include "peer/core/words.h"
#include "sim.h"

enum exec_stage { STAGE_DOWN, STAGE_STARTING, STAGE_BUILDING, STAGE_SERVING, STAGE_QUITTING, STAGE_DYING };

enum run_state { RUN_NONE, RUN_WAITING, RUN_RUNNING };

struct run {
    enum run_state state;
    bool endless; // until it is killed
    struct word_job job;
    p2_ns taken_ns, started_ns, ends_ns;
    p2_ns recalled_ns; // when it answers that it runs, or gives the job back; 0: nobody asked
    enum p2_err code;  // how it will end
};

struct cell {
    uint8_t *bytes; // of the payload
    uint32_t capacity;
    uint64_t result_seed;
};

struct exec_faults { // in per cent of jobs
    double fails, endless, crashes;
};

struct exec {
    uint32_t peer, index;
    double speed;
    uint32_t offers; // bit for a type
    uint64_t memory_bytes;
    struct exec_faults faults;
    enum exec_stage stage;
    p2_ns ready_ns;
    struct word_setup setup;
    struct run runs[WORD_CELLS_MAX];
    struct cell cells[WORD_CELLS_MAX];
    uint32_t built; // words said while building
    struct timer timer;
};

void exec_init(struct exec *e);
void exec_deinit(struct exec *e); // the process and its memory are gone
void exec_start(struct exec *e);
void exec_kill(struct exec *e);
void exec_hear(struct exec *e, const struct word *w);
void exec_crash(struct exec *e);
bool exec_holds(const struct exec *e, uint32_t content); // a job of it
enum p2_err exec_store(struct exec *e, uint32_t cell, uint64_t offset, const struct p2_slice *bytes, uint32_t raw_size,
                       bool zstd);

// What the supervisor hears; peer_node.c.
void peer_exec_started(uint32_t peer, uint32_t exec);
void peer_exec_word(uint32_t peer, uint32_t exec, const struct word *w);
void peer_exec_gone(uint32_t peer, uint32_t exec);

#endif
