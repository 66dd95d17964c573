// Contacts: found twice, once to know how many there are, once to write them where they are solved.

struct strand { // where contacts of a cell go
    uint cell;  // by colour, then along z, y, x
    uint count;
    uint write; // 0: they are counted only
    uint row;   // word of the first row's field 0 in this lane
    uint most;  // rows there are
};

INLINE __global const float4 *ball_at(__global const uint *mem, const struct physics_shape *s, uint i) {
    return (__global const float4 *)(mem + s->ball) + i;
}

INLINE struct solid solid_at(__global uint *mem, const struct physics_shape *s, uint i) {
    __global const struct physics_body *b = body_at(mem, s, i);
    struct solid r;
    r.place = body_place(b);
    r.kind = b->kind;
    r.extents = vec_of(b->extents[0], b->extents[1], b->extents[2]);
    if (r.kind != PHYSICS_SPHERE) r.frame = frame_of(body_orientation(b));
    return r;
}

INLINE struct party party_at(__global uint *mem, const struct physics_shape *s, uint i, struct vec place) {
    struct one_mover m = load_mover(mem, s, i);
    struct one_mass t = load_mass(mem, s, i);
    struct party p;
    p.place = place, p.velocity = vec_from(m.v), p.spin = vec_from(m.w), p.im = m.im, p.ii = m.ii;
    p.i.xx = t.xx, p.i.yy = t.yy, p.i.zz = t.zz, p.i.xy = t.xy, p.i.xz = t.xz, p.i.yz = t.yz;
    p.friction = body_at(mem, s, i)->friction, p.restitution = body_at(mem, s, i)->restitution;
    return p;
}

INLINE __global uint *old_at(__global uint *mem, const struct physics_shape *s, uint i) {
    return mem + s->old + i * PHYSICS_OLD;
}

// What the same point had in the last step.
INLINE void row_resume(__global uint *mem, const struct physics_shape *s, uint a, uint b, uint feature,
                       struct one_row *row) {
    for (uint at = mem[s->first + a]; at != PHYSICS_NONE; at = old_at(mem, s, at)[8]) {
        __global const uint *old = old_at(mem, s, at);
        if (old[1] != b || old[2] != feature) continue;
        row_goes_on(row, as_float(old[3]), load3((__global const float *)old + 4));
        return;
    }
}

INLINE void put_row(__global uint *mem, uint at, uint a, uint b, uint feature, const struct one_row *r) {
    __global uint *p = mem + at;
    __global float *f = (__global float *)p;
    const uint w = PHYSICS_LANES;
    p[ROW_A * w] = a, p[ROW_B * w] = b, p[ROW_FEATURE * w] = feature;
    f[ROW_N * w] = r->n.x, f[(ROW_N + 1) * w] = r->n.y, f[(ROW_N + 2) * w] = r->n.z;
    f[ROW_RA * w] = r->ra.x, f[(ROW_RA + 1) * w] = r->ra.y, f[(ROW_RA + 2) * w] = r->ra.z;
    f[ROW_RB * w] = r->rb.x, f[(ROW_RB + 1) * w] = r->rb.y, f[(ROW_RB + 2) * w] = r->rb.z;
    f[ROW_SLIDE * w] = r->slide.x, f[(ROW_SLIDE + 1) * w] = r->slide.y, f[(ROW_SLIDE + 2) * w] = r->slide.z;
    f[ROW_GAP * w] = r->gap, f[ROW_MN * w] = r->mn, f[ROW_MT * w] = r->mt;
    f[ROW_MU * w] = r->mu, f[ROW_BOUNCE * w] = r->bounce, f[ROW_PUSH * w] = r->push, f[ROW_PEAK * w] = r->peak;
}

