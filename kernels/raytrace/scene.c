#include <math.h>

#include "kernels/raytrace/raytrace.h"

_Static_assert(sizeof(struct raytrace_header) == 128 && sizeof(struct raytrace_material) == 32 &&
                   sizeof(struct raytrace_texture) == 16 && sizeof(struct raytrace_light) == 64 &&
                   sizeof(struct raytrace_sphere) == 20 && sizeof(struct raytrace_plane) == 52 &&
                   sizeof(struct raytrace_vertex) == 32 && sizeof(struct raytrace_triangle) == 16,
               "words without gaps");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a scene is read where it lies");

static bool within(const float *values, uint32_t count, float least, float most) {
    for (uint32_t i = 0; i < count; i++)
        if (!(values[i] >= least && values[i] <= most)) return false; // nor NaN
    return true;
}

static bool is_unit(const float *v) {
    if (!within(v, 3, -2, 2)) return false;
    return fabsf(v[0] * v[0] + v[1] * v[1] + v[2] * v[2] - 1) < 1e-3f;
}

static bool is_place(const float *v) { return within(v, 3, -RAYTRACE_COORDINATE_MAX, RAYTRACE_COORDINATE_MAX); }

static bool material_is_sound(const struct p2_raytrace_scene *s, const struct raytrace_material *m) {
    if (m->kind > RAYTRACE_EMISSIVE || m->reserved) return false;
    if (m->texture != RAYTRACE_NO_TEXTURE && m->texture >= s->head->textures) return false;
    return within(m->colour, 3, 0, m->kind == RAYTRACE_EMISSIVE ? RAYTRACE_RADIANCE_MAX : 1) &&
           within(&m->fuzz, 1, 0, 1) && within(&m->refraction, 1, 1, 4);
}

static bool texture_is_sound(const struct p2_raytrace_scene *s, const struct raytrace_texture *t) {
    if (t->width < 1 || t->width > RAYTRACE_TEXTURE_SIDE_MAX || t->height < 1 || t->reserved) return false;
    if (t->height > RAYTRACE_TEXTURE_SIDE_MAX) return false;
    return (uint64_t)t->first_texel + (uint64_t)t->width * t->height <= s->head->texels;
}

static bool light_is_sound(const struct raytrace_light *l) {
    if (l->kind > RAYTRACE_AREA || l->reserved[0] || l->reserved[1] || l->reserved[2]) return false;
    if (l->kind == RAYTRACE_DIRECTIONAL ? !is_unit(l->at) : !is_place(l->at)) return false;
    return within(l->colour, 3, 0, RAYTRACE_RADIANCE_MAX) && is_place(l->u) && is_place(l->v);
}

static bool sphere_is_sound(const struct p2_raytrace_scene *s, const struct raytrace_sphere *sphere) {
    return is_place(sphere->centre) && within(&sphere->radius, 1, 1e-6f, RAYTRACE_COORDINATE_MAX) &&
           sphere->material < s->head->materials;
}

static bool plane_is_sound(const struct p2_raytrace_scene *s, const struct raytrace_plane *p) {
    return is_unit(p->normal) && within(&p->offset, 1, -RAYTRACE_COORDINATE_MAX, RAYTRACE_COORDINATE_MAX) &&
           within(p->u, 4, -RAYTRACE_REPEATS_MAX, RAYTRACE_REPEATS_MAX) &&
           within(p->v, 4, -RAYTRACE_REPEATS_MAX, RAYTRACE_REPEATS_MAX) && p->material < s->head->materials;
}

static bool vertex_is_sound(const struct raytrace_vertex *v) {
    return is_place(v->position) && within(v->normal, 3, -1e3f, 1e3f) && within(v->uv, 2, -1e4f, 1e4f);
}

static bool triangle_is_sound(const struct p2_raytrace_scene *s, const struct raytrace_triangle *t) {
    return t->vertex[0] < s->head->vertices && t->vertex[1] < s->head->vertices && t->vertex[2] < s->head->vertices &&
           t->material < s->head->materials;
}

// A sentence about the first unsound item of an array; `sound` uses s and i.
#define EACH(array, name, sound)                                                                                       \
    for (uint32_t i = 0; i < s->head->array; i++)                                                                      \
        if (!(sound)) {                                                                                                \
            p2_strbuf_printf(why, "%s %u of the scene has a value out of range", name, i);                             \
            return P2_ERR_BAD_PAYLOAD;                                                                                 \
        }

