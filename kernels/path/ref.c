// The meaning of path. A map is cells of a cost, or closed. A step leads to one of the 8 (or 4) cells around, costs the
// cost of the cell it enters, and a diagonal one sqrt(2) times that; it needs both cells beside it open, so corners are
// not cut. Distances are to the goal, found by Dijkstra's algorithm (1959) from the goals outwards, as exact pairs.
// The path of an agent goes, at each cell, by the first of the steps (in their order) that keeps the distance.
#include <stdlib.h>
#include <string.h>

#include "kernels/path/path.h"

static const int step_x[8] = {0, 1, 0, -1, 1, 1, -1, -1};
static const int step_y[8] = {-1, 0, 1, 0, -1, 1, 1, -1};

// A length: straight + diagonal * sqrt(2).
struct length {
    uint32_t diagonal, straight;
};

struct search {
    const struct path_block *b;
    uint8_t *cost;          // of each cell, 0: closed
    struct length *to_goal; // straight PATH_UNREACHED: not reached
    uint32_t *heap, *place; // cells by length; where each lies in it, from 1; 0: nowhere
    uint32_t heap_count;
};

// a + b sqrt(2) < c + d sqrt(2), without rounding: by the signs of the differences, or else by their squares.
static bool less(struct length p, struct length q) {
    int64_t a = (int64_t)p.straight - q.straight, b = (int64_t)p.diagonal - q.diagonal;
    if (a <= 0 && b <= 0) return a < 0 || b < 0;
    if (a >= 0 && b >= 0) return false;
    return a < 0 ? a * a > 2 * b * b : a * a < 2 * b * b;
}

static bool same(struct length p, struct length q) { return p.straight == q.straight && p.diagonal == q.diagonal; }

static bool is_open(const struct search *s, int64_t x, int64_t y) {
    return x >= 0 && y >= 0 && x < s->b->w && y < s->b->h && s->cost[(size_t)y * s->b->w + (size_t)x];
}

// The cell that step k leads to; false when it may not be taken.
static bool step(const struct search *s, uint32_t cell, uint32_t k, uint32_t *to) {
    if (k >= s->b->neighbours) return false;
    int64_t x = cell % s->b->w, y = cell / s->b->w, tx = x + step_x[k], ty = y + step_y[k];
    if (!is_open(s, tx, ty) || (k >= 4 && (!is_open(s, x, ty) || !is_open(s, tx, y)))) return false;
    *to = (uint32_t)((size_t)ty * s->b->w + (size_t)tx);
    return true;
}

// `from` lengthened by step k into a cell of that cost.
static struct length longer(struct length from, uint32_t k, uint32_t cost) {
    if (k < 4)
        from.straight += cost;
    else
        from.diagonal += cost;
    return from;
}

// ---- a binary heap of cells ----

static void put(struct search *s, uint32_t place, uint32_t cell) {
    s->heap[place] = cell;
    s->place[cell] = place;
}

static void rise(struct search *s, uint32_t cell) {
    uint32_t at = s->place[cell];
    for (; at > 1 && less(s->to_goal[cell], s->to_goal[s->heap[at / 2]]); at /= 2) put(s, at, s->heap[at / 2]);
    put(s, at, cell);
}

static uint32_t take_first(struct search *s) {
    uint32_t first = s->heap[1], last = s->heap[s->heap_count--], at = 1;
    s->place[first] = 0;
    if (s->heap_count == 0) return first;
    for (uint32_t child; (child = 2 * at) <= s->heap_count; at = child) {
        if (child < s->heap_count && less(s->to_goal[s->heap[child + 1]], s->to_goal[s->heap[child]])) child++;
        if (!less(s->to_goal[s->heap[child]], s->to_goal[last])) break;
        put(s, at, s->heap[child]);
    }
    put(s, at, last);
    return first;
}

static void reach(struct search *s, uint32_t cell, struct length length) {
    if (!less(length, s->to_goal[cell])) return;
    s->to_goal[cell] = length;
    if (!s->place[cell]) put(s, ++s->heap_count, cell);
    rise(s, cell);
}

// ---- searches ----

// Distances of all cells to the nearest of `count` goals. The step considered leads from `to` into `cell`, towards the
// goal; it may be taken in both directions or in none.
static void find_distances(struct search *s, const uint8_t *goals, uint32_t count) {
    size_t cells = (size_t)s->b->w * s->b->h;
    for (size_t i = 0; i < cells; i++) s->to_goal[i] = (struct length){0, PATH_UNREACHED};
    memset(s->place, 0, cells * sizeof *s->place);
    for (uint32_t i = 0; i < count; i++) {
        struct p2_path_point p = p2_path_point(goals, i);
        if (is_open(s, p.x, p.y)) reach(s, p.y * s->b->w + p.x, (struct length){0, 0});
    }
    while (s->heap_count) {
        uint32_t cell = take_first(s), to;
        for (uint32_t k = 0; k < 8; k++)
            if (step(s, cell, k, &to)) reach(s, to, longer(s->to_goal[cell], k, s->cost[cell]));
    }
}

