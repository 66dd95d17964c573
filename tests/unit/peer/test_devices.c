// What the executor's list says, and which devices are chosen from it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> // needs the above

#include "peer/shell/devices.h"

#define LINE(index, more)                                                                                              \
    "{\"index\":" index ",\"kind\":\"gpu\",\"name\":\"n\",\"driver\":\"d\",\"memory_bytes\":5," more "}"

static char text[512];
static struct p2_strbuf why;

static int begin(void **state) {
    (void)state;
    p2_strbuf_init(&why, text, sizeof text);
    return 0;
}

static void lists_what_the_executor_says(void **state) {
    (void)state;
    char raw[4096];
    struct seats s;
    struct devices_source from = {getenv("P2C2R_CHILD_FIXTURE"), NULL, raw, sizeof raw};
    assert_true(devices_list(&from, &s, &why));
    assert_int_equal(s.count, 2);
    assert_string_equal(s.all[0].argument, "0");
    assert_int_equal(s.all[0].device.kind, P2_DEVICE_GPU);
    assert_string_equal(s.all[0].device.name, "A \"card\"");
    assert_int_equal(s.all[0].device.memory_bytes, 1 << 20);
    assert_int_equal(s.all[1].device.slots, WORKER_SLOTS_MAX); // not 64
    assert_non_null(strstr(raw, "\n{\"index\":1"));
    from.program = "/nonexistent/program";
    assert_false(devices_list(&from, &s, &why));
    assert_non_null(strstr(text, "/nonexistent/program"));
}

static void refuses_lines_that_are_none(void **state) {
    (void)state;
    struct seat s;
    assert_true(devices_parse(LINE("3", "\"compute_units\":1,\"slots\":1"), &s));
    assert_string_equal(s.argument, "3");
    assert_false(devices_parse("", &s));
    assert_false(devices_parse("[]", &s));
    assert_false(devices_parse("PoCL says hello", &s));
    assert_false(devices_parse(LINE("-1", "\"compute_units\":1,\"slots\":1"), &s));
    assert_false(devices_parse(LINE("1000", "\"compute_units\":1,\"slots\":1"), &s));
    assert_false(devices_parse(LINE("0", "\"compute_units\":1,\"slots\":0"), &s));
    assert_false(devices_parse(LINE("0", "\"compute_units\":1"), &s));
    assert_false(devices_parse(LINE("\"0\"", "\"compute_units\":1,\"slots\":1"), &s));
}

static void chooses(void **state) {
    (void)state;
    struct seats listed = {.count = 2}, s;
    memcpy(listed.all[0].argument, "0", 2);
    memcpy(listed.all[1].argument, "1", 2);
    listed.all[0].device.slots = listed.all[1].device.slots = 2;
    assert_true(devices_select("all", &listed, 0, &s, &why));
    assert_int_equal(s.count, 2);
    assert_int_equal(s.all[1].device.slots, 2);
    assert_true(devices_select("1", &listed, 5, &s, &why));
    assert_int_equal(s.count, 1);
    assert_string_equal(s.all[0].argument, "1");
    assert_int_equal(s.all[0].device.slots, 5);
    assert_true(devices_select("fake,1,0", &listed, 0, &s, &why));
    assert_int_equal(s.count, 3);
    assert_int_equal(s.all[0].device.kind, P2_DEVICE_FAKE);
    assert_string_equal(s.all[2].argument, "0");
    const struct seats nothing = {.count = 0};
    assert_true(devices_select("fake", &nothing, 0, &s, &why));
    assert_true(devices_only_fake("fake"));
    assert_false(devices_only_fake("fake,0"));
    static const char *const wrong[] = {"2", "", "0,", ",0", "0,0", "fake,fake", "01", "all,0", "0 ,1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        begin(state);
        assert_false(devices_select(wrong[i], &listed, 0, &s, &why));
        assert_true(why.size > 0);
    }
}

static void says_what_to_install_when_there_is_none(void **state) {
    (void)state;
    const struct seats nothing = {.count = 0};
    struct seats s;
    assert_false(devices_select("all", &nothing, 0, &s, &why));
    assert_non_null(strstr(text, "pocl-opencl-icd"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lists_what_the_executor_says, begin),
        cmocka_unit_test_setup(refuses_lines_that_are_none, begin),
        cmocka_unit_test_setup(chooses, begin),
        cmocka_unit_test_setup(says_what_to_install_when_there_is_none, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
