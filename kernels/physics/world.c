// Worlds as they come and go: their check, what follows from them before the first step, and results.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "kernels/physics/physics.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records lie in memory as they travel");
_Static_assert(sizeof(struct physics_world) == 64 && sizeof(struct physics_body) == 96 &&
                   sizeof(struct physics_joint) == 48 && sizeof(struct physics_contact) == 32 &&
                   sizeof(struct physics_result) == 112 && sizeof(struct physics_state) == 56,
               "records");

#define SAY(why, ...)                                                                                                  \
    do {                                                                                                               \
        p2_strbuf_printf(why, __VA_ARGS__);                                                                            \
        return P2_ERR_BAD_PAYLOAD;                                                                                     \
    } while (0)

// ---- check ----

static bool within(const float *values, uint32_t count, float most) {
    for (uint32_t i = 0; i < count; i++)
        if (!(fabsf(values[i]) <= most)) return false; // nor is NaN
    return true;
}

static bool is_size(float x) { return x >= PHYSICS_SIZE_MIN && x <= PHYSICS_SIZE_MAX; }

static enum p2_err check_shape(const struct physics_body *b, uint32_t i, struct p2_strbuf *why) {
    const float *h = b->extents;
    if (b->kind > PHYSICS_PLANE) SAY(why, "body %u: kind %u is none of sphere 0, box 1, plane 2", i, b->kind);
    if (b->kind == PHYSICS_SPHERE && (!is_size(h[0]) || h[1] != 0 || h[2] != 0))
        SAY(why, "body %u: extents %g %g %g is no radius (%g to %g m) and two zeros", i, (double)h[0], (double)h[1],
            (double)h[2], (double)PHYSICS_SIZE_MIN, (double)PHYSICS_SIZE_MAX);
    if (b->kind == PHYSICS_BOX && (!is_size(h[0]) || !is_size(h[1]) || !is_size(h[2])))
        SAY(why, "body %u: extents %g %g %g: each is %g to %g m", i, (double)h[0], (double)h[1], (double)h[2],
            (double)PHYSICS_SIZE_MIN, (double)PHYSICS_SIZE_MAX);
    if (b->kind == PHYSICS_PLANE && (h[0] != 0 || h[1] != 0 || h[2] != 0 || b->mass != 0))
        SAY(why, "body %u: a plane has no extents and no mass", i);
    return P2_OK;
}

static enum p2_err check_body(const struct physics_body *b, uint32_t i, struct p2_strbuf *why) {
    enum p2_err err = check_shape(b, i, why);
    if (err) return err;
    if (!within(b->position, 3, PHYSICS_PLACE_MAX))
        SAY(why, "body %u: position is not within %g m", i, (double)PHYSICS_PLACE_MAX);
    if (!within(b->velocity, 3, PHYSICS_SPEED_MAX))
        SAY(why, "body %u: velocity is not within %g m/s", i, (double)PHYSICS_SPEED_MAX);
    if (!within(b->spin, 3, PHYSICS_SPIN_MAX))
        SAY(why, "body %u: spin is not within %g rad/s", i, (double)PHYSICS_SPIN_MAX);
    const float *q = b->orientation;
    if (!within(q, 4, 2) || fabsf(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3] - 1) > 1e-3f)
        SAY(why, "body %u: orientation is no unit quaternion", i);
    if (b->mass != 0 && !(b->mass >= PHYSICS_MASS_MIN && b->mass <= PHYSICS_MASS_MAX))
        SAY(why, "body %u: mass %g is neither 0 nor %g to %g kg", i, (double)b->mass, (double)PHYSICS_MASS_MIN,
            (double)PHYSICS_MASS_MAX);
    if (!(b->friction >= 0 && b->friction <= 100) || !(b->restitution >= 0 && b->restitution <= 1))
        SAY(why, "body %u: friction %g is not 0 to 100 or restitution %g not 0 to 1", i, (double)b->friction,
            (double)b->restitution);
    if (!(b->still >= 0 && b->still <= 2 * PHYSICS_STILL_TIME) || b->asleep > 1)
        SAY(why, "body %u: still %g is not 0 to %g s or asleep %u neither 0 nor 1", i, (double)b->still,
            (double)(2 * PHYSICS_STILL_TIME), b->asleep);
    if (b->reserved[0] || b->reserved[1]) SAY(why, "body %u: reserved words are not 0", i);
    return P2_OK;
}

