// The rows of upscale's network, among those of upscale.
#ifndef LOADTEST_BENCH_BENCH_UPSCALE_NETWORK_H
#define LOADTEST_BENCH_BENCH_UPSCALE_NETWORK_H

#include "loadtest/bench/bench_kernels.h"

// RGBA pixels w x h to twice the size, against the same convolutions in oneDNN and in OpenCV dnn.
void bench_upscale_network(struct bench_kernels *k, const uint8_t *pixels, int w, int h);

#endif
