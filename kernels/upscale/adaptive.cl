// The edge-adaptive filter and its sharpening, 16 pixels at a time with one vector per channel.

// ---- metric: three planes (a, b, c, each divided by 4) of in_h + 2 padded rows; row r is input row r - 1 ----

INLINE int16 luma_of(uint16 p) { return convert_int16((p & 255u) + (p >> 7 & 0x1feu) + (p >> 16 & 255u)); }

// Gradients in the 2x2 squares between two rows of lumas, multiplied out.
struct tensor {
    float16 xx, xy, yy;
};

INLINE struct tensor tensor_of(int16 l00, int16 l10, int16 l01, int16 l11) {
    int16 d0 = l11 - l00, d1 = l10 - l01;
    float16 gx = convert_float16(d0 + d1), gy = convert_float16(d0 - d1);
    struct tensor t = {gx * gx, gx * gy, gy * gy};
    return t;
}

struct lumas {
    int16 before, here, after;
};

INLINE struct lumas lumas_at(__global const uint *row) {
    struct lumas l = {luma_of(vload16(0, row - 1)), luma_of(vload16(0, row)), luma_of(vload16(0, row + 1))};
    return l;
}

// The two squares left and right of a column, between rows u (upper) and l.
INLINE struct tensor squares(struct lumas u, struct lumas l) {
    struct tensor s = tensor_of(u.before, u.here, l.before, l.here), t = tensor_of(u.here, u.after, l.here, l.after);
    s.xx += t.xx;
    s.xy += t.xy;
    s.yy += t.yy;
    return s;
}

INLINE void put_metric(__global float *planes, size_t plane, float16 xx, float16 xy, float16 yy) {
    float16 cosine = xx - yy, sine = 2.0f * xy;
    float16 length = sqrt(cosine * cosine + sine * sine);
    float16 clear = length / (xx + yy + UPSCALE_NOISE);
    float16 unit = 1.0f / max(length, 1.0f);
    cosine *= unit;
    sine *= unit;
    float16 across = 1.0f + clear * (2.0f / (1.0f + fabs(cosine)) - 1.0f);
    float16 along = 1.0f - UPSCALE_ALONG * clear;
    float16 mean = (across + along) * 0.125f, half_ = (across - along) * 0.125f;
    *(__global float16_at *)planes = mean + half_ * cosine;
    *(__global float16_at *)(planes + plane) = half_ * sine;
    *(__global float16_at *)(planes + 2 * plane) = mean - half_ * cosine;
}

// 16 columns, from column -16 on, and a band of the metric's rows.
__kernel void metric_strip(__global const uint *padded, __global float *metric, struct upscale_shape s) {
    int x = (int)(get_global_id(0) * 16) - 1;
    uint y = get_global_id(1) * s.band;
    if (x > (int)s.in_w || y >= s.in_h + 2) return;
    uint end = min(y + s.band, s.in_h + 2);
    size_t plane = (size_t)s.stride * (s.in_h + 2);
    struct lumas here = lumas_at(input_row(padded, &s, (int)y - 1) + x);
    struct tensor above = squares(lumas_at(input_row(padded, &s, (int)y - 2) + x), here);
    for (; y < end; y++) {
        struct lumas below = lumas_at(input_row(padded, &s, (int)y) + x);
        struct tensor t = squares(here, below);
        put_metric(metric + (size_t)y * s.stride + UPSCALE_MARGIN + x, plane, above.xx + t.xx, above.xy + t.xy,
                   above.yy + t.yy);
        here = below;
        above = t;
    }
}

// ---- first step ----

// What one input row gives to 16 output columns: four columns of taps, and the metric between the middle two.
struct taps_row {
    float16 c[4][4]; // [column][channel]
    float16 a, b, cc;
};

INLINE void unpack(float16 *c, uint16 p) {
    c[0] = convert_float16(convert_int16(p & 255u));
    c[1] = convert_float16(convert_int16(p >> 8 & 255u));
    c[2] = convert_float16(convert_int16(p >> 16 & 255u));
    c[3] = convert_float16(convert_int16(p >> 24));
}

#define LANES(m) (m(0), m(1), m(2), m(3), m(4), m(5), m(6), m(7), m(8), m(9), m(a), m(b), m(c), m(d), m(e), m(f))
#define TWICE_LANES(v) (v.s0, v.s1, v.s1, v.s2, v.s2, v.s3, v.s3, v.s4, v.s4, v.s5, v.s5, v.s6, v.s6, v.s7, v.s7, v.s8)

