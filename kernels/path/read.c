// Payload to points, and answers to bytes.
#include <string.h>

#include "kernels/path/path.h"

uint64_t p2_path_list_bytes(const struct path_block *b) {
    uint64_t bytes = (uint64_t)b->obstacles * PATH_POINT_BYTES;
    if (b->inline_query) return bytes;
    return bytes + (uint64_t)b->goals * PATH_POINT_BYTES + (uint64_t)b->agents * PATH_AGENT_BYTES;
}

struct p2_path_point p2_path_point(const uint8_t *points, uint32_t index) {
    const uint8_t *p = points + (size_t)index * PATH_POINT_BYTES;
    return (struct p2_path_point){(uint32_t)(p[0] | p[1] << 8), (uint32_t)(p[2] | p[3] << 8)};
}

struct p2_path_agent p2_path_agent(const struct p2_path_view *v, uint32_t index) {
    const uint8_t *p = v->agents + (size_t)index * PATH_AGENT_BYTES;
    return (struct p2_path_agent){p2_path_point(p, 0),
                                  p[4] | (uint32_t)p[5] << 8 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 24};
}

static void put_point(uint8_t *to, uint32_t x, uint32_t y) {
    to[0] = (uint8_t)x;
    to[1] = (uint8_t)(x >> 8);
    to[2] = (uint8_t)y;
    to[3] = (uint8_t)(y >> 8);
}

static bool inside(const struct path_block *b, const uint8_t *points, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        struct p2_path_point p = p2_path_point(points, i);
        if (p.x >= b->w || p.y >= b->h) return false;
    }
    return true;
}

enum p2_err p2_path_view(const struct path_block *b, const uint8_t *grid, const uint8_t *lists, size_t lists_size,
                         struct p2_path_view *view) {
    if (lists_size != p2_path_list_bytes(b)) return P2_ERR_BAD_PAYLOAD;
    *view = (struct p2_path_view){.grid = b->source == PATH_FROM_NOTHING ? NULL : grid, .obstacles = lists};
    if (b->inline_query) {
        put_point(view->one_goal, b->goal_x, b->goal_y);
        put_point(view->one_agent, b->start_x, b->start_y);
        view->goals = view->one_goal;
        view->agents = view->one_agent;
    } else {
        view->goals = lists + (size_t)b->obstacles * PATH_POINT_BYTES;
        view->agents = view->goals + (size_t)b->goals * PATH_POINT_BYTES;
    }
    if (!inside(b, view->obstacles, b->obstacles) || !inside(b, view->goals, b->goals)) return P2_ERR_BAD_PAYLOAD;
    for (uint32_t i = 0; i < b->agents; i++) {
        struct p2_path_agent a = p2_path_agent(view, i);
        if (a.start.x >= b->w || a.start.y >= b->h) return P2_ERR_BAD_PAYLOAD;
        if (a.goal != PATH_NEAREST && a.goal >= b->goals) return P2_ERR_BAD_PAYLOAD;
    }
    return P2_OK;
}

uint32_t p2_path_algorithm(const struct path_block *b, uint32_t goal, uint32_t sharing) {
    return goal == PATH_NEAREST || sharing >= PATH_SHARED ? PATH_FIELD : b->algorithm;
}

static void put_word(uint8_t *to, uint32_t word) {
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(word >> 8 * i);
}

enum p2_err p2_path_pack(const struct path_block *b, const uint32_t *records, const uint8_t *steps, uint8_t *out,
                         size_t capacity, size_t *out_size) {
    uint64_t size = (uint64_t)b->agents * PATH_RECORD_WORDS * 4;
    for (uint32_t i = 0; i < b->agents; i++) size += records[i * PATH_RECORD_WORDS + 3];
    if (size > capacity) return P2_ERR_RESULT_TOO_LARGE;
    for (uint32_t i = 0; i < b->agents * PATH_RECORD_WORDS; i++) put_word(out + (size_t)i * 4, records[i]);
    uint8_t *to = out + (size_t)b->agents * PATH_RECORD_WORDS * 4;
    for (uint32_t i = 0; i < b->agents; i++) {
        size_t given = records[i * PATH_RECORD_WORDS + 3];
        if (given) memcpy(to, steps + (size_t)i * b->steps, given);
        to += given;
    }
    *out_size = (size_t)size;
    return P2_OK;
}
