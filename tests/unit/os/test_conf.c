// Values, where they come from and what is refused.
#include "os/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "conf_fixture.h"
#include "os/conf_internal.h"
#include "testlib.h"

static struct settings s;

static int no_environment(void **state) {
    (void)state;
    for (const struct p2_option *o = options; o->name; o++) {
        char name[P2_CONF_NAME_MAX];
        p2_conf_env_name(o, name);
        unsetenv(name);
    }
    memset(&s, 0xee, sizeof s);
    return 0;
}

static int free_settings(void **state) {
    (void)state;
    p2_conf_free(&s);
    p2_conf_free(&s); // harmless
    return no_environment(NULL);
}

static void runs(const char *words) {
    struct ran r = run(words, &s);
    assert_string_equal(r.err, "");
    assert_string_equal(r.out, "");
    assert_int_equal(r.outcome, P2_CONF_RUN);
    ran_free(&r);
}

// Refused, with `sentence` somewhere on stderr and nothing on stdout.
static void refused(const char *words, const char *sentence) {
    struct ran r = run(words, &s);
    assert_int_equal(r.outcome, P2_CONF_EXIT_USAGE);
    assert_string_equal(r.out, "");
    assert_int_equal(strncmp(r.err, "p2-test: ", 9), 0);
    if (!strstr(r.err, sentence)) fail_msg("\"%s\" is not in \"%s\"", sentence, r.err);
    ran_free(&r);
}

static void file(const char *text) { t_write(t_path("conf.json"), text, strlen(text)); }

static const char *with_file(const char *words) {
    static char line[2048];
    snprintf(line, sizeof line, "--config %s %s", t_path("conf.json"), words);
    return line;
}

static void defaults(void **state) {
    (void)state;
    runs("");
    assert_string_equal(s.listen, "127.0.0.1:8765");
    assert_string_equal(s.mode, "fast");
    assert_null(s.cache);
    assert_int_equal(s.cells, 16);
    assert_float_equal(s.share, 0.5, 0);
    assert_int_equal(s.grace_ns, 5 * P2_SEC);
    assert_int_equal(s.memory, 0);
    assert_false(s.verbose);
    assert_true(s.nagle);
}

static void flags_in_all_their_forms(void **state) {
    (void)state;
    runs("--listen=a:1 -m careful -c-3 --share 0.25 --drain-grace=1.5s --memory 64KiB -v --no-nagle");
    assert_string_equal(s.listen, "a:1");
    assert_string_equal(s.mode, "careful");
    assert_int_equal(s.cells, -3);
    assert_float_equal(s.share, 0.25, 0);
    assert_int_equal(s.grace_ns, 1500 * P2_MS);
    assert_int_equal(s.memory, 65536);
    assert_true(s.verbose);
    assert_false(s.nagle);
    runs("-vl x --nagle --listen= --no-verbose"); // the last word counts
    assert_string_equal(s.listen, "");
    assert_false(s.verbose);
    assert_true(s.nagle);
    runs("--verbose=false --nagle=no --drain-grace 20");
    assert_false(s.verbose || s.nagle);
    assert_int_equal(s.grace_ns, 20 * P2_MS);
}

static void operands_are_left(void **state) {
    (void)state;
    struct ran r = run("in -v out --peer-cells 3", &s);
    assert_int_equal(r.outcome, P2_CONF_RUN);
    assert_int_equal(r.operand_count, 2);
    assert_string_equal(r.operands[0], "in");
    assert_string_equal(r.operands[1], "out");
    assert_int_equal(s.cells, 3);
    ran_free(&r);
    r = run("- -- -v", &s);
    assert_int_equal(r.operand_count, 2);
    assert_string_equal(r.operands[0], "-");
    assert_string_equal(r.operands[1], "-v");
    assert_false(s.verbose);
    ran_free(&r);
    refused("a b c", "\"c\" is one argument too many");
}

static void operands_may_be_required(void **state) {
    (void)state;
    struct p2_program strict = program;
    strict.operands_min = 1;
    strict.operands_max = -1;
    char name[] = "p", one[] = "1", two[] = "2", three[] = "3", **operands;
    char *argv[] = {name, one, two, three, NULL};
    int count;
    assert_int_equal(p2_conf_read(&strict, 4, argv, &s, &operands, &count), P2_CONF_RUN);
    assert_int_equal(count, 3);
    t_capture_begin(2);
    enum p2_conf_outcome outcome = p2_conf_read(&strict, 1, argv, &s, &operands, &count);
    char *err = t_capture_end(2);
    assert_int_equal(outcome, P2_CONF_EXIT_USAGE);
    assert_non_null(strstr(err, "something is missing"));
    free(err);
}

