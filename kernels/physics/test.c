// Physics on the device, with the kernels for CPUs and those for GPUs, and on the fake one: all three agree to the bit.
// What the reference does is held against what physics books say.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "kernels/physics/physics.h"
#include "rig.h"

#define MOST_BODIES 4000
#define MOST_JOINTS 64
#define HALF_RIGHT 0.70710678f

static struct {
    struct physics_body bodies[MOST_BODIES];
    struct physics_joint joints[MOST_JOINTS];
    uint32_t body_count, joint_count;
    struct p2_rng rng;
} scene;

static uint8_t payload[8 << 20];

// ---- scenes ----

static void begin_scene(uint64_t seed) {
    memset(&scene, 0, sizeof scene);
    p2_rng_init(&scene.rng, seed);
}

static void close_to(double is, double should, double within) {
    if (!(fabs(is - should) <= within)) fail_msg("%g is not within %g of %g", is, within, should);
}

static float noise(float most) { return most * ((float)p2_rng_below(&scene.rng, 2001) / 1000 - 1); }

static struct physics_body *add(uint32_t kind, float mass, float x, float y, float z) {
    assert_true(scene.body_count < MOST_BODIES);
    struct physics_body *b = &scene.bodies[scene.body_count++];
    *b = (struct physics_body){.kind = kind, .mass = mass, .position = {x, y, z}, .friction = 0.5f};
    b->orientation[3] = 1;
    return b;
}

static struct physics_body *add_ball(float radius, float mass, float x, float y, float z) {
    struct physics_body *b = add(PHYSICS_SPHERE, mass, x, y, z);
    b->extents[0] = radius;
    return b;
}

#define SIDES(x, y, z) ((const float[3]){x, y, z})

static struct physics_body *add_box(const float sides[3], float mass, float x, float y, float z) {
    struct physics_body *b = add(PHYSICS_BOX, mass, x, y, z);
    memcpy(b->extents, sides, sizeof b->extents);
    return b;
}

// A plane whose upper side looks along an axis: 'y', 'x' and 'X' for its negative, 'z', 'Z'.
static void add_plane(char side, float at) {
    struct physics_body *b = add(PHYSICS_PLANE, 0, 0, 0, 0);
    bool along_x = side == 'x' || side == 'X', negative = side == 'X' || side == 'Z';
    if (side == 'y') {
        b->position[1] = at;
        return;
    }
    b->position[along_x ? 0 : 2] = at;
    b->orientation[along_x ? 2 : 0] = along_x == negative ? HALF_RIGHT : -HALF_RIGHT;
    b->orientation[3] = HALF_RIGHT;
}

static void add_pit(float extent) {
    add_plane('y', 0);
    add_plane('x', -extent);
    add_plane('X', extent);
    add_plane('z', -extent);
    add_plane('Z', extent);
}

static void add_joint(uint32_t a, uint32_t b, float length, float hertz) {
    assert_true(scene.joint_count < MOST_JOINTS);
    scene.joints[scene.joint_count++] = (struct physics_joint){.a = a, .b = b, .length = length, .hertz = hertz};
}

// side x side x side balls, or balls and boxes in turn, a little apart, above a pit.
static void add_heap(uint32_t side, bool boxes) {
    add_pit(0.55f * (float)side);
    for (uint32_t i = 0; i < side * side * side; i++) {
        float x = (float)(i % side) - 0.5f * (float)(side - 1), z = (float)(i / side % side) - 0.5f * (float)(side - 1);
        float y = 0.6f + 1.05f * (float)(i / side / side);
        x = 1.05f * x + noise(0.02f), z = 1.05f * z + noise(0.02f);
        if (boxes && i % 2)
            add_box(SIDES(0.4f, 0.35f, 0.45f), 1, x, y, z);
        else
            add_ball(0.5f, 1, x, y, z);
    }
}

static size_t write_scene(void) {
    struct physics_world head = {.magic = PHYSICS_WORLD_MAGIC,
                                 .format = PHYSICS_FORMAT,
                                 .bodies = scene.body_count,
                                 .joints = scene.joint_count};
    size_t bodies = scene.body_count * sizeof *scene.bodies, joints = scene.joint_count * sizeof *scene.joints;
    memcpy(payload, &head, sizeof head);
    memcpy(payload + sizeof head, scene.bodies, bodies);
    memcpy(payload + sizeof head + bodies, scene.joints, joints);
    return sizeof head + bodies + joints;
}

// ---- runs ----

static const char *words(const char *more) {
    static char text[400];
    snprintf(text, sizeof text, "bodies=%u joints=%u %s", scene.body_count, scene.joint_count, more);
    return text;
}

