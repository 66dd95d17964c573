// Scenario files: those that are shipped, and what is wrong in others.
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "loadtest/scenario_file.h"

#define GOOD                                                                                                           \
    "{\"name\": \"x\", \"clients\": 2, \"phases\": [{\"rate\": 10, \"duration\": \"1s\"}], \"tasks\": [{\"type\": "    \
    "\"echo\"}], \"peers\": [{\"count\": 3}, {\"count\": 1, \"error\": \"5%\"}]}"

static bool parse(const char *text, struct scenario_file *f, char why[512]) {
    struct p2_strbuf s;
    p2_strbuf_init(&s, why, 512);
    return scenario_file_parse(text, strlen(text), f, &s);
}

static void shipped_ones_are_right(void **state) {
    (void)state;
    DIR *dir = opendir(SCENARIOS);
    assert_non_null(dir);
    int seen = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        size_t n = strlen(e->d_name);
        if (n < 5 || strcmp(e->d_name + n - 5, ".json") != 0) continue;
        char path[1024], why[512];
        struct p2_strbuf s;
        struct scenario_file f;
        snprintf(path, sizeof path, "%s/%s", SCENARIOS, e->d_name);
        p2_strbuf_init(&s, why, sizeof why);
        if (!scenario_file_read(path, &f, &s)) fail_msg("%s: %s", e->d_name, why);
        assert_memory_equal(f.scenario.name, e->d_name, n - 5);
        scenario_file_free(&f);
        seen++;
    }
    closedir(dir);
    assert_true(seen > 0);
}

static void defaults_and_settings(void **state) {
    (void)state;
    struct scenario_file f;
    char why[512];
    assert_true(parse(GOOD, &f, why));
    struct scenario *s = &f.scenario;
    assert_true(scenario_open(s));
    assert_int_equal(scenario_peers(s), 4);
    assert_int_equal(s->tasks[0].payload_bytes, 64);
    assert_int_equal(s->tasks[0].result_bytes, 64);
    assert_int_equal(s->tasks[0].class_, P2_CLASS_INTERACTIVE);
    scenario_set_peers(s, 1000);
    assert_int_equal(s->groups[0].count, 750);
    assert_int_equal(scenario_peers(s), 1000);
    scenario_set_rate(s, 50);
    scenario_set_duration(s, 4 * P2_SEC);
    assert_int_equal(arrival_total(s->phases, s->phase_count), 200);
    scenario_file_free(&f);
}

static void what_is_turned_off(void **state) {
    (void)state;
    struct scenario_file f;
    char why[512];
    assert_true(parse("{\"name\": \"x\", \"closed\": {\"in_flight\": 4, \"count\": 9}, \"unbatched\": true, "
                      "\"peer\": [\"--queue-depth\", \"0\"], \"coordinator\": [\"--batch=false\"], "
                      "\"tasks\": [{\"type\": \"echo\", \"compressible\": true}]}",
                      &f, why));
    assert_true(f.scenario.unbatched && f.scenario.tasks[0].compressible);
    assert_int_equal(f.scenario.peer_option_count, 2);
    assert_string_equal(f.scenario.peer_options[1], "0");
    assert_string_equal(f.scenario.options[0], "--batch=false");
    scenario_file_free(&f);
}

static void parameters_are_the_types(void **state) {
    (void)state;
    struct scenario_file f;
    char why[512];
    assert_true(
        parse("{\"name\": \"x\", \"closed\": {\"in_flight\": 4, \"count\": 9}, \"tasks\": [{\"type\": \"upscale\", "
              "\"payload\": 6144, \"params\": {\"input_res\": \"64x32\", \"output_res\": \"128x64\", \"format\": "
              "\"raw\"}}]}",
              &f, why));
    assert_false(scenario_open(&f.scenario));
    assert_int_equal(scenario_span(&f.scenario), P2_NEVER);
    assert_true(f.scenario.tasks[0].result_bytes >= 128 * 64 * 3);
    scenario_file_free(&f);
}

