// Searches side by side, each in a lane of labels and queues; fields are searches without a start.
#include "kernels/path/work.h"

#include <string.h>

#define LANE_CELLS 100000u // that a search takes off its queues in a launch at most
#define LAYERS_MAX 8u      // fields at once on a GPU

enum p2_err path_clear_labels(struct work *w, cl_mem labels, cl_ulong count, cl_ulong with) {
    cl_kernel k = exec_kernel(w->slot, KERNEL_CLEAR + w->gpu);
    enum p2_err err = path_set_args(w->slot, k, (struct arg[]){ARG(labels), ARG(count), ARG(with)}, 3);
    return err ? err : path_over_strips(w, k, 3, count, w->gpu ? PATH_STRIP : 1);
}

cl_ulong path_all_labels(const struct work *w) { return (cl_ulong)w->shape.lanes * w->shape.cells; }

// How many searches go side by side: no more than there are, than the device has cores, or than memory allows.
static uint32_t lanes_for(const struct work *w, uint32_t searches) {
    const struct exec_device_facts *facts = exec_facts(w->slot);
    uint64_t cells = w->shape.cells, widest = cells * PATH_BUCKETS * 4, all = widest + cells * 12;
    uint32_t lanes = w->gpu                                  ? LAYERS_MAX
                     : facts->compute_units < PATH_LANES_MAX ? facts->compute_units
                                                             : PATH_LANES_MAX;
    if (lanes > searches) lanes = searches;
    while (lanes > 1 && (lanes * widest > facts->buffer_bytes_max || lanes * all > facts->memory_bytes / 2)) lanes--;
    return lanes ? lanes : 1;
}

enum p2_err path_make_lanes(struct work *w, uint32_t searches) {
    struct lanes *l = &w->lanes;
    size_t cells = w->shape.cells, agents = w->b->agents ? w->b->agents : 1;
    w->lanes_most = lanes_for(w, searches);
    w->shape.capacity = w->shape.cells + 1;
    w->labels = exec_buffer(w->slot, w->lanes_most * cells * sizeof(cl_ulong));
    l->lane = path_shared(w->slot, w->lanes_most * sizeof *l->lane, &l->lane_view);
    l->search = path_shared(w->slot, searches * sizeof *l->search, &l->search_view);
    l->walk = path_shared(w->slot, agents * sizeof *l->walk, &l->walk_view);
    if (!w->labels || !l->lane || !l->search || !l->walk) return P2_ERR_DEVICE_MEMORY;
    if (w->gpu) return path_make_tiles(w);
    w->queues = exec_buffer(w->slot, w->lanes_most * (size_t)w->shape.capacity * PATH_BUCKETS * sizeof(cl_uint));
    w->touched = exec_buffer(w->slot, w->lanes_most * cells * sizeof(cl_uint));
    return w->queues && w->touched ? P2_OK : P2_ERR_DEVICE_MEMORY;
}

void path_use_lanes(struct work *w, uint32_t searches) {
    w->shape.lanes = searches < w->lanes_most ? searches : w->lanes_most;
}

// Launches k, whose argument shape_arg is the shape, until every lane is done; each launch takes so many cells of a
// lane.
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

enum p2_err path_put_searches(struct work *w, const struct path_search *searches, cl_uint count) {
    struct lanes *l = &w->lanes;
    memcpy(l->search, searches, count * sizeof *l->search);
    return exec_upload(w->slot, l->search_view, l->search, count * sizeof *l->search);
}

static enum p2_err start_lanes(struct work *w, const struct path_search *searches, cl_uint count) {
    struct lanes *l = &w->lanes;
    for (uint32_t i = 0; i < w->shape.lanes; i++) l->lane[i] = (struct path_lane){.search = i, .phase = PATH_SEED};
    enum p2_err err = exec_upload(w->slot, l->lane_view, l->lane, w->shape.lanes * sizeof *l->lane);
    return err ? err : path_put_searches(w, searches, count);
}

enum p2_err path_run_searches(struct work *w, const struct path_search *searches, cl_uint count) {
    struct lanes *l = &w->lanes;
    enum p2_err err = start_lanes(w, searches, count);
    if (!err) err = path_clear_labels(w, w->labels, path_all_labels(w), PATH_NONE);
    if (err) return err;
    cl_mem records = w->records ? w->records : w->touched, steps = w->steps ? w->steps : w->touched; // fields have none
    cl_kernel k = exec_kernel(w->slot, KERNEL_SEARCH);
    const struct arg args[] = {ARG(w->costs),     ARG(w->moves), ARG(w->labels),      ARG(w->queues),
                               ARG(w->touched),   ARG(w->goals), ARG(l->search_view), ARG(count),
                               ARG(l->lane_view), ARG(records),  ARG(steps)};
    err = path_set_args(w->slot, k, args, sizeof args / sizeof *args);
    return err ? err : run_lanes(w, k, sizeof args / sizeof *args);
}

// One field for each lane where every cell costs 1: by short labels, in memory that only searches have another use for;
// again with long ones if it is too large for those.
static enum p2_err run_unit_fields(struct work *w, const struct path_search *searches) {
    struct lanes *l = &w->lanes;
    enum p2_err err = start_lanes(w, searches, w->shape.lanes);
    if (!err) err = path_clear_labels(w, w->touched, path_all_labels(w) / 2, 0);
    if (err) return err;
    cl_kernel k = exec_kernel(w->slot, KERNEL_FIELD_UNIT);
    const struct arg args[] = {ARG(w->costs), ARG(w->moves),       ARG(w->touched),  ARG(w->queues),
                               ARG(w->goals), ARG(l->search_view), ARG(l->lane_view)};
    err = path_set_args(w->slot, k, args, sizeof args / sizeof *args);
    if (!err) err = run_lanes(w, k, sizeof args / sizeof *args);
    if (err) return err;
    for (uint32_t i = 0; i < w->shape.lanes; i++)
        if (l->lane[i].phase == PATH_TOO_LONG) return path_run_searches(w, searches, w->shape.lanes);
    k = exec_kernel(w->slot, KERNEL_WIDEN);
    const struct arg wide[] = {ARG(w->touched), ARG(w->queues), ARG(w->labels)};
    err = path_set_args(w->slot, k, wide, sizeof wide / sizeof *wide);
    uint64_t strips = (w->shape.cells + PATH_STRIP - 1) / PATH_STRIP * (uint64_t)w->shape.lanes;
    return err ? err : path_over_strips(w, k, 3, strips * PATH_STRIP, 1);
}

enum p2_err path_run_fields(struct work *w, const struct path_search *searches) {
    if (w->gpu) return path_run_tiles(w, searches);
    return w->b->cost_max == 1 ? run_unit_fields(w, searches) : path_run_searches(w, searches, w->shape.lanes);
}