static void wrong_command_lines(void **state) {
    (void)state;
    refused("--lissen x", "unknown option --lissen; did you mean --listen?");
    refused("--frobnicate", "unknown option --frobnicate\n");
    refused("-x", "unknown option -x");
    refused("-vx", "unknown option -vx");
    refused("--listen", "--listen wants a value");
    refused("-c", "-c wants a value");
    refused("--no-listen", "unknown option --no-listen");
    refused("--help=1", "--help takes no value");
    refused("--verbose=perhaps", "verbose must be true or false");
    refused("--peer-cells 1.5", "peer-cells must be a whole number, not \"1.5\"");
    refused("--peer-cells 65", "peer-cells must be from -4 to 64, not \"65\"");
    refused("--peer-cells -5", "peer-cells must be from -4 to 64");
    refused("--peer-cells 9223372036854775808", "whole number");
    refused("--peer-cells=", "whole number");
    refused("--share 1.01", "share must be from 0 to 1");
    refused("--share nan", "share must be a number");
    refused("--share 0x1", "share must be a number");
    refused("--drain-grace 2h", "drain-grace must be from 1ms to 1h, not \"2h\"");
    refused("--drain-grace 5x", "drain-grace must be a time such as");
    refused("--drain-grace -5s", "drain-grace must be a time such as");
    refused("--memory 5kb", "memory must be a size such as");
    refused("--mode slow", "mode must be one of fast, careful, not \"slow\"");
    refused("--print-completion csh", "must be bash, zsh or fish");
    refused("--print-completion", "wants a value");
}

static void each_source_gives_way_to_the_next(void **state) {
    (void)state;
    file("{\"listen\": \"file\", \"peer-cells\": 1, \"share\": 0.125, \"drain-grace\": 250, \"memory\": \"8MiB\",\n"
         " \"verbose\": true, \"mode\": null}");
    setenv("P2C2R_PEER_CELLS", "2", 1);
    setenv("P2C2R_DRAIN_GRACE", "3s", 1);
    setenv("P2C2R_SHARE", "", 1); // empty is as if not set
    runs(with_file("--drain-grace 4s"));
    assert_string_equal(s.listen, "file");
    assert_string_equal(s.mode, "fast");
    assert_int_equal(s.cells, 2);
    assert_float_equal(s.share, 0.125, 0);
    assert_int_equal(s.grace_ns, 4 * P2_SEC);
    assert_int_equal(s.memory, 8 << 20);
    assert_true(s.verbose);
    setenv("P2C2R_PEER_CELLS", "99", 1); // the value read stays what it was
    assert_int_equal(s.cells, 2);
}

static void notes_are(const char *joined) {
    char text[256] = "";
    size_t n = 0;
    for (const struct p2_conf_item *i = s.notes; i; i = i->next)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s;", i->text);
    assert_string_equal(text, joined);
}

static void lists_keep_their_order_and_give_way_whole(void **state) {
    (void)state;
    runs("");
    notes_are("");
    runs("--note a=1 x -nb --note=c,d --note a=1");
    notes_are("a=1;b;c,d;a=1;");
    file("{\"note\": [\"of\", \"a file\"]}");
    runs(with_file(""));
    notes_are("of;a file;");
    setenv("P2C2R_NOTE", "x,y", 1);
    runs(with_file(""));
    notes_are("x,y;");
    runs(with_file("-n z"));
    notes_are("z;");
    unsetenv("P2C2R_NOTE");
    file("{\"note\": []}");
    runs(with_file(""));
    notes_are("");
    file("{\"note\": [\"a\", 3]}");
    refused(with_file(""), "note must be a list of texts");
    file("{\"note\": \"a\"}");
    refused(with_file(""), "note must be a list of texts");
    refused("--note", "--note wants a value");
}

