#include "client/play/core/arena.h"

#include <math.h>
#include <string.h>

const struct arena_wall arena_walls[ARENA_WALLS] = {
    {0, 0, 48, 1},  {0, 26, 48, 1}, {0, 1, 1, 25},   {47, 1, 1, 25}, // around
    {7, 4, 10, 1},  {7, 5, 1, 6},   {31, 4, 10, 1},  {40, 5, 1, 6},  // four corners
    {7, 22, 10, 1}, {7, 16, 1, 6},  {31, 22, 10, 1}, {40, 16, 1, 6},
    {14, 10, 1, 7}, {33, 10, 1, 7}, {20, 7, 8, 1},   {20, 19, 8, 1}, // the yard in the middle
    {3, 13, 2, 1},  {43, 13, 2, 1},
};

bool arena_closed(int column, int row) {
    if (column < 0 || row < 0 || column >= ARENA_COLUMNS || row >= ARENA_ROWS) return true;
    for (uint32_t i = 0; i < ARENA_WALLS; i++) {
        const struct arena_wall *w = &arena_walls[i];
        if (column >= w->column && column < w->column + w->columns && row >= w->row && row < w->row + w->rows)
            return true;
    }
    return false;
}

static uint32_t clamped(float place, int count) {
    const float cell = floorf(place + (float)count / 2);
    return cell > 0 ? (uint32_t)fminf(cell, (float)(count - 1)) : 0;
}

uint32_t arena_cell(float x, float z) { return clamped(z, ARENA_ROWS) * ARENA_COLUMNS + clamped(x, ARENA_COLUMNS); }

void arena_middle(uint32_t cell, float *x, float *z) {
    *x = (float)(cell % ARENA_COLUMNS) + 0.5f - (float)ARENA_COLUMNS / 2;
    *z = (float)(cell / ARENA_COLUMNS) + 0.5f - (float)ARENA_ROWS / 2;
}

void arena_costs(uint8_t cells[ARENA_CELLS]) {
    memset(cells, 1, ARENA_CELLS);
    for (uint32_t i = 0; i < ARENA_WALLS; i++) {
        const struct arena_wall *w = &arena_walls[i];
        for (uint32_t row = w->row; row < (uint32_t)w->row + w->rows; row++)
            memset(cells + row * ARENA_COLUMNS + w->column, 0, w->columns);
    }
}

// North, east, south, west, north-east, south-east, south-west, north-west.
static const int8_t step_x[] = {0, 1, 0, -1, 1, 1, -1, -1}, step_y[] = {-1, 0, 1, 0, -1, 1, 1, -1};

uint32_t arena_toward(uint32_t cell, uint8_t step) {
    if (step > 7) return cell;
    const int column = (int)(cell % ARENA_COLUMNS) + step_x[step], row = (int)(cell / ARENA_COLUMNS) + step_y[step];
    if (column < 0 || row < 0 || column >= ARENA_COLUMNS || row >= ARENA_ROWS) return cell;
    return (uint32_t)(row * ARENA_COLUMNS + column);
}

void arena_field(uint32_t goal, uint8_t toward[ARENA_CELLS]) {
    uint16_t queue[ARENA_CELLS];
    uint8_t cells[ARENA_CELLS];
    uint32_t first = 0, count = 0;
    arena_costs(cells);
    memset(toward, ARENA_NONE, ARENA_CELLS);
    if (goal >= ARENA_CELLS || !cells[goal]) return;
    toward[goal] = ARENA_HOME;
    queue[count++] = (uint16_t)goal;
    while (first < count) {
        const uint32_t at = queue[first++];
        for (uint8_t step = 0; step < 4; step++) {
            const uint32_t from = arena_toward(at, step);
            if (!cells[from] || toward[from] != ARENA_NONE) continue;
            toward[from] = (uint8_t)((step + 2) % 4); // back to where the search came from
            queue[count++] = (uint16_t)from;
        }
    }
}
