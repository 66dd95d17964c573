#include "msg/msg.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "testlib.h"

static void names(void **state) {
    (void)state;
    for (unsigned i = 0; i < P2_MSG_KINDS; i++) {
        const char *name = p2_msg_name((enum p2_msg_kind)i);
        if (i == 34 || i == 35) {
            assert_string_equal(name, "Unknown"); // no messages of version 1
            continue;
        }
        assert_string_not_equal(name, "Unknown");
        assert_true(isupper((unsigned char)name[0]));
        for (unsigned j = 0; j < i; j++) assert_string_not_equal(name, p2_msg_name((enum p2_msg_kind)j));
    }
    assert_string_equal(p2_msg_name(P2_MSG_TASK_SUBMIT), "TaskSubmit");
    assert_string_equal(p2_msg_name(P2_MSG_KINDS), "Unknown");
    assert_string_equal(p2_msg_name((enum p2_msg_kind)UINT32_MAX), "Unknown");
    assert_string_equal(p2_role_name(P2_ROLE_COORDINATOR), "coordinator");
    assert_string_equal(p2_role_name((enum p2_role)9), "unknown");
    assert_string_equal(p2_class_name((enum p2_class)9), "unknown");
    for (unsigned i = 0; i < P2_CLASSES; i++) {
        enum p2_class c = (enum p2_class)99;
        assert_true(p2_class_parse(p2_class_name((enum p2_class)i), &c));
        assert_int_equal(c, i);
    }
    enum p2_class c;
    assert_false(p2_class_parse("Realtime", &c));
    assert_false(p2_class_parse("", &c));
}

static void payloads(void **state) {
    (void)state;
    static const enum p2_msg_kind with[] = {P2_MSG_TASK_SUBMIT, P2_MSG_TASK_ASSIGN, P2_MSG_TASK_RESULT,
                                            P2_MSG_RESULT_DELIVERY, P2_MSG_CHUNK};
    unsigned found = 0;
    for (unsigned i = 0; i < P2_MSG_KINDS; i++) {
        struct p2_msg m = {.kind = (enum p2_msg_kind)i};
        struct p2_slice *s = p2_msg_payload(&m);
        bool expected = false;
        for (size_t k = 0; k < sizeof with / sizeof with[0]; k++) expected |= with[k] == m.kind;
        assert_int_equal(s != NULL, expected);
        found += s != NULL;
    }
    assert_int_equal(found, 5);
    struct p2_msg m = {.kind = P2_MSG_CHUNK};
    assert_ptr_equal(p2_msg_payload(&m), &m.u.chunk.payload);
}

static char line[4096];

static const char *describe(const struct p2_msg *m) {
    struct p2_strbuf out;
    p2_strbuf_init(&out, line, sizeof line);
    p2_msg_describe(m, &out);
    assert_null(strchr(line, '\n'));
    return line;
}

static void every_kind_has_a_line(void **state) {
    (void)state;
    for (unsigned i = 0; i < P2_MSG_KINDS; i++) {
        struct p2_msg m = {.kind = (enum p2_msg_kind)i, .stream = 7};
        char start[64];
        snprintf(start, sizeof start, "%s stream=7", p2_msg_name(m.kind));
        assert_int_equal(strncmp(describe(&m), start, strlen(start)), 0);
    }
}

static void a_submit_tells_its_story(void **state) {
    (void)state;
    const struct p2_param params[] = {
        {.name = p2_str("size"), .kind = P2_PARAM_INTS, .count = 2, .value.ints = {960, 540}},
        {.name = p2_str("scale"), .kind = P2_PARAM_REAL, .count = 1, .value.reals = {1.5}},
        {.name = p2_str("mode"), .kind = P2_PARAM_TEXT, .count = 1, .value.text = p2_str("fast\nid=\"0\"")},
    };
    struct p2_msg m = {.kind = P2_MSG_TASK_SUBMIT, .stream = 3};
    m.u.submit = (struct p2_msg_task_submit){
        .id = {{0xab, 1}},
        .type = p2_str("upscale"),
        .class_ = P2_CLASS_INTERACTIVE,
        .deadline_ns = 250 * P2_MS + 500 * P2_US,
        .payload_size = 200000,
        .raw_size = 65536,
        .params = {params, 3},
    };
    assert_string_equal(describe(&m), "TaskSubmit stream=3 id=ab010000000000000000000000000000 type=\"upscale\" "
                                      "class=interactive deadline=250.500ms payload=65536/200000 size=960,540 "
                                      "scale=1.5 mode=\"fast?id=?0?\"");
}

