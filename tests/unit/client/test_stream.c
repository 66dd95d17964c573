// Streams of frames against a coordinator of sockets and records, whose peers are the references of the kernels.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "client/core/fill.h"
#include "fake_coordinator.h"
#include "os/os.h"
#include "p2c2r/frames.h"

#define PATIENCE_US 20000000 // how long the tests wait for what must happen; none wait for it to pass
#define IN_W 24u
#define IN_H 40u
#define OUT_W 36u
#define OUT_H 60u
#define IN_BYTES (IN_W * IN_H * 3)
#define OUT_BYTES (OUT_W * OUT_H * 3)
#define TILES 4u
#define UPPERMOST 18u // rows of the first tile: ghosts on one side only

struct rig {
    struct fake f;
    p2c2r_client *c;
    p2c2r_stream *s;
    uint8_t pixels[IN_BYTES], whole[OUT_BYTES], out[OUT_BYTES];
};

static void reference(const char *type, const p2c2r_param *params, const void *payload, size_t size, uint8_t *out,
                      size_t out_size) {
    const struct p2_task_type *t = p2_task_type_find(p2_str(type));
    struct p2_param parsed[24];
    struct p2_params all = {parsed, 0};
    char text[256];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    for (; params->name; params++) {
        const struct p2_param_spec *spec = t->params;
        while (strcmp(spec->name, params->name) != 0) spec++;
        assert_int_equal(p2_param_parse(spec, params->value, &parsed[all.count], &why), P2_OK);
        parsed[all.count++].name = p2_str(spec->name);
    }
    _Alignas(16) uint8_t block[P2_BLOCK_MAX];
    struct p2_task_cost cost;
    size_t got;
    assert_int_equal(t->prepare(&all, size, block, &cost, &why), P2_OK);
    assert_int_equal(t->reference(block, payload, size, out, out_size, &got), P2_OK);
    assert_int_equal(got, out_size);
}

static const p2c2r_param balanced[] = {{"quality", "balanced"}};

static p2c2r_stream_options upscale_options(void) {
    return (p2c2r_stream_options){.size = sizeof(p2c2r_stream_options),
                                  .kind = P2C2R_UPSCALE,
                                  .width = OUT_W,
                                  .height = OUT_H,
                                  .in_width = IN_W,
                                  .in_height = IN_H,
                                  .params = balanced,
                                  .param_count = 1,
                                  .tiles = TILES,
                                  .deadline_ms = 15000,
                                  .no_hedge = 1};
}

static void open_threaded(struct rig *r, enum fake_mood mood, p2c2r_stream_options o, int32_t thread) {
    memset(r, 0, sizeof *r);
    fake_start(&r->f, mood, 100);
    r->c = p2c2r_create(&(p2c2r_options){.size = sizeof(p2c2r_options), .coordinator = r->f.url, .io_thread = thread});
    assert_non_null(r->c);
    r->s = p2c2r_stream_create(r->c, &o);
    if (!r->s) fail_msg("%s", p2c2r_last_error(r->c));
    for (size_t i = 0; i < IN_BYTES; i++) r->pixels[i] = (uint8_t)(i % 7 * 30 + i / 300);
    static const p2c2r_param params[] = {
        {"input_res", "24x40"}, {"output_res", "36x60"}, {"quality", "balanced"}, {NULL, NULL}};
    reference("upscale", params, r->pixels, IN_BYTES, r->whole, OUT_BYTES);
}

static void open_with(struct rig *r, enum fake_mood mood, p2c2r_stream_options o) { open_threaded(r, mood, o, 0); }

static void shut(struct rig *r) {
    while (!p2c2r_connected(r->c)) p2c2r_poll(r->c, NULL, 0, 1000); // as in test_client.c
    p2c2r_stream_destroy(&r->s);
    assert_null(r->s);
    p2c2r_destroy(&r->c);
    fake_stop(&r->f);
}

static uint64_t submit(struct rig *r, uint8_t *out) {
    p2c2r_frame frame = {.size = sizeof frame, .pixels = r->pixels, .out = out, .user = r};
    uint64_t number = 0;
    assert_int_equal(p2c2r_stream_submit(r->s, &frame, &number), P2C2R_OK);
    return number;
}

