#include "client/play/core/fall.h"

#include <math.h>

#include "client/play/core/arena.h"

#define BOUNCE 0.35f
#define GRIP 0.985f // of the speed along the floor that is left after a tick on it

// As a ball: large enough to look right, small enough to lie flat.
static float radius_of(const struct body_shape *s) {
    const float *h = s->extents;
    return s->kind == BODY_BALL ? h[0] : (h[0] + h[1] + h[2]) / 3;
}

// Speed along a normal turns back when it goes against it.
static void bounce(struct body_motion *m, const float n[3]) {
    const float along = m->velocity[0] * n[0] + m->velocity[1] * n[1] + m->velocity[2] * n[2];
    if (along >= 0) return;
    const float change = along < -1 ? -(1 + BOUNCE) * along : -along;
    for (int k = 0; k < 3; k++) m->velocity[k] += change * n[k];
}

static void meet_floor(struct body_motion *m, float r) {
    if (m->position[1] >= r) return;
    m->position[1] = r;
    bounce(m, (const float[3]){0, 1, 0});
    m->velocity[0] *= GRIP;
    m->velocity[2] *= GRIP;
    m->spin[0] = m->velocity[2] / r; // it rolls
    m->spin[1] *= GRIP;
    m->spin[2] = -m->velocity[0] / r;
}

static float nearest(float at, float least, float most) { return at < least ? least : at > most ? most : at; }

static void meet_wall(struct body_motion *m, float r, const struct arena_wall *w) {
    const float left = (float)w->column - (float)ARENA_COLUMNS / 2, north = (float)w->row - (float)ARENA_ROWS / 2;
    const float to[3] = {nearest(m->position[0], left, left + (float)w->columns),
                         nearest(m->position[1], 0, ARENA_WALL_HEIGHT),
                         nearest(m->position[2], north, north + (float)w->rows)};
    float n[3], far = 0;
    for (int k = 0; k < 3; k++) {
        n[k] = m->position[k] - to[k];
        far += n[k] * n[k];
    }
    if (far >= r * r) return;
    if (far < 1e-8f) { // inside: out at the top
        m->position[1] = ARENA_WALL_HEIGHT + r;
        return;
    }
    const float distance = sqrtf(far);
    for (int k = 0; k < 3; k++) {
        n[k] /= distance;
        m->position[k] += n[k] * (r - distance);
    }
    bounce(m, n);
}

static void meet(struct body_motion *a, float ra, struct body_motion *b, float rb) {
    float n[3], far = 0;
    for (int k = 0; k < 3; k++) {
        n[k] = b->position[k] - a->position[k];
        far += n[k] * n[k];
    }
    const float touch = ra + rb;
    if (far >= touch * touch || far < 1e-8f) return;
    const float distance = sqrtf(far);
    float closing = 0;
    for (int k = 0; k < 3; k++) {
        n[k] /= distance;
        closing += (a->velocity[k] - b->velocity[k]) * n[k];
    }
    for (int k = 0; k < 3; k++) {
        const float apart = n[k] * (touch - distance) * 0.4f;
        const float change = closing > 0 ? n[k] * closing * (1 + BOUNCE) / 2 : 0;
        a->position[k] -= apart;
        b->position[k] += apart;
        a->velocity[k] -= change;
        b->velocity[k] += change;
    }
}

static void turn(struct body_motion *m, float dt) {
    const float *w = m->spin, q[4] = {m->orientation[0], m->orientation[1], m->orientation[2], m->orientation[3]};
    float *o = m->orientation, sum = 0;
    o[0] += dt / 2 * (w[0] * q[3] + w[1] * q[2] - w[2] * q[1]);
    o[1] += dt / 2 * (w[1] * q[3] + w[2] * q[0] - w[0] * q[2]);
    o[2] += dt / 2 * (w[2] * q[3] + w[0] * q[1] - w[1] * q[0]);
    o[3] -= dt / 2 * (w[0] * q[0] + w[1] * q[1] + w[2] * q[2]);
    for (int k = 0; k < 4; k++) sum += o[k] * o[k];
    for (int k = 0; k < 4; k++) o[k] /= sqrtf(sum);
}

void fall(const struct body_shape *shapes, struct body_motion *bodies, uint32_t count, float dt) {
    for (uint32_t i = 0; i < count; i++) {
        struct body_motion *m = &bodies[i];
        m->asleep = false;
        m->velocity[1] -= BODIES_GRAVITY * dt;
        for (int k = 0; k < 3; k++) m->position[k] += m->velocity[k] * dt;
        turn(m, dt);
        const float r = radius_of(&shapes[i]);
        meet_floor(m, r);
        if (m->position[1] > ARENA_WALL_HEIGHT + r) continue;
        for (uint32_t w = 0; w < ARENA_WALLS; w++) meet_wall(m, r, &arena_walls[w]);
    }
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = i + 1; j < count; j++)
            meet(&bodies[i], radius_of(&shapes[i]), &bodies[j], radius_of(&shapes[j]));
}
