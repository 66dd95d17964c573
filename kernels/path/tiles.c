// Fields on a GPU: tiles that relax their cells for as long as a neighbour has woken them (tiles.cl).
#include "kernels/path/work.h"

#include <string.h>

#define ROUNDS 16u // launches between two looks at whether any tile is awake

static size_t tiles_of(const struct work *w) {
    size_t wide = (w->shape.w + PATH_TILE - 1) / PATH_TILE, high = (w->shape.h + PATH_TILE - 1) / PATH_TILE;
    return wide * high;
}

enum p2_err path_make_tiles(struct work *w) {
    struct lanes *l = &w->lanes;
    size_t tiles = tiles_of(w) * w->lanes_most;
    l->awake[0] = exec_buffer(w->slot, tiles);
    l->awake[1] = exec_buffer(w->slot, tiles);
    l->stirs = path_shared(w->slot, ROUNDS * sizeof *l->stirs, &l->changed);
    l->nobody = exec_host(w->slot, tiles);
    if (!l->awake[0] || !l->awake[1] || !l->stirs || !l->nobody) return P2_ERR_DEVICE_MEMORY;
    memset(l->nobody, 0, tiles);
    return P2_OK;
}

static enum p2_err seed_tiles(struct work *w, const struct path_search *searches) {
    const struct lanes *l = &w->lanes;
    cl_kernel k = exec_kernel(w->slot, KERNEL_SEED_TILES);
    for (cl_uint lane = 0; lane < w->shape.lanes; lane++) {
        const struct arg args[] = {ARG(w->costs),       ARG(w->labels), ARG(l->awake[0]), ARG(w->goals),
                                   ARG(l->search_view), ARG(lane),      ARG(w->shape)};
        enum p2_err err = path_set_args(w->slot, k, args, sizeof args / sizeof *args);
        size_t items = searches[lane].count;
        if (!err) err = exec_launch(w->slot, k, 1, &items, (size_t[]){64});
        if (err) return err;
    }
    return P2_OK;
}

// Rounds over all tiles until none is awake; who is awake alternates between two maps of tiles.
static enum p2_err run_rounds(struct work *w, const size_t *global) {
    const struct lanes *l = &w->lanes;
    cl_kernel k = exec_kernel(w->slot, KERNEL_FIELD_TILES);
    do {
        memset(l->stirs, 0, ROUNDS * sizeof *l->stirs);
        enum p2_err err = exec_upload(w->slot, l->changed, l->stirs, ROUNDS * sizeof *l->stirs);
        for (cl_uint round = 0; round < ROUNDS && !err; round++) {
            const struct arg args[] = {
                ARG(w->costs),   ARG(w->moves), ARG(w->labels), ARG(l->awake[round % 2]), ARG(l->awake[1 - round % 2]),
                ARG(l->changed), ARG(round),    ARG(w->shape)};
            err = path_set_args(w->slot, k, args, sizeof args / sizeof *args);
            if (!err) err = exec_launch(w->slot, k, 2, global, (size_t[]){PATH_TILE, PATH_TILE});
        }
        if (!err) err = exec_download(w->slot, l->changed, l->stirs, ROUNDS * sizeof *l->stirs);
        if (err) return err;
    } while (l->stirs[ROUNDS - 1]);
    return P2_OK;
}

enum p2_err path_run_tiles(struct work *w, const struct path_search *searches) {
    const struct lanes *l = &w->lanes;
    size_t wide = (w->shape.w + PATH_TILE - 1) / PATH_TILE, high = (w->shape.h + PATH_TILE - 1) / PATH_TILE;
    enum p2_err err = path_put_searches(w, searches, w->shape.lanes);
    for (int i = 0; i < 2 && !err; i++)
        err = exec_upload(w->slot, l->awake[i], l->nobody, tiles_of(w) * w->shape.lanes);
    if (!err) err = path_clear_labels(w, w->labels, path_all_labels(w), PATH_NONE);
    if (!err) err = seed_tiles(w, searches);
    const size_t global[] = {wide * PATH_TILE, high * w->shape.lanes * PATH_TILE};
    return err ? err : run_rounds(w, global);
}
