// How connections begin and end: refusals, time limits, closing, dead handles, hostile bytes.
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/os.h"

static const struct p2_slice nothing = {0};

static void closing_sends_what_is_queued(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    pair_connect(&p);
    for (uint32_t i = 0; i < 30; i++) assert_int_equal(send_record(&p, &p.client, 3, i, 60000), P2_OK);
    p2_conn_close(p.client.loop, p.client.last, P2_OK);
    assert_int_equal(send_record(&p, &p.client, 0, 0, 0), P2_ERR_CLOSED);
    assert_int_equal(p.client.closed, 0);
    UNTIL(&p, p.client.closed == 1 && p.server.closed == 1);
    assert_int_equal(p.server.records, 30);
    assert_int_equal(p.client.why, P2_OK);
    assert_int_equal(p.server.why, P2_OK);
    pair_end(&p);
}

static void the_server_closes_with_a_reason(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    pair_connect(&p);
    assert_int_equal(send_record(&p, &p.server, 0, 1, 100), P2_OK);
    p2_conn_close(p.server.loop, p.server.last, P2_ERR_WRONG_ROLE);
    p2_conn_close(p.server.loop, p.server.last, P2_ERR_BAD_RECORD); // the first reason stays
    UNTIL(&p, p.client.closed == 1 && p.server.closed == 1);
    assert_int_equal(p.client.records, 1);
    assert_int_equal(p.server.why, P2_ERR_WRONG_ROLE);
    assert_int_equal(p.client.why, P2_ERR_WRONG_ROLE); // its close frame says so
    pair_end(&p);
}

static void closing_while_paused_and_both_at_once(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    pair_connect(&p);
    p2_conn_pause(p.server.loop, p.server.last, true);
    p2_conn_close(p.server.loop, p.server.last, P2_OK);
    p2_conn_close(p.client.loop, p.client.last, P2_OK);
    UNTIL(&p, p.client.closed == 1 && p.server.closed == 1);
    assert_int_equal(p.server.why, P2_OK);
    pair_end(&p);
}

static void a_reader_that_never_answers_is_cut_after_closing(void **state) {
    (void)state;
    struct p2_net_limits limits = p2_net_limits_default();
    limits.stall_ns = 60 * P2_MS;
    struct pair p;
    pair_begin(&p, NULL, &limits);
    pair_connect(&p);
    p2_conn_pause(p.server.loop, p.server.last, true);
    for (uint32_t i = 0; i < 100; i++) assert_int_equal(send_record(&p, &p.client, 3, i, 60000), P2_OK);
    p2_conn_close(p.client.loop, p.client.last, P2_ERR_DRAINING);
    UNTIL(&p, p.client.closed == 1);
    assert_int_equal(p.client.why, P2_ERR_DRAINING);
    assert_int_equal(p.pool.bytes_live, 0);
    pair_end(&p);
}

static void a_vanished_remote_is_not_an_orderly_close(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    pair_connect(&p);
    p2_loop_destroy(&p.client.loop); // its sockets just end
    assert_int_equal(p.client.closed, 0);
    for (p2_ns end = deadline(); p.server.closed == 0;) {
        assert_true(before(end));
        p2_loop_turn(p.server.loop, P2_MS);
    }
    assert_int_equal(p.server.why, P2_ERR_CLOSED);
    pair_end(&p);
}

// Sends while there is room, until the remote has taken nothing for a while.
static void fill_up(struct pair *p) {
    for (uint32_t number = 0, idle = 0; idle < 50; idle++) {
        p2_loop_turn(p->server.loop, P2_MS);
        while (p2_conn_room(p->server.loop, p->server.last) > 60000) {
            assert_int_equal(send_record(p, &p->server, 0, number++, 60000), P2_OK);
            idle = 0;
        }
        assert_true(number < 10000);
    }
}

