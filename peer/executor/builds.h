// Programs of several types built at once, beside the thread that proves the types one after another as they come:
// compiling is one core's work, and while a driver loads one program the next one's file is read and compared.
#ifndef PEER_EXECUTOR_BUILDS_H
#define PEER_EXECUTOR_BUILDS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "peer/executor/selftest.h"

#define BUILDS_THREADS_MAX 3 // beside the one that proves; at most one for each processor

struct builds {
    const struct device *device;
    const struct exec_type *const *types;
    uint32_t count;
    struct proof *proofs;
    const struct proof_means *means;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t next;              // first that nobody has begun
    bool given[SLOT_TYPES_MAX]; // by builds_next
    uint32_t given_count;
    uint32_t thread_count;
    pthread_t threads[BUILDS_THREADS_MAX];
};

// Starts it: proofs[i] of types[i], zeroed, at most SLOT_TYPES_MAX. Borrows all of it until builds_end. The means'
// on_compile may be called on any thread.
void builds_start(struct builds *b, const struct device *device, const struct exec_type *const *types, uint32_t count,
                  struct proof *proofs, const struct proof_means *means);
// Waits until one is built, or cannot be, that was not given before, and gives the first of them: proof_make goes on
// from there. False: all were given.
bool builds_next(struct builds *b, uint32_t *out);
void builds_end(struct builds *b); // waits for what has begun

#endif
