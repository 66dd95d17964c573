#include "kernels/raytrace/known.h"
#include "kernels/raytrace/layout.h"

// A checkered floor under a smooth roof, spheres of each material, one of them checkered, and a checkered wall behind.
struct known_scene {
    struct raytrace_header head;
    struct raytrace_material materials[6];
    struct raytrace_texture textures[1];
    struct raytrace_light lights[3];
    struct raytrace_sphere spheres[4];
    struct raytrace_plane planes[1];
    struct raytrace_vertex vertices[7];
    struct raytrace_triangle triangles[3];
    unsigned int texels[4];
};

static const struct known_scene scene = {
    .head = {.magic = RAYTRACE_MAGIC,
             .version = RAYTRACE_VERSION,
             .materials = 6,
             .textures = 1,
             .lights = 3,
             .spheres = 4,
             .planes = 1,
             .vertices = 7,
             .triangles = 3,
             .texels = 4,
             .sky_zenith = {0.3f, 0.5f, 0.9f},
             .sky_horizon = {0.9f, 0.9f, 0.8f}},
    .materials = {{RAYTRACE_DIFFUSE, {1, 1, 1}, 0, 1, 0, 0},
                  {RAYTRACE_DIFFUSE, {0.8f, 0.3f, 0.2f}, 0, 1, 0, 0},
                  {RAYTRACE_METAL, {0.9f, 0.8f, 0.5f}, 0.1f, 1, RAYTRACE_NO_TEXTURE, 0},
                  {RAYTRACE_GLASS, {1, 1, 1}, 0, 1.5f, RAYTRACE_NO_TEXTURE, 0},
                  {RAYTRACE_EMISSIVE, {3, 2.5f, 2}, 0, 1, RAYTRACE_NO_TEXTURE, 0},
                  {RAYTRACE_DIFFUSE, {0.4f, 0.5f, 0.6f}, 0, 1, 0, 0}},
    .textures = {{2, 2, 0, 0}},
    .lights = {{RAYTRACE_POINT, {2, 3, 1}, {4, 4, 3}, {0}, {0}, {0}},
               {RAYTRACE_DIRECTIONAL, {-0.6f, -0.8f, 0}, {0.5f, 0.5f, 0.6f}, {0}, {0}, {0}},
               {RAYTRACE_AREA, {-2, 3, 0}, {5, 5, 5}, {1, 0, 0}, {0, 0, 1}, {0}}},
    .spheres = {{{-1.2f, 0.5f, -0.5f}, 0.5f, 2},
                {{0, 0.5f, 0.2f}, 0.5f, 3},
                {{1.1f, 0.4f, -0.2f}, 0.4f, 1},
                {{0.5f, 1.6f, -1}, 0.25f, 4}},
    .planes = {{{0, 0, 1}, -3, 5, {0.5f, 0, 0, 0.1f}, {0.1f, -0.7f, 0, 0}}},
    .vertices = {{{-4, 0, -4}, {0, 0, 0}, {0, 0}},
                 {{4, 0, -4}, {0, 0, 0}, {4, 0}},
                 {{4, 0, 4}, {0, 0, 0}, {4, 4}},
                 {{-4, 0, 4}, {0, 0, 0}, {0, 4}},
                 {{-1.5f, 1.6f, -2}, {-0.5f, 0, 1}, {0, 0}},
                 {{1.5f, 1.6f, -2}, {0.5f, 0, 1}, {0, 0}},
                 {{0, 2.6f, -2.2f}, {0, 1, 1}, {0, 0}}},
    .triangles = {{{0, 1, 2}, 0}, {{0, 2, 3}, 0}, {{4, 5, 6}, 1}},
    .texels = {0xffe0e0e0u, 0xff404040u, 0xff404040u, 0xffc0d0e0u},
};

#define VIEW P2_GIVEN_REALS("position", 0.5, 1.5, 4), P2_GIVEN_REALS("direction", -0.1, -0.2, -1)

static const struct p2_param primary[] = {VIEW, P2_GIVEN_INTS("resolution", 65, 43)};
static const struct p2_param paths[] = {VIEW,
                                        P2_GIVEN_INTS("resolution", 33, 22),
                                        P2_GIVEN_TEXT("mode", "path"),
                                        P2_GIVEN_INT("depth", 5),
                                        P2_GIVEN_INT("samples_per_pixel", 3),
                                        P2_GIVEN_INT("seed", 7),
                                        P2_GIVEN_INT("albedo", 1),
                                        P2_GIVEN_INT("normals", 1),
                                        P2_GIVEN_INT("distance", 1),
                                        P2_GIVEN_TEXT("result_format", "float")};
static const struct p2_param denoised[] = {VIEW,
                                           P2_GIVEN_INTS("resolution", 40, 30),
                                           P2_GIVEN_INTS("region", 3, 2, 35, 25),
                                           P2_GIVEN_TEXT("mode", "path"),
                                           P2_GIVEN_INT("samples_per_pixel", 2),
                                           P2_GIVEN_INT("denoise", 2),
                                           P2_GIVEN_TEXT("result_format", "rgba8")};
static const struct p2_param denoised_floats[] = {VIEW, P2_GIVEN_INTS("resolution", 20, 9), P2_GIVEN_INT("denoise", 1),
                                                  P2_GIVEN_INT("normals", 1), P2_GIVEN_TEXT("result_format", "float")};

#define KNOWN(list)                                                                                                    \
    {                                                                                                                  \
        .params = list, .param_count = sizeof list / sizeof *list, .payload = (const uint8_t *)&scene,                 \
        .payload_size = sizeof scene                                                                                   \
    }
const struct p2_known_answer p2_raytrace_known_answers[RAYTRACE_KNOWN_ANSWERS] = {
    KNOWN(primary), KNOWN(paths), KNOWN(denoised), KNOWN(denoised_floats)};
