#include "client/play/draw/solids.h"

#include <math.h>
#include <stddef.h>

#define SHADOW 0.42f // of the light is left, of 8-bit levels, where it is darkest
#define BEAM_HEIGHT 5.0f

static const struct vec palette[8] = {
    {0.90f, 0.23f, 0.16f}, {0.95f, 0.60f, 0.12f}, {0.16f, 0.52f, 0.90f}, {0.85f, 0.82f, 0.75f},
    {0.22f, 0.70f, 0.35f}, {0.62f, 0.28f, 0.80f}, {0.95f, 0.80f, 0.20f}, {0.90f, 0.38f, 0.55f},
};

// Pixels around a place, clipped.
struct area {
    int left, top, right, bottom; // the last two are not in it
};

static int clip(float v, int most) { return v < 0 ? 0 : v > (float)most ? most : (int)v; }

static struct area around(float x, float y, float half_w, float half_h) {
    return (struct area){clip(x - half_w, SCENE_W), clip(y - half_h, SCENE_H), clip(x + half_w + 1, SCENE_W),
                         clip(y + half_h + 1, SCENE_H)};
}

// Of a ball, at the picture's edges too.
static bool area_of(struct vec at, float radius, struct area *out) {
    float x, y, depth, scale;
    if (!scene_see(at, &x, &y, &depth, &scale)) return false;
    const float half = radius * scale * 1.15f + 1;
    *out = around(x, y, half, half);
    return out->left < out->right && out->top < out->bottom;
}

// ---- on the floor ----

// Where a row of pixels meets it: all at one z, and x goes on evenly.
struct strip {
    float x, step, z;
};

static struct strip strip_at(int left, int y) {
    const struct vec first = scene_ray((float)left + 0.5f, (float)y + 0.5f), next = scene_ray((float)left + 1.5f, 0);
    const float far = -scene_eye.y / first.y;
    return (struct strip){scene_eye.x + first.x * far, (next.x - first.x) * far, scene_eye.z + first.z * far};
}

static uint8_t dimmed(uint8_t v, float share) { return (uint8_t)((float)v * share); }

void solids_shadow(struct scene *s, const float at[3], float radius) {
    // Of sunlight's way over the floor.
    const float over = sqrtf(scene_sun.x * scene_sun.x + scene_sun.z * scene_sun.z);
    const float way_x = scene_sun.x / over, way_z = scene_sun.z / over;
    const float height = at[1] / scene_sun.y; // along the sun's rays, down to the floor
    const struct vec middle = vec(at[0] - scene_sun.x * height, 0, at[2] - scene_sun.z * height);
    const float soft = radius * (1 + 0.12f * at[1]), dark = SHADOW + lesser(at[1] * 0.025f, 0.5f);
    struct area a;
    if (!area_of(middle, soft * 1.3f, &a)) return;
    for (int y = a.top; y < a.bottom; y++) {
        struct strip p = strip_at(a.left, y);
        const float z = p.z - middle.z;
        for (int x = a.left; x < a.right; x++, p.x += p.step) {
            const int i = y * (int)SCENE_W + x;
            // A ball's shadow is an ellipse along the sun's way; its second axis is 1 / sun.y times the first.
            const float off = p.x - middle.x, along = off * way_x + z * way_z, across = off * way_z - z * way_x;
            const float far2 = (across * across + along * along * scene_sun.y * scene_sun.y) / (soft * soft);
            if (far2 >= 1 || !s->floor[i]) continue;
            const float share = dark + (1 - dark) * far2;
            uint8_t *rgb = s->rgb + i * 3;
            for (int k = 0; k < 3; k++) rgb[k] = dimmed(rgb[k], share);
        }
    }
}

static void glow(uint8_t rgb[3], const struct vec colour, float share) {
    const float add[3] = {colour.x * share * 255, colour.y * share * 255, colour.z * share * 255};
    for (int k = 0; k < 3; k++) rgb[k] = (uint8_t)lesser((float)rgb[k] + add[k], 255);
}

