// Kernels for CPUs: 4x4 pixels of paths, 16 pixels of a row for what follows.

typedef uint16 __attribute__((aligned(1))) uint16_at;
typedef uchar16 __attribute__((aligned(1))) uchar16_at;

__kernel void trace_strip(__global const struct raytrace_wide *nodes, __global const struct raytrace_pack *packs,
                          __global const struct raytrace_prim *prims, __global const uint *words, __global float *sums,
                          struct raytrace_frame f) {
    uint x = comb_at(f.columns, get_global_id(0)), y = comb_at(f.rows, get_global_id(1));
    if (x >= f.w || y >= f.h) return;
    struct world_16 w = {{nodes, packs, f.root}, prims, words, &f};
    uint16 px = x + (uint16)(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
    uint16 py = y + (uint16)(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    int16 active = (px < f.w) & (py < f.h);
    uint planes = f.features ? RAYTRACE_PLANES : RAYTRACE_PLANES_PLAIN;
    __global float *at = sums + RAYTRACE_MARGIN + (size_t)y * f.stride + x;
    size_t rows[4] = {0, f.stride, 2 * f.stride, 3 * f.stride};
    float16 sum[RAYTRACE_PLANES] = {0};
    if (f.sample_begin != f.first) { // go on adding where the launch before ended: the same sum however it was cut
        for (uint k = 0; k < planes; k++) {
            __global const float *from = at + (size_t)k * f.plane;
            sum[k] = (float16)(vload4(0, from), vload4(0, from + rows[1]), vload4(0, from + rows[2]),
                               vload4(0, from + rows[3]));
        }
    }
    for (uint i = f.sample_begin; i < f.sample_end; i++) sample_16(&w, px + f.x, py + f.y, i, active, sum);
    for (uint k = 0; k < planes; k++) {
        __global float *to = at + (size_t)k * f.plane;
        vstore4(sum[k].s0123, 0, to);
        vstore4(sum[k].s4567, 0, to + rows[1]);
        vstore4(sum[k].s89ab, 0, to + rows[2]);
        vstore4(sum[k].scdef, 0, to + rows[3]);
    }
}

__kernel void compress_strip(__global float *sums, struct raytrace_finish f) {
    uint x = get_global_id(0) * 16, y = f.row_begin + get_global_id(1);
    if (x < f.w && y < f.row_end) compress_16(sums, &f, RAYTRACE_MARGIN + (size_t)y * f.stride + x);
}

__kernel void smooth_strip(__global const float *colours, __global const float *sums, __global float *out,
                           struct raytrace_finish f) {
    uint x = get_global_id(0) * 16, y = f.row_begin + get_global_id(1);
    if (x >= f.w || y >= f.row_end) return;
    smooth_16(colours, sums, out, &f, (int)x, (int)y, RAYTRACE_MARGIN + (size_t)y * f.stride + x);
}

// 16 words as 48 bytes.
INLINE void put_rgb(uint16 v, __global uchar *out) {
    uchar16 a = as_uchar16(v.s0123).s01245689acde37bf, b = as_uchar16(v.s4567).s01245689acde37bf;
    uchar16 c = as_uchar16(v.s89ab).s01245689acde37bf, d = as_uchar16(v.scdef).s01245689acde37bf;
    *(__global uchar16_at *)out = (uchar16)(a.s0123, a.s4567, a.s89ab, b.s0123);
    *(__global uchar16_at *)(out + 16) = (uchar16)(b.s4567, b.s89ab, c.s0123, c.s4567);
    *(__global uchar16_at *)(out + 32) = (uchar16)(c.s89ab, d.s0123, d.s4567, d.s89ab);
}

__kernel void bytes_strip(__global const float *colours, __global const float *sums, __global uchar *out,
                          struct raytrace_finish f) {
    uint x = get_global_id(0) * 16, y = f.row_begin + get_global_id(1);
    if (x >= f.out_w || y >= f.row_end) return;
    uint16 v = pixel_16(colours, sums, &f, RAYTRACE_MARGIN + (size_t)(f.y + y) * f.stride + f.x + x);
    __global uchar *to = out + ((size_t)y * f.out_w + x) * f.channels;
    if (x + 16 <= f.out_w && f.channels == 4) {
        *(__global uint16_at *)to = v;
    } else if (x + 16 <= f.out_w) {
        put_rgb(v, to);
    } else {
        uint words[16];
        vstore16(v, 0, words);
        for (uint i = 0; x + i < f.out_w; i++)
            for (uint c = 0; c < f.channels; c++) *to++ = (uchar)(words[i] >> (8 * c));
    }
}
