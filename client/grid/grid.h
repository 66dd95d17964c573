// Maps and queries for ai_pathfinding tasks: from the text formats of the pathfinding benchmarks (Sturtevant,
// "Benchmarks for Grid-Based Pathfinding", 2012) and from pictures to the bytes of a payload, and from a result's bytes
// back to paths. What these bytes mean is in kernels/README.md. No I/O; what is read may be anybody's bytes.
#ifndef CLIENT_GRID_GRID_H
#define CLIENT_GRID_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

#define P2_GRID_SIDE_MAX 16384u
#define P2_GRID_CELLS_MAX (16u << 20)
#define P2_GRID_QUERIES_MAX 1000000u

struct p2_grid {
    uint32_t w, h;
    uint8_t *cells; // w * h, row by row: 0 closed, else what it costs to enter; p2_grid_free
};

// All closed. False with a sentence in why: no such size, or no memory.
bool p2_grid_init(struct p2_grid *g, uint32_t w, uint32_t h, struct p2_strbuf *why);
void p2_grid_free(struct p2_grid *g);

// A `.map` file: "type octile", "height H", "width W", "map", then H rows of W letters. '.', 'G' (ground) and 'S'
// (swamp) are open at cost 1, '@', 'O' (out of bounds), 'T' (trees) and 'W' (water) closed, as the published lengths
// have it. False with a sentence in why that names the line; g is to be freed in no case then.
bool p2_grid_read_map(const char *text, size_t size, struct p2_grid *g, struct p2_strbuf *why);

// A picture's pixels (3 or 4 channels): black is closed, white costs 1, and in between the darker the dearer up to
// cost_max; with cost_max 1 the darker half is closed. g has the picture's size.
void p2_grid_paint(struct p2_grid *g, const uint8_t *pixels, uint32_t channels, uint32_t cost_max);

struct p2_grid_query {
    uint32_t start_x, start_y, goal_x, goal_y;
    double length;     // as published; negative: none is
    uint32_t decimals; // of its text
};

struct p2_grid_queries {
    struct p2_grid_query *items; // free()
    uint32_t count;
};

// A `.scen` file for that map: "version 1", then lines of bucket, map's name, its width and height, start x and y, goal
// x and y, optimal length. False with a sentence in why: not of that form, of another map size, or a point outside.
bool p2_grid_read_scen(const char *text, size_t size, const struct p2_grid *g, struct p2_grid_queries *out,
                       struct p2_strbuf *why);

// Is it what was published, to the last place that was printed there?
bool p2_grid_is_published(const struct p2_grid_query *q, double length);

// ---- payloads and results ----

#define P2_GRID_POINT_BYTES 4
#define P2_GRID_AGENT_BYTES 8

// Append; the end of what was written.
uint8_t *p2_grid_put_point(uint8_t *to, uint32_t x, uint32_t y);
uint8_t *p2_grid_put_agent(uint8_t *to, uint32_t x, uint32_t y, uint32_t goal);

struct p2_grid_answer {
    bool reached;
    double length; // straight + diagonal * sqrt(2), rounded once
    uint32_t straight, diagonal;
    uint32_t steps, given; // of the path; of them in `path`
    const char *algorithm; // "astar", "dijkstra" or "field"; static
    const uint8_t *path;   // steps 0..7; borrows the result
};

// A result of paths for that many agents, checked as a stranger's bytes. False: it is none.
bool p2_grid_read_answers(const uint8_t *bytes, size_t size, uint32_t agents, struct p2_grid_answer *out);

// Length of cell `index` in a result of distances; negative: there is no way.
double p2_grid_distance(const uint8_t *bytes, size_t index);

void p2_grid_step(uint32_t step, uint32_t *x, uint32_t *y); // goes one step, 0..7; coordinates may wrap

#endif
