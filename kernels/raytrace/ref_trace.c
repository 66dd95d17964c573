// One pixel: every ray against everything in the scene, one after another.
#include <math.h>

#include "kernels/raytrace/raytrace.h"

struct vec {
    float x, y, z;
};

static struct vec vec(const float *v) { return (struct vec){v[0], v[1], v[2]}; }
static struct vec add(struct vec a, struct vec b) { return (struct vec){a.x + b.x, a.y + b.y, a.z + b.z}; }
static struct vec sub(struct vec a, struct vec b) { return (struct vec){a.x - b.x, a.y - b.y, a.z - b.z}; }
static struct vec mul(struct vec a, struct vec b) { return (struct vec){a.x * b.x, a.y * b.y, a.z * b.z}; }
static struct vec times(struct vec a, float k) { return (struct vec){a.x * k, a.y * k, a.z * k}; }
static float dot(struct vec a, struct vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static struct vec cross(struct vec a, struct vec b) {
    return (struct vec){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
static struct vec unit(struct vec a) { return times(a, 1 / sqrtf(fmaxf(dot(a, a), 1e-30f))); }
static struct vec mix(struct vec a, struct vec b, float k) { return add(a, times(sub(b, a), k)); }

struct ray {
    struct vec origin, direction; // of length 1
};

struct hit {
    float distance, u, v; // u, v: weights of a triangle's second and third corner
    uint32_t prim;        // triangles, then spheres, then planes; RAYTRACE_NONE
};

// The path under way.
struct path {
    const struct raytrace_block *block;
    const struct p2_raytrace_scene *scene;
    uint32_t x, y, sample;
    struct ray ray;
    struct vec light, throughput;
};

struct surface {
    struct vec at, face, normal; // both normals turned to where the ray came from
    struct vec colour;
    const struct raytrace_material *material;
    bool inside;
    float rise; // RAYTRACE_OFFSET in the scene's unit here
};

// ---- random numbers: Jarzynski and Olano, "Hash Functions for GPU Rendering", 2020 (pcg4d) ----

struct random {
    float a, b, c;
};

static struct random random_of(const struct path *p, uint32_t stream) {
    uint32_t x = p->x, y = p->y, z = p->sample, w = p->block->seed + stream * RAYTRACE_STREAM_STEP;
    x = x * 1664525u + 1013904223u;
    y = y * 1664525u + 1013904223u;
    z = z * 1664525u + 1013904223u;
    w = w * 1664525u + 1013904223u;
    for (int round = 0; round < 2; round++) {
        x += y * w;
        y += z * x;
        z += x * y;
        w += y * z;
        if (round == 1) break;
        x ^= x >> 16;
        y ^= y >> 16;
        z ^= z >> 16;
        w ^= w >> 16;
    }
    const float scale = 1.0f / (1 << 24);
    return (struct random){(float)(x >> 8) * scale, (float)(y >> 8) * scale, (float)(z >> 8) * scale};
}

// A point on the sphere of radius 1.
static struct vec on_sphere(float a, float b) {
    float z = 1 - 2 * a, r = sqrtf(fmaxf(1 - z * z, 0)), turn = 6.2831853f * (b - 0.5f);
    return (struct vec){r * cosf(turn), r * sinf(turn), z};
}

// ---- what a ray meets ----

// Moeller and Trumbore, "Fast, Minimum Storage Ray/Triangle Intersection", 1997.
static bool meets_triangle(const struct ray *r, const struct raytrace_vertex *const v[3], float far, struct hit *out) {
    struct vec corner = vec(v[0]->position);
    struct vec e1 = sub(vec(v[1]->position), corner), e2 = sub(vec(v[2]->position), corner);
    struct vec p = cross(r->direction, e2);
    float inverse = 1 / dot(e1, p);
    struct vec s = sub(r->origin, corner), q = cross(s, e1);
    out->u = dot(s, p) * inverse;
    out->v = dot(r->direction, q) * inverse;
    out->distance = dot(e2, q) * inverse;
    return out->u >= 0 && out->v >= 0 && out->u + out->v <= 1 && out->distance > 0 && out->distance < far;
}

// With the nearest point to the centre: Haines et al., "Precision Improvements for Ray/Sphere Intersection", 2019.
static bool meets_sphere(const struct ray *r, const struct raytrace_sphere *s, float far, struct hit *out) {
    struct vec to = sub(vec(s->centre), r->origin);
    float middle = dot(to, r->direction);
    struct vec aside = sub(to, times(r->direction, middle));
    float square = s->radius * s->radius - dot(aside, aside);
    if (!(square >= 0)) return false;
    float half = sqrtf(square);
    out->distance = middle - half > 0 ? middle - half : middle + half;
    return out->distance > 0 && out->distance < far;
}

static bool meets_plane(const struct ray *r, const struct raytrace_plane *p, float far, struct hit *out) {
    struct vec n = vec(p->normal);
    out->distance = (p->offset - dot(n, r->origin)) / dot(n, r->direction);
    return out->distance > 0 && out->distance < far;
}

static void corners(const struct p2_raytrace_scene *s, uint32_t triangle, const struct raytrace_vertex *v[3]) {
    for (int i = 0; i < 3; i++) v[i] = &s->vertices[s->triangles[triangle].vertex[i]];
}

// The nearest thing before `far`; miss: distance is far.
static struct hit nearest(const struct p2_raytrace_scene *s, const struct ray *r, float far) {
    struct hit best = {.distance = far, .prim = RAYTRACE_NONE}, h = {0};
    uint32_t prim = 0;
    for (uint32_t i = 0; i < s->head->triangles; i++, prim++) {
        const struct raytrace_vertex *v[3];
        corners(s, i, v);
        h.prim = prim;
        if (meets_triangle(r, v, best.distance, &h)) best = h;
    }
    for (uint32_t i = 0; i < s->head->spheres; i++, prim++) {
        h.prim = prim;
        if (meets_sphere(r, &s->spheres[i], best.distance, &h)) best = h;
    }
    for (uint32_t i = 0; i < s->head->planes; i++, prim++) {
        h.prim = prim;
        if (meets_plane(r, &s->planes[i], best.distance, &h)) best = h;
    }
    return best;
}

// ---- what is there ----

static struct vec sky(const struct p2_raytrace_scene *s, struct vec direction) {
    return mix(vec(s->head->sky_horizon), vec(s->head->sky_zenith), fmaxf(direction.y, 0));
}

// sRGB to linear light, within half a level.
static float linear(uint32_t level) {
    float c = (float)level / 255;
    return c * (c * (c * 0.305306011f + 0.682171111f) + 0.012522878f);
}

// Where a texture is looked at; it repeats, but not from pole to pole of a sphere.
struct spot {
    const struct raytrace_texture *texture;
    float u, v;
    bool round;
};

static struct vec texel(const struct p2_raytrace_scene *s, const struct spot *at, int32_t x, int32_t y) {
    const struct raytrace_texture *t = at->texture;
    uint32_t first = at->round ? 0 : t->height - 1, last = at->round ? t->height - 1 : 0;
    uint32_t column = x < 0 ? t->width - 1 : (uint32_t)x >= t->width ? 0 : (uint32_t)x;
    uint32_t row = y < 0 ? first : (uint32_t)y >= t->height ? last : (uint32_t)y;
    uint32_t c = s->texels[t->first_texel + row * t->width + column];
    return (struct vec){linear(c & 255), linear(c >> 8 & 255), linear(c >> 16 & 255)};
}

// Bilinear.
static struct vec textured(const struct p2_raytrace_scene *s, const struct spot *at) {
    float x = (at->u - floorf(at->u)) * (float)at->texture->width - 0.5f;
    float y = (at->v - floorf(at->v)) * (float)at->texture->height - 0.5f;
    float left = floorf(x), top = floorf(y);
    int32_t column = (int32_t)left, row = (int32_t)top;
    struct vec above = mix(texel(s, at, column, row), texel(s, at, column + 1, row), x - left);
    struct vec below = mix(texel(s, at, column, row + 1), texel(s, at, column + 1, row + 1), x - left);
    return mix(above, below, y - top);
}

static void triangle_at(const struct p2_raytrace_scene *s, const struct hit *h, struct surface *f, struct spot *at) {
    const struct raytrace_vertex *v[3];
    corners(s, h->prim, v);
    struct vec corner = vec(v[0]->position);
    f->face = unit(cross(sub(vec(v[1]->position), corner), sub(vec(v[2]->position), corner)));
    f->material = &s->materials[s->triangles[h->prim].material];
    float first = 1 - h->u - h->v;
    struct vec smooth =
        add(add(times(vec(v[0]->normal), first), times(vec(v[1]->normal), h->u)), times(vec(v[2]->normal), h->v));
    f->normal = dot(smooth, smooth) > 1e-12f ? unit(smooth) : f->face;
    if (dot(f->normal, f->face) < 0) f->normal = times(f->normal, -1);
    at->u = first * v[0]->uv[0] + h->u * v[1]->uv[0] + h->v * v[2]->uv[0];
    at->v = first * v[0]->uv[1] + h->u * v[1]->uv[1] + h->v * v[2]->uv[1];
}

static void sphere_at(const struct p2_raytrace_scene *s, const struct raytrace_sphere *sphere, struct surface *f,
                      struct spot *at) {
    struct vec n = f->face = f->normal = times(sub(f->at, vec(sphere->centre)), 1 / sphere->radius);
    f->material = &s->materials[sphere->material];
    at->u = 0.5f + 0.5f * RAYTRACE_INV_PI * atan2f(n.x, n.z);
    at->v = fminf(RAYTRACE_INV_PI * atan2f(sqrtf(n.x * n.x + n.z * n.z), n.y), RAYTRACE_BELOW_1);
    at->round = true;
}

static void plane_at(const struct p2_raytrace_scene *s, const struct raytrace_plane *plane, struct surface *f,
                     struct spot *at) {
    f->face = f->normal = vec(plane->normal);
    f->material = &s->materials[plane->material];
    at->u = dot(f->at, vec(plane->u)) + plane->u[3];
    at->v = dot(f->at, vec(plane->v)) + plane->v[3];
}

static void surface_at(const struct p2_raytrace_scene *s, const struct ray *r, const struct hit *h, struct surface *f) {
    f->at = add(r->origin, times(r->direction, h->distance));
    uint32_t round = h->prim - s->head->triangles, flat = round - s->head->spheres;
    struct spot spot = {0};
    if (h->prim < s->head->triangles)
        triangle_at(s, h, f, &spot);
    else if (round < s->head->spheres)
        sphere_at(s, &s->spheres[round], f, &spot);
    else
        plane_at(s, &s->planes[flat], f, &spot);
    f->colour = vec(f->material->colour);
    if (f->material->texture != RAYTRACE_NO_TEXTURE) {
        spot.texture = &s->textures[f->material->texture];
        f->colour = mul(f->colour, textured(s, &spot));
    }
    f->inside = dot(r->direction, f->face) > 0;
    if (f->inside) {
        f->face = times(f->face, -1);
        f->normal = times(f->normal, -1);
    }
    if (dot(r->direction, f->normal) > 0) f->normal = f->face;
    f->rise = RAYTRACE_OFFSET * (fmaxf(fabsf(f->at.x), fmaxf(fabsf(f->at.y), fabsf(f->at.z))) + h->distance);
}

// ---- light ----

// What one light gives to a white surface there; shadow rays are of the path's own block of random numbers.
static struct vec from_light(const struct path *p, const struct surface *f, const struct raytrace_light *l,
                             uint32_t stream) {
    struct vec dark = {0, 0, 0}, colour = vec(l->colour), to = times(vec(l->at), -1);
    float far = RAYTRACE_FAR;
    if (l->kind != RAYTRACE_DIRECTIONAL) {
        struct vec place = vec(l->at);
        struct vec across = cross(vec(l->u), vec(l->v));
        if (l->kind == RAYTRACE_AREA) {
            struct random r = random_of(p, stream);
            place = add(place, add(times(vec(l->u), r.a), times(vec(l->v), r.b)));
        }
        to = sub(place, f->at);
        float square = fmaxf(dot(to, to), 1e-12f);
        far = sqrtf(square);
        to = times(to, 1 / far);
        float share = 1 / square;
        if (l->kind == RAYTRACE_AREA) share *= fmaxf(-dot(to, across), 0) * RAYTRACE_INV_PI;
        colour = times(colour, share);
    }
    float cosine = dot(to, f->normal);
    if (!(cosine > 0 && dot(to, f->face) > 0 && dot(colour, colour) > 0)) return dark;
    struct ray shadow = {add(f->at, times(f->face, f->rise)), to};
    if (nearest(p->scene, &shadow, far * RAYTRACE_SHORTEN).prim != RAYTRACE_NONE) return dark;
    return times(colour, cosine);
}

static struct vec from_lights(const struct path *p, const struct surface *f, uint32_t bounce) {
    struct vec sum = {0, 0, 0};
    for (uint32_t i = 0; i < p->scene->head->lights; i++)
        sum = add(sum, from_light(p, f, &p->scene->lights[i], bounce * RAYTRACE_STREAMS + 1 + i));
    return sum;
}

// Where the path goes on; false when it ends here.
static bool scatter(struct path *p, const struct surface *f, uint32_t bounce) {
    struct random r = random_of(p, bounce * RAYTRACE_STREAMS);
    struct vec d = p->ray.direction, to, ball = on_sphere(r.a, r.b);
    float cosine = -dot(d, f->normal), side = 1;
    struct vec mirrored = add(d, times(f->normal, 2 * cosine));
    if (f->material->kind == RAYTRACE_DIFFUSE) {
        to = unit(add(f->normal, times(ball, 0.9999f))); // never of length 0
    } else if (f->material->kind == RAYTRACE_METAL) {
        to = unit(add(mirrored, times(ball, f->material->fuzz)));
    } else {
        // Schlick, "An Inexpensive BRDF Model for Physically-based Rendering", 1994.
        float index = f->material->refraction, eta = f->inside ? index : 1 / index;
        float square = 1 - eta * eta * (1 - cosine * cosine), inner = sqrtf(fmaxf(square, 0));
        float least = (1 - index) / (1 + index), steep = 1 - (f->inside ? inner : cosine);
        least *= least;
        float share = square < 0 ? 1 : least + (1 - least) * steep * steep * steep * steep * steep;
        side = r.c < share ? 1 : -1;
        to = side > 0 ? mirrored : unit(add(times(d, eta), times(f->normal, eta * cosine - inner)));
    }
    if (dot(to, f->face) * side <= 0) return false;
    p->throughput = mul(p->throughput, f->colour);
    p->ray = (struct ray){add(f->at, times(f->face, side * f->rise)), to};
    return true;
}

static void sum_features(float *sums, const struct surface *f, float distance) {
    const float values[] = {fminf(f->colour.x, 1),
                            fminf(f->colour.y, 1),
                            fminf(f->colour.z, 1),
                            f->normal.x,
                            f->normal.y,
                            f->normal.z,
                            distance};
    for (uint32_t i = 0; i < 7; i++) sums[RAYTRACE_ALBEDO + i] += values[i];
    sums[RAYTRACE_COVER] += 1;
}

static void walk(struct path *p, float *sums) {
    for (uint32_t bounce = 0; bounce < p->block->depth; bounce++) {
        struct hit h = nearest(p->scene, &p->ray, RAYTRACE_FAR);
        if (h.prim == RAYTRACE_NONE) {
            p->light = add(p->light, mul(p->throughput, sky(p->scene, p->ray.direction)));
            return;
        }
        struct surface f = {0};
        surface_at(p->scene, &p->ray, &h, &f);
        if (bounce == 0) sum_features(sums, &f, h.distance);
        if (f.material->kind == RAYTRACE_EMISSIVE) {
            p->light = add(p->light, mul(p->throughput, f.colour));
            return;
        }
        struct vec direct = {0, 0, 0};
        if (!p->block->path || f.material->kind == RAYTRACE_DIFFUSE) direct = from_lights(p, &f, bounce);
        if (!p->block->path) direct = add(direct, times(sky(p->scene, f.normal), RAYTRACE_AMBIENT));
        p->light = add(p->light, mul(p->throughput, mul(f.colour, direct)));
        if (bounce + 1 == p->block->depth || !scatter(p, &f, bounce)) return;
    }
}

// The first sample goes through the middle of its pixel, others through a random place in it.
static struct ray camera_ray(const struct path *p) {
    const struct raytrace_camera *c = &p->block->camera;
    struct random r = {0.5f, 0.5f, 0};
    if (p->sample) r = random_of(p, RAYTRACE_STREAM_LENS);
    float right = (float)p->x + r.a - 0.5f * (float)p->block->width;
    float down = (float)p->y + r.b - 0.5f * (float)p->block->height;
    struct vec to = add(vec(c->forward), add(times(vec(c->right), right), times(vec(c->down), down)));
    return (struct ray){vec(c->position), unit(to)};
}

void p2_raytrace_pixel(const struct raytrace_block *b, const struct p2_raytrace_scene *scene, uint32_t x, uint32_t y,
                       float sums[RAYTRACE_PLANES]) {
    for (uint32_t i = 0; i < b->samples; i++) {
        struct path p = {.block = b, .scene = scene, .x = x, .y = y, .sample = b->first + i, .throughput = {1, 1, 1}};
        p.ray = camera_ray(&p);
        walk(&p, sums);
        sums[RAYTRACE_RED] += p.light.x;
        sums[RAYTRACE_GREEN] += p.light.y;
        sums[RAYTRACE_BLUE] += p.light.z;
    }
}
