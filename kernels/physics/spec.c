#include <string.h>

#include "base/strbuf.h"
#include "kernels/physics/physics.h"

static const char *const contents[] = {"state", "full", NULL}; // by PHYSICS_STATE ..

enum { BODIES, JOINTS, TIMESTEP, NUM_STEPS, GRAVITY, SUBSTEPS, SLEEP, CONTENT, WORLD, STEP };

static const struct p2_param_spec params[] = {
    [BODIES] = {.name = "bodies",
                .kind = P2_PARAM_INT,
                .count = 1,
                .required = true,
                .min = 1,
                .max = PHYSICS_BODIES_MAX,
                .unit = "",
                .doc = "Bodies of the world."},
    [JOINTS] = {.name = "joints",
                .kind = P2_PARAM_INT,
                .count = 1,
                .min = 0,
                .max = PHYSICS_JOINTS_MAX,
                .fallback = "0",
                .unit = "",
                .doc = "Joints of the world."},
    [TIMESTEP] = {.name = "timestep",
                  .kind = P2_PARAM_REAL,
                  .count = 1,
                  .min = 1e-4,
                  .max = 0.1,
                  .fallback = "0.016666667",
                  .unit = "s",
                  .doc = "Seconds of a step."},
    [NUM_STEPS] = {.name = "num_steps",
                   .kind = P2_PARAM_INT,
                   .count = 1,
                   .min = 1,
                   .max = PHYSICS_STEPS_MAX,
                   .fallback = "1",
                   .unit = "",
                   .doc = "Steps to make; times bodies at most 2^32."},
    [GRAVITY] = {.name = "gravity",
                 .kind = P2_PARAM_REALS,
                 .count = 3,
                 .min = -1000,
                 .max = 1000,
                 .fallback = "0,-9.81,0",
                 .unit = "m/s^2",
                 .doc = "Acceleration of all that is not fixed."},
    [SUBSTEPS] = {.name = "substeps",
                  .kind = P2_PARAM_INT,
                  .count = 1,
                  .min = 1,
                  .max = PHYSICS_SUBSTEPS_MAX,
                  .fallback = "4",
                  .unit = "",
                  .doc = "Turns of the solver in a step: more hold higher piles and stiffer joints."},
    [SLEEP] = {.name = "sleep",
               .kind = P2_PARAM_INT,
               .count = 1,
               .min = 0,
               .max = 1,
               .fallback = "1",
               .unit = "",
               .doc = "1: bodies that have come to rest stand still until something moves them."},
    [CONTENT] =
        {.name = "content",
         .kind = P2_PARAM_TEXT,
         .choices = contents,
         .fallback = "state",
         .unit = "",
         .doc = "Of the result. state: where bodies are and which touch; full: a world from which any peer goes on."},
    [WORLD] =
        {.name = "world",
         .kind = P2_PARAM_TEXT,
         .count = 1,
         .unit = "",
         .doc = "A name of 16 to 64 letters, digits, - and _ that nobody guesses: the peer keeps the world under it."},
    [STEP] = {.name = "step",
              .kind = P2_PARAM_INT,
              .count = 1,
              .min = 0,
              .max = 9007199254740992.0,
              .unit = "",
              .doc = "With an empty payload: the steps that the kept world has made."},
    {.name = NULL},
};

static unsigned int_of(const struct p2_params *given, int which) {
    return (unsigned)p2_param_int(given, &params[which]);
}

