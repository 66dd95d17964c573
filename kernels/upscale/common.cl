// Pixels as 32-bit words (R in the lowest byte) and how they reach the result.
#define INLINE static inline __attribute__((always_inline))

// 16 pixels of three bytes each as 16 words with alpha 255; reads 4 bytes beyond them.
INLINE uint16 widen(__global const uchar *in) {
    uchar16 a = vload16(0, in), b = vload16(0, in + 12), c = vload16(0, in + 24), d = vload16(0, in + 36);
    const uchar16 mask = (uchar16)(0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11);
    uint4 p = as_uint4(shuffle(a, mask)), q = as_uint4(shuffle(b, mask));
    uint4 r = as_uint4(shuffle(c, mask)), s = as_uint4(shuffle(d, mask));
    return (uint16)(p, q, r, s) | (uint16)(0xff000000u);
}

// One padded row of the input, edge pixels repeated.
__kernel void pad_row(__global const uchar *in, __global uint *padded, struct upscale_shape s) {
    uint y = get_global_id(0);
    if (y >= s.in_h) return;
    __global const uchar *from = in + (size_t)y * s.in_w * s.channels;
    __global uint *to = padded + (size_t)y * s.stride + UPSCALE_MARGIN;
    uint x = 0;
    if (s.channels == 4) {
        __global const uchar4 *pixels = (__global const uchar4 *)from;
        for (; x + 16 <= s.in_w; x += 16) vstore16(as_uint16(vload16(0, (__global const uint *)from + x)), 0, to + x);
        for (; x < s.in_w; x++) to[x] = as_uint(pixels[x]);
    } else {
        for (; x + 18 <= s.in_w; x += 16) vstore16(widen(from + 3 * x), 0, to + x);
        for (; x < s.in_w; x++) to[x] = from[3 * x] | from[3 * x + 1] << 8 | from[3 * x + 2] << 16 | 0xff000000u;
    }
    uint last = to[s.in_w - 1];
    vstore16((uint16)(to[0]), 0, to - UPSCALE_MARGIN);
    for (uint i = s.in_w; i + UPSCALE_MARGIN < s.stride; i++) to[i] = last;
}

// Row y of the input, clamped to it: its pixel 0.
INLINE __global const uint *input_row(__global const uint *padded, const struct upscale_shape *s, int y) {
    return padded + (size_t)clamp(y, 0, (int)s->in_h - 1) * s->stride + UPSCALE_MARGIN;
}

// 16 words as 48 bytes.
INLINE void narrow(uint16 v, __global uchar *out) {
    const uchar16 mask = (uchar16)(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15);
    uchar16 a = shuffle(as_uchar16(v.s0123), mask), b = shuffle(as_uchar16(v.s4567), mask);
    uchar16 c = shuffle(as_uchar16(v.s89ab), mask), d = shuffle(as_uchar16(v.scdef), mask);
    vstore16((uchar16)(a.s0123, a.s4567, a.s89ab, b.s0123), 0, out);
    vstore16((uchar16)(b.s4567, b.s89ab, c.s0123, c.s4567), 0, out + 16);
    vstore16((uchar16)(c.s89ab, d.s0123, d.s4567, d.s89ab), 0, out + 32);
}

// 16 pixels of the result at (x, y), or as many as there are.
INLINE void put_pixels(__global uchar *out, const struct upscale_shape *s, uint x, uint y, uint16 v) {
    __global uchar *to = out + ((size_t)y * s->out_w + x) * s->channels;
    if (x + 16 <= s->out_w) {
        if (s->channels == 4) vstore16(v, 0, (__global uint *)to);
        else narrow(v, to);
        return;
    }
    uint words[16];
    vstore16(v, 0, words);
    for (uint i = 0; x + i < s->out_w; i++) {
        for (uint c = 0; c < s->channels; c++) *to++ = (uchar)(words[i] >> (8 * c));
    }
}
