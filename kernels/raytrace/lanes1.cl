// The names again: here a value is one.
#undef NAME
#undef REAL
#undef WORD
#undef MASK
#undef TO_REAL
#undef TO_INT
#undef TO_WORD
#undef AS_WORD
#undef IF
#undef PICK
#undef SOME
#undef FIRST
#define NAME(n) n##_1
#define REAL float
#define WORD uint
#define MASK int
#define TO_REAL convert_float
#define TO_INT convert_int
#define TO_WORD convert_uint
#define AS_WORD as_uint
#define IF(condition) (-(int)(condition))
#define PICK(no, yes, mask) ((mask) ? (yes) : (no))
#define SOME(mask) ((mask) != 0)
#define FIRST(v) (v)

INLINE uint gather_1(__global const uint *from, uint at) { return from[at]; }

INLINE float load_1(__global const float *from) { return *from; }
INLINE void store_1(float v, __global float *to) { *to = v; }
INLINE int columns_1(int x, int w) { return IF(x >= 0 && x < w); }

INLINE void gather4_1(__global const float *from, uint at, float *to) {
    float4 v = vload4(at, from);
    to[0] = v.x;
    to[1] = v.y;
    to[2] = v.z;
    to[3] = v.w;
}

INLINE void gather4_alike_1(__global const float *from, uint at, float *to) { gather4_1(from, at, to); }
