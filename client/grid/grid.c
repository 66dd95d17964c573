#include "grid.h"

#include <math.h>
#include <stdlib.h>

bool p2_grid_init(struct p2_grid *g, uint32_t w, uint32_t h, struct p2_strbuf *why) {
    *g = (struct p2_grid){.w = w, .h = h};
    if (w < 1 || h < 1 || w > P2_GRID_SIDE_MAX || h > P2_GRID_SIDE_MAX || (uint64_t)w * h > P2_GRID_CELLS_MAX) {
        p2_strbuf_printf(why, "a map of %ux%u cells: sides are 1 to %u, cells at most %u million", w, h,
                         P2_GRID_SIDE_MAX, P2_GRID_CELLS_MAX >> 20);
        return false;
    }
    g->cells = calloc((size_t)w * h, 1);
    if (!g->cells) p2_strbuf_printf(why, "memory is short");
    return g->cells != NULL;
}

void p2_grid_free(struct p2_grid *g) {
    free(g->cells);
    *g = (struct p2_grid){0};
}

void p2_grid_paint(struct p2_grid *g, const uint8_t *pixels, uint32_t channels, uint32_t cost_max) {
    for (size_t i = 0; i < (size_t)g->w * g->h; i++, pixels += channels) {
        uint32_t luma = (pixels[0] * 77u + pixels[1] * 150u + pixels[2] * 29u + 128) >> 8;
        uint32_t dear = (255 - luma) * cost_max / 255; // 0 for white .. cost_max for black
        if (cost_max == 1)
            g->cells[i] = luma >= 128;
        else
            g->cells[i] = luma == 0 ? 0 : (uint8_t)(1 + (dear < cost_max ? dear : cost_max - 1));
    }
}

// ---- payloads and results ----

static uint8_t *put_number(uint8_t *to, uint32_t number, int bytes) {
    for (int i = 0; i < bytes; i++) *to++ = (uint8_t)(number >> 8 * i);
    return to;
}

static uint32_t take_number(const uint8_t *from) {
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

uint8_t *p2_grid_put_point(uint8_t *to, uint32_t x, uint32_t y) { return put_number(put_number(to, x, 2), y, 2); }

uint8_t *p2_grid_put_agent(uint8_t *to, uint32_t x, uint32_t y, uint32_t goal) {
    return put_number(p2_grid_put_point(to, x, y), goal, 4);
}

#define RECORD_BYTES 20
#define UNREACHED 0x7fffffffu // straight part

static double length_of(uint32_t straight, uint32_t diagonal) {
    return straight == UNREACHED ? -1 : (double)straight + (double)diagonal * sqrt(2.0);
}

bool p2_grid_read_answers(const uint8_t *bytes, size_t size, uint32_t agents, struct p2_grid_answer *out) {
    static const char *const algorithms[] = {"astar", "dijkstra", "field"};
    if (size / RECORD_BYTES < agents) return false;
    const uint8_t *path = bytes + (size_t)agents * RECORD_BYTES, *end = bytes + size;
    for (uint32_t i = 0; i < agents; i++, bytes += RECORD_BYTES) {
        struct p2_grid_answer *a = &out[i];
        uint32_t algorithm = take_number(bytes + 16);
        *a = (struct p2_grid_answer){.diagonal = take_number(bytes),
                                     .straight = take_number(bytes + 4),
                                     .steps = take_number(bytes + 8),
                                     .given = take_number(bytes + 12),
                                     .path = path};
        a->reached = a->straight != UNREACHED;
        a->length = length_of(a->straight, a->diagonal);
        if (algorithm >= sizeof algorithms / sizeof *algorithms || a->given > a->steps) return false;
        if (a->given > (size_t)(end - path) || (!a->reached && a->steps)) return false;
        a->algorithm = algorithms[algorithm];
        for (uint32_t k = 0; k < a->given; k++)
            if (path[k] > 7) return false;
        path += a->given;
    }
    return path == end;
}

double p2_grid_distance(const uint8_t *bytes, size_t index) {
    return length_of(take_number(bytes + index * 8 + 4), take_number(bytes + index * 8));
}

void p2_grid_step(uint32_t step, uint32_t *x, uint32_t *y) {
    static const int dx[8] = {0, 1, 0, -1, 1, 1, -1, -1}, dy[8] = {-1, 0, 1, 0, -1, 1, 1, -1};
    *x += (uint32_t)dx[step & 7];
    *y += (uint32_t)dy[step & 7];
}
