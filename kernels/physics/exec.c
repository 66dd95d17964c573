// One job: the world goes up, steps run without a word from the host, what is asked for comes down.
#include <string.h>

#include "kernels/physics/physics.h"
#include "kernels/physics/physics_cl.h"
#include "os/os.h"
#include "peer/executor/exec.h"

_Static_assert(sizeof(struct link) <= PHYSICS_LINK * sizeof(cl_uint), "links lie in device memory");

enum { // of kernels below
    BODIES_BEGIN,
    BODIES_ACCELERATE,
    BODIES_MOVE,
    BODIES_END,
    LINKS_BEGIN,
    LINKS_VISIT,
    LINKS_END,
    SORT_ALONE,
    SORT_CLEAR,
    SORT_COUNT,
    SORT_SUM,
    SORT_PLACE,
    SORT_CELLS,
    STRANDS_COUNT_ROUND,
    STRANDS_COUNT_ANY,
    PACK_ALONE,
    PACK_GROUP,
    STRANDS_WRITE_ROUND,
    STRANDS_WRITE_ANY,
    STRANDS_END,
    VISIT_ROUND_VECTOR,
    VISIT_ANY_VECTOR,
    VISIT_ROUND_LANE,
    VISIT_ANY_LANE,
    KERNELS,
};
static const char *const kernels[KERNELS + 1] = {
    "bodies_begin",       "bodies_accelerate", "bodies_move",         "bodies_end",          "links_begin",
    "links_visit",        "links_end",         "sort_alone",          "sort_clear",          "sort_count",
    "sort_sum",           "sort_place",        "sort_cells",          "strands_count_round", "strands_count_any",
    "pack_alone",         "pack_group",        "strands_write_round", "strands_write_any",   "strands_end",
    "visit_round_vector", "visit_any_vector",  "visit_round_lane",    "visit_any_lane",      NULL};

#define LOCAL 64u             // work-items of a group on a GPU; 1 on a CPU
#define LANES_AT_ONCE 16384u  // work-items on a GPU that take turns at strands
#define BODIES_A_LAUNCH 8192u // whose contacts one launch finds

struct work {
    struct exec_slot *slot;
    const struct physics_block *block;
    struct p2_physics_plan plan;
    struct physics_shape shape;
    uint32_t joint_begins[PHYSICS_JOINT_COLOURS + 1];
    cl_mem mem;
    size_t words; // of mem
    bool cpu;
};

// ---- memory ----

static uint32_t reserve(size_t *at, size_t words) {
    size_t begin = *at;
    *at += (words + 15) / 16 * 16;
    return (uint32_t)begin;
}

// Counts and offsets; at most about 140 million words for the largest world.
static void lay_out(struct work *w) {
    const struct physics_block *b = w->block;
    const struct p2_physics_plan *p = &w->plan;
    struct physics_shape *s = &w->shape;
    uint32_t slots = p2_physics_slots(b->bodies), cells = 1u << (p->bits[0] + p->bits[1] + p->bits[2]);
    uint32_t packs = cells / PHYSICS_LANES + PHYSICS_COLOURS;
    size_t at = 0;
    *s = (struct physics_shape){.bodies = b->bodies, .joints = b->joints, .large = p->large_count, .cells = cells};
    s->rows = slots / PHYSICS_LANES;
    s->contacts = PHYSICS_CONTACTS_PER_BODY * b->bodies;
    memcpy(s->bits, p->bits, sizeof s->bits);
    s->weightless = p->weightless, s->sleeping = b->sleeping;
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
    s->least = reserve(&at, b->bodies);
    s->touched = reserve(&at, b->bodies);
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
    uint32_t count = w->block->contacts, *first = (uint32_t *)(void *)exec_host(w->slot, w->shape.bodies * 4);
    uint32_t *old = (uint32_t *)(void *)exec_host(w->slot, (size_t)count * PHYSICS_OLD * 4 + 4);
    if (!first || !old) return P2_ERR_DEVICE_MEMORY;
    memset(first, 0xff, w->shape.bodies * sizeof *first);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(old + i * PHYSICS_OLD, &contacts[i], sizeof contacts[i]);
        old[i * PHYSICS_OLD + 8] = first[contacts[i].a];
        first[contacts[i].a] = i;
    }
    enum p2_err err = put(w, w->shape.first, first, w->shape.bodies * sizeof *first);
    return err ? err : put(w, w->shape.old, old, (size_t)count * PHYSICS_OLD * sizeof *old);
}

static enum p2_err put_joints(struct work *w, const struct p2_physics_parts *parts) {
    uint32_t count = parts->head.joints;
    uint32_t *order = (uint32_t *)(void *)exec_host(w->slot, (2 * (size_t)count + 1) * sizeof *order);
    uint16_t *used = (uint16_t *)(void *)exec_host(w->slot, parts->head.bodies * sizeof *used);
    if (!order || !used) return P2_ERR_DEVICE_MEMORY;
    p2_physics_colour(parts, order, used, w->joint_begins);
    enum p2_err err = put(w, w->shape.joint_order, order, count * sizeof *order);
    return err ? err : put(w, w->shape.joint_of, parts->joints, count * sizeof *parts->joints);
}

