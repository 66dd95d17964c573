#include "wire/codec_schema.h"

#include "p2c2r.pb-c.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 }; // protobuf wire types

#define COUNT(array) (uint32_t)(sizeof(array) / sizeof((array)[0]))
#define AT(s, m) (uint16_t) offsetof(struct s, m)
#define ROW(as, wt, at, lo, hi)                                                                                        \
    { (as), (wt), (at), WIRE_NONE, (lo), (hi), NULL }
#define U32(s, m, lo, hi) ROW(WIRE_U32, VARINT, AT(s, m), lo, hi)
#define U64(s, m) ROW(WIRE_U64, VARINT, AT(s, m), 0, UINT64_MAX)
#define SIZE(s, m) ROW(WIRE_U64, VARINT, AT(s, m), 0, P2_TASK_PAYLOAD_MAX)
#define US(s, m) ROW(WIRE_US, VARINT, AT(s, m), 0, UINT64_MAX)
#define BOOL(s, m) ROW(WIRE_BOOL, VARINT, AT(s, m), 0, 1)
#define ENUM(s, m, lo, hi) ROW(WIRE_ENUM, VARINT, AT(s, m), lo, hi)
#define CODE(s, m) ROW(WIRE_CODE, VARINT, AT(s, m), 1, INT32_MAX)
#define CODE_OR_OK(s, m) ROW(WIRE_CODE, VARINT, AT(s, m), 0, INT32_MAX)
#define ID(s, m) ROW(WIRE_ID, BYTES, AT(s, m), 16, 16)
#define ID_OPT(s, m) ROW(WIRE_ID_OPT, BYTES, AT(s, m), 0, 16)
#define DIGEST(s, m) ROW(WIRE_DIGEST, BYTES, AT(s, m), 32, 32)
#define TEXT(s, m) ROW(WIRE_TEXT, BYTES, AT(s, m), 0, P2_TEXT_MAX)
#define NAME(s, m) ROW(WIRE_TEXT, BYTES, AT(s, m), 1, P2_PARAM_NAME_MAX)
#define RAW(s) ROW(WIRE_RAW, VARINT, AT(s, raw_size), 0, P2_RECORD_PAYLOAD_MAX)
#define PARAMS(s)                                                                                                      \
    { WIRE_PARAMS, BYTES, AT(s, params.items), AT(s, params.count), 0, P2_PARAMS_MAX, &param_table }
#define LIST(as, s, m, n, lo, hi, items)                                                                               \
    { (as), BYTES, AT(s, m), AT(s, n), (lo), (hi), (items) }

#define BODY(s)                                                                                                        \
    { AT(s, payload), AT(s, raw_size), AT(s, payload_zstd), AT(s, payload_size) }
#define F(number) (UINT32_C(1) << ((number)-1)) // a field that may not be absent
#define TABLE(name, proto, s, required, body)                                                                          \
    static const struct wire_table name##_table = {                                                                    \
        &p2c2r__##proto##__descriptor, name##_fields, COUNT(name##_fields), sizeof(struct s), required, (body)}

// ---- parameters

static const struct wire_field ints_fields[] = {
    {WIRE_NUMBERS, VARINT, AT(p2_param, value.ints), AT(p2_param, count), 1, P2_PARAM_ITEMS_MAX, NULL}};
TABLE(ints, ints, p2_param, 0, NULL);
static const struct wire_field reals_fields[] = {
    {WIRE_NUMBERS, FIXED64, AT(p2_param, value.reals), AT(p2_param, count), 1, P2_PARAM_ITEMS_MAX, NULL}};
TABLE(reals, reals, p2_param, 0, NULL);

static const struct wire_field param_fields[] = {
    NAME(p2_param, name),
    ROW(WIRE_INT, VARINT, AT(p2_param, value.ints), 0, UINT64_MAX),
    ROW(WIRE_REAL, FIXED64, AT(p2_param, value.reals), 0, UINT64_MAX),
    ROW(WIRE_WORD, BYTES, AT(p2_param, value.text), 0, P2_PARAM_TEXT_MAX),
    {WIRE_VALUES, BYTES, 0, WIRE_NONE, 0, 1, &ints_table},
    {WIRE_VALUES, BYTES, 0, WIRE_NONE, 0, 1, &reals_table},
};
TABLE(param, param, p2_param, F(1), NULL);

