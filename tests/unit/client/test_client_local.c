// The library with an executor of its own: what the cluster does not do is done here, once, and only then.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/err.h"
#include "client_rig.h"

#define NOBODY "ws://127.0.0.1:9"

static char log_text[8192];
static atomic_size_t log_size; // it may be written by the library's thread

static void keep_line(void *context, const char *line) {
    (void)context;
    size_t n = log_size, more = strlen(line);
    assert_true(n + more + 2 < sizeof log_text);
    memcpy(log_text + n, line, more + 1);
    log_size = n + more;
}

static bool logged(const char *text) { return log_size && strstr(log_text, text); }

static p2c2r_client *open_here(const char *url, p2c2r_options o) {
    if (!o.local_executor) o.local_executor = getenv("P2C2R_LOCAL_FIXTURE");
    if (!o.local_device) o.local_device = "work";
    log_size = 0;
    log_text[0] = 0;
    o.log = keep_line;
    return open_at(url, o);
}

static p2c2r_ticket submit_for(p2c2r_client *c, const void *payload, size_t size, int64_t deadline_ms) {
    p2c2r_task task = echo_task(payload, size);
    task.deadline_ms = deadline_ms;
    p2c2r_ticket ticket = 0;
    assert_int_equal(p2c2r_submit(c, &task, &ticket), P2C2R_OK);
    return ticket;
}

static void expect(p2c2r_client *c, p2c2r_ticket ticket, p2c2r_outcome outcome, enum p2_err code, uint32_t origin) {
    p2c2r_result r = await(c, ticket), none = {.size = sizeof none};
    assert_int_equal(r.outcome, outcome);
    assert_int_equal(r.code, code);
    assert_int_equal(r.origin, origin);
    assert_true((outcome == P2C2R_DONE) == (*r.reason == 0));
    p2c2r_release(c, &r);
    assert_int_equal(p2c2r_wait(c, ticket, &none, 0), P2C2R_ENOTFOUND); // it ended once
}

