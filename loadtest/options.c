#include "loadtest/options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"

static const struct p2_option options[] = {
    {.name = "coordinator",
     .kind = P2_OPT_TEXT,
     .value_name = "URL",
     .doc = "Where it is; without it one is started on this machine for the run.",
     .offset = offsetof(struct settings, coordinator)},
    {.name = "rate",
     .kind = P2_OPT_REAL,
     .min = 0,
     .max = ARRIVAL_RATE_MAX,
     .value_name = "N",
     .doc = "Tasks a second at the fastest; all rates and bursts of the scenario are scaled alike.",
     .offset = offsetof(struct settings, rate),
     .letter = 'r'},
    {.name = "duration",
     .kind = P2_OPT_DURATION,
     .min = 0,
     .max = 24 * 3600e9,
     .value_name = "TIME",
     .doc = "Of all phases together, which are stretched alike.",
     .offset = offsetof(struct settings, duration_ns),
     .letter = 'd'},
    {.name = "peers",
     .kind = P2_OPT_INT,
     .fallback = "-1",
     .min = -1,
     .max = SCENARIO_PEERS_MAX,
     .value_name = "N",
     .doc = "Synthetic peers, shared out among the scenario's groups; 0: whoever is there does the work.",
     .offset = offsetof(struct settings, peers)},
    {.name = "clients",
     .kind = P2_OPT_INT,
     .min = 0,
     .max = SCENARIO_CLIENTS_MAX,
     .value_name = "N",
     .doc = "Connections that tasks are sent over.",
     .offset = offsetof(struct settings, clients)},
    {.name = "concurrency",
     .kind = P2_OPT_INT,
     .min = 0,
     .max = SCENARIO_WINDOW_MAX,
     .value_name = "N",
     .doc = "A closed loop of so many tasks in flight in place of the phases, as long as those.",
     .offset = offsetof(struct settings, concurrency)},
    {.name = "seed",
     .kind = P2_OPT_INT,
     .min = 0,
     .max = 9e15,
     .value_name = "N",
     .doc = "Of everything random.",
     .offset = offsetof(struct settings, seed)},
    {.name = "threshold",
     .kind = P2_OPT_LIST,
     .value_name = "RULE",
     .doc =
         "What the run is held to beside the scenario's own rules: 'p99<100ms', 'success>0.99'; exit code 99 when it "
         "is not.",
     .offset = offsetof(struct settings, thresholds)},
    {.name = "out",
     .kind = P2_OPT_TEXT,
     .value_name = "DIR",
     .doc = "Writes NAME.json, NAME.html and NAME.hgrm there.",
     .offset = offsetof(struct settings, out),
     .letter = 'o'},
    {.name = "json",
     .kind = P2_OPT_BOOL,
     .doc = "Prints the JSON instead of the text.",
     .offset = offsetof(struct settings, json)},
    {.name = "quiet",
     .kind = P2_OPT_BOOL,
     .doc = "No line for each second.",
     .offset = offsetof(struct settings, quiet),
     .letter = 'q'},
    {.name = "stall",
     .kind = P2_OPT_DURATION,
     .min = 0,
     .max = 60e9,
     .value_name = "TIME",
     .doc = "Stops a coordinator of our own for so long in the middle: the report must show it.",
     .offset = offsetof(struct settings, stall_ns)},
    {.name = "stall-at",
     .kind = P2_OPT_DURATION,
     .fallback = "1s",
     .min = 0,
     .max = 24 * 3600e9,
     .value_name = "TIME",
     .doc = "When.",
     .offset = offsetof(struct settings, stall_at_ns)},
    {.name = NULL},
};

const struct p2_program loadtest_program = {
    .name = "p2c2r-loadtest",
    .summary = "Asks a cluster for tasks as many players would, and says what became of them.",
    .operands = "[SCENARIO]",
    .details = "SCENARIO is a JSON file, or the name of one of those that are installed; without it, quick.\n"
               "Exit codes: 0 done, 1 failed, 2 asked wrongly, 4 unreachable, 99 a threshold was missed.",
    .options = options,
    .operands_min = 0,
    .operands_max = 1};

// ---- the scenario ---------------------------------------------------------------------------------------------------

static bool find(const char *name, char *out, size_t capacity) {
    static const char *const places[] = {"scenarios", "../share/p2c2r/scenarios"};
    char dir[1024];
    size_t n = strlen(name);
    if (strchr(name, '/') || (n > 5 && strcmp(name + n - 5, ".json") == 0)) {
        snprintf(out, capacity, "%s", name);
        return true;
    }
    if (!p2_program_dir(dir, sizeof dir)) return false;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(out, capacity, "%s/%s/%s.json", dir, places[i], name);
        if (access(out, R_OK) == 0) return true;
    }
    return false;
}

static void apply(const struct settings *s, struct scenario *to) {
    if (s->rate > 0) scenario_set_rate(to, s->rate);
    if (s->duration_ns > 0) scenario_set_duration(to, s->duration_ns);
    if (s->peers >= 0) scenario_set_peers(to, (uint32_t)s->peers);
    if (s->clients > 0) to->clients = (uint32_t)s->clients;
    if (s->seed > 0) to->seed = (uint64_t)s->seed;
    if (s->concurrency > 0) {
        if (scenario_open(to)) to->closed_duration_ns = scenario_span(to);
        to->phase_count = 0;
        to->closed_in_flight = (uint32_t)s->concurrency;
    }
}

bool settings_scenario(const struct settings *s, const char *name, struct scenario_file *out, struct p2_strbuf *why) {
    char path[2048], text[512] = "";
    struct p2_strbuf inner;
    p2_strbuf_init(&inner, text, sizeof text);
    *out = (struct scenario_file){0};
    if (!find(name, path, sizeof path)) {
        p2_strbuf_printf(why, "no scenario is called %.64s", name);
        return false;
    }
    if (!scenario_file_read(path, out, &inner)) {
        p2_strbuf_printf(why, "%s: %s", path, text);
        return false;
    }
    apply(s, &out->scenario);
    if (scenario_check(&out->scenario, why)) return true;
    scenario_file_free(out);
    return false;
}

static bool add(const char *text, struct threshold *out, uint32_t *count, struct p2_strbuf *why) {
    if (*count == 2 * SCENARIO_THRESHOLDS_MAX) {
        p2_strbuf_printf(why, "there are more than %u thresholds", 2 * SCENARIO_THRESHOLDS_MAX);
        return false;
    }
    return threshold_parse(text, &out[(*count)++], why);
}

bool settings_thresholds(const struct settings *s, const struct scenario *scenario, struct threshold *out,
                         uint32_t *count, struct p2_strbuf *why) {
    *count = 0;
    for (uint32_t i = 0; i < scenario->threshold_count; i++) {
        if (!add(scenario->thresholds[i], out, count, why)) return false;
    }
    for (const struct p2_conf_item *i = s->thresholds; i; i = i->next) {
        if (!add(i->text, out, count, why)) return false;
    }
    return true;
}
