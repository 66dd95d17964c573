// The game's state: what falls, who walks, what is asked for, with a cluster that answers late, wrongly or not at all.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/play/core/fall.h"
#include "client/play/core/game.h"

#define LATENCY 7u // ticks

static struct game_asks tick_with(struct game *g, struct game_input in) {
    struct game_asks asks;
    game_step(g, &(struct game_event){.kind = GAME_TICK, .u.tick = in}, &asks);
    return asks;
}

static struct game_asks tick(struct game *g, bool offload) {
    return tick_with(g, (struct game_input){.offload = offload});
}

static void hear(struct game *g, uint32_t epoch, const struct body_motion *motions) {
    struct game_asks asks;
    game_step(g, &(struct game_event){.kind = GAME_BODIES, .u.bodies = {epoch, motions}}, &asks);
    assert_false(asks.bodies.wanted || asks.field);
}

// ---- ways ----

static void ways_lead_home(void **state) {
    (void)state;
    uint8_t costs[ARENA_CELLS], toward[ARENA_CELLS];
    const uint32_t goal = 13 * ARENA_COLUMNS + 24;
    uint32_t open = 0;
    arena_costs(costs);
    arena_field(goal, toward);
    for (uint32_t cell = 0; cell < ARENA_CELLS; cell++) {
        assert_int_equal(costs[cell] == 0, arena_closed((int)(cell % ARENA_COLUMNS), (int)(cell / ARENA_COLUMNS)));
        if (!costs[cell]) {
            assert_int_equal(toward[cell], ARENA_NONE);
            continue;
        }
        uint32_t at = cell, steps = 0;
        for (; toward[at] != ARENA_HOME && steps < ARENA_CELLS; steps++) at = arena_toward(at, toward[at]);
        assert_int_equal(at, goal);
        open++;
    }
    assert_true(open > ARENA_CELLS / 2);
    arena_field(0, toward); // a wall: no way
    for (uint32_t cell = 0; cell < ARENA_CELLS; cell++) assert_int_equal(toward[cell], ARENA_NONE);
}

static void steps_stay_on_the_map(void **state) {
    (void)state;
    assert_int_equal(arena_toward(0, 7), 0);                             // north-west of the corner
    assert_int_equal(arena_toward(0, 200), 0);                           // no step
    assert_int_equal(arena_toward(ARENA_CELLS - 1, 5), ARENA_CELLS - 1); // south-east of the last
    assert_int_equal(arena_toward(ARENA_COLUMNS + 1, 7), 0);
    float x, z;
    arena_middle(ARENA_COLUMNS + 5, &x, &z);
    assert_int_equal(arena_cell(x, z), ARENA_COLUMNS + 5);
    assert_int_equal(arena_cell(-1e9f, -1e9f), 0);
    assert_int_equal(arena_cell(1e9f, NAN), ARENA_COLUMNS - 1);
}

static void agents_come_home_and_walk_through_no_wall(void **state) {
    (void)state;
    static struct agents a;
    uint8_t toward[ARENA_CELLS];
    uint32_t home = 0;
    agents_init(&a, 3);
    arena_field(13 * ARENA_COLUMNS + 24, toward);
    for (int i = 0; i < 3600; i++) {
        home += agents_tick(&a, toward, 1.0f / 60);
        for (uint32_t k = 0; k < AGENTS; k++) {
            const uint32_t cell = arena_cell(a.each[k].x, a.each[k].z);
            assert_false(arena_closed((int)(cell % ARENA_COLUMNS), (int)(cell / ARENA_COLUMNS)));
        }
    }
    assert_true(home > AGENTS);
    memset(toward, 77, sizeof toward); // no steps at all
    assert_int_equal(agents_tick(&a, toward, 1.0f / 60), 0);
}

// ---- bodies without a cluster ----

static void bodies_come_to_lie_on_the_floor(void **state) {
    (void)state;
    static struct bodies b;
    bodies_init(&b, 9);
    for (int i = 0; i < 1200; i++) fall(b.shapes, b.shown, BODIES, 1.0f / 60);
    uint32_t low = 0;
    for (uint32_t i = 0; i < BODIES; i++) {
        const struct body_motion *m = &b.shown[i];
        assert_true(m->position[1] > 0.3f && m->position[1] < 6);
        low += m->position[1] < 2.5f;
        float q = 0;
        for (int k = 0; k < 4; k++) q += m->orientation[k] * m->orientation[k];
        assert_true(fabsf(q - 1) < 1e-3f);
    }
    assert_true(low > BODIES * 9 / 10);
}

