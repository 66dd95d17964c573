// The meaning of physics: one world, one thread, everything in order.
//
// A step decides who sleeps, finds the contacts, then takes `substeps` turns of: gravity and what the last turn ended
// with; a pass over joints and contacts that solves each in its order (Gauss-Seidel) and pushes apart what overlaps;
// motion; the same pass without pushing. Small steps beat many iterations (Macklin et al. 2019). Then restitution.
//
// Bodies lie in cells of a grid at least as wide as two of them reach. A pair belongs to the cell that is least along
// each axis of the two it lies in, so the pairs of a cell touch bodies of eight cells, and cells whose x, y, z agree in
// parity have no body in common: they are solved at once by the kernels. The order here is theirs: by parity, by cell.
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "kernels/physics/physics.h"

struct contact {
    uint32_t a, b, feature;
    struct one_row row;
};

struct island {      // of a body: those it hangs together with by contacts and joints
    uint32_t parent; // on the way to the least of them, whose own it is
    float rest;      // of the least: how long the one that moved last has been slow
    bool woken;      // of the least: somebody came
};

struct sim {
    const struct physics_block *block;
    struct p2_physics_parts w; // contacts: those of the last step, sorted by first body
    struct p2_physics_plan plan;
    struct one_mover *movers;
    struct one_mover *starts; // v and w when the substep began
    struct island *islands;
    bool disturbed;                 // some island was woken by this step's contacts
    uint32_t *cell, *order, *begin; // of each body; bodies by cell; of each cell, and the end
    uint32_t *first;                // contact of each body in w.contacts, by first body, and the end
    struct contact *contacts;
    uint32_t contact_count;
    struct link *links;
    uint32_t *joint_order;
    uint16_t *joint_used;
};

static struct vec vec_at_place(const float v[3]) { return vec_of(v[0], v[1], v[2]); }

static struct solid solid_of(const struct physics_body *b) {
    return (struct solid){vec_at_place(b->position), frame_of(body_orientation(b)), vec_at_place(b->extents), b->kind};
}

// ---- a step begins ----

static uint32_t island_of(const struct sim *s, uint32_t body) {
    while (s->islands[body].parent != body) body = s->islands[body].parent;
    return body;
}

static void join(struct sim *s, uint32_t a, uint32_t b) {
    if (s->w.bodies[a].mass <= 0 || s->w.bodies[b].mass <= 0) return;
    a = island_of(s, a), b = island_of(s, b);
    s->islands[a < b ? b : a].parent = a < b ? a : b;
}

// Bodies that push each other sleep and wake together: when the last of them has been slow for long, and when any that
// moves comes to touch one of them.
static void begin_islands(struct sim *s) {
    uint32_t n = s->w.head.bodies;
    s->disturbed = false;
    for (uint32_t i = 0; i < n; i++) s->islands[i] = (struct island){i, 2 * PHYSICS_STILL_TIME, false};
    if (!s->block->sleeping) return;
    for (uint32_t i = 0; i < s->w.head.contacts; i++)
        if (s->w.contacts[i].push > 0) join(s, s->w.contacts[i].a, s->w.contacts[i].b);
    for (uint32_t i = 0; i < s->w.head.joints; i++) join(s, s->w.joints[i].a, s->w.joints[i].b);
    for (uint32_t i = 0; i < n; i++) {
        struct island *of = &s->islands[island_of(s, i)];
        if (s->w.bodies[i].mass > 0) of->rest = PHYSICS_MIN(of->rest, s->w.bodies[i].still);
    }
}

