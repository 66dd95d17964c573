#include "peer/executor/exec.h"
#include "kernels/echo/echo.h"
#include "kernels/echo/echo_cl.h"

enum { COPY };
static const char *const kernels[] = {"echo_copy", NULL};

static enum p2_err copy(struct exec_slot *slot, cl_mem in, cl_mem out, cl_uint size) {
    cl_kernel k = exec_kernel(slot, COPY);
    cl_int err = clSetKernelArg(k, 0, sizeof in, &in);
    err |= clSetKernelArg(k, 1, sizeof out, &out);
    err |= clSetKernelArg(k, 2, sizeof size, &size);
    if (err) {
        exec_why(slot, "echo_copy does not take its arguments");
        return P2_ERR_EXECUTION_FAILED;
    }
    return exec_launch(slot, k, 1, (size_t[]){(size + ECHO_VECTOR - 1) / ECHO_VECTOR}, (size_t[]){ECHO_LOCAL});
}

static enum p2_err run(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    const struct echo_block *b = job->block;
    if (job->in_size != b->size) {
        exec_why(slot, "payload is %zu bytes, the task says %u", job->in_size, b->size);
        return P2_ERR_BAD_PAYLOAD;
    }
    if (job->out_capacity < b->size) return P2_ERR_RESULT_TOO_LARGE;
    *out_size = b->size;
    if (b->size == 0) return P2_OK; // a buffer of no bytes cannot be made

    cl_mem in = exec_host_buffer(slot, (void *)(uintptr_t)job->in, b->size, true);
    cl_mem out = exec_host_buffer(slot, job->out, b->size, false);
    if (!in || !out) return P2_ERR_DEVICE_MEMORY;
    enum p2_err err = exec_upload(slot, in, job->in, b->size);
    if (!err) err = copy(slot, in, out, b->size);
    if (!err) err = exec_download(slot, out, job->out, b->size);
    return err;
}

static enum p2_err warm(struct exec_slot *slot) {
    cl_mem in = exec_buffer(slot, ECHO_VECTOR), out = exec_buffer(slot, ECHO_VECTOR);
    if (!in || !out) return P2_ERR_DEVICE_MEMORY;
    enum p2_err err = copy(slot, in, out, ECHO_VECTOR);
    return err ? err : exec_finish(slot);
}

const struct exec_type exec_type_echo = {
    .type = &p2_type_echo, .source = echo_cl, .kernels = kernels, .run = run, .warm = warm};
