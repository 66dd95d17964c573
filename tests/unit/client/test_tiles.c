// Cutting frames: balance, exactness against the references of the kernels, learning, and what stands in for a tile.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/strbuf.h"
#include "client/core/fill.h"
#include "client/core/tiles.h"
#include "kernels/task_type.h"
#include "msg/limits.h"

// ---- cutting

static void assert_covers(const struct tiles *t, const struct tile *cut, uint32_t n) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(cut[i].first, at);
        assert_true(cut[i].steps > 0);
        at += cut[i].steps;
    }
    assert_int_equal(at, t->steps);
}

static double imbalance(const struct tiles *t, const struct tile *cut, uint32_t n) {
    double most = 0, all = 0;
    for (uint32_t i = 0; i < n; i++) {
        double cost = p2_tiles_cost(t, cut[i]);
        most = cost > most ? cost : most;
        all += cost;
    }
    return most * n / all;
}

static void costly_rows_weigh_more(void **state) {
    (void)state;
    struct tiles t;
    p2_tiles_init(&t, 100, 0);
    assert_int_equal(p2_tiles_weight(&t, (struct tile){0, 50}), 0);
    p2_tiles_learn(&t, (struct tile){0, 100}, 0, 100 * P2_MS);
    assert_int_equal(p2_tiles_weight(&t, (struct tile){0, 50}), 100);
    for (uint32_t i = 0; i < 100; i++) t.cost[i] = i < 25 ? 3 : 1;
    assert_int_equal(p2_tiles_weight(&t, (struct tile){0, 100}), 100);
    assert_int_equal(p2_tiles_weight(&t, (struct tile){0, 25}), 200);
    assert_int_equal(p2_tiles_weight(&t, (struct tile){25, 75}), 67);
    for (uint32_t i = 0; i < 100; i++) t.cost[i] = i ? 1 : 100000;
    assert_int_equal(p2_tiles_weight(&t, (struct tile){0, 1}), P2_WEIGHT_MAX);
    assert_int_equal(p2_tiles_weight(&t, (struct tile){1, 99}), P2_WEIGHT_MIN);
    p2_tiles_init(&t, 100, 5); // ghosts are rows as well
    p2_tiles_learn(&t, (struct tile){0, 100}, 0, 100 * P2_MS);
    assert_int_equal(p2_tiles_weight(&t, (struct tile){0, 10}), 100);
    assert_int_equal(p2_tiles_weight(&t, (struct tile){40, 10}), 100);
}

static void any_map_is_covered(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 1);
    for (int round = 0; round < 2000; round++) {
        struct tiles t;
        p2_tiles_init(&t, 1 + (uint32_t)p2_rng_below(&rng, round % 4 ? 3000 : 20), (uint32_t)p2_rng_below(&rng, 30));
        for (uint32_t i = 0; i < t.bins; i++) t.cost[i] = p2_rng_unit(&rng) * (p2_rng_below(&rng, 10) ? 1 : 1000);
        uint32_t count = 1 + (uint32_t)p2_rng_below(&rng, TILES_MAX);
        struct tile cut[TILES_MAX];
        uint32_t n = p2_tiles_cut(&t, count, cut);
        assert_in_range(n, 1, count);
        assert_covers(&t, cut, n);
    }
}

static void cuts_are_balanced(void **state) {
    (void)state;
    static const uint32_t counts[] = {1, 2, 4, 8, 12};
    for (uint32_t ghost = 0; ghost <= 5; ghost += 5) {
        struct tiles t;
        p2_tiles_init(&t, 1080, ghost);
        for (uint32_t i = 0; i < t.bins; i++) t.cost[i] = 1 + 4 * exp(-pow((i - 300.0) / 60, 2)); // dear in the middle
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            struct tile cut[TILES_MAX];
            uint32_t n = p2_tiles_cut(&t, counts[i], cut);
            assert_int_equal(n, counts[i]);
            assert_covers(&t, cut, n);
            assert_true(imbalance(&t, cut, n) <= 1.05);
        }
    }
}

