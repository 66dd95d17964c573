// The kernels of raytrace. What a path, the denoiser and the result are is written once (path.cl, denoise.cl) over a
// handful of names and read twice: as 16 lanes for CPUs (lanes16.cl) and as one ray or pixel for GPUs (lanes1.cl). How
// rays find what they hit is different: bundles and vectors over a tree of 16 children (trace16.cl), single rays over a
// binary one (trace1.cl).
#pragma OPENCL FP_CONTRACT ON

// clang-format off
#include "layout.h"
#define INLINE static inline __attribute__((always_inline))

INLINE uint comb_at(struct raytrace_comb c, uint block) {
    return (c.begin + block / c.run * c.step + block % c.run) * RAYTRACE_BLOCK;
}

#include "lanes16.cl"
#include "vec.cl" // again
#include "trace16.cl"
#include "shade.cl" // again
#include "path.cl" // again
#include "denoise.cl" // again
#include "finish16.cl"

#include "lanes1.cl"
#include "vec.cl" // again
#if !P2_CPU
#include "trace1.cl"
#include "shade.cl" // again
#include "path.cl" // again
#endif
#include "denoise.cl" // again
#include "finish1.cl"