static p2c2r_frame_done await(struct rig *r) {
    p2c2r_frame_done done = {.size = sizeof done};
    assert_int_equal(p2c2r_stream_poll(r->s, &done, 1, PATIENCE_US), 1);
    return done;
}

// Plain bilinear, within rounding.
static void assert_filled(const struct rig *r, uint32_t first, uint32_t rows) {
    struct fill f = {r->pixels, IN_W, IN_H, OUT_W, OUT_H, 3};
    uint8_t *plain = malloc(OUT_BYTES);
    assert_non_null(plain);
    p2_fill_rows(&f, first, rows, plain);
    assert_memory_equal(r->out + (size_t)first * OUT_W * 3, plain, (size_t)rows * OUT_W * 3);
    free(plain);
}

static void frames_are_gathered_in_place(void **state) {
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
        struct rig r;
        open_with(&r, FAKE_COMPUTE, upscale_options());
        r.f.pack = packed;
        for (uint64_t n = 1; n <= 6; n++) {
            memset(r.out, 0, OUT_BYTES);
            assert_int_equal(submit(&r, r.out), n);
            p2c2r_frame_done done = await(&r);
            assert_int_equal(done.number, n);
            assert_int_equal(done.outcome, P2C2R_DONE);
            assert_int_equal(done.code, 0);
            assert_string_equal(done.code_name, "Ok");
            assert_int_equal(done.tiles, TILES);
            assert_int_equal(done.tiles_filled + done.tiles_hedged, 0);
            assert_int_equal(done.dropped, 0);
            assert_int_equal(done.missing, P2C2R_DONE);
            assert_string_equal(done.reason, "");
            assert_int_equal(done.kernel_us, TILES); // the fake's
            assert_ptr_equal(done.user, &r);
            assert_ptr_equal(done.out, r.out);
            assert_memory_equal(r.out, r.whole, OUT_BYTES);
        }
        assert_int_equal(r.f.submits, 6 * TILES);
        shut(&r);
    }
}

// The same where the library has a thread of its own; the caller submits tasks beside it.
static void a_thread_gathers_them_as_well(void **state) {
    (void)state;
    struct rig r;
    p2c2r_stream_options o = upscale_options();
    o.ordered = 1;
    o.no_hedge = 0;
    open_threaded(&r, FAKE_COMPUTE, o, 1);
    uint8_t *out = calloc(3, OUT_BYTES);
    assert_non_null(out);
    uint32_t echoes = 0;
    for (uint64_t n = 1; n <= 30; n += 3) {
        for (uint32_t i = 0; i < 3; i++) submit(&r, out + (size_t)i * OUT_BYTES);
        p2c2r_task task = {
            .size = sizeof task, .type = "echo", .payload = "x", .payload_size = 1, .deadline_ms = 15000};
        p2c2r_ticket ticket;
        assert_int_equal(p2c2r_submit(r.c, &task, &ticket), P2C2R_OK);
        for (uint32_t i = 0; i < 3; i++) {
            p2c2r_frame_done done = await(&r);
            assert_int_equal(done.number, n + i);
            assert_int_equal(done.outcome, P2C2R_DONE);
            assert_memory_equal(done.out, r.whole, OUT_BYTES);
        }
        p2c2r_result result = {.size = sizeof result};
        if (p2c2r_poll(r.c, &result, 1, PATIENCE_US) != 1) continue;
        echoes++;
        p2c2r_release(r.c, &result);
    }
    assert_int_equal(echoes, 10);
    r.f.mood = FAKE_SILENT;
    submit(&r, out); // under way when it is destroyed
    shut(&r);
    free(out);
}

static void who_waits_for_tickets_hears_of_frames(void **state) {
    (void)state;
    struct rig r;
    open_with(&r, FAKE_COMPUTE, upscale_options());
    submit(&r, r.out);
    p2_ns began = p2_clock_now();
    p2c2r_result result = {.size = sizeof result};
    assert_int_equal(p2c2r_poll(r.c, &result, 1, PATIENCE_US), 0);
    assert_int_equal(p2c2r_poll(r.c, &result, 1, PATIENCE_US), 0); // it is still there
    assert_true(p2_clock_now() - began < PATIENCE_US * P2_US);
    p2c2r_frame_done done = {.size = sizeof done};
    assert_int_equal(p2c2r_stream_poll(r.s, &done, 1, 0), 1);
    assert_int_equal(done.outcome, P2C2R_DONE);
    shut(&r);
}