static enum p2_err check_items(const struct p2_raytrace_scene *s, struct p2_strbuf *why) {
    EACH(materials, "material", material_is_sound(s, &s->materials[i]))
    EACH(textures, "texture", texture_is_sound(s, &s->textures[i]))
    EACH(lights, "light", light_is_sound(&s->lights[i]))
    EACH(spheres, "sphere", sphere_is_sound(s, &s->spheres[i]))
    EACH(planes, "plane", plane_is_sound(s, &s->planes[i]))
    EACH(vertices, "vertex", vertex_is_sound(&s->vertices[i]))
    EACH(triangles, "triangle", triangle_is_sound(s, &s->triangles[i]))
    return P2_OK;
}

static enum p2_err check_header(const struct raytrace_header *h, struct p2_strbuf *why) {
    if (h->magic != RAYTRACE_MAGIC || h->version != RAYTRACE_VERSION) {
        p2_strbuf_printf(why, "the scene does not begin with P2RT, version %u", RAYTRACE_VERSION);
        return P2_ERR_BAD_PAYLOAD;
    }
    for (uint32_t i = 0; i < sizeof h->reserved / sizeof *h->reserved; i++)
        if (h->reserved[i]) {
            p2_strbuf_printf(why, "a reserved word of the scene is not 0");
            return P2_ERR_BAD_PAYLOAD;
        }
    if (!within(h->sky_zenith, 3, 0, RAYTRACE_RADIANCE_MAX) || !within(h->sky_horizon, 3, 0, RAYTRACE_RADIANCE_MAX)) {
        p2_strbuf_printf(why, "the sky of the scene has a value out of range");
        return P2_ERR_BAD_PAYLOAD;
    }
    return P2_OK;
}

enum p2_err p2_raytrace_scene_open(const uint8_t *bytes, size_t size, struct p2_raytrace_scene *out,
                                   struct p2_strbuf *why) {
    const struct raytrace_header *h = (const void *)bytes;
    if (size < sizeof *h || (uintptr_t)bytes % 4 != 0) {
        p2_strbuf_printf(why, "a scene has a header of %zu bytes, here are %zu", sizeof *h, size);
        return P2_ERR_BAD_PAYLOAD;
    }
    enum p2_err err = check_header(h, why);
    if (err) return err;
    const struct {
        const char *name;
        uint32_t count, most;
        size_t item;
        const void **to;
    } arrays[] = {
        {"materials", h->materials, RAYTRACE_MATERIALS_MAX, sizeof *out->materials, (const void **)&out->materials},
        {"textures", h->textures, RAYTRACE_TEXTURES_MAX, sizeof *out->textures, (const void **)&out->textures},
        {"lights", h->lights, RAYTRACE_LIGHTS_MAX, sizeof *out->lights, (const void **)&out->lights},
        {"spheres", h->spheres, RAYTRACE_SPHERES_MAX, sizeof *out->spheres, (const void **)&out->spheres},
        {"planes", h->planes, RAYTRACE_PLANES_MAX, sizeof *out->planes, (const void **)&out->planes},
        {"vertices", h->vertices, RAYTRACE_VERTICES_MAX, sizeof *out->vertices, (const void **)&out->vertices},
        {"triangles", h->triangles, RAYTRACE_TRIANGLES_MAX, sizeof *out->triangles, (const void **)&out->triangles},
        {"texels", h->texels, RAYTRACE_TEXELS_MAX, sizeof *out->texels, (const void **)&out->texels},
    };
    uint64_t at = sizeof *h;
    for (uint32_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        if (arrays[i].count > arrays[i].most) {
            p2_strbuf_printf(why, "%u %s in the scene, at most %u", arrays[i].count, arrays[i].name, arrays[i].most);
            return P2_ERR_BAD_PAYLOAD;
        }
        *arrays[i].to = bytes + (at < size ? at : size);
        at += (uint64_t)arrays[i].count * arrays[i].item; // counts are small: no overflow
    }
    if (at != size) {
        p2_strbuf_printf(why, "the scene is %zu bytes, by its counts %llu", size, (unsigned long long)at);
        return P2_ERR_BAD_PAYLOAD;
    }
    out->head = h;
    return check_items(out, why);
}
