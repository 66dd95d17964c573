// One job: map - moves - fields or searches - walks - answer. Everything between is in padded maps (layout.h).
#include "peer/executor/exec.h"

#include <string.h>

#include "kernels/path/path.h"
#include "kernels/path/path_cl.h"
#include "os/os.h"

enum { // of kernels below; where there are two, the one for GPUs follows the one for CPUs
    PAD,
    MOVES = 2,
    CLEAR = 4,
    DISTANCES = 6,
    DIRECTIONS = 8,
    CLOSE = 10,
    WALK,
    FIELD_UNIT,
    WIDEN,
    SEARCH,
    SEED_TILES,
    FIELD_TILES,
};
static const char *const kernels[] = {"path_pad_row",         "path_pad_cell",       "path_moves_row",
                                      "path_moves_cell",      "path_clear_strip",    "path_clear_cell",
                                      "path_distances_row",   "path_distances_cell", "path_directions_row",
                                      "path_directions_cell", "path_close",          "path_walk",
                                      "path_field_unit",      "path_widen",          "path_search",
                                      "path_seed_tiles",      "path_field_tiles",    NULL};

// Of a launch at most, enough to make its start cheap; slow devices take fewer.
#define LAUNCH_CELLS (1u << 19) // of what takes a few nanoseconds a cell
#define LANE_CELLS 100000u      // that a search takes off its queues
#define WALK_STEPS 16384u       // of an agent
#define LANES_MAX 16u
#define LAYERS_MAX 8u // fields at once on a GPU
#define ROUNDS 16u    // launches between two looks at whether any tile is awake

struct group { // agents that are served by one field
    struct path_search search;
    uint32_t first, count; // in the agents' order
};

// What searches are told and tell, on the device and here; taken once, since a job may have thousands of fields.
struct lanes {
    struct path_lane *lane;
    struct path_search *search;
    struct path_walk *walk;
    cl_mem lane_view, search_view, walk_view;
    cl_mem awake[2], changed; // of tiles
    cl_uint *stirs;
    uint8_t *nobody;
};

struct work {
    struct exec_slot *slot;
    const struct exec_job *job;
    const struct path_block *b;
    struct p2_path_view view;
    struct path_shape shape;
    bool gpu;
    uint32_t lanes_most;
    cl_mem costs, moves, goals;
    cl_mem labels, queues, touched; // of all lanes
    cl_mem records, steps;
    struct lanes lanes;
    uint32_t *order; // agents by goal
};

struct arg {
    size_t size;
    const void *value;
};
#define ARG(x)                                                                                                         \
    { sizeof(x), &(x) }

static enum p2_err set_args(struct exec_slot *slot, cl_kernel k, const struct arg *args, cl_uint count) {
    cl_int e = CL_SUCCESS;
    for (cl_uint i = 0; i < count && !e; i++) e = clSetKernelArg(k, i, args[i].size, args[i].value);
    return exec_check(slot, e, "kernel argument");
}

static uint32_t cell_of(const struct work *w, struct p2_path_point p) {
    return (p.y + 1) * w->shape.stride + PATH_MARGIN + p.x;
}

// One of a pair of kernels over columns x rows, whose arguments are memory objects and the shape.
static enum p2_err over_rows(struct work *w, uint32_t pair, uint32_t columns, uint32_t rows, const cl_mem *memory,
                             cl_uint count) {
    cl_kernel k = exec_kernel(w->slot, pair + w->gpu);
    for (uint32_t begin = 0; begin < rows; begin = w->shape.row_end) {
        uint32_t share = (uint32_t)exec_share(w->slot, k, LAUNCH_CELLS) / columns + 1;
        w->shape.row_begin = begin;
        w->shape.row_end = rows - begin < share ? rows : begin + share;
        exec_launch_units(w->slot, (uint64_t)(w->shape.row_end - begin) * columns);
        cl_int e = CL_SUCCESS;
        for (cl_uint i = 0; i < count && !e; i++) e = clSetKernelArg(k, i, sizeof *memory, &memory[i]);
        if (!e) e = clSetKernelArg(k, count, sizeof w->shape, &w->shape);
        enum p2_err err = exec_check(w->slot, e, "kernel argument");
        size_t high = w->shape.row_end - begin;
        if (!err && w->gpu) err = exec_launch(w->slot, k, 2, (size_t[]){columns, high}, (size_t[]){32, 8});
        if (!err && !w->gpu) err = exec_launch(w->slot, k, 1, &high, (size_t[]){1});
        if (err) return err;
    }
    return P2_OK;
}

