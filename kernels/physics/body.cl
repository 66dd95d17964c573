// Bodies and joints: the beginning and end of a step, and what lies between the passes of a substep.

INLINE __global struct physics_body *body_at(__global uint *mem, const struct physics_shape *s, uint i) {
    return (__global struct physics_body *)(mem + s->body) + i;
}

INLINE __global float *floats(__global uint *mem, uint at) { return (__global float *)(mem + at); }

INLINE struct one_vec3 load3(__global const float *p) { return one_of(vec_of(p[0], p[1], p[2])); }

INLINE void store3(__global float *p, struct one_vec3 v) { p[0] = v.x, p[1] = v.y, p[2] = v.z; }

INLINE struct one_mass load_mass(__global uint *mem, const struct physics_shape *s, uint i) {
    __global const float *p = floats(mem, s->mass + i * PHYSICS_MASS);
    struct one_mass m;
    m.xx = p[0], m.yy = p[1], m.zz = p[2], m.xy = p[3], m.xz = p[4], m.yz = p[5];
    return m;
}

INLINE struct one_mover load_mover(__global uint *mem, const struct physics_shape *s, uint i) {
    __global const float *p = floats(mem, s->mover + i * PHYSICS_MOVER);
    struct one_mover m;
    m.v = load3(p), m.im = p[3], m.w = load3(p + 4), m.ii = p[7], m.d = load3(p + 8), m.t = load3(p + 12);
    return m;
}

INLINE void store_speed(__global uint *mem, const struct physics_shape *s, uint i, const struct one_mover *m) {
    __global float *p = floats(mem, s->mover + i * PHYSICS_MOVER);
    store3(p, m->v);
    store3(p + 4, m->w);
}

// v and w alone.
INLINE struct one_mover load_start(__global uint *mem, const struct physics_shape *s, uint i) {
    __global const float *p = floats(mem, s->start + i * PHYSICS_START);
    struct one_mover m;
    m.v = load3(p), m.w = load3(p + 4);
    return m;
}

INLINE void store_start(__global uint *mem, const struct physics_shape *s, uint i, const struct one_mover *m) {
    __global float *p = floats(mem, s->start + i * PHYSICS_START);
    store3(p, m->v);
    store3(p + 4, m->w);
}

// Bodies, or whatever there is `count` of, that are this work-item's; false when none is.
INLINE int share_of(uint count, uint each, uint *first, uint *last) {
    uint at = get_global_id(0);
    if (at >= (count + each - 1) / each) return 0;
    *first = at * each;
    *last = min(*first + each, count);
    return 1;
}

INLINE uint cell_at(const struct physics_shape *s, uint x, uint y, uint z) {
    x &= (1u << s->bits[0]) - 1, y &= (1u << s->bits[1]) - 1, z &= (1u << s->bits[2]) - 1;
    return x | y << s->bits[0] | z << (s->bits[0] + s->bits[1]);
}

INLINE int is_large(__global const uint *mem, const struct physics_shape *s, uint i) {
    for (uint k = 0; k < s->large; k++)
        if (mem[s->large_of + k] == i) return 1;
    return 0;
}

// ---- islands: bodies that push each other or are joined (Jaiganesh and Burtscher 2018) ----

INLINE uint island_of(__global const uint *mem, const struct physics_shape *s, uint body) {
    volatile __global const uint *parent = mem + s->island;
    uint up = parent[body];
    while (up != body) {
        body = up;
        up = parent[body];
    }
    return body;
}

// The least of all is the root, however many join at once.
INLINE void island_join(__global uint *mem, const struct physics_shape *s, uint a, uint b) {
    if (body_at(mem, s, a)->mass <= 0 || body_at(mem, s, b)->mass <= 0) return;
    a = island_of(mem, s, a), b = island_of(mem, s, b);
    while (a != b) {
        uint high = max(a, b), low = min(a, b);
        uint seen = atomic_cmpxchg((volatile __global uint *)mem + s->island + high, high, low);
        if (seen == high) return;
        a = island_of(mem, s, seen), b = low;
    }
}

__kernel void islands_begin(__global uint *mem, struct physics_shape s, uint each) {
    uint first, last;
    if (!share_of(s.bodies, each, &first, &last)) return;
    for (uint i = first; i < last; i++) {
        mem[s.island + i] = i;
        mem[s.rest + i] = as_uint(2 * PHYSICS_STILL_TIME);
        mem[s.woken + i] = 0;
    }
}

