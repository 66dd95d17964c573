// One job: the scene onto the device - rays - denoiser - form of the result. Results of raw form are written to the
// cell.
#include "peer/executor/exec.h"

#include "image/image.h"
#include "kernels/raytrace/kept.h"
#include "kernels/raytrace/raytrace.h"
#include "kernels/raytrace/raytrace_cl.h"
#include "os/os.h"

enum { // of kernels below; those for GPUs follow those for CPUs
    TRACE,
    COMPRESS,
    SMOOTH,
    BYTES,
    FOR_GPUS,
    FLOATS = 2 * FOR_GPUS,
};
static const char *const kernels[] = {"trace_strip",    "compress_strip", "smooth_strip", "bytes_strip",  "trace_pixel",
                                      "compress_pixel", "smooth_pixel",   "bytes_pixel",  "floats_pixel", NULL};

// Work of a launch and a compute unit at most: enough to make its start cheap. Slow devices take fewer.
#define LAUNCH_RAYS (128u << 10) // in bundles
#define PATH_RAYS 8u             // that one ray of a path is worth
// What a ray costs is not known before some were taken, and differs between scenes by four orders of magnitude. So a
// job's first launch is one that stays short even if each of its rays meets every primitive, spread over the picture,
// and each after it takes at most so many times the rays of those before, by what they took.
#define LAUNCH_TESTS (128u << 20)
#define LAUNCH_GROWTH 16u
#define TEETH 8u // places along each side that a launch takes its rays from
#define LAUNCH_PIXELS (128u << 10)

struct work {
    struct exec_slot *slot;
    const struct raytrace_block *block;
    const struct kept_scene *scene;
    struct p2_raytrace_area area;
    bool is_cpu;
    uint64_t units; // compute units
    uint32_t stride, plane;
    cl_mem sums, colours, out; // colours: those of sums, or what the denoiser made of them
};

static uint32_t up_to(uint32_t x, uint32_t multiple) { return (x + multiple - 1) / multiple * multiple; }
static uint64_t within(uint64_t x, uint64_t least, uint64_t most) { return x < least ? least : x > most ? most : x; }

static cl_kernel kernel_of(const struct work *w, uint32_t which) {
    return exec_kernel(w->slot, which == FLOATS || w->is_cpu ? which : which + FOR_GPUS);
}

// Memory objects, then the block of a launch.
static enum p2_err set_args(const struct work *w, cl_kernel k, const cl_mem *mem, cl_uint count, const void *block,
                            size_t size) {
    cl_int e = CL_SUCCESS;
    for (cl_uint i = 0; i < count && !e; i++) e = clSetKernelArg(k, i, sizeof *mem, &mem[i]);
    if (!e) e = clSetKernelArg(k, count, size, block);
    return exec_check(w->slot, e, "kernel argument");
}

// ---- rays ----

// Rays that one sample of one pixel may take, as units of a launch.
static uint64_t units_of(const struct work *w, const struct raytrace_frame *f) {
    return (uint64_t)f->depth * (1 + f->lights) * (w->block->path ? PATH_RAYS : 1);
}

static uint32_t teeth_of(const struct raytrace_comb *c, uint32_t px) {
    uint32_t blocks = up_to(px, RAYTRACE_BLOCK) / RAYTRACE_BLOCK;
    return (blocks + c->step - 1) / c->step;
}

// Pixels along a side that blocks of a comb stand for.
static uint64_t side(const struct raytrace_comb *c, uint32_t px) {
    return (uint64_t)teeth_of(c, px) * c->run * RAYTRACE_BLOCK;
}

static enum p2_err launch_rays(const struct work *w, const struct raytrace_frame *f) {
    cl_kernel k = kernel_of(w, TRACE);
    const struct kept_scene *s = w->scene;
    enum p2_err err = set_args(w, k, (cl_mem[]){s->nodes, s->leaves, s->prims, s->words, w->sums}, 5, f, sizeof *f);
    if (err) return err;
    size_t columns = side(&f->columns, f->w), rows = side(&f->rows, f->h);
    exec_launch_units(w->slot, columns * rows * (f->sample_end - f->sample_begin) * units_of(w, f));
    if (!w->is_cpu) return exec_launch(w->slot, k, 2, (size_t[]){columns, rows}, (size_t[]){8, 8});
    return exec_launch(w->slot, k, 2, (size_t[]){columns / RAYTRACE_BLOCK, rows / RAYTRACE_BLOCK}, (size_t[]){1, 1});
}

