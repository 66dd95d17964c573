// A binary tree to what kernels walk: 16 boxes a node and packs of 16 for vectors, two boxes a node for single rays.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/raytrace/bvh.h"

#define FIRST_CAPACITY 64u
#define NO_PLACE 1e15f // where lanes without a primitive are

struct writer {
    const struct bvh *tree;
    const struct p2_raytrace_scene *scene;
    struct bvh_flat *out;
    size_t node_size, leaf_size, node_capacity, leaf_capacity;
    bool failed;
};

// Index of `count` new items behind the others of an array; w->failed when there is no memory.
static size_t reserve(struct writer *w, uint8_t **items, size_t *used, size_t *capacity, size_t size, size_t count) {
    size_t at = *used, wanted = *capacity ? *capacity : FIRST_CAPACITY;
    while (wanted < at + count) wanted += wanted / 2;
    if (wanted != *capacity) {
        uint8_t *larger = realloc(*items, wanted * size);
        if (!larger) w->failed = true;
        if (!larger) return 0;
        *items = larger;
        *capacity = wanted;
    }
    *used += count;
    return at;
}

static bool is_round(const struct bvh *t, const struct bvh_node *n) { return t->refs[n->first].prim >= t->triangles; }

// A triangle's corner and edges, a sphere's centre and radius.
static void shape_of(const struct p2_raytrace_scene *s, uint32_t prim, float v[9]) {
    memset(v, 0, 9 * sizeof *v);
    if (prim >= s->head->triangles) {
        const struct raytrace_sphere *o = &s->spheres[prim - s->head->triangles];
        memcpy(v, o->centre, sizeof o->centre);
        v[3] = o->radius;
        return;
    }
    const unsigned int *corner = s->triangles[prim].vertex;
    for (int a = 0; a < 3; a++) {
        v[a] = s->vertices[corner[0]].position[a];
        v[3 + a] = s->vertices[corner[1]].position[a] - v[a];
        v[6 + a] = s->vertices[corner[2]].position[a] - v[a];
    }
}

// ---- 16 at once ----

static uint32_t put_pack(struct writer *w, const struct bvh_node *n) {
    size_t at = reserve(w, &w->out->leaves, &w->out->leaf_count, &w->leaf_capacity, w->leaf_size, 1);
    if (w->failed) return RAYTRACE_NONE;
    bool round = is_round(w->tree, n);
    struct raytrace_pack *p = &((struct raytrace_pack *)(void *)w->out->leaves)[at];
    for (uint32_t i = 0; i < RAYTRACE_LANES; i++) {
        float v[9] = {NO_PLACE, NO_PLACE, NO_PLACE, round ? -NO_PLACE : 0};
        p->prim[i] = RAYTRACE_NONE;
        if (i < n->count) {
            p->prim[i] = w->tree->refs[n->first + i].prim;
            shape_of(w->scene, p->prim[i], v);
        }
        for (int k = 0; k < 9; k++) p->v[k][i] = v[k];
    }
    return RAYTRACE_LEAF | (round ? RAYTRACE_ROUND : 0) | (uint32_t)at;
}

// Small enough for a pack, and of one kind.
static bool packs(const struct bvh *t, const struct bvh_node *n) {
    bool mixed = n == t->nodes && t->triangles && t->triangles < t->ref_count;
    return !n->left || (n->count <= RAYTRACE_LANES && !mixed);
}

// The nodes that become the children of one: its own, the largest opened until there are 16.
static uint32_t gather(const struct bvh *t, const struct bvh_node *n, uint32_t children[RAYTRACE_LANES]) {
    uint32_t count = 2;
    children[0] = n->left;
    children[1] = n->left + 1;
    while (count < RAYTRACE_LANES) {
        uint32_t largest = RAYTRACE_LANES;
        float most = -1;
        for (uint32_t i = 0; i < count; i++) {
            const struct bvh_node *c = &t->nodes[children[i]];
            float area = bvh_half_area(&c->box);
            if (packs(t, c) || area <= most) continue;
            most = area;
            largest = i;
        }
        if (largest == RAYTRACE_LANES) break;
        uint32_t left = t->nodes[children[largest]].left;
        children[largest] = left;
        children[count++] = left + 1;
    }
    return count;
}

