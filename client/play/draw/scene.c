// The ground, its walls and the sky: traced once.
#include "client/play/draw/scene.h"

#include <math.h>
#include <string.h>

#include "client/play/draw/solids.h"

#define ZOOM 2.1f // of the camera: half the picture's height is 1 / ZOOM metres, a metre away
#define FAR_AWAY 1e6f

const struct vec scene_eye = {0, 31, 19.2f};
const struct vec scene_sun = {-0.48666f, 0.77866f, 0.39581f};
static const struct vec ahead = {0, -0.84523f, -0.53440f}, above = {0, 0.53440f, -0.84523f}; // right is x

struct vec scene_ray(float x, float y) {
    const float side = (x - SCENE_W / 2.0f) / (ZOOM * SCENE_H / 2), up = (SCENE_H / 2.0f - y) / (ZOOM * SCENE_H / 2);
    return vec_add(vec_add(ahead, vec(side, 0, 0)), vec_scale(above, up));
}

bool scene_see(struct vec p, float *x, float *y, float *depth, float *scale) {
    const struct vec to = vec_sub(p, scene_eye);
    *depth = vec_dot(to, ahead);
    if (*depth < 0.5f) return false;
    *scale = ZOOM * (float)(SCENE_H / 2) / *depth;
    *x = SCENE_W / 2.0f + to.x * *scale;
    *y = SCENE_H / 2.0f - vec_dot(to, above) * *scale;
    return true;
}

struct vec scene_light(struct vec albedo, struct vec normal, float lit) {
    static const struct vec sun = {1.45f, 1.25f, 0.95f}, sky = {0.30f, 0.38f, 0.52f}, ground = {0.16f, 0.13f, 0.12f};
    const float facing = greater(vec_dot(normal, scene_sun), 0) * lit, upward = normal.y / 2 + 0.5f;
    const struct vec around = vec_add(vec_scale(sky, upward), vec_scale(ground, 1 - upward));
    return vec_mul(albedo, vec_add(vec_scale(sun, facing), around));
}

static uint8_t level(float light) {
    const float v = sqrtf(greater(light, 0)) * 255 + 0.5f;
    return v < 255 ? (uint8_t)v : 255;
}

void scene_put(uint8_t rgb[3], struct vec light) {
    rgb[0] = level(light.x);
    rgb[1] = level(light.y);
    rgb[2] = level(light.z);
}

// ---- what a ray meets ----

struct hit {
    float at; // metres along the axis
    int wall; // -1: the floor
    struct vec normal;
};

static void box_of(const struct arena_wall *w, struct vec *least, struct vec *most) {
    *least = vec((float)w->column - ARENA_COLUMNS / 2.0f, 0, (float)w->row - ARENA_ROWS / 2.0f);
    *most = vec_add(*least, vec((float)w->columns, ARENA_WALL_HEIGHT, (float)w->rows));
}

// Where a ray enters the box between two corners; FAR_AWAY: nowhere in front.
static float enter_box(struct vec from, struct vec along, const struct arena_wall *w, struct vec *normal) {
    struct vec least, most;
    box_of(w, &least, &most);
    const float o[3] = {from.x, from.y, from.z}, d[3] = {along.x, along.y, along.z};
    const float low[3] = {least.x, least.y, least.z}, high[3] = {most.x, most.y, most.z};
    float in = -FAR_AWAY, out = FAR_AWAY;
    int axis = 0;
    for (int k = 0; k < 3; k++) {
        const float inverse = 1 / (fabsf(d[k]) > 1e-9f ? d[k] : 1e-9f);
        const float a = (low[k] - o[k]) * inverse, b = (high[k] - o[k]) * inverse;
        if (lesser(a, b) > in) {
            in = lesser(a, b);
            axis = k;
        }
        out = lesser(out, greater(a, b));
    }
    if (in >= out || in < 1e-3f) return FAR_AWAY;
    *normal = vec(axis == 0 ? -copysignf(1, d[0]) : 0, axis == 1 ? -copysignf(1, d[1]) : 0,
                  axis == 2 ? -copysignf(1, d[2]) : 0);
    return in;
}

static struct hit look(struct vec along) {
    struct hit h = {.at = FAR_AWAY, .wall = -1, .normal = {0, 1, 0}};
    if (along.y < 0) h.at = -scene_eye.y / along.y;
    for (int i = 0; i < ARENA_WALLS; i++) {
        struct vec normal;
        const float at = enter_box(scene_eye, along, &arena_walls[i], &normal);
        if (at < h.at) h = (struct hit){at, i, normal};
    }
    return h;
}