static void a_remote_that_ends_and_does_not_read_is_let_go(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    int fd = raw_connect(&p);
    static const char upgrade[] = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Protocol: p2c2r.v1\r\n\r\n";
    assert_int_equal(send(fd, upgrade, sizeof upgrade - 1, MSG_NOSIGNAL), sizeof upgrade - 1);
    UNTIL(&p, p.server.opened == 1);
    fill_up(&p);
    assert_int_equal(p.server.closed, 0);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    for (uint32_t turns = 0; p.server.closed == 0; turns++) {
        assert_true(turns < 500); // lws by itself: 5 s, of which it sleeps none
        p2_loop_turn(p.server.loop, P2_MS);
    }
    assert_int_equal(p.server.why, P2_ERR_CLOSED);
    close(fd);
    pair_end(&p);
}

static void dead_handles_are_harmless(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    pair_connect(&p);
    p2_conn old = p.client.last;
    p2_conn_close(p.client.loop, old, P2_OK);
    UNTIL(&p, p.client.closed == 1);
    assert_int_equal(p.client.closed_handle, old);
    pair_connect(&p); // takes the same slot
    assert_int_not_equal(p.client.last, old);
    const p2_conn dead[] = {old, P2_NO_HANDLE, ~(p2_conn)0, p.client.last + 1};
    for (size_t i = 0; i < sizeof dead / sizeof *dead; i++) {
        uint8_t byte = 1;
        assert_int_equal(p2_conn_send(p.client.loop, dead[i], 0, &byte, 1, nothing), P2_ERR_CLOSED);
        assert_int_equal(p2_conn_room(p.client.loop, dead[i]), 0);
        p2_conn_want_room(p.client.loop, dead[i]);
        p2_conn_pause(p.client.loop, dead[i], true);
        p2_conn_established(p.client.loop, dead[i]);
        p2_conn_close(p.client.loop, dead[i], P2_OK);
    }
    pair_settle(&p);
    assert_int_equal(p.client.closed, 1);
    assert_int_equal(p.client.writable, 0);
    assert_int_equal(send_record(&p, &p.client, 0, 7, 10), P2_OK);
    UNTIL(&p, p.server.records == 1);
    pair_end(&p);
}

// ---- dialling -------------------------------------------------------------------------------------------------------

static void dialling_a_closed_port(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    p2_loop_stop_listening(p.server.loop);
    pair_turn(&p);
    p2_conn c = p2_dial(p.client.loop, pair_url(&p));
    assert_int_not_equal(c, P2_NO_HANDLE);
    assert_int_equal(p.client.closed, 0); // not before the caller has the handle
    UNTIL(&p, p.client.closed == 1);
    assert_int_equal(p.client.closed_handle, c);
    assert_int_equal(p.client.why, P2_ERR_UNREACHABLE);
    assert_int_equal(p.client.opened, 0);
    pair_end(&p);
}

static void urls_that_are_none(void **state) {
    (void)state;
    static const char *const wrong[] = {"",
                                        "ws://",
                                        "ws:///",
                                        "http://127.0.0.1:1/",
                                        "wss://127.0.0.1:1/",
                                        "ws://127.0.0.1:/",
                                        "ws://127.0.0.1:0/",
                                        "ws://127.0.0.1:65536/",
                                        "ws://127.0.0.1:99999999999999999999/",
                                        "ws://127.0.0.1:80x/",
                                        "ws://a b:80/",
                                        "ws://h:80/a b",
                                        "ws://h:80/a\r\nX: y",
                                        "ws://[::1:80/",
                                        "ws://[]:80/",
                                        "ws://user@h:80/",
                                        "ws://+/tmp/socket:80/"};
    struct pair p;
    pair_begin(&p, NULL, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(p2_dial(p.client.loop, wrong[i]), P2_NO_HANDLE);
    }
    char endless[600] = "ws://";
    memset(endless + 5, 'a', sizeof endless - 6);
    assert_int_equal(p2_dial(p.client.loop, endless), P2_NO_HANDLE);
    pair_end(&p);
}

static void a_name_and_many_dials_in_one_loop(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    char url[64];
    snprintf(url, sizeof url, "ws://localhost:%u", p.port); // may try ::1 first; path and slash are optional
    for (int i = 0; i < 10; i++) assert_int_not_equal(p2_dial(p.client.loop, url), P2_NO_HANDLE);
    UNTIL(&p, p.client.opened == 10 && p.server.opened == 10);
    struct p2_net_stats stats;
    p2_loop_stats(p.client.loop, &stats);
    assert_int_equal(stats.connections, 10);
    assert_int_equal(stats.connections_peak, 10);
    pair_end(&p);
}

