#include "base/param.h"

#include <math.h>
#include <string.h>

#include "cmocka_all.h"

static const char *const modes[] = {"fast", "balanced", "quality", NULL};
static const struct p2_param_spec table[] = {
    {.name = "size", .kind = P2_PARAM_INTS, .count = 2, .required = true, .min = 1, .max = 16384, .unit = "px"},
    {.name = "scale", .kind = P2_PARAM_REAL, .min = 1, .max = 4, .fallback = "2"},
    {.name = "mode", .kind = P2_PARAM_TEXT, .choices = modes},
    {.name = "note", .kind = P2_PARAM_TEXT},
    {.name = "seed", .kind = P2_PARAM_INT, .min = -0x1p63, .max = 0x1p53},
    {.name = "axis", .kind = P2_PARAM_REALS, .count = 3, .min = -2, .max = 2},
    {.name = NULL},
};

static char why_storage[256];
static struct p2_strbuf why;

static const struct p2_param_spec *spec(const char *name) {
    const struct p2_param_spec *s = table;
    while (strcmp(s->name, name) != 0) s++;
    return s;
}

static enum p2_err parse(const char *name, const char *text, struct p2_param *out) {
    p2_strbuf_init(&why, why_storage, sizeof why_storage);
    return p2_param_parse(spec(name), text, out, &why);
}

static enum p2_err check(const struct p2_param *items, uint32_t count) {
    p2_strbuf_init(&why, why_storage, sizeof why_storage);
    return p2_params_check(&(struct p2_params){items, count}, table, &why);
}

static void command_line_forms(void **state) {
    (void)state;
    struct p2_param p;
    assert_int_equal(parse("size", "960x540", &p), P2_OK);
    assert_int_equal(p.count, 2);
    assert_int_equal(p.value.ints[0], 960);
    assert_int_equal(p.value.ints[1], 540);
    assert_true(p2_str_is(p.name, "size"));
    assert_int_equal(parse("size", "1,2", &p), P2_OK);
    assert_int_equal(parse("scale", "1.5", &p), P2_OK);
    assert_float_equal(p.value.reals[0], 1.5, 0);
    assert_int_equal(parse("scale", "25e-1", &p), P2_OK);
    assert_int_equal(parse("axis", "0,1.5,-2", &p), P2_OK);
    assert_float_equal(p.value.reals[2], -2, 0);
    assert_int_equal(parse("mode", "quality", &p), P2_OK);
    assert_true(p2_str_is(p.value.text, "quality"));
    assert_int_equal(parse("note", "", &p), P2_OK);
    assert_int_equal(parse("seed", "-9223372036854775808", &p), P2_OK);
    assert_int_equal(p.value.ints[0], INT64_MIN);
    assert_int_equal(parse("seed", "+7", &p), P2_OK);
}

