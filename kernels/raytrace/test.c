// Raytrace: both sets of kernels against the reference on every kind of scene, size, mode and form; tiles; refusals.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "image/image.h"
#include "kernels/raytrace/raytrace.h"
#include "rig.h"

// A scene under construction, and its bytes.
struct scene {
    struct raytrace_header head;
    struct raytrace_material materials[8];
    struct raytrace_texture textures[2];
    struct raytrace_light lights[RAYTRACE_LIGHTS_MAX];
    struct raytrace_sphere spheres[400];
    struct raytrace_plane planes[4];
    struct raytrace_vertex vertices[3000];
    struct raytrace_triangle triangles[2000];
    unsigned int texels[64];
};

struct bytes {
    uint8_t *at;
    size_t size;
};

static void append(struct bytes *to, const void *from, size_t size) {
    memcpy(to->at + to->size, from, size);
    to->size += size;
}

static struct bytes pack(const struct scene *s) {
    struct bytes b = {malloc(sizeof *s), 0};
    append(&b, &s->head, sizeof s->head);
    append(&b, s->materials, s->head.materials * sizeof *s->materials);
    append(&b, s->textures, s->head.textures * sizeof *s->textures);
    append(&b, s->lights, s->head.lights * sizeof *s->lights);
    append(&b, s->spheres, s->head.spheres * sizeof *s->spheres);
    append(&b, s->planes, s->head.planes * sizeof *s->planes);
    append(&b, s->vertices, s->head.vertices * sizeof *s->vertices);
    append(&b, s->triangles, s->head.triangles * sizeof *s->triangles);
    append(&b, s->texels, s->head.texels * sizeof *s->texels);
    return b;
}

static float real(struct p2_rng *rng, float least, float most) {
    return least + (most - least) * (float)(p2_rng_next(rng) >> 40) / (float)(1 << 24);
}

static void begin(struct scene *s) {
    *s = (struct scene){.head = {.magic = RAYTRACE_MAGIC,
                                 .version = RAYTRACE_VERSION,
                                 .materials = 6,
                                 .textures = 2,
                                 .texels = 64,
                                 .sky_zenith = {0.2f, 0.4f, 0.8f},
                                 .sky_horizon = {0.8f, 0.8f, 0.7f}},
                        .materials = {{RAYTRACE_DIFFUSE, {0.7f, 0.7f, 0.7f}, 0, 1, RAYTRACE_NO_TEXTURE, 0},
                                      {RAYTRACE_DIFFUSE, {1, 0.9f, 0.8f}, 0, 1, 0, 0},
                                      {RAYTRACE_METAL, {0.9f, 0.6f, 0.5f}, 0.2f, 1, 1, 0},
                                      {RAYTRACE_GLASS, {0.9f, 1, 0.9f}, 0, 1.5f, RAYTRACE_NO_TEXTURE, 0},
                                      {RAYTRACE_EMISSIVE, {2, 2, 1}, 0, 1, RAYTRACE_NO_TEXTURE, 0},
                                      {RAYTRACE_METAL, {1, 1, 1}, 0, 1, RAYTRACE_NO_TEXTURE, 0}},
                        .textures = {{3, 5, 0, 0}, {7, 7, 15, 0}}};
    for (unsigned i = 0; i < 64; i++) s->texels[i] = 0x9e3779b9u * (i + 1);
}

static void add_lights(struct scene *s) {
    s->lights[s->head.lights++] = (struct raytrace_light){RAYTRACE_POINT, {2, 4, 3}, {9, 8, 7}, {0}, {0}, {0}};
    s->lights[s->head.lights++] =
        (struct raytrace_light){RAYTRACE_DIRECTIONAL, {0, -0.6f, -0.8f}, {0.5f, 0.5f, 0.6f}, {0}, {0}, {0}};
    s->lights[s->head.lights++] =
        (struct raytrace_light){RAYTRACE_AREA, {-3, 5, 0}, {6, 6, 6}, {1, 0, 0}, {0, 0, 1}, {0}};
}

static void add_spheres(struct scene *s, unsigned count, struct p2_rng *rng) {
    for (unsigned i = 0; i < count; i++)
        s->spheres[s->head.spheres++] = (struct raytrace_sphere){{real(rng, -4, 4), real(rng, -2, 3), real(rng, -5, 1)},
                                                                 real(rng, 0.05f, 0.6f),
                                                                 (unsigned)p2_rng_below(rng, 6)};
}

// A wavy sheet of flat, smooth and textured triangles.
static void add_sheet(struct scene *s, unsigned side, struct p2_rng *rng) {
    unsigned first = s->head.vertices;
    for (unsigned y = 0; y <= side; y++)
        for (unsigned x = 0; x <= side; x++) {
            struct raytrace_vertex *v = &s->vertices[s->head.vertices++];
            *v = (struct raytrace_vertex){.position = {-5 + 10 * (float)x / (float)side, -1 + real(rng, 0, 0.4f),
                                                       -6 + 9 * (float)y / (float)side},
                                          .uv = {(float)x * 0.4f - 1, (float)y * 0.3f}};
            if (x % 4 > 1) memcpy(v->normal, (float[]){real(rng, -0.3f, 0.3f), 1, 0.1f}, sizeof v->normal);
        }
    for (unsigned y = 0; y < side; y++)
        for (unsigned x = 0; x < side; x++) {
            unsigned a = first + y * (side + 1) + x, b = a + side + 1, material = (unsigned)p2_rng_below(rng, 6);
            s->triangles[s->head.triangles++] = (struct raytrace_triangle){{a, b, a + 1}, material};
            s->triangles[s->head.triangles++] = (struct raytrace_triangle){{a + 1, b, b + 1}, material};
        }
}

