// How durations are spread: service times of synthetic peers.
#ifndef LOADTEST_CORE_DIST_H
#define LOADTEST_CORE_DIST_H

#include <stdbool.h>

#include "base/ns.h"
#include "base/rng.h"

enum dist_kind { DIST_CONSTANT, DIST_UNIFORM, DIST_EXPONENTIAL, DIST_LOGNORMAL };

#define DIST_NS_MAX (600 * P2_SEC) // no sample is longer

struct dist {
    enum dist_kind kind;
    p2_ns a, b; // constant: a. uniform: a..b. exponential: mean a. lognormal: median a, 99th percentile b
};

// "5ms", "uniform 1ms 9ms", "exponential 5ms", "lognormal 5ms 20ms". False, and *out as it was, when it is none of
// them, longer than DIST_NS_MAX, or its second span is not above its first.
bool dist_parse(const char *text, struct dist *out);
p2_ns dist_sample(const struct dist *d, struct p2_rng *r); // 0..DIST_NS_MAX
p2_ns dist_mean(const struct dist *d);

#endif