// ---- connection

static const struct wire_field hello_fields[] = {
    ROW(WIRE_MAGIC, FIXED32, AT(p2_msg_hello, magic), P2_PROTOCOL_MAGIC, P2_PROTOCOL_MAGIC),
    U32(p2_msg_hello, version_min, 1, UINT32_MAX),
    U32(p2_msg_hello, version_max, 1, UINT32_MAX),
    U64(p2_msg_hello, features),
    ENUM(p2_msg_hello, role, P2_ROLE_PEER, P2_ROLE_COORDINATOR),
    TEXT(p2_msg_hello, agent),
};
TABLE(hello, hello, p2_msg_hello, F(1) | F(2) | F(3) | F(5), NULL);

static const struct wire_field ping_fields[] = {ROW(WIRE_TOKEN, FIXED64, AT(p2_msg_ping, token), 0, UINT64_MAX)};
TABLE(ping, ping, p2_msg_ping, 0, NULL);
static const struct wire_table pong_table = {&p2c2r__pong__descriptor,   ping_fields, COUNT(ping_fields),
                                             sizeof(struct p2_msg_ping), 0,           NULL};

static const struct wire_field drain_fields[] = {US(p2_msg_drain, grace_ns)};
TABLE(drain, drain, p2_msg_drain, 0, NULL);

static const struct wire_field error_fields[] = {
    CODE(p2_msg_error, code),
    BOOL(p2_msg_error, retryable),
    US(p2_msg_error, retry_after_ns),
    TEXT(p2_msg_error, sentence),
};
TABLE(error, error, p2_msg_error, F(1), NULL);

// ---- registration

static const struct wire_field device_fields[] = {
    ENUM(p2_msg_device, kind, P2_DEVICE_CPU, P2_DEVICE_FAKE),
    TEXT(p2_msg_device, name),
    TEXT(p2_msg_device, driver),
    U64(p2_msg_device, memory_bytes),
    U64(p2_msg_device, buffer_bytes_max),
    U32(p2_msg_device, compute_units, 0, UINT32_MAX),
    U32(p2_msg_device, slots, 0, WIRE_SLOTS_MAX),
};
TABLE(device, device, p2_msg_device, F(1), NULL);

static const struct wire_field offer_fields[] = {
    NAME(p2_msg_offer, type),
    U32(p2_msg_offer, version, 1, UINT32_MAX),
    U32(p2_msg_offer, device, 0, P2_DEVICES_MAX - 1),
    U64(p2_msg_offer, units_per_second),
};
TABLE(offer, offer, p2_msg_offer, F(1) | F(2), NULL);

static const struct wire_field peer_register_fields[] = {
    U32(p2_msg_peer_register, cpu_cores, 0, UINT32_MAX),
    U64(p2_msg_peer_register, memory_bytes),
    U32(p2_msg_peer_register, slots, 0, WIRE_SLOTS_MAX),
    U32(p2_msg_peer_register, queue_depth, 0, WIRE_SLOTS_MAX),
    LIST(WIRE_LIST, p2_msg_peer_register, devices, device_count, 0, P2_DEVICES_MAX, &device_table),
    LIST(WIRE_LIST, p2_msg_peer_register, offers, offer_count, 0, P2_TYPES_MAX, &offer_table),
    ID_OPT(p2_msg_peer_register, instance),
};
TABLE(peer_register, peer_register, p2_msg_peer_register, 0, NULL);

static const struct wire_field peer_registered_fields[] = {
    ID(p2_msg_peer_registered, peer),
    ROW(WIRE_US, VARINT, AT(p2_msg_peer_registered, heartbeat_interval_ns), 1, UINT64_MAX),
};
TABLE(peer_registered, peer_registered, p2_msg_peer_registered, F(1) | F(2), NULL);