// Host memory of `size` bytes and the device's view of it.
static void *shared(struct exec_slot *slot, size_t size, cl_mem *view) {
    void *host = exec_host(slot, size);
    *view = host ? exec_host_buffer(slot, host, size, false) : NULL;
    return *view ? host : NULL;
}

// ---- the map ----

static enum p2_err close_cells(struct work *w) {
    cl_uint count = w->b->obstacles;
    if (count == 0) return P2_OK;
    cl_mem list;
    uint32_t *cells = shared(w->slot, count * sizeof *cells, &list);
    if (!cells) return P2_ERR_DEVICE_MEMORY;
    for (uint32_t i = 0; i < count; i++) cells[i] = cell_of(w, p2_path_point(w->view.obstacles, i));
    enum p2_err err = exec_upload(w->slot, list, cells, count * sizeof *cells);
    cl_kernel k = exec_kernel(w->slot, CLOSE);
    if (!err) err = set_args(w->slot, k, (struct arg[]){ARG(w->costs), ARG(list), ARG(count)}, 3);
    return err ? err : exec_launch(w->slot, k, 1, (size_t[]){count}, (size_t[]){64});
}

static enum p2_err find_moves(struct work *w) {
    return over_rows(w, MOVES, w->shape.stride, w->b->h + 2, (cl_mem[]){w->costs, w->moves}, 2);
}

static enum p2_err pad(struct work *w, size_t grid_size) {
    cl_mem grid = w->costs; // not looked at when every cell is open
    if (grid_size) grid = exec_host_buffer(w->slot, (void *)(uintptr_t)w->view.grid, grid_size, true);
    if (!grid) return P2_ERR_DEVICE_MEMORY;
    return over_rows(w, PAD, w->shape.stride, w->b->h + 2, (cl_mem[]){grid, w->costs}, 2);
}

static bool make_own(struct work *w) {
    w->costs = exec_buffer(w->slot, w->shape.cells + PATH_TAIL);
    w->moves = exec_buffer(w->slot, w->shape.cells + PATH_TAIL);
    return w->costs && w->moves;
}

// A blob's map, padded, and its moves: made once, and then there for every task that refers to it.
static enum p2_err build_map(struct exec_slot *slot, struct exec_kept *kept, void *arg) {
    struct work *w = arg;
    w->costs = exec_keep_buffer(slot, kept, 0, w->shape.cells + PATH_TAIL);
    w->moves = exec_keep_buffer(slot, kept, 1, w->shape.cells + PATH_TAIL);
    if (!w->costs || !w->moves) return P2_ERR_DEVICE_MEMORY;
    enum p2_err err = pad(w, (size_t)w->b->w * w->b->h);
    return err ? err : find_moves(w);
}

static enum p2_err find_map(struct work *w) {
    struct {
        struct p2_digest blob;
        uint32_t w, h, cost_max, neighbours;
    } decides = {w->job->blobs[0].digest, w->b->w, w->b->h, w->b->cost_max, w->b->neighbours};
    struct exec_keep_want want = {.build = build_map, .arg = w};
    struct exec_kept *kept;
    p2_sha256(&decides, sizeof decides, &want.key);
    enum p2_err err = exec_keep(w->slot, &want, &kept);
    if (err) return err;
    w->costs = kept->parts[0].mem;
    w->moves = kept->parts[1].mem;
    return P2_OK;
}

