// The ground of the game: cells of one metre, walls, and ways over it. x goes east, y up, z south; row 0 of the map is
// its northern edge. Pure.
#ifndef CLIENT_PLAY_CORE_ARENA_H
#define CLIENT_PLAY_CORE_ARENA_H

#include <stdbool.h>
#include <stdint.h>

#define ARENA_COLUMNS 48
#define ARENA_ROWS 27
#define ARENA_CELLS (ARENA_COLUMNS * ARENA_ROWS)
#define ARENA_WALLS 18
#define ARENA_WALL_HEIGHT 1.3f // m
#define ARENA_COST_MAX 9
#define ARENA_HOME 8u   // in a field: the goal
#define ARENA_NONE 255u // no way from there

struct arena_wall {
    uint8_t column, row, columns, rows;
};

extern const struct arena_wall arena_walls[ARENA_WALLS];

bool arena_closed(int column, int row); // also all that is outside

// Cell and its middle, metres. A place outside belongs to the nearest cell.
uint32_t arena_cell(float x, float z);
void arena_middle(uint32_t cell, float *x, float *z);

// What entering each cell costs when nothing lies about: 0 closed, else 1.
void arena_costs(uint8_t cells[ARENA_CELLS]);

// Where a step 0..7 of a field leads (kernels/README.md, path): the neighbour, or the cell itself for other values and
// steps off the map.
uint32_t arena_toward(uint32_t cell, uint8_t step);

// The game's own field, when nobody else brings one: breadth first over four neighbours, every open cell alike.
void arena_field(uint32_t goal, uint8_t toward[ARENA_CELLS]);

#endif
