// Bodies of the game: their beginning, and what comes from the cluster.
#include "client/play/core/bodies.h"

#include <math.h>
#include <string.h>

#include "client/play/core/arena.h"
#include "client/play/core/fall.h"

#define LEAD_LEAST 6u       // ticks that the cluster computes ahead, beside twice what its answer takes
#define STEPS_LEAST 4u      // of a task
#define BEYOND_MOST 15u     // ticks that are guessed past the newest state
#define PATIENCE_LEAST 20u  // ticks without an answer until the game goes on alone
#define SLIP_MOST 3.0f      // m; what jumps farther is simply there
#define SLIP_KEPT 0.88f     // of it, each tick
#define RAIN_EVERY 100u     // ticks
#define RAIN_AT_ONCE 14u    // bodies
#define LATENCY_GAIN 0.125f // as RFC 6298 smooths round trips
#define LATENCY_MOST 60.0f  // ticks
#define COLOURS 8u
#define PLACE_MOST 1e4f // m, of what is believed
#define SPEED_MOST 1e4f // m/s, rad/s

static float between(struct p2_rng *rng, float least, float most) {
    return least + (most - least) * (float)p2_rng_unit(rng);
}

float bodies_reach(const struct body_shape *s) {
    const float *h = s->extents;
    return s->kind == BODY_BALL ? h[0] : sqrtf(h[0] * h[0] + h[1] * h[1] + h[2] * h[2]);
}

// Somewhere above the ground, turned anyhow, on its way down.
static void lift(struct bodies *b, uint32_t i, struct body_motion *m) {
    *m = (struct body_motion){.position = {between(&b->rng, -16, 16), between(&b->rng, 8, 18), between(&b->rng, -9, 9)},
                              .velocity = {between(&b->rng, -2, 2), 0, between(&b->rng, -2, 2)},
                              .spin = {between(&b->rng, -3, 3), between(&b->rng, -3, 3), between(&b->rng, -3, 3)}};
    const float half = between(&b->rng, 0, 3.1f);
    m->orientation[i % 3] = sinf(half);
    m->orientation[3] = cosf(half);
}

void bodies_init(struct bodies *b, uint64_t seed) {
    memset(b, 0, sizeof *b);
    p2_rng_init(&b->rng, seed);
    for (uint32_t i = 0; i < BODIES; i++) {
        struct body_shape *s = &b->shapes[i];
        s->kind = i % 3 == 2 ? BODY_BOX : BODY_BALL;
        s->colour = (uint8_t)(i % COLOURS);
        for (uint32_t axis = 0; axis < 3; axis++)
            if (axis == 0 || s->kind == BODY_BOX) s->extents[axis] = between(&b->rng, 0.45f, 0.8f);
        const float *h = s->extents;
        s->mass = s->kind == BODY_BALL ? 4.2f * h[0] * h[0] * h[0] : 8 * h[0] * h[1] * h[2];
        lift(b, i, &b->shown[i]);
    }
}

// Those that lie about go up again; all of them when asked to.
static bool rain(struct bodies *b, struct body_motion *m, uint64_t step) {
    if (!b->rain && step - b->rained_step < RAIN_EVERY) return false;
    uint32_t lifted = 0;
    const uint32_t first = (uint32_t)p2_rng_below(&b->rng, BODIES);
    for (uint32_t n = 0; n < BODIES && (b->rain || lifted < RAIN_AT_ONCE); n++) {
        const uint32_t i = (first + n) % BODIES;
        const float *v = m[i].velocity;
        const bool outside =
            fabsf(m[i].position[0]) > ARENA_COLUMNS / 2.0f || fabsf(m[i].position[2]) > ARENA_ROWS / 2.0f;
        const bool lies = m[i].position[1] < 3 && v[0] * v[0] + v[1] * v[1] + v[2] * v[2] < 0.25f;
        if (!b->rain && !outside && !lies) continue;
        lift(b, i, &m[i]);
        lifted++;
    }
    b->rain = false;
    b->rained_step = step;
    return lifted > 0;
}

