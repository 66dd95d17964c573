#include "fake_coordinator.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "os/os.h"

static void put(struct fake *f, struct p2_msg *m) {
    size_t n = p2_encode(m, f->head, sizeof f->head);
    P2_CHECK(n > 0);
    struct p2_slice *payload = p2_msg_payload(m), none = {0};
    p2_conn_send(f->loop, f->conn, 0, f->head, n, payload ? *payload : none);
}

static struct fake_task *task_of(struct fake *f, uint32_t stream) {
    for (int i = 0; i < FAKE_TASKS; i++) {
        if (f->tasks[i].stream == stream) return &f->tasks[i];
    }
    return NULL;
}

static void forget(struct fake_task *t) {
    p2_blob_unref(t->payload);
    *t = (struct fake_task){0};
}

static void end(struct fake *f, struct fake_task *t, enum p2_err code) {
    struct p2_msg m = {.kind = P2_MSG_TASK_ENDED,
                       .stream = t->stream,
                       .u.ended = {.id = t->id,
                                   .code = code,
                                   .retryable = p2_err_retryable(code),
                                   .sentence = p2_str("The fake is in that mood.")}};
    put(f, &m);
    forget(t);
}

// The next bytes of a result, packed where the mood wants it. Gives the blob to unreference, or NULL.
static struct p2_blob *next_part(struct fake *f, struct fake_task *t, uint32_t n, struct p2_slice *part, bool *zstd) {
    *part = (struct p2_slice){n ? t->payload : NULL, (uint32_t)t->out.sent, n};
    t->out.sent += n;
    *zstd = false;
    struct p2_blob *packed = NULL;
    if (f->pack && n) packed = p2_body_deflate(&f->codec, p2_slice_data(part), n);
    if (!packed) return NULL;
    *part = (struct p2_slice){packed, 0, packed->size};
    *zstd = true;
    return packed;
}

static void send_more(struct fake *f, struct fake_task *t) {
    uint32_t n;
    while ((n = p2_outflow_next(&t->out)) > 0) {
        struct p2_msg m = {.kind = P2_MSG_CHUNK, .stream = t->stream};
        m.u.chunk.offset = t->out.sent;
        m.u.chunk.attempt = 1;
        m.u.chunk.raw_size = n;
        struct p2_blob *packed = next_part(f, t, n, &m.u.chunk.payload, &m.u.chunk.payload_zstd);
        put(f, &m);
        p2_blob_unref(packed);
    }
    if (p2_outflow_done(&t->out)) forget(t);
}

static void deliver(struct fake *f, struct fake_task *t) {
    p2_outflow_begin(&t->out, 1, t->size, P2_STREAM_WINDOW);
    uint32_t n = p2_outflow_next(&t->out);
    struct p2_msg m = {.kind = P2_MSG_RESULT_DELIVERY, .stream = t->stream};
    m.u.delivery = (struct p2_msg_result_delivery){.id = t->id,
                                                   .attempt = 1,
                                                   .peer = {{0xab}},
                                                   .queue_ns = P2_US,
                                                   .times = {.processing_ns = 2 * P2_US, .kernel_ns = P2_US},
                                                   .payload_size = t->size,
                                                   .raw_size = n};
    struct p2_blob *packed = next_part(f, t, n, &m.u.delivery.payload, &m.u.delivery.payload_zstd);
    put(f, &m);
    p2_blob_unref(packed);
    send_more(f, t);
}

// A result that breaks a rule, as the mood has it.
static void deliver_wrong(struct fake *f, struct fake_task *t) {
    struct p2_blob *junk = p2_blob_new(&f->pool, 100);
    memset(junk->data, 0x5a, 100);
    struct p2_msg m = {.kind = P2_MSG_RESULT_DELIVERY, .stream = t->stream};
    m.u.delivery = (struct p2_msg_result_delivery){.id = t->id, .attempt = 1, .payload_size = 200, .raw_size = 100};
    m.u.delivery.payload = (struct p2_slice){junk, 0, 100};
    if (f->mood == FAKE_BAD_ZSTD || f->mood == FAKE_BAD_PART) {
        static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 200}; // one segment of 200 bytes, then garbage
        memcpy(junk->data, frame, sizeof frame);
        m.u.delivery.payload_zstd = true;
        m.u.delivery.raw_size = 200;
    }
    if (f->mood == FAKE_BAD_PART) m.u.delivery.payload_size = 400;
    if (f->mood == FAKE_TOO_LONG) m.u.delivery.payload_size = 32 << 20;
    put(f, &m);
    if (f->mood == FAKE_GAP) {
        struct p2_msg chunk = {.kind = P2_MSG_CHUNK, .stream = t->stream};
        chunk.u.chunk = (struct p2_msg_chunk){.offset = 150, .attempt = 1, .raw_size = 50};
        chunk.u.chunk.payload = (struct p2_slice){junk, 0, 50};
        put(f, &chunk);
    }
    p2_blob_unref(junk);
    forget(t);
}

