// What 16 rays hit. Rays that go the same way are a bundle: the room they sweep is tested against 16 boxes, or the
// bounds of 16 triangles, at once, and only what lies in it against every ray. Others go one by one, each against 16
// boxes or 16 primitives at once.

struct tracer_16 {
    __global const struct raytrace_wide *nodes;
    __global const struct raytrace_pack *packs;
    uint root;
};

struct stack16 {
    uint child[RAYTRACE_STACK];
    float near[RAYTRACE_STACK]; // falls towards the top
    uint top;
};

// Pushes the children whose bit is set, the nearest last.
INLINE void push_all(struct stack16 *s, __global const uint *children, uint bits, float16 near) {
    float nears[16];
    vstore16(near, 0, nears);
    uint base = s->top;
    for (; bits; bits &= bits - 1) {
        uint i = lowest_of(bits), at = s->top++;
        for (; at > base && s->near[at - 1] < nears[i]; at--) {
            s->near[at] = s->near[at - 1];
            s->child[at] = s->child[at - 1];
        }
        s->near[at] = nears[i];
        s->child[at] = children[i];
    }
}

// ---- bundles ----

// Rays by what they do along axis k, where all advance: how far aside (i, j) they begin, and lean per length of k.
struct bundle {
    uint k, i, j;
    float sign, front, back;              // of direction along k; of origins, as first and last met
    float lo_i, hi_i, lo_j, hi_j;         // origins
    float less_i, more_i, less_j, more_j; // slopes
    float end;                            // no hit lies farther along k
    float16 speed;                        // along k, per distance
};

#define SLOPE_SLACK 2e-6f // for rounding, of slopes and places
#define BUNDLE_LEAN 0.1f  // slopes that differ by more are no bundle

INLINE float16 along(struct vec_16 v, uint axis) { return axis == 0 ? v.x : axis == 1 ? v.y : v.z; }

INLINE float16 but(float16 v, int16 active, float otherwise) { return select((float16)(otherwise), v, active); }

INLINE float sum_of(float16 v) {
    float8 a = v.lo + v.hi;
    float4 b = a.lo + a.hi;
    return b.x + b.y + b.z + b.w;
}

// False when the active rays go too many ways.
INLINE int bundle_of(struct bundle *b, struct vec_16 o, struct vec_16 d, int16 active) {
    float x = sum_of(but(d.x, active, 0)), y = sum_of(but(d.y, active, 0)), z = sum_of(but(d.z, active, 0));
    b->k = fabs(x) > fabs(y) ? (fabs(x) > fabs(z) ? 0 : 2) : (fabs(y) > fabs(z) ? 1 : 2);
    b->i = b->k == 0 ? 1 : 0;
    b->j = b->k == 2 ? 1 : 2;
    b->sign = (b->k == 0 ? x : b->k == 1 ? y : z) < 0 ? -1.0f : 1.0f;
    b->speed = along(d, b->k) * b->sign;
    if (any((b->speed < 0.2f) & active)) return 0;
    float16 slower = 1.0f / b->speed, si = along(d, b->i) * slower, sj = along(d, b->j) * slower;
    b->less_i = least_of(but(si, active, FLT_MAX));
    b->more_i = most_of(but(si, active, -FLT_MAX));
    b->less_j = least_of(but(sj, active, FLT_MAX));
    b->more_j = most_of(but(sj, active, -FLT_MAX));
    if (b->more_i - b->less_i > BUNDLE_LEAN || b->more_j - b->less_j > BUNDLE_LEAN) return 0;
    float16 ok = along(o, b->k) * b->sign, oi = along(o, b->i), oj = along(o, b->j);
    b->front = most_of(but(ok, active, -FLT_MAX));
    b->back = least_of(but(ok, active, FLT_MAX));
    b->lo_i = least_of(but(oi, active, FLT_MAX));
    b->hi_i = most_of(but(oi, active, -FLT_MAX));
    b->lo_j = least_of(but(oj, active, FLT_MAX));
    b->hi_j = most_of(but(oj, active, -FLT_MAX));
    b->less_i -= SLOPE_SLACK;
    b->more_i += SLOPE_SLACK;
    b->less_j -= SLOPE_SLACK;
    b->more_j += SLOPE_SLACK;
    b->lo_i -= SLOPE_SLACK * fabs(b->lo_i);
    b->hi_i += SLOPE_SLACK * fabs(b->hi_i);
    b->lo_j -= SLOPE_SLACK * fabs(b->lo_j);
    b->hi_j += SLOPE_SLACK * fabs(b->hi_j);
    return 1;
}