static const struct wire_field gamer_register_fields[] = {ID_OPT(p2_msg_gamer_register, session)};
TABLE(gamer_register, gamer_register, p2_msg_gamer_register, 0, NULL);

static const struct wire_field gamer_registered_fields[] = {
    ID(p2_msg_gamer_registered, session),
    U32(p2_msg_gamer_registered, tasks_in_flight_max, 0, UINT32_MAX),
    U64(p2_msg_gamer_registered, payload_bytes_max),
    U64(p2_msg_gamer_registered, bytes_in_flight_max),
    BOOL(p2_msg_gamer_registered, resumed),
    US(p2_msg_gamer_registered, resume_grace_ns),
};
TABLE(gamer_registered, gamer_registered, p2_msg_gamer_registered, F(1), NULL);

// ---- tasks

static const struct wire_body submit_body = BODY(p2_msg_task_submit);
static const struct wire_field submit_fields[] = {
    ID(p2_msg_task_submit, id),
    NAME(p2_msg_task_submit, type),
    U32(p2_msg_task_submit, version, 0, UINT32_MAX),
    ENUM(p2_msg_task_submit, class_, P2_CLASS_REALTIME, P2_CLASS_BACKGROUND),
    US(p2_msg_task_submit, deadline_ns),
    SIZE(p2_msg_task_submit, payload_size),
    RAW(p2_msg_task_submit),
    BOOL(p2_msg_task_submit, no_cache),
    PARAMS(p2_msg_task_submit),
    U32(p2_msg_task_submit, series, 0, UINT32_MAX),
    BOOL(p2_msg_task_submit, refresh),
    BOOL(p2_msg_task_submit, private_),
    LIST(WIRE_DIGESTS, p2_msg_task_submit, blobs, blob_count, 0, P2_TASK_BLOBS_MAX, NULL),
    U32(p2_msg_task_submit, weight_percent, 0, P2_WEIGHT_MAX),
};
TABLE(submit, task_submit, p2_msg_task_submit, F(1) | F(2), &submit_body);

static const struct wire_field batch_fields[] = {
    LIST(WIRE_LIST, p2_msg_task_submit_batch, tasks, task_count, 1, P2_BATCH_MAX, &submit_table)};
TABLE(batch, task_submit_batch, p2_msg_task_submit_batch, F(1), NULL);

static const struct wire_field accepted_fields[] = {
    ID(p2_msg_task_accepted, id),
    U32(p2_msg_task_accepted, queue_position, 0, UINT32_MAX),
    US(p2_msg_task_accepted, estimate_ns),
};
TABLE(accepted, task_accepted, p2_msg_task_accepted, F(1), NULL);

static const struct wire_body assign_body = BODY(p2_msg_task_assign);
static const struct wire_field assign_fields[] = {
    ID(p2_msg_task_assign, id),
    U32(p2_msg_task_assign, attempt, 1, UINT32_MAX),
    NAME(p2_msg_task_assign, type),
    U32(p2_msg_task_assign, version, 0, UINT32_MAX),
    U32(p2_msg_task_assign, device, 0, P2_DEVICES_MAX - 1),
    ENUM(p2_msg_task_assign, class_, P2_CLASS_REALTIME, P2_CLASS_BACKGROUND),
    US(p2_msg_task_assign, deadline_ns),
    SIZE(p2_msg_task_assign, payload_size),
    RAW(p2_msg_task_assign),
    PARAMS(p2_msg_task_assign),
    LIST(WIRE_DIGESTS, p2_msg_task_assign, blobs, blob_count, 0, P2_TASK_BLOBS_MAX, NULL),
};
TABLE(assign, task_assign, p2_msg_task_assign, F(1) | F(2) | F(3), &assign_body);

static const struct wire_body result_body = BODY(p2_msg_task_result);
static const struct wire_field result_fields[] = {
    ID(p2_msg_task_result, id),
    U32(p2_msg_task_result, attempt, 1, UINT32_MAX),
    ROW(WIRE_TRUE, VARINT, 0, 1, 1),
    US(p2_msg_task_result, times.processing_ns),
    US(p2_msg_task_result, times.kernel_ns),
    US(p2_msg_task_result, times.queue_ns),
    US(p2_msg_task_result, times.transfer_ns),
    SIZE(p2_msg_task_result, payload_size),
    RAW(p2_msg_task_result),
};
TABLE(result, task_result, p2_msg_task_result, F(1) | F(2) | F(3), &result_body);