static enum p2_err make_map(struct work *w) {
    enum p2_err err;
    if (w->b->source == PATH_FROM_BLOB) {
        err = find_map(w);
        if (err || w->b->obstacles == 0) return err;
        cl_mem shared_costs = w->costs;
        if (!make_own(w)) return P2_ERR_DEVICE_MEMORY;
        cl_int e = clEnqueueCopyBuffer(exec_queue(w->slot), shared_costs, w->costs, 0, 0, w->shape.cells + PATH_TAIL, 0,
                                       NULL, NULL);
        err = exec_check(w->slot, e, "copy of the map");
    } else {
        if (!make_own(w)) return P2_ERR_DEVICE_MEMORY;
        err = pad(w, w->b->source == PATH_FROM_PAYLOAD ? w->job->in_size : 0);
    }
    if (!err) err = close_cells(w);
    return err ? err : find_moves(w);
}

static enum p2_err make_goals(struct work *w) {
    uint32_t *cells = shared(w->slot, w->b->goals * sizeof *cells, &w->goals);
    if (!cells) return P2_ERR_DEVICE_MEMORY;
    for (uint32_t i = 0; i < w->b->goals; i++) cells[i] = cell_of(w, p2_path_point(w->view.goals, i));
    return exec_upload(w->slot, w->goals, cells, w->b->goals * sizeof *cells);
}

// A kernel over strips of cells, whose last argument is the shape; `items` are those of a strip.
static enum p2_err over_strips(struct work *w, cl_kernel k, cl_uint shape_arg, uint64_t cells, size_t items) {
    uint32_t strips = (uint32_t)((cells + PATH_STRIP - 1) / PATH_STRIP);
    for (uint32_t begin = 0; begin < strips; begin = w->shape.row_end) {
        uint32_t share = (uint32_t)(exec_share(w->slot, k, LAUNCH_CELLS) / PATH_STRIP + 1);
        w->shape.row_begin = begin;
        w->shape.row_end = strips - begin < share ? strips : begin + share;
        exec_launch_units(w->slot, (uint64_t)(w->shape.row_end - begin) * PATH_STRIP);
        cl_int e = clSetKernelArg(k, shape_arg, sizeof w->shape, &w->shape);
        enum p2_err err = exec_check(w->slot, e, "kernel argument");
        size_t all = (w->shape.row_end - begin) * items;
        if (!err) err = exec_launch(w->slot, k, 1, &all, (size_t[]){items > 1 ? 64 : 1});
        if (err) return err;
    }
    return P2_OK;
}

static enum p2_err clear(struct work *w, cl_mem labels, cl_ulong count, cl_ulong with) {
    cl_kernel k = exec_kernel(w->slot, CLEAR + w->gpu);
    enum p2_err err = set_args(w->slot, k, (struct arg[]){ARG(labels), ARG(count), ARG(with)}, 3);
    return err ? err : over_strips(w, k, 3, count, w->gpu ? PATH_STRIP : 1);
}

static cl_ulong all_labels(const struct work *w) { return (cl_ulong)w->shape.lanes * w->shape.cells; }

// ---- lanes ----

// How many searches go side by side: no more than there are, than the device has cores, or than memory allows.
static uint32_t lanes_for(const struct work *w, uint32_t searches) {
    const struct exec_device_facts *facts = exec_facts(w->slot);
    uint64_t cells = w->shape.cells, widest = cells * PATH_BUCKETS * 4, all = widest + cells * 12;
    uint32_t lanes = w->gpu ? LAYERS_MAX : facts->compute_units < LANES_MAX ? facts->compute_units : LANES_MAX;
    if (lanes > searches) lanes = searches;
    while (lanes > 1 && (lanes * widest > facts->buffer_bytes_max || lanes * all > facts->memory_bytes / 2)) lanes--;
    return lanes ? lanes : 1;
}

static size_t tiles_of(const struct work *w) {
    size_t wide = (w->shape.w + PATH_TILE - 1) / PATH_TILE, high = (w->shape.h + PATH_TILE - 1) / PATH_TILE;
    return wide * high;
}

