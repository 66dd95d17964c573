// One job: the world goes up, steps run without a word from the host, what is asked for comes down.
#include <string.h>

#include "kernels/physics/physics_cl.h"
#include "kernels/physics/work.h"
#include "os/os.h"

_Static_assert(sizeof(struct link) <= PHYSICS_LINK * sizeof(cl_uint), "links lie in device memory");

enum { // of kernels below
    ISLANDS_BEGIN,
    ISLANDS_JOIN,
    ISLANDS_REST,
    BODIES_WAKE,
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
    [ISLANDS_BEGIN] = "islands_begin",
    [ISLANDS_JOIN] = "islands_join",
    [ISLANDS_REST] = "islands_rest",
    [BODIES_WAKE] = "bodies_wake",
    [BODIES_BEGIN] = "bodies_begin",
    [BODIES_ACCELERATE] = "bodies_accelerate",
    [BODIES_MOVE] = "bodies_move",
    [BODIES_END] = "bodies_end",
    [LINKS_BEGIN] = "links_begin",
    [LINKS_VISIT] = "links_visit",
    [LINKS_END] = "links_end",
    [SORT_ALONE] = "sort_alone",
    [SORT_CLEAR] = "sort_clear",
    [SORT_COUNT] = "sort_count",
    [SORT_SUM] = "sort_sum",
    [SORT_PLACE] = "sort_place",
    [SORT_CELLS] = "sort_cells",
    [STRANDS_COUNT_ROUND] = "strands_count_round",
    [STRANDS_COUNT_ANY] = "strands_count_any",
    [PACK_ALONE] = "pack_alone",
    [PACK_GROUP] = "pack_group",
    [STRANDS_WRITE_ROUND] = "strands_write_round",
    [STRANDS_WRITE_ANY] = "strands_write_any",
    [STRANDS_END] = "strands_end",
    [VISIT_ROUND_VECTOR] = "visit_round_vector",
    [VISIT_ANY_VECTOR] = "visit_any_vector",
    [VISIT_ROUND_LANE] = "visit_round_lane",
    [VISIT_ANY_LANE] = "visit_any_lane",
};

#define LOCAL 64u             // work-items of a group on a GPU; 1 on a CPU
#define LANES_AT_ONCE 16384u  // work-items on a GPU that take turns at strands
#define BODIES_A_LAUNCH 4096u // whose contacts one launch finds

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
    uint32_t count = w->world->plan.round ? STRANDS_COUNT_ROUND : STRANDS_COUNT_ANY;
    uint32_t write = w->world->plan.round ? STRANDS_WRITE_ROUND : STRANDS_WRITE_ANY;
    uint32_t cells = w->shape.cells, parts = (w->shape.bodies + BODIES_A_LAUNCH - 1) / BODIES_A_LAUNCH;
    enum p2_err err = sort(w);
    for (uint32_t i = 0; i < parts && !err; i++) {
        uint32_t begin = (uint32_t)((uint64_t)cells * i / parts), end = (uint32_t)((uint64_t)cells * (i + 1) / parts);
        err = shared_out(w, count, end - begin, (struct extra){2, {begin, end}});
    }
    if (!err && w->shape.sleeping) err = shared_out(w, BODIES_WAKE, w->shape.bodies, none);
    if (!err && w->cpu) err = launch(w, PACK_ALONE, 1, 1, none);
    if (!err && !w->cpu) err = launch(w, PACK_GROUP, PHYSICS_GROUP, PHYSICS_GROUP, none);
    for (uint32_t i = 0; i < parts && !err; i++) err = turns(w, write, (struct extra){2, {i, parts}});
    return err;
}

