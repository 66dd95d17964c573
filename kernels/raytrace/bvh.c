#include "kernels/raytrace/bvh.h"

#include <math.h>
#include <stdlib.h>

#define BINS 16u
#define WATCHED 65536u // refs of a node before whose split cancellation is looked at

static const struct bvh_box nothing = {{INFINITY, INFINITY, INFINITY}, {-INFINITY, -INFINITY, -INFINITY}};

static void grow(struct bvh_box *b, const struct bvh_box *by) {
    for (int a = 0; a < 3; a++) {
        b->lo[a] = b->lo[a] < by->lo[a] ? b->lo[a] : by->lo[a];
        b->hi[a] = b->hi[a] > by->hi[a] ? b->hi[a] : by->hi[a];
    }
}

float bvh_half_area(const struct bvh_box *b) {
    float x = b->hi[0] - b->lo[0], y = b->hi[1] - b->lo[1], z = b->hi[2] - b->lo[2];
    return x * y + y * z + z * x;
}

static float centre2(const struct bvh_ref *r, int axis) { return r->box.lo[axis] + r->box.hi[axis]; } // twice

struct bin {
    struct bvh_box box;
    uint32_t count;
};

struct split {
    int axis;
    uint32_t bin; // the first of the right side
    float cost;
};

// How refs fall into bins along an axis.
struct scale {
    float origin, factor;
};

static uint32_t bin_of(const struct scale *s, float c) {
    float at = (c - s->origin) * s->factor;
    return at < BINS - 1 ? (uint32_t)at : BINS - 1;
}

static void best_of_axis(const struct bin *bins, int axis, struct split *best) {
    struct bvh_box right = nothing, left = nothing;
    float cost_right[BINS];
    uint32_t count = 0;
    for (uint32_t i = BINS - 1; i > 0; i--) {
        grow(&right, &bins[i].box);
        count += bins[i].count;
        cost_right[i] = count ? bvh_half_area(&right) * (float)count : 0;
    }
    count = 0;
    for (uint32_t i = 1; i < BINS; i++) {
        grow(&left, &bins[i - 1].box);
        count += bins[i - 1].count;
        float cost = (count ? bvh_half_area(&left) * (float)count : 0) + cost_right[i];
        if (count && cost_right[i] > 0 && cost < best->cost) *best = (struct split){axis, i, cost};
    }
}

static void scales_of(const struct bvh_ref *refs, uint32_t count, struct scale scales[3]) {
    for (int a = 0; a < 3; a++) {
        float lo = INFINITY, hi = -INFINITY;
        for (uint32_t i = 0; i < count; i++) {
            float c = centre2(&refs[i], a);
            lo = c < lo ? c : lo;
            hi = c > hi ? c : hi;
        }
        scales[a] = (struct scale){lo, hi > lo ? (float)BINS / (hi - lo) : 0};
    }
}

static struct split best_split(const struct bvh_ref *refs, uint32_t count, const struct scale scales[3]) {
    struct bin bins[3][BINS];
    for (int a = 0; a < 3; a++)
        for (uint32_t i = 0; i < BINS; i++) bins[a][i] = (struct bin){nothing, 0};
    for (uint32_t i = 0; i < count; i++)
        for (int a = 0; a < 3; a++) {
            struct bin *b = &bins[a][bin_of(&scales[a], centre2(&refs[i], a))];
            grow(&b->box, &refs[i].box);
            b->count++;
        }
    struct split best = {.axis = -1, .cost = INFINITY};
    for (int a = 0; a < 3; a++) best_of_axis(bins[a], a, &best);
    return best;
}

static uint32_t partition(struct bvh_ref *refs, uint32_t count, const struct split *s, const struct scale *scale) {
    uint32_t left = 0, right = count;
    while (left < right) {
        if (bin_of(scale, centre2(&refs[left], s->axis)) < s->bin) {
            left++;
        } else {
            struct bvh_ref moved = refs[left];
            refs[left] = refs[--right];
            refs[right] = moved;
        }
    }
    return left;
}

// Halvings until at most BVH_LEAF are left.
static uint32_t halvings(uint32_t count) {
    uint32_t levels = 0;
    for (; count > BVH_LEAF; count = (count + 1) / 2) levels++;
    return levels;
}

