// A world goes up to the device and comes down again.
#include <string.h>

#include "kernels/physics/work.h"

static uint32_t reserve(size_t *at, size_t words) {
    size_t begin = *at;
    *at += (words + 15) / 16 * 16;
    return (uint32_t)begin;
}

void physics_lay_out(struct work *w) {
    const struct physics_block *b = w->block;
    const struct p2_physics_plan *p = &w->world->plan;
    struct physics_shape *s = &w->shape;
    uint32_t slots = p2_physics_slots(b->bodies), cells = 1u << (p->bits[0] + p->bits[1] + p->bits[2]);
    uint32_t packs = cells / PHYSICS_LANES + PHYSICS_COLOURS;
    size_t at = 0;
    *s = (struct physics_shape){.bodies = b->bodies, .joints = b->joints, .large = p->large_count, .cells = cells};
    s->rows = slots / PHYSICS_LANES;
    s->contacts = PHYSICS_CONTACTS_PER_BODY * b->bodies;
    memcpy(s->bits, p->bits, sizeof s->bits);
    s->sleeping = b->sleeping;
    s->cell = p->cell, s->margin = p->margin, s->step = p->step, s->substep = p->substep;
    for (int k = 0; k < 3; k++) s->gravity[k] = b->gravity[k] * p->substep;
    memcpy(s->push, &p->push, sizeof s->push);
    memcpy(s->joint, &p->joint, sizeof s->joint);
    s->status = reserve(&at, STATUS_WORDS);
    s->body = reserve(&at, b->bodies * sizeof(struct physics_body) / sizeof(cl_uint));
    s->joint_of = reserve(&at, b->joints * sizeof(struct physics_joint) / sizeof(cl_uint));
    s->joint_order = reserve(&at, b->joints);
    s->link = reserve(&at, (size_t)b->joints * PHYSICS_LINK);
    s->large_of = reserve(&at, PHYSICS_LARGE_MAX);
    s->first = reserve(&at, b->bodies);
    s->mover = reserve(&at, ((size_t)b->bodies + 1 + PHYSICS_WORKERS * PHYSICS_LANES) * PHYSICS_MOVER);
    s->mass = reserve(&at, ((size_t)b->bodies + 1) * PHYSICS_MASS);
    s->start = reserve(&at, (size_t)b->bodies * PHYSICS_START);
    s->ball = reserve(&at, (size_t)b->bodies * 4);
    s->island = reserve(&at, b->bodies);
    s->rest = reserve(&at, b->bodies);
    s->woken = reserve(&at, b->bodies);
    s->cell_of = reserve(&at, b->bodies);
    s->order = reserve(&at, b->bodies);
    s->begin = reserve(&at, cells + 1);
    s->length = reserve(&at, cells);
    s->strand = reserve(&at, (size_t)packs * PHYSICS_LANES);
    s->pack_row = reserve(&at, packs);
    s->pack_depth = reserve(&at, packs);
    s->old = reserve(&at, (size_t)slots * PHYSICS_OLD);
    s->row = reserve(&at, (size_t)slots * PHYSICS_ROW_FIELDS);
    w->words = at;
}

static enum p2_err put(struct work *w, uint32_t to, const void *from, size_t size) {
    if (size == 0) return P2_OK;
    size_t at = to * sizeof(cl_uint);
    return exec_check(w->slot,
                      clEnqueueWriteBuffer(exec_queue(w->slot), w->mem, CL_TRUE, at, size, from, 0, NULL, NULL),
                      "world to the device");
}

static enum p2_err get(struct work *w, uint32_t from, void *to, size_t size) {
    if (size == 0) return P2_OK;
    size_t at = from * sizeof(cl_uint);
    return exec_check(w->slot, clEnqueueReadBuffer(exec_queue(w->slot), w->mem, CL_TRUE, at, size, to, 0, NULL, NULL),
                      "world from the device");
}

// Contacts of the payload as the last step would have left them.
static enum p2_err put_contacts(struct work *w, const struct physics_contact *contacts) {
    uint32_t count = w->block->contacts, slots = (count + PHYSICS_LANES - 1) / PHYSICS_LANES * PHYSICS_LANES;
    uint32_t *first = (uint32_t *)(void *)exec_host(w->slot, w->shape.bodies * sizeof *first);
    uint32_t *old = (uint32_t *)(void *)exec_host(w->slot, ((size_t)slots * PHYSICS_OLD + 1) * sizeof *old);
    if (!first || !old) return P2_ERR_DEVICE_MEMORY;
    memset(first, 0xff, w->shape.bodies * sizeof *first);
    memset(old, 0xff, (size_t)slots * PHYSICS_OLD * sizeof *old);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(old + i * PHYSICS_OLD, &contacts[i], sizeof contacts[i]);
        old[i * PHYSICS_OLD + 8] = first[contacts[i].a];
        first[contacts[i].a] = i;
    }
    enum p2_err err = put(w, w->shape.first, first, w->shape.bodies * sizeof *first);
    return err ? err : put(w, w->shape.old, old, (size_t)slots * PHYSICS_OLD * sizeof *old);
}

