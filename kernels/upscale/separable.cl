// Separable filters of 2, 4 or 6 taps at any ratio. A work-item makes a strip of UPSCALE_STRIP columns and walks down:
// each input row is resampled across once, into a ring of rows that stays in the nearest cache, and output rows are
// weighted sums down the ring.
#define STRIP_VECTORS (UPSCALE_STRIP / 4) // float16: four pixels of four channels
#define RING 8                            // rows kept, a power of two of at least 6

struct strip {
    float16 rows[RING][STRIP_VECTORS];
};

// A table of columns (or rows): the input column of each one's first tap, then four weights of each, then four more.
struct table {
    __global const int *first;
    __global const float *weights, *more;
};

INLINE struct table table_of(__global const int *words, uint side) {
    uint count = side + UPSCALE_TABLE_TAIL;
    __global const float *weights = (__global const float *)(words + count);
    struct table t = {words, weights, weights + 4 * count};
    return t;
}

// Tap t of four output pixels from four words each.
#define TAP(t0, t1, t2, t3, pixels, w) \
    (convert_float16(as_uchar16((pixels).s##t0##t1##t2##t3)) * \
     (float16)((float4)((w).s##t0), (float4)((w).s##t1), (float4)((w).s##t2), (float4)((w).s##t3)))

INLINE float16 across_any(__global const uint *row, const struct table *c, uint x, int taps) {
    int4 at = vload4(0, c->first + x);
    float16 w = vload16(0, c->weights + 4 * x);
    if (taps == 2) {
        uint2 p0 = vload2(0, row + at.x), p1 = vload2(0, row + at.y), p2 = vload2(0, row + at.z), p3 = vload2(0, row + at.w);
        uint16 p = (uint16)(p0, p0, p1, p1, p2, p2, p3, p3);
        return TAP(0, 4, 8, c, p, w) + TAP(1, 5, 9, d, p, w);
    }
    uint16 p = (uint16)(vload4(0, row + at.x), vload4(0, row + at.y), vload4(0, row + at.z), vload4(0, row + at.w));
    float16 sum = TAP(0, 4, 8, c, p, w) + TAP(1, 5, 9, d, p, w) + TAP(2, 6, a, e, p, w) + TAP(3, 7, b, f, p, w);
    if (taps == 4) return sum;
    p = (uint16)(vload4(0, row + at.x + 4), vload4(0, row + at.y + 4), vload4(0, row + at.z + 4),
                 vload4(0, row + at.w + 4));
    w = vload16(0, c->more + 4 * x);
    return sum + TAP(0, 4, 8, c, p, w) + TAP(1, 5, 9, d, p, w);
}

INLINE void fill_any(float16 *to, __global const uint *row, const struct table *c, uint x, int taps) {
    for (uint v = 0; v < STRIP_VECTORS; v++) to[v] = across_any(row, c, x + 4 * v, taps);
}

INLINE float16 four_pixels(__global const uint *row) { return convert_float16(as_uchar16(vload4(0, row))); }

// To twice the width every left pixel has the same weights, every right pixel the same reversed.
INLINE void fill_twice(float16 *to, __global const uint *row, const float *w, int taps) {
    for (uint v = 0; v < STRIP_VECTORS; v += 2, row += 4) {
        float16 left = 0, right = 0;
        #pragma unroll
        for (int k = 0; k <= taps; k++) {
            float16 p = four_pixels(row + k - taps / 2);
            if (k < taps) left += p * w[k];
            if (k > 0) right += p * w[taps - k];
        }
        to[v] = (float16)(left.s0123, right.s0123, left.s4567, right.s4567);
        to[v + 1] = (float16)(left.s89ab, right.s89ab, left.scdef, right.scdef);
    }
}

INLINE float16 down(const struct strip *strip, uint v, int first, const float *w, int taps) {
    float16 sum = 0.5f; // rounds
    #pragma unroll
    for (int k = 0; k < taps; k++) sum += strip->rows[(uint)(first + k) % RING][v] * w[k];
    return sum;
}

// Four vectors as 16 pixels.
INLINE uint16 levels(float16 a, float16 b, float16 c, float16 d) {
    return (uint16)(as_uint4(convert_uchar16_sat(a)), as_uint4(convert_uchar16_sat(b)), as_uint4(convert_uchar16_sat(c)),
                    as_uint4(convert_uchar16_sat(d)));
}

INLINE void put_row(const struct strip *strip, int first, const float *w, int taps, __global uchar *out,
                    const struct upscale_shape *s, uint x, uint y) {
    for (uint v = 0; v < STRIP_VECTORS && x + 4 * v < s->out_w; v += 4)
        put_pixels(out, s, x + 4 * v, y,
                   levels(down(strip, v, first, w, taps), down(strip, v + 1, first, w, taps),
                          down(strip, v + 2, first, w, taps), down(strip, v + 3, first, w, taps)), 0);
}

INLINE void separable(__global const uint *padded, __global uchar *out, struct upscale_shape s,
                      __global const int *column_words, __global const int *row_words, int taps) {
    uint x = get_global_id(0) * UPSCALE_STRIP, y = s.row_begin + get_global_id(1) * s.band;
    if (x >= s.out_w || y >= s.row_end) return;
    uint end = min(y + s.band, s.row_end);
    struct table columns = table_of(column_words, s.out_w), rows = table_of(row_words, s.out_h);
    bool twice = s.out_w == 2 * s.in_w;
    float across[8], w[8];
    vstore4(vload4(0, columns.weights), 0, across);
    vstore4(vload4(0, columns.more), 0, across + 4);
    struct strip strip;
    int filled = rows.first[y]; // rows before this one are in the ring, as far as they are still needed
    for (; y < end; y++) {
        int first = rows.first[y];
        for (; filled < first + taps; filled++) {
            __global const uint *row = input_row(padded, &s, filled);
            if (twice) fill_twice(strip.rows[(uint)filled % RING], row + x / 2, across, taps);
            else fill_any(strip.rows[(uint)filled % RING], row, &columns, x, taps);
        }
        vstore4(vload4(y, rows.weights), 0, w);
        vstore4(vload4(y, rows.more), 0, w + 4);
        put_row(&strip, first, w, taps, out, &s, x, y);
    }
}

#define SEPARABLE(name, taps) \
    __kernel void name(__global const uint *padded, __global uchar *out, struct upscale_shape s, \
                       __global const int *columns, __global const int *rows) { \
        separable(padded, out, s, columns, rows, taps); \
    }

SEPARABLE(bilinear_strip, 2)
SEPARABLE(bicubic_strip, 4)
SEPARABLE(lanczos_strip, 6)