static enum p2_err check_joint(const struct physics_joint *j, uint32_t i, uint32_t bodies, struct p2_strbuf *why) {
    if (j->a >= bodies || j->b >= bodies || j->a == j->b)
        SAY(why, "joint %u: %u and %u are no two of %u bodies", i, j->a, j->b, bodies);
    if (!within(j->at_a, 3, PHYSICS_SIZE_MAX) || !within(j->at_b, 3, PHYSICS_SIZE_MAX) ||
        !(j->length >= 0 && j->length <= PHYSICS_PLACE_MAX))
        SAY(why, "joint %u: a point is not within %g m or length %g not 0 to %g m", i, (double)PHYSICS_SIZE_MAX,
            (double)j->length, (double)PHYSICS_PLACE_MAX);
    if (!(j->hertz >= 0 && j->hertz <= 1000) || !(j->damping >= 0 && j->damping <= 100) ||
        !(fabsf(j->impulse) <= PHYSICS_IMPULSE_MAX))
        SAY(why, "joint %u: hertz %g is not 0 to 1000, damping %g not 0 to 100 or impulse %g not finite", i,
            (double)j->hertz, (double)j->damping, (double)j->impulse);
    return P2_OK;
}

static int by_pair(const void *one, const void *other) {
    const struct physics_contact *a = one, *b = other;
    if (a->a != b->a) return a->a < b->a ? -1 : 1;
    if (a->b != b->b) return a->b < b->b ? -1 : 1;
    return a->feature < b->feature ? -1 : a->feature > b->feature;
}

static enum p2_err check_contact(const struct physics_contact *c, uint32_t i, uint32_t bodies, struct p2_strbuf *why) {
    if (c->a >= c->b || c->b >= bodies)
        SAY(why, "contact %u: %u and %u are no ascending two of %u bodies", i, c->a, c->b, bodies);
    if (!(c->push >= 0 && c->push <= PHYSICS_IMPULSE_MAX) || !within(c->slide, 3, PHYSICS_IMPULSE_MAX) ||
        !(fabsf(c->separation) <= PHYSICS_PLACE_MAX))
        SAY(why, "contact %u: an impulse or the separation is not finite", i);
    return P2_OK;
}

static enum p2_err check_head(const struct physics_block *b, const struct physics_world *h, struct p2_strbuf *why) {
    if (h->magic != PHYSICS_WORLD_MAGIC || h->format != PHYSICS_FORMAT)
        SAY(why, "the payload begins with %08x %u: no world of format %u", h->magic, h->format, PHYSICS_FORMAT);
    if (h->bodies != b->bodies || h->joints != b->joints || h->contacts != b->contacts)
        SAY(why, "the world says %u bodies, %u joints, %u contacts, the task %u, %u, %u", h->bodies, h->joints,
            h->contacts, b->bodies, b->joints, b->contacts);
    uint32_t bits = 0;
    for (uint32_t axis = 0; axis < 4; axis++) {
        uint32_t of_axis = h->grid >> (8 * axis) & 0xff;
        if (h->grid && (axis == 3 ? of_axis != 0 : of_axis < 2 || of_axis > 8))
            SAY(why, "grid %08x: each of three sides is 2^2 to 2^8 cells", h->grid);
        bits += of_axis;
    }
    if (bits > 18) SAY(why, "grid %08x has more than 2^18 cells", h->grid);
    for (uint32_t i = 0; i < 8; i++)
        if (h->reserved[i]) SAY(why, "a reserved word of the world is %u, not 0", h->reserved[i]);
    return P2_OK;
}

