// One run of a scenario against a coordinator: load from this process, peers from another, everything measured.
#ifndef LOADTEST_RUN_H
#define LOADTEST_RUN_H

#include "loadtest/core/report.h"
#include "loadtest/core/scenario.h"
#include "loadtest/process.h"

struct run_settings {
    const struct scenario *scenario; // borrows
    const char *url;                 // NULL: a coordinator of our own
    const char *coordinator;         // the program, for that
    uint32_t real_peers;             // started for the run beside the synthetic ones; at most PROCESS_REAL_PEERS_MAX
    const char *peer, *devices;      // the program, and what it may use, for that
    p2_ns stall_at_ns, stall_ns;     // our coordinator is stopped then, for so long; 0: it is not
    // Called about each second with the last row, and what remains. NULL: not wanted.
    void (*second)(void *context, const struct report *r, const struct report_second *row, p2_ns total_ns);
    void *context;
};

enum run_outcome { RUN_OK, RUN_UNREACHABLE, RUN_FAILED, RUN_INTERRUPTED };

struct run_facts {
    char url[256];
    struct peers_said peers; // last
};

// Fills the report. Not OK: a sentence in why; an interrupted one is measured as far as it went.
enum run_outcome run_scenario(const struct run_settings *settings, struct report *report, struct run_facts *facts,
                              struct p2_strbuf *why);

#endif
