#include "loadtest/bench/bench_overlap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "os/os.h"
#include "peer/executor/run.h"

#define SLOTS 2
#define CELLS 6 // as of a peer with two jobs waiting for each slot
#define CELL_BYTES ((size_t)16 << 20)
#define FRAMES 60 // of a stream
#define STREAMS 15
#define PARAMS "input_res=1280x720 output_res=2560x1440 channels=4 quality=fast"

struct stream {
    struct runner runner;
    struct proof proof;
    struct word_job job;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t idle[CELLS], idle_count;
    char why[WORD_TEXT]; // of the first that failed
};

static void on_done(void *arg, const struct word_done *done, const char *why) {
    struct stream *s = arg;
    pthread_mutex_lock(&s->lock);
    if (done->code != P2_OK && !s->why[0]) snprintf(s->why, sizeof s->why, "%s", why);
    s->idle[s->idle_count++] = done->cell;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void on_runs(void *arg, uint32_t cell) { (void)arg, (void)cell; }

static _Noreturn void fail(const char *why) {
    fprintf(stderr, "bench: a stream of frames: %s\n", why);
    exit(1);
}

static void on_lost(void *arg, const char *why) {
    (void)arg;
    fail(why);
}

// Until fewer than `most` frames are with the runner.
static void wait_below(struct stream *s, uint32_t most) {
    pthread_mutex_lock(&s->lock);
    while (CELLS - s->idle_count >= most) pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

// FRAMES frames, at most `ahead` of them with the runner at a time; the time of one.
static p2_ns run_frames(struct stream *s, uint32_t ahead) {
    p2_ns start = p2_clock_now();
    for (uint32_t i = 0; i < FRAMES; i++) {
        wait_below(s, ahead);
        pthread_mutex_lock(&s->lock);
        s->job.cell = s->idle[--s->idle_count];
        pthread_mutex_unlock(&s->lock);
        if (runner_submit(&s->runner, &s->job, p2_clock_now()) != P2_OK) fail("a cell is busy");
    }
    wait_below(s, 1);
    if (s->why[0]) fail(s->why);
    return (p2_clock_now() - start) / FRAMES;
}

static void open_stream(struct stream *s, struct bench_kernels *k, uint8_t *memory) {
    char text[4096] = "";
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    struct bench_task task;
    const struct exec_blob payload = {.bytes = memory, .size = 1280 * 720 * 4};
    bench_task_init(&task, k, "upscale", PARAMS, &payload);
    const struct exec_type *type = exec_types[task.type_index];
    s->job =
        (struct word_job){.type_version = type->type->version, .payload_size = payload.size, .deadline_ns = P2_NEVER};
    snprintf(s->job.type, sizeof s->job.type, "%s", type->type->name);
    memcpy(s->job.block, task.block, sizeof s->job.block);
    bench_task_deinit(&task);
    static const struct program_cache no_cache = {.folder = ""};
    if (runner_init(&s->runner, &k->device, 0, &why) != P2_OK) fail(text);
    proof_make(&s->proof, type, 0, runner_first_slot(&s->runner), &(struct proof_means){.cache = &no_cache});
    if (!s->proof.offered) fail(s->proof.why);
    const struct runner_options o = {.device = &k->device,
                                     .proofs = &s->proof,
                                     .proof_count = 1,
                                     .setup = {WORDS_VERSION, CELLS, SLOTS, 0, CELL_BYTES, CELL_BYTES},
                                     .memory = memory,
                                     .done = on_done,
                                     .runs = on_runs,
                                     .lost = on_lost,
                                     .arg = s};
    if (runner_start(&s->runner, &o, &why) != P2_OK) fail(text);
}

void bench_overlap(struct bench_kernels *k) {
    static struct stream s;
    s = (struct stream){.idle_count = CELLS};
    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.changed, NULL);
    for (uint32_t i = 0; i < CELLS; i++) s.idle[i] = i;
    uint8_t *memory = bench_bytes(CELLS * 2 * CELL_BYTES);
    open_stream(&s, k, memory);
    p2_ns alone[STREAMS], together[STREAMS];
    for (uint32_t i = 0; i < STREAMS; i++) {
        alone[i] = run_frames(&s, 1);
        together[i] = run_frames(&s, CELLS);
    }
    double alone_ms = bench_spread(alone, STREAMS).median_us / 1e3;
    double together_ms = bench_spread(together, STREAMS).median_us / 1e3;
    bench_tell(&k->table, "1280x720 x2 bilinear, a stream", together_ms / alone_ms, "x",
               "%.2f ms a frame with %d under way, %.2f ms one after another", together_ms, CELLS, alone_ms);
    runner_stop(&s.runner);
    runner_deinit(&s.runner);
    proof_drop(&s.proof);
    free(memory);
    pthread_cond_destroy(&s.changed);
    pthread_mutex_destroy(&s.lock);
}
