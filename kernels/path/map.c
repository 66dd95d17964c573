// The map on a device, padded, and the moves of each cell: of the job alone, or kept for all that refer to its blob.
#include "kernels/path/work.h"
#include "os/os.h"

static enum p2_err close_cells(struct work *w) {
    cl_uint count = w->b->obstacles;
    if (count == 0) return P2_OK;
    cl_mem list;
    uint32_t *cells = path_shared(w->slot, count * sizeof *cells, &list);
    if (!cells) return P2_ERR_DEVICE_MEMORY;
    for (uint32_t i = 0; i < count; i++) cells[i] = path_cell_of(w, p2_path_point(w->view.obstacles, i));
    enum p2_err err = exec_upload(w->slot, list, cells, count * sizeof *cells);
    cl_kernel k = exec_kernel(w->slot, KERNEL_CLOSE);
    if (!err) err = path_set_args(w->slot, k, (struct arg[]){ARG(w->costs), ARG(list), ARG(count)}, 3);
    return err ? err : exec_launch(w->slot, k, 1, (size_t[]){count}, (size_t[]){64});
}

static enum p2_err find_moves(struct work *w) {
    return path_over_rows(w, KERNEL_MOVES, w->shape.stride, w->b->h + 2, (cl_mem[]){w->costs, w->moves}, 2);
}

static enum p2_err pad(struct work *w, size_t grid_size) {
    cl_mem grid = w->costs; // not looked at when every cell is open
    if (grid_size) grid = exec_host_buffer(w->slot, (void *)(uintptr_t)w->view.grid, grid_size, true);
    if (!grid) return P2_ERR_DEVICE_MEMORY;
    return path_over_rows(w, KERNEL_PAD, w->shape.stride, w->b->h + 2, (cl_mem[]){grid, w->costs}, 2);
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

enum p2_err path_make_map(struct work *w) {
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

enum p2_err path_make_goals(struct work *w) {
    uint32_t *cells = path_shared(w->slot, w->b->goals * sizeof *cells, &w->goals);
    if (!cells) return P2_ERR_DEVICE_MEMORY;
    for (uint32_t i = 0; i < w->b->goals; i++) cells[i] = path_cell_of(w, p2_path_point(w->view.goals, i));
    return exec_upload(w->slot, w->goals, cells, w->b->goals * sizeof *cells);
}
