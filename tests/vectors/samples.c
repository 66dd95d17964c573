#include "samples.h"

#define TEXT(s)                                                                                                        \
    { s, sizeof(s) - 1 }
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint8_t hello_bytes[] = "hello, world";
static struct p2_blob hello = {.refs = 1, .size = 12, .capacity = 13, .data = hello_bytes};
#define HELLO_SLICE                                                                                                    \
    { &hello, 0, 12 }

// 100 times 'A' as a zstd frame: magic, single segment with a one-byte content size, one last block of type RLE.
static uint8_t zstd_bytes[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 100, 0x23, 0x03, 0x00, 'A'};
static struct p2_blob zstd = {.refs = 1, .size = sizeof zstd_bytes, .capacity = sizeof zstd_bytes, .data = zstd_bytes};
#define ZSTD_SLICE                                                                                                     \
    { &zstd, 0, sizeof zstd_bytes }

#define TASK_ID                                                                                                        \
    {                                                                                                                  \
        { 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f }             \
    }
#define NEXT_ID                                                                                                        \
    {                                                                                                                  \
        { 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f }             \
    }
#define PEER_ID                                                                                                        \
    {                                                                                                                  \
        { 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf }             \
    }
#define SESSION_ID                                                                                                     \
    {                                                                                                                  \
        { 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f }             \
    }

static const struct p2_msg_device devices[] = {
    {.kind = P2_DEVICE_GPU,
     .name = TEXT("Example GPU"),
     .driver = TEXT("Example 1.2"),
     .memory_bytes = UINT64_C(8) << 30,
     .buffer_bytes_max = UINT64_C(2) << 30,
     .compute_units = 36,
     .slots = 2},
    {.kind = P2_DEVICE_CPU, .name = TEXT("Example CPU"), .memory_bytes = UINT64_C(16) << 30, .slots = 1},
};
static const struct p2_msg_offer offers[] = {
    {.type = TEXT("upscale"), .version = 1, .device = 0, .units_per_second = 900000000},
    {.type = TEXT("echo"), .version = 1, .device = 1},
};