// How many samples of pixels the next launch may take.
static uint64_t share(const struct work *w, const struct raytrace_frame *f, uint64_t bold) {
    uint64_t usual = w->units * LAUNCH_RAYS;
    return exec_share(w->slot, kernel_of(w, TRACE), bold < usual ? bold : usual) / units_of(w, f);
}

static struct raytrace_comb comb_over(uint32_t px) {
    uint32_t blocks = up_to(px, RAYTRACE_BLOCK) / RAYTRACE_BLOCK;
    return (struct raytrace_comb){.step = (blocks + TEETH - 1) / TEETH};
}

// So many blocks at each tooth that they come to `blocks` over all of them, of those that are left.
static void take_of(struct raytrace_comb *c, uint32_t px, uint64_t blocks) {
    c->run = (uint32_t)within(blocks / teeth_of(c, px), 1, c->step - c->begin);
}

// All samples and columns of some rows at once, or where that is too much one sample, and then fewer columns.
static enum p2_err trace(const struct work *w, struct raytrace_frame *f) {
    uint32_t prims = f->planes_first + f->planes, last = f->first + w->block->samples;
    uint64_t bold = LAUNCH_TESTS / (prims ? prims : 1), rays = share(w, f, bold), rows;
    f->columns = comb_over(f->w);
    f->rows = comb_over(f->h);
    for (f->rows.begin = 0; f->rows.begin < f->rows.step; f->rows.begin += f->rows.run) {
        take_of(&f->rows, f->h, rays / ((uint64_t)f->w * w->block->samples * RAYTRACE_BLOCK));
        rows = side(&f->rows, f->h);
        for (f->columns.begin = 0; f->columns.begin < f->columns.step; f->columns.begin += f->columns.run) {
            take_of(&f->columns, f->w, rays / (rows * RAYTRACE_BLOCK));
            for (f->sample_begin = f->first; f->sample_begin < last; f->sample_begin = f->sample_end) {
                uint64_t pixels = side(&f->columns, f->w) * rows;
                f->sample_end = (uint32_t)within(f->sample_begin + within(rays / pixels, 1, last), 0, last);
                enum p2_err err = launch_rays(w, f);
                bool cautious = bold < w->units * LAUNCH_RAYS;
                if (!err && cautious) err = exec_finish(w->slot);
                if (err) return err;
                if (cautious) bold = within(bold, 1, UINT32_MAX) * LAUNCH_GROWTH;
                rays = share(w, f, bold);
            }
        }
    }
    return P2_OK;
}

// ---- what follows ----

// Launches a kernel over `columns` and the rows 0 .. rows - 1, some rows at a time.
static enum p2_err launch_rows(const struct work *w, uint32_t which, const cl_mem *mem, cl_uint count,
                               struct raytrace_finish *f, const uint32_t size[2]) {
    cl_kernel k = kernel_of(w, which);
    bool strips = w->is_cpu && which != FLOATS;
    for (f->row_begin = 0; f->row_begin < size[1]; f->row_begin = f->row_end) {
        uint64_t rows = within(exec_share(w->slot, k, w->units * LAUNCH_PIXELS) / size[0], 1, size[1]);
        f->row_end = (uint32_t)within(f->row_begin + rows, 0, size[1]);
        enum p2_err err = set_args(w, k, mem, count, f, sizeof *f);
        if (err) return err;
        exec_launch_units(w->slot, (uint64_t)size[0] * (f->row_end - f->row_begin));
        size_t global[2] = {strips ? (size[0] + 15) / 16 : size[0], f->row_end - f->row_begin};
        err = exec_launch(w->slot, k, 2, global, strips ? (size_t[]){1, 1} : (size_t[]){32, 1});
        if (err) return err;
    }
    return P2_OK;
}

