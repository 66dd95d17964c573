// How a client does, for an overlay in a game or a log: counts since p2c2r_create, and the last second's rates and
// times. Each field says what a player or developer should conclude from it.
#ifndef P2C2R_STATS_H
#define P2C2R_STATS_H

#include "p2c2r.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct p2c2r_spread {
    int64_t mean_us, p95_us; // 95 of 100 took no longer; 0 when there was none
} p2c2r_spread;

typedef struct p2c2r_stats {
    size_t size;
    // Since p2c2r_create. Every submitted task is in flight or in exactly one of the six ends.
    uint64_t submitted; // tasks handed over: nothing to conclude, all others are to be held against it
    uint64_t done;      // results that came: as many as submitted, less in_flight, is a cluster in good health
    uint64_t refused;   // never begun: nobody there offers the task, or all are busy. Ask for less, or compute it here
    uint64_t failed;    // begun and not computed: a fault of the task's bytes or of peers, not of the network
    uint64_t expired;   // too late: see where the times below went; longer deadlines, smaller tasks or fewer of them
    uint64_t cancelled; // by the game itself
    uint64_t lost;      // the connection was gone too long: the player's network or the coordinator
    uint64_t cached;    // of those done: known already, so they say nothing about how fast peers are
    uint64_t window_full; // submits turned away here with P2C2R_EAGAIN: the game hands over more than comes back
    uint64_t reconnects;  // connections after the first: more than one in minutes is an unsteady network
    // Now.
    int32_t connected;  // 0: everything waits, and is LOST in the end; show the player that offloading is off
    uint32_t in_flight; // tickets not ended: rising steadily, more is asked than the cluster computes
    int64_t rtt_us; // round trip to the coordinator, smoothed; 0: not measured. No result comes sooner than this, from
                    // 50,000 on work for the next frame only; near 0 it is this machine or its own network
    // Of the last second (of span_us, which is less at first), per second of it.
    int64_t span_us;
    double submitted_per_s; // above done_per_s for long: the window will fill
    double done_per_s;      // the rate of results, to hold against the frame rate
    double unmet_per_s;     // refused, failed, expired or lost: each is a frame that the game made do without
    double cached_share;    // 0 to 1 of those done: near 1 the game asks the same again and again, and could keep it
    double bytes_out_per_s, bytes_in_per_s; // on the network: near what the line can carry, everything else is late
    // Where the time of those done in that second went (of at most the 256 newest). Whichever is largest is to blame.
    p2c2r_spread total;      // submit to result: the delay a player sees; p95 far above the mean is stutter
    p2c2r_spread queue;      // waiting at coordinator and peer: the cluster is busy; more peers would help
    p2c2r_spread transfer;   // on the network and in codecs: the line is slow or full; smaller payloads would help
    p2c2r_spread processing; // on the peer: its device is slow for this task; lower quality would help
} p2c2r_stats;

// Never waits. P2C2R_EINVAL when out->size is not set.
P2C2R_API p2c2r_status p2c2r_stats_get(p2c2r_client *client, p2c2r_stats *out);

#ifdef __cplusplus
}
#endif

#endif