static void a_proxy_in_the_environment_is_not_used(void **state) {
    (void)state;
    struct pair p;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:9/", 1), 0);
    pair_begin(&p, NULL, NULL);
    assert_int_equal(unsetenv("http_proxy"), 0);
    pair_connect(&p);
    pair_end(&p);
}

static void what_is_queued_while_dialling_follows(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    p.client.last = p2_dial(p.client.loop, pair_url(&p));
    assert_int_equal(send_record(&p, &p.client, 0, 5, 100), P2_OK);
    UNTIL(&p, p.server.records == 1);
    assert_int_equal(p.server.noted[0].number, 5);
    pair_end(&p);
}

static void closing_a_dial_under_way(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    p2_conn c = p2_dial(p.client.loop, pair_url(&p));
    p2_conn_close(p.client.loop, c, P2_ERR_CANCELLED);
    assert_int_equal(p.client.closed, 0);
    UNTIL(&p, p.client.closed == 1);
    assert_int_equal(p.client.why, P2_ERR_CANCELLED);
    pair_settle(&p);
    assert_int_equal(p.client.opened + p.server.opened, 0);
    pair_end(&p);
}

static void a_server_that_says_nothing(void **state) {
    (void)state;
    struct p2_net_limits limits = p2_net_limits_default();
    limits.handshake_ns = 60 * P2_MS;
    struct pair p;
    pair_begin(&p, NULL, &limits);
    assert_int_not_equal(p2_dial(p.client.loop, pair_url(&p)), P2_NO_HANDLE);
    for (p2_ns end = deadline(); p.client.closed == 0;) { // the server's loop stands still
        assert_true(before(end));
        p2_loop_turn(p.client.loop, P2_MS);
    }
    assert_int_equal(p.client.why, P2_ERR_UNREACHABLE);
    pair_end(&p);
}

static void backing_off(void **state) {
    (void)state;
    assert_int_equal(p2_backoff(0, 0), 25 * P2_MS);
    assert_int_equal(p2_backoff(1, 0), 25 * P2_MS);
    assert_int_equal(p2_backoff(1, (uint64_t)(50 * P2_MS)), 75 * P2_MS);
    assert_int_equal(p2_backoff(2, 0), 50 * P2_MS);
    assert_int_equal(p2_backoff(4, 0), 200 * P2_MS);
    assert_int_equal(p2_backoff(UINT32_MAX, 0), 5 * P2_SEC);
    for (uint64_t r = 1; r; r *= 3) {
        if (r > UINT64_MAX / 3) break;
        assert_in_range(p2_backoff(9, r), 5 * P2_SEC, 15 * P2_SEC);
    }
}

// ---- time -----------------------------------------------------------------------------------------------------------

