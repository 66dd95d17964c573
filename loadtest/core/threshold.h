// What a run is held to: "p99<100ms", "success>0.99", "added.p50<=5ms".
#ifndef LOADTEST_CORE_THRESHOLD_H
#define LOADTEST_CORE_THRESHOLD_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "loadtest/core/report.h"

enum threshold_unit { UNIT_SPAN, UNIT_SHARE, UNIT_NUMBER, UNIT_BYTES };
enum threshold_sign { SIGN_BELOW, SIGN_AT_MOST, SIGN_ABOVE, SIGN_AT_LEAST };
enum threshold_what {
    WHAT_QUANTILE, // of a stage
    WHAT_MEAN,
    WHAT_MAX,
    WHAT_SUCCESS,
    WHAT_RATE,
    WHAT_OVERHEAD,
    WHAT_BUSY,
    WHAT_KERNEL,      // of the time, at the real peer where it is least
    WHAT_COORDINATOR, // share of a core
    WHAT_GROWTH,      // of its memory
    WHAT_CONNECTION,  // bytes of its memory for each
    WHAT_UNANSWERED,
    WHAT_DROPPED,
    WHAT_WRONG,
};

struct threshold {
    char text[64]; // as it was given
    enum threshold_what what;
    enum stage stage; // of quantile, mean, max
    uint32_t task;    // in place of a stage, latency of the scenario's first, second, ... kind of task; 0: of all
    double quantile;  // 0..1
    enum threshold_sign sign;
    double limit; // ns, share, number or bytes
};

// False: a sentence in why. Metrics: p50, p99.9, ..., mean and max, of latency or behind a stage's name and a dot, or
// "task1." of the first kind; success, rate, overhead, busy, kernel, unanswered, dropped, wrong; of a coordinator of
// our own: coordinator, growth, connection.
bool threshold_parse(const char *text, struct threshold *out, struct p2_strbuf *why);
double threshold_value(const struct threshold *t, const struct report *r);
bool threshold_holds(const struct threshold *t, const struct report *r); // of a percentile of nothing: false
enum threshold_unit threshold_unit(const struct threshold *t);
void threshold_show(enum threshold_unit unit, double value, struct p2_strbuf *out); // "12.3 ms", "99.9 %", "1000"

#endif