enum p2_err p2_physics_check(const struct physics_block *b, const uint8_t *payload, size_t size,
                             struct p2_strbuf *why) {
    if (size != b->payload || size < sizeof(struct physics_world))
        SAY(why, "payload is %zu bytes, the task says %u", size, b->payload);
    struct physics_world head;
    memcpy(&head, payload, sizeof head);
    enum p2_err err = check_head(b, &head, why);
    const uint8_t *at = payload + sizeof head;
    for (uint32_t i = 0; i < b->bodies && !err; i++, at += sizeof(struct physics_body)) {
        struct physics_body body;
        memcpy(&body, at, sizeof body);
        err = check_body(&body, i, why);
    }
    for (uint32_t i = 0; i < b->joints && !err; i++, at += sizeof(struct physics_joint)) {
        struct physics_joint joint;
        memcpy(&joint, at, sizeof joint);
        err = check_joint(&joint, i, b->bodies, why);
    }
    struct physics_contact last = {0}, contact;
    for (uint32_t i = 0; i < b->contacts && !err; i++, at += sizeof contact) {
        memcpy(&contact, at, sizeof contact);
        err = check_contact(&contact, i, b->bodies, why);
        if (!err && i && by_pair(&last, &contact) >= 0) SAY(why, "contact %u: not in ascending order", i);
        last = contact;
    }
    return err;
}

// ---- plan ----

float p2_physics_radius(const struct physics_body *b) {
    const float *h = b->extents;
    return b->kind == PHYSICS_BOX ? sqrtf(h[0] * h[0] + h[1] * h[1] + h[2] * h[2]) : h[0];
}

struct soft p2_physics_soft(float hertz, float damping, float h) {
    if (hertz <= 0) return (struct soft){0, 1, 0};
    float omega = 6.2831853f * hertz, a = 2 * damping + h * omega, b = h * omega * a, c = 1 / (1 + b);
    return (struct soft){omega / a, b * c, c};
}

// As many cells along each axis as the bodies spread over, within about four cells for each body. Beyond its edge the
// grid repeats: what meets there is told apart by distance.
static void choose_grid(const struct physics_body *bodies, uint32_t count, struct p2_physics_plan *p) {
    float low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    for (uint32_t i = 0; i < count; i++)
        for (int k = 0; k < 3 && bodies[i].mass > 0; k++) {
            low[k] = fminf(low[k], bodies[i].position[k]);
            high[k] = fmaxf(high[k], bodies[i].position[k]);
        }
    uint32_t total = 0, most = 12;
    while (most < 18 && 1u << most < 4 * count) most++;
    for (int k = 0; k < 3; k++) {
        p->bits[k] = 2;
        while (p->bits[k] < 8 && (float)(1u << p->bits[k]) * p->cell < high[k] - low[k] + p->cell) p->bits[k]++;
        total += p->bits[k];
    }
    for (; total > most; total--) {
        int widest = p->bits[1] >= p->bits[0] ? 1 : 0;
        if (p->bits[2] > p->bits[widest]) widest = 2;
        p->bits[widest]--;
    }
}

void p2_physics_pace(const struct physics_block *b, struct p2_physics_plan *p) {
    p->step = b->timestep;
    p->substep = b->timestep / (float)b->substeps;
    p->push = p2_physics_soft(PHYSICS_PUSH_HERTZ / p->substep, PHYSICS_PUSH_DAMPING, p->substep);
    p->joint = p2_physics_soft(PHYSICS_PUSH_HERTZ / p->substep, 2, p->substep);
}

enum p2_err p2_physics_plan(const struct physics_block *b, const struct physics_world *head,
                            const struct physics_body *bodies, struct p2_physics_plan *p, struct p2_strbuf *why) {
    *p = (struct p2_physics_plan){.round = true};
    p2_physics_pace(b, p);
    float largest = 0;
    for (uint32_t i = 0; i < b->bodies; i++) {
        if (bodies[i].kind == PHYSICS_BOX) p->round = false;
        if (bodies[i].restitution > 0) p->bounces = true;
        if (bodies[i].mass > 0) largest = fmaxf(largest, p2_physics_radius(&bodies[i])), p->moves = true;
    }
    if (!p->moves) largest = 1;
    for (uint32_t i = 0; i < b->bodies && p->moves; i++) {
        if (bodies[i].kind != PHYSICS_PLANE && p2_physics_radius(&bodies[i]) <= largest) continue;
        if (p->large_count == PHYSICS_LARGE_MAX)
            SAY(why, "more than %u planes and fixed bodies larger than any that moves", PHYSICS_LARGE_MAX);
        p->large[p->large_count++] = i;
    }
    p->cell = PHYSICS_CELL * largest;
    p->margin = PHYSICS_MARGIN_MOST * largest;
    if (head->grid)
        for (int k = 0; k < 3; k++) p->bits[k] = head->grid >> (8 * k) & 0xff;
    else
        choose_grid(bodies, b->bodies, p);
    return P2_OK;
}

