// The coordinator's core: events and a time in, actions out. No sockets, no clock, no writable statics.
// Which header for what: README.md one folder up.
#ifndef COORDINATOR_CORE_COORD_H
#define COORDINATOR_CORE_COORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/blob.h"
#include "base/blobwork.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/id.h"
#include "base/ns.h"
#include "base/slab.h"
#include "coordinator/core/limits.h"
#include "coordinator/core/note.h"
#include "coordinator/core/pick.h"
#include "kernels/task_type.h"
#include "msg/msg.h"

struct coord;

enum coord_event_kind {
    COORD_OPENED,     // conn, id, room
    COORD_MSG,        // conn, msg
    COORD_WRITABLE,   // conn, room: answers WANT_ROOM
    COORD_CLOSED,     // conn, why
    COORD_TICK,       // time passed
    COORD_DRAIN,      // refuse new work, finish what is open, close
    COORD_HASHED,     // task, key: answers the last COORD_HASH of a task. No answer is fine: it runs uncached
    COORD_BLOB_FOUND, // work: digest, size, offset (up to which it is there). At the start, before anything else,
                      // longest not used first
    COORD_BLOB_DONE,  // work: the answer to a COORD_BLOB_WORK
};

struct coord_event {
    enum coord_event_kind kind;
    p2_ns now_ns;   // never goes back
    bool more;      // another event follows at once: what ends a step, scheduling above all, is left to it
    p2_handle conn; // opaque
    // OPENED: 16 unpredictable bytes, its pseudonym as a peer or its session as a client.
    struct p2_id id;
    uint64_t room; // OPENED, WRITABLE: bytes of payload this connection takes now
    enum p2_err why;
    const struct p2_msg *msg;        // borrows; a payload's blob is referenced when kept
    const struct p2_blob_work *work; // borrows; READ's blob is referenced when kept
    p2_handle task;
    struct p2_digest key;
};

enum coord_action_kind {
    COORD_SEND,        // conn, lane, msg
    COORD_CLOSE,       // conn, code: after what is queued has left. Nothing more is said of this conn.
    COORD_ESTABLISHED, // conn, features: its HELLO was accepted. Without P2_FEATURE_ZSTD it takes plain payloads only
    COORD_WANT_ROOM,   // conn
    COORD_BLOB_WORK,   // work: in order. The slice of a READ has a size only: its bytes are the shell's to find
    COORD_NOTE,        // note
    COORD_HASH,        // hash: digest these bytes
    COORD_UNHASH,      // hash.task: its digest is not wanted any more
};

// The next bytes of a task's payload. With the last ones comes the head, and the shell answers with COORD_HASHED and
// SHA-256(head, SHA-256(raw payload)); before any other event when it is to be at once.
struct coord_hash {
    p2_handle task;
    struct p2_slice payload; // empty when the payload is
    uint32_t raw_size;
    bool zstd, last, at_once;
    const uint8_t *head; // borrows, as the action's texts
    size_t head_size;
};

struct coord_action {
    enum coord_action_kind kind;
    unsigned lane; // 0 control, 1 + class otherwise; order is kept inside a lane
    p2_handle conn;
    enum p2_err code;
    uint64_t features;
    struct p2_blob *payload_held, *cargo_held; // references: msg and work outlive what they borrow from
    union {
        struct p2_msg msg;
        struct p2_blob_work work;
        struct coord_note note;
        struct coord_hash hash;
    } u;
};

// What one or more steps ask for, in order. Valid until cleared.
struct coord_actions {
    struct coord_action *items;
    uint32_t count, capacity;
    struct p2_arena texts;
};

// Room for whatever one step of a coordinator with these limits can ask. Memory is touched as it is used.
// False when memory is short.
bool coord_actions_init(struct coord_actions *a, const struct coord_limits *l);
void coord_actions_clear(struct coord_actions *a); // after each step, when all are carried out
void coord_actions_deinit(struct coord_actions *a);

// Unpacks a compressed piece into a new blob of raw_size bytes, which it gives. P2_ERR_BAD_RECORD: the bytes are not
// what they claim to be; P2_ERR_NO_MEMORY.
typedef enum p2_err coord_unpack(const struct p2_slice *packed, uint32_t raw_size, struct p2_blob_pool *pool,
                                 struct p2_blob **out);

struct coord_config {
    struct coord_limits limits;
    const struct p2_task_type *const *types; // the pure half of each task type; static storage
    uint32_t type_count;
    struct pick_config pick;
    uint64_t seed;             // of hashes and ping tokens
    struct p2_blob_pool *pool; // borrows for its life; parameters and lists of payload pieces live there
    coord_unpack *unpack;      // results for clients without zstd, as they arrive; NULL: relayed as they are
    bool terse;                // of tasks only failures are noted: nobody listens to the rest
};

// NULL when the limits are wrong or memory is short. `now_ns` is the start of uptime.
struct coord *coord_create(const struct coord_config *config, p2_ns now_ns);
void coord_destroy(struct coord **c); // NULL inside is fine

// Feeds one event; what it points to is borrowed for the call. Appends to out, which was cleared since the last step.
// Never fails: what a remote does wrong is an action against it. An event about a conn that is not open is dropped.
// What came in one read is best fed with `more`, a COORD_TICK behind it: work is then placed once for all of it.
void coord_step(struct coord *c, const struct coord_event *ev, struct coord_actions *out);

// When to step with COORD_TICK if nothing else happens; P2_NEVER for not at all. As of the last step without `more`.
p2_ns coord_next_ns(const struct coord *c);

struct coord_blob_status {
    uint32_t blobs; // whole and in part
    uint64_t bytes; // they take, or are to take, on the disk
    uint64_t stored, sent, evicted, lost;
};
void coord_blob_status(const struct coord *c, struct coord_blob_status *out); // since start

struct coord_cache_status {
    const char *type; // static storage
    uint64_t hits, misses;
};
uint32_t coord_cache_status(const struct coord *c, uint32_t index, struct coord_cache_status *out); // returns how many

bool coord_idle(const struct coord *c); // drained: no task open, every connection told to close
void coord_status(const struct coord *c,
                  struct p2_msg_status *out);     // as of the last step, without unmet; lends texts for ever
size_t coord_memory_bytes(const struct coord *c); // taken by tables at create, all together
void coord_check(const struct coord *c); // asserts every invariant, after a step without `more`; slow, for tests

#endif