static void alone_it_rains_again_and_nothing_is_asked(void **state) {
    (void)state;
    static struct game g;
    game_init(&g, 1);
    float highest = 0;
    for (int i = 0; i < 900; i++) {
        const struct game_asks asks = tick(&g, false);
        assert_false(asks.bodies.wanted || asks.field);
        if (i < 600) continue;
        for (uint32_t k = 0; k < BODIES; k++) highest = fmaxf(highest, g.bodies.shown[k].position[1]);
    }
    assert_true(highest > 8); // all were down before
    assert_int_equal(g.bodies.mode, BODIES_LOCAL);
    assert_true(g.home > 0);
    tick_with(&g, (struct game_input){.rain = true});
    for (uint32_t k = 0; k < BODIES; k++) assert_true(g.bodies.shown[k].position[1] > 7);
}

// ---- bodies with one ----

// A cluster that answers after `latency` ticks with the game's own physics.
struct far {
    struct bodies_ask ask;
    uint32_t wait, latency;
    struct body_motion motions[BODIES];
    uint32_t answers, begins;
};

static void far_tick(struct far *f, struct game *g, const struct game_asks *asks) {
    if (asks->bodies.wanted) {
        assert_false(f->ask.wanted); // one at a time
        f->ask = asks->bodies;
        f->wait = f->latency;
        f->begins += f->ask.begin;
        if (f->ask.begin) memcpy(f->motions, g->bodies.tip, sizeof f->motions);
    }
    if (!f->ask.wanted || f->wait-- > 1) return;
    for (uint32_t i = 0; i < f->ask.steps; i++) fall(g->bodies.shapes, f->motions, BODIES, 1.0f / 60);
    f->ask.wanted = false;
    f->answers++;
    hear(g, f->ask.epoch, f->motions);
}

static void shown_is_smooth_and_ahead_of_late_answers(void **state) {
    (void)state;
    static struct game g;
    static struct far f;
    static struct body_motion before[BODIES];
    game_init(&g, 4);
    f = (struct far){.latency = LATENCY};
    uint32_t remote = 0, jumps = 0;
    for (int i = 0; i < 600; i++) {
        memcpy(before, g.bodies.shown, sizeof before);
        const struct game_asks asks = tick(&g, true);
        remote += g.bodies.mode == BODIES_REMOTE;
        for (uint32_t k = 0; k < BODIES; k++) {
            float far = 0;
            for (int axis = 0; axis < 3; axis++)
                far = fmaxf(far, fabsf(g.bodies.shown[k].position[axis] - before[k].position[axis]));
            const bool lifted = g.bodies.shown[k].position[1] > before[k].position[1] + 3;
            jumps += far > 0.6f && !lifted; // 36 m/s: nothing falls so fast from there
        }
        far_tick(&f, &g, &asks);
    }
    assert_int_equal(jumps, 0);
    assert_true(remote > 560);
    assert_true(f.answers > 30);
    assert_true(f.begins > 2 && f.begins < f.answers / 2); // rain begins a world anew, the rest goes on
    assert_true(g.bodies.tip_step > g.bodies.step);
}

static void without_answers_it_falls_here_and_asks_anew(void **state) {
    (void)state;
    static struct game g;
    static struct far f;
    game_init(&g, 5);
    f = (struct far){.latency = 2};
    struct game_asks asks;
    do {
        asks = tick(&g, true);
        far_tick(&f, &g, &asks);
    } while (f.answers < 5);
    f.ask.wanted = false;
    do asks = tick(&g, true);
    while (!asks.bodies.wanted);
    const uint32_t epoch = asks.bodies.epoch; // never answered
    uint32_t ticks = 0;
    do {
        asks = tick(&g, true);
        ticks++;
    } while (!asks.bodies.wanted && ticks < 1000);
    assert_true(asks.bodies.begin);
    assert_int_equal(asks.bodies.epoch, epoch + 1);
    assert_int_equal(g.bodies.mode, BODIES_LOCAL);
    assert_true(ticks > 15 && ticks < 60);
    hear(&g, epoch, f.motions); // late, and of no use
    assert_true(g.bodies.asked && g.bodies.mode == BODIES_LOCAL);
    hear(&g, epoch + 1, f.motions);
    assert_int_equal(g.bodies.mode, BODIES_REMOTE);
}