uint32_t p2_physics_grid_word(const struct p2_physics_plan *p) {
    return p->bits[0] | p->bits[1] << 8 | p->bits[2] << 16;
}

void p2_physics_count(struct physics_world *head, uint32_t steps) {
    head->step_low += steps;
    head->step_high += head->step_low < steps;
}

void p2_physics_colour(const struct p2_physics_parts *w, uint32_t *order, uint16_t *used,
                       uint32_t begins[PHYSICS_JOINT_COLOURS + 1]) {
    const uint32_t last = PHYSICS_JOINT_COLOURS - 1;
    uint32_t at = 0;
    memset(used, 0, w->head.bodies * sizeof *used);
    uint32_t counts[PHYSICS_JOINT_COLOURS] = {0};
    for (uint32_t i = 0; i < w->head.joints; i++) {
        uint32_t a = w->joints[i].a, b = w->joints[i].b, colour = 0;
        uint32_t taken = (w->bodies[a].mass > 0 ? used[a] : 0u) | (w->bodies[b].mass > 0 ? used[b] : 0u);
        while (colour < last && taken >> colour & 1) colour++;
        if (colour < last) {
            used[a] = (uint16_t)(used[a] | 1u << colour);
            used[b] = (uint16_t)(used[b] | 1u << colour);
        }
        counts[colour]++;
        order[w->head.joints + i] = colour;
    }
    for (uint32_t c = 0; c <= last; c++) begins[c] = at, at += counts[c];
    begins[PHYSICS_JOINT_COLOURS] = at;
    uint32_t next[PHYSICS_JOINT_COLOURS];
    memcpy(next, begins, sizeof next);
    for (uint32_t i = 0; i < w->head.joints; i++) order[next[order[w->head.joints + i]]++] = i;
}

// ---- results ----

uint32_t p2_physics_slots(uint32_t bodies) {
    uint32_t spare = bodies < 256 ? 256 * bodies : 65536;
    return (PHYSICS_CONTACTS_PER_BODY * bodies + spare + 15) / 16 * 16 + 16 * PHYSICS_COLOURS;
}

uint64_t p2_physics_result_max(const struct physics_block *b) {
    uint64_t contacts = (uint64_t)PHYSICS_CONTACTS_PER_BODY * b->bodies, head = sizeof(struct physics_result);
    if (b->content == PHYSICS_STATE)
        return head + b->bodies * sizeof(struct physics_state) + contacts * sizeof(struct physics_pair);
    return head + sizeof(struct physics_world) + b->bodies * sizeof(struct physics_body) +
           b->joints * sizeof(struct physics_joint) + contacts * sizeof(struct physics_contact);
}

static void add_body(const struct physics_block *b, const struct physics_body *p, struct physics_result *r) {
    if (p->mass <= 0) return;
    double m = (double)p->mass, x[3], v[3], spin[3];
    struct quat q = {p->orientation[0], p->orientation[1], p->orientation[2], p->orientation[3]};
    struct frame f = frame_of(q);
    struct vec moments = moments_inverse(p->kind, vec_of(p->extents[0], p->extents[1], p->extents[2]), p->mass);
    struct vec w = vec_of(p->spin[0], p->spin[1], p->spin[2]), l = to_local(f, w);
    struct vec turning = to_world(f, vec_of(l.x / moments.x, l.y / moments.y, l.z / moments.z));
    spin[0] = (double)turning.x, spin[1] = (double)turning.y, spin[2] = (double)turning.z;
    r->awake += !p->asleep;
    r->kinetic += 0.5 * (double)vec_dot(w, turning);
    for (int k = 0; k < 3; k++) x[k] = (double)p->position[k], v[k] = (double)p->velocity[k];
    for (int k = 0; k < 3; k++) {
        int i = (k + 1) % 3, j = (k + 2) % 3;
        r->kinetic += 0.5 * m * v[k] * v[k];
        r->potential -= m * (double)b->gravity[k] * x[k];
        r->momentum[k] += m * v[k];
        r->angular[k] += m * (x[i] * v[j] - x[j] * v[i]) + spin[k];
    }
}

