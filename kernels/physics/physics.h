// What spec.c, ref.c, world.c and exec.c of physics share.
#ifndef KERNELS_PHYSICS_PHYSICS_H
#define KERNELS_PHYSICS_PHYSICS_H

#include "kernels/physics/joint.h"
#include "kernels/physics/layout.h"
#include "kernels/task_type.h"

extern const struct p2_task_type p2_type_physics;

// A world as records; arrays of the counts in `head`.
struct p2_physics_parts {
    struct physics_world head;
    struct physics_body *bodies;
    struct physics_joint *joints;
    struct physics_contact *contacts;
};

// Is the payload a sound world of the block's counts? P2_ERR_BAD_PAYLOAD with a sentence in why that names the value.
enum p2_err p2_physics_check(const struct physics_block *b, const uint8_t *payload, size_t size, struct p2_strbuf *why);

// What follows from a checked world and its block, and stays the same from step to step.
struct p2_physics_plan {
    uint32_t bits[3];    // log2 of the grid's cells along each axis
    float cell, margin;  // m; margin: the largest
    float step, substep; // s
    bool round;          // spheres and planes only
    bool bounces;        // some body has restitution
    bool moves;          // some body does
    struct soft push, joint;
    uint32_t large_count;
    uint32_t large[PHYSICS_LARGE_MAX]; // bodies not in the grid: planes, and fixed ones larger than all that move
};

// P2_ERR_BAD_PAYLOAD with a sentence when there are too many large bodies. Borrows for the call.
enum p2_err p2_physics_plan(const struct physics_block *b, const struct physics_world *head,
                            const struct physics_body *bodies, struct p2_physics_plan *plan, struct p2_strbuf *why);
void p2_physics_pace(const struct physics_block *b, struct p2_physics_plan *plan); // what of it is the task's alone
uint32_t p2_physics_grid_word(const struct p2_physics_plan *plan);                 // for physics_world.grid

// Joints in the order in which they are solved, and where each colour begins (and the last ends): joints of a colour
// share no body that moves, but for the last colour. `order` has two entries for each joint (the first extents is
// the result), `used` one for each body.
void p2_physics_colour(const struct p2_physics_parts *w, uint32_t *order, uint16_t *used,
                       uint32_t begins[PHYSICS_JOINT_COLOURS + 1]);

void p2_physics_count(struct physics_world *head, uint32_t steps); // that many more

// Softness of a constraint for a substep of h seconds.
struct soft p2_physics_soft(float hertz, float damping, float h);

float p2_physics_radius(const struct physics_body *b); // of the sphere around it; 0 of a plane
uint32_t p2_physics_slots(uint32_t bodies);            // rows of contacts that are solved, times lanes, at most
uint64_t p2_physics_result_max(const struct physics_block *b);

// Sorts contacts and writes the result. head.step is that after the job. P2_ERR_RESULT_TOO_LARGE.
enum p2_err p2_physics_write(const struct physics_block *b, struct p2_physics_parts *w, uint8_t *out,
                             size_t out_capacity, size_t *out_size);

enum p2_err p2_physics_reference(const void *block, const uint8_t *payload, size_t payload_size, uint8_t *out,
                                 size_t out_capacity, size_t *out_size);

bool p2_physics_equal(const void *block, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size);

#endif
