// Bilinear to exactly twice the size. Weights are 1/4 and 3/4, so whole numbers do: two 8-bit channels share a 32-bit
// lane, 16 bits each, and sums of 16 times a level still fit.
#define EVEN 0x00ff00ffu

// One input row, horizontally: left and right output pixels times 4, channels 0 and 2, channels 1 and 3.
struct twice_row {
    uint16 left02, left13, right02, right13;
};

INLINE struct twice_row twice_across(uint16 before, uint16 here, uint16 after) {
    uint16 b02 = here & EVEN, b13 = here >> 8 & EVEN;
    b02 += b02 << 1;
    b13 += b13 << 1;
    struct twice_row r = {b02 + (before & EVEN), b13 + (before >> 8 & EVEN), b02 + (after & EVEN),
                          b13 + (after >> 8 & EVEN)};
    return r;
}

// Sixteen pixels of row y from x on and their neighbours. A padded row (s->stride above s->in_w) can be read beyond its
// ends; of the payload itself only what is there, so its first and last strips (`inside` is 0) take pixel by pixel.
INLINE struct twice_row twice_row_at(__global const uint *rows, const struct upscale_shape *s, int y, uint x,
                                     int inside) {
    uint line = (uint)clamp(y, 0, (int)s->in_h - 1);
    if (s->stride > s->in_w || inside) {
        __global const uint *row = rows + (size_t)line * s->stride + (s->stride > s->in_w ? UPSCALE_MARGIN : 0) + x;
        return twice_across(vload16(0, row - 1), vload16(0, row), vload16(0, row + 1));
    }
    __global const uint *row = rows + (size_t)line * s->stride;
    uint words[18];
    for (int i = 0; i < 18; i++) words[i] = row[clamp((int)x + i - 1, 0, (int)s->in_w - 1)];
    return twice_across(vload16(0, words), vload16(0, words + 1), vload16(0, words + 2));
}

// Three of `near` and one of `far`, rounded, as words.
INLINE uint16 twice_down(uint16 near02, uint16 far02, uint16 near13, uint16 far13) {
    uint16 v02 = near02 + (near02 << 1) + far02 + 0x00080008u, v13 = near13 + (near13 << 1) + far13 + 0x00080008u;
    return (v02 >> 4 & EVEN) | (v13 << 4 & ~EVEN);
}

INLINE void twice_put(__global uchar *out, const struct upscale_shape *s, uint x, uint y, struct twice_row near,
                      struct twice_row far, int whole) {
    uint16 l = twice_down(near.left02, far.left02, near.left13, far.left13);
    uint16 r = twice_down(near.right02, far.right02, near.right13, far.right13);
    uint16 first =
        (uint16)(l.s0, r.s0, l.s1, r.s1, l.s2, r.s2, l.s3, r.s3, l.s4, r.s4, l.s5, r.s5, l.s6, r.s6, l.s7, r.s7);
    uint16 second =
        (uint16)(l.s8, r.s8, l.s9, r.s9, l.sa, r.sa, l.sb, r.sb, l.sc, r.sc, l.sd, r.sd, l.se, r.se, l.sf, r.sf);
    put_pixels(out, s, x, y, first, whole);
    if (whole || x + 16 < s->out_w) put_pixels(out, s, x + 16, y, second, whole);
}

// Rows y .. end - 1 of a strip; y is even.
INLINE void twice_walk(__global const uint *rows, __global uchar *out, const struct upscale_shape *s, uint x, uint y,
                       uint end, int whole) {
    int row = (int)(y / 2);
    struct twice_row above = twice_row_at(rows, s, row - 1, x / 2, whole);
    struct twice_row here = twice_row_at(rows, s, row, x / 2, whole);
    for (; y < end; y += 2, row++) {
        struct twice_row below = twice_row_at(rows, s, row + 1, x / 2, whole);
        twice_put(out, s, x, y, here, above, whole);
        twice_put(out, s, x, y + 1, here, below, whole);
        above = here;
        here = below;
    }
}

// Strip of 16 input columns, band of rows. The height, row_begin and band are even. `rows` are padded or, of four
// channels, the payload itself.
__kernel void bilinear_twice(__global const uint *rows, __global uchar *out, struct upscale_shape s) {
    uint x = get_global_id(0) * UPSCALE_STRIP_TWICE, y = s.row_begin + get_global_id(1) * s.band;
    if (x >= s.out_w || y >= s.row_end) return;
    uint end = min(y + s.band, s.row_end);
    int whole = s.channels == 4 && x > 0 && x + UPSCALE_STRIP_TWICE + 2 <= s.out_w;
    if (whole)
        twice_walk(rows, out, &s, x, y, end, 1);
    else
        twice_walk(rows, out, &s, x, y, end, 0);
}
