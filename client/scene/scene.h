// Scenes for raytracing from files: our JSON, Wavefront OBJ and glTF 2.0 become the arrays that peers see.
// README.md tells the JSON.
#ifndef CLIENT_SCENE_SCENE_H
#define CLIENT_SCENE_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

#define SCENE_SETTINGS_MAX 24

// A parameter of the task that the file itself gives: its camera, its resolution ...
struct scene_setting {
    char name[32], value[96]; // as on a command line
};

struct scene {
    uint8_t *bytes; // as kernels/raytrace/layout.h lays it out, checked
    size_t size;
    struct scene_setting settings[SCENE_SETTINGS_MAX];
    uint32_t setting_count;
    uint32_t triangles, spheres; // for people
};

// By the ending of path: .json, .obj, .gltf, .glb, or .p2rt, which is a scene's bytes. Blocks: reads files, also those
// that the file names, of its own folder and those below. False with a sentence in why; then there is nothing to free.
bool scene_load(const char *path, struct scene *out, struct p2_strbuf *why);
void scene_free(struct scene *s); // fine with one of zeros

// The setting's value; NULL: not given.
const char *scene_setting(const struct scene *s, const char *name);

#endif
