// Boost's A* behind a C interface.
#ifndef LOADTEST_BENCH_OPPONENT_BOOST_H
#define LOADTEST_BENCH_OPPONENT_BOOST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A map as a graph, made once: 8 neighbours, no corner cut, lengths 1 and sqrt(2) as doubles. open: a byte each, 0:
// closed.
struct boost_map;
struct boost_map *boost_map_create(const uint8_t *open, int w, int h);
void boost_map_destroy(struct boost_map *m);

// Length of the shortest path by boost::astar_search guided by the octile distance; negative: there is none. Cells are
// y * w + x.
double boost_astar(struct boost_map *m, int start, int goal);
const char *boost_version(void); // static storage

#ifdef __cplusplus
}
#endif

#endif