// Parts of the payload where they lie: cells of jobs are aligned.
static struct p2_physics_parts parts_of(const uint8_t *payload) {
    struct p2_physics_parts w;
    memcpy(&w.head, payload, sizeof w.head);
    w.bodies = (struct physics_body *)(uintptr_t)(payload + sizeof w.head);
    w.joints = (struct physics_joint *)(void *)(w.bodies + w.head.bodies);
    w.contacts = (struct physics_contact *)(void *)(w.joints + w.head.joints);
    return w;
}

static enum p2_err load(struct work *w, const struct p2_physics_parts *parts) {
    const struct physics_shape *s = &w->shape;
    const uint32_t status[STATUS_WORDS] = {0};
    static const float nobody[PHYSICS_MOVER];
    enum p2_err err = put(w, s->status, status, sizeof status);
    if (!err) err = put(w, s->body, parts->bodies, s->bodies * sizeof *parts->bodies);
    if (!err) err = put(w, s->large_of, w->plan.large, s->large * sizeof *w->plan.large);
    if (!err) err = put(w, s->mover + s->bodies * PHYSICS_MOVER, nobody, sizeof nobody);
    if (!err) err = put(w, s->mass + s->bodies * PHYSICS_MASS, nobody, PHYSICS_MASS * sizeof *nobody);
    if (!err) err = put_joints(w, parts);
    return err ? err : put_contacts(w, parts->contacts);
}

// ---- launches ----

struct extra { // arguments after the memory and the shape
    cl_uint count, values[4];
};

static enum p2_err launch(struct work *w, uint32_t which, size_t items, size_t local, struct extra extra) {
    cl_kernel k = exec_kernel(w->slot, which);
    cl_int e = clSetKernelArg(k, 0, sizeof w->mem, &w->mem);
    if (!e) e = clSetKernelArg(k, 1, sizeof w->shape, &w->shape);
    for (cl_uint i = 0; i < extra.count && !e; i++) e = clSetKernelArg(k, 2 + i, sizeof(cl_uint), &extra.values[i]);
    if (e) return exec_check(w->slot, e, kernels[which]);
    return exec_launch(w->slot, k, 1, &items, &local);
}

// `count` things in shares: one for each work-item of a GPU, some for each thread of a CPU. `more`: further arguments.
static enum p2_err shared_out(struct work *w, uint32_t which, uint32_t count, struct extra more) {
    if (count == 0) return P2_OK;
    uint32_t each = 1;
    if (w->cpu) {
        uint32_t shares = 8 * exec_facts(w->slot)->compute_units;
        each = (count + shares - 1) / shares;
        if (each < 64) each = 64;
    }
    struct extra all = {more.count + 1, {each}};
    memcpy(all.values + 1, more.values, more.count * sizeof *more.values);
    return launch(w, which, (count + each - 1) / each, w->cpu ? 1 : LOCAL, all);
}

// Work-items that take turns at what only the device knows the count of.
static enum p2_err turns(struct work *w, uint32_t which, struct extra extra) {
    uint32_t workers = 2 * exec_facts(w->slot)->compute_units;
    if (workers > PHYSICS_WORKERS) workers = PHYSICS_WORKERS;
    return launch(w, which, w->cpu ? workers : LANES_AT_ONCE, w->cpu ? 1 : LOCAL, extra);
}

static enum p2_err sort(struct work *w) {
    const struct extra none = {0};
    if (w->cpu) return launch(w, SORT_ALONE, 1, 1, none);
    enum p2_err err = shared_out(w, SORT_CLEAR, w->shape.cells + 1, none);
    if (!err) err = shared_out(w, SORT_COUNT, w->shape.bodies, none);
    if (!err) err = launch(w, SORT_SUM, PHYSICS_GROUP, PHYSICS_GROUP, none);
    if (!err) err = shared_out(w, SORT_PLACE, w->shape.bodies, none);
    return err ? err : shared_out(w, SORT_CELLS, w->shape.cells, none);
}

static enum p2_err find_contacts(struct work *w) {
    const struct extra none = {0};
    bool round = w->plan.round;
    uint32_t parts = (w->shape.bodies + BODIES_A_LAUNCH - 1) / BODIES_A_LAUNCH, cells = w->shape.cells;
    enum p2_err err = sort(w);
    for (uint32_t i = 0; i < parts && !err; i++) {
        uint32_t begin = (uint32_t)((uint64_t)cells * i / parts), end = (uint32_t)((uint64_t)cells * (i + 1) / parts);
        err = shared_out(w, round ? STRANDS_COUNT_ROUND : STRANDS_COUNT_ANY, end - begin,
                         (struct extra){2, {begin, end}});
    }
    if (!err && w->cpu) err = launch(w, PACK_ALONE, 1, 1, none);
    if (!err && !w->cpu) err = launch(w, PACK_GROUP, PHYSICS_GROUP, PHYSICS_GROUP, none);
    for (uint32_t i = 0; i < parts && !err; i++)
        err = turns(w, round ? STRANDS_WRITE_ROUND : STRANDS_WRITE_ANY, (struct extra){2, {i, parts}});
    return err;
}

