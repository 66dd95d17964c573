// Agents that follow a field of steps towards the goal, each tick on their own: what comes from elsewhere is the field
// alone. Pure.
#ifndef CLIENT_PLAY_CORE_AGENTS_H
#define CLIENT_PLAY_CORE_AGENTS_H

#include <stdint.h>

#include "base/rng.h"
#include "client/play/core/arena.h"

#define AGENTS 64
#define AGENT_RADIUS 0.36f // m

struct agent {
    float x, z, speed_x, speed_z; // m, m/s
    float heading;                // rad, of its eyes; from east towards south
};

struct agents {
    struct agent each[AGENTS];
    struct p2_rng rng;
};

void agents_init(struct agents *a, uint64_t seed);

// One tick of dt seconds by a field (arena_field's, or a result of directions; other bytes than steps mean: wait).
// Those at home begin anew elsewhere; returns how many.
uint32_t agents_tick(struct agents *a, const uint8_t toward[ARENA_CELLS], float dt);

#endif