static void ask_again(struct fake *f, struct fake_task *t) {
    t->resent = true;
    p2_inflow_begin(&t->in, 2, t->size, P2_STREAM_WINDOW);
    memset(t->payload->data, 0, t->size);
    struct p2_msg m = {.kind = P2_MSG_RESEND, .stream = t->stream};
    m.u.resend = (struct p2_msg_resend){.id = t->id, .attempt = 2, .limit = P2_STREAM_WINDOW};
    put(f, &m);
}

static void compute(struct fake *f, struct fake_task *t) {
    if (f->silent) {
        f->silent--;
        return;
    }
    if (f->silent_above && t->result_bytes_max > f->silent_above) return;
    struct p2_blob *result = p2_blob_new(&f->pool, (uint32_t)t->result_bytes_max);
    size_t size = 0;
    P2_CHECK(t->type && result);
    P2_CHECK(t->type->reference(t->block, t->payload->data, t->size, result->data, result->size, &size) == P2_OK);
    p2_blob_unref(t->payload);
    t->payload = result;
    t->size = size;
    deliver(f, t);
}

// What the mood makes of a task whose payload is whole.
static void decide(struct fake *f, struct fake_task *t) {
    switch ((enum fake_mood)f->mood) {
    case FAKE_ECHO: deliver(f, t); break;
    case FAKE_COMPUTE: compute(f, t); break;
    case FAKE_RESEND:
        if (t->resent)
            deliver(f, t);
        else
            ask_again(f, t);
        break;
    case FAKE_BAD_PART:
        if (t->stream == 2)
            deliver_wrong(f, t);
        else
            deliver(f, t);
        break;
    case FAKE_REFUSE: end(f, t, P2_ERR_NO_CAPABLE_PEER); break;
    case FAKE_FAIL: end(f, t, P2_ERR_ATTEMPTS_EXHAUSTED); break;
    case FAKE_SILENT: break;
    case FAKE_HANG_UP: p2_conn_close(f->loop, f->conn, P2_OK); break;
    case FAKE_GARBAGE: {
        uint8_t junk[32];
        memset(junk, 0xff, sizeof junk);
        p2_conn_send(f->loop, f->conn, 0, junk, sizeof junk, (struct p2_slice){0});
        break;
    }
    default: deliver_wrong(f, t);
    }
}

static void keep(struct fake *f, struct fake_task *t, uint64_t offset, struct p2_slice part, uint32_t raw, bool zstd) {
    if (zstd) f->zstd_payloads++;
    if (zstd)
        P2_CHECK(p2_body_inflate(&f->codec, p2_slice_data(&part), part.size, t->payload->data + offset, raw) == P2_OK);
    else if (raw)
        memcpy(t->payload->data + offset, p2_slice_data(&part), raw);
    uint64_t limit = p2_inflow_grant(&t->in, t->in.have, P2_STREAM_WINDOW);
    if (limit) {
        struct p2_msg m = {.kind = P2_MSG_WINDOW, .stream = t->stream, .u.window = {limit, t->in.attempt}};
        put(f, &m);
    }
    if (p2_inflow_whole(&t->in)) decide(f, t);
}

static void read_task(struct fake_task *t, const struct p2_msg_task_submit *s) {
    char text[P2_TEXT_MAX];
    struct p2_strbuf why;
    struct p2_task_cost cost;
    p2_strbuf_init(&why, text, sizeof text);
    t->type = p2_task_type_find(s->type);
    P2_CHECK(t->type && t->type->prepare(&s->params, s->payload_size, t->block, &cost, &why) == P2_OK);
    t->result_bytes_max = cost.result_bytes_max;
}

static void look_at(struct fake *f, const struct p2_slice *payload) {
    if (payload->size && memchr(p2_slice_data(payload), FAKE_SPOILT, payload->size)) f->spoiled++;
}