static const struct vec goal_colour = {0.95f, 0.85f, 0.30f};

void solids_ring(struct scene *s, float x, float z, float phase) {
    struct area a;
    if (!area_of(vec(x, 0, z), 2.2f, &a)) return;
    for (int row = a.top; row < a.bottom; row++) {
        struct strip p = strip_at(a.left, row);
        for (int column = a.left; column < a.right; column++, p.x += p.step) {
            if (!s->floor[row * (int)SCENE_W + column]) continue;
            const float far = sqrtf((p.x - x) * (p.x - x) + (p.z - z) * (p.z - z));
            const float still = greater(0, 1 - fabsf(far - 0.8f) * 4);
            const float wave = greater(0, 1 - fabsf(far - 2 * phase) * 4) * (1 - phase);
            glow(s->rgb + (row * (int)SCENE_W + column) * 3, goal_colour, greater(still * 0.8f, wave * 0.6f));
        }
    }
}

void solids_beam(struct scene *s, float x, float z) {
    float foot_x, foot_y, top_x, top_y, depth, foot_scale, top_scale;
    if (!scene_see(vec(x, 0, z), &foot_x, &foot_y, &depth, &foot_scale)) return;
    if (!scene_see(vec(x, BEAM_HEIGHT, z), &top_x, &top_y, &depth, &top_scale)) return;
    const int first = clip(top_y, SCENE_H), last = clip(foot_y, SCENE_H);
    for (int y = first; y < last; y++) {
        const float up = (foot_y - (float)y) / greater(foot_y - top_y, 1), wide = 0.35f * foot_scale;
        const float middle = foot_x + (top_x - foot_x) * up;
        const struct area a = around(middle, (float)y, wide, 0);
        for (int column = a.left; column < a.right; column++) {
            const float off = fabsf((float)column + 0.5f - middle) / wide;
            if (off < 1) glow(s->rgb + (y * (int)SCENE_W + column) * 3, goal_colour, (1 - off) * (1 - up) * 0.75f);
        }
    }
}

// ---- solids ----

// Columns of the matrix that a unit quaternion means.
static void axes_of(const float q[4], struct vec axes[3]) {
    const float x = q[0], y = q[1], z = q[2], w = q[3];
    axes[0] = vec(1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w));
    axes[1] = vec(2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w));
    axes[2] = vec(2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y));
}

static struct vec shine(struct vec light, struct vec normal, struct vec along, float strength) {
    const struct vec half = vec_unit(vec_sub(scene_sun, vec_unit(along)));
    float s = greater(vec_dot(normal, half), 0);
    s *= s, s *= s, s *= s, s *= s, s *= s; // to the 32nd
    return vec_add(light, vec(s * strength, s * strength, s * strength));
}

// Darker towards the floor it lies on.
static float contact(float height) { return lesser(0.55f + height * 0.6f, 1); }

struct look {
    struct vec base, band;  // of the surface, and of what runs around it
    const struct vec *axes; // NULL: no band
    float gloss;
};

static void ball(struct scene *s, struct vec at, float r, const struct look *how) {
    struct area a;
    if (!area_of(at, r, &a)) return;
    const struct vec from = vec_sub(scene_eye, at);
    const float c = vec_dot(from, from) - r * r;
    for (int y = a.top; y < a.bottom; y++) {
        for (int x = a.left; x < a.right; x++) {
            const struct vec along = scene_ray((float)x + 0.5f, (float)y + 0.5f);
            const float len = vec_dot(along, along), b = vec_dot(along, from), inside = b * b - len * c;
            if (inside < 0) continue;
            const float depth = (-b - sqrtf(inside)) / len;
            const int i = y * (int)SCENE_W + x;
            if (depth >= s->depth[i] || depth < 0.1f) continue;
            s->depth[i] = depth;
            const struct vec n = vec_scale(vec_add(from, vec_scale(along, depth)), 1 / r);
            const bool band = how->axes && fabsf(vec_dot(n, how->axes[1])) < 0.28f;
            const struct vec light = scene_light(band ? how->band : how->base, n, 1);
            scene_put(s->rgb + i * 3, vec_scale(shine(light, n, along, how->gloss), contact(at.y + n.y * r)));
        }
    }
}

