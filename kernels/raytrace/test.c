// Raytrace: both sets of kernels against the reference on every kind of scene, size, mode and form; tiles; refusals.
#include <math.h>
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
    s->planes[s->head.planes++] = (struct raytrace_plane){{0, 1, 0}, -1.5f, 0, {0}, {0}};
    s->planes[s->head.planes++] =
        (struct raytrace_plane){{0, 0.6f, 0.8f}, -5, 2, {0.3f, 0, 0, 0.1f}, {0, 0.2f, -0.15f, -3}};
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

// ---- where textures lie ----

// What the camera sees of surfaces' colours, in one pixel.
static void albedo_at(enum rig_device device, const struct scene *s, const char *view, float out[3]) {
    struct bytes bytes = pack(s);
    char params[256];
    struct rig_result r;
    snprintf(params, sizeof params, "resolution=1x1 fov=1 result_format=float albedo=1 %s", view);
    run(device, params, &bytes, &r);
    assert_int_equal(r.code, P2_OK);
    memcpy(out, r.bytes + 3 * sizeof *out, 3 * sizeof *out);
    rig_free(&r);
    free(bytes.at);
}

// Each texel of a picture is red, green and blue of its own, all 0 or full.
static struct scene *papered(unsigned width, unsigned height) {
    struct scene *s = malloc(sizeof *s);
    begin(s);
    s->head.textures = s->head.materials = 1;
    s->textures[0] = (struct raytrace_texture){width, height, 0, 0};
    s->materials[0] = (struct raytrace_material){RAYTRACE_DIFFUSE, {1, 1, 1}, 0, 1, 0, 0};
    for (unsigned i = 0; i < width * height; i++)
        s->texels[i] = (i & 1 ? 0xffu : 0) | (i & 2 ? 0xff00u : 0) | (i & 4 ? 0xff0000u : 0);
    return s;
}

static void assert_texel(const float albedo[3], unsigned i, const char *view) {
    for (int c = 0; c < 3; c++)
        if (fabsf(albedo[c] - (float)(i >> c & 1)) > 0.01f) fail_msg("%s: colour %d is %f", view, c, (double)albedo[c]);
}

// Columns are longitudes eastwards from behind, rows latitudes from the north; the poles are no seam.
static void a_texture_lies_around_a_sphere(void **state) {
    (void)state;
    static const struct {
        float x, y, z; // the camera's
        unsigned texel;
    } views[] = {{-2.121f, 3, -2.121f, 0}, {-2.121f, 3, 2.121f, 1},   {2.121f, 3, 2.121f, 2},
                 {2.121f, 3, -2.121f, 3},  {-2.121f, -3, -2.121f, 4}, {-2.121f, -3, 2.121f, 5},
                 {2.121f, -3, 2.121f, 6},  {2.121f, -3, -2.121f, 7}};
    struct scene *s = papered(4, 2);
    s->spheres[s->head.spheres++] = (struct raytrace_sphere){{10, 20, 30}, 2, 0};
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++) {
        char view[128];
        float albedo[3];
        for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
            snprintf(view, sizeof view, "position=%g,%g,%g direction=%g,%g,%g", (double)views[i].x + 10,
                     (double)views[i].y + 20, (double)views[i].z + 30, (double)-views[i].x, (double)-views[i].y,
                     (double)-views[i].z);
            albedo_at(d, s, view, albedo);
            assert_texel(albedo, views[i].texel, view);
        }
        albedo_at(d, s, "position=10,24,30 direction=0,-1,0 up=0,0,-1", albedo);
        assert_float_equal(albedo[2], 0, 0.01); // of the upper row alone
        albedo_at(d, s, "position=10,16,30 direction=0,1,0 up=0,0,-1", albedo);
        assert_float_equal(albedo[2], 1, 0.01);
    }
    free(s);
}

