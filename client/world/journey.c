// A world from task to task.
#include <stdio.h>

#include "world.h"

void p2_journey_begin(struct p2_journey *j, struct p2_world *world, const uint8_t secret[16], uint32_t full_every) {
    struct physics_world head = p2_world_head(world);
    *j = (struct p2_journey){.world = world, .full_every = full_every};
    for (uint32_t i = 0; i < 16; i++) snprintf(j->name + 2 * i, 3, "%02x", secret[i]);
    j->step = j->whole_step = (uint64_t)head.step_high << 32 | head.step_low;
}

static void add(struct p2_journey *j, struct p2_journey_task *t, const char *name) {
    t->names[t->count] = name;
    t->values[t->count] = j->text[t->count];
    t->count++;
}

#define ADD(name, ...) snprintf(j->text[out->count], sizeof j->text[0], __VA_ARGS__), add(j, out, name)

void p2_journey_next(struct p2_journey *j, uint32_t steps, bool last, struct p2_journey_task *out) {
    const struct p2_world *w = j->world;
    struct physics_world head = p2_world_head(w);
    *out = (struct p2_journey_task){0};
    j->full = last || j->tasks + 1 >= j->full_every;
    // One that has to carry the world makes the steps since then as well.
    uint64_t more = j->kept ? steps : steps + (j->step - j->whole_step);
    ADD("bodies", "%u", head.bodies);
    ADD("joints", "%u", head.joints);
    ADD("timestep", "%.9g", w->timestep);
    ADD("num_steps", "%llu", (unsigned long long)more);
    ADD("gravity", "%.9g,%.9g,%.9g", w->gravity[0], w->gravity[1], w->gravity[2]);
    ADD("substeps", "%u", w->substeps);
    ADD("sleep", "%d", w->sleeping);
    ADD("content", "%s", j->full ? "full" : "state");
    ADD("world", "%s", j->name);
    if (j->kept) {
        ADD("step", "%llu", (unsigned long long)j->step);
        return;
    }
    out->payload = w->bytes;
    out->payload_size = w->size;
}

bool p2_journey_took(struct p2_journey *j, const uint8_t *bytes, size_t size) {
    struct physics_result head;
    if (!p2_world_look(j->world, bytes, size, &head) || (head.content == PHYSICS_FULL) != j->full) return false;
    j->step = (uint64_t)head.step_high << 32 | head.step_low;
    j->kept = true;
    j->tasks++;
    if (!j->full) return true;
    j->whole_step = j->step;
    j->tasks = 0;
    return p2_world_take(j->world, bytes, size);
}

void p2_journey_lost(struct p2_journey *j) { j->kept = false; }
