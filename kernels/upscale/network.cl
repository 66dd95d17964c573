// The network to exactly twice the size, for CPUs. A work-item makes a strip of columns and walks down a band of rows:
// at each step one row of pixels comes in, every layer makes one row of its maps from the last rows of the layer before
// it, kept in rings in the nearest caches, and one row of the input becomes two of the result. No map is ever in memory
// as a whole, and each row is made once but for the few around a band. Nothing is clamped: around a strip and beyond
// the picture's edges maps are made of repeated pixels like any others.
#define NET_PITCH (16 * UPSCALE_NET_VECTORS + 32)
#define NET_PIXEL_ROWS 8 // kept, a power of two of at least UPSCALE_NET_HALO + 3

// Sums that stay in registers at once, by name, since arrays of them may not: all outputs of a layer where there are 32
// registers of 16 lanes, otherwise four.
#define NET_4(F) F(0) F(1) F(2) F(3)
#define NET_12(F) NET_4(F) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11)
#define NET_16(F) NET_12(F) F(12) F(13) F(14) F(15)
#ifdef __AVX512F__
#define NET_MAPS_BLOCK 16
#define NET_MAPS_EACH NET_16
#define NET_OUT_BLOCK 12
#define NET_OUT_EACH NET_12
#else
#define NET_MAPS_BLOCK 4
#define NET_MAPS_EACH NET_4
#define NET_OUT_BLOCK 4
#define NET_OUT_EACH NET_4
#endif

struct net_rows {
    float pixels[NET_PIXEL_ROWS][4][NET_PITCH];                         // value 0 is column x - UPSCALE_NET_HALO
    float maps[UPSCALE_NET_MIDDLE + 1][3][UPSCALE_NET_MAPS][NET_PITCH]; // of layer k: x - UPSCALE_NET_REACH + k
    float lines[2][4][NET_PITCH];                                       // bicubic downwards: x - 2
} __attribute__((aligned(64)));

INLINE void net_unpack(float (*to)[NET_PITCH], __global const uint *row, uint vectors) {
    for (uint v = 0; v < 16 * vectors; v += 16) {
        uint16 p = vload16(0, row + v);
        vstore16(convert_float16(p & 255u), 0, to[0] + v);
        vstore16(convert_float16(p >> 8 & 255u), 0, to[1] + v);
        vstore16(convert_float16(p >> 16 & 255u), 0, to[2] + v);
        vstore16(convert_float16(p >> 24), 0, to[3] + v);
    }
}

#define NET_BEGIN(o) float16 sum##o = (float16)(w[o]);
#define NET_ADD(o) sum##o += v * w[o];
#define NET_KEEP(o) sums[o] = sum##o;