static void who_does_not_establish_is_cut(void **state) {
    (void)state;
    struct p2_net_limits limits = p2_net_limits_default();
    limits.handshake_ns = 60 * P2_MS;
    struct pair p;
    pair_begin(&p, &limits, NULL);
    assert_int_not_equal(p2_dial(p.client.loop, pair_url(&p)), P2_NO_HANDLE);
    int silent = raw_connect(&p);
    UNTIL(&p, p.server.closed == 1 && p.client.closed == 1);
    assert_int_equal(p.server.why, P2_ERR_HANDSHAKE_TIMEOUT);
    char byte;
    UNTIL(&p, recv(silent, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET);
    assert_int_equal(p.server.closed, 1); // one that never upgraded was never told of
    struct p2_net_stats stats;
    p2_loop_stats(p.server.loop, &stats);
    assert_int_equal(stats.connections, 0);
    close(silent);
    pair_end(&p);
}

static void who_is_silent_is_cut(void **state) {
    (void)state;
    struct p2_net_limits limits = p2_net_limits_default();
    limits.idle_ns = 60 * P2_MS;
    struct pair p;
    pair_begin(&p, &limits, NULL);
    pair_connect(&p);
    UNTIL(&p, p.server.closed == 1);
    assert_int_equal(p.server.why, P2_ERR_IDLE_TIMEOUT);
    pair_end(&p);
}

static void pings_keep_a_silent_connection(void **state) {
    (void)state;
    struct p2_net_limits limits = p2_net_limits_default();
    limits.idle_ns = 200 * P2_MS;
    limits.ping_ns = 20 * P2_MS;
    struct pair p;
    pair_begin(&p, &limits, NULL);
    pair_connect(&p);
    p2_ns end = p2_clock_now() + 3 * limits.idle_ns;
    while (before(end)) pair_turn(&p);
    assert_int_equal(p.server.closed, 0);
    assert_int_equal(p.client.bytes, 0); // they are no records
    pair_end(&p);
}

// ---- limits ---------------------------------------------------------------------------------------------------------

static void connections_are_capped(void **state) {
    (void)state;
    struct p2_net_limits limits = p2_net_limits_default();
    limits.connections_max = 3;
    struct pair p;
    pair_begin(&p, &limits, NULL);
    for (int i = 0; i < 3; i++) pair_connect(&p);
    assert_int_not_equal(p2_dial(p.client.loop, pair_url(&p)), P2_NO_HANDLE);
    UNTIL(&p, p.client.closed == 1);
    assert_int_equal(p.client.why, P2_ERR_UNREACHABLE);
    assert_int_equal(p.server.opened, 3);
    struct p2_net_stats stats;
    p2_loop_stats(p.server.loop, &stats);
    assert_int_equal(stats.refused, 1);
    assert_int_equal(stats.connections, 3);
    p2_conn_close(p.server.loop, p.server.last, P2_OK);
    UNTIL(&p, p.server.closed == 1);
    pair_connect(&p); // there is room again
    pair_end(&p);
}

static void an_address_may_have_few_strangers(void **state) {
    (void)state;
    struct p2_net_limits limits = p2_net_limits_default();
    limits.connections_per_address_max = 2;
    struct pair p;
    pair_begin(&p, &limits, NULL);
    for (int i = 0; i < 3; i++) pair_connect(&p); // each is established before the next
    int one = raw_connect(&p), two = raw_connect(&p), three = raw_connect(&p);
    char byte;
    UNTIL(&p, recv(three, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET);
    assert_int_equal(recv(one, &byte, 1, MSG_DONTWAIT), -1);
    close(one);
    close(two);
    close(three);
    pair_settle(&p);
    pair_connect(&p); // those that left no longer count
    pair_end(&p);
}

static void stopping_to_listen_keeps_who_is_there(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    p.server.echo = true;
    pair_connect(&p);
    p2_conn kept = p.client.last;
    p2_loop_stop_listening(p.server.loop);
    p2_loop_stop_listening(p.server.loop);
    assert_int_not_equal(p2_dial(p.client.loop, pair_url(&p)), P2_NO_HANDLE);
    UNTIL(&p, p.client.closed == 1);
    p.client.last = kept;
    assert_int_equal(send_record(&p, &p.client, 0, 1, 10), P2_OK);
    UNTIL(&p, p.client.records == 1);
    uint16_t port = 0;
    assert_int_equal(p2_loop_listen(p.server.loop, "127.0.0.1", 0, &port), P2_OK); // and again
    p.port = port;
    pair_connect(&p);
    pair_end(&p);
}

static void ports_that_cannot_be_had(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    uint16_t port = 0;
    assert_int_equal(p2_loop_listen(p.client.loop, "127.0.0.1", p.port, &port), P2_ERR_IO);
    assert_int_equal(p2_loop_listen(p.client.loop, "203.0.113.1", 0, &port), P2_ERR_IO);
    assert_int_equal(p2_loop_listen(p.client.loop, "no such host", 0, &port), P2_ERR_IO);
    pair_end(&p);
}

// ---- hostile bytes --------------------------------------------------------------------------------------------------

static void garbage_ends_only_its_own_connection(void **state) {
    (void)state;
    static const char *const garbage[] = {
        "\x16\x03\x01\x02\x01\x01\xff\xfe garbage\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "CONNECT example.org:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n",
    };
    struct p2_net_limits limits = p2_net_limits_default();
    limits.handshake_ns = 500 * P2_MS; // what waits for more bytes ends then
    struct pair p;
    pair_begin(&p, &limits, NULL);
    p.server.echo = true;
    pair_connect(&p);
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        char answer[2048];
        int fd = raw_connect(&p);
        raw_talk(&p, fd, garbage[i], answer, sizeof answer);
        assert_null(strstr(answer, " 101 "));
        assert_null(strstr(answer, " 200 "));
        close(fd);
    }
    assert_int_equal(p.server.opened, 1);
    assert_int_equal(send_record(&p, &p.client, 0, 1, 10), P2_OK);
    UNTIL(&p, p.client.records == 1);
    pair_end(&p);
}

static void headers_without_end(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    char request[16384];
    size_t size = (size_t)snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: x\r\nCookie: ");
    memset(request + size, 'a', sizeof request - size - 1);
    request[sizeof request - 1] = '\0';
    char answer[2048];
    int fd = raw_connect(&p);
    raw_talk(&p, fd, request, answer, sizeof answer);
    assert_null(strstr(answer, " 200 "));
    close(fd);
    pair_end(&p);
}

static int raw_upgrade(struct pair *p) {
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                  "Origin: http://localhost:8000\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, " P2_SUBPROTOCOL "\r\n"
                                  "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    int fd = raw_connect(p);
    uint32_t opened = p->server.opened;
    assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), (ssize_t)sizeof request - 1);
    UNTIL(p, p->server.opened > opened);
    char answer[1024] = "";
    assert_true(recv(fd, answer, sizeof answer - 1, 0) > 0);
    assert_non_null(strstr(answer, " 101 "));
    assert_non_null(strstr(answer, P2_SUBPROTOCOL));
    assert_null(strstr(answer, "permessage-deflate"));
    p2_conn_established(p->server.loop, p->server.last);
    return fd;
}

