#include "loadtest/bench/bench_upscale_network.h"

#include <stdio.h>

#include "base/check.h"
#include "base/strbuf.h"
#include "kernels/upscale/upscale.h"
#include "loadtest/bench/opponent_dnn.h"
#include "loadtest/bench/opponent_opencv.h"

#define LAYERS (2 + (int)UPSCALE_NET_MIDDLE)
#define PAIRS 21

struct contest {
    struct bench_task task;
    struct dnn_net *net;
    void (*run)(struct dnn_net *net);
};

static void run_ours(void *arg) { bench_task_run(&((struct contest *)arg)->task); }

static void run_theirs(void *arg) {
    struct contest *c = arg;
    c->run(c->net);
}

// Returns multiply-adds per input pixel.
static uint64_t describe(struct dnn_layer layers[LAYERS]) {
    const float *weights = p2_upscale_weights;
    uint64_t sum = 0;
    for (int i = 0; i < LAYERS; i++) {
        struct dnn_layer *l = &layers[i];
        l->inputs = i ? (int)UPSCALE_NET_MAPS : 3;
        l->side = i ? 3 : 5;
        l->outputs = (int)(i + 1 < LAYERS ? UPSCALE_NET_MAPS : UPSCALE_NET_OUT);
        l->weights = weights;
        int factors = l->inputs * l->side * l->side * l->outputs;
        sum += (uint64_t)factors;
        weights += l->outputs + factors;
    }
    P2_CHECK(weights == p2_upscale_weights + UPSCALE_NET_WEIGHTS);
    return sum;
}

static void row(struct bench_kernels *k, struct contest *contest, const char *size, uint64_t flops,
                const char *opponent, double bar) {
    P2_CHECK(contest->net);
    struct bench_contest c = {.ours = run_ours,
                              .theirs = run_theirs,
                              .arg = contest,
                              .bar = bar,
                              .pairs = PAIRS,
                              .flops = flops,
                              .ours_task = &contest->task};
    snprintf(c.task, sizeof c.task, "%s x2 network (quality)", size);
    snprintf(c.opponent, sizeof c.opponent, "%s", opponent);
    bench_contest(k, &c);
}

void bench_upscale_network(struct bench_kernels *k, const uint8_t *pixels, int w, int h) {
    char params[160], size[32], opponent[64];
    snprintf(params, sizeof params, "input_res=%dx%d output_res=%dx%d channels=4 algorithm=ml", w, h, 2 * w, 2 * h);
    snprintf(size, sizeof size, "%dx%d", w, h);
    static struct contest c;
    struct dnn_layer layers[LAYERS];
    uint64_t flops = 2 * describe(layers) * (uint64_t)w * (uint64_t)h;
    bench_task_init(&c.task, k, "upscale", params,
                    &(struct exec_blob){.bytes = pixels, .size = (size_t)w * (size_t)h * 4});
    onednn_start(BENCH_THREADS);
    c.run = onednn_run;
    static const char *const layouts[] = {"nhwc", "its own layout"};
    for (int blocked = 0; blocked < 2; blocked++) {
        c.net = onednn_create(layers, LAYERS, w, h, blocked);
        snprintf(opponent, sizeof opponent, "oneDNN %s convolutions, %s", onednn_version(), layouts[blocked]);
        row(k, &c, size, flops, opponent, 1.2);
        onednn_destroy(&c.net);
    }
    c.net = opencv_dnn_create(layers, LAYERS, w, h);
    c.run = opencv_dnn_run;
    snprintf(opponent, sizeof opponent, "OpenCV %s dnn", opencv_version());
    row(k, &c, size, flops, opponent, 0.35);
    opencv_dnn_destroy(&c.net);
    bench_task_deinit(&c.task);
}
