// The library when memory is short: each allocation of ours in turn fails, and nothing is lost, leaked or left waiting.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "p2c2r/p2c2r.h"
#include "testlib.h"

#define URL "ws://127.0.0.1:9" // nobody there: this is about our own memory

static void create(int32_t io_thread) {
    const p2c2r_options options = {.size = sizeof options,
                                   .coordinator = URL,
                                   .tasks_max = 16,
                                   .io_thread = io_thread,
                                   .local_executor = "/nonexistent/executor"};
    unsigned refused = 0;
    for (uint64_t n = 1;; n++) {
        t_alloc_fail_at(n);
        p2c2r_client *c = p2c2r_create(&options);
        bool failed = t_alloc_failed();
        t_alloc_reset();
        if (!c) refused++;
        if (c && !failed) {
            p2c2r_destroy(&c);
            break;
        }
        p2c2r_destroy(&c);
    }
    assert_true(refused > 5); // the client, its tables, its session, its codec, its loop
}

static void create_fails_whole_or_works(void **state) {
    (void)state;
    create(0);
    create(1); // what its thread asks for may be what fails
}

static void submit_says_so_or_the_ticket_ends(void **state) {
    (void)state;
    static const unsigned char payload[100000];
    static const p2c2r_param params[] = {{"input_res", "100x100"}, {"output_res", "200x200"}, {"format", "png"}};
    const p2c2r_task task = {.size = sizeof task,
                             .type = "upscale",
                             .params = params,
                             .param_count = 3,
                             .payload = payload,
                             .payload_size = sizeof payload,
                             .deadline_ms = 20000}; // open till the end, so that each submit needs memory of its own
    p2c2r_client *c = p2c2r_create(&(p2c2r_options){.size = sizeof(p2c2r_options), .coordinator = URL});
    assert_non_null(c);
    unsigned short_of = 0, taken = 0;
    p2c2r_ticket tickets[16];
    for (uint64_t n = 1;; n++) {
        p2c2r_ticket t = 0;
        t_alloc_fail_at(n);
        p2c2r_status status = p2c2r_submit(c, &task, &t);
        bool failed = t_alloc_failed();
        t_alloc_reset();
        if (status == P2C2R_ENOMEM) {
            short_of++;
            assert_true(strlen(p2c2r_last_error(c)) > 0);
        } else {
            assert_int_equal(status, P2C2R_OK);
            tickets[taken++] = t;
            assert_true(taken < 16);
        }
        if (!failed) break;
    }
    assert_true(short_of + taken >= 3);    // parameters and payload, each in turn; a pool may have helped itself
    for (unsigned i = 0; i < taken; i++) { // all that were taken end
        p2c2r_result r = {.size = sizeof r};
        assert_int_equal(p2c2r_cancel(c, tickets[i]), P2C2R_OK);
        assert_int_equal(p2c2r_poll(c, &r, 1, 0), 1);
        assert_int_equal(r.outcome, P2C2R_CANCELLED);
        p2c2r_release(c, &r);
    }
    p2c2r_destroy(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_fails_whole_or_works),
        cmocka_unit_test(submit_says_so_or_the_ticket_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