static void no_child_is_left(void) {
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void without_a_coordinator(int32_t io_thread) {
    p2c2r_client *c = open_here(NOBODY, (p2c2r_options){.io_thread = io_thread});
    static uint8_t payload[3000000];
    for (size_t i = 1; i < sizeof payload; i++) payload[i] = (uint8_t)(i * 31 >> 3);
    static const size_t sizes[] = {0, 1, sizeof payload};
    for (size_t i = 0; i < 3; i++) {
        p2c2r_result r = await(c, submit(c, payload, sizes[i]));
        assert_int_equal(r.outcome, P2C2R_DONE);
        assert_int_equal(r.origin, P2C2R_ORIGIN_LOCAL);
        assert_string_equal(p2c2r_origin_name(r.origin), "local");
        assert_int_equal(r.data_size, sizes[i]);
        if (sizes[i]) assert_memory_equal(r.data, payload, sizes[i]);
        assert_string_equal(r.peer, "");
        assert_int_equal(r.attempts, 0);
        assert_int_equal(r.cached, 0);
        assert_true(r.total_us >= r.queue_us + r.processing_us);
        p2c2r_release(c, &r);
    }
    assert_true(logged("local_ready executor="));
    p2c2r_destroy(&c);
    no_child_is_left();
}

static void without_a_coordinator_it_is_computed_here(void **state) {
    (void)state;
    without_a_coordinator(0);
    without_a_coordinator(1);
}

static void the_callers_buffer_is_used(void **state) {
    (void)state;
    p2c2r_client *c = open_here(NOBODY, (p2c2r_options){0});
    char out[8];
    for (size_t size = 7; size <= 9; size += 2) {
        const p2c2r_task task = {.size = sizeof task,
                                 .type = "echo",
                                 .payload = "abcdefghi",
                                 .payload_size = size,
                                 .out = out,
                                 .out_capacity = sizeof out,
                                 .user = &c,
                                 .deadline_ms = 15000};
        p2c2r_ticket ticket;
        assert_int_equal(p2c2r_submit(c, &task, &ticket), P2C2R_OK);
        p2c2r_result r = await(c, ticket);
        assert_ptr_equal(r.user, &c);
        assert_true((r.data == out) == (size <= sizeof out));
        assert_memory_equal(r.data, "abcdefghi", size);
        p2c2r_release(c, &r);
    }
    p2c2r_destroy(&c);
}

static void what_is_refused(int32_t io_thread) {
    struct fake f;
    fake_start(&f, FAKE_REFUSE, 100);
    p2c2r_client *c = open_here(f.url, (p2c2r_options){.local_tasks_max = 1, .io_thread = io_thread});
    p2c2r_ticket tickets[20];
    for (int i = 0; i < 20; i++) tickets[i] = submit(c, "some", 4);
    for (int i = 0; i < 20; i++) expect(c, tickets[i], P2C2R_DONE, P2_OK, P2C2R_ORIGIN_LOCAL);
    // What the executor says of a task is its end; what cannot be is the executor's.
    expect(c, submit(c, "f", 1), P2C2R_FAILED, P2_ERR_DEVICE_MEMORY, P2C2R_ORIGIN_LOCAL);
    expect(c, submit(c, "l", 1), P2C2R_FAILED, P2_ERR_EXECUTION_FAILED, P2C2R_ORIGIN_LOCAL);
    shut(&c);
    fake_stop(&f);
    no_child_is_left();
}

static void what_is_refused_is_computed_here(void **state) {
    (void)state;
    what_is_refused(0);
    what_is_refused(1);
}

static void what_the_cluster_does_is_not(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    p2c2r_client *c = open_here(f.url, (p2c2r_options){0});
    for (int i = 0; i < 10; i++) expect(c, submit(c, "crash", 5), P2C2R_DONE, P2_OK, P2C2R_ORIGIN_PEER);
    f.mood = FAKE_FAIL; // attempts exhausted
    expect(c, submit(c, "some", 4), P2C2R_DONE, P2_OK, P2C2R_ORIGIN_LOCAL);
    shut(&c);
    fake_stop(&f);
}

static void a_crash_fails_the_task_and_no_other(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_REFUSE, 100);
    p2c2r_client *c = open_here(f.url, (p2c2r_options){0});
    expect(c, submit(c, "some", 4), P2C2R_DONE, P2_OK, P2C2R_ORIGIN_LOCAL);
    expect(c, submit(c, "crash", 5), P2C2R_FAILED, P2_ERR_EXECUTION_FAILED, P2C2R_ORIGIN_LOCAL);
    assert_true(logged("local_gone"));
    assert_true(logged("signal 9 (KILL)"));
    expect(c, submit(c, "some", 4), P2C2R_DONE, P2_OK, P2C2R_ORIGIN_LOCAL);
    shut(&c);
    fake_stop(&f);
    no_child_is_left();
}

static void a_late_cluster_is_overtaken_once(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_SILENT, 100);
    p2c2r_client *c = open_here(f.url, (p2c2r_options){0});
    while (!logged("local_ready")) p2c2r_poll(c, NULL, 0, 1000);
    expect(c, submit_for(c, "some", 4, 1000), P2C2R_DONE, P2_OK, P2C2R_ORIGIN_LOCAL);
    while (f.cancels == 0) p2c2r_poll(c, NULL, 0, 1000); // the cluster is told, and what it says to it is nobody's
    f.mood = FAKE_ECHO;
    expect(c, submit(c, "some", 4), P2C2R_DONE, P2_OK, P2C2R_ORIGIN_PEER);
    // A crash of what is tried here too leaves it to the cluster.
    f.mood = FAKE_SILENT;
    expect(c, submit_for(c, "crash", 5, 1000), P2C2R_EXPIRED, P2_ERR_DEADLINE_EXCEEDED, P2C2R_ORIGIN_NONE);
    assert_true(logged("local_gone"));
    shut(&c);
    fake_stop(&f);
}

static void a_lost_submission_is_made_up_for(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    p2c2r_client *c = open_here(f.url, (p2c2r_options){.fake_loss = 1});
    while (!logged("local_ready")) p2c2r_poll(c, NULL, 0, 1000);
    unsigned done = 0;
    for (int i = 0; i < 20 && done < 3; i++) { // a busy machine may be too late now and then
        p2c2r_result r = await(c, submit_for(c, "some", 4, 200));
        assert_true(r.outcome == (r.origin == P2C2R_ORIGIN_LOCAL ? P2C2R_DONE : P2C2R_EXPIRED));
        done += r.outcome == P2C2R_DONE;
        p2c2r_release(c, &r);
    }
    assert_int_equal(done, 3);
    assert_int_equal(f.submits, 0);
    shut(&c);
    fake_stop(&f);
}