static void on_submit(struct fake *f, const struct p2_msg *m) {
    const struct p2_msg_task_submit *s = &m->u.submit;
    struct fake_task *t = task_of(f, 0);
    P2_CHECK(t);
    f->submits++;
    look_at(f, &s->payload);
    *t = (struct fake_task){.stream = m->stream, .id = s->id, .size = s->payload_size};
    if (f->mood == FAKE_COMPUTE) read_task(t, s);
    t->payload = p2_blob_new(&f->pool, (uint32_t)s->payload_size);
    p2_inflow_begin(&t->in, 1, s->payload_size, P2_STREAM_WINDOW);
    if (f->mood != FAKE_REFUSE) {
        struct p2_msg a = {.kind = P2_MSG_TASK_ACCEPTED, .stream = m->stream, .u.accepted.id = s->id};
        put(f, &a);
    }
    if (s->raw_size) P2_CHECK(p2_inflow_take(&t->in, 1, 0, s->raw_size) == P2_OK);
    keep(f, t, 0, s->payload, s->raw_size, s->payload_zstd);
}

static void on_chunk(struct fake *f, struct fake_task *t, const struct p2_msg_chunk *c) {
    look_at(f, &c->payload);
    enum p2_err e = p2_inflow_take(&t->in, c->attempt, c->offset, c->raw_size);
    P2_CHECK(e == P2_OK || e == P2_ERR_NOT_FOUND);
    if (e == P2_OK) keep(f, t, c->offset, c->payload, c->raw_size, c->payload_zstd);
}

static void welcome(struct fake *f) {
    struct p2_msg m = {.kind = P2_MSG_GAMER_REGISTERED,
                       .u.gamer_registered = {.session = {{1}},
                                              .tasks_in_flight_max = f->tasks_in_flight_max,
                                              .payload_bytes_max = 1 << 30}};
    if (f->mood == FAKE_TURN_AWAY) {
        m = (struct p2_msg){.kind = P2_MSG_ERROR,
                            .u.error = {.code = P2_ERR_DRAINING, .sentence = p2_str("Closed for the season.")}};
    }
    put(f, &m);
    p2_conn_established(f->loop, f->conn);
}

// Everything takes 90 ms, but where all is refused.
static struct p2_msg_can_meet_answer forecast_of(const struct fake *f, const struct p2_msg_can_meet *q) {
    struct p2_msg_can_meet_answer a = {.question = q->question};
    if (f->mood == FAKE_REFUSE) {
        a.code = P2_ERR_NO_CAPABLE_PEER;
        a.retryable = true;
        a.retry_after_ns = 100 * P2_MS;
        a.sentence = p2_str("nobody is there");
        return a;
    }
    a.p50_ns = 60 * P2_MS;
    a.p95_ns = 90 * P2_MS;
    a.queue_position = 2;
    a.can = q->deadline_ns >= a.p95_ns;
    if (!a.can) a.code = P2_ERR_WOULD_MISS_DEADLINE;
    return a;
}

static const struct p2_msg_open_task open_tasks[] = {
    {0x0a1b2c3d, {"echo", 4}, P2_CLASS_BATCH, P2_OPEN_RUNNING, 5 * P2_MS, P2_SEC, 1, {{0xab}}, true},
    {7, {"upscale", 7}, P2_CLASS_REALTIME, P2_OPEN_QUEUED, 0, 0, 0, {{0}}, false},
};
static const struct p2_msg_unmet unmet = {
    {"an unheard-of type of 32 letters", 32}, 3, P2_MISSING_MEMORY, UINT64_C(1) << 40, 0, 5, 2 * P2_SEC};