static enum p2_err visit_links(struct work *w, uint32_t kind) {
    enum p2_err err = P2_OK;
    for (uint32_t c = 0; c < PHYSICS_JOINT_COLOURS && !err; c++) {
        uint32_t begin = w->world->joint_begins[c], count = w->world->joint_begins[c + 1] - begin;
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
    uint32_t which = w->world->plan.round ? (w->cpu ? VISIT_ROUND_VECTOR : VISIT_ROUND_LANE)
                                          : (w->cpu ? VISIT_ANY_VECTOR : VISIT_ANY_LANE);
    for (uint32_t c = 0; c < PHYSICS_COLOURS && !err && w->world->plan.moves; c++)
        err = turns(w, which, (struct extra){2, {kind, c}});
    return err;
}

static enum p2_err find_islands(struct work *w) {
    const struct extra none = {0};
    enum p2_err err = shared_out(w, ISLANDS_BEGIN, w->shape.bodies, none);
    if (!err) err = turns(w, ISLANDS_JOIN, none);
    return err ? err : shared_out(w, ISLANDS_REST, w->shape.bodies, none);
}

static enum p2_err step(struct work *w) {
    const struct extra none = {0};
    uint32_t n = w->shape.bodies;
    enum p2_err err = w->shape.sleeping ? find_islands(w) : P2_OK;
    if (!err) err = shared_out(w, BODIES_BEGIN, n, none);
    if (!err && w->world->plan.moves) err = find_contacts(w);
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
    if (!err && w->world->plan.bounces) err = visit_contacts(w, PASS_BOUNCE);
    if (!err && w->world->plan.moves) err = turns(w, STRANDS_END, none);
    if (!err) err = shared_out(w, LINKS_END, w->shape.joints, none);
    return err ? err : shared_out(w, BODIES_END, n, none);
}

// ---- jobs ----

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
    enum p2_err err = p2_physics_plan(w->block, &parts->head, parts->bodies, &w->world->plan, &why);
    if (err) exec_why(w->slot, "%s", text);
    w->world->head = parts->head;
    w->world->head.grid = p2_physics_grid_word(&w->world->plan);
    return err;
}

// Steps from where the world in memory is, and the result.
static enum p2_err advance(struct work *w, const struct exec_job *job, size_t *out_size) {
    struct p2_physics_parts after;
    enum p2_err err = P2_OK;
    for (uint32_t i = 0; i < w->block->steps && !err; i++) err = step(w);
    if (err) return err;
    p2_physics_count(&w->world->head, w->block->steps);
    err = physics_bring(w, &after);
    return err ? err : p2_physics_write(w->block, &after, job->out, job->out_capacity, out_size);
}

// ---- worlds that are kept: part 0 their memory, part 1 a struct physics_kept ----

static enum p2_err build_nothing(struct exec_slot *slot, struct exec_kept *kept, void *arg) {
    (void)slot, (void)kept, (void)arg;
    return P2_OK;
}

static enum p2_err keep(struct exec_slot *slot, const struct physics_block *b, struct exec_kept **out) {
    struct exec_keep_want want = {.exclusive = true, .build = b->payload ? build_nothing : NULL};
    p2_sha256(b->world, strlen(b->world), &want.key);
    enum p2_err err = exec_keep(slot, &want, out);
    if (err != P2_ERR_NOT_FOUND) return err;
    exec_why(slot, "this peer does not keep that world, or no longer: send it whole");
    return P2_ERR_STATE_MISSING;
}

// Is the kept world the one that the task goes on from?
static enum p2_err check_kept(struct exec_slot *slot, const struct physics_block *b, const struct physics_world *head) {
    if (head->step_low != b->step_low || head->step_high != b->step_high) {
        exec_why(slot, "the kept world has made %llu steps, not %llu: send it whole",
                 (unsigned long long)head->step_high << 32 | head->step_low,
                 (unsigned long long)b->step_high << 32 | b->step_low);
        return P2_ERR_STATE_MISSING;
    }
    if (head->bodies == b->bodies && head->joints == b->joints) return P2_OK;
    exec_why(slot, "the kept world has %u bodies and %u joints, the task says %u and %u", head->bodies, head->joints,
             b->bodies, b->joints);
    return P2_ERR_BAD_PAYLOAD;
}

