// Trees of boxes over the triangles and spheres of a scene: built on the host, walked by the kernels.
#ifndef KERNELS_RAYTRACE_BVH_H
#define KERNELS_RAYTRACE_BVH_H

#include "kernels/raytrace/raytrace.h"

struct bvh_box {
    float lo[3], hi[3];
};

// Something with a box; `prim` as everywhere: triangles, then spheres.
struct bvh_ref {
    struct bvh_box box;
    uint32_t prim;
};

// A node holds refs[first .. first + count); its children, when it has some, are nodes left and left + 1.
struct bvh_node {
    struct bvh_box box;
    uint32_t first, count, left; // left 0: none
};

struct bvh {
    struct bvh_node *nodes; // nodes[0] is the root; triangles and spheres never share a node but the root
    struct bvh_ref *refs;
    uint32_t node_count, ref_count, triangles;
};

#define BVH_LEAF 4u // refs of a node without children, at most

// Splits by the surface-area heuristic over 16 bins an axis (Wald, "On fast Construction of SAH-based Bounding Volume
// Hierarchies", 2007), and in halves where the tree would grow deeper than RAYTRACE_TREE_DEPTH. False: no memory.
// Takes time: looks at cancelled(arg) now and then and stops with node_count 0 when it says so.
struct bvh_watch {
    bool (*cancelled)(void *arg);
    void *arg;
};
bool bvh_build(struct bvh *t, const struct p2_raytrace_scene *scene, const struct bvh_watch *watch);
void bvh_free(struct bvh *t);

float bvh_half_area(const struct bvh_box *b);

// What a device keeps: nodes (raytrace_wide or raytrace_pair) and leaves (raytrace_pack or raytrace_leaf).
struct bvh_flat {
    uint8_t *nodes, *leaves; // malloc
    size_t node_count, leaf_count;
    uint32_t root; // as raytrace_frame.root
};

// Of a tree with at least one ref. False: no memory, and nothing is to be freed.
bool bvh_flatten_wide(const struct bvh *t, const struct p2_raytrace_scene *scene, struct bvh_flat *out);
bool bvh_flatten_pairs(const struct bvh *t, const struct p2_raytrace_scene *scene, struct bvh_flat *out);
void bvh_flat_free(struct bvh_flat *f);

#endif
