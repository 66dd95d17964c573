#include "types.h"

#include <string.h>
#include <unistd.h>

#define LOCAL 64

void (*test_on_launch)(uint32_t number);
void (*test_on_reference)(const struct test_block *block);

static const char source[] = "__kernel void add(__global const uchar *in, __global uchar *out, uint size, uint offset, "
                             "uint delta, uint rounds) {\n"
                             "    uint i = offset + (uint)get_global_id(0), x = i;\n"
                             "    for (uint r = 0; r < rounds; r++) x = x * 1664525u + 1013904223u;\n"
                             "    if (rounds && x == 0x12345678u) return;\n"
                             "    if (i < size) out[i] = (uchar)(in[i] + delta);\n"
                             "}\n";
static const char *const kernels[] = {"add", NULL};

static enum p2_err prepare(const struct p2_params *params, uint64_t payload_size, void *block,
                           struct p2_task_cost *cost, struct p2_strbuf *why) {
    const struct p2_param *launches = p2_params_find(params, "launches");
    if (payload_size == 0 || payload_size > 1 << 24) {
        p2_strbuf_printf(why, "payload of %llu bytes", (unsigned long long)payload_size);
        return P2_ERR_TOO_LARGE;
    }
    struct test_block b = {.size = (uint32_t)payload_size,
                           .launches = launches ? (uint32_t)launches->value.ints[0] : 1};
    memcpy(block, &b, sizeof b);
    *cost = (struct p2_task_cost){.units = payload_size, .result_bytes_max = payload_size};
    return P2_OK;
}

static enum p2_err reference(const void *block, const uint8_t *payload, size_t payload_size, uint8_t *out,
                             size_t out_capacity, size_t *out_size) {
    const struct test_block *b = block;
    if (payload_size != b->size || out_capacity < payload_size) return P2_ERR_BAD_PAYLOAD;
    if (test_on_reference) test_on_reference(b);
    for (size_t i = 0; i < payload_size; i++) out[i] = (uint8_t)(payload[i] + 1);
    *out_size = payload_size;
    return P2_OK;
}

static enum p2_err reference_stuck(const void *block, const uint8_t *payload, size_t payload_size, uint8_t *out,
                                   size_t out_capacity, size_t *out_size) {
    if (payload_size == STUCK_SIZE && out_capacity) {
        out[0] = STUCK_SIGN;
        for (;;) pause();
    }
    return reference(block, payload, payload_size, out, out_capacity, out_size);
}

static bool equal(const void *block, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) {
    const struct test_block *k = block;
    return a_size == k->size && a_size == b_size && memcmp(a, b, a_size) == 0;
}

static enum p2_err add(struct exec_slot *slot, const struct exec_job *job, cl_uint delta, size_t *out_size) {
    const struct test_block *b = job->block;
    if (job->in_size != b->size) return P2_ERR_BAD_PAYLOAD;
    cl_mem in = exec_host_buffer(slot, (void *)(uintptr_t)job->in, job->in_size, true);
    cl_mem out = exec_host_buffer(slot, job->out, job->in_size, false);
    if (!in || !out || !exec_buffer(slot, job->in_size) || !exec_host(slot, job->in_size)) return P2_ERR_DEVICE_MEMORY;
    cl_kernel k = exec_kernel(slot, 0);
    cl_uint piece = (b->size + b->launches - 1) / b->launches;
    for (uint32_t i = 0; i < b->launches; i++) {
        if (test_on_launch) test_on_launch(i);
        cl_uint offset = i * piece;
        cl_int e = clSetKernelArg(k, 0, sizeof(cl_mem), &in);
        e |= clSetKernelArg(k, 1, sizeof(cl_mem), &out);
        e |= clSetKernelArg(k, 2, sizeof b->size, &b->size);
        e |= clSetKernelArg(k, 3, sizeof offset, &offset);
        e |= clSetKernelArg(k, 4, sizeof delta, &delta);
        e |= clSetKernelArg(k, 5, sizeof b->rounds, &b->rounds);
        exec_launch_units(slot, piece);
        enum p2_err code = exec_check(slot, e, "arguments");
        if (code == P2_OK) code = exec_launch(slot, k, 1, (size_t[]){piece}, (size_t[]){LOCAL});
        if (code != P2_OK) return code;
    }
    *out_size = job->in_size;
    return exec_download(slot, out, job->out, job->in_size);
}

static enum p2_err run_right(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    return add(slot, job, 1, out_size);
}

static bool raw_payload(const void *block) { return ((const struct test_block *)block)->size > 0; }

static enum p2_err run_wrong(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    return add(slot, job, 2, out_size);
}

static const struct p2_param three_launches[] = {
    {.name = {"launches", 8}, .kind = P2_PARAM_INT, .count = 1, .value.ints = {3}}};
static const uint8_t payload[100] = {1, 2, 3, 255, 254};
static const struct p2_known_answer answers[] = {
    {.payload = payload, .payload_size = 1},
    {.params = three_launches, .param_count = 1, .payload = payload, .payload_size = sizeof payload},
};

#define TYPE(NAME, REFERENCE)                                                                                          \
    {                                                                                                                  \
        .name = (NAME), .version = 1, .unit = "B", .block_bytes = sizeof(struct test_block), .prepare = prepare,       \
        .reference = (REFERENCE), .equal = equal, .known_answers = answers,                                            \
        .known_answer_count = sizeof answers / sizeof *answers,                                                        \
    }

static const struct p2_task_type task_types[TYPES] = {
    [TYPE_ADD] = TYPE("add", reference),
    [TYPE_WRONG] = TYPE("wrong", reference),
    [TYPE_NOBUILD] = TYPE("nobuild", reference),
    [TYPE_STUCK] = TYPE("stuck", reference_stuck),
};

static const struct exec_type types[TYPES] = {
    [TYPE_ADD] = {.type = &task_types[TYPE_ADD],
                  .source = source,
                  .kernels = kernels,
                  .run = run_right,
                  .raw_payload = raw_payload,
                  .bench_params = three_launches,
                  .bench_param_count = 1,
                  .bench_payload_size = 100000},
    [TYPE_WRONG] = {.type = &task_types[TYPE_WRONG], .source = source, .kernels = kernels, .run = run_wrong},
    [TYPE_NOBUILD] = {.type = &task_types[TYPE_NOBUILD],
                      .source = "kernel void f(int) { this is not C }",
                      .kernels = kernels,
                      .run = run_right},
    [TYPE_STUCK] = {.type = &task_types[TYPE_STUCK], .source = source, .kernels = kernels, .run = run_right},
};

const struct exec_type *const exec_types[] = {&types[0], &types[1], &types[2], &types[3]};
const uint32_t exec_type_count = TYPES;
