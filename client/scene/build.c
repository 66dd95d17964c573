#include "build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"

static const struct {
    const char *name;
    size_t size, most;
} kinds[] = {
    [MATERIALS] = {"materials", sizeof(struct raytrace_material), RAYTRACE_MATERIALS_MAX},
    [TEXTURES] = {"textures", sizeof(struct raytrace_texture), RAYTRACE_TEXTURES_MAX},
    [LIGHTS] = {"lights", sizeof(struct raytrace_light), RAYTRACE_LIGHTS_MAX},
    [SPHERES] = {"spheres", sizeof(struct raytrace_sphere), RAYTRACE_SPHERES_MAX},
    [PLANES] = {"planes", sizeof(struct raytrace_plane), RAYTRACE_PLANES_MAX},
    [VERTICES] = {"vertices", sizeof(struct raytrace_vertex), RAYTRACE_VERTICES_MAX},
    [TRIANGLES] = {"triangles", sizeof(struct raytrace_triangle), RAYTRACE_TRIANGLES_MAX},
    [TEXELS] = {"texels", sizeof(unsigned int), RAYTRACE_TEXELS_MAX},
};

void build_init(struct build *b, struct scene *scene, const char *folder, struct p2_strbuf *why) {
    *b = (struct build){.folder = folder, .why = why, .scene = scene};
    memcpy(b->zenith, (float[]){0.35f, 0.55f, 0.9f}, sizeof b->zenith);
    memcpy(b->horizon, (float[]){0.85f, 0.85f, 0.8f}, sizeof b->horizon);
}

void build_deinit(struct build *b) {
    for (int i = 0; i < BUILD_ARRAYS; i++) free(b->arrays[i].items);
    *b = (struct build){0};
}

bool build_fail(struct build *b, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    p2_strbuf_printf(b->why, "%s", text);
    return false;
}

uint32_t build_count(const struct build *b, enum build_array which) { return (uint32_t)b->arrays[which].count; }

bool build_add(struct build *b, enum build_array which, const void *items, size_t count) {
    size_t size = kinds[which].size, *used = &b->arrays[which].count, wanted = b->arrays[which].capacity;
    if (count > kinds[which].most - *used)
        return build_fail(b, "more than %zu %s", kinds[which].most, kinds[which].name);
    if (*used + count > wanted) {
        wanted = wanted * 2 > *used + count ? wanted * 2 : *used + count + 16;
        uint8_t *larger = realloc(b->arrays[which].items, wanted * size);
        if (!larger) return build_fail(b, "memory is short");
        b->arrays[which].items = larger;
        b->arrays[which].capacity = wanted;
    }
    if (count) memcpy(b->arrays[which].items + *used * size, items, count * size);
    *used += count;
    return true;
}

void build_set(struct build *b, const char *name, const char *format, ...) {
    struct scene *s = b->scene;
    uint32_t at = 0;
    while (at < s->setting_count && strcmp(s->settings[at].name, name) != 0) at++;
    if (at == SCENE_SETTINGS_MAX) return; // there are fewer names
    if (at == s->setting_count) s->setting_count++;
    snprintf(s->settings[at].name, sizeof s->settings[at].name, "%s", name);
    va_list args;
    va_start(args, format);
    vsnprintf(s->settings[at].value, sizeof s->settings[at].value, format, args);
    va_end(args);
}

bool build_finish(struct build *b) {
    struct raytrace_header head = {.magic = RAYTRACE_MAGIC,
                                   .version = RAYTRACE_VERSION,
                                   .materials = build_count(b, MATERIALS),
                                   .textures = build_count(b, TEXTURES),
                                   .lights = build_count(b, LIGHTS),
                                   .spheres = build_count(b, SPHERES),
                                   .planes = build_count(b, PLANES),
                                   .vertices = build_count(b, VERTICES),
                                   .triangles = build_count(b, TRIANGLES),
                                   .texels = build_count(b, TEXELS)};
    memcpy(head.sky_zenith, b->zenith, sizeof b->zenith);
    memcpy(head.sky_horizon, b->horizon, sizeof b->horizon);
    size_t size = sizeof head;
    for (int i = 0; i < BUILD_ARRAYS; i++) size += b->arrays[i].count * kinds[i].size;
    if (size > RAYTRACE_BYTES_MAX)
        return build_fail(b, "the scene is %zu bytes, at most %u can be sent", size, RAYTRACE_BYTES_MAX);
    uint8_t *bytes = malloc(size), *to = bytes + sizeof head;
    if (!bytes) return build_fail(b, "memory is short");
    memcpy(bytes, &head, sizeof head);
    for (int i = 0; i < BUILD_ARRAYS; to += b->arrays[i].count * kinds[i].size, i++)
        if (b->arrays[i].count) memcpy(to, b->arrays[i].items, b->arrays[i].count * kinds[i].size);
    b->scene->bytes = bytes;
    b->scene->size = size;
    b->scene->triangles = head.triangles;
    b->scene->spheres = head.spheres;
    struct p2_raytrace_scene checked;
    return p2_raytrace_scene_open(bytes, size, &checked, b->why) == P2_OK;
}

// ---- files ----

bool build_is_below(const char *name) {
    return name[0] && name[0] != '/' && strncmp(name, "../", 3) != 0 && !strstr(name, "/../");
}

char *build_path(struct build *b, const char *name) {
    char *path = NULL;
    if (!build_is_below(name))
        build_fail(b, "%s: files of a scene lie in its folder or below", name);
    else if (asprintf(&path, "%s/%s", b->folder, name) < 0) {
        path = NULL;
        build_fail(b, "memory is short");
    }
    return path;
}

bool build_read(struct build *b, const char *name, uint8_t **bytes, size_t *size) {
    char *path = build_path(b, name);
    if (!path) return false;
    enum p2_err err = p2_file_read(path, RAYTRACE_BYTES_MAX, bytes, size);
    if (err) build_fail(b, "%s cannot be read: %s", path, p2_err_sentence(err));
    free(path);
    return err == P2_OK;
}
