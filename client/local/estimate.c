#include "client/local/estimate.h"

#define MEAN_GAIN 8
#define OFF_GAIN 4
#define DEVIATIONS 4

p2_ns p2_estimate_likely_ns(const struct estimate *e, p2_ns guess_ns) {
    return p2_ns_max(e->samples ? e->mean_ns : guess_ns, 1);
}

p2_ns p2_estimate_most_ns(const struct estimate *e, p2_ns guess_ns) {
    p2_ns likely = p2_estimate_likely_ns(e, guess_ns);
    return p2_ns_add(likely, e->samples ? DEVIATIONS * e->off_ns : likely);
}

void p2_estimate_took(struct estimate *e, p2_ns span_ns) {
    span_ns = p2_ns_max(0, p2_ns_min(span_ns, ESTIMATE_SPAN_MAX));
    if (e->samples == 0) {
        e->mean_ns = span_ns;
        e->off_ns = span_ns / 2;
    } else {
        p2_ns off = span_ns - e->mean_ns, distance = off < 0 ? -off : off;
        e->off_ns += (distance - e->off_ns) / OFF_GAIN;
        e->mean_ns += off / MEAN_GAIN;
    }
    if (e->samples < UINT32_MAX) e->samples++;
    e->hopeless = 0;
}

bool p2_estimate_probe(struct estimate *e) {
    if (++e->hopeless < ESTIMATE_PROBE) return false;
    e->hopeless = 0;
    return true;
}
