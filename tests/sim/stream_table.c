// Frames a second on so many peers.
#include <stdio.h>

#include "sim.h"
#include "stream.h"

#define SPAN (90 * P2_SEC) // 120 frames on one peer, and some
#define FLOOR 0.85         // of peers times what one does

static struct stream_figures measure(enum stream_work work, uint32_t peers, uint32_t in_flight) {
    const struct stream_wish stream = {work, peers, in_flight};
    const struct sim_wish wish = {.span = SPAN, .stream = &stream};
    struct sim_result r;
    sim_run(1, &wish, &r);
    return r.stream;
}

bool stream_table(void) {
    static const char *const names[] = {[STREAM_RENDER] = "render", [STREAM_ENLARGE] = "enlarge"};
    bool good = true;
    printf("           peers  frames/s  speed-up  efficiency   one at a time  speed-up   sent twice  filled\n");
    for (enum stream_work work = STREAM_RENDER; work <= STREAM_ENLARGE; work++) {
        struct stream_figures one = {0}, alone = {0};
        for (uint32_t peers = 1; peers <= 8; peers *= 2) {
            struct stream_figures many = measure(work, peers, 3), single = measure(work, peers, 1);
            if (peers == 1) one = many, alone = single;
            double up = many.fps / one.fps;
            printf("%-10s %5u  %8.2f  %8.2f  %10.2f  %11.1f ms  %8.2f  %10u  %6u\n", names[work], peers, many.fps, up,
                   up / peers, single.latency_ms, alone.latency_ms / single.latency_ms, many.hedged, many.filled);
            good = good && up >= FLOOR * peers && many.filled + single.filled == 0;
        }
    }
    return good;
}