static uint32_t put_wide(struct writer *w, uint32_t index) {
    const struct bvh_node *n = &w->tree->nodes[index];
    if (packs(w->tree, n)) return put_pack(w, n);
    size_t at = reserve(w, &w->out->nodes, &w->out->node_count, &w->node_capacity, w->node_size, 1);
    uint32_t children[RAYTRACE_LANES], count = gather(w->tree, n, children);
    struct raytrace_wide wide;
    for (uint32_t i = 0; i < RAYTRACE_LANES; i++) {
        const struct bvh_box *box = &w->tree->nodes[children[i < count ? i : 0]].box;
        for (int a = 0; a < 3; a++) {
            wide.lo[a][i] = i < count ? box->lo[a] : NO_PLACE;
            wide.hi[a][i] = i < count ? box->hi[a] : -NO_PLACE;
        }
        wide.child[i] = i < count && !w->failed ? put_wide(w, children[i]) : RAYTRACE_NONE;
    }
    if (!w->failed) ((struct raytrace_wide *)(void *)w->out->nodes)[at] = wide;
    return (uint32_t)at;
}

// ---- one at a time ----

static uint32_t put_leaf(struct writer *w, const struct bvh_node *n) {
    size_t at = reserve(w, &w->out->leaves, &w->out->leaf_count, &w->leaf_capacity, w->leaf_size, n->count);
    if (w->failed) return RAYTRACE_NONE;
    struct raytrace_leaf *leaves = &((struct raytrace_leaf *)(void *)w->out->leaves)[at];
    for (uint32_t i = 0; i < n->count; i++) {
        leaves[i].prim = w->tree->refs[n->first + i].prim;
        shape_of(w->scene, leaves[i].prim, leaves[i].v);
    }
    return RAYTRACE_LEAF | (is_round(w->tree, n) ? RAYTRACE_ROUND : 0) | (uint32_t)(at << RAYTRACE_COUNT_BITS) |
           (n->count - 1);
}

static uint32_t put_pair(struct writer *w, uint32_t index) {
    const struct bvh_node *n = &w->tree->nodes[index];
    if (!n->left) return put_leaf(w, n);
    size_t at = reserve(w, &w->out->nodes, &w->out->node_count, &w->node_capacity, w->node_size, 1);
    struct raytrace_pair pair = {0};
    for (uint32_t i = 0; i < 2; i++) {
        const struct bvh_box *box = &w->tree->nodes[n->left + i].box;
        memcpy(pair.lo[i], box->lo, sizeof box->lo);
        memcpy(pair.hi[i], box->hi, sizeof box->hi);
        if (!w->failed) pair.child[i] = put_pair(w, n->left + i);
    }
    if (!w->failed) ((struct raytrace_pair *)(void *)w->out->nodes)[at] = pair;
    return (uint32_t)at;
}

static bool flatten(struct writer *w, uint32_t (*put)(struct writer *w, uint32_t index)) {
    *w->out = (struct bvh_flat){0};
    w->out->root = put(w, 0);
    if (w->failed) bvh_flat_free(w->out);
    return !w->failed;
}

bool bvh_flatten_wide(const struct bvh *t, const struct p2_raytrace_scene *scene, struct bvh_flat *out) {
    struct writer w = {.tree = t, .scene = scene, .out = out};
    w.node_size = sizeof(struct raytrace_wide);
    w.leaf_size = sizeof(struct raytrace_pack);
    return flatten(&w, put_wide);
}

bool bvh_flatten_pairs(const struct bvh *t, const struct p2_raytrace_scene *scene, struct bvh_flat *out) {
    struct writer w = {.tree = t, .scene = scene, .out = out};
    w.node_size = sizeof(struct raytrace_pair);
    w.leaf_size = sizeof(struct raytrace_leaf);
    return flatten(&w, put_pair);
}

void bvh_flat_free(struct bvh_flat *f) {
    free(f->nodes);
    free(f->leaves);
    *f = (struct bvh_flat){0};
}
