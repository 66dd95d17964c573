#include <string.h>

#include "kernels/echo/echo.h"
#include "kernels/echo/echo_cl.h"
#include "os/os.h"
#include "peer/executor/exec.h"

#define HASHED_AT_ONCE ((size_t)1 << 20)

enum { COPY };
static const char *const kernels[] = {"echo_copy", NULL};

static enum p2_err copy(struct exec_slot *slot, cl_mem in, cl_mem out, cl_uint size, size_t items) {
    cl_kernel k = exec_kernel(slot, COPY);
    cl_int e = clSetKernelArg(k, 0, sizeof in, &in);
    if (!e) e = clSetKernelArg(k, 1, sizeof out, &out);
    if (!e) e = clSetKernelArg(k, 2, sizeof size, &size);
    if (e) return exec_check(slot, e, "echo_copy's arguments");
    return exec_launch(slot, k, 1, &items, (size_t[]){ECHO_LOCAL});
}

// The bytes of a blob may be many: its hashing ends when the job does.
static bool digest_of(struct exec_slot *slot, const struct exec_blob *blob, struct p2_digest *out) {
    struct p2_sha256 *sha = p2_sha256_begin();
    size_t at = 0;
    for (size_t n; sha && at < blob->size && !exec_cancelled(slot); at += n) {
        n = blob->size - at < HASHED_AT_ONCE ? blob->size - at : HASHED_AT_ONCE;
        p2_sha256_add(sha, blob->bytes + at, n);
    }
    bool whole = sha && at == blob->size;
    p2_sha256_end(&sha, whole ? out : NULL);
    return whole;
}

static enum p2_err digests(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    *out_size = 0;
    for (uint32_t i = 0; i < job->blob_count; i++) {
        struct p2_digest digest;
        if (*out_size + sizeof digest > job->out_capacity) return P2_ERR_RESULT_TOO_LARGE;
        if (!digest_of(slot, &job->blobs[i], &digest)) return exec_cancelled(slot) ? P2_ERR_CANCELLED : P2_ERR_INTERNAL;
        memcpy(job->out + *out_size, digest.b, sizeof digest);
        *out_size += sizeof digest;
    }
    return P2_OK;
}

static enum p2_err run_reference(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    const struct echo_block *b = job->block;
    if (b->digests) return digests(slot, job, out_size);
    return p2_echo_reference(b, job->in, job->in_size, job->out, job->out_capacity, out_size);
}

static enum p2_err run(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    const struct echo_block *b = job->block;
    if (job->in_size != b->size) {
        exec_why(slot, "payload is %zu bytes, the task says %u", job->in_size, b->size);
        return P2_ERR_BAD_PAYLOAD;
    }
    if (b->digests) return digests(slot, job, out_size);
    if (job->out_capacity < b->size) return P2_ERR_RESULT_TOO_LARGE;
    if (exec_cancelled(slot)) return P2_ERR_CANCELLED;
    *out_size = b->size;
    if (b->size == 0) return P2_OK; // a buffer of no bytes cannot be made

    cl_mem in = exec_host_buffer(slot, (void *)(uintptr_t)job->in, b->size, true);
    cl_mem out = exec_host_buffer(slot, job->out, b->size, false);
    if (!in || !out) return P2_ERR_DEVICE_MEMORY;
    enum p2_err err = copy(slot, in, out, b->size, (b->size + ECHO_VECTOR - 1) / ECHO_VECTOR);
    return err ? err : exec_download(slot, out, job->out, b->size);
}

static bool raw_payload(const void *block) { return !((const struct echo_block *)block)->digests; }

// Some compilers make code of its own for grids beyond 2^16 items: both kinds are launched on a few bytes.
static enum p2_err warm(struct exec_slot *slot) {
    cl_mem in = exec_buffer(slot, ECHO_VECTOR), out = exec_buffer(slot, ECHO_VECTOR);
    if (!in || !out) return P2_ERR_DEVICE_MEMORY;
    enum p2_err err = copy(slot, in, out, ECHO_VECTOR, 1);
    if (!err) err = copy(slot, in, out, ECHO_VECTOR, 1u << 18);
    return err ? err : exec_finish(slot);
}

const struct exec_type exec_type_echo = {.type = &p2_type_echo,
                                         .source = echo_cl,
                                         .kernels = kernels,
                                         .run = run,
                                         .raw_payload = raw_payload,
                                         .warm = warm,
                                         .run_reference = run_reference};