static enum p2_err put_joints(struct work *w, const struct p2_physics_parts *parts) {
    uint32_t count = parts->head.joints;
    uint32_t *order = (uint32_t *)(void *)exec_host(w->slot, (2 * (size_t)count + 1) * sizeof *order);
    uint16_t *used = (uint16_t *)(void *)exec_host(w->slot, parts->head.bodies * sizeof *used);
    if (!order || !used) return P2_ERR_DEVICE_MEMORY;
    p2_physics_colour(parts, order, used, w->world->joint_begins);
    enum p2_err err = put(w, w->shape.joint_order, order, count * sizeof *order);
    return err ? err : put(w, w->shape.joint_of, parts->joints, count * sizeof *parts->joints);
}

struct p2_physics_parts physics_parts(const uint8_t *payload) {
    struct p2_physics_parts w;
    memcpy(&w.head, payload, sizeof w.head);
    w.bodies = (struct physics_body *)(uintptr_t)(payload + sizeof w.head);
    w.joints = (struct physics_joint *)(void *)(w.bodies + w.head.bodies);
    w.contacts = (struct physics_contact *)(void *)(w.joints + w.head.joints);
    return w;
}

enum p2_err physics_load(struct work *w, const struct p2_physics_parts *parts) {
    const struct physics_shape *s = &w->shape;
    const uint32_t status[STATUS_WORDS] = {[STATUS_ROWS] = (w->block->contacts + PHYSICS_LANES - 1) / PHYSICS_LANES};
    static const float nobody[PHYSICS_MOVER];
    enum p2_err err = put(w, s->status, status, sizeof status);
    if (!err) err = put(w, s->body, parts->bodies, s->bodies * sizeof *parts->bodies);
    if (!err) err = put(w, s->large_of, w->world->plan.large, s->large * sizeof *w->world->plan.large);
    if (!err) err = put(w, s->mover + s->bodies * PHYSICS_MOVER, nobody, sizeof nobody);
    if (!err) err = put(w, s->mass + s->bodies * PHYSICS_MASS, nobody, PHYSICS_MASS * sizeof *nobody);
    if (!err) err = put_joints(w, parts);
    return err ? err : put_contacts(w, parts->contacts);
}

// ---- down ----

static enum p2_err failed(struct exec_slot *slot, uint32_t status) {
    if (status == PHYSICS_CROWDED)
        exec_why(slot, "too many bodies share a cell of the grid: they overlap, or some are far larger than others");
    else
        exec_why(slot, "more than %u contacts for each body, or far too many in one place", PHYSICS_CONTACTS_PER_BODY);
    return P2_ERR_BAD_PAYLOAD;
}

// Contacts of the last step, those of no body left out.
static enum p2_err get_contacts(struct work *w, uint32_t rows, struct p2_physics_parts *parts) {
    uint32_t slots = rows * PHYSICS_LANES, count = 0;
    uint32_t *old = (uint32_t *)(void *)exec_host(w->slot, (size_t)slots * PHYSICS_OLD * 4 + 4);
    parts->contacts = (struct physics_contact *)(void *)exec_host(w->slot, slots * sizeof *parts->contacts + 4);
    if (!old || !parts->contacts) return P2_ERR_DEVICE_MEMORY;
    enum p2_err err = get(w, w->shape.old, old, (size_t)slots * PHYSICS_OLD * sizeof *old);
    if (err) return err;
    for (uint32_t i = 0; i < slots; i++)
        if (old[i * PHYSICS_OLD] < w->shape.bodies)
            memcpy(&parts->contacts[count++], old + i * PHYSICS_OLD, sizeof *parts->contacts);
    parts->head.contacts = count;
    return P2_OK;
}

enum p2_err physics_bring(struct work *w, struct p2_physics_parts *parts) {
    const struct physics_world *head = &w->world->head;
    uint32_t status[STATUS_WORDS];
    enum p2_err err = get(w, w->shape.status, status, sizeof status);
    if (err) return err;
    if (status[STATUS_FAILED]) return failed(w->slot, status[STATUS_FAILED]);
    *parts = (struct p2_physics_parts){.head = *head};
    parts->bodies = (struct physics_body *)(void *)exec_host(w->slot, head->bodies * sizeof *parts->bodies);
    parts->joints = (struct physics_joint *)(void *)exec_host(w->slot, head->joints * sizeof *parts->joints + 4);
    if (!parts->bodies || !parts->joints) return P2_ERR_DEVICE_MEMORY;
    err = get(w, w->shape.body, parts->bodies, head->bodies * sizeof *parts->bodies);
    if (!err) err = get(w, w->shape.joint_of, parts->joints, head->joints * sizeof *parts->joints);
    if (!err) err = get_contacts(w, status[STATUS_ROWS], parts);
    return err ? err : exec_finish(w->slot);
}