static void run_on(enum rig_device device, const char *params, size_t size, struct rig_result *r) {
    rig_run(
        &(struct rig_job){
            .device = device, .type = "physics", .params = params, .payload = payload, .payload_size = size},
        r);
}

static struct physics_result head_of(const struct rig_result *r) {
    struct physics_result h;
    assert_true(r->size >= sizeof h);
    memcpy(&h, r->bytes, sizeof h);
    return h;
}

// Runs the scene by the reference and leaves it as it is then.
static struct physics_result advance(const char *more) {
    char text[300];
    snprintf(text, sizeof text, "%s content=full", more);
    struct rig_result r;
    run_on(RIG_FAKE, words(text), write_scene(), &r);
    if (r.code != P2_OK) fail_msg("%s: %s", more, r.why);
    struct physics_result h = head_of(&r);
    memcpy(scene.bodies, r.bytes + sizeof h + sizeof(struct physics_world), scene.body_count * sizeof *scene.bodies);
    rig_free(&r);
    return h;
}

// All three devices give the same bytes.
static void agree(const char *more) {
    size_t size = write_scene();
    struct rig_result results[3];
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++) {
        run_on(d, words(more), size, &results[d]);
        if (results[d].code != P2_OK) fail_msg("device %d, %s: %s", (int)d, words(more), results[d].why);
        assert_false(results[d].overran);
    }
    for (enum rig_device d = RIG_VECTORS; d < RIG_FAKE; d++) {
        if (results[d].size != results[RIG_FAKE].size ||
            memcmp(results[d].bytes, results[RIG_FAKE].bytes, results[d].size) != 0)
            fail_msg("device %d differs from the reference: %s", (int)d, words(more));
    }
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++) rig_free(&results[d]);
}

// ---- devices against the reference ----

static void odd_and_small_worlds_agree(void **state) {
    (void)state;
    begin_scene(1);
    add_ball(0.5f, 1, 0, 3, 0);
    agree("num_steps=5"); // alone
    add_plane('y', 0);
    agree("num_steps=60 content=full");
    begin_scene(1);
    add_plane('y', 0);
    add_box(SIDES(1, 1, 1), 0, 0, 5, 0);
    agree("num_steps=3 content=full");     // nothing moves
    for (uint32_t n = 2; n < 40; n += 5) { // every count around a pack
        begin_scene(n);
        add_plane('y', 0);
        for (uint32_t i = 0; i < n; i++) add_ball(0.3f, 1, noise(1), 0.3f + 0.5f * (float)i, noise(1));
        agree("num_steps=40");
    }
}

static void heaps_agree(void **state) {
    (void)state;
    begin_scene(2);
    add_heap(7, false);
    agree("num_steps=50 content=full");
    agree("num_steps=3 substeps=1");
    agree("num_steps=3 substeps=16 timestep=0.05 gravity=3,-20,1");
    begin_scene(3);
    add_heap(5, true);
    for (uint32_t i = 0; i < scene.body_count; i++) scene.bodies[i].restitution = i % 3 ? 0 : 0.6f;
    agree("num_steps=60 content=full");
}

static void joints_agree(void **state) {
    (void)state;
    begin_scene(4);
    add_ball(0.2f, 0, 0, 5, 0);
    for (uint32_t i = 1; i < 30; i++) { // more at one body than there are colours, and a chain
        add_ball(0.2f, 1 + (float)i, noise(3), 5 + noise(3), noise(3));
        add_joint(i < 8 ? i - 1 : 7, i, 1 + 0.1f * (float)i, i % 4 ? 0 : 3);
    }
    for (uint32_t i = 0; i < 4; i++) add_box(SIDES(0.3f, 0.2f, 0.4f), 2, 5, (float)i, 0);
    add_joint(30, 31, 1, 0);
    scene.joints[29].at_a[0] = 0.3f, scene.joints[29].at_b[1] = -0.2f;
    agree("num_steps=40 content=full");
}

// What is large and fixed, what is far, heavy, light, fast, or in the middle of something else.
static void extremes_agree(void **state) {
    (void)state;
    begin_scene(5);
    add_box(SIDES(50, 1, 50), 0, 0, -1, 0);
    add_ball(20, 0, 30, 5, 0);
    add_box(SIDES(0.1f, 0.1f, 0.1f), 0, 2, 0.1f, 0);
    for (uint32_t i = 0; i < 60; i++) add_ball(0.3f, i % 2 ? 1e-6f : 1e6f, noise(3), 0.5f + 0.2f * (float)i, noise(3));
    for (uint32_t i = 0; i < 8; i++) add_box(SIDES(0.3f, 0.01f, 0.2f), 1, 0.01f * (float)i, 1, 0)->velocity[0] = 900;
    add_ball(0.4f, 1, 999999, 999999, -999999)->velocity[0] = 1000;
    add_ball(0.4f, 1, -1e6f, 0, 0)->spin[1] = 1000;
    agree("num_steps=30 content=full timestep=0.1");
    begin_scene(6); // all at one place
    for (uint32_t i = 0; i < 8; i++) add_box(SIDES(0.5f, 0.5f, 0.5f), 1, 0, 0, 0);
    for (uint32_t i = 0; i < 4; i++) add_ball(0.5f, 1, 0, 0, 0);
    agree("num_steps=2");
}

