// Bilinear to exactly twice the size. Weights are 1/4 and 3/4, so whole numbers do: two 8-bit channels share a 32-bit
// lane, 16 bits each, and sums of 16 times a level still fit.
#define EVEN 0x00ff00ffu

// One input row, horizontally: left and right output pixels times 4, channels 0 and 2, channels 1 and 3.
struct twice_row {
    uint16 left02, left13, right02, right13;
};

INLINE struct twice_row twice_across(__global const uint *row) {
    uint16 a = vload16(0, row - 1), b = vload16(0, row), c = vload16(0, row + 1);
    uint16 b02 = b & EVEN, b13 = b >> 8 & EVEN;
    b02 += b02 << 1;
    b13 += b13 << 1;
    struct twice_row r = {b02 + (a & EVEN), b13 + (a >> 8 & EVEN), b02 + (c & EVEN), b13 + (c >> 8 & EVEN)};
    return r;
}

// Three of `near` and one of `far`, rounded, as words.
INLINE uint16 twice_down(uint16 near02, uint16 far02, uint16 near13, uint16 far13) {
    uint16 v02 = near02 + (near02 << 1) + far02 + 0x00080008u, v13 = near13 + (near13 << 1) + far13 + 0x00080008u;
    return (v02 >> 4 & EVEN) | (v13 << 4 & ~EVEN);
}

INLINE void twice_put(__global uchar *out, const struct upscale_shape *s, uint x, uint y, struct twice_row near,
                      struct twice_row far) {
    uint16 l = twice_down(near.left02, far.left02, near.left13, far.left13);
    uint16 r = twice_down(near.right02, far.right02, near.right13, far.right13);
    put_pixels(out, s, x, y, (uint16)(l.s0, r.s0, l.s1, r.s1, l.s2, r.s2, l.s3, r.s3, l.s4, r.s4, l.s5, r.s5, l.s6, r.s6,
                                      l.s7, r.s7));
    if (x + 16 < s->out_w)
        put_pixels(out, s, x + 16, y, (uint16)(l.s8, r.s8, l.s9, r.s9, l.sa, r.sa, l.sb, r.sb, l.sc, r.sc, l.sd, r.sd,
                                               l.se, r.se, l.sf, r.sf));
}

// Strip of 16 input columns, band of rows. row_begin and band are even.
__kernel void bilinear_twice(__global const uint *padded, __global uchar *out, struct upscale_shape s) {
    uint x = get_global_id(0) * UPSCALE_STRIP_TWICE, y = s.row_begin + get_global_id(1) * s.band;
    if (x >= s.out_w || y >= s.row_end) return;
    uint end = min(y + s.band, s.row_end);
    int row = (int)(y / 2);
    struct twice_row above = twice_across(input_row(padded, &s, row - 1) + x / 2);
    struct twice_row here = twice_across(input_row(padded, &s, row) + x / 2);
    for (; y < end; y += 2, row++) {
        struct twice_row below = twice_across(input_row(padded, &s, row + 1) + x / 2);
        twice_put(out, &s, x, y, here, above);
        if (y + 1 < end) twice_put(out, &s, x, y + 1, here, below);
        above = here;
        here = below;
    }
}
