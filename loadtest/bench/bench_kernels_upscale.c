// Pictures to twice their size, payload and result in memory as an executor has them, against OpenCV's resize and, the
// network, against convolutions of libraries.
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "loadtest/bench/bench_kernels.h"
#include "loadtest/bench/bench_upscale_network.h"
#include "loadtest/bench/opponent_opencv.h"

struct frame {
    int w, h;
    uint8_t *in, *theirs;
    struct bench_task task;
    enum opencv_filter opponent;
};

static void run_ours(void *arg) { bench_task_run(&((struct frame *)arg)->task); }

static void run_theirs(void *arg) {
    struct frame *f = arg;
    opencv_twice(f->in, f->w, f->h, f->opponent, f->theirs);
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

static int largest_difference(const struct frame *f) {
    int largest = 0;
    for (size_t i = 0; i < f->task.out_size; i++) {
        int d = abs(f->task.out[i] - f->theirs[i]);
        if (d > largest) largest = d;
    }
    return largest;
}

struct filter {
    const char *name, *params;
    enum opencv_filter opponent;
    const char *opponent_name;
    double bar;
    bool same; // the same filter: results must agree
};

static void measure(struct bench_kernels *k, struct frame *f, const struct filter *filter) {
    char params[160];
    snprintf(params, sizeof params, "input_res=%dx%d output_res=%dx%d channels=4 %s", f->w, f->h, 2 * f->w, 2 * f->h,
             filter->params);
    size_t in_size = (size_t)f->w * (size_t)f->h * 4;
    bench_task_init(&f->task, k, "upscale", params, &(struct exec_blob){.bytes = f->in, .size = in_size});
    f->opponent = filter->opponent;
    struct bench_contest c = {.ours = run_ours,
                              .theirs = run_theirs,
                              .arg = f,
                              .bar = filter->bar,
                              .pairs = filter->same ? BENCH_REPETITIONS_MAX : 0, // the short ones: many
                              .bytes = 5 * in_size,                              // each pixel read once, four written
                              .ours_task = &f->task};
    snprintf(c.task, sizeof c.task, "%dx%d x2 %s", f->w, f->h, filter->name);
    snprintf(c.opponent, sizeof c.opponent, "OpenCV %s %s", opencv_version(), filter->opponent_name);
    bench_contest(k, &c);
    if (filter->same) {
        struct bench_row row = {.value = largest_difference(f), .bar = 1, .kind = BENCH_AT_MOST, .unit = "levels"};
        snprintf(row.measure, sizeof row.measure, "%s, difference", c.task);
        snprintf(row.against, sizeof row.against, "%s", c.opponent);
        bench_figure(k, &row);
    }
    bench_task_deinit(&f->task);
}

static void run(struct bench_kernels *k) {
    static const struct filter filters[] = {
        {"bilinear (fast)", "quality=fast", OPENCV_LINEAR, "INTER_LINEAR", 0.4, true},
        {"bicubic", "algorithm=bicubic", OPENCV_CUBIC, "INTER_CUBIC", 0.4, true},
        {"Lanczos", "algorithm=lanczos", OPENCV_LANCZOS4, "INTER_LANCZOS4", 0.1, false},
        {"edge-adaptive (balanced)", "quality=balanced", OPENCV_LANCZOS4, "INTER_LANCZOS4", 0.5, false},
    };
    static const int sizes[][2] = {{960, 540}, {1280, 720}};
    opencv_start(BENCH_THREADS);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct frame f = {.w = sizes[s][0], .h = sizes[s][1]};
        f.in = bench_bytes((size_t)f.w * (size_t)f.h * 4);
        f.theirs = bench_bytes((size_t)f.w * (size_t)f.h * 16);
        paint(f.in, f.w, f.h);
        for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) measure(k, &f, &filters[i]);
        bench_upscale_network(k, f.in, f.w, f.h);
        free(f.in);
        free(f.theirs);
    }
}

const struct bench_kernels_rows bench_kernels_upscale = {"upscale", run};
