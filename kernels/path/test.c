// Path: lengths found by hand, both sets of kernels against the reference on maps of every kind, refusals, steady
// state.
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
#include "kernels/path/layout.h"
#include "rig.h"

#define PAYLOAD_MAX ((size_t)1 << 20)

static uint8_t payload[PAYLOAD_MAX];

struct answer {
    uint32_t diagonal, straight, steps, given, algorithm;
};

static struct answer answer_of(const struct rig_result *r, uint32_t agent) {
    struct answer a;
    memcpy(&a, r->bytes + agent * sizeof a, sizeof a);
    return a;
}

static unsigned below(struct p2_rng *rng, unsigned n) { return (unsigned)p2_rng_below(rng, n); }

static size_t put_point(size_t at, unsigned x, unsigned y) {
    const uint8_t bytes[] = {(uint8_t)x, (uint8_t)(x >> 8), (uint8_t)y, (uint8_t)(y >> 8)};
    memcpy(payload + at, bytes, 4);
    return at + 4;
}

static size_t put_agent(size_t at, unsigned x, unsigned y, uint32_t goal) {
    at = put_point(at, x, y);
    for (int i = 0; i < 4; i++) payload[at++] = (uint8_t)(goal >> 8 * i);
    return at;
}

// '#' is closed, a digit a cost, '.' 1. Returns the bytes written at the payload's beginning.
static size_t put_map(const char *rows) {
    size_t at = 0;
    for (; *rows; rows++)
        if (*rows != '/') payload[at++] = *rows == '#' ? 0 : *rows == '.' ? 1 : (uint8_t)(*rows - '0');
    return at;
}

static void run(enum rig_device device, const char *params, size_t size, struct rig_result *r) {
    rig_run(
        &(struct rig_job){
            .device = device, .type = "ai_pathfinding", .params = params, .payload = payload, .payload_size = size},
        r);
    if (r->code != P2_OK) fail_msg("%s: %d %s", params, r->code, r->why);
    if (r->overran) fail_msg("%s: wrote beyond the result", params);
}

// ---- by hand ----

struct by_hand {
    const char *rows, *params;
    uint32_t straight, diagonal;
    const char *steps; // as digits; NULL: there is no way
};

// Steps: 0 north, 1 east, 2 south, 3 west, 4 north-east, 5 south-east, 6 south-west, 7 north-west.
static const struct by_hand by_hand[] = {
    {"....", "map_size=4x1 start=0x0 goal=3x0", 3, 0, "111"},
    {"....", "map_size=4x1 start=3x0 goal=0x0", 3, 0, "333"},
    {"....", "map_size=4x1 start=2x0 goal=2x0", 0, 0, ""},
    {"#...", "map_size=4x1 start=0x0 goal=3x0", PATH_UNREACHED, 0, NULL},
    {"...#", "map_size=4x1 start=0x0 goal=3x0", PATH_UNREACHED, 0, NULL},
    {"#", "map_size=1x1 start=0x0 goal=0x0", PATH_UNREACHED, 0, NULL},
    {".../.../...", "map_size=3x3 start=0x2 goal=2x0", 0, 2, "44"},
    {".../.../...", "map_size=3x3 start=0x2 goal=2x0 neighbours=4", 4, 0, "0011"},
    // straight steps come first where both orders are as short
    {"..../....", "map_size=4x2 start=0x0 goal=3x1", 2, 1, "115"},
    // no corner is cut: round the wall's end on straight steps
    {".#./.#./...", "map_size=3x3 start=0x0 goal=2x0", 6, 0, "221100"},
    {"..#/.#./...", "map_size=3x3 start=1x0 goal=2x1", 6, 0, "322110"},
    // two closed cells that touch at a corner let nothing through
    {".#/#.", "map_size=2x2 start=0x0 goal=1x1", PATH_UNREACHED, 0, NULL},
    {".#/..", "map_size=2x2 start=0x0 goal=1x1", 2, 0, "21"},
    // the cell that is entered has to be paid for: 9 east, or round it by a cell that costs 1
    {".9./...", "map_size=3x2 start=0x0 goal=2x0 cost_max=9", 0, 2, "54"},
    {"51115", "map_size=5x1 start=0x0 goal=4x0 cost_max=9", 8, 0, "1111"},
    {"51115", "map_size=5x1 start=0x0 goal=4x0 cost_max=3", 6, 0, "1111"},
    // 7 sqrt 2 straight across is more than 1 + 7
    {"../.7", "map_size=2x2 start=0x0 goal=1x1 cost_max=9", 8, 0, "12"},
    {"../.2", "map_size=2x2 start=0x0 goal=1x1 cost_max=9", 0, 2, "5"},
};

