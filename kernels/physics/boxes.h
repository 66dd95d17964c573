// Solids and how they touch; two boxes. Separating axes over 15 directions (Gottschalk, Lin and Manocha 1996), then the
// touching face of one clipped by the sides of the other's (Sutherland and Hodgman 1974).
#ifndef KERNELS_PHYSICS_BOXES_H
#define KERNELS_PHYSICS_BOXES_H

#include "geometry.h"

struct solid {
    struct vec place;
    struct frame frame;
    struct vec extents;
    unsigned int kind;
};

#define TOUCH_POINTS 4

struct touch {
    struct vec normal;
    int count;
    struct vec point[TOUCH_POINTS];
    float separation[TOUCH_POINTS];
    unsigned int feature[TOUCH_POINTS];
};

static inline void touch_add(struct touch *t, struct vec point, float separation, unsigned int feature) {
    t->point[t->count] = point;
    t->separation[t->count] = separation;
    t->feature[t->count++] = feature;
}

struct box_axis { // the direction along which they overlap least
    float separation;
    struct vec normal; // from a to b
    int index;         // 0..2 faces of a, 3..5 faces of b, 6.. pairs of edges; -1: they are further apart than asked
};

static inline float box_reach(const struct solid *s, struct vec n) {
    return PHYSICS_ABS(vec_dot(s->frame.x, n)) * s->extents.x + PHYSICS_ABS(vec_dot(s->frame.y, n)) * s->extents.y +
           PHYSICS_ABS(vec_dot(s->frame.z, n)) * s->extents.z;
}

static inline struct box_axis box_axis_of(const struct solid *a, const struct solid *b, float margin) {
    struct box_axis best;
    struct vec d = vec_sub(b->place, a->place);
    best.index = -1, best.separation = -1e30f, best.normal = vec_of(0, 1, 0);
    for (int i = 0; i < 15; i++) {
        struct vec n = frame_axis(i < 3 ? a->frame : b->frame, i % 3);
        if (i >= 6) {
            n = vec_cross(frame_axis(a->frame, (i - 6) / 3), frame_axis(b->frame, (i - 6) % 3));
            float length = vec_length(n);
            if (length < 1e-3f) continue; // parallel: faces say it all
            n = vec_scale(n, 1.0f / length);
        }
        float along = vec_dot(d, n);
        if (along < 0) n = vec_scale(n, -1), along = -along;
        float s = along - box_reach(a, n) - box_reach(b, n);
        if (s >= margin) {
            best.index = -1;
            return best;
        }
        // Faces make steadier contacts than edges, and those of one body than now this, now that one's.
        float lead = i < 3 ? 0 : i < 6 ? 1e-3f : 1e-2f;
        lead *= PHYSICS_MIN(box_reach(a, n), box_reach(b, n));
        if (s > best.separation + lead) best.separation = s, best.normal = n, best.index = i;
    }
    return best;
}

// Nearest points of one edge each.
static inline void box_edges(const struct solid *a, const struct solid *b, const struct box_axis *axis,
                             struct touch *t) {
    struct vec n = axis->normal, pa = a->place, pb = b->place;
    int i = (axis->index - 6) / 3, j = (axis->index - 6) % 3;
    for (int k = 0; k < 3; k++) {
        struct vec ua = frame_axis(a->frame, k), ub = frame_axis(b->frame, k);
        if (k != i)
            pa = vec_add(pa, vec_scale(ua, vec_dot(ua, n) > 0 ? vec_at(a->extents, k) : -vec_at(a->extents, k)));
        if (k != j)
            pb = vec_add(pb, vec_scale(ub, vec_dot(ub, n) > 0 ? -vec_at(b->extents, k) : vec_at(b->extents, k)));
    }
    struct vec ua = frame_axis(a->frame, i), ub = frame_axis(b->frame, j), d = vec_sub(pb, pa);
    float c = vec_dot(ua, ub), down = 1.0f - c * c;
    float sa = (vec_dot(ua, d) - c * vec_dot(ub, d)) / down, sb = (c * vec_dot(ua, d) - vec_dot(ub, d)) / down;
    struct vec at_a = vec_add(pa, vec_scale(ua, sa)), at_b = vec_add(pb, vec_scale(ub, sb));
    touch_add(t, vec_scale(vec_add(at_a, at_b), 0.5f), axis->separation, 64u + (unsigned int)axis->index);
}

struct outline { // of a face, as it is clipped
    struct vec at[8];
    int count;
};

