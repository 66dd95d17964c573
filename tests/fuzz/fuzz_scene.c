// A scene from a stranger: its arrays looked at, then a few rays through it by the reference, and its trees for both
// kinds of kernel, which hold every triangle and sphere exactly once. Large ones are only looked at.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "kernels/raytrace/bvh.h"

#define PRIMITIVES_MAX 4096u

static void render(const struct p2_raytrace_scene *scene) {
    const struct raytrace_block b = {.camera = {{0, 1, 4}, {0, 0, -1}, {0.2f, 0, 0}, {0, -0.2f, 0}},
                                     .width = 5,
                                     .height = 4,
                                     .w = 5,
                                     .h = 4,
                                     .path = 1,
                                     .samples = 2,
                                     .depth = 3,
                                     .denoise = 1,
                                     .form = RAYTRACE_RGBA8,
                                     .exposure = 1};
    uint8_t out[5 * 4 * 4];
    size_t size;
    P2_CHECK(p2_raytrace_render(&b, scene, out, sizeof out, &size) == P2_OK && size == sizeof out);
}

static void count_packs(const struct bvh_flat *f, uint8_t *seen, uint32_t count) {
    const struct raytrace_pack *packs = (const void *)f->leaves;
    for (size_t i = 0; i < f->leaf_count; i++)
        for (uint32_t lane = 0; lane < RAYTRACE_LANES; lane++) {
            P2_CHECK(packs[i].prim[lane] < count || packs[i].prim[lane] == RAYTRACE_NONE);
            if (packs[i].prim[lane] != RAYTRACE_NONE) seen[packs[i].prim[lane]]++;
        }
}

static void count_leaves(const struct bvh_flat *f, uint8_t *seen, uint32_t count) {
    const struct raytrace_leaf *leaves = (const void *)f->leaves;
    for (size_t i = 0; i < f->leaf_count; i++) {
        P2_CHECK(leaves[i].prim < count);
        seen[leaves[i].prim]++;
    }
}

// Levels below a node; a tree deeper than kernels have room for is our bug.
static uint32_t depth_of(const struct bvh *t, uint32_t node) {
    const struct bvh_node *n = &t->nodes[node];
    if (!n->left) return 0;
    uint32_t left = depth_of(t, n->left), right = depth_of(t, n->left + 1);
    return 1 + (left > right ? left : right);
}

static void plant(const struct p2_raytrace_scene *scene, uint32_t count) {
    struct bvh tree;
    struct bvh_flat flat;
    uint8_t *seen = calloc(count, 1);
    P2_CHECK(seen && bvh_build(&tree, scene, NULL));
    P2_CHECK(depth_of(&tree, 0) <= RAYTRACE_TREE_DEPTH);
    P2_CHECK(bvh_flatten_wide(&tree, scene, &flat));
    count_packs(&flat, seen, count);
    bvh_flat_free(&flat);
    P2_CHECK(bvh_flatten_pairs(&tree, scene, &flat));
    count_leaves(&flat, seen, count);
    bvh_flat_free(&flat);
    for (uint32_t i = 0; i < count; i++) P2_CHECK(seen[i] == 2);
    bvh_free(&tree);
    free(seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *bytes = aligned_alloc(64, size / 64 * 64 + 64);
    struct p2_raytrace_scene scene;
    char text[200];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    P2_CHECK(bytes);
    if (size) memcpy(bytes, data, size);
    enum p2_err err = p2_raytrace_scene_open(bytes, size, &scene, &why);
    P2_CHECK(err == P2_OK || (err == P2_ERR_BAD_PAYLOAD && text[0]));
    uint32_t count = err ? 0 : scene.head->triangles + scene.head->spheres;
    if (!err && count <= PRIMITIVES_MAX) {
        render(&scene);
        if (count) plant(&scene, count);
    }
    free(bytes);
    return 0;
}