static void lengths_by_hand(void **state) {
    (void)state;
    static const char *const algorithms[] = {"astar", "dijkstra"};
    for (size_t i = 0; i < sizeof by_hand / sizeof *by_hand; i++)
        for (int a = 0; a < 2; a++)
            for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++) {
                const struct by_hand *c = &by_hand[i];
                char params[160];
                snprintf(params, sizeof params, "%s algorithm=%s", c->params, algorithms[a]);
                struct rig_result r;
                run(d, params, put_map(c->rows), &r);
                struct answer is = answer_of(&r, 0);
                if (is.straight != c->straight || is.diagonal != c->diagonal)
                    fail_msg("case %zu on device %d: %u + %u sqrt 2", i, d, is.straight, is.diagonal);
                assert_int_equal(is.given, is.steps);
                assert_int_equal(r.size, sizeof is + is.given);
                if (d != RIG_PIXELS) assert_int_equal(is.algorithm, a ? PATH_DIJKSTRA : PATH_ASTAR);
                for (uint32_t k = 0; c->steps && k < is.steps; k++)
                    if (r.bytes[sizeof is + k] != c->steps[k] - '0') fail_msg("case %zu: step %u", i, k);
                if (c->steps) assert_int_equal(is.steps, strlen(c->steps));
                rig_free(&r);
            }
}

static void a_long_path_is_cut_but_measured(void **state) {
    (void)state;
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++) {
        struct rig_result r;
        run(d, "map_size=9x1 start=0x0 goal=8x0 steps=3", put_map("........."), &r);
        struct answer is = answer_of(&r, 0);
        assert_int_equal(is.straight, 8);
        assert_int_equal(is.steps, 8);
        assert_int_equal(is.given, 3);
        assert_int_equal(r.size, sizeof is + 3);
        rig_free(&r);
    }
}

// ---- against the reference ----

enum ground { NOISE, OPEN, SERPENT, ROOMS, DEAR, GROUNDS };

static size_t paint(unsigned w, unsigned h, enum ground ground, struct p2_rng *rng) {
    uint8_t *p = payload;
    for (unsigned y = 0; y < h; y++)
        for (unsigned x = 0; x < w; x++, p++) {
            switch (ground) {
            case NOISE: *p = below(rng, 100) >= 30; break;
            case OPEN: *p = 200; break;
            case SERPENT: *p = y % 2 == 0 || x == (y % 4 == 1 ? w - 1 : 0); break;
            case ROOMS: *p = (x % 9 != 0 && y % 7 != 0) || below(rng, 8) == 0; break;
            default: *p = (uint8_t)(below(rng, 5) ? p2_rng_next(rng) : 0); break;
            }
        }
    return (size_t)w * h;
}

// The same bytes, but for who found a path.
static void compare(enum rig_device device, const char *params, size_t size) {
    const struct p2_task_type *t = p2_task_type_find(p2_str("path"));
    struct rig_result is, by_reference;
    run(device, params, size, &is);
    run(RIG_FAKE, params, size, &by_reference);
    if (is.size != by_reference.size || !t->equal(is.block, is.bytes, is.size, by_reference.bytes, by_reference.size)) {
        size_t at = 0;
        while (at < is.size && at < by_reference.size && is.bytes[at] == by_reference.bytes[at]) at++;
        fail_msg("%s kernels, %s: %zu and %zu bytes, first difference at %zu", device == RIG_PIXELS ? "GPU" : "CPU",
                 params, is.size, by_reference.size, at);
    }
    rig_free(&is);
    rig_free(&by_reference);
}

static const unsigned sides[][2] = {{1, 1}, {1, 40}, {37, 1}, {2, 2}, {7, 5}, {16, 16}, {17, 33}, {31, 9}, {65, 70}};
static const unsigned cost_maxima[] = {1, 2, 9, 255};
#define SIDES (sizeof sides / sizeof *sides)

