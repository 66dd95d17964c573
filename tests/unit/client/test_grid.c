// Maps, scenarios, payloads and results as text and bytes: what is sound, what is not, and that a map and scenario of
// the project's own come out of the type's reference with the lengths that stand in them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "client/grid/grid.h"
#include "kernels/task_type.h"

static const char *folder;

static struct p2_strbuf reason(void) {
    static char text[256];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    return why;
}

static char *read_whole(const char *name, size_t *size) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("cannot open %s", path);
    char *text = malloc(1 << 16);
    *size = fread(text, 1, 1 << 16, file);
    fclose(file);
    return text;
}

static bool read_map(const char *text, struct p2_grid *g, struct p2_strbuf *why) {
    return p2_grid_read_map(text, strlen(text), g, why);
}

// ---- maps ----

static void letters_are_open_or_closed(void **state) {
    (void)state;
    struct p2_strbuf why = reason();
    struct p2_grid g;
    static const char *const texts[] = {"type octile\nheight 2\nwidth 4\nmap\n.GS@\nOTW.\n",
                                        "type octile\r\nwidth 4\r\nheight 2\r\nmap\r\n.GS@\r\nOTW.",
                                        "height 2\nwidth 4\nmap\n.GS@\nOTW.\n\n\n"};
    static const uint8_t cells[] = {1, 1, 1, 0, 0, 0, 0, 1};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!read_map(texts[i], &g, &why)) fail_msg("text %zu: %s", i, why.text);
        assert_int_equal(g.w, 4);
        assert_int_equal(g.h, 2);
        assert_memory_equal(g.cells, cells, sizeof cells);
        p2_grid_free(&g);
    }
}

static void broken_maps_are_told_by_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {{"", "no line \"map\""},
                 {"type octile\nheight 2\nwidth 2\n", "no line \"map\""},
                 {"type octile\ndepth 2\nmap\n", "line 2"},
                 {"height two\nmap\n", "line 1"},
                 {"height -2\nmap\n", "line 1"},
                 {"height 2\nwidth 99999999999\nmap\n", "line 2"},
                 {"height 2\nmap\n..\n..\n", "0x2"},
                 {"height 2\nwidth 16385\nmap\n", "16385x2"},
                 {"height 16384\nwidth 1025\nmap\n", "million"},
                 {"height 2\nwidth 2\nmap\n..\n", "line 5"},
                 {"height 2\nwidth 2\nmap\n..\n.\n", "line 5"},
                 {"height 2\nwidth 2\nmap\n..\n...\n", "line 5"},
                 {"height 2\nwidth 2\nmap\n.x\n..\n", "line 4"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct p2_strbuf why = reason();
        struct p2_grid g;
        assert_false(read_map(cases[i].text, &g, &why));
        if (!strstr(why.text, cases[i].says)) fail_msg("case %zu: %s", i, why.text);
        assert_null(g.cells);
    }
}

// Files with bytes changed, cut or doubled are read or refused, whatever they say.
static void damaged_files_do_no_harm(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 31);
    size_t map_size, scen_size;
    char *map = read_whole("keep.map", &map_size), *scen = read_whole("keep.map.scen", &scen_size);
    unsigned whole = 0;
    for (int turn = 0; turn < 3000; turn++) {
        bool is_map = turn % 2;
        size_t size = is_map ? map_size : scen_size;
        char *copy = malloc(size); // of its own size, so that a sanitizer sees what reads beyond
        memcpy(copy, is_map ? map : scen, size);
        for (unsigned i = (unsigned)p2_rng_below(&rng, 4); i > 0; i--)
            copy[p2_rng_below(&rng, size)] = "0123456789.@ \n\t\r-T\0\xff"[p2_rng_below(&rng, 20)];
        if (turn % 3 == 0) size = p2_rng_below(&rng, size);
        struct p2_strbuf why = reason();
        struct p2_grid g = {.w = 36, .h = 20};
        struct p2_grid_queries q;
        bool good = is_map ? p2_grid_read_map(copy, size, &g, &why) : p2_grid_read_scen(copy, size, &g, &q, &why);
        whole += good;
        if (!good) assert_true(why.size > 0);
        if (good && is_map) p2_grid_free(&g);
        if (good && !is_map) free(q.items);
        free(copy);
    }
    assert_in_range(whole, 1, 2999);
    free(map);
    free(scen);
}

