// A scene on the device: its arrays, what shading looks up, and its tree.
#ifndef KERNELS_RAYTRACE_KEPT_H
#define KERNELS_RAYTRACE_KEPT_H

#include "kernels/raytrace/raytrace.h"
#include "peer/executor/exec.h"

struct kept_scene {
    cl_mem nodes, leaves, prims, words;
    struct raytrace_frame frame; // what the scene says of it; the rest is 0
};

// Opens a scene for the reference. P2_ERR_BAD_PAYLOAD: exec_why is set.
enum p2_err kept_scene_open(struct exec_slot *slot, const struct exec_blob *bytes, struct p2_raytrace_scene *out);

// The scene on the device, where it stays under its digest; lent until the job ends. P2_ERR_BAD_PAYLOAD,
// P2_ERR_DEVICE_MEMORY, P2_ERR_CANCELLED: exec_why is set.
enum p2_err kept_scene_find(struct exec_slot *slot, struct exec_blob *bytes, struct kept_scene *out);

#endif