static void fields_equal_the_reference(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 21);
    unsigned turn = 0;
    for (size_t i = 0; i < SIDES; i++)
        for (int ground = 0; ground < GROUNDS; ground++)
            for (int device = RIG_VECTORS; device <= RIG_PIXELS; device++, turn++) {
                unsigned w = sides[i][0], h = sides[i][1], goals = 1 + below(&rng, 5) * (turn % 3);
                size_t size = paint(w, h, (enum ground)ground, &rng);
                for (unsigned g = 0; g < goals; g++) size = put_point(size, below(&rng, w), below(&rng, h));
                char params[160];
                snprintf(params, sizeof params, "map_size=%ux%u cost_max=%u goals=%u neighbours=%d result=%s", w, h,
                         cost_maxima[turn / 2 % 4], goals, turn % 5 ? 8 : 4, turn % 2 ? "directions" : "distances");
                compare((enum rig_device)device, params, size);
            }
}

// Equal lengths by different ways are what a search may get wrong: every density of noise has others.
static void noise_of_every_density(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 26);
    for (unsigned turn = 0; turn < 240; turn++) {
        unsigned w = 30 + below(&rng, 40), h = 30 + below(&rng, 40), closed = 5 + turn / 4, goals = 1 + turn % 3;
        size_t size = (size_t)w * h;
        for (size_t i = 0; i < size; i++) payload[i] = below(&rng, 100) >= closed;
        for (unsigned g = 0; g < goals; g++) size = put_point(size, below(&rng, w), below(&rng, h));
        char params[120];
        snprintf(params, sizeof params, "map_size=%ux%u goals=%u result=distances", w, h, goals);
        compare(turn % 8 ? RIG_VECTORS : RIG_PIXELS, params, size);
        snprintf(params, sizeof params, "map_size=%ux%u start=%ux%u goal=%ux%u", w, h, below(&rng, w), below(&rng, h),
                 below(&rng, w), below(&rng, h));
        compare(turn % 8 ? RIG_VECTORS : RIG_PIXELS, params, (size_t)w * h);
    }
}

static size_t put_crowd(size_t size, unsigned w, unsigned h, unsigned goals, unsigned agents, struct p2_rng *rng) {
    for (unsigned g = 0; g < goals; g++) size = put_point(size, below(rng, w), below(rng, h));
    for (unsigned a = 0; a < agents; a++) {
        uint32_t goal = below(rng, goals + 1);
        size = put_agent(size, below(rng, w), below(rng, h), goal == goals ? PATH_NEAREST : goal);
    }
    return size;
}

// From one agent to more than a lane has, with goals of their own, shared ones and the nearest.
static void crowds_equal_the_reference(void **state) {
    (void)state;
    static const unsigned crowds[][2] = {{1, 1}, {1, 30}, {40, 9}, {6, 20}};
    struct p2_rng rng;
    p2_rng_init(&rng, 22);
    unsigned turn = 0;
    for (size_t i = 0; i < SIDES; i++)
        for (int ground = 0; ground < GROUNDS; ground++)
            for (int device = RIG_VECTORS; device <= RIG_PIXELS; device++, turn++) {
                unsigned w = sides[i][0], h = sides[i][1], goals = crowds[turn % 4][0], agents = crowds[turn % 4][1];
                size_t map = paint(w, h, (enum ground)ground, &rng);
                unsigned closed = below(&rng, 6);
                size_t size = map;
                for (unsigned c = 0; c < closed; c++) size = put_point(size, below(&rng, w), below(&rng, h));
                size = put_crowd(size, w, h, goals, agents, &rng);
                char params[200];
                snprintf(params, sizeof params,
                         "map_size=%ux%u cost_max=%u obstacles=%u goals=%u agents=%u neighbours=%d algorithm=%s%s", w,
                         h, cost_maxima[turn / 2 % 4], closed, goals, agents, turn % 7 ? 8 : 4,
                         turn % 3 ? "astar" : "dijkstra", turn % 6 ? "" : " steps=11");
                compare((enum rig_device)device, params, size);
            }
}

// More than one launch, and a path that passes half of all cells.
static void long_searches_are_cut_and_whole(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 23);
    for (enum rig_device d = RIG_VECTORS; d <= RIG_PIXELS; d++) {
        size_t size = paint(151, 151, SERPENT, &rng); // too long for short labels
        compare(d, "map_size=151x151 start=0x0 goal=150x150 steps=20000", size);
        compare(d, "map_size=151x151 goal=150x150 result=distances", size);
        size = paint(300, 200, DEAR, &rng);
        payload[0] = payload[size - 1] = 1;
        compare(d, "map_size=300x200 start=0x0 goal=299x199 cost_max=255", size);
    }
    size_t size = paint(700, 650, NOISE, &rng); // some times the cells that a lane takes in one launch
    payload[0] = payload[size - 1] = 1;
    compare(RIG_VECTORS, "map_size=700x650 start=0x0 goal=699x649", size);
    compare(RIG_VECTORS, "map_size=700x650 start=0x0 goal=699x649 algorithm=dijkstra", size);
    compare(RIG_VECTORS, "map_size=700x650 goal=699x649 result=distances", size);
}

