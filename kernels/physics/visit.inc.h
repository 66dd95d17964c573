// What the solver does at one contact, for REAL: float, or as many at once as a vector has lanes. Included once for
// each; V(name) names what it defines. The same operations in the same order for both.
//
// Impulses are accumulated and clamped (Catto 2005); contacts are soft springs solved in substeps and then relaxed
// (Catto, "Solver2D", 2024), which keeps deep piles from sinking. Friction is one vector across the normal, clamped to
// a true cone.

struct V(vec3) {
    REAL x, y, z;
};

struct V(mass) { // inverse inertia
    REAL xx, yy, zz, xy, xz, yz;
};

struct V(mover) {
    struct V(vec3) v, w; // velocity, spin
    struct V(vec3) d, t; // moved and turned since the step began
    REAL im, ii;         // inverse mass; inverse moment of a sphere
    struct V(mass) i;    // of others
};

struct V(row) {
    struct V(vec3) n;      // from a to b
    struct V(vec3) ra, rb; // from each centre to the point; between spheres and planes x: how far along n
    struct V(vec3) slide;  // accumulated friction
    REAL gap;              // separation when the step began
    REAL mn, mt;           // masses felt along n and across
    REAL mu, bounce;       // friction; speed to leave with
    REAL push, peak;       // accumulated normal impulse, and the most it was
};

static inline struct V(vec3) V(add)(struct V(vec3) a, struct V(vec3) b) {
    struct V(vec3) r;
    r.x = a.x + b.x, r.y = a.y + b.y, r.z = a.z + b.z;
    return r;
}

static inline struct V(vec3) V(sub)(struct V(vec3) a, struct V(vec3) b) {
    struct V(vec3) r;
    r.x = a.x - b.x, r.y = a.y - b.y, r.z = a.z - b.z;
    return r;
}

static inline struct V(vec3) V(scale)(struct V(vec3) a, REAL s) {
    struct V(vec3) r;
    r.x = a.x * s, r.y = a.y * s, r.z = a.z * s;
    return r;
}

static inline REAL V(dot)(struct V(vec3) a, struct V(vec3) b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

static inline struct V(vec3) V(cross)(struct V(vec3) a, struct V(vec3) b) {
    struct V(vec3) r;
    r.x = a.y * b.z - a.z * b.y, r.y = a.z * b.x - a.x * b.z, r.z = a.x * b.y - a.y * b.x;
    return r;
}

static inline struct V(vec3) V(times)(struct V(mass) i, struct V(vec3) v) {
    struct V(vec3) r;
    r.x = i.xx * v.x + i.xy * v.y + i.xz * v.z;
    r.y = i.xy * v.x + i.yy * v.y + i.yz * v.z;
    r.z = i.xz * v.x + i.yz * v.y + i.zz * v.z;
    return r;
}

// New push and slide of a contact where the bodies come together with velocity `rel` and are `gap` apart; returns the
// impulse to be applied.
static inline struct V(vec3) V(impulse)(const struct pass *k, struct V(row) * c, struct V(vec3) rel, REAL gap) {
    REAL vn = V(dot)(c->n, rel);
    if (k->kind == PASS_BOUNCE) {
        REAL more = c->push - c->mn * (vn - c->bounce);
        more = PHYSICS_MAX(more, (REAL)(0.0f));
        more = c->bounce > 0 ? more : c->push;
        more = c->peak > 0 ? more : c->push;
        REAL change = more - c->push;
        c->push = more;
        return V(scale)(c->n, change);
    }
    REAL apart = gap * k->per_second, into = gap * k->rate;
    into = PHYSICS_MAX(into, (REAL)(-PHYSICS_PUSH_MOST));
    REAL bias = gap > 0 ? apart : into;
    REAL hard = gap > 0 ? (REAL)(1.0f) : (REAL)(k->mass), soft = gap > 0 ? (REAL)(0.0f) : (REAL)(k->impulse);
    soft = c->mn > 0 ? soft : (REAL)(0.0f); // both stand still: what held them stays
    REAL push = c->push - c->mn * hard * (vn + bias) - soft * c->push;
    push = PHYSICS_MAX(push, (REAL)(0.0f));
    struct V(vec3) slip = V(sub)(rel, V(scale)(c->n, vn));
    struct V(vec3) slide = V(sub)(c->slide, V(scale)(slip, c->mt));
    REAL most = c->mu * push, size2 = V(dot)(slide, slide), most2 = most * most;
    REAL bigger = PHYSICS_MAX(size2, (REAL)(1e-30f));
    REAL keep = size2 > most2 ? most / PHYSICS_SQRT(bigger) : (REAL)(1.0f);
    slide = V(scale)(slide, keep);
    struct V(vec3) p = V(add)(V(scale)(c->n, push - c->push), V(sub)(slide, c->slide));
    c->push = push;
    c->slide = slide;
    c->peak = PHYSICS_MAX(c->peak, push);
    return p;
}

static inline struct V(vec3) V(held)(const struct V(row) * c) { return V(add)(V(scale)(c->n, c->push), c->slide); }

// Between spheres and planes.
static inline void V(visit_round)(const struct pass *k, struct V(row) * c, struct V(mover) * a, struct V(mover) * b) {
    struct V(vec3) p;
    if (k->kind == PASS_WARM) {
        p = V(held)(c);
    } else {
        struct V(vec3) u = V(add)(V(scale)(a->w, c->ra.x), V(scale)(b->w, c->rb.x));
        struct V(vec3) rel = V(add)(V(sub)(b->v, a->v), V(cross)(c->n, u));
        p = V(impulse)(k, c, rel, c->gap + V(dot)(c->n, V(sub)(b->d, a->d)));
    }
    struct V(vec3) turn = V(cross)(c->n, p);
    a->v = V(sub)(a->v, V(scale)(p, a->im));
    b->v = V(add)(b->v, V(scale)(p, b->im));
    a->w = V(sub)(a->w, V(scale)(turn, a->ii * c->ra.x));
    b->w = V(sub)(b->w, V(scale)(turn, b->ii * c->rb.x));
}

// Between any.
static inline void V(visit_any)(const struct pass *k, struct V(row) * c, struct V(mover) * a, struct V(mover) * b) {
    struct V(vec3) p;
    if (k->kind == PASS_WARM) {
        p = V(held)(c);
    } else {
        struct V(vec3) va = V(add)(a->v, V(cross)(a->w, c->ra)), vb = V(add)(b->v, V(cross)(b->w, c->rb));
        struct V(vec3) da = V(add)(a->d, V(cross)(a->t, c->ra)), db = V(add)(b->d, V(cross)(b->t, c->rb));
        p = V(impulse)(k, c, V(sub)(vb, va), c->gap + V(dot)(c->n, V(sub)(db, da)));
    }
    a->v = V(sub)(a->v, V(scale)(p, a->im));
    b->v = V(add)(b->v, V(scale)(p, b->im));
    a->w = V(sub)(a->w, V(times)(a->i, V(cross)(c->ra, p)));
    b->w = V(add)(b->w, V(times)(b->i, V(cross)(c->rb, p)));
}