static void a_full_result_goes_on_to_the_bit(void **state) {
    (void)state;
    begin_scene(7);
    add_heap(5, true);
    add_joint(9, 20, 1.5f, 0);
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++) {
        struct rig_result whole, first, second;
        size_t size = write_scene();
        run_on(d, words("num_steps=50 content=full"), size, &whole);
        run_on(d, words("num_steps=20 content=full"), size, &first);
        assert_int_equal(first.code, P2_OK);
        size = first.size - sizeof(struct physics_result);
        memcpy(payload, first.bytes + sizeof(struct physics_result), size);
        run_on(d, words("num_steps=30 content=full"), size, &second);
        assert_int_equal(second.code, P2_OK);
        assert_int_equal(whole.size, second.size);
        assert_memory_equal(whole.bytes, second.bytes, whole.size);
        assert_int_equal(head_of(&second).step_low, 50);
        rig_free(&whole);
        rig_free(&first);
        rig_free(&second);
    }
}

#define NAME "world=a-world-nobody-guesses "

static enum p2_err code_of(enum rig_device device, const char *more, size_t size, const char *says) {
    struct rig_result r;
    run_on(device, words(more), size, &r);
    if (r.code != P2_OK && !strstr(r.why, says)) fail_msg("%s: %s", more, r.why);
    rig_free(&r);
    return r.code;
}

static void a_kept_world_goes_on_to_the_bit(void **state) {
    (void)state;
    begin_scene(25);
    add_heap(4, true);
    add_joint(9, 20, 1.5f, 0);
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++) {
        struct rig_result whole, rest;
        size_t size = write_scene();
        run_on(d, words("num_steps=60 content=full"), size, &whole);
        assert_int_equal(code_of(d, NAME "num_steps=5", size, ""), P2_OK);
        assert_int_equal(code_of(d, NAME "num_steps=20", size, ""), P2_OK); // in place of the first
        assert_int_equal(code_of(d, NAME "num_steps=15 step=20", 0, ""), P2_OK);
        run_on(d, words(NAME "num_steps=25 step=35 content=full"), 0, &rest);
        assert_int_equal(rest.code, P2_OK);
        assert_int_equal(whole.size, rest.size);
        assert_memory_equal(whole.bytes, rest.bytes, whole.size);
        rig_free(&whole);
        rig_free(&rest);
        uint64_t before = rig_allocations(d);
        assert_int_equal(code_of(d, NAME "num_steps=1 step=60 gravity=1,2,3", 0, ""), P2_OK);
        assert_true(d == RIG_FAKE || rig_allocations(d) == before);
    }
}

static void a_world_that_is_not_kept_is_missing(void **state) {
    (void)state;
    begin_scene(26);
    add_heap(2, false);
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++) {
        size_t size = write_scene();
        assert_int_equal(code_of(d, "world=never-heard-of-it step=0", 0, "send it whole"), P2_ERR_STATE_MISSING);
        assert_int_equal(code_of(d, NAME "num_steps=4", size, ""), P2_OK);
        assert_int_equal(code_of(d, NAME "step=3", 0, "4 steps, not 3"), P2_ERR_STATE_MISSING);
        assert_int_equal(code_of(d, NAME "step=4", 0, "send it whole"),
                         P2_ERR_STATE_MISSING); // who fails lets go of it
        assert_int_equal(code_of(d, NAME "num_steps=4", size, ""), P2_OK);
        rig_forget(d);
        assert_int_equal(code_of(d, NAME "step=4", 0, "send it whole"), P2_ERR_STATE_MISSING);
        assert_int_equal(code_of(d, NAME "num_steps=4", size, ""), P2_OK);
        scene.body_count--;
        assert_int_equal(code_of(d, NAME "step=4", 0, "bodies"), P2_ERR_BAD_PAYLOAD);
        scene.body_count++;
    }
}

