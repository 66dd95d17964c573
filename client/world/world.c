// A world and its results.
#include "world.h"

#include <stdlib.h>
#include <string.h>

void p2_world_free(struct p2_world *w) {
    free(w->bytes);
    free(w->ids);
    *w = (struct p2_world){0};
}

struct physics_world p2_world_head(const struct p2_world *w) {
    struct physics_world head;
    memcpy(&head, w->bytes, sizeof head);
    return head;
}

static uint8_t *body_at(const struct p2_world *w, uint32_t i) {
    return w->bytes + sizeof(struct physics_world) + i * sizeof(struct physics_body);
}

struct physics_body p2_world_body(const struct p2_world *w, uint32_t i) {
    struct physics_body b;
    memcpy(&b, body_at(w, i), sizeof b);
    return b;
}

static uint64_t size_of(const struct physics_world *h) {
    return sizeof *h + (uint64_t)h->bodies * sizeof(struct physics_body) +
           (uint64_t)h->joints * sizeof(struct physics_joint) + (uint64_t)h->contacts * sizeof(struct physics_contact);
}

bool p2_world_look(const struct p2_world *w, const uint8_t *bytes, size_t size, struct physics_result *head) {
    struct physics_world ours = p2_world_head(w), world;
    if (size < sizeof *head) return false;
    memcpy(head, bytes, sizeof *head);
    size -= sizeof *head;
    if (head->magic != PHYSICS_RESULT_MAGIC || head->format != PHYSICS_FORMAT || head->bodies != ours.bodies ||
        head->pairs > PHYSICS_CONTACTS_PER_BODY * head->bodies) {
        return false;
    }
    if (head->content == PHYSICS_STATE)
        return size == head->bodies * sizeof(struct physics_state) + head->pairs * sizeof(struct physics_pair);
    if (head->content != PHYSICS_FULL || size < sizeof world) return false;
    memcpy(&world, bytes + sizeof *head, sizeof world);
    return world.magic == PHYSICS_WORLD_MAGIC && world.bodies == ours.bodies && world.joints == ours.joints &&
           size == size_of(&world);
}

bool p2_world_take(struct p2_world *w, const uint8_t *bytes, size_t size) {
    struct physics_result head;
    memcpy(&head, bytes, sizeof head);
    bytes += sizeof head;
    size -= sizeof head;
    if (head.content == PHYSICS_FULL) {
        uint8_t *whole = malloc(size);
        if (!whole) return false;
        memcpy(whole, bytes, size);
        free(w->bytes);
        w->bytes = whole;
        w->size = size;
        return true;
    }
    for (uint32_t i = 0; i < head.bodies; i++) {
        struct physics_state s;
        struct physics_body b = p2_world_body(w, i);
        memcpy(&s, bytes + i * sizeof s, sizeof s);
        memcpy(b.position, s.position, sizeof b.position);
        memcpy(b.orientation, s.orientation, sizeof b.orientation);
        memcpy(b.velocity, s.velocity, sizeof b.velocity);
        memcpy(b.spin, s.spin, sizeof b.spin);
        b.asleep = s.asleep;
        memcpy(body_at(w, i), &b, sizeof b);
    }
    return true;
}

// ---- to JSON ----

static json_t *list_of(const float *values, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(list, json_real((double)values[i]));
    return list;
}

static json_t *list_of_doubles(const double *values, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(list, json_real(values[i]));
    return list;
}

static json_t *object_of(const struct physics_body *b, int64_t id) {
    static const char *const kinds[] = {"sphere", "box", "plane"};
    json_t *o = json_object();
    json_object_set_new(o, "id", json_integer(id));
    json_object_set_new(o, "type", json_string(b->kind <= PHYSICS_PLANE ? kinds[b->kind] : "sphere"));
    json_object_set_new(o, "position", list_of(b->position, 3));
    json_object_set_new(o, "orientation", list_of(b->orientation, 4));
    json_object_set_new(o, "velocity", list_of(b->velocity, 3));
    json_object_set_new(o, "angular_velocity", list_of(b->spin, 3));
    json_object_set_new(o, "mass", json_real((double)b->mass));
    if (b->kind == PHYSICS_SPHERE) json_object_set_new(o, "radius", json_real((double)b->extents[0]));
    if (b->kind == PHYSICS_BOX) json_object_set_new(o, "half_extents", list_of(b->extents, 3));
    json_object_set_new(o, "friction", json_real((double)b->friction));
    json_object_set_new(o, "restitution", json_real((double)b->restitution));
    if (b->asleep) json_object_set_new(o, "asleep", json_true());
    return o;
}

