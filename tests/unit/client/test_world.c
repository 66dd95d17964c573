// Worlds from JSON and back, and a world that goes on from task to task: the reference stands for the peers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/param.h"
#include "client/world/world.h"
#include "kernels/task_type.h"

static uint8_t result[1 << 20];

static bool read_text(const char *text, struct p2_world *w, char *reason, size_t capacity) {
    struct p2_strbuf why;
    p2_strbuf_init(&why, reason, capacity);
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    bool good = p2_world_read(root, w, &why);
    json_decref(root);
    return good;
}

// What a peer makes of a task, without keeping worlds.
static size_t compute(const struct p2_journey_task *t) {
    const struct p2_task_type *type = p2_task_type_find(p2_str("physics"));
    struct p2_param items[P2_WORLD_PARAMS];
    struct p2_params params = {.items = items};
    char text[256] = "";
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    for (uint32_t i = 0; i < t->count; i++) {
        const struct p2_param_spec *spec = type->params;
        while (spec->name && strcmp(spec->name, t->names[i]) != 0) spec++;
        assert_non_null(spec->name);
        items[params.count].name = p2_str(spec->name);
        assert_int_equal(p2_param_parse(spec, t->values[i], &items[params.count++], &why), P2_OK);
    }
    _Alignas(64) uint8_t block[P2_BLOCK_MAX];
    struct p2_task_cost cost;
    if (type->prepare(&params, t->payload_size, block, &cost, &why) != P2_OK) fail_msg("%s", text);
    size_t size = 0;
    assert_int_equal(type->reference(block, t->payload, t->payload_size, result, sizeof result, &size), P2_OK);
    return size;
}

static const char scene[] =
    "{\"objects\": [{\"type\": \"plane\", \"normal\": [0, 2, 0]}, {\"id\": 7, \"position\": [0, 0.5, 0], \"radius\": "
    "0.5},"
    "{\"id\": 9, \"type\": \"box\", \"position\": [3, 2, 0], \"half_extents\": [1, 0.5, 0.5], \"mass\": 2},"
    "{\"id\": -4, \"position\": [3, 5, 0], \"static\": true}],"
    "\"joints\": [{\"a\": 9, \"b\": -4, \"anchor_a\": [1, 0, 0]}], \"gravity\": [0, -10, 0], \"num_steps\": 30}";

static void worlds_are_read_and_written(void **state) {
    (void)state;
    struct p2_world w;
    char reason[256];
    if (!read_text(scene, &w, reason, sizeof reason)) fail_msg("%s", reason);
    assert_int_equal(p2_world_head(&w).bodies, 4);
    assert_int_equal(w.steps, 30);
    struct physics_joint joint;
    memcpy(&joint, w.bytes + sizeof(struct physics_world) + 4 * sizeof(struct physics_body), sizeof joint);
    assert_int_equal(joint.a, 2);
    assert_int_equal(joint.b, 3);
    assert_true(joint.length > 3.16f && joint.length < 3.17f); // from (4, 2) to (3, 5)
    assert_true(p2_world_body(&w, 3).mass == 0 && p2_world_body(&w, 2).mass == 2);

    struct p2_journey j;
    struct p2_journey_task t;
    p2_journey_begin(&j, &w, (const uint8_t[16]){1, 2, 255}, 1);
    assert_string_equal(j.name, "0102ff00000000000000000000000000");
    p2_journey_next(&j, w.steps, true, &t);
    size_t size = compute(&t);
    assert_true(p2_journey_took(&j, result, size));
    json_t *root = p2_world_write(&w, result, size);
    assert_non_null(root);
    assert_int_equal(json_integer_value(json_object_get(root, "step")), 30);
    json_t *objects = json_object_get(root, "objects"), *pairs = json_object_get(root, "collisions");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(objects, 1), "id")), 7);
    assert_int_equal(json_array_size(pairs), 1);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(pairs, 0), 1)), 7); // the ball lies on the plane
    struct p2_world again;
    char *text = json_dumps(root, 0);
    if (!read_text(text, &again, reason, sizeof reason)) fail_msg("%s", reason);
    struct physics_body one = p2_world_body(&again, 2), other = p2_world_body(&w, 2);
    assert_memory_equal(one.position, other.position, sizeof one.position);
    free(text);
    json_decref(root);
    p2_world_free(&again);
    p2_world_free(&w);
}

