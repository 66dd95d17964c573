// A stream of frames in place of tasks by chance: the client's real frames core (client/core/frames.h) cuts, sends and
// gathers; how long a tile takes is modelled. stream.c says of what.
#ifndef TESTS_SIM_STREAM_H
#define TESTS_SIM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "client/core/session.h"

enum stream_work {
    STREAM_RENDER,  // rows of uneven cost that moves, small payloads
    STREAM_ENLARGE, // rows of equal cost with ghosts around every cut, payloads
};

struct stream_wish {
    enum stream_work work;
    bool whole;                // each frame is one tile
    uint32_t peers, in_flight; // frames at once
};

struct stream_figures { // of the frames after the first few
    double fps, latency_ms;
    uint32_t frames, hedged, filled; // tiles sent twice, filled
};

struct client;
void stream_open(struct client *c); // it begins when the peers are there
void stream_close(struct stream_figures *out);
void stream_ended(uint32_t slot, const struct session_ended *e); // of a ticket; nothing may be stepped here

// Frames a second on 1, 2, 4 and 8 peers as a table. False: less than there should be.
bool stream_table(void);

#endif