static void open_ground_needs_no_map(void **state) {
    (void)state;
    for (enum rig_device d = RIG_VECTORS; d <= RIG_PIXELS; d++) {
        compare(d, "map=open map_size=100x50 start=3x4 goal=99x49", 0);
        size_t size = put_point(put_point(0, 50, 20), 50, 21);
        compare(d, "map=open map_size=100x50 obstacles=2 start=3x20 goal=99x20 cost_max=7", size);
    }
}

static struct rig_result run_blob(enum rig_device device, const char *params, const uint8_t *map, size_t map_size,
                                  size_t lists) {
    struct rig_result r;
    rig_run(&(struct rig_job){.device = device,
                              .type = "ai_pathfinding",
                              .params = params,
                              .payload = payload,
                              .payload_size = lists,
                              .blobs = {{map, map_size}},
                              .blob_count = map != NULL},
            &r);
    return r;
}

// The same answers as with the map in the payload, dynamic obstacles included; and the map is made ready once.
static void a_map_may_be_a_blob(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 24);
    const struct p2_task_type *t = p2_task_type_find(p2_str("path"));
    static uint8_t map[70 * 41];
    memcpy(map, payload, paint(70, 41, NOISE, &rng));
    static const char *const params[] = {"map_size=70x41 goals=3 agents=12",
                                         "map_size=70x41 obstacles=3 goals=3 agents=12"};
    for (int closed = 0; closed < 2; closed++) {
        struct p2_rng again = rng;
        struct rig_result whole;
        size_t size = sizeof map;
        memcpy(payload, map, sizeof map);
        for (unsigned i = 0; i < 3 && closed; i++) size = put_point(size, 20 * i, 20);
        run(RIG_VECTORS, params[closed], put_crowd(size, 70, 41, 3, 12, &rng), &whole);
        char words[120];
        snprintf(words, sizeof words, "map=blob %s", params[closed]);
        size = 0;
        for (unsigned i = 0; i < 3 && closed; i++) size = put_point(size, 20 * i, 20);
        size = put_crowd(size, 70, 41, 3, 12, &again);
        for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++) {
            struct rig_kept before = rig_kept(d);
            for (int round = 0; round < 2; round++) {
                struct rig_result r = run_blob(d, words, map, sizeof map, size);
                assert_int_equal(r.code, P2_OK);
                if (!t->equal(r.block, r.bytes, r.size, whole.bytes, whole.size)) fail_msg("device %d: %s", d, words);
                rig_free(&r);
            }
            if (d == RIG_FAKE) continue;
            assert_int_equal(rig_kept(d).built - before.built, closed ? 0 : 1);
            assert_int_equal(rig_kept(d).found - before.found, closed ? 2 : 1);
        }
        rig_free(&whole);
    }
}

// What decides how a map is made ready is part of its key.
static void one_blob_may_be_several_maps(void **state) {
    (void)state;
    static const struct {
        const char *params;
        uint32_t straight, diagonal;
    } readings[] = {{"map=blob map_size=4x3 start=0x0 goal=3x0", 3, 1},
                    {"map=blob map_size=4x3 start=0x0 goal=1x0", 1, 0},
                    {"map=blob map_size=4x3 start=0x0 goal=1x0 cost_max=9", 9, 0},
                    {"map=blob map_size=4x3 start=0x0 goal=3x0 neighbours=4", 5, 0},
                    {"map=blob map_size=3x4 start=0x0 goal=2x0", PATH_UNREACHED, 0}};
    const size_t size = put_map(".9#./..../....");
    static uint8_t map[12];
    memcpy(map, payload, sizeof map);
    assert_int_equal(size, sizeof map);
    for (int round = 0; round < 2; round++)
        for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++)
            for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
                struct rig_result r = run_blob(d, readings[i].params, map, sizeof map, 0);
                assert_int_equal(r.code, P2_OK);
                struct answer is = answer_of(&r, 0);
                if (is.straight != readings[i].straight || is.diagonal != readings[i].diagonal)
                    fail_msg("device %d, reading %zu: %u + %u sqrt 2", d, i, is.straight, is.diagonal);
                rig_free(&r);
            }
}

