// More than one run: repeated ones and their medians, a baseline to be held to, the search for the knee.
#ifndef LOADTEST_CAMPAIGN_H
#define LOADTEST_CAMPAIGN_H

#include <stdio.h>

#include "loadtest/core/figures.h"
#include "loadtest/run.h"

struct baseline {
    double figures[FIGURES]; // 0: it has none
    char revision[64];
    bool same_machine;
};

// Runs one scenario `times` times, each anew. Gives the report of the run whose p99 is the median (report_destroy), and
// its facts; the figures of all. Not OK: *out NULL, or what an interrupted run has measured; a sentence in why.
enum run_outcome campaign_repeat(const struct run_settings *settings, uint32_t times, struct figures *figures,
                                 struct report **out, struct run_facts *facts, struct p2_strbuf *why);

struct knee {
    struct scenario *scenario; // borrows; left with the best rate
    p2_ns target_ns;
    FILE *f;            // a line for each try
    double best, limit; // tasks a second: the highest that was held, the lowest that was not; 0: none
    bool by_harness;    // at the limit this program was what limited it
};

// Raises the rate, at first twofold, then halving the distance, to the highest at which p99 is below the target and
// 99.9 % are done. Gives the report of the best.
enum run_outcome campaign_knee(const struct run_settings *settings, struct knee *knee, struct report **out,
                               struct run_facts *facts, struct p2_strbuf *why);

// Reads a report's JSON. False: a sentence in why.
bool baseline_read(const char *path, const struct machine *here, struct baseline *out, struct p2_strbuf *why);

#endif
