#include "estimate.h"

#include <stdlib.h>

#include "coordinator/core/state.h"

#define STEP_BITS 3u     // 8 buckets an octave
#define LEAST_BITS 14u   // 2^14 ns = 16 us: what is less falls into the first bucket
#define ESTIMATE_ONE 16u // weight of a fresh sample: halved four times it still counts
#define WEIGHT_MAX (512u * ESTIMATE_ONE)

_Static_assert(WEIGHT_MAX <= UINT16_MAX, "all samples fit into one bucket");
_Static_assert(LEAST_BITS + (ESTIMATE_BUCKETS >> STEP_BITS) <= 62, "the last bucket's ceiling fits");

static const uint32_t percent[ESTIMATE_QUANTILES] = {50, 95};

// ---- one distribution -----------------------------------------------------------------------------------------------

static uint32_t bucket_of(p2_ns span_ns) {
    if (span_ns < (p2_ns)1 << LEAST_BITS) return 0;
    uint64_t ns = (uint64_t)span_ns;
    unsigned exponent = 63u - (unsigned)__builtin_clzll(ns);
    uint32_t step = (uint32_t)(ns >> (exponent - STEP_BITS)) & ((1u << STEP_BITS) - 1);
    uint32_t at = ((exponent - LEAST_BITS) << STEP_BITS) + step;
    return at < ESTIMATE_BUCKETS ? at : ESTIMATE_BUCKETS - 1;
}

static p2_ns ceiling_of(uint32_t bucket) {
    unsigned exponent = LEAST_BITS + (bucket >> STEP_BITS);
    p2_ns steps = (1 << STEP_BITS) + (p2_ns)(bucket & ((1u << STEP_BITS) - 1));
    return ((steps + 1) << (exponent - STEP_BITS)) - 1;
}

// Weight that lies at or below a quantile; at least 1 of a histogram that has any.
static uint32_t wanted(const struct estimate_hist *h, unsigned q) { return (h->weight * percent[q] + 99) / 100; }

static void settle(struct estimate_hist *h, unsigned q) {
    struct estimate_mark *m = &h->marks[q];
    uint32_t rank = wanted(h, q);
    while (m->below >= rank) m->below -= h->buckets[--m->bucket];
    while (m->below + h->buckets[m->bucket] < rank) m->below += h->buckets[m->bucket++];
}

static void halve(struct estimate_hist *h) {
    h->weight = 0;
    for (unsigned i = 0; i < ESTIMATE_BUCKETS; i++) h->weight += h->buckets[i] /= 2;
    for (unsigned q = 0; q < ESTIMATE_QUANTILES; q++) h->marks[q] = (struct estimate_mark){0, 0};
}

void estimate_hist_add(struct estimate_hist *h, p2_ns span_ns) {
    if (h->weight + ESTIMATE_ONE > WEIGHT_MAX) halve(h);
    uint32_t at = bucket_of(span_ns);
    h->buckets[at] = (uint16_t)(h->buckets[at] + ESTIMATE_ONE);
    h->weight += ESTIMATE_ONE;
    if (h->samples < UINT32_MAX) h->samples++;
    for (unsigned q = 0; q < ESTIMATE_QUANTILES; q++) {
        if (at < h->marks[q].bucket) h->marks[q].below += ESTIMATE_ONE;
        settle(h, q);
    }
}

p2_ns estimate_hist_quantile(const struct estimate_hist *h, enum estimate_quantile q) {
    return h->samples < P2_PRIOR_SAMPLES ? 0 : ceiling_of(h->marks[q].bucket);
}

void estimate_hist_check(const struct estimate_hist *h) {
    uint32_t weight = 0, below[ESTIMATE_QUANTILES] = {0};
    for (unsigned i = 0; i < ESTIMATE_BUCKETS; i++) {
        weight += h->buckets[i];
        for (unsigned q = 0; q < ESTIMATE_QUANTILES; q++) below[q] += i < h->marks[q].bucket ? h->buckets[i] : 0;
    }
    P2_CHECK(weight == h->weight && weight <= WEIGHT_MAX && (weight > 0) == (h->samples > 0));
    for (unsigned q = 0; q < ESTIMATE_QUANTILES; q++) {
        const struct estimate_mark *m = &h->marks[q];
        P2_CHECK(m->bucket < ESTIMATE_BUCKETS && m->below == below[q]);
        if (weight) P2_CHECK(m->below < wanted(h, q) && m->below + h->buckets[m->bucket] >= wanted(h, q));
    }
}

// ---- all of them ----------------------------------------------------------------------------------------------------

static struct estimate *find(const struct coord *c, uint32_t type, uint32_t size_class) {
    P2_CHECK(type < c->type_count);
    uint32_t class_ = size_class < P2_SIZE_CLASSES ? size_class : P2_SIZE_CLASSES - 1;
    return &c->estimates[(size_t)type * P2_SIZE_CLASSES + class_];
}

void estimate_add(struct coord *c, uint32_t type, uint32_t size_class, p2_ns service_ns) {
    estimate_hist_add(&find(c, type, size_class)->service, service_ns);
}

void estimate_add_run(struct coord *c, uint32_t type, uint32_t size_class, p2_ns run_ns) {
    estimate_hist_add(&find(c, type, size_class)->run, run_ns);
}

p2_ns estimate_p50(const struct coord *c, uint32_t type, uint32_t size_class) {
    return estimate_hist_quantile(&find(c, type, size_class)->service, ESTIMATE_P50);
}

p2_ns estimate_p95(const struct coord *c, uint32_t type, uint32_t size_class) {
    return estimate_hist_quantile(&find(c, type, size_class)->service, ESTIMATE_P95);
}

static p2_ns expected(const struct coord *c, const struct estimate_hist *h, const struct p2_task_cost *cost) {
    p2_ns known = estimate_hist_quantile(h, ESTIMATE_P50);
    return p2_ns_max(1, p2_ns_min(known ? known : cost->timeout_prior_ns, c->limits.deadline_ns_max));
}

p2_ns estimate_service(const struct coord *c, uint32_t type, const struct p2_task_cost *cost) {
    return expected(c, &find(c, type, cost->size_class)->service, cost);
}

p2_ns estimate_run(const struct coord *c, uint32_t type, const struct p2_task_cost *cost) {
    return expected(c, &find(c, type, cost->size_class)->run, cost);
}

static size_t count(const struct coord *c) { return (size_t)(c->type_count ? c->type_count : 1) * P2_SIZE_CLASSES; }

bool estimate_init(struct coord *c) { return (c->estimates = calloc(count(c), sizeof *c->estimates)) != NULL; }
void estimate_deinit(struct coord *c) { free(c->estimates); }
size_t estimate_bytes(const struct coord *c) { return count(c) * sizeof *c->estimates; }

void estimate_check(const struct coord *c) {
    for (size_t i = 0; i < count(c); i++) {
        if (c->estimates[i].service.samples) estimate_hist_check(&c->estimates[i].service);
        if (c->estimates[i].run.samples) estimate_hist_check(&c->estimates[i].run);
    }
}