static void a_rendered_frame_is_the_whole(void **state) {
    (void)state;
    const struct p2_known_answer *scene = &p2_task_type_find(p2_str("raytracing"))->known_answers[0];
    static const p2c2r_param common[] = {{"mode", "path"}, {"samples_per_pixel", "2"}, {"denoise", "1"}};
    static const p2c2r_param camera[] = {{"position", "0,1,4"}, {"direction", "0,-0.2,-1"}};
    static const p2c2r_param all[] = {{"resolution", "40x30"},
                                      {"mode", "path"},
                                      {"samples_per_pixel", "2"},
                                      {"denoise", "1"},
                                      {"position", "0,1,4"},
                                      {"direction", "0,-0.2,-1"},
                                      {NULL, NULL}};
    const p2c2r_stream_options o = {.size = sizeof o,
                                    .kind = P2C2R_RAYTRACE,
                                    .width = 40,
                                    .height = 30,
                                    .params = common,
                                    .param_count = 3,
                                    .tiles = 4,
                                    .deadline_ms = 15000,
                                    .no_hedge = 1};
    static uint8_t whole[40 * 30 * 3], out[40 * 30 * 3];
    reference("raytracing", all, scene->payload, scene->payload_size, whole, sizeof whole);
    struct rig r;
    open_with(&r, FAKE_COMPUTE, o);
    p2c2r_frame frame = {.size = sizeof frame,
                         .scene_bytes = scene->payload,
                         .scene_size = scene->payload_size,
                         .params = camera,
                         .param_count = 2,
                         .out = out};
    uint64_t number;
    assert_int_equal(p2c2r_stream_submit(r.s, &frame, &number), P2C2R_OK);
    p2c2r_frame_done done = await(&r);
    assert_int_equal(done.outcome, P2C2R_DONE);
    assert_int_equal(done.tiles, 4);
    assert_memory_equal(out, whole, sizeof whole);
    assert_int_equal(r.f.submits, 5); // a coarse picture too
    static const p2c2r_param wrong[] = {{"direction", "0,0,0"}};
    frame.params = wrong;
    frame.param_count = 1;
    assert_int_equal(p2c2r_stream_submit(r.s, &frame, &number), P2C2R_EINVAL);
    assert_non_null(strstr(p2c2r_last_error(r.c), "direction"));
    shut(&r);
}

// The coarse picture comes, its bands do not.
static void rendered_bands_are_filled_from_the_coarse_picture(void **state) {
    (void)state;
    const struct p2_known_answer *scene = &p2_task_type_find(p2_str("raytracing"))->known_answers[0];
    const p2c2r_stream_options o = {.size = sizeof o,
                                    .kind = P2C2R_RAYTRACE,
                                    .width = 16,
                                    .height = 16,
                                    .tiles = 2,
                                    .deadline_ms = 400,
                                    .no_hedge = 1};
    static uint8_t coarse[2 * 2 * 3], out[16 * 16 * 3], expected[16 * 16 * 3];
    static const p2c2r_param all[] = {{"resolution", "2x2"}, {NULL, NULL}};
    reference("raytracing", all, scene->payload, scene->payload_size, coarse, sizeof coarse);
    const struct fill f = {coarse, 2, 2, 16, 16, 3};
    p2_fill_rows(&f, 0, 16, expected);
    struct rig r;
    open_with(&r, FAKE_COMPUTE, o);
    while (!p2c2r_connected(r.c)) p2c2r_poll(r.c, NULL, 0, 1000);
    r.f.silent_above = sizeof coarse;
    p2c2r_frame frame = {
        .size = sizeof frame, .scene_bytes = scene->payload, .scene_size = scene->payload_size, .out = out};
    uint64_t number;
    assert_int_equal(p2c2r_stream_submit(r.s, &frame, &number), P2C2R_OK);
    p2c2r_frame_done done = await(&r);
    assert_int_equal(done.outcome, P2C2R_EXPIRED);
    assert_int_equal(done.tiles_filled, 2);
    assert_memory_equal(out, expected, sizeof out);
    shut(&r);
}

