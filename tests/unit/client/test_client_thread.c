// The library with a thread of its own: the same calls, from one thread of the caller, and every ticket ends once.
// Meant for the thread sanitizer (./run test --sanitize) as much as for what it asserts.
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "client_rig.h"
#include "p2c2r/inspect.h"
#include "p2c2r/stats.h"

#define MANY 4096u
#define SMALL 100u

static p2c2r_client *open_threaded(const struct fake *f, p2c2r_options o) {
    o.io_thread = 1;
    return open_at(f->url, o);
}

static p2c2r_stats stats_of(p2c2r_client *c) {
    p2c2r_stats s = {.size = sizeof s};
    assert_int_equal(p2c2r_stats_get(c, &s), P2C2R_OK);
    return s;
}

// Polls until so many ended; marks each by the number that its `user` points to.
static void collect(p2c2r_client *c, uint32_t count, uint8_t *ends) {
    while (count > 0) {
        p2c2r_result results[16] = {{.size = sizeof *results}};
        uint32_t n = p2c2r_poll(c, results, count < 16 ? count : 16, PATIENCE_US);
        assert_in_range(n, 1, count);
        count -= n;
        for (uint32_t i = 0; i < n; i++) {
            ends[(uint8_t *)results[i].user - ends]++;
            p2c2r_release(c, &results[i]);
        }
    }
}

static void a_thread_serves_without_any_call(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    p2c2r_client *c = open_threaded(&f, (p2c2r_options){0});
    assert_int_equal(p2c2r_fd(c), -1);
    p2c2r_ticket t = submit(c, "hello", 5);
    while (f.submits == 0) sched_yield(); // connected, registered, sent
    p2c2r_result r = await(c, t);
    assert_int_equal(r.outcome, P2C2R_DONE);
    assert_memory_equal(r.data, "hello", 5);
    assert_int_equal(p2c2r_connected(c), 1);
    assert_int_equal(p2c2r_next_timeout_us(c), -1);
    p2c2r_release(c, &r);
    assert_int_equal(p2c2r_wait(c, t, &r, 0), P2C2R_ENOTFOUND);
    assert_int_equal(p2c2r_cancel(c, t), P2C2R_ENOTFOUND);
    p2c2r_destroy(&c);
    fake_stop(&f);
}

static void calls_do_what_they_do_without(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    p2c2r_client *c = open_threaded(&f, (p2c2r_options){0});
    static uint8_t bytes[3000000], out[sizeof bytes];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 2654435761u >> 24);
    p2c2r_task task = echo_task(bytes, sizeof bytes);
    task.out = out;
    task.out_capacity = sizeof out;
    p2c2r_result r = {.size = sizeof r};
    assert_int_equal(p2c2r_submit_wait(c, &task, &r, PATIENCE_US), P2C2R_OK);
    assert_int_equal(r.outcome, P2C2R_DONE);
    assert_ptr_equal(r.data, out);
    assert_memory_equal(out, bytes, sizeof bytes);
    p2c2r_release(c, &r);

    p2c2r_forecast forecast = {.size = sizeof forecast};
    assert_int_equal(p2c2r_can_meet_wait(c, &task, &forecast, PATIENCE_US), P2C2R_OK);
    assert_int_equal(forecast.can, 1);
    p2c2r_question question;
    assert_int_equal(p2c2r_can_meet(c, &task, &question), P2C2R_OK);
    p2c2r_status answered;
    while ((answered = p2c2r_answer(c, question, &forecast)) == P2C2R_EAGAIN) sched_yield();
    assert_int_equal(answered, P2C2R_OK);
    p2c2r_cluster cluster = {.size = sizeof cluster};
    assert_int_equal(p2c2r_cluster_wait(c, &cluster, PATIENCE_US), P2C2R_OK);
    assert_int_equal(cluster.peers, 7);
    p2c2r_terms terms = {.size = sizeof terms};
    assert_int_equal(p2c2r_connection_terms(c, &terms), P2C2R_OK);
    assert_int_equal(terms.tasks_in_flight_max, 100);

    task.type = "teleport";
    p2c2r_ticket t;
    assert_int_equal(p2c2r_submit(c, &task, &t), P2C2R_EINVAL);
    assert_true(strlen(p2c2r_last_error(c)) > 10);
    p2c2r_stats s = stats_of(c);
    assert_int_equal(s.submitted, 1);
    assert_int_equal(s.done, 1);
    assert_int_equal(s.in_flight, 0);
    assert_int_equal(s.connected, 1);
    assert_true(s.rtt_us > 0);
    p2c2r_destroy(&c);
    fake_stop(&f);
}

