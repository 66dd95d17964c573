#include "os/log.h"

#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "os/log_line.h"
#include "testlib.h"

#define HEAD "ts=2009-02-13T23:31:30.123Z level=info program=prog event=thing_done"

static char line[P2_LOG_LINE_MAX + 1];
static struct p2_log_text fields;

__attribute__((format(printf, 2, 3))) static const char *render(enum p2_log_format format, const char *text, ...) {
    va_list args;
    va_start(args, text);
    p2_log_expand(&fields, text, args);
    va_end(args);
    struct p2_strbuf out;
    p2_strbuf_init(&out, line, sizeof line);
    struct p2_log_head head = {"prog", "thing_done", P2_LOG_INFO, INT64_C(1234567890123456789)};
    p2_log_line(&out, format, &head, &fields);
    assert_false(out.cut);
    assert_int_equal(line[out.size - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + out.size - 1); // one line, whatever is in it
    line[out.size - 1] = 0;
    return line;
}

static json_t *render_json_of(const char *text) {
    json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    return o;
}

static void logfmt_lines(void **state) {
    (void)state;
    enum p2_log_format f = P2_LOG_LOGFMT;
    assert_string_equal(render(f, "peer=%d name=\"%s\"", 7, "x y"), HEAD " peer=7 name=\"x y\"");
    assert_string_equal(render(f, "a=%5.2f b=%s", 1.5, "plain"), HEAD " a=\" 1.50\" b=plain");
    assert_string_equal(render(f, "a=\"b c\" d"), HEAD " a=\"b c\" d=true");
    assert_string_equal(render(f, "a= b=\"\""), HEAD " a=\"\" b=\"\"");
    assert_string_equal(render(f, "  a=1   b=2 "), HEAD " a=1 b=2");
    assert_string_equal(render(f, "share=%d%%", 50), HEAD " share=50%");
    assert_string_equal(render(f, "%s=%d", "odd key", 1), HEAD " odd=true key=1");
    struct p2_log_head head = {"prog", "thing_done", P2_LOG_INFO, INT64_C(1234567890123456789)};
    struct p2_strbuf out;
    p2_strbuf_init(&out, line, sizeof line);
    fields.size = 0;
    p2_log_line(&out, f, &head, &fields);
    assert_string_equal(line, HEAD "\n");
}

// What a remote chose may not look like anything but a value.
static void values_cannot_break_out(void **state) {
    (void)state;
    enum p2_log_format f = P2_LOG_LOGFMT;
    const char *evil = "x\" level=error a=\"1\nts=0 %s%n \\ \x1b[2J\x7f\xc2\x9b";
    const char *safe = "\"x\\\" level=error a=\\\"1\\nts=0 %s%n \\\\ \\u001b[2J\\u007f\\ufffd\\ufffd\"";
    char wanted[256];
    snprintf(wanted, sizeof wanted, HEAD " name=%s next=1", safe);
    assert_string_equal(render(f, "name=\"%s\" next=%d", evil, 1), wanted);
    assert_string_equal(render(f, "name=%s next=%d", evil, 1), wanted); // also where the quotes were forgotten
    json_t *o = render_json_of(render(P2_LOG_JSON, "name=\"%s\" next=%d", evil, 1));
    assert_string_equal(json_string_value(json_object_get(o, "level")), "info");
    assert_int_equal(json_object_size(o), 6);
    json_decref(o);
}

static void text_stays_utf8(void **state) {
    (void)state;
    enum p2_log_format f = P2_LOG_LOGFMT;
    assert_string_equal(render(f, "a=%s", "h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
                        HEAD " a=\"h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
    static const char *const broken[] = {
        "\xff",    "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
        "\xe2\x82"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_non_null(strstr(render(f, "a=%s", broken[i]), "a=\"\\ufffd"));
        json_decref(render_json_of(render(P2_LOG_JSON, "a=%s", broken[i])));
    }
}

static void json_lines(void **state) {
    (void)state;
    assert_string_equal(render(P2_LOG_JSON, "n=%d x=%.1f ok=%s id=%s z=\"%d\" hex=%x", -3, 2.5, "true", "0012", 4, 255),
                        "{\"ts\":\"2009-02-13T23:31:30.123Z\",\"level\":\"info\",\"program\":\"prog\","
                        "\"event\":\"thing_done\",\"n\":-3,\"x\":2.5,\"ok\":true,\"id\":\"0012\",\"z\":\"4\","
                        "\"hex\":\"ff\"}");
    json_t *o = render_json_of(
        render(P2_LOG_JSON, "id=%s big=%llu exp=%g bad=%f neg=%s", "12345", 1ull << 62, 1e300, (double)INFINITY, "-"));
    assert_true(json_is_string(json_object_get(o, "id"))); // digits that are a name stay one
    assert_true(json_is_number(json_object_get(o, "exp")));
    assert_true(json_is_string(json_object_get(o, "bad")));
    json_decref(o);
}

static void a_list_put_in_whole_is_read(void **state) {
    (void)state;
    assert_string_equal(render(P2_LOG_LOGFMT, "%s", "task=7 why=\"too late\" bad=a\"b"),
                        HEAD " task=7 why=\"too late\" bad=\"a\\\"b\"");
    json_t *o = render_json_of(render(P2_LOG_JSON, "%s n=%d", "task=7 why=\"too late\"", 1));
    assert_string_equal(json_string_value(json_object_get(o, "why")), "too late");
    assert_int_equal(json_integer_value(json_object_get(o, "task")), 7);
    json_decref(o);
}

static void conversions_are_those_of_printf(void **state) {
    (void)state;
    char wanted[512];
    signed char hh = -3;
    short h = -300;
#define SAME(...)                                                                                                      \
    do {                                                                                                               \
        snprintf(wanted, sizeof wanted, __VA_ARGS__);                                                                  \
        render(P2_LOG_LOGFMT, __VA_ARGS__);                                                                            \
        assert_int_equal(fields.size, strlen(wanted));                                                                 \
        assert_memory_equal(fields.text, wanted, fields.size);                                                         \
    } while (0)
    SAME("a=%hhd b=%hd c=%d d=%ld e=%lld f=%jd g=%zd h=%td", hh, h, -5, -6l, -7ll, (intmax_t)-8, (ssize_t)-9,
         (ptrdiff_t)4);
    SAME("a=%hhu b=%hu c=%u d=%lu e=%llu f=%ju g=%zu", (unsigned char)255, (unsigned short)65535, 1u, ~0ul, ~0ull,
         (uintmax_t)1, sizeof h);
    SAME("a=%-8sb c=%+d d=%05d e=%#x f=%X g=%o h=% d", "xy", 5, 42, 255u, 255u, 8u, 3);
    SAME("a=%*d b=%-*d c=%.*s d=%.3s e=%*s", 6, 1, 6, 2, 2, "abcdef", "abcdef", -4, "z");
    SAME("a=%c b=%p c=%e d=%g e=%.0f f=%a g=%%", 'x', (void *)wanted, 12.5, 1e-9, 2.5, 1.0);
    SAME("a=%.*d", -1, 5);
    SAME("none");
#undef SAME
    assert_int_equal(strncmp(render(P2_LOG_LOGFMT, "a=%.3s", "abc"), HEAD, strlen(HEAD)), 0);
}

static void too_much_is_cut_at_a_field(void **state) {
    (void)state;
    static char lengthy[6000];
    memset(lengthy, 'x', sizeof lengthy - 1);
    assert_string_equal(render(P2_LOG_LOGFMT, "a=1 b=%s c=2", lengthy), HEAD " a=1 cut=true");
    memset(lengthy + 1000, '\n', 1000); // fits before it is escaped and quoted, not after
    lengthy[3900] = 0;
    json_t *o = render_json_of(render(P2_LOG_JSON, "a=1 b=%s c=2", lengthy));
    assert_true(json_is_true(json_object_get(o, "cut")));
    assert_null(json_object_get(o, "b"));
    json_decref(o);
    lengthy[1000] = 0;
    o = render_json_of(render(P2_LOG_JSON, "a=%s b=%s c=%s d=%s", lengthy, lengthy, lengthy, lengthy));
    assert_int_equal(json_object_size(o), 4 + 3 + 1);
    json_decref(o);
}

static void the_gate(void **state) {
    (void)state;
    struct p2_log_gate g = {0};
    uint64_t lost;
    p2_ns t = -5; // a clock may start anywhere
    for (int i = 0; i < 1000; i++) {
        assert_true(p2_log_gate_pass(&g, t + i, &lost));
        assert_int_equal(lost, 0);
    }
    for (int i = 0; i < 30; i++) assert_false(p2_log_gate_pass(&g, t + 1000, &lost));
    assert_false(p2_log_gate_pass(&g, t + P2_SEC - 1, &lost));
    assert_int_equal(lost, 0);
    assert_true(p2_log_gate_pass(&g, t + P2_SEC, &lost));
    assert_int_equal(lost, 31);
    assert_true(p2_log_gate_pass(&g, t + P2_SEC, &lost));
    assert_int_equal(lost, 0);
}

static void levels(void **state) {
    (void)state;
    enum p2_log_level level;
    assert_true(p2_log_level_parse("debug", &level));
    assert_int_equal(level, P2_LOG_DEBUG);
    assert_false(p2_log_level_parse("Debug", &level));
    assert_false(p2_log_level_parse("", &level));
    p2_log_setup("prog", P2_LOG_LOGFMT, P2_LOG_WARN);
    assert_true(p2_log_on(P2_LOG_ERROR));
    assert_true(p2_log_on(P2_LOG_WARN));
    assert_false(p2_log_on(P2_LOG_INFO));
}

static void on_stderr(void **state) {
    (void)state;
    p2_log_setup("prog", P2_LOG_JSON, P2_LOG_INFO);
    t_capture_begin(2);
    p2_log(P2_LOG_DEBUG, "unseen", "a=1");
    p2_log(P2_LOG_WARN, "seen", "text=\"%s\" n=%d", "100%s", 5);
    char *out = t_capture_end(2);
    json_t *o = render_json_of(out); // one line and no more
    assert_string_equal(json_string_value(json_object_get(o, "event")), "seen");
    assert_string_equal(json_string_value(json_object_get(o, "text")), "100%s");
    assert_string_equal(json_string_value(json_object_get(o, "level")), "warn");
    assert_int_equal(json_integer_value(json_object_get(o, "n")), 5);
    json_decref(o);
    free(out);
}

static void *log_some(void *arg) {
    for (int i = 0; i < 100; i++) p2_log(P2_LOG_INFO, "threaded", "who=%s i=%d", (const char *)arg, i);
    return NULL;
}

static void threads_do_not_mix_lines(void **state) {
    (void)state;
    p2_log_setup("prog", P2_LOG_LOGFMT, P2_LOG_INFO);
    pthread_t threads[3];
    static char names[3][2] = {"a", "b", "c"};
    t_capture_begin(2);
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, log_some, names[i]), 0);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    char *out = t_capture_end(2), *rest = out;
    int lines = 0;
    for (char *l; (l = strsep(&rest, "\n")) && *l; lines++) {
        assert_int_equal(strncmp(l, "ts=", 3), 0);
        assert_non_null(strstr(l, "program=prog event=threaded who="));
    }
    assert_int_equal(lines, 300);
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logfmt_lines),
        cmocka_unit_test(values_cannot_break_out),
        cmocka_unit_test(text_stays_utf8),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(a_list_put_in_whole_is_read),
        cmocka_unit_test(conversions_are_those_of_printf),
        cmocka_unit_test(too_much_is_cut_at_a_field),
        cmocka_unit_test(the_gate),
        cmocka_unit_test(levels),
        cmocka_unit_test(on_stderr),
        cmocka_unit_test(threads_do_not_mix_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