// No coarse picture either: the rows next to them.
static void rendered_bands_are_filled_from_their_neighbours(void **state) {
    (void)state;
    const struct p2_known_answer *scene = &p2_task_type_find(p2_str("raytracing"))->known_answers[0];
    const p2c2r_stream_options o = {.size = sizeof o,
                                    .kind = P2C2R_RAYTRACE,
                                    .width = 16,
                                    .height = 16,
                                    .tiles = 2,
                                    .deadline_ms = 400,
                                    .no_coarse = 1,
                                    .no_hedge = 1};
    static uint8_t out[16][16 * 3], whole[16][16 * 3];
    static const p2c2r_param all[] = {{"resolution", "16x16"}, {NULL, NULL}};
    reference("raytracing", all, scene->payload, scene->payload_size, whole[0], sizeof whole);
    struct rig r;
    open_with(&r, FAKE_COMPUTE, o);
    while (!p2c2r_connected(r.c)) p2c2r_poll(r.c, NULL, 0, 1000);
    r.f.silent = 1; // the upper one
    p2c2r_frame frame = {
        .size = sizeof frame, .scene_bytes = scene->payload, .scene_size = scene->payload_size, .out = out};
    uint64_t number;
    assert_int_equal(p2c2r_stream_submit(r.s, &frame, &number), P2C2R_OK);
    p2c2r_frame_done done = await(&r);
    assert_int_equal(done.outcome, P2C2R_DONE);
    assert_int_equal(done.tiles_filled, 1);
    for (uint32_t y = 0; y < 16; y++) assert_memory_equal(out[y], whole[y < 8 ? 8 : y], sizeof *out);
    shut(&r);
}

static void a_band_that_does_not_come_is_sent_again(void **state) {
    (void)state;
    struct rig r;
    p2c2r_stream_options o = upscale_options();
    o.no_hedge = 0;
    o.deadline_ms = 2000;
    open_with(&r, FAKE_COMPUTE, o);
    r.f.silent = 1;
    submit(&r, r.out);
    p2c2r_frame_done done = await(&r);
    assert_int_equal(done.outcome, P2C2R_DONE);
    assert_int_equal(done.tiles_hedged, 1);
    assert_int_equal(done.tiles_filled, 0);
    assert_memory_equal(r.out, r.whole, OUT_BYTES);
    assert_int_equal(r.f.submits, TILES + 1);
    while (r.f.cancels == 0) p2c2r_poll(r.c, NULL, 0, 1000); // the first is not wanted any more
    shut(&r);
}

static void a_frame_is_never_late_for_one_band(void **state) {
    (void)state;
    struct rig r;
    p2c2r_stream_options o = upscale_options();
    o.deadline_ms = 300;
    open_with(&r, FAKE_COMPUTE, o);
    while (!p2c2r_connected(r.c)) p2c2r_poll(r.c, NULL, 0, 1000);
    r.f.silent = 1; // the uppermost
    submit(&r, r.out);
    p2c2r_frame_done done = await(&r);
    assert_int_equal(done.outcome, P2C2R_DONE);
    assert_int_equal(done.tiles_filled, 1);
    assert_int_equal(done.missing, P2C2R_EXPIRED);
    assert_int_equal(done.code, P2_ERR_DEADLINE_EXCEEDED);
    assert_string_equal(done.reason, "its deadline has passed");
    assert_true(done.latency_us >= 300000);
    assert_filled(&r, 0, UPPERMOST);
    size_t below = (size_t)OUT_W * 3 * UPPERMOST;
    assert_memory_equal(r.out + below, r.whole + below, OUT_BYTES - below);
    shut(&r);
}