INLINE void pair_rows(__global uint *mem, const struct physics_shape *s, uint a, uint b, const struct touch *t,
                      int round, struct strand *out) {
    if (!out->write) {
        out->count += (uint)t->count;
        if (t->count && s->sleeping) island_wake(mem, s, a, b), island_wake(mem, s, b, a);
        return;
    }
    struct party pa = party_at(mem, s, a, body_place(body_at(mem, s, a)));
    struct party pb = party_at(mem, s, b, body_place(body_at(mem, s, b)));
    for (int k = 0; k < t->count && out->count < out->most; k++) {
        struct one_row row = row_of(&pa, &pb, t, k, round);
        row_resume(mem, s, a, b, t->feature[k], &row);
        put_row(mem, out->row + out->count++ * PHYSICS_ROW_FIELDS * PHYSICS_LANES, a, b, t->feature[k], &row);
    }
}

INLINE void try_pair(__global uint *mem, const struct physics_shape *s, uint i, uint j, int round, struct strand *out) {
    uint a = min(i, j), b = max(i, j);
    float4 ball_a = *ball_at(mem, s, a), ball_b = *ball_at(mem, s, b);
    struct vec d = vec_of(ball_b.x - ball_a.x, ball_b.y - ball_a.y, ball_b.z - ball_a.z);
    float reach = ball_a.w + ball_b.w, widest = reach + s->margin, apart2 = vec_dot(d, d);
    int solid = ball_a.w > 0 && ball_b.w > 0; // neither is a plane
    if (solid && apart2 >= widest * widest) return;
    if (body_at(mem, s, a)->mass <= 0 && body_at(mem, s, b)->mass <= 0) return;
    __global const float *ma = floats(mem, s->mover + a * PHYSICS_MOVER),
                         *mb = floats(mem, s->mover + b * PHYSICS_MOVER);
    float margin = margin_of(vec_from(load3(ma)), vec_from(load3(mb)), reach, s->margin, s->step);
    if (solid && apart2 >= (reach + margin) * (reach + margin)) return;
    struct solid sa = solid_at(mem, s, a), sb = solid_at(mem, s, b);
    struct touch t;
    if (round)
        t = touch_round(&sa, &sb, margin);
    else
        t = touch_of(&sa, &sb, margin);
    pair_rows(mem, s, a, b, &t, round, out);
}

#define LARGE 8u // in place of a cell: the bodies that lie in none
PHYSICS_TABLE uchar cell_pairs[15][2] = {{0, LARGE}, {0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 5}, {0, 6},
                                         {0, 7},     {1, 2}, {1, 4}, {1, 6}, {2, 4}, {2, 5}, {3, 4}};

// The contacts of a cell, in ref.c's order. Pairs are tried at one place, since all that it takes is inlined there.
INLINE void strand_walk(__global uint *mem, const struct physics_shape *s, int round, struct strand *out) {
    uint per_colour = s->cells / PHYSICS_COLOURS, colour = out->cell / per_colour, at = out->cell % per_colour;
    uint bx = s->bits[0] - 1, by = s->bits[1] - 1;
    uint x = (at & ((1u << bx) - 1)) * 2 + (colour & 1), y = (at >> bx & ((1u << by) - 1)) * 2 + (colour >> 1 & 1);
    uint z = (at >> (bx + by)) * 2 + (colour >> 2);
    __global const uint *begin = mem + s->begin, *order = mem + s->order;
    uint first[9], end[9], any = 1u << LARGE;
    for (uint k = 0; k < 8; k++) {
        uint c = cell_at(s, x + (k & 1), y + (k >> 1 & 1), z + (k >> 2));
        first[k] = begin[c], end[k] = begin[c + 1];
        any |= (end[k] > first[k] ? 1u : 0u) << k;
    }
    if (any == 1u << LARGE) return;
    first[LARGE] = 0, end[LARGE] = s->large;
    for (uint p = 0; p < 15; p++) {
        uint c = cell_pairs[p][0], d = cell_pairs[p][1];
        if (!(any >> c & any >> d & 1)) continue;
        __global const uint *others = d == LARGE ? mem + s->large_of : order;
        for (uint i = first[c]; i < end[c]; i++)
            for (uint j = c == d ? i + 1 : first[d]; j < end[d]; j++) try_pair(mem, s, order[i], others[j], round, out);
    }
}