static void add_planes(struct scene *s) {
    s->planes[s->head.planes++] = (struct raytrace_plane){{0, 1, 0}, -1.5f, 0};
    s->planes[s->head.planes++] = (struct raytrace_plane){{0, 0.6f, 0.8f}, -5, 2};
}

#define KINDS 7u
static const char *const kinds[KINDS] = {"nothing",      "planes",  "one sphere", "spheres",
                                         "one triangle", "a sheet", "all"};

static void compose(struct scene *s, unsigned kind, struct p2_rng *rng) {
    begin(s);
    if (kind != 3) add_lights(s);
    if (kind == 1 || kind == 6) add_planes(s);
    if (kind == 2) add_spheres(s, 1, rng);
    if (kind == 3 || kind == 6) add_spheres(s, 60, rng);
    if (kind == 4) {
        memcpy(s->vertices[0].position, (float[]){-2, -1, -2}, 12);
        memcpy(s->vertices[1].position, (float[]){2, -1, -3}, 12);
        memcpy(s->vertices[2].position, (float[]){0, 2, -2.5f}, 12);
        s->head.vertices = 3;
        s->triangles[s->head.triangles++] = (struct raytrace_triangle){{0, 1, 2}, 1};
    }
    if (kind == 5 || kind == 6) add_sheet(s, 12, rng);
}

static void run(enum rig_device device, const char *params, const struct bytes *scene, struct rig_result *r) {
    rig_run(&(struct rig_job){.device = device,
                              .type = "raytracing",
                              .params = params,
                              .payload = scene->at,
                              .payload_size = scene->size},
            r);
}

static void check(enum rig_device device, const char *what, const char *params, const struct bytes *scene) {
    const struct p2_task_type *t = p2_task_type_find(p2_str("raytracing"));
    struct rig_result r;
    run(device, params, scene, &r);
    if (r.code != P2_OK) fail_msg("%s, %s: %d %s", what, params, r.code, r.why);
    uint8_t *expected = malloc(r.size);
    size_t size;
    assert_int_equal(t->reference(r.block, scene->at, scene->size, expected, r.size, &size), P2_OK);
    assert_int_equal(size, r.size);
    if (!t->equal(r.block, expected, size, r.bytes, size))
        fail_msg("%s kernels, %s, %s: not the reference", device == RIG_PIXELS ? "GPU" : "CPU", what, params);
    if (r.overran) fail_msg("%s, %s: wrote beyond the result", what, params);
    free(expected);
    rig_free(&r);
}

static const char *const shapes[] = {
    "resolution=33x25 position=0,1,4 direction=0,-0.2,-1",
    "resolution=1x1 position=0,1,4 direction=0,-0.2,-1",
    "resolution=67x3 position=3,2,4 direction=-3,-1.5,-5 fov=100",
    "resolution=5x41 position=0.03,6,0.02 direction=0,-1,0 up=0,0,-1 samples_per_pixel=2",
    "resolution=64x64 region=13,7,30,21 position=-4,1,-3 direction=1,-0.1,0.02 first_sample=5",
    "resolution=19x18 position=0,0.5,-2 direction=0.3,0.2,1 samples_per_pixel=3 result_format=rgba8 exposure=0.7",
    "resolution=20x20 position=0,1,4 direction=0,-0.2,-1 result_format=float albedo=1 normals=1 distance=1",
    "resolution=37x29 position=0,1,4 direction=0,-0.2,-1 denoise=3 samples_per_pixel=2",
};

static void equals_the_reference(enum rig_device device) {
    struct p2_rng rng;
    p2_rng_init(&rng, 21);
    struct scene *s = malloc(sizeof *s);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        compose(s, kind, &rng);
        struct bytes bytes = pack(s);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            for (unsigned depth = 0; depth < 2; depth++) {
                char params[256];
                snprintf(params, sizeof params, "%s%s", shapes[i], depth ? " mode=path depth=4 seed=3" : "");
                check(device, kinds[kind], params, &bytes);
            }
        free(bytes.at);
    }
    free(s);
}

static void cpu_kernels_equal_the_reference(void **state) {
    (void)state;
    equals_the_reference(RIG_VECTORS);
}

static void gpu_kernels_equal_the_reference(void **state) {
    (void)state;
    equals_the_reference(RIG_PIXELS);
}

int main(void) {
    if (!rig_open()) return RIG_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_kernels_equal_the_reference),
        cmocka_unit_test(gpu_kernels_equal_the_reference),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_close();
    return failed;
}
