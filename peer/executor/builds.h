// Programs of several types built at once, beside the thread that proves the types one after another: loading a compiled
// one is mostly files, compiling is one core's work.
#ifndef PEER_EXECUTOR_BUILDS_H
#define PEER_EXECUTOR_BUILDS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "peer/executor/selftest.h"

#define BUILDS_THREADS_MAX 3 // beside the one that waits, which helps

struct builds {
    const struct device *device;
    const struct exec_type *const *types;
    uint32_t count;
    struct proof *proofs;
    const struct proof_means *means;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t next; // first that nobody has begun
    uint32_t thread_count;
    pthread_t threads[BUILDS_THREADS_MAX];
};

// Starts it: proofs[i] of types[i], zeroed. Borrows all of it until builds_end. The means' on_compile may be called on
// any thread.
void builds_start(struct builds *b, const struct device *device, const struct exec_type *const *types, uint32_t count,
                  struct proof *proofs, const struct proof_means *means);
// Until proofs[i] is built, or cannot be: proof_make goes on from there.
void builds_wait(struct builds *b, uint32_t i);
void builds_end(struct builds *b); // waits for what has begun

#endif
