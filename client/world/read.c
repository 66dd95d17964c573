// JSON to a world.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define SAY(why, ...)                                                                                                  \
    do {                                                                                                               \
        p2_strbuf_printf(why, __VA_ARGS__);                                                                            \
        return false;                                                                                                  \
    } while (0)

static const char *const object_keys[] = {"type",   "position", "velocity",    "orientation", "angular_velocity",
                                          "mass",   "static",   "id",          "radius",      "half_extents",
                                          "normal", "friction", "restitution", "asleep"};
static const char *const joint_keys[] = {"a", "b", "anchor_a", "anchor_b", "length", "hertz", "damping"};
static const char *const root_keys[] = {"objects",  "joints",   "timestep",        "num_steps", "gravity",
                                        "substeps", "sleep",    "collisions",      "step",      "awake",
                                        "energy",   "momentum", "angular_momentum"};

struct reader { // of one object of the text
    const json_t *at;
    char what[32]; // "object 3"
    struct p2_strbuf *why;
};

static bool known_keys(const struct reader *r, const char *const *keys, size_t count) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)r->at, key, value) {
        size_t i = 0;
        while (i < count && strcmp(keys[i], key) != 0) i++;
        if (i == count) SAY(r->why, "%s: there is no \"%s\"", r->what, key);
    }
    return true;
}

// Absent ones stay what they are.
static bool number(const struct reader *r, const char *key, double least, double most, double *out) {
    const json_t *v = json_object_get(r->at, key);
    if (!v) return true;
    if (!json_is_number(v) || !(json_number_value(v) >= least && json_number_value(v) <= most))
        SAY(r->why, "%s: %s is no number from %g to %g", r->what, key, least, most);
    *out = json_number_value(v);
    return true;
}

static bool real(const struct reader *r, const char *key, double least, double most, float *out) {
    double value = (double)*out;
    if (!number(r, key, least, most, &value)) return false;
    *out = (float)value;
    return true;
}

static bool reals(const struct reader *r, const char *key, float most, float *out, size_t count) {
    const json_t *v = json_object_get(r->at, key);
    if (!v) return true;
    bool good = json_is_array(v) && json_array_size(v) == count;
    for (size_t i = 0; i < count && good; i++) {
        const json_t *x = json_array_get(v, i);
        good = json_is_number(x) && fabs(json_number_value(x)) <= (double)most;
        if (good) out[i] = (float)json_number_value(x);
    }
    if (!good) SAY(r->why, "%s: %s is no list of %zu numbers within %g", r->what, key, count, (double)most);
    return true;
}

static bool truth(const struct reader *r, const char *key, bool *out) {
    const json_t *v = json_object_get(r->at, key);
    if (!v) return true;
    if (!json_is_boolean(v)) SAY(r->why, "%s: %s is neither true nor false", r->what, key);
    *out = json_is_true(v);
    return true;
}

