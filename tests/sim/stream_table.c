// Frames a second on so many peers.
#include <stdio.h>

#include "sim.h"
#include "stream.h"

#define SPAN (90 * P2_SEC) // 120 frames on one peer, and some
#define FLOOR 0.85         // of peers times what one does

static const struct kind {
    const char *name;
    enum stream_work work;
    bool whole;
} kinds[] = {{"render", STREAM_RENDER, false}, {"enlarge", STREAM_ENLARGE, false}, {"temporal", STREAM_RENDER, true}};

static struct stream_figures measure(const struct kind *k, uint32_t peers, uint32_t in_flight) {
    const struct stream_wish stream = {k->work, k->whole, peers, in_flight};
    const struct sim_wish wish = {.span = SPAN, .stream = &stream};
    struct sim_result r;
    sim_run(1, &wish, &r);
    return r.stream;
}

static bool measure_kind(const struct kind *k) {
    bool good = true;
    struct stream_figures one = {0}, alone = {0};
    for (uint32_t peers = 1; peers <= 8; peers *= 2) {
        struct stream_figures many = measure(k, peers, k->whole ? 2 * peers : 3), single = measure(k, peers, 1);
        if (peers == 1) one = many, alone = single;
        double up = many.fps / one.fps;
        printf("%-10s %5u  %8.2f  %8.2f  %10.2f  %11.1f ms  %8.2f  %10u  %6u\n", k->name, peers, many.fps, up,
               up / peers, single.latency_ms, alone.latency_ms / single.latency_ms, many.hedged, many.filled);
        good = good && up >= FLOOR * peers && many.filled + single.filled == 0;
    }
    return good;
}

bool stream_table(void) {
    bool good = true;
    printf("           peers  frames/s  speed-up  efficiency   one at a time  speed-up   sent twice  filled\n");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) good = measure_kind(&kinds[i]) && good;
    return good;
}
