// Dialling a name: looked up without blocking, and given up at any moment.
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

static void a_name_is_dialled_by_all_its_addresses(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    char url[64];
    snprintf(url, sizeof url, "ws://localhost:%u/", p.port); // may have ::1 first, where nobody listens
    p.client.last = p2_dial(p.client.loop, url);
    assert_int_equal(send_record(&p, &p.client, 0, 5, 100), P2_OK);
    UNTIL(&p, p.client.opened == 1 && p.server.records == 1);
    assert_int_equal(p.server.noted[0].number, 5);
    assert_string_equal(p.client.remote, "127.0.0.1");
    pair_end(&p);
}

static void a_name_whose_addresses_all_refuse(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    p2_loop_stop_listening(p.server.loop);
    pair_turn(&p);
    char url[64];
    snprintf(url, sizeof url, "ws://localhost:%u/", p.port);
    p2_conn c = p2_dial(p.client.loop, url);
    UNTIL(&p, p.client.closed == 1);
    assert_int_equal(p.client.closed_handle, c);
    assert_int_equal(p.client.why, P2_ERR_UNREACHABLE);
    pair_end(&p);
}

static void a_name_that_cannot_exist(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    p2_conn c = p2_dial(p.client.loop, "ws://something.invalid:80/");
    assert_int_not_equal(c, P2_NO_HANDLE);
    assert_int_equal(p.client.closed, 0);
    UNTIL(&p, p.client.closed == 1); // at the latest when the handshake is overdue
    assert_int_equal(p.client.closed_handle, c);
    assert_int_equal(p.client.why, P2_ERR_UNREACHABLE);
    pair_end(&p);
}

static void closed_and_destroyed_while_looking_up(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    char url[64];
    snprintf(url, sizeof url, "ws://localhost:%u/", p.port);
    for (int i = 0; i < 20; i++) {
        p2_conn c = p2_dial(p.client.loop, url); // more than there are threads, so some wait
        if (i % 2) p2_conn_close(p.client.loop, c, P2_ERR_CANCELLED);
    }
    UNTIL(&p, p.client.closed == 10 && p.client.opened == 10);
    assert_int_equal(p.client.why, P2_ERR_CANCELLED);
    for (int i = 0; i < 20; i++) assert_int_not_equal(p2_dial(p.client.loop, url), P2_NO_HANDLE);
    pair_end(&p);
    assert_int_equal(p.client.closed, 10);
}

// A server without WebSocket of ours. Its port in *port_out.
static int listen_raw(uint16_t *port_out) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof sa;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &size), 0);
    *port_out = ntohs(sa.sin_port);
    return fd;
}

static void the_server_is_asked_for_by_name(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    uint16_t port;
    int fd = listen_raw(&port), taken = -1;
    char url[64], host[64], request[2048] = "";
    snprintf(url, sizeof url, "ws://localhost:%u/", port);
    snprintf(host, sizeof host, "Host: localhost:%u\r\n", port);
    assert_int_not_equal(p2_dial(p.client.loop, url), P2_NO_HANDLE);
    UNTIL(&p, (taken = accept(fd, NULL, NULL)) >= 0);
    UNTIL(&p, recv(taken, request, sizeof request - 1, MSG_DONTWAIT) > 0);
    assert_non_null(strstr(request, host));
    close(taken);
    close(fd);
    pair_end(&p);
}

static void answers_that_do_not_accept(void **state) {
    (void)state;
    static const char accepts_another[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                          "Connection: Upgrade\r\nSec-WebSocket-Protocol: p2c2r.v1\r\n"
                                          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    static const char *const answers[] = {accepts_another, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n",
                                          "SSH-2.0-server\r\n\r\n", "\x82\x02hi", ""};
    struct pair p;
    pair_begin(&p, NULL, NULL);
    uint16_t port;
    int fd = listen_raw(&port);
    char url[64];
    snprintf(url, sizeof url, "ws://127.0.0.1:%u/", port);
    for (uint32_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        int taken = -1;
        size_t size = strlen(answers[i]);
        assert_int_not_equal(p2_dial(p.client.loop, url), P2_NO_HANDLE);
        UNTIL(&p, (taken = accept(fd, NULL, NULL)) >= 0);
        assert_int_equal(send(taken, answers[i], size, MSG_NOSIGNAL), (ssize_t)size);
        if (size == 0) close(taken);
        UNTIL(&p, p.client.closed == i + 1);
        assert_int_equal(p.client.why, P2_ERR_UNREACHABLE);
        if (size > 0) close(taken);
    }
    assert_int_equal(p.client.opened, 0);
    close(fd);
    pair_end(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_dialled_by_all_its_addresses),
        cmocka_unit_test(a_name_whose_addresses_all_refuse),
        cmocka_unit_test(a_name_that_cannot_exist),
        cmocka_unit_test(closed_and_destroyed_while_looking_up),
        cmocka_unit_test(the_server_is_asked_for_by_name),
        cmocka_unit_test(answers_that_do_not_accept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
