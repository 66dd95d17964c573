// A pass over the contacts of one colour, sixteen strands at once. Movers are gathered as they lie, four words of
// sixteen bodies at a time, and turned into vectors by four shuffles and four.

#define REAL float16
#define V(name) many_##name
#include "visit.inc.h" // again
#undef V
#undef REAL

// Four by four words turned within each quarter.
INLINE void turn4(float16 *a, float16 *b, float16 *c, float16 *d) {
    float16 p = *a, q = *b, r = *c, s = *d;
    float16 pq =
        (float16)(p.s0, q.s0, p.s1, q.s1, p.s4, q.s4, p.s5, q.s5, p.s8, q.s8, p.s9, q.s9, p.sc, q.sc, p.sd, q.sd);
    float16 rs =
        (float16)(r.s0, s.s0, r.s1, s.s1, r.s4, s.s4, r.s5, s.s5, r.s8, s.s8, r.s9, s.s9, r.sc, s.sc, r.sd, s.sd);
    float16 pr =
        (float16)(p.s2, q.s2, p.s3, q.s3, p.s6, q.s6, p.s7, q.s7, p.sa, q.sa, p.sb, q.sb, p.se, q.se, p.sf, q.sf);
    float16 qs =
        (float16)(r.s2, s.s2, r.s3, s.s3, r.s6, s.s6, r.s7, s.s7, r.sa, s.sa, r.sb, s.sb, r.se, s.se, r.sf, s.sf);
    *a = (float16)(pq.s01, rs.s01, pq.s45, rs.s45, pq.s89, rs.s89, pq.scd, rs.scd);
    *b = (float16)(pq.s23, rs.s23, pq.s67, rs.s67, pq.sab, rs.sab, pq.sef, rs.sef);
    *c = (float16)(pr.s01, qs.s01, pr.s45, qs.s45, pr.s89, qs.s89, pr.scd, qs.scd);
    *d = (float16)(pr.s23, qs.s23, pr.s67, qs.s67, pr.sab, qs.sab, pr.sef, qs.sef);
}

#define QUAD(at) (*(__global const float4 *)(p + stride * (at)))

// Four words at p of the sixteen records `of`, each `stride` words long.
INLINE void gather4(__global const float *p, uint stride, uint16 of, float16 *x, float16 *y, float16 *z, float16 *w) {
    *x = (float16)(QUAD(of.s0), QUAD(of.s4), QUAD(of.s8), QUAD(of.sc));
    *y = (float16)(QUAD(of.s1), QUAD(of.s5), QUAD(of.s9), QUAD(of.sd));
    *z = (float16)(QUAD(of.s2), QUAD(of.s6), QUAD(of.sa), QUAD(of.se));
    *w = (float16)(QUAD(of.s3), QUAD(of.s7), QUAD(of.sb), QUAD(of.sf));
    turn4(x, y, z, w);
}

#define QUAD_TO(at, v) *(__global float4 *)(p + PHYSICS_MOVER * (at)) = v

INLINE void scatter4(__global float *p, uint16 of, float16 x, float16 y, float16 z, float16 w) {
    turn4(&x, &y, &z, &w);
    QUAD_TO(of.s0, x.s0123), QUAD_TO(of.s4, x.s4567), QUAD_TO(of.s8, x.s89ab), QUAD_TO(of.sc, x.scdef);
    QUAD_TO(of.s1, y.s0123), QUAD_TO(of.s5, y.s4567), QUAD_TO(of.s9, y.s89ab), QUAD_TO(of.sd, y.scdef);
    QUAD_TO(of.s2, z.s0123), QUAD_TO(of.s6, z.s4567), QUAD_TO(of.sa, z.s89ab), QUAD_TO(of.se, z.scdef);
    QUAD_TO(of.s3, w.s0123), QUAD_TO(of.s7, w.s4567), QUAD_TO(of.sb, w.s89ab), QUAD_TO(of.sf, w.scdef);
}

INLINE struct many_mover gather_movers(__global uint *mem, const struct physics_shape *s, uint16 of, int round,
                                       int moved) {
    __global const float *p = floats(mem, s->mover);
    struct many_mover m;
    float16 unused, spare;
    gather4(p, PHYSICS_MOVER, of, &m.v.x, &m.v.y, &m.v.z, &m.im);
    gather4(p + 4, PHYSICS_MOVER, of, &m.w.x, &m.w.y, &m.w.z, &m.ii);
    if (moved) gather4(p + 8, PHYSICS_MOVER, of, &m.d.x, &m.d.y, &m.d.z, &unused);
    if (round) return m;
    if (moved) gather4(p + 12, PHYSICS_MOVER, of, &m.t.x, &m.t.y, &m.t.z, &unused);
    p = floats(mem, s->mass);
    gather4(p, PHYSICS_MASS, of, &m.i.xx, &m.i.yy, &m.i.zz, &m.i.xy);
    gather4(p + 4, PHYSICS_MASS, of, &m.i.xz, &m.i.yz, &unused, &spare);
    return m;
}