// 4x2 texels over 8 by 1 units, from -3 and 0.25 on.
static void a_texture_repeats_on_a_plane(void **state) {
    (void)state;
    struct scene *s = papered(4, 2);
    s->planes[s->head.planes++] = (struct raytrace_plane){{0, 0, 1}, -2, 0, {0}, {0}};
    s->planes[s->head.planes++] =
        (struct raytrace_plane){{0, 1, 0}, 1, 0, {0.125f, 0, 0, 0.375f}, {0, 7, 1, -7.25f}}; // y is 1 all over
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++)
        for (int i = -8; i < 16; i++) {
            int column = ((i % 4) + 4) % 4, row = (i / 4) & 1;
            double x = -3 + 1 + 2 * i, z = 0.25 + 0.25 + 0.5 * row + i / 8;
            char view[128];
            float albedo[3];
            snprintf(view, sizeof view, "position=%g,%d,%g direction=0,%d,0 up=0,0,-1", x, i % 3 ? 3 : -3, z,
                     i % 3 ? -1 : 1);
            albedo_at(d, s, view, albedo);
            assert_texel(albedo, (unsigned)(4 * row + column), view);
        }
    free(s);
}

// ---- what holds beside the reference ----

static void compose_all(struct bytes *out, unsigned kind, uint64_t seed) {
    struct p2_rng rng;
    p2_rng_init(&rng, seed);
    struct scene *s = malloc(sizeof *s);
    compose(s, kind, &rng);
    *out = pack(s);
    free(s);
}

// Rows of a part of a picture, `pixel` bytes each, as a picture of its own.
static void tiles_make_the_whole(enum rig_device device, const char *params, size_t pixel) {
    static const unsigned tiles[][4] = {{0, 0, 21, 17}, {21, 0, 32, 17}, {0, 17, 7, 24}, {7, 17, 46, 24}};
    struct bytes scene;
    compose_all(&scene, 6, 5);
    char text[256];
    struct rig_result whole, part;
    snprintf(text, sizeof text, "resolution=53x41 position=0.2,1,4 direction=0,-0.2,-1 %s", params);
    run(device, text, &scene, &whole);
    assert_int_equal(whole.code, P2_OK);
    for (size_t i = 0; i < 4; i++) {
        const unsigned *t = tiles[i];
        snprintf(text, sizeof text, "resolution=53x41 region=%u,%u,%u,%u position=0.2,1,4 direction=0,-0.2,-1 %s", t[0],
                 t[1], t[2], t[3], params);
        run(device, text, &scene, &part);
        assert_int_equal(part.code, P2_OK);
        assert_int_equal(part.size, t[2] * t[3] * pixel);
        for (unsigned y = 0; y < t[3]; y++)
            assert_memory_equal(part.bytes + y * t[2] * pixel, whole.bytes + ((t[1] + y) * 53 + t[0]) * pixel,
                                t[2] * pixel);
        rig_free(&part);
    }
    rig_free(&whole);
    free(scene.at);
}

static void tiles_are_what_the_whole_holds(void **state) {
    (void)state;
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++) {
        tiles_make_the_whole(d, "samples_per_pixel=2", 3);
        tiles_make_the_whole(d, "mode=path depth=5 result_format=float", 12);
        if (d != RIG_FAKE) tiles_make_the_whole(d, "mode=path denoise=2 result_format=rgba8", 4);
    }
}

static void samples_of_calls_average(void **state) {
    (void)state;
    struct bytes scene;
    compose_all(&scene, 6, 6);
    for (enum rig_device d = RIG_VECTORS; d <= RIG_PIXELS; d++) {
        static const char *const parts[] = {"samples_per_pixel=16", "samples_per_pixel=8",
                                            "samples_per_pixel=8 first_sample=8"};
        struct rig_result r[3];
        for (int i = 0; i < 3; i++) {
            char text[256];
            snprintf(text, sizeof text, "resolution=30x20 position=0,1,4 mode=path result_format=float %s", parts[i]);
            run(d, text, &scene, &r[i]);
            assert_int_equal(r[i].code, P2_OK);
        }
        for (size_t i = 0; i < r[0].size; i += sizeof(float)) {
            float all, first, second;
            memcpy(&all, r[0].bytes + i, sizeof all);
            memcpy(&first, r[1].bytes + i, sizeof first);
            memcpy(&second, r[2].bytes + i, sizeof second);
            assert_float_equal(all, (first + second) / 2, 1e-4f * (1 + all));
        }
        for (int i = 0; i < 3; i++) rig_free(&r[i]);
    }
    free(scene.at);
}

