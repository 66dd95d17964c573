// The vocabulary: one plain struct per message, one tagged union. proto/p2c2r.proto gives each field's meaning on the
// wire; here are the same in our units (nanoseconds, handles to bytes).
//
// Ownership: texts, lists and payloads in a message are borrowed. In an event they are valid for the call; in an
// action, until the next step of the core that made it. Whoever keeps a payload takes a reference to its blob.
#ifndef P2_MSG_MSG_H
#define P2_MSG_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/id.h"
#include "base/ns.h"
#include "base/param.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "kind.h"
#include "limits.h"
#include "task.h"

struct p2_msg_hello {
    uint32_t magic;
    uint32_t version_min, version_max; // a coordinator answers with both equal to the version chosen
    uint64_t features;                 // P2_FEATURE_*: offered, then chosen
    enum p2_role role;                 // of the sender
    struct p2_str agent;               // "p2c2r-peer 0.1.0"
};

enum p2_device_kind { P2_DEVICE_CPU = 1, P2_DEVICE_GPU = 2, P2_DEVICE_OTHER = 3, P2_DEVICE_FAKE = 4 };

struct p2_msg_device {
    enum p2_device_kind kind;
    struct p2_str name, driver;
    uint64_t memory_bytes, buffer_bytes_max;
    uint32_t compute_units;
    uint32_t slots; // jobs it runs at once
};

struct p2_msg_offer { // a task type this peer has proved on a device
    struct p2_str type;
    uint32_t version;
    uint32_t device;           // index into devices
    uint64_t units_per_second; // measured speed in the type's cost units (task_type.h)
};

struct p2_msg_peer_register {
    uint32_t cpu_cores;
    uint64_t memory_bytes;
    uint32_t slots;       // jobs in execution at once, all devices together
    uint32_t queue_depth; // jobs it accepts beyond those running (prefetch)
    const struct p2_msg_device *devices;
    uint32_t device_count;
    const struct p2_msg_offer *offers;
    uint32_t offer_count;
    struct p2_id instance; // tells its connections from those of others; zero: not said
};

struct p2_msg_peer_registered {
    struct p2_id peer; // pseudonym given to clients
    p2_ns heartbeat_interval_ns;
};

struct p2_msg_gamer_register {
    struct p2_id session; // of an earlier connection, or zero
};

struct p2_msg_gamer_registered {
    struct p2_id session;
    uint32_t tasks_in_flight_max;
    uint64_t payload_bytes_max, bytes_in_flight_max; // of one task; of all in flight, 0: not said
    bool resumed;                                    // this is the session asked for: its tasks are still there
    p2_ns resume_grace_ns;                           // how long tasks wait for a lost client; 0: not at all
};

struct p2_msg_heartbeat {
    double load;                            // 0 idle .. 1 every slot busy
    uint64_t tasks_completed, tasks_failed; // since start
    uint32_t running, waiting;
    const p2_ns *slot_busy_ns; // per slot, since start
    uint32_t slot_count;
};

struct p2_msg_ping { // and pong, which returns it unchanged
    uint64_t token;
};

// What nobody present could do a task for.
enum p2_missing { P2_MISSING_NONE = 0, P2_MISSING_TYPE = 1, P2_MISSING_KIND = 2, P2_MISSING_MEMORY = 3 };

struct p2_msg_unmet {
    struct p2_str type;
    uint32_t version;
    enum p2_missing missing;
    uint64_t memory_bytes; // MEMORY: of a device, rounded up to a power of two
    uint32_t kinds;        // KIND: bits 1 << enum p2_device_kind, any would have done
    uint64_t count;        // tasks refused or stranded
    p2_ns last_ns;         // ago
};

const char *p2_missing_name(enum p2_missing m); // "memory"

// Where an open task is, to those who ask.
enum p2_open_state {
    P2_OPEN_QUEUED = 0,
    P2_OPEN_RUNNING = 1,
    P2_OPEN_RETURNING = 2,
    P2_OPEN_JOINED = 3,
    P2_OPEN_KEPT = 4
};

struct p2_msg_open_task {
    uint32_t id_head; // first four bytes of its id, the first one highest
    struct p2_str type;
    enum p2_class class_;
    enum p2_open_state where;
    p2_ns age_ns, left_ns;
    uint32_t attempts;
    struct p2_id peer; // zero: none yet
    bool yours;
};

