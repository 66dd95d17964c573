// Vectors and orientations in the C that is also OpenCL C: the same operations in the same order on host and device,
// all of them exact to the last bit by IEEE 754 (no sine, no fused multiply-add), so that every device makes the same
// world.
#ifndef KERNELS_PHYSICS_GEOMETRY_H
#define KERNELS_PHYSICS_GEOMETRY_H

#include "layout.h"

#ifdef __OPENCL_VERSION__
#define PHYSICS_SQRT(x) sqrt(x)
#define PHYSICS_FLOOR(x) floor(x)
#define PHYSICS_TABLE __constant const
#define PHYSICS_GLOBAL __global
#else
#include <math.h>
#define PHYSICS_SQRT(x) sqrtf(x)
#define PHYSICS_FLOOR(x) floorf(x)
#define PHYSICS_TABLE static const
#define PHYSICS_GLOBAL
#endif
#define PHYSICS_MIN(a, b) ((a) < (b) ? (a) : (b))
#define PHYSICS_MAX(a, b) ((a) > (b) ? (a) : (b))
#define PHYSICS_ABS(a) ((a) < 0 ? -(a) : (a))

struct vec {
    float x, y, z;
};

struct quat {
    float x, y, z, w;
};

struct frame { // columns: local axes in the world
    struct vec x, y, z;
};

struct inertia { // symmetric; of the inverse
    float xx, yy, zz, xy, xz, yz;
};

static inline struct vec vec_of(float x, float y, float z) {
    struct vec v;
    v.x = x, v.y = y, v.z = z;
    return v;
}

static inline struct vec vec_add(struct vec a, struct vec b) { return vec_of(a.x + b.x, a.y + b.y, a.z + b.z); }

static inline struct vec vec_sub(struct vec a, struct vec b) { return vec_of(a.x - b.x, a.y - b.y, a.z - b.z); }

static inline struct vec vec_scale(struct vec a, float s) { return vec_of(a.x * s, a.y * s, a.z * s); }

static inline float vec_dot(struct vec a, struct vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

static inline struct vec vec_cross(struct vec a, struct vec b) {
    return vec_of(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}

static inline float vec_length(struct vec a) { return PHYSICS_SQRT(vec_dot(a, a)); }

static inline float vec_at(struct vec a, int axis) { return axis == 0 ? a.x : axis == 1 ? a.y : a.z; }

static inline struct vec frame_axis(struct frame f, int axis) { return axis == 0 ? f.x : axis == 1 ? f.y : f.z; }

static inline struct frame frame_of(struct quat q) {
    struct frame f;
    f.x = vec_of(1 - 2 * (q.y * q.y + q.z * q.z), 2 * (q.x * q.y + q.w * q.z), 2 * (q.x * q.z - q.w * q.y));
    f.y = vec_of(2 * (q.x * q.y - q.w * q.z), 1 - 2 * (q.x * q.x + q.z * q.z), 2 * (q.y * q.z + q.w * q.x));
    f.z = vec_of(2 * (q.x * q.z + q.w * q.y), 2 * (q.y * q.z - q.w * q.x), 1 - 2 * (q.x * q.x + q.y * q.y));
    return f;
}

static inline struct vec to_world(struct frame f, struct vec v) {
    return vec_add(vec_add(vec_scale(f.x, v.x), vec_scale(f.y, v.y)), vec_scale(f.z, v.z));
}

static inline struct vec to_local(struct frame f, struct vec v) {
    return vec_of(vec_dot(f.x, v), vec_dot(f.y, v), vec_dot(f.z, v));
}

// q turned by the rotation vector t in rad, by PHYSICS_TURN_MAX at most; tan by its Pade approximant.
static inline struct quat quat_turn(struct quat q, struct vec t) {
    float length2 = vec_dot(t, t);
    if (length2 > PHYSICS_TURN_MAX * PHYSICS_TURN_MAX) {
        t = vec_scale(t, PHYSICS_TURN_MAX / PHYSICS_SQRT(length2));
        length2 = PHYSICS_TURN_MAX * PHYSICS_TURN_MAX;
    }
    float half2 = 0.25f * length2;
    struct vec r = vec_scale(t, 0.5f * ((15.0f - half2) / (15.0f - 6.0f * half2)));
    struct quat p;
    p.x = q.x + r.x * q.w + r.y * q.z - r.z * q.y;
    p.y = q.y - r.x * q.z + r.y * q.w + r.z * q.x;
    p.z = q.z + r.x * q.y - r.y * q.x + r.z * q.w;
    p.w = q.w - r.x * q.x - r.y * q.y - r.z * q.z;
    float s = 1.0f / PHYSICS_SQRT(p.x * p.x + p.y * p.y + p.z * p.z + p.w * p.w);
    p.x *= s, p.y *= s, p.z *= s, p.w *= s;
    return p;
}

// R diag(d) R^T
static inline struct inertia inertia_turned(struct frame f, struct vec d) {
    struct inertia i;
    i.xx = d.x * f.x.x * f.x.x + d.y * f.y.x * f.y.x + d.z * f.z.x * f.z.x;
    i.yy = d.x * f.x.y * f.x.y + d.y * f.y.y * f.y.y + d.z * f.z.y * f.z.y;
    i.zz = d.x * f.x.z * f.x.z + d.y * f.y.z * f.y.z + d.z * f.z.z * f.z.z;
    i.xy = d.x * f.x.x * f.x.y + d.y * f.y.x * f.y.y + d.z * f.z.x * f.z.y;
    i.xz = d.x * f.x.x * f.x.z + d.y * f.y.x * f.y.z + d.z * f.z.x * f.z.z;
    i.yz = d.x * f.x.y * f.x.z + d.y * f.y.y * f.y.z + d.z * f.z.y * f.z.z;
    return i;
}

static inline struct vec inertia_times(struct inertia i, struct vec v) {
    return vec_of(i.xx * v.x + i.xy * v.y + i.xz * v.z, i.xy * v.x + i.yy * v.y + i.yz * v.z,
                  i.xz * v.x + i.yz * v.y + i.zz * v.z);
}

// 1 over the moments of inertia about a body's own axes; 0 for one that is fixed.
static inline struct vec moments_inverse(unsigned int kind, struct vec extents, float mass) {
    if (mass <= 0 || kind == PHYSICS_PLANE) return vec_of(0, 0, 0);
    if (kind == PHYSICS_SPHERE) {
        float i = 2.5f / (mass * extents.x * extents.x);
        return vec_of(i, i, i);
    }
    float m = 3.0f / mass;
    return vec_of(m / (extents.y * extents.y + extents.z * extents.z),
                  m / (extents.x * extents.x + extents.z * extents.z),
                  m / (extents.x * extents.x + extents.y * extents.y));
}

#endif