static void raw_send(int fd, const void *bytes, size_t size) {
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

static void text_is_refused(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    int fd = raw_upgrade(&p);
    raw_send(fd, "\x81\x82\0\0\0\0hi", 8);
    uint8_t goodbye[4] = {0};
    UNTIL(&p, recv(fd, goodbye, sizeof goodbye, MSG_DONTWAIT) > 0);
    assert_int_equal(goodbye[0], 0x88);
    assert_int_equal(goodbye[2] << 8 | goodbye[3], 4000 + P2_ERR_BAD_RECORD);
    raw_send(fd, "\x88\x82\0\0\0\0\x0f\xa3", 8);
    UNTIL(&p, p.server.closed == 1);
    assert_int_equal(p.server.why, P2_ERR_BAD_RECORD);
    assert_int_equal(p.server.bytes, 0);
    close(fd);
    pair_end(&p);
}

static void frames_in_pieces_arrive_as_a_stream(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    int fd = raw_upgrade(&p);
    // One record of 20 bytes in a message of two frames with a ping between, byte by byte.
    static const uint8_t frames[] = "\x02\x8a\0\0\0\0\x14\0\0\0\3\0\0\0\0\0"
                                    "\x89\x80\0\0\0\0"
                                    "\x80\x8a\0\0\0\0\0\0\0\0\0\0\0\x07\x0e\x15";
    for (size_t i = 0; i < sizeof frames - 1; i++) {
        raw_send(fd, &frames[i], 1);
        pair_turn(&p);
    }
    UNTIL(&p, p.server.records == 1);
    assert_int_equal(p.server.noted[0].size, 20);
    assert_int_equal(p.server.noted[0].lane, 3);
    assert_false(p.server.content_wrong);
    close(fd);
    UNTIL(&p, p.server.closed == 1);
    assert_int_equal(p.server.why, P2_ERR_CLOSED);
    pair_end(&p);
}

static void pings_come_back(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    int fd = raw_upgrade(&p);
    uint8_t pong[64] = {0};
    raw_send(fd, "\x89\x82\x01\x02\x03\x04ik", 8);
    UNTIL(&p, recv(fd, pong, sizeof pong, MSG_DONTWAIT) == 4);
    assert_memory_equal(pong, "\x8a\x02hi", 4);
    // Of several that come at once the last is answered: who pings and does not read costs no more than that.
    raw_send(fd, "\x89\x81\0\0\0\0a\x89\x81\0\0\0\0b\x89\x81\0\0\0\0c", 21);
    UNTIL(&p, recv(fd, pong, sizeof pong, MSG_DONTWAIT) == 3);
    assert_memory_equal(pong,
                        "\x8a\x01"
                        "c",
                        3);
    close(fd);
    pair_end(&p);
}

static void broken_frames_end_the_connection(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } broken[] = {
        {"\x83\x80\0\0\0\0", 6},            // an opcode that does not exist
        {"\xc2\x81\0\0\0\0a", 7},           // compressed, which was not agreed
        {"\x80\x81\0\0\0\0a", 7},           // continues nothing
        {"\x09\x80\0\0\0\0", 6},            // a control frame in pieces
        {"\x89\xfe\x01\0\0\0\0\0", 8},      // a control frame too long
        {"\x82\xff\xff\0\0\0\0\0\0\0", 10}, // a length with the top bit set
    };
    struct pair p;
    pair_begin(&p, NULL, NULL);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        int fd = raw_upgrade(&p);
        uint32_t closed = p.server.closed;
        raw_send(fd, broken[i].bytes, broken[i].size);
        char rest[64];
        UNTIL(&p, recv(fd, rest, sizeof rest, MSG_DONTWAIT) >= 0 || errno == ECONNRESET);
        close(fd);
        UNTIL(&p, p.server.closed == closed + 1);
        assert_int_not_equal(p.server.why, P2_OK);
    }
    assert_int_equal(p.server.bytes, 0);
    pair_end(&p);
}