static void a_missed_or_senseless_answer_begins_anew(void **state) {
    (void)state;
    static struct game g;
    game_init(&g, 6);
    struct game_asks asks = tick(&g, true);
    assert_true(asks.bodies.wanted && asks.bodies.begin);
    game_step(&g, &(struct game_event){.kind = GAME_BODIES_MISSED, .u.bodies.epoch = asks.bodies.epoch}, &asks);
    asks = tick(&g, true);
    assert_true(asks.bodies.wanted && asks.bodies.begin);
    static struct body_motion wrong[BODIES];
    wrong[7].position[2] = NAN;
    hear(&g, asks.bodies.epoch, wrong);
    assert_int_equal(g.bodies.mode, BODIES_LOCAL);
    asks = tick(&g, true);
    assert_true(asks.bodies.wanted && asks.bodies.begin);
    tick(&g, false); // the player wants none of it
    assert_false(g.bodies.asked);
}

// ---- the goal ----

static void fields_are_asked_for_and_followed(void **state) {
    (void)state;
    static struct game g;
    uint8_t toward[ARENA_CELLS];
    game_init(&g, 7);
    struct game_asks asks = tick(&g, true);
    assert_true(asks.field);
    assert_int_equal(asks.field_goal, arena_cell(g.goal_x, g.goal_z));
    assert_false(g.field_remote);
    arena_field(asks.field_goal, toward);
    struct game_asks none;
    game_step(&g, &(struct game_event){.kind = GAME_FIELD, .u.field = {asks.field_goal, toward}}, &none);
    assert_true(g.field_remote);
    uint32_t asked = 0;
    for (int i = 0; i < 60; i++) {
        asks = tick(&g, true);
        asked += asks.field;
        if (asks.field) game_step(&g, &(struct game_event){.kind = GAME_FIELD_MISSED}, &none);
    }
    assert_int_equal(asked, 4);
    const float x = g.goal_x;
    for (int i = 0; i < 30; i++) tick_with(&g, (struct game_input){.east = 1, .offload = true});
    assert_true(g.goal_x > x + 4);
    for (int i = 0; i < 600; i++) tick_with(&g, (struct game_input){.east = 1, .south = 1});
    const uint32_t cell = arena_cell(g.goal_x, g.goal_z); // pushed against walls, it stays outside of them
    assert_false(arena_closed((int)(cell % ARENA_COLUMNS), (int)(cell / ARENA_COLUMNS)));
    assert_int_equal(g.field_goal, cell); // and alone the game finds its own ways
    assert_false(g.field_remote);
}

static void where_bodies_lie_is_dear(void **state) {
    (void)state;
    static struct game g;
    game_init(&g, 8);
    g.bodies.shown[0].position[0] = 0.5f;
    g.bodies.shown[0].position[1] = 0.5f;
    g.bodies.shown[0].position[2] = 0.5f;
    g.bodies.shown[0].velocity[0] = g.bodies.shown[0].velocity[2] = 0;
    assert_true(tick(&g, true).field);
    assert_true(g.costs[arena_cell(0.5f, 0.5f)] > 1);
    assert_true(g.costs[arena_cell(0.5f, 0.5f)] <= ARENA_COST_MAX);
    assert_int_equal(g.costs[0], 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ways_lead_home),
        cmocka_unit_test(steps_stay_on_the_map),
        cmocka_unit_test(agents_come_home_and_walk_through_no_wall),
        cmocka_unit_test(bodies_come_to_lie_on_the_floor),
        cmocka_unit_test(alone_it_rains_again_and_nothing_is_asked),
        cmocka_unit_test(shown_is_smooth_and_ahead_of_late_answers),
        cmocka_unit_test(without_answers_it_falls_here_and_asks_anew),
        cmocka_unit_test(a_missed_or_senseless_answer_begins_anew),
        cmocka_unit_test(fields_are_asked_for_and_followed),
        cmocka_unit_test(where_bodies_lie_is_dear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
