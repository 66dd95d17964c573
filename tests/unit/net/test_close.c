// No descriptor is closed twice: inside a game, the second close would hit whatever another thread has opened since.
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixture.h"

static int closed_twice;

// Takes the place of libc's for every library of this program.
int close(int fd) {
    long result = syscall(SYS_close, fd);
    if (result == 0) return 0;
    if (errno == EBADF) closed_twice++;
    return -1;
}

static void ignore_open(void *context, p2_conn c, const char *address) { (void)context, (void)c, (void)address; }
static void ignore_bytes(void *context, p2_conn c, const uint8_t *bytes, size_t size) {
    (void)context, (void)c, (void)bytes, (void)size;
}
static void ignore_room(void *context, p2_conn c, uint64_t room) { (void)context, (void)c, (void)room; }
static void ignore_close(void *context, p2_conn c, enum p2_err why) { (void)context, (void)c, (void)why; }

static void destroys_with(bool listening, bool dialling) {
    struct p2_net_limits limits = p2_net_limits_default();
    limits.connections_max = 8;
    struct p2_net_handlers handlers = {
        .opened = ignore_open, .received = ignore_bytes, .writable = ignore_room, .closed = ignore_close};
    struct p2_loop *loop = p2_loop_create(&limits, &handlers);
    assert_non_null(loop);
    uint16_t port = 0;
    if (listening) assert_int_equal(p2_loop_listen(loop, "127.0.0.1", 0, &port), P2_OK);
    if (dialling) {
        char url[64];
        snprintf(url, sizeof url, "ws://127.0.0.1:%u", port);
        assert_true(p2_dial(loop, url) != P2_NO_HANDLE);
    }
    for (int i = 0; i < 20; i++) p2_loop_turn(loop, 0);
    closed_twice = 0;
    p2_loop_destroy(&loop);
    assert_int_equal(closed_twice, 0);
}

static void an_idle_loop(void **state) {
    (void)state;
    destroys_with(false, false);
}

static void a_loop_with_connections(void **state) {
    (void)state;
    destroys_with(true, true);
}

static void the_count_sees_a_second_close(void **state) {
    (void)state;
    int fd = dup(0);
    assert_int_equal(close(fd), 0);
    closed_twice = 0;
    assert_int_equal(close(fd), -1);
    assert_int_equal(closed_twice, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_count_sees_a_second_close),
        cmocka_unit_test(an_idle_loop),
        cmocka_unit_test(a_loop_with_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
