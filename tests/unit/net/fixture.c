#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/os.h"

// ---- what the handlers note -----------------------------------------------------------------------------------------

static uint8_t fill(uint32_t number, uint32_t at) { return (uint8_t)(number * 31 + at * 7 + (at >> 8)); }

static void on_opened(void *context, p2_conn c, const char *remote) {
    struct side *s = context;
    s->last = c;
    s->opened++;
    snprintf(s->remote, sizeof s->remote, "%s", remote);
}

static uint32_t u32_at(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static void take_record(struct side *s, p2_conn c, const uint8_t *record, uint32_t size) {
    uint32_t number = u32_at(record + 12);
    for (uint32_t i = HEAD_BYTES; i < size; i++) s->content_wrong |= record[i] != fill(number, i - HEAD_BYTES);
    if (s->records < NOTED_MAX) {
        s->noted[s->records] = (struct noted){size, record[4], u32_at(record + 8), number};
    }
    s->records++;
    if (s->echo) {
        struct p2_slice nothing = {0};
        assert_int_equal(p2_conn_send(s->loop, c, record[4], record, size, nothing), P2_OK);
    }
}

static void on_received(void *context, p2_conn c, const uint8_t *bytes, size_t size) {
    struct side *s = context;
    s->bytes += size;
    if (s->pause_once) {
        s->pause_once = false;
        p2_conn_pause(s->loop, c, true);
    }
    if (s->stream_size + size > s->stream_capacity) {
        s->stream_capacity = (s->stream_size + size) * 2;
        s->stream = realloc(s->stream, s->stream_capacity);
        assert_non_null(s->stream);
    }
    memcpy(s->stream + s->stream_size, bytes, size);
    s->stream_size += size;
    size_t at = 0;
    while (s->stream_size - at >= HEAD_BYTES && s->stream_size - at >= u32_at(s->stream + at)) {
        uint32_t record_size = u32_at(s->stream + at);
        assert_true(record_size >= HEAD_BYTES);
        take_record(s, c, s->stream + at, record_size);
        at += record_size;
    }
    s->stream_size -= at;
    memmove(s->stream, s->stream + at, s->stream_size);
}

static void on_stamp(void *context, p2_conn c, uint32_t n, uint8_t *head, size_t head_size) {
    struct side *s = context;
    (void)c;
    if (s->stamps && head_size >= HEAD_BYTES) memcpy(head + 8, &n, sizeof n);
}

static void on_writable(void *context, p2_conn c, uint64_t room) {
    struct side *s = context;
    (void)c;
    s->writable++;
    s->room = room;
}

static void on_closed(void *context, p2_conn c, enum p2_err why) {
    struct side *s = context;
    s->closed++;
    s->closed_handle = c;
    s->why = why;
    assert_int_equal(p2_conn_room(s->loop, c), 0); // dead already
}

// ---- the pair -------------------------------------------------------------------------------------------------------

static void side_begin(struct side *s, const struct p2_net_limits *limits) {
    struct p2_net_limits usual = p2_net_limits_default();
    struct p2_net_handlers handlers = {s, on_opened, on_received, on_stamp, on_writable, on_closed};
    s->loop = p2_loop_create(limits ? limits : &usual, &handlers);
    assert_non_null(s->loop);
}

void pair_begin(struct pair *p, const struct p2_net_limits *server, const struct p2_net_limits *client) {
    memset(p, 0, sizeof *p);
    p2_blob_pool_init(&p->pool, UINT64_C(256) << 20, UINT64_C(64) << 20);
    side_begin(&p->server, server);
    side_begin(&p->client, client);
    assert_int_equal(p2_loop_listen(p->server.loop, "127.0.0.1", 0, &p->port), P2_OK);
    assert_int_not_equal(p->port, 0);
}

void pair_end(struct pair *p) {
    p2_loop_destroy(&p->client.loop);
    p2_loop_destroy(&p->server.loop);
    assert_null(p->client.loop);
    p2_blob_pool_deinit(&p->pool); // aborts when a payload is still held
    free(p->server.stream);
    free(p->client.stream);
}

p2_ns deadline(void) { return p2_clock_now() + 10 * P2_SEC; }
bool before(p2_ns end) { return p2_clock_now() < end; }

void pair_turn(struct pair *p) {
    p2_loop_turn(p->server.loop, 0);
    p2_loop_turn(p->client.loop, P2_MS / 5);
}

void pair_settle(struct pair *p) {
    for (int quiet = 0; quiet < 20;) {
        uint64_t bytes = p->server.bytes + p->client.bytes;
        pair_turn(p);
        quiet = p->server.bytes + p->client.bytes == bytes ? quiet + 1 : 0;
    }
}

const char *pair_url(const struct pair *p) {
    static char url[64];
    snprintf(url, sizeof url, "ws://127.0.0.1:%u/", p->port);
    return url;
}

void pair_connect(struct pair *p) {
    uint32_t servers = p->server.opened, clients = p->client.opened;
    assert_int_not_equal(p2_dial(p->client.loop, pair_url(p)), P2_NO_HANDLE);
    UNTIL(p, p->server.opened > servers && p->client.opened > clients);
    p2_conn_established(p->server.loop, p->server.last);
    p2_conn_established(p->client.loop, p->client.last);
}

enum p2_err send_record(struct pair *p, struct side *from, unsigned lane, uint32_t number, uint32_t size) {
    uint8_t head[HEAD_BYTES] = {0};
    uint32_t whole = HEAD_BYTES + size;
    struct p2_slice payload = {0};
    memcpy(head, &whole, sizeof whole);
    head[4] = (uint8_t)lane;
    memcpy(head + 12, &number, sizeof number);
    if (size > 0) {
        payload = (struct p2_slice){p2_blob_new(&p->pool, size), 0, size};
        assert_non_null(payload.blob);
        for (uint32_t i = 0; i < size; i++) payload.blob->data[i] = fill(number, i);
    }
    enum p2_err e = p2_conn_send(from->loop, from->last, lane, head, sizeof head, payload);
    p2_blob_unref(payload.blob);
    return e;
}

void forget_received(struct side *s) {
    s->bytes = s->records = 0;
    s->stream_size = 0;
}

// ---- without a client of ours ---------------------------------------------------------------------------------------

int raw_connect(const struct pair *p) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(p->port)};
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&sa, sizeof sa), 0); // the kernel answers for the listener
    return fd;
}

void raw_talk(struct pair *p, int fd, const char *text, char *out, size_t capacity) {
    size_t got = 0;
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    for (p2_ns end = deadline(); before(end);) {
        ssize_t n = recv(fd, out + got, capacity - 1 - got, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            out[got] = '\0';
            return;
        }
        if (n > 0) got += (size_t)n;
        pair_turn(p);
    }
    fail_msg("the server did not close");
}
