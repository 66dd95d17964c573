// Embree tracing the rays of raytrace behind a C interface: primary and shadow rays in packets of 16, paths ray by ray.
#ifndef LOADTEST_BENCH_OPPONENT_EMBREE_H
#define LOADTEST_BENCH_OPPONENT_EMBREE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Flat diffuse triangles and spheres of one colour, one point light, a sky: what kernels/raytrace/layout.h calls them.
struct embree_scene {
    const float *vertices;     // 8 floats each, of which the first three are read; borrowed as long as it is open
    const uint32_t *triangles; // 4 words each: three vertices
    uint32_t vertex_count, triangle_count;
    const float *spheres; // centre, radius
    uint32_t sphere_count;
    float colour[3], light[3], light_colour[3], zenith[3], horizon[3];
};

struct embree_view {
    uint32_t width, height;
    float position[3], forward[3], right[3], down[3]; // as struct raytrace_camera
};

struct embree;
struct embree *embree_open(const struct embree_scene *scene, int threads);
void embree_close(struct embree *e);

// Rows of RGB bytes. Paths: one sample a pixel, seed 0.
void embree_primary(struct embree *e, const struct embree_view *view, uint8_t *rgb);
void embree_paths(struct embree *e, const struct embree_view *view, uint32_t depth, uint8_t *rgb);

uint64_t embree_rays(const struct embree *e); // of the last picture
const char *embree_version(void);             // static storage

#ifdef __cplusplus
}
#endif

#endif
