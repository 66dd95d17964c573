// A coordinator's core and a simple model of peers in virtual time: each runs its jobs one after the other at its
// speed.
#ifndef LOADTEST_BENCH_CLUSTER_H
#define LOADTEST_BENCH_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/core/pick.h"

struct cluster_config {
    uint32_t peers, tasks;
    uint64_t seed;
    enum pick_strategy strategy;
    double load; // of what all peers together can do
    double churn_per_minute;
    bool two_speeds; // 1:4 and equal tasks, instead of 1:4:20 and three types
    bool no_stealing;
    bool measured; // what pings and payloads tell is known from the start
};

struct cluster_outcome {
    uint32_t completed, failed;
    double mean_ms, p99_ms, makespan_s; // submit to result, of those completed
};

struct cluster;

struct cluster *cluster_create(const struct cluster_config *config); // all peers registered
void cluster_destroy(struct cluster **k);
void cluster_run(struct cluster *k, struct cluster_outcome *out);
// One decision and its placement; before it, when half of the peers are busy, another job ends. Returns the time by
// `clock` of the decision with its bookkeeping.
p2_ns cluster_decide(struct cluster *k, p2_ns (*clock)(void));

#endif