INLINE void shorten(struct bundle *b, float16 distance, int16 active) {
    b->end = most_of(but(distance * b->speed, active, -1.0f)) * (1.0f + SLOPE_SLACK);
}

// Boxes by their sides along k (towards and away), i and j that the bundle may meet; where along k it does.
INLINE int16 sweeps(const struct bundle *b, float16 k0, float16 k1, const float16 *lo, const float16 *hi,
                    float16 *near) {
    float16 first = max(k0 - b->front, 0.0f), last = min(k1 - b->back, b->end);
    float16 from_i = b->lo_i + min(b->less_i * first, b->less_i * last);
    float16 to_i = b->hi_i + max(b->more_i * first, b->more_i * last);
    float16 from_j = b->lo_j + min(b->less_j * first, b->less_j * last);
    float16 to_j = b->hi_j + max(b->more_j * first, b->more_j * last);
    *near = first;
    return (first <= last) & (from_i <= hi[0]) & (to_i >= lo[0]) & (from_j <= hi[1]) & (to_j >= lo[1]);
}

INLINE uint swept_boxes(const struct bundle *b, __global const struct raytrace_wide *n, float16 *near) {
    float16 k0 = vload16(0, b->sign > 0 ? n->lo[b->k] : n->hi[b->k]) * b->sign;
    float16 k1 = vload16(0, b->sign > 0 ? n->hi[b->k] : n->lo[b->k]) * b->sign;
    float16 lo[2] = {vload16(0, n->lo[b->i]), vload16(0, n->lo[b->j])};
    float16 hi[2] = {vload16(0, n->hi[b->i]), vload16(0, n->hi[b->j])};
    return bits_of(sweeps(b, k0, k1, lo, hi, near));
}

// Bounds of 16 triangles or spheres along an axis.
INLINE void bounds_of(__global const struct raytrace_pack *p, uint axis, int round, float16 *lo, float16 *hi) {
    float16 at = vload16(0, p->v[axis]);
    if (round) {
        float16 radius = vload16(0, p->v[3]);
        *lo = at - radius;
        *hi = at + radius;
    } else {
        float16 e1 = vload16(0, p->v[3 + axis]), e2 = vload16(0, p->v[6 + axis]);
        *lo = at + min(min(e1, e2), 0.0f);
        *hi = at + max(max(e1, e2), 0.0f);
    }
}

INLINE uint swept_pack(const struct bundle *b, __global const struct raytrace_pack *p, int round) {
    float16 lo[3], hi[3], unused;
    bounds_of(p, b->i, round, &lo[0], &hi[0]);
    bounds_of(p, b->j, round, &lo[1], &hi[1]);
    bounds_of(p, b->k, round, &lo[2], &hi[2]);
    float16 k0 = b->sign > 0 ? lo[2] : -hi[2], k1 = b->sign > 0 ? hi[2] : -lo[2];
    // a flat one has no depth to be met in but that of rounding
    k0 -= SLOPE_SLACK * fabs(k0);
    k1 += SLOPE_SLACK * fabs(k1);
    return bits_of(sweeps(b, k0, k1, lo, hi, &unused));
}

// Of two things at the same distance the first counts, so that the order of a walk does not matter.
INLINE int16 nearer(float16 t, uint prim, const struct hit_16 *h) {
    return (t < h->distance) | ((t == h->distance) & (prim < h->prim));
}

