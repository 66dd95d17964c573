// The promises about whole clusters, as p2c2r-loadtest measures them: headline, kernels that are always busy, known
// results, the knee; and what each optimisation is worth.
//
//     bench_scenarios P2C2R-LOADTEST [--quick] [headline | saturate | cache | knee | off]...
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "loadtest/bench/asked.h"
#include "loadtest/bench/bench_scenarios.h"

#define AT_MOST(limit) (&(const struct bench_row){.kind = BENCH_AT_MOST, .bar = (limit)})
#define AT_LEAST(limit) (&(const struct bench_row){.kind = BENCH_AT_LEAST, .bar = (limit)})

void scenarios_row(const struct scenarios *s, const char *measure, double value, const char *unit,
                   const struct bench_row *bar, const char *against, ...) {
    struct bench_row row = *bar;
    va_list rest;
    row.value = value;
    snprintf(row.measure, sizeof row.measure, "%s", measure);
    snprintf(row.unit, sizeof row.unit, "%s", unit);
    va_start(rest, against);
    vsnprintf(row.against, sizeof row.against, against, rest);
    va_end(rest);
    bench_row(s->bench, &row);
}

static const char *verdict(const json_t *report) {
    return json_is_true(json_object_get(report, "certified")) ? "certified" : "NOT certified";
}

// ---- headline -------------------------------------------------------------------------------------------------------

static void headline(const struct scenarios *s) {
    json_t *r = asked(s->program, s->quick ? "headline --duration 45s" : "headline");
    scenarios_row(s, "headline: added p50", asked_number(r, "stages.added.p50_us") / 1e3, "ms", AT_MOST(5),
                  "%.0f/s for %.0f s, %s", asked_number(r, "done_per_second"), asked_number(r, "seconds"), verdict(r));
    scenarios_row(s, "headline: added p99", asked_number(r, "stages.added.p99_us") / 1e3, "ms", AT_MOST(50),
                  "in whole p50 %.1f, p99 %.1f ms", asked_number(r, "stages.latency.p50_us") / 1e3,
                  asked_number(r, "stages.latency.p99_us") / 1e3);
    scenarios_row(s, "headline: success", 100 * asked_number(r, "success"), "%", AT_LEAST(99.9), "%.0f of %.0f",
                  asked_number(r, "counts.done"), asked_number(r, "counts.due"));
    // without a report nothing was answered
    scenarios_row(s, "headline: unanswered", r ? asked_number(r, "counts.unanswered") : 1, "tasks", AT_MOST(0),
                  "%.0f wrong", asked_number(r, "counts.wrong"));
    scenarios_row(s, "headline: coordinator's memory grows",
                  r ? 100 * asked_number(r, "costs.coordinator_growth") : 100, "%", AT_MOST(10), "after the warm-up");
    scenarios_row(s, "headline: on the wire, not payload", r ? 100 * asked_number(r, "costs.overhead") : 100, "%",
                  AT_MOST(10), "%.0f MB in all; the coordinator took %.3g of a core",
                  asked_number(r, "costs.wire_bytes") / 1e6, asked_number(r, "costs.coordinator_cores"));
    json_decref(r);
}

// ---- kernels --------------------------------------------------------------------------------------------------------

// Kernels of a device's several slots can overlap: then their sum says too much, and only one slot's is the share of
// time in which any ran.
#define FRAMES                                                                                                         \
    "{\"name\": \"mine\", \"clients\": 2, \"window\": 256, \"warmup\": \"3s\", \"grace\": \"60s\", "                   \
    "\"closed\": {\"in_flight\": 24, \"duration\": \"23s\"}, \"tasks\": [{\"type\": \"upscale\", "                     \
    "\"payload\": 691200, \"deadline\": \"60s\", \"no_cache\": true, \"params\": {\"input_res\": \"640x360\", "        \
    "\"output_res\": \"1280x720\", \"quality\": \"quality\"}}], \"peer\": [\"--slots\", \"1\"]}"

static void saturate(const struct scenarios *s) {
    const char *arguments = s->quick ? "--peers 0 --real-peers 1 --duration 9s" : "--peers 0 --real-peers 1";
    json_t *r = asked_scenario(s->program, FRAMES, NULL, arguments);
    scenarios_row(s, "kernels busy, one slot", 100 * asked_number(r, "costs.kernel"), "%", AT_LEAST(90),
                  "640x360 to 1280x720 by the network, %.1f/s, %s", asked_number(r, "done_per_second"), verdict(r));
    json_decref(r);
    r = asked_scenario(s->program, FRAMES, "{\"peer\": []}", arguments);
    bench_tell(s->bench, "the same, slots as the device wants: sum", 100 * asked_number(r, "costs.kernel"), "%",
               "%.1f/s, %s", asked_number(r, "done_per_second"), verdict(r));
    json_decref(r);
}

