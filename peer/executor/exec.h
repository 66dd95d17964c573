// The executor's side of a task type: what kernels/<type>/exec.c implements and what it may use. One device, one
// context; each slot is a thread with its own queue and kernel objects, so a type's run() needs no locks.
#ifndef PEER_EXECUTOR_EXEC_H
#define PEER_EXECUTOR_EXEC_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
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

struct exec_blob {
    const uint8_t *bytes; // of a file: read only
    size_t size;
    struct p2_digest digest; // SHA-256 of the bytes, proved
};

// A job as a type sees it. in and out are the cell in shared memory.
struct exec_job {
    const void *block; // the type's layout.h struct, made and checked by its prepare()
    const uint8_t *in;
    size_t in_size;
    uint8_t *out;
    size_t out_capacity;
    const struct exec_blob *blobs; // those the task refers to, in its order
    uint32_t blob_count;
};

struct exec_type {
    const struct p2_task_type *type;
    const char *source;         // the .cl text, layout.h included (kernels/embed.py); NULL: no device code
    const char *const *kernels; // NULL-terminated names; a slot has one object of each, by this index; NULL: none
    // The source leaves kernels out by P2_CPU (1 on processors, else 0), since loading and compiling them takes time:
    // what the program has not is no error, and not to be asked of exec_kernel.
    bool kernels_by_device;
    // Runs one job on the slot. Returns P2_OK with *out_size set, P2_ERR_BAD_PAYLOAD, P2_ERR_DEVICE_MEMORY,
    // P2_ERR_EXECUTION_FAILED, P2_ERR_RESULT_TOO_LARGE, P2_ERR_STATE_MISSING, P2_ERR_CANCELLED; exec_why() takes a
    // sentence. Called a second time after P2_ERR_DEVICE_MEMORY when things that nobody uses made room meanwhile,
    // unless it had an exclusive one. Codecs are its business: decode (exec_host) - kernels - encode into job->out.
    enum p2_err (*run)(struct exec_slot *slot, const struct exec_job *job, size_t *out_size);
    // True when a job of this block hands all of job->in to exec_host_buffer: then, where the device does not share
    // memory, these bytes travel while the jobs before it compute. NULL: never.
    bool (*raw_payload)(const void *block);
    // Every (kernel, local size) pair launched once on tiny data, so that no job pays for code generation. NULL: the
    // known answers do that already.
    enum p2_err (*warm)(struct exec_slot *slot);
    // What run() does, on the device "fake": codecs around type->reference, no OpenCL. Of the functions below it may
    // use exec_host, exec_keep with exec_keep_host and exec_keep_drop, exec_why, exec_cancelled and exec_facts. NULL:
    // payload and result of every job are the raw forms that type->reference takes and makes, so it is called with
    // job->in and job->out directly.
    enum p2_err (*run_reference)(struct exec_slot *slot, const struct exec_job *job, size_t *out_size);
    // A middle-sized job of raw form by which units per second are measured; its payload is pseudo-random bytes, so
    // any bytes of that length must be valid. bench_payload_size 0 and no bench_params: the known answer with the most
    // units is timed instead, which for a small one measures the launch more than the work.
    const struct p2_param *bench_params; // static storage
    uint32_t bench_param_count;
    size_t bench_payload_size;
};

// Known answers (task_type.h) are jobs of raw form here: what run() writes for them is compared through type->equal
// with what type->reference writes.

// In the order of kernels/meson.build, generated beside p2_task_types.
extern const struct exec_type *const exec_types[];
extern const uint32_t exec_type_count;

const struct exec_device_facts *exec_facts(const struct exec_slot *slot);
cl_kernel exec_kernel(struct exec_slot *slot, uint32_t index); // of the running type; lends
cl_command_queue exec_queue(struct exec_slot *slot);           // in order, profiling on; lends

// Device buffer of at least `size` bytes from the slot's pool (size classes; steady state allocates nothing).
// Returned to the pool after run(). NULL: exec_why is set, return P2_ERR_DEVICE_MEMORY.
cl_mem exec_buffer(struct exec_slot *slot, size_t size);

// A device buffer that stands for host memory during this job. Where the device shares memory, when `host` is job->in,
// job->out or a pointer from exec_host, it is that memory itself (CL_MEM_USE_HOST_PTR, kept with it, so steady state
// creates nothing); elsewhere, and for any other pointer, a pooled buffer, filled from `host` when write_to_device, now
// or, with the type's raw_payload, since the job arrived. In both cases exec_download(slot, buffer, host, size) makes
// results visible at `host`, and without a copy in the first. NULL: exec_why is set, return P2_ERR_DEVICE_MEMORY.
cl_mem exec_host_buffer(struct exec_slot *slot, void *host, size_t size, bool write_to_device);
// Copies in the queue's order; `from` may be reused as soon as it returns.
enum p2_err exec_upload(struct exec_slot *slot, cl_mem to, const void *from, size_t size);
// Waits for all launches before it, then copies.
enum p2_err exec_download(struct exec_slot *slot, cl_mem from, void *to, size_t size);
// Pooled, 64-byte aligned host scratch, contents undefined; back after run(). NULL: exec_why is set, return
// P2_ERR_DEVICE_MEMORY.
uint8_t *exec_host(struct exec_slot *slot, size_t size);

