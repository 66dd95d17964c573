// Runs of p2c2r-loadtest, and what their reports say.
#ifndef LOADTEST_BENCH_ASKED_H
#define LOADTEST_BENCH_ASKED_H

#include <jansson.h>

#define ASKED_ARGUMENTS_MAX 16u

// `arguments` end with NULL. Gives the report; NULL, with a sentence on stderr, when there is none.
json_t *asked(const char *program, const char *const *arguments);

// The same for a scenario that is made here: base (JSON), with the keys of `changed` (JSON; NULL: none) in place of its
// own. What stands in "task" and "group" of `changed` goes into the first task and the first group of peers.
json_t *asked_scenario(const char *program, const char *base, const char *changed, const char *const *arguments);

// A number by its place, "stages.latency.p99_us"; 0 when there is none.
double asked_number(const json_t *report, const char *place);

#endif
