// Arguments, memory and launches of a bounded share of the work.
#include "kernels/path/work.h"

// Of a launch at most, enough to make its start cheap; slow devices take fewer.
#define LAUNCH_CELLS (1u << 19) // of what takes a few nanoseconds a cell

enum p2_err path_set_args(struct exec_slot *slot, cl_kernel k, const struct arg *args, cl_uint count) {
    cl_int e = CL_SUCCESS;
    for (cl_uint i = 0; i < count && !e; i++) e = clSetKernelArg(k, i, args[i].size, args[i].value);
    return exec_check(slot, e, "kernel argument");
}

uint32_t path_cell_of(const struct work *w, struct p2_path_point p) {
    return (p.y + 1) * w->shape.stride + PATH_MARGIN + p.x;
}

enum p2_err path_over_rows(struct work *w, uint32_t pair, uint32_t columns, uint32_t rows, const cl_mem *memory,
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

void *path_shared(struct exec_slot *slot, size_t size, cl_mem *view) {
    void *host = exec_host(slot, size);
    *view = host ? exec_host_buffer(slot, host, size, false) : NULL;
    return *view ? host : NULL;
}

enum p2_err path_over_strips(struct work *w, cl_kernel k, cl_uint shape_arg, uint64_t cells, size_t items) {
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
