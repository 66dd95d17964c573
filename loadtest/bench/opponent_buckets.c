#include "loadtest/bench/opponent_buckets.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define RING 15 // lengths of one step differ by at most 14
#define STRAIGHT 10
#define DIAGONAL 14

struct bucket {
    uint32_t *cells;
    size_t count, room;
};

struct buckets {
    int w, h, stride;
    uint8_t *open; // with a closed border
    uint32_t *length;
    uint8_t *step;
    struct bucket ring[RING];
    size_t waiting;
};

struct buckets *buckets_create(const uint8_t *open, int w, int h) {
    struct buckets *b = calloc(1, sizeof *b);
    P2_CHECK(b);
    *b = (struct buckets){.w = w, .h = h, .stride = w + 2};
    size_t cells = (size_t)b->stride * (size_t)(h + 2);
    b->open = calloc(cells, 1);
    b->length = malloc(cells * sizeof *b->length);
    b->step = malloc(cells);
    P2_CHECK(b->open && b->length && b->step);
    for (int y = 0; y < h; y++)
        memcpy(b->open + (size_t)(y + 1) * (size_t)b->stride + 1, open + (size_t)y * (size_t)w, (size_t)w);
    return b;
}

void buckets_destroy(struct buckets *b) {
    for (int i = 0; i < RING; i++) free(b->ring[i].cells);
    free(b->open);
    free(b->length);
    free(b->step);
    free(b);
}

static void push(struct buckets *b, uint32_t cell, uint32_t length) {
    struct bucket *to = &b->ring[length % RING];
    if (to->count == to->room) {
        to->room = to->room ? 2 * to->room : 1024;
        to->cells = realloc(to->cells, to->room * sizeof *to->cells);
        P2_CHECK(to->cells);
    }
    to->cells[to->count++] = cell;
    b->waiting++;
}

static inline void reach(struct buckets *b, uint32_t cell, uint32_t length, uint8_t step) {
    if (length >= b->length[cell]) return;
    b->length[cell] = length;
    b->step[cell] = step;
    push(b, cell, length);
}

// Steps are told as seen from the cell that is reached: the way back.
static void expand(struct buckets *b, uint32_t cell, uint32_t length) {
    const uint32_t row = (uint32_t)b->stride;
    const uint8_t *open = b->open;
    const uint32_t n = cell - row, e = cell + 1, s = cell + row, w = cell - 1;
    const uint32_t straight = length + STRAIGHT, diagonal = length + DIAGONAL;
    if (open[n]) reach(b, n, straight, 2);
    if (open[e]) reach(b, e, straight, 3);
    if (open[s]) reach(b, s, straight, 0);
    if (open[w]) reach(b, w, straight, 1);
    if (open[n] && open[e] && open[n + 1]) reach(b, n + 1, diagonal, 6);
    if (open[s] && open[e] && open[s + 1]) reach(b, s + 1, diagonal, 7);
    if (open[s] && open[w] && open[s - 1]) reach(b, s - 1, diagonal, 4);
    if (open[n] && open[w] && open[n - 1]) reach(b, n - 1, diagonal, 5);
}

static void copy_rows(const struct buckets *b, uint32_t *lengths, uint8_t *steps) {
    for (int y = 0; y < b->h; y++) {
        size_t from = (size_t)(y + 1) * (size_t)b->stride + 1, to = (size_t)y * (size_t)b->w;
        memcpy(lengths + to, b->length + from, (size_t)b->w * sizeof *lengths);
        if (steps) memcpy(steps + to, b->step + from, (size_t)b->w);
    }
}

void buckets_field(struct buckets *b, int goal_x, int goal_y, uint32_t *lengths, uint8_t *steps) {
    size_t cells = (size_t)b->stride * (size_t)(b->h + 2);
    memset(b->length, 0xff, cells * sizeof *b->length);
    reach(b, (uint32_t)((goal_y + 1) * b->stride + goal_x + 1), 0, 8);
    for (uint32_t length = 0; b->waiting; length++) {
        struct bucket *now = &b->ring[length % RING];
        for (size_t i = 0; i < now->count; i++)
            if (b->length[now->cells[i]] == length) expand(b, now->cells[i], length);
        b->waiting -= now->count;
        now->count = 0;
    }
    copy_rows(b, lengths, steps);
}
