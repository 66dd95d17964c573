// Clients and workers that speak a broker's protocol themselves, so that the broker is what is measured: one loop for
// all of them, and of each protocol only its words.
#ifndef LOADTEST_BENCH_DISPATCH_RAW_H
#define LOADTEST_BENCH_DISPATCH_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ns.h"
#include "loadtest/bench/dispatch/drive.h"
#include "loadtest/bench/dispatch/link.h"

#define RAW_LINKS_MAX 16u

struct raw;

struct raw_protocol {
    uint32_t links; // connections of one client or worker at most: no more than jobs ahead, or than tasks and one
    // They are open: greets, and waits (link_fill) until the broker knows us.
    void (*join)(struct raw *r);
    // So many calls of submit follow. May be NULL.
    void (*batch)(struct raw *r, uint32_t tasks);
    void (*submit)(struct raw *r, const uint8_t *payload, size_t size); // clients
    // Takes what l has read, as far as it is whole: drive_done for a client, the echo for a worker.
    void (*take)(struct raw *r, struct link *l);
    // Before everything queued leaves. May be NULL.
    void (*leave)(struct raw *r);
    // Workers with one link: called about each tick_ns, when that is not 0.
    void (*tick)(struct raw *r);
    p2_ns tick_ns;
};

struct raw {
    const struct raw_protocol *protocol;
    struct drive *drive; // of a client; NULL: a worker
    struct link links[RAW_LINKS_MAX];
    uint32_t link_count;
    uint16_t port;
    uint32_t ahead; // jobs that this worker may have in hand
    void *own;      // of the protocol
};

// Runs until everything is measured.
void raw_client(const struct raw_protocol *protocol, uint16_t port, struct drive *d);
// Runs until the broker is gone; a byte into `ready` once it knows us.
_Noreturn void raw_worker(const struct raw_protocol *protocol, uint16_t port, uint32_t ahead, size_t payload_bytes,
                          int ready);

// The words of each.
extern const struct raw_protocol raw_gearman_client, raw_gearman_worker;
extern const struct raw_protocol raw_nats_client, raw_nats_worker;
extern const struct raw_protocol raw_redis_client, raw_redis_worker;
extern const struct raw_protocol raw_beanstalk_client, raw_beanstalk_worker;
extern const struct raw_protocol raw_relay_client, raw_relay_worker;
extern const struct raw_protocol raw_ours_client, raw_ours_batch_client, raw_ours_session_client, raw_ours_worker;

#endif
