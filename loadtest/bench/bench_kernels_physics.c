// Ten thousand spheres piled in a pit, friction and rotation on: one step of a world that the executor keeps, its
// states told, against one step of Bullet's. Both piles fall from the same places and have come to rest when the clock
// runs.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/rng.h"
#include "kernels/physics/physics.h"
#include "loadtest/bench/bench_kernels.h"
#include "loadtest/bench/opponent_bullet.h"

#define ACROSS 20u // spheres along x and z
#define LAYERS 25u
#define SPHERES (ACROSS * ACROSS * LAYERS)
#define WALLS 5u
#define APART 1.05f // of diameters, when they fall
#define RADIUS 0.5f
#define STEP (1.0f / 60)
#define STEPS_TO_REST 180
#define CLOUD 1000u // bodies that meet where nothing pulls
#define HALF_RIGHT 0.70710678f
#define NAME "bench-physics-pile"

struct pile {
    struct bench_task task;
    struct bullet *bullet;
    uint64_t steps; // ours has made
};

struct world { // a payload
    struct physics_world head;
    struct physics_body bodies[SPHERES + WALLS];
};

static size_t size_of(const struct world *w) { return sizeof w->head + w->head.bodies * sizeof *w->bodies; }

static void begin(struct world *w) {
    memset(w, 0, sizeof *w);
    w->head.magic = PHYSICS_WORLD_MAGIC;
    w->head.format = PHYSICS_FORMAT;
}

static struct physics_body *add(struct world *w, uint32_t kind, float mass) {
    struct physics_body *b = &w->bodies[w->head.bodies++];
    b->kind = kind;
    b->mass = mass;
    b->friction = 0.5f;
    b->orientation[3] = 1;
    if (kind == PHYSICS_SPHERE) b->extents[0] = RADIUS;
    return b;
}

static void add_walls(struct world *w, float extent) {
    add(w, PHYSICS_PLANE, 0);
    for (uint32_t i = 0; i < 4; i++) { // towards -x, +x, -z, +z; each looks inwards
        struct physics_body *b = add(w, PHYSICS_PLANE, 0);
        uint32_t axis = i < 2 ? 0 : 2;
        b->position[axis] = i % 2 ? extent : -extent;
        b->orientation[axis ? 0 : 2] = (i == 0 || i == 3) ? -HALF_RIGHT : HALF_RIGHT;
        b->orientation[3] = HALF_RIGHT;
    }
}

static float noise(struct p2_rng *rng, float most) { return most * ((float)p2_rng_below(rng, 2001) / 1000 - 1); }

static void add_spheres(struct world *w, float *places) {
    struct p2_rng rng;
    p2_rng_init(&rng, 1);
    for (uint32_t i = 0; i < SPHERES; i++) {
        uint32_t x = i % ACROSS, z = i / ACROSS % ACROSS, y = i / ACROSS / ACROSS;
        float *p = places + 3 * i;
        p[0] = APART * ((float)x - 0.5f * (ACROSS - 1)) + noise(&rng, 0.02f);
        p[1] = 0.6f + APART * (float)y;
        p[2] = APART * ((float)z - 0.5f * (ACROSS - 1)) + noise(&rng, 0.02f);
        memcpy(add(w, PHYSICS_SPHERE, 1)->position, p, 3 * sizeof *p);
    }
}

// The world is the peer's from its first job on: those that follow carry nothing.
static void run_ours(void *arg) {
    struct pile *p = arg;
    struct physics_block *b = (struct physics_block *)(void *)p->task.block;
    bench_task_run(&p->task);
    p->steps += b->steps;
    p->task.job.job.in_size = 0;
    b->payload = b->contacts = 0;
    b->steps = 1;
    b->step_low = (unsigned)p->steps;
}

static void run_theirs(void *arg) { bullet_step(((struct pile *)arg)->bullet, STEP); }

static struct physics_result told(const struct bench_task *t) {
    struct physics_result r;
    memcpy(&r, t->out, sizeof r);
    return r;
}

