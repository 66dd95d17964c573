// Device and host memory of one slot, by size class: what a job took comes back when it ends and serves the next, so
// equal jobs allocate nothing. One thread uses a pool; only the counter is shared.
#ifndef PEER_EXECUTOR_POOL_H
#define PEER_EXECUTOR_POOL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "peer/executor/device.h"
#include "peer/executor/residents.h"

#define POOL_ALIGN 64
#define POOL_CLASSES 136 // four to an octave, 4 KiB .. 2^46

struct pool_block;

struct pool {
    const struct device *device;
    struct residents *residents;       // what makes room when the device has none
    atomic_uint_fast64_t *allocations; // shared by the pools of a process: memory objects made since start
    struct pool_block *free_device[POOL_CLASSES], *free_host[POOL_CLASSES];
    struct pool_block *taken;
    uint64_t bytes_kept; // of all blocks, taken or free
};

// On the device of the residents and with their counter. Borrows them until pool_deinit.
void pool_init(struct pool *p, struct residents *residents);
void pool_deinit(struct pool *p); // nothing may be in use by the device

// Lend until pool_release. NULL with a sentence in why: above the device's limits, or no memory even after what lies
// free here and what nobody uses of the residents was given back.
cl_mem pool_device(struct pool *p, size_t size, struct p2_strbuf *why);
uint8_t *pool_host(struct pool *p, size_t size, struct p2_strbuf *why); // POOL_ALIGN aligned, contents undefined

// The device's view of a host block lent by this pool, made once and kept with the block; NULL when `host` is not the
// start of one, or the device has none of it.
cl_mem pool_host_view(struct pool *p, const void *host, size_t size);

void pool_release(struct pool *p); // all that was lent comes back
void pool_trim(struct pool *p);    // free blocks go back to the system

// Index of the smallest class that holds `size`, and what it holds.
uint32_t pool_class(size_t size);
size_t pool_class_size(uint32_t size_class);

#endif
