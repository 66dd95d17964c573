// The coordinator's shell: sockets, clock, signals and logs around the core.
#ifndef COORDINATOR_SHELL_SERVE_H
#define COORDINATOR_SHELL_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "coordinator/core/coord.h"

struct serve;

struct serve_config {
    const char *address;      // numeric; copied
    uint16_t port;            // 0: the system picks one
    const char *allow_origin; // of web pages (p2_loop_allow_origins); copied; NULL: none but the usual
    struct coord_limits limits;
    struct pick_config pick;
    bool unbatched;       // each record is a message of its own
    const char *blob_dir; // copied; NULL: one of its own in the user's cache, by the port
};

// Listens. Gives the port in *port_out. NULL with *error set: P2_ERR_IO when the address cannot be bound,
// P2_ERR_NO_MEMORY, P2_ERR_INVALID_ARGUMENT when the limits contradict each other or allow_origin is no such list,
// P2_ERR_NOT_FOUND when blob_dir cannot be used or another process has it.
struct serve *serve_create(const struct serve_config *config, uint16_t *port_out, enum p2_err *error);
void serve_destroy(struct serve **s);

// Until TERM or INT: then it drains and returns true. A second one ends it at once: false when tasks were open.
bool serve_run(struct serve *s);

void serve_status(struct serve *s, struct p2_msg_status *out);
void serve_blob_status(const struct serve *s, struct coord_blob_status *out);
uint32_t serve_cache_status(struct serve *s, uint32_t index, struct coord_cache_status *out); // as coord_cache_status
bool serve_draining(const struct serve *s);
uint64_t serve_memory_bytes(const struct serve *s); // what the limits allow it to take, all together

#endif