// Paths of many samples, so that launches are cut by rows, samples and columns; twice the same bytes.
static void long_work_is_cut_and_repeats(void **state) {
    (void)state;
    struct bytes scene;
    compose_all(&scene, 6, 7);
    static const char *const params[] = {"resolution=700x6 samples_per_pixel=40 depth=16 mode=path",
                                         "resolution=16384x3 depth=16 mode=path", "resolution=90x1200"};
    for (enum rig_device d = RIG_VECTORS; d <= RIG_PIXELS; d++)
        for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
            struct rig_result r[2];
            for (int turn = 0; turn < 2; turn++) {
                run(d, params[i], &scene, &r[turn]);
                assert_int_equal(r[turn].code, P2_OK);
                assert_false(r[turn].overran);
            }
            assert_memory_equal(r[0].bytes, r[1].bytes, r[0].size);
            rig_free(&r[0]);
            rig_free(&r[1]);
        }
    free(scene.at);
}

static void pictures_are_encoded(void **state) {
    (void)state;
    struct bytes scene;
    compose_all(&scene, 6, 8);
    static const char *const forms[] = {"png", "jpeg"};
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++)
        for (int i = 0; i < 2; i++) {
            char text[128];
            snprintf(text, sizeof text, "resolution=31x17 position=0,1,4 result_format=%s", forms[i]);
            struct rig_result r, raw;
            run(d, text, &scene, &r);
            run(d, "resolution=31x17 position=0,1,4", &scene, &raw);
            assert_int_equal(r.code, P2_OK);
            struct p2_image_info is;
            assert_int_equal(p2_image_probe(r.bytes, r.size, &is), P2_OK);
            assert_true(is.width == 31 && is.height == 17 && is.format == (i ? P2_IMAGE_JPEG : P2_IMAGE_PNG));
            uint8_t pixels[31 * 17 * 3];
            is.channels = 3;
            assert_int_equal(p2_image_decode(r.bytes, r.size, &is, pixels, sizeof pixels), P2_OK);
            if (i == 0) assert_memory_equal(pixels, raw.bytes, sizeof pixels);
            rig_free(&r);
            rig_free(&raw);
        }
    free(scene.at);
}

static void a_scene_is_uploaded_once(void **state) {
    (void)state;
    struct bytes scene, other;
    compose_all(&scene, 6, 9);
    compose_all(&other, 5, 9);
    for (enum rig_device d = RIG_VECTORS; d <= RIG_PIXELS; d++) {
        rig_forget(d);
        uint64_t built = rig_kept(d).built;
        struct rig_result by_payload, by_blob;
        run(d, "resolution=20x20 position=0,1,4", &scene, &by_payload);
        struct rig_job job = {.device = d,
                              .type = "raytracing",
                              .params = "resolution=20x20 position=0,1,4",
                              .blobs = {{scene.at, scene.size}},
                              .blob_count = 1};
        rig_run(&job, &by_blob);
        assert_int_equal(by_blob.code, P2_OK);
        assert_memory_equal(by_payload.bytes, by_blob.bytes, by_blob.size);
        rig_free(&by_blob);
        assert_int_equal(rig_kept(d).built, built + 1);
        uint64_t allocations = rig_allocations(d);
        rig_run(&job, &by_blob);
        assert_int_equal(rig_allocations(d), allocations);
        rig_free(&by_blob);
        job.blobs[0].bytes = other.at;
        job.blobs[0].size = other.size;
        rig_run(&job, &by_blob);
        assert_int_equal(rig_kept(d).built, built + 2);
        rig_free(&by_blob);
        rig_free(&by_payload);
    }
    free(scene.at);
    free(other.at);
}

