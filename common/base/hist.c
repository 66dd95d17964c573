#include "hist.h"

#include <math.h>

#define STEP_BITS 7 // 128 steps per power of two
#define STEPS (1u << STEP_BITS)
#define VALUE_MIN 1u
#define VALUE_MAX 60000000u

// Values under 128 us have a bucket each; from there on each power of two has 128.
static uint32_t index_of(uint32_t us) {
    if (us < STEPS) return us;
    uint32_t exponent = 31u - (uint32_t)__builtin_clz(us);
    uint32_t shift = exponent - STEP_BITS;
    return (shift + 1) * STEPS + (us >> shift) - STEPS;
}

// Largest value that falls into the bucket.
static uint32_t ceiling_of(uint32_t index) {
    if (index < STEPS) return index;
    uint32_t shift = index / STEPS - 1;
    return ((STEPS + index % STEPS + 1) << shift) - 1;
}

_Static_assert(P2_HIST_BUCKETS >= (26 - STEP_BITS + 1) * (1 << STEP_BITS), "60 s is under 2^26 us");

static void count(uint32_t *bucket, uint32_t more) {
    if (__builtin_add_overflow(*bucket, more, bucket)) *bucket = UINT32_MAX;
}

void p2_hist_add(struct p2_hist *h, p2_ns value) {
    uint64_t span = p2_ns_to_us(value);
    uint32_t us = span < VALUE_MIN ? VALUE_MIN : span > VALUE_MAX ? VALUE_MAX : (uint32_t)span;
    if (h->count == 0 || us < h->min_us) h->min_us = us;
    if (us > h->max_us) h->max_us = us;
    h->count++;
    h->sum_us += us;
    count(&h->buckets[index_of(us)], 1);
}

void p2_hist_merge(struct p2_hist *into, const struct p2_hist *from) {
    if (from->count == 0) return;
    if (into->count == 0 || from->min_us < into->min_us) into->min_us = from->min_us;
    if (from->max_us > into->max_us) into->max_us = from->max_us;
    into->count += from->count;
    into->sum_us += from->sum_us;
    for (uint32_t i = 0; i < P2_HIST_BUCKETS; i++) count(&into->buckets[i], from->buckets[i]);
}

p2_ns p2_hist_quantile(const struct p2_hist *h, double q) {
    if (h->count == 0) return 0;
    // A hair less, so that 0.07 of 100 is the 7th value although the product is a little above 7.
    double rank = ceil(q * (double)h->count * (1 - 1e-15));
    uint64_t wanted = rank < 1 ? 1 : rank > (double)h->count ? h->count : (uint64_t)rank;
    uint64_t seen = 0;
    uint32_t us = h->max_us;
    for (uint32_t i = 0; i < P2_HIST_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= wanted) {
            us = ceiling_of(i) < h->max_us ? ceiling_of(i) : h->max_us;
            break;
        }
    }
    return (p2_ns)us * P2_US;
}
