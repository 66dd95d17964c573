// What a task type is to everyone: the pure half (spec.c), linked by coordinator, peer, executor and client.
// The executor's half is in peer/executor/exec.h.
#ifndef P2_KERNELS_TASK_TYPE_H
#define P2_KERNELS_TASK_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ns.h"
#include "base/param.h"

#define P2_BLOCK_MAX 512 // bytes of the largest parameter block (a type's layout.h)

enum p2_criticality { P2_CRIT_LOW, P2_CRIT_MEDIUM, P2_CRIT_HIGH, P2_CRIT_CRITICAL };

// What the scheduler needs to know of one task, from parameters and payload size alone.
struct p2_task_cost {
    uint64_t units;            // work in the type's own unit (pixels written, ray tests); saturating, at least 1
    uint64_t result_bytes_max; // no valid result is larger
    uint64_t device_bytes;     // device memory needed at once
    uint32_t device_kinds;     // bits 1 << kind (1 CPU, 2 GPU, 3 other, 4 fake) of devices that can do it; 0: any
    uint32_t size_class;       // log2 bucket of units: estimates are kept per type and size class
    p2_ns timeout_prior_ns;    // expected upper end of its latency until there are samples
};

// A picture as bands of rows that are tasks of their own, and together give byte for byte what the whole would.
struct p2_task_bands {
    // A cut lies at a multiple of both: in_step rows of the payload and out_step rows of the result cover the same
    // ground. in_step 0: the payload has no rows, every band has all of it.
    uint32_t in_step, out_step;
    uint32_t steps;                       // of the picture: it ends at a cut
    uint32_t ghost;                       // steps beyond a cut that rows before it depend on
    uint64_t in_row_bytes, out_row_bytes; // rows lie without gaps
};

// A worked example with a known answer: what a peer runs before it offers the type.
struct p2_known_answer {
    const struct p2_param *params; // static storage
    uint32_t param_count;
    const uint8_t *payload; // static storage
    size_t payload_size;
};

struct p2_task_type {
    const char *name;           // as in task contracts: "upscale"
    const char *const *aliases; // NULL-terminated, or NULL
    uint32_t version;           // of the meaning of its results
    const char *doc;            // one sentence
    const char *unit;           // of cost.units: "px"
    const struct p2_param_spec *params;
    size_t block_bytes; // of the parameter block in layout.h, at most P2_BLOCK_MAX
    enum p2_criticality criticality;
    bool deterministic; // equal input gives comparable output: may be cached
    uint64_t payload_bytes_max;
    uint32_t blobs_max; // it may refer to, at most P2_TASK_BLOBS_MAX

    // Parameters and payload size to parameter block and cost. All arithmetic is checked for overflow.
    // P2_ERR_BAD_PARAMETER or P2_ERR_TOO_LARGE with a sentence in why, block and cost then undefined.
    enum p2_err (*prepare)(const struct p2_params *params, uint64_t payload_size, void *block,
                           struct p2_task_cost *cost, struct p2_strbuf *why);

    // The meaning of the type in plain C: reads the payload, writes the result into out (capacity at least
    // cost.result_bytes_max) and its length. Payload and result are raw forms; codecs are the executor's.
    // P2_ERR_BAD_PAYLOAD when the payload is not what the block says.
    enum p2_err (*reference)(const void *block, const uint8_t *payload, size_t payload_size, uint8_t *out,
                             size_t out_capacity, size_t *out_size);

    // Do two raw results of the same task agree within the type's tolerance?
    bool (*equal)(const void *block, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size);

    // How the task can be cut; false: only as a whole. NULL: tasks of the type never can.
    bool (*bands)(const void *block, struct p2_task_bands *out);

    const struct p2_known_answer *known_answers; // at least one
    uint32_t known_answer_count;
};

// All types of this build, in the order of kernels/meson.build. Static storage.
extern const struct p2_task_type *const p2_task_types[];
extern const uint32_t p2_task_type_count;

bool p2_task_type_is(const struct p2_task_type *t, struct p2_str name); // by name or alias

// By name or alias; NULL when unknown.
const struct p2_task_type *p2_task_type_find(struct p2_str name);

// How long tasks take is learned per type and size class, at the coordinator and at clients.
#define P2_SIZE_CLASSES 64u  // log2 of a 64-bit number of units
#define P2_PRIOR_SAMPLES 50u // until so many are known, the prior holds

// Bucket of a cost for p2_task_cost.size_class: floor(log2(units)), 0 for 0 and 1.
uint32_t p2_size_class(uint64_t units);

// What a task gets of which neither deadline nor anything else is known: four times its prior, saturating at P2_NEVER.
p2_ns p2_task_patience(p2_ns prior_ns);

#endif
