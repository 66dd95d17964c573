// What spec.c, ref.c, taps.c and exec.c of upscale share.
#ifndef KERNELS_UPSCALE_UPSCALE_H
#define KERNELS_UPSCALE_UPSCALE_H

#include "kernels/task_type.h"
#include "kernels/upscale/layout.h"

#define UPSCALE_TAPS_MAX 6

// How one output column (or row) is made of input columns.
struct p2_upscale_taps {
    int32_t base;    // the input column at or left of it; -1 when it lies left of the middle of the first
    uint32_t count;  // 2, 4 or 6
    int32_t first;   // input column of weight[0]; columns outside stand for the nearest one inside
    double fraction; // 0 <= fraction < 1: how far it lies right of base
    double weight[UPSCALE_TAPS_MAX]; // sum 1; of the adaptive filter as bilinear
};

// Where output column `index` of `out` lies among `in` columns when the two pictures cover the same area.
void p2_upscale_taps(uint32_t filter, uint32_t in, uint32_t out, uint32_t index, struct p2_upscale_taps *taps);

enum p2_err p2_upscale_reference(const void *block, const uint8_t *payload, size_t payload_size, uint8_t *out,
                                 size_t out_capacity, size_t *out_size);

extern const struct p2_task_type p2_type_upscale;

#endif
