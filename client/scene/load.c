#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "build.h"
#include "os/os.h"

static bool ends_in(const char *path, const char *ending) {
    size_t n = strlen(path), m = strlen(ending);
    return n > m && strcasecmp(path + n - m, ending) == 0;
}

static bool load_bytes(struct build *b, const char *path) {
    struct scene *s = b->scene;
    struct p2_raytrace_scene checked;
    enum p2_err err = p2_file_read(path, RAYTRACE_BYTES_MAX, &s->bytes, &s->size);
    if (err) {
        s->bytes = NULL;
        return build_fail(b, "%s cannot be read: %s", path, p2_err_sentence(err));
    }
    if (p2_raytrace_scene_open(s->bytes, s->size, &checked, b->why) != P2_OK) return false;
    s->triangles = checked.head->triangles;
    s->spheres = checked.head->spheres;
    return true;
}

static bool load(struct build *b, const char *path, const char *name) {
    if (ends_in(path, ".p2rt")) return load_bytes(b, path);
    if (ends_in(path, ".json")) return build_json(b, path) && build_finish(b);
    if (ends_in(path, ".obj") || ends_in(path, ".gltf") || ends_in(path, ".glb"))
        return build_import(b, name, NULL, NO_MATERIAL) && build_finish(b);
    return build_fail(b, "%s: a scene's name ends in .json, .obj, .gltf, .glb or .p2rt", path);
}

bool scene_load(const char *path, struct scene *out, struct p2_strbuf *why) {
    *out = (struct scene){0};
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    if (!folder) {
        p2_strbuf_printf(why, "memory is short");
        return false;
    }
    struct build b;
    build_init(&b, out, folder, why);
    bool ok = load(&b, path, slash ? slash + 1 : path);
    build_deinit(&b);
    free(folder);
    if (!ok) scene_free(out);
    return ok;
}

void scene_free(struct scene *s) {
    free(s->bytes);
    *s = (struct scene){0};
}

const char *scene_setting(const struct scene *s, const char *name) {
    for (uint32_t i = 0; i < s->setting_count; i++)
        if (strcmp(s->settings[i].name, name) == 0) return s->settings[i].value;
    return NULL;
}
