#include "loadtest/options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "loadtest/core/figures.h"
#include "loadtest/core/quantity.h"
#include "loadtest/process.h"
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
    {.name = "real-peers",
     .kind = P2_OPT_INT,
     .min = 0,
     .max = PROCESS_REAL_PEERS_MAX,
     .value_name = "N",
     .doc =
         "Peers with real kernels (p2c2r-peer), started on this machine for the run; with --peers 0, in place of the "
         "synthetic ones.",
     .offset = offsetof(struct settings, real_peers)},
    {.name = "devices",
     .kind = P2_OPT_TEXT,
     .fallback = "all",
     .value_name = "all|N,...|fake",
     .doc = "What each of them may use.",
     .offset = offsetof(struct settings, devices)},
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
    {.name = "target-latency",
     .kind = P2_OPT_DURATION,
     .min = 0,
     .max = 3600e9,
     .value_name = "TIME",
     .doc = "What p99 is to be below; with --knee, what it is searched for.",
     .offset = offsetof(struct settings, target_ns)},
    {.name = "ramp-up",
     .kind = P2_OPT_DURATION,
     .min = 0,
     .max = 24 * 3600e9,
     .value_name = "TIME",
     .doc = "In place of the phases: a rise from nothing to the scenario's fastest rate.",
     .offset = offsetof(struct settings, ramp_ns)},
    {.name = "sustain",
     .kind = P2_OPT_DURATION,
     .min = 0,
     .max = 24 * 3600e9,
     .value_name = "TIME",
     .doc = "In place of the phases, after --ramp-up: that rate for so long.",
     .offset = offsetof(struct settings, sustain_ns)},
    {.name = "data-size",
     .kind = P2_OPT_TEXT,
     .value_name = "SIZES",
     .doc = "Payloads in place of those of the scenario's first task, separated by commas, each half as often as the "
            "one before: 1KB,10KB,1MB.",
     .offset = offsetof(struct settings, sizes)},
    {.name = "knee",
     .kind = P2_OPT_BOOL,
     .doc = "Searches the highest rate that is held: p99 below --target-latency (100ms) and 99.9 % done.",
     .offset = offsetof(struct settings, knee)},
    {.name = "repeat",
     .kind = P2_OPT_INT,
     .min = 0,
     .max = FIGURES_RUNS_MAX,
     .value_name = "N",
     .doc =
         "Runs, each from the start; the report is of the one with the median p99, figures are medians. 1, or 3 with "
         "--baseline.",
     .offset = offsetof(struct settings, repeat)},
    {.name = "baseline",
     .kind = P2_OPT_TEXT,
     .value_name = "FILE",
     .doc = "The JSON of an earlier run, to compare with.",
     .offset = offsetof(struct settings, baseline)},
    {.name = "fail-on-regression",
     .kind = P2_OPT_TEXT,
     .value_name = "SHARE",
     .doc = "Exit code 99 when a figure's median is so much worse than the baseline's (15%).",
     .offset = offsetof(struct settings, regression)},
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

static double fastest(const struct scenario *s) {
    double most = 0;
    for (uint32_t i = 0; i < s->phase_count; i++) {
        if (s->phases[i].rate > most) most = s->phases[i].rate;
        if (s->phases[i].rate_to > most) most = s->phases[i].rate_to;
    }
    return most;
}

static void set_phases(const struct settings *s, struct scenario *to) {
    double rate = fastest(to);
    if (!s->ramp_ns && !s->sustain_ns) return;
    to->phase_count = 0;
    if (s->ramp_ns) to->phases[to->phase_count++] = (struct arrival_phase){.rate_to = rate, .duration_ns = s->ramp_ns};
    if (s->sustain_ns)
        to->phases[to->phase_count++] =
            (struct arrival_phase){.rate = rate, .rate_to = rate, .duration_ns = s->sustain_ns};
}

static bool set_sizes(const struct settings *s, struct scenario *to, struct p2_strbuf *why) {
    const struct scenario_task like = to->tasks[0];
    double weight = 1 << SCENARIO_TASKS_MAX;
    to->task_count = 0;
    for (const char *at = s->sizes; *at;) {
        char text[32];
        size_t n = strcspn(at, ",");
        struct scenario_task t = like;
        snprintf(text, sizeof text, "%.*s", (int)n, at);
        if (n >= sizeof text || to->task_count == SCENARIO_TASKS_MAX || !quantity_bytes(text, &t.payload_bytes)) {
            p2_strbuf_printf(why, "--data-size %.64s is not a list of at most %u sizes", s->sizes, SCENARIO_TASKS_MAX);
            return false;
        }
        t.result_bytes = 0;
        t.weight = weight /= 2;
        to->tasks[to->task_count++] = t;
        at += n + (at[n] == ',');
    }
    return true;
}

uint32_t settings_repeats(const struct settings *s) {
    if (s->repeat > 0) return (uint32_t)s->repeat;
    return s->baseline ? 3 : 1;
}

bool settings_regression(const struct settings *s, double *out, struct p2_strbuf *why) {
    *out = 0;
    if (!s->regression) return true;
    if (s->baseline && quantity_share(s->regression, out) && *out > 0) return true;
    p2_strbuf_printf(why,
                     s->baseline ? "--fail-on-regression %.20s is not a share like 15%%"
                                 : "--fail-on-regression %.20s needs a --baseline",
                     s->regression);
    return false;
}

static void apply(const struct settings *s, struct scenario *to) {
    set_phases(s, to);
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
    bool ok = !s->sizes || set_sizes(s, &out->scenario, why);
    if (ok && scenario_check(&out->scenario, why)) return true;
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
    if (s->target_ns > 0) {
        char text[48];
        snprintf(text, sizeof text, "p99<%lldus", (long long)(s->target_ns / P2_US));
        if (!add(text, out, count, why)) return false;
    }
    for (const struct p2_conf_item *i = s->thresholds; i; i = i->next) {
        if (!add(i->text, out, count, why)) return false;
    }
    return true;
}
