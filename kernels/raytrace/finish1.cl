#if !P2_CPU
// Kernels for GPUs: a pixel each.

__kernel void trace_pixel(__global const struct raytrace_pair *nodes, __global const struct raytrace_leaf *leaves,
                          __global const struct raytrace_prim *prims, __global const uint *words, __global float *sums,
                          struct raytrace_frame f) {
    uint gx = get_global_id(0), gy = get_global_id(1);
    uint x = comb_at(f.columns, gx / RAYTRACE_BLOCK) + gx % RAYTRACE_BLOCK;
    uint y = comb_at(f.rows, gy / RAYTRACE_BLOCK) + gy % RAYTRACE_BLOCK;
    if (x >= f.w || y >= f.h) return;
    struct world_1 w = {{nodes, leaves, f.root}, prims, words, &f};
    uint planes = f.features ? RAYTRACE_PLANES : RAYTRACE_PLANES_PLAIN;
    __global float *at = sums + RAYTRACE_MARGIN + (size_t)y * f.stride + x;
    float sum[RAYTRACE_PLANES] = {0};
    if (f.sample_begin != f.first)
        for (uint k = 0; k < planes; k++) sum[k] = at[(size_t)k * f.plane];
    for (uint i = f.sample_begin; i < f.sample_end; i++) sample_1(&w, x + f.x, y + f.y, i, -1, sum);
    for (uint k = 0; k < planes; k++) at[(size_t)k * f.plane] = sum[k];
}

__kernel void compress_pixel(__global float *sums, struct raytrace_finish f) {
    uint x = get_global_id(0), y = f.row_begin + get_global_id(1);
    if (x < f.w && y < f.row_end) compress_1(sums, &f, RAYTRACE_MARGIN + (size_t)y * f.stride + x);
}

__kernel void smooth_pixel(__global const float *colours, __global const float *sums, __global float *out,
                           struct raytrace_finish f) {
    uint x = get_global_id(0), y = f.row_begin + get_global_id(1);
    if (x >= f.w || y >= f.row_end) return;
    smooth_1(colours, sums, out, &f, (int)x, (int)y, RAYTRACE_MARGIN + (size_t)y * f.stride + x);
}

__kernel void bytes_pixel(__global const float *colours, __global const float *sums, __global uchar *out,
                          struct raytrace_finish f) {
    uint x = get_global_id(0), y = f.row_begin + get_global_id(1);
    if (x >= f.out_w || y >= f.row_end) return;
    uint v = pixel_1(colours, sums, &f, RAYTRACE_MARGIN + (size_t)(f.y + y) * f.stride + f.x + x);
    __global uchar *to = out + ((size_t)y * f.out_w + x) * f.channels;
    for (uint c = 0; c < f.channels; c++) to[c] = (uchar)(v >> (8 * c));
}

#endif

// Of both: one pixel of planes of floats.
__kernel void floats_pixel(__global const float *colours, __global const float *sums, __global float *out,
                           struct raytrace_finish f) {
    uint x = get_global_id(0), y = f.row_begin + get_global_id(1);
    if (x >= f.out_w || y >= f.row_end) return;
    size_t at = RAYTRACE_MARGIN + (size_t)(f.y + y) * f.stride + f.x + x;
    size_t pixels = (size_t)f.out_w * f.out_h, pixel = (size_t)y * f.out_w + x;
    float scale = f.denoised ? 1.0f : f.scale; // compress_1() has made means of them
    struct vec_1 colour = colour_of_1(colours, sums, &f, at);
    vstore3((float3)(colour.x, colour.y, colour.z), pixel, out);
    out += 3 * pixels;
    if (f.albedo) {
        for (uint k = 0; k < 3; k++) out[3 * pixel + k] = sums[(RAYTRACE_ALBEDO + k) * f.plane + at] * scale;
        out += 3 * pixels;
    }
    if (f.normals) {
        for (uint k = 0; k < 3; k++) out[3 * pixel + k] = sums[(RAYTRACE_NORMAL + k) * f.plane + at] * scale;
        out += 3 * pixels;
    }
    if (f.distance) out[pixel] = sums[RAYTRACE_DISTANCE * f.plane + at] * scale;
}