static bool stopped(const struct bvh_watch *w) { return w && w->cancelled(w->arg); }

// Where a node is split; its count when it stays whole.
static uint32_t choose(struct bvh_ref *refs, uint32_t count, uint32_t depth, float area) {
    if (count <= 1) return count;
    if (depth + halvings(count) + 1 >= RAYTRACE_TREE_DEPTH) return count <= BVH_LEAF ? count : count / 2;
    struct scale scales[3];
    scales_of(refs, count, scales);
    struct split s = best_split(refs, count, scales);
    if (s.axis < 0) return count <= BVH_LEAF ? count : count / 2; // all in one place
    if (count <= BVH_LEAF && s.cost + area >= area * (float)count) return count;
    return partition(refs, count, &s, &scales[s.axis]);
}

// Recursion as deep as the tree, which is bounded.
static bool subdivide(struct bvh *t, uint32_t index, uint32_t depth, const struct bvh_watch *watch) {
    struct bvh_node *n = &t->nodes[index];
    n->box = nothing;
    n->left = 0;
    for (uint32_t i = 0; i < n->count; i++) grow(&n->box, &t->refs[n->first + i].box);
    if (n->count > WATCHED && stopped(watch)) return false;
    uint32_t left = choose(t->refs + n->first, n->count, depth, bvh_half_area(&n->box));
    if (left == n->count) return true;
    n->left = t->node_count;
    t->node_count += 2;
    t->nodes[n->left] = (struct bvh_node){.first = n->first, .count = left};
    t->nodes[n->left + 1] = (struct bvh_node){.first = n->first + left, .count = n->count - left};
    return subdivide(t, n->left, depth + 1, watch) && subdivide(t, n->left + 1, depth + 1, watch);
}

static struct bvh_ref triangle_ref(const struct p2_raytrace_scene *s, uint32_t i) {
    struct bvh_ref r = {nothing, i};
    for (int corner = 0; corner < 3; corner++) {
        const float *at = s->vertices[s->triangles[i].vertex[corner]].position;
        grow(&r.box, &(struct bvh_box){{at[0], at[1], at[2]}, {at[0], at[1], at[2]}});
    }
    return r;
}

static struct bvh_ref sphere_ref(const struct p2_raytrace_scene *s, uint32_t i) {
    const struct raytrace_sphere *o = &s->spheres[i];
    struct bvh_ref r = {.prim = s->head->triangles + i};
    for (int a = 0; a < 3; a++) {
        r.box.lo[a] = o->centre[a] - o->radius;
        r.box.hi[a] = o->centre[a] + o->radius;
    }
    return r;
}

bool bvh_build(struct bvh *t, const struct p2_raytrace_scene *scene, const struct bvh_watch *watch) {
    uint32_t triangles = scene->head->triangles, spheres = scene->head->spheres, count = triangles + spheres;
    *t = (struct bvh){.ref_count = count, .triangles = triangles, .node_count = 1};
    t->nodes = malloc((2 * (size_t)count + 2) * sizeof *t->nodes);
    t->refs = malloc((size_t)count * sizeof *t->refs + 1);
    if (!t->nodes || !t->refs) {
        bvh_free(t);
        return false;
    }
    for (uint32_t i = 0; i < triangles; i++) t->refs[i] = triangle_ref(scene, i);
    for (uint32_t i = 0; i < spheres; i++) t->refs[triangles + i] = sphere_ref(scene, i);
    t->nodes[0] = (struct bvh_node){.count = count};
    bool whole;
    if (triangles && spheres) {
        t->node_count = 3;
        t->nodes[1] = (struct bvh_node){.count = triangles};
        t->nodes[2] = (struct bvh_node){.first = triangles, .count = spheres};
        whole = subdivide(t, 1, 1, watch) && subdivide(t, 2, 1, watch);
        t->nodes[0].left = 1;
        t->nodes[0].box = t->nodes[1].box;
        grow(&t->nodes[0].box, &t->nodes[2].box);
    } else {
        whole = subdivide(t, 0, 0, watch);
    }
    if (!whole) t->node_count = 0;
    return true;
}

void bvh_free(struct bvh *t) {
    free(t->nodes);
    free(t->refs);
    *t = (struct bvh){0};
}