static float size_of(const struct physics_body *b) {
    if (b->kind == PHYSICS_PLANE) return INFINITY;
    return b->kind == PHYSICS_SPHERE ? b->extents[0] : fminf(b->extents[0], fminf(b->extents[1], b->extents[2]));
}

static bool touches(const struct physics_contact *c) { return c->separation < 0 || c->push > 0; }

static void add_contacts(const struct p2_physics_parts *w, struct physics_result *r) {
    double sum = 0;
    for (uint32_t i = 0; i < w->head.contacts; i++) {
        const struct physics_contact *c = &w->contacts[i];
        if (!(c->separation < 0)) continue;
        float depth = -c->separation / fminf(size_of(&w->bodies[c->a]), size_of(&w->bodies[c->b]));
        sum += (double)depth;
        r->overlap_most = fmaxf(r->overlap_most, depth);
        r->touching++;
    }
    r->overlap_mean = r->touching ? (float)(sum / r->touching) : 0;
}

static uint8_t *put(uint8_t *at, const void *what, size_t size) {
    if (size) memcpy(at, what, size);
    return at + size;
}

static uint8_t *put_states(uint8_t *at, const struct p2_physics_parts *w) {
    for (uint32_t i = 0; i < w->head.bodies; i++) {
        const struct physics_body *b = &w->bodies[i];
        struct physics_state s = {.asleep = b->asleep};
        memcpy(s.position, b->position, sizeof s.position);
        memcpy(s.orientation, b->orientation, sizeof s.orientation);
        memcpy(s.velocity, b->velocity, sizeof s.velocity);
        memcpy(s.spin, b->spin, sizeof s.spin);
        at = put(at, &s, sizeof s);
    }
    bool written = false;
    for (uint32_t i = 0; i < w->head.contacts; i++) {
        const struct physics_contact *c = &w->contacts[i];
        if (!i || c[-1].a != c->a || c[-1].b != c->b) written = false;
        if (written || !touches(c)) continue;
        at = put(at, &(struct physics_pair){c->a, c->b}, sizeof(struct physics_pair));
        written = true;
    }
    return at;
}

// Contact by contact; counts a pair once whichever of its points touches.
static uint32_t count_pairs(const struct p2_physics_parts *w) {
    uint32_t pairs = 0;
    bool counted = false;
    for (uint32_t i = 0; i < w->head.contacts; i++) {
        const struct physics_contact *c = &w->contacts[i];
        if (!i || c[-1].a != c->a || c[-1].b != c->b) counted = false;
        if (counted || !touches(c)) continue;
        counted = true;
        pairs++;
    }
    return pairs;
}

enum p2_err p2_physics_write(const struct physics_block *b, struct p2_physics_parts *w, uint8_t *out,
                             size_t out_capacity, size_t *out_size) {
    if (w->head.contacts) qsort(w->contacts, w->head.contacts, sizeof *w->contacts, by_pair);
    struct physics_result r = {.magic = PHYSICS_RESULT_MAGIC,
                               .format = PHYSICS_FORMAT,
                               .content = b->content,
                               .bodies = w->head.bodies,
                               .step_low = w->head.step_low,
                               .step_high = w->head.step_high};
    for (uint32_t i = 0; i < w->head.bodies; i++) add_body(b, &w->bodies[i], &r);
    add_contacts(w, &r);
    r.pairs = count_pairs(w);
    size_t size = sizeof r;
    if (b->content == PHYSICS_STATE)
        size += r.bodies * sizeof(struct physics_state) + r.pairs * sizeof(struct physics_pair);
    else
        size += sizeof w->head + w->head.bodies * sizeof *w->bodies + w->head.joints * sizeof *w->joints +
                w->head.contacts * sizeof *w->contacts;
    if (size > out_capacity) return P2_ERR_RESULT_TOO_LARGE;
    uint8_t *at = put(out, &r, sizeof r);
    if (b->content == PHYSICS_STATE) {
        put_states(at, w);
    } else {
        at = put(at, &w->head, sizeof w->head);
        at = put(at, w->bodies, w->head.bodies * sizeof *w->bodies);
        at = put(at, w->joints, w->head.joints * sizeof *w->joints);
        put(at, w->contacts, w->head.contacts * sizeof *w->contacts);
    }
    *out_size = size;
    return P2_OK;
}
