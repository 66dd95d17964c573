#include "kernels/raytrace/kept.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/raytrace/bvh.h"

enum p2_err kept_scene_open(struct exec_slot *slot, const struct exec_blob *bytes, struct p2_raytrace_scene *out) {
    char text[160];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    const uint8_t *at = bytes->bytes;
    if ((uintptr_t)at % sizeof(unsigned int)) {
        uint8_t *aligned = exec_host(slot, bytes->size);
        if (!aligned) return P2_ERR_DEVICE_MEMORY;
        at = memcpy(aligned, bytes->bytes, bytes->size);
    }
    enum p2_err err = p2_raytrace_scene_open(at, bytes->size, out, &why);
    if (err) exec_why(slot, "%s", text);
    return err;
}

// ---- primitives ----

static void face_of(const struct p2_raytrace_scene *s, const struct raytrace_triangle *t, float normal[3]) {
    const float *a = s->vertices[t->vertex[0]].position, *b = s->vertices[t->vertex[1]].position;
    const float *c = s->vertices[t->vertex[2]].position;
    float e1[3], e2[3], square = 0;
    for (int i = 0; i < 3; i++) {
        e1[i] = b[i] - a[i];
        e2[i] = c[i] - a[i];
    }
    for (int i = 0; i < 3; i++) {
        normal[i] = e1[(i + 1) % 3] * e2[(i + 2) % 3] - e1[(i + 2) % 3] * e2[(i + 1) % 3];
        square += normal[i] * normal[i];
    }
    float scale = 1 / sqrtf(fmaxf(square, 1e-30f));
    for (int i = 0; i < 3; i++) normal[i] *= scale;
}

static bool is_smooth(const struct p2_raytrace_scene *s, const struct raytrace_triangle *t) {
    for (int corner = 0; corner < 3; corner++)
        for (int i = 0; i < 3; i++)
            if (s->vertices[t->vertex[corner]].normal[i] != 0) return true;
    return false;
}

// A material and whether it has a texture.
static unsigned int painted(const struct p2_raytrace_scene *s, unsigned int material) {
    return material | (s->materials[material].texture == RAYTRACE_NO_TEXTURE ? 0 : RAYTRACE_TEXTURED);
}

static void put_prims(const struct p2_raytrace_scene *s, struct raytrace_prim *p) {
    for (uint32_t i = 0; i < s->head->triangles; i++, p++) {
        const struct raytrace_triangle *t = &s->triangles[i];
        face_of(s, t, p->at);
        p->material = painted(s, t->material) | (is_smooth(s, t) ? RAYTRACE_SMOOTH : 0);
        memcpy(p->vertex, t->vertex, sizeof t->vertex);
    }
    for (uint32_t i = 0; i < s->head->spheres; i++, p++) {
        memcpy(p->at, s->spheres[i].centre, sizeof p->at);
        p->inverse_radius = 1 / s->spheres[i].radius;
        p->material = painted(s, s->spheres[i].material);
    }
    for (uint32_t i = 0; i < s->head->planes; i++, p++) {
        memcpy(p->at, s->planes[i].normal, sizeof p->at);
        p->material = painted(s, s->planes[i].material);
    }
}

// ---- onto the device ----

enum { NODES, LEAVES, PRIMS, WORDS }; // parts of what is kept
_Static_assert(sizeof(struct raytrace_frame) <= EXEC_KEPT_FACTS, "what the scene says of a frame is kept with it");

static bool is_cancelled(void *slot) { return exec_cancelled(slot); }

// Nothing is a buffer of a few zeros: one of no bytes cannot be made.
static enum p2_err put(struct exec_slot *slot, struct exec_kept *k, uint32_t part, const void *bytes, size_t size) {
    static const uint8_t zeros[64];
    cl_mem to = exec_keep_buffer(slot, k, part, size ? size : sizeof zeros);
    if (!to) return P2_ERR_DEVICE_MEMORY;
    return size ? exec_upload(slot, to, bytes, size) : exec_upload(slot, to, zeros, sizeof zeros);
}

static enum p2_err no_memory(struct exec_slot *slot) {
    exec_why(slot, "no memory for the tree of the scene");
    return P2_ERR_DEVICE_MEMORY;
}