static void learning_finds_the_dear_rows(void **state) {
    (void)state;
    struct tiles t, truth;
    p2_tiles_init(&t, 540, 3);
    p2_tiles_init(&truth, 540, 3);
    for (uint32_t i = 0; i < truth.bins; i++) truth.cost[i] = (i < 100 ? 9.0 : 1.0) * 50000;
    struct tile cut[TILES_MAX];
    for (int frame = 0; frame < 20; frame++) {
        uint32_t n = p2_tiles_cut(&t, 8, cut);
        if (frame == 0) assert_true(imbalance(&truth, cut, n) > 1.5); // equal rows, not equal cost
        for (uint32_t i = 0; i < n; i++) p2_tiles_learn(&t, cut[i], 0, (p2_ns)p2_tiles_cost(&truth, cut[i]));
    }
    uint32_t n = p2_tiles_cut(&t, 8, cut);
    assert_true(imbalance(&truth, cut, n) < 1.1);
    double all = p2_tiles_cost(&t, (struct tile){0, 540}) / p2_tiles_cost(&truth, (struct tile){0, 540});
    assert_true(all > 0.9 && all < 1.1); // and it knows nanoseconds
}

// Peers of several speeds get tiles by chance, and rows are of several costs: it finds out which is which.
static void slow_peers_are_not_costly_rows(void **state) {
    (void)state;
    static const double slowness[] = {1, 1, 1, 3, 0.5, 1, 1, 1}; // on average 1.19
    struct p2_rng rng;
    p2_rng_init(&rng, 4);
    struct tiles t, truth;
    p2_tiles_init(&t, 540, 3);
    p2_tiles_init(&truth, 540, 3);
    for (uint32_t i = 0; i < truth.bins; i++) truth.cost[i] = (i < 100 ? 9.0 : 1.0) * 50000;
    struct tile cut[TILES_MAX];
    for (int frame = 0; frame < 200; frame++) {
        uint32_t n = p2_tiles_cut(&t, 8, cut);
        if (frame >= 100) assert_true(imbalance(&truth, cut, n) < 1.15);
        uint32_t by[8] = {0, 1, 2, 3, 4, 5, 6, 7};
        for (uint32_t i = 0; i < n; i++) {
            uint32_t other = i + (uint32_t)p2_rng_below(&rng, 8 - i), peer = by[other];
            by[other] = by[i];
            double took = p2_tiles_cost(&truth, cut[i]) * slowness[peer] * (0.95 + 0.1 * p2_rng_unit(&rng));
            p2_tiles_learn(&t, cut[i], 100 + peer, (p2_ns)took);
        }
    }
    for (uint32_t i = 0; i < 8; i++)
        assert_true(fabs(p2_tiles_slowness(&t, 100 + i) * 1.1875 / slowness[i] - 1) < 0.15);
    double all = p2_tiles_cost(&t, (struct tile){0, 540}) / p2_tiles_cost(&truth, (struct tile){0, 540});
    assert_true(all > 1.1 && all < 1.3); // on an average one of them
    assert_true(p2_tiles_slowness(&t, 1) == 1);
}

static void peers_are_forgotten(void **state) {
    (void)state;
    struct tiles t;
    p2_tiles_init(&t, 100, 0);
    const struct tile all = {0, 100};
    for (uint64_t peer = 1; peer <= 2 * TILES_PEERS; peer++) {
        for (int i = 0; i < 3; i++) p2_tiles_learn(&t, all, peer, peer % 2 ? P2_MS : 2 * P2_MS);
    }
    assert_true(p2_tiles_slowness(&t, TILES_PEERS) == 1); // longest ago
    assert_true(p2_tiles_slowness(&t, 2 * TILES_PEERS) > p2_tiles_slowness(&t, 2 * TILES_PEERS - 1));
}

static void one_measurement_moves_little(void **state) {
    (void)state;
    struct tiles t;
    p2_tiles_init(&t, 100, 0);
    p2_tiles_learn(&t, (struct tile){0, 50}, 0, 50 * P2_MS);
    assert_true(fabs(p2_tiles_cost(&t, (struct tile){50, 50}) / (50.0 * P2_MS) - 1) < 1e-9); // the same everywhere
    p2_tiles_learn(&t, (struct tile){0, 50}, 0, 5000 * P2_MS);                               // a peer that stood still
    assert_true(p2_tiles_cost(&t, (struct tile){0, 50}) <= 2.6 * 50 * P2_MS);
    p2_tiles_learn(&t, (struct tile){0, 50}, 0, 0);
    assert_true(p2_tiles_cost(&t, (struct tile){0, 50}) > 0);
}

