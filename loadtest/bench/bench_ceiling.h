// What a device reaches at most, measured with two small kernels of its own: bytes copied and fused multiply-adds.
#ifndef LOADTEST_BENCH_BENCH_CEILING_H
#define LOADTEST_BENCH_BENCH_CEILING_H

#include <stdbool.h>

#include "peer/executor/slot.h"

struct bench_ceiling {
    double bytes_per_s; // read and written by a copy much larger than any cache
    double flops;       // single precision, a multiply-add counts as two
};

// False with a sentence in why. Takes under a second.
bool bench_ceiling_measure(struct exec_slot *slot, struct bench_ceiling *out, struct p2_strbuf *why);

#endif