// Enqueues a 1- or 2-D launch with a constant local size; global sizes are rounded up to multiples of it, so kernels
// check their bounds. A local size above the device's limit is halved from its last dimension until it fits. Long work
// is cut into launches of at most 20 ms by the caller (exec_share) through row_offset arguments; between launches
// cancellation and the deadline are looked at, and the queue is kept at most about 40 ms ahead of the device:
// P2_ERR_CANCELLED ends the job, run() returns it. Kernel time is counted into the job's kernel_ns.
enum p2_err exec_launch(struct exec_slot *slot, cl_kernel k, uint32_t dims, const size_t *global, const size_t *local);
enum p2_err exec_finish(struct exec_slot *slot); // waits for all launches

// How much work, in the caller's unit (rows, tiles, pixels), the next launch of k may take to end well within the 20 ms
// that a cancel may have to wait: by what launches of k took on this slot, of those that said their units. At most
// `usual`, which is also taken until one was measured; at least 1. What a kernel writes must not depend on it.
uint64_t exec_share(const struct exec_slot *slot, cl_kernel k, uint64_t usual);
// The next exec_launch is of so many units.
void exec_launch_units(struct exec_slot *slot, uint64_t units);

// ---- What stays on the device between jobs ----
//
// A thing is found again by its key, for example a scene's acceleration tree by the digest of the scene's blob. It is
// up to EXEC_KEPT_PARTS pieces of memory and a small struct of facts about them. Shared ones never change once they are
// built: any number of jobs uses them at once, and slots that ask at the same time build one. An exclusive one (a
// physics world) is used by one job at a time, which may change it; others wait. It stays as the job left it, and is
// gone when the job fails or is cancelled. What nobody uses makes room, least recently used first, above a share of the
// device's memory and whenever a buffer cannot be had. Keys are a type's own: types do not see each other's, nor do
// shared things exclusive ones.

#define EXEC_KEPT_PARTS 16
#define EXEC_KEPT_FACTS 256 // bytes
#define EXEC_KEPT_IN_JOB 4  // things one job uses at once, at most one of them exclusive

struct exec_kept_part {
    cl_mem mem;    // of exec_keep_buffer
    uint8_t *host; // of exec_keep_host
    size_t size;   // as asked for; 0: there is no such part
};

struct exec_kept {
    struct exec_kept_part parts[EXEC_KEPT_PARTS]; // read only
    _Alignas(16) uint8_t facts[EXEC_KEPT_FACTS];  // the type's own struct; zero before it is built
};

struct exec_keep_want {
    struct p2_digest key; // of all that decides the content: blobs, options, what is built from them
    bool exclusive;
    // Fills what is new, with exec_keep_buffer, exec_keep_host, uploads and launches, which are waited for before
    // others see it; exec_keep is not called in here. Anything but P2_OK is what exec_keep returns, and nothing is
    // kept. NULL: only what is there already.
    enum p2_err (*build)(struct exec_slot *slot, struct exec_kept *kept, void *arg);
    void *arg;
};

// Lends the thing until run() returns. May wait for another slot: for its build, or for the end of its exclusive use.
// P2_ERR_NOT_FOUND: there is none and no build; P2_ERR_CANCELLED: the job ended while waiting; P2_ERR_DEVICE_MEMORY.
// On every device, also in run_reference(), where parts are of host memory alone.
enum p2_err exec_keep(struct exec_slot *slot, const struct exec_keep_want *want, struct exec_kept **out);
// A part of what build() fills, or of an exclusive thing at any time, in place of the part that was there; contents
// undefined. NULL: exec_why is set, return P2_ERR_DEVICE_MEMORY. size is above 0; host memory is 64-byte aligned.
cl_mem exec_keep_buffer(struct exec_slot *slot, struct exec_kept *kept, uint32_t part, size_t size);
uint8_t *exec_keep_host(struct exec_slot *slot, struct exec_kept *kept, uint32_t part, size_t size);
// Not kept after the jobs that use it now; who asks for it from now on builds it anew.
void exec_keep_drop(struct exec_slot *slot, struct exec_kept *kept);

// True once the job is cancelled or past its deadline: long host work (codecs) looks at it and returns
// P2_ERR_CANCELLED.
bool exec_cancelled(const struct exec_slot *slot);
void exec_why(struct exec_slot *slot, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The P2 code of an OpenCL error, for a type's own calls (clSetKernelArg); `what` goes into exec_why.
// Device memory (-4, -6, -61): P2_ERR_DEVICE_MEMORY; any other: P2_ERR_EXECUTION_FAILED; CL_SUCCESS: P2_OK.
enum p2_err exec_check(struct exec_slot *slot, cl_int error, const char *what);

#endif