static enum p2_err make_tiles(struct work *w) {
    struct lanes *l = &w->lanes;
    size_t tiles = tiles_of(w) * w->lanes_most;
    l->awake[0] = exec_buffer(w->slot, tiles);
    l->awake[1] = exec_buffer(w->slot, tiles);
    l->stirs = shared(w->slot, ROUNDS * sizeof *l->stirs, &l->changed);
    l->nobody = exec_host(w->slot, tiles);
    if (!l->awake[0] || !l->awake[1] || !l->stirs || !l->nobody) return P2_ERR_DEVICE_MEMORY;
    memset(l->nobody, 0, tiles);
    return P2_OK;
}

static enum p2_err make_lanes(struct work *w, uint32_t searches) {
    struct lanes *l = &w->lanes;
    size_t cells = w->shape.cells, agents = w->b->agents ? w->b->agents : 1;
    w->lanes_most = lanes_for(w, searches);
    w->shape.capacity = w->shape.cells + 1;
    w->labels = exec_buffer(w->slot, w->lanes_most * cells * sizeof(cl_ulong));
    l->lane = shared(w->slot, w->lanes_most * sizeof *l->lane, &l->lane_view);
    l->search = shared(w->slot, searches * sizeof *l->search, &l->search_view);
    l->walk = shared(w->slot, agents * sizeof *l->walk, &l->walk_view);
    if (!w->labels || !l->lane || !l->search || !l->walk) return P2_ERR_DEVICE_MEMORY;
    if (w->gpu) return make_tiles(w);
    w->queues = exec_buffer(w->slot, w->lanes_most * (size_t)w->shape.capacity * PATH_BUCKETS * sizeof(cl_uint));
    w->touched = exec_buffer(w->slot, w->lanes_most * cells * sizeof(cl_uint));
    return w->queues && w->touched ? P2_OK : P2_ERR_DEVICE_MEMORY;
}

static void use_lanes(struct work *w, uint32_t searches) {
    w->shape.lanes = searches < w->lanes_most ? searches : w->lanes_most;
}

// Launches k, whose argument shape_arg is the shape, until every lane is done; each launch takes so many cells of a lane.
static enum p2_err run_lanes(struct work *w, cl_kernel k, cl_uint shape_arg) {
    const struct lanes *l = &w->lanes;
    size_t count = w->shape.lanes, done = 0;
    while (done < count) {
        w->shape.budget = (uint32_t)exec_share(w->slot, k, LANE_CELLS);
        exec_launch_units(w->slot, w->shape.budget);
        cl_int e = clSetKernelArg(k, shape_arg, sizeof w->shape, &w->shape);
        enum p2_err err = exec_check(w->slot, e, "kernel argument");
        if (!err) err = exec_launch(w->slot, k, 1, &count, (size_t[]){1});
        if (!err) err = exec_download(w->slot, l->lane_view, l->lane, count * sizeof *l->lane);
        if (err) return err;
        for (done = 0; done < count && l->lane[done].phase >= PATH_DONE;) done++;
    }
    return P2_OK;
}

static enum p2_err put_searches(struct work *w, const struct path_search *searches, cl_uint count) {
    struct lanes *l = &w->lanes;
    memcpy(l->search, searches, count * sizeof *l->search);
    return exec_upload(w->slot, l->search_view, l->search, count * sizeof *l->search);
}

static enum p2_err start_lanes(struct work *w, const struct path_search *searches, cl_uint count) {
    struct lanes *l = &w->lanes;
    for (uint32_t i = 0; i < w->shape.lanes; i++) l->lane[i] = (struct path_lane){.search = i, .phase = PATH_SEED};
    enum p2_err err = exec_upload(w->slot, l->lane_view, l->lane, w->shape.lanes * sizeof *l->lane);
    return err ? err : put_searches(w, searches, count);
}

// Searches with a start, any number; or without, one for each lane.
static enum p2_err run_searches(struct work *w, const struct path_search *searches, cl_uint count) {
    struct lanes *l = &w->lanes;
    enum p2_err err = start_lanes(w, searches, count);
    if (!err) err = clear(w, w->labels, all_labels(w), PATH_NONE);
    if (err) return err;
    cl_mem records = w->records ? w->records : w->touched, steps = w->steps ? w->steps : w->touched; // fields have none
    cl_kernel k = exec_kernel(w->slot, SEARCH);
    const struct arg args[] = {ARG(w->costs),     ARG(w->moves), ARG(w->labels),      ARG(w->queues),
                               ARG(w->touched),   ARG(w->goals), ARG(l->search_view), ARG(count),
                               ARG(l->lane_view), ARG(records),  ARG(steps)};
    err = set_args(w->slot, k, args, sizeof args / sizeof *args);
    return err ? err : run_lanes(w, k, sizeof args / sizeof *args);
}

