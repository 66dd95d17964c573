// One slot: a queue, kernel objects and memory, used by one thread. Implements what exec.h offers to types.
#ifndef PEER_EXECUTOR_SLOT_H
#define PEER_EXECUTOR_SLOT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/ns.h"
#include "base/strbuf.h"
#include "peer/core/words.h"
#include "peer/executor/device.h"
#include "peer/executor/exec.h"
#include "peer/executor/pool.h"
#include "peer/executor/residents.h"
#include "peer/executor/upload.h"

#define SLOT_TYPES_MAX P2_TYPES_MAX
#define SLOT_AHEAD_MAX 64 // launches enqueued and not yet waited for
#define SLOT_VIEWS_MAX 16 // host memory seen by the device without a copy, in one job

struct slot_kernel {
    cl_kernel kernel;   // NULL: not of this device
    size_t group_max;   // work-items in a group of this kernel on this device
    uint64_t launches;  // since start
    double ns_per_unit; // decaying maximum of launches that said their units; 0: none yet
};

struct slot_launch {
    cl_event event;
    struct slot_kernel *kernel; // NULL: of no type
    uint64_t units;             // 0: not said
};

struct slot_type {
    struct slot_kernel *kernels;
    uint32_t count;
};

// A job as a slot takes it. Lends all of it until slot_run returns.
struct slot_job {
    struct exec_job job;
    cl_mem in_view, out_view; // of the cell's memory, or NULL
    size_t in_capacity;
    const struct upload *uploaded; // the payload's way to the device, or NULL
    p2_ns deadline_ns;             // monotonic; P2_NEVER
    const atomic_bool *cancelled;  // may be NULL
};

struct slot_outcome {
    enum p2_err code;
    size_t result_size;
    p2_ns kernel_ns;
    p2_ns launch_ns_max; // the longest launch
    char why[WORD_TEXT];
};

struct exec_slot {
    const struct device *device;
    struct residents *residents; // of the device, shared by its slots
    cl_command_queue queue;      // NULL: fake
    struct slot_type types[SLOT_TYPES_MAX];
    struct pool pool;
    uint64_t copies;  // between host and device, since start
    bool device_lost; // an error after which the context cannot be trusted: the process should end
    // Of the running job.
    const struct slot_job *job;
    uint32_t type_index;
    struct {
        cl_mem mem;
        const void *host;
    } views[SLOT_VIEWS_MAX];
    uint32_t view_count;
    struct resident_entry *kept[EXEC_KEPT_IN_JOB];
    uint32_t kept_count;
    struct resident_entry *building;          // NULL: no build() runs
    uint64_t units;                           // of the next launch
    struct slot_launch ahead[SLOT_AHEAD_MAX]; // ring of launches not yet waited for
    uint32_t ahead_first, ahead_count;
    p2_ns launch_ns; // decaying maximum of what one launch takes
    p2_ns kernel_ns, launch_ns_max;
    struct p2_strbuf why;
    char why_text[WORD_TEXT];
};

// P2_ERR_EXECUTION_FAILED with a sentence in why. Borrows the residents, their device and counter until slot_deinit.
enum p2_err slot_init(struct exec_slot *s, struct residents *residents, struct p2_strbuf *why);
void slot_deinit(struct exec_slot *s);

// Makes the kernel objects of a type. `program` is NULL for a type without device code and on the fake device.
enum p2_err slot_add_type(struct exec_slot *s, uint32_t index, const struct exec_type *type, cl_program program,
                          struct p2_strbuf *why);
void slot_drop_type(struct exec_slot *s, uint32_t index);

// Runs a job of an added type to its end, whatever that is; nothing of it is left on the device's queue.
void slot_run(struct exec_slot *s, uint32_t index, const struct exec_type *type, const struct slot_job *job,
              struct slot_outcome *out);
// The same for the type's warm().
void slot_warm(struct exec_slot *s, uint32_t index, const struct exec_type *type, struct slot_outcome *out);

// slot_keep.c: gives back what the job used; an exclusive thing stays only when the job was done.
void slot_release_kept(struct exec_slot *s, bool done);

// fake.c: the job by the type's reference.
enum p2_err fake_run(struct exec_slot *s, const struct exec_type *type, const struct exec_job *job, size_t *out_size);

#endif