// A unit quaternion that turns +y to the normal.
static void upright_to(const float n[3], float q[4]) {
    float length = sqrtf(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
    float x = n[0] / length, y = n[1] / length, z = n[2] / length;
    float w = sqrtf((1 + y > 0 ? 1 + y : 0) / 2);
    if (w < 1e-4f) { // downwards
        q[0] = 1, q[1] = q[2] = q[3] = 0;
        return;
    }
    q[0] = z / (2 * w), q[1] = 0, q[2] = -x / (2 * w), q[3] = w;
}

static bool read_shape(const struct reader *r, struct physics_body *b) {
    static const char *const kinds[] = {"sphere", "box", "plane"}; // by PHYSICS_SPHERE ..
    const json_t *type = json_object_get(r->at, "type");
    const char *name = type ? json_string_value(type) : kinds[PHYSICS_SPHERE];
    while (b->kind <= PHYSICS_PLANE && (!name || strcmp(kinds[b->kind], name) != 0)) b->kind++;
    if (b->kind > PHYSICS_PLANE) SAY(r->why, "%s: type is none of sphere, box and plane", r->what);
    float normal[3] = {0, 1, 0};
    b->extents[0] = b->kind == PHYSICS_PLANE ? 0 : 0.5f;
    b->extents[1] = b->extents[2] = b->kind == PHYSICS_BOX ? 0.5f : 0;
    b->orientation[3] = 1;
    if (b->kind == PHYSICS_SPHERE && !real(r, "radius", 1e-3, 1e4, &b->extents[0])) return false;
    if (b->kind == PHYSICS_BOX && !reals(r, "half_extents", PHYSICS_SIZE_MAX, b->extents, 3)) return false;
    for (int k = 0; k < 3 && b->kind == PHYSICS_BOX; k++)
        if (!(b->extents[k] >= PHYSICS_SIZE_MIN)) SAY(r->why, "%s: half_extents are %g m at least", r->what, 1e-3);
    if (b->kind == PHYSICS_PLANE && json_object_get(r->at, "normal")) {
        if (!reals(r, "normal", 1e6f, normal, 3)) return false;
        if (!(fabsf(normal[0]) + fabsf(normal[1]) + fabsf(normal[2]) > 1e-6f))
            SAY(r->why, "%s: normal has no direction", r->what);
        upright_to(normal, b->orientation);
    }
    return true;
}

static bool read_object(const struct reader *r, struct physics_body *b, int64_t *id) {
    if (!json_is_object(r->at)) SAY(r->why, "%s is no object", r->what);
    bool fixed = false, asleep = false;
    if (!known_keys(r, object_keys, sizeof object_keys / sizeof *object_keys) || !read_shape(r, b)) return false;
    fixed = b->kind == PHYSICS_PLANE;
    b->mass = 1, b->friction = 0.5f;
    double mass = 1;
    if (!reals(r, "position", PHYSICS_PLACE_MAX, b->position, 3) ||
        !reals(r, "velocity", PHYSICS_SPEED_MAX, b->velocity, 3) || !reals(r, "orientation", 2, b->orientation, 4) ||
        !reals(r, "angular_velocity", PHYSICS_SPIN_MAX, b->spin, 3) || !truth(r, "static", &fixed) ||
        !number(r, "mass", 0, (double)PHYSICS_MASS_MAX, &mass) || !real(r, "friction", 0, 100, &b->friction) ||
        !real(r, "restitution", 0, 1, &b->restitution) || !truth(r, "asleep", &asleep)) {
        return false;
    }
    if (mass != 0 && mass < (double)PHYSICS_MASS_MIN) SAY(r->why, "%s: mass is 0 or %g kg at least", r->what, 1e-6);
    b->mass = fixed ? 0 : (float)mass;
    b->asleep = asleep && !fixed;
    b->still = b->asleep ? PHYSICS_STILL_TIME : 0;
    float *q = b->orientation, length = sqrtf(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    if (!(length > 1e-3f)) SAY(r->why, "%s: orientation is no quaternion", r->what);
    for (int k = 0; k < 4; k++) q[k] /= length;
    const json_t *given = json_object_get(r->at, "id");
    if (given && !json_is_integer(given)) SAY(r->why, "%s: id is no whole number", r->what);
    if (given) *id = json_integer_value(given);
    return true;
}

static bool find_body(const struct reader *r, const char *key, const struct p2_world *w, uint32_t *out) {
    const json_t *v = json_object_get(r->at, key);
    int64_t id = json_is_integer(v) ? json_integer_value(v) : -1;
    uint32_t count = p2_world_head(w).bodies;
    if (id >= 0 && id < count && w->ids[id] == id) { // as it is where nobody says ids
        *out = (uint32_t)id;
        return true;
    }
    for (uint32_t i = 0; json_is_integer(v) && i < count; i++) {
        if (w->ids[i] != id) continue;
        *out = i;
        return true;
    }
    SAY(r->why, "%s: %s is no object's id", r->what, key);
}

static void turn(const float q[4], const float v[3], float out[3]) {
    const float t[3] = {2 * (q[1] * v[2] - q[2] * v[1]), 2 * (q[2] * v[0] - q[0] * v[2]),
                        2 * (q[0] * v[1] - q[1] * v[0])};
    out[0] = v[0] + q[3] * t[0] + q[1] * t[2] - q[2] * t[1];
    out[1] = v[1] + q[3] * t[1] + q[2] * t[0] - q[0] * t[2];
    out[2] = v[2] + q[3] * t[2] + q[0] * t[1] - q[1] * t[0];
}

// As long as it is, unless it says otherwise.
static float distance(const struct physics_body *a, const struct physics_body *b, const struct physics_joint *j) {
    float pa[3], pb[3], sum = 0;
    turn(a->orientation, j->at_a, pa);
    turn(b->orientation, j->at_b, pb);
    for (int k = 0; k < 3; k++) {
        float d = b->position[k] + pb[k] - a->position[k] - pa[k];
        sum += d * d;
    }
    return sqrtf(sum);
}

static bool read_joint(const struct reader *r, const struct p2_world *w, struct physics_joint *j) {
    if (!json_is_object(r->at)) SAY(r->why, "%s is no object", r->what);
    if (!known_keys(r, joint_keys, sizeof joint_keys / sizeof *joint_keys) || !find_body(r, "a", w, &j->a) ||
        !find_body(r, "b", w, &j->b) || !reals(r, "anchor_a", PHYSICS_SIZE_MAX, j->at_a, 3) ||
        !reals(r, "anchor_b", PHYSICS_SIZE_MAX, j->at_b, 3) || !real(r, "hertz", 0, 1000, &j->hertz) ||
        !real(r, "damping", 0, 100, &j->damping)) {
        return false;
    }
    if (j->a == j->b) SAY(r->why, "%s: a and b are one body", r->what);
    struct physics_body a = p2_world_body(w, j->a), b = p2_world_body(w, j->b);
    j->length = distance(&a, &b, j);
    return real(r, "length", 0, (double)PHYSICS_PLACE_MAX, &j->length);
}

static bool read_task(const json_t *root, struct p2_world *w, struct p2_strbuf *why) {
    const struct reader r = {root, "the world", why};
    double steps = 1, substeps = 4;
    float gravity[3] = {0, -9.81f, 0};
    w->timestep = 1.0 / 60;
    w->sleeping = true;
    if (!number(&r, "timestep", 1e-4, 0.1, &w->timestep) || !number(&r, "num_steps", 1, PHYSICS_STEPS_MAX, &steps) ||
        !number(&r, "substeps", 1, PHYSICS_SUBSTEPS_MAX, &substeps) || !reals(&r, "gravity", 1000, gravity, 3) ||
        !truth(&r, "sleep", &w->sleeping)) {
        return false;
    }
    for (int k = 0; k < 3; k++) w->gravity[k] = (double)gravity[k];
    w->steps = (uint32_t)steps;
    w->substeps = (uint32_t)substeps;
    return true;
}

static int by_id(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static bool ids_differ(const struct p2_world *w, uint32_t count, struct p2_strbuf *why) {
    int64_t *sorted = malloc(count * sizeof *sorted), twice = 0;
    if (!sorted) SAY(why, "memory is short");
    memcpy(sorted, w->ids, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_id);
    uint32_t i = 1;
    while (i < count && sorted[i] != sorted[i - 1]) i++;
    if (i < count) twice = sorted[i];
    free(sorted);
    if (i < count) SAY(why, "two objects have the id %lld", (long long)twice);
    return true;
}

static bool read_all(const json_t *objects, const json_t *joints, struct p2_world *w, struct p2_strbuf *why) {
    struct physics_world head = p2_world_head(w);
    uint8_t *at = w->bytes + sizeof head;
    for (uint32_t i = 0; i < head.bodies; i++, at += sizeof(struct physics_body)) {
        struct reader r = {json_array_get(objects, i), "", why};
        struct physics_body b = {0};
        snprintf(r.what, sizeof r.what, "object %u", i);
        w->ids[i] = i;
        if (!read_object(&r, &b, &w->ids[i])) return false;
        memcpy(at, &b, sizeof b);
    }
    if (!ids_differ(w, head.bodies, why)) return false;
    for (uint32_t i = 0; i < head.joints; i++, at += sizeof(struct physics_joint)) {
        struct reader r = {json_array_get(joints, i), "", why};
        struct physics_joint j = {0};
        snprintf(r.what, sizeof r.what, "joint %u", i);
        if (!read_joint(&r, w, &j)) return false;
        memcpy(at, &j, sizeof j);
    }
    return true;
}

bool p2_world_read(const json_t *root, struct p2_world *w, struct p2_strbuf *why) {
    *w = (struct p2_world){0};
    if (!json_is_object(root)) SAY(why, "a world is a JSON object");
    const struct reader r = {root, "the world", why};
    const json_t *objects = json_object_get(root, "objects"), *joints = json_object_get(root, "joints");
    if (!known_keys(&r, root_keys, sizeof root_keys / sizeof *root_keys) || !read_task(root, w, why)) return false;
    size_t count = json_array_size(objects), links = json_array_size(joints);
    if (count == 0 || count > PHYSICS_BODIES_MAX) SAY(why, "objects is no list of 1 to %u", PHYSICS_BODIES_MAX);
    if ((joints && !json_is_array(joints)) || links > PHYSICS_JOINTS_MAX)
        SAY(why, "joints is no list of at most %u", PHYSICS_JOINTS_MAX);
    struct physics_world head = {
        .magic = PHYSICS_WORLD_MAGIC, .format = PHYSICS_FORMAT, .bodies = (uint32_t)count, .joints = (uint32_t)links};
    w->size = sizeof head + count * sizeof(struct physics_body) + links * sizeof(struct physics_joint);
    w->bytes = calloc(1, w->size);
    w->ids = calloc(count, sizeof *w->ids);
    bool good = w->bytes && w->ids;
    if (!good) p2_strbuf_printf(why, "memory is short");
    if (good) memcpy(w->bytes, &head, sizeof head);
    if (good && read_all(objects, joints, w, why)) return true;
    p2_world_free(w);
    return false;
}