static void equal_jobs_allocate_nothing(void **state) {
    (void)state;
    begin_scene(8);
    add_heap(4, true);
    size_t size = write_scene();
    for (enum rig_device d = RIG_VECTORS; d <= RIG_PIXELS; d++) {
        uint64_t before = 0;
        for (int i = 0; i < 4; i++) {
            struct rig_result r;
            run_on(d, words("num_steps=2"), size, &r);
            assert_int_equal(r.code, P2_OK);
            rig_free(&r);
            if (i == 1) before = rig_allocations(d);
        }
        assert_int_equal(rig_allocations(d), before);
    }
}

static void a_cancelled_job_ends_so(void **state) {
    (void)state;
    begin_scene(9);
    add_heap(3, false);
    struct rig_result r;
    rig_run(&(struct rig_job){.device = RIG_VECTORS,
                              .type = "physics",
                              .params = words("num_steps=100000"),
                              .payload = payload,
                              .payload_size = write_scene(),
                              .cancelled = true},
            &r);
    assert_int_equal(r.code, P2_ERR_CANCELLED);
    rig_free(&r);
}

// ---- physics ----

static void what_falls_falls_as_galileo_said(void **state) {
    (void)state;
    begin_scene(10);
    add_ball(0.5f, 3, 1, 100, 2)->velocity[0] = 4;
    struct physics_result h = advance("num_steps=120 substeps=8"); // two seconds
    close_to((double)scene.bodies[0].position[0], 9, 1e-3);
    close_to((double)scene.bodies[0].position[1], 100 - 0.5 * 9.81 * 4, 0.03);
    close_to((double)scene.bodies[0].velocity[1], -9.81 * 2, 1e-3);
    close_to(h.kinetic, 1.5 * (16 + 9.81 * 9.81 * 4), 0.1);
    close_to(h.momentum[1], -3 * 9.81 * 2, 1e-2);
    assert_int_equal(h.step_low, 120);
}

// A cloud of turning balls and boxes that meet, and joints: no outside force, so momenta stay.
static void momenta_are_conserved(void **state) {
    (void)state;
    begin_scene(11);
    for (uint32_t i = 0; i < 300; i++) {
        float x = noise(4), y = noise(4), z = noise(4);
        struct physics_body *b = i % 3 ? add_ball(0.4f, 1, x, y, z) : add_box(SIDES(0.5f, 0.3f, 0.2f), 2, x, y, z);
        for (int k = 0; k < 3; k++) b->velocity[k] = 1 - b->position[k], b->spin[k] = noise(3);
    }
    for (uint32_t i = 0; i < 30; i++) add_joint(i, i + 31, 2, i % 2 ? 0 : 2);
    struct physics_result before = advance("num_steps=1 sleep=0 gravity=0,0,0"),
                          after = advance("num_steps=240 sleep=0 gravity=0,0,0");
    double momentum = 0, angular = 0;
    for (int k = 0; k < 3; k++) momentum += fabs(before.momentum[k]), angular += fabs(before.angular[k]);
    for (int k = 0; k < 3; k++) {
        if (!(fabs(after.momentum[k] - before.momentum[k]) <= 1e-4 * momentum))
            fail_msg("momentum %d: %g, then %g", k, before.momentum[k], after.momentum[k]);
        // Of a point that moves while it is pushed on, hence a little less exactly.
        if (!(fabs(after.angular[k] - before.angular[k]) <= 0.02 * (angular + momentum)))
            fail_msg("angular momentum %d: %g, then %g", k, before.angular[k], after.angular[k]);
    }
    assert_true(after.kinetic < before.kinetic);
}

static void a_spinning_box_keeps_its_angular_momentum(void **state) {
    (void)state;
    begin_scene(12);
    struct physics_body *b = add_box(SIDES(0.6f, 0.1f, 0.3f), 2, 0, 0, 0);
    b->spin[0] = 0.02f, b->spin[1] = 5, b->spin[2] = 0.01f;
    struct physics_result before = advance("num_steps=1 gravity=0,0,0"), after = advance("num_steps=600 gravity=0,0,0");
    for (int k = 0; k < 3; k++) close_to(before.angular[k], after.angular[k], 1e-4 * fabs(before.angular[1]));
    close_to(after.kinetic / before.kinetic, 1, 0.1);
}

static void friction_stops_a_box_where_it_should(void **state) {
    (void)state;
    begin_scene(13);
    add_plane('y', 0);
    add_box(SIDES(0.5f, 0.5f, 0.5f), 3, 0, 0.5f, 0)->velocity[0] = 5; // the plane's friction is 0.5 as well
    advance("num_steps=180 sleep=0");
    close_to((double)scene.bodies[1].position[0], 25 / (2 * 0.5 * 9.81), 0.08);
    close_to((double)scene.bodies[1].velocity[0], 0, 1e-2);
    close_to((double)scene.bodies[1].position[1], 0.5, 5e-3);
    begin_scene(13); // a ball rolls on: 5/7 of its speed are left once it rolls
    add_plane('y', 0);
    add_ball(0.5f, 1, 0, 0.5f, 0)->velocity[0] = 7;
    advance("num_steps=120");
    close_to((double)scene.bodies[1].velocity[0], 5, 0.1);
    close_to((double)scene.bodies[1].spin[2], -10, 0.2);
}