static void as_many_tiles_as_are_worth_it(void **state) {
    (void)state;
    struct tiles t;
    p2_tiles_init(&t, 540, 3);
    assert_int_equal(p2_tiles_worth(&t, 0), 4);
    assert_int_equal(p2_tiles_worth(&t, 8), 8);
    assert_int_equal(p2_tiles_worth(&t, 1000), 45); // ghosts
    p2_tiles_learn(&t, (struct tile){0, 540}, 0, 3 * P2_MS + P2_MS / 2);
    assert_int_equal(p2_tiles_worth(&t, 8), 3); // each a millisecond
    p2_tiles_init(&t, 1, 5);
    assert_int_equal(p2_tiles_worth(&t, 8), 1);
}

// ---- stitched equals whole

struct job {
    const struct p2_task_type *type;
    struct p2_param params[24];
    uint32_t count;
};

static void put(struct job *j, const char *name, const char *value) {
    uint32_t at = 0;
    while (at < j->count && !p2_str_is(j->params[at].name, name)) at++;
    char text[256];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    for (const struct p2_param_spec *s = j->type->params; s->name; s++) {
        if (strcmp(s->name, name) != 0) continue;
        assert_int_equal(p2_param_parse(s, value, &j->params[at], &why), P2_OK);
        j->params[at].name = p2_str(s->name);
        if (at == j->count) j->count++;
        return;
    }
    fail_msg("%s has no parameter %s", j->type->name, name);
}

// What the reference makes of it; the block too.
static uint8_t *compute(const struct job *j, const uint8_t *payload, size_t size, void *block, size_t *out_size) {
    struct p2_params all = {j->params, j->count};
    char text[256];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    struct p2_task_cost cost;
    if (j->type->prepare(&all, size, block, &cost, &why) != P2_OK) fail_msg("%s", text);
    uint8_t *out = malloc((size_t)cost.result_bytes_max);
    assert_non_null(out);
    assert_int_equal(j->type->reference(block, payload, size, out, (size_t)cost.result_bytes_max, out_size), P2_OK);
    return out;
}

#define SIZE "%ux%u"

// Every tile by the reference, its own rows into one picture.
static void stitch_upscale(struct job j, const struct p2_task_bands *b, const uint8_t *pixels, uint32_t width[2],
                           uint32_t count, uint8_t *out) {
    struct tiles t;
    p2_tiles_init(&t, b->steps, b->ghost);
    struct tile cut[TILES_MAX];
    uint32_t n = p2_tiles_cut(&t, count, cut);
    assert_true(n > 1);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t above = cut[i].first < b->ghost ? cut[i].first : b->ghost,
                 end = cut[i].first + cut[i].steps + b->ghost;
        uint32_t first = cut[i].first - above, steps = (end < b->steps ? end : b->steps) - first;
        char in[32], to[32];
        snprintf(in, sizeof in, SIZE, width[0], steps * b->in_step);
        snprintf(to, sizeof to, SIZE, width[1], steps * b->out_step);
        put(&j, "input_res", in);
        put(&j, "output_res", to);
        _Alignas(16) uint8_t block[P2_BLOCK_MAX];
        size_t size = 0, row = (size_t)b->out_row_bytes, step = row * b->out_step;
        uint8_t *part = compute(&j, pixels + (size_t)first * b->in_step * b->in_row_bytes,
                                (size_t)steps * b->in_step * b->in_row_bytes, block, &size);
        assert_int_equal(size, steps * step);
        memcpy(out + cut[i].first * step, part + above * step, cut[i].steps * step);
        free(part);
    }
}

