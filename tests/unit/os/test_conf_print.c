// What is printed from the table: help, version, effective configuration, manual page, completion.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "conf_fixture.h"
#include "os/conf_internal.h"
#include "testlib.h"

static struct settings s;

static char *printed(const char *words) {
    struct ran r = run(words, &s);
    assert_int_equal(r.outcome, P2_CONF_EXIT_OK);
    free(r.err);
    return r.out;
}

static void contains(const char *text, const char *part) {
    if (strstr(text, part)) return;
    fprintf(stderr, "not in:\n%s\n", text); // cmocka would cut it
    fail_msg("\"%s\" is not there", part);
}

static void version(void **state) {
    (void)state;
    char *out = printed("--version");
    assert_string_equal(out, "p2-test " P2_VERSION "\n");
    free(out);
    out = printed("-V");
    assert_string_equal(out, "p2-test " P2_VERSION "\n");
    free(out);
}

static void help(void **state) {
    (void)state;
    char *out = printed("-h"), *rest;
    for (const struct p2_option *o = options; o->name; o++) {
        char flag[80];
        snprintf(flag, sizeof flag, "--%s", o->name);
        contains(out, flag);
    }
    for (const struct p2_conf_common *c = p2_conf_commons; c->name; c++) contains(out, c->name);
    contains(out, "Usage: p2-test [OPTION...] [IN [OUT]]\n\nDoes what a test wants.\n");
    contains(out, "\nNetwork:\n  -l, --listen ADDR:PORT    Where to listen. (default 127.0.0.1:8765)\n");
    contains(out, "      --nagle               Gather small packets. (on by default; --no-nagle)\n");
    contains(out, "\nWork:\n  -m, --mode MODE ");
    contains(out, "(one\n                            of fast, careful; default fast)\n");
    contains(out, "Cells of a peer. (-4 to 64; default 16)");
    contains(out, "(1ms to 1h; default\n                            5s)\n");
    contains(out, "      --cache-folder-with-a-long-name DIR\n                            Where to keep things.\n");
    contains(out, "P2C2R_LISTEN for --listen");
    contains(out, "\n\n  kept = as it is\n  .and = so\n\nThe last one, with a \\ in it.\n");
    rest = out;
    for (char *line; (line = strsep(&rest, "\n"));) {
        assert_true(strlen(line) < 80);
        assert_true(!*line || line[strlen(line) - 1] != ' ');
    }
    free(out);
}

static void help_goes_before_the_rest(void **state) {
    (void)state;
    char *out = printed("--config /none/such a b c d --help");
    contains(out, "Usage:");
    free(out);
}

static void effective_configuration(void **state) {
    (void)state;
    setenv("P2C2R_SHARE", "0.1", 1);
    struct ran r = run("--print-config --drain-grace 90s --memory 1536KiB -v --listen=\"q\\ -n x -n y a b c", &s);
    unsetenv("P2C2R_SHARE");
    assert_int_equal(r.outcome, P2_CONF_EXIT_OK);
    json_t *o = json_loads(r.out, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    size_t count = 0;
    for (const struct p2_option *p = options; p->name; p++, count++) assert_non_null(json_object_get(o, p->name));
    assert_int_equal(json_object_size(o), count);
    assert_string_equal(json_string_value(json_object_get(o, "drain-grace")), "90s");
    assert_string_equal(json_string_value(json_object_get(o, "memory")), "1536KiB");
    assert_string_equal(json_string_value(json_object_get(o, "listen")), "\"q\\");
    assert_true(json_is_null(json_object_get(o, "cache-folder-with-a-long-name")));
    assert_int_equal(json_integer_value(json_object_get(o, "peer-cells")), 16);
    json_decref(o);
    contains(r.out, "\"note\": [\"x\", \"y\"],\n");
    contains(r.out, "\"share\": 0.1,\n"); // as it was written
    contains(r.err, "share: from P2C2R_SHARE\n");
    contains(r.err, "drain-grace: from the command line\n");
    contains(r.err, "mode: from its default\n");
    // It can be used as the file it looks like, and then says the same.
    t_write(t_path("again.json"), r.out, strlen(r.out));
    char words[1024];
    snprintf(words, sizeof words, "--config %s --print-config", t_path("again.json"));
    struct ran again = run(words, &s);
    assert_string_equal(again.out, r.out);
    contains(again.err, "again.json\n");
    ran_free(&r);
    ran_free(&again);
}

static void configuration_that_is_no_text(void **state) {
    (void)state;
    struct ran r = run("--print-config --listen \xff", &s);
    assert_int_equal(r.outcome, P2_CONF_EXIT_USAGE);
    contains(r.err, "listen is not valid UTF-8");
    ran_free(&r);
}

static void manual_page(void **state) {
    (void)state;
    char *out = printed("--print-man");
    assert_int_equal(strncmp(out, ".TH P2-TEST 1 \"\" \"" P2_VERSION "\" \"P2C2R\"\n.SH NAME\np2\\-test \\- Does", 50),
                     0);
    contains(out, "\n.SH SYNOPSIS\n");
    contains(out, "\\fB\\-l\\fR, \\fB\\-\\-listen\\fR \\fIADDR:PORT\\fR\nWhere to listen.");
    contains(out, "\\-\\-cache\\-folder\\-with\\-a\\-long\\-name");
    contains(out, "Environment: P2C2R_PEER_CELLS.\n");
    contains(out, "\n.nf\n  kept = as it is\n.fi\n");
    contains(out, "with a \\e in it");
    for (const struct p2_option *o = options; o->name; o++) contains(out, o->doc);
    char *rest = out;
    static const char *const requests[] = {".TH", ".SH", ".SS", ".TP", ".PP", ".nf", ".fi"};
    for (char *line; (line = strsep(&rest, "\n"));) { // no text is taken for a request
        bool known = line[0] != '.' && line[0] != '\'';
        for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) known |= strncmp(line, requests[i], 3) == 0;
        assert_true(known);
    }
    free(out);
}