// ---- refusals ----

static void tasks_without_a_scene_are_refused(void **state) {
    (void)state;
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++) {
        struct rig_result r;
        run(d, "resolution=4x4", &(struct bytes){(uint8_t[1]){0}, 0}, &r);
        assert_int_equal(r.code, P2_ERR_BAD_PAYLOAD);
        assert_non_null(strstr(r.why, "no scene"));
        rig_free(&r);
    }
}

static void a_cancelled_job_ends_so(void **state) {
    (void)state;
    struct bytes scene;
    compose_all(&scene, 6, 10);
    for (enum rig_device d = RIG_VECTORS; d <= RIG_PIXELS; d++) {
        struct rig_result r;
        rig_run(&(struct rig_job){.device = d,
                                  .type = "raytracing",
                                  .params = "resolution=64x64",
                                  .payload = scene.at,
                                  .payload_size = scene.size,
                                  .cancelled = true},
                &r);
        assert_int_equal(r.code, P2_ERR_CANCELLED);
        rig_free(&r);
    }
    free(scene.at);
}

// Every word of a scene replaced by what it must not be: refused or rendered, never a read beyond the scene.
static void hostile_scenes_are_refused_or_rendered(void **state) {
    (void)state;
    static const unsigned words[] = {0,           1,           0xffffffffu, 0x7fc00000u,
                                     0x7f800000u, 0x80000000u, 0x49742400u, 0x3fffffffu};
    struct p2_rng rng;
    p2_rng_init(&rng, 31);
    struct scene *s = malloc(sizeof *s);
    begin(s);
    add_lights(s);
    add_planes(s);
    add_spheres(s, 3, &rng);
    add_sheet(s, 2, &rng);
    struct bytes scene = pack(s);
    unsigned refused = 0, rendered = 0;
    for (size_t at = 0; at < scene.size; at += 4)
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            unsigned kept;
            memcpy(&kept, scene.at + at, 4);
            memcpy(scene.at + at, &words[i], 4);
            struct rig_result r;
            run((at / 4 + i) % 2 ? RIG_PIXELS : RIG_VECTORS,
                "resolution=5x4 position=0,1,4 direction=0,-0.2,-1 mode=path depth=3", &scene, &r);
            if (r.code != P2_OK && r.code != P2_ERR_BAD_PAYLOAD) fail_msg("word %zu: %d %s", at / 4, r.code, r.why);
            if (r.code == P2_OK)
                rendered++;
            else
                refused++;
            rig_free(&r);
            memcpy(scene.at + at, &kept, 4);
        }
    assert_true(refused > 1000 && rendered > 300);
    for (size_t size = 0; size < scene.size; size += 4) {
        struct rig_result r;
        run(RIG_VECTORS, "resolution=1x1", &(struct bytes){scene.at, size}, &r);
        assert_int_equal(r.code, P2_ERR_BAD_PAYLOAD);
        rig_free(&r);
    }
    free(scene.at);
    free(s);
}