// ---- the loop -------------------------------------------------------------------------------------------------------

static void *wake_it(void *loop) {
    p2_loop_wake(loop);
    return NULL;
}

static void waking_ends_the_wait(void **state) {
    (void)state;
    struct pair p;
    pthread_t thread;
    pair_begin(&p, NULL, NULL);
    p2_loop_wake(p.server.loop);
    p2_loop_turn(p.server.loop, P2_NEVER); // woken before it began
    assert_int_equal(pthread_create(&thread, NULL, wake_it, p.server.loop), 0);
    p2_loop_turn(p.server.loop, P2_NEVER);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pair_end(&p);
}

struct pipe_reader {
    struct p2_loop *loop;
    int reads;
};

static void on_pipe(void *context, int fd) {
    struct pipe_reader *r = context;
    char byte;
    assert_int_equal(read(fd, &byte, 1), 1);
    r->reads++;
    if (byte == 'q') p2_loop_unwatch(r->loop, fd);
}

static void watching_a_descriptor(void **state) {
    (void)state;
    struct pair p;
    int ends[2];
    pair_begin(&p, NULL, NULL);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    struct pipe_reader r = {p.client.loop, 0};
    assert_true(p2_loop_watch(p.client.loop, ends[0], on_pipe, &r));
    assert_int_equal(write(ends[1], "ab", 2), 2);
    UNTIL(&p, r.reads == 2);
    assert_int_equal(write(ends[1], "qx", 2), 2);
    UNTIL(&p, r.reads == 3);
    pair_settle(&p);
    assert_int_equal(r.reads, 3);
    p2_loop_unwatch(p.client.loop, ends[0]);
    assert_true(p2_loop_watch(p.client.loop, ends[0], on_pipe, &r)); // destroyed while watched
    pair_end(&p);
    close(ends[0]);
    close(ends[1]);
}

static void an_outside_loop_may_wait_on_the_descriptor(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    p.server.echo = true;
    int fds[2] = {p2_loop_fd(p.server.loop), p2_loop_fd(p.client.loop)};
    pair_connect(&p);
    pair_settle(&p);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(send_record(&p, &p.client, 0, i, 10), P2_OK);
        for (p2_ns end = deadline(); p.client.records <= i;) {
            assert_true(before(end));
            fd_set set;
            FD_ZERO(&set);
            FD_SET(fds[0], &set);
            FD_SET(fds[1], &set);
            struct timeval patience = {5, 0};
            assert_true(select((fds[0] > fds[1] ? fds[0] : fds[1]) + 1, &set, NULL, NULL, &patience) > 0);
            p2_loop_turn(p.server.loop, 0);
            p2_loop_turn(p.client.loop, 0);
        }
    }
    pair_end(&p);
}

