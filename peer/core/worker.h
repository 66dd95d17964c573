// The peer's core: the link to one coordinator, the executors it supervises, the jobs between them. Pure: event and
// time in, actions out. Payload bytes never pass through it; it says which cell they go to and come from.
//
//                             LINK                                             EXECUTOR
//   WAITING -> DIALING -> GREETING -> GREETED -> JOINING -> JOINED   DOWN -> STARTING -> BUILDING -> READY
//      ^  ^       |          |           |          |         |       ^ ^       |           |          |
//      |  +-------+----------+--> CLOSING <---------+---------+       | +-------+-- KILLING <----------+
//      +------------- LINK_DOWN -----+                                +---------- EXEC_GONE ---- QUITTING
//
//                             JOB
//   RECEIVING -> HANDED -> SENDING -> ENDED     HANDED -> CANCELLING -> ENDED     from each state -> ENDED (failure,
//               |    ^                                        ^                    cancel, link lost, executor gone)
//               v    | it runs                                |
//              RECALLING -> SENDING, or ENDED (returned) -----+
#ifndef PEER_CORE_WORKER_H
#define PEER_CORE_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blobwork.h"
#include "base/err.h"
#include "base/id.h"
#include "base/ns.h"
#include "base/slab.h"
#include "kernels/task_type.h"
#include "msg/msg.h"
#include "peer/core/words.h"

#define WORKER_SLOTS_MAX 16u  // of one device
#define WORKER_BLOBS_MAX 512u // kept at once
#define WORKER_FETCHES_MAX 2u // of blobs at once, as the protocol says

struct worker;

struct worker_device {
    enum p2_device_kind kind;
    char name[96], driver[96];
    uint64_t memory_bytes, buffer_bytes_max; // 0: unknown
    uint32_t compute_units;
    uint32_t slots; // 1..WORKER_SLOTS_MAX
};

struct worker_config {
    uint64_t seed;                           // of back-off jitter and of the hash of blobs
    const struct p2_task_type *const *types; // borrows for the worker's life
    uint32_t type_count;
    struct p2_id instance; // said when registering: the same on all its connections; zero: not said
    const char *agent;     // HELLO's; borrows for the worker's life
    struct worker_device devices[P2_DEVICES_MAX]; // one executor each; a device keeps its index for good
    uint32_t device_count;                        // 1..P2_DEVICES_MAX
    uint32_t cpu_cores;
    uint64_t memory_bytes;
    uint32_t queue_depth;  // jobs held ready per slot beyond the one it runs: 0..8
    uint64_t cell_bytes;   // largest payload, and largest result: 64 KiB..P2_TASK_PAYLOAD_MAX in whole pages of 4 KiB
    uint64_t window_bytes; // granted ahead of what is stored: P2_STREAM_WINDOW..P2_TASK_PAYLOAD_MAX
    uint64_t blob_budget_bytes; // of blobs kept on the disk; 0: jobs that need some are refused
    uint32_t keep_percent;      // of a device's memory, for what stays there between jobs: at most WORD_KEEP_MAX
    p2_ns watchdog_ns;          // past its deadline a job may hold its executor this long
    p2_ns cancel_ns;            // a cancelled job may go on this long, then watchdog_ns counts
    p2_ns job_ns_max;           // no job may have more time than this, whatever its deadline
    p2_ns build_silence_ns;     // an executor that builds says something at least this often
    p2_ns handshake_ns;         // a coordinator answers HELLO and PEER_REGISTER within this
    p2_ns drain_ns;             // jobs may go on this long after DRAIN
    p2_ns quit_ns;              // executors have this long to exit when asked to
    p2_ns restart_ns_max;       // ceiling of the back-off between starts of an executor that keeps failing
};

// Everything but types, devices, seed, agent and the machine's facts.
struct worker_config worker_config_default(void);

enum worker_event_kind {
    WORKER_LINK_UP = 1,  // the DIAL succeeded; room
    WORKER_MSG,          // msg
    WORKER_WRITABLE,     // answers WANT_ROOM; room
    WORKER_LINK_FAULT,   // what arrives is not of the protocol: why. The core says so and closes
    WORKER_LINK_DOWN,    // exactly once for each DIAL, also after CLOSE; why
    WORKER_EXEC_STARTED, // exec: its process runs and hears words
    WORKER_EXEC_WORD,    // exec, word; a word of kind 0 stands for a datagram that was none
    WORKER_EXEC_GONE,  // exec: its process is dead and reaped, or never came to be; text says how. Last of that process
    WORKER_STORED,     // job, why: the STORE of these bytes is done (P2_OK) or the bytes are broken
    WORKER_BLOB_FOUND, // work: digest, size, offset (up to which it is there). Before anything else
    WORKER_BLOB_DONE,  // work: the answer to an ACT_BLOB
    WORKER_TICK,
    WORKER_DRAIN, // leave in order; a second one: leave at once
};

struct worker_event {
    enum worker_event_kind kind;
    p2_ns now_ns; // never goes back
    bool more;    // another event follows at once: what ends a step, sending results above all, is left to it
    uint32_t exec;
    enum p2_err why;
    p2_handle job;   // STORED
    uint64_t room;   // bytes: LINK_UP, WRITABLE
    uint32_t stored; // bytes: STORED
    const struct p2_msg *msg;
    const struct word *word;
    const struct p2_blob_work *work;
    const char *text;
};

