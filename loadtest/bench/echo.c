#include "loadtest/bench/echo.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "net/net.h"
#include "os/os.h"
#include "wire/wire.h"

#define TASKS_MAX 65536u
#define POOL_BYTES (UINT64_C(1) << 30)

struct waiting {
    uint32_t stream;
    struct p2_id id;
    struct p2_slice payload; // with one reference
};

struct server {
    struct p2_loop *loop;
    p2_conn conn;
    struct p2_blob_pool pool;
    struct p2_codec codec;
    struct p2_reader reader;
    struct waiting *waiting;
    uint32_t count, together;
    uint8_t head[P2_PREFIX_BYTES + P2_HEADER_MAX];
};

static void put(struct server *s, struct p2_msg *m) {
    size_t n = p2_encode(m, s->head, sizeof s->head);
    P2_CHECK(n > 0);
    const struct p2_slice *payload = p2_msg_payload(m), none = {0};
    P2_CHECK(p2_conn_send(s->loop, s->conn, 0, s->head, n, payload ? *payload : none) == P2_OK);
}

static void deliver(struct server *s, const struct waiting *w) {
    struct p2_msg m = {.kind = P2_MSG_RESULT_DELIVERY, .stream = w->stream};
    m.u.delivery = (struct p2_msg_result_delivery){
        .id = w->id, .attempt = 1, .payload_size = w->payload.size, .raw_size = w->payload.size, .payload = w->payload};
    put(s, &m);
    p2_blob_unref(w->payload.blob);
}

static void on_submit(struct server *s, const struct p2_msg *m) {
    const struct p2_msg_task_submit *t = &m->u.submit;
    P2_CHECK(s->count < TASKS_MAX && t->payload_size == t->payload.size && !t->payload_zstd);
    s->waiting[s->count++] = (struct waiting){m->stream, t->id, t->payload};
    if (t->payload.blob) p2_blob_ref(t->payload.blob);
    struct p2_msg accepted = {.kind = P2_MSG_TASK_ACCEPTED, .stream = m->stream, .u.accepted.id = t->id};
    put(s, &accepted);
    if (s->count < s->together) return;
    for (uint32_t i = 0; i < s->count; i++) deliver(s, &s->waiting[i]);
    s->count = 0;
}

static void welcome(struct server *s) {
    struct p2_msg m = {.kind = P2_MSG_GAMER_REGISTERED,
                       .u.gamer_registered = {.session = {{1}},
                                              .tasks_in_flight_max = TASKS_MAX,
                                              .payload_bytes_max = P2_RECORD_PAYLOAD_MAX,
                                              .bytes_in_flight_max = POOL_BYTES / 2}};
    put(s, &m);
    p2_conn_established(s->loop, s->conn);
}

static enum p2_err on_msg(void *context, struct p2_msg *m) {
    struct server *s = context;
    struct p2_msg answer = {.stream = 0};
    switch (m->kind) {
    case P2_MSG_HELLO:
        answer.kind = P2_MSG_HELLO;
        answer.u.hello = m->u.hello;
        answer.u.hello.role = P2_ROLE_COORDINATOR;
        put(s, &answer);
        break;
    case P2_MSG_GAMER_REGISTER: welcome(s); break;
    case P2_MSG_PING:
        answer.kind = P2_MSG_PONG;
        answer.u.ping = m->u.ping;
        put(s, &answer);
        break;
    case P2_MSG_TASK_SUBMIT: on_submit(s, m); break;
    default: break; // nothing else is asked of it
    }
    return P2_OK;
}

static void forget(struct server *s) {
    while (s->count > 0) p2_blob_unref(s->waiting[--s->count].payload.blob);
}

static void on_opened(void *context, p2_conn conn, const char *remote) {
    (void)remote;
    struct server *s = context;
    forget(s);
    p2_reader_deinit(&s->reader);
    p2_reader_init(&s->reader, &s->codec);
    s->conn = conn;
}

static void on_received(void *context, p2_conn conn, const uint8_t *bytes, size_t size) {
    struct server *s = context;
    if (conn == s->conn) P2_CHECK(p2_reader_feed(&s->reader, bytes, size, on_msg, s) == P2_OK);
}

static void on_stamp(void *context, p2_conn conn, uint32_t n, uint8_t *head, size_t size) {
    (void)context, (void)conn, (void)size;
    p2_prefix_stamp(head, n);
}

static void on_writable(void *context, p2_conn conn, uint64_t room) { (void)context, (void)conn, (void)room; }

static void on_closed(void *context, p2_conn conn, enum p2_err why) {
    (void)why;
    struct server *s = context;
    if (conn == s->conn) s->conn = P2_NO_HANDLE;
}

static _Noreturn void serve(uint32_t together, int port_to) {
    static struct server s;
    s.together = together;
    s.waiting = calloc(TASKS_MAX, sizeof *s.waiting);
    P2_CHECK(s.waiting);
    p2_blob_pool_init(&s.pool, POOL_BYTES, POOL_BYTES);
    P2_CHECK(p2_codec_init(&s.codec, &s.pool));
    p2_reader_init(&s.reader, &s.codec);
    struct p2_net_limits limits = p2_net_limits_default();
    limits.queue_bytes_max = POOL_BYTES;
    struct p2_net_handlers handlers = {&s, on_opened, on_received, on_stamp, on_writable, on_closed};
    uint16_t port;
    s.loop = p2_loop_create(&limits, &handlers);
    P2_CHECK(s.loop && p2_loop_listen(s.loop, "127.0.0.1", 0, &port) == P2_OK);
    P2_CHECK(write(port_to, &port, sizeof port) == sizeof port);
    close(port_to);
    for (;;) p2_loop_turn(s.loop, P2_NEVER);
}

void echo_start(struct echo *e, uint32_t together) {
    int ends[2];
    uint16_t port;
    pid_t parent = getpid();
    P2_CHECK(pipe(ends) == 0);
    e->process = fork();
    P2_CHECK(e->process >= 0);
    if (e->process == 0) {
        close(ends[0]);
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(1);
        serve(together, ends[1]);
    }
    close(ends[1]);
    P2_CHECK(read(ends[0], &port, sizeof port) == sizeof port);
    close(ends[0]);
    snprintf(e->url, sizeof e->url, "ws://127.0.0.1:%u", port);
}

void echo_stop(struct echo *e) {
    P2_CHECK(kill(e->process, SIGKILL) == 0 && waitpid(e->process, NULL, 0) == e->process);
}
