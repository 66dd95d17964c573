// When tasks are meant to be sent, whatever becomes of those before them: an open loop. Latency is counted from these
// times, so that a system that stalls is charged with everybody who would have come meanwhile (Gil Tene's "coordinated
// omission").
#ifndef LOADTEST_CORE_ARRIVAL_H
#define LOADTEST_CORE_ARRIVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"
#include "base/rng.h"

#define ARRIVAL_PHASES_MAX 16u
#define ARRIVAL_RATE_MAX 1e6 // tasks a second

struct arrival_phase {
    double rate, rate_to; // tasks a second at its begin and its end, linear between; 0 and 0: none but the burst
    uint64_t burst;       // at once, at its begin
    p2_ns duration_ns;
};

struct arrival {
    const struct arrival_phase *phases; // borrows
    uint32_t phase_count, phase;
    bool poisson; // exponential gaps of the phase's rate instead of even ones
    struct p2_rng rng;
    p2_ns phase_begin_ns;
    uint64_t burst_left;
    double due; // tasks of this phase's rate before the next
};

void arrival_init(struct arrival *a, const struct arrival_phase *phases, uint32_t count, bool poisson, uint64_t seed);
p2_ns arrival_next(struct arrival *a); // time since the start of the next task, never falling; P2_NEVER: no more
p2_ns arrival_span(const struct arrival_phase *phases, uint32_t count);      // all phases together
double arrival_total(const struct arrival_phase *phases, uint32_t count);    // tasks to expect
void arrival_scale(struct arrival_phase *phases, uint32_t count, double by); // rates and bursts

#endif
