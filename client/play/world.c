#include "client/play/world.h"

#include <stdlib.h>
#include <string.h>

#include "client/play/core/arena.h"

#define FIXED (1u + ARENA_WALLS) // bodies before those that move: the floor, the walls
#define SUBSTEPS 4u

static struct physics_body fixed_of(const struct arena_wall *w) {
    return (struct physics_body){
        .kind = PHYSICS_BOX,
        .position = {(float)w->column + (float)w->columns / 2 - ARENA_COLUMNS / 2.0f, ARENA_WALL_HEIGHT / 2,
                     (float)w->row + (float)w->rows / 2 - ARENA_ROWS / 2.0f},
        .orientation = {0, 0, 0, 1},
        .extents = {(float)w->columns / 2, ARENA_WALL_HEIGHT / 2, (float)w->rows / 2},
        .friction = 0.5f,
        .restitution = 0.3f,
    };
}

static struct physics_body body_of(const struct body_shape *s, const struct body_motion *m) {
    struct physics_body b = {.kind = s->kind == BODY_BALL ? PHYSICS_SPHERE : PHYSICS_BOX,
                             .mass = s->mass,
                             .friction = 0.5f,
                             .restitution = s->kind == BODY_BALL ? 0.5f : 0.2f,
                             .asleep = m->asleep};
    memcpy(b.position, m->position, sizeof b.position);
    memcpy(b.orientation, m->orientation, sizeof b.orientation);
    memcpy(b.velocity, m->velocity, sizeof b.velocity);
    memcpy(b.spin, m->spin, sizeof b.spin);
    memcpy(b.extents, s->extents, sizeof b.extents);
    return b;
}

bool play_world_make(const struct body_shape shapes[BODIES], const struct body_motion motions[BODIES],
                     struct p2_world *out) {
    const struct physics_world head = {
        .magic = PHYSICS_WORLD_MAGIC, .format = PHYSICS_FORMAT, .bodies = FIXED + BODIES};
    *out = (struct p2_world){.size = sizeof head + head.bodies * sizeof(struct physics_body),
                             .steps = 1,
                             .substeps = SUBSTEPS,
                             .timestep = 1.0 / BODIES_RATE,
                             .gravity = {0, -(double)BODIES_GRAVITY, 0},
                             .sleeping = true};
    out->bytes = malloc(out->size);
    if (!out->bytes) return false;
    uint8_t *at = out->bytes;
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    for (uint32_t i = 0; i < head.bodies; i++, at += sizeof(struct physics_body)) {
        const struct physics_body floor = {
            .kind = PHYSICS_PLANE, .orientation = {0, 0, 0, 1}, .friction = 0.6f, .restitution = 0.3f};
        const struct physics_body b = i == 0      ? floor
                                      : i < FIXED ? fixed_of(&arena_walls[i - 1])
                                                  : body_of(&shapes[i - FIXED], &motions[i - FIXED]);
        memcpy(at, &b, sizeof b);
    }
    return true;
}

void play_world_read(const struct p2_world *w, const uint8_t *bytes, struct body_motion out[BODIES]) {
    struct physics_result head;
    memcpy(&head, bytes, sizeof head);
    for (uint32_t i = 0; i < BODIES; i++) {
        struct physics_state s;
        if (head.content == PHYSICS_FULL) {
            const struct physics_body b = p2_world_body(w, FIXED + i);
            memcpy(s.position, b.position, sizeof s.position);
            memcpy(s.orientation, b.orientation, sizeof s.orientation);
            memcpy(s.velocity, b.velocity, sizeof s.velocity);
            memcpy(s.spin, b.spin, sizeof s.spin);
            s.asleep = b.asleep;
        } else {
            memcpy(&s, bytes + sizeof head + (FIXED + i) * sizeof s, sizeof s);
        }
        memcpy(out[i].position, s.position, sizeof s.position);
        memcpy(out[i].orientation, s.orientation, sizeof s.orientation);
        memcpy(out[i].velocity, s.velocity, sizeof s.velocity);
        memcpy(out[i].spin, s.spin, sizeof s.spin);
        out[i].asleep = s.asleep != 0;
    }
}