// One field for each lane where every cell costs 1: by short labels, in memory that only searches have another use for;
// again with long ones if it is too large for those.
static enum p2_err run_unit_fields(struct work *w, const struct path_search *searches) {
    struct lanes *l = &w->lanes;
    enum p2_err err = start_lanes(w, searches, w->shape.lanes);
    if (!err) err = clear(w, w->touched, all_labels(w) / 2, 0);
    if (err) return err;
    cl_kernel k = exec_kernel(w->slot, FIELD_UNIT);
    const struct arg args[] = {ARG(w->costs), ARG(w->moves),       ARG(w->touched),  ARG(w->queues),
                               ARG(w->goals), ARG(l->search_view), ARG(l->lane_view)};
    err = set_args(w->slot, k, args, sizeof args / sizeof *args);
    if (!err) err = run_lanes(w, k, sizeof args / sizeof *args);
    if (err) return err;
    for (uint32_t i = 0; i < w->shape.lanes; i++)
        if (l->lane[i].phase == PATH_TOO_LONG) return run_searches(w, searches, w->shape.lanes);
    k = exec_kernel(w->slot, WIDEN);
    const struct arg wide[] = {ARG(w->touched), ARG(w->queues), ARG(w->labels)};
    err = set_args(w->slot, k, wide, sizeof wide / sizeof *wide);
    uint64_t strips = (w->shape.cells + PATH_STRIP - 1) / PATH_STRIP * (uint64_t)w->shape.lanes;
    return err ? err : over_strips(w, k, 3, strips * PATH_STRIP, 1);
}

// ---- fields on a GPU ----

static enum p2_err seed_tiles(struct work *w, const struct path_search *searches) {
    const struct lanes *l = &w->lanes;
    cl_kernel k = exec_kernel(w->slot, SEED_TILES);
    for (cl_uint lane = 0; lane < w->shape.lanes; lane++) {
        const struct arg args[] = {ARG(w->costs),       ARG(w->labels), ARG(l->awake[0]), ARG(w->goals),
                                   ARG(l->search_view), ARG(lane),      ARG(w->shape)};
        enum p2_err err = set_args(w->slot, k, args, sizeof args / sizeof *args);
        size_t items = searches[lane].count;
        if (!err) err = exec_launch(w->slot, k, 1, &items, (size_t[]){64});
        if (err) return err;
    }
    return P2_OK;
}

// Rounds over all tiles until none is awake; who is awake alternates between two maps of tiles.
static enum p2_err run_rounds(struct work *w, const size_t *global) {
    const struct lanes *l = &w->lanes;
    cl_kernel k = exec_kernel(w->slot, FIELD_TILES);
    do {
        memset(l->stirs, 0, ROUNDS * sizeof *l->stirs);
        enum p2_err err = exec_upload(w->slot, l->changed, l->stirs, ROUNDS * sizeof *l->stirs);
        for (cl_uint round = 0; round < ROUNDS && !err; round++) {
            const struct arg args[] = {
                ARG(w->costs),   ARG(w->moves), ARG(w->labels), ARG(l->awake[round % 2]), ARG(l->awake[1 - round % 2]),
                ARG(l->changed), ARG(round),    ARG(w->shape)};
            err = set_args(w->slot, k, args, sizeof args / sizeof *args);
            if (!err) err = exec_launch(w->slot, k, 2, global, (size_t[]){PATH_TILE, PATH_TILE});
        }
        if (!err) err = exec_download(w->slot, l->changed, l->stirs, ROUNDS * sizeof *l->stirs);
        if (err) return err;
    } while (l->stirs[ROUNDS - 1]);
    return P2_OK;
}

