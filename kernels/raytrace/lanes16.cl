// Names that path.cl and its kind are written over: here a value is 16 of them.
#define NAME(n) n##_16
#define REAL float16
#define WORD uint16
#define MASK int16 // of each lane 0 or -1
#define TO_REAL convert_float16
#define TO_INT convert_int16
#define TO_WORD convert_uint16
#define AS_WORD as_uint16
#define IF(condition) (condition) // a comparison as a mask
#define PICK(no, yes, mask) select((no), (yes), (mask))
#define SOME(mask) any(mask)

#define LANES(m) (m(0), m(1), m(2), m(3), m(4), m(5), m(6), m(7), m(8), m(9), m(a), m(b), m(c), m(d), m(e), m(f))
#define FIRST(v) ((v).s0)

INLINE uint16 gather_16(__global const uint *from, uint16 at) {
#define LANE(i) from[at.s##i]
    return (uint16)LANES(LANE);
#undef LANE
}

INLINE float16 load_16(__global const float *from) { return vload16(0, from); }

typedef float16 __attribute__((aligned(4))) float16_at;
INLINE void store_16(float16 v, __global float *to) { *(__global float16_at *)to = v; }

// Which of the columns from x on lie in a row of w.
INLINE int16 columns_16(int x, int w) {
    int16 at = x + (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return (at >= 0) & (at < w);
}

// Four floats from each of 16 places, as four vectors.
INLINE void gather4_16(__global const float *from, uint16 at, float16 *to) {
    float16 a = (float16)(vload4(at.s0, from), vload4(at.s1, from), vload4(at.s2, from), vload4(at.s3, from));
    float16 b = (float16)(vload4(at.s4, from), vload4(at.s5, from), vload4(at.s6, from), vload4(at.s7, from));
    float16 c = (float16)(vload4(at.s8, from), vload4(at.s9, from), vload4(at.sa, from), vload4(at.sb, from));
    float16 d = (float16)(vload4(at.sc, from), vload4(at.sd, from), vload4(at.se, from), vload4(at.sf, from));
    to[0] = (float16)(a.s048c, b.s048c, c.s048c, d.s048c);
    to[1] = (float16)(a.s159d, b.s159d, c.s159d, d.s159d);
    to[2] = (float16)(a.s26ae, b.s26ae, c.s26ae, d.s26ae);
    to[3] = (float16)(a.s37bf, b.s37bf, c.s37bf, d.s37bf);
}

// The same where most often all places are one.
INLINE void gather4_alike_16(__global const float *from, uint16 at, float16 *to) {
    if (all(at == (uint16)(at.s0))) {
        float4 v = vload4(at.s0, from);
        to[0] = (float16)(v.x);
        to[1] = (float16)(v.y);
        to[2] = (float16)(v.z);
        to[3] = (float16)(v.w);
    } else {
        gather4_16(from, at, to);
    }
}

INLINE float least_of(float16 v) {
    float8 a = min(v.lo, v.hi);
    float4 b = min(a.lo, a.hi);
    float2 c = min(b.lo, b.hi);
    return min(c.x, c.y);
}

INLINE uint first_of(uint16 v) {
    uint8 a = min(v.lo, v.hi);
    uint4 b = min(a.lo, a.hi);
    uint2 c = min(b.lo, b.hi);
    return min(c.x, c.y);
}

INLINE float most_of(float16 v) { return -least_of(-v); }

// Bit i: lane i of a mask.
#if defined(__has_feature)
#if __has_feature(ext_vector_type_boolean)
#define HAS_BITS
#endif
#endif
#ifdef HAS_BITS
typedef bool bits16 __attribute__((ext_vector_type(16)));
INLINE uint bits_of(int16 mask) {
    union {
        bits16 bits;
        ushort word;
    } u = {__builtin_convertvector(mask, bits16)};
    return u.word;
}
#else
INLINE uint bits_of(int16 mask) {
    int16 own = mask & (int16)(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768);
    int8 a = own.lo | own.hi;
    int4 b = a.lo | a.hi;
    int2 c = b.lo | b.hi;
    return (uint)(c.x | c.y);
}
#endif

INLINE uint lowest_of(uint bits) { return 31u - clz(bits & -bits); }