static void environment_texts_are_copied(void **state) {
    (void)state;
    setenv("P2C2R_LISTEN", "from-env", 1);
    setenv("P2C2R_CACHE_FOLDER_WITH_A_LONG_NAME", "/c", 1);
    runs("");
    setenv("P2C2R_LISTEN", "changed!", 1);
    assert_string_equal(s.listen, "from-env");
    assert_string_equal(s.cache, "/c");
    p2_conf_free(&s);
    setenv("P2C2R_MODE", "slow", 1);
    refused("", "mode must be one of fast, careful, not \"slow\" (from P2C2R_MODE)");
    refused("--mode fast", "(from P2C2R_MODE)"); // wrong is wrong, also where it would not count
}

static void wrong_files(void **state) {
    (void)state;
    file("{\n  \"listen\": \"x\",\n  \"liste\": \"y\"\n}");
    refused(with_file(""), "conf.json:3: unknown key \"liste\"; did you mean \"listen\"?");
    file("{\"verbose\": true, \"mode\": \"unheard\",\n\"cache-folder-with-a-long-name\": \"{\\\"unheard\\\":\",\n\n"
         "\"unheard\": {\"unheard\": 1}}");
    refused(with_file(""), "conf.json:1: mode must be one of");
    file("{\"cache-folder-with-a-long-name\": \"{\\\"unheard\\\":\",\n\n\"unheard\"\n : {\"unheard\": [1]}}");
    refused(with_file(""), "conf.json:3: unknown key \"unheard\"");
    file("{\n\n\n\"\\u0075nheard\": 1}"); // the same key, written otherwise
    refused(with_file(""), "conf.json:4: unknown key \"unheard\"");
    file("{\n\"share\": 0.5,\n\"share\": 0.25}");
    refused(with_file(""), "conf.json:3: duplicate object key");
    file("{\n\"share\": 0.5,\n}");
    refused(with_file(""), "conf.json:3: ");
    file("[1]");
    refused(with_file(""), "not a JSON object");
    file("");
    refused(with_file(""), "conf.json:");
    file("{\n\"drain-grace\": \"2h\"}");
    refused(with_file(""), "conf.json:2: drain-grace must be from 1ms to 1h");
    refused("--config /none/such", "/none/such: there is no such file");
    refused("--config /", "/: cannot be read");
    static char large[P2_CONF_FILE_MAX + 1];
    memset(large, ' ', sizeof large);
    t_write(t_path("conf.json"), large, sizeof large);
    refused(with_file(""), "is larger than 1 MiB");
}

static void types_in_files(void **state) {
    (void)state;
    static const struct {
        const char *text, *sentence;
    } wrong[] = {
        {"{\"listen\": 5}", "listen must be a text in quotes"},
        {"{\"verbose\": 1}", "verbose must be true or false"},
        {"{\"verbose\": \"true\"}", "verbose must be true or false"},
        {"{\"peer-cells\": \"5\"}", "peer-cells must be a whole number, without quotes"},
        {"{\"peer-cells\": 5.5}", "peer-cells must be a whole number"},
        {"{\"peer-cells\": true}", "peer-cells must be a whole number"},
        {"{\"share\": []}", "share must be a number"},
        {"{\"drain-grace\": {}}", "drain-grace must be a time"},
        {"{\"memory\": -1}", "memory must be a size"},
        {"{\"memory\": 1.5}", "memory must be a size"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        file(wrong[i].text);
        refused(with_file(""), wrong[i].sentence);
        refused(with_file(""), "conf.json:1: ");
    }
    file("{\"share\": 1, \"drain-grace\": 1.5, \"memory\": 10}");
    runs(with_file(""));
    assert_float_equal(s.share, 1, 0);
    assert_int_equal(s.grace_ns, 1500 * P2_US);
    assert_int_equal(s.memory, 10);
}

static void nothing_points_at_what_is_freed(void **state) {
    (void)state;
    file("{\"listen\": \"kept\", \"unheard\": 1}");
    refused(with_file(""), "unheard");
    assert_string_equal(s.listen, "127.0.0.1:8765");
    static struct settings other;
    file("{\"listen\": \"one\"}");
    runs(with_file(""));
    struct ran r = run(with_file(""), &other);
    p2_conf_free(&other); // only its own
    assert_string_equal(s.listen, "one");
    ran_free(&r);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    file("{\"listen\": \"kept\"}");
    setenv("P2C2R_MODE", "careful", 1);
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        struct ran r = {0};
        char config[] = "--config", *path = strdup(t_path("conf.json")), name[] = "p";
        char *argv[] = {name, config, path, NULL};
        t_capture_begin(2);
        t_alloc_fail_at(n);
        r.outcome = p2_conf_read(&program, 3, argv, &s, &r.operands, &r.operand_count);
        failed = t_alloc_failed();
        t_alloc_reset();
        r.err = t_capture_end(2);
        assert_int_equal(r.outcome, failed ? P2_CONF_EXIT_USAGE : P2_CONF_RUN);
        assert_int_equal(r.err[0] != 0, failed);
        free(path);
        ran_free(&r);
    }
    assert_string_equal(s.listen, "kept");
}

