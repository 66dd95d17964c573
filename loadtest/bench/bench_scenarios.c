// The promises about whole clusters, as p2c2r-loadtest measures them: headline, kernels that are always busy, known
// results, the knee; and what each optimisation is worth.
//
//     bench_scenarios P2C2R-LOADTEST [--quick] [cache | knee | off | saturate | headline]...
#include "loadtest/bench/bench_scenarios.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "loadtest/bench/asked.h"

void scenarios_row(const struct scenarios *s, const struct bench_row *row, const char *against, ...) {
    struct bench_row full = *row;
    va_list rest;
    va_start(rest, against);
    vsnprintf(full.against, sizeof full.against, against, rest);
    va_end(rest);
    bench_row(s->bench, &full);
}

static const char *verdict(const json_t *report) {
    return json_is_true(json_object_get(report, "certified")) ? "certified" : "NOT certified";
}

// ---- headline -------------------------------------------------------------------------------------------------------

static void headline(const struct scenarios *s) {
    const char *const whole[] = {"headline", NULL}, *const quick[] = {"headline", "--duration", "45s", NULL};
    json_t *r = asked(s->program, s->quick ? quick : whole);
    scenarios_row(s, AT_MOST("headline: added p50", asked_number(r, "stages.added.p50_us") / 1e3, "ms", 5),
                  "%.0f/s for %.0f s, %s", asked_number(r, "done_per_second"), asked_number(r, "seconds"), verdict(r));
    scenarios_row(s, AT_MOST("headline: added p99", asked_number(r, "stages.added.p99_us") / 1e3, "ms", 50),
                  "in whole p50 %.1f, p99 %.1f ms", asked_number(r, "stages.latency.p50_us") / 1e3,
                  asked_number(r, "stages.latency.p99_us") / 1e3);
    scenarios_row(s, AT_LEAST("headline: success", 100 * asked_number(r, "success"), "%", 99.9), "%.0f of %.0f",
                  asked_number(r, "counts.done"), asked_number(r, "counts.due"));
    // without a report nothing was answered
    scenarios_row(s, AT_MOST("headline: unanswered", r ? asked_number(r, "counts.unanswered") : 1, "tasks", 0),
                  "%.0f wrong", asked_number(r, "counts.wrong"));
    scenarios_row(s,
                  AT_MOST("headline: coordinator's memory grows",
                          r ? 100 * asked_number(r, "costs.coordinator_growth") : 100, "%", 10),
                  "after the warm-up");
    scenarios_row(
        s, AT_MOST("headline: on the wire, not payload", r ? 100 * asked_number(r, "costs.overhead") : 100, "%", 10),
        "%.0f MB in all; the coordinator took %.3g of a core", asked_number(r, "costs.wire_bytes") / 1e6,
        asked_number(r, "costs.coordinator_cores"));
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
    const char *arguments[] = {"--peers", "0", "--real-peers", "1", "--duration", s->quick ? "9s" : "23s", NULL};
    json_t *r = asked_scenario(s->program, FRAMES, NULL, arguments);
    scenarios_row(s, AT_LEAST("kernels busy, one slot", 100 * asked_number(r, "costs.kernel"), "%", 90),
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
    const char *const whole[] = {"cache", NULL}, *const quick[] = {"cache", "--duration", "6s", NULL},
                      *const none[] = {NULL};
    json_t *r = asked(s->program, s->quick ? quick : whole);
    scenarios_row(s,
                  AT_MOST("known results: p99 at 4,000/s, both ends in it",
                          asked_number(r, "stages.added.p99_us") / 1e3, "ms", 1),
                  "p50 %.3f ms; %.2f %% were known", asked_number(r, "stages.added.p50_us") / 1e3,
                  100 * asked_number(r, "counts.cached") / asked_number(r, "counts.done"));
    json_decref(r);
    r = asked_scenario(s->program, KNOWN, NULL, none);
    double rate = asked_number(r, "done_per_second"), cores = asked_number(r, "costs.coordinator_cores");
    scenarios_row(s, AT_LEAST("known results: answered a second, 4,096 in flight", rate, "", 300000),
                  "coordinator %.2f us each, load %.2f us: %s", 1e6 * cores / rate,
                  1e6 * asked_number(r, "costs.load_cores") / rate, verdict(r));
    json_decref(r);
}

// ---- the knee -------------------------------------------------------------------------------------------------------

static void knee(const struct scenarios *s) {
    const char *const whole[] = {"knee", "--knee", NULL}, *const quick[] = {"knee",       "--knee", "--rate", "32000",
                                                                            "--duration", "3s",     NULL};
    json_t *r = asked(s->program, s->quick ? quick : whole), *found = json_object_get(r, "knee");
    bool by_us = json_is_true(json_object_get(found, "limited_by_harness"));
    scenarios_row(s,
                  AT_LEAST("knee: small tasks a second with p99 below 100 ms", asked_number(found, "held_per_second"),
                           "", 100000),
                  "p50 %.2f, p99 %.2f ms there; %.0f not held%s", asked_number(r, "stages.latency.p50_us") / 1e3,
                  asked_number(r, "stages.latency.p99_us") / 1e3, asked_number(found, "not_held_per_second"),
                  by_us ? ", where the harness was the limit" : "");
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
        fprintf(stderr, "usage: ./run bench scenarios [--quick] [cache | knee | off | saturate | headline]...\n");
        return 2;
    }
    bench_begin(&b, "scenarios", "", BENCH_VALUES);
    for (size_t i = 0; i < PARTS; i++) {
        if (wanted[i]) parts[i].run(&s);
    }
    return bench_end(&b);
}
