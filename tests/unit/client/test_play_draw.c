// The game's pictures, and its world as a task's bytes.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/play/draw/enlarge.h"
#include "client/play/draw/overlay.h"
#include "client/play/draw/text.h"
#include "client/play/world.h"
#include "kernels/task_type.h"

static struct scene scene;
static struct game game;
static uint8_t big[BIG_BYTES], other[BIG_BYTES], before[SCENE_BYTES];

static void draw(uint64_t seed, int ticks) {
    game_init(&game, seed);
    struct game_asks asks;
    for (int i = 0; i < ticks; i++) game_step(&game, &(struct game_event){.kind = GAME_TICK}, &asks);
    scene_draw(&scene, &game);
}

static uint32_t differing(const uint8_t *a, const uint8_t *b, size_t size) {
    uint32_t n = 0;
    for (size_t i = 0; i < size; i++) n += a[i] != b[i];
    return n;
}

static void the_picture_shows_what_is_there(void **state) {
    (void)state;
    draw(2, 120);
    assert_true(differing(scene.rgb, scene.still, SCENE_BYTES) > 5000); // bodies and agents over the ground
    memcpy(before, scene.rgb, SCENE_BYTES);
    scene_draw(&scene, &game);
    assert_memory_equal(before, scene.rgb, SCENE_BYTES); // and the same again
    // A ball in the middle, nearer than all else.
    game.bodies.shown[0].position[0] = 0;
    game.bodies.shown[0].position[1] = 12;
    game.bodies.shown[0].position[2] = 10;
    float x, y, depth, scale;
    assert_true(scene_see(vec(0, 12, 10), &x, &y, &depth, &scale));
    scene_draw(&scene, &game);
    const uint32_t i = (uint32_t)y * SCENE_W + (uint32_t)x;
    assert_true(scene.depth[i] < depth && scene.depth[i] > depth - 1);
}

static void bodies_anywhere_do_no_harm(void **state) {
    (void)state;
    draw(2, 1);
    for (uint32_t i = 0; i < BODIES; i++) {
        float *p = game.bodies.shown[i].position;
        p[i % 3] = i % 2 ? 1e4f : -1e4f;
        if (i % 5 == 0) p[0] = p[1] = p[2] = 25.5f; // at the eye
    }
    scene_draw(&scene, &game);
}

static void enlarging_here_is_bilinear(void **state) {
    (void)state;
    draw(3, 60);
    enlarge(scene.rgb, big);
    const struct p2_task_type *upscale = p2_task_type_find(p2_str("upscale"));
    const struct p2_param given[] = {P2_GIVEN_INTS("input_res", SCENE_W, SCENE_H),
                                     P2_GIVEN_INTS("output_res", BIG_W, BIG_H), P2_GIVEN_TEXT("quality", "fast")};
    const struct p2_params params = {given, 3};
    _Alignas(16) uint8_t block[P2_BLOCK_MAX];
    struct p2_task_cost cost;
    char text[128];
    struct p2_strbuf why;
    size_t size;
    p2_strbuf_init(&why, text, sizeof text);
    assert_int_equal(upscale->prepare(&params, SCENE_BYTES, block, &cost, &why), P2_OK);
    assert_int_equal(upscale->reference(block, scene.rgb, SCENE_BYTES, other, BIG_BYTES, &size), P2_OK);
    for (size_t i = 0; i < BIG_BYTES; i++) assert_true(abs(big[i] - other[i]) <= 1);
}

static void mending_takes_what_stood_still(void **state) {
    (void)state;
    draw(3, 60);
    memcpy(before, scene.rgb, SCENE_BYTES);
    memset(other, 200, BIG_BYTES); // what the cluster sent
    enlarge(scene.rgb, big);
    assert_int_equal(enlarge_mend(scene.rgb, before, other, big), SCENE_PIXELS);
    assert_memory_equal(big, other, BIG_BYTES);
    // One pixel that moved, and all as far as a filter reaches around it.
    const uint32_t x = 100, y = 50;
    uint8_t *pixel = scene.rgb + (y * SCENE_W + x) * 3;
    pixel[0] = (uint8_t)(pixel[0] ^ 0x80);
    enlarge(scene.rgb, big);
    assert_int_equal(enlarge_mend(scene.rgb, before, other, big), SCENE_PIXELS - 25);
    assert_true(differing(big, other, BIG_BYTES) > 100);
    const uint32_t row = 2 * y * BIG_W * 3;
    assert_int_equal(big[row + (2 * (x - 3)) * 3], 200);
    assert_int_equal(big[row + (2 * (x + 3)) * 3], 200);
    // At the corners too.
    memset(scene.rgb, 0, 3);
    memset(before, 255, 3);
    enlarge(scene.rgb, big);
    assert_int_equal(enlarge_mend(scene.rgb, before, other, big), SCENE_PIXELS - 25 - 9);
}

