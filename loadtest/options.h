#ifndef LOADTEST_OPTIONS_H
#define LOADTEST_OPTIONS_H

#include "loadtest/core/threshold.h"
#include "loadtest/scenario_file.h"
#include "os/conf.h"

struct settings {
    const char *coordinator; // NULL: one of our own
    double rate;             // 0, as everywhere here: the scenario's
    p2_ns duration_ns;
    int64_t peers, clients, concurrency, seed; // peers: -1: the scenario's
    struct p2_conf_item *thresholds;
    const char *out; // folder; NULL: no files
    bool json, quiet;
    p2_ns stall_ns, stall_at_ns;
    p2_ns target_ns, ramp_ns, sustain_ns;
    const char *sizes;
    bool knee;
    int64_t real_peers;
    const char *devices;
    int64_t repeat; // 0: once, or three times with a baseline
    const char *baseline, *regression;
};

extern const struct p2_program loadtest_program;

#define KNEE_TARGET (100 * P2_MS) // unless --target-latency says otherwise

uint32_t settings_repeats(const struct settings *s);
// The share of --fail-on-regression; 0: none. False: it is not one; a sentence in why.
bool settings_regression(const struct settings *s, double *out, struct p2_strbuf *why);

// The scenario of that name or path, with what the settings say instead, and all its thresholds. False: a sentence in
// why.
bool settings_scenario(const struct settings *s, const char *name, struct scenario_file *out, struct p2_strbuf *why);
bool settings_thresholds(const struct settings *s, const struct scenario *scenario, struct threshold *out,
                         uint32_t *count, struct p2_strbuf *why); // room for 2 * SCENARIO_THRESHOLDS_MAX

#endif