static void begin_bodies(struct sim *s) {
    for (uint32_t i = 0; i < s->w.head.bodies; i++) {
        struct physics_body *b = &s->w.bodies[i];
        struct one_mover *m = &s->movers[i];
        const struct island *of = &s->islands[island_of(s, i)];
        b->asleep = s->block->sleeping && b->mass > 0 && of->rest >= PHYSICS_STILL_TIME && !of->woken;
        bool moves = b->mass > 0 && !b->asleep;
        struct vec moments = moments_inverse(b->kind, vec_at_place(b->extents), moves ? b->mass : 0);
        *m = (struct one_mover){.im = moves ? 1.0f / b->mass : 0, .ii = moments.x};
        m->i = one_mass_of(inertia_turned(frame_of(body_orientation(b)), moments));
        if (b->kind == PHYSICS_SPHERE) m->i = (struct one_mass){moments.x, moments.x, moments.x, 0, 0, 0};
        if (moves) m->v = one_of(vec_at_place(b->velocity)), m->w = one_of(vec_at_place(b->spin));
        for (int k = 0; k < 3 && !moves; k++) b->velocity[k] = b->spin[k] = 0;
    }
}

// ---- contacts ----

static uint32_t cell_at(const struct sim *s, const uint32_t at[3]) {
    const uint32_t *bits = s->plan.bits;
    uint32_t x = at[0] & ((1u << bits[0]) - 1), y = at[1] & ((1u << bits[1]) - 1), z = at[2] & ((1u << bits[2]) - 1);
    return x | y << bits[0] | z << (bits[0] + bits[1]);
}

static uint32_t cells(const struct sim *s) { return 1u << (s->plan.bits[0] + s->plan.bits[1] + s->plan.bits[2]); }

static bool is_large(const struct sim *s, uint32_t body) {
    for (uint32_t i = 0; i < s->plan.large_count; i++)
        if (s->plan.large[i] == body) return true;
    return false;
}

// Bodies by cell, in ascending order in each. False when too many share one.
static bool sort_bodies(struct sim *s) {
    uint32_t count = cells(s), n = s->w.head.bodies;
    float per_cell = 1.0f / s->plan.cell;
    memset(s->begin, 0, (count + 1) * sizeof *s->begin);
    for (uint32_t i = 0; i < n; i++) {
        const float *p = s->w.bodies[i].position;
        uint32_t at[3];
        for (int k = 0; k < 3; k++) at[k] = (uint32_t)(int32_t)floorf(p[k] * per_cell);
        s->cell[i] = is_large(s, i) ? count : cell_at(s, at);
        if (s->cell[i] < count) s->begin[s->cell[i] + 1]++;
    }
    uint64_t crowd = 0;
    for (uint32_t c = 0; c < count; c++) {
        crowd += (uint64_t)s->begin[c + 1] * s->begin[c + 1];
        s->begin[c + 1] += s->begin[c];
    }
    for (uint32_t i = n; i-- > 0;)
        if (s->cell[i] < count) s->order[--s->begin[s->cell[i] + 1]] = i;
    // begin[c + 1] is now where c begins
    for (uint32_t c = 0; c < count; c++) s->begin[c] = s->begin[c + 1];
    s->begin[count] = n - s->plan.large_count;
    return crowd <= (uint64_t)PHYSICS_CROWD * n + PHYSICS_CROWD_FREE;
}

static struct party party_of(const struct sim *s, uint32_t i) {
    const struct physics_body *b = &s->w.bodies[i];
    const struct one_mover *m = &s->movers[i];
    struct party p = {.place = vec_at_place(b->position), .im = m->im, .ii = m->ii};
    p.velocity = vec_of(m->v.x, m->v.y, m->v.z), p.spin = vec_of(m->w.x, m->w.y, m->w.z);
    p.i = (struct inertia){m->i.xx, m->i.yy, m->i.zz, m->i.xy, m->i.xz, m->i.yz};
    p.friction = b->friction, p.restitution = b->restitution;
    return p;
}

static void go_on(const struct sim *s, struct contact *c) {
    for (uint32_t i = s->first[c->a]; i < s->first[c->a + 1]; i++) {
        const struct physics_contact *old = &s->w.contacts[i];
        if (old->b == c->b && old->feature == c->feature)
            row_goes_on(&c->row, old->push, one_of(vec_at_place(old->slide)));
    }
}