static void pictures_become_costs(void **state) {
    (void)state;
    struct p2_strbuf why = reason();
    struct p2_grid g;
    static const uint8_t grey[] = {0, 0, 0, 1, 1, 1, 127, 127, 127, 128, 128, 128, 254, 254, 254, 255, 255, 255};
    static const uint8_t flat[] = {0, 0, 0, 1, 1, 1}, dear[] = {0, 10, 6, 5, 1, 1};
    assert_true(p2_grid_init(&g, 3, 2, &why));
    p2_grid_paint(&g, grey, 3, 1);
    assert_memory_equal(g.cells, flat, sizeof flat);
    p2_grid_paint(&g, grey, 3, 10);
    assert_memory_equal(g.cells, dear, sizeof dear);
    p2_grid_free(&g);
}

// ---- scenarios ----

static void broken_scenarios_are_told_by_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {{"", "version 1"},
                 {"version 2\n", "version 1"},
                 {"version 1\n0 a.map 4 2 0 0 3 1\n", "line 2"},
                 {"version 1\n0 a.map 4 2 0 0 3 1 3.4 9\n", "line 2"},
                 {"version 1\n0 a.map 4 2 0 0 3 1 x\n", "line 2"},
                 {"version 1\n0 a.map 4 2 0 0 3 1 -1\n", "line 2"},
                 {"version 1\n\n0 a.map 4 2 0 0 3 2 3\n", "line 3"},
                 {"version 1\n0 a.map 4 2 4 0 3 1 3\n", "line 2"},
                 {"version 1\n0 a.map 5 2 0 0 3 1 3\n", "4x2"},
                 {"version 1\n0 a.map 4 2 0 0 3 1 3.0000000000000001\n", "line 2"}};
    const struct p2_grid g = {.w = 4, .h = 2};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct p2_strbuf why = reason();
        struct p2_grid_queries q;
        assert_false(p2_grid_read_scen(cases[i].text, strlen(cases[i].text), &g, &q, &why));
        if (!strstr(why.text, cases[i].says)) fail_msg("case %zu: %s", i, why.text);
        assert_null(q.items);
    }
}

static void published_lengths_count_to_their_last_place(void **state) {
    (void)state;
    const struct p2_grid_query eight = {.length = 4.24264069, .decimals = 8}, whole = {.length = 7, .decimals = 0},
                               two = {.length = 4.24, .decimals = 2};
    assert_true(p2_grid_is_published(&eight, 4.242640687119286));
    assert_false(p2_grid_is_published(&eight, 4.24264071));
    assert_true(p2_grid_is_published(&two, 4.242640687119286));
    assert_true(p2_grid_is_published(&whole, 7));
    assert_false(p2_grid_is_published(&whole, 8.01));
}

// The distances of all queries by the type's reference, as p2c2r path would ask for them.
static struct p2_grid_answer *ask_reference(const struct p2_grid *g, const struct p2_grid_queries *q,
                                            uint8_t **result) {
    const struct p2_task_type *type = p2_task_type_find(p2_str("ai_pathfinding"));
    const struct p2_param params[] = {{p2_str("map_size"), P2_PARAM_INTS, 2, {.ints = {g->w, g->h}}},
                                      {p2_str("goals"), P2_PARAM_INT, 1, {.ints = {q->count}}},
                                      {p2_str("agents"), P2_PARAM_INT, 1, {.ints = {q->count}}}};
    const struct p2_params list = {params, 3};
    size_t map = (size_t)g->w * g->h, size = map + q->count * (size_t)(P2_GRID_POINT_BYTES + P2_GRID_AGENT_BYTES);
    uint8_t *payload = malloc(size), *to = payload + map;
    memcpy(payload, g->cells, map);
    for (uint32_t i = 0; i < q->count; i++) to = p2_grid_put_point(to, q->items[i].goal_x, q->items[i].goal_y);
    for (uint32_t i = 0; i < q->count; i++) to = p2_grid_put_agent(to, q->items[i].start_x, q->items[i].start_y, i);
    assert_ptr_equal(to, payload + size);
    _Alignas(64) uint8_t block[P2_BLOCK_MAX];
    struct p2_task_cost cost;
    struct p2_strbuf why = reason();
    if (type->prepare(&list, size, block, &cost, &why) != P2_OK) fail_msg("%s", why.text);
    size_t result_size;
    *result = malloc(cost.result_bytes_max);
    assert_int_equal(type->reference(block, payload, size, *result, cost.result_bytes_max, &result_size), P2_OK);
    struct p2_grid_answer *answers = calloc(q->count, sizeof *answers);
    assert_true(p2_grid_read_answers(*result, result_size, q->count, answers));
    // A result that is not whole is none.
    for (size_t cut = 0; cut < result_size; cut += 7)
        assert_false(p2_grid_read_answers(*result, cut, q->count, answers));
    assert_true(p2_grid_read_answers(*result, result_size, q->count, answers));
    free(payload);
    return answers;
}