INLINE uint16 gather_words(__global const uint *row, int16 at, int twice) {
    if (twice) {
        uint16 v = vload16(0, row + at.s0);
        return (uint16)TWICE_LANES(v);
    }
#define WORD(i) row[at.s##i]
    return (uint16)LANES(WORD);
}

INLINE float16 gather_floats(__global const float *row, int16 at, int twice) {
    if (twice) {
        float16 v = vload16(0, row + at.s0);
        return (float16)TWICE_LANES(v);
    }
    return (float16)LANES(WORD);
#undef WORD
}

INLINE float16 gather_between(__global const float *row, int16 at, float16 fx, int twice) {
    float16 left = gather_floats(row, at, twice), right = gather_floats(row, at + 1, twice);
    return left + (right - left) * fx;
}

INLINE void take_row(struct taps_row *t, __global const uint *padded, __global const float *metric,
                     const struct upscale_shape *s, int y, int16 at, float16 fx, int twice) {
    __global const uint *row = input_row(padded, s, y);
#pragma unroll
    for (int i = 0; i < 4; i++) unpack(t->c[i], gather_words(row, at + (i - 1), twice));
    size_t plane = (size_t)s->stride * (s->in_h + 2);
    __global const float *m = metric + (size_t)clamp(y + 1, 0, (int)s->in_h + 1) * s->stride + UPSCALE_MARGIN;
    t->a = gather_between(m, at, fx, twice);
    t->b = gather_between(m + plane, at, fx, twice);
    t->cc = gather_between(m + 2 * plane, at, fx, twice);
}

struct sums {
    float16 c[4], weight;
};

// Adds taps `from` .. `to` of one row; k[i] is 1 - a ux^2 and m[i] is 2 b ux of column i.
INLINE void add_taps(struct sums *sum, const struct taps_row *t, const float16 *k, const float16 *m, float16 cc,
                     float uy, int from, int to) {
    float16 down = cc * (uy * uy);
#pragma unroll
    for (int i = from; i <= to; i++) {
        float16 near = max(k[i] - down - m[i] * uy, 0.0f);
        float16 w = near * near * near * (4.0f * near - 3.0f);
        sum->weight += w;
#pragma unroll
        for (int c = 0; c < 4; c++) sum->c[c] += w * t->c[i][c];
    }
}

INLINE void adapt(const struct taps_row *const *rows, float16 fx, float fy, float16 *result) {
    float16 a = rows[1]->a + (rows[2]->a - rows[1]->a) * fy, b = rows[1]->b + (rows[2]->b - rows[1]->b) * fy;
    float16 cc = rows[1]->cc + (rows[2]->cc - rows[1]->cc) * fy;
    float16 k[4], m[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float16 ux = (float)(i - 1) - fx;
        k[i] = 1.0f - a * ux * ux;
        m[i] = 2.0f * b * ux;
    }
    struct sums sum = {{0, 0, 0, 0}, 0};
    add_taps(&sum, rows[0], k, m, cc, -1.0f - fy, 1, 2);
    add_taps(&sum, rows[1], k, m, cc, -fy, 0, 3);
    add_taps(&sum, rows[2], k, m, cc, 1.0f - fy, 0, 3);
    add_taps(&sum, rows[3], k, m, cc, 2.0f - fy, 1, 2);
    float16 scale = 1.0f / sum.weight;
#pragma unroll
    for (int c = 0; c < 4; c++) {
        float16 p = rows[1]->c[1][c], q = rows[1]->c[2][c], r = rows[2]->c[1][c], t = rows[2]->c[2][c];
        result[c] = min(max(sum.c[c] * scale, min(min(p, q), min(r, t))), max(max(p, q), max(r, t)));
    }
}

INLINE void put_mid(__global ushort *mid, const struct upscale_shape *s, uint x, uint y, const float16 *v) {
    __global ushort *to = mid + (size_t)(y - s->mid_begin) * s->mid_stride + UPSCALE_MARGIN + x;
    size_t plane = (size_t)s->mid_stride * s->mid_rows;
#pragma unroll
    for (int c = 0; c < 4; c++, to += plane) {
        ushort16 fixed = convert_ushort16(convert_int16(v[c] * 256.0f + 0.5f));
        *(__global ushort16_at *)to = fixed;
        if (x == 0) to[-1] = fixed.s0;
    }
}

