#include "loadtest/campaign.h"

#include <jansson.h>
#include <string.h>

#define KNEE_DOUBLINGS 8
#define KNEE_HALVINGS 4
#define KNEE_SUCCESS 0.999

static uint32_t seconds_of(const struct scenario *s) {
    p2_ns span = scenario_span(s);
    return span == P2_NEVER ? 3600 : (uint32_t)(span / P2_SEC) + 64;
}

static enum run_outcome run_once(const struct run_settings *settings, struct report **out, struct run_facts *facts,
                                 struct p2_strbuf *why) {
    *out = report_create(seconds_of(settings->scenario));
    if (!*out) {
        p2_strbuf_printf(why, "memory is short");
        return RUN_FAILED;
    }
    enum run_outcome outcome = run_scenario(settings, *out, facts, why);
    if (outcome != RUN_OK && outcome != RUN_INTERRUPTED) report_destroy(out);
    return outcome;
}

// ---- repeated -------------------------------------------------------------------------------------------------------

enum run_outcome campaign_repeat(const struct run_settings *settings, uint32_t times, struct figures *figures,
                                 struct report **out, struct run_facts *facts, struct p2_strbuf *why) {
    struct report *reports[FIGURES_RUNS_MAX] = {NULL};
    struct run_facts of[FIGURES_RUNS_MAX];
    enum run_outcome outcome = RUN_OK;
    uint32_t n = 0, keep = 0;
    *out = NULL;
    *figures = (struct figures){0};
    while (n < times && outcome == RUN_OK) {
        outcome = run_once(settings, &reports[n], &of[n], why);
        if (reports[n]) figures_add(figures, reports[n]);
        n++;
    }
    if (outcome == RUN_OK) keep = figures_middle(figures, FIGURE_P99);
    if (outcome == RUN_INTERRUPTED) keep = n - 1;
    for (uint32_t i = 0; i < n; i++) {
        if (i != keep || (outcome != RUN_OK && outcome != RUN_INTERRUPTED)) {
            report_destroy(&reports[i]);
            continue;
        }
        *out = reports[i];
        *facts = of[i];
    }
    return outcome;
}

// ---- the knee -------------------------------------------------------------------------------------------------------

struct attempt {
    struct report *report;
    struct run_facts facts;
    bool held, by_harness;
};

static enum run_outcome attempt(const struct run_settings *settings, const struct knee *k, double rate,
                                struct attempt *out, struct p2_strbuf *why) {
    char text[256] = "";
    struct p2_strbuf because;
    p2_strbuf_init(&because, text, sizeof text);
    scenario_set_rate(k->scenario, rate);
    enum run_outcome outcome = run_once(settings, &out->report, &out->facts, why);
    if (outcome != RUN_OK) {
        report_destroy(&out->report);
        return outcome;
    }
    const struct report *r = out->report;
    p2_ns p99 = hdr_at(&r->stages[STAGE_LATENCY], 0.99);
    out->held = p99 < k->target_ns && report_success(r) >= KNEE_SUCCESS;
    out->by_harness = !report_certify(r, &because);
    fprintf(k->f,
            "%9.0f/s: %9.0f done/s, p50 %8.2f ms, p99 %8.2f ms, success %.3f %%, coordinator %.2f cores: %s%s%s\n",
            rate, report_rate(r), (double)hdr_at(&r->stages[STAGE_LATENCY], 0.5) / 1e6, (double)p99 / 1e6,
            100 * report_success(r), report_cpu(r, PROGRAM_COORDINATOR), out->held ? "held" : "not held",
            text[0] ? "; not certified: " : "", text);
    fflush(k->f);
    return outcome;
}

static double fastest(const struct scenario *s) {
    double most = 0;
    for (uint32_t i = 0; i < s->phase_count; i++) {
        if (s->phases[i].rate > most) most = s->phases[i].rate;
        if (s->phases[i].rate_to > most) most = s->phases[i].rate_to;
    }
    return most;
}

// The next to try; 0: enough.
static double next_rate(const struct knee *k, double last, int tries) {
    if (k->limit <= 0) return tries <= KNEE_DOUBLINGS && 2 * last <= ARRIVAL_RATE_MAX ? 2 * last : 0;
    if (k->best <= 0) return tries <= KNEE_DOUBLINGS ? last / 2 : 0;
    return k->limit - k->best > k->best / (1 << KNEE_HALVINGS) ? (k->best + k->limit) / 2 : 0;
}

enum run_outcome campaign_knee(const struct run_settings *settings, struct knee *k, struct report **out,
                               struct run_facts *facts, struct p2_strbuf *why) {
    double rate = fastest(k->scenario);
    *out = NULL;
    if (rate <= 0) {
        p2_strbuf_printf(why, "the knee is searched by rate, and %s has none", k->scenario->name);
        return RUN_FAILED;
    }
    for (int tries = 1; rate > 0; tries++) {
        struct attempt a = {0};
        enum run_outcome outcome = attempt(settings, k, rate, &a, why);
        if (outcome != RUN_OK) {
            report_destroy(out);
            return outcome;
        }
        if (a.held) {
            report_destroy(out);
            *out = a.report;
            *facts = a.facts;
            k->best = rate;
        } else {
            k->by_harness = a.by_harness;
            k->limit = rate;
            report_destroy(&a.report);
        }
        rate = next_rate(k, rate, tries);
    }
    if (*out) scenario_set_rate(k->scenario, k->best);
    if (!*out) p2_strbuf_printf(why, "not even the lowest rate that was tried is held");
    return *out ? RUN_OK : RUN_FAILED;
}

// ---- a baseline -----------------------------------------------------------------------------------------------------

bool baseline_read(const char *path, const struct machine *here, struct baseline *out, struct p2_strbuf *why) {
    json_error_t e;
    *out = (struct baseline){0};
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    json_t *figures = json_object_get(root, "figures"), *machine = json_object_get(root, "machine");
    bool any = false;
    for (enum figure i = 0; i < FIGURES; i++) {
        json_t *median = json_object_get(json_object_get(figures, figure_name(i)), "median");
        if (!json_is_number(median)) continue;
        out->figures[i] = json_number_value(median);
        any = true;
    }
    const char *revision = json_string_value(json_object_get(root, "revision"));
    const char *cpu = json_string_value(json_object_get(machine, "cpu"));
    snprintf(out->revision, sizeof out->revision, "%s", revision ? revision : "unknown");
    out->same_machine = cpu && strcmp(cpu, here->cpu) == 0 &&
                        json_integer_value(json_object_get(machine, "cores")) == (json_int_t)here->cores;
    if (!root)
        p2_strbuf_printf(why, "%s: line %d: %s", path, e.line, e.text);
    else if (!any)
        p2_strbuf_printf(why, "%s has no figures of a run", path);
    json_decref(root);
    return any;
}
