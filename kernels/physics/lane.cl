// A pass over the contacts of one colour, one strand to a work-item.

INLINE struct one_row load_row(__global const uint *p) {
    __global const float *f = (__global const float *)p;
    const uint w = PHYSICS_LANES;
    struct one_row r;
    r.n = one_of(vec_of(f[ROW_N * w], f[(ROW_N + 1) * w], f[(ROW_N + 2) * w]));
    r.ra = one_of(vec_of(f[ROW_RA * w], f[(ROW_RA + 1) * w], f[(ROW_RA + 2) * w]));
    r.rb = one_of(vec_of(f[ROW_RB * w], f[(ROW_RB + 1) * w], f[(ROW_RB + 2) * w]));
    r.slide = one_of(vec_of(f[ROW_SLIDE * w], f[(ROW_SLIDE + 1) * w], f[(ROW_SLIDE + 2) * w]));
    r.gap = f[ROW_GAP * w], r.mn = f[ROW_MN * w], r.mt = f[ROW_MT * w], r.mu = f[ROW_MU * w];
    r.bounce = f[ROW_BOUNCE * w], r.push = f[ROW_PUSH * w], r.peak = f[ROW_PEAK * w];
    return r;
}

INLINE struct pass pass_of(const struct physics_shape *s, int kind) {
    struct pass k;
    k.kind = kind, k.per_second = 1.0f / s->substep, k.rate = 0, k.mass = 1, k.impulse = 0;
    if (kind == PASS_PUSH) k.rate = s->push[0], k.mass = s->push[1], k.impulse = s->push[2];
    return k;
}

#if !P2_CPU
INLINE void lane_visit(__global uint *mem, const struct physics_shape *s, const struct pass *k, uint at, int round) {
    uint pack = at / PHYSICS_LANES, lane = at % PHYSICS_LANES, depth = mem[s->pack_depth + pack];
    const uint w = PHYSICS_LANES;
    __global uint *p = mem + s->row + mem[s->pack_row + pack] * PHYSICS_ROW_FIELDS * w + lane;
    for (uint i = 0; i < depth; i++, p += PHYSICS_ROW_FIELDS * w) {
        uint a = p[ROW_A * w], b = p[ROW_B * w];
        if (a == s->bodies) return;
        __global float *f = (__global float *)p;
        struct one_row row = load_row(p);
        struct one_mover ma = load_mover(mem, s, a), mb = load_mover(mem, s, b);
        if (round) {
            one_visit_round(k, &row, &ma, &mb);
        } else {
            ma.i = load_mass(mem, s, a), mb.i = load_mass(mem, s, b);
            one_visit_any(k, &row, &ma, &mb);
        }
        if (ma.im > 0) store_speed(mem, s, a, &ma);
        if (mb.im > 0) store_speed(mem, s, b, &mb);
        f[ROW_PUSH * w] = row.push, f[ROW_PEAK * w] = row.peak;
        f[ROW_SLIDE * w] = row.slide.x, f[(ROW_SLIDE + 1) * w] = row.slide.y, f[(ROW_SLIDE + 2) * w] = row.slide.z;
    }
}

INLINE void lanes_visit(__global uint *mem, const struct physics_shape *s, uint kind, uint colour, int round) {
    if (mem[s->status + STATUS_FAILED]) return;
    struct pass k = pass_of(s, (int)kind);
    uint first = mem[s->status + STATUS_PACKS + colour] * PHYSICS_LANES;
    uint last = mem[s->status + STATUS_PACKS + colour + 1] * PHYSICS_LANES;
    for (uint at = first + get_global_id(0); at < last; at += get_global_size(0)) lane_visit(mem, s, &k, at, round);
}

__kernel void visit_round_lane(__global uint *mem, struct physics_shape s, uint kind, uint colour) {
    lanes_visit(mem, &s, kind, colour, 1);
}

__kernel void visit_any_lane(__global uint *mem, struct physics_shape s, uint kind, uint colour) {
    lanes_visit(mem, &s, kind, colour, 0);
}
#endif
