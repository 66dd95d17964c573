// Pixels as 32-bit words (R in the lowest byte) and how they reach the result.
#define INLINE static inline __attribute__((always_inline))

// Stores of whole vectors at any address of their elements; vstore16 is cut into pieces by some compilers.
typedef uint16 __attribute__((aligned(4))) uint16_at;
typedef uchar16 __attribute__((aligned(1))) uchar16_at;
typedef float16 __attribute__((aligned(4))) float16_at;
typedef ushort16 __attribute__((aligned(2))) ushort16_at;

// 16 pixels of three bytes each as 16 words with alpha 255; reads 4 bytes beyond them.
INLINE uint16 widen(__global const uchar *in) {
    uint4 p = as_uint4(vload16(0, in).s0122345567889abb), q = as_uint4(vload16(0, in + 12).s0122345567889abb);
    uint4 r = as_uint4(vload16(0, in + 24).s0122345567889abb), s = as_uint4(vload16(0, in + 36).s0122345567889abb);
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
        for (; x + 16 <= s.in_w; x += 16) *(__global uint16_at *)(to + x) = vload16(0, (__global const uint *)from + x);
        for (; x < s.in_w; x++) to[x] = as_uint(pixels[x]);
    } else {
        for (; x + 18 <= s.in_w; x += 16) *(__global uint16_at *)(to + x) = widen(from + 3 * x);
        for (; x < s.in_w; x++) to[x] = from[3 * x] | from[3 * x + 1] << 8 | from[3 * x + 2] << 16 | 0xff000000u;
    }
    uint last = to[s.in_w - 1];
    *(__global uint16_at *)(to - UPSCALE_MARGIN) = (uint16)(to[0]);
    for (uint i = s.in_w; i + UPSCALE_MARGIN < s.stride; i++) to[i] = last;
}

// Row y of the input, clamped to it: its pixel 0.
INLINE __global const uint *input_row(__global const uint *padded, const struct upscale_shape *s, int y) {
    return padded + (size_t)clamp(y, 0, (int)s->in_h - 1) * s->stride + UPSCALE_MARGIN;
}

// 16 words as 48 bytes.
INLINE void narrow(uint16 v, __global uchar *out) {
    uchar16 a = as_uchar16(v.s0123).s01245689acde37bf, b = as_uchar16(v.s4567).s01245689acde37bf;
    uchar16 c = as_uchar16(v.s89ab).s01245689acde37bf, d = as_uchar16(v.scdef).s01245689acde37bf;
    *(__global uchar16_at *)out = (uchar16)(a.s0123, a.s4567, a.s89ab, b.s0123);
    *(__global uchar16_at *)(out + 16) = (uchar16)(b.s4567, b.s89ab, c.s0123, c.s4567);
    *(__global uchar16_at *)(out + 32) = (uchar16)(c.s89ab, d.s0123, d.s4567, d.s89ab);
}

// 16 pixels of the result at (x, y), or as many as there are. `whole`: all are, and of four channels.
INLINE void put_pixels(__global uchar *out, const struct upscale_shape *s, uint x, uint y, uint16 v, int whole) {
    if (whole) {
        *(__global uint16_at *)(out + 4 * ((size_t)y * s->out_w + x)) = v;
        return;
    }
    __global uchar *to = out + ((size_t)y * s->out_w + x) * s->channels;
    if (x + 16 <= s->out_w) {
        if (s->channels == 4)
            *(__global uint16_at *)to = v;
        else
            narrow(v, to);
        return;
    }
    uint words[16];
    vstore16(v, 0, words);
    for (uint i = 0; x + i < s->out_w; i++) {
        for (uint c = 0; c < s->channels; c++) *to++ = (uchar)(words[i] >> (8 * c));
    }
}
