// The messages of a task's life, from submit to its end. Ownership: msg.h.
#ifndef P2_MSG_TASK_H
#define P2_MSG_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/id.h"
#include "base/ns.h"
#include "base/param.h"
#include "base/str.h"
#include "kind.h"

struct p2_msg_task_submit {
    struct p2_id id; // random, from the client: also the idempotency key
    struct p2_str type;
    uint32_t version; // 0: any
    enum p2_class class_;
    p2_ns deadline_ns;     // span from receipt in which a result is of use; 0: the type's prior x 4
    uint64_t payload_size; // bytes of the whole payload, this record's and chunks'
    uint32_t raw_size;     // of this record's payload after zstd; equal to payload.size without the flag
    bool payload_zstd;
    bool no_cache, refresh, private_;
    uint32_t series;         // frames of one stream, of which a newer one is worth more than an older; 0: none
    uint32_t weight_percent; // of its units, P2_WEIGHT_MIN to _MAX; 0: as 100
    struct p2_params params;
    const struct p2_digest *blobs; // what it refers to
    uint32_t blob_count;
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
    const struct p2_digest *blobs;
    uint32_t blob_count;
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
    p2_ns queue_ns;    // accepted to assigned (of this attempt)
    p2_ns latency_ns;  // accepted to result header received
    p2_ns peer_rtt_ns; // smoothed round trip coordinator - peer
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

struct p2_msg_task_recall {
    struct p2_id id;
    uint32_t attempt;
};

struct p2_msg_task_recalled {
    struct p2_id id;
    uint32_t attempt;
    bool returned; // it had not started and the peer has dropped it; else its answer follows, as if nobody had asked
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
    uint64_t offset;  // of the first byte to send; 0 unless a task was resumed
};

struct p2_msg_result_ack {
    uint32_t attempt; // the RESULT_DELIVERY's
};

struct p2_msg_task_resume {
    struct p2_id id;
};

struct p2_msg_can_meet { // a task that is not submitted yet
    uint64_t question;   // returned with the answer
    struct p2_str type;
    uint32_t version; // 0: any
    enum p2_class class_;
    p2_ns deadline_ns; // span; 0: the type's prior x 4
    uint64_t payload_size;
    struct p2_params params;
};

struct p2_msg_can_meet_answer {
    uint64_t question;
    bool can;
    enum p2_err code;     // why not; P2_OK when it can
    p2_ns p50_ns, p95_ns; // until its result; 0 when not estimated
    uint32_t queue_position;
    bool retryable;
    p2_ns retry_after_ns;
    struct p2_str sentence; // of code; empty when it can
};

#endif
