// The game's picture, small: what does not move is traced once, then every frame the rest is drawn over it. Three bytes
// RGB a pixel, row by row. No I/O, no clock.
#ifndef CLIENT_PLAY_DRAW_SCENE_H
#define CLIENT_PLAY_DRAW_SCENE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/play/core/game.h"

#define SCENE_W 320u
#define SCENE_H 180u
#define SCENE_PIXELS (SCENE_W * SCENE_H)
#define SCENE_BYTES (SCENE_PIXELS * 3u)

struct scene {
    uint8_t still[SCENE_BYTES];      // ground, walls and sky
    float still_depth[SCENE_PIXELS]; // along the camera's axis, m
    bool floor[SCENE_PIXELS];        // what shadows fall on
    uint8_t rgb[SCENE_BYTES];        // the frame
    float depth[SCENE_PIXELS];
};

void scene_init(struct scene *s);
// Draws the game as it is now into s->rgb.
void scene_draw(struct scene *s, const struct game *g);

// ---- what its parts share ----

struct vec {
    float x, y, z;
};
static inline float greater(float a, float b) { return a > b ? a : b; } // of a number and none: b
static inline float lesser(float a, float b) { return a < b ? a : b; }
static inline struct vec vec(float x, float y, float z) { return (struct vec){x, y, z}; }
static inline struct vec vec_add(struct vec a, struct vec b) { return vec(a.x + b.x, a.y + b.y, a.z + b.z); }
static inline struct vec vec_sub(struct vec a, struct vec b) { return vec(a.x - b.x, a.y - b.y, a.z - b.z); }
static inline struct vec vec_scale(struct vec a, float f) { return vec(a.x * f, a.y * f, a.z * f); }
static inline struct vec vec_mul(struct vec a, struct vec b) { return vec(a.x * b.x, a.y * b.y, a.z * b.z); }
static inline float vec_dot(struct vec a, struct vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline struct vec vec_unit(struct vec a) { return vec_scale(a, 1 / sqrtf(greater(vec_dot(a, a), 1e-20f))); }

extern const struct vec scene_eye, scene_sun; // metres; towards the sun
// From the eye through a place in the picture, in pixels: one metre along the camera's axis.
struct vec scene_ray(float x, float y);
// Where a point is seen, in pixels, and how far along the axis; pixels of a metre there. False: behind the eye.
bool scene_see(struct vec p, float *x, float *y, float *depth, float *scale);
// Light of a surface that reflects so much, before scene_put: sun where `lit` (0..1), and the sky.
struct vec scene_light(struct vec albedo, struct vec normal, float lit);
void scene_put(uint8_t rgb[3], struct vec light); // to 8 bits

#endif