// One triangle, 16 rays; Moeller and Trumbore as in ref_trace.c.
INLINE int16 meet_triangle(__global const struct raytrace_pack *p, uint i, struct vec_16 o, struct vec_16 d,
                           struct hit_16 *h) {
    float e1x = p->v[3][i], e1y = p->v[4][i], e1z = p->v[5][i], e2x = p->v[6][i], e2y = p->v[7][i], e2z = p->v[8][i];
    float16 px = d.y * e2z - d.z * e2y, py = d.z * e2x - d.x * e2z, pz = d.x * e2y - d.y * e2x;
    float16 inverse = 1.0f / (e1x * px + e1y * py + e1z * pz);
    float16 sx = o.x - p->v[0][i], sy = o.y - p->v[1][i], sz = o.z - p->v[2][i];
    float16 u = (sx * px + sy * py + sz * pz) * inverse;
    float16 qx = sy * e1z - sz * e1y, qy = sz * e1x - sx * e1z, qz = sx * e1y - sy * e1x;
    float16 v = (d.x * qx + d.y * qy + d.z * qz) * inverse;
    float16 t = (e2x * qx + e2y * qy + e2z * qz) * inverse;
    int16 met = (u >= 0.0f) & (v >= 0.0f) & (u + v <= 1.0f) & (t > 0.0f) & nearer(t, p->prim[i], h);
    h->distance = select(h->distance, t, met);
    h->u = select(h->u, u, met);
    h->v = select(h->v, v, met);
    h->prim = select(h->prim, (uint16)(p->prim[i]), met);
    return met;
}

INLINE int16 meet_sphere(__global const struct raytrace_pack *p, uint i, struct vec_16 o, struct vec_16 d,
                         struct hit_16 *h) {
    float16 r = p->v[3][i]; // a vector, so that it is rounded as in met_spheres()
    struct vec_16 to = {p->v[0][i] - o.x, p->v[1][i] - o.y, p->v[2][i] - o.z};
    float16 middle = dot_16(to, d);
    struct vec_16 aside = sub_16(to, times_16(d, middle));
    float16 square = r * r - dot_16(aside, aside);
    float16 half_ = sqrt(max(square, 0.0f));
    float16 t = select(middle + half_, middle - half_, middle - half_ > 0.0f);
    int16 met = (square >= 0.0f) & (t > 0.0f) & nearer(t, p->prim[i], h);
    h->distance = select(h->distance, t, met);
    h->prim = select(h->prim, (uint16)(p->prim[i]), met);
    return met;
}

INLINE int16 meet_pack(const struct bundle *b, __global const struct raytrace_pack *p, int round, struct vec_16 o,
                       struct vec_16 d, struct hit_16 *h) {
    int16 met = 0;
    for (uint bits = swept_pack(b, p, round); bits; bits &= bits - 1) {
        uint i = lowest_of(bits);
        met |= round ? meet_sphere(p, i, o, d, h) : meet_triangle(p, i, o, d, h);
    }
    return met;
}

#define BUNDLE_STEPS 6u // nodes and packs a ray, after which rays that share a direction but no place go on alone

// Walks the tree with a bundle. shadow: what lanes hit first will do, and their distance is then -1. Returns the rays
// that are better off alone: what they have met so far stands.
INLINE int16 trace_bundle(struct tracer_16 t, struct bundle *b, struct vec_16 o, struct vec_16 d, int16 active,
                          int shadow, struct hit_16 *h) {
    struct stack16 s;
    s.top = 0;
    uint at = t.root;
    shorten(b, h->distance, active);
    for (uint steps = BUNDLE_STEPS * popcount(bits_of(active)); steps; steps--) {
        if (at & RAYTRACE_LEAF) {
            int16 met = meet_pack(b, t.packs + (at & RAYTRACE_INDEX), (at & RAYTRACE_ROUND) != 0, o, d, h) & active;
            if (any(met)) {
                if (shadow) h->distance = select(h->distance, (float16)(-1.0f), met);
                shorten(b, h->distance, active);
            }
        } else {
            float16 near;
            uint bits = swept_boxes(b, t.nodes + at, &near);
            push_all(&s, t.nodes[at].child, bits, near);
        }
        while (s.top && s.near[s.top - 1] > b->end) s.top--;
        if (!s.top || b->end < 0) return 0;
        at = s.child[--s.top];
    }
    return active & (h->distance >= 0.0f);
}

