// The same steps with one work-item per pixel, for GPUs. Rows are padded as for CPUs, so columns need no clamping.

__kernel void pad_pixel(__global const uchar *in, __global uint *padded, struct upscale_shape s) {
    uint i = get_global_id(0), y = get_global_id(1);
    if (i >= s.stride || y >= s.in_h) return;
    uint x = (uint)clamp((int)i - (int)UPSCALE_MARGIN, 0, (int)s.in_w - 1);
    __global const uchar *p = in + ((size_t)y * s.in_w + x) * s.channels;
    uint alpha = s.channels == 4 ? p[3] : 255;
    padded[(size_t)y * s.stride + i] = (uint)p[0] | (uint)p[1] << 8 | (uint)p[2] << 16 | alpha << 24;
}

INLINE float4 pixel_at(__global const uint *row, int x) { return convert_float4(as_uchar4(row[x])); }

INLINE void put_pixel(__global uchar *out, const struct upscale_shape *s, uint x, uint y, float4 v) {
    uchar4 p = convert_uchar4_sat(v + 0.5f);
    __global uchar *to = out + ((size_t)y * s->out_w + x) * s->channels;
    if (s->channels == 4) {
        *(__global uchar4 *)to = p;
    } else {
        to[0] = p.x;
        to[1] = p.y;
        to[2] = p.z;
    }
}

INLINE float weight_of(const struct table *t, uint index, uint tap) {
    return tap < 4 ? t->weights[4 * index + tap] : t->more[4 * index + tap - 4];
}

INLINE void separable_pixel(__global const uint *padded, __global uchar *out, struct upscale_shape s,
                            __global const int *column_words, __global const int *row_words, uint taps) {
    uint x = get_global_id(0), y = s.row_begin + get_global_id(1);
    if (x >= s.out_w || y >= s.row_end) return;
    struct table columns = table_of(column_words, s.out_w), rows = table_of(row_words, s.out_h);
    float4 sum = 0;
    for (uint j = 0; j < taps; j++) {
        __global const uint *row = input_row(padded, &s, rows.first[y] + (int)j) + columns.first[x];
        float4 line = 0;
        for (uint i = 0; i < taps; i++) line += pixel_at(row, (int)i) * weight_of(&columns, x, i);
        sum += line * weight_of(&rows, y, j);
    }
    put_pixel(out, &s, x, y, sum);
}

#define SEPARABLE_PIXEL(name, taps)                                                                                    \
    __kernel void name(__global const uint *padded, __global uchar *out, struct upscale_shape s,                       \
                       __global const int *columns, __global const int *rows) {                                        \
        separable_pixel(padded, out, s, columns, rows, taps);                                                          \
    }

SEPARABLE_PIXEL(bilinear_pixel, 2)
SEPARABLE_PIXEL(bicubic_pixel, 4)
SEPARABLE_PIXEL(lanczos_pixel, 6)

INLINE int luma_pixel(__global const uint *row, int x) {
    uint p = row[x];
    return (int)((p & 255u) + (p >> 7 & 0x1feu) + (p >> 16 & 255u));
}

__kernel void metric_pixel(__global const uint *padded, __global float *metric, struct upscale_shape s) {
    int x = (int)get_global_id(0) - 1, y = (int)get_global_id(1) - 1;
    if (x > (int)s.in_w || y > (int)s.in_h) return;
    float xx = 0, xy = 0, yy = 0;
    for (int j = y - 1; j <= y; j++) {
        __global const uint *upper = input_row(padded, &s, j), *lower = input_row(padded, &s, j + 1);
        for (int i = x - 1; i <= x; i++) {
            int d0 = luma_pixel(lower, i + 1) - luma_pixel(upper, i),
                d1 = luma_pixel(upper, i + 1) - luma_pixel(lower, i);
            float gx = (float)(d0 + d1), gy = (float)(d0 - d1);
            xx += gx * gx;
            xy += gx * gy;
            yy += gy * gy;
        }
    }
    float cosine = xx - yy, sine = 2.0f * xy, length = sqrt(cosine * cosine + sine * sine);
    float clear = length / (xx + yy + UPSCALE_NOISE), unit = 1.0f / max(length, 1.0f);
    cosine *= unit;
    sine *= unit;
    float across = 1.0f + clear * (2.0f / (1.0f + fabs(cosine)) - 1.0f), along = 1.0f - UPSCALE_ALONG * clear;
    float mean = (across + along) * 0.125f, half_ = (across - along) * 0.125f;
    size_t plane = (size_t)s.stride * (s.in_h + 2), at = (size_t)(y + 1) * s.stride + UPSCALE_MARGIN + x;
    metric[at] = mean + half_ * cosine;
    metric[at + plane] = half_ * sine;
    metric[at + 2 * plane] = mean - half_ * cosine;
}

