// Paths from the camera. Means what walk() of ref_trace.c means; lanes whose path has ended go along masked.

struct NAME(path) {
    VEC origin, direction, light, throughput;
    WORD x, y;
    uint sample;
    MASK active;
};

INLINE struct NAME(random) NAME(random_at)(const struct NAME(path) *p, uint seed, uint stream) {
    return NAME(random_of)(p->x, p->y, p->sample, seed + stream * RAYTRACE_STREAM_STEP);
}

INLINE void NAME(nearest)(const struct NAME(world) *w, VEC origin, VEC direction, MASK active, int shadow,
                          struct NAME(hit) *h) {
    h->u = h->v = 0;
    h->prim = (WORD)(RAYTRACE_NONE);
    NAME(meet_planes)(w, origin, direction, h);
    if (shadow) active &= IF(h->prim == RAYTRACE_NONE);
    NAME(trace)(w->tracer, origin, direction, active, shadow, h);
}

// What one light gives to white surfaces there.
INLINE VEC NAME(from_light)(const struct NAME(world) *w, const struct NAME(path) *p, const struct NAME(surface) *s,
                            __global const struct raytrace_light *l, uint stream, MASK active) {
    VEC colour = NAME(same)(l->colour), to = NAME(times)(NAME(same)(l->at), (REAL)(-1.0f));
    REAL far = RAYTRACE_FAR;
    if (l->kind != RAYTRACE_DIRECTIONAL) {
        VEC place = NAME(same)(l->at), u = NAME(same)(l->u), v = NAME(same)(l->v);
        if (l->kind == RAYTRACE_AREA) {
            struct NAME(random) r = NAME(random_at)(p, w->frame->seed, stream);
            place = NAME(add)(place, NAME(add)(NAME(times)(u, r.a), NAME(times)(v, r.b)));
        }
        to = NAME(sub)(place, s->at);
        REAL square = max(NAME(dot)(to, to), 1e-12f);
        far = sqrt(square);
        to = NAME(times)(to, 1.0f / far);
        REAL share = 1.0f / square;
        if (l->kind == RAYTRACE_AREA) share *= max(-NAME(dot)(to, NAME(cross)(u, v)), 0.0f) * RAYTRACE_INV_PI;
        colour = NAME(times)(colour, share);
    }
    REAL cosine = NAME(dot)(to, s->normal);
    MASK lit = active & IF(cosine > 0.0f) & IF(NAME(dot)(to, s->face) > 0.0f) & IF(NAME(dot)(colour, colour) > 0.0f);
    struct NAME(hit) h;
    h.distance = far * RAYTRACE_SHORTEN;
    if (SOME(lit)) {
        NAME(nearest)(w, NAME(add)(s->at, NAME(times)(s->face, s->rise)), to, lit, 1, &h);
        lit &= IF(h.prim == RAYTRACE_NONE);
    }
    return NAME(times)(colour, PICK((REAL)(0.0f), cosine, lit));
}

INLINE VEC NAME(from_lights)(const struct NAME(world) *w, const struct NAME(path) *p, const struct NAME(surface) *s,
                             uint bounce, MASK active) {
    __global const struct raytrace_light *lights =
        (__global const struct raytrace_light *)(w->words + w->frame->lights_at);
    VEC sum = NAME(vec3)(0, 0, 0);
    for (uint i = 0; i < w->frame->lights; i++)
        sum = NAME(add)(sum, NAME(from_light)(w, p, s, lights + i, bounce * RAYTRACE_STREAMS + 1 + i, active));
    return sum;
}

// Where glass sends rays; *side is -1 where it is through.
INLINE VEC NAME(through_glass)(const struct NAME(surface) *s, VEC d, VEC mirrored, REAL cosine, REAL random,
                               REAL *side) {
    REAL index = s->refraction, eta = PICK(1.0f / index, index, s->inside);
    REAL square = 1.0f - eta * eta * (1.0f - cosine * cosine), inner = sqrt(max(square, 0.0f));
    REAL least = (1.0f - index) / (1.0f + index), steep = 1.0f - PICK(cosine, inner, s->inside);
    least *= least;
    REAL share = least + (1.0f - least) * steep * steep * steep * steep * steep;
    MASK back = IF(random < share) | IF(square < 0.0f);
    *side = PICK((REAL)(-1.0f), (REAL)(1.0f), back);
    VEC through = NAME(unit)(NAME(add)(NAME(times)(d, eta), NAME(times)(s->normal, eta * cosine - inner)));
    return NAME(choose)(through, mirrored, back);
}

