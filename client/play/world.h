// The game's bodies as the bytes of a physics task, and a result as bodies.
#ifndef CLIENT_PLAY_WORLD_H
#define CLIENT_PLAY_WORLD_H

#include <stdbool.h>

#include "client/play/core/bodies.h"
#include "client/world/world.h"

// Floor, walls and bodies with nothing touching yet, at step 0. False: no memory. p2_world_free.
bool play_world_make(const struct body_shape shapes[BODIES], const struct body_motion motions[BODIES],
                     struct p2_world *out);

// Where the bodies are by a result that p2_world_look or p2_journey_took has looked at; `w` as it is then.
void play_world_read(const struct p2_world *w, const uint8_t *bytes, struct body_motion out[BODIES]);

#endif