const char *p2_open_state_name(enum p2_open_state s); // "queued"

struct p2_msg_status_request {
    uint32_t tasks_max; // rows wanted, at most P2_OPEN_TASKS_MAX
};

struct p2_msg_status {
    uint32_t peers, peers_ready, clients;
    uint32_t slots, slots_busy;
    uint32_t tasks_queued, tasks_running;
    uint64_t tasks_accepted, tasks_completed, tasks_failed, tasks_expired, tasks_cancelled, tasks_refused;
    uint64_t attempts_retried, attempts_hedged;
    uint32_t peers_held_back;
    p2_ns uptime_ns;
    struct p2_str version;
    uint64_t cache_hits, cache_misses;
    const struct p2_msg_unmet *unmet; // latest first
    uint32_t unmet_count;
    const struct p2_msg_open_task *tasks;
    uint32_t task_count;
};

struct p2_msg_drain {
    p2_ns grace_ns;
};

struct p2_msg_error {
    enum p2_err code;
    bool retryable;
    p2_ns retry_after_ns;
    struct p2_str sentence;
};

struct p2_msg_blob_have {
    const struct p2_digest *digests;
    uint32_t digest_count;
    bool gone; // these are not, or no longer, with the sender
};

struct p2_msg_blob_want {
    struct p2_digest digest;
    uint64_t offset; // where to begin
    uint64_t limit;  // the sender may send the bytes [offset, limit), as in WINDOW; 0: P2_STREAM_WINDOW more
};

struct p2_msg_blob_put {
    struct p2_digest digest;
    uint64_t payload_size;
    uint64_t offset; // of the first chunk that follows, when it is sent at once
};

struct p2_msg_peer_disconnect {
    struct p2_str reason;
};

struct p2_msg {
    enum p2_msg_kind kind;
    // Which conversation on this connection: chosen by the client for a task (1, 2, ...), by the coordinator for a
    // job. 0 is the connection itself.
    uint32_t stream;
    union {
        struct p2_msg_hello hello;
        struct p2_msg_peer_register peer_register;
        struct p2_msg_peer_registered peer_registered;
        struct p2_msg_gamer_register gamer_register;
        struct p2_msg_gamer_registered gamer_registered;
        struct p2_msg_task_submit submit;
        struct p2_msg_task_submit_batch submit_batch;
        struct p2_msg_task_accepted accepted;
        struct p2_msg_task_assign assign;
        struct p2_msg_task_result result;
        struct p2_msg_task_failure failure;
        struct p2_msg_result_delivery delivery;
        struct p2_msg_task_ended ended;
        struct p2_msg_task_timeout timeout;
        struct p2_msg_task_cancel cancel;
        struct p2_msg_task_recall recall;
        struct p2_msg_task_recalled recalled;
        struct p2_msg_chunk chunk;
        struct p2_msg_window window;
        struct p2_msg_resend resend;
        struct p2_msg_result_ack ack;
        struct p2_msg_task_resume resume;
        struct p2_msg_heartbeat heartbeat;
        struct p2_msg_ping ping; // PING and PONG
        struct p2_msg_status_request status_request;
        struct p2_msg_status status;
        struct p2_msg_drain drain;
        struct p2_msg_error error;
        struct p2_msg_blob_have blob_have;
        struct p2_msg_blob_want blob_want;
        struct p2_msg_blob_put blob_put;
        struct p2_msg_peer_disconnect disconnect;
        struct p2_msg_can_meet can_meet;
        struct p2_msg_can_meet_answer can_meet_answer;
    } u;
};

// One line for traces: name, stream, the fields that tell the story; never payload bytes or session tokens.
void p2_msg_describe(const struct p2_msg *m, struct p2_strbuf *out);

// The payload slice of a kind that carries one, else NULL.
struct p2_slice *p2_msg_payload(struct p2_msg *m);

// Bytes of a deep copy of parameters, and that copy: memory is aligned as malloc does and as large. Lends it.
uint64_t p2_params_bytes(const struct p2_params *ps);
struct p2_params p2_params_copy(const struct p2_params *ps, void *memory);

// A deep copy of parameters into one blob of the pool, readable through *out until the blob is unreferenced.
// NULL when over budget; *out is then empty. An empty list needs no blob: NULL, and *out is empty.
struct p2_blob *p2_params_keep(struct p2_blob_pool *pool, const struct p2_params *ps, struct p2_params *out);

#endif