enum worker_note_kind {
    WORKER_NOTE_DIALLING = 1, // value: failures so far
    WORKER_NOTE_REGISTERED,   // id: our pseudonym. The first of a connection
    WORKER_NOTE_OFFERED,      // value: types offered, all devices together
    WORKER_NOTE_LINK_LOST,    // code, text; value: jobs dropped with it
    WORKER_NOTE_REFUSED,      // by the coordinator, by ERROR: code, text
    WORKER_NOTE_FAULT,        // the coordinator broke the protocol: code, text
    WORKER_NOTE_COORDINATOR_DRAINS,
    WORKER_NOTE_EXEC_STARTED,  // exec
    WORKER_NOTE_EXEC_BUILDS,   // exec, text; value: per cent
    WORKER_NOTE_EXEC_COMPILES, // likewise, of what was not on the disk and may take a while
    WORKER_NOTE_EXEC_WITHHELD, // exec, text
    WORKER_NOTE_EXEC_READY,    // exec; value: types offered
    WORKER_NOTE_EXEC_SLOW,     // exec, text: a type, of which a launch took longer than one should; value: microseconds
    WORKER_NOTE_EXEC_KILLED,   // exec, code, text: why the core had it killed; id: the job that ran too long
    WORKER_NOTE_EXEC_GONE,     // exec, text; value: milliseconds until the next start, -1: none
    WORKER_NOTE_JOB_TAKEN,     // exec, id; value: payload bytes
    WORKER_NOTE_JOB_REFUSED,   // id, code, text
    WORKER_NOTE_JOB_DONE,      // exec, id; value: result bytes
    WORKER_NOTE_JOB_FAILED,    // exec, id, code, text
    WORKER_NOTE_JOB_CANCELLED, // exec, id
    WORKER_NOTE_JOB_RETURNED,  // exec, id: recalled before it started
    WORKER_NOTE_BLOB_FETCHED,  // value: bytes
    WORKER_NOTE_BLOB_LOST,     // code: what lay on the disk is not what it should be, and is fetched anew
    WORKER_NOTE_DRAINING,      // value: jobs still held
    WORKER_NOTE_KINDS
};

struct worker_note {
    enum worker_note_kind kind;
    enum p2_err code;
    uint32_t exec; // UINT32_MAX: none
    uint32_t attempt;
    struct p2_id id; // of a task, or zero
    int64_t value;
    const char *text; // lends until the next step; NULL: none
};

enum worker_action_kind {
    WORKER_ACT_DIAL = 1,
    WORKER_ACT_SEND,        // lane, msg
    WORKER_ACT_SEND_RESULT, // as SEND, with bytes [offset, offset + size) of a cell's result as the payload, copied
                            // now; zstd: may be deflated
    WORKER_ACT_WANT_ROOM,
    WORKER_ACT_ESTABLISHED, // HELLO is done
    WORKER_ACT_CLOSE,       // why; send first what is queued
    WORKER_ACT_STORE,       // bytes into a cell's payload at offset; STORED follows with the same job
    WORKER_ACT_BLOB,        // work, in order; BLOB_DONE follows where base/blobwork.h says so
    WORKER_ACT_START_EXEC,  // exec: EXEC_STARTED or EXEC_GONE follows
    WORKER_ACT_KILL_EXEC,   // exec: EXEC_GONE follows
    WORKER_ACT_WORD,        // exec, word
    WORKER_ACT_NOTE,
    WORKER_ACT_LEAVE, // the last: nothing is left to do, exit with why (P2_OK: in order)
};

// Ownership as in msg.h: what a SEND or WORD points to is lent until the next step; a STORE's slice is the event's.
// Actions are carried out in order, all of them before the next step.
struct worker_action {
    enum worker_action_kind kind;
    uint32_t exec, cell;
    uint64_t offset;
    uint32_t size; // STORE: raw bytes after zstd. SEND_RESULT: raw bytes
    bool zstd;     // STORE: the slice is deflated. SEND_RESULT: the coordinator reads zstd
    unsigned lane;
    enum p2_err why;
    p2_handle job; // STORE
    union {
        struct p2_msg msg;
        struct p2_slice slice;
        struct p2_blob_work work; // borrows its slice as a STORE
        const struct word *word;
        struct worker_note note;
    } u;
};

struct worker_actions {
    struct worker_action *items;
    uint32_t count, capacity;
};

struct worker_stats {
    uint64_t completed, failed, cancelled, returned, expired, refused, dropped; // jobs, by how they ended
    uint64_t payload_bytes, result_bytes;
    uint64_t kills, exec_exits; // executors killed by the watchdog or for a bad word; processes ended in all
    uint64_t late_messages;     // about streams that are no more
    uint32_t slots_ready, jobs; // now
    uint64_t allocations;       // last said by executors, all together
    p2_ns launch_ns_max;        // the longest launch of any job
};

// Takes all memory now. NULL when memory is short or the configuration is out of range. The worker starts its
// executors and dials in the first step (a TICK).
struct worker *worker_create(const struct worker_config *config);
void worker_destroy(struct worker **w);

// Room for what one step can say at most. False when memory is short.
bool worker_actions_init(struct worker_actions *out, const struct worker *w);
void worker_actions_deinit(struct worker_actions *out);

// Feeds one event. What it points to is borrowed until the actions are carried out. Empties `out` first.
// Never fails: what a remote or an executor does wrong is an action against it. What came in one read, and what follows
// from it, is best fed with `more`, a TICK behind it.
void worker_step(struct worker *w, const struct worker_event *ev, struct worker_actions *out);

// When to step with WORKER_TICK if nothing else happens; P2_NEVER for not at all. As of the last step without `more`.
p2_ns worker_next_ns(const struct worker *w);

// What the executor of device i is told first: the cells its memory must hold. Constant.
struct word_setup worker_setup(const struct worker *w, uint32_t exec);

void worker_stats(const struct worker *w, struct worker_stats *out);
const char *worker_note_name(enum worker_note_kind kind); // "exec_ready"

// Asserts every invariant of the whole state.
void worker_check(const struct worker *w);

#endif