static const struct wire_field failure_fields[] = {
    ID(p2_msg_task_failure, id),
    U32(p2_msg_task_failure, attempt, 1, UINT32_MAX),
    CODE(p2_msg_task_failure, code),
    BOOL(p2_msg_task_failure, retryable),
    TEXT(p2_msg_task_failure, sentence),
    US(p2_msg_task_failure, times.processing_ns),
    US(p2_msg_task_failure, times.kernel_ns),
    US(p2_msg_task_failure, times.queue_ns),
    US(p2_msg_task_failure, times.transfer_ns),
};
TABLE(failure, task_failure, p2_msg_task_failure, F(1) | F(2) | F(3), NULL);

static const struct wire_body delivery_body = BODY(p2_msg_result_delivery);
static const struct wire_field delivery_fields[] = {
    ID(p2_msg_result_delivery, id),
    U32(p2_msg_result_delivery, attempt, 0, UINT32_MAX),
    ID_OPT(p2_msg_result_delivery, peer),
    BOOL(p2_msg_result_delivery, cached),
    US(p2_msg_result_delivery, queue_ns),
    US(p2_msg_result_delivery, latency_ns),
    US(p2_msg_result_delivery, peer_rtt_ns),
    US(p2_msg_result_delivery, times.transfer_ns),
    US(p2_msg_result_delivery, times.queue_ns),
    US(p2_msg_result_delivery, times.processing_ns),
    US(p2_msg_result_delivery, times.kernel_ns),
    SIZE(p2_msg_result_delivery, payload_size),
    RAW(p2_msg_result_delivery),
};
TABLE(delivery, result_delivery, p2_msg_result_delivery, F(1), &delivery_body);

static const struct wire_field ended_fields[] = {
    ID(p2_msg_task_ended, id),
    U32(p2_msg_task_ended, attempt, 0, UINT32_MAX),
    CODE(p2_msg_task_ended, code),
    BOOL(p2_msg_task_ended, retryable),
    US(p2_msg_task_ended, retry_after_ns),
    TEXT(p2_msg_task_ended, sentence),
};
TABLE(ended, task_ended, p2_msg_task_ended, F(1) | F(3), NULL);

static const struct wire_field timeout_fields[] = {
    ID(p2_msg_task_timeout, id),
    U32(p2_msg_task_timeout, attempt, 0, UINT32_MAX),
    US(p2_msg_task_timeout, queue_ns),
};
TABLE(timeout, task_timeout, p2_msg_task_timeout, F(1), NULL);

static const struct wire_field cancel_fields[] = {
    ID(p2_msg_task_cancel, id),
    U32(p2_msg_task_cancel, attempt, 0, UINT32_MAX),
};
TABLE(cancel, task_cancel, p2_msg_task_cancel, F(1), NULL);

static const struct wire_field recall_fields[] = {
    ID(p2_msg_task_recall, id),
    U32(p2_msg_task_recall, attempt, 1, UINT32_MAX),
};
TABLE(recall, task_recall, p2_msg_task_recall, F(1) | F(2), NULL);

static const struct wire_field recalled_fields[] = {
    ID(p2_msg_task_recalled, id),
    U32(p2_msg_task_recalled, attempt, 1, UINT32_MAX),
    BOOL(p2_msg_task_recalled, returned),
};
TABLE(recalled, task_recalled, p2_msg_task_recalled, F(1) | F(2), NULL);

// ---- payload on its way

static const struct wire_body chunk_body = {AT(p2_msg_chunk, payload), AT(p2_msg_chunk, raw_size),
                                            AT(p2_msg_chunk, payload_zstd), WIRE_NONE};