// ---- known results --------------------------------------------------------------------------------------------------

#define KNOWN                                                                                                          \
    "{\"name\": \"mine\", \"clients\": 10, \"window\": 8192, \"warmup\": \"1s\", "                                     \
    "\"closed\": {\"in_flight\": 4096, \"duration\": \"3s\"}, \"tasks\": [{\"type\": \"echo\", \"payload\": \"64B\", " \
    "\"deadline\": \"2s\", \"distinct\": 100}], \"peers\": [{\"count\": 4, \"slots\": 1}]}"

static void cache(const struct scenarios *s) {
    json_t *r = asked(s->program, s->quick ? "cache --duration 6s" : "cache");
    scenarios_row(s, "known results: p99 at 4,000/s, both ends in it", asked_number(r, "stages.latency.p99_us") / 1e3,
                  "ms", AT_MOST(1), "p50 %.3f ms; %.2f %% were known", asked_number(r, "stages.latency.p50_us") / 1e3,
                  100 * asked_number(r, "counts.cached") / asked_number(r, "counts.done"));
    json_decref(r);
    r = asked_scenario(s->program, KNOWN, NULL, "");
    double rate = asked_number(r, "done_per_second"), cores = asked_number(r, "costs.coordinator_cores");
    scenarios_row(s, "known results: answered a second, 4,096 in flight", rate, "", AT_LEAST(300000),
                  "coordinator %.2f us each, load %.2f us: %s", 1e6 * cores / rate,
                  1e6 * asked_number(r, "costs.load_cores") / rate, verdict(r));
    json_decref(r);
}

// ---- the knee -------------------------------------------------------------------------------------------------------

static void knee(const struct scenarios *s) {
    json_t *r = asked(s->program, s->quick ? "knee --knee --rate 16000 --duration 3s" : "knee --knee");
    scenarios_row(s, "knee: small tasks a second with p99 below 100 ms", asked_number(r, "knee.held_per_second"), "",
                  AT_LEAST(100000), "p50 %.2f, p99 %.2f ms there; %.0f not held%s",
                  asked_number(r, "stages.latency.p50_us") / 1e3, asked_number(r, "stages.latency.p99_us") / 1e3,
                  asked_number(r, "knee.not_held_per_second"),
                  json_is_true(json_object_get(json_object_get(r, "knee"), "limited_by_harness"))
                      ? ", where the harness was the limit"
                      : "");
    json_decref(r);
}

// ---- which ----------------------------------------------------------------------------------------------------------

static const struct part {
    const char *name;
    void (*run)(const struct scenarios *s);
} parts[] = {
    {"cache", cache}, {"knee", knee}, {"off", scenarios_off_on}, {"saturate", saturate}, {"headline", headline}};

#define PARTS (sizeof parts / sizeof *parts)

static size_t part_of(const char *name) {
    size_t i = 0;
    while (i < PARTS && strcmp(parts[i].name, name) != 0) i++;
    return i;
}

static bool understood(int argc, char **argv, struct scenarios *s, bool wanted[PARTS]) {
    bool any = false;
    for (int i = 2; i < argc; i++) {
        size_t part = part_of(argv[i]);
        bool quick = strcmp(argv[i], "--quick") == 0;
        if (!quick && part == PARTS) return false;
        s->quick |= quick;
        if (!quick) wanted[part] = any = true;
    }
    for (size_t i = 0; i < PARTS; i++) wanted[i] |= !any;
    return argc > 1;
}

int main(int argc, char **argv) {
    struct bench b;
    struct scenarios s = {.bench = &b, .program = argv[1]};
    bool wanted[PARTS] = {false};
    if (!understood(argc, argv, &s, wanted)) {
        fprintf(stderr,
                "usage: bench_scenarios P2C2R-LOADTEST [--quick] [cache | knee | off | saturate | headline]...\n");
        return 2;
    }
    bench_begin(&b, "scenarios", "", BENCH_VALUES);
    for (size_t i = 0; i < PARTS; i++) {
        if (wanted[i]) parts[i].run(&s);
    }
    return bench_end(&b);
}
