// Log-linear histogram of durations, 1 us to 60 s (values outside are clamped): 128 linear steps per power of two,
// so a quantile is within 0.8 % of the truth. Mergeable.
#ifndef P2_BASE_HIST_H
#define P2_BASE_HIST_H

#include "ns.h"

#define P2_HIST_BUCKETS 2688

struct p2_hist {
    uint64_t count;
    uint64_t sum_us;
    uint32_t min_us, max_us;
    uint32_t buckets[P2_HIST_BUCKETS];
};

void p2_hist_add(struct p2_hist *h, p2_ns value); // zeroed storage is an empty histogram
void p2_hist_merge(struct p2_hist *into, const struct p2_hist *from);
// Smallest bucket ceiling (but never above the largest value) with at least fraction q (0..1) of values at or below; 0
// when empty.
p2_ns p2_hist_quantile(const struct p2_hist *h, double q);

#endif