static void restitution_bounces_as_high_as_it_should(void **state) {
    (void)state;
    begin_scene(14);
    add_plane('y', 0);
    add_ball(0.5f, 1, 0, 5.5f, 0)->restitution = 0.8f; // falls 5 m, in about a second
    float highest = 0;
    for (int i = 0; i < 130; i++) {
        advance("num_steps=1");
        if (i > 70) highest = fmaxf(highest, scene.bodies[1].position[1] - 0.5f);
    }
    close_to((double)highest, 5 * 0.64, 0.25);
}

static void a_rigid_joint_keeps_its_length(void **state) {
    (void)state;
    begin_scene(15);
    add_ball(0.1f, 0, 0, 10, 0);
    for (uint32_t i = 1; i <= 5; i++) add_ball(0.1f, 1, (float)i, 10, 0), add_joint(i - 1, i, 1, 0);
    for (int round = 0; round < 60; round++) {
        advance("num_steps=5");
        for (uint32_t i = 0; i < 5; i++) {
            const float *p = scene.bodies[i].position, *q = scene.bodies[i + 1].position;
            float d =
                sqrtf((p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]) + (p[2] - q[2]) * (p[2] - q[2]));
            close_to((double)d, 1, 0.02);
        }
    }
}

static void a_stack_of_boxes_stands_and_sleeps(void **state) {
    (void)state;
    begin_scene(16);
    add_plane('y', 0);
    for (uint32_t i = 0; i < 8; i++) add_box(SIDES(0.5f, 0.5f, 0.5f), 1, 0, 0.5f + (float)i, 0);
    struct physics_result h = advance("num_steps=240");
    for (uint32_t i = 0; i < 8; i++) {
        close_to((double)scene.bodies[1 + i].position[0], 0, 0.02);
        close_to((double)scene.bodies[1 + i].position[1], 0.5 + i, 0.02);
    }
    assert_int_equal(h.awake, 0);
    assert_true(h.kinetic == 0);
    scene.bodies[8].asleep = 0; // pushed
    scene.bodies[8].still = 0;
    scene.bodies[8].velocity[0] = 3;
    h = advance("num_steps=20");
    assert_true(h.awake > 1);
    h = advance("num_steps=600");
    assert_true(scene.bodies[8].position[1] < 8); // down
    assert_int_equal(h.awake, 0);
}

static void what_falls_on_sleepers_wakes_them(void **state) {
    (void)state;
    begin_scene(17);
    add_pit(3);
    for (uint32_t i = 0; i < 9; i++) add_ball(0.5f, 1, (float)(i % 3) - 1, 0.5f, (float)(i / 3) - 1);
    struct physics_result h = advance("num_steps=120");
    assert_int_equal(h.awake, 0);
    add_ball(0.5f, 5, 0.3f, 3, 0.2f)->velocity[1] = -5;
    h = advance("num_steps=40");
    if (h.awake < 3) fail_msg("%u are awake", h.awake);
}

// The pile that the bench measures, smaller: what overlaps does so by less than a hundredth of the radius.
static void heaps_do_not_sink(void **state) {
    (void)state;
    begin_scene(18);
    add_heap(11, false);
    struct physics_result h = advance("num_steps=60 sleep=0");
    assert_true(h.overlap_mean < 0.01f);
    h = advance("num_steps=180 sleep=0");
    assert_true(h.touching > 2 * 11 * 11 * 11 - 500);
    assert_true(h.overlap_mean < 0.005f && h.overlap_most < 0.1f);
    begin_scene(19);
    add_heap(6, true);
    h = advance("num_steps=240 sleep=0");
    assert_true(h.overlap_mean < 0.01f);
}

static void pairs_that_touch_are_told_once(void **state) {
    (void)state;
    begin_scene(20);
    add_plane('y', 0);
    add_box(SIDES(0.5f, 0.5f, 0.5f), 1, 0, 0.499f, 0); // on four corners
    add_ball(0.5f, 1, 3, 0.499f, 0);
    add_ball(0.5f, 1, 3, 1.498f, 0);
    add_ball(0.5f, 1, 9, 5, 0); // touches nothing
    struct rig_result r;
    run_on(RIG_VECTORS, words(""), write_scene(), &r);
    assert_int_equal(r.code, P2_OK);
    static const struct physics_pair expected[] = {{0, 1}, {0, 2}, {2, 3}};
    assert_int_equal(head_of(&r).pairs, 3);
    assert_memory_equal(r.bytes + sizeof(struct physics_result) + 5 * sizeof(struct physics_state), expected,
                        sizeof expected);
    rig_free(&r);
}

