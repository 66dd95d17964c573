// A scene under construction: eight arrays that grow.
#ifndef CLIENT_SCENE_BUILD_H
#define CLIENT_SCENE_BUILD_H

#include "kernels/raytrace/raytrace.h"
#include "scene.h"

enum build_array { MATERIALS, TEXTURES, LIGHTS, SPHERES, PLANES, VERTICES, TRIANGLES, TEXELS, BUILD_ARRAYS };

struct build {
    const char *folder; // of the file; files it names are below
    struct p2_strbuf *why;
    struct scene *scene; // whose settings are filled
    float zenith[3], horizon[3];
    struct {
        uint8_t *items;
        size_t count, capacity;
    } arrays[BUILD_ARRAYS];
};

void build_init(struct build *b, struct scene *scene, const char *folder, struct p2_strbuf *why);
void build_deinit(struct build *b);

// Appends copies. False: memory or the array is full, why says so.
bool build_add(struct build *b, enum build_array which, const void *items, size_t count);
uint32_t build_count(const struct build *b, enum build_array which);

// The scene's bytes into b->scene, checked.
bool build_finish(struct build *b);

void build_set(struct build *b, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

// Says a sentence and returns false.
bool build_fail(struct build *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

// A file named by the scene, whole; malloc'd. Only names that stay below the folder.
bool build_read(struct build *b, const char *name, uint8_t **bytes, size_t *size);
char *build_path(struct build *b, const char *name); // malloc'd; NULL: said why
bool build_is_below(const char *name);               // a name that stays below the folder

// texture.c: a picture as a texture, its index in *out.
bool build_texture(struct build *b, const char *name, uint32_t *out);
bool build_texture_bytes(struct build *b, const char *name, const uint8_t *bytes, size_t size, uint32_t *out);

// import.c: the meshes of an OBJ or glTF file. With a placement they join a scene; `material` replaces theirs unless
// NO_MATERIAL. As a scene of its own (NULL) the file's camera and lights are taken too, or a view of all of it.
#define NO_MATERIAL 0xffffffffu
struct placement; // geometry.h
bool build_import(struct build *b, const char *name, const struct placement *t, uint32_t material);

// json.c
bool build_json(struct build *b, const char *path);

#endif