static void piled(struct bench_kernels *k, struct world *w) {
    float extent = 0.5f * APART * ACROSS + 0.05f, *places = malloc(SPHERES * 3 * sizeof *places);
    P2_CHECK(places);
    begin(w);
    add_walls(w, extent);
    add_spheres(w, places);
    static struct pile p;
    char params[160];
    snprintf(params, sizeof params, "bodies=%u num_steps=%d sleep=0 world=%s", w->head.bodies, STEPS_TO_REST, NAME);
    bench_task_init(&p.task, k, "physics", params, &(struct exec_blob){.bytes = (uint8_t *)w, .size = size_of(w)});
    p.bullet = bullet_create(&(struct bullet_pit){extent, RADIUS, 0.5f, places, SPHERES}, BENCH_THREADS);
    free(places);
    for (int i = 0; i < STEPS_TO_REST; i++) run_theirs(&p);
    run_ours(&p);
    struct bench_contest c = {.ours = run_ours, .theirs = run_theirs, .arg = &p, .bar = 0.25, .pairs = 21};
    snprintf(c.task, sizeof c.task, "%u spheres piled, a step", SPHERES);
    snprintf(c.opponent, sizeof c.opponent, "Bullet %d.%02d, %d thread%s", bullet_version() / 100,
             bullet_version() % 100, bullet_threads(p.bullet), bullet_threads(p.bullet) > 1 ? "s" : "");
    bench_contest(k, &c);
    struct physics_result r = told(&p.task);
    struct bench_row row = {.value = 100 * (double)r.overlap_mean, .bar = 1, .kind = BENCH_AT_MOST, .unit = "%"};
    snprintf(row.measure, sizeof row.measure, "%u spheres piled, mean overlap of radius", SPHERES);
    snprintf(row.against, sizeof row.against, "of %u contacts; Bullet's %.1f %%", r.touching,
             100 * bullet_overlap(p.bullet));
    bench_figure(k, &row);
    // Debian builds Bullet without threads (BT_THREADSAFE): what is left where ours bring nothing either.
    c.one_cpu = true;
    snprintf(c.task, sizeof c.task, "%u spheres piled, both on one CPU", SPHERES);
    if (k->bars) bench_contest(k, &c);
    bullet_destroy(&p.bullet);
    bench_task_deinit(&p.task);
}

// Spheres and boxes that fly together, meet, and part: no force from outside.
static void cloud(struct bench_kernels *k, struct world *w) {
    struct p2_rng rng;
    p2_rng_init(&rng, 2);
    begin(w);
    double size = 0; // of all momenta
    for (uint32_t i = 0; i < CLOUD; i++) {
        struct physics_body *b = add(w, i % 4 ? PHYSICS_SPHERE : PHYSICS_BOX, 1 + (float)(i % 3));
        double speed2 = 0;
        for (int a = 0; a < 3; a++) {
            b->extents[a] = b->kind == PHYSICS_BOX ? 0.4f : b->extents[a];
            b->position[a] = noise(&rng, 8);
            b->velocity[a] = 1 - 0.5f * b->position[a];
            speed2 += (double)b->velocity[a] * (double)b->velocity[a];
        }
        size += (double)b->mass * sqrt(speed2);
    }
    static struct bench_task t;
    char params[160];
    double change = 0;
    struct physics_result first = {0}, last = {0};
    for (int steps = 1; steps <= 240; steps += 239) {
        snprintf(params, sizeof params, "bodies=%u num_steps=%d sleep=0 gravity=0,0,0", CLOUD, steps);
        bench_task_init(&t, k, "physics", params, &(struct exec_blob){.bytes = (uint8_t *)w, .size = size_of(w)});
        bench_task_run(&t);
        last = told(&t);
        if (steps == 1) first = last;
        bench_task_deinit(&t);
    }
    for (int a = 0; a < 3; a++) change = fmax(change, fabs(last.momentum[a] - first.momentum[a]));
    struct bench_row row = {.value = change / size, .bar = 1e-4, .kind = BENCH_AT_MOST};
    snprintf(row.measure, sizeof row.measure, "%u bodies that meet, change of momentum", CLOUD);
    snprintf(row.against, sizeof row.against,
             "of the sum of all sizes of momenta, over 239 steps; %.0f %% of energy left",
             100 * last.kinetic / first.kinetic);
    bench_figure(k, &row);
}

static void run(struct bench_kernels *k) {
    struct world *w = (struct world *)(void *)bench_bytes(sizeof *w);
    piled(k, w);
    cloud(k, w);
    free(w);
}

const struct bench_kernels_rows bench_kernels_physics = {"physics", run};
