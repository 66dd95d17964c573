// A picture from its pixels: the part to render, the denoiser, and the form of the result.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/raytrace/raytrace.h"

// Planes of floats of the rendered part.
struct canvas {
    const struct raytrace_block *block;
    struct p2_raytrace_area area;
    size_t plane; // floats of one
    float *planes;
    float *scratch; // three planes, of the denoiser
};

static uint32_t less(uint32_t a, uint32_t b) { return a < b ? a : b; }

struct p2_raytrace_area p2_raytrace_rendered(const struct raytrace_block *b) {
    uint32_t reach = RAYTRACE_DENOISE_REACH(b->denoise);
    struct p2_raytrace_area a = {.x = b->x - less(b->x, reach), .y = b->y - less(b->y, reach)};
    a.w = less(b->width, b->x + b->w + reach) - a.x;
    a.h = less(b->height, b->y + b->h + reach) - a.y;
    return a;
}

size_t p2_raytrace_raw_bytes(const struct raytrace_block *b) {
    size_t pixels = (size_t)b->w * b->h;
    if (b->form != RAYTRACE_FLOAT) return pixels * (b->form == RAYTRACE_RGBA8 ? 4 : 3);
    return pixels * (3 + 3 * b->albedo + 3 * b->normals + b->distance) * sizeof(float);
}

bool p2_raytrace_features(const struct raytrace_block *b) {
    return b->albedo || b->normals || b->distance || b->denoise;
}

// ---- denoiser ----

static void compress(struct canvas *c) {
    for (size_t i = 0; i < c->plane; i++) {
        float most = 0;
        for (uint32_t k = 0; k < 3; k++) {
            float *colour = &c->planes[k * c->plane + i];
            *colour /= c->planes[(RAYTRACE_ALBEDO + k) * c->plane + i] + RAYTRACE_ALBEDO_FLOOR;
            most = fmaxf(most, *colour);
        }
        for (uint32_t k = 0; k < 3; k++) c->planes[k * c->plane + i] /= 1 + most;
    }
}

static void expand(struct canvas *c) {
    for (size_t i = 0; i < c->plane; i++) {
        float most = 0;
        for (uint32_t k = 0; k < 3; k++) most = fmaxf(most, c->planes[k * c->plane + i]);
        float scale = 1 / fmaxf(1 - most, 1e-6f);
        for (uint32_t k = 0; k < 3; k++)
            c->planes[k * c->plane + i] *=
                (c->planes[(RAYTRACE_ALBEDO + k) * c->plane + i] + RAYTRACE_ALBEDO_FLOOR) * scale;
    }
}

static float square_of(const struct canvas *c, uint32_t first, uint32_t count, size_t here, size_t there) {
    float sum = 0;
    for (uint32_t k = first; k < first + count; k++) {
        float d = c->planes[k * c->plane + here] - c->planes[k * c->plane + there];
        sum += d * d;
    }
    return sum;
}

// How alike two pixels are, 0..1.
static float likeness(const struct canvas *c, size_t here, size_t there, uint32_t level) {
    float colour = RAYTRACE_SIGMA_COLOUR / (float)(1u << level);
    float along = RAYTRACE_SIGMA_DISTANCE * (float)(1u << level) * c->planes[RAYTRACE_DISTANCE * c->plane + here];
    return expf(-square_of(c, RAYTRACE_RED, 3, here, there) / (colour * colour) -
                square_of(c, RAYTRACE_NORMAL, 3, here, there) / (RAYTRACE_SIGMA_NORMAL * RAYTRACE_SIGMA_NORMAL) -
                square_of(c, RAYTRACE_ALBEDO, 3, here, there) / (RAYTRACE_SIGMA_ALBEDO * RAYTRACE_SIGMA_ALBEDO) -
                square_of(c, RAYTRACE_DISTANCE, 1, here, there) / (along * along + 1e-12f));
}

static void smooth_pixel(struct canvas *c, uint32_t x, uint32_t y, uint32_t level) {
    static const float taps[5] = {0.0625f, 0.25f, 0.375f, 0.25f, 0.0625f};
    size_t here = (size_t)y * c->area.w + x;
    float sum[3] = {0}, weights = 0;
    for (int32_t row = -2; row <= 2; row++)
        for (int32_t column = -2; column <= 2; column++) {
            int64_t px = (int64_t)x + column * (1 << level), py = (int64_t)y + row * (1 << level);
            if (px < 0 || py < 0 || px >= c->area.w || py >= c->area.h) continue;
            size_t there = (size_t)py * c->area.w + (size_t)px;
            float weight = taps[row + 2] * taps[column + 2] * likeness(c, here, there, level);
            weights += weight;
            for (uint32_t k = 0; k < 3; k++) sum[k] += weight * c->planes[k * c->plane + there];
        }
    for (uint32_t k = 0; k < 3; k++) c->scratch[k * c->plane + here] = sum[k] / weights;
}