// ---- what is shown ----

static struct bodies_span *span_at(struct bodies *b, uint32_t i) {
    return &b->spans[(b->span_first + i) % BODIES_SPANS];
}

static void mix(const struct body_motion *from, const struct body_motion *to, float t, struct body_motion *out) {
    float sum = 0, dot = 0;
    for (uint32_t k = 0; k < 4; k++) dot += from->orientation[k] * to->orientation[k];
    for (uint32_t k = 0; k < 4; k++) {
        const float q = from->orientation[k] * (1 - t) + (dot < 0 ? -t : t) * to->orientation[k];
        out->orientation[k] = q;
        sum += q * q;
    }
    const float scale = 1 / sqrtf(fmaxf(sum, 1e-12f));
    for (uint32_t k = 0; k < 4; k++) out->orientation[k] *= scale;
    for (uint32_t k = 0; k < 3; k++) {
        out->position[k] = from->position[k] * (1 - t) + to->position[k] * t;
        out->velocity[k] = from->velocity[k] * (1 - t) + to->velocity[k] * t;
        out->spin[k] = from->spin[k] * (1 - t) + to->spin[k] * t;
    }
    out->asleep = from->asleep && to->asleep;
}

// Past the newest state: on as it flew. What hardly moves up or down is carried by something.
static void guess(const struct body_shape *s, const struct body_motion *from, uint64_t steps, struct body_motion *out) {
    *out = *from;
    if (from->asleep) return;
    const float t = (float)(steps < BEYOND_MOST ? steps : BEYOND_MOST) / (float)BODIES_RATE;
    const float pull = fabsf(from->velocity[1]) > 0.5f ? BODIES_GRAVITY : 0;
    for (uint32_t k = 0; k < 3; k++) out->position[k] += from->velocity[k] * t;
    out->position[1] -= pull * t * t / 2;
    out->velocity[1] -= pull * t;
    const float least =
        s->kind == BODY_BALL ? s->extents[0] : fminf(s->extents[0], fminf(s->extents[1], s->extents[2]));
    if (out->position[1] < least) out->position[1] = least;
}

static void show_remote(struct bodies *b) {
    while (b->span_count > 1 && span_at(b, 0)->to_step <= b->step) {
        b->span_first = (b->span_first + 1) % BODIES_SPANS;
        b->span_count--;
    }
    const struct bodies_span *span = span_at(b, 0);
    const float length = (float)(span->to_step - span->from_step);
    const float t = b->step > span->from_step ? (float)(b->step - span->from_step) / length : 0;
    for (uint32_t i = 0; i < BODIES; i++) {
        struct body_motion m;
        if (t <= 1)
            mix(&span->from[i], &span->to[i], t, &m);
        else
            guess(&b->shapes[i], &span->to[i], b->step - span->to_step, &m);
        float *slip = b->slip[i], far = 0;
        for (uint32_t k = 0; k < 3; k++) {
            slip[k] = b->rejoin ? b->shown[i].position[k] - m.position[k] : slip[k] * SLIP_KEPT;
            far += slip[k] * slip[k];
        }
        if (far > SLIP_MOST * SLIP_MOST) memset(slip, 0, sizeof b->slip[i]);
        for (uint32_t k = 0; k < 3; k++) m.position[k] += slip[k];
        b->shown[i] = m;
    }
    b->rejoin = false;
}

static uint64_t patience(const struct bodies *b) {
    const float ticks = 3 * b->latency;
    return ticks > (float)PATIENCE_LEAST ? (uint64_t)ticks : PATIENCE_LEAST;
}

static void bodies_move(struct bodies *b, enum bodies_mode to) {
    if (to == BODIES_LOCAL) {
        b->span_count = 0;
        b->begun = false;
        b->asked = false; // should it come yet, it is of an earlier epoch
        memset(b->slip, 0, sizeof b->slip);
    }
    b->mode = to;
}