static void a_blob_of_another_size_is_no_map(void **state) {
    (void)state;
    static const uint8_t map[12];
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++)
        for (int none = 0; none < 2; none++) {
            struct rig_result r =
                run_blob(d, "map=blob map_size=4x3 start=0x0 goal=3x0", none ? NULL : map, sizeof map - 1, 0);
            assert_int_equal(r.code, P2_ERR_BAD_PAYLOAD);
            assert_non_null(strstr(r.why, "12 bytes"));
            rig_free(&r);
        }
}

// ---- refusals, repetition ----

static void points_outside_are_bad_payloads(void **state) {
    (void)state;
    const struct {
        unsigned obstacle_x, goal_y, agent_x, agent_y;
        uint32_t goal;
    } cases[] = {{5, 0, 0, 0, 0}, {65535, 0, 0, 0, 0},           {0, 3, 0, 0, 0}, {0, 0, 5, 0, 0}, {0, 0, 0, 40000, 0},
                 {0, 0, 0, 0, 1}, {0, 0, 0, 0, PATH_NEAREST - 1}};
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            size_t size = put_point(put_map("...../...../....."), cases[i].obstacle_x, 0);
            size = put_point(size, 0, cases[i].goal_y);
            size = put_agent(size, cases[i].agent_x, cases[i].agent_y, cases[i].goal);
            struct rig_result r;
            rig_run(&(struct rig_job){.device = d,
                                      .type = "ai_pathfinding",
                                      .params = "map_size=5x3 obstacles=1 goals=1 agents=1",
                                      .payload = payload,
                                      .payload_size = size},
                    &r);
            if (r.code != P2_ERR_BAD_PAYLOAD) fail_msg("case %zu: %d", i, r.code);
            assert_non_null(strstr(r.why, "outside"));
            rig_free(&r);
        }
}

static void a_cancelled_job_ends_so(void **state) {
    (void)state;
    static const char *const params[] = {"map_size=4x1 start=0x0 goal=3x0", "map_size=4x1 goal=3x0 result=directions"};
    for (enum rig_device d = RIG_VECTORS; d <= RIG_PIXELS; d++)
        for (int i = 0; i < 2; i++) {
            struct rig_result r;
            rig_run(&(struct rig_job){.device = d,
                                      .type = "ai_pathfinding",
                                      .params = params[i],
                                      .payload = payload,
                                      .payload_size = put_map("...."),
                                      .cancelled = true},
                    &r);
            assert_int_equal(r.code, P2_ERR_CANCELLED);
            rig_free(&r);
        }
}

static void the_same_bytes_every_time(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 25);
    size_t size = put_crowd(paint(90, 80, NOISE, &rng), 90, 80, 5, 30, &rng);
    uint64_t allocations = 0;
    for (enum rig_device d = RIG_VECTORS; d <= RIG_PIXELS; d++) {
        struct rig_result first, r;
        run(d, "map_size=90x80 goals=5 agents=30", size, &first);
        for (int round = 0; round < 6; round++) {
            run(d, "map_size=90x80 goals=5 agents=30", size, &r);
            assert_int_equal(r.size, first.size);
            assert_memory_equal(r.bytes, first.bytes, r.size);
            rig_free(&r);
            if (round == 1) allocations = rig_allocations(d);
        }
        assert_int_equal(rig_allocations(d), allocations);
        rig_free(&first);
    }
}

int main(void) {
    if (!rig_open()) return RIG_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_by_hand),
        cmocka_unit_test(a_long_path_is_cut_but_measured),
        cmocka_unit_test(fields_equal_the_reference),
        cmocka_unit_test(noise_of_every_density),
        cmocka_unit_test(crowds_equal_the_reference),
        cmocka_unit_test(long_searches_are_cut_and_whole),
        cmocka_unit_test(open_ground_needs_no_map),
        cmocka_unit_test(a_map_may_be_a_blob),
        cmocka_unit_test(one_blob_may_be_several_maps),
        cmocka_unit_test(a_blob_of_another_size_is_no_map),
        cmocka_unit_test(points_outside_are_bad_payloads),
        cmocka_unit_test(a_cancelled_job_ends_so),
        cmocka_unit_test(the_same_bytes_every_time),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_close();
    return failed;
}
