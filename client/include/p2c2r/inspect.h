// P2C2R client library, for tools rather than games: what is agreed with a coordinator. Rules as in p2c2r.h.
#ifndef P2C2R_INSPECT_H
#define P2C2R_INSPECT_H

#include "p2c2r.h"

#ifdef __cplusplus
extern "C" {
#endif

// What is agreed with the coordinator on the present connection.
typedef struct p2c2r_terms {
    size_t size;
    uint32_t protocol;            // version of the wire
    uint32_t tasks_in_flight_max; // of this client at once
    uint64_t payload_bytes_max;   // of one task
    uint64_t bytes_in_flight_max; // of all payloads in flight; 0: not said
    int64_t keep_us;              // how long tasks outlive a lost connection; 0: they do not
    uint32_t feature_count;
    const char *features[16]; // "zstd", "sessions"; static
} p2c2r_terms;

// Never blocks. P2C2R_EUNREACHABLE: not connected.
P2C2R_API p2c2r_status p2c2r_connection_terms(p2c2r_client *client, p2c2r_terms *out);

#ifdef __cplusplus
}
#endif

#endif
