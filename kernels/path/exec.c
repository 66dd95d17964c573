// One job: map - moves - fields or searches - walks - answer. Everything between is in padded maps (layout.h).
#include <string.h>

#include "kernels/path/path_cl.h"
#include "kernels/path/work.h"

static const char *const kernels[] = {"path_pad_row",         "path_pad_cell",       "path_moves_row",
                                      "path_moves_cell",      "path_clear_strip",    "path_clear_cell",
                                      "path_distances_row",   "path_distances_cell", "path_directions_row",
                                      "path_directions_cell", "path_close",          "path_walk",
                                      "path_field_unit",      "path_widen",          "path_search",
                                      "path_seed_tiles",      "path_field_tiles",    NULL};

static enum p2_err run_field(struct work *w, size_t *out_size) {
    const struct path_block *b = w->b;
    bool lengths = b->result == PATH_DISTANCES;
    size_t cells = (size_t)b->w * b->h, size = lengths ? cells * sizeof(cl_ulong) : cells;
    if (size > w->job->out_capacity) return P2_ERR_RESULT_TOO_LARGE;
    const struct path_search whole = {.count = b->goals};
    enum p2_err err = path_make_lanes(w, 1);
    path_use_lanes(w, 1);
    if (!err) err = path_run_fields(w, &whole);
    if (err) return err;
    cl_mem out = exec_host_buffer(w->slot, w->job->out, size, false);
    if (!out) return P2_ERR_DEVICE_MEMORY;
    if (lengths)
        err = path_over_rows(w, KERNEL_DISTANCES, b->w, b->h, (cl_mem[]){w->labels, out}, 2);
    else
        err = path_over_rows(w, KERNEL_DIRECTIONS, b->w, b->h, (cl_mem[]){w->costs, w->moves, w->labels, out}, 4);
    *out_size = size;
    return err ? err : exec_download(w->slot, out, w->job->out, size);
}

// The width of a bucket: a power of two, no move leads over more than three of them. Guided, a step of sqrt(2) cost_max
// may also lead sqrt(2) away from the start.
static uint32_t bucket_shift(uint32_t cost_max) {
    uint32_t shift = 0;
    while ((cost_max + 1) * 1.41422 > 2.99 * (double)(1u << shift)) shift++;
    return PATH_VALUE_BITS + shift;
}

// The parts of the job's bytes, checked.
static enum p2_err view_of(struct exec_slot *slot, const struct exec_job *job, struct p2_path_view *view) {
    const struct path_block *b = job->block;
    size_t cells = (size_t)b->w * b->h, grid = b->source == PATH_FROM_PAYLOAD ? cells : 0;
    const uint8_t *map = job->in;
    if (b->source == PATH_FROM_BLOB) {
        if (job->blob_count != 1 || job->blobs[0].size != cells) {
            exec_why(slot, "map=blob wants one blob of %zu bytes, a byte for each cell", cells);
            return P2_ERR_BAD_PAYLOAD;
        }
        map = job->blobs[0].bytes;
    }
    enum p2_err err =
        job->in_size < grid ? P2_ERR_BAD_PAYLOAD : p2_path_view(b, map, job->in + grid, job->in_size - grid, view);
    if (err) exec_why(slot, "the payload's lists do not fit the map: a point outside it, or a goal that is not there");
    return err;
}

static enum p2_err run(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    const struct path_block *b = job->block;
    struct work w = {.slot = slot, .job = job, .b = b, .gpu = !exec_facts(slot)->is_cpu};
    uint32_t stride = (b->w + 15) / 16 * 16 + 2 * PATH_MARGIN;
    w.shape = (struct path_shape){.w = b->w,
                                  .h = b->h,
                                  .stride = stride,
                                  .cells = stride * (b->h + 2),
                                  .cost_max = b->cost_max,
                                  .neighbours = b->neighbours,
                                  .open = b->source == PATH_FROM_NOTHING,
                                  .shift = bucket_shift(b->cost_max),
                                  .steps = b->steps};
    enum p2_err err = view_of(slot, job, &w.view);
    if (!err) err = path_make_map(&w);
    if (!err) err = path_make_goals(&w);
    if (err) return err;
    return b->result == PATH_PATHS ? path_run_paths(&w, out_size) : run_field(&w, out_size);
}

// The reference takes the map in front of the lists.
static enum p2_err run_reference(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    const struct path_block *b = job->block;
    struct p2_path_view view;
    enum p2_err err = view_of(slot, job, &view);
    if (err) return err;
    const uint8_t *in = job->in;
    size_t size = job->in_size;
    if (b->source == PATH_FROM_BLOB) {
        size += job->blobs[0].size;
        uint8_t *both = exec_host(slot, size);
        if (!both) return P2_ERR_DEVICE_MEMORY;
        memcpy(both, job->blobs[0].bytes, job->blobs[0].size);
        if (job->in_size) memcpy(both + job->blobs[0].size, job->in, job->in_size);
        in = both;
    }
    return p2_path_reference(b, in, size, job->out, job->out_capacity, out_size);
}

static bool raw_payload(const void *block) { return ((const struct path_block *)block)->source == PATH_FROM_PAYLOAD; }

// A field over bytes at random, of which one in 256 is a closed cell.
#define BENCH_SIDE 512
static const struct p2_param bench_params[] = {
    P2_GIVEN_INTS("map_size", BENCH_SIDE, BENCH_SIDE),
    P2_GIVEN_INTS("goal", BENCH_SIDE / 2, BENCH_SIDE / 3),
    P2_GIVEN_TEXT("result", "directions"),
};

// warm is NULL: the known answers launch every kernel.
const struct exec_type exec_type_path = {
    .type = &p2_type_path,
    .source = path_cl,
    .kernels = kernels,
    .kernels_by_device = true,
    .run = run,
    .raw_payload = raw_payload,
    .run_reference = run_reference,
    .bench_params = bench_params,
    .bench_param_count = sizeof bench_params / sizeof *bench_params,
    .bench_payload_size = BENCH_SIDE * BENCH_SIDE,
};