static enum p2_err denoise(struct work *w, struct raytrace_finish *f) {
    size_t bytes = ((size_t)w->plane * 3 + 2 * RAYTRACE_MARGIN) * sizeof(float);
    cl_mem spare[2] = {exec_buffer(w->slot, bytes), exec_buffer(w->slot, bytes)};
    if (!spare[0] || !spare[1]) return P2_ERR_DEVICE_MEMORY;
    enum p2_err err = launch_rows(w, COMPRESS, &w->sums, 1, f, (uint32_t[]){f->w, f->h});
    f->denoised = 1;
    for (uint32_t level = 0; level < w->block->denoise && !err; level++) {
        float sigma = RAYTRACE_SIGMA_COLOUR / (float)(1u << level);
        f->hole = 1u << level;
        f->inverse_colour = 1 / (sigma * sigma);
        err = launch_rows(w, SMOOTH, (cl_mem[]){w->colours, w->sums, spare[level % 2]}, 3, f, (uint32_t[]){f->w, f->h});
        w->colours = spare[level % 2];
    }
    return err;
}

static enum p2_err finish(struct work *w) {
    const struct raytrace_block *b = w->block;
    struct raytrace_finish f = {.w = w->area.w,
                                .h = w->area.h,
                                .stride = w->stride,
                                .plane = w->plane,
                                .x = b->x - w->area.x,
                                .y = b->y - w->area.y,
                                .out_w = b->w,
                                .out_h = b->h,
                                .channels = b->form == RAYTRACE_RGBA8 ? 4 : 3,
                                .albedo = b->albedo,
                                .normals = b->normals,
                                .distance = b->distance,
                                .scale = 1 / (float)b->samples,
                                .exposure = b->exposure};
    enum p2_err err = b->denoise ? denoise(w, &f) : P2_OK;
    if (err) return err;
    return launch_rows(w, b->form == RAYTRACE_FLOAT ? FLOATS : BYTES, (cl_mem[]){w->colours, w->sums, w->out}, 3, &f,
                       (uint32_t[]){b->w, b->h});
}

// Everything between the scene on the device and the raw result in w->out.
static enum p2_err render(struct work *w) {
    const struct raytrace_block *b = w->block;
    bool features = p2_raytrace_features(b);
    const struct exec_device_facts *facts = exec_facts(w->slot);
    w->is_cpu = facts->is_cpu;
    w->units = facts->compute_units ? facts->compute_units : 1;
    w->area = p2_raytrace_rendered(b);
    w->stride = up_to(w->area.w, 16);
    w->plane = w->stride * up_to(w->area.h, 4);
    size_t planes = features ? RAYTRACE_PLANES : RAYTRACE_PLANES_PLAIN;
    w->sums = w->colours = exec_buffer(w->slot, (planes * w->plane + 2 * RAYTRACE_MARGIN) * sizeof(float));
    if (!w->sums) return P2_ERR_DEVICE_MEMORY;
    struct raytrace_frame f = w->scene->frame;
    f.camera = b->camera;
    f.width = b->width;
    f.height = b->height;
    f.x = w->area.x;
    f.y = w->area.y;
    f.w = w->area.w;
    f.h = w->area.h;
    f.stride = w->stride;
    f.plane = w->plane;
    f.first = b->first;
    f.path = b->path;
    f.depth = b->depth;
    f.seed = b->seed;
    f.features = features;
    enum p2_err err = trace(w, &f);
    return err ? err : finish(w);
}

// ---- jobs ----

static bool is_encoded(const struct raytrace_block *b) { return b->form == RAYTRACE_PNG || b->form == RAYTRACE_JPEG; }

