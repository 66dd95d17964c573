// The executor's side of a task type: what kernels/<type>/exec.c implements and what it may use. One device, one
// context; each slot is a thread with its own queue and kernel objects, so a type's run() needs no locks.
#ifndef PEER_EXECUTOR_EXEC_H
#define PEER_EXECUTOR_EXEC_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ns.h"
#include "base/strbuf.h"
#include "kernels/task_type.h"

struct exec_slot; // one thread: its queue, its buffers, its place to say what went wrong

// Facts a type chooses its kernels by.
struct exec_device_facts {
    bool is_cpu;           // vector-per-item kernels, zero-copy buffers
    uint32_t vector_width; // preferred float lanes
    uint32_t compute_units;
    uint64_t memory_bytes, buffer_bytes_max;
};

// A job as a type sees it. in and out are the cell in shared memory.
struct exec_job {
    const void *block; // the type's layout.h struct, made and checked by its prepare()
    const uint8_t *in;
    size_t in_size;
    uint8_t *out;
    size_t out_capacity;
};

struct exec_type {
    const struct p2_task_type *type;
    const char *source;           // the .cl text, layout.h included (kernels/embed.py)
    const char *const *kernels;   // NULL-terminated names; a slot has one object of each, by this index
    // Runs one job on the slot. Returns P2_OK with *out_size set, P2_ERR_BAD_PAYLOAD, P2_ERR_DEVICE_MEMORY,
    // P2_ERR_EXECUTION_FAILED, P2_ERR_RESULT_TOO_LARGE, P2_ERR_CANCELLED; exec_why() takes a sentence.
    enum p2_err (*run)(struct exec_slot *slot, const struct exec_job *job, size_t *out_size);
    // Every (kernel, local size) pair launched once on tiny data, so that no job pays for code generation.
    enum p2_err (*warm)(struct exec_slot *slot);
};

// In the order of kernels/meson.build, generated beside p2_task_types.
extern const struct exec_type *const exec_types[];
extern const uint32_t exec_type_count;

const struct exec_device_facts *exec_facts(const struct exec_slot *slot);
cl_kernel exec_kernel(struct exec_slot *slot, uint32_t index); // of the running type; lends
cl_command_queue exec_queue(struct exec_slot *slot);           // in order, profiling on; lends

// Device buffer of at least `size` bytes from the slot's pool (size classes; steady state allocates nothing).
// Returned to the pool after run(). NULL: exec_why is set, return P2_ERR_DEVICE_MEMORY.
cl_mem exec_buffer(struct exec_slot *slot, size_t size);
// Wraps host memory for the device without a copy where it shares memory (CL_MEM_USE_HOST_PTR on CPUs); elsewhere
// a pooled buffer that exec_upload / exec_download fill. Host pointer must be 64-byte aligned for zero copy.
cl_mem exec_host_buffer(struct exec_slot *slot, void *host, size_t size, bool write_to_device);
enum p2_err exec_upload(struct exec_slot *slot, cl_mem to, const void *from, size_t size);
enum p2_err exec_download(struct exec_slot *slot, cl_mem from, void *to, size_t size); // blocks
uint8_t *exec_host(struct exec_slot *slot, size_t size); // pooled, 64-byte aligned host scratch; back after run(); NULL: no memory

// Enqueues a 1- or 2-D launch with a constant local size; global sizes are rounded up to multiples of it, so kernels
// check their bounds. Long work is cut into launches of about 20 ms by the caller through row_offset arguments; between launches cancellation and
// the deadline are looked at: P2_ERR_CANCELLED ends the job. Kernel time is counted into the job's kernel_ns.
enum p2_err exec_launch(struct exec_slot *slot, cl_kernel k, uint32_t dims, const size_t *global, const size_t *local);
enum p2_err exec_finish(struct exec_slot *slot); // waits for all launches

bool exec_cancelled(const struct exec_slot *slot);
void exec_why(struct exec_slot *slot, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