INLINE void strands_count_of(__global uint *mem, const struct physics_shape *s, uint each, uint begin, uint end,
                             int round) {
    uint first, last;
    if (mem[s->status + STATUS_FAILED] || !share_of(end - begin, each, &first, &last)) return;
    for (uint c = begin + first; c < begin + last; c++) {
        struct strand out;
        out.cell = c, out.count = 0, out.write = 0, out.row = 0, out.most = 0;
        strand_walk(mem, s, round, &out);
        mem[s->length + c] = out.count;
    }
}

// Cells begin .. end, so that a launch may be of some.
__kernel void strands_count_round(__global uint *mem, struct physics_shape s, uint each, uint begin, uint end) {
    strands_count_of(mem, &s, each, begin, end, 1);
}

__kernel void strands_count_any(__global uint *mem, struct physics_shape s, uint each, uint begin, uint end) {
    strands_count_of(mem, &s, each, begin, end, 0);
}

// Lane `at` of all packs: its contacts, and lanes without body up to the pack's last row.
INLINE void strand_write(__global uint *mem, const struct physics_shape *s, uint at, int round) {
    uint pack = at / PHYSICS_LANES, lane = at % PHYSICS_LANES, cell = mem[s->strand + at];
    struct strand out;
    out.cell = cell, out.count = 0, out.write = 1, out.most = mem[s->pack_depth + pack];
    out.row = s->row + mem[s->pack_row + pack] * PHYSICS_ROW_FIELDS * PHYSICS_LANES + lane;
    if (cell != PHYSICS_NONE) strand_walk(mem, s, round, &out);
    struct one_row none;
    none.n = none.ra = none.rb = none.slide = one_of(vec_of(0, 0, 0));
    none.gap = none.mn = none.mt = none.mu = none.bounce = none.push = none.peak = 0;
    for (; out.count < out.most; out.count++)
        put_row(mem, out.row + out.count * PHYSICS_ROW_FIELDS * PHYSICS_LANES, s->bodies, s->bodies, 0, &none);
}

INLINE void strands_write_of(__global uint *mem, const struct physics_shape *s, uint part, uint parts, int round) {
    if (mem[s->status + STATUS_FAILED]) return;
    uint lanes = mem[s->status + STATUS_PACKS + PHYSICS_COLOURS] * PHYSICS_LANES;
    uint first = (uint)((ulong)lanes * part / parts), last = (uint)((ulong)lanes * (part + 1) / parts);
    for (uint at = first + get_global_id(0); at < last; at += get_global_size(0)) strand_write(mem, s, at, round);
}

// How many packs there are only the device knows: work-items take turns; a launch is one of `parts`.
__kernel void strands_write_round(__global uint *mem, struct physics_shape s, uint part, uint parts) {
    strands_write_of(mem, &s, part, parts, 1);
}

__kernel void strands_write_any(__global uint *mem, struct physics_shape s, uint part, uint parts) {
    strands_write_of(mem, &s, part, parts, 0);
}

// After the last pass: impulses to go on from, found by first body.
__kernel void strands_end(__global uint *mem, struct physics_shape s) {
    if (mem[s.status + STATUS_FAILED]) return;
    uint slots = mem[s.status + STATUS_ROWS] * PHYSICS_LANES;
    const uint w = PHYSICS_LANES;
    for (uint at = get_global_id(0); at < slots; at += get_global_size(0)) {
        __global const uint *p = mem + s.row + at / w * PHYSICS_ROW_FIELDS * w + at % w;
        __global const float *f = (__global const float *)p;
        __global uint *old = old_at(mem, &s, at);
        uint a = p[ROW_A * w], b = p[ROW_B * w];
        old[0] = a;
        if (a == s.bodies) continue;
        old[1] = b, old[2] = p[ROW_FEATURE * w];
        old[3] = as_uint(impulse_kept(f[ROW_PUSH * w]));
        for (uint k = 0; k < 3; k++) old[4 + k] = as_uint(impulse_kept(f[(ROW_SLIDE + k) * w]));
        old[7] = as_uint(f[ROW_GAP * w]);
        old[8] = atomic_xchg((volatile __global uint *)mem + s.first + a, at);
    }
}
