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
#define TAP(t0, t1, t2, t3, pixels, w)                                                                                 \
    (convert_float16(as_uchar16((pixels).s##t0##t1##t2##t3)) *                                                         \
     (float16)((float4)((w).s##t0), (float4)((w).s##t1), (float4)((w).s##t2), (float4)((w).s##t3)))

INLINE float16 across_any(__global const uint *row, const struct table *c, uint x, int taps) {
    int4 at = vload4(0, c->first + x);
    float16 w = vload16(0, c->weights + 4 * x);
    if (taps == 2) {
        uint2 p0 = vload2(0, row + at.x), p1 = vload2(0, row + at.y), p2 = vload2(0, row + at.z),
              p3 = vload2(0, row + at.w);
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

// Pixels `by` .. `by` + 3 of the eight in a and b.
INLINE float16 shifted(float16 a, float16 b, int by) {
    if (by == 0) return a;
    if (by == 1) return (float16)(a.s456789ab, a.scdef, b.s0123);
    if (by == 2) return (float16)(a.s89abcdef, b.s01234567);
    return (float16)(a.scdef, b.s0123, b.s456789ab);
}

// To twice the width every left pixel has the same weights, every right pixel the same reversed: w[k] is the weight of
// the left pixel's tap k, which is input pixel k - taps / 2 from here.
INLINE void fill_twice(float16 *to, __global const uint *row, const float *w, int taps) {
    float16 before = four_pixels(row - 4), here = four_pixels(row);
    for (uint v = 0; v < STRIP_VECTORS; v += 2) {
        row += 4;
        float16 after = four_pixels(row);
        float16 m1 = shifted(before, here, 3), p1 = shifted(here, after, 1);
        float16 left, right;
        if (taps == 2) {
            left = m1 * w[0] + here * w[1];
            right = p1 * w[0] + here * w[1];
        } else {
            float16 m2 = shifted(before, here, 2), p2 = shifted(here, after, 2);
            if (taps == 4) {
                left = m2 * w[0] + m1 * w[1] + here * w[2] + p1 * w[3];
                right = p2 * w[0] + p1 * w[1] + here * w[2] + m1 * w[3];
            } else {
                float16 m3 = shifted(before, here, 1), p3 = shifted(here, after, 3);
                left = m3 * w[0] + m2 * w[1] + m1 * w[2] + here * w[3] + p1 * w[4] + p2 * w[5];
                right = p3 * w[0] + p2 * w[1] + p1 * w[2] + here * w[3] + m1 * w[4] + m2 * w[5];
            }
        }
        to[v] = (float16)(left.s0123, right.s0123, left.s4567, right.s4567);
        to[v + 1] = (float16)(left.s89ab, right.s89ab, left.scdef, right.scdef);
        before = here;
        here = after;
    }
}

// One vector of an output row, as levels to be cut off.
INLINE float16 down(const float16 *const *rows, uint v, const float *w, int taps) {
    float16 sum = rows[0][v] * w[0] + 0.5f;
    sum += rows[1][v] * w[1];
    if (taps > 2) {
        sum += rows[2][v] * w[2];
        sum += rows[3][v] * w[3];
    }
    if (taps > 4) {
        sum += rows[4][v] * w[4];
        sum += rows[5][v] * w[5];
    }
    return min(max(sum, 0.0f), 255.0f);
}

INLINE uint4 levels(float16 v) { return as_uint4(convert_uchar16(convert_int16(v))); }

INLINE void put_row(const struct strip *strip, int first, const float *w, int taps, __global uchar *out,
                    const struct upscale_shape *s, uint x, uint y, int whole) {
    const float16 *rows[6];
#pragma unroll
    for (int k = 0; k < 6; k++) rows[k] = strip->rows[(uint)(first + k) % RING];
    for (uint v = 0; v < STRIP_VECTORS && (whole || x + 4 * v < s->out_w); v += 4) {
        uint4 a = levels(down(rows, v, w, taps)), b = levels(down(rows, v + 1, w, taps));
        uint4 c = levels(down(rows, v + 2, w, taps)), d = levels(down(rows, v + 3, w, taps));
        put_pixels(out, s, x + 4 * v, y, (uint16)(a, b, c, d), whole);
    }
}

INLINE void separable(__global const uint *padded, __global uchar *out, struct upscale_shape s,
                      __global const int *column_words, __global const int *row_words, int taps) {
    uint x = get_global_id(0) * UPSCALE_STRIP, y = s.row_begin + get_global_id(1) * s.band;
    if (x >= s.out_w || y >= s.row_end) return;
    uint end = min(y + s.band, s.row_end);
    struct table columns = table_of(column_words, s.out_w), rows = table_of(row_words, s.out_h);
    bool twice = s.out_w == 2 * s.in_w, whole = s.channels == 4 && x + UPSCALE_STRIP <= s.out_w;
    float across[8], w[8];
    vstore4(vload4(0, columns.weights), 0, across);
    vstore4(vload4(0, columns.more), 0, across + 4);
    struct strip strip;
    int filled = rows.first[y]; // rows before this one are in the ring, as far as they are still needed
    for (; y < end; y++) {
        int first = rows.first[y];
        for (; filled < first + taps; filled++) {
            __global const uint *row = input_row(padded, &s, filled);
            if (twice)
                fill_twice(strip.rows[(uint)filled % RING], row + x / 2, across, taps);
            else
                fill_any(strip.rows[(uint)filled % RING], row, &columns, x, taps);
        }
        vstore4(vload4(y, rows.weights), 0, w);
        vstore4(vload4(y, rows.more), 0, w + 4);
        if (whole)
            put_row(&strip, first, w, taps, out, &s, x, y, 1);
        else
            put_row(&strip, first, w, taps, out, &s, x, y, 0);
    }
}

#define SEPARABLE(name, taps)                                                                                          \
    __kernel void name(__global const uint *padded, __global uchar *out, struct upscale_shape s,                       \
                       __global const int *columns, __global const int *rows) {                                        \
        separable(padded, out, s, columns, rows, taps);                                                                \
    }

SEPARABLE(bilinear_strip, 2)
SEPARABLE(bicubic_strip, 4)
SEPARABLE(lanczos_strip, 6)
