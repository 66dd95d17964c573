#include "client/play/core/game.h"

#include <math.h>
#include <string.h>

#define TICK_S (1.0f / (float)BODIES_RATE)
#define GOAL_SPEED 12.0f                 // m/s under the player's keys
#define STEERED_TICKS (5 * BODIES_RATE)  // so long after a key the goal is the player's
#define POST_TICKS (6 * BODIES_RATE)     // at each post
#define FIELD_EVERY 15u                  // ticks: where bodies lie changes
#define FIELDS_MAX 4u                    // under way
#define FIELD_PATIENCE (2 * BODIES_RATE) // an older one does not count against them
#define LYING_COST 8u                    // of a cell where a body lies
#define LYING_HEIGHT 1.2f                // m of its middle
#define POSTS 6

static const uint8_t posts[POSTS][2] = {{24, 13}, {10, 8}, {37, 18}, {24, 3}, {37, 8}, {10, 18}}; // column, row

static void go_to_post(struct game *g) {
    const uint8_t *post = posts[g->post % POSTS];
    arena_middle((uint32_t)(post[1] * ARENA_COLUMNS + post[0]), &g->goal_x, &g->goal_z);
}

static void find_way(struct game *g, uint32_t goal) {
    arena_field(goal, g->toward);
    g->field_goal = goal;
    g->field_remote = false;
    g->field_tick = g->ticks;
}

void game_init(struct game *g, uint64_t seed) {
    memset(g, 0, sizeof *g);
    bodies_init(&g->bodies, seed);
    agents_init(&g->agents, seed + 1);
    go_to_post(g);
    arena_costs(g->costs);
    find_way(g, arena_cell(g->goal_x, g->goal_z));
}

static bool is_open(float x, float z) {
    return !arena_closed((int)floorf(x + ARENA_COLUMNS / 2.0f), (int)floorf(z + ARENA_ROWS / 2.0f));
}

static void steer(struct game *g, const struct game_input *in) {
    if (in->east != 0 || in->south != 0) {
        const float x = g->goal_x + in->east * GOAL_SPEED * TICK_S, z = g->goal_z + in->south * GOAL_SPEED * TICK_S;
        if (is_open(x, g->goal_z)) g->goal_x = x;
        if (is_open(g->goal_x, z)) g->goal_z = z;
        g->steered_tick = g->ticks;
        return;
    }
    const bool steered = g->steered_tick && g->ticks - g->steered_tick < STEERED_TICKS;
    if (steered || g->ticks % POST_TICKS != 0) return;
    g->post++;
    go_to_post(g);
}

static void weigh(struct game *g) {
    arena_costs(g->costs);
    for (uint32_t i = 0; i < BODIES; i++) {
        const float *p = g->bodies.shown[i].position;
        uint8_t *cost = &g->costs[arena_cell(p[0], p[2])];
        if (p[1] < LYING_HEIGHT && *cost) *cost = LYING_COST;
    }
}

static void ask_field(struct game *g, uint32_t goal, struct game_asks *asks) {
    if (g->ticks - g->field_asked_tick > FIELD_PATIENCE) g->field_asked = 0;
    const bool due = goal != g->field_asked_goal || g->ticks - g->field_asked_tick >= FIELD_EVERY;
    if (!due || g->field_asked >= FIELDS_MAX) return;
    weigh(g);
    asks->field = true;
    asks->field_goal = g->field_asked_goal = goal;
    g->field_asked++;
    g->field_asked_tick = g->ticks;
}

static void tick(struct game *g, const struct game_input *in, struct game_asks *asks) {
    g->ticks++;
    steer(g, in);
    if (in->rain) g->bodies.rain = true;
    if (!in->offload) {
        bodies_alone(&g->bodies);
        g->field_asked_goal = ARENA_CELLS; // none: asked at once when it may be again
        g->field_asked = 0;
    }
    const uint32_t goal = arena_cell(g->goal_x, g->goal_z);
    const bool stale = g->ticks - g->field_tick > FIELD_PATIENCE;
    if (goal != g->field_goal && (!in->offload || stale)) find_way(g, goal);
    bodies_tick(&g->bodies);
    g->home += agents_tick(&g->agents, g->toward, TICK_S);
    if (!in->offload) return;
    bodies_ask(&g->bodies, &asks->bodies);
    ask_field(g, goal, asks);
}

static void heard_field(struct game *g, uint32_t goal, const uint8_t *toward) {
    if (g->field_asked) g->field_asked--;
    memcpy(g->toward, toward, sizeof g->toward);
    g->field_goal = goal;
    g->field_remote = true;
    g->field_tick = g->ticks;
}

void game_step(struct game *g, const struct game_event *ev, struct game_asks *asks) {
    *asks = (struct game_asks){0};
    switch (ev->kind) {
    case GAME_TICK: tick(g, &ev->u.tick, asks); break;
    case GAME_BODIES: bodies_heard(&g->bodies, ev->u.bodies.epoch, ev->u.bodies.motions); break;
    case GAME_BODIES_MISSED: bodies_missed(&g->bodies, ev->u.bodies.epoch); break;
    case GAME_FIELD: heard_field(g, ev->u.field.goal, ev->u.field.toward); break;
    case GAME_FIELD_MISSED:
        if (g->field_asked) g->field_asked--;
        break;
    }
}
