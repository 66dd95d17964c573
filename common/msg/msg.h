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

#define P2_PROTOCOL_MAGIC 0x52324332u // "2C2R" little-endian, first field of a HELLO
#define P2_PROTOCOL_VERSION 1
#define P2_FEATURE_ZSTD (UINT64_C(1) << 0) // payloads may carry the zstd flag

// One limits table, used by every parser.
#define P2_HEADER_MAX 65535u               // bytes of protobuf header in a record
#define P2_RECORD_PAYLOAD_MAX 65536u       // bytes of payload in one record; longer travels as chunks
#define P2_TASK_PAYLOAD_MAX (64u << 20)    // bytes of one task's payload or result
#define P2_BATCH_MAX 256u                  // tasks in one TASK_SUBMIT_BATCH
#define P2_NESTING_MAX 8u                  // nested protobuf messages
#define P2_DEVICES_MAX 16u                 // devices of one peer
#define P2_TYPES_MAX 32u                   // types offered by one peer
#define P2_DIGESTS_MAX 256u                // digests in one BLOB_HAVE or BLOB_WANT
#define P2_TEXT_MAX 256u                   // bytes of any text field
#define P2_STREAM_WINDOW (256u << 10)      // bytes a sender may send of a payload before the first WINDOW

enum p2_role { P2_ROLE_NONE = 0, P2_ROLE_PEER = 1, P2_ROLE_CLIENT = 2, P2_ROLE_COORDINATOR = 3 };

// Class of a task, best first. Also the lane in which its bytes queue.
enum p2_class { P2_CLASS_REALTIME = 0, P2_CLASS_INTERACTIVE = 1, P2_CLASS_BATCH = 2, P2_CLASS_BACKGROUND = 3 };
#define P2_CLASSES 4

enum p2_msg_kind {
    P2_MSG_NONE = 0,
    P2_MSG_HELLO = 1,             // both ways, first
    P2_MSG_PEER_REGISTER = 2,     // peer -> coordinator; again whenever what it offers changes
    P2_MSG_PEER_REGISTERED = 3,   // coordinator -> peer
    P2_MSG_GAMER_REGISTER = 4,    // client -> coordinator
    P2_MSG_GAMER_REGISTERED = 5,  // coordinator -> client
    P2_MSG_TASK_SUBMIT = 6,       // client -> coordinator
    P2_MSG_TASK_SUBMIT_BATCH = 7, // client -> coordinator
    P2_MSG_TASK_ACCEPTED = 8,     // coordinator -> client
    P2_MSG_TASK_ASSIGN = 9,       // coordinator -> peer
    P2_MSG_TASK_RESULT = 10,      // peer -> coordinator
    P2_MSG_TASK_FAILURE = 11,     // peer -> coordinator
    P2_MSG_RESULT_DELIVERY = 12,  // coordinator -> client: ends the task once its payload is whole
    P2_MSG_TASK_ENDED = 13,       // coordinator -> client: ends it without a result (refused, failed, cancelled)
    P2_MSG_TASK_TIMEOUT = 14,     // coordinator -> client: ends it because its deadline passed
    P2_MSG_TASK_CANCEL = 15,      // client -> coordinator, coordinator -> peer
    P2_MSG_CHUNK = 16,            // more payload of a stream, any way
    P2_MSG_WINDOW = 17,           // receiver of a stream's payload -> sender
    P2_MSG_RESEND = 18,           // coordinator -> client: this task's payload again from its first byte
    P2_MSG_HEARTBEAT = 19,        // peer -> coordinator
    P2_MSG_PING = 20,             // any way
    P2_MSG_PONG = 21,
    P2_MSG_STATUS_REQUEST = 22,   // client -> coordinator
    P2_MSG_STATUS = 23,           // coordinator -> client
    P2_MSG_DRAIN = 24,            // sender takes no new work and will leave
    P2_MSG_ERROR = 25,            // any way: about a stream, or stream 0 for the connection, which then ends
    P2_MSG_BLOB_HAVE = 26,        // content-addressed bytes: offered, wanted, sent
    P2_MSG_BLOB_WANT = 27,
    P2_MSG_BLOB_PUT = 28,
    P2_MSG_PEER_DISCONNECT = 29,  // peer -> coordinator: goodbye, with the reason
    P2_MSG_KINDS
};

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
    uint32_t device;         // index into devices
    uint64_t units_per_second; // measured speed in the type's cost units (task_type.h)
};

struct p2_msg_peer_register {
    uint32_t cpu_cores;
    uint64_t memory_bytes;
    uint32_t slots;      // jobs in execution at once, all devices together
    uint32_t queue_depth; // jobs it accepts beyond those running (prefetch)
    const struct p2_msg_device *devices;
    uint32_t device_count;
    const struct p2_msg_offer *offers;
    uint32_t offer_count;
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
    uint64_t payload_bytes_max;
};

struct p2_msg_task_submit {
    struct p2_id id; // random, from the client: also the idempotency key
    struct p2_str type;
    uint32_t version; // 0: any
    enum p2_class class_;
    p2_ns deadline_ns;     // span from receipt in which a result is of use; 0: the type's prior x 4
    uint64_t payload_size; // bytes of the whole payload, this record's and chunks'
    uint32_t raw_size;     // of this record's payload after zstd; equal to payload.size without the flag
    bool payload_zstd;
    bool no_cache;
    struct p2_params params;
    struct p2_slice payload; // the first bytes
};

struct p2_msg_task_submit_batch {
    const struct p2_msg_task_submit *tasks; // each with its whole payload; streams count up from the record's
    uint32_t task_count;
};

