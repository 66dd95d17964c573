// Plain HTTP on the listening port, and who may upgrade.
#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned healthy(void *context, char *body_out, size_t capacity, const char **content_type_out) {
    int *calls = context;
    *content_type_out = "application/json";
    snprintf(body_out, capacity, "{\"calls\":%d}", ++*calls);
    return 200;
}

static unsigned unwell(void *context, char *body_out, size_t capacity, const char **content_type_out) {
    (void)context;
    (void)content_type_out;
    memset(body_out, 'x', capacity); // not even terminated
    return 503;
}

struct asked {
    struct pair p;
    int calls;
    char answer[300000];
};

static struct asked it;

static void ask(const char *request) {
    int fd = raw_connect(&it.p);
    raw_talk(&it.p, fd, request, it.answer, sizeof it.answer);
    close(fd);
}

static int begin(void **state) {
    (void)state;
    memset(&it, 0, sizeof it);
    pair_begin(&it.p, NULL, NULL);
    assert_true(p2_loop_route(it.p.server.loop, "/healthz", healthy, &it.calls));
    assert_true(p2_loop_route(it.p.server.loop, "/large", unwell, NULL));
    return 0;
}

static int end(void **state) {
    (void)state;
    pair_end(&it.p);
    return 0;
}

static const char *body(void) {
    const char *b = strstr(it.answer, "\r\n\r\n");
    assert_non_null(b);
    return b + 4;
}

static bool answered(const char *status) {
    return strncmp(it.answer, "HTTP/1.1 ", 9) == 0 && strncmp(it.answer + 9, status, strlen(status)) == 0;
}

static void a_route_answers(void **state) {
    (void)state;
    ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(answered("200 OK"));
    assert_non_null(strstr(it.answer, "content-type: application/json\r\n"));
    assert_string_equal(body(), "{\"calls\":1}");
    ask("GET /healthz?verbose=1 HTTP/1.0\r\n\r\n"); // the query is not passed on
    assert_string_equal(body(), "{\"calls\":2}");
}

static void head_has_no_body(void **state) {
    (void)state;
    ask("HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(answered("200 OK"));
    assert_non_null(strstr(it.answer, "content-length: 11\r\n"));
    assert_string_equal(body(), "");
}

static void a_large_body_is_whole(void **state) {
    (void)state;
    ask("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(answered("503 "));
    size_t size = strlen(body()), promised = 0;
    assert_int_equal(sscanf(strstr(it.answer, "content-length: "), "content-length: %zu", &promised), 1);
    assert_int_equal(size, promised);
    assert_true(size > 200000);
}

static void other_paths_and_methods(void **state) {
    (void)state;
    static const char *const paths[] = {"/", "/healthz/", "/health", "/healthzz", "/../healthz/x", "/%2e"};
    char request[128];
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[i]);
        ask(request);
        assert_true(answered("404 "));
    }
    ask("DELETE /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_false(answered("200 "));
    ask("OPTIONS /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_false(answered("200 "));
    ask("POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert_false(answered("200 "));
    assert_int_equal(it.calls, 0);
}

static void only_our_subprotocol_upgrades(void **state) {
    (void)state;
    static const char *const offers[] = {"", "Sec-WebSocket-Protocol: chat\r\n", "Sec-WebSocket-Protocol: http\r\n",
                                         "Sec-WebSocket-Protocol: p2c2r.v10\r\n",
                                         "Sec-WebSocket-Protocol: p2c2r.v\r\n"};
    char request[512];
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
        snprintf(request, sizeof request,
                 "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                 offers[i]);
        ask(request);
        assert_true(answered("400 "));
        assert_non_null(strstr(body(), P2_SUBPROTOCOL));
    }
    ask("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
    assert_true(answered("400 "));
    ask("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: telnet\r\nConnection: Upgrade\r\n\r\n");
    assert_null(strstr(it.answer, " 101 "));
    assert_int_equal(it.p.server.opened, 0);
    struct p2_net_stats stats;
    p2_loop_stats(it.p.server.loop, &stats);
    assert_true(stats.refused >= 6);
}

static void pages_need_an_origin_that_may(void **state) {
    (void)state;
    static const struct {
        const char *origin, *status;
    } cases[] = {{"", "101 "},
                 {"Origin: http://localhost:8000\r\n", "101 "},
                 {"Origin: https://game.example\r\n", "101 "},
                 {"Origin: https://other.example\r\n", "403 "},
                 {"Origin: https://other.example\r\nOrigin: http://localhost\r\n", "403 "},
                 {"Origin: null\r\n", "403 "}};
    char request[512];
    assert_false(p2_loop_allow_origins(it.p.server.loop, "game.example"));
    assert_true(p2_loop_allow_origins(it.p.server.loop, "https://game.example"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t opened = it.p.server.opened;
        snprintf(request, sizeof request,
                 "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s"
                 "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
                 "Sec-WebSocket-Protocol: p2c2r.v1\r\n\r\n\x88%c%c%c%c%c",
                 cases[i].origin, 0x80, 1, 1, 1, 1); // and a closing frame, so that every answer ends
        ask(request);
        assert_true(answered(cases[i].status));
        assert_null(strstr(it.answer, "permessage-deflate"));
        assert_int_equal(it.p.server.opened - opened, cases[i].status[0] == '1');
    }
}

static void routes_are_few(void **state) {
    (void)state;
    assert_false(p2_loop_route(it.p.server.loop, "relative", unwell, NULL));
    char endless[200];
    memset(endless, '/', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_false(p2_loop_route(it.p.server.loop, endless, unwell, NULL));
    for (int i = 2; i < 8; i++) assert_true(p2_loop_route(it.p.server.loop, "/more", unwell, NULL));
    assert_false(p2_loop_route(it.p.server.loop, "/one-too-many", unwell, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_route_answers, begin, end),
        cmocka_unit_test_setup_teardown(head_has_no_body, begin, end),
        cmocka_unit_test_setup_teardown(a_large_body_is_whole, begin, end),
        cmocka_unit_test_setup_teardown(other_paths_and_methods, begin, end),
        cmocka_unit_test_setup_teardown(only_our_subprotocol_upgrades, begin, end),
        cmocka_unit_test_setup_teardown(pages_need_an_origin_that_may, begin, end),
        cmocka_unit_test_setup_teardown(routes_are_few, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