static void completion(void **state) {
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    for (int i = 0; i < 3; i++) {
        char words[64], flag[80];
        snprintf(words, sizeof words, "--print-completion %s", shells[i]);
        char *out = printed(words);
        for (const struct p2_option *o = options; o->name; o++) {
            snprintf(flag, sizeof flag, "%s%s", i == 2 ? "-l " : "--", o->name);
            contains(out, flag);
        }
        contains(out, i == 2 ? "-l no-verbose" : "--no-verbose");
        contains(out, "fast careful");
        contains(out, "print-completion");
        free(out);
    }
}

// bash itself reads what is printed for it and completes a word.
static void bash_completes(void **state) {
    (void)state;
    char *out = printed("--print-completion bash"), command[512];
    t_write(t_path("complete.bash"), out, strlen(out));
    free(out);
    snprintf(command, sizeof command,
             "source %s; COMP_WORDS=(p2-test --mode c); COMP_CWORD=2; _p2_test; echo \"${COMPREPLY[*]}\";"
             "COMP_WORDS=(p2-test --no-v); COMP_CWORD=1; _p2_test; echo \"${COMPREPLY[*]}\"",
             t_path("complete.bash"));
    t_capture_begin(1);
    pid_t child = fork();
    if (child == 0) {
        execlp("bash", "bash", "--norc", "-c", command, NULL);
        _exit(127);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    out = t_capture_end(1);
    assert_int_equal(status, 0);
    assert_string_equal(out, "careful\n--no-verbose\n");
    free(out);
}

// Scripts of two words of one command can be loaded side by side.
static void words_of_a_command(void **state) {
    (void)state;
    struct p2_program word = program;
    word.name = "p2 up-scale";
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    assert_true(p2_conf_completion(&word, "bash", f));
    fclose(f);
    contains(text, "_p2_up_scale() {");
    contains(text, "complete -o filenames -F _p2 p2\n");
    free(text);
    f = open_memstream(&text, &size);
    assert_true(p2_conf_completion(&word, "fish", f));
    assert_false(p2_conf_completion(&word, "csh", f));
    fclose(f);
    contains(text, "complete -c p2 -n '__fish_seen_subcommand_from up-scale' -l listen -s l");
    free(text);
    f = open_memstream(&text, &size);
    p2_conf_man(&word, f);
    fclose(f);
    contains(text, ".TH P2-UP-SCALE 1");
    free(text);
}

static void names(void **state) {
    (void)state;
    assert_string_equal(p2_conf_nearest(&program, "peer-cell"), "peer-cells");
    assert_string_equal(p2_conf_nearest(&program, "Verbose"), "verbose");
    assert_null(p2_conf_nearest(&program, "zzz"));
    assert_null(p2_conf_nearest(&program, ""));
    char lengthy[200];
    memset(lengthy, 'a', sizeof lengthy);
    lengthy[199] = 0;
    assert_null(p2_conf_nearest(&program, lengthy));
    assert_true(p2_conf_letter_free(&program, 'h'));
    assert_false(p2_conf_letter_free(&program, 'v'));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version),
        cmocka_unit_test(help),
        cmocka_unit_test(help_goes_before_the_rest),
        cmocka_unit_test(effective_configuration),
        cmocka_unit_test(configuration_that_is_no_text),
        cmocka_unit_test(manual_page),
        cmocka_unit_test(completion),
        cmocka_unit_test(bash_completes),
        cmocka_unit_test(words_of_a_command),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