// A box in its own frame: where the ray comes in, and through which side. False: past it.
static bool enter(const float o[3], const float d[3], const float half[3], float *depth, int *side) {
    float in = -1e9f, out = 1e9f;
    for (int k = 0; k < 3; k++) {
        const float inverse = 1 / (fabsf(d[k]) > 1e-9f ? d[k] : 1e-9f), reach = half[k] * fabsf(inverse);
        const float middle = -o[k] * inverse;
        if (middle - reach > in) {
            in = middle - reach;
            *side = k;
        }
        out = lesser(out, middle + reach);
    }
    *depth = in;
    return in < out && in > 0.1f;
}

static void box(struct scene *s, const struct body_shape *shape, const struct body_motion *m,
                const struct vec axes[3]) {
    const struct vec at = vec(m->position[0], m->position[1], m->position[2]), from = vec_sub(scene_eye, at);
    const float o[3] = {vec_dot(from, axes[0]), vec_dot(from, axes[1]), vec_dot(from, axes[2])};
    struct area a;
    if (!area_of(at, bodies_reach(shape), &a)) return;
    for (int y = a.top; y < a.bottom; y++) {
        for (int x = a.left; x < a.right; x++) {
            const struct vec along = scene_ray((float)x + 0.5f, (float)y + 0.5f);
            const float d[3] = {vec_dot(along, axes[0]), vec_dot(along, axes[1]), vec_dot(along, axes[2])};
            float depth;
            int side = 0;
            const int i = y * (int)SCENE_W + x;
            if (!enter(o, d, shape->extents, &depth, &side) || depth >= s->depth[i]) continue;
            s->depth[i] = depth;
            const struct vec n = vec_scale(axes[side], d[side] > 0 ? -1.0f : 1.0f);
            float edge = 1; // how near the next edge of this side is
            for (int k = 0; k < 3; k++)
                if (k != side) edge = lesser(edge, 1 - fabsf(o[k] + d[k] * depth) / shape->extents[k]);
            const struct vec colour = vec_scale(palette[shape->colour % 8], edge < 0.14f ? 1.25f : 0.85f);
            const struct vec light = scene_light(colour, n, 1);
            const float height = scene_eye.y + along.y * depth;
            scene_put(s->rgb + i * 3, vec_scale(shine(light, n, along, 0.15f), contact(height)));
        }
    }
}

void solids_body(struct scene *s, const struct body_shape *shape, const struct body_motion *m) {
    struct vec axes[3];
    axes_of(m->orientation, axes);
    if (shape->kind == BODY_BOX) {
        box(s, shape, m, axes);
        return;
    }
    const struct look how = {palette[shape->colour % 8], vec(0.92f, 0.9f, 0.86f), axes, 0.5f};
    ball(s, vec(m->position[0], m->position[1], m->position[2]), shape->extents[0], &how);
}

void solids_agent(struct scene *s, const struct agent *a) {
    static const struct look coat = {{0.10f, 0.75f, 0.85f}, {0, 0, 0}, NULL, 0.2f};
    static const struct look head = {{0.95f, 0.75f, 0.58f}, {0, 0, 0}, NULL, 0.1f};
    const float x = cosf(a->heading), z = sinf(a->heading);
    ball(s, vec(a->x, AGENT_RADIUS, a->z), AGENT_RADIUS, &coat);
    ball(s, vec(a->x + x * 0.08f, AGENT_RADIUS * 2.2f, a->z + z * 0.08f), AGENT_RADIUS * 0.72f, &head);
}