static void signals_are_left_alone(void **state) {
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM, SIGSEGV, SIGFPE, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2, SIGCHLD};
    struct pair p;
    pair_begin(&p, NULL, NULL);
    pair_connect(&p);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction action;
        assert_int_equal(sigaction(signals[i], NULL, &action), 0);
        if (signals[i] == SIGSEGV || signals[i] == SIGFPE) continue; // cmocka and sanitizers own these
        assert_ptr_equal(action.sa_handler, SIG_DFL);
    }
    pair_end(&p);
}

static void a_loop_nobody_used_and_none(void **state) {
    (void)state;
    struct p2_net_limits limits = p2_net_limits_default();
    struct side s = {0};
    struct pair p;
    pair_begin(&p, &limits, &limits);
    pair_end(&p);
    p2_loop_destroy(&s.loop);
    assert_null(s.loop);
}

static void destroyed_in_the_middle_of_everything(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    pair_connect(&p);
    int half = raw_connect(&p);
    p.server.pause_once = true;
    for (uint32_t i = 0; i < 60; i++) assert_int_equal(send_record(&p, &p.client, 3, i, 60000), P2_OK);
    assert_int_not_equal(p2_dial(p.client.loop, pair_url(&p)), P2_NO_HANDLE);
    pair_turn(&p);
    assert_int_not_equal(p2_dial(p.client.loop, pair_url(&p)), P2_NO_HANDLE);
    p2_conn_want_room(p.client.loop, p.client.last);
    p2_conn_close(p.client.loop, p.client.last, P2_OK);
    uint32_t told = p.client.closed + p.server.closed;
    pair_end(&p);
    assert_int_equal(p.client.closed + p.server.closed, told);
    close(half);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_sends_what_is_queued),
        cmocka_unit_test(the_server_closes_with_a_reason),
        cmocka_unit_test(closing_while_paused_and_both_at_once),
        cmocka_unit_test(a_reader_that_never_answers_is_cut_after_closing),
        cmocka_unit_test(a_vanished_remote_is_not_an_orderly_close),
        cmocka_unit_test(a_remote_that_ends_and_does_not_read_is_let_go),
        cmocka_unit_test(dead_handles_are_harmless),
        cmocka_unit_test(dialling_a_closed_port),
        cmocka_unit_test(urls_that_are_none),
        cmocka_unit_test(a_name_and_many_dials_in_one_loop),
        cmocka_unit_test(a_proxy_in_the_environment_is_not_used),
        cmocka_unit_test(what_is_queued_while_dialling_follows),
        cmocka_unit_test(closing_a_dial_under_way),
        cmocka_unit_test(a_server_that_says_nothing),
        cmocka_unit_test(backing_off),
        cmocka_unit_test(who_does_not_establish_is_cut),
        cmocka_unit_test(who_is_silent_is_cut),
        cmocka_unit_test(pings_keep_a_silent_connection),
        cmocka_unit_test(connections_are_capped),
        cmocka_unit_test(an_address_may_have_few_strangers),
        cmocka_unit_test(stopping_to_listen_keeps_who_is_there),
        cmocka_unit_test(ports_that_cannot_be_had),
        cmocka_unit_test(garbage_ends_only_its_own_connection),
        cmocka_unit_test(headers_without_end),
        cmocka_unit_test(text_is_refused),
        cmocka_unit_test(frames_in_pieces_arrive_as_a_stream),
        cmocka_unit_test(pings_come_back),
        cmocka_unit_test(broken_frames_end_the_connection),
        cmocka_unit_test(waking_ends_the_wait),
        cmocka_unit_test(watching_a_descriptor),
        cmocka_unit_test(an_outside_loop_may_wait_on_the_descriptor),
        cmocka_unit_test(signals_are_left_alone),
        cmocka_unit_test(a_loop_nobody_used_and_none),
        cmocka_unit_test(destroyed_in_the_middle_of_everything),
    };
    signal(SIGHUP, SIG_DFL); // whoever starts this with nohup has it ignored
    return cmocka_run_group_tests(tests, NULL, NULL);
}
