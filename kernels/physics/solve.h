// The scalar extents of the solver that ref.c and the kernels share: passes, contacts as they begin, joints, bodies.
#ifndef KERNELS_PHYSICS_SOLVE_H
#define KERNELS_PHYSICS_SOLVE_H

#include "collide.h"

// What a pass over all contacts does.
#define PASS_WARM 0   // applies what the last step ended with
#define PASS_PUSH 1   // solves, pushing apart what overlaps
#define PASS_RELAX 2  // solves without, which takes out the speed that pushing gave
#define PASS_BOUNCE 3 // restitution

struct pass {
    int kind;
    float per_second;          // 1 over the substep
    float rate, mass, impulse; // softness: m/s per m, and shares of a soft constraint
};

// A step's constants, made by the host alone (world.c).
struct soft {
    float rate, mass, impulse;
};

#define REAL float
#define V(name) one_##name
#include "visit.inc.h" // again
#undef V
#undef REAL

static inline struct one_vec3 one_of(struct vec a) {
    struct one_vec3 r;
    r.x = a.x, r.y = a.y, r.z = a.z;
    return r;
}

static inline struct one_mass one_mass_of(struct inertia i) {
    struct one_mass m;
    m.xx = i.xx, m.yy = i.yy, m.zz = i.zz, m.xy = i.xy, m.xz = i.xz, m.yz = i.yz;
    return m;
}

// What a contact needs to know of a body.
struct party {
    struct vec place, velocity, spin;
    float im, ii; // as of mover
    struct inertia i;
    float friction, restitution;
};

// How far apart two bodies are that can touch within a step.
static inline float margin_of(struct vec va, struct vec vb, float reach_sum, float margin_most, float step) {
    float margin = PHYSICS_MARGIN_LEAST * reach_sum + vec_length(vec_sub(va, vb)) * step;
    return PHYSICS_MIN(margin, margin_most);
}

static inline struct vec at_right_angle(struct vec n) {
    struct vec t = PHYSICS_ABS(n.x) < 0.57f ? vec_of(0, n.z, -n.y) : vec_of(-n.z, 0, n.x);
    return vec_scale(t, 1.0f / vec_length(t));
}

static inline float felt(const struct party *a, const struct party *b, struct vec ra, struct vec rb, struct vec d,
                         struct vec e) {
    struct vec xa = inertia_times(a->i, vec_cross(ra, e)), xb = inertia_times(b->i, vec_cross(rb, e));
    return (a->im + b->im) * vec_dot(d, e) + vec_dot(vec_cross(ra, d), xa) + vec_dot(vec_cross(rb, d), xb);
}

static inline float over(float x) { return x > 0 ? 1.0f / x : 0.0f; }

// Masses felt at a contact of any bodies: along n, and the least in any direction across.
static inline void feel_any(const struct party *a, const struct party *b, struct vec ra, struct vec rb,
                            struct one_row *row) {
    struct vec n = vec_of(row->n.x, row->n.y, row->n.z), s = at_right_angle(n), t = vec_cross(n, s);
    float ss = felt(a, b, ra, rb, s, s), tt = felt(a, b, ra, rb, t, t), st = felt(a, b, ra, rb, s, t);
    float extents = 0.5f * (ss - tt);
    row->mn = over(felt(a, b, ra, rb, n, n));
    row->mt = over(0.5f * (ss + tt) + PHYSICS_SQRT(extents * extents + st * st));
}

// Point k of a touch as a contact without impulses. `round`: both are spheres or planes.
static inline struct one_row row_of(const struct party *a, const struct party *b, const struct touch *t, int k,
                                    int round) {
    struct one_row row;
    struct vec n = t->normal, ra = vec_sub(t->point[k], a->place), rb = vec_sub(t->point[k], b->place);
    struct vec va = vec_add(a->velocity, vec_cross(a->spin, ra)), vb = vec_add(b->velocity, vec_cross(b->spin, rb));
    float speed = vec_dot(n, vec_sub(vb, va));
    float e = PHYSICS_MAX(a->restitution, b->restitution);
    row.n = one_of(n);
    row.gap = t->separation[k];
    row.mu = PHYSICS_SQRT(a->friction * b->friction);
    row.bounce = speed < -PHYSICS_BOUNCE_LEAST ? -e * speed : 0.0f;
    row.push = row.peak = 0;
    row.slide = one_of(vec_of(0, 0, 0));
    if (!round) {
        row.ra = one_of(ra), row.rb = one_of(rb);
        feel_any(a, b, ra, rb, &row);
        return row;
    }
    float la = a->im > 0 ? vec_dot(n, ra) : 0.0f, lb = b->im > 0 ? -vec_dot(n, rb) : 0.0f;
    row.ra = one_of(vec_of(la, 0, 0)), row.rb = one_of(vec_of(lb, 0, 0));
    row.mn = over(a->im + b->im);
    row.mt = over(a->im + b->im + a->ii * la * la + b->ii * lb * lb);
    return row;
}

// The impulses of the same point in the last step, across the new normal.
static inline void row_goes_on(struct one_row *row, float push, struct one_vec3 slide) {
    row->push = push;
    row->slide = one_sub(slide, one_scale(row->n, one_dot(row->n, slide)));
}

// ---- bodies ----

static inline struct vec body_place(PHYSICS_GLOBAL const struct physics_body *b) {
    return vec_of(b->position[0], b->position[1], b->position[2]);
}

