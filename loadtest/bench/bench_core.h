// The parts of ./run bench core; each adds its rows.
#ifndef LOADTEST_BENCH_BENCH_CORE_H
#define LOADTEST_BENCH_BENCH_CORE_H

#include "loadtest/bench/bench.h"
#include "loadtest/bench/cluster.h"

#define BENCH_CORE_WAITING 1000000u // tasks

void bench_core_waiting(struct bench *b);     // memory, and whole steps, while many wait
void bench_core_queue(struct bench *b);       // the queue alone
void bench_core_known(struct bench *b);       // the answer to what is known, against a run
void bench_core_allocations(struct bench *b); // of steady traffic
void bench_core_strategies(struct bench *b, const struct cluster_outcome all[static PICK_STRATEGIES]);

#endif
