// Dijkstra's algorithm over a map with a bucket queue, as one writes it in plain C.
#ifndef LOADTEST_BENCH_OPPONENT_BUCKETS_H
#define LOADTEST_BENCH_OPPONENT_BUCKETS_H

#include <stdint.h>

// Lengths are 10 for a straight step and 14 for a diagonal one, which cuts no corner; UINT32_MAX: no way.
struct buckets;

struct buckets *buckets_create(const uint8_t *open, int w, int h); // a byte each, 0: closed; copied
void buckets_destroy(struct buckets *b);

// Lengths from every cell to the goal, row by row in `lengths`; steps, unless NULL, are the neighbour (0 to 7) to go
// to.
void buckets_field(struct buckets *b, int goal_x, int goal_y, uint32_t *lengths, uint8_t *steps);

#endif
