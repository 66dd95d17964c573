// When do two results tell of the same motion?
//
// Devices that divide and take roots exactly agree to the last bit. Others begin to differ in the seventh digit, and a
// pile doubles a difference every few steps, so what is allowed starts small, doubles every eight steps, and ends where
// no honest device gets to: a fiftieth of the world's extent and of the greatest speed.
#include <math.h>
#include <string.h>

#include "kernels/physics/physics.h"

#define ALLOWED_FIRST 1e-5f
#define ALLOWED_MOST 0.02f
#define DOUBLED_EVERY 8u // steps

struct view {
    struct physics_result head;
    struct physics_world world; // of PHYSICS_FULL
    const uint8_t *states, *joints, *rest;
    size_t stride;
    uint32_t rest_count; // pairs or contacts
};

// False when the bytes are not a result of the block.
static bool look(const struct physics_block *b, const uint8_t *bytes, size_t size, struct view *v) {
    if (size < sizeof v->head) return false;
    memcpy(&v->head, bytes, sizeof v->head);
    const struct physics_result *h = &v->head;
    if (h->magic != PHYSICS_RESULT_MAGIC || h->format != PHYSICS_FORMAT || h->content != b->content ||
        h->bodies != b->bodies) {
        return false;
    }
    uint64_t most = (uint64_t)PHYSICS_CONTACTS_PER_BODY * b->bodies, expected = sizeof *h;
    v->states = bytes + sizeof *h;
    if (b->content == PHYSICS_STATE) {
        v->stride = sizeof(struct physics_state);
        v->rest = v->states + b->bodies * v->stride;
        v->rest_count = h->pairs;
        expected += b->bodies * v->stride + (uint64_t)h->pairs * sizeof(struct physics_pair);
        return h->pairs <= most && size == expected;
    }
    if (size < sizeof *h + sizeof v->world) return false;
    memcpy(&v->world, v->states, sizeof v->world);
    v->states += sizeof v->world;
    v->stride = sizeof(struct physics_body);
    v->joints = v->states + b->bodies * v->stride;
    v->rest = v->joints + b->joints * sizeof(struct physics_joint);
    v->rest_count = v->world.contacts;
    expected += sizeof v->world + b->bodies * v->stride + b->joints * sizeof(struct physics_joint) +
                (uint64_t)v->world.contacts * sizeof(struct physics_contact);
    return v->world.contacts <= most && size == expected;
}

static struct physics_state state_at(const struct view *v, uint32_t i) {
    struct physics_state s;
    if (v->stride == sizeof s) {
        memcpy(&s, v->states + i * v->stride, sizeof s);
        return s;
    }
    struct physics_body b;
    memcpy(&b, v->states + i * v->stride, sizeof b);
    s.asleep = b.asleep;
    memcpy(s.position, b.position, sizeof s.position);
    memcpy(s.orientation, b.orientation, sizeof s.orientation);
    memcpy(s.velocity, b.velocity, sizeof s.velocity);
    memcpy(s.spin, b.spin, sizeof s.spin);
    return s;
}

struct scale { // of a world
    float extent, speed, spin;
};

