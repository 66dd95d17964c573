#include "client/play/core/agents.h"

#include <math.h>
#include <string.h>

#define SPEED 4.0f   // m/s
#define TURNING 8.0f // 1/s: how fast speed becomes what is wanted
#define APART 0.75f  // m that agents keep
#define PUSH 14.0f   // m/s^2 at no distance
#define GATES 4

static const uint8_t gates[GATES][2] = {{2, 2}, {45, 2}, {2, 24}, {45, 24}}; // column, row of where they come in

static void enter(struct agents *a, struct agent *who) {
    const uint8_t *gate = gates[p2_rng_below(&a->rng, GATES)];
    arena_middle((uint32_t)(gate[1] * ARENA_COLUMNS + gate[0]), &who->x, &who->z);
    who->x += (float)p2_rng_unit(&a->rng) * 2 - 1;
    who->z += (float)p2_rng_unit(&a->rng) * 2 - 1;
    who->speed_x = who->speed_z = 0;
}

void agents_init(struct agents *a, uint64_t seed) {
    memset(a, 0, sizeof *a);
    p2_rng_init(&a->rng, seed);
    for (uint32_t i = 0; i < AGENTS; i++) {
        struct agent *who = &a->each[i];
        do {
            who->x = (float)(p2_rng_unit(&a->rng) - 0.5) * (ARENA_COLUMNS - 4);
            who->z = (float)(p2_rng_unit(&a->rng) - 0.5) * (ARENA_ROWS - 4);
        } while (arena_closed((int)floorf(who->x + ARENA_COLUMNS / 2.0f), (int)floorf(who->z + ARENA_ROWS / 2.0f)));
        who->heading = (float)p2_rng_unit(&a->rng) * 6;
    }
}

static void wish(const struct agent *who, const uint8_t *toward, float *x, float *z) {
    const uint32_t at = arena_cell(who->x, who->z), next = arena_toward(at, toward[at]);
    float to_x, to_z;
    arena_middle(next, &to_x, &to_z);
    to_x -= who->x;
    to_z -= who->z;
    const float far = sqrtf(to_x * to_x + to_z * to_z), scale = far > 0.05f ? SPEED / far : 0;
    *x = to_x * scale;
    *z = to_z * scale;
}

static void keep_apart(struct agents *a, float dt) {
    for (uint32_t i = 0; i < AGENTS; i++) {
        for (uint32_t j = i + 1; j < AGENTS; j++) {
            struct agent *p = &a->each[i], *q = &a->each[j];
            const float x = q->x - p->x, z = q->z - p->z, far = x * x + z * z;
            if (far >= APART * APART || far < 1e-8f) continue;
            const float distance = sqrtf(far), push = PUSH * (1 - distance / APART) * dt / distance;
            p->speed_x -= x * push;
            p->speed_z -= z * push;
            q->speed_x += x * push;
            q->speed_z += z * push;
        }
    }
}

static bool is_wall(float x, float z) {
    return arena_closed((int)floorf(x + ARENA_COLUMNS / 2.0f), (int)floorf(z + ARENA_ROWS / 2.0f));
}

// Along each axis as far as no wall is in the way: what it slides along.
static void go(struct agent *who, float dt) {
    const float x = who->x + who->speed_x * dt, z = who->z + who->speed_z * dt;
    if (is_wall(x + copysignf(AGENT_RADIUS, who->speed_x), who->z))
        who->speed_x = 0;
    else
        who->x = x;
    if (is_wall(who->x, z + copysignf(AGENT_RADIUS, who->speed_z)))
        who->speed_z = 0;
    else
        who->z = z;
    if (who->speed_x * who->speed_x + who->speed_z * who->speed_z > 0.25f)
        who->heading = atan2f(who->speed_z, who->speed_x);
}

uint32_t agents_tick(struct agents *a, const uint8_t toward[ARENA_CELLS], float dt) {
    uint32_t home = 0;
    const float share = fminf(TURNING * dt, 1);
    for (uint32_t i = 0; i < AGENTS; i++) {
        struct agent *who = &a->each[i];
        float x, z;
        wish(who, toward, &x, &z);
        who->speed_x += (x - who->speed_x) * share;
        who->speed_z += (z - who->speed_z) * share;
    }
    keep_apart(a, dt);
    for (uint32_t i = 0; i < AGENTS; i++) {
        struct agent *who = &a->each[i];
        go(who, dt);
        if (toward[arena_cell(who->x, who->z)] != ARENA_HOME) continue;
        enter(a, who);
        home++;
    }
    return home;
}
