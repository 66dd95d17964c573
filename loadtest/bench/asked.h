// Runs of p2c2r-loadtest, and what their reports say.
#ifndef LOADTEST_BENCH_ASKED_H
#define LOADTEST_BENCH_ASKED_H

#include <jansson.h>

// `arguments`: words as a shell would split them. Gives the report; NULL, with a sentence on stderr, when there is none.
json_t *asked(const char *program, const char *arguments);

// The same for a scenario that is made here: base (JSON), with the keys of `changed` (JSON; NULL: none) in place of its
// own. Keys of the first task and the first group of peers that stand in "task" and "group" of `changed` replace
// theirs.
json_t *asked_scenario(const char *program, const char *base, const char *changed, const char *arguments);

// A number by its place, "stages.latency.p99_us"; 0 when there is none.
double asked_number(const json_t *report, const char *place);

#endif
