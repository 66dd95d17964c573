// What exec.c and network.c share: one filter at work on the device.
#ifndef KERNELS_UPSCALE_WORK_H
#define KERNELS_UPSCALE_WORK_H

#include "kernels/upscale/upscale.h"
#include "peer/executor/exec.h"

enum { // kernels in the order of their names in exec.c; bilinear, bicubic, lanczos stand in the order of their filters
    PAD_ROW,
    BILINEAR_STRIP,
    BICUBIC_STRIP,
    LANCZOS_STRIP,
    BILINEAR_TWICE,
    METRIC_STRIP,
    ADAPTIVE_ANY,
    ADAPTIVE_TWICE,
    SHARPEN_STRIP,
    NETWORK_STRIP,
    PAD_PIXEL,
    BILINEAR_PIXEL,
    BICUBIC_PIXEL,
    LANCZOS_PIXEL,
    METRIC_PIXEL,
    ADAPTIVE_PIXEL,
    SHARPEN_PIXEL,
    NETWORK_FIRST_PIXEL,
    NETWORK_MIDDLE_PIXEL,
    NETWORK_LAST_PIXEL,
};

struct work {
    struct exec_slot *slot;
    const struct upscale_block *block; // of this step: sizes and filter
    struct upscale_shape shape;
    cl_mem in, padded, columns, rows, out;
    cl_mem metric, mid; // of the adaptive filter
};

static inline size_t upscale_groups(size_t count, size_t of) { return (count + of - 1) / of; }

static inline bool upscale_by_pixels(const struct work *w) { return !exec_facts(w->slot)->is_cpu; }

// Arguments of a kernel in order: memory objects around the shape.
enum p2_err upscale_args(struct work *w, cl_kernel k, const cl_mem *before, cl_uint count, const cl_mem *after,
                         cl_uint after_count);

// The network to twice the size, from w->padded to w->out. As exec_type.run.
enum p2_err upscale_network(struct work *w);

#endif