void bodies_tick(struct bodies *b) {
    b->step++;
    const bool overdue = b->asked && b->step - b->asked_step > patience(b);
    if (overdue) b->latency = fminf(2 * b->latency + 1, LATENCY_MOST); // backs off, as RFC 6298 does
    if (b->mode == BODIES_REMOTE && b->step > b->tip_step + BEYOND_MOST && (overdue || !b->asked))
        bodies_move(b, BODIES_LOCAL);
    if (b->mode == BODIES_REMOTE) {
        show_remote(b);
        return;
    }
    if (overdue) bodies_move(b, BODIES_LOCAL); // asks anew
    if (!b->asked) rain(b, b->shown, b->step);
    fall(b->shapes, b->shown, BODIES, 1.0f / (float)BODIES_RATE);
}

// ---- tasks ----

void bodies_ask(struct bodies *b, struct bodies_ask *out) {
    *out = (struct bodies_ask){0};
    if (b->asked) return;
    if (b->mode == BODIES_LOCAL) { // from here on
        memcpy(b->tip, b->shown, sizeof b->tip);
        b->tip_step = b->step;
        b->begun = false;
    }
    const uint64_t ahead = b->step + LEAD_LEAST + (uint64_t)(2 * b->latency);
    if (ahead < b->tip_step + STEPS_LEAST) return;
    const uint64_t steps = ahead - b->tip_step;
    out->wanted = true;
    out->begin = !b->begun;
    if (!b->begun) b->epoch++;
    out->epoch = b->epoch;
    out->steps = steps < BODIES_STEPS_MAX ? (uint32_t)steps : BODIES_STEPS_MAX;
    b->begun = b->asked = true;
    b->asked_step = b->step;
    b->asked_steps = out->steps;
}

static bool sound(const float *values, uint32_t count, float most) {
    for (uint32_t i = 0; i < count; i++)
        if (!(fabsf(values[i]) <= most)) return false; // nor is NaN
    return true;
}

static bool are_sound(const struct body_motion *m) {
    for (uint32_t i = 0; i < BODIES; i++)
        if (!sound(m[i].position, 3, PLACE_MOST) || !sound(m[i].velocity, 3, SPEED_MOST) ||
            !sound(m[i].orientation, 4, 2) || !sound(m[i].spin, 3, SPEED_MOST))
            return false;
    return true;
}

bool bodies_heard(struct bodies *b, uint32_t epoch, const struct body_motion motions[BODIES]) {
    if (!b->asked || epoch != b->epoch) return true;
    if (!are_sound(motions)) {
        bodies_missed(b, epoch);
        return false;
    }
    b->asked = false;
    const float took = (float)(b->step - b->asked_step);
    b->latency += (took - b->latency) * LATENCY_GAIN;
    if (b->mode == BODIES_LOCAL || b->step > b->tip_step) b->rejoin = true;
    if (b->span_count == BODIES_SPANS) { // never as far ahead
        b->span_first = (b->span_first + 1) % BODIES_SPANS;
        b->span_count--;
    }
    struct bodies_span *span = span_at(b, b->span_count++);
    memcpy(span->from, b->tip, sizeof span->from);
    memcpy(span->to, motions, sizeof span->to);
    span->from_step = b->tip_step;
    span->to_step = b->tip_step + b->asked_steps;
    memcpy(b->tip, motions, sizeof b->tip);
    b->tip_step = span->to_step;
    if (b->mode == BODIES_LOCAL) bodies_move(b, BODIES_REMOTE);
    if (rain(b, b->tip, b->tip_step)) b->begun = false; // the next task brings this world
    return true;
}

void bodies_missed(struct bodies *b, uint32_t epoch) {
    if (!b->asked || epoch != b->epoch) return;
    b->asked = b->begun = false;
}

void bodies_alone(struct bodies *b) { bodies_move(b, BODIES_LOCAL); }