static void denoise(struct canvas *c) {
    compress(c);
    for (uint32_t level = 0; level < c->block->denoise; level++) {
        for (uint32_t y = 0; y < c->area.h; y++)
            for (uint32_t x = 0; x < c->area.w; x++) smooth_pixel(c, x, y, level);
        memcpy(c->planes, c->scratch, 3 * c->plane * sizeof(float));
    }
    expand(c);
}

// ---- result ----

// Linear light to the sRGB curve, within half a level.
static float curve(float x) {
    if (x < 0.0031308f) return 12.92f * x;
    float a = sqrtf(x), b = sqrtf(a), c = sqrtf(b);
    return 0.662002687f * a + 0.684122060f * b - 0.323583601f * c - 0.0225411470f * x;
}

static uint8_t level_of(float x) { return (uint8_t)(fminf(fmaxf(x, 0), 1) * 255 + 0.5f); }

static void put_bytes(const struct canvas *c, size_t from, uint8_t *to) {
    for (uint32_t k = 0; k < 3; k++)
        *to++ = level_of(curve(fminf(fmaxf(c->planes[k * c->plane + from] * c->block->exposure, 0), 1)));
    if (c->block->form == RAYTRACE_RGBA8) *to = level_of(c->planes[RAYTRACE_COVER * c->plane + from]);
}

// `count` planes from `first` on, their values side by side; returns where the next begin.
static uint8_t *put_floats(const struct canvas *c, uint32_t first, uint32_t count, uint8_t *to) {
    const struct raytrace_block *b = c->block;
    for (uint32_t y = 0; y < b->h; y++)
        for (uint32_t x = 0; x < b->w; x++)
            for (uint32_t k = first; k < first + count; k++, to += sizeof(float)) {
                size_t from = (size_t)(b->y - c->area.y + y) * c->area.w + (b->x - c->area.x + x);
                memcpy(to, &c->planes[k * c->plane + from], sizeof(float));
            }
    return to;
}

static void put(const struct canvas *c, uint8_t *out) {
    const struct raytrace_block *b = c->block;
    if (b->form == RAYTRACE_FLOAT) {
        out = put_floats(c, RAYTRACE_RED, 3, out);
        if (b->albedo) out = put_floats(c, RAYTRACE_ALBEDO, 3, out);
        if (b->normals) out = put_floats(c, RAYTRACE_NORMAL, 3, out);
        if (b->distance) put_floats(c, RAYTRACE_DISTANCE, 1, out);
        return;
    }
    size_t channels = b->form == RAYTRACE_RGBA8 ? 4 : 3;
    for (uint32_t y = 0; y < b->h; y++)
        for (uint32_t x = 0; x < b->w; x++, out += channels)
            put_bytes(c, (size_t)(b->y - c->area.y + y) * c->area.w + (b->x - c->area.x + x), out);
}

static void trace(struct canvas *c, const struct p2_raytrace_scene *scene) {
    for (uint32_t y = 0; y < c->area.h; y++)
        for (uint32_t x = 0; x < c->area.w; x++) {
            float sums[RAYTRACE_PLANES] = {0};
            p2_raytrace_pixel(c->block, scene, c->area.x + x, c->area.y + y, sums);
            for (uint32_t k = 0; k < RAYTRACE_PLANES; k++)
                c->planes[k * c->plane + (size_t)y * c->area.w + x] = sums[k] / (float)c->block->samples;
        }
}

enum p2_err p2_raytrace_render(const struct raytrace_block *b, const struct p2_raytrace_scene *scene, uint8_t *out,
                               size_t out_capacity, size_t *out_size) {
    *out_size = p2_raytrace_raw_bytes(b);
    if (out_capacity < *out_size) return P2_ERR_RESULT_TOO_LARGE;
    struct canvas c = {.block = b, .area = p2_raytrace_rendered(b)};
    c.plane = (size_t)c.area.w * c.area.h;
    c.planes = malloc((RAYTRACE_PLANES + 3) * c.plane * sizeof(float));
    if (!c.planes) return P2_ERR_NO_MEMORY;
    c.scratch = c.planes + RAYTRACE_PLANES * c.plane;
    trace(&c, scene);
    if (b->denoise) denoise(&c);
    put(&c, out);
    free(c.planes);
    return P2_OK;
}

enum p2_err p2_raytrace_reference(const void *block, const uint8_t *payload, size_t payload_size, uint8_t *out,
                                  size_t out_capacity, size_t *out_size) {
    const struct raytrace_block *b = block;
    struct p2_raytrace_scene scene;
    char text[128];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    if (payload_size != b->payload_size) return P2_ERR_BAD_PAYLOAD;
    enum p2_err err = p2_raytrace_scene_open(payload, payload_size, &scene, &why);
    return err ? err : p2_raytrace_render(b, &scene, out, out_capacity, out_size);
}
