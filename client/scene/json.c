// Our JSON scenes; client/scene/README.md has every key.
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "geometry.h"

#define NAMES_MAX 256 // materials with a name

struct reader {
    struct build *b;
    const json_t *root;
    const char *names[NAMES_MAX]; // lends root
    uint32_t indices[NAMES_MAX], name_count;
};

// ---- values ----

static bool wrong(struct reader *r, const char *where, const char *key, const char *wanted) {
    return build_fail(r->b, "%s: \"%s\" is to be %s", where, key, wanted);
}

// `count` of them and no more.
static bool read_numbers(const json_t *list, size_t count, float *out) {
    if (json_array_size(list) != count) return false;
    for (size_t i = 0; i < count; i++) {
        if (!json_is_number(json_array_get(list, i))) return false;
        out[i] = (float)json_number_value(json_array_get(list, i));
    }
    return true;
}

// Absent: left as it is.
static bool read_vector(struct reader *r, const json_t *o, const char *where, const char *key, float out[3]) {
    const json_t *v = json_object_get(o, key);
    return !v || read_numbers(v, 3, out) || wrong(r, where, key, "three numbers");
}

static bool read_number(struct reader *r, const json_t *o, const char *where, const char *key, float *out) {
    const json_t *v = json_object_get(o, key);
    if (!v) return true;
    if (!json_is_number(v)) return wrong(r, where, key, "a number");
    *out = (float)json_number_value(v);
    return true;
}

// Which of the words; the first when absent. -1: none of them, said so.
static int read_word(struct reader *r, const json_t *o, const char *where, const char *key, const char *const *words) {
    const json_t *v = json_object_get(o, key);
    if (!v) return 0;
    for (int i = 0; words[i] && json_is_string(v); i++)
        if (strcmp(json_string_value(v), words[i]) == 0) return i;
    wrong(r, where, key, "one of those that README.md lists");
    return -1;
}

// Every key of an object is one of `keys`, a list with blanks around each.
static bool only(struct reader *r, const json_t *o, const char *where, const char *keys) {
    if (!json_is_object(o)) return build_fail(r->b, "%s is to be an object", where);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)o, key, value) {
        char word[66];
        snprintf(word, sizeof word, " %.60s ", key);
        if (!strstr(keys, word)) return build_fail(r->b, "%s has no \"%s\"; it has%s", where, key, keys);
    }
    return true;
}

// ---- materials ----

static bool read_material(struct reader *r, const json_t *o, const char *where, uint32_t *out) {
    static const char *const kinds[] = {"diffuse", "metal", "glass", "emissive", NULL};
    struct raytrace_material m = {.colour = {0.8f, 0.8f, 0.8f}, .refraction = 1.5f, .texture = RAYTRACE_NO_TEXTURE};
    if (!only(r, o, where, " type color fuzz refraction texture ")) return false;
    int kind = read_word(r, o, where, "type", kinds);
    if (kind < 0) return false;
    m.kind = (unsigned int)kind;
    if (kind == RAYTRACE_GLASS) memcpy(m.colour, (float[]){1, 1, 1}, sizeof m.colour);
    const json_t *texture = json_object_get(o, "texture");
    if (!read_vector(r, o, where, "color", m.colour) || !read_number(r, o, where, "fuzz", &m.fuzz) ||
        !read_number(r, o, where, "refraction", &m.refraction))
        return false;
    if (texture && !json_is_string(texture)) return wrong(r, where, "texture", "the name of a picture");
    if (texture && !build_texture(r->b, json_string_value(texture), &m.texture)) return false;
    *out = build_count(r->b, MATERIALS);
    return build_add(r->b, MATERIALS, &m, 1);
}

static bool read_materials(struct reader *r) {
    const json_t *all = json_object_get(r->root, "materials");
    const char *name;
    json_t *value;
    if (all && !json_is_object(all)) return build_fail(r->b, "\"materials\" is to be an object of names");
    json_object_foreach((json_t *)(uintptr_t)all, name, value) {
        char where[96];
        snprintf(where, sizeof where, "material \"%.60s\"", name);
        if (r->name_count == NAMES_MAX) return build_fail(r->b, "more than %u materials with names", NAMES_MAX);
        r->names[r->name_count] = name;
        if (!read_material(r, value, where, &r->indices[r->name_count++])) return false;
    }
    return true;
}