static void thousands_end_once_each(void **state) {
    (void)state;
    static struct fake f;
    fake_start(&f, FAKE_ECHO, MANY);
    p2c2r_client *c = open_threaded(&f, (p2c2r_options){.tasks_max = MANY});
    static uint8_t payload[SMALL], ends[3 * MANY];
    memset(ends, 0, sizeof ends);
    p2c2r_ticket t;
    for (uint32_t i = 0, open = 0; i < 3 * MANY;) {
        p2c2r_task task = echo_task(payload, i % SMALL);
        task.user = &ends[i];
        p2c2r_status status = p2c2r_submit(c, &task, &t);
        if (status == P2C2R_OK) {
            if (i++ % 7 == 0) assert_int_equal(p2c2r_cancel(c, t), P2C2R_OK);
            open++;
        } else {
            assert_int_equal(status, P2C2R_EAGAIN);
            assert_int_equal(open, MANY);
            collect(c, MANY / 2, ends);
            open -= MANY / 2;
        }
        if (i == 3 * MANY) collect(c, open, ends);
    }
    for (uint32_t i = 0; i < 3 * MANY; i++) assert_int_equal(ends[i], 1);
    p2c2r_stats s = stats_of(c);
    assert_int_equal(s.done + s.cancelled, 3 * MANY);
    assert_int_equal(s.in_flight, 0);
    p2c2r_destroy(&c);
    fake_stop(&f);
}

static void a_lost_connection_ends_what_was_sent(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_HANG_UP, 100);
    p2c2r_client *c = open_threaded(&f, (p2c2r_options){0});
    p2c2r_result r = await(c, submit(c, "x", 1));
    assert_int_equal(r.outcome, P2C2R_LOST);
    assert_int_equal(r.code, P2_ERR_CONNECTION_LOST);
    assert_true(strlen(r.reason) > 10);
    p2c2r_release(c, &r);
    f.mood = FAKE_ECHO;
    r = await(c, submit(c, "x", 1));
    assert_int_equal(r.outcome, P2C2R_DONE);
    p2c2r_release(c, &r);
    assert_int_equal(stats_of(c).reconnects, 1);
    p2c2r_destroy(&c);
    fake_stop(&f);
}

struct nosy {
    _Atomic(p2c2r_client *) client;
    atomic_uint lines, let_in;
};

// On the library's thread.
static void meddle(void *context, const char *line) {
    (void)line;
    struct nosy *n = context;
    p2c2r_client *c = n->client;
    n->lines++;
    if (!c) return; // still in p2c2r_create
    p2c2r_task task = echo_task("x", 1);
    p2c2r_ticket t;
    p2c2r_result r = {.size = sizeof r};
    p2c2r_cluster cluster = {.size = sizeof cluster};
    n->let_in += p2c2r_submit(c, &task, &t) != P2C2R_EINVAL;
    n->let_in += p2c2r_cancel(c, 1) != P2C2R_EINVAL;
    n->let_in += p2c2r_poll(c, &r, 1, 0) != 0;
    n->let_in += p2c2r_cluster_wait(c, &cluster, 0) != P2C2R_EINVAL;
}

static void the_log_callback_cannot_enter(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    struct nosy nosy = {.lines = 0};
    p2c2r_client *c = open_threaded(&f, (p2c2r_options){.log = meddle, .log_context = &nosy});
    nosy.client = c;
    f.mood = FAKE_HANG_UP; // so that lines come from now on
    p2c2r_result r = await(c, submit(c, "x", 1));
    assert_int_equal(r.outcome, P2C2R_LOST);
    p2c2r_release(c, &r);
    uint32_t lines = nosy.lines;
    while (nosy.lines == lines) sched_yield(); // it dials again
    assert_int_equal(nosy.let_in, 0);
    p2c2r_destroy(&c);
    fake_stop(&f);
}

static void destroy_with_thousands_in_flight(void **state) {
    (void)state;
    static struct fake f;
    fake_start(&f, FAKE_SILENT, MANY);
    static uint8_t payload[SMALL];
    p2c2r_task tasks[64];
    p2c2r_ticket tickets[64];
    p2c2r_status statuses[64];
    for (uint32_t i = 0; i < 64; i++) tasks[i] = echo_task(payload, sizeof payload);
    for (uint32_t round = 0; round < 2; round++) {
        p2c2r_client *c = open_threaded(&f, (p2c2r_options){.tasks_max = MANY});
        uint32_t before = f.submits;
        for (uint32_t i = 0; i < MANY / 64; i++)
            assert_int_equal(p2c2r_submit_batch(c, tasks, 64, tickets, statuses), P2C2R_OK);
        assert_int_equal(p2c2r_submit(c, tasks, tickets), P2C2R_EAGAIN);
        while (round == 0 && f.submits < before + MANY) sched_yield(); // all there; the second time wherever they are
        assert_int_equal(stats_of(c).in_flight, MANY);
        p2c2r_destroy(&c);
    }
    fake_stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_serves_without_any_call), cmocka_unit_test(calls_do_what_they_do_without),
        cmocka_unit_test(thousands_end_once_each),          cmocka_unit_test(a_lost_connection_ends_what_was_sent),
        cmocka_unit_test(the_log_callback_cannot_enter),    cmocka_unit_test(destroy_with_thousands_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
