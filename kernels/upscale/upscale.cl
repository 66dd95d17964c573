// The kernels of upscale. Each step exists twice with the same meaning (ref.c): for CPUs a work-item makes a strip of
// pixels 16 lanes at a time and walks down a band of rows; for GPUs it makes one pixel.
#pragma OPENCL FP_CONTRACT ON

// clang-format off
#include "layout.h"
#include "common.cl"
#include "twice.cl"
#include "separable.cl"
#include "adaptive.cl"
#include "network.cl"
#if !P2_CPU
#include "pixel.cl"
#include "network_pixel.cl"
#endif