// The material of an object: a name, an object, or "color" alone; NO_MATERIAL when it says nothing.
static bool material_of(struct reader *r, const json_t *o, const char *where, uint32_t *out) {
    const json_t *m = json_object_get(o, "material");
    *out = NO_MATERIAL;
    if (json_is_object(m)) return read_material(r, m, where, out);
    if (json_is_string(m)) {
        for (uint32_t i = 0; i < r->name_count; i++)
            if (strcmp(r->names[i], json_string_value(m)) == 0) *out = r->indices[i];
        return *out != NO_MATERIAL || build_fail(r->b, "%s: there is no material \"%s\"", where, json_string_value(m));
    }
    if (m) return wrong(r, where, "material", "a name or an object");
    if (!json_object_get(o, "color")) return true;
    struct raytrace_material plain = {.refraction = 1, .texture = RAYTRACE_NO_TEXTURE};
    *out = build_count(r->b, MATERIALS);
    return read_vector(r, o, where, "color", plain.colour) && build_add(r->b, MATERIALS, &plain, 1);
}

static bool some_material(struct reader *r, const json_t *o, const char *where, uint32_t *out) {
    const struct raytrace_material grey = {
        .colour = {0.7f, 0.7f, 0.7f}, .refraction = 1, .texture = RAYTRACE_NO_TEXTURE};
    if (!material_of(r, o, where, out)) return false;
    if (*out != NO_MATERIAL) return true;
    *out = build_count(r->b, MATERIALS);
    return build_add(r->b, MATERIALS, &grey, 1);
}

// ---- objects ----

static bool add_sphere(struct reader *r, const json_t *o, const char *where) {
    struct raytrace_sphere s = {.radius = 1};
    return only(r, o, where, " type position radius material color ") &&
           read_vector(r, o, where, "position", s.centre) && read_number(r, o, where, "radius", &s.radius) &&
           some_material(r, o, where, &s.material) && build_add(r->b, SPHERES, &s, 1);
}

// p->u: texture coordinates by places, of a picture whose edges u and v begin at a point of the plane.
static bool lay(struct raytrace_plane *p, const float at[3], const float u[3], const float v[3]) {
    float across[2][3];
    vec_cross(v, p->normal, across[0]);
    vec_cross(p->normal, u, across[1]);
    float area = vec_dot(u, across[0]);
    for (int i = 0; i < 3; i++) {
        p->u[i] = across[0][i] / area;
        p->v[i] = across[1][i] / area;
    }
    p->u[3] = -vec_dot(p->u, at);
    p->v[3] = -vec_dot(p->v, at);
    return fabsf(area) > 1e-12f; // nor NaN
}

static bool add_plane(struct reader *r, const json_t *o, const char *where) {
    struct raytrace_plane p = {.normal = {0, 1, 0}};
    float at[3] = {0}, u[3], v[3];
    if (!only(r, o, where, " type position normal u v material color ") ||
        !read_vector(r, o, where, "normal", p.normal) || !read_vector(r, o, where, "position", at))
        return false;
    if (!vec_unit(p.normal)) return wrong(r, where, "normal", "a direction");
    p.offset = vec_dot(p.normal, at);
    edges_by_normal(p.normal, u, v);
    if (!read_vector(r, o, where, "u", u) || !read_vector(r, o, where, "v", v)) return false;
    if (!lay(&p, at, u, v)) return wrong(r, where, "u", "an edge along the plane, and \"v\" another");
    return some_material(r, o, where, &p.material) && build_add(r->b, PLANES, &p, 1);
}

static bool read_placement(struct reader *r, const json_t *o, const char *where, struct placement *p) {
    *p = (struct placement){.scale = 1};
    return read_vector(r, o, where, "position", p->move) && read_vector(r, o, where, "rotation", p->turn) &&
           read_number(r, o, where, "scale", &p->scale);
}

// The side of a box that looks along `n`, a picture once on it.
static bool add_side(struct build *b, const struct affine *t, const float size[3], const float n[3],
                     uint32_t material) {
    const uint32_t first = build_count(b, VERTICES);
    const struct raytrace_triangle halves[] = {{{first, first + 2, first + 1}, material},
                                               {{first + 1, first + 2, first + 3}, material}};
    struct raytrace_vertex corners[4] = {{.uv = {0, 0}}, {.uv = {1, 0}}, {.uv = {0, 1}}, {.uv = {1, 1}}};
    float u[3], v[3];
    edges_by_normal(n, u, v);
    for (int i = 0; i < 4; i++) {
        float place[3];
        for (int a = 0; a < 3; a++) {
            float aside = (corners[i].uv[0] - 0.5f) * u[a] + (corners[i].uv[1] - 0.5f) * v[a];
            place[a] = size[a] * (0.5f * n[a] + aside);
        }
        affine_apply(t, place, 1, corners[i].position);
    }
    return build_add(b, VERTICES, corners, 4) && build_add(b, TRIANGLES, halves, 2);
}