// ---- single rays ----

struct single {
    float ox, oy, oz, dx, dy, dz, ix, iy, iz;
    float distance, u, v;
    uint prim;
};

INLINE float inverse_of(float d) { return 1.0f / (fabs(d) > 1e-18f ? d : copysign(1e-18f, d)); }

INLINE uint met_boxes(const struct single *r, __global const struct raytrace_wide *n, float16 *near) {
    float16 x0 = vload16(0, r->ix > 0 ? n->lo[0] : n->hi[0]), x1 = vload16(0, r->ix > 0 ? n->hi[0] : n->lo[0]);
    float16 y0 = vload16(0, r->iy > 0 ? n->lo[1] : n->hi[1]), y1 = vload16(0, r->iy > 0 ? n->hi[1] : n->lo[1]);
    float16 z0 = vload16(0, r->iz > 0 ? n->lo[2] : n->hi[2]), z1 = vload16(0, r->iz > 0 ? n->hi[2] : n->lo[2]);
    float16 first = max(max((x0 - r->ox) * r->ix, (y0 - r->oy) * r->iy), max((z0 - r->oz) * r->iz, 0.0f));
    float16 last = min(min((x1 - r->ox) * r->ix, (y1 - r->oy) * r->iy), min((z1 - r->oz) * r->iz, r->distance));
    *near = first;
    return bits_of(first <= last * (1.0f + 4e-7f)); // Ize, "Robust BVH Ray Traversal", 2013
}

INLINE int16 met_triangles(const struct single *r, __global const struct raytrace_pack *p, float16 *t, float16 *u,
                           float16 *v) {
    struct vec_16 e1 = {vload16(0, p->v[3]), vload16(0, p->v[4]), vload16(0, p->v[5])};
    struct vec_16 e2 = {vload16(0, p->v[6]), vload16(0, p->v[7]), vload16(0, p->v[8])};
    struct vec_16 d = {(float16)(r->dx), (float16)(r->dy), (float16)(r->dz)};
    struct vec_16 s = {r->ox - vload16(0, p->v[0]), r->oy - vload16(0, p->v[1]), r->oz - vload16(0, p->v[2])};
    struct vec_16 c = cross_16(d, e2), q = cross_16(s, e1);
    float16 inverse = 1.0f / dot_16(e1, c);
    *u = dot_16(s, c) * inverse;
    *v = dot_16(d, q) * inverse;
    *t = dot_16(e2, q) * inverse;
    return (*u >= 0.0f) & (*v >= 0.0f) & (*u + *v <= 1.0f) & (*t > 0.0f) & (*t <= r->distance);
}

INLINE int16 met_spheres(const struct single *r, __global const struct raytrace_pack *p, float16 *t) {
    float16 radius = vload16(0, p->v[3]);
    struct vec_16 d = {(float16)(r->dx), (float16)(r->dy), (float16)(r->dz)};
    struct vec_16 to = {vload16(0, p->v[0]) - r->ox, vload16(0, p->v[1]) - r->oy, vload16(0, p->v[2]) - r->oz};
    float16 middle = dot_16(to, d);
    struct vec_16 aside = sub_16(to, times_16(d, middle));
    float16 square = radius * radius - dot_16(aside, aside);
    float16 half_ = sqrt(max(square, 0.0f));
    *t = select(middle + half_, middle - half_, middle - half_ > 0.0f);
    return (square >= 0.0f) & (radius > 0.0f) & (*t > 0.0f) & (*t <= r->distance);
}

