// What the game says about itself and the cluster, over its picture.
#ifndef CLIENT_PLAY_DRAW_OVERLAY_H
#define CLIENT_PLAY_DRAW_OVERLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "client/play/draw/text.h"
#include "p2c2r/stats.h"

#define OVERLAY_FRAMES 120u // in the graph

struct overlay_row { // of one of the three things that are handed over
    double per_s;    // results
    double took_ms;  // from submission to result, smoothed
    uint64_t missed; // late, lost or refused
    char now[40];    // what is shown at present
};

struct overlay {
    bool offload, connected;
    double lag_ms, loss; // injected; loss 0..1
    p2c2r_stats stats;
    struct overlay_row picture, bodies, ways;
    uint32_t home;                   // the score
    double frame_ms[OVERLAY_FRAMES]; // from when a frame was due to when it was shown; a ring
    uint32_t frame_next;
    double frame_p99_ms;
};

void overlay_draw(const struct overlay *o, const struct canvas *c);

#endif