// ---- refusals ----

static void wrong_tasks_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *params;
        uint64_t payload;
        enum p2_err code;
        const char *says;
    } cases[] = {
        {"", 160, P2_ERR_BAD_PARAMETER, "bodies"},
        {"bodies=0", 64, P2_ERR_BAD_PARAMETER, "bodies"},
        {"bodies=65537", 64, P2_ERR_BAD_PARAMETER, "bodies"},
        {"bodies=1", 159, P2_ERR_BAD_PARAMETER, "160"},
        {"bodies=1", 161, P2_ERR_BAD_PARAMETER, "32"},
        {"bodies=1 joints=1", 160, P2_ERR_BAD_PARAMETER, "208"},
        {"bodies=1", 160 + 17 * 32, P2_ERR_BAD_PARAMETER, "16"},
        {"bodies=1", 0, P2_ERR_BAD_PARAMETER, "kept"},
        {"bodies=1 step=3", 0, P2_ERR_BAD_PARAMETER, "which world"},
        {"bodies=1 world=0123456789abcdef", 0, P2_ERR_BAD_PARAMETER, "step"},
        {"bodies=1 world=0123456789abcdef step=1", 160, P2_ERR_BAD_PARAMETER, "step"},
        {"bodies=1 world=0123456789abcde step=1", 0, P2_ERR_BAD_PARAMETER, "world"},
        {"bodies=1 world=0123456789abcde! step=1", 0, P2_ERR_BAD_PARAMETER, "world"},
        {"bodies=1 num_steps=0", 160, P2_ERR_BAD_PARAMETER, "num_steps"},
        {"bodies=1 substeps=17", 160, P2_ERR_BAD_PARAMETER, "substeps"},
        {"bodies=1 timestep=0.2", 160, P2_ERR_BAD_PARAMETER, "timestep"},
        {"bodies=1 gravity=0,0", 160, P2_ERR_BAD_PARAMETER, "gravity"},
        {"bodies=1 gravity=0,0,1001", 160, P2_ERR_BAD_PARAMETER, "gravity"},
        {"bodies=1 content=all", 160, P2_ERR_BAD_PARAMETER, "content"},
        {"bodies=1", UINT64_MAX, P2_ERR_TOO_LARGE, "limit"},
        {"bodies=65536 num_steps=65537", 64 + 65536 * 96, P2_ERR_TOO_LARGE, "2^32"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig_result r;
        rig_prepare("physics", cases[i].params, cases[i].payload, &r);
        if (r.code != cases[i].code || !strstr(r.why, cases[i].says)) fail_msg("case %zu: %d %s", i, r.code, r.why);
    }
    struct rig_result r;
    rig_prepare("physics", "bodies=65536 joints=65536 num_steps=65536 content=full", 64 + 65536 * 144, &r);
    assert_int_equal(r.code, P2_OK);
    assert_true(r.cost.result_bytes_max <= PHYSICS_BYTES_MAX);
    rig_prepare("physics", "bodies=10000", 64 + 10000 * 96, &r);
    assert_int_equal(r.cost.units, 40000);
    assert_int_equal(r.cost.timeout_prior_ns, 50 * P2_MS);
}