static void command_line_refusals(void **state) {
    (void)state;
    static const struct {
        const char *name, *text;
    } wrong[] = {
        {"size", "960"},
        {"size", "960x540x2"},
        {"size", "960x"},
        {"size", "x540"},
        {"size", "960 x540"},
        {"size", "0x540"},
        {"size", "16385x1"},
        {"size", ""},
        {"size", "1.5x2"},
        {"scale", ""},
        {"scale", "nan"},
        {"scale", "inf"},
        {"scale", "0.99"},
        {"scale", "4.01"},
        {"scale", "2 "},
        {"scale", " 2"},
        {"scale", "1e999"},
        {"scale", "2,2"},
        {"scale", "--2"},
        {"scale", "e"},
        {"axis", "0,1"},
        {"axis", "0,1,3"},
        {"axis", "0,1,2,0"},
        {"axis", "0,,1"},
        {"mode", "best"},
        {"mode", ""},
        {"mode", "FAST"},
        {"seed", "9223372036854775808"},
        {"seed", "12a"},
        {"seed", "-"},
        {"seed", "0x10"},
        {"seed", "9007199254740993"},
        {"seed", "99999999999999999999999999999999999999999999999999999999999999999999999999"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct p2_param p;
        assert_int_equal(parse(wrong[i].name, wrong[i].text, &p), P2_ERR_BAD_PARAMETER);
        assert_non_null(strstr(why.text, wrong[i].name)); // the sentence names the parameter
    }
    struct p2_param p;
    char text[P2_PARAM_TEXT_MAX + 2];
    memset(text, 'a', sizeof text);
    text[P2_PARAM_TEXT_MAX + 1] = 0;
    assert_int_equal(parse("note", text, &p), P2_ERR_BAD_PARAMETER);
    text[P2_PARAM_TEXT_MAX] = 0;
    assert_int_equal(parse("note", text, &p), P2_OK);
}

static void sentences(void **state) {
    (void)state;
    struct p2_param p;
    parse("mode", "best", &p);
    assert_string_equal(why.text, "parameter mode must be one of fast, balanced, quality");
    parse("size", "0x540", &p);
    assert_string_equal(why.text, "parameter size must be from 1 to 16384 px");
    parse("axis", "1", &p);
    assert_string_equal(why.text, "parameter axis must be 3 numbers");
    assert_int_equal(check(NULL, 0), P2_ERR_BAD_PARAMETER);
    assert_string_equal(why.text, "parameter size is missing");
}

static void lists_are_checked(void **state) {
    (void)state;
    struct p2_param good[3], bad[3];
    parse("size", "2x3", &good[0]);
    parse("scale", "2", &good[1]);
    parse("mode", "fast", &good[2]);
    assert_int_equal(check(good, 3), P2_OK);
    assert_int_equal(check(good, 1), P2_OK);
    assert_int_equal(check(good + 1, 2), P2_ERR_BAD_PARAMETER); // size is missing
    struct p2_params ps = {good, 3};
    assert_ptr_equal(p2_params_find(&ps, "mode"), &good[2]);
    assert_null(p2_params_find(&ps, "mod"));

    memcpy(bad, good, sizeof bad);
    bad[1] = good[0];
    assert_int_equal(check(bad, 3), P2_ERR_BAD_PARAMETER);
    assert_string_equal(why.text, "parameter given twice: size");
    memcpy(bad, good, sizeof bad);
    bad[2].name = p2_str("mo\nde\"\x01");
    assert_int_equal(check(bad, 3), P2_ERR_BAD_PARAMETER);
    assert_string_equal(why.text, "unknown parameter: mo?de??"); // nothing of a remote's that could break a line
    memcpy(bad, good, sizeof bad);
    bad[1].kind = P2_PARAM_INT;
    assert_int_equal(check(bad, 3), P2_ERR_BAD_PARAMETER);
    memcpy(bad, good, sizeof bad);
    bad[0].count = 1;
    assert_int_equal(check(bad, 3), P2_ERR_BAD_PARAMETER);
    bad[0].count = UINT32_MAX;
    assert_int_equal(check(bad, 3), P2_ERR_BAD_PARAMETER);
    bad[0] = good[0];
    bad[0].value.ints[1] = 0;
    assert_int_equal(check(bad, 3), P2_ERR_BAD_PARAMETER);
    memcpy(bad, good, sizeof bad);
    bad[1].value.reals[0] = NAN;
    assert_int_equal(check(bad, 3), P2_ERR_BAD_PARAMETER);
    bad[1].value.reals[0] = INFINITY;
    assert_int_equal(check(bad, 3), P2_ERR_BAD_PARAMETER);
    bad[1].kind = (enum p2_param_kind)99;
    assert_int_equal(check(bad, 3), P2_ERR_BAD_PARAMETER);
    static struct p2_param many[P2_PARAMS_MAX + 1];
    assert_int_equal(check(many, P2_PARAMS_MAX + 1), P2_ERR_BAD_PARAMETER);
}

static void whole_numbers_beyond_doubles(void **state) {
    (void)state;
    struct p2_param p;
    assert_int_equal(parse("seed", "9007199254740992", &p), P2_OK); // 2^53, the maximum
    assert_int_equal(parse("seed", "9007199254740993", &p), P2_ERR_BAD_PARAMETER);
}

static void values_as_given_or_by_default(void **state) {
    (void)state;
    const struct p2_param_spec mode = {.name = "mode", .kind = P2_PARAM_TEXT, .choices = modes, .fallback = modes[1]};
    const struct p2_param_spec count = {.name = "count", .kind = P2_PARAM_INT, .count = 1, .max = 99, .fallback = "8"};
    const struct p2_params none = {NULL, 0};
    struct p2_param out = {.count = 7};
    assert_false(p2_param_value(&none, spec("seed"), &out)); // absent, and there is no default
    assert_int_equal(out.count, 7);
    assert_int_equal(p2_param_int(&none, spec("seed")), 0);
    assert_int_equal(p2_param_choice(&none, spec("mode")), -1);
    assert_int_equal(p2_param_int(&none, &count), 8);
    assert_float_equal(p2_param_real(&none, spec("scale")), 2, 0);
    assert_int_equal(p2_param_choice(&none, &mode), 1);
    const struct p2_param items[] = {
        {.name = p2_str("count"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {3}},
        {.name = p2_str("scale"), .kind = P2_PARAM_REAL, .count = 1, .value.reals = {1.5}},
        {.name = p2_str("mode"), .kind = P2_PARAM_TEXT, .count = 1, .value.text = p2_str(modes[0])},
    };
    const struct p2_params given = {items, 3};
    assert_int_equal(p2_param_int(&given, &count), 3);
    assert_float_equal(p2_param_real(&given, spec("scale")), 1.5, 0);
    assert_int_equal(p2_param_choice(&given, &mode), 0);
    assert_true(p2_param_value(&given, &mode, &out));
    assert_true(p2_str_is(out.value.text, modes[0]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_line_forms),
        cmocka_unit_test(command_line_refusals),
        cmocka_unit_test(sentences),
        cmocka_unit_test(lists_are_checked),
        cmocka_unit_test(whole_numbers_beyond_doubles),
        cmocka_unit_test(values_as_given_or_by_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
