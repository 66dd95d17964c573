// Where two bodies touch. Points lie midway between the surfaces; normals point from the first body to the second.
#ifndef KERNELS_PHYSICS_COLLIDE_H
#define KERNELS_PHYSICS_COLLIDE_H

#include "boxes.h"

static inline struct touch touch_spheres(const struct solid *a, const struct solid *b, float margin) {
    struct touch t;
    struct vec d = vec_sub(b->place, a->place);
    float distance = vec_length(d), separation = distance - (a->extents.x + b->extents.x);
    t.count = 0;
    t.normal = distance > 1e-9f ? vec_scale(d, 1.0f / distance) : vec_of(0, 1, 0);
    if (separation < margin)
        touch_add(&t, vec_add(a->place, vec_scale(t.normal, a->extents.x + 0.5f * separation)), separation, 0);
    return t;
}

// b is the plane.
static inline struct touch touch_sphere_plane(const struct solid *a, const struct solid *b, float margin) {
    struct touch t;
    t.count = 0;
    t.normal = vec_scale(b->frame.y, -1);
    float separation = vec_dot(b->frame.y, vec_sub(a->place, b->place)) - a->extents.x;
    if (separation < margin)
        touch_add(&t, vec_add(a->place, vec_scale(t.normal, a->extents.x + 0.5f * separation)), separation, 0);
    return t;
}

// b is the box.
static inline struct touch touch_sphere_box(const struct solid *a, const struct solid *b, float margin) {
    struct touch t;
    t.count = 0;
    struct vec c = to_local(b->frame, vec_sub(a->place, b->place)), h = b->extents;
    struct vec near = vec_of(PHYSICS_MAX(-h.x, PHYSICS_MIN(c.x, h.x)), PHYSICS_MAX(-h.y, PHYSICS_MIN(c.y, h.y)),
                             PHYSICS_MAX(-h.z, PHYSICS_MIN(c.z, h.z)));
    struct vec out = vec_sub(c, near);
    float distance = vec_length(out);
    if (distance > 1e-9f) {
        out = vec_scale(out, 1.0f / distance);
    } else { // the centre lies inside: by the nearest face
        float x = h.x - PHYSICS_ABS(c.x), y = h.y - PHYSICS_ABS(c.y), z = h.z - PHYSICS_ABS(c.z);
        if (x <= y && x <= z) {
            distance = -x, out = vec_of(c.x < 0 ? -1 : 1, 0, 0);
        } else if (y <= z) {
            distance = -y, out = vec_of(0, c.y < 0 ? -1 : 1, 0);
        } else {
            distance = -z, out = vec_of(0, 0, c.z < 0 ? -1 : 1);
        }
    }
    float separation = distance - a->extents.x;
    t.normal = vec_scale(to_world(b->frame, out), -1);
    if (separation < margin)
        touch_add(&t, vec_add(a->place, vec_scale(t.normal, a->extents.x + 0.5f * separation)), separation, 0);
    return t;
}

static inline struct vec box_corner(const struct solid *b, unsigned int i) {
    struct vec h = b->extents;
    return vec_add(b->place, to_world(b->frame, vec_of(i & 1 ? h.x : -h.x, i & 2 ? h.y : -h.y, i & 4 ? h.z : -h.z)));
}

// b is the plane. The four deepest corners.
static inline struct touch touch_box_plane(const struct solid *a, const struct solid *b, float margin) {
    struct touch t;
    t.count = 0;
    t.normal = vec_scale(b->frame.y, -1);
    unsigned int taken = 0;
    for (int k = 0; k < TOUCH_POINTS; k++) {
        unsigned int best = 8;
        float least = margin;
        for (unsigned int i = 0; i < 8; i++) {
            float s = vec_dot(b->frame.y, vec_sub(box_corner(a, i), b->place));
            if (!(taken >> i & 1) && s < least) least = s, best = i;
        }
        if (best == 8) break;
        taken |= 1u << best;
        touch_add(&t, vec_sub(box_corner(a, best), vec_scale(b->frame.y, 0.5f * least)), least, best);
    }
    return t;
}

// Spheres, or a sphere and a plane in any order.
static inline struct touch touch_round(const struct solid *a, const struct solid *b, float margin) {
    struct touch t;
    if (a->kind == PHYSICS_SPHERE && b->kind == PHYSICS_SPHERE) return touch_spheres(a, b, margin);
    if (a->kind == PHYSICS_SPHERE) return touch_sphere_plane(a, b, margin);
    t = touch_sphere_plane(b, a, margin);
    t.normal = vec_scale(t.normal, -1);
    return t;
}

// Any two; not two planes.
static inline struct touch touch_of(const struct solid *a, const struct solid *b, float margin) {
    struct touch t;
    if (a->kind > b->kind) { // sphere before box before plane
        if (b->kind == PHYSICS_SPHERE)
            t = a->kind == PHYSICS_BOX ? touch_sphere_box(b, a, margin) : touch_sphere_plane(b, a, margin);
        else
            t = touch_box_plane(b, a, margin);
        t.normal = vec_scale(t.normal, -1);
        return t;
    }
    if (a->kind == PHYSICS_BOX)
        return b->kind == PHYSICS_BOX ? touch_boxes(a, b, margin) : touch_box_plane(a, b, margin);
    if (b->kind == PHYSICS_SPHERE) return touch_spheres(a, b, margin);
    return b->kind == PHYSICS_BOX ? touch_sphere_box(a, b, margin) : touch_sphere_plane(a, b, margin);
}

#endif