// One word of a good world at a time.
static void hostile_worlds_are_bad_payloads(void **state) {
    (void)state;
    const uint32_t nan = 0x7fc00000, inf = 0x7f800000, big = 0x7f7fffff;
#define AT_BODY(i, field) (64 + (i)*96 + offsetof(struct physics_body, field))
#define AT_JOINT(field) (64 + 3 * 96 + offsetof(struct physics_joint, field))
    const struct {
        size_t at;
        uint32_t word;
        const char *says;
    } cases[] = {
        {0, 0, "world"},
        {4, 2, "format"},
        {8, 4, "bodies"},
        {12, 0, "joints"},
        {16, 1, "contacts"},
        {20, 0x010202, "grid"},
        {20, 0x01020202, "grid"},
        {20, 0x080808, "cells"},
        {32, 1, "reserved"},
        {AT_BODY(1, position), nan, "position"},
        {AT_BODY(1, position[2]), inf, "position"},
        {AT_BODY(1, kind), 3, "kind"},
        {AT_BODY(1, orientation[3]), nan, "orientation"},
        {AT_BODY(1, orientation[3]), 0, "orientation"},
        {AT_BODY(1, velocity[1]), big, "velocity"},
        {AT_BODY(1, mass), 0xbf800000, "mass"},
        {AT_BODY(1, mass), nan, "mass"},
        {AT_BODY(1, spin), inf, "spin"},
        {AT_BODY(1, still), nan, "still"},
        {AT_BODY(1, extents), 0, "radius"},
        {AT_BODY(1, extents[1]), 0x3f000000, "radius"},
        {AT_BODY(2, extents[1]), 0, "extent"},
        {AT_BODY(2, extents[1]), nan, "extent"},
        {AT_BODY(0, mass), 0x3f800000, "plane"},
        {AT_BODY(1, friction), 0xbf800000, "friction"},
        {AT_BODY(1, restitution), 0x40000000, "restitution"},
        {AT_BODY(1, asleep), 2, "asleep"},
        {AT_BODY(1, reserved), 1, "reserved"},
        {AT_JOINT(a), 3, "bodies"},
        {AT_JOINT(b), 0xffffffff, "bodies"},
        {AT_JOINT(a), 2, "bodies"},
        {AT_JOINT(at_a), nan, "point"},
        {AT_JOINT(length), 0xbf800000, "length"},
        {AT_JOINT(hertz), nan, "hertz"},
        {AT_JOINT(impulse), inf, "impulse"},
    };
    begin_scene(21);
    add_plane('y', 0);
    add_ball(0.5f, 1, 0, 2, 0);
    add_box(SIDES(0.5f, 0.5f, 0.5f), 1, 2, 2, 0);
    add_joint(1, 2, 2, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size = write_scene();
        memcpy(payload + cases[i].at, &cases[i].word, 4);
        for (enum rig_device d = RIG_VECTORS; d <= RIG_PIXELS; d++) {
            struct rig_result r;
            run_on(d, words(""), size, &r);
            if (r.code != P2_ERR_BAD_PAYLOAD || !strstr(r.why, cases[i].says))
                fail_msg("case %zu: %d %s", i, r.code, r.why);
            rig_free(&r);
        }
    }
}

static void crowds_and_hostile_contacts_are_bad_payloads(void **state) {
    (void)state;
    begin_scene(22);
    for (uint32_t i = 0; i < 1500; i++) add_ball(0.5f, 1, 0, 0, 0);
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++) {
        struct rig_result r;
        run_on(d, words(""), write_scene(), &r);
        assert_int_equal(r.code, P2_ERR_BAD_PAYLOAD);
        rig_free(&r);
    }
    begin_scene(23);
    add_plane('y', 0);
    add_ball(0.5f, 1, 0, 0.5f, 0);
    add_ball(0.5f, 1, 0, 1.5f, 0);
    const struct physics_contact good[] = {{0, 1, 0, 1, {0}, 0}, {1, 2, 0, 1, {0}, 0}};
    const struct physics_contact bad[][2] = {{{1, 0, 0, 1, {0}, 0}, good[1]},
                                             {{0, 3, 0, 1, {0}, 0}, good[1]},
                                             {good[1], good[0]},
                                             {good[0], good[0]},
                                             {good[0], {1, 2, 0, -1, {0}, 0}},
                                             {good[0], {1, 2, 0, NAN, {0}, 0}},
                                             {good[0], {1, 2, 0, 1, {0, INFINITY, 0}, 0}}};
    for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
        size_t size = write_scene();
        ((struct physics_world *)(void *)payload)->contacts = 2;
        memcpy(payload + size, i ? bad[i - 1] : good, sizeof good);
        struct rig_result r;
        run_on(RIG_VECTORS, words(""), size + sizeof good, &r);
        if (r.code != (i ? P2_ERR_BAD_PAYLOAD : P2_OK)) fail_msg("case %zu: %d %s", i, r.code, r.why);
        rig_free(&r);
    }
}

