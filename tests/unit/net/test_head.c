// Heads of HTTP, and the opening handshake of WebSocket.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/head.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ASKED "GET /chat?room=1 HTTP/1.1\r\n"
#define FIELDS                                                                                                         \
    "Host: x\r\nUPGRADE: WebSocket\r\nConnection: keep-alive,\tUpgrade\r\nSec-WebSocket-Key:" KEY "\r\n"               \
    "Sec-WebSocket-Version:  13 \r\nSec-WebSocket-Protocol: chat, p2c2r.v1\r\n"
#define ACCEPTED                                                                                                       \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"              \
    "Sec-WebSocket-Protocol: p2c2r.v1\r\n"

static bool request(const char *text, struct p2_head *out) { return p2_head_request(text, strlen(text), out); }
static bool answer(const char *text, struct p2_head *out) { return p2_head_answer(text, strlen(text), out); }

static void the_end_is_a_blank_line(void **state) {
    (void)state;
    static const char text[] = "GET / HTTP/1.1\r\nA: b\r\n\r\nrest";
    size_t end = sizeof text - 1 - 4;
    assert_int_equal(p2_head_end((const uint8_t *)text, sizeof text - 1), end);
    assert_int_equal(p2_head_end((const uint8_t *)text, end), end);
    assert_int_equal(p2_head_end((const uint8_t *)text, end - 1), 0);
    assert_int_equal(p2_head_end((const uint8_t *)"\n\n", 2), 0);
}

static void the_key_of_the_rfc(void **state) {
    (void)state;
    char key[P2_HEAD_KEY_BYTES + 1], accept[P2_HEAD_ACCEPT_BYTES + 1];
    p2_head_key((const uint8_t *)"the sample nonce", key);
    assert_string_equal(key, KEY);
    p2_head_accept(key, accept);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void a_request_for_websocket(void **state) {
    (void)state;
    struct p2_head h;
    assert_true(request(ASKED FIELDS "\r\n", &h));
    assert_true(p2_head_wants_websocket(&h));
    assert_true(p2_head_is(&h.path, "/chat") && p2_head_is(&h.method, "GET"));
    assert_true(p2_head_lists(&h.protocol, "p2c2r.v1", true) && p2_head_lists(&h.protocol, "chat", true));
    assert_false(p2_head_lists(&h.protocol, "P2C2R.v1", true) || p2_head_lists(&h.protocol, "p2c2r.v", true));
    assert_true(p2_head_lists(&h.connection, "upgrade", false));
    assert_null(h.origin.at);
}

static void requests_for_something_else(void **state) {
    (void)state;
    static const char *const others[] = {
        ASKED "\r\n",
        "POST / HTTP/1.1\r\n" FIELDS "\r\n",
        ASKED "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
        ASKED "Upgrade: websocket\r\nSec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
        ASKED "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " KEY
              "\r\nSec-WebSocket-Version: 8\r\n\r\n",
        ASKED "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
        ASKED "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhl\r\n"
              "Sec-WebSocket-Version: 13\r\n\r\n",
        ASKED "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ!=\r\n"
              "Sec-WebSocket-Version: 13\r\n\r\n",
    };
    struct p2_head h;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_true(request(others[i], &h));
        assert_false(p2_head_wants_websocket(&h));
    }
}

static void what_is_no_request(void **state) {
    (void)state;
    static const char *const broken[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET x HTTP/1.1\r\n\r\n",
        "G\x01T / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\nb\r\n\r\n",
        "GET / HTTP/1.1\r\n: a\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n\r\nmore",
        ASKED "Sec-WebSocket-Key: " KEY "\r\n" FIELDS "\r\n",
        ASKED "Sec-WebSocket-Version: 13\r\n" FIELDS "\r\n",
    };
    struct p2_head h;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) assert_false(request(broken[i], &h));
    assert_false(p2_head_request("GET / HTTP/1.1\r\nA: \0\r\n\r\n", 24, &h));
}

static void what_is_said_twice(void **state) {
    (void)state;
    struct p2_head h;
    assert_true(request(ASKED "Origin: a\r\nOrigin: b\r\nHost: c\r\n\r\n", &h));
    assert_true(h.origin_twice && !h.host_twice);
    assert_true(request(ASKED "Origin: a\r\nHost: c\r\nHost: d\r\n\r\n", &h));
    assert_true(!h.origin_twice && h.host_twice && p2_head_is(&h.host, "c"));
}

static void an_answer_that_accepts(void **state) {
    (void)state;
    struct p2_head h;
    assert_true(answer("HTTP/1.1 101 Switching Protocols\r\n" ACCEPTED "\r\n", &h));
    assert_true(p2_head_accepts(&h, KEY, "p2c2r.v1"));
    assert_false(p2_head_accepts(&h, KEY, "p2c2r.v2"));
    assert_false(p2_head_accepts(&h, "AAAAIHNhbXBsZSBub25jZQ==", "p2c2r.v1"));
}

static void answers_that_do_not(void **state) {
    (void)state;
    static const char *const others[] = {
        "HTTP/1.1 200 OK\r\n" ACCEPTED "\r\n",
        "HTTP/1.1 101 \r\n" ACCEPTED "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        "HTTP/1.1 101 \r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        "Sec-WebSocket-Protocol: p2c2r.v1\r\n\r\n",
        "HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Protocol: p2c2r.v1\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\n\r\n",
    };
    struct p2_head h;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_true(answer(others[i], &h));
        assert_false(p2_head_accepts(&h, KEY, "p2c2r.v1"));
    }
    assert_false(answer("HTTP/1.0 101 X\r\n" ACCEPTED "\r\n", &h));
    assert_false(answer("HTTP/1.1 1 01\r\n" ACCEPTED "\r\n", &h));
    assert_false(answer("HTTP/1.1 101 X\r\n" ACCEPTED ACCEPTED "\r\n", &h));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_is_a_blank_line), cmocka_unit_test(the_key_of_the_rfc),
        cmocka_unit_test(a_request_for_websocket), cmocka_unit_test(requests_for_something_else),
        cmocka_unit_test(what_is_no_request),      cmocka_unit_test(what_is_said_twice),
        cmocka_unit_test(an_answer_that_accepts),  cmocka_unit_test(answers_that_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