// Whether something of a pack is nearer.
INLINE int met_pack(struct single *r, __global const struct raytrace_pack *p, int round) {
    float16 t, u = 0, v = 0;
    int16 met = round ? met_spheres(r, p, &t) : met_triangles(r, p, &t, &u, &v);
    if (!any(met)) return 0;
    float least = least_of(but(t, met, FLT_MAX));
    uint16 prims = vload16(0, p->prim), own = select((uint16)(RAYTRACE_NONE), prims, met & (t == least));
    uint prim = first_of(own);
    if (least == r->distance && prim >= r->prim) return 0;
    uint i = lowest_of(bits_of(own == prim));
    float us[16], vs[16];
    vstore16(u, 0, us);
    vstore16(v, 0, vs);
    r->distance = least;
    r->u = us[i];
    r->v = vs[i];
    r->prim = prim;
    return 1;
}

INLINE void trace_single(struct tracer_16 t, struct single *r, int shadow) {
    struct stack16 s;
    s.top = 0;
    uint at = t.root;
    for (;;) {
        if (at & RAYTRACE_LEAF) {
            if (met_pack(r, t.packs + (at & RAYTRACE_INDEX), (at & RAYTRACE_ROUND) != 0) && shadow) return;
        } else {
            float16 near;
            uint bits = met_boxes(r, t.nodes + at, &near);
            push_all(&s, t.nodes[at].child, bits, near);
        }
        while (s.top && s.near[s.top - 1] > r->distance) s.top--;
        if (!s.top) return;
        at = s.child[--s.top];
    }
}

INLINE void trace_singles(struct tracer_16 t, struct vec_16 o, struct vec_16 d, int16 active, int shadow,
                          struct hit_16 *h) {
    float lanes[9][16];
    uint prims[16];
    vstore16(o.x, 0, lanes[0]);
    vstore16(o.y, 0, lanes[1]);
    vstore16(o.z, 0, lanes[2]);
    vstore16(d.x, 0, lanes[3]);
    vstore16(d.y, 0, lanes[4]);
    vstore16(d.z, 0, lanes[5]);
    vstore16(h->distance, 0, lanes[6]);
    vstore16(h->u, 0, lanes[7]);
    vstore16(h->v, 0, lanes[8]);
    vstore16(h->prim, 0, prims);
    for (uint bits = bits_of(active); bits; bits &= bits - 1) {
        uint i = lowest_of(bits);
        struct single r = {.ox = lanes[0][i],
                           .oy = lanes[1][i],
                           .oz = lanes[2][i],
                           .dx = lanes[3][i],
                           .dy = lanes[4][i],
                           .dz = lanes[5][i],
                           .distance = lanes[6][i],
                           .u = lanes[7][i],
                           .v = lanes[8][i],
                           .prim = prims[i]};
        r.ix = inverse_of(r.dx);
        r.iy = inverse_of(r.dy);
        r.iz = inverse_of(r.dz);
        trace_single(t, &r, shadow);
        lanes[6][i] = r.distance;
        lanes[7][i] = r.u;
        lanes[8][i] = r.v;
        prims[i] = r.prim;
    }
    h->distance = vload16(0, lanes[6]);
    h->u = vload16(0, lanes[7]);
    h->v = vload16(0, lanes[8]);
    h->prim = vload16(0, prims);
}

// What the active rays hit before h->distance. shadow: whether, not what.
INLINE void trace_16(struct tracer_16 t, struct vec_16 o, struct vec_16 d, int16 active, int shadow, struct hit_16 *h) {
    if (t.root == RAYTRACE_NONE || !any(active)) return;
    struct bundle b;
    if (bundle_of(&b, o, d, active)) active = trace_bundle(t, &b, o, d, active, shadow, h);
    if (any(active)) trace_singles(t, o, d, active, shadow, h);
}