static bool add_box(struct reader *r, const json_t *o, const char *where) {
    float size[3] = {1, 1, 1};
    struct placement placement;
    uint32_t material;
    if (!only(r, o, where, " type position rotation size material color ") ||
        !read_placement(r, o, where, &placement) || !read_vector(r, o, where, "size", size) ||
        !some_material(r, o, where, &material))
        return false;
    const struct affine t = affine_of(&placement);
    for (int i = 0; i < 6; i++) {
        float n[3] = {0};
        n[i / 2] = i % 2 ? 1 : -1;
        if (!add_side(r->b, &t, size, n, material)) return false;
    }
    return true;
}

// "vertices" [[x, y, z], ...] and, as many or none, "normals" and "uvs".
static bool add_vertices(struct reader *r, const json_t *o, const char *where, const struct affine *t) {
    const struct affine turn = affine_for_normals(t);
    const json_t *list = json_object_get(o, "vertices"), *normals = json_object_get(o, "normals");
    const json_t *uvs = json_object_get(o, "uvs");
    size_t count = json_array_size(list);
    if ((normals && json_array_size(normals) != count) || (uvs && json_array_size(uvs) != count))
        return build_fail(r->b, "%s: as many normals and uvs as vertices, or none", where);
    for (size_t i = 0; i < count; i++) {
        struct raytrace_vertex v = {.position = {0}};
        float place[3] = {0}, normal[3] = {0};
        const json_t *lists[3] = {json_array_get(list, i), json_array_get(normals, i), json_array_get(uvs, i)};
        float *to[3] = {place, normal, v.uv};
        for (int k = 0; k < 3; k++) {
            size_t wanted = k == 2 ? 2 : 3;
            if (!lists[k]) continue;
            if (!read_numbers(lists[k], wanted, to[k]))
                return build_fail(r->b, "%s: vertex %zu is not of %zu numbers", where, i, wanted);
        }
        affine_apply(t, place, 1, v.position);
        affine_apply(&turn, normal, 0, v.normal);
        vec_unit(v.normal);
        if (!build_add(r->b, VERTICES, &v, 1)) return false;
    }
    return true;
}

static bool add_triangles(struct reader *r, const json_t *o, const char *where, const struct affine *placed,
                          uint32_t material) {
    const json_t *list = json_object_get(o, "triangles"), *item;
    uint32_t first = build_count(r->b, VERTICES);
    size_t vertices = json_array_size(json_object_get(o, "vertices")), i;
    if (!add_vertices(r, o, where, placed)) return false;
    json_array_foreach(list, i, item) {
        struct raytrace_triangle t = {.material = material};
        for (size_t k = 0; k < 3; k++) {
            const json_t *corner = json_array_get(item, k);
            json_int_t at = json_integer_value(corner);
            if (json_array_size(item) != 3 || !json_is_integer(corner) || at < 0 || (size_t)at >= vertices)
                return build_fail(r->b, "%s: triangle %zu is not of three of its %zu vertices", where, i, vertices);
            t.vertex[k] = first + (uint32_t)at;
        }
        if (!build_add(r->b, TRIANGLES, &t, 1)) return false;
    }
    return true;
}

static bool add_mesh(struct reader *r, const json_t *o, const char *where) {
    const json_t *file = json_object_get(o, "file");
    struct placement placement;
    uint32_t material;
    if (!only(r, o, where, " type file vertices normals uvs triangles position rotation scale material color "))
        return false;
    if (!read_placement(r, o, where, &placement)) return false;
    if (!json_is_string(file) &&
        !(json_is_array(json_object_get(o, "vertices")) && json_is_array(json_object_get(o, "triangles"))))
        return build_fail(r->b, "%s has neither the name of a \"file\" nor lists of \"vertices\" and \"triangles\"",
                          where);
    if (json_is_string(file))
        return material_of(r, o, where, &material) && build_import(r->b, json_string_value(file), &placement, material);
    const struct affine t = affine_of(&placement);
    return some_material(r, o, where, &material) && add_triangles(r, o, where, &t, material);
}

// ---- lights, sky, camera ----

static bool add_light(struct reader *r, const json_t *o, const char *where) {
    static const char *const kinds[] = {"point", "directional", "area", NULL};
    struct raytrace_light l = {.colour = {1, 1, 1}};
    float intensity = 1;
    if (!only(r, o, where, " type position direction color intensity u v ")) return false;
    int kind = read_word(r, o, where, "type", kinds);
    if (kind < 0) return false;
    l.kind = (unsigned int)kind;
    if (!read_vector(r, o, where, kind == RAYTRACE_DIRECTIONAL ? "direction" : "position", l.at) ||
        !read_vector(r, o, where, "color", l.colour) || !read_number(r, o, where, "intensity", &intensity) ||
        !read_vector(r, o, where, "u", l.u) || !read_vector(r, o, where, "v", l.v))
        return false;
    if (kind == RAYTRACE_DIRECTIONAL && !vec_unit(l.at)) return wrong(r, where, "direction", "a direction");
    for (int i = 0; i < 3; i++) l.colour[i] *= intensity;
    return build_add(r->b, LIGHTS, &l, 1);
}