// Where paths go on; those that do not stop being active.
INLINE void NAME(scatter)(const struct NAME(world) *w, struct NAME(path) *p, const struct NAME(surface) *s,
                          uint bounce) {
    struct NAME(random) r = NAME(random_at)(p, w->frame->seed, bounce * RAYTRACE_STREAMS);
    VEC d = p->direction, ball = NAME(on_sphere)(r.a, r.b);
    VEC to = NAME(unit)(NAME(add)(s->normal, NAME(times)(ball, (REAL)(0.9999f)))); // never of length 0
    REAL side = 1.0f;
    MASK metal = IF(s->kind == RAYTRACE_METAL), glass = IF(s->kind == RAYTRACE_GLASS);
    if (SOME((metal | glass) & p->active)) {
        REAL cosine = -NAME(dot)(d, s->normal);
        VEC mirrored = NAME(add)(d, NAME(times)(s->normal, 2.0f * cosine));
        to = NAME(choose)(to, NAME(unit)(NAME(add)(mirrored, NAME(times)(ball, s->fuzz))), metal);
        REAL through;
        VEC refracted = NAME(through_glass)(s, d, mirrored, cosine, r.c, &through);
        to = NAME(choose)(to, refracted, glass);
        side = PICK(side, through, glass);
    }
    p->active &= IF(NAME(dot)(to, s->face) * side > 0.0f);
    p->throughput = NAME(mul)(p->throughput, s->colour);
    p->origin = NAME(add)(s->at, NAME(times)(s->face, side * s->rise));
    p->direction = to;
}

INLINE void NAME(sum_feature)(REAL *sum, REAL value, MASK active) { *sum += PICK((REAL)(0.0f), value, active); }

INLINE void NAME(sum_features)(REAL *sums, const struct NAME(surface) *s, REAL distance, MASK active) {
    NAME(sum_feature)(&sums[RAYTRACE_ALBEDO], min(s->colour.x, 1.0f), active);
    NAME(sum_feature)(&sums[RAYTRACE_ALBEDO + 1], min(s->colour.y, 1.0f), active);
    NAME(sum_feature)(&sums[RAYTRACE_ALBEDO + 2], min(s->colour.z, 1.0f), active);
    NAME(sum_feature)(&sums[RAYTRACE_NORMAL], s->normal.x, active);
    NAME(sum_feature)(&sums[RAYTRACE_NORMAL + 1], s->normal.y, active);
    NAME(sum_feature)(&sums[RAYTRACE_NORMAL + 2], s->normal.z, active);
    NAME(sum_feature)(&sums[RAYTRACE_DISTANCE], distance, active);
}

// Adds what paths bring where `m`.
INLINE void NAME(gain)(struct NAME(path) *p, VEC light, MASK m) {
    VEC sum = NAME(add)(p->light, NAME(mul)(p->throughput, light));
    p->light = NAME(choose)(p->light, sum, m);
}

INLINE void NAME(walk)(const struct NAME(world) *w, struct NAME(path) *p, REAL *sums) {
    const struct raytrace_frame *f = w->frame;
    for (uint bounce = 0; bounce < f->depth && SOME(p->active); bounce++) {
        struct NAME(hit) h;
        h.distance = RAYTRACE_FAR;
        NAME(nearest)(w, p->origin, p->direction, p->active, 0, &h);
        MASK met = IF(h.prim != RAYTRACE_NONE);
        NAME(gain)(p, NAME(sky)(w, p->direction), p->active & ~met);
        p->active &= met;
        if (!SOME(p->active)) return;
        struct NAME(surface) s;
        NAME(surface_at)(w, p->origin, p->direction, &h, p->active, &s);
        if (bounce == 0) {
            NAME(sum_feature)(&sums[RAYTRACE_COVER], (REAL)(1.0f), p->active);
            if (f->features) NAME(sum_features)(sums, &s, h.distance, p->active);
        }
        MASK shines = IF(s.kind == RAYTRACE_EMISSIVE);
        NAME(gain)(p, s.colour, p->active & shines);
        p->active &= ~shines;
        MASK lit = p->active;
        if (f->path) lit &= IF(s.kind == RAYTRACE_DIFFUSE);
        if (SOME(lit)) {
            VEC direct = NAME(from_lights)(w, p, &s, bounce, lit);
            if (!f->path) direct = NAME(add)(direct, NAME(times)(NAME(sky)(w, s.normal), (REAL)(RAYTRACE_AMBIENT)));
            NAME(gain)(p, NAME(mul)(s.colour, direct), lit);
        }
        if (bounce + 1 < f->depth) NAME(scatter)(w, p, &s, bounce);
    }
}

// One sample of pixels; x, y as of the whole picture.
INLINE void NAME(sample)(const struct NAME(world) *w, WORD x, WORD y, uint number, MASK active, REAL *sums) {
    const struct raytrace_frame *f = w->frame;
    struct NAME(path) p;
    p.x = x;
    p.y = y;
    p.sample = number;
    p.active = active;
    REAL right = TO_REAL(x) - 0.5f * (float)f->width, down = TO_REAL(y) - 0.5f * (float)f->height;
    if (number) {
        struct NAME(random) r = NAME(random_at)(&p, f->seed, RAYTRACE_STREAM_LENS);
        right += r.a;
        down += r.b;
    } else {
        right += 0.5f;
        down += 0.5f;
    }
    p.origin = NAME(even)(f->camera.position);
    VEC aside =
        NAME(add)(NAME(times)(NAME(even)(f->camera.right), right), NAME(times)(NAME(even)(f->camera.down), down));
    p.direction = NAME(unit)(NAME(add)(NAME(even)(f->camera.forward), aside));
    p.light = NAME(vec3)(0, 0, 0);
    p.throughput = NAME(vec3)(1, 1, 1);
    NAME(walk)(w, &p, sums);
    sums[RAYTRACE_RED] += p.light.x;
    sums[RAYTRACE_GREEN] += p.light.y;
    sums[RAYTRACE_BLUE] += p.light.z;
}