struct p2_msg_task_accepted {
    struct p2_id id;
    uint32_t queue_position; // tasks that go before it; 0: next
    p2_ns estimate_ns;       // until its result, 0 when unknown
};

struct p2_msg_task_assign {
    struct p2_id id;
    uint32_t attempt; // 1 for the first
    struct p2_str type;
    uint32_t version;
    uint32_t device; // index into the peer's devices
    enum p2_class class_;
    p2_ns deadline_ns; // span left when sent
    uint64_t payload_size;
    uint32_t raw_size;
    bool payload_zstd;
    struct p2_params params;
    struct p2_slice payload;
};

// Where a job's time went on the peer.
struct p2_job_times {
    p2_ns transfer_ns;   // first to last byte of the payload
    p2_ns queue_ns;      // whole payload there to start
    p2_ns processing_ns; // start to end of the job: codecs, transfers to the device, kernels
    p2_ns kernel_ns;     // kernels alone
};

struct p2_msg_task_result {
    struct p2_id id;
    uint32_t attempt;
    struct p2_job_times times;
    uint64_t payload_size;
    uint32_t raw_size;
    bool payload_zstd;
    struct p2_slice payload;
};

struct p2_msg_task_failure {
    struct p2_id id;
    uint32_t attempt;
    enum p2_err code;
    bool retryable; // may another peer do better?
    struct p2_str sentence;
    struct p2_job_times times;
};

struct p2_msg_result_delivery {
    struct p2_id id;
    uint32_t attempt; // a higher one than before starts the payload anew
    struct p2_id peer;
    bool cached;
    p2_ns queue_ns;       // accepted to assigned (of this attempt)
    p2_ns latency_ns;     // accepted to result header received
    p2_ns peer_rtt_ns;    // smoothed round trip coordinator - peer
    struct p2_job_times times;
    uint64_t payload_size;
    uint32_t raw_size;
    bool payload_zstd;
    struct p2_slice payload;
};

struct p2_msg_task_ended {
    struct p2_id id;
    uint32_t attempt; // attempts made
    enum p2_err code;
    bool retryable;
    p2_ns retry_after_ns;
    struct p2_str sentence;
};

struct p2_msg_task_timeout {
    struct p2_id id;
    uint32_t attempt;
    p2_ns queue_ns; // how long it waited for a peer
};

struct p2_msg_task_cancel {
    struct p2_id id;
    uint32_t attempt; // to a peer: which
};

struct p2_msg_chunk {
    uint64_t offset;  // in the raw payload; chunks of a stream are contiguous
    uint32_t attempt; // of which they are part; 1 from a client until a RESEND
    uint32_t raw_size;
    bool payload_zstd;
    struct p2_slice payload;
};

struct p2_msg_window {
    uint64_t limit; // the sender may send the raw bytes [0, limit) of this stream's payload
    uint32_t attempt;
};

struct p2_msg_resend {
    struct p2_id id;
    uint32_t attempt; // to be carried by the chunks that answer it
    uint64_t limit;   // as in WINDOW
};

struct p2_msg_heartbeat {
    double load; // 0 idle .. 1 every slot busy
    uint64_t tasks_completed, tasks_failed; // since start
    uint32_t running, waiting;
    const p2_ns *slot_busy_ns; // per slot, since start
    uint32_t slot_count;
};

struct p2_msg_ping { // and pong, which returns it unchanged
    uint64_t token;
};

struct p2_msg_status {
    uint32_t peers, peers_ready, clients;
    uint32_t slots, slots_busy;
    uint32_t tasks_queued, tasks_running;
    uint64_t tasks_accepted, tasks_completed, tasks_failed, tasks_expired, tasks_cancelled, tasks_refused;
    uint64_t attempts_retried;
    p2_ns uptime_ns;
    struct p2_str version;
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

struct p2_msg_blob_list { // HAVE, WANT
    const struct p2_digest *digests;
    uint32_t digest_count;
};

struct p2_msg_blob_put {
    struct p2_digest digest;
    uint64_t payload_size;
    uint32_t raw_size;
    bool payload_zstd;
    struct p2_slice payload;
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
        struct p2_msg_chunk chunk;
        struct p2_msg_window window;
        struct p2_msg_resend resend;
        struct p2_msg_heartbeat heartbeat;
        struct p2_msg_ping ping; // PING and PONG
        struct p2_msg_status status;
        struct p2_msg_drain drain;
        struct p2_msg_error error;
        struct p2_msg_blob_list blobs; // BLOB_HAVE and BLOB_WANT
        struct p2_msg_blob_put blob_put;
        struct p2_msg_peer_disconnect disconnect;
    } u;
};

// "TaskSubmit". Static storage; "Unknown" out of range.
const char *p2_msg_name(enum p2_msg_kind kind);
const char *p2_role_name(enum p2_role role);
const char *p2_class_name(enum p2_class c); // "realtime"
bool p2_class_parse(const char *text, enum p2_class *out);

// One line for traces: name, stream, the fields that tell the story; never payload bytes or session tokens.
void p2_msg_describe(const struct p2_msg *m, struct p2_strbuf *out);

// The payload slice of a kind that carries one, else NULL.
struct p2_slice *p2_msg_payload(struct p2_msg *m);

// A deep copy of parameters into one blob of the pool, readable through *out until the blob is unreferenced.
// NULL when over budget; *out is then empty. An empty list needs no blob: NULL, and *out is empty.
struct p2_blob *p2_params_keep(struct p2_blob_pool *pool, const struct p2_params *ps, struct p2_params *out);

#endif
