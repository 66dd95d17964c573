// The kernels of physics. All memory of a world is one buffer of words (layout.h). Passes over contacts exist twice:
// for CPUs a work-item solves sixteen strands at once in float16, for GPUs one. What works through bodies, cells or
// strands takes a share of them: a CPU's work-item many, a GPU's one. The order of all that is summed is ref.c's, and
// no multiply-add is fused, so results are the same to the bit wherever division and roots are exact.
#pragma OPENCL FP_CONTRACT OFF

#define INLINE static inline __attribute__((always_inline))

// clang-format off
#include "layout.h"
#include "joint.h"
#include "body.cl"
#include "grid.cl"
#include "strand.cl"
#include "pack.cl"
#include "lane.cl"
#include "vector.cl"