static float sunlit(struct vec p) {
    for (int i = 0; i < ARENA_WALLS; i++) {
        struct vec normal;
        if (enter_box(p, scene_sun, &arena_walls[i], &normal) < FAR_AWAY) return 0;
    }
    return 1;
}

// Corners are dim: how near the next wall is.
static float openness(struct vec p) {
    float nearest = 1;
    for (int i = 0; i < ARENA_WALLS; i++) {
        struct vec least, most;
        box_of(&arena_walls[i], &least, &most);
        const float x = greater(greater(least.x - p.x, p.x - most.x), 0),
                    z = greater(greater(least.z - p.z, p.z - most.z), 0);
        nearest = lesser(nearest, sqrtf(x * x + z * z));
    }
    return 0.55f + 0.45f * nearest;
}

static struct vec floor_colour(struct vec p) {
    const float x = p.x + ARENA_COLUMNS / 2.0f, z = p.z + ARENA_ROWS / 2.0f;
    if (x < 0 || z < 0 || x > ARENA_COLUMNS || z > ARENA_ROWS) return vec(0.012f, 0.017f, 0.03f);
    const bool dark = ((int)floorf(x / 2) + (int)floorf(z / 2)) & 1;
    const float edge = lesser(fabsf(x / 2 - rintf(x / 2)), fabsf(z / 2 - rintf(z / 2)));
    const struct vec tile = dark ? vec(0.20f, 0.23f, 0.29f) : vec(0.25f, 0.285f, 0.35f);
    return edge < 0.02f ? vec(0.13f, 0.15f, 0.20f) : tile;
}

static struct vec shade(struct vec along, const struct hit *h) {
    if (h->at >= FAR_AWAY) return vec(0.008f, 0.012f, 0.022f);
    const struct vec p = vec_add(scene_eye, vec_scale(along, h->at));
    if (h->wall < 0) return vec_scale(scene_light(floor_colour(p), h->normal, sunlit(p)), openness(p));
    const struct vec colour = h->wall < 4 ? vec(0.26f, 0.31f, 0.40f) : vec(0.24f, 0.45f, 0.50f);
    const float low = h->normal.y > 0.5f ? 1 : 0.6f + 0.4f * p.y / ARENA_WALL_HEIGHT;
    return vec_scale(scene_light(colour, h->normal, 1), low);
}

void scene_init(struct scene *s) {
    static const float sub[4][2] = {{0.25f, 0.25f}, {0.75f, 0.25f}, {0.25f, 0.75f}, {0.75f, 0.75f}};
    for (uint32_t y = 0; y < SCENE_H; y++) {
        for (uint32_t x = 0; x < SCENE_W; x++) {
            struct vec sum = {0, 0, 0};
            for (int i = 0; i < 4; i++) {
                const struct vec along = scene_ray((float)x + sub[i][0], (float)y + sub[i][1]);
                const struct hit h = look(along);
                sum = vec_add(sum, shade(along, &h));
            }
            const struct hit middle = look(scene_ray((float)x + 0.5f, (float)y + 0.5f));
            s->still_depth[y * SCENE_W + x] = middle.at;
            s->floor[y * SCENE_W + x] = middle.wall < 0 && middle.at < FAR_AWAY;
            scene_put(s->still + (y * SCENE_W + x) * 3, vec_scale(sum, 0.25f));
        }
    }
}

void scene_draw(struct scene *s, const struct game *g) {
    memcpy(s->rgb, s->still, sizeof s->rgb);
    memcpy(s->depth, s->still_depth, sizeof s->depth);
    for (uint32_t i = 0; i < BODIES; i++)
        solids_shadow(s, g->bodies.shown[i].position, bodies_reach(&g->bodies.shapes[i]));
    for (uint32_t i = 0; i < AGENTS; i++) {
        const struct agent *a = &g->agents.each[i];
        solids_shadow(s, (const float[3]){a->x, 0.4f, a->z}, AGENT_RADIUS);
    }
    solids_ring(s, g->goal_x, g->goal_z, (float)(g->ticks % BODIES_RATE) / (float)BODIES_RATE);
    for (uint32_t i = 0; i < BODIES; i++) solids_body(s, &g->bodies.shapes[i], &g->bodies.shown[i]);
    for (uint32_t i = 0; i < AGENTS; i++) solids_agent(s, &g->agents.each[i]);
    solids_beam(s, g->goal_x, g->goal_z);
}