static void wrong_worlds_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"[]", "JSON object"},
        {"{}", "objects"},
        {"{\"objects\": {}}", "objects"},
        {"{\"objects\": [3]}", "object 0 is no object"},
        {"{\"objects\": [{}, {\"mas\": 1}]}", "object 1: there is no \"mas\""},
        {"{\"objects\": [{\"type\": \"cone\"}]}", "type"},
        {"{\"objects\": [{\"type\": 4}]}", "type"},
        {"{\"objects\": [{\"position\": [1, 2]}]}", "position"},
        {"{\"objects\": [{\"position\": [1, 2, \"3\"]}]}", "position"},
        {"{\"objects\": [{\"velocity\": [1e30, 0, 0]}]}", "velocity"},
        {"{\"objects\": [{\"orientation\": [0, 0, 0, 0]}]}", "orientation"},
        {"{\"objects\": [{\"radius\": 0}]}", "radius"},
        {"{\"objects\": [{\"mass\": -1}]}", "mass"},
        {"{\"objects\": [{\"mass\": 1e-9}]}", "mass"},
        {"{\"objects\": [{\"type\": \"box\", \"half_extents\": [1, 1, 0]}]}", "half_extents"},
        {"{\"objects\": [{\"type\": \"plane\", \"normal\": [0, 0, 0]}]}", "normal"},
        {"{\"objects\": [{\"static\": 1}]}", "static"},
        {"{\"objects\": [{\"id\": 1}, {\"id\": 1}]}", "the id 1"},
        {"{\"objects\": [{}], \"timestep\": 1}", "timestep"},
        {"{\"objects\": [{}], \"num_steps\": 0}", "num_steps"},
        {"{\"objects\": [{}], \"gravity\": 9.81}", "gravity"},
        {"{\"objects\": [{}], \"joints\": 1}", "joints"},
        {"{\"objects\": [{}, {}], \"joints\": [{\"a\": 0}]}", "joint 0: b"},
        {"{\"objects\": [{}, {}], \"joints\": [{\"a\": 0, \"b\": 0}]}", "one body"},
        {"{\"objects\": [{}, {}], \"joints\": [{\"a\": 0, \"b\": 1, \"length\": -1}]}", "length"},
        {"{\"objects\": [{}], \"colour\": 1}", "colour"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct p2_world w;
        char reason[256] = "";
        if (read_text(cases[i].text, &w, reason, sizeof reason) || !strstr(reason, cases[i].says))
            fail_msg("case %zu: %s", i, reason);
    }
}

// The fourth task finds no world any more, after one whole one and one that was not: it carries the whole one, and
// makes up for what came since.
static void a_lost_world_is_made_up_for(void **state) {
    (void)state;
    struct p2_world w;
    char reason[256];
    if (!read_text(scene, &w, reason, sizeof reason)) fail_msg("%s", reason);
    struct p2_journey j;
    struct p2_journey_task t;
    p2_journey_begin(&j, &w, (const uint8_t[16]){0}, 2);
    p2_journey_next(&j, 5, false, &t);
    assert_non_null(t.payload);
    assert_string_equal(t.values[7], "state");
    struct p2_journey_task first = t;
    assert_true(p2_journey_took(&j, result, compute(&first)));
    assert_int_equal(j.step, 5);
    assert_int_equal(j.whole_step, 0);

    p2_journey_next(&j, 5, false, &t); // kept; nothing is sent
    assert_null(t.payload);
    assert_string_equal(t.values[7], "full");
    assert_string_equal(t.names[9], "step");
    assert_string_equal(t.values[9], "5");
    p2_journey_lost(&j);
    p2_journey_next(&j, 5, false, &t);
    assert_non_null(t.payload);
    assert_int_equal(t.count, 9);
    assert_string_equal(t.values[3], "10");
    assert_true(p2_journey_took(&j, result, compute(&t)));
    assert_int_equal(j.step, 10);
    assert_int_equal(j.whole_step, 10);
    assert_int_equal(p2_world_head(&w).step_low, 10);
    p2_world_free(&w);
}

static void results_are_strangers_bytes(void **state) {
    (void)state;
    struct p2_world w;
    char reason[256];
    if (!read_text(scene, &w, reason, sizeof reason)) fail_msg("%s", reason);
    struct p2_journey j;
    struct p2_journey_task t;
    for (uint32_t every = 1; every <= 2; every++) { // full, state
        p2_journey_begin(&j, &w, (const uint8_t[16]){0}, every);
        p2_journey_next(&j, 1, false, &t);
        size_t size = compute(&t);
        struct physics_result head;
        for (size_t cut = 0; cut < size; cut++) assert_false(p2_world_look(&w, result, cut, &head));
        assert_true(p2_world_look(&w, result, size, &head));
        assert_false(p2_world_look(&w, result, size + 1, &head));
        for (size_t at = 0; at < 20; at++) { // magic to the number of pairs
            result[at] ^= 0x80;
            bool good = p2_world_look(&w, result, size, &head);
            if (good) assert_int_equal(head.content, PHYSICS_FULL); // whose pairs say nothing about its size
            result[at] ^= 0x80;
        }
    }
    p2_world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worlds_are_read_and_written),
        cmocka_unit_test(wrong_worlds_are_refused),
        cmocka_unit_test(a_lost_world_is_made_up_for),
        cmocka_unit_test(results_are_strangers_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