// One that moves wakes the island of one that does not.
static void wake(struct sim *s, uint32_t by, uint32_t body) {
    if (s->movers[by].im <= 0 || !s->w.bodies[body].asleep) return;
    s->islands[island_of(s, body)].woken = s->disturbed = true;
}

static bool try_pair(struct sim *s, uint32_t i, uint32_t j) {
    uint32_t a = i < j ? i : j, b = i < j ? j : i;
    const struct physics_body *p = &s->w.bodies[a], *q = &s->w.bodies[b];
    if (p->mass <= 0 && q->mass <= 0) return true;
    float reach = p2_physics_radius(p) + p2_physics_radius(q);
    struct party pa = party_of(s, a), pb = party_of(s, b);
    float margin = margin_of(pa.velocity, pb.velocity, reach, s->plan.margin, s->plan.step);
    struct solid sa = solid_of(p), sb = solid_of(q);
    struct vec d = vec_sub(sb.place, sa.place);
    if (sa.kind != PHYSICS_PLANE && sb.kind != PHYSICS_PLANE && vec_dot(d, d) >= (reach + margin) * (reach + margin))
        return true;
    struct touch t = touch_of(&sa, &sb, margin);
    if (t.count) wake(s, a, b), wake(s, b, a);
    for (int k = 0; k < t.count; k++) {
        if (s->contact_count == PHYSICS_CONTACTS_PER_BODY * s->w.head.bodies) return false;
        struct contact *c = &s->contacts[s->contact_count++];
        *c = (struct contact){a, b, t.feature[k], row_of(&pa, &pb, &t, k, s->plan.round)};
        go_on(s, c);
    }
    return true;
}

// Cells of the eight at a corner whose bodies are paired: all pairs of cells whose least corner is the first.
static const uint8_t cell_pairs[14][2] = {{0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 5}, {0, 6},
                                          {0, 7}, {1, 2}, {1, 4}, {1, 6}, {2, 4}, {2, 5}, {3, 4}};

static bool cell_contacts(struct sim *s, const uint32_t at[3]) {
    uint32_t corner[8];
    for (uint32_t k = 0; k < 8; k++)
        corner[k] = cell_at(s, (uint32_t[]){at[0] + (k & 1), at[1] + (k >> 1 & 1), at[2] + (k >> 2 & 1)});
    for (uint32_t i = s->begin[corner[0]]; i < s->begin[corner[0] + 1]; i++)
        for (uint32_t l = 0; l < s->plan.large_count; l++)
            if (!try_pair(s, s->order[i], s->plan.large[l])) return false;
    for (uint32_t p = 0; p < 14; p++) {
        uint32_t c = corner[cell_pairs[p][0]], d = corner[cell_pairs[p][1]];
        for (uint32_t i = s->begin[c]; i < s->begin[c + 1]; i++)
            for (uint32_t j = c == d ? i + 1 : s->begin[d]; j < s->begin[d + 1]; j++)
                if (!try_pair(s, s->order[i], s->order[j])) return false;
    }
    return true;
}

static bool find_contacts(struct sim *s) {
    s->contact_count = 0;
    for (uint32_t i = 0, at = 0; i <= s->w.head.bodies; i++) {
        s->first[i] = at;
        while (at < s->w.head.contacts && s->w.contacts[at].a == i) at++;
    }
    const uint32_t *bits = s->plan.bits;
    for (uint32_t colour = 0; colour < PHYSICS_COLOURS; colour++)
        for (uint32_t z = colour >> 2; z < 1u << bits[2]; z += 2)
            for (uint32_t y = colour >> 1 & 1; y < 1u << bits[1]; y += 2)
                for (uint32_t x = colour & 1; x < 1u << bits[0]; x += 2)
                    if (!cell_contacts(s, (uint32_t[]){x, y, z})) return false;
    return true;
}