static void stitched_upscale(const char *in, const char *to, const char *name, const char *value, uint32_t count) {
    struct job j = {.type = p2_task_type_find(p2_str("upscale"))};
    put(&j, "input_res", in);
    put(&j, "output_res", to);
    put(&j, "channels", "4");
    put(&j, name, value);
    uint32_t width[2] = {(uint32_t)strtoul(in, NULL, 10), (uint32_t)strtoul(to, NULL, 10)};
    size_t size = (size_t)width[0] * strtoul(strchr(in, 'x') + 1, NULL, 10) * 4, got;
    uint8_t *pixels = malloc(size);
    assert_non_null(pixels);
    struct p2_rng rng;
    p2_rng_init(&rng, size);
    for (size_t i = 0; i < size; i++) // edges, ramps and noise
        pixels[i] = (uint8_t)(i / 4 % width[0] > i / 4 / width[0] ? p2_rng_below(&rng, 40) : 3 * i / width[0]);
    _Alignas(16) uint8_t block[P2_BLOCK_MAX];
    uint8_t *whole = compute(&j, pixels, size, block, &got), *stitched = calloc(1, got);
    struct p2_task_bands bands;
    assert_non_null(stitched);
    assert_true(j.type->bands(block, &bands));
    assert_int_equal(got, (uint64_t)bands.steps * bands.out_step * bands.out_row_bytes);
    stitch_upscale(j, &bands, pixels, width, count, stitched);
    if (memcmp(whole, stitched, got) != 0) fail_msg("%s to %s, %s %s: seams", in, to, name, value);
    free(stitched);
    free(whole);
    free(pixels);
}

static void upscaled_tiles_are_the_whole(void **state) {
    (void)state;
    static const char *const filters[][2] = {{"quality", "fast"},
                                             {"algorithm", "bicubic"},
                                             {"algorithm", "lanczos"},
                                             {"quality", "balanced"},
                                             {"quality", "quality"}};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        stitched_upscale("20x36", "40x72", filters[i][0], filters[i][1], 3);
        stitched_upscale("20x36", "35x54", filters[i][0], filters[i][1], 4); // 2 rows become 3
        stitched_upscale("18x30", "29x48", filters[i][0], filters[i][1], 6); // 5 become 8
        stitched_upscale("16x24", "16x24", filters[i][0], filters[i][1], 5);
        stitched_upscale("16x21", "60x84", filters[i][0], filters[i][1], 21); // every row a tile
    }
}

static void what_cannot_be_cut_says_so(void **state) {
    (void)state;
    struct job j = {.type = p2_task_type_find(p2_str("upscale"))};
    uint8_t pixels[7 * 31 * 3] = {0};
    size_t got;
    _Alignas(16) uint8_t block[P2_BLOCK_MAX];
    struct p2_task_bands bands;
    put(&j, "input_res", "7x31");
    put(&j, "output_res", "14x60"); // no common measure: one step
    free(compute(&j, pixels, sizeof pixels, block, &got));
    assert_true(j.type->bands(block, &bands));
    assert_int_equal(bands.steps, 1);
    struct p2_params all = {j.params, j.count};
    struct p2_task_cost cost;
    put(&j, "result_format", "png");
    all.count = j.count;
    assert_int_equal(j.type->prepare(&all, sizeof pixels, block, &cost, NULL), P2_OK);
    assert_false(j.type->bands(block, &bands));
}

// A mirror, a matt ball and a lamp over a floor, as kernels/raytrace/layout.h has it.
static void stitched_raytrace(const char *mode, const char *levels) {
    const struct p2_task_type *type = p2_task_type_find(p2_str("raytracing"));
    struct job j = {.type = type};
    const struct p2_known_answer *scene = &type->known_answers[0];
    put(&j, "resolution", "24x22");
    put(&j, "mode", mode);
    put(&j, "samples_per_pixel", "2");
    put(&j, "denoise", levels);
    put(&j, "direction", "0,-0.3,-1");
    put(&j, "position", "0,1,4");
    size_t got, size;
    _Alignas(16) uint8_t block[P2_BLOCK_MAX];
    uint8_t *whole = compute(&j, scene->payload, scene->payload_size, block, &got), *stitched = calloc(1, got);
    struct p2_task_bands b;
    assert_non_null(stitched);
    assert_true(type->bands(block, &b));
    assert_int_equal(b.in_step, 0);
    struct tiles t;
    p2_tiles_init(&t, b.steps, b.ghost);
    struct tile cut[TILES_MAX];
    uint32_t n = p2_tiles_cut(&t, 5, cut);
    for (uint32_t i = 0; i < n; i++) {
        char region[64];
        snprintf(region, sizeof region, "0,%u,24,%u", cut[i].first, cut[i].steps);
        put(&j, "region", region);
        uint8_t *part = compute(&j, scene->payload, scene->payload_size, block, &size);
        assert_int_equal(size, cut[i].steps * b.out_row_bytes);
        memcpy(stitched + cut[i].first * b.out_row_bytes, part, size);
        free(part);
    }
    assert_memory_equal(whole, stitched, got);
    free(stitched);
    free(whole);
}