// The step to take from a cell, PATH_GOAL at a goal, PATH_NOWHERE where none leads to one.
static uint32_t direction(const struct search *s, uint32_t cell, uint32_t *to) {
    struct length here = s->to_goal[cell];
    if (here.straight == PATH_UNREACHED) return PATH_NOWHERE;
    for (uint32_t k = 0; k < 8; k++)
        if (step(s, cell, k, to) && same(longer(s->to_goal[*to], k, s->cost[*to]), here)) return k;
    return PATH_GOAL;
}

static void walk(const struct search *s, struct p2_path_point start, uint32_t *record, uint8_t *steps) {
    uint32_t cell = start.y * s->b->w + start.x, k, count = 0;
    record[0] = s->to_goal[cell].diagonal;
    record[1] = s->to_goal[cell].straight;
    for (uint32_t to; (k = direction(s, cell, &to)) < PATH_GOAL; cell = to) {
        if (count < s->b->steps) steps[count] = (uint8_t)k;
        count++;
    }
    record[2] = count;
    record[3] = count < s->b->steps ? count : s->b->steps;
}

static void walk_all(struct search *s, const struct p2_path_view *v, uint32_t goal, uint32_t *records, uint8_t *steps) {
    uint32_t sharing = 0;
    for (uint32_t i = 0; i < s->b->agents; i++) sharing += p2_path_agent(v, i).goal == goal;
    if (sharing == 0) return;
    if (goal == PATH_NEAREST)
        find_distances(s, v->goals, s->b->goals);
    else
        find_distances(s, v->goals + (size_t)goal * PATH_POINT_BYTES, 1);
    for (uint32_t i = 0; i < s->b->agents; i++) {
        struct p2_path_agent a = p2_path_agent(v, i);
        if (a.goal != goal) continue;
        walk(s, a.start, &records[i * PATH_RECORD_WORDS], steps + (size_t)i * s->b->steps);
        records[i * PATH_RECORD_WORDS + 4] = p2_path_algorithm(s->b, goal, sharing);
    }
}

static enum p2_err answer_paths(struct search *s, const struct p2_path_view *v, uint8_t *out, size_t capacity,
                                size_t *out_size) {
    uint32_t *records = calloc(s->b->agents, PATH_RECORD_WORDS * sizeof *records);
    uint8_t *steps = malloc((size_t)s->b->agents * s->b->steps + 1);
    enum p2_err err = P2_ERR_NO_MEMORY;
    if (records && steps) {
        for (uint32_t goal = 0; goal < s->b->goals; goal++) walk_all(s, v, goal, records, steps);
        walk_all(s, v, PATH_NEAREST, records, steps);
        err = p2_path_pack(s->b, records, steps, out, capacity, out_size);
    }
    free(records);
    free(steps);
    return err;
}

static void put_length(uint8_t *to, struct length l) {
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(l.diagonal >> 8 * i);
        to[4 + i] = (uint8_t)(l.straight >> 8 * i);
    }
}

static enum p2_err answer_field(struct search *s, const struct p2_path_view *v, uint8_t *out, size_t capacity,
                                size_t *out_size) {
    size_t cells = (size_t)s->b->w * s->b->h, size = s->b->result == PATH_DISTANCES ? 8 * cells : cells;
    if (size > capacity) return P2_ERR_RESULT_TOO_LARGE;
    find_distances(s, v->goals, s->b->goals);
    for (uint32_t i = 0, to; i < cells; i++) {
        if (s->b->result == PATH_DISTANCES)
            put_length(out + (size_t)i * 8, s->to_goal[i]);
        else
            out[i] = (uint8_t)direction(s, i, &to);
    }
    *out_size = size;
    return P2_OK;
}

static void fill_costs(struct search *s, const struct p2_path_view *v) {
    size_t cells = (size_t)s->b->w * s->b->h;
    for (size_t i = 0; i < cells; i++) {
        uint8_t cost = v->grid ? v->grid[i] : 1;
        s->cost[i] = cost > s->b->cost_max ? (uint8_t)s->b->cost_max : cost;
    }
    for (uint32_t i = 0; i < s->b->obstacles; i++) {
        struct p2_path_point p = p2_path_point(v->obstacles, i);
        s->cost[p.y * s->b->w + p.x] = 0;
    }
}

enum p2_err p2_path_reference(const void *block, const uint8_t *payload, size_t payload_size, uint8_t *out,
                              size_t out_capacity, size_t *out_size) {
    const struct path_block *b = block;
    struct search s = {.b = b};
    struct p2_path_view view;
    size_t cells = (size_t)b->w * b->h, grid = b->source == PATH_FROM_NOTHING ? 0 : cells;
    if (payload_size < grid) return P2_ERR_BAD_PAYLOAD;
    enum p2_err err = p2_path_view(b, payload, payload + grid, payload_size - grid, &view);
    if (err) return err;
    s.cost = malloc(cells);
    s.to_goal = malloc(cells * sizeof *s.to_goal);
    s.heap = malloc((cells + 1) * sizeof *s.heap);
    s.place = malloc(cells * sizeof *s.place);
    err = P2_ERR_NO_MEMORY;
    if (s.cost && s.to_goal && s.heap && s.place) {
        fill_costs(&s, &view);
        err = (b->result == PATH_PATHS ? answer_paths : answer_field)(&s, &view, out, out_capacity, out_size);
    }
    free(s.cost);
    free(s.to_goal);
    free(s.heap);
    free(s.place);
    return err;
}