// Outputs of a layer for 16 columns from x on: those of one block. rows[r] is row r of the layer's square in the first
// plane. w: what is added to the first output of the block; `outputs` of the layer are next to each other.
#define NET_SUMS(name, each, inputs, side, outputs)                                                                    \
    INLINE void name(float16 *sums, const float *const *rows, uint x, __constant const float *w) {                     \
        each(NET_BEGIN);                                                                                               \
        w += outputs;                                                                                                  \
        for (uint i = 0; i < inputs; i++) {                                                                            \
            _Pragma("unroll") for (uint r = 0; r < side; r++) {                                                        \
                const float *row = rows[r] + i * NET_PITCH + x;                                                        \
                _Pragma("unroll") for (uint c = 0; c < side; c++) {                                                    \
                    float16 v = vload16(0, row + c);                                                                   \
                    each(NET_ADD);                                                                                     \
                    w += outputs;                                                                                      \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        each(NET_KEEP);                                                                                                \
    }

NET_SUMS(net_first_sums, NET_MAPS_EACH, 3, 5, UPSCALE_NET_MAPS)
NET_SUMS(net_middle_sums, NET_MAPS_EACH, UPSCALE_NET_MAPS, 3, UPSCALE_NET_MAPS)
NET_SUMS(net_last_sums, NET_OUT_EACH, UPSCALE_NET_MAPS, 3, UPSCALE_NET_OUT)

INLINE void net_maps(float (*to)[NET_PITCH], const float *const *rows, uint columns, __constant const float *w,
                     int first) {
    for (uint o = 0; o < UPSCALE_NET_MAPS; o += NET_MAPS_BLOCK) {
        for (uint x = 0; x < columns; x += 16) {
            float16 sums[NET_MAPS_BLOCK];
            if (first)
                net_first_sums(sums, rows, x, w + o);
            else
                net_middle_sums(sums, rows, x, w + o);
#pragma unroll
            for (uint i = 0; i < NET_MAPS_BLOCK; i++) *(float16_at *)(to[o + i] + x) = max(sums[i], 0.0f);
        }
    }
}

// Bicubic (a = -0.75) to twice the size: weights of the four pixels around an output pixel, the farther end first.
#define NET_CUBIC(far, near, here, next)                                                                               \
    (-0.03515625f * (far) + 0.26171875f * (near) + 0.87890625f * (here) + -0.10546875f * (next))

// Pixel row `at` of the ring and the two on each side of it to the lines above and below its middle.
INLINE void net_lines(struct net_rows *n, uint at, uint columns) {
    for (int c = 0; c < 4; c++) {
        const float *rows[5];
#pragma unroll
        for (uint r = 0; r < 5; r++) rows[r] = n->pixels[(at + r - 2) % NET_PIXEL_ROWS][c] + UPSCALE_NET_HALO - 2;
        for (uint x = 0; x < columns; x += 16) {
            float16 p0 = vload16(0, rows[0] + x), p1 = vload16(0, rows[1] + x), p2 = vload16(0, rows[2] + x);
            float16 p3 = vload16(0, rows[3] + x), p4 = vload16(0, rows[4] + x);
            *(float16_at *)(n->lines[0][c] + x) = NET_CUBIC(p0, p1, p2, p3);
            *(float16_at *)(n->lines[1][c] + x) = NET_CUBIC(p4, p3, p2, p1);
        }
    }
}

INLINE uint16 net_levels(float16 v) { return convert_uint16(min(max(v + 0.5f, 0.0f), 255.0f)); }

// 16 input columns become 32 pixels of a row of the result.
INLINE void net_put(const float (*line)[NET_PITCH], const float16 *sums, uint j, uint x, uint16 *out) {
    uint16 left = 0, right = 0;
#pragma unroll
    for (uint c = 0; c < 4; c++) {
        const float *at = line[c] + x;
        float16 p0 = vload16(0, at), p1 = vload16(0, at + 1), p2 = vload16(0, at + 2), p3 = vload16(0, at + 3);
        float16 p4 = vload16(0, at + 4), l = NET_CUBIC(p0, p1, p2, p3), r = NET_CUBIC(p4, p3, p2, p1);
        if (c < 3) {
            l += sums[4 * c + 2 * j];
            r += sums[4 * c + 2 * j + 1];
        }
        left |= net_levels(l) << 8 * c;
        right |= net_levels(r) << 8 * c;
    }
    uint16 l = left, r = right;
    out[0] = (uint16)(l.s0, r.s0, l.s1, r.s1, l.s2, r.s2, l.s3, r.s3, l.s4, r.s4, l.s5, r.s5, l.s6, r.s6, l.s7, r.s7);
    out[1] = (uint16)(l.s8, r.s8, l.s9, r.s9, l.sa, r.sa, l.sb, r.sb, l.sc, r.sc, l.sd, r.sd, l.se, r.se, l.sf, r.sf);
}

INLINE void net_row(struct net_rows *n, const float *const *rows, __global uchar *out, const struct upscale_shape *s,
                    uint2 from, uint columns, __constant const float *weights) {
    for (uint x = 0; x < columns; x += 16) {
        float16 sums[UPSCALE_NET_OUT];
#pragma unroll
        for (uint o = 0; o < UPSCALE_NET_OUT; o += NET_OUT_BLOCK) net_last_sums(sums + o, rows, x, weights + o);
        uint to = 2 * (from.x + x);
        int whole = s->channels == 4 && to + 32 <= s->out_w;
#pragma unroll
        for (uint j = 0; j < 2; j++) {
            uint16 words[2];
            net_put((const float(*)[NET_PITCH])n->lines[j], sums, j, x, words);
            put_pixels(out, s, to, 2 * from.y + j, words[0], whole);
            if (x + 8 < columns) put_pixels(out, s, to + 16, 2 * from.y + j, words[1], whole);
        }
    }
}

__kernel void network_strip(__global const uint *padded, __global uchar *out, struct upscale_shape s,
                            __constant const float *weights) {
    uint x = get_global_id(0) * s.strip, y = s.row_begin + get_global_id(1) * s.band;
    if (x >= s.in_w || y >= s.row_end) return;
    uint columns = min(s.strip, s.in_w - x), rows = min(s.band, s.row_end - y);
    __constant const float *const last =
        weights + UPSCALE_NET_FIRST_WEIGHTS + UPSCALE_NET_MIDDLE * UPSCALE_NET_MIDDLE_WEIGHTS;
    struct net_rows n;
    for (uint step = 0; step < rows + 2 * UPSCALE_NET_HALO; step++) {
        __global const uint *row = input_row(padded, &s, (int)(y + step) - (int)UPSCALE_NET_HALO);
        net_unpack(n.pixels[step % NET_PIXEL_ROWS], row + x - UPSCALE_NET_HALO,
                   (columns + 2 * UPSCALE_NET_HALO + 15) / 16);
        if (step < 4) continue;
        const float *from[5];
#pragma unroll
        for (uint r = 0; r < 5; r++) from[r] = n.pixels[(step + r - 4) % NET_PIXEL_ROWS][0];
        net_maps(n.maps[0][step % 3], from, columns + 2 * UPSCALE_NET_REACH, weights, 1);
        __constant const float *w = weights + UPSCALE_NET_FIRST_WEIGHTS;
        for (uint k = 1; k <= UPSCALE_NET_REACH && step >= 4 + 2 * k; k++) {
#pragma unroll
            for (uint r = 0; r < 3; r++) from[r] = n.maps[k - 1][(step + r + 1) % 3][0];
            if (k == UPSCALE_NET_REACH) break;
            net_maps(n.maps[k][step % 3], from, columns + 2 * (UPSCALE_NET_REACH - k), w, 0);
            w += UPSCALE_NET_MIDDLE_WEIGHTS;
        }
        if (step < 2 * UPSCALE_NET_HALO) continue;
        net_lines(&n, step - UPSCALE_NET_HALO, columns + 4);
        net_row(&n, from, out, &s, (uint2)(x, y + step - 2 * UPSCALE_NET_HALO), columns, last);
    }
}