// One field for each of the lanes.
static enum p2_err run_tiles(struct work *w, const struct path_search *searches) {
    const struct lanes *l = &w->lanes;
    size_t wide = (w->shape.w + PATH_TILE - 1) / PATH_TILE, high = (w->shape.h + PATH_TILE - 1) / PATH_TILE;
    enum p2_err err = put_searches(w, searches, w->shape.lanes);
    for (int i = 0; i < 2 && !err; i++)
        err = exec_upload(w->slot, l->awake[i], l->nobody, tiles_of(w) * w->shape.lanes);
    if (!err) err = clear(w, w->labels, all_labels(w), PATH_NONE);
    if (!err) err = seed_tiles(w, searches);
    const size_t global[] = {wide * PATH_TILE, high * w->shape.lanes * PATH_TILE};
    return err ? err : run_rounds(w, global);
}

// As many fields as there are lanes; their labels stay.
static enum p2_err run_fields(struct work *w, const struct path_search *searches) {
    if (w->gpu) return run_tiles(w, searches);
    return w->b->cost_max == 1 ? run_unit_fields(w, searches) : run_searches(w, searches, w->shape.lanes);
}

// ---- paths ----

static enum p2_err walk(struct work *w, const struct group *g, cl_uint lane) {
    const struct lanes *l = &w->lanes;
    for (uint32_t i = 0; i < g->count; i++) {
        uint32_t agent = w->order[g->first + i];
        l->walk[i] = (struct path_walk){.cell = cell_of(w, p2_path_agent(&w->view, agent).start), .agent = agent};
    }
    enum p2_err err = exec_upload(w->slot, l->walk_view, l->walk, g->count * sizeof *l->walk);
    cl_kernel k = exec_kernel(w->slot, WALK);
    cl_uint count = g->count, left = count;
    w->shape.budget = WALK_STEPS;
    const struct arg args[] = {ARG(w->costs), ARG(w->moves), ARG(w->labels), ARG(l->walk_view), ARG(w->records),
                               ARG(w->steps), ARG(count),    ARG(lane),      ARG(w->shape)};
    if (!err) err = set_args(w->slot, k, args, sizeof args / sizeof *args);
    while (left && !err) {
        err = exec_launch(w->slot, k, 1, (size_t[]){count}, (size_t[]){w->gpu ? 64 : 1});
        if (!err) err = exec_download(w->slot, l->walk_view, l->walk, count * sizeof *l->walk);
        left = 0;
        for (uint32_t i = 0; i < count && !err; i++) left += l->walk[i].phase != PATH_DONE;
    }
    return err;
}

static enum p2_err walk_fields(struct work *w, const struct group *groups, uint32_t count) {
    struct path_search searches[LANES_MAX];
    enum p2_err err = P2_OK;
    for (uint32_t first = 0; first < count && !err; first += w->shape.lanes) {
        use_lanes(w, count - first);
        for (uint32_t i = 0; i < w->shape.lanes; i++) searches[i] = groups[first + i].search;
        err = run_fields(w, searches);
        for (uint32_t i = 0; i < w->shape.lanes && !err; i++) err = walk(w, &groups[first + i], i);
    }
    return err;
}

// Puts the agents in order of their goals (nearest comes last) and says where each goal's begin. first: goals + 2 words.
static void sort_agents(struct work *w, uint32_t *first) {
    uint32_t goals = w->b->goals;
    memset(first, 0, (goals + 2) * sizeof *first);
    for (uint32_t i = 0; i < w->b->agents; i++) {
        uint32_t goal = p2_path_agent(&w->view, i).goal;
        first[(goal < goals ? goal : goals) + 1]++;
    }
    for (uint32_t g = 0; g <= goals; g++) first[g + 1] += first[g];
    for (uint32_t i = w->b->agents; i-- > 0;) { // from the end, so that first[] ends up as the beginnings
        uint32_t goal = p2_path_agent(&w->view, i).goal;
        w->order[--first[(goal < goals ? goal : goals) + 1]] = i;
    }
    memmove(first, first + 1, (goals + 1) * sizeof *first);
    first[goals + 1] = w->b->agents;
}

