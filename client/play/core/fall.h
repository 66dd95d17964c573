// The game's own falling, for when the cluster is away: balls that bounce off floor, walls and each other. Cheap, and
// nothing that a pile could stand on. Pure.
#ifndef CLIENT_PLAY_CORE_FALL_H
#define CLIENT_PLAY_CORE_FALL_H

#include <stdint.h>

#include "client/play/core/bodies.h"

// Moves them by dt seconds.
void fall(const struct body_shape *shapes, struct body_motion *bodies, uint32_t count, float dt);

#endif
