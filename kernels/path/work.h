// A job of path on a device, between exec.c, which takes it, and its parts: launch.c, map.c, search.c, tiles.c,
// agents.c.
#ifndef KERNELS_PATH_WORK_H
#define KERNELS_PATH_WORK_H

#include "kernels/path/path.h"
#include "peer/executor/exec.h"

enum { // exec.c has their names in this order; where there are two, the one for GPUs follows the one for CPUs
    KERNEL_PAD,
    KERNEL_MOVES = 2,
    KERNEL_CLEAR = 4,
    KERNEL_DISTANCES = 6,
    KERNEL_DIRECTIONS = 8,
    KERNEL_CLOSE = 10,
    KERNEL_WALK,
    KERNEL_FIELD_UNIT,
    KERNEL_WIDEN,
    KERNEL_SEARCH,
    KERNEL_SEED_TILES,
    KERNEL_FIELD_TILES,
};

#define PATH_LANES_MAX 16u

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

// ---- launch.c -----------------------------------------------------------------------------------------------------

struct arg {
    size_t size;
    const void *value;
};
#define ARG(x)                                                                                                         \
    { sizeof(x), &(x) }

enum p2_err path_set_args(struct exec_slot *slot, cl_kernel k, const struct arg *args, cl_uint count);
uint32_t path_cell_of(const struct work *w, struct p2_path_point p);

// Host memory of `size` bytes and the device's view of it. NULL: no memory.
void *path_shared(struct exec_slot *slot, size_t size, cl_mem *view);

// One of a pair of kernels over columns x rows, whose arguments are memory objects and the shape.
enum p2_err path_over_rows(struct work *w, uint32_t pair, uint32_t columns, uint32_t rows, const cl_mem *memory,
                           cl_uint count);

// A kernel over strips of cells, whose last argument is the shape; `items` are those of a strip.
enum p2_err path_over_strips(struct work *w, cl_kernel k, cl_uint shape_arg, uint64_t cells, size_t items);

// ---- map.c --------------------------------------------------------------------------------------------------------

enum p2_err path_make_map(struct work *w);   // costs, moves: the job's own, or those kept with a blob
enum p2_err path_make_goals(struct work *w); // goals

// ---- search.c -----------------------------------------------------------------------------------------------------

enum p2_err path_make_lanes(struct work *w, uint32_t searches); // memory for so many, or for as many as go side by side
void path_use_lanes(struct work *w, uint32_t searches);         // of them, for the next launches
enum p2_err path_put_searches(struct work *w, const struct path_search *searches, cl_uint count);
enum p2_err path_clear_labels(struct work *w, cl_mem labels, cl_ulong count, cl_ulong with);
cl_ulong path_all_labels(const struct work *w); // of the lanes in use

// Searches with a start, any number; or without, one for each lane.
enum p2_err path_run_searches(struct work *w, const struct path_search *searches, cl_uint count);

// As many fields as there are lanes; their labels stay.
enum p2_err path_run_fields(struct work *w, const struct path_search *searches);

// ---- tiles.c: fields on a GPU -------------------------------------------------------------------------------------

enum p2_err path_make_tiles(struct work *w);
enum p2_err path_run_tiles(struct work *w, const struct path_search *searches); // one field for each of the lanes

// ---- agents.c -----------------------------------------------------------------------------------------------------

enum p2_err path_run_paths(struct work *w, size_t *out_size); // the answer to result=paths

#endif
