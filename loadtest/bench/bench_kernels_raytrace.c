// Frames of scenes that are on the device already, against Embree tracing the same rays: a hilly mesh of 102,152
// triangles; 100 spheres on a floor.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/rng.h"
#include "kernels/raytrace/layout.h"
#include "loadtest/bench/bench_kernels.h"
#include "loadtest/bench/opponent_embree.h"

#define SIDE 226 // squares of the mesh to each side
#define DEPTH 4
#define SPHERES 100
#define CROWD 65536 // spheres in one place, no tree can tell them apart

// A scene with one material and one point light, laid out as it travels.
struct world {
    struct raytrace_header head;
    struct raytrace_material material;
    struct raytrace_light light;
    struct raytrace_sphere spheres[SPHERES];
    struct raytrace_vertex vertices[(SIDE + 1) * (SIDE + 1)];
    struct raytrace_triangle triangles[2 * SIDE * SIDE];
};

struct contest {
    struct bench_task task;
    struct embree *embree;
    struct embree_view view;
    uint32_t depth; // 0: primary and shadow rays
    uint8_t *theirs;
};

static void run_ours(void *arg) { bench_task_run(&((struct contest *)arg)->task); }

static void run_theirs(void *arg) {
    struct contest *c = arg;
    if (c->depth)
        embree_paths(c->embree, &c->view, c->depth, c->theirs);
    else
        embree_primary(c->embree, &c->view, c->theirs);
}

static void begin(struct world *w) {
    *w = (struct world){.head = {.magic = RAYTRACE_MAGIC,
                                 .version = RAYTRACE_VERSION,
                                 .materials = 1,
                                 .lights = 1,
                                 .sky_zenith = {0.3f, 0.5f, 0.9f},
                                 .sky_horizon = {0.9f, 0.9f, 0.8f}},
                        .material = {RAYTRACE_DIFFUSE, {0.7f, 0.6f, 0.5f}, 0, 1, RAYTRACE_NO_TEXTURE, 0},
                        .light = {RAYTRACE_POINT, {30, 60, 20}, {4000, 4000, 3800}, {0}, {0}, {0}}};
}

static float height(float x, float z) {
    return 2.5f * sinf(0.21f * x) * cosf(0.17f * z) + 0.8f * sinf(0.63f * x + 0.5f * z) + 0.25f * sinf(1.7f * z - x);
}

// `side` squares to each side, 100 units in all.
static void add_ground(struct world *w, uint32_t side, float (*at)(float x, float z)) {
    struct raytrace_vertex *v = w->vertices;
    struct raytrace_triangle *t = w->triangles;
    for (uint32_t i = 0; i <= side; i++)
        for (uint32_t j = 0; j <= side; j++, v++) {
            float x = 100 * (float)j / (float)side - 50, z = 100 * (float)i / (float)side - 50;
            memcpy(v->position, (float[]){x, at ? at(x, z) : 0, z}, sizeof v->position);
        }
    for (uint32_t i = 0; i < side; i++)
        for (uint32_t j = 0; j < side; j++) {
            uint32_t a = i * (side + 1) + j, b = a + side + 1;
            *t++ = (struct raytrace_triangle){{a, b, a + 1}, 0};
            *t++ = (struct raytrace_triangle){{a + 1, b, b + 1}, 0};
        }
    w->head.vertices = (uint32_t)(v - w->vertices);
    w->head.triangles = (uint32_t)(t - w->triangles);
}

static void add_spheres(struct world *w) {
    struct p2_rng rng;
    p2_rng_init(&rng, 5);
    w->head.spheres = SPHERES;
    for (uint32_t i = 0; i < SPHERES; i++) {
        float r = 0.8f + 0.015f * (float)p2_rng_below(&rng, 100);
        w->spheres[i] = (struct raytrace_sphere){.radius = r};
        float x = (float)(i % 10) * 5 - 22.5f, z = (float)(i / 10) * 5 - 22.5f;
        memcpy(w->spheres[i].centre, (float[]){x, r + (float)p2_rng_below(&rng, 3), z}, sizeof w->spheres[i].centre);
    }
}

static void append(uint8_t **to, const void *from, size_t count, size_t size) {
    memcpy(*to, from, count * size);
    *to += count * size;
}

static struct exec_blob pack(const struct world *w) {
    uint8_t *bytes = bench_bytes(sizeof *w), *to = bytes;
    append(&to, &w->head, 1, sizeof w->head);
    append(&to, &w->material, 1, sizeof w->material);
    append(&to, &w->light, 1, sizeof w->light);
    append(&to, w->spheres, w->head.spheres, sizeof *w->spheres);
    append(&to, w->vertices, w->head.vertices, sizeof *w->vertices);
    append(&to, w->triangles, w->head.triangles, sizeof *w->triangles);
    return (struct exec_blob){.bytes = bytes, .size = (size_t)(to - bytes)};
}

static struct embree *open_embree(const struct world *w) {
    static float spheres[SPHERES][4];
    for (uint32_t i = 0; i < SPHERES; i++) {
        memcpy(spheres[i], w->spheres[i].centre, sizeof w->spheres[i].centre);
        spheres[i][3] = w->spheres[i].radius;
    }
    struct embree_scene s = {.vertices = w->vertices->position,
                             .triangles = w->triangles->vertex,
                             .vertex_count = w->head.vertices,
                             .triangle_count = w->head.triangles,
                             .spheres = *spheres,
                             .sphere_count = w->head.spheres};
    memcpy(s.colour, w->material.colour, sizeof s.colour);
    memcpy(s.light, w->light.at, sizeof s.light);
    memcpy(s.light_colour, w->light.colour, sizeof s.light_colour);
    memcpy(s.zenith, w->head.sky_zenith, sizeof s.zenith);
    memcpy(s.horizon, w->head.sky_horizon, sizeof s.horizon);
    return embree_open(&s, BENCH_THREADS);
}

