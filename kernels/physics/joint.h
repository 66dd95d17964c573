// Joints: two points kept at a distance, rigidly or by a spring.
#ifndef KERNELS_PHYSICS_JOINT_H
#define KERNELS_PHYSICS_JOINT_H

#include "solve.h"

struct link {                 // a joint in a step
    struct vec ra, rb, apart; // arms and from point to point, when the step began
    float length, impulse;
    struct soft soft; // of pushing
    int spring;       // soft also when relaxed
};

// rigid: of joints without a frequency of their own; h: s of a substep.
static inline struct link link_of(PHYSICS_GLOBAL const struct physics_joint *j,
                                  PHYSICS_GLOBAL const struct physics_body *a,
                                  PHYSICS_GLOBAL const struct physics_body *b, struct soft rigid, float h) {
    struct link l;
    l.ra = to_world(frame_of(body_orientation(a)), vec_of(j->at_a[0], j->at_a[1], j->at_a[2]));
    l.rb = to_world(frame_of(body_orientation(b)), vec_of(j->at_b[0], j->at_b[1], j->at_b[2]));
    l.apart = vec_sub(vec_add(body_place(b), l.rb), vec_add(body_place(a), l.ra));
    l.length = j->length, l.impulse = j->impulse;
    l.soft = rigid;
    l.spring = j->hertz > 0;
    if (l.spring) {
        float omega = 6.2831853f * j->hertz, u = 2 * j->damping + h * omega, v = h * omega * u, w = 1 / (1 + v);
        l.soft.rate = omega / u, l.soft.mass = v * w, l.soft.impulse = w;
    }
    return l;
}

static inline void mover_push(struct one_mover *m, const struct one_mover *of, struct vec p, struct vec arm) {
    struct one_vec3 q = one_of(p);
    m->v = one_add(m->v, one_scale(q, of->im));
    m->w = one_add(m->w, one_times(of->i, one_cross(one_of(arm), q)));
}

// A joint's direction turns as the bodies move, so its impulse is given again along the new one: `starts` take it too,
// and mover_accelerate does not see it.
struct linked {
    struct one_mover a, b, start_a, start_b;
};

static inline void visit_link(const struct pass *k, struct link *l, struct linked *m) {
    struct one_mover *a = &m->a, *b = &m->b;
    struct one_vec3 ra = one_of(l->ra), rb = one_of(l->rb);
    struct one_vec3 da = one_add(a->d, one_cross(a->t, ra)), db = one_add(b->d, one_cross(b->t, rb));
    struct one_vec3 apart = one_add(one_of(l->apart), one_sub(db, da));
    float distance = PHYSICS_SQRT(one_dot(apart, apart));
    struct vec n = distance > 1e-9f ? vec_scale(vec_of(apart.x, apart.y, apart.z), 1.0f / distance) : vec_of(0, 1, 0);
    float change = l->impulse;
    if (k->kind != PASS_WARM) {
        struct vec xa = vec_cross(l->ra, n), xb = vec_cross(l->rb, n);
        float felt_a = one_dot(one_of(xa), one_times(a->i, one_of(xa)));
        float felt_b = one_dot(one_of(xb), one_times(b->i, one_of(xb)));
        float mass = over(a->im + b->im + felt_a + felt_b);
        struct one_vec3 va = one_add(a->v, one_cross(a->w, ra)), vb = one_add(b->v, one_cross(b->w, rb));
        float speed = one_dot(one_of(n), one_sub(vb, va));
        int soft = l->spring || k->kind == PASS_PUSH;
        float bias = soft ? l->soft.rate * (distance - l->length) : 0.0f;
        float hard = soft ? l->soft.mass : 1.0f, give = soft ? l->soft.impulse : 0.0f;
        change = -mass * hard * (speed + bias) - give * l->impulse;
        l->impulse += change;
    }
    struct vec p = vec_scale(n, change), q = vec_scale(n, -change);
    mover_push(a, a, q, l->ra), mover_push(&m->start_a, a, q, l->ra);
    mover_push(b, b, p, l->rb), mover_push(&m->start_b, b, p, l->rb);
}

#endif