static void begin_links(struct sim *s) {
    for (uint32_t i = 0; i < s->w.head.joints; i++) {
        const struct physics_joint *j = &s->w.joints[i];
        s->links[i] = link_of(j, &s->w.bodies[j->a], &s->w.bodies[j->b], s->plan.joint, s->plan.substep);
    }
}

// ---- passes ----

static void visit_links(struct sim *s, int kind) {
    struct pass k = {kind, 0, 0, 1, 0};
    for (uint32_t i = 0; i < s->w.head.joints; i++) {
        const struct physics_joint *j = &s->w.joints[s->joint_order[i]];
        struct linked m = {s->movers[j->a], s->movers[j->b], s->starts[j->a], s->starts[j->b]};
        visit_link(&k, &s->links[s->joint_order[i]], &m);
        s->movers[j->a] = m.a, s->movers[j->b] = m.b;
        s->starts[j->a] = m.start_a, s->starts[j->b] = m.start_b;
    }
}

static void visit_contacts(struct sim *s, int kind) {
    struct pass k = {kind, 1.0f / s->plan.substep, 0, 1, 0};
    if (kind == PASS_PUSH) k.rate = s->plan.push.rate, k.mass = s->plan.push.mass, k.impulse = s->plan.push.impulse;
    for (uint32_t i = 0; i < s->contact_count; i++) {
        struct contact *c = &s->contacts[i];
        if (s->plan.round)
            one_visit_round(&k, &c->row, &s->movers[c->a], &s->movers[c->b]);
        else
            one_visit_any(&k, &c->row, &s->movers[c->a], &s->movers[c->b]);
    }
}

// Gravity, then everything that constraints gave in the last substep once more.
static void accelerate(struct sim *s, bool first) {
    struct vec g = vec_scale(vec_at_place(s->block->gravity), s->plan.substep);
    for (uint32_t i = 0; i < s->w.head.bodies; i++)
        mover_accelerate(&s->movers[i], &s->starts[i], g, first, s->plan.step);
}

static void move(struct sim *s) {
    for (uint32_t i = 0; i < s->w.head.bodies; i++) mover_move(&s->movers[i], s->plan.substep);
}

// ---- a step ends ----

static int by_first(const void *one, const void *other) {
    const struct physics_contact *a = one, *b = other;
    return a->a < b->a ? -1 : a->a > b->a;
}

static void end_contacts(struct sim *s) {
    for (uint32_t i = 0; i < s->w.head.joints; i++) s->w.joints[i].impulse = impulse_kept(s->links[i].impulse);
    s->w.head.contacts = s->contact_count;
    for (uint32_t i = 0; i < s->contact_count; i++) {
        const struct contact *c = &s->contacts[i];
        const struct one_vec3 slide = c->row.slide;
        s->w.contacts[i] =
            (struct physics_contact){c->a,
                                     c->b,
                                     c->feature,
                                     impulse_kept(c->row.push),
                                     {impulse_kept(slide.x), impulse_kept(slide.y), impulse_kept(slide.z)},
                                     c->row.gap};
    }
    if (s->contact_count) qsort(s->w.contacts, s->contact_count, sizeof *s->w.contacts, by_first);
}

static void end_bodies(struct sim *s) {
    for (uint32_t i = 0; i < s->w.head.bodies; i++) {
        if (s->w.bodies[i].mass <= 0) continue;
        body_end(&s->w.bodies[i], &s->movers[i], s->plan.step, p2_physics_radius(&s->w.bodies[i]));
    }
}

