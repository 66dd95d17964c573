// What is where a ray hit. Means what surface_at() and its like in ref_trace.c mean.

// What a path needs: `words` is the scene as it travelled.
struct NAME(world) {
    struct NAME(tracer) tracer;
    __global const struct raytrace_prim *prims;
    __global const uint *words;
    const struct raytrace_frame *frame;
};

struct NAME(surface) {
    VEC at, face, normal, colour;
    REAL fuzz, refraction, rise;
    WORD kind;
    MASK inside;
};

struct NAME(random) {
    REAL a, b, c;
};

// pcg4d, as in ref_trace.c.
INLINE struct NAME(random) NAME(random_of)(WORD x, WORD y, uint sample, uint key) {
    WORD z = (WORD)(sample * 1664525u + 1013904223u), w = (WORD)(key * 1664525u + 1013904223u);
    x = x * 1664525u + 1013904223u;
    y = y * 1664525u + 1013904223u;
    x += y * w;
    y += z * x;
    z += x * y;
    w += y * z;
    x ^= x >> 16;
    y ^= y >> 16;
    z ^= z >> 16;
    w ^= w >> 16;
    x += y * w;
    y += z * x;
    z += x * y;
    struct NAME(random) r = {TO_REAL(x >> 8) * 0x1p-24f, TO_REAL(y >> 8) * 0x1p-24f, TO_REAL(z >> 8) * 0x1p-24f};
    return r;
}

// Sine of 2 pi x, -1/4 <= x <= 1/4: its series to the ninth power.
INLINE REAL NAME(sine)(REAL x) {
    REAL y = x * 6.2831853f, s = y * y;
    return y * (1.0f + s * (-0.16666667f + s * (0.0083333333f + s * (-0.00019841270f + s * 2.7557319e-6f))));
}

// A point on the sphere of radius 1.
INLINE VEC NAME(on_sphere)(REAL a, REAL b) {
    REAL z = 1.0f - 2.0f * a, r = sqrt(max(1.0f - z * z, 0.0f)), turn = b - 0.5f, half_ = fabs(turn);
    REAL sine = copysign(NAME(sine)(min(half_, 0.5f - half_)), turn);
    return NAME(vec3)(r * NAME(sine)(0.25f - half_), r * sine, z);
}

INLINE VEC NAME(sky)(const struct NAME(world) *w, VEC direction) {
    return NAME(mix)(NAME(even)(w->frame->horizon), NAME(even)(w->frame->zenith), max(direction.y, 0.0f));
}

INLINE REAL NAME(linear)(WORD level) {
    REAL c = TO_REAL(level) * (1.0f / 255.0f);
    return c * (c * (c * 0.305306011f + 0.682171111f) + 0.012522878f);
}

struct NAME(texture) {
    WORD width, height, first;
};

INLINE VEC NAME(texel)(__global const uint *texels, const struct NAME(texture) *t, WORD x, WORD y, WORD none) {
    WORD column = PICK(x, (WORD)(0), IF(x >= t->width)), row = PICK(y, (WORD)(0), IF(y >= t->height));
    WORD at = (t->first + row * t->width + column) & none;
    WORD c = NAME(gather)(texels, at);
    return NAME(vec3)(NAME(linear)(c & 255u), NAME(linear)(c >> 8 & 255u), NAME(linear)(c >> 16 & 255u));
}

// Where textures are looked at; they repeat, but not from pole to pole where `round`.
struct NAME(spot) {
    REAL u, v;
    MASK round;
};

// Colour of textures where `on`, which is somewhere; bilinear.
INLINE VEC NAME(textured)(const struct NAME(world) *w, WORD index, const struct NAME(spot) *s, MASK on) {
    __global const uint *list = w->words + w->frame->textures_at, *texels = w->words + w->frame->texels_at;
    struct NAME(texture) t = {NAME(gather)(list, 4 * index), NAME(gather)(list + 1, 4 * index),
                              NAME(gather)(list + 2, 4 * index)};
    REAL x = (s->u - floor(s->u)) * TO_REAL(t.width) + 0.5f, y = (s->v - floor(s->v)) * TO_REAL(t.height) + 0.5f;
    REAL right = floor(x), below = floor(y); // the second of two columns, and of two rows
    REAL fx = x - right, fy = y - below;
    WORD none = AS_WORD(on), one = (WORD)(1);
    WORD x1 = TO_WORD(right), y1 = TO_WORD(below);
    x1 = min(x1, t.width);
    y1 = min(y1, t.height);
    WORD x0 = PICK(x1 - one, t.width - one, IF(x1 == 0u));
    WORD y0 = PICK(y1 - one, PICK(t.height - one, (WORD)(0), s->round), IF(y1 == 0u));
    y1 = PICK(y1, t.height - one, s->round & IF(y1 == t.height));
    VEC upper = NAME(mix)(NAME(texel)(texels, &t, x0, y0, none), NAME(texel)(texels, &t, x1, y0, none), fx);
    VEC lower = NAME(mix)(NAME(texel)(texels, &t, x0, y1, none), NAME(texel)(texels, &t, x1, y1, none), fx);
    return NAME(mix)(upper, lower, fy);
}