__kernel void islands_join(__global uint *mem, struct physics_shape s) {
    uint slots = mem[s.status + STATUS_ROWS] * PHYSICS_LANES, all = slots + s.joints;
    if (mem[s.status + STATUS_FAILED]) return;
    for (uint at = get_global_id(0); at < all; at += get_global_size(0)) {
        if (at < slots) {
            __global const uint *old = mem + s.old + at * PHYSICS_OLD;
            if (old[0] < s.bodies && as_float(old[3]) > 0) island_join(mem, &s, old[0], old[1]);
        } else {
            __global const struct physics_joint *j = (__global struct physics_joint *)(mem + s.joint_of) + (at - slots);
            island_join(mem, &s, j->a, j->b);
        }
    }
}

__kernel void islands_rest(__global uint *mem, struct physics_shape s, uint each) {
    uint first, last;
    if (!share_of(s.bodies, each, &first, &last)) return;
    for (uint i = first; i < last; i++) {
        if (body_at(mem, &s, i)->mass <= 0) continue;
        uint root = island_of(mem, &s, i);
        uint still = as_uint(body_at(mem, &s, i)->still); // not negative: ordered as its bits
        if (still < mem[s.rest + root]) atomic_min((volatile __global uint *)mem + s.rest + root, still);
    }
}

// One that moves wakes the island of one that does not; who says it first does not matter.
INLINE void island_wake(__global uint *mem, const struct physics_shape *s, uint by, uint body) {
    if (body_at(mem, s, body)->asleep && floats(mem, s->mover + by * PHYSICS_MOVER)[3] > 0)
        mem[s->woken + island_of(mem, s, body)] = 1;
}

// ---- a step begins ----

INLINE int rests(__global const uint *mem, const struct physics_shape *s, uint i) {
    uint root = island_of(mem, s, i);
    return as_float(mem[s->rest + root]) >= PHYSICS_STILL_TIME && !mem[s->woken + root];
}

INLINE void body_begin(__global uint *mem, const struct physics_shape *s, uint i) {
    __global struct physics_body *b = body_at(mem, s, i);
    b->asleep = s->sleeping && b->mass > 0 && rests(mem, s, i);
    __global float *m = floats(mem, s->mover + i * PHYSICS_MOVER), *mass = floats(mem, s->mass + i * PHYSICS_MASS);
    __global float *ball = floats(mem, s->ball + i * 4);
    int moves = b->mass > 0 && !b->asleep;
    struct vec extents = vec_of(b->extents[0], b->extents[1], b->extents[2]);
    struct vec moments = moments_inverse(b->kind, extents, moves ? b->mass : 0);
    struct inertia t;
    t.xx = t.yy = t.zz = moments.x, t.xy = t.xz = t.yz = 0;
    if (b->kind != PHYSICS_SPHERE) t = inertia_turned(frame_of(body_orientation(b)), moments);
    for (uint k = 0; k < PHYSICS_MOVER; k++) m[k] = 0;
    for (uint k = 0; k < 3; k++) {
        if (moves)
            m[k] = b->velocity[k], m[4 + k] = b->spin[k];
        else
            b->velocity[k] = b->spin[k] = 0;
    }
    m[3] = moves ? 1.0f / b->mass : 0, m[7] = moments.x;
    mass[0] = t.xx, mass[1] = t.yy, mass[2] = t.zz, mass[3] = t.xy, mass[4] = t.xz, mass[5] = t.yz;
    for (uint k = 0; k < 3; k++) ball[k] = b->position[k];
    ball[3] = b->kind == PHYSICS_BOX ? vec_length(extents) : extents.x;
    float per_cell = 1.0f / s->cell;
    mem[s->cell_of + i] = is_large(mem, s, i) ? s->cells
                                              : cell_at(s, (uint)(int)floor(b->position[0] * per_cell),
                                                        (uint)(int)floor(b->position[1] * per_cell),
                                                        (uint)(int)floor(b->position[2] * per_cell));
}

__kernel void bodies_begin(__global uint *mem, struct physics_shape s, uint each) {
    uint first, last;
    if (!share_of(s.bodies, each, &first, &last)) return;
    for (uint i = first; i < last; i++) body_begin(mem, &s, i);
}

// After contacts were counted: those whom somebody woke.
__kernel void bodies_wake(__global uint *mem, struct physics_shape s, uint each) {
    uint first, last;
    if (mem[s.status + STATUS_FAILED] || !share_of(s.bodies, each, &first, &last)) return;
    for (uint i = first; i < last; i++)
        if (body_at(mem, &s, i)->asleep && !rests(mem, &s, i)) body_begin(mem, &s, i);
}