INLINE void adaptive(__global const uint *padded, __global const float *metric, __global ushort *mid,
                     struct upscale_shape s, __global const int *column_words, __global const int *row_words,
                     int twice) {
    uint x = get_global_id(0) * UPSCALE_VECTOR, y = s.mid_begin + get_global_id(1) * s.band;
    if (x > s.out_w || y >= s.mid_end) return; // the column after the last is its repetition
    uint end = min(y + s.band, s.mid_end);
    struct table columns = table_of(column_words, s.out_w), lines = table_of(row_words, s.out_h);
    int16 at = vload16(0, columns.first + x);
    float16 fx = vload16(0, columns.weights + x);
    struct taps_row ring[4];
    int filled = lines.first[y] - 1;
    for (; y < end; y++) {
        int base = lines.first[y];
        for (; filled < base + 3; filled++) take_row(&ring[filled & 3], padded, metric, &s, filled, at, fx, twice);
        const struct taps_row *rows[4] = {&ring[(base - 1) & 3], &ring[base & 3], &ring[(base + 1) & 3],
                                          &ring[(base + 2) & 3]};
        float16 v[4];
        adapt(rows, fx, lines.weights[y], v);
        put_mid(mid, &s, x, y, v);
    }
}

#define ADAPTIVE(name, twice)                                                                                          \
    __kernel void name(__global const uint *padded, __global const float *metric, __global ushort *mid,                \
                       struct upscale_shape s, __global const int *columns, __global const int *rows) {                \
        adaptive(padded, metric, mid, s, columns, rows, twice);                                                        \
    }

ADAPTIVE(adaptive_any, 0)
ADAPTIVE(adaptive_twice, 1)

// ---- second step ----

// Row y of plane c, clamped to the picture.
INLINE __global const ushort *mid_row(__global const ushort *mid, const struct upscale_shape *s, int y, int c) {
    int row = clamp(y, 0, (int)s->out_h - 1) - (int)s->mid_begin;
    return mid + ((size_t)c * s->mid_rows + row) * s->mid_stride + UPSCALE_MARGIN;
}

// Red, green and blue of 16 pixels, and their luma.
struct colours {
    int16 c[3], luma;
};

INLINE struct colours colours_at(__global const ushort *const *rows, int x) {
    struct colours v;
#pragma unroll
    for (int c = 0; c < 3; c++) v.c[c] = convert_int16(vload16(0, rows[c] + x));
    v.luma = v.c[0] + 2 * v.c[1] + v.c[2];
    return v;
}

INLINE struct colours colours_of(__global const ushort *mid, const struct upscale_shape *s, int x, int y) {
    __global const ushort *rows[3] = {mid_row(mid, s, y, 0), mid_row(mid, s, y, 1), mid_row(mid, s, y, 2)};
    return colours_at(rows, x);
}

#define MID_WHITE (1020 * 256)

INLINE float16 sharpening(float16 least, float16 greatest, float peak) {
    float16 head = min(least, (float)MID_WHITE - greatest);
    return -peak * head / (head + (greatest - least) + UPSCALE_HEAD * MID_WHITE);
}

__kernel void sharpen_strip(__global const ushort *mid, __global uchar *out, struct upscale_shape s) {
    uint x = get_global_id(0) * UPSCALE_VECTOR, y = s.row_begin + get_global_id(1) * s.band;
    if (x >= s.out_w || y >= s.row_end) return;
    uint end = min(y + s.band, s.row_end);
    struct colours above = colours_of(mid, &s, (int)x, (int)y - 1), here = colours_of(mid, &s, (int)x, (int)y);
    for (; y < end; y++) {
        struct colours below = colours_of(mid, &s, (int)x, (int)y + 1);
        struct colours left = colours_of(mid, &s, (int)x - 1, (int)y), right = colours_of(mid, &s, (int)x + 1, (int)y);
        int16 least = min(min(min(above.luma, below.luma), min(left.luma, right.luma)), here.luma);
        int16 greatest = max(max(max(above.luma, below.luma), max(left.luma, right.luma)), here.luma);
        float16 w = sharpening(convert_float16(least), convert_float16(greatest), s.peak);
        float16 scale = 1.0f / (256.0f + 1024.0f * w);
        uint16 alpha = convert_uint16(vload16(0, mid_row(mid, &s, (int)y, 3) + x));
        uint16 v = ((alpha + 128u) >> 8) << 24;
#pragma unroll
        for (int c = 0; c < 3; c++) {
            int16 around = above.c[c] + below.c[c] + left.c[c] + right.c[c];
            float16 sharp = (convert_float16(here.c[c]) + w * convert_float16(around)) * scale;
            v |= convert_uint16(convert_int16(clamp(sharp, 0.0f, 255.0f) + 0.5f)) << (8 * c);
        }
        put_pixels(out, &s, x, y, v, 0);
        above = here;
        here = below;
    }
}