// The first four by hand: along a wall; across a room; through a door, whose corners are not cut; round two corners.
static void lengths_of_the_projects_own_scenario(void **state) {
    (void)state;
    static const uint32_t by_hand[][2] = {{7, 0}, {0, 3}, {6, 0}, {3, 1}};
    size_t map_size, scen_size;
    char *map = read_whole("keep.map", &map_size), *scen = read_whole("keep.map.scen", &scen_size);
    struct p2_strbuf why = reason();
    struct p2_grid g;
    struct p2_grid_queries q;
    uint8_t *result;
    if (!p2_grid_read_map(map, map_size, &g, &why)) fail_msg("%s", why.text);
    if (!p2_grid_read_scen(scen, scen_size, &g, &q, &why)) fail_msg("%s", why.text);
    assert_int_equal(q.count, 40);
    struct p2_grid_answer *answers = ask_reference(&g, &q, &result);
    for (uint32_t i = 0; i < q.count; i++) {
        assert_true(answers[i].reached);
        if (!p2_grid_is_published(&q.items[i], answers[i].length)) fail_msg("query %u: %.10f", i, answers[i].length);
        uint32_t x = q.items[i].start_x, y = q.items[i].start_y;
        for (uint32_t k = 0; k < answers[i].given; k++) {
            p2_grid_step(answers[i].path[k], &x, &y);
            assert_int_equal(g.cells[y * g.w + x], 1);
        }
        assert_int_equal(x, q.items[i].goal_x);
        assert_int_equal(y, q.items[i].goal_y);
    }
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(answers[i].straight, by_hand[i][0]);
        assert_int_equal(answers[i].diagonal, by_hand[i][1]);
    }
    free(answers);
    free(result);
    free(q.items);
    p2_grid_free(&g);
    free(map);
    free(scen);
}

static void a_peers_answer_is_looked_at(void **state) {
    (void)state;
    // diagonal 1, straight 2, 3 steps of which 3 are given, by dijkstra
    uint8_t good[23] = {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 7, 1, 2}, bad[23];
    struct p2_grid_answer a;
    assert_true(p2_grid_read_answers(good, sizeof good, 1, &a));
    assert_string_equal(a.algorithm, "dijkstra");
    assert_true(a.length > 3.41421356 && a.length < 3.41421357);
    static const struct {
        size_t at;
        uint8_t to;
    } changes[] = {{8, 2}, {12, 4}, {12, 2}, {15, 255}, {16, 3}, {20, 8}, {22, 255}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        memcpy(bad, good, sizeof bad);
        bad[changes[i].at] = changes[i].to;
        if (p2_grid_read_answers(bad, sizeof bad, 1, &a)) fail_msg("change %zu", i);
    }
    assert_false(p2_grid_read_answers(good, sizeof good, 2, &a));
    assert_false(p2_grid_read_answers(good, sizeof good - 1, 1, &a));
    const uint8_t none[20] = {0, 0, 0, 0, 255, 255, 255, 127};
    assert_true(p2_grid_read_answers(none, sizeof none, 1, &a));
    assert_false(a.reached);
    assert_true(p2_grid_distance(none, 0) < 0);
    assert_true(p2_grid_distance(good, 0) > 3.41421356 && p2_grid_distance(good, 0) < 3.41421357);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_are_open_or_closed),
        cmocka_unit_test(broken_maps_are_told_by_line),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(pictures_become_costs),
        cmocka_unit_test(broken_scenarios_are_told_by_line),
        cmocka_unit_test(published_lengths_count_to_their_last_place),
        cmocka_unit_test(lengths_of_the_projects_own_scenario),
        cmocka_unit_test(a_peers_answer_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