// Words of good worlds replaced at random, by any bits or by another's: refused, or a result whose numbers are finite.
static void random_worlds_are_refused_or_finite(void **state) {
    (void)state;
    uint32_t done = 0;
    for (uint64_t seed = 0; seed < 150; seed++) {
        begin_scene(seed);
        add_plane('y', 0);
        for (uint32_t i = 0; i < 6; i++) add_ball(0.5f, 1, noise(1), 0.5f + noise(0.5f), noise(1));
        for (uint32_t i = 0; i < 6; i++) add_box(SIDES(0.5f, 0.3f, 0.4f), 1, noise(1), 0.5f + noise(0.5f), noise(1));
        add_joint(1, 9, 1, 0);
        size_t size = write_scene();
        for (uint32_t k = 0; k < 6; k++) {
            size_t at = 64 + 4 * p2_rng_below(&scene.rng, (size - 64) / 4),
                   from = 64 + 4 * p2_rng_below(&scene.rng, 300);
            if (seed % 3 == 0)
                payload[at] = (uint8_t)p2_rng_next(&scene.rng);
            else
                memcpy(payload + at, payload + from, 4);
        }
        struct rig_result r;
        run_on(seed % 2 ? RIG_VECTORS : RIG_PIXELS, words("num_steps=4 content=full"), size, &r);
        assert_true(r.code == P2_OK || r.code == P2_ERR_BAD_PAYLOAD);
        done += r.code == P2_OK;
        size_t behind = r.code == P2_OK ? r.size - sizeof(struct physics_result) : 0;
        if (behind) memcpy(payload, r.bytes + sizeof(struct physics_result), behind);
        rig_free(&r);
        if (behind == 0) continue;
        run_on(RIG_FAKE, words(""), behind, &r); // a result is a world that may be a payload
        if (r.code != P2_OK) fail_msg("seed %llu: %s", (unsigned long long)seed, r.why);
        rig_free(&r);
    }
    assert_true(done > 10);
}

// ---- comparing ----

static void liars_are_told_from_rounding(void **state) {
    (void)state;
    begin_scene(24);
    add_heap(4, true);
    const struct p2_task_type *t = p2_task_type_find(p2_str("physics"));
    for (int full = 0; full < 2; full++) {
        struct rig_result r;
        run_on(RIG_FAKE, words(full ? "num_steps=30 content=full" : "num_steps=30"), write_scene(), &r);
        assert_int_equal(r.code, P2_OK);
        uint8_t *other = malloc(r.size);
        size_t states = full ? sizeof(struct physics_result) + 64 : sizeof(struct physics_result);
        size_t stride = full ? sizeof(struct physics_body) : sizeof(struct physics_state), at = states + 20 * stride;
        static const struct {
            float by;
            bool equal;
        } moves[] = {{1e-6f, true}, {0.5f, false}, {NAN, false}, {-3, false}};
        for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
            memcpy(other, r.bytes, r.size);
            float x;
            memcpy(&x, other + at, 4);
            x += moves[i].by;
            memcpy(other + at, &x, 4);
            assert_int_equal(t->equal(r.block, r.bytes, r.size, other, r.size), moves[i].equal);
        }
        struct physics_result h = head_of(&r);
        h.kinetic += 0.1 * fabs(h.potential);
        memcpy(other, r.bytes, r.size);
        memcpy(other, &h, sizeof h);
        assert_false(t->equal(r.block, r.bytes, r.size, other, r.size));
        h = head_of(&r);
        h.step_low++;
        memcpy(other, &h, sizeof h);
        assert_false(t->equal(r.block, r.bytes, r.size, other, r.size));
        assert_false(t->equal(r.block, r.bytes, r.size, r.bytes, r.size - 8));
        free(other);
        rig_free(&r);
    }
}

int main(void) {
    if (!rig_open()) return RIG_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_and_small_worlds_agree),
        cmocka_unit_test(heaps_agree),
        cmocka_unit_test(joints_agree),
        cmocka_unit_test(extremes_agree),
        cmocka_unit_test(a_full_result_goes_on_to_the_bit),
        cmocka_unit_test(a_kept_world_goes_on_to_the_bit),
        cmocka_unit_test(a_world_that_is_not_kept_is_missing),
        cmocka_unit_test(equal_jobs_allocate_nothing),
        cmocka_unit_test(a_cancelled_job_ends_so),
        cmocka_unit_test(what_falls_falls_as_galileo_said),
        cmocka_unit_test(momenta_are_conserved),
        cmocka_unit_test(a_spinning_box_keeps_its_angular_momentum),
        cmocka_unit_test(friction_stops_a_box_where_it_should),
        cmocka_unit_test(restitution_bounces_as_high_as_it_should),
        cmocka_unit_test(a_rigid_joint_keeps_its_length),
        cmocka_unit_test(a_stack_of_boxes_stands_and_sleeps),
        cmocka_unit_test(what_falls_on_sleepers_wakes_them),
        cmocka_unit_test(heaps_do_not_sink),
        cmocka_unit_test(pairs_that_touch_are_told_once),
        cmocka_unit_test(wrong_tasks_are_refused),
        cmocka_unit_test(hostile_worlds_are_bad_payloads),
        cmocka_unit_test(crowds_and_hostile_contacts_are_bad_payloads),
        cmocka_unit_test(random_worlds_are_refused_or_finite),
        cmocka_unit_test(liars_are_told_from_rounding),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_close();
    return failed;
}
