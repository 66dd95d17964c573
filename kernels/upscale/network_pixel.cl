// The network with one work-item per value of a plane, all maps of it, for GPUs. Maps go through memory between layers,
// a band of rows at a time.

INLINE void net_sums_pixel(float *sums, __global const float *from, size_t plane, uint stride,
                           __constant const float *w, int outputs) {
#pragma unroll
    for (int o = 0; o < outputs; o++) sums[o] = w[o];
    w += outputs;
    for (uint i = 0; i < UPSCALE_NET_MAPS; i++, from += plane) {
#pragma unroll
        for (uint tap = 0; tap < 9; tap++, w += outputs) {
            float v = from[tap / 3 * stride + tap % 3];
#pragma unroll
            for (int o = 0; o < outputs; o++) sums[o] += v * w[o];
        }
    }
}

INLINE void net_put_maps(__global float *to, size_t plane, const float *sums) {
#pragma unroll
    for (uint o = 0; o < UPSCALE_NET_MAPS; o++) to[o * plane] = max(sums[o], 0.0f);
}

__kernel void network_first_pixel(__global const uint *padded, __global float *maps, struct upscale_shape s,
                                  __constant const float *weights) {
    uint x = get_global_id(0), y = get_global_id(1);
    if (x >= s.in_w + 2 * UPSCALE_NET_REACH || y >= s.row_end - s.row_begin + 2 * UPSCALE_NET_REACH) return;
    float sums[UPSCALE_NET_MAPS];
    __constant const float *w = weights + UPSCALE_NET_MAPS;
#pragma unroll
    for (uint o = 0; o < UPSCALE_NET_MAPS; o++) sums[o] = weights[o];
    for (uint i = 0; i < 3; i++)
        for (uint r = 0; r < 5; r++) {
            __global const uint *row = input_row(padded, &s, (int)(s.row_begin + y + r) - (int)UPSCALE_NET_HALO) + x;
            for (uint c = 0; c < 5; c++, w += UPSCALE_NET_MAPS) {
                float v = (float)(row[(int)c - (int)UPSCALE_NET_HALO] >> 8 * i & 255u);
#pragma unroll
                for (uint o = 0; o < UPSCALE_NET_MAPS; o++) sums[o] += v * w[o];
            }
        }
    net_put_maps(maps + (size_t)y * s.mid_stride + x, (size_t)s.mid_stride * s.mid_rows, sums);
}

__kernel void network_middle_pixel(__global const float *from, __global float *to, struct upscale_shape s,
                                   __constant const float *weights) {
    uint x = get_global_id(0), y = get_global_id(1), around = 2 * (UPSCALE_NET_REACH - s.layer);
    if (x >= s.in_w + around || y >= s.row_end - s.row_begin + around) return;
    size_t plane = (size_t)s.mid_stride * s.mid_rows, at = (size_t)y * s.mid_stride + x;
    float sums[UPSCALE_NET_MAPS];
    weights += UPSCALE_NET_FIRST_WEIGHTS + (s.layer - 1) * UPSCALE_NET_MIDDLE_WEIGHTS;
    net_sums_pixel(sums, from + at, plane, s.mid_stride, weights, UPSCALE_NET_MAPS);
    net_put_maps(to + at, plane, sums);
}

// A row of pixels resampled to the left (step 1) or right (step -1) of the two columns that its pixel 0 becomes.
INLINE float4 net_cubic_pixel(__global const uint *row, int step) {
    return NET_CUBIC(pixel_at(row, -2 * step), pixel_at(row, -step), pixel_at(row, 0), pixel_at(row, step));
}

__kernel void network_last_pixel(__global const float *maps, __global const uint *padded, __global uchar *out,
                                 struct upscale_shape s, __constant const float *weights) {
    uint x = get_global_id(0), row = get_global_id(1), y = s.row_begin + row;
    if (x >= s.in_w || y >= s.row_end) return;
    float sums[UPSCALE_NET_OUT];
    weights += UPSCALE_NET_FIRST_WEIGHTS + UPSCALE_NET_MIDDLE * UPSCALE_NET_MIDDLE_WEIGHTS;
    net_sums_pixel(sums, maps + (size_t)row * s.mid_stride + x, (size_t)s.mid_stride * s.mid_rows, s.mid_stride,
                   weights, UPSCALE_NET_OUT);
#pragma unroll
    for (uint i = 0; i < 2; i++) {
        float4 lines[5]; // of a column of the result, at the rows around y
#pragma unroll
        for (int r = 0; r < 5; r++) lines[r] = net_cubic_pixel(input_row(padded, &s, (int)y + r - 2) + x, i ? -1 : 1);
        float4 above = NET_CUBIC(lines[0], lines[1], lines[2], lines[3]);
        float4 below = NET_CUBIC(lines[4], lines[3], lines[2], lines[1]);
        put_pixel(out, &s, 2 * x + i, 2 * y, above + (float4)(sums[i], sums[4 + i], sums[8 + i], 0));
        put_pixel(out, &s, 2 * x + i, 2 * y + 1, below + (float4)(sums[2 + i], sums[6 + i], sums[10 + i], 0));
    }
}
