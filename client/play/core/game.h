// The game: what has happened and a sixtieth of a second in, what to show and what to ask of a cluster out. It waits
// for nothing; what is late or never comes is made up for here. Pure.
#ifndef CLIENT_PLAY_CORE_GAME_H
#define CLIENT_PLAY_CORE_GAME_H

#include "client/play/core/agents.h"
#include "client/play/core/arena.h"
#include "client/play/core/bodies.h"

struct game {
    uint64_t ticks;
    struct bodies bodies;
    struct agents agents;
    uint32_t home; // agents that reached the goal
    float goal_x, goal_z;
    uint64_t steered_tick; // the player last moved the goal; else it goes from post to post
    uint32_t post;
    // Ways: the field in use, and who made it.
    uint8_t toward[ARENA_CELLS];
    uint32_t field_goal; // a cell
    bool field_remote;
    uint64_t field_tick;  // when it came
    uint32_t field_asked; // under way
    uint64_t field_asked_tick;
    uint32_t field_asked_goal;
    uint8_t costs[ARENA_CELLS]; // of cells now: where bodies lie it is dear
};

struct game_input {    // of one tick
    float east, south; // -1..1: where the goal is pushed
    bool rain;         // all bodies go up again
    bool offload;      // a cluster may be asked
};

enum game_event_kind { GAME_TICK, GAME_BODIES, GAME_BODIES_MISSED, GAME_FIELD, GAME_FIELD_MISSED };

struct game_event {
    enum game_event_kind kind;
    union {
        struct game_input tick;
        struct {
            uint32_t epoch;
            const struct body_motion *motions; // BODIES of them, borrowed; of GAME_BODIES
        } bodies;
        struct {
            uint32_t goal;
            const uint8_t *toward; // ARENA_CELLS bytes, borrowed; of GAME_FIELD
        } field;
    } u;
};

// What to hand over to a cluster after a tick. What is wanted counts as under way until its event comes.
struct game_asks {
    struct bodies_ask bodies; // world: game.bodies.tip, tip_step
    bool field;               // directions to field_goal over game.costs, up to ARENA_COST_MAX
    uint32_t field_goal;
};

void game_init(struct game *g, uint64_t seed);

// *asks is filled after GAME_TICK, and empty after other events.
void game_step(struct game *g, const struct game_event *ev, struct game_asks *asks);

#endif