// What a group's agents are served by: one field, or a search each.
static void plan(const struct work *w, const uint32_t *first, struct group *groups, uint32_t *group_count,
                 struct path_search *searches, uint32_t *search_count) {
    *group_count = *search_count = 0;
    for (uint32_t goal = 0; goal <= w->b->goals; goal++) {
        bool nearest = goal == w->b->goals;
        uint32_t sharing = first[goal + 1] - first[goal];
        struct path_search s = {.first = nearest ? 0 : goal, .count = nearest ? w->b->goals : 1};
        if (sharing == 0) continue;
        uint32_t algorithm = p2_path_algorithm(w->b, nearest ? PATH_NEAREST : goal, sharing);
        if (w->gpu || algorithm == PATH_FIELD) {
            groups[(*group_count)++] = (struct group){s, first[goal], sharing};
            continue;
        }
        for (uint32_t i = first[goal]; i < first[goal + 1]; i++) {
            s.agent = w->order[i];
            s.start = cell_of(w, p2_path_agent(&w->view, s.agent).start);
            s.guided = algorithm == PATH_ASTAR;
            searches[(*search_count)++] = s;
        }
    }
}

static enum p2_err run_paths(struct work *w, size_t *out_size) {
    const struct path_block *b = w->b;
    size_t agents = b->agents, record_bytes = agents * PATH_RECORD_WORDS * 4, step_bytes = agents * b->steps;
    uint32_t *records = shared(w->slot, record_bytes, &w->records), group_count, search_count;
    uint8_t *steps = shared(w->slot, step_bytes + 1, &w->steps);
    uint32_t *first = (uint32_t *)(void *)exec_host(w->slot, (b->goals + 2) * sizeof *first);
    struct group *groups = (struct group *)(void *)exec_host(w->slot, agents * sizeof *groups);
    struct path_search *searches = (struct path_search *)(void *)exec_host(w->slot, agents * sizeof *searches);
    w->order = (uint32_t *)(void *)exec_host(w->slot, agents * sizeof *w->order);
    if (!records || !steps || !first || !groups || !searches || !w->order) return P2_ERR_DEVICE_MEMORY;
    sort_agents(w, first);
    plan(w, first, groups, &group_count, searches, &search_count);
    enum p2_err err = make_lanes(w, search_count > group_count ? search_count : group_count);
    use_lanes(w, search_count);
    if (search_count && !err) err = run_searches(w, searches, search_count);
    if (!err) err = walk_fields(w, groups, group_count);
    if (!err) err = exec_download(w->slot, w->records, records, record_bytes);
    if (!err) err = exec_download(w->slot, w->steps, steps, step_bytes);
    return err ? err : p2_path_pack(b, records, steps, w->job->out, w->job->out_capacity, out_size);
}

// ---- fields as answers ----

static enum p2_err run_field(struct work *w, size_t *out_size) {
    const struct path_block *b = w->b;
    bool lengths = b->result == PATH_DISTANCES;
    size_t cells = (size_t)b->w * b->h, size = lengths ? cells * sizeof(cl_ulong) : cells;
    if (size > w->job->out_capacity) return P2_ERR_RESULT_TOO_LARGE;
    const struct path_search whole = {.count = b->goals};
    enum p2_err err = make_lanes(w, 1);
    use_lanes(w, 1);
    if (!err) err = run_fields(w, &whole);
    if (err) return err;
    cl_mem out = exec_host_buffer(w->slot, w->job->out, size, false);
    if (!out) return P2_ERR_DEVICE_MEMORY;
    if (lengths)
        err = over_rows(w, DISTANCES, b->w, b->h, (cl_mem[]){w->labels, out}, 2);
    else
        err = over_rows(w, DIRECTIONS, b->w, b->h, (cl_mem[]){w->costs, w->moves, w->labels, out}, 4);
    *out_size = size;
    return err ? err : exec_download(w->slot, out, w->job->out, size);
}

// ---- jobs ----

// The width of a bucket: a power of two, no move leads over more than three of them. Guided, a step of sqrt(2) cost_max
// may also lead sqrt(2) away from the start.
static uint32_t bucket_shift(uint32_t cost_max) {
    uint32_t shift = 0;
    while ((cost_max + 1) * 1.41422 > 2.99 * (double)(1u << shift)) shift++;
    return PATH_VALUE_BITS + shift;
}

