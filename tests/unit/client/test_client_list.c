// The library with a list of coordinators, some of which are no good.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "fake_coordinator.h"
#include "p2c2r/inspect.h"
#include "p2c2r/p2c2r.h"

#define PATIENCE_US 20000000 // how long the tests wait for what must happen; none wait for it to pass
#define NOBODY "ws://127.0.0.1:9"
#define EIGHT                                                                                                          \
    "ws://127.0.0.1:1 ws://127.0.0.1:2 ws://127.0.0.1:3 ws://127.0.0.1:4 "                                             \
    "ws://127.0.0.1:5 ws://127.0.0.1:6 ws://127.0.0.1:7 ws://127.0.0.1:8"
#define TASKS 20
#define BYTES 200 // of each

static p2c2r_client *open_list(const char *list) {
    const p2c2r_options o = {.size = sizeof o, .coordinator = list};
    return p2c2r_create(&o);
}

static p2c2r_ticket submit(p2c2r_client *c, uint8_t *payload) {
    p2c2r_task task = {.size = sizeof task,
                       .type = "echo",
                       .payload = payload,
                       .payload_size = BYTES,
                       .deadline_ms = 15000,
                       .user = payload};
    p2c2r_ticket ticket = 0;
    assert_int_equal(p2c2r_submit(c, &task, &ticket), P2C2R_OK);
    return ticket;
}

// Each comes once, with its own byte.
static void all_are_done(p2c2r_client *c, const uint8_t *payloads) {
    unsigned seen[TASKS] = {0};
    for (uint32_t n = 0; n < TASKS; n++) {
        p2c2r_result r = {.size = sizeof r};
        assert_int_equal(p2c2r_poll(c, &r, 1, PATIENCE_US), 1);
        assert_int_equal(r.outcome, P2C2R_DONE);
        assert_int_equal(r.data_size, BYTES);
        assert_memory_equal(r.data, r.user, BYTES);
        assert_int_equal(seen[((const uint8_t *)r.user - payloads) / BYTES]++, 0);
        p2c2r_release(c, &r);
    }
    p2c2r_result none = {.size = sizeof none};
    assert_int_equal(p2c2r_poll(c, &none, 1, 0), 0);
}

static void submit_all(p2c2r_client *c, uint8_t *payloads) {
    for (uint8_t i = 0; i < TASKS; i++) {
        memset(payloads + i * BYTES, i, BYTES);
        submit(c, payloads + i * BYTES);
    }
}

static void until_connected(p2c2r_client *c, const char *url) {
    p2c2r_terms terms = {.size = sizeof terms};
    while (p2c2r_connection_terms(c, &terms) != P2C2R_OK) p2c2r_poll(c, NULL, 0, 1000);
    assert_string_equal(terms.coordinator, url);
}

static void lists_have_one_to_eight_addresses(void **state) {
    (void)state;
    static const char *const good[] = {NOBODY, " " NOBODY " ,\t" NOBODY "\n", "ws://[::1]:9/," NOBODY ",", EIGHT};
    static const char *const bad[] = {"", ", ,", NOBODY ";" NOBODY, NOBODY ",ws://127.0.0.1",
                                      EIGHT " ws://127.0.0.1:10"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        p2c2r_client *c = open_list(good[i]);
        assert_non_null(c);
        p2c2r_destroy(&c);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_null(open_list(bad[i]));
}

static void one_that_is_gone_is_replaced_and_tickets_go_along(void **state) {
    (void)state;
    struct fake first, second;
    fake_start(&first, FAKE_SILENT, 100);
    char list[256];
    uint8_t payloads[TASKS * BYTES];
    snprintf(list, sizeof list, NOBODY ",%s", first.url);
    fake_start(&second, FAKE_ECHO, 100);
    snprintf(list + strlen(list), sizeof list - strlen(list), " %s", second.url);
    second.mood = FAKE_TURN_AWAY; // for now
    p2c2r_client *c = open_list(list);
    assert_non_null(c);
    until_connected(c, first.url);
    submit_all(c, payloads);
    while (first.submits < TASKS) p2c2r_poll(c, NULL, 0, 1000);
    second.mood = FAKE_ECHO;
    fake_stop(&first);
    all_are_done(c, payloads);
    until_connected(c, second.url);
    assert_int_equal(second.submits, TASKS);
    p2c2r_destroy(&c);
    fake_stop(&second);
}

// Accepts, as far as the kernel does that, and says nothing: no handshake ever ends.
static int listen_only(char url[64]) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, size) == 0 && listen(fd, 8) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    snprintf(url, 64, "ws://127.0.0.1:%u", ntohs(at.sin_port));
    return fd;
}