static void durations(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ns; // -1: refused
    } cases[] = {
        {"250ms", 250 * P2_MS},
        {"5s", 5 * P2_SEC},
        {"2m", 120 * P2_SEC},
        {"1h", 3600 * P2_SEC},
        {"7", 7 * P2_MS},
        {"0", 0},
        {"0.5s", 500 * P2_MS},
        {"1.25us", 1250},
        {"3ns", 3},
        {"0.000001ms", 1},
        {"9223372036854775807ns", INT64_MAX},
        {"", -1},
        {"s", -1},
        {"-1s", -1},
        {"1 s", -1},
        {" 1s", -1},
        {"1S", -1},
        {"1d", -1},
        {"0.5ns", -1},
        {".5s", -1},
        {"5.s", -1},
        {"1.2.3s", -1},
        {"1e3s", -1},
        {"1s ", -1},
        {"9223372036854775808ns", -1},
        {"9999999999h", -1},
        {"99999999999999999999s", -1},
        {"0.00000000000000000000000000001s", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ns = -2;
        assert_int_equal(p2_parse_duration(cases[i].text, &ns), cases[i].ns >= 0);
        if (cases[i].ns >= 0) assert_int_equal(ns, cases[i].ns);
    }
}

static void byte_sizes(void **state) {
    (void)state;
    uint64_t n;
    assert_true(p2_parse_bytes("64KiB", &n) && n == 65536);
    assert_true(p2_parse_bytes("1.5MiB", &n) && n == 3 << 19);
    assert_true(p2_parse_bytes("1GiB", &n) && n == 1 << 30);
    assert_true(p2_parse_bytes("18446744073709551615", &n) && n == UINT64_MAX);
    assert_true(p2_parse_bytes("0B", &n) && n == 0);
    static const char *const wrong[] = {
        "", "KiB", "1kb", "1K", "1KB", "-1", "0.5", "1 KiB", "0x10", "16777216TiB", "18446744073709551616"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) assert_false(p2_parse_bytes(wrong[i], &n));
}

static void addresses(void **state) {
    (void)state;
    char address[16];
    uint16_t port;
    assert_true(p2_parse_address("127.0.0.1:8765", address, sizeof address, &port));
    assert_string_equal(address, "127.0.0.1");
    assert_int_equal(port, 8765);
    assert_true(p2_parse_address("[::1]:0", address, sizeof address, &port));
    assert_string_equal(address, "::1");
    assert_int_equal(port, 0);
    assert_true(p2_parse_address("localhost:65535", address, sizeof address, &port));
    assert_int_equal(port, 65535);
    static const char *const wrong[] = {"",
                                        ":1",
                                        "a",
                                        "a:",
                                        "a:65536",
                                        "a:-1",
                                        "a:1x",
                                        "a: 1",
                                        "::1:80",
                                        "[::1]",
                                        "[::1]80",
                                        "[]:1",
                                        "[a]:1",
                                        "a b:1",
                                        "a:1:2",
                                        "[127.0.0.1]:1",
                                        "a:000001",
                                        "/x:1",
                                        "[::1",
                                        "[::1]:",
                                        "a-name-too-long-for-it:1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(p2_parse_address(wrong[i], address, sizeof address, &port));
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, no_environment, free_settings)
    const struct CMUnitTest tests[] = {
        TEST(defaults),
        TEST(flags_in_all_their_forms),
        TEST(operands_are_left),
        TEST(operands_may_be_required),
        TEST(wrong_command_lines),
        TEST(each_source_gives_way_to_the_next),
        TEST(lists_keep_their_order_and_give_way_whole),
        TEST(environment_texts_are_copied),
        TEST(wrong_files),
        TEST(types_in_files),
        TEST(nothing_points_at_what_is_freed),
        TEST(any_allocation_may_fail),
        TEST(durations),
        TEST(byte_sizes),
        TEST(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