static void parameters_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *params, *says;
        enum p2_err code;
    } cases[] = {
        {"mode=path", "resolution", P2_ERR_BAD_PARAMETER},
        {"resolution=0x4", "resolution", P2_ERR_BAD_PARAMETER},
        {"resolution=16385x4", "resolution", P2_ERR_BAD_PARAMETER},
        {"resolution=8x8 region=0,0,0,1", "region", P2_ERR_BAD_PARAMETER},
        {"resolution=8x8 region=4,0,5,8", "region", P2_ERR_BAD_PARAMETER},
        {"resolution=8x8 region=0,8,1,1", "region", P2_ERR_BAD_PARAMETER},
        {"resolution=8x8 direction=0,0,0", "direction", P2_ERR_BAD_PARAMETER},
        {"resolution=8x8 direction=0,2,0", "direction", P2_ERR_BAD_PARAMETER},
        {"resolution=8x8 fov=180", "fov", P2_ERR_BAD_PARAMETER},
        {"resolution=8x8 mode=magic", "mode", P2_ERR_BAD_PARAMETER},
        {"resolution=8x8 samples_per_pixel=1000000000", "samples_per_pixel", P2_ERR_BAD_PARAMETER},
        {"resolution=8x8 depth=17", "depth", P2_ERR_BAD_PARAMETER},
        {"resolution=8x8 normals=1", "float", P2_ERR_BAD_PARAMETER},
        {"resolution=8x8 denoise=6", "denoise", P2_ERR_BAD_PARAMETER},
        {"resolution=16384x16384", "pixels", P2_ERR_TOO_LARGE},
        {"resolution=4096x4096 samples_per_pixel=4096 mode=path depth=16", "rays", P2_ERR_TOO_LARGE},
        {"resolution=4096x4000 result_format=float", "result", P2_ERR_TOO_LARGE},
    };
    struct rig_result r;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig_prepare("raytrace", cases[i].params, 128, &r);
        if (r.code != cases[i].code || !strstr(r.why, cases[i].says)) fail_msg("case %zu: %d %s", i, r.code, r.why);
    }
    rig_prepare("raytracing", "resolution=8x8", RAYTRACE_BYTES_MAX + 1ull, &r);
    assert_int_equal(r.code, P2_ERR_TOO_LARGE);
    rig_prepare("raytracing", "resolution=8x8", RAYTRACE_BYTES_MAX, &r);
    assert_int_equal(r.code, P2_OK);
}

static void results_that_differ_are_not_equal(void **state) {
    (void)state;
    const struct p2_task_type *t = p2_task_type_find(p2_str("raytracing"));
    struct rig_result r;
    rig_prepare("raytracing", "resolution=16x16", 0, &r);
    uint8_t a[768], b[768];
    memset(a, 100, sizeof a);
    memset(b, 102, sizeof b);
    assert_false(t->equal(r.block, a, sizeof a, b, sizeof b)); // everywhere a little
    memcpy(b, a, sizeof b);
    memset(b, 150, 12);
    assert_true(t->equal(r.block, a, sizeof a, b, 768)); // a few at an edge
    memset(b, 150, 13);
    assert_false(t->equal(r.block, a, sizeof a, b, 768));
    assert_false(t->equal(r.block, a, sizeof a, a, 767));
    rig_prepare("raytracing", "resolution=16x16 mode=path", 0, &r);
    memset(b, 102, sizeof b);
    assert_false(t->equal(r.block, a, sizeof a, b, sizeof b));
    memcpy(b, a, sizeof b);
    memset(b, 110, 48);
    assert_true(t->equal(r.block, a, sizeof a, b, sizeof b));
    memset(b, 110, 49);
    assert_false(t->equal(r.block, a, sizeof a, b, sizeof b));
}

int main(void) {
    if (!rig_open()) return RIG_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_kernels_equal_the_reference), cmocka_unit_test(gpu_kernels_equal_the_reference),
        cmocka_unit_test(a_texture_lies_around_a_sphere),  cmocka_unit_test(a_texture_repeats_on_a_plane),
        cmocka_unit_test(tiles_are_what_the_whole_holds),  cmocka_unit_test(samples_of_calls_average),
        cmocka_unit_test(long_work_is_cut_and_repeats),    cmocka_unit_test(pictures_are_encoded),
        cmocka_unit_test(a_scene_is_uploaded_once),        cmocka_unit_test(tasks_without_a_scene_are_refused),
        cmocka_unit_test(a_cancelled_job_ends_so),         cmocka_unit_test(hostile_scenes_are_refused_or_rendered),
        cmocka_unit_test(parameters_are_refused),          cmocka_unit_test(results_that_differ_are_not_equal),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_close();
    return failed;
}
