// `./run bench play`: the game's frames while a cluster on this machine works for it, a minute of them with 100 ms of
// lag. argv[1] is the coordinator; at least one peer is there.
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "client/play/play.h"
#include "loadtest/bench/bench.h"

#define SECOND 60 // frames
#define BUDGET_MS 16.7
#define GAP_MS_MAX 1000

struct story {
    const char *name;
    uint64_t frames;
    bool offload, proof;
    int64_t lag_ms;
    double loss;
};

static const struct story stories[] = {
    {.name = "alone", .frames = 10 * SECOND},
    {.name = "near", .frames = 20 * SECOND, .offload = true},
    {.name = "100 ms", .frames = 60 * SECOND, .offload = true, .proof = true, .lag_ms = 100},
    {.name = "100 ms, 2 % lost", .frames = 20 * SECOND, .offload = true, .lag_ms = 100, .loss = 0.02},
};

static void tell_frames(struct bench *b, const struct story *story, const struct play *p) {
    struct bench_row row = {.value = (double)p2_hist_quantile(&p->frame, 0.99) / 1e6,
                            .bar = BUDGET_MS,
                            .kind = story->proof ? BENCH_AT_MOST : BENCH_TOLD,
                            .unit = "ms"};
    snprintf(row.measure, sizeof row.measure, "%s: frame, p99", story->name);
    snprintf(row.against, sizeof row.against,
             "median %.1f ms, longest %.1f ms; processor time %.1f ms, p99 %.1f ms; %llu of %llu ticks without a frame",
             (double)p2_hist_quantile(&p->frame, 0.5) / 1e6, (double)p->frame.max_us / 1e3,
             (double)p2_hist_quantile(&p->cpu, 0.5) / 1e6, (double)p2_hist_quantile(&p->cpu, 0.99) / 1e6,
             (unsigned long long)p->ticks_skipped, (unsigned long long)(p->frames + p->ticks_skipped));
    bench_row(b, &row);
}

static void tell_results(struct bench *b, const struct story *story, const struct play *p) {
    static const char *const sorts[OFFLOAD_SORTS] = {"upscale", "physics", "path"};
    for (uint32_t i = 0; i < OFFLOAD_SORTS; i++) {
        const struct offload_count *n = &p->offload.counts[i];
        struct bench_row row = {.value = n->done ? (double)n->gap_ns / 1e6 : 1e9,
                                .bar = GAP_MS_MAX,
                                .kind = story->proof ? BENCH_AT_MOST : BENCH_TOLD,
                                .unit = "ms"};
        snprintf(row.measure, sizeof row.measure, "%s: longest without %s", story->name, sorts[i]);
        snprintf(row.against, sizeof row.against, "%.1f results a second after %.0f ms; %llu late, %llu lost",
                 (double)n->done * P2_SEC / (double)p->played_ns, (double)p2_hist_quantile(&n->took, 0.5) / 1e6,
                 (unsigned long long)n->late, (unsigned long long)n->lost);
        bench_row(b, &row);
    }
}

int main(int argc, char **argv) {
    P2_CHECK(argc == 2);
    static struct bench b;
    bench_begin(&b, "play", "", BENCH_VALUES);
    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
        const struct story *story = &stories[i];
        const struct play_settings settings = {
            .link = {.coordinator = argv[1], .lag_ms = story->lag_ms, .loss = story->loss},
            .offload = story->offload,
            .level = -1,
            .headless = true,
            .frames = story->frames,
            .seed = 1};
        char sentence[256];
        struct p2_strbuf why;
        p2_strbuf_init(&why, sentence, sizeof sentence);
        struct play *p = play_run(&settings, &why);
        if (!p) {
            fprintf(stderr, "bench_play: %s.\n", sentence);
            return 2;
        }
        tell_frames(&b, story, p);
        if (story->offload) tell_results(&b, story, p);
        play_free(&p);
    }
    return bench_end(&b);
}