// What has no mass is written to the work-item's own trash: it may be anybody's, too.
INLINE void scatter_movers(__global uint *mem, const struct physics_shape *s, uint16 of, uint16 trash,
                           const struct many_mover *m) {
    uint16 to = m->im > 0 ? of : trash;
    __global float *p = floats(mem, s->mover);
    scatter4(p, to, m->v.x, m->v.y, m->v.z, m->im);
    scatter4(p + 4, to, m->w.x, m->w.y, m->w.z, m->ii);
}

#define FIELD(field) (*(__global const float16 *)(p + (field)*PHYSICS_LANES))
#define FIELD_TO(field) *(__global float16 *)(p + (field)*PHYSICS_LANES)

INLINE struct many_row load_rows(__global const float *p, int round) {
    struct many_row r;
    r.n.x = FIELD(ROW_N), r.n.y = FIELD(ROW_N + 1), r.n.z = FIELD(ROW_N + 2);
    r.ra.x = FIELD(ROW_RA), r.rb.x = FIELD(ROW_RB);
    if (!round) {
        r.ra.y = FIELD(ROW_RA + 1), r.ra.z = FIELD(ROW_RA + 2);
        r.rb.y = FIELD(ROW_RB + 1), r.rb.z = FIELD(ROW_RB + 2);
    }
    r.slide.x = FIELD(ROW_SLIDE), r.slide.y = FIELD(ROW_SLIDE + 1), r.slide.z = FIELD(ROW_SLIDE + 2);
    r.gap = FIELD(ROW_GAP), r.mn = FIELD(ROW_MN), r.mt = FIELD(ROW_MT), r.mu = FIELD(ROW_MU);
    r.bounce = FIELD(ROW_BOUNCE), r.push = FIELD(ROW_PUSH), r.peak = FIELD(ROW_PEAK);
    return r;
}

INLINE void pack_visit(__global uint *mem, const struct physics_shape *s, int kind, uint pack, uint16 trash,
                       int round) {
    const struct pass k = pass_of(s, kind);
    uint depth = mem[s->pack_depth + pack];
    __global float *p = floats(mem, s->row + mem[s->pack_row + pack] * PHYSICS_ROW_FIELDS * PHYSICS_LANES);
    for (uint i = 0; i < depth; i++, p += PHYSICS_ROW_FIELDS * PHYSICS_LANES) {
        uint16 a = as_uint16(FIELD(ROW_A)), b = as_uint16(FIELD(ROW_B));
        struct many_row row = load_rows(p, round);
        struct many_mover ma = gather_movers(mem, s, a, round, kind == PASS_PUSH || kind == PASS_RELAX);
        struct many_mover mb = gather_movers(mem, s, b, round, kind == PASS_PUSH || kind == PASS_RELAX);
        if (round)
            many_visit_round(&k, &row, &ma, &mb);
        else
            many_visit_any(&k, &row, &ma, &mb);
        scatter_movers(mem, s, a, trash, &ma);
        scatter_movers(mem, s, b, trash, &mb);
        if (kind == PASS_WARM) continue;
        FIELD_TO(ROW_PUSH) = row.push, FIELD_TO(ROW_PEAK) = row.peak;
        FIELD_TO(ROW_SLIDE) = row.slide.x, FIELD_TO(ROW_SLIDE + 1) = row.slide.y, FIELD_TO(ROW_SLIDE + 2) = row.slide.z;
    }
}

INLINE void packs_visit(__global uint *mem, const struct physics_shape *s, int kind, uint colour, int round) {
    if (mem[s->status + STATUS_FAILED]) return;
    uint first = mem[s->status + STATUS_PACKS + colour], last = mem[s->status + STATUS_PACKS + colour + 1];
    uint16 trash = (uint16)(s->bodies + 1 + get_global_id(0) * PHYSICS_LANES) +
                   (uint16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (uint at = first + get_global_id(0); at < last; at += get_global_size(0))
        pack_visit(mem, s, kind, at, trash, round);
}

__kernel void visit_round_vector(__global uint *mem, struct physics_shape s, uint kind, uint colour) {
    packs_visit(mem, &s, (int)kind, colour, 1);
}

__kernel void visit_any_vector(__global uint *mem, struct physics_shape s, uint kind, uint colour) {
    packs_visit(mem, &s, (int)kind, colour, 0);
}