static json_t *joint_of(const struct p2_world *w, uint32_t i) {
    struct physics_world head = p2_world_head(w);
    struct physics_joint j;
    memcpy(&j, body_at(w, head.bodies) + i * sizeof j, sizeof j);
    json_t *o = json_object();
    bool there = j.a < head.bodies && j.b < head.bodies;
    json_object_set_new(o, "a", json_integer(there ? w->ids[j.a] : 0));
    json_object_set_new(o, "b", json_integer(there ? w->ids[j.b] : 0));
    json_object_set_new(o, "anchor_a", list_of(j.at_a, 3));
    json_object_set_new(o, "anchor_b", list_of(j.at_b, 3));
    json_object_set_new(o, "length", json_real((double)j.length));
    json_object_set_new(o, "hertz", json_real((double)j.hertz));
    json_object_set_new(o, "damping", json_real((double)j.damping));
    return o;
}

static void add_pair(const struct p2_world *w, json_t *list, uint32_t bodies, struct physics_pair p) {
    if (p.a >= bodies || p.b >= bodies) return;
    json_t *pair = json_array();
    json_array_append_new(pair, json_integer(w->ids[p.a]));
    json_array_append_new(pair, json_integer(w->ids[p.b]));
    json_array_append_new(list, pair);
}

static json_t *collisions_of(const struct p2_world *w, const uint8_t *bytes, const struct physics_result *head) {
    json_t *list = json_array();
    struct physics_pair p, last = {0, 0};
    if (head->content == PHYSICS_STATE) {
        const uint8_t *at = bytes + sizeof *head + head->bodies * sizeof(struct physics_state);
        for (uint32_t i = 0; i < head->pairs; i++, at += sizeof p) {
            memcpy(&p, at, sizeof p);
            add_pair(w, list, head->bodies, p);
        }
        return list;
    }
    struct physics_world world = p2_world_head(w);
    const uint8_t *at = w->bytes + w->size - world.contacts * sizeof(struct physics_contact);
    for (uint32_t i = 0; i < world.contacts; i++, at += sizeof(struct physics_contact)) {
        struct physics_contact c;
        memcpy(&c, at, sizeof c);
        if (!(c.separation < 0 || c.push > 0) || (last.b && c.a == last.a && c.b == last.b)) continue;
        last = (struct physics_pair){c.a, c.b};
        add_pair(w, list, head->bodies, last);
    }
    return list;
}

json_t *p2_world_write(const struct p2_world *w, const uint8_t *bytes, size_t size) {
    struct physics_result head;
    if (!p2_world_look(w, bytes, size, &head)) return NULL;
    json_t *root = json_object(), *objects = json_array(), *joints = json_array();
    struct physics_world world = p2_world_head(w);
    for (uint32_t i = 0; i < world.bodies; i++) {
        struct physics_body b = p2_world_body(w, i);
        json_array_append_new(objects, object_of(&b, w->ids[i]));
    }
    for (uint32_t i = 0; i < world.joints; i++) json_array_append_new(joints, joint_of(w, i));
    json_object_set_new(root, "objects", objects);
    json_object_set_new(root, "joints", joints);
    json_object_set_new(root, "collisions", collisions_of(w, bytes, &head));
    json_object_set_new(root, "timestep", json_real(w->timestep));
    json_object_set_new(root, "gravity", list_of_doubles(w->gravity, 3));
    json_object_set_new(root, "substeps", json_integer(w->substeps));
    json_object_set_new(root, "sleep", json_boolean(w->sleeping));
    json_object_set_new(root, "step", json_integer((json_int_t)((uint64_t)head.step_high << 32 | head.step_low)));
    json_object_set_new(root, "awake", json_integer(head.awake));
    json_object_set_new(root, "energy", json_pack("{s:f, s:f}", "kinetic", head.kinetic, "potential", head.potential));
    json_object_set_new(root, "momentum", list_of_doubles(head.momentum, 3));
    json_object_set_new(root, "angular_momentum", list_of_doubles(head.angular, 3));
    return root;
}