static void tokens_stay_untold(void **state) {
    (void)state;
    struct p2_msg m = {.kind = P2_MSG_GAMER_REGISTER};
    memset(m.u.gamer_register.session.b, 0xd5, 16);
    assert_null(strstr(describe(&m), "d5"));
    m = (struct p2_msg){.kind = P2_MSG_GAMER_REGISTERED};
    memset(m.u.gamer_registered.session.b, 0xd5, 16);
    assert_null(strstr(describe(&m), "d5"));
}

static void errors_are_named(void **state) {
    (void)state;
    struct p2_msg m = {.kind = P2_MSG_ERROR};
    m.u.error = (struct p2_msg_error){P2_ERR_OVERLOADED, true, 2 * P2_SEC, p2_str("busy")};
    assert_string_equal(describe(&m), "Error stream=0 code=Overloaded retryable sentence=\"busy\" retry_after=2000ms");
    char lengthy[300];
    memset(lengthy, 'x', sizeof lengthy);
    m.u.error.sentence = (struct p2_str){lengthy, sizeof lengthy};
    assert_non_null(strstr(describe(&m), "xxx...\""));
    assert_true(strlen(line) < 200);
}

static void kept_parameters_stand_alone(void **state) {
    (void)state;
    struct p2_blob_pool pool;
    p2_blob_pool_init(&pool, 1 << 20, 1 << 20);
    char name[] = "mode", text[] = "quality";
    struct p2_param items[] = {
        {.name = {name, 4}, .kind = P2_PARAM_TEXT, .count = 1, .value.text = {text, 7}},
        {.name = p2_str("axis"), .kind = P2_PARAM_REALS, .count = 3, .value.reals = {1, -2, 0.5}},
        {.name = p2_str("note"), .kind = P2_PARAM_TEXT, .count = 1},
    };
    struct p2_params kept;
    struct p2_blob *b = p2_params_keep(&pool, &(struct p2_params){items, 3}, &kept);
    assert_non_null(b);
    memset(name, '?', 4);
    memset(text, '?', 7);
    memset(items, 0xff, sizeof items);
    assert_int_equal(kept.count, 3);
    assert_true(p2_str_is(kept.items[0].name, "mode"));
    assert_true(p2_str_is(kept.items[0].value.text, "quality"));
    assert_float_equal(kept.items[1].value.reals[2], 0.5, 0);
    assert_int_equal(kept.items[2].value.text.n, 0);
    const uint8_t *end = b->data + b->size;
    assert_ptr_equal(kept.items[2].name.p + 4, end); // it is all in the blob
    p2_blob_unref(b);
    p2_blob_pool_deinit(&pool);
}

static void keeping_may_fail(void **state) {
    (void)state;
    struct p2_blob_pool pool;
    struct p2_params kept = {(const struct p2_param *)line, 5};
    struct p2_param item = {.name = p2_str("a"), .kind = P2_PARAM_INT, .count = 1};
    p2_blob_pool_init(&pool, 64, 0);
    assert_null(p2_params_keep(&pool, &(struct p2_params){&item, 1}, &kept)); // over budget
    assert_int_equal(kept.count, 0);
    assert_null(kept.items);
    p2_blob_pool_deinit(&pool);
    p2_blob_pool_init(&pool, 1 << 20, 0);
    kept.count = 5;
    assert_null(p2_params_keep(&pool, &(struct p2_params){NULL, 0}, &kept));
    assert_int_equal(kept.count, 0);
    kept.count = 5;
    t_alloc_fail_at(1);
    struct p2_blob *b = p2_params_keep(&pool, &(struct p2_params){&item, 1}, &kept);
    assert_non_null(b); // the pool tries twice
    assert_true(t_alloc_failed());
    p2_blob_unref(b);
    t_alloc_reset();
    item = (struct p2_param){.kind = P2_PARAM_TEXT, .count = 1, .value.text = {line, UINT32_MAX}};
    assert_null(p2_params_keep(&pool, &(struct p2_params){&item, 1}, &kept)); // its size does not overflow
    p2_blob_pool_deinit(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(payloads),
        cmocka_unit_test(every_kind_has_a_line),
        cmocka_unit_test(a_submit_tells_its_story),
        cmocka_unit_test(tokens_stay_untold),
        cmocka_unit_test(errors_are_named),
        cmocka_unit_test(kept_parameters_stand_alone),
        cmocka_unit_test(keeping_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