// Angle of a vector in turns, 0 to 1/2 for y >= 0, by a polynomial: Abramowitz and Stegun, "Handbook of Mathematical
// Functions", 1964, 4.4.49.
INLINE REAL NAME(turn)(REAL y, REAL x) {
    REAL wide = max(fabs(x), fabs(y)), q = min(fabs(x), fabs(y)) / max(wide, 1e-30f), s = q * q;
    REAL a = s * (-0.0752896400f + s * (0.0429096138f + s * (-0.0161657367f + s * 0.0028662257f)));
    a = q * (1.0f + s * (-0.3333314528f + s * (0.1999355085f + s * (-0.1420889944f + s * (0.1065626393f + a)))));
    a *= 0.5f * RAYTRACE_INV_PI;
    a = PICK(a, 0.25f - a, IF(fabs(y) > fabs(x)));
    return copysign(PICK(a, 0.5f - a, IF(x < 0.0f)), y);
}

// Texture coordinates of spheres by their normals there, of planes by the place.
INLINE void NAME(spot_on_spheres)(VEC n, MASK m, struct NAME(spot) *s) {
    s->u = PICK(s->u, 0.5f + NAME(turn)(n.x, n.z), m);
    REAL south = 2.0f * NAME(turn)(sqrt(n.x * n.x + n.z * n.z), n.y);
    s->v = PICK(s->v, min(south, RAYTRACE_BELOW_1), m);
    s->round = m;
}

INLINE void NAME(spot_on_planes)(const struct NAME(world) *w, VEC at, WORD prim, MASK m, struct NAME(spot) *s) {
    const struct raytrace_frame *f = w->frame;
    __global const struct raytrace_plane *planes = (__global const struct raytrace_plane *)(w->words + f->planes_at);
    for (uint i = 0; i < f->planes; i++) {
        MASK own = m & IF(prim == f->planes_first + i);
        s->u = PICK(s->u, NAME(dot)(at, NAME(same)(planes[i].u)) + planes[i].u[3], own);
        s->v = PICK(s->v, NAME(dot)(at, NAME(same)(planes[i].v)) + planes[i].v[3], own);
    }
}

// Smooth normals and texture coordinates of triangles where `m`, which is somewhere.
INLINE void NAME(spot_on_triangles)(const struct NAME(world) *w, const REAL *vertices, MASK smooth_there,
                                    const struct NAME(hit) *h, MASK m, struct NAME(surface) *s, struct NAME(spot) *to) {
    __global const float *list = (__global const float *)(w->words + w->frame->vertices_at);
    REAL weights[3] = {1.0f - h->u - h->v, h->u, h->v}, u = 0, v = 0;
    VEC smooth = NAME(vec3)(0, 0, 0);
    for (int i = 0; i < 3; i++) {
        WORD at = PICK((WORD)(0), AS_WORD(vertices[i]), m) * 2u;
        REAL a[4], b[4]; // position and normal.x; normal.y, .z, u, v
        NAME(gather4)(list, at, a);
        NAME(gather4)(list, at + 1u, b);
        smooth = NAME(add)(smooth, NAME(times)(NAME(vec3)(a[3], b[0], b[1]), weights[i]));
        u += weights[i] * b[2];
        v += weights[i] * b[3];
    }
    REAL square = NAME(dot)(smooth, smooth);
    VEC normal = NAME(unit)(smooth);
    normal = NAME(choose)(normal, NAME(times)(normal, (REAL)(-1.0f)), IF(NAME(dot)(normal, s->face) < 0.0f));
    s->normal = NAME(choose)(s->normal, normal, smooth_there & IF(square > 1e-12f));
    to->u = u;
    to->v = v;
}

