// Smoothed value and deviation as in RFC 6298 (gains 1/8 and 1/4), on any unit.
#ifndef P2_BASE_EWMA_H
#define P2_BASE_EWMA_H

#include <stdint.h>

struct p2_ewma {
    int64_t mean, deviation;
    uint64_t samples;
};

void p2_ewma_add(struct p2_ewma *e, int64_t sample); // the first sample sets mean, and deviation to half of it

#endif