// Also forgets which contacts the bodies had: their impulses have been taken over by now.
__kernel void bodies_accelerate(__global uint *mem, struct physics_shape s, uint each, uint is_first) {
    uint first, last;
    if (mem[s.status + STATUS_FAILED] || !share_of(s.bodies, each, &first, &last)) return;
    struct vec g = vec_of(s.gravity[0], s.gravity[1], s.gravity[2]);
    for (uint i = first; i < last; i++) {
        if (is_first) mem[s.first + i] = PHYSICS_NONE;
        struct one_mover m = load_mover(mem, &s, i), start = load_start(mem, &s, i);
        if (m.im <= 0) continue;
        mover_accelerate(&m, &start, g, is_first != 0, s.step);
        store_start(mem, &s, i, &start);
        store_speed(mem, &s, i, &m);
    }
}

__kernel void bodies_move(__global uint *mem, struct physics_shape s, uint each) {
    uint first, last;
    if (mem[s.status + STATUS_FAILED] || !share_of(s.bodies, each, &first, &last)) return;
    for (uint i = first; i < last; i++) {
        struct one_mover m = load_mover(mem, &s, i);
        mover_move(&m, s.substep);
        __global float *p = floats(mem, s.mover + i * PHYSICS_MOVER);
        store3(p + 8, m.d), store3(p + 12, m.t);
    }
}

__kernel void bodies_end(__global uint *mem, struct physics_shape s, uint each) {
    uint first, last;
    if (mem[s.status + STATUS_FAILED] || !share_of(s.bodies, each, &first, &last)) return;
    for (uint i = first; i < last; i++) {
        __global struct physics_body *b = body_at(mem, &s, i);
        if (b->mass <= 0) continue;
        struct one_mover m = load_mover(mem, &s, i);
        body_end(b, &m, s.step, floats(mem, s.ball)[4 * i + 3]);
    }
}

// ---- joints ----

INLINE __global struct physics_joint *joint_at(__global uint *mem, const struct physics_shape *s, uint i) {
    return (__global struct physics_joint *)(mem + s->joint_of) + i;
}

INLINE __global struct link *link_at(__global uint *mem, const struct physics_shape *s, uint i) {
    return (__global struct link *)(mem + s->link + i * PHYSICS_LINK);
}

__kernel void links_begin(__global uint *mem, struct physics_shape s, uint each) {
    uint first, last;
    if (!share_of(s.joints, each, &first, &last)) return;
    struct soft rigid;
    rigid.rate = s.joint[0], rigid.mass = s.joint[1], rigid.impulse = s.joint[2];
    for (uint i = first; i < last; i++) {
        __global const struct physics_joint *j = joint_at(mem, &s, i);
        *link_at(mem, &s, i) = link_of(j, body_at(mem, &s, j->a), body_at(mem, &s, j->b), rigid, s.substep);
    }
}

// Joints begin .. begin + count of the order: those of one colour, or all in one share.
__kernel void links_visit(__global uint *mem, struct physics_shape s, uint each, uint kind, uint begin, uint count) {
    uint first, last;
    if (mem[s.status + STATUS_FAILED] || !share_of(count, each, &first, &last)) return;
    struct pass k;
    k.kind = (int)kind, k.per_second = 0, k.rate = 0, k.mass = 1, k.impulse = 0;
    for (uint i = begin + first; i < begin + last; i++) {
        uint at = mem[s.joint_order + i], a = joint_at(mem, &s, at)->a, b = joint_at(mem, &s, at)->b;
        struct link l = *link_at(mem, &s, at);
        struct linked m;
        m.a = load_mover(mem, &s, a), m.b = load_mover(mem, &s, b);
        m.a.i = load_mass(mem, &s, a), m.b.i = load_mass(mem, &s, b);
        m.start_a = load_start(mem, &s, a), m.start_b = load_start(mem, &s, b);
        visit_link(&k, &l, &m);
        if (kind != PASS_WARM) link_at(mem, &s, at)->impulse = l.impulse;
        if (m.a.im > 0) store_speed(mem, &s, a, &m.a), store_start(mem, &s, a, &m.start_a);
        if (m.b.im > 0) store_speed(mem, &s, b, &m.b), store_start(mem, &s, b, &m.start_b);
    }
}

__kernel void links_end(__global uint *mem, struct physics_shape s, uint each) {
    uint first, last;
    if (mem[s.status + STATUS_FAILED] || !share_of(s.joints, each, &first, &last)) return;
    for (uint i = first; i < last; i++) {
        __global struct physics_joint *j = joint_at(mem, &s, i);
        j->impulse = impulse_kept(link_at(mem, &s, i)->impulse);
    }
}
