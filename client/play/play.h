// The game of `p2c2r play`, played: sixty times a second keys and results in, a picture out, whatever the network does.
#ifndef CLIENT_PLAY_PLAY_H
#define CLIENT_PLAY_PLAY_H

#include "base/strbuf.h"
#include "client/play/draw/overlay.h"
#include "client/play/offload.h"
#include "client/play/window.h"

#define PLAY_SHOTS_MAX 16u
#define PLAY_LAG_MS 100 // what the key adds
#define PLAY_LOSS 0.02

struct play_settings {
    struct offload_settings link;
    bool offload;    // to begin with
    int32_t level;   // quality, or -1: as fast as the cluster is
    bool headless;   // no window, no keys
    bool bare;       // no overlay
    uint32_t scale;  // of the window
    uint64_t frames; // then it ends; 0: when the player says so
    uint32_t shots;  // pictures to keep, evenly over the frames, the last one among them; at most PLAY_SHOTS_MAX
    uint64_t seed;
};

enum play_source { PLAY_CLUSTER, PLAY_MENDED, PLAY_HERE, PLAY_SOURCES }; // of the picture: enlarge.h

struct play {
    struct play_settings settings;
    struct game game;
    struct scene scene;
    struct offload offload;
    struct overlay overlay;
    struct window *window; // NULL: headless
    bool ends;
    bool offloading; // as the player wants it
    uint8_t big[BIG_BYTES];
    double age; // ticks of the newest picture from the cluster, smoothed
    enum play_source source;
    uint32_t mended;                     // small pixels that are the cluster's
    uint64_t done_before[OFFLOAD_SORTS]; // at rates_ns
    p2_ns rates_ns;
    // What is reported.
    uint64_t frames, ticks_skipped; // the latter: no frame was shown in their time
    uint64_t sources[PLAY_SOURCES];
    uint64_t remote_bodies, remote_ways; // frames in which they went by the cluster's word
    struct p2_hist frame;                // from when a frame was due to when it was shown
    struct p2_hist work;                 // from when it was begun
    struct p2_hist cpu;                  // processor time of that
    struct p2_hist beat;                 // from one frame shown to the next
    p2_ns played_ns, shown_ns;
    p2c2r_stats stats;              // the last
    uint8_t *shots[PLAY_SHOTS_MAX]; // BIG_W x BIG_H, RGB
    uint32_t shot_count;
};

// Plays. Gives what was played (play_free); NULL with a sentence in why.
struct play *play_run(const struct play_settings *settings, struct p2_strbuf *why);
void play_free(struct play **p); // NULL inside is fine

#endif