static enum p2_err read_name(const struct p2_params *given, struct physics_block *b, struct p2_strbuf *why) {
    struct p2_param p = {0};
    if (!p2_param_value(given, &params[WORLD], &p)) return P2_OK;
    struct p2_str name = p.value.text;
    bool good = name.n >= PHYSICS_NAME_MIN && name.n <= PHYSICS_NAME_MAX;
    for (size_t i = 0; i < name.n && good; i++) {
        char c = name.p[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    }
    if (!good) {
        p2_strbuf_printf(why, "world is not %u to %u letters, digits, - and _", PHYSICS_NAME_MIN, PHYSICS_NAME_MAX);
        return P2_ERR_BAD_PARAMETER;
    }
    memcpy(b->world, name.p, name.n);
    return P2_OK;
}

// An empty payload goes on from a kept world, any other is a world.
static enum p2_err read_payload(const struct p2_params *given, uint64_t size, struct physics_block *b,
                                struct p2_strbuf *why) {
    struct p2_param step = {0};
    bool has_step = p2_param_value(given, &params[STEP], &step);
    if (size > PHYSICS_BYTES_MAX) {
        p2_strbuf_printf(why, "payload of %llu bytes is above the limit of %u", (unsigned long long)size,
                         PHYSICS_BYTES_MAX);
        return P2_ERR_TOO_LARGE;
    }
    if ((size == 0) != has_step || (has_step && !b->world[0])) {
        p2_strbuf_printf(why, size ? "step is of a kept world: it goes with an empty payload"
                                   : "an empty payload goes on from a kept world: say which world and its step");
        return P2_ERR_BAD_PARAMETER;
    }
    b->payload = (unsigned)size;
    b->step_low = (unsigned)((uint64_t)step.value.ints[0] & 0xffffffff);
    b->step_high = (unsigned)((uint64_t)step.value.ints[0] >> 32);
    if (has_step) return P2_OK;
    uint64_t fixed = sizeof(struct physics_world) + (uint64_t)b->bodies * sizeof(struct physics_body) +
                     (uint64_t)b->joints * sizeof(struct physics_joint);
    uint64_t contacts = size < fixed ? UINT64_MAX : (size - fixed) / sizeof(struct physics_contact);
    if (contacts > (uint64_t)PHYSICS_CONTACTS_PER_BODY * b->bodies ||
        (size - fixed) % sizeof(struct physics_contact) != 0) {
        p2_strbuf_printf(why,
                         "payload of %llu bytes, but a world of %u bodies and %u joints is %llu, and %zu more for each "
                         "contact, at most %u for each body",
                         (unsigned long long)size, b->bodies, b->joints, (unsigned long long)fixed,
                         sizeof(struct physics_contact), PHYSICS_CONTACTS_PER_BODY);
        return P2_ERR_BAD_PARAMETER;
    }
    b->contacts = (unsigned)contacts;
    return P2_OK;
}

static void estimate(const struct physics_block *b, struct p2_task_cost *cost) {
    uint64_t turns = (uint64_t)b->bodies * b->steps * b->substeps; // below 2^36
    cost->units = turns;
    cost->result_bytes_max = p2_physics_result_max(b);
    // Rows and kept impulses of contacts, bodies, cells and the payload.
    cost->device_bytes = (uint64_t)p2_physics_slots(b->bodies) * (4 * PHYSICS_ROW_FIELDS + 32) +
                         (uint64_t)b->bodies * 512 + ((uint64_t)b->joints + 1) * 256 + (4u << 20) +
                         cost->result_bytes_max;
    cost->size_class = p2_size_class(turns);
    // 50 ms for what is 10,000 bodies, one step; as much for each more that is begun.
    cost->timeout_prior_ns = 50 * P2_MS * (p2_ns)((turns + 39999) / 40000);
}

static enum p2_err prepare(const struct p2_params *given, uint64_t payload_size, void *block, struct p2_task_cost *cost,
                           struct p2_strbuf *why) {
    enum p2_err err = p2_params_check(given, params, why);
    if (err) return err;
    struct physics_block b = {.bodies = int_of(given, BODIES),
                              .joints = int_of(given, JOINTS),
                              .steps = int_of(given, NUM_STEPS),
                              .substeps = int_of(given, SUBSTEPS),
                              .sleeping = int_of(given, SLEEP)};
    struct p2_param p = {0};
    p2_param_value(given, &params[TIMESTEP], &p);
    b.timestep = (float)p.value.reals[0];
    p2_param_value(given, &params[GRAVITY], &p);
    for (int k = 0; k < 3; k++) b.gravity[k] = (float)p.value.reals[k];
    p2_param_value(given, &params[CONTENT], &p);
    b.content = p2_str_is(p.value.text, contents[PHYSICS_FULL]) ? PHYSICS_FULL : PHYSICS_STATE;
    err = read_name(given, &b, why);
    if (!err) err = read_payload(given, payload_size, &b, why);
    if (err) return err;
    if ((uint64_t)b.bodies * b.steps > PHYSICS_BODY_STEPS_MAX) {
        p2_strbuf_printf(why, "%u bodies times %u steps is more than 2^32", b.bodies, b.steps);
        return P2_ERR_TOO_LARGE;
    }
    memcpy(block, &b, sizeof b);
    *cost = (struct p2_task_cost){0};
    estimate(&b, cost);
    return P2_OK;
}

// ---- known answers: balls and a pendulum on a floor; boxes, balls and bounces ----
// Two steps, so that contacts go on from one to the next, of two substeps: each is dozens of launches at every start.

#define UPRIGHT .orientation = {0, 0, 0, 1}
#define BALL(m, x, y, z, ...)                                                                                          \
    {                                                                                                                  \
        .kind = PHYSICS_SPHERE, .position = {x, y, z}, UPRIGHT, .extents = {0.5f}, .mass = m, .friction = 0.5f,        \
        __VA_ARGS__                                                                                                    \
    }
#define CRATE(m, x, y, z, ...)                                                                                         \
    {                                                                                                                  \
        .kind = PHYSICS_BOX, .position = {x, y, z}, UPRIGHT, .extents = {0.5f, 0.4f, 0.6f}, .mass = m,                 \
        .friction = 0.5f, __VA_ARGS__                                                                                  \
    }
#define FLOOR                                                                                                          \
    { .kind = PHYSICS_PLANE, UPRIGHT, .friction = 0.5f }
#define HEAD(n, m)                                                                                                     \
    { .magic = PHYSICS_WORLD_MAGIC, .format = PHYSICS_FORMAT, .bodies = n, .joints = m }

static const struct {
    struct physics_world head;
    struct physics_body bodies[7];
    struct physics_joint joints[2];
} balls = {HEAD(7, 2),
           {FLOOR, BALL(1, 0, 0.5f, 0), BALL(1, 0.3f, 1.45f, 0.1f), BALL(1, -0.9f, 0.49f, 0, .velocity = {3, 0, 0}),
            BALL(0, 4, 3, 0), BALL(1, 6, 3, 0), BALL(1, 7.5f, 3, 0, .spin = {0, 9, 1})},
           {{4, 5, {0}, {0}, 2, 0, 0, 0}, {5, 6, {0.5f, 0, 0}, {0}, 1, 4, 0.2f, 0}}};

static const struct {
    struct physics_world head;
    struct physics_body bodies[7];
} crates = {HEAD(7, 0),
            {FLOOR, CRATE(2, 0, 0.4f, 0), CRATE(2, 0.1f, 1.19f, 0.2f, .restitution = 0.5f),
             CRATE(2, -1.2f, 0.6f, 0, .spin = {1, 2, 3}),
             BALL(1, 0, 2.09f, 0, .velocity = {0, -4, 0}, .restitution = 0.8f), CRATE(0, 6, 0.4f, 0),
             BALL(1, 6.2f, 1.25f, 0, .velocity = {1, -2, 0})}};

static const struct p2_param balls_params[] = {P2_GIVEN_INT("bodies", 7), P2_GIVEN_INT("joints", 2),
                                               P2_GIVEN_INT("num_steps", 2), P2_GIVEN_INT("substeps", 2)};
static const struct p2_param crates_params[] = {P2_GIVEN_INT("bodies", 7), P2_GIVEN_INT("num_steps", 2),
                                                P2_GIVEN_INT("substeps", 2), P2_GIVEN_TEXT("content", "full")};

#define KNOWN(name)                                                                                                    \
    {                                                                                                                  \
        .params = name##_params, .param_count = sizeof name##_params / sizeof *name##_params,                          \
        .payload = (const uint8_t *)&name, .payload_size = sizeof name                                                 \
    }
static const struct p2_known_answer known_answers[] = {KNOWN(balls), KNOWN(crates)};

const struct p2_task_type p2_type_physics = {
    .name = "physics",
    .version = 1,
    .doc = "Moves rigid bodies: spheres, boxes and planes with contact, friction and joints.",
    .unit = "body turns",
    .params = params,
    .block_bytes = sizeof(struct physics_block),
    .criticality = P2_CRIT_HIGH,
    .deterministic = true,
    .payload_bytes_max = PHYSICS_BYTES_MAX,
    .prepare = prepare,
    .reference = p2_physics_reference,
    .equal = p2_physics_equal,
    .known_answers = known_answers,
    .known_answer_count = sizeof known_answers / sizeof *known_answers,
};