static enum p2_err put_prim_table(struct exec_slot *slot, const struct p2_raytrace_scene *s, struct exec_kept *k) {
    size_t count = (size_t)s->head->triangles + s->head->spheres + s->head->planes;
    struct raytrace_prim *prims = calloc(count + 1, sizeof *prims);
    if (!prims) return no_memory(slot);
    put_prims(s, prims);
    enum p2_err err = put(slot, k, PRIMS, prims, count * sizeof *prims);
    free(prims);
    return err;
}

static enum p2_err make_tree(struct exec_slot *slot, const struct p2_raytrace_scene *s, struct bvh_flat *flat) {
    struct bvh tree;
    const struct bvh_watch watch = {is_cancelled, slot};
    *flat = (struct bvh_flat){.root = RAYTRACE_NONE};
    if (s->head->triangles + s->head->spheres == 0) return P2_OK;
    if (!bvh_build(&tree, s, &watch)) return no_memory(slot);
    bool stopped = tree.node_count == 0, made = false;
    if (!stopped)
        made = exec_facts(slot)->is_cpu ? bvh_flatten_wide(&tree, s, flat) : bvh_flatten_pairs(&tree, s, flat);
    bvh_free(&tree);
    return made ? P2_OK : stopped ? P2_ERR_CANCELLED : no_memory(slot);
}

static enum p2_err put_tree(struct exec_slot *slot, const struct p2_raytrace_scene *s, struct exec_kept *k) {
    bool is_cpu = exec_facts(slot)->is_cpu;
    size_t node = is_cpu ? sizeof(struct raytrace_wide) : sizeof(struct raytrace_pair);
    size_t leaf = is_cpu ? sizeof(struct raytrace_pack) : sizeof(struct raytrace_leaf);
    struct bvh_flat flat;
    enum p2_err err = make_tree(slot, s, &flat);
    if (err) return err;
    err = put(slot, k, NODES, flat.nodes, flat.node_count * node);
    if (!err) err = put(slot, k, LEAVES, flat.leaves, flat.leaf_count * leaf);
    ((struct raytrace_frame *)(void *)k->facts)->root = flat.root;
    bvh_flat_free(&flat);
    return err;
}

// Where an array begins in the scene, in words.
static unsigned int word_of(const struct p2_raytrace_scene *s, const void *array) {
    return (unsigned int)((size_t)((const uint8_t *)array - (const uint8_t *)s->head) / sizeof(unsigned int));
}

static enum p2_err build(struct exec_slot *slot, struct exec_kept *k, void *arg) {
    const struct exec_blob *bytes = arg;
    struct p2_raytrace_scene s;
    enum p2_err err = kept_scene_open(slot, bytes, &s);
    if (err) return err;
    struct raytrace_frame *f = (struct raytrace_frame *)(void *)k->facts;
    *f = (struct raytrace_frame){
        .spheres_first = s.head->triangles,
        .planes_first = s.head->triangles + s.head->spheres,
        .planes = s.head->planes,
        .lights = s.head->lights,
        .materials_at = word_of(&s, s.materials),
        .textures_at = word_of(&s, s.textures),
        .lights_at = word_of(&s, s.lights),
        .planes_at = word_of(&s, s.planes),
        .vertices_at = word_of(&s, s.vertices),
        .texels_at = word_of(&s, s.texels),
    };
    memcpy(f->zenith, s.head->sky_zenith, sizeof f->zenith);
    memcpy(f->horizon, s.head->sky_horizon, sizeof f->horizon);
    err = put_tree(slot, &s, k);
    if (!err) err = put_prim_table(slot, &s, k);
    return err ? err : put(slot, k, WORDS, s.head, bytes->size);
}

enum p2_err kept_scene_find(struct exec_slot *slot, struct exec_blob *bytes, struct kept_scene *out) {
    struct exec_keep_want want = {.key = bytes->digest, .build = build, .arg = bytes};
    struct exec_kept *k;
    enum p2_err err = exec_keep(slot, &want, &k);
    if (err) return err;
    *out = (struct kept_scene){.nodes = k->parts[NODES].mem,
                               .leaves = k->parts[LEAVES].mem,
                               .prims = k->parts[PRIMS].mem,
                               .words = k->parts[WORDS].mem};
    memcpy(&out->frame, k->facts, sizeof out->frame);
    return P2_OK;
}