static const struct wire_field chunk_fields[] = {
    ROW(WIRE_U64, VARINT, AT(p2_msg_chunk, offset), 0, P2_BLOB_BYTES_MAX),
    U32(p2_msg_chunk, attempt, 0, UINT32_MAX),
    RAW(p2_msg_chunk),
};
TABLE(chunk, chunk, p2_msg_chunk, 0, &chunk_body);

static const struct wire_field window_fields[] = {
    U64(p2_msg_window, limit),
    U32(p2_msg_window, attempt, 0, UINT32_MAX),
};
TABLE(window, window, p2_msg_window, 0, NULL);

static const struct wire_field resend_fields[] = {
    ID(p2_msg_resend, id),
    U32(p2_msg_resend, attempt, 1, UINT32_MAX),
    U64(p2_msg_resend, limit),
    ROW(WIRE_U64, VARINT, AT(p2_msg_resend, offset), 0, P2_TASK_PAYLOAD_MAX),
};
TABLE(resend, resend, p2_msg_resend, F(1) | F(2), NULL);

static const struct wire_field ack_fields[] = {U32(p2_msg_result_ack, attempt, 0, UINT32_MAX)};
TABLE(ack, result_ack, p2_msg_result_ack, 0, NULL);

static const struct wire_field resume_fields[] = {ID(p2_msg_task_resume, id)};
TABLE(resume, task_resume, p2_msg_task_resume, F(1), NULL);

// ---- the cluster

static const struct wire_field heartbeat_fields[] = {
    ROW(WIRE_UNIT, FIXED64, AT(p2_msg_heartbeat, load), 0, 1),
    U64(p2_msg_heartbeat, tasks_completed),
    U64(p2_msg_heartbeat, tasks_failed),
    U32(p2_msg_heartbeat, running, 0, UINT32_MAX),
    U32(p2_msg_heartbeat, waiting, 0, UINT32_MAX),
    {WIRE_SPANS, VARINT, AT(p2_msg_heartbeat, slot_busy_ns), AT(p2_msg_heartbeat, slot_count), 0, WIRE_SLOTS_MAX, NULL},
};
TABLE(heartbeat, heartbeat, p2_msg_heartbeat, 0, NULL);

static const struct wire_field status_request_fields[] = {U32(p2_msg_status_request, tasks_max, 0, P2_OPEN_TASKS_MAX)};
TABLE(status_request, status_request, p2_msg_status_request, 0, NULL);

static const struct wire_field open_task_fields[] = {
    U32(p2_msg_open_task, id_head, 0, UINT32_MAX),
    NAME(p2_msg_open_task, type),
    ENUM(p2_msg_open_task, class_, P2_CLASS_REALTIME, P2_CLASS_BACKGROUND),
    ENUM(p2_msg_open_task, where, P2_OPEN_QUEUED, P2_OPEN_KEPT),
    US(p2_msg_open_task, age_ns),
    US(p2_msg_open_task, left_ns),
    U32(p2_msg_open_task, attempts, 0, UINT32_MAX),
    ID_OPT(p2_msg_open_task, peer),
    BOOL(p2_msg_open_task, yours),
};
TABLE(open_task, open_task, p2_msg_open_task, F(2), NULL);

static const struct wire_field unmet_fields[] = {
    NAME(p2_msg_unmet, type),
    U32(p2_msg_unmet, version, 0, UINT32_MAX),
    ENUM(p2_msg_unmet, missing, P2_MISSING_TYPE, P2_MISSING_MEMORY),
    U64(p2_msg_unmet, memory_bytes),
    U32(p2_msg_unmet, kinds, 0, UINT32_MAX),
    U64(p2_msg_unmet, count),
    US(p2_msg_unmet, last_ns),
};
TABLE(unmet, unmet_demand, p2_msg_unmet, F(1) | F(3), NULL);