struct row {
    const char *name;
    uint32_t width, height, depth;
    double bar;
};

static double mean_difference(const struct contest *c) {
    double sum = 0;
    for (size_t i = 0; i < c->task.out_size; i++) sum += abs(c->task.out[i] - c->theirs[i]);
    return sum / (double)c->task.out_size;
}

static void measure(struct bench_kernels *k, struct embree *embree, const struct exec_blob *scene,
                    const struct row *r) {
    struct contest c = {.embree = embree, .depth = r->depth};
    char params[256];
    snprintf(params, sizeof params, "resolution=%ux%u position=0,14,38 direction=0,-0.35,-1 mode=%s depth=%u", r->width,
             r->height, r->depth ? "path" : "primary", r->depth ? r->depth : 1);
    bench_task_init(&c.task, k, "raytracing", params, &(struct exec_blob){.bytes = (const uint8_t *)"", .size = 0});
    bench_task_add_blob(&c.task, scene->bytes, scene->size);
    const struct raytrace_block *b = (const void *)c.task.block;
    c.view = (struct embree_view){.width = b->width, .height = b->height};
    memcpy(c.view.position, &b->camera, sizeof b->camera);
    c.theirs = bench_bytes(c.task.cost.result_bytes_max);
    run_theirs(&c);
    struct bench_contest contest = {.ours = run_ours,
                                    .theirs = run_theirs,
                                    .arg = &c,
                                    .bar = r->bar,
                                    .by_speed = true,
                                    .pairs = r->depth ? BENCH_PAIRS_MIN : 0};
    snprintf(contest.task, sizeof contest.task, "%ux%u %s", r->width, r->height, r->name);
    snprintf(contest.opponent, sizeof contest.opponent, "Embree %s %s, %.2f M rays", embree_version(),
             r->depth ? "single rays" : "packets of 16", (double)embree_rays(embree) / 1e6);
    bench_contest(k, &contest);
    struct bench_row row = {.value = mean_difference(&c), .bar = 1, .kind = BENCH_AT_MOST, .unit = "levels"};
    snprintf(row.measure, sizeof row.measure, "%.40s, mean difference", contest.task);
    snprintf(row.against, sizeof row.against, "Embree %s", embree_version());
    bench_figure(k, &row);
    free(c.theirs);
    bench_task_deinit(&c.task);
}

static void measure_all(struct bench_kernels *k, const struct world *w, const struct row *rows, size_t count) {
    struct exec_blob scene = pack(w);
    struct embree *embree = open_embree(w);
    for (size_t i = 0; i < count; i++) measure(k, embree, &scene, &rows[i]);
    embree_close(embree);
    free((void *)(uintptr_t)scene.bytes);
}

// The worst that a scene can do to whoever waits for a launch to end.
static void measure_crowd(struct bench_kernels *k, struct world *w) {
    begin(w);
    w->head.spheres = 0;
    struct exec_blob empty = pack(w);
    size_t size = empty.size + CROWD * sizeof(struct raytrace_sphere);
    uint8_t *bytes = bench_bytes(size);
    memcpy(bytes, empty.bytes, empty.size);
    ((struct raytrace_header *)(void *)bytes)->spheres = CROWD;
    struct raytrace_sphere *spheres = (void *)(bytes + empty.size);
    for (uint32_t i = 0; i < CROWD; i++) spheres[i] = (struct raytrace_sphere){.centre = {0, 10, 0}, .radius = 8};
    struct bench_task task;
    bench_task_init(&task, k, "raytracing", "resolution=320x180 position=0,14,38 direction=0,-0.35,-1 depth=1",
                    &(struct exec_blob){.bytes = (const uint8_t *)""});
    bench_task_add_blob(&task, bytes, size);
    bench_task_run(&task);
    struct bench_row row = {.value = (double)*task.launch_ns_max / 1e6, .bar = 20, .kind = BENCH_AT_MOST, .unit = "ms"};
    snprintf(row.measure, sizeof row.measure, "%u spheres in one place, longest launch", CROWD);
    snprintf(row.against, sizeof row.against, "right after the rows above, %.0f ms in all",
             (double)task.kernel_ns_least / 1e6);
    bench_figure(k, &row);
    task.runs = 0; // has its own row
    bench_task_deinit(&task);
    free(bytes);
    free((void *)(uintptr_t)empty.bytes);
}

static void run(struct bench_kernels *k) {
    static const struct row mesh[] = {{"mesh, primary and shadow", 1280, 720, 0, 1.0},
                                      {"mesh, paths", 640, 360, DEPTH, 0.5}};
    static const struct row spheres[] = {{"spheres, primary and shadow", 1280, 720, 0, 2.0},
                                         {"spheres, paths", 640, 360, DEPTH, 0.5}};
    struct world *w = malloc(sizeof *w);
    P2_CHECK(w);
    begin(w);
    add_ground(w, SIDE, height);
    measure_all(k, w, mesh, sizeof mesh / sizeof *mesh);
    begin(w);
    add_ground(w, 1, NULL);
    add_spheres(w);
    measure_all(k, w, spheres, sizeof spheres / sizeof *spheres);
    measure_crowd(k, w);
    free(w);
}

const struct bench_kernels_rows bench_kernels_raytrace = {"raytrace", run};