// Every kind of value a parameter may have.
static const struct p2_param params[] = {
    {.name = TEXT("input_res"), .kind = P2_PARAM_INTS, .count = 2, .value.ints = {960, 540}},
    {.name = TEXT("offset"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {-3}},
    {.name = TEXT("sharpness"), .kind = P2_PARAM_REAL, .count = 1, .value.reals = {0.5}},
    {.name = TEXT("quality"), .kind = P2_PARAM_TEXT, .count = 1, .value.text = TEXT("balanced")},
    {.name = TEXT("gravity"), .kind = P2_PARAM_REALS, .count = 3, .value.reals = {0, -9.8125, 0}},
    {.name = TEXT("zero"), .kind = P2_PARAM_INT, .count = 1},
};

static const struct p2_msg_task_submit batch[] = {
    {.id = TASK_ID, .type = TEXT("echo"), .payload_size = 5, .raw_size = 5, .payload = {&hello, 0, 5}},
    {.id = NEXT_ID,
     .type = TEXT("echo"),
     .class_ = P2_CLASS_BATCH,
     .deadline_ns = 2 * P2_SEC,
     .payload_size = 7,
     .raw_size = 7,
     .payload = {&hello, 5, 7}},
};

static const p2_ns slot_busy[] = {1500 * P2_MS, 0, 250 * P2_US};

static const struct p2_msg_unmet unmet[] = {
    {TEXT("upscale"), 1, P2_MISSING_MEMORY, UINT64_C(1) << 33, 0, 12, 1500 * P2_MS},
    {TEXT("echo"), 1, P2_MISSING_KIND, 0, 1u << P2_DEVICE_GPU, 1, 60 * P2_SEC},
    {TEXT("echo"), 9, P2_MISSING_TYPE, 0, 0, 400, 3600 * P2_SEC},
};

static const struct p2_msg_open_task open_tasks[] = {
    {0x10f1e2d3, TEXT("upscale"), P2_CLASS_REALTIME, P2_OPEN_RUNNING, 1500 * P2_US, 48 * P2_MS, 2, PEER_ID, true},
    {0x00000007, TEXT("raytracing"), P2_CLASS_BATCH, P2_OPEN_QUEUED, 3 * P2_SEC, 0, 0, {{0}}, false},
};

static const struct p2_digest digests[] = {
    {{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
      0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}},
    {{0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
      0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad}},
};

#define TIMES                                                                                                          \
    { .transfer_ns = 300 * P2_US, .queue_ns = 40 * P2_US, .processing_ns = 5200 * P2_US, .kernel_ns = 4100 * P2_US }

const struct sample samples[] = {
    {"hello",
     {P2_MSG_HELLO, .u.hello = {.magic = P2_PROTOCOL_MAGIC,
                                .version_min = 1,
                                .version_max = 1,
                                .features = P2_FEATURE_ZSTD,
                                .role = P2_ROLE_CLIENT,
                                .agent = TEXT("example 1.0")}}},
    {"peer_register",
     {P2_MSG_PEER_REGISTER, .u.peer_register = {.cpu_cores = 8,
                                                .memory_bytes = UINT64_C(16) << 30,
                                                .slots = 3,
                                                .queue_depth = 2,
                                                .devices = devices,
                                                .device_count = COUNT(devices),
                                                .offers = offers,
                                                .offer_count = COUNT(offers)}}},
    {"peer_register_instance",
     {P2_MSG_PEER_REGISTER, .u.peer_register = {.slots = 1,
                                                .devices = devices,
                                                .device_count = COUNT(devices),
                                                .offers = offers,
                                                .offer_count = COUNT(offers),
                                                .instance = PEER_ID}}},
    {"peer_registered",
     {P2_MSG_PEER_REGISTERED, .u.peer_registered = {.peer = PEER_ID, .heartbeat_interval_ns = P2_SEC}}},
    {"gamer_register", {P2_MSG_GAMER_REGISTER, .u.gamer_register = {.session = SESSION_ID}}},
    {"gamer_register_new", {P2_MSG_GAMER_REGISTER, .stream = 0}},
    {"gamer_registered",
     {P2_MSG_GAMER_REGISTERED, .u.gamer_registered = {.session = SESSION_ID,
                                                      .tasks_in_flight_max = 4096,
                                                      .payload_bytes_max = 64 << 20,
                                                      .bytes_in_flight_max = 256 << 20}}},
    {"gamer_registered_resumed",
     {P2_MSG_GAMER_REGISTERED, .u.gamer_registered = {.session = SESSION_ID,
                                                      .tasks_in_flight_max = 4096,
                                                      .payload_bytes_max = 64 << 20,
                                                      .bytes_in_flight_max = 256 << 20,
                                                      .resumed = true,
                                                      .resume_grace_ns = 30 * P2_SEC}}},
    {"task_submit",
     {P2_MSG_TASK_SUBMIT, .stream = 1,
      .u.submit = {.id = TASK_ID,
                   .type = TEXT("upscale"),
                   .version = 1,
                   .class_ = P2_CLASS_INTERACTIVE,
                   .deadline_ns = 250 * P2_MS,
                   .payload_size = 400000,
                   .raw_size = 12,
                   .no_cache = true,
                   .series = 3,
                   .params = {params, COUNT(params)},
                   .payload = HELLO_SLICE}}},
    {"task_submit_zstd",
     {P2_MSG_TASK_SUBMIT, .stream = 2,
      .u.submit = {.id = NEXT_ID,
                   .type = TEXT("echo"),
                   .payload_size = 100,
                   .raw_size = 100,
                   .payload_zstd = true,
                   .payload = ZSTD_SLICE}}},
    {"task_submit_refresh",
     {P2_MSG_TASK_SUBMIT, .stream = 2, .u.submit = {.id = NEXT_ID, .type = TEXT("echo"), .refresh = true}}},
    {"task_submit_weight",
     {P2_MSG_TASK_SUBMIT, .stream = 2, .u.submit = {.id = NEXT_ID, .type = TEXT("echo"), .weight_percent = 250}}},
    {"task_submit_private",
     {P2_MSG_TASK_SUBMIT, .stream = 2, .u.submit = {.id = NEXT_ID, .type = TEXT("echo"), .private_ = true}}},
    {"task_submit_batch", {P2_MSG_TASK_SUBMIT_BATCH, .stream = 3, .u.submit_batch = {batch, COUNT(batch)}}},
    {"task_submit_blobs",
     {P2_MSG_TASK_SUBMIT, .stream = 3,
      .u.submit = {.id = TASK_ID, .type = TEXT("echo"), .blobs = digests, .blob_count = COUNT(digests)}}},
    {"task_accepted",
     {P2_MSG_TASK_ACCEPTED, .stream = 1,
      .u.accepted = {.id = TASK_ID, .queue_position = 4, .estimate_ns = 18 * P2_MS}}},
    {"task_assign",
     {P2_MSG_TASK_ASSIGN, .stream = 17,
      .u.assign = {.id = TASK_ID,
                   .attempt = 2,
                   .type = TEXT("upscale"),
                   .version = 1,
                   .device = 1,
                   .class_ = P2_CLASS_INTERACTIVE,
                   .deadline_ns = 212345 * P2_US,
                   .payload_size = 12,
                   .raw_size = 12,
                   .params = {params, 2},
                   .payload = HELLO_SLICE}}},
    {"task_assign_blobs",
     {P2_MSG_TASK_ASSIGN, .stream = 18,
      .u.assign = {.id = TASK_ID,
                   .attempt = 1,
                   .type = TEXT("echo"),
                   .version = 1,
                   .deadline_ns = P2_SEC,
                   .blobs = digests,
                   .blob_count = COUNT(digests)}}},
    {"task_result",
     {P2_MSG_TASK_RESULT, .stream = 17,
      .u.result =
          {.id = TASK_ID, .attempt = 2, .times = TIMES, .payload_size = 12, .raw_size = 12, .payload = HELLO_SLICE}}},
    {"task_failure",
     {P2_MSG_TASK_FAILURE, .stream = 17,
      .u.failure = {.id = TASK_ID,
                    .attempt = 2,
                    .code = P2_ERR_DEVICE_MEMORY,
                    .retryable = true,
                    .sentence = TEXT("the device has no memory for 3840x2160"),
                    .times = TIMES}}},
    {"task_failure_state",
     {P2_MSG_TASK_FAILURE, .stream = 17,
      .u.failure = {.id = TASK_ID,
                    .attempt = 1,
                    .code = P2_ERR_STATE_MISSING,
                    .sentence = TEXT("world 7 is not kept here"),
                    .times = {.queue_ns = 40 * P2_US, .processing_ns = 30 * P2_US}}}},
    {"result_delivery",
     {P2_MSG_RESULT_DELIVERY, .stream = 1,
      .u.delivery = {.id = TASK_ID,
                     .attempt = 2,
                     .peer = PEER_ID,
                     .queue_ns = 700 * P2_US,
                     .latency_ns = 9 * P2_MS,
                     .peer_rtt_ns = 1200 * P2_US,
                     .times = TIMES,
                     .payload_size = 12,
                     .raw_size = 12,
                     .payload = HELLO_SLICE}}},
    {"result_delivery_cached",
     {P2_MSG_RESULT_DELIVERY, .stream = 2,
      .u.delivery = {.id = NEXT_ID,
                     .attempt = 1,
                     .cached = true,
                     .latency_ns = 60 * P2_US,
                     .payload_size = 100,
                     .raw_size = 100,
                     .payload_zstd = true,
                     .payload = ZSTD_SLICE}}},
    {"task_ended",
     {P2_MSG_TASK_ENDED, .stream = 1,
      .u.ended = {.id = TASK_ID,
                  .code = P2_ERR_NO_CAPABLE_PEER,
                  .retryable = true,
                  .retry_after_ns = 500 * P2_MS,
                  .sentence = TEXT("no connected peer offers this type")}}},
    {"task_ended_state",
     {P2_MSG_TASK_ENDED, .stream = 1,
      .u.ended =
          {.id = TASK_ID, .attempt = 1, .code = P2_ERR_STATE_MISSING, .sentence = TEXT("world 7 is not kept here")}}},
    {"task_timeout",
     {P2_MSG_TASK_TIMEOUT, .stream = 1, .u.timeout = {.id = TASK_ID, .attempt = 1, .queue_ns = 240 * P2_MS}}},
    {"task_cancel", {P2_MSG_TASK_CANCEL, .stream = 17, .u.cancel = {.id = TASK_ID, .attempt = 2}}},
    {"chunk",
     {P2_MSG_CHUNK, .stream = 1, .u.chunk = {.offset = 65536, .attempt = 1, .raw_size = 12, .payload = HELLO_SLICE}}},
    {"chunk_zstd",
     {P2_MSG_CHUNK, .stream = 1,
      .u.chunk = {.offset = 65548, .attempt = 1, .raw_size = 100, .payload_zstd = true, .payload = ZSTD_SLICE}}},
    {"window", {P2_MSG_WINDOW, .stream = 1, .u.window = {.limit = 393216, .attempt = 1}}},
    {"resend", {P2_MSG_RESEND, .stream = 1, .u.resend = {.id = TASK_ID, .attempt = 2, .limit = 262144}}},
    {"resend_rest",
     {P2_MSG_RESEND, .stream = 1, .u.resend = {.id = TASK_ID, .attempt = 1, .limit = 400000, .offset = 65536}}},
    {"result_ack", {P2_MSG_RESULT_ACK, .stream = 1, .u.ack = {.attempt = 2}}},
    {"task_resume", {P2_MSG_TASK_RESUME, .stream = 1, .u.resume = {.id = TASK_ID}}},
    {"heartbeat",
     {P2_MSG_HEARTBEAT, .u.heartbeat = {.load = 0.625,
                                        .tasks_completed = 1234,
                                        .tasks_failed = 5,
                                        .running = 2,
                                        .waiting = 1,
                                        .slot_busy_ns = slot_busy,
                                        .slot_count = COUNT(slot_busy)}}},
    {"ping", {P2_MSG_PING, .u.ping = {.token = 0x0123456789abcdef}}},
    {"pong", {P2_MSG_PONG, .u.ping = {.token = 0x0123456789abcdef}}},
    {"status_request", {P2_MSG_STATUS_REQUEST, .stream = 0}},
    {"status",
     {P2_MSG_STATUS, .u.status = {.peers = 12,
                                  .peers_ready = 11,
                                  .clients = 30,
                                  .slots = 40,
                                  .slots_busy = 25,
                                  .tasks_queued = 7,
                                  .tasks_running = 25,
                                  .tasks_accepted = 100000,
                                  .tasks_completed = 99900,
                                  .tasks_failed = 10,
                                  .tasks_expired = 20,
                                  .tasks_cancelled = 38,
                                  .tasks_refused = 55,
                                  .attempts_retried = 4,
                                  .uptime_ns = 86400 * P2_SEC,
                                  .version = TEXT("0.1.0")}}},
    {"status_cache", {P2_MSG_STATUS, .u.status = {.version = TEXT("0.2.0"), .cache_hits = 7000, .cache_misses = 3000}}},
    {"status_request_tasks", {P2_MSG_STATUS_REQUEST, .u.status_request = {.tasks_max = 64}}},
    {"status_tasks",
     {P2_MSG_STATUS, .u.status = {.tasks_queued = 1,
                                  .tasks_running = 1,
                                  .version = TEXT("0.1.0"),
                                  .tasks = open_tasks,
                                  .task_count = COUNT(open_tasks)}}},
    {"status_unmet",
     {P2_MSG_STATUS, .u.status = {.peers = 1, .version = TEXT("0.1.0"), .unmet = unmet, .unmet_count = COUNT(unmet)}}},
    {"status_failing",
     {P2_MSG_STATUS,
      .u.status =
          {.peers = 2, .attempts_hedged = 5, .peers_held_back = 1, .uptime_ns = P2_SEC, .version = TEXT("0.1.0")}}},
    {"drain", {P2_MSG_DRAIN, .u.drain = {.grace_ns = 30 * P2_SEC}}},
    {"error",
     {P2_MSG_ERROR,
      .u.error = {.code = P2_ERR_UNSUPPORTED_VERSION, .sentence = TEXT("this coordinator speaks version 1")}}},
    {"error_task",
     {P2_MSG_ERROR, .stream = 9,
      .u.error = {.code = P2_ERR_UNKNOWN_TASK,
                  .retryable = true,
                  .retry_after_ns = 10 * P2_MS,
                  .sentence = TEXT("stream 9 has no task")}}},
    {"blob_have", {P2_MSG_BLOB_HAVE, .u.blob_have = {digests, COUNT(digests), false}}},
    {"blob_have_gone", {P2_MSG_BLOB_HAVE, .u.blob_have = {digests + 1, 1, true}}},
    {"blob_want",
     {P2_MSG_BLOB_WANT, .stream = 5, .u.blob_want = {.digest = {{1, 2, 3}}, .offset = 65536, .limit = 327680}}},
    {"blob_put",
     {P2_MSG_BLOB_PUT, .stream = 5,
      .u.blob_put = {.digest = {{1, 2, 3, 4}}, .payload_size = UINT64_C(5) << 30, .offset = 65536}}},
    {"can_meet",
     {P2_MSG_CAN_MEET, .u.can_meet = {.question = 7,
                                      .type = TEXT("upscale"),
                                      .version = 1,
                                      .class_ = P2_CLASS_INTERACTIVE,
                                      .deadline_ns = 250 * P2_MS,
                                      .payload_size = 400000,
                                      .params = {params, 2}}}},
    {"can_meet_answer",
     {P2_MSG_CAN_MEET_ANSWER,
      .u.can_meet_answer =
          {.question = 7, .can = true, .p50_ns = 90 * P2_MS, .p95_ns = 140 * P2_MS, .queue_position = 3}}},
    {"can_meet_answer_no",
     {P2_MSG_CAN_MEET_ANSWER, .u.can_meet_answer = {.question = 8,
                                                    .code = P2_ERR_NO_CAPABLE_PEER,
                                                    .retryable = true,
                                                    .retry_after_ns = 100 * P2_MS,
                                                    .sentence = TEXT("no peer offers upscale version 1")}}},
    {"task_recall", {P2_MSG_TASK_RECALL, .stream = 17, .u.recall = {.id = TASK_ID, .attempt = 2}}},
    {"task_recalled",
     {P2_MSG_TASK_RECALLED, .stream = 17, .u.recalled = {.id = TASK_ID, .attempt = 2, .returned = true}}},
    {"peer_disconnect", {P2_MSG_PEER_DISCONNECT, .u.disconnect = {.reason = TEXT("the owner paused it")}}},
};
const unsigned sample_count = COUNT(samples);