// What lies at dot(n, p) <= limit.
static inline struct outline outline_clip(const struct outline *in, struct vec n, float limit) {
    struct outline out;
    out.count = 0;
    for (int i = 0; i < in->count; i++) {
        struct vec p = in->at[i], q = in->at[i + 1 < in->count ? i + 1 : 0];
        float sp = vec_dot(n, p) - limit, sq = vec_dot(n, q) - limit;
        if (sp <= 0 && out.count < 8) out.at[out.count++] = p;
        if ((sp < 0) != (sq < 0) && sp != 0 && sq != 0 && out.count < 8)
            out.at[out.count++] = vec_add(p, vec_scale(vec_sub(q, p), sp / (sp - sq)));
    }
    return out;
}

// The face of s that looks most along n.
static inline struct outline box_face(const struct solid *s, struct vec n) {
    struct outline o;
    float x = vec_dot(s->frame.x, n), y = vec_dot(s->frame.y, n), z = vec_dot(s->frame.z, n);
    float ax = PHYSICS_ABS(x), ay = PHYSICS_ABS(y), az = PHYSICS_ABS(z);
    int k = ax >= ay && ax >= az ? 0 : ay >= az ? 1 : 2, u = (k + 1) % 3, v = (k + 2) % 3;
    float side = vec_dot(frame_axis(s->frame, k), n) > 0 ? vec_at(s->extents, k) : -vec_at(s->extents, k);
    struct vec middle = vec_add(s->place, vec_scale(frame_axis(s->frame, k), side));
    struct vec du = vec_scale(frame_axis(s->frame, u), vec_at(s->extents, u));
    struct vec dv = vec_scale(frame_axis(s->frame, v), vec_at(s->extents, v));
    o.count = 4;
    o.at[0] = vec_sub(vec_sub(middle, du), dv);
    o.at[1] = vec_sub(vec_add(middle, du), dv);
    o.at[2] = vec_add(vec_add(middle, du), dv);
    o.at[3] = vec_add(vec_sub(middle, du), dv);
    return o;
}

// r has the face with the axis, s the one clipped; n from r to s.
static inline void box_faces(const struct solid *r, const struct solid *s, struct vec n, int face, float margin,
                             struct touch *t) {
    struct outline o = box_face(s, vec_scale(n, -1));
    int k = face % 3;
    struct vec u = frame_axis(r->frame, (k + 1) % 3), v = frame_axis(r->frame, (k + 2) % 3);
    float hu = vec_at(r->extents, (k + 1) % 3), hv = vec_at(r->extents, (k + 2) % 3);
    float cu = vec_dot(u, r->place), cv = vec_dot(v, r->place);
    o = outline_clip(&o, u, cu + hu);
    o = outline_clip(&o, vec_scale(u, -1), hu - cu);
    o = outline_clip(&o, v, cv + hv);
    o = outline_clip(&o, vec_scale(v, -1), hv - cv);
    float top = vec_dot(n, r->place) + vec_at(r->extents, k);
    // The extreme ones towards the four corners of the face: as wide a support as there is.
    unsigned int taken = 0;
    for (unsigned int corner = 0; corner < TOUCH_POINTS; corner++) {
        float most = -1e30f;
        int best = -1;
        for (int i = 0; i < o.count; i++) {
            float a = vec_dot(u, o.at[i]) - cu, b = vec_dot(v, o.at[i]) - cv;
            float out = (corner & 1 ? a : -a) + (corner & 2 ? b : -b);
            if (!(taken >> i & 1) && vec_dot(n, o.at[i]) - top < margin && out > most) most = out, best = i;
        }
        if (best < 0) break;
        taken |= 1u << best;
        float separation = vec_dot(n, o.at[best]) - top;
        touch_add(t, vec_sub(o.at[best], vec_scale(n, 0.5f * separation)), separation,
                  4u * (unsigned int)face + corner);
    }
}

static inline struct touch touch_boxes(const struct solid *a, const struct solid *b, float margin) {
    struct touch t;
    t.count = 0;
    struct box_axis axis = box_axis_of(a, b, margin);
    t.normal = axis.normal;
    if (axis.index < 0) return t;
    if (axis.index >= 6)
        box_edges(a, b, &axis, &t);
    else if (axis.index < 3)
        box_faces(a, b, axis.normal, axis.index, margin, &t);
    else
        box_faces(b, a, vec_scale(axis.normal, -1), axis.index, margin, &t);
    return t;
}

#endif