static bool step(struct sim *s) {
    begin_islands(s);
    begin_bodies(s);
    if (s->plan.moves && !(sort_bodies(s) && find_contacts(s))) return false;
    if (s->disturbed) { // once more, with those who are awake now
        begin_bodies(s);
        if (!find_contacts(s)) return false;
    }
    begin_links(s);
    for (uint32_t k = 0; k < s->block->substeps; k++) {
        accelerate(s, k == 0);
        visit_links(s, PASS_WARM);
        if (k == 0) visit_contacts(s, PASS_WARM);
        visit_links(s, PASS_PUSH);
        visit_contacts(s, PASS_PUSH);
        move(s);
        visit_links(s, PASS_RELAX);
        visit_contacts(s, PASS_RELAX);
    }
    if (s->plan.bounces) visit_contacts(s, PASS_BOUNCE);
    end_contacts(s);
    end_bodies(s);
    p2_physics_count(&s->w.head, 1);
    return true;
}

// ---- the task ----

static bool allocate(struct sim *s, const struct physics_block *b) {
    size_t n = b->bodies, contacts = (size_t)PHYSICS_CONTACTS_PER_BODY * n;
    s->w.bodies = calloc(n, sizeof *s->w.bodies);
    s->w.joints = calloc(b->joints + 1, sizeof *s->w.joints);
    s->w.contacts = calloc(contacts, sizeof *s->w.contacts);
    s->movers = calloc(n, sizeof *s->movers);
    s->starts = calloc(n, sizeof *s->starts);
    s->islands = calloc(n, sizeof *s->islands);
    s->cell = calloc(n, sizeof *s->cell);
    s->order = calloc(n, sizeof *s->order);
    s->begin = calloc((1u << 18) + 1, sizeof *s->begin);
    s->first = calloc(n + 1, sizeof *s->first);
    s->contacts = calloc(contacts, sizeof *s->contacts);
    s->links = calloc(b->joints + 1, sizeof *s->links);
    s->joint_order = calloc(2 * (size_t)b->joints + 1, sizeof *s->joint_order);
    s->joint_used = calloc(n, sizeof *s->joint_used);
    return s->w.bodies && s->w.joints && s->w.contacts && s->movers && s->starts && s->islands && s->cell && s->order &&
           s->begin && s->first && s->contacts && s->links && s->joint_order && s->joint_used;
}

static void release(struct sim *s) {
    void *all[] = {s->w.bodies, s->w.joints, s->w.contacts, s->movers,   s->starts, s->islands,     s->cell,
                   s->order,    s->begin,    s->first,      s->contacts, s->links,  s->joint_order, s->joint_used};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static void load(struct sim *s, const uint8_t *payload) {
    struct p2_physics_parts *w = &s->w;
    memcpy(&w->head, payload, sizeof w->head);
    payload += sizeof w->head;
    memcpy(w->bodies, payload, w->head.bodies * sizeof *w->bodies);
    payload += w->head.bodies * sizeof *w->bodies;
    if (w->head.joints) memcpy(w->joints, payload, w->head.joints * sizeof *w->joints);
    payload += w->head.joints * sizeof *w->joints;
    if (w->head.contacts) memcpy(w->contacts, payload, w->head.contacts * sizeof *w->contacts);
}

enum p2_err p2_physics_reference(const void *block, const uint8_t *payload, size_t payload_size, uint8_t *out,
                                 size_t out_capacity, size_t *out_size) {
    const struct physics_block *b = block;
    char text[256];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    struct sim s = {.block = b};
    enum p2_err err = p2_physics_check(b, payload, payload_size, &why);
    if (err) return err;
    if (!allocate(&s, b)) {
        release(&s);
        return P2_ERR_NO_MEMORY;
    }
    load(&s, payload);
    err = p2_physics_plan(b, &s.w.head, s.w.bodies, &s.plan, &why);
    uint32_t begins[PHYSICS_JOINT_COLOURS + 1];
    if (!err) p2_physics_colour(&s.w, s.joint_order, s.joint_used, begins);
    for (uint32_t i = 0; i < b->steps && !err; i++) err = step(&s) ? P2_OK : P2_ERR_BAD_PAYLOAD;
    s.w.head.grid = p2_physics_grid_word(&s.plan);
    if (!err) err = p2_physics_write(b, &s.w, out, out_capacity, out_size);
    release(&s);
    return err;
}
