#include "peer/executor/exec.h"
#include "kernels/echo/echo.h"
#include "kernels/echo/echo_cl.h"

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

static enum p2_err run(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    const struct echo_block *b = job->block;
    if (job->in_size != b->size) {
        exec_why(slot, "payload is %zu bytes, the task says %u", job->in_size, b->size);
        return P2_ERR_BAD_PAYLOAD;
    }
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

// Some compilers make code of its own for grids beyond 2^16 items: both kinds are launched on a few bytes.
static enum p2_err warm(struct exec_slot *slot) {
    cl_mem in = exec_buffer(slot, ECHO_VECTOR), out = exec_buffer(slot, ECHO_VECTOR);
    if (!in || !out) return P2_ERR_DEVICE_MEMORY;
    enum p2_err err = copy(slot, in, out, ECHO_VECTOR, 1);
    if (!err) err = copy(slot, in, out, ECHO_VECTOR, 1u << 18);
    return err ? err : exec_finish(slot);
}

const struct exec_type exec_type_echo = {
    .type = &p2_type_echo, .source = echo_cl, .kernels = kernels, .run = run, .warm = warm};
