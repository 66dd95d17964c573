// What frames.c and frames_check.c share. Nothing else includes it.
#ifndef CLIENT_CORE_FRAMES_IN_H
#define CLIENT_CORE_FRAMES_IN_H

#include "client/core/frames.h"

enum frame_state { FRAME_FREE, FRAME_OPEN, FRAME_HELD, FRAME_STATES };
enum tile_state { TILE_NONE, TILE_SENT, TILE_WAITING, TILE_DONE, TILE_MISSING, TILE_STATES };

struct part {
    enum tile_state state; // written by part_move alone
    struct tile rows;
    bool out[FRAMES_COPIES]; // under way
    p2_ns sent_ns;           // the first copy
    p2_ns due_ns;            // SENT: when it is late; WAITING: when to send it again
    uint32_t tries;
};

struct frame {
    enum frame_state state; // written by frame_move alone
    uint64_t number;
    p2_ns submitted_ns, deadline_ns;
    uint32_t tiles, settled, done, hedged, filled;
    enum session_outcome outcome; // why the first tile failed; 0: none did
    enum p2_err code;
    bool retryable;
    p2_ns latency_ns;                 // since HELD
    struct part parts[TILES_MAX + 1]; // the last is the coarse picture
};

struct frames {
    struct frames_config config;
    p2_ns now_ns, next_ns;
    uint64_t last, given; // numbers: submitted last, given last
    uint32_t live, last_slot, peers;
    uint32_t tenths; // of second copies that may be sent
    struct tiles map;
    p2_ns samples[FRAMES_SAMPLES], usual_ns, late_ns; // how long tiles took: half, 95 of 100
    uint32_t sample_count, sample_at;
    struct frame slots[FRAMES_MAX + 1];
    struct frames_action *items;
    uint32_t count, capacity;
};

#endif
