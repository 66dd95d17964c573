// A frame cut into bands of equal predicted cost. What rows cost is learned from the tiles of earlier frames: a map of
// cost over the picture's height is corrected by what each tile took against what the map had said (multiplicative
// algebraic reconstruction: Gordon, Bender and Herman, 1970), by half each time. How slow a machine is against the
// others is learned beside it from the same differences, so that its rows do not look costly. Rows are counted in
// steps: p2_task_bands of kernels/task_type.h says what a step is, and how many beyond a cut (ghost rows) a tile has to
// compute besides its own.
#ifndef CLIENT_CORE_TILES_H
#define CLIENT_CORE_TILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"

#define TILES_MAX 64u        // of a frame
#define TILES_BINS 512u      // of the map; a cut lies between two
#define TILES_WORTH_NS P2_MS // of a device: a smaller tile costs more to send than it saves

#define TILES_PEERS 64u // whose speed is remembered; then the one heard of longest ago is forgotten

struct tile {
    uint32_t first, steps; // of the picture; ghosts not counted
};

struct tiles_peer {
    uint64_t name;   // 0: free
    uint64_t heard;  // when last, in tiles
    double slowness; // 1: as the others on average
};

struct tiles {
    uint32_t steps, ghost;   // of the picture; beyond a cut
    uint32_t per_bin, bins;  // steps of a bin (the last may have fewer)
    bool known;              // something was learned: cost is in nanoseconds, else relative
    double cost[TILES_BINS]; // on an average peer
    uint64_t heard;          // tiles
    struct tiles_peer peers[TILES_PEERS];
};

// steps at least 1. Nothing is known: all rows cost the same.
void p2_tiles_init(struct tiles *t, uint32_t steps, uint32_t ghost);

// Predicted cost of one tile with its ghosts.
double p2_tiles_cost(const struct tiles *t, struct tile tile);

// How much dearer a row of the tile is than one of the whole picture, in per cent, P2_WEIGHT_MIN to _MAX; 0: not known.
uint32_t p2_tiles_weight(const struct tiles *t, struct tile tile);

// How many tiles are worth it for so many peers (0: it is not known how many): none smaller than TILES_WORTH_NS, and
// ghosts no more than half of a tile's own rows.
uint32_t p2_tiles_worth(const struct tiles *t, uint32_t peers);

// At most `count` tiles (1 to TILES_MAX) that make up the picture, from its top. Returns how many: fewer when more
// would be no faster.
uint32_t p2_tiles_cut(const struct tiles *t, uint32_t count, struct tile out[TILES_MAX]);

// A tile took so long on the device of the peer of that name (0: not known whose).
void p2_tiles_learn(struct tiles *t, struct tile tile, uint64_t peer, p2_ns took);

double p2_tiles_slowness(const struct tiles *t, uint64_t peer); // against the others on average; 1: not heard of

#endif
