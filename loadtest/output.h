// What a run has shown, for people and for programs.
#ifndef LOADTEST_OUTPUT_H
#define LOADTEST_OUTPUT_H

#include <stdio.h>

#include "loadtest/campaign.h"
#include "loadtest/core/threshold.h"
#include "loadtest/run.h"
#include "loadtest/scenario_file.h"

struct output {
    const struct scenario_file *file; // as it was run
    const struct report *report;
    const struct run_facts *facts;
    const struct threshold *thresholds;
    uint32_t threshold_count;
    const struct figures *figures;   // of all runs, of which this report is one
    const struct knee *knee;         // NULL: none was searched
    const struct baseline *baseline; // NULL: none
    double regression_max;           // share that a figure may be worse than it; 0: any
    struct machine machine;
    bool own_coordinator, interrupted;
};

void output_second(FILE *f, const struct report *r, const struct report_second *row, p2_ns total_ns, bool terminal);
void output_text(FILE *f, const struct output *o);
char *output_json(const struct output *o); // gives text (free); NULL: memory is short
bool output_html(const char *path, const struct output *o);
bool output_hgrm(const char *path, const struct output *o);
bool output_broken(const struct output *o); // is a threshold missed, or a figure too much worse than the baseline?

#endif
