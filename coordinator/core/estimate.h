// How long tasks take, by type and size class (p2_task_cost.size_class), from what was observed:
//
//   service  placed to whole result: transfer, waiting at the peer, running
//   run      on the device, as the peer says, counted up to what the clock here saw
//
// Each is a histogram of 8 buckets an octave between 16 us and 73 minutes, so that a quantile is at most 12.5 % above
// the truth. It decays: at 512 samples all counts are halved, so what is older than about a thousand samples counts
// for next to nothing. Until P2_PRIOR_SAMPLES of a size class are in, the type's own prior holds
// (cost.timeout_prior_ns, kernels/README.md). Adding is O(1) amortised, reading O(1): each quantile is kept as a mark
// that moves with what comes.
#ifndef COORDINATOR_CORE_ESTIMATE_H
#define COORDINATOR_CORE_ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ns.h"

struct coord;
struct p2_task_cost;

#define ESTIMATE_BUCKETS 224u

enum estimate_quantile { ESTIMATE_P50, ESTIMATE_P95, ESTIMATE_QUANTILES };

struct estimate_mark {
    uint32_t bucket; // where the quantile lies
    uint32_t below;  // weight in the buckets before it
};

// Zeroed storage is empty.
struct estimate_hist {
    uint32_t samples; // ever, saturating
    uint32_t weight;  // of all buckets; ESTIMATE_ONE for a sample that is fresh
    struct estimate_mark marks[ESTIMATE_QUANTILES];
    uint16_t buckets[ESTIMATE_BUCKETS];
};

struct estimate { // of one type and size class
    struct estimate_hist service, run;
};

void estimate_hist_add(struct estimate_hist *h, p2_ns span_ns);
p2_ns estimate_hist_quantile(const struct estimate_hist *h, enum estimate_quantile q); // 0: fewer than P2_PRIOR_SAMPLES
void estimate_hist_check(const struct estimate_hist *h);

void estimate_add(struct coord *c, uint32_t type, uint32_t size_class, p2_ns service_ns);
void estimate_add_run(struct coord *c, uint32_t type, uint32_t size_class, p2_ns run_ns);

// Of service time; 0: fewer than P2_PRIOR_SAMPLES are known.
p2_ns estimate_p50(const struct coord *c, uint32_t type, uint32_t size_class);
p2_ns estimate_p95(const struct coord *c, uint32_t type, uint32_t size_class);

// What is expected of a task of that cost: the median, or the prior; at least 1, at most deadline_ns_max.
p2_ns estimate_service(const struct coord *c, uint32_t type, const struct p2_task_cost *cost);
p2_ns estimate_run(const struct coord *c, uint32_t type, const struct p2_task_cost *cost);

bool estimate_init(struct coord *c); // false: memory is short
void estimate_deinit(struct coord *c);
size_t estimate_bytes(const struct coord *c);
void estimate_check(const struct coord *c);

#endif
