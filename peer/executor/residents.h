// What stays on the device between jobs: things built once and found again by their key. All slots of a device use one
// store; what nobody uses makes room, oldest first. exec.h tells types what they see of it.
#ifndef PEER_EXECUTOR_RESIDENTS_H
#define PEER_EXECUTOR_RESIDENTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ns.h"
#include "base/strbuf.h"
#include "peer/executor/device.h"
#include "peer/executor/exec.h"

#define RESIDENTS_MAX 256 // all slots together hold a quarter of it at most

//   FREE --> BUILDING --> READY --> FREE      BUILDING --> FREE: its builder failed
enum resident_state { RESIDENT_FREE, RESIDENT_BUILDING, RESIDENT_READY };

struct resident_key {
    uint32_t type_index;
    bool exclusive;
    struct p2_digest digest;
};

struct resident_entry {
    struct exec_kept kept; // first: the pointer that types have
    enum resident_state state;
    struct resident_key key;
    uint32_t users;   // 0 or 1 of an exclusive one, which whoever builds it uses; while building only the builder
    bool dropped;     // goes when its last user does, and is not found before that
    uint64_t bytes;   // of its parts
    uint64_t used_at; // of residents.uses: who was used least recently
};

struct resident_counts {
    uint64_t found, built, failed, evicted;
};

struct residents {
    const struct device *device;
    atomic_uint_fast64_t *allocations; // as of pool.h
    uint64_t budget_bytes;             // above it what is not in use goes
    pthread_mutex_t lock;              // guards all below
    pthread_cond_t changed;            // on CLOCK_MONOTONIC
    struct resident_entry *entries;
    uint64_t bytes, uses;
    struct resident_counts counts;
};

// Whose wait it is: it ends when the job is cancelled (residents_wake) or late.
struct resident_waiter {
    const atomic_bool *cancelled; // may be NULL
    p2_ns deadline_ns;            // P2_NEVER
};

// False: no memory. Borrows device and allocations until residents_deinit.
bool residents_init(struct residents *r, const struct device *device, atomic_uint_fast64_t *allocations,
                    uint64_t budget_bytes);
void residents_deinit(struct residents *r); // nothing may be in use

// Waits while the thing is being built or, of an exclusive one, used; then lends it until residents_release. When there
// is none and may_build, *fresh_out: the caller fills it and says residents_built. P2_ERR_NOT_FOUND: none, and not
// may_build; P2_ERR_CANCELLED: the waiter's job ended before; P2_ERR_DEVICE_MEMORY: every entry is in use.
enum p2_err residents_acquire(struct residents *r, const struct resident_key *key, bool may_build,
                              const struct resident_waiter *waiter, struct resident_entry **out, bool *fresh_out);
// Nothing may still run on its parts. Not good: it is gone, and one of those who wait for it builds in turn.
void residents_built(struct residents *r, struct resident_entry *e, bool good);
// Nothing may still run on its parts. An exclusive one that is not whole is gone.
void residents_release(struct residents *r, struct resident_entry *e, bool whole);
void residents_drop(struct residents *r, struct resident_entry *e); // in use: it goes when its last user does

// Makes a part of an entry that the caller builds or has for itself, in place of what was there. The buffer is the
// entry's. NULL with a sentence in why: no memory, even after what nobody uses was given back.
cl_mem residents_buffer(struct residents *r, struct resident_entry *e, uint32_t part, size_t size,
                        struct p2_strbuf *why);
uint8_t *residents_host(struct residents *r, struct resident_entry *e, uint32_t part, size_t size,
                        struct p2_strbuf *why);

// Frees what nobody uses, least recently used first, until `bytes` are free or none is left; returns how many were.
uint64_t residents_evict(struct residents *r, uint64_t bytes);
void residents_wake(struct residents *r); // a job was cancelled: those who wait look again

#endif