static const struct {
    const char *text, *says;
} mistakes[] = {
    {"{", "line 1"},
    {"[]", "not an object"},
    {"{\"name\": \"x\", \"name\": \"y\"}", "duplicate"},
    {"{\"name\": \"x\", \"speed\": 1}", "no key \"speed\""},
    {"{\"name\": \"X!\"}", "name is not"},
    {"{\"name\": \"x\"}", "phases, or closed"},
    {"{\"name\": \"x\", \"clients\": 0, \"phases\": [{\"rate\": 1, \"duration\": \"1s\"}]}", "clients is 1"},
    {"{\"name\": \"x\", \"clients\": 99999}", "clients is not"},
    {"{\"name\": \"x\", \"phases\": [{\"rate\": -1}]}", "phases[0].rate"},
    {"{\"name\": \"x\", \"phases\": [{\"rate\": 1}]}", "phases[0].duration"},
    {"{\"name\": \"x\", \"phases\": [{\"rate\": 1, \"duration\": \"25h\"}]}", "at most 24h"},
    {"{\"name\": \"x\", \"phases\": [{\"rate\": 1, \"duration\": 5}]}", "a time like"},
    {"{\"name\": \"x\", \"phases\": [{\"duration\": \"1s\"}]}", "no task at all"},
    {"{\"name\": \"x\", \"phases\": [{\"rate\": 9, \"duration\": \"1s\"}], \"warmup\": \"1s\"}", "warmup"},
    {"{\"name\": \"x\", \"phases\": [{\"rate\": 9, \"duration\": \"1s\"}], \"closed\": {\"in_flight\": 1}}",
     "not both"},
    {"{\"name\": \"x\", \"closed\": {\"in_flight\": 1}}", "a count or a duration"},
    {"{\"name\": \"x\", \"closed\": {\"in_flight\": 1, \"count\": 1}}", "needs tasks"},
    {"{\"name\": \"x\", \"closed\": {\"in_flight\": 1, \"count\": 1}, \"tasks\": [7]}", "tasks[0] is not an object"},
    {"{\"name\": \"x\", \"closed\": {\"in_flight\": 1, \"count\": 1}, \"tasks\": [{\"type\": \"fly\"}]}",
     "tasks[0].type"},
    {"{\"name\": \"x\", \"closed\": {\"in_flight\": 1, \"count\": 1}, \"tasks\": [{\"type\": \"echo\", "
     "\"payload\": 3}]}",
     "tasks[0].payload"},
    {"{\"name\": \"x\", \"closed\": {\"in_flight\": 1, \"count\": 1}, \"tasks\": [{\"type\": \"echo\", \"result\": "
     "\"1MiB\"}]}",
     "tasks[0].result"},
    {"{\"name\": \"x\", \"closed\": {\"in_flight\": 1, \"count\": 1}, \"tasks\": [{\"type\": \"echo\", "
     "\"service\": "
     "\"fast\"}]}",
     "tasks[0].service"},
    {"{\"name\": \"x\", \"closed\": {\"in_flight\": 1, \"count\": 1}, \"tasks\": [{\"type\": \"echo\", \"class\": "
     "\"first\"}]}",
     "tasks[0].class"},
    {"{\"name\": \"x\", \"closed\": {\"in_flight\": 1, \"count\": 1}, \"tasks\": [{\"type\": \"echo\", \"params\": "
     "{\"wings\": 2}}]}",
     "takes no \"wings\""},
    {"{\"name\": \"x\", \"closed\": {\"in_flight\": 1, \"count\": 1}, \"tasks\": [{\"type\": \"upscale\"}]}",
     "tasks[0]: "},
    {"{\"name\": \"x\", \"closed\": {\"in_flight\": 1, \"count\": 1}, \"tasks\": [{\"type\": \"echo\"}], "
     "\"peers\": "
     "[{\"count\": 10001}]}",
     "peers[0].count"},
    {"{\"name\": \"x\", \"closed\": {\"in_flight\": 1, \"count\": 1}, \"tasks\": [{\"type\": \"echo\"}], "
     "\"peers\": "
     "[{\"count\": 6000}, {\"count\": 6000}]}",
     "all peers together"},
    {"{\"name\": \"x\", \"closed\": {\"in_flight\": 1, \"count\": 1}, \"tasks\": [{\"type\": \"echo\"}], "
     "\"peers\": "
     "[{\"error\": 0.6, \"stall\": 0.6}]}",
     "1 at most together"},
    {"{\"name\": \"x\", \"closed\": {\"in_flight\": 1, \"count\": 1}, \"tasks\": [{\"type\": \"echo\"}], "
     "\"peers\": "
     "[{\"types\": [\"fly\"]}]}",
     "peers[0].types"},
    {"{\"name\": \"x\", \"closed\": {\"in_flight\": 1, \"count\": 1}, \"tasks\": [{\"type\": \"echo\"}], "
     "\"thresholds\": [5]}",
     "thresholds[0]"},
};

static void mistakes_get_sentences(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct scenario_file f;
        char why[512] = "";
        if (parse(mistakes[i].text, &f, why)) fail_msg("taken: %s", mistakes[i].text);
        if (!strstr(why, mistakes[i].says)) fail_msg("%s\nsays: %s\nnot: %s", mistakes[i].text, why, mistakes[i].says);
        assert_null(f.json);
    }
}

static void tasks_are_picked_by_weight(void **state) {
    (void)state;
    const struct scenario s = {.task_count = 3, .tasks = {{.weight = 1}, {.weight = 7}, {.weight = 2}}};
    struct p2_rng r;
    uint32_t seen[3] = {0};
    p2_rng_init(&r, 5);
    for (int i = 0; i < 10000; i++) seen[scenario_pick(&s, &r)]++;
    assert_true(seen[0] > 850 && seen[0] < 1150 && seen[1] > 6700 && seen[1] < 7300);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_ones_are_right), cmocka_unit_test(defaults_and_settings),
        cmocka_unit_test(what_is_turned_off),     cmocka_unit_test(parameters_are_the_types),
        cmocka_unit_test(mistakes_get_sentences), cmocka_unit_test(tasks_are_picked_by_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
