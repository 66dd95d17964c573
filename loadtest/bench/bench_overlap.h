// What a device of its own memory gains when payloads and results travel while others compute: frames through the
// executor's runner one after another, and as a stream.
#ifndef LOADTEST_BENCH_BENCH_OVERLAP_H
#define LOADTEST_BENCH_BENCH_OVERLAP_H

#include "loadtest/bench/bench_kernels.h"

// A row without a bar. Proves upscale on the device anew.
void bench_overlap(struct bench_kernels *k);

#endif
