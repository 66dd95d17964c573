// Bodies that fall: what is known of them from the cluster, and what is shown meanwhile. Pure: a tick is a sixtieth of
// a second, and results come in by bodies_heard.
//
//            bodies_heard                         nothing heard for too long
//     LOCAL ---------------> REMOTE  ( LOCAL <----------------------------- REMOTE )
//
// REMOTE: shown between two states the cluster has computed ahead of time; past the newest by its speeds, for a quarter
// of a second. LOCAL: the game's own, coarser falling: boxes are balls, and nothing is stacked.
#ifndef CLIENT_PLAY_CORE_BODIES_H
#define CLIENT_PLAY_CORE_BODIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"

#define BODIES 96
#define BODIES_RATE 60u // steps of a second
#define BODIES_SPANS 8u
#define BODIES_STEPS_MAX 60u // of one task
#define BODIES_GRAVITY 9.81f // m/s^2, downwards

enum body_kind { BODY_BALL, BODY_BOX };

struct body_shape {
    enum body_kind kind;
    float extents[3]; // m: half extents; of a ball the first is its radius
    float mass;       // kg
    uint8_t colour;   // index of a palette
};

struct body_motion {
    float position[3], orientation[4], velocity[3], spin[3]; // m, unit quaternion x y z w, m/s, rad/s
    bool asleep;
};

struct bodies_span { // what the cluster computed in one task
    uint64_t from_step, to_step;
    struct body_motion from[BODIES], to[BODIES];
};

enum bodies_mode { BODIES_LOCAL, BODIES_REMOTE };

struct bodies {
    enum bodies_mode mode;
    struct body_shape shapes[BODIES];
    struct body_motion shown[BODIES];
    uint64_t step; // that is shown
    // What the next task goes on from.
    struct body_motion tip[BODIES];
    uint64_t tip_step;
    uint32_t epoch; // counts the worlds handed over; results of an earlier one are of no use
    bool begun;     // the cluster has the world of this epoch, or it is on its way
    bool asked;     // a task is under way
    uint64_t asked_step;
    uint32_t asked_steps;
    float latency; // ticks from asking to hearing, smoothed
    struct bodies_span spans[BODIES_SPANS];
    uint32_t span_first, span_count;
    float slip[BODIES][3]; // m, shown from where it ought to be, after a jump; fades
    bool rejoin;           // the next tick jumps
    bool rain;             // all are to be lifted at the next opportunity
    uint64_t rained_step;
    struct p2_rng rng;
};

void bodies_init(struct bodies *b, uint64_t seed);

// One sixtieth of a second.
void bodies_tick(struct bodies *b);

// What to hand over now. `begin`: the whole world, tip at tip_step; else the one the cluster has goes on.
struct bodies_ask {
    bool wanted, begin;
    uint32_t epoch, steps;
};
void bodies_ask(struct bodies *b, struct bodies_ask *out); // counts as under way until heard or missed
// False: numbers that are none; it counts as missed then.
bool bodies_heard(struct bodies *b, uint32_t epoch, const struct body_motion motions[BODIES]);
void bodies_missed(struct bodies *b, uint32_t epoch); // it will not be heard
void bodies_alone(struct bodies *b);                  // the cluster is not to be asked any more

float bodies_reach(const struct body_shape *s); // radius of the ball around it

#endif
