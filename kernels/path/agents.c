// Paths of agents: which of them share a field, which search for themselves; walks down fields; the answer.
#include "kernels/path/work.h"

#include <string.h>

#define WALK_STEPS 16384u // of an agent in a launch at most

struct group { // agents that are served by one field
    struct path_search search;
    uint32_t first, count; // in the agents' order
};

static enum p2_err walk(struct work *w, const struct group *g, cl_uint lane) {
    const struct lanes *l = &w->lanes;
    for (uint32_t i = 0; i < g->count; i++) {
        uint32_t agent = w->order[g->first + i];
        l->walk[i] = (struct path_walk){.cell = path_cell_of(w, p2_path_agent(&w->view, agent).start), .agent = agent};
    }
    enum p2_err err = exec_upload(w->slot, l->walk_view, l->walk, g->count * sizeof *l->walk);
    cl_kernel k = exec_kernel(w->slot, KERNEL_WALK);
    cl_uint count = g->count, left = count;
    w->shape.budget = WALK_STEPS;
    const struct arg args[] = {ARG(w->costs), ARG(w->moves), ARG(w->labels), ARG(l->walk_view), ARG(w->records),
                               ARG(w->steps), ARG(count),    ARG(lane),      ARG(w->shape)};
    if (!err) err = path_set_args(w->slot, k, args, sizeof args / sizeof *args);
    while (left && !err) {
        err = exec_launch(w->slot, k, 1, (size_t[]){count}, (size_t[]){w->gpu ? 64 : 1});
        if (!err) err = exec_download(w->slot, l->walk_view, l->walk, count * sizeof *l->walk);
        left = 0;
        for (uint32_t i = 0; i < count && !err; i++) left += l->walk[i].phase != PATH_DONE;
    }
    return err;
}

static enum p2_err walk_fields(struct work *w, const struct group *groups, uint32_t count) {
    struct path_search searches[PATH_LANES_MAX];
    enum p2_err err = P2_OK;
    for (uint32_t first = 0; first < count && !err; first += w->shape.lanes) {
        path_use_lanes(w, count - first);
        for (uint32_t i = 0; i < w->shape.lanes; i++) searches[i] = groups[first + i].search;
        err = path_run_fields(w, searches);
        for (uint32_t i = 0; i < w->shape.lanes && !err; i++) err = walk(w, &groups[first + i], i);
    }
    return err;
}

// Puts the agents in order of their goals (nearest comes last) and says where each goal's begin. first: goals + 2
// words.
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
            s.start = path_cell_of(w, p2_path_agent(&w->view, s.agent).start);
            s.guided = algorithm == PATH_ASTAR;
            searches[(*search_count)++] = s;
        }
    }
}

enum p2_err path_run_paths(struct work *w, size_t *out_size) {
    const struct path_block *b = w->b;
    size_t agents = b->agents, record_bytes = agents * PATH_RECORD_WORDS * 4, step_bytes = agents * b->steps;
    uint32_t *records = path_shared(w->slot, record_bytes, &w->records), group_count, search_count;
    uint8_t *steps = path_shared(w->slot, step_bytes + 1, &w->steps);
    uint32_t *first = (uint32_t *)(void *)exec_host(w->slot, (b->goals + 2) * sizeof *first);
    struct group *groups = (struct group *)(void *)exec_host(w->slot, agents * sizeof *groups);
    struct path_search *searches = (struct path_search *)(void *)exec_host(w->slot, agents * sizeof *searches);
    w->order = (uint32_t *)(void *)exec_host(w->slot, agents * sizeof *w->order);
    if (!records || !steps || !first || !groups || !searches || !w->order) return P2_ERR_DEVICE_MEMORY;
    sort_agents(w, first);
    plan(w, first, groups, &group_count, searches, &search_count);
    enum p2_err err = path_make_lanes(w, search_count > group_count ? search_count : group_count);
    path_use_lanes(w, search_count);
    if (search_count && !err) err = path_run_searches(w, searches, search_count);
    if (!err) err = walk_fields(w, groups, group_count);
    if (!err) err = exec_download(w->slot, w->records, records, record_bytes);
    if (!err) err = exec_download(w->slot, w->steps, steps, step_bytes);
    return err ? err : p2_path_pack(b, records, steps, w->job->out, w->job->out_capacity, out_size);
}
