// Worlds for physics tasks: from JSON to the bytes of a payload and back, and a world that goes on from task to task on
// whatever peer has it. No I/O; what is read may be anybody's bytes. What the bytes mean: kernels/physics/layout.h.
#ifndef CLIENT_WORLD_WORLD_H
#define CLIENT_WORLD_WORLD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "kernels/physics/layout.h"

struct p2_world {
    uint8_t *bytes; // a payload; p2_world_free
    size_t size;
    int64_t *ids; // of each body, as the JSON calls it
    // What the task asks for.
    uint32_t steps, substeps;
    double timestep, gravity[3];
    bool sleeping;
};

// A JSON object: `objects` [{`type` sphere, box or plane; `position`; `velocity`; `orientation` [x, y, z, w];
// `angular_velocity`; `mass`; `static`; `radius`; `half_extents`; `normal`; `friction`; `restitution`; `id`}], `joints`
// [{`a`, `b` (ids); `anchor_a`, `anchor_b`; `length`; `hertz`; `damping`}], `timestep`, `num_steps`, `gravity`,
// `substeps`, `sleep`. All but `objects` have defaults; what a result adds is passed over. False with a sentence in why
// that names the object and the value; w is to be freed in no case then.
bool p2_world_read(const json_t *root, struct p2_world *w, struct p2_strbuf *why);
void p2_world_free(struct p2_world *w);

// Copies of the counts and bodies in w->bytes.
struct physics_world p2_world_head(const struct p2_world *w);
struct physics_body p2_world_body(const struct p2_world *w, uint32_t i);

// A result's head, when `bytes` are a whole result for that world; false: they are none.
bool p2_world_look(const struct p2_world *w, const uint8_t *bytes, size_t size, struct physics_result *head);

// Takes over the bodies of a result: all of them when its content is full, their states otherwise. p2_world_look said
// yes. False: no memory.
bool p2_world_take(struct p2_world *w, const uint8_t *bytes, size_t size);

// The same form as was read, with `collisions` [[id, id], ...], `step`, `awake`, `energy` {kinetic, potential},
// `momentum` and `angular_momentum` of the result that was taken last. Gives (json_decref); NULL: no memory.
json_t *p2_world_write(const struct p2_world *w, const uint8_t *bytes, size_t size);

// ---- a world from task to task ----

#define P2_WORLD_NAME 32 // hex digits
#define P2_WORLD_PARAMS 10

// Peers keep a world under a name no one guesses, and are told only how far it is. Every `full_every` tasks the world
// comes back whole: what a peer that has not got it goes on from.
struct p2_journey {
    struct p2_world *world; // borrows; as it came back whole last
    char name[P2_WORLD_NAME + 1];
    uint32_t full_every;
    uint64_t step, whole_step; // made; and when it came back whole last
    uint32_t tasks;            // since then
    bool kept;                 // some peer ought to have it
    bool full;                 // the task under way asks for all of it
    char text[P2_WORLD_PARAMS][80];
};

// `secret`: 16 random bytes. full_every: at least 1.
void p2_journey_begin(struct p2_journey *j, struct p2_world *world, const uint8_t secret[16], uint32_t full_every);

struct p2_journey_task {
    const char *names[P2_WORLD_PARAMS], *values[P2_WORLD_PARAMS]; // parameters; lend until the next call
    uint32_t count;
    const uint8_t *payload; // lends until the next call; NULL: empty
    size_t payload_size;
};

// The task that makes `steps` more; `last`: it is to come back whole in any case. To be submitted past the cache.
void p2_journey_next(struct p2_journey *j, uint32_t steps, bool last, struct p2_journey_task *out);
// Its result. False: the bytes are none, or there is no memory.
bool p2_journey_took(struct p2_journey *j, const uint8_t *bytes, size_t size);
// It ended with StateMissing, or was lost: the next one carries the world, and makes up for the steps since then.
void p2_journey_lost(struct p2_journey *j);

#endif