static const struct wire_field status_fields[] = {
    U32(p2_msg_status, peers, 0, UINT32_MAX),
    U32(p2_msg_status, peers_ready, 0, UINT32_MAX),
    U32(p2_msg_status, clients, 0, UINT32_MAX),
    U32(p2_msg_status, slots, 0, UINT32_MAX),
    U32(p2_msg_status, slots_busy, 0, UINT32_MAX),
    U32(p2_msg_status, tasks_queued, 0, UINT32_MAX),
    U32(p2_msg_status, tasks_running, 0, UINT32_MAX),
    U64(p2_msg_status, tasks_accepted),
    U64(p2_msg_status, tasks_completed),
    U64(p2_msg_status, tasks_failed),
    U64(p2_msg_status, tasks_expired),
    U64(p2_msg_status, tasks_cancelled),
    U64(p2_msg_status, tasks_refused),
    U64(p2_msg_status, attempts_retried),
    US(p2_msg_status, uptime_ns),
    TEXT(p2_msg_status, version),
    U64(p2_msg_status, cache_hits),
    U64(p2_msg_status, cache_misses),
    LIST(WIRE_LIST, p2_msg_status, unmet, unmet_count, 0, P2_UNMET_MAX, &unmet_table),
    U64(p2_msg_status, attempts_hedged),
    U32(p2_msg_status, peers_held_back, 0, UINT32_MAX),
    LIST(WIRE_LIST, p2_msg_status, tasks, task_count, 0, P2_OPEN_TASKS_MAX, &open_task_table),
};
TABLE(status, status, p2_msg_status, 0, NULL);

static const struct wire_field have_fields[] = {
    LIST(WIRE_DIGESTS, p2_msg_blob_have, digests, digest_count, 1, P2_DIGESTS_MAX, NULL),
    BOOL(p2_msg_blob_have, gone),
};
TABLE(have, blob_have, p2_msg_blob_have, F(1), NULL);

static const struct wire_field want_fields[] = {
    DIGEST(p2_msg_blob_want, digest),
    ROW(WIRE_U64, VARINT, AT(p2_msg_blob_want, offset), 0, P2_BLOB_BYTES_MAX),
    ROW(WIRE_U64, VARINT, AT(p2_msg_blob_want, limit), 0, P2_BLOB_BYTES_MAX),
};
TABLE(want, blob_want, p2_msg_blob_want, F(1), NULL);

static const struct wire_field put_fields[] = {
    DIGEST(p2_msg_blob_put, digest),
    ROW(WIRE_U64, VARINT, AT(p2_msg_blob_put, payload_size), 1, P2_BLOB_BYTES_MAX),
    ROW(WIRE_U64, VARINT, AT(p2_msg_blob_put, offset), 0, P2_BLOB_BYTES_MAX),
};
TABLE(put, blob_put, p2_msg_blob_put, F(1) | F(2), NULL);

static const struct wire_field disconnect_fields[] = {TEXT(p2_msg_peer_disconnect, reason)};
TABLE(disconnect, peer_disconnect, p2_msg_peer_disconnect, 0, NULL);

static const struct wire_field can_meet_fields[] = {
    U64(p2_msg_can_meet, question),
    NAME(p2_msg_can_meet, type),
    U32(p2_msg_can_meet, version, 0, UINT32_MAX),
    ENUM(p2_msg_can_meet, class_, P2_CLASS_REALTIME, P2_CLASS_BACKGROUND),
    US(p2_msg_can_meet, deadline_ns),
    SIZE(p2_msg_can_meet, payload_size),
    PARAMS(p2_msg_can_meet),
};
TABLE(can_meet, can_meet, p2_msg_can_meet, F(2), NULL);

static const struct wire_field can_meet_answer_fields[] = {
    U64(p2_msg_can_meet_answer, question),    BOOL(p2_msg_can_meet_answer, can),
    CODE_OR_OK(p2_msg_can_meet_answer, code), US(p2_msg_can_meet_answer, p50_ns),
    US(p2_msg_can_meet_answer, p95_ns),       U32(p2_msg_can_meet_answer, queue_position, 0, UINT32_MAX),
    BOOL(p2_msg_can_meet_answer, retryable),  US(p2_msg_can_meet_answer, retry_after_ns),
    TEXT(p2_msg_can_meet_answer, sentence),
};
TABLE(can_meet_answer, can_meet_answer, p2_msg_can_meet_answer, 0, NULL);

