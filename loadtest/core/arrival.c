#include "loadtest/core/arrival.h"

#include <math.h>

static double expected(const struct arrival_phase *p) {
    return (p->rate + p->rate_to) / 2 * (double)p->duration_ns / (double)P2_SEC;
}

// An even schedule's first task is due at once; a random one's after its first gap.
static void enter(struct arrival *a) {
    if (a->phase >= a->phase_count) return;
    a->burst_left = a->phases[a->phase].burst;
    a->due = a->poisson ? -log(1 - p2_rng_unit(&a->rng)) : 0;
}

void arrival_init(struct arrival *a, const struct arrival_phase *phases, uint32_t count, bool poisson, uint64_t seed) {
    *a = (struct arrival){.phases = phases, .phase_count = count, .poisson = poisson};
    p2_rng_init(&a->rng, seed);
    enter(a);
}

// When `due` tasks have come: the inverse of rate * t + (rate_to - rate) / (2 duration) * t^2, in the form that is
// exact for a flat rate too.
static p2_ns when(const struct arrival_phase *p, double due) {
    double slope = (p->rate_to - p->rate) / ((double)p->duration_ns / (double)P2_SEC);
    double root = sqrt(fmax(p->rate * p->rate + 2 * slope * due, 0));
    double t = due > 0 ? 2 * due / (p->rate + root) : 0;
    return (p2_ns)(t * (double)P2_SEC);
}

p2_ns arrival_next(struct arrival *a) {
    while (a->phase < a->phase_count) {
        const struct arrival_phase *p = &a->phases[a->phase];
        if (a->burst_left > 0) {
            a->burst_left--;
            return a->phase_begin_ns;
        }
        if (a->due < expected(p) - 1e-9) {
            p2_ns at = when(p, a->due);
            a->due += a->poisson ? -log(1 - p2_rng_unit(&a->rng)) : 1;
            return p2_ns_add(a->phase_begin_ns, p2_ns_min(at, p->duration_ns));
        }
        a->phase_begin_ns = p2_ns_add(a->phase_begin_ns, p->duration_ns);
        a->phase++;
        enter(a);
    }
    return P2_NEVER;
}

p2_ns arrival_span(const struct arrival_phase *phases, uint32_t count) {
    p2_ns sum = 0;
    for (uint32_t i = 0; i < count; i++) sum = p2_ns_add(sum, phases[i].duration_ns);
    return sum;
}

double arrival_total(const struct arrival_phase *phases, uint32_t count) {
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) sum += expected(&phases[i]) + (double)phases[i].burst;
    return sum;
}

void arrival_scale(struct arrival_phase *phases, uint32_t count, double by) {
    for (uint32_t i = 0; i < count; i++) {
        phases[i].rate *= by;
        phases[i].rate_to *= by;
        phases[i].burst = (uint64_t)round((double)phases[i].burst * by);
    }
}