static void cancelled_and_expired_here(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_REFUSE, 100);
    p2c2r_client *c = open_here(f.url, (p2c2r_options){0});
    expect(c, submit(c, "some", 4), P2C2R_DONE, P2_OK, P2C2R_ORIGIN_LOCAL);
    p2c2r_ticket t = submit(c, "hangs", 5);
    for (int i = 0; i < 50; i++) p2c2r_poll(c, NULL, 0, 1000); // refused by now, or not: both end the same
    assert_int_equal(p2c2r_cancel(c, t), P2C2R_OK);
    p2c2r_result r = await(c, t);
    assert_true(r.outcome == P2C2R_CANCELLED || r.outcome == P2C2R_REFUSED);
    p2c2r_release(c, &r);
    expect(c, submit_for(c, "hangs", 5, 100), P2C2R_EXPIRED, P2_ERR_DEADLINE_EXCEEDED, P2C2R_ORIGIN_NONE);
    expect(c, submit(c, "some", 4), P2C2R_DONE, P2_OK, P2C2R_ORIGIN_LOCAL);
    submit(c, "hangs", 5); // and one is under way when all ends
    p2c2r_poll(c, NULL, 0, 10000);
    shut(&c);
    fake_stop(&f);
    no_child_is_left();
}

static void a_game_that_ignores_its_children_can_have_one(void **state) {
    (void)state;
    signal(SIGCHLD, SIG_IGN);
    struct fake f;
    fake_start(&f, FAKE_REFUSE, 100);
    p2c2r_client *c = open_here(f.url, (p2c2r_options){0});
    expect(c, submit(c, "crash", 5), P2C2R_FAILED, P2_ERR_EXECUTION_FAILED, P2C2R_ORIGIN_LOCAL);
    assert_true(logged("an end that nobody noted"));
    expect(c, submit(c, "some", 4), P2C2R_DONE, P2_OK, P2C2R_ORIGIN_LOCAL);
    shut(&c);
    fake_stop(&f);
    signal(SIGCHLD, SIG_DFL);
}

static void one_that_never_starts_is_given_up(void **state) {
    (void)state;
    static const char *const devices[] = {"stillborn", "work"};
    for (int i = 0; i < 2; i++) {
        p2c2r_options o = {.connect_timeout_ms = 100, .local_device = devices[i]};
        if (i) o.local_executor = "/nonexistent/executor";
        p2c2r_client *c = open_here(NOBODY, o);
        expect(c, submit(c, "some", 4), P2C2R_LOST, P2_ERR_UNREACHABLE, P2C2R_ORIGIN_NONE);
        assert_true(logged("local_over"));
        p2c2r_destroy(&c);
        no_child_is_left();
    }
}

static void options_out_of_range(void **state) {
    (void)state;
    p2c2r_options o = {.size = sizeof o, .local_executor = "/x", .local_tasks_max = 17};
    assert_null(p2c2r_create(&o));
    static char far[8192];
    memset(far, 'a', sizeof far - 1);
    o = (p2c2r_options){.size = sizeof o, .local_executor = far};
    assert_null(p2c2r_create(&o));
    o.local_executor = "/x";
    o.local_device = far;
    assert_null(p2c2r_create(&o));
    assert_string_equal(p2c2r_origin_name(99), "none");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_coordinator_it_is_computed_here),
        cmocka_unit_test(the_callers_buffer_is_used),
        cmocka_unit_test(what_is_refused_is_computed_here),
        cmocka_unit_test(what_the_cluster_does_is_not),
        cmocka_unit_test(a_crash_fails_the_task_and_no_other),
        cmocka_unit_test(a_late_cluster_is_overtaken_once),
        cmocka_unit_test(a_lost_submission_is_made_up_for),
        cmocka_unit_test(cancelled_and_expired_here),
        cmocka_unit_test(a_game_that_ignores_its_children_can_have_one),
        cmocka_unit_test(one_that_never_starts_is_given_up),
        cmocka_unit_test(options_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