static void without_anybody_the_frame_is_plain(void **state) {
    (void)state;
    static const struct {
        enum fake_mood mood;
        p2c2r_outcome outcome;
        enum p2_err code;
    } cases[] = {{FAKE_FAIL, P2C2R_FAILED, P2_ERR_ATTEMPTS_EXHAUSTED},
                 {FAKE_ECHO, P2C2R_FAILED, P2_ERR_BAD_PAYLOAD}, // results of the wrong size
                 {FAKE_BAD_ZSTD, P2C2R_FAILED, P2_ERR_BAD_PAYLOAD},
                 {FAKE_SILENT, P2C2R_EXPIRED, P2_ERR_DEADLINE_EXCEEDED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig r;
        p2c2r_stream_options o = upscale_options();
        o.deadline_ms = 400;
        open_with(&r, cases[i].mood, o);
        while (!p2c2r_connected(r.c)) p2c2r_poll(r.c, NULL, 0, 1000);
        submit(&r, r.out);
        p2c2r_frame_done done = await(&r);
        assert_int_equal(done.outcome, cases[i].outcome);
        assert_int_equal(done.code, cases[i].code);
        assert_int_equal(done.tiles_filled, TILES);
        assert_int_equal(done.missing, done.outcome);
        assert_true(done.reason[0] != 0);
        assert_filled(&r, 0, OUT_H);
        shut(&r);
    }
}

static void the_newest_wins(void **state) {
    (void)state;
    struct rig r;
    p2c2r_stream_options o = upscale_options();
    o.frames_max = 2;
    open_with(&r, FAKE_SILENT, o);
    uint8_t *more = malloc(4 * (size_t)OUT_BYTES);
    assert_non_null(more);
    for (uint32_t i = 0; i < 4; i++) submit(&r, more + (size_t)i * OUT_BYTES);
    assert_int_equal(p2c2r_next_timeout_us(r.c), 0); // frames to be polled
    for (uint64_t n = 1; n <= 2; n++) {
        p2c2r_frame_done done = await(&r);
        assert_int_equal(done.number, n);
        assert_int_equal(done.outcome, P2C2R_CANCELLED);
        assert_int_equal(done.dropped, 1);
    }
    p2c2r_stream_destroy(&r.s); // with two under way
    r.s = NULL;
    shut(&r);
    free(more);

    o.refuse = 1;
    open_with(&r, FAKE_SILENT, o);
    submit(&r, r.out);
    submit(&r, r.out);
    p2c2r_frame frame = {.size = sizeof frame, .pixels = r.pixels, .out = r.out};
    uint64_t number;
    assert_int_equal(p2c2r_stream_submit(r.s, &frame, &number), P2C2R_EAGAIN);
    shut(&r);
}

static void frames_nobody_polls_are_bounded(void **state) {
    (void)state;
    struct rig r;
    p2c2r_stream_options o = upscale_options();
    o.frames_max = 1;
    o.tiles = 1;
    open_with(&r, FAKE_SILENT, o);
    p2c2r_frame frame = {.size = sizeof frame, .pixels = r.pixels, .out = r.out};
    uint64_t number;
    uint32_t taken = 0, n = 0;
    while (p2c2r_stream_submit(r.s, &frame, &number) == P2C2R_OK) assert_true(++taken < 100);
    assert_int_equal(taken, 65);
    p2c2r_frame_done done[100] = {{.size = sizeof *done}};
    n = p2c2r_stream_poll(r.s, done, 100, 0);
    assert_int_equal(n, 64);
    for (uint32_t i = 0; i < n; i++) assert_int_equal(done[i].number, i + 1);
    assert_int_equal(p2c2r_stream_submit(r.s, &frame, &number), P2C2R_OK);
    shut(&r);
}

static void whole_frames_in_order(void **state) {
    (void)state;
    struct rig r;
    p2c2r_stream_options o = upscale_options();
    o.mode = P2C2R_TEMPORAL;
    o.ordered = 1;
    o.frames_max = 8;
    open_with(&r, FAKE_COMPUTE, o);
    uint8_t *out = calloc(8, OUT_BYTES);
    assert_non_null(out);
    for (uint32_t i = 0; i < 8; i++) submit(&r, out + (size_t)i * OUT_BYTES);
    for (uint64_t n = 1; n <= 8; n++) {
        p2c2r_frame_done done = await(&r);
        assert_int_equal(done.number, n);
        assert_int_equal(done.tiles, 1);
        assert_memory_equal(done.out, r.whole, OUT_BYTES);
    }
    assert_int_equal(r.f.submits, 8);
    free(out);
    shut(&r);
}

// Tiles have tickets that the caller never sees, and its own are as ever.
static void the_callers_own_tickets_are_its_own(void **state) {
    (void)state;
    struct rig r;
    open_with(&r, FAKE_SILENT, upscale_options());
    submit(&r, r.out);
    p2c2r_result result = {.size = sizeof result};
    for (p2c2r_ticket t = UINT64_C(1) << 32; t < (UINT64_C(1) << 32) + TILES; t++) {
        assert_int_equal(p2c2r_cancel(r.c, t), P2C2R_ENOTFOUND);
        assert_int_equal(p2c2r_wait(r.c, t, &result, 0), P2C2R_ENOTFOUND);
    }
    p2c2r_task task = {.size = sizeof task, .type = "echo", .payload = "x", .payload_size = 1, .deadline_ms = 15000};
    p2c2r_ticket ticket;
    r.f.mood = FAKE_ECHO;
    assert_int_equal(p2c2r_submit(r.c, &task, &ticket), P2C2R_OK);
    while (p2c2r_poll(r.c, &result, 1, PATIENCE_US) != 1) continue;
    assert_int_equal(result.ticket, ticket);
    p2c2r_release(r.c, &result);
    p2c2r_destroy(&r.c); // and its stream
    fake_stop(&r.f);
}

static void wrong_options_are_sentences(void **state) {
    (void)state;
    p2c2r_client *c = p2c2r_create(&(p2c2r_options){.size = sizeof(p2c2r_options), .coordinator = "ws://127.0.0.1:9"});
    assert_non_null(c);
    static const p2c2r_param unknown[] = {{"colour", "red"}};
    p2c2r_stream_options wrong[8];
    for (size_t i = 0; i < 8; i++) wrong[i] = upscale_options();
    wrong[0].size = 4;
    wrong[1].kind = 3;
    wrong[2].tiles = P2C2R_TILES_MAX + 1;
    wrong[3].frames_max = P2C2R_FRAMES_UNDER_WAY_MAX + 1;
    wrong[4].width = 1;
    wrong[5].params = unknown;
    wrong[6].deadline_ms = -1;
    wrong[7].channels = 2;
    for (size_t i = 0; i < 8; i++) {
        assert_null(p2c2r_stream_create(c, &wrong[i]));
        assert_true(p2c2r_last_error(c)[0] != 0);
    }
    p2c2r_stream_options o = upscale_options();
    p2c2r_stream *s = p2c2r_stream_create(c, &o);
    assert_non_null(s);
    uint64_t number;
    uint8_t pixel[1];
    p2c2r_frame frame = {.size = sizeof frame, .pixels = pixel};
    assert_int_equal(p2c2r_stream_submit(s, &frame, &number), P2C2R_EINVAL); // no place for it
    assert_int_equal(p2c2r_stream_submit(s, NULL, &number), P2C2R_EINVAL);
    assert_int_equal(p2c2r_stream_poll(s, NULL, 0, 0), 0);
    p2c2r_destroy(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_gathered_in_place),
        cmocka_unit_test(a_thread_gathers_them_as_well),
        cmocka_unit_test(who_waits_for_tickets_hears_of_frames),
        cmocka_unit_test(a_rendered_frame_is_the_whole),
        cmocka_unit_test(rendered_bands_are_filled_from_the_coarse_picture),
        cmocka_unit_test(rendered_bands_are_filled_from_their_neighbours),
        cmocka_unit_test(a_band_that_does_not_come_is_sent_again),
        cmocka_unit_test(a_frame_is_never_late_for_one_band),
        cmocka_unit_test(without_anybody_the_frame_is_plain),
        cmocka_unit_test(the_newest_wins),
        cmocka_unit_test(frames_nobody_polls_are_bounded),
        cmocka_unit_test(whole_frames_in_order),
        cmocka_unit_test(the_callers_own_tickets_are_its_own),
        cmocka_unit_test(wrong_options_are_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
