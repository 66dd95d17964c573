#include "loadtest/core/hdr.h"

#include <math.h>
#include <string.h>

#define HALF (HDR_STEPS / 2)
#define TICKS 5.0 // lines of the table for each halving of what is left

static uint32_t bucket_of(uint64_t us) {
    if (us < HDR_STEPS) return (uint32_t)us;
    uint32_t coarse = 53u - (uint32_t)__builtin_clzll(us); // us >> coarse is in [HALF, HDR_STEPS)
    return HALF * coarse + (uint32_t)(us >> coarse);
}

static uint64_t ceiling_of(uint32_t bucket) {
    if (bucket < HDR_STEPS) return bucket;
    uint32_t coarse = bucket / HALF - 1;
    return ((uint64_t)(bucket - HALF * coarse + 1) << coarse) - 1;
}

static double middle_of(uint32_t bucket) {
    uint64_t below = bucket ? ceiling_of(bucket - 1) + 1 : 0;
    return ((double)below + (double)ceiling_of(bucket)) / 2;
}

void hdr_add(struct hdr *h, p2_ns value) {
    uint64_t us = p2_ns_to_us(value);
    if (us > HDR_US_MAX) us = HDR_US_MAX;
    if (h->count == 0 || us < h->min_us) h->min_us = us;
    if (us > h->max_us) h->max_us = us;
    h->count++;
    h->sum_us += us;
    h->buckets[bucket_of(us)]++;
}

void hdr_merge(struct hdr *into, const struct hdr *from) {
    if (from->count == 0) return;
    if (into->count == 0 || from->min_us < into->min_us) into->min_us = from->min_us;
    if (from->max_us > into->max_us) into->max_us = from->max_us;
    into->count += from->count;
    into->sum_us += from->sum_us;
    for (uint32_t i = 0; i < HDR_BUCKETS; i++) into->buckets[i] += from->buckets[i];
}

void hdr_clear(struct hdr *h) { memset(h, 0, sizeof *h); }

static uint64_t rank_of(const struct hdr *h, double q) {
    double rank = ceil(q * (double)h->count);
    if (rank < 1) return 1;
    return rank > (double)h->count ? h->count : (uint64_t)rank;
}

static uint64_t shown(const struct hdr *h, uint32_t bucket) {
    uint64_t us = ceiling_of(bucket);
    return us > h->max_us ? h->max_us : us;
}

p2_ns hdr_at(const struct hdr *h, double q) {
    if (h->count == 0) return 0;
    uint64_t rank = rank_of(h, q), seen = 0;
    for (uint32_t i = 0; i < HDR_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= rank) return p2_ns_from_us(shown(h, i));
    }
    return p2_ns_from_us(h->max_us);
}

p2_ns hdr_mean(const struct hdr *h) {
    return h->count ? (p2_ns)((double)h->sum_us / (double)h->count * (double)P2_US) : 0;
}

p2_ns hdr_deviation(const struct hdr *h) {
    if (h->count == 0) return 0;
    double mean = (double)h->sum_us / (double)h->count, squares = 0;
    for (uint32_t i = 0; i < HDR_BUCKETS; i++) {
        double off = middle_of(i) - mean;
        squares += (double)h->buckets[i] * off * off;
    }
    return (p2_ns)(sqrt(squares / (double)h->count) * (double)P2_US);
}

p2_ns hdr_max(const struct hdr *h) { return p2_ns_from_us(h->max_us); }

static double ms(p2_ns t) { return (double)t / (double)P2_MS; }

static void print_lines(const struct hdr *h, struct p2_strbuf *out) {
    uint64_t seen = 0;
    double share = 0;
    for (uint32_t i = 0; i < HDR_BUCKETS && seen < h->count; i++) {
        seen += h->buckets[i];
        while (h->buckets[i] && seen < h->count && (double)seen >= share * (double)h->count) {
            p2_strbuf_printf(out, "%12.3f %2.12f %10llu %14.2f\n", (double)shown(h, i) / 1e3, share,
                             (unsigned long long)seen, 1 / (1 - share));
            share += 1 / (TICKS * pow(2, floor(log2(1 / (1 - share))) + 1));
        }
    }
    if (h->count) {
        p2_strbuf_printf(out, "%12.3f %2.12f %10llu\n", (double)h->max_us / 1e3, 1.0, (unsigned long long)h->count);
    }
}

void hdr_print(const struct hdr *h, struct p2_strbuf *out) {
    p2_strbuf_printf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    print_lines(h, out);
    p2_strbuf_printf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", ms(hdr_mean(h)), ms(hdr_deviation(h)));
    p2_strbuf_printf(out, "#[Max     = %12.3f, Total count    = %12llu]\n", ms(hdr_max(h)),
                     (unsigned long long)h->count);
    p2_strbuf_printf(out, "#[Buckets = %12u, SubBuckets     = %12u]\n", HDR_BUCKETS / HALF - 1, HDR_STEPS);
}
