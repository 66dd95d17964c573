// What spec.c, scene.c, ref*.c and exec.c of raytrace share.
#ifndef KERNELS_RAYTRACE_RAYTRACE_H
#define KERNELS_RAYTRACE_RAYTRACE_H

#include "base/strbuf.h"
#include "kernels/raytrace/layout.h"
#include "kernels/task_type.h"

// A scene's arrays where they lie in its bytes.
struct p2_raytrace_scene {
    const struct raytrace_header *head;
    const struct raytrace_material *materials;
    const struct raytrace_texture *textures;
    const struct raytrace_light *lights;
    const struct raytrace_sphere *spheres;
    const struct raytrace_plane *planes;
    const struct raytrace_vertex *vertices;
    const struct raytrace_triangle *triangles;
    const unsigned int *texels;
};

// Looks at every count, index and float of `size` bytes, which begin at a multiple of 4 and are borrowed by *out.
// P2_ERR_BAD_PAYLOAD with a sentence in why: nothing of *out may be used.
enum p2_err p2_raytrace_scene_open(const uint8_t *bytes, size_t size, struct p2_raytrace_scene *out,
                                   struct p2_strbuf *why);

// The part of the picture that is rendered: what comes back and what the denoiser looks at around it.
struct p2_raytrace_area {
    uint32_t x, y, w, h;
};
struct p2_raytrace_area p2_raytrace_rendered(const struct raytrace_block *b);
// Bytes of the result before PNG or JPEG: 3 or 4 a pixel, or planes of floats.
size_t p2_raytrace_raw_bytes(const struct raytrace_block *b);
bool p2_raytrace_features(const struct raytrace_block *b); // are albedo, normals and distance needed?

enum p2_err p2_raytrace_reference(const void *block, const uint8_t *payload, size_t payload_size, uint8_t *out,
                                  size_t out_capacity, size_t *out_size);
// The same of a scene that was opened; PNG and JPEG forms give RGB8.
enum p2_err p2_raytrace_render(const struct raytrace_block *b, const struct p2_raytrace_scene *scene, uint8_t *out,
                               size_t out_capacity, size_t *out_size);

// ref_trace.c: adds the samples of one pixel (of the whole picture) to its sums.
void p2_raytrace_pixel(const struct raytrace_block *b, const struct p2_raytrace_scene *scene, uint32_t x, uint32_t y,
                       float sums[RAYTRACE_PLANES]);

extern const struct p2_task_type p2_type_raytrace;

#endif
