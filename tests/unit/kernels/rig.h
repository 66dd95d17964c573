// Slots of the executor's own, on which tests run single jobs: on the first CPU device with the kernels for CPUs or
// those for GPUs, or on the fake device, which is the reference behind the codecs. What a type keeps (exec_keep) stays
// from job to job of a device, so a test that uploads once and refers to it later is a row of rig_run.
#ifndef TESTS_UNIT_KERNELS_RIG_H
#define TESTS_UNIT_KERNELS_RIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/task_type.h"
#include "msg/msg.h"

enum rig_device { RIG_VECTORS, RIG_PIXELS, RIG_FAKE };

// Opens all three. False when this machine has no OpenCL device: the test is skipped (return RIG_SKIPPED from main).
bool rig_open(void);
void rig_close(void);
#define RIG_SKIPPED 77

struct rig_job {
    enum rig_device device;
    const char *type;
    const char *params; // "input_res=7x5 quality=fast"
    const uint8_t *payload;
    size_t payload_size;
    struct {
        const void *bytes; // not aligned in any way, as in a mapped file that begins anywhere
        size_t size;
    } blobs[P2_TASK_BLOBS_MAX]; // borrows; digests are computed
    uint32_t blob_count;
    bool cancelled;
};

struct rig_result {
    enum p2_err code; // of prepare or of the job
    bool prepared;
    char why[256];
    uint8_t *bytes; // the job's result; rig_free
    size_t size;
    bool overran; // bytes beyond result_bytes_max were written
    _Alignas(64) uint8_t block[P2_BLOCK_MAX];
    struct p2_task_cost cost;
};

void rig_run(const struct rig_job *job, struct rig_result *out);
void rig_free(struct rig_result *r);
uint64_t rig_allocations(enum rig_device device); // of memory objects, by its pool and of what is kept

struct rig_kept {
    uint64_t bytes, built, found, evicted; // since rig_open, but for bytes
};
struct rig_kept rig_kept(enum rig_device device);
void rig_forget(enum rig_device device); // all that is kept

// prepare() alone, from the same notation.
void rig_prepare(const char *type, const char *params, uint64_t payload_size, struct rig_result *out);

#endif