static float size3(const float v[3]) { return sqrtf(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

static struct scale scale_of(const struct physics_block *b, const struct view *v) {
    float low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    struct scale s = {.speed = size3(b->gravity) * b->timestep};
    for (uint32_t i = 0; i < b->bodies; i++) {
        struct physics_state at = state_at(v, i);
        for (int k = 0; k < 3; k++) {
            low[k] = fminf(low[k], at.position[k]);
            high[k] = fmaxf(high[k], at.position[k]);
        }
        s.speed = fmaxf(s.speed, size3(at.velocity));
        s.spin = fmaxf(s.spin, size3(at.spin));
    }
    const float across[3] = {high[0] - low[0], high[1] - low[1], high[2] - low[2]};
    s.extent = fmaxf(size3(across), s.speed * b->timestep * (float)b->steps);
    return s;
}

static bool near(const float *a, const float *b, uint32_t count, float allowed) {
    for (uint32_t i = 0; i < count; i++)
        if (!(fabsf(a[i] - b[i]) <= allowed)) return false;
    return true;
}

static bool same_bodies(const struct physics_block *b, const struct view *v, const struct view *w, float allowed) {
    struct scale s = scale_of(b, v);
    uint32_t wake = 0;
    for (uint32_t i = 0; i < b->bodies; i++) {
        struct physics_state p = state_at(v, i), q = state_at(w, i);
        if (!near(p.position, q.position, 3, allowed * s.extent) ||
            !near(p.velocity, q.velocity, 3, allowed * s.speed) || !near(p.spin, q.spin, 3, allowed * (s.spin + 1)) ||
            !near(p.orientation, q.orientation, 4, 4 * allowed)) {
            return false;
        }
        wake += p.asleep != q.asleep;
    }
    return (float)wake <= 1 + allowed * (float)b->bodies;
}

// What no step changes is the same to the bit.
static bool same_things(const struct physics_block *b, const struct view *v, const struct view *w) {
    for (uint32_t i = 0; i < b->bodies; i++) {
        struct physics_body p, q;
        memcpy(&p, v->states + i * v->stride, sizeof p);
        memcpy(&q, w->states + i * w->stride, sizeof q);
        if (p.kind != q.kind || p.mass != q.mass || p.friction != q.friction || p.restitution != q.restitution ||
            memcmp(p.extents, q.extents, sizeof p.extents) != 0) {
            return false;
        }
    }
    for (uint32_t i = 0; i < b->joints; i++) {
        const uint8_t *p = v->joints + i * sizeof(struct physics_joint),
                      *q = w->joints + i * sizeof(struct physics_joint);
        if (memcmp(p, q, offsetof(struct physics_joint, impulse)) != 0) return false;
    }
    return memcmp(&v->world.grid, &w->world.grid, sizeof v->world.grid) == 0;
}

static struct physics_pair pair_at(const struct view *v, uint32_t i) {
    struct physics_pair p;
    size_t stride = v->stride == sizeof(struct physics_state) ? sizeof p : sizeof(struct physics_contact);
    memcpy(&p, v->rest + i * stride, sizeof p);
    return p;
}

// Both are in ascending order.
static bool same_pairs(const struct view *v, const struct view *w, float allowed) {
    uint32_t i = 0, j = 0, only_one = 0;
    while (i < v->rest_count && j < w->rest_count) {
        struct physics_pair p = pair_at(v, i), q = pair_at(w, j);
        if (p.a == q.a && p.b == q.b) {
            i++, j++;
        } else {
            only_one++;
            if (p.a < q.a || (p.a == q.a && p.b < q.b))
                i++;
            else
                j++;
        }
    }
    only_one += v->rest_count - i + (w->rest_count - j);
    return (float)only_one <= 2 + 5 * allowed * (float)v->rest_count;
}

static bool same_totals(const struct physics_block *b, const struct view *v, const struct view *w, double allowed) {
    const struct physics_result *p = &v->head, *q = &w->head;
    struct scale s = scale_of(b, v);
    double energy = fabs(p->kinetic) + fabs(p->potential), speed = (double)s.speed;
    double momentum = size3((float[]){(float)p->momentum[0], (float)p->momentum[1], (float)p->momentum[2]});
    if (speed > 0) momentum += 2 * p->kinetic / speed;
    if (!(fabs(p->kinetic - q->kinetic) <= allowed * (energy + 1e-9)) ||
        !(fabs(p->potential - q->potential) <= allowed * (energy + 1e-9))) {
        return false;
    }
    double about = size3((float[]){(float)p->angular[0], (float)p->angular[1], (float)p->angular[2]});
    for (int k = 0; k < 3; k++) {
        if (!(fabs(p->momentum[k] - q->momentum[k]) <= allowed * (4 * momentum + 1e-9)) ||
            !(fabs(p->angular[k] - q->angular[k]) <=
              allowed * (about + 4 * momentum * (1 + (double)s.extent) + 1e-9))) {
            return false;
        }
    }
    return p->step_low == q->step_low && p->step_high == q->step_high;
}

bool p2_physics_equal(const void *block, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) {
    const struct physics_block *k = block;
    struct view v, w;
    if (!look(k, a, a_size, &v) || !look(k, b, b_size, &w)) return false;
    if (a_size == b_size && memcmp(a, b, a_size) == 0) return true;
    uint32_t doublings = k->steps / DOUBLED_EVERY;
    float allowed = doublings < 16 ? ALLOWED_FIRST * (float)(1u << doublings) : ALLOWED_MOST;
    if (allowed > ALLOWED_MOST) allowed = ALLOWED_MOST;
    if (k->content == PHYSICS_FULL && !same_things(k, &v, &w)) return false;
    return same_bodies(k, &v, &w, allowed) && same_pairs(&v, &w, allowed) && same_totals(k, &v, &w, (double)allowed);
}
