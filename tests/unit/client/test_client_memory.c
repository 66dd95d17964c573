// The library when memory is short: each allocation of ours in turn fails, and nothing is lost, leaked or left waiting.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "p2c2r/frames.h"
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

static p2c2r_stream *open_stream(p2c2r_client *c) {
    const p2c2r_stream_options o = {.size = sizeof o,
                                    .kind = P2C2R_UPSCALE,
                                    .width = 200,
                                    .height = 200,
                                    .in_width = 100,
                                    .in_height = 100,
                                    .tiles = 4};
    return p2c2r_stream_create(c, &o);
}

// A tile for which there is no memory is filled; the frame goes on.
static void streams_do_without(void **state) {
    (void)state;
    static const unsigned char pixels[100 * 100 * 3];
    static unsigned char out[200 * 200 * 3];
    p2c2r_client *c = p2c2r_create(&(p2c2r_options){.size = sizeof(p2c2r_options), .coordinator = URL});
    assert_non_null(c);
    unsigned refused = 0;
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        t_alloc_fail_at(n);
        p2c2r_stream *s = open_stream(c);
        failed = t_alloc_failed();
        t_alloc_reset();
        refused += !s;
        p2c2r_stream_destroy(&s);
    }
    assert_true(refused >= 2); // the stream, its frames
    failed = true;
    for (uint64_t n = 1; failed; n++) {
        p2c2r_stream *s = open_stream(c);
        assert_non_null(s);
        p2c2r_frame frame = {.size = sizeof frame, .pixels = pixels, .out = out};
        uint64_t number = 0;
        t_alloc_fail_at(n);
        assert_int_equal(p2c2r_stream_submit(s, &frame, &number), P2C2R_OK);
        failed = t_alloc_failed();
        t_alloc_reset();
        p2c2r_frame_done done = {.size = sizeof done};
        while (p2c2r_stream_poll(s, &done, 1, 1000000) == 0) continue;
        assert_int_equal(done.number, 1);
        assert_int_equal(done.tiles_filled, 4); // nobody is there
        assert_int_not_equal(done.outcome, P2C2R_DONE);
        p2c2r_stream_destroy(&s);
    }
    p2c2r_destroy(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_fails_whole_or_works),
        cmocka_unit_test(submit_says_so_or_the_ticket_ends),
        cmocka_unit_test(streams_do_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