// The scene and its digest: the payload, or the blob when there is none.
static enum p2_err find_scene(struct exec_slot *slot, const struct exec_job *job, struct exec_blob *out) {
    const struct raytrace_block *b = job->block;
    *out = (struct exec_blob){.bytes = job->in, .size = job->in_size};
    if (job->in_size != b->payload_size) {
        exec_why(slot, "payload is %zu bytes, the task says %u", job->in_size, b->payload_size);
        return P2_ERR_BAD_PAYLOAD;
    }
    if (job->in_size) {
        p2_sha256(job->in, job->in_size, &out->digest);
        return P2_OK;
    }
    if (job->blob_count != 1) {
        exec_why(slot, "there is no scene: neither a payload nor a blob");
        return P2_ERR_BAD_PAYLOAD;
    }
    *out = job->blobs[0];
    return P2_OK;
}

static enum p2_err encode(struct exec_slot *slot, const struct exec_job *job, const uint8_t *pixels, size_t *out_size) {
    const struct raytrace_block *b = job->block;
    if (exec_cancelled(slot)) return P2_ERR_CANCELLED;
    const struct p2_image_info what = {
        .format = b->form == RAYTRACE_PNG ? P2_IMAGE_PNG : P2_IMAGE_JPEG, .width = b->w, .height = b->h, .channels = 3};
    int effort = b->form == RAYTRACE_PNG ? 1 : (int)b->jpeg_quality;
    enum p2_err err = p2_image_encode(&what, pixels, effort, job->out, job->out_capacity, out_size);
    if (err == P2_OK) return P2_OK;
    exec_why(slot, "the result cannot be encoded: %s", p2_err_sentence(err));
    return err == P2_ERR_RESULT_TOO_LARGE ? err : P2_ERR_EXECUTION_FAILED;
}

// Where the raw result goes: the cell, or scratch that is encoded.
static uint8_t *raw_result(struct exec_slot *slot, const struct exec_job *job) {
    return is_encoded(job->block) ? exec_host(slot, p2_raytrace_raw_bytes(job->block)) : job->out;
}

static enum p2_err run(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    const struct raytrace_block *b = job->block;
    struct exec_blob scene;
    struct kept_scene kept;
    enum p2_err err = find_scene(slot, job, &scene);
    *out_size = p2_raytrace_raw_bytes(b);
    if (!err && !is_encoded(b) && job->out_capacity < *out_size) return P2_ERR_RESULT_TOO_LARGE;
    if (!err) err = kept_scene_find(slot, &scene, &kept);
    if (err) return err;
    uint8_t *raw = raw_result(slot, job);
    if (!raw) return P2_ERR_DEVICE_MEMORY;
    struct work w = {.slot = slot, .block = b, .scene = &kept, .out = exec_host_buffer(slot, raw, *out_size, false)};
    if (!w.out) return P2_ERR_DEVICE_MEMORY;
    err = render(&w);
    if (!err) err = exec_download(slot, w.out, raw, *out_size);
    return err || !is_encoded(b) ? err : encode(slot, job, raw, out_size);
}

static enum p2_err run_reference(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    const struct raytrace_block *b = job->block;
    struct exec_blob bytes;
    struct p2_raytrace_scene scene;
    enum p2_err err = find_scene(slot, job, &bytes);
    if (!err) err = kept_scene_open(slot, &bytes, &scene);
    if (err) return err;
    uint8_t *raw = raw_result(slot, job);
    if (!raw) return P2_ERR_DEVICE_MEMORY;
    size_t room = is_encoded(b) ? p2_raytrace_raw_bytes(b) : job->out_capacity;
    err = p2_raytrace_render(b, &scene, raw, room, out_size);
    if (err == P2_ERR_NO_MEMORY) exec_why(slot, "no memory for %ux%u pixels", b->w, b->h);
    if (err) return err == P2_ERR_NO_MEMORY ? P2_ERR_DEVICE_MEMORY : err;
    return is_encoded(b) ? encode(slot, job, raw, out_size) : P2_OK;
}

// warm is NULL: the known answers launch every kernel, and the largest of them is what speed is measured by.
const struct exec_type exec_type_raytrace = {
    .type = &p2_type_raytrace,
    .source = raytrace_cl,
    .kernels = kernels,
    .kernels_by_device = true,
    .run = run,
    .run_reference = run_reference,
};