static enum p2_err run_kept(struct work *w, const struct exec_job *job, size_t *out_size) {
    struct exec_kept *kept;
    enum p2_err err = keep(w->slot, w->block, &kept);
    if (err) return err;
    if (w->block->payload) {
        struct p2_physics_parts parts = physics_parts(job->in);
        w->world = (struct physics_kept *)(void *)exec_keep_host(w->slot, kept, 1, sizeof *w->world);
        if (!w->world) return P2_ERR_DEVICE_MEMORY;
        err = plan(w, &parts);
        if (err) return err;
        physics_lay_out(w);
        w->mem = exec_keep_buffer(w->slot, kept, 0, w->words * sizeof(cl_uint));
        if (!w->mem) return P2_ERR_DEVICE_MEMORY;
        err = physics_load(w, &parts);
    } else {
        w->world = (struct physics_kept *)(void *)kept->parts[1].host;
        w->mem = kept->parts[0].mem;
        err = check_kept(w->slot, w->block, &w->world->head);
        if (err) return err;
        p2_physics_pace(w->block, &w->world->plan);
        physics_lay_out(w);
    }
    return err ? err : advance(w, job, out_size);
}

static enum p2_err run(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    struct work w = {.slot = slot, .block = job->block, .cpu = exec_facts(slot)->is_cpu};
    enum p2_err err = w.block->payload ? check(slot, w.block, job) : P2_OK;
    if (err) return err;
    if (w.block->world[0]) return run_kept(&w, job, out_size);
    struct p2_physics_parts parts = physics_parts(job->in);
    struct physics_kept world;
    w.world = &world;
    err = plan(&w, &parts);
    if (err) return err;
    physics_lay_out(&w);
    w.mem = exec_buffer(slot, w.words * sizeof(cl_uint));
    if (!w.mem) return P2_ERR_DEVICE_MEMORY;
    err = physics_load(&w, &parts);
    return err ? err : advance(&w, job, out_size);
}

// Without a device a kept world is what a full result holds: part 0.
static enum p2_err run_reference(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    struct physics_block b = *(const struct physics_block *)job->block;
    if (b.payload) {
        enum p2_err err = check(slot, &b, job);
        if (err) return err;
    }
    if (!b.world[0]) return p2_physics_reference(&b, job->in, job->in_size, job->out, job->out_capacity, out_size);
    struct exec_kept *kept;
    enum p2_err err = keep(slot, &b, &kept);
    if (err) return err;
    const uint8_t *in = job->in;
    if (b.payload == 0) {
        struct physics_world *head = (struct physics_world *)(void *)kept->parts[0].host;
        err = check_kept(slot, &b, head);
        if (err) return err;
        in = kept->parts[0].host;
        b.contacts = head->contacts;
        b.payload = (unsigned)kept->parts[0].size;
    }
    unsigned content = b.content;
    b.content = PHYSICS_FULL;
    size_t most = p2_physics_result_max(&b), size;
    uint8_t *full = exec_host(slot, most);
    if (!full) return P2_ERR_DEVICE_MEMORY;
    err = p2_physics_reference(&b, in, b.payload, full, most, &size);
    if (err) return err;
    struct p2_physics_parts after = physics_parts(full + sizeof(struct physics_result));
    b.content = content;
    err = p2_physics_write(&b, &after, job->out, job->out_capacity, out_size);
    size -= sizeof(struct physics_result);
    uint8_t *world = err ? NULL : exec_keep_host(slot, kept, 0, size);
    if (!world) return err ? err : P2_ERR_DEVICE_MEMORY;
    memcpy(world, full + sizeof(struct physics_result), size);
    return P2_OK;
}

const struct exec_type exec_type_physics = {
    .type = &p2_type_physics,
    .source = physics_cl,
    .kernels = kernels,
    .kernels_by_device = true,
    .run = run,
    .run_reference = run_reference,
};
