// Bullet's rigid bodies behind a C interface: spheres in a pit of planes, never asleep.
#ifndef LOADTEST_BENCH_OPPONENT_BULLET_H
#define LOADTEST_BENCH_OPPONENT_BULLET_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bullet_pit {
    float extent;           // m from the middle to each of four walls; the floor is at 0
    float radius, friction; // m; of all
    const float *places;    // x y z of each sphere's centre; borrowed for the call
    uint32_t count;
};

struct bullet; // one world

// With as many threads as Bullet was built to take, at most `threads`.
struct bullet *bullet_create(const struct bullet_pit *pit, int threads);
void bullet_destroy(struct bullet **b);
void bullet_step(struct bullet *b, float seconds);
double bullet_overlap(const struct bullet *b); // mean depth of contacts that overlap, over the radius
int bullet_threads(const struct bullet *b);
int bullet_version(void); // 324 for 3.24

#ifdef __cplusplus
}
#endif

#endif