const struct p2_wire_kind p2_wire_kinds[P2_MSG_KINDS] = {
    [P2_MSG_HELLO] = {&hello_table, WIRE_STREAM_ZERO, false, false},
    [P2_MSG_PEER_REGISTER] = {&peer_register_table, WIRE_STREAM_ZERO, false, false},
    [P2_MSG_PEER_REGISTERED] = {&peer_registered_table, WIRE_STREAM_ZERO, false, false},
    [P2_MSG_GAMER_REGISTER] = {&gamer_register_table, WIRE_STREAM_ZERO, false, false},
    [P2_MSG_GAMER_REGISTERED] = {&gamer_registered_table, WIRE_STREAM_ZERO, false, false},
    [P2_MSG_TASK_SUBMIT] = {&submit_table, WIRE_STREAM_TASK, true, true},
    [P2_MSG_TASK_SUBMIT_BATCH] = {&batch_table, WIRE_STREAM_TASK, true, false},
    [P2_MSG_TASK_ACCEPTED] = {&accepted_table, WIRE_STREAM_TASK, false, false},
    [P2_MSG_TASK_ASSIGN] = {&assign_table, WIRE_STREAM_TASK, true, true},
    [P2_MSG_TASK_RESULT] = {&result_table, WIRE_STREAM_TASK, true, true},
    [P2_MSG_TASK_FAILURE] = {&failure_table, WIRE_STREAM_TASK, false, false},
    [P2_MSG_RESULT_DELIVERY] = {&delivery_table, WIRE_STREAM_TASK, true, true},
    [P2_MSG_TASK_ENDED] = {&ended_table, WIRE_STREAM_TASK, false, false},
    [P2_MSG_TASK_TIMEOUT] = {&timeout_table, WIRE_STREAM_TASK, false, false},
    [P2_MSG_TASK_CANCEL] = {&cancel_table, WIRE_STREAM_TASK, false, false},
    [P2_MSG_CHUNK] = {&chunk_table, WIRE_STREAM_TASK, true, true},
    [P2_MSG_WINDOW] = {&window_table, WIRE_STREAM_TASK, false, false},
    [P2_MSG_RESEND] = {&resend_table, WIRE_STREAM_TASK, false, false},
    [P2_MSG_HEARTBEAT] = {&heartbeat_table, WIRE_STREAM_ZERO, false, false},
    [P2_MSG_PING] = {&ping_table, WIRE_STREAM_ZERO, false, false},
    [P2_MSG_PONG] = {&pong_table, WIRE_STREAM_ZERO, false, false},
    [P2_MSG_STATUS_REQUEST] = {&status_request_table, WIRE_STREAM_ZERO, false, false},
    [P2_MSG_STATUS] = {&status_table, WIRE_STREAM_ZERO, false, false},
    [P2_MSG_DRAIN] = {&drain_table, WIRE_STREAM_ZERO, false, false},
    [P2_MSG_ERROR] = {&error_table, WIRE_STREAM_ANY, false, false},
    [P2_MSG_BLOB_HAVE] = {&have_table, WIRE_STREAM_ANY, false, false},
    [P2_MSG_BLOB_WANT] = {&want_table, WIRE_STREAM_ANY, false, false},
    [P2_MSG_BLOB_PUT] = {&put_table, WIRE_STREAM_TASK, false, false},
    [P2_MSG_PEER_DISCONNECT] = {&disconnect_table, WIRE_STREAM_ZERO, false, false},
    [P2_MSG_CAN_MEET] = {&can_meet_table, WIRE_STREAM_ZERO, false, false},
    [P2_MSG_CAN_MEET_ANSWER] = {&can_meet_answer_table, WIRE_STREAM_ZERO, false, false},
    [P2_MSG_TASK_RECALL] = {&recall_table, WIRE_STREAM_TASK, false, false},
    [P2_MSG_TASK_RECALLED] = {&recalled_table, WIRE_STREAM_TASK, false, false},
    [P2_MSG_RESULT_ACK] = {&ack_table, WIRE_STREAM_TASK, false, false},
    [P2_MSG_TASK_RESUME] = {&resume_table, WIRE_STREAM_TASK, false, false},
};