static void rendered_tiles_are_the_whole(void **state) {
    (void)state;
    stitched_raytrace("primary", "0");
    stitched_raytrace("path", "0");
    stitched_raytrace("path", "2");
}

// ---- what stands in

static void a_filled_tile_is_bilinear(void **state) {
    (void)state;
    struct job j = {.type = p2_task_type_find(p2_str("upscale"))};
    put(&j, "input_res", "13x9");
    put(&j, "output_res", "31x30");
    put(&j, "quality", "fast");
    uint8_t pixels[13 * 9 * 3];
    struct p2_rng rng;
    p2_rng_init(&rng, 5);
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)p2_rng_below(&rng, 256);
    size_t got;
    _Alignas(16) uint8_t block[P2_BLOCK_MAX];
    uint8_t *whole = compute(&j, pixels, sizeof pixels, block, &got), rows[31 * 3 * 30];
    struct fill f = {pixels, 13, 9, 31, 30, 3};
    p2_fill_rows(&f, 0, 11, rows);
    p2_fill_rows(&f, 11, 19, rows + (size_t)11 * 31 * 3);
    for (size_t i = 0; i < got; i++) assert_in_range(rows[i] + 1, whole[i], whole[i] + 2);
    f = (struct fill){pixels, 1, 1, 31, 30, 3}; // one pixel everywhere
    p2_fill_rows(&f, 29, 1, rows);
    assert_memory_equal(rows + 90, pixels, 3);
    free(whole);
}

static void a_gap_is_made_of_the_rows_around_it(void **state) {
    (void)state;
    uint8_t picture[6][2] = {{9, 9}, {100, 0}, {1, 1}, {1, 1}, {1, 1}, {140, 80}};
    p2_fill_between(picture[0], 2, (struct fill_gap){2, 3, 1, 5});
    static const uint8_t even[6][2] = {{9, 9}, {100, 0}, {110, 20}, {120, 40}, {130, 60}, {140, 80}};
    assert_memory_equal(picture, even, sizeof even);
    p2_fill_between(picture[0], 2, (struct fill_gap){0, 2, FILL_NONE, 2});
    p2_fill_between(picture[0], 2, (struct fill_gap){4, 2, 3, FILL_NONE});
    static const uint8_t edges[6][2] = {{110, 20}, {110, 20}, {110, 20}, {120, 40}, {120, 40}, {120, 40}};
    assert_memory_equal(picture, edges, sizeof edges);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_map_is_covered),
        cmocka_unit_test(costly_rows_weigh_more),
        cmocka_unit_test(cuts_are_balanced),
        cmocka_unit_test(learning_finds_the_dear_rows),
        cmocka_unit_test(slow_peers_are_not_costly_rows),
        cmocka_unit_test(peers_are_forgotten),
        cmocka_unit_test(one_measurement_moves_little),
        cmocka_unit_test(as_many_tiles_as_are_worth_it),
        cmocka_unit_test(upscaled_tiles_are_the_whole),
        cmocka_unit_test(what_cannot_be_cut_says_so),
        cmocka_unit_test(rendered_tiles_are_the_whole),
        cmocka_unit_test(a_filled_tile_is_bilinear),
        cmocka_unit_test(a_gap_is_made_of_the_rows_around_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
