#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

struct sim sim;

void timer_init(struct timer *t, void (*fire)(struct timer *t)) {
    p2_heap_node_init(&t->node);
    t->fire = fire;
}

void timer_off(struct timer *t) { p2_heap_remove(&sim.timers, &t->node); }
bool timer_on(const struct timer *t) { return p2_heap_in(&t->node); }

void timer_at(struct timer *t, p2_ns at) {
    timer_off(t);
    if (at != P2_NEVER) p2_heap_push(&sim.timers, &t->node, p2_ns_max(at, sim.now), sim.ties++);
}

uint32_t below(uint32_t n) { return (uint32_t)p2_rng_below(&sim.rng, n); }
bool chance(double percent) { return p2_rng_unit(&sim.rng) * 100 < percent; }

p2_ns between(p2_ns low, p2_ns high) { return low + (p2_ns)p2_rng_below(&sim.rng, (uint64_t)(high - low) + 1); }

p2_ns about(p2_ns mean) {
    double x = -log(1 - p2_rng_unit(&sim.rng));
    return (p2_ns)((double)mean * (x < 8 ? x : 8)) + 1;
}

uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

void sim_fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "at %.6f s: ", (double)sim.now / (double)P2_SEC);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

void sim_trace(const char *format, ...) {
    if (!sim.trace) return;
    va_list args;
    va_start(args, format);
    printf("%12.6f ", (double)sim.now / (double)P2_SEC);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}
