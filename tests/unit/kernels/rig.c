#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "os/os.h"
#include "peer/executor/program.h"
#include "peer/executor/slot.h"

#define GUARD 256 // bytes behind a result that must not change
#define GUARD_BYTE 0xa5
#define KEEP_BYTES ((uint64_t)256 << 20)

static struct device devices[3];
static struct residents residents[3];
static struct exec_slot slots[3];
static atomic_uint_fast64_t allocations[3];
static cl_program programs[2][P2_TYPES_MAX];

// The same device twice: what a type takes for a GPU is one that says it is none.
static bool open_device(enum rig_device which, const struct program_cache *cache) {
    char text[4096];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    if (which == RIG_FAKE)
        device_open_fake(&devices[which]);
    else if (device_open(&devices[which], 0, &why) != P2_OK)
        return false;
    if (which == RIG_PIXELS) devices[which].info.facts.is_cpu = devices[which].info.shares_memory = false;
    P2_CHECK(residents_init(&residents[which], &devices[which], &allocations[which], KEEP_BYTES));
    P2_CHECK(slot_init(&slots[which], &residents[which], &why) == P2_OK);
    for (uint32_t i = 0; i < exec_type_count && which != RIG_FAKE; i++) {
        bool hit;
        if (!exec_types[i]->source) continue;
        if (program_build(&devices[which], cache, exec_types[i]->source, &programs[which][i], &hit, &why) != P2_OK ||
            slot_add_type(&slots[which], i, exec_types[i], programs[which][i], &why) != P2_OK) {
            fprintf(stderr, "%s: %s\n", exec_types[i]->type->name, text);
            abort();
        }
    }
    return true;
}

bool rig_open(void) {
    const char *folder = getenv("P2_TEST_CACHE"); // kept between runs, so that kernels are compiled once
    P2_CHECK(folder);
    unsetenv("POCL_CACHE_DIR");
    P2_CHECK(device_prepare_cache(folder) == P2_OK);
    struct program_cache cache;
    program_cache_init(&cache, folder);
    return open_device(RIG_VECTORS, &cache) && open_device(RIG_PIXELS, &cache) && open_device(RIG_FAKE, &cache);
}

void rig_close(void) {
    for (int d = 0; d < 3; d++) {
        slot_deinit(&slots[d]);
        residents_deinit(&residents[d]);
        for (uint32_t i = 0; d < 2 && i < exec_type_count; i++)
            if (programs[d][i]) clReleaseProgram(programs[d][i]);
        device_close(&devices[d]);
    }
}

uint64_t rig_allocations(enum rig_device device) { return atomic_load(&allocations[device]); }

struct rig_kept rig_kept(enum rig_device device) {
    const struct residents *r = &residents[device];
    return (struct rig_kept){r->bytes, r->counts.built, r->counts.found, r->counts.evicted};
}

void rig_forget(enum rig_device device) { (void)residents_evict(&residents[device], UINT64_MAX); }

static const struct p2_param_spec *spec_of(const struct p2_task_type *type, const char *name) {
    for (const struct p2_param_spec *s = type->params; s->name; s++)
        if (strcmp(s->name, name) == 0) return s;
    return NULL;
}

void rig_prepare(const char *type_name, const char *params, uint64_t payload_size, struct rig_result *out) {
    const struct p2_task_type *type = p2_task_type_find(p2_str(type_name));
    P2_CHECK(type);
    *out = (struct rig_result){0};
    struct p2_strbuf why;
    p2_strbuf_init(&why, out->why, sizeof out->why);
    char text[512];
    P2_CHECK((size_t)snprintf(text, sizeof text, "%s", params) < sizeof text);
    struct p2_param items[P2_PARAMS_MAX];
    struct p2_params list = {.items = items};
    char *save = NULL;
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');
        P2_CHECK(value && list.count < P2_PARAMS_MAX);
        *value++ = 0;
        const struct p2_param_spec *spec = spec_of(type, word);
        struct p2_param *p = &items[list.count++];
        *p = (struct p2_param){.name = p2_str(word), .kind = P2_PARAM_INT, .count = 1};
        if (!spec) continue; // prepare() is to say so
        out->code = p2_param_parse(spec, value, p, &why);
        if (out->code) return;
    }
    out->code = type->prepare(&list, payload_size, out->block, &out->cost, &why);
    out->prepared = out->code == P2_OK;
}

static uint32_t index_of(const char *type) {
    for (uint32_t i = 0; i < exec_type_count; i++)
        if (strcmp(exec_types[i]->type->name, type) == 0) return i;
    P2_UNREACHABLE();
}

static uint8_t *aligned(size_t size) {
    uint8_t *bytes = aligned_alloc(64, (size + 63) / 64 * 64 + 64);
    P2_CHECK(bytes);
    return bytes;
}

static void put_blobs(const struct rig_job *job, struct exec_blob *blobs, struct exec_job *out) {
    for (uint32_t i = 0; i < job->blob_count; i++) {
        blobs[i] = (struct exec_blob){.bytes = job->blobs[i].bytes, .size = job->blobs[i].size};
        p2_sha256(blobs[i].bytes, blobs[i].size, &blobs[i].digest);
    }
    out->blobs = blobs;
    out->blob_count = job->blob_count;
}

void rig_run(const struct rig_job *job, struct rig_result *out) {
    rig_prepare(job->type, job->params, job->payload_size, out);
    if (!out->prepared) return;
    uint32_t index = index_of(job->type);
    size_t capacity = out->cost.result_bytes_max;
    uint8_t *in = aligned(job->payload_size);
    if (job->payload_size) memcpy(in, job->payload, job->payload_size);
    out->bytes = aligned(capacity + GUARD);
    memset(out->bytes, GUARD_BYTE, capacity + GUARD);
    atomic_bool cancelled = job->cancelled;
    const struct device *d = &devices[job->device];
    struct slot_job sj = {.job = {.block = out->block,
                                  .in = in,
                                  .in_size = job->payload_size,
                                  .out = out->bytes,
                                  .out_capacity = capacity},
                          .in_view = device_is_fake(d) ? NULL : device_view(d, in, job->payload_size),
                          .out_view = device_is_fake(d) ? NULL : device_view(d, out->bytes, capacity),
                          .in_capacity = job->payload_size,
                          .deadline_ns = P2_NEVER,
                          .cancelled = &cancelled};
    struct exec_blob blobs[P2_TASK_BLOBS_MAX];
    put_blobs(job, blobs, &sj.job);
    struct slot_outcome outcome;
    slot_run(&slots[job->device], index, exec_types[index], &sj, &outcome);
    if (sj.in_view) clReleaseMemObject(sj.in_view);
    if (sj.out_view) clReleaseMemObject(sj.out_view);
    free(in);
    out->code = outcome.code;
    out->size = outcome.result_size;
    snprintf(out->why, sizeof out->why, "%s", outcome.why);
    for (size_t i = 0; i < GUARD; i++) out->overran |= out->bytes[capacity + i] != GUARD_BYTE;
}

void rig_free(struct rig_result *r) {
    free(r->bytes);
    r->bytes = NULL;
}
