// What spec.c, read.c, ref.c and exec.c of path share.
#ifndef KERNELS_PATH_PATH_H
#define KERNELS_PATH_PATH_H

#include "kernels/path/layout.h"
#include "kernels/task_type.h"

// The parts of a payload, all of them checked. Borrows the bytes.
struct p2_path_view {
    const uint8_t *grid; // w * h bytes; NULL: every cell is open
    const uint8_t *obstacles, *goals, *agents;
    uint8_t one_goal[PATH_POINT_BYTES], one_agent[PATH_AGENT_BYTES]; // of a query by parameters
};

struct p2_path_point {
    uint32_t x, y;
};

struct p2_path_agent {
    struct p2_path_point start;
    uint32_t goal; // index, or PATH_NEAREST
};

// Bytes of the lists behind the grid; below 2^27.
uint64_t p2_path_list_bytes(const struct path_block *b);

// lists: what follows the grid. Every coordinate within the map, every goal among the goals. P2_ERR_BAD_PAYLOAD else.
// The view lends its own points: it must not be moved.
enum p2_err p2_path_view(const struct path_block *b, const uint8_t *grid, const uint8_t *lists, size_t lists_size,
                         struct p2_path_view *view);

struct p2_path_point p2_path_point(const uint8_t *points, uint32_t index);
struct p2_path_agent p2_path_agent(const struct p2_path_view *v, uint32_t index);

// By which algorithm an agent is served whose goal it has in common with `sharing` - 1 others.
uint32_t p2_path_algorithm(const struct path_block *b, uint32_t goal, uint32_t sharing);

// Answers to paths, put together: records of PATH_RECORD_WORDS words, then the steps of each, which lie `b->steps`
// apart. P2_ERR_RESULT_TOO_LARGE when capacity is short.
enum p2_err p2_path_pack(const struct path_block *b, const uint32_t *records, const uint8_t *steps, uint8_t *out,
                         size_t capacity, size_t *out_size);

// With the map in a blob, `payload` is the blob's bytes and then the task's payload.
enum p2_err p2_path_reference(const void *block, const uint8_t *payload, size_t payload_size, uint8_t *out,
                              size_t out_capacity, size_t *out_size);

extern const struct p2_task_type p2_type_path;

#endif
