// Frames of a stream, each with tiles on their way to several machines: event and time in, actions out. It decides how
// a frame is cut, when a tile is sent once more, what is given up for a newer frame, and in which order frames are
// given; client/shell/frames.c submits and gathers.
//
// A frame                                       A tile
//
//   submit                                        frame submitted
//     |                                                |
//    OPEN --(every tile settled,--> HELD              SENT ---------(a copy came)-------> DONE
//     |       or the deadline)       |                 |  ^
//     |                              | the older      all failed, or there was no room
//     +--(newer ones need its room,  | are given       |  |
//     |   or a newer one was given)  |                 v  | sent again
//     v                              v                WAITING ----(no more tries, --------> MISSING: filled when
//    dropped                       given                          or no time for one)       the frame ends
//
// Never late: a frame ends at its deadline at the latest, with what is missing filled from the coarse path.
// Newest wins: frames are given in the order of their numbers, and none after a newer one. Ordered streams hold a
// frame until the older ones have ended; others drop the older ones.
#ifndef CLIENT_CORE_FRAMES_H
#define CLIENT_CORE_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ns.h"
#include "client/core/fill.h"
#include "client/core/session.h"
#include "client/core/tiles.h"

#define FRAMES_MAX 16u              // under way at once
#define FRAMES_TRIES_MAX 3u         // of a tile, its second copy not counted
#define FRAMES_RETRY_NS (2 * P2_MS) // after there was no room for it
#define FRAMES_SAMPLES 64u          // of latest tiles, for what is usual
#define FRAMES_SAMPLES_MIN 16u      // before that, half of a frame's time is late
#define FRAMES_HEDGE_TENTHS 1u      // of ten tiles may be sent twice
#define FRAMES_HEDGES_MAX 4u        // and so many at once after a calm time
#define FRAMES_COARSE TILES_MAX     // the number of a frame's coarse picture, among its tiles
#define FRAMES_COPIES 2u

struct frames_config {
    uint32_t frames_max; // 1 to FRAMES_MAX
    uint32_t tiles;      // of a frame; 0: by peers and cost
    uint32_t steps, ghost;
    p2_ns deadline_ns; // of each frame, from its submission
    bool whole;        // one tile each, whatever tiles says
    bool ordered;
    bool hedge;
    bool refuse; // a frame beyond frames_max; else the oldest is dropped
    bool coarse; // a coarse picture of the whole is sent before a frame's tiles
};

enum frames_event_kind {
    FRAMES_SUBMIT = 1, // u.submit
    FRAMES_ENDED,      // u.ended: a copy that was sent has ended
    FRAMES_UNSENT,     // u.part: a copy that was to be sent found no room
    FRAMES_TICK,
};

struct frames_part {           // a copy of a tile
    uint32_t slot, tile, copy; // slot: 0 to frames_max; that of a new frame is not one that ends in the same step
};

struct frames_event {
    enum frames_event_kind kind;
    p2_ns now_ns; // never goes back
    union {
        struct {
            uint32_t peers; // that are there; 0: not known
        } submit;
        struct {
            struct frames_part part;
            enum session_outcome outcome;
            enum p2_err code;
            bool retryable;
            p2_ns retry_after_ns;
            uint64_t peer;   // whose; 0: not known
            p2_ns device_ns; // how long its device worked; 0: not known
        } ended;
        struct frames_part part;
    } u;
};

enum frames_action_kind {
    FRAMES_DO_SEND = 1, // u.send
    FRAMES_DO_STOP,     // u.part: its end is of no interest any more; what has come of it is void
    FRAMES_DO_TAKE,     // u.part: this copy's result is the tile's
    FRAMES_DO_FILL,     // u.part: the tile's rows come from the coarse path
    FRAMES_DO_END,      // u.end: a frame's one end. After its stops and fills
};

struct frames_end {
    uint32_t slot;
    uint64_t number;
    enum session_outcome outcome; // DONE: at least one tile was computed; CANCELLED: dropped; else why none was
    enum session_outcome missing; // DONE: no tile was filled; else how the first that failed ended
    enum p2_err code;             // of that, or of being dropped
    bool retryable;               // that
    bool dropped;
    uint32_t tiles, hedged, filled;
    p2_ns latency_ns; // from submission
};

struct frames_action {
    enum frames_action_kind kind;
    union {
        struct {
            struct frames_part part;
            struct tile rows;        // of a coarse picture: all
            p2_ns deadline_ns;       // left
            uint32_t weight_percent; // of its rows; 0: not known
        } send;
        struct frames_part part;
        struct frames_end end;
    } u;
};

struct frames_actions { // of the last step; lent until the next
    const struct frames_action *items;
    uint32_t count;
};

struct frames;

// NULL when memory is short. All memory is taken here.
struct frames *p2_frames_create(const struct frames_config *config);
void p2_frames_destroy(struct frames **f); // what is under way vanishes without an end

// Feeds one event. A SUBMIT is refused (no action) when p2_frames_full and config.refuse.
struct frames_actions p2_frames_step(struct frames *f, const struct frames_event *ev);
p2_ns p2_frames_next_ns(const struct frames *f); // when to step with TICK at the latest; P2_NEVER: no need

bool p2_frames_full(const struct frames *f);                      // frames_max are under way
uint64_t p2_frames_number(const struct frames *f, uint32_t slot); // of the frame there; 0: none
uint64_t p2_frames_submitted(const struct frames *f);             // so far; the last one's number
uint32_t p2_frames_slot(const struct frames *f);                  // of the frame submitted last
struct tile p2_frames_rows(const struct frames *f, struct frames_part part);
// While a step's FILLs are carried out: the rows it may be made from, of tiles that have come. False: none has.
bool p2_frames_gap(const struct frames *f, struct frames_part part, struct fill_gap *out);
const struct tiles *p2_frames_map(const struct frames *f);

// Asserts every invariant of the whole state.
void p2_frames_check(const struct frames *f);

#endif