static enum p2_err visit_links(struct work *w, uint32_t kind) {
    enum p2_err err = P2_OK;
    for (uint32_t c = 0; c < PHYSICS_JOINT_COLOURS && !err; c++) {
        uint32_t begin = w->joint_begins[c], count = w->joint_begins[c + 1] - begin;
        if (count == 0) continue;
        if (c + 1 < PHYSICS_JOINT_COLOURS)
            err = shared_out(w, LINKS_VISIT, count, (struct extra){3, {kind, begin, count}});
        else // one after another
            err = launch(w, LINKS_VISIT, 1, 1, (struct extra){4, {count, kind, begin, count}});
    }
    return err;
}

static enum p2_err visit_contacts(struct work *w, uint32_t kind) {
    enum p2_err err = P2_OK;
    uint32_t which =
        w->plan.round ? (w->cpu ? VISIT_ROUND_VECTOR : VISIT_ROUND_LANE) : (w->cpu ? VISIT_ANY_VECTOR : VISIT_ANY_LANE);
    for (uint32_t c = 0; c < PHYSICS_COLOURS && !err && w->plan.moves; c++)
        err = turns(w, which, (struct extra){2, {kind, c}});
    return err;
}

static enum p2_err step(struct work *w) {
    const struct extra none = {0};
    uint32_t n = w->shape.bodies;
    enum p2_err err = shared_out(w, BODIES_BEGIN, n, none);
    if (!err && w->plan.moves) err = find_contacts(w);
    if (!err) err = shared_out(w, LINKS_BEGIN, w->shape.joints, none);
    for (uint32_t i = 0; i < w->block->substeps && !err; i++) {
        err = shared_out(w, BODIES_ACCELERATE, n, (struct extra){1, {i == 0}});
        if (!err) err = visit_links(w, PASS_WARM);
        if (!err && i == 0) err = visit_contacts(w, PASS_WARM);
        if (!err) err = visit_links(w, PASS_PUSH);
        if (!err) err = visit_contacts(w, PASS_PUSH);
        if (!err) err = shared_out(w, BODIES_MOVE, n, none);
        if (!err) err = visit_links(w, PASS_RELAX);
        if (!err) err = visit_contacts(w, PASS_RELAX);
    }
    if (!err && w->plan.bounces) err = visit_contacts(w, PASS_BOUNCE);
    if (!err && w->plan.moves) err = turns(w, STRANDS_END, none);
    if (!err) err = shared_out(w, LINKS_END, w->shape.joints, none);
    return err ? err : shared_out(w, BODIES_END, n, none);
}

// ---- jobs ----

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

static enum p2_err bring(struct work *w, const struct physics_world *head, struct p2_physics_parts *parts) {
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
    return err ? err : get_contacts(w, status[STATUS_ROWS], parts);
}

static void count_steps(struct physics_world *head, uint32_t steps) {
    head->step_low += steps;
    head->step_high += head->step_low < steps;
}

static enum p2_err check(struct exec_slot *slot, const struct physics_block *b, const struct exec_job *job) {
    char text[256];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    enum p2_err err = p2_physics_check(b, job->in, job->in_size, &why);
    if (err) exec_why(slot, "%s", text);
    return err;
}

static enum p2_err plan(struct work *w, const struct p2_physics_parts *parts) {
    char text[256];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    enum p2_err err = p2_physics_plan(w->block, &parts->head, parts->bodies, &w->plan, &why);
    if (err) exec_why(w->slot, "%s", text);
    return err;
}

static enum p2_err run(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    struct work w = {.slot = slot, .block = job->block, .cpu = exec_facts(slot)->is_cpu};
    enum p2_err err = check(slot, w.block, job);
    if (err) return err;
    struct p2_physics_parts parts = parts_of(job->in), after;
    err = plan(&w, &parts);
    if (err) return err;
    lay_out(&w);
    w.mem = exec_buffer(slot, w.words * sizeof(cl_uint));
    if (!w.mem) return P2_ERR_DEVICE_MEMORY;
    struct physics_world head = parts.head;
    head.grid = p2_physics_grid_word(&w.plan);
    err = load(&w, &parts);
    for (uint32_t i = 0; i < w.block->steps && !err; i++) err = step(&w);
    if (err) return err;
    count_steps(&head, w.block->steps);
    err = bring(&w, &head, &after);
    if (!err) err = exec_finish(slot);
    return err ? err : p2_physics_write(w.block, &after, job->out, job->out_capacity, out_size);
}

const struct exec_type exec_type_physics = {
    .type = &p2_type_physics,
    .source = physics_cl,
    .kernels = kernels,
    .run = run,
};
