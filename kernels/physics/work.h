// A world on a device, between memory.c, which puts it there, and exec.c, which makes its steps.
#ifndef KERNELS_PHYSICS_WORK_H
#define KERNELS_PHYSICS_WORK_H

#include "kernels/physics/physics.h"
#include "peer/executor/exec.h"

// What stays with a world that is kept.
struct physics_kept {
    struct physics_world head;
    struct p2_physics_plan plan;
    uint32_t joint_begins[PHYSICS_JOINT_COLOURS + 1];
};

struct work {
    struct exec_slot *slot;
    const struct physics_block *block;
    struct physics_kept *world;
    struct physics_shape shape;
    cl_mem mem;
    size_t words; // of mem
    bool cpu;
};

// Parts of a checked payload where they lie: cells of jobs are aligned.
struct p2_physics_parts physics_parts(const uint8_t *payload);

// Shape and words, of block and world->plan. At most about 140 million words, for the largest world.
void physics_lay_out(struct work *w);
enum p2_err physics_load(struct work *w, const struct p2_physics_parts *parts); // into mem; sets joint_begins

// Waits for the steps. parts lie in host memory of the job. P2_ERR_BAD_PAYLOAD: a limit was met on the way.
enum p2_err physics_bring(struct work *w, struct p2_physics_parts *parts);

#endif
