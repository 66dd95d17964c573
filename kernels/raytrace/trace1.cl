// What one ray hits: down a binary tree, the nearer child first.

struct tracer_1 {
    __global const struct raytrace_pair *nodes;
    __global const struct raytrace_leaf *leaves;
    uint root;
};

INLINE float safe_inverse(float d) { return 1.0f / (fabs(d) > 1e-18f ? d : copysign(1e-18f, d)); }

INLINE int meet_one(__global const struct raytrace_leaf *l, int round, struct vec_1 o, struct vec_1 d,
                    struct hit_1 *h) {
    struct vec_1 at = same_1(l->v);
    float t, u = 0, v = 0;
    int met;
    if (round) {
        struct vec_1 to = sub_1(at, o);
        float middle = dot_1(to, d);
        struct vec_1 aside = sub_1(to, times_1(d, middle));
        float square = l->v[3] * l->v[3] - dot_1(aside, aside), half_ = sqrt(max(square, 0.0f));
        t = middle - half_ > 0 ? middle - half_ : middle + half_;
        met = square >= 0;
    } else {
        struct vec_1 e1 = same_1(l->v + 3), e2 = same_1(l->v + 6);
        struct vec_1 p = cross_1(d, e2), s = sub_1(o, at), q = cross_1(s, e1);
        float inverse = 1.0f / dot_1(e1, p);
        u = dot_1(s, p) * inverse;
        v = dot_1(d, q) * inverse;
        t = dot_1(e2, q) * inverse;
        met = u >= 0 && v >= 0 && u + v <= 1;
    }
    met = met && t > 0 && (t < h->distance || (t == h->distance && l->prim < h->prim)); // as in trace16.cl
    if (!met) return 0;
    h->distance = t;
    h->u = u;
    h->v = v;
    h->prim = l->prim;
    return 1;
}

// Where a ray enters a box; RAYTRACE_FAR when it does not before `end`.
INLINE float enters(__global const float *lo, __global const float *hi, struct vec_1 o, struct vec_1 inverse,
                    float end) {
    float x0 = (lo[0] - o.x) * inverse.x, x1 = (hi[0] - o.x) * inverse.x;
    float y0 = (lo[1] - o.y) * inverse.y, y1 = (hi[1] - o.y) * inverse.y;
    float z0 = (lo[2] - o.z) * inverse.z, z1 = (hi[2] - o.z) * inverse.z;
    float first = max(max(min(x0, x1), min(y0, y1)), max(min(z0, z1), 0.0f));
    float last = min(min(max(x0, x1), max(y0, y1)), min(max(z0, z1), end));
    return first <= last * (1.0f + 4e-7f) ? first : RAYTRACE_FAR;
}

INLINE int meet_leaf(struct tracer_1 t, uint leaf, struct vec_1 o, struct vec_1 d, struct hit_1 *h) {
    uint first = (leaf & RAYTRACE_INDEX) >> RAYTRACE_COUNT_BITS, count = leaf & ((1u << RAYTRACE_COUNT_BITS) - 1);
    int met = 0;
    for (uint i = first; i <= first + count; i++) met |= meet_one(t.leaves + i, (leaf & RAYTRACE_ROUND) != 0, o, d, h);
    return met;
}

INLINE void trace_1(struct tracer_1 t, struct vec_1 o, struct vec_1 d, int active, int shadow, struct hit_1 *h) {
    if (t.root == RAYTRACE_NONE || !active) return;
    uint stack[RAYTRACE_TREE_DEPTH + 1], top = 0, at = t.root;
    float nears[RAYTRACE_TREE_DEPTH + 1];
    struct vec_1 inverse = {safe_inverse(d.x), safe_inverse(d.y), safe_inverse(d.z)};
    for (;;) {
        if (at & RAYTRACE_LEAF) {
            if (meet_leaf(t, at, o, d, h) && shadow) return;
        } else {
            __global const struct raytrace_pair *n = t.nodes + at;
            float a = enters(n->lo[0], n->hi[0], o, inverse, h->distance);
            float b = enters(n->lo[1], n->hi[1], o, inverse, h->distance);
            uint second = a <= b;
            float farther = max(a, b);
            if (farther < RAYTRACE_FAR) {
                stack[top] = n->child[second];
                nears[top++] = farther;
            }
            if (min(a, b) < RAYTRACE_FAR) {
                at = n->child[1 - second];
                continue;
            }
        }
        while (top && nears[top - 1] > h->distance) top--;
        if (!top) return;
        at = stack[--top];
    }
}