// Smooth normals and textures of what has them.
INLINE void NAME(detail)(const struct NAME(world) *w, const REAL *vertices, WORD flags, WORD texture,
                         const struct NAME(hit) *h, struct NAME(surface) *s) {
    struct NAME(spot) spot;
    spot.u = spot.v = 0;
    spot.round = 0;
    MASK smooth = IF((flags & RAYTRACE_SMOOTH) != 0u), on = IF((flags & RAYTRACE_TEXTURED) != 0u);
    MASK triangle = (smooth | on) & IF(h->prim < w->frame->spheres_first);
    if (SOME(triangle)) NAME(spot_on_triangles)(w, vertices, smooth, h, triangle, s, &spot);
    if (!SOME(on)) return;
    MASK plane = on & IF(h->prim >= w->frame->planes_first), sphere = on & ~triangle & ~plane;
    if (SOME(sphere)) NAME(spot_on_spheres)(s->face, sphere, &spot);
    if (SOME(plane)) NAME(spot_on_planes)(w, s->at, h->prim, plane, &spot);
    VEC painted = NAME(textured)(w, PICK((WORD)(0), texture, on), &spot, on);
    s->colour = NAME(choose)(s->colour, NAME(mul)(s->colour, painted), on);
}

// Of rays that hit nothing all values are sound and mean nothing.
INLINE void NAME(surface_at)(const struct NAME(world) *w, VEC origin, VEC direction, const struct NAME(hit) *h,
                             MASK active, struct NAME(surface) *s) {
    REAL a[4], b[4], c[4], e[4];
    WORD prim = PICK((WORD)(0), h->prim, active);
    NAME(gather4)((__global const float *)w->prims, 2u * prim, a);
    NAME(gather4)((__global const float *)w->prims, 2u * prim + 1u, b);
    WORD flags = AS_WORD(b[0]), material = flags & RAYTRACE_MATERIAL;
    __global const float *materials = (__global const float *)(w->words + w->frame->materials_at);
    NAME(gather4_alike)(materials, 2u * material, c);      // kind and colour
    NAME(gather4_alike)(materials, 2u * material + 1u, e); // fuzz, refraction, texture
    s->kind = AS_WORD(c[0]);
    s->colour = NAME(vec3)(c[1], c[2], c[3]);
    s->fuzz = e[0];
    s->refraction = e[1];
    REAL distance = PICK((REAL)(0.0f), h->distance, active);
    s->at = NAME(add)(origin, NAME(times)(direction, distance));
    VEC place = NAME(vec3)(a[0], a[1], a[2]);
    VEC out = NAME(times)(NAME(sub)(s->at, place), a[3]);
    s->normal = s->face = NAME(choose)(place, out, IF(a[3] != 0.0f));
    if (SOME(IF((flags & (RAYTRACE_SMOOTH | RAYTRACE_TEXTURED)) != 0u) & active))
        NAME(detail)(w, b + 1, PICK((WORD)(0), flags, active), AS_WORD(e[2]), h, s);
    s->inside = IF(NAME(dot)(direction, s->face) > 0.0f);
    s->face = NAME(choose)(s->face, NAME(times)(s->face, (REAL)(-1.0f)), s->inside);
    s->normal = NAME(choose)(s->normal, NAME(times)(s->normal, (REAL)(-1.0f)), s->inside);
    s->normal = NAME(choose)(s->normal, s->face, IF(NAME(dot)(direction, s->normal) > 0.0f));
    REAL reach = max(fabs(s->at.x), max(fabs(s->at.y), fabs(s->at.z)));
    s->rise = RAYTRACE_OFFSET * (reach + distance);
}

// Planes are few: every ray against every one.
INLINE void NAME(meet_planes)(const struct NAME(world) *w, VEC origin, VEC direction, struct NAME(hit) *h) {
    const struct raytrace_frame *f = w->frame;
    __global const struct raytrace_plane *planes = (__global const struct raytrace_plane *)(w->words + f->planes_at);
    for (uint i = 0; i < f->planes; i++) {
        VEC n = NAME(same)(planes[i].normal);
        REAL t = (planes[i].offset - NAME(dot)(n, origin)) / NAME(dot)(n, direction);
        MASK met = IF(t > 0.0f) & IF(t < h->distance);
        h->distance = PICK(h->distance, t, met);
        h->prim = PICK(h->prim, (WORD)(f->planes_first + i), met);
    }
}