INLINE float metric_between(__global const float *m, uint stride, float fx, float fy) {
    float upper = m[0] + (m[1] - m[0]) * fx, lower = m[stride] + (m[stride + 1] - m[stride]) * fx;
    return upper + (lower - upper) * fy;
}

INLINE float4 adapt_pixel(__global const uint *padded, const struct upscale_shape *s, int bx, int by, float2 f,
                          float3 m) {
    float4 sum = 0, least = 255, greatest = 0;
    float weights = 0;
    for (int j = -1; j <= 2; j++) {
        __global const uint *row = input_row(padded, s, by + j);
        for (int i = -1; i <= 2; i++) {
            bool middle = i == 0 || i == 1;
            if (!middle && (j == -1 || j == 2)) continue;
            float ux = (float)i - f.x, uy = (float)j - f.y;
            float near = max(1.0f - m.x * ux * ux - 2.0f * m.y * ux * uy - m.z * uy * uy, 0.0f);
            float w = near * near * near * (4.0f * near - 3.0f);
            float4 p = pixel_at(row, bx + i);
            weights += w;
            sum += w * p;
            if (middle && (j == 0 || j == 1)) {
                least = min(least, p);
                greatest = max(greatest, p);
            }
        }
    }
    return min(max(sum / weights, least), greatest);
}

__kernel void adaptive_pixel(__global const uint *padded, __global const float *metric, __global ushort *mid,
                             struct upscale_shape s, __global const int *column_words, __global const int *row_words) {
    int i = (int)get_global_id(0) - 1; // the columns before the first and after the last repeat them
    uint y = s.mid_begin + get_global_id(1);
    if (i > (int)s.out_w || y >= s.mid_end) return;
    uint x = (uint)clamp(i, 0, (int)s.out_w - 1);
    struct table columns = table_of(column_words, s.out_w), rows = table_of(row_words, s.out_h);
    int bx = columns.first[x], by = rows.first[y];
    float2 f = (float2)(columns.weights[x], rows.weights[y]);
    size_t plane = (size_t)s.stride * (s.in_h + 2);
    __global const float *m = metric + (size_t)(by + 1) * s.stride + UPSCALE_MARGIN + bx;
    float3 at = (float3)(metric_between(m, s.stride, f.x, f.y), metric_between(m + plane, s.stride, f.x, f.y),
                         metric_between(m + 2 * plane, s.stride, f.x, f.y));
    ushort4 v = convert_ushort4(adapt_pixel(padded, &s, bx, by, f, at) * 256.0f + 0.5f);
    __global ushort *to = mid + (size_t)(y - s.mid_begin) * s.mid_stride + UPSCALE_MARGIN + i;
    size_t mid_plane = (size_t)s.mid_stride * s.mid_rows;
    to[0] = v.x;
    to[mid_plane] = v.y;
    to[2 * mid_plane] = v.z;
    to[3 * mid_plane] = v.w;
}

INLINE float4 mid_pixel(__global const ushort *mid, const struct upscale_shape *s, int x, int y) {
    return (float4)(mid_row(mid, s, y, 0)[x], mid_row(mid, s, y, 1)[x], mid_row(mid, s, y, 2)[x],
                    mid_row(mid, s, y, 3)[x]);
}

INLINE float luma_mid(float4 v) { return v.x + 2.0f * v.y + v.z; }

__kernel void sharpen_pixel(__global const ushort *mid, __global uchar *out, struct upscale_shape s) {
    int x = (int)get_global_id(0), y = (int)(s.row_begin + get_global_id(1));
    if (x >= (int)s.out_w || y >= (int)s.row_end) return;
    float4 here = mid_pixel(mid, &s, x, y), around = 0;
    float least = luma_mid(here), greatest = least;
    for (int i = 0; i < 4; i++) {
        float4 v = mid_pixel(mid, &s, x + (i == 0) - (i == 1), y + (i == 2) - (i == 3));
        around += v;
        least = min(least, luma_mid(v));
        greatest = max(greatest, luma_mid(v));
    }
    float head = min(least, (float)MID_WHITE - greatest);
    float w = -s.peak * head / (head + (greatest - least) + UPSCALE_HEAD * MID_WHITE);
    float4 v = (here + w * around) / (256.0f + 1024.0f * w);
    v.w = here.w / 256.0f;
    put_pixel(out, &s, (uint)x, (uint)y, v);
}