static bool add_object(struct reader *r, const json_t *o, const char *where) {
    static const char *const kinds[] = {"sphere", "plane", "box", "mesh", NULL};
    static bool (*const add[])(struct reader *, const json_t *, const char *) = {add_sphere, add_plane, add_box,
                                                                                 add_mesh};
    int kind = read_word(r, o, where, "type", kinds);
    return kind >= 0 && add[kind](r, o, where);
}

static bool read_list(struct reader *r, const char *key, bool (*add)(struct reader *, const json_t *, const char *)) {
    const json_t *list = json_object_get(r->root, key), *item;
    size_t i;
    if (list && !json_is_array(list)) return build_fail(r->b, "\"%s\" is to be a list", key);
    json_array_foreach(list, i, item) {
        char where[48];
        snprintf(where, sizeof where, "%s %zu", key, i);
        if (!add(r, item, where)) return false;
    }
    return true;
}

static bool read_camera(struct reader *r) {
    static const char *const vectors[] = {"position", "direction", "up"};
    const json_t *camera = json_object_get(r->root, "camera");
    float v[3][3] = {{0}, {0, 0, -1}, {0, 1, 0}}, target[3], fov = 60;
    if (!camera) return true;
    if (!only(r, camera, "camera", " position direction look_at up fov ")) return false;
    for (int i = 0; i < 3; i++)
        if (!read_vector(r, camera, "camera", vectors[i], v[i])) return false;
    if (!read_vector(r, camera, "camera", "look_at", target) || !read_number(r, camera, "camera", "fov", &fov))
        return false;
    for (int i = 0; i < 3 && json_object_get(camera, "look_at"); i++) v[1][i] = target[i] - v[0][i];
    for (int i = 0; i < 3; i++)
        build_set(r->b, vectors[i], "%.9g,%.9g,%.9g", (double)v[i][0], (double)v[i][1], (double)v[i][2]);
    build_set(r->b, "fov", "%.9g", (double)fov);
    return true;
}

// Parameters of the task, which is what looks at their values.
static bool read_settings(struct reader *r) {
    static const char *const names[] = {"samples_per_pixel", "mode", "depth", "seed", "denoise", "exposure"};
    const json_t *size = json_object_get(r->root, "resolution");
    if (size && (json_array_size(size) != 2 || !json_is_integer(json_array_get(size, 0)) ||
                 !json_is_integer(json_array_get(size, 1))))
        return wrong(r, "the scene", "resolution", "two whole numbers");
    if (size)
        build_set(r->b, "resolution", "%lldx%lld", (long long)json_integer_value(json_array_get(size, 0)),
                  (long long)json_integer_value(json_array_get(size, 1)));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const json_t *v = json_object_get(r->root, names[i]);
        if (json_is_integer(v))
            build_set(r->b, names[i], "%lld", (long long)json_integer_value(v));
        else if (json_is_real(v))
            build_set(r->b, names[i], "%.9g", json_real_value(v));
        else if (json_is_string(v))
            build_set(r->b, names[i], "%s", json_string_value(v));
        else if (v)
            return wrong(r, "the scene", names[i], "a number or a word");
    }
    return true;
}

static bool read_sky(struct reader *r) {
    const json_t *sky = json_object_get(r->root, "sky");
    return !sky || (only(r, sky, "sky", " zenith horizon ") && read_vector(r, sky, "sky", "zenith", r->b->zenith) &&
                    read_vector(r, sky, "sky", "horizon", r->b->horizon));
}

bool build_json(struct build *b, const char *path) {
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!root) return build_fail(b, "%s, line %d: %s", path, error.line, error.text);
    struct reader *r = calloc(1, sizeof *r);
    bool ok = r != NULL || build_fail(b, "memory is short");
    if (ok) {
        r->b = b;
        r->root = root;
        ok = only(r, root, "the scene",
                  " camera objects lights materials sky resolution samples_per_pixel mode depth seed denoise "
                  "exposure ") &&
             read_camera(r) && read_settings(r) && read_sky(r) && read_materials(r) &&
             read_list(r, "objects", add_object) && read_list(r, "lights", add_light);
    }
    free(r);
    json_decref(root);
    return ok;
}
