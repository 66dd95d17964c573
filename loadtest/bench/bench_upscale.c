// Time of an upscale job on this machine's CPU device, payload and result in memory as an executor has them, against
// OpenCV's resize of the same filter, two threads each.
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/rng.h"
#include "kernels/upscale/upscale.h"
#include "loadtest/bench/bench.h"
#include "loadtest/bench/opponent_opencv.h"
#include "peer/executor/program.h"
#include "peer/executor/slot.h"

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)
#define THREADS 2
#define REPETITIONS 41
#define WARM_UP 5

static struct device device;
static struct residents residents;
static struct exec_slot slot;
static atomic_uint_fast64_t allocations;
static const struct exec_type *type;

struct frame {
    int w, h;
    uint8_t *in, *ours, *theirs;
    size_t in_size, out_size;
    struct upscale_block block;
    enum opencv_filter opponent;
    struct slot_job job;
};

static void run_ours(void *arg) {
    struct frame *f = arg;
    struct slot_outcome outcome;
    slot_run(&slot, 0, type, &f->job, &outcome);
    if (outcome.code == P2_OK) return;
    fprintf(stderr, "bench: %s\n", outcome.why);
    exit(1);
}

static void run_theirs(void *arg) {
    struct frame *f = arg;
    opencv_twice(f->in, f->w, f->h, f->opponent, f->theirs);
}

static uint8_t *aligned(size_t size) {
    uint8_t *bytes = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
    P2_CHECK(bytes);
    memset(bytes, 0, size); // touched: pages are there before the clock runs
    return bytes;
}

// Something between noise and a rendered picture; the time of no filter here depends on it.
static void paint(uint8_t *pixels, int w, int h) {
    struct p2_rng rng;
    p2_rng_init(&rng, 1);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int c = 0; c < 4; c++) {
                int edge = (x * (c + 1) + y * 3) / 37 % 2 ? 160 : 40;
                *pixels++ = (uint8_t)(edge + (int)p2_rng_below(&rng, 50));
            }
}

static void frame_init(struct frame *f, int w, int h) {
    *f = (struct frame){.w = w, .h = h, .in_size = (size_t)w * (size_t)h * 4, .out_size = (size_t)w * (size_t)h * 16};
    f->in = aligned(f->in_size);
    f->ours = aligned(f->out_size);
    f->theirs = aligned(f->out_size);
    paint(f->in, w, h);
    f->block = (struct upscale_block){.in_w = (unsigned)w,
                                      .in_h = (unsigned)h,
                                      .out_w = 2 * (unsigned)w,
                                      .out_h = 2 * (unsigned)h,
                                      .channels = 4,
                                      .jpeg_quality = 85,
                                      .sharpness = 0.5f};
    f->job = (struct slot_job){
        .job = {.block = &f->block, .in = f->in, .in_size = f->in_size, .out = f->ours, .out_capacity = f->out_size},
        .in_view = device_view(&device, f->in, f->in_size),
        .out_view = device_view(&device, f->ours, f->out_size),
        .in_capacity = f->in_size,
        .deadline_ns = P2_NEVER};
}

static void frame_deinit(struct frame *f) {
    clReleaseMemObject(f->job.in_view);
    clReleaseMemObject(f->job.out_view);
    free(f->in);
    free(f->ours);
    free(f->theirs);
}

static int largest_difference(const struct frame *f) {
    int largest = 0;
    for (size_t i = 0; i < f->out_size; i++) {
        int d = abs(f->ours[i] - f->theirs[i]);
        if (d > largest) largest = d;
    }
    return largest;
}

struct contest {
    const char *name;
    unsigned filter;
    enum opencv_filter opponent;
    const char *opponent_name;
    double bar;
    bool same; // the same filter: results must agree
};

static void contest(struct bench *b, struct frame *f, const struct contest *c) {
    f->block.filter = c->filter;
    f->opponent = c->opponent;
    struct bench_times t;
    bench_pairs(&(struct bench_pair){run_ours, run_theirs, f, REPETITIONS, WARM_UP}, &t);
    struct bench_row row = {.value = t.ratio, .bar = c->bar, .kind = BENCH_AT_MOST, .unit = "x"};
    snprintf(row.measure, sizeof row.measure, "%dx%d x2 %s", f->w, f->h, c->name);
    snprintf(row.against, sizeof row.against, "%.2f ms against %.2f ms of OpenCV %s %s", t.ours_ms, t.theirs_ms,
             opencv_version(), c->opponent_name);
    bench_row(b, &row);
    if (!c->same) return;
    row = (struct bench_row){.value = largest_difference(f), .bar = 1, .kind = BENCH_AT_MOST, .unit = "levels"};
    snprintf(row.measure, sizeof row.measure, "%dx%d x2 %s, difference", f->w, f->h, c->name);
    snprintf(row.against, sizeof row.against, "OpenCV %s %s", opencv_version(), c->opponent_name);
    bench_row(b, &row);
}

static void open_device(void) {
    char text[4096];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    setenv("POCL_MAX_PTHREAD_COUNT", TEXT_OF(THREADS), 1);
    type = exec_types[0];
    for (uint32_t i = 1; i < exec_type_count; i++)
        if (exec_types[i]->type == p2_task_type_find(p2_str("upscale"))) type = exec_types[i];
    struct program_cache no_cache = {.folder = ""};
    cl_program program;
    bool hit;
    enum p2_err err = device_open(&device, 0, &why);
    if (!err && !residents_init(&residents, &device, &allocations, UINT64_MAX)) err = P2_ERR_NO_MEMORY;
    if (!err) err = slot_init(&slot, &residents, &why);
    if (!err) err = program_build(&device, &no_cache, type->source, &program, &hit, &why);
    if (!err) err = slot_add_type(&slot, 0, type, program, &why);
    if (!err) return;
    fprintf(stderr, "bench: no OpenCL device to measure on: %s\n", text);
    exit(1);
}

int main(void) {
    static const struct contest contests[] = {
        {"bilinear (fast)", UPSCALE_BILINEAR, OPENCV_LINEAR, "INTER_LINEAR", 0.4, true},
        {"bicubic", UPSCALE_BICUBIC, OPENCV_CUBIC, "INTER_CUBIC", 0.4, true},
        {"Lanczos (quality)", UPSCALE_LANCZOS, OPENCV_LANCZOS4, "INTER_LANCZOS4", 0.1, false},
        {"edge-adaptive (balanced)", UPSCALE_ADAPTIVE, OPENCV_LANCZOS4, "INTER_LANCZOS4", 0.5, false},
    };
    static const int sizes[][2] = {{960, 540}, {1280, 720}};
    open_device();
    opencv_start(THREADS);
    static struct bench b;
    bench_begin(&b, "upscale", device.info.name);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct frame f;
        frame_init(&f, sizes[s][0], sizes[s][1]);
        for (size_t i = 0; i < sizeof contests / sizeof *contests; i++) contest(&b, &f, &contests[i]);
        frame_deinit(&f);
    }
    return bench_end(&b);
}
