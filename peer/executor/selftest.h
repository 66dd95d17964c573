// Which types this device may be offered for: each is built, warmed, and must give its known answers, here and now.
// What an earlier start of this program proved is taken from the disk: the same results again need no reference to be
// right, and the speed is not measured again.
#ifndef PEER_EXECUTOR_SELFTEST_H
#define PEER_EXECUTOR_SELFTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"
#include "peer/executor/exec.h"
#include "peer/executor/program.h"
#include "peer/executor/slot.h"
#include "peer/executor/verdict.h"

#define PROOF_TEXT 4096
#define MEASURE_NS (300 * P2_MS) // at most spent on measuring one type
#define MEASURE_SETTLED 6        // runs in a row, none of them 5 % better than the best before, end it sooner

struct proof {
    const struct exec_type *type;
    cl_program program; // NULL: none needed, or withheld; ours until proof_drop
    bool built;         // by proof_build, and proof_make has not gone on yet
    bool offered;
    bool cached; // the program came from the disk cache
    bool known;  // the answers are those of an earlier start, and the speed is its
    p2_ns build_ns, test_ns;
    uint64_t units_per_second;
    char why[PROOF_TEXT]; // when not offered
};

struct proof_means {
    const struct program_cache *cache;
    bool anew; // takes no verdict of an earlier start
    // Called before a program that is not there is compiled, which takes seconds; NULL: not.
    void (*on_compile)(void *arg, const struct exec_type *type);
    // What is done for the type now and was not on the disk, so that it may take seconds; part 0..1 of it is behind.
    // NULL: not said.
    void (*on_step)(void *arg, const char *step, float part);
    void *arg;
};

// The program alone, on any thread, into a zeroed proof: built, with program NULL and a sentence in why when it cannot.
void proof_build(struct proof *p, const struct exec_type *type, const struct device *device,
                 const struct proof_means *means);

// Goes on from proof_build, or begins with it. Decides type `index` on the slot, which keeps its kernels when it is
// offered. Nothing else may use the device.
void proof_make(struct proof *p, const struct exec_type *type, uint32_t index, struct exec_slot *slot,
                const struct proof_means *means);
void proof_drop(struct proof *p);

#endif