static inline struct quat body_orientation(PHYSICS_GLOBAL const struct physics_body *b) {
    struct quat q;
    q.x = b->orientation[0], q.y = b->orientation[1], q.z = b->orientation[2], q.w = b->orientation[3];
    return q;
}

// What cannot be an impulse any more (the solver went out of bounds) is forgotten.
static inline float impulse_kept(float x) { return PHYSICS_ABS(x) < PHYSICS_IMPULSE_MAX ? x : 0.0f; }

// Slows what is too fast for the step; *v, *w.
static inline void body_limit(struct vec *v, struct vec *w, float step) {
    float speed2 = vec_dot(*v, *v), turn2 = vec_dot(*w, *w) * step * step;
    if (speed2 > PHYSICS_SPEED_MAX * PHYSICS_SPEED_MAX) *v = vec_scale(*v, PHYSICS_SPEED_MAX / PHYSICS_SQRT(speed2));
    if (turn2 > PHYSICS_TURN_MAX * PHYSICS_TURN_MAX) *w = vec_scale(*w, PHYSICS_TURN_MAX / PHYSICS_SQRT(turn2));
}

// The spin after a body has turned from frame f to g, so that its angular momentum stays what it was.
static inline struct vec spin_turned(struct frame f, struct frame g, struct vec moments, struct vec w) {
    struct vec l = to_local(f, w);
    struct vec momentum = to_world(f, vec_of(l.x * over(moments.x), l.y * over(moments.y), l.z * over(moments.z)));
    struct vec m = to_local(g, momentum);
    return to_world(g, vec_of(m.x * moments.x, m.y * moments.y, m.z * moments.z));
}

static inline struct vec vec_from(struct one_vec3 a) { return vec_of(a.x, a.y, a.z); }

// g: the speed gravity gives in a substep. Constraints gave m what it has more than `start`: they give it again.
static inline void mover_accelerate(struct one_mover *m, struct one_mover *start, struct vec g, int first, float step) {
    if (m->im <= 0) return;
    struct one_vec3 dv = one_sub(m->v, start->v), dw = one_sub(m->w, start->w);
    m->v = one_add(m->v, one_of(g));
    if (first) {
        struct vec v = vec_from(m->v), w = vec_from(m->w);
        body_limit(&v, &w, step);
        m->v = one_of(v), m->w = one_of(w);
    }
    start->v = m->v, start->w = m->w;
    if (first) return;
    m->v = one_add(m->v, dv), m->w = one_add(m->w, dw);
}

static inline void mover_move(struct one_mover *m, float h) {
    m->d = one_add(m->d, one_scale(m->v, h));
    m->t = one_add(m->t, one_scale(m->w, h));
}

static inline int is_place(struct vec p) {
    return PHYSICS_ABS(p.x) < PHYSICS_PLACE_MAX && PHYSICS_ABS(p.y) < PHYSICS_PLACE_MAX &&
           PHYSICS_ABS(p.z) < PHYSICS_PLACE_MAX;
}

static inline float place_kept(float x) {
    return PHYSICS_MAX(-PHYSICS_PLACE_MAX, PHYSICS_MIN(x, PHYSICS_PLACE_MAX)); // also of NaN
}

// Where the step took a body that is not fixed.
static inline void body_end(PHYSICS_GLOBAL struct physics_body *b, const struct one_mover *m, float step,
                            float radius) {
    struct vec v = vec_from(m->v), w = vec_from(m->w), t = vec_from(m->t), p = vec_add(body_place(b), vec_from(m->d));
    struct quat q = body_orientation(b);
    body_limit(&v, &w, step);
    float turn2 = vec_dot(t, t);
    if (!is_place(p) || !(turn2 < 1e30f) || !(vec_dot(v, v) < 1e30f) ||
        !(vec_dot(w, w) < 1e30f)) { // lost: it stays there
        p = vec_of(place_kept(p.x), place_kept(p.y), place_kept(p.z));
        v = w = t = vec_of(0, 0, 0);
    }
    if (turn2 > 0 && turn2 < 1e30f) {
        struct quat r = quat_turn(q, t);
        if (b->kind == PHYSICS_BOX) { // its spin changes as it turns: by the mean of both (Heun 1900)
            struct vec moments = moments_inverse(b->kind, vec_of(b->extents[0], b->extents[1], b->extents[2]), b->mass);
            struct vec then = spin_turned(frame_of(q), frame_of(r), moments, w);
            r = quat_turn(q, vec_add(t, vec_scale(vec_sub(then, w), 0.5f * step)));
            w = spin_turned(frame_of(q), frame_of(r), moments, w);
        }
        q = r;
    }
    int slow = vec_dot(v, v) < PHYSICS_STILL_SPEED * PHYSICS_STILL_SPEED &&
               vec_dot(w, w) * radius * radius < PHYSICS_STILL_SPEED * PHYSICS_STILL_SPEED;
    b->still = slow ? PHYSICS_MIN(b->still + step, 2 * PHYSICS_STILL_TIME) : 0.0f;
    b->position[0] = p.x, b->position[1] = p.y, b->position[2] = p.z;
    b->orientation[0] = q.x, b->orientation[1] = q.y, b->orientation[2] = q.z, b->orientation[3] = q.w;
    b->velocity[0] = v.x, b->velocity[1] = v.y, b->velocity[2] = v.z;
    b->spin[0] = w.x, b->spin[1] = w.y, b->spin[2] = w.z;
}

#endif
