// Vectors in space and what a ray found.
#define VEC struct NAME(vec)
struct NAME(vec) {
    REAL x, y, z;
};

struct NAME(hit) {
    REAL distance, u, v; // u, v: weights of a triangle's second and third corner
    WORD prim;           // triangles, then spheres, then planes; RAYTRACE_NONE
};

INLINE VEC NAME(vec3)(REAL x, REAL y, REAL z) {
    VEC v = {x, y, z};
    return v;
}

INLINE VEC NAME(same)(__global const float *v) { return NAME(vec3)((REAL)(v[0]), (REAL)(v[1]), (REAL)(v[2])); }
INLINE VEC NAME(even)(const float *v) { return NAME(vec3)((REAL)(v[0]), (REAL)(v[1]), (REAL)(v[2])); }
INLINE VEC NAME(add)(VEC a, VEC b) { return NAME(vec3)(a.x + b.x, a.y + b.y, a.z + b.z); }
INLINE VEC NAME(sub)(VEC a, VEC b) { return NAME(vec3)(a.x - b.x, a.y - b.y, a.z - b.z); }
INLINE VEC NAME(mul)(VEC a, VEC b) { return NAME(vec3)(a.x * b.x, a.y * b.y, a.z * b.z); }
INLINE VEC NAME(times)(VEC a, REAL k) { return NAME(vec3)(a.x * k, a.y * k, a.z * k); }
INLINE REAL NAME(dot)(VEC a, VEC b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
INLINE VEC NAME(cross)(VEC a, VEC b) {
    return NAME(vec3)(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}
INLINE VEC NAME(unit)(VEC a) { return NAME(times)(a, 1.0f / sqrt(max(NAME(dot)(a, a), (REAL)(1e-30f)))); }
INLINE VEC NAME(mix)(VEC a, VEC b, REAL k) { return NAME(add)(a, NAME(times)(NAME(sub)(b, a), k)); }
INLINE VEC NAME(choose)(VEC no, VEC yes, MASK m) {
    return NAME(vec3)(PICK(no.x, yes.x, m), PICK(no.y, yes.y, m), PICK(no.z, yes.z, m));
}