static enum p2_err on_msg(void *context, struct p2_msg *m) {
    struct fake *f = context;
    struct fake_task *t = m->stream ? task_of(f, m->stream) : NULL;
    struct p2_msg answer = {.stream = 0};
    switch (m->kind) {
    case P2_MSG_HELLO:
        answer.kind = P2_MSG_HELLO;
        answer.u.hello = m->u.hello;
        answer.u.hello.role = P2_ROLE_COORDINATOR;
        put(f, &answer);
        break;
    case P2_MSG_GAMER_REGISTER: welcome(f); break;
    case P2_MSG_PING:
        answer.kind = P2_MSG_PONG;
        answer.u.ping = m->u.ping;
        put(f, &answer);
        break;
    case P2_MSG_STATUS_REQUEST:
        answer.kind = P2_MSG_STATUS;
        answer.u.status =
            (struct p2_msg_status){.peers = 7,
                                   .uptime_ns = P2_SEC,
                                   .version = p2_str("fake"),
                                   .unmet = &unmet,
                                   .unmet_count = 1,
                                   .tasks = open_tasks,
                                   .task_count = m->u.status_request.tasks_max < 2 ? m->u.status_request.tasks_max : 2};
        put(f, &answer);
        break;
    case P2_MSG_CAN_MEET:
        if (f->mood == FAKE_SILENT) break;
        answer.kind = P2_MSG_CAN_MEET_ANSWER;
        answer.u.can_meet_answer = forecast_of(f, &m->u.can_meet);
        put(f, &answer);
        break;
    case P2_MSG_TASK_SUBMIT: on_submit(f, m); break;
    case P2_MSG_CHUNK:
        if (t) on_chunk(f, t, &m->u.chunk);
        break;
    case P2_MSG_WINDOW:
        if (t) p2_outflow_window(&t->out, m->u.window.attempt, m->u.window.limit);
        if (t) send_more(f, t);
        break;
    case P2_MSG_ERROR:
        if (m->stream == 2 && m->u.error.code == P2_ERR_BAD_PAYLOAD) f->errors++;
        break;
    case P2_MSG_TASK_CANCEL:
        f->cancels++;
        if (t) end(f, t, P2_ERR_CANCELLED);
        break;
    default: break;
    }
    return P2_OK;
}

static void on_opened(void *context, p2_conn conn, const char *remote) {
    (void)remote;
    struct fake *f = context;
    p2_reader_deinit(&f->reader);
    p2_reader_init(&f->reader, &f->codec);
    for (int i = 0; i < FAKE_TASKS; i++) forget(&f->tasks[i]);
    f->conn = conn;
    f->connections++;
}

static void on_received(void *context, p2_conn conn, const uint8_t *bytes, size_t size) {
    struct fake *f = context;
    if (conn == f->conn) p2_reader_feed(&f->reader, bytes, size, on_msg, f);
}

static void on_stamp(void *context, p2_conn conn, uint32_t n, uint8_t *head, size_t size) {
    (void)context;
    (void)conn;
    if (size >= P2_PREFIX_BYTES) p2_prefix_stamp(head, n);
}

static void on_writable(void *context, p2_conn conn, uint64_t room) {
    (void)context;
    (void)conn;
    (void)room;
}

static void on_closed(void *context, p2_conn conn, enum p2_err why) {
    (void)why;
    struct fake *f = context;
    if (conn == f->conn) f->conn = P2_NO_HANDLE;
}

static void *serve(void *context) {
    struct fake *f = context;
    while (!f->stop) {
        p2_conn_pause(f->loop, f->conn, f->deaf);
        f->is_deaf = f->deaf;
        p2_loop_turn(f->loop, 10 * P2_SEC);
    }
    return NULL;
}

void fake_deafen(struct fake *f, bool deaf) {
    f->deaf = deaf;
    p2_loop_wake(f->loop);
    while (f->is_deaf != deaf) sched_yield();
}

void fake_start(struct fake *f, enum fake_mood mood, uint32_t tasks_in_flight_max) {
    memset(f, 0, sizeof *f);
    f->mood = mood;
    f->tasks_in_flight_max = tasks_in_flight_max;
    p2_blob_pool_init(&f->pool, UINT64_MAX, 1 << 20);
    P2_CHECK(p2_codec_init(&f->codec, &f->pool));
    p2_reader_init(&f->reader, &f->codec);
    struct p2_net_limits limits = p2_net_limits_default();
    limits.connections_max = 16;
    limits.queue_bytes_max = 256 << 20;
    struct p2_net_handlers handlers = {f, on_opened, on_received, on_stamp, on_writable, on_closed};
    f->loop = p2_loop_create(&limits, &handlers);
    P2_CHECK(f->loop);
    P2_CHECK(p2_loop_listen(f->loop, "127.0.0.1", 0, &f->port) == P2_OK);
    snprintf(f->url, sizeof f->url, "ws://127.0.0.1:%u", f->port);
    P2_CHECK(pthread_create(&f->thread, NULL, serve, f) == 0);
}

void fake_stop(struct fake *f) {
    f->stop = true;
    p2_loop_wake(f->loop);
    P2_CHECK(pthread_join(f->thread, NULL) == 0);
    p2_loop_destroy(&f->loop);
    for (int i = 0; i < FAKE_TASKS; i++) forget(&f->tasks[i]);
    p2_reader_deinit(&f->reader);
    p2_codec_deinit(&f->codec);
    p2_blob_pool_deinit(&f->pool);
}
