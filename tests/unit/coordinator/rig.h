// A coordinator core on a bench: events in by hand, actions kept until forgotten. Every step is followed by
// coord_check. Clients and peers are connections with numbers.
#ifndef TESTS_COORDINATOR_RIG_H
#define TESTS_COORDINATOR_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/core/state.h"
#include "os/os.h"
#include "rig_store.h"

#define RIG_HASHES 256

struct rig {
    struct coord *c;
    struct coord_actions out; // since rig_forget
    struct p2_blob_pool pool;
    p2_ns now;
    p2_handle client, peer; // of rig_set_up
    p2_handle next_conn;
    uint64_t next_id;
    uint64_t room;         // of connections opened from now on
    uint64_t features;     // offered by who says HELLO from now on; at first all but sessions
    struct p2_id instance; // of peers that register from now on
    p2_ns run_ns;          // what results say the job took
    bool slow_hash;        // digests that need not be there at once wait for rig_hash
    struct rig_hash {      // payloads being hashed, as the shell does it
        p2_handle task;
        struct p2_sha256 *hash;
        bool ready;
        struct p2_digest key;
    } hashes[RIG_HASHES];
    struct rig_store store;
};

// Types of the bench, whose cost is what the parameters say: memory (device bytes), result (bytes at most), units.
// "alpha" (also called "first"), "beta" and "same", version 1, 3 and 2; only "same" is deterministic.
extern const struct p2_task_type *const rig_types[3];

struct coord_limits rig_limits(void);                            // the defaults, with small tables
void rig_init(struct rig *r, const struct coord_limits *limits); // NULL: rig_limits
void rig_deinit(struct rig *r); // closes every connection, lets the cache age, asserts that all memory came back
void rig_forget(struct rig *r);

// A test's setup: a rig with one client and a peer of that many slots (0: none), what was said so far forgotten; and
// its teardown. One at a time. cmocka's return values.
int rig_set_up(void **state, const struct coord_limits *limits, uint32_t slots);
int rig_tear_down(void **state);

void rig_step(struct rig *r, struct coord_event *ev); // fills in the time
void rig_hash(struct rig *r);                         // gives the digests that wait
void rig_msg(struct rig *r, p2_handle conn, const struct p2_msg *m);
void rig_writable(struct rig *r, p2_handle conn, uint64_t room);
void rig_close(struct rig *r, p2_handle conn);
void rig_drain(struct rig *r);
void rig_run_to(struct rig *r, p2_ns now); // TICKs whenever the core wants one
void rig_pass(struct rig *r, p2_ns span);  // the same, from now
void rig_jump(struct rig *r, p2_ns span);  // one TICK that late: we did not run in between

p2_handle rig_open(struct rig *r);
void rig_hello(struct rig *r, p2_handle conn, enum p2_role role);
p2_handle rig_client(struct rig *r);                                     // registered
p2_handle rig_peer(struct rig *r, uint32_t slots, uint32_t queue_depth); // of both types, on one device
// On one device with that memory (0: not said), offering the types in the mask (1 alpha, 2 beta, 4 same).
void rig_register(struct rig *r, p2_handle conn, uint32_t slots, uint32_t queue_depth, unsigned types, uint64_t memory);
void rig_heartbeat(struct rig *r, p2_handle conn);

struct p2_id rig_id(uint64_t n);
struct p2_slice rig_bytes(struct rig *r, uint32_t size, uint64_t offset); // byte i is a function of offset + i; unref
bool rig_bytes_right(const struct p2_slice *s, uint64_t offset);

// An alpha task with `size` bytes of payload, as many of them in the first record as fit.
struct p2_msg rig_submit_msg(uint64_t id, uint32_t stream, uint64_t size);
// Blobs have numbers. An upload is offered on a stream; its bytes follow by rig_chunk with attempt 1.
void rig_put(struct rig *r, p2_handle client, uint32_t stream, uint64_t blob, uint64_t size);
void rig_bring(struct rig *r, p2_handle client, uint32_t stream, uint64_t blob, uint64_t size); // all of it
void rig_want(struct rig *r, p2_handle peer, uint64_t blob, uint64_t offset);
void rig_have(struct rig *r, p2_handle peer, uint64_t blob, bool gone);
void rig_submit(struct rig *r, p2_handle client, uint32_t stream, uint64_t id, uint64_t size);
void rig_send_submit(struct rig *r, p2_handle client, struct p2_msg *m); // lays the first bytes and sends
void rig_chunk(struct rig *r, p2_handle conn, uint32_t stream, uint32_t attempt, uint64_t offset, uint32_t size);
void rig_cancel(struct rig *r, p2_handle client, uint32_t stream, uint64_t id);
void rig_window(struct rig *r, p2_handle conn, uint32_t stream, uint32_t attempt, uint64_t limit);
// About the job that `assign` gave to the peer.
void rig_result(struct rig *r, p2_handle peer, const struct p2_msg *assign, uint64_t size);
void rig_failure(struct rig *r, p2_handle peer, const struct p2_msg *assign, enum p2_err code, bool retryable);

// What was said since rig_forget.
unsigned rig_count(const struct rig *r, p2_handle conn, enum p2_msg_kind kind);
const struct p2_msg *rig_last(const struct rig *r, p2_handle conn, enum p2_msg_kind kind); // fails the test when none
const struct p2_msg *rig_nth(const struct rig *r, p2_handle conn, enum p2_msg_kind kind, unsigned n);
const struct p2_msg *rig_only(const struct rig *r, p2_handle conn, enum p2_msg_kind kind); // exactly one
bool rig_was_closed(const struct rig *r, p2_handle conn, enum p2_err code);
unsigned rig_wants_room(const struct rig *r, p2_handle conn);
unsigned rig_notes(const struct rig *r, enum coord_note_kind kind);
void rig_expect_error(const struct rig *r, p2_handle conn, enum p2_err code); // ERROR, then CLOSE, with that code
void rig_expect_ended(const struct rig *r, p2_handle client, uint32_t stream, enum p2_err code);

#endif
