// What host and device share of path: the parameter block of a task, the padded map, and the state of a search.
#ifndef KERNELS_PATH_LAYOUT_H
#define KERNELS_PATH_LAYOUT_H

#define PATH_SIDE_MAX 16384u
#define PATH_CELLS_MAX (16u << 20)
#define PATH_COST_MAX 255u
#define PATH_OBSTACLES_MAX (4u << 20)
#define PATH_POINTS_MAX 65536u     // goals, and agents
#define PATH_BYTES_MAX (64u << 20) // of a payload or a result
#define PATH_WEIGHT_MAX (1u << 30) // cells times cost_max: up to there PATH_VALUE orders all lengths
#define PATH_NEAREST 0xffffffffu   // an agent's goal: whichever is nearest
#define PATH_SHARED 4u             // agents of one goal that are served by one field
#define PATH_UNREACHED 0x7fffffffu // straight part of a distance that is none
#define PATH_GOAL 8u               // in a map of directions; 0..7 are steps
#define PATH_NOWHERE 255u          // likewise: no way to a goal from here
#define PATH_POINT_BYTES 4u        // x, y: 16 bits each
#define PATH_AGENT_BYTES 8u        // x, y, goal
#define PATH_RECORD_WORDS 5u       // of an agent's answer: diagonal, straight, steps, given, algorithm

// Where the map comes from.
#define PATH_FROM_PAYLOAD 0u
#define PATH_FROM_BLOB 1u
#define PATH_FROM_NOTHING 2u // every cell is open

// What is asked for, in the order of the parameter's choices.
#define PATH_PATHS 0u
#define PATH_DISTANCES 1u
#define PATH_DIRECTIONS 2u

// Who found a path.
#define PATH_ASTAR 0u
#define PATH_DIJKSTRA 1u
#define PATH_FIELD 2u

struct path_block {
    unsigned int w, h, cost_max;
    unsigned int neighbours; // 4 or 8
    unsigned int source, result, algorithm;
    unsigned int obstacles, goals, agents;
    unsigned int steps;        // of a path that are returned, at most
    unsigned int inline_query; // start and goal are those below, not in the payload
    unsigned int start_x, start_y, goal_x, goal_y;
};

// ---- device memory ----
// A map is rows of cells with closed cells around, so that no search asks where it ends: cell (x, y) lies at
// (y + 1) * stride + PATH_MARGIN + x. One byte each: its cost, 0 when closed; and its moves, bit k for step k.
#define PATH_MARGIN 8u
#define PATH_TAIL 64u // bytes after the last row that may be read and hold nothing

// Steps in the order in which ties are broken: north, east, south, west, north-east, south-east, south-west,
// north-west. A length is a pair: straight << 32 | diagonal, which stands for straight + diagonal * sqrt(2). Pairs add
// as they are. PATH_VALUE's unit is 2^-33, it rounds down, and it keeps the order of lengths below 2^30: two different
// ones are then 2^-31.3 apart or more, since |a - b * sqrt(2)| = |a^2 - 2 b^2| / (a + b * sqrt(2)) and the dividend is
// 1 at least.
#define PATH_VALUE_BITS 33
#define PATH_ROOT 0xB504F333F9DE6484ul // sqrt(2) * 2^63
#define PATH_QUEUED (1ul << 63)        // of a label: its cell waits in a bucket
#define PATH_BUCKETS 4u                // a ring: a move leads at most three buckets on

#define PATH_NONE ((unsigned long)PATH_UNREACHED << 32) // a label where there is none

// Short labels (field.cl).
#define PATH_SHORT_ONE (1u << 29)
#define PATH_SHORT_ROOT (47453133u << 4)
#define PATH_SHORT_INVERSE 28774661u // of a sixteenth of the root, modulo 2^25
#define PATH_SHORT_MOST 10500u       // bucket

#define PATH_STRIP 4096u // cells of a work-item where each takes no thought

struct path_shape {
    unsigned int w, h, stride, cells; // cells: of the padded map, all rows
    unsigned int cost_max, neighbours, open;
    unsigned int lanes;
    unsigned int capacity;           // entries of a bucket
    unsigned int shift;              // a value's bucket is value >> shift
    unsigned int budget;             // cells a lane takes in one launch
    unsigned int steps;              // as in the block
    unsigned int row_begin, row_end; // of this launch, or strips of PATH_STRIP cells
};

// One search: from its goals outwards until start is certain, or over the whole map.
#define PATH_NO_CELL 0u // the corner of the margin, which is never open
struct path_search {
    unsigned int first, count; // among the goals' cells
    unsigned int start;        // padded cell, or PATH_NO_CELL: the whole map
    unsigned int guided;       // by the distance to start: A*
    unsigned int agent;        // whose record it fills
};

#define PATH_SEED 0u
#define PATH_EXPAND 1u
#define PATH_WALK 2u
#define PATH_CLEAN 3u
#define PATH_DONE 4u
#define PATH_TOO_LONG 5u
struct path_lane {
    unsigned int search, phase;
    unsigned int bucket;
    unsigned int head[4], count[4]; // of the ring's queues
    unsigned int touched;           // cells that have a label
    unsigned int cell, steps;       // of the walk
};

struct path_walk {
    unsigned int cell, steps, phase, agent;
};

// GPUs: tiles of 16 x 16 cells, each worked on until nothing in it changes.
#define PATH_TILE 16u
#define PATH_TILE_ROUNDS 64u // within one launch

#endif