static void one_that_never_answers_delays_nobody(void **state) {
    (void)state;
    struct fake f;
    char deaf[64], list[256];
    uint8_t payloads[TASKS * BYTES];
    int fd = listen_only(deaf);
    fake_start(&f, FAKE_ECHO, 100);
    snprintf(list, sizeof list, "%s,%s", deaf, f.url);
    p2c2r_client *c = open_list(list);
    submit_all(c, payloads);
    all_are_done(c, payloads);
    until_connected(c, f.url);
    p2c2r_destroy(&c);
    fake_stop(&f);
    close(fd);
}

// Whatever the first does to its tasks, the second does them.
static void one_that_breaks_the_protocol_is_left_for_another(void **state) {
    (void)state;
    static const enum fake_mood moods[] = {FAKE_GARBAGE, FAKE_GAP};
    for (size_t i = 0; i < sizeof moods / sizeof *moods; i++) {
        struct fake bad, good;
        char list[256];
        uint8_t payloads[TASKS * BYTES];
        fake_start(&bad, moods[i], 100);
        fake_start(&good, FAKE_TURN_AWAY, 100);
        snprintf(list, sizeof list, "%s,%s", bad.url, good.url);
        p2c2r_client *c = open_list(list);
        until_connected(c, bad.url);
        good.mood = FAKE_ECHO;
        submit_all(c, payloads);
        all_are_done(c, payloads);
        until_connected(c, good.url);
        p2c2r_destroy(&c);
        assert_true(bad.submits > 0);
        fake_stop(&bad);
        fake_stop(&good);
    }
}

static void turned_away_by_all_is_said_in_their_words(void **state) {
    (void)state;
    struct fake a, b;
    char list[256];
    uint8_t payload[BYTES] = {1};
    fake_start(&a, FAKE_TURN_AWAY, 100);
    fake_start(&b, FAKE_TURN_AWAY, 100);
    snprintf(list, sizeof list, "%s,%s", a.url, b.url);
    p2c2r_client *c = open_list(list);
    p2c2r_result r = {.size = sizeof r};
    assert_int_equal(p2c2r_wait(c, submit(c, payload), &r, PATIENCE_US), P2C2R_OK);
    assert_int_equal(r.outcome, P2C2R_REFUSED);
    assert_string_equal(r.reason, "Closed for the season.");
    p2c2r_release(c, &r);
    a.mood = b.mood = FAKE_ECHO;
    assert_int_equal(p2c2r_wait(c, submit(c, payload), &r, PATIENCE_US), P2C2R_OK);
    assert_int_equal(r.outcome, P2C2R_DONE);
    p2c2r_release(c, &r);
    p2c2r_destroy(&c);
    fake_stop(&a);
    fake_stop(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_have_one_to_eight_addresses),
        cmocka_unit_test(one_that_is_gone_is_replaced_and_tickets_go_along),
        cmocka_unit_test(one_that_never_answers_delays_nobody),
        cmocka_unit_test(one_that_breaks_the_protocol_is_left_for_another),
        cmocka_unit_test(turned_away_by_all_is_said_in_their_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