static void text_is_cut_off_at_the_edges(void **state) {
    (void)state;
    static uint8_t small[20 * 10 * 3 + 2];
    small[0] = small[sizeof small - 1] = 0xa5;
    const struct canvas c = {small + 1, 20, 10};
    text_draw(&c, -3, -2, 0xffffff, "frame 100%");
    text_draw(&c, 15, 7, 0xffffff, "Z\x7f\xff");
    text_fill(&c, -5, -5, 100, 7, 0x102030);
    text_dim(&c, 18, 8, 100, 100);
    text_dim(&c, -50, -50, 10, 10);
    assert_int_equal(small[0], 0xa5);
    assert_int_equal(small[sizeof small - 1], 0xa5);
    assert_int_equal(small[1], 0x10);
    memset(small, 0, sizeof small);
    assert_int_equal(text_draw(&c, 0, 0, 0xff8040, "i"), TEXT_ADVANCE);
    assert_int_equal(small[1 + 3 * 2], 0xff); // the top of an I
    assert_int_equal(small[1 + 3 * 2 + 1], 0x80);
    assert_int_equal(text_width("abc"), 3 * TEXT_ADVANCE);
}

static void every_word_of_the_overlay_can_be_read(void **state) {
    (void)state;
    struct overlay o = {.offload = true, .connected = true, .lag_ms = 100, .loss = 0.02, .home = 12};
    for (uint32_t i = 0; i < OVERLAY_FRAMES; i++) o.frame_ms[i] = i % 30;
    memset(big, 90, BIG_BYTES);
    memset(other, 90, BIG_BYTES);
    overlay_draw(&o, &(struct canvas){big, BIG_W, BIG_H});
    assert_true(differing(big, other, BIG_BYTES) > 50000);
    o.connected = false;
    overlay_draw(&o, &(struct canvas){other, BIG_W, BIG_H});
    assert_true(differing(big, other, BIG_BYTES) > 100); // it says so
}

// ---- the world of a task ----

static void the_world_is_one_and_moves(void **state) {
    (void)state;
    static struct bodies b;
    static struct body_motion moved[BODIES];
    bodies_init(&b, 4);
    struct p2_world w;
    assert_true(play_world_make(b.shapes, b.shown, &w));
    const struct p2_task_type *physics = p2_task_type_find(p2_str("physics"));
    const struct p2_param given[] = {P2_GIVEN_INT("bodies", p2_world_head(&w).bodies), P2_GIVEN_INT("num_steps", 12)};
    const struct p2_params params = {given, 2};
    _Alignas(16) uint8_t block[P2_BLOCK_MAX];
    struct p2_task_cost cost;
    char text[128];
    struct p2_strbuf why;
    size_t size;
    p2_strbuf_init(&why, text, sizeof text);
    assert_int_equal(physics->prepare(&params, w.size, block, &cost, &why), P2_OK);
    uint8_t *out = malloc(cost.result_bytes_max);
    assert_int_equal(physics->reference(block, w.bytes, w.size, out, cost.result_bytes_max, &size), P2_OK);
    struct physics_result head;
    assert_true(p2_world_look(&w, out, size, &head));
    play_world_read(&w, out, moved);
    for (uint32_t i = 0; i < BODIES; i++) {
        assert_true(moved[i].velocity[1] < -1); // twelve steps down
        assert_true(fabsf(moved[i].position[0] - b.shown[i].position[0]) < 1);
    }
    free(out);
    p2_world_free(&w);
}

static int prepare_scene(void **state) {
    (void)state;
    scene_init(&scene);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_picture_shows_what_is_there), cmocka_unit_test(bodies_anywhere_do_no_harm),
        cmocka_unit_test(enlarging_here_is_bilinear),      cmocka_unit_test(mending_takes_what_stood_still),
        cmocka_unit_test(text_is_cut_off_at_the_edges),    cmocka_unit_test(every_word_of_the_overlay_can_be_read),
        cmocka_unit_test(the_world_is_one_and_moves),
    };
    return cmocka_run_group_tests(tests, prepare_scene, NULL);
}
