// Histogram of durations with 3 significant digits: linear steps inside each power of two, after Gil Tene's
// HdrHistogram (hdrhistogram.org). 0 us to about an hour; what is longer counts as the longest. Mergeable.
#ifndef LOADTEST_CORE_HDR_H
#define LOADTEST_CORE_HDR_H

#include <stdint.h>

#include "base/ns.h"
#include "base/strbuf.h"

#define HDR_STEPS 2048u // steps of the first range; of each further one, twice as coarse, the upper half
#define HDR_BUCKETS 23552u
#define HDR_US_MAX ((UINT64_C(1) << 32) - 1)
#define HDR_TEXT 65536u // bytes that hdr_print never exceeds

struct hdr { // zeroed storage is an empty one
    uint64_t count, sum_us, min_us, max_us;
    uint64_t buckets[HDR_BUCKETS];
};

void hdr_add(struct hdr *h, p2_ns value); // negative: 0
void hdr_merge(struct hdr *into, const struct hdr *from);
void hdr_clear(struct hdr *h);

// Smallest value that at least the fraction q (0..1) of all are not above, rounded up by less than 0.1 %; never above
// the largest. 0 when empty.
p2_ns hdr_at(const struct hdr *h, double q);
p2_ns hdr_mean(const struct hdr *h);
p2_ns hdr_deviation(const struct hdr *h); // standard deviation
p2_ns hdr_max(const struct hdr *h);

// The table of percentiles that HdrHistogram's plotters read (.hgrm), values in milliseconds.
void hdr_print(const struct hdr *h, struct p2_strbuf *out);

#endif