// The parts of the job's bytes, checked.
static enum p2_err view_of(struct exec_slot *slot, const struct exec_job *job, struct p2_path_view *view) {
    const struct path_block *b = job->block;
    size_t cells = (size_t)b->w * b->h, grid = b->source == PATH_FROM_PAYLOAD ? cells : 0;
    const uint8_t *map = job->in;
    if (b->source == PATH_FROM_BLOB) {
        if (job->blob_count != 1 || job->blobs[0].size != cells) {
            exec_why(slot, "map=blob wants one blob of %zu bytes, a byte for each cell", cells);
            return P2_ERR_BAD_PAYLOAD;
        }
        map = job->blobs[0].bytes;
    }
    enum p2_err err =
        job->in_size < grid ? P2_ERR_BAD_PAYLOAD : p2_path_view(b, map, job->in + grid, job->in_size - grid, view);
    if (err) exec_why(slot, "the payload's lists do not fit the map: a point outside it, or a goal that is not there");
    return err;
}

static enum p2_err run(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    const struct path_block *b = job->block;
    struct work w = {.slot = slot, .job = job, .b = b, .gpu = !exec_facts(slot)->is_cpu};
    uint32_t stride = (b->w + 15) / 16 * 16 + 2 * PATH_MARGIN;
    w.shape = (struct path_shape){.w = b->w,
                                  .h = b->h,
                                  .stride = stride,
                                  .cells = stride * (b->h + 2),
                                  .cost_max = b->cost_max,
                                  .neighbours = b->neighbours,
                                  .open = b->source == PATH_FROM_NOTHING,
                                  .shift = bucket_shift(b->cost_max),
                                  .steps = b->steps};
    enum p2_err err = view_of(slot, job, &w.view);
    if (!err) err = make_map(&w);
    if (!err) err = make_goals(&w);
    if (err) return err;
    return b->result == PATH_PATHS ? run_paths(&w, out_size) : run_field(&w, out_size);
}

// The reference takes the map in front of the lists.
static enum p2_err run_reference(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    const struct path_block *b = job->block;
    struct p2_path_view view;
    enum p2_err err = view_of(slot, job, &view);
    if (err) return err;
    const uint8_t *in = job->in;
    size_t size = job->in_size;
    if (b->source == PATH_FROM_BLOB) {
        size += job->blobs[0].size;
        uint8_t *both = exec_host(slot, size);
        if (!both) return P2_ERR_DEVICE_MEMORY;
        memcpy(both, job->blobs[0].bytes, job->blobs[0].size);
        if (job->in_size) memcpy(both + job->blobs[0].size, job->in, job->in_size);
        in = both;
    }
    return p2_path_reference(b, in, size, job->out, job->out_capacity, out_size);
}

static bool raw_payload(const void *block) { return ((const struct path_block *)block)->source == PATH_FROM_PAYLOAD; }

// A field over bytes at random, of which one in 256 is a closed cell.
#define BENCH_SIDE 512
static const struct p2_param bench_params[] = {
    {.name = {"map_size", 8}, .kind = P2_PARAM_INTS, .count = 2, .value.ints = {BENCH_SIDE, BENCH_SIDE}},
    {.name = {"goal", 4}, .kind = P2_PARAM_INTS, .count = 2, .value.ints = {BENCH_SIDE / 2, BENCH_SIDE / 3}},
    {.name = {"result", 6}, .kind = P2_PARAM_TEXT, .count = 1, .value.text = {"directions", 10}},
};

// warm is NULL: the known answers launch every kernel.
const struct exec_type exec_type_path = {
    .type = &p2_type_path,
    .source = path_cl,
    .kernels = kernels,
    .run = run,
    .raw_payload = raw_payload,
    .run_reference = run_reference,
    .bench_params = bench_params,
    .bench_param_count = sizeof bench_params / sizeof *bench_params,
    .bench_payload_size = BENCH_SIDE * BENCH_SIDE,
};
