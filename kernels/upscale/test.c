// Upscale: both sets of kernels against the reference, within one level everywhere; codecs; refusals; steady state.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "image/image.h"
#include "rig.h"

struct shape {
    unsigned w, h, out_w, out_h, channels;
};

enum content { NOISE, GRADIENT, EXTREMES, EDGES, CONTENTS };
static const char *const filters[] = {"quality=fast",
                                      "algorithm=bicubic",
                                      "algorithm=lanczos",
                                      "quality=quality",
                                      "quality=balanced",
                                      "quality=balanced sharpness=1",
                                      "quality=balanced sharpness=0"};
#define FILTERS (sizeof filters / sizeof *filters)

static uint8_t *paint(const struct shape *s, enum content content, struct p2_rng *rng) {
    uint8_t *pixels = malloc((size_t)s->w * s->h * s->channels);
    uint8_t *p = pixels;
    for (unsigned y = 0; y < s->h; y++)
        for (unsigned x = 0; x < s->w; x++)
            for (unsigned c = 0; c < s->channels; c++) {
                switch (content) {
                case NOISE: *p++ = (uint8_t)p2_rng_next(rng); break;
                case GRADIENT: *p++ = (uint8_t)(x * 5 + y * 3 + c * 40); break;
                case EXTREMES: *p++ = p2_rng_next(rng) & 1 ? 255 : 0; break;
                default: *p++ = (3 * x + 2 * y + c) % 23 < 9 ? 20 : 230; break;
                }
            }
    return pixels;
}

static void describe(const struct shape *s, const char *filter, char *out, size_t capacity) {
    snprintf(out, capacity, "input_res=%ux%u output_res=%ux%u channels=%u %s", s->w, s->h, s->out_w, s->out_h,
             s->channels, filter);
}

static void compare(const struct rig_result *r, const uint8_t *pixels, size_t size, const char *what) {
    const struct p2_task_type *t = p2_task_type_find(p2_str("upscale"));
    if (r->code != P2_OK) fail_msg("%s: %d %s", what, r->code, r->why);
    uint8_t *expected = malloc(r->size);
    size_t expected_size;
    assert_int_equal(t->reference(r->block, pixels, size, expected, r->size, &expected_size), P2_OK);
    assert_int_equal(r->size, expected_size);
    for (size_t i = 0; i < r->size; i++)
        if (!t->equal(r->block, r->bytes + i, 1, expected + i, 1))
            fail_msg("%s: byte %zu is %d, by the reference %d", what, i, r->bytes[i], expected[i]);
    if (r->overran) fail_msg("%s: wrote beyond the result", what);
    free(expected);
}

static void check(enum rig_device device, const struct shape *s, const char *filter, enum content content,
                  struct p2_rng *rng) {
    char params[160], what[256];
    describe(s, filter, params, sizeof params);
    snprintf(what, sizeof what, "%s kernels, content %d, %s", device == RIG_PIXELS ? "GPU" : "CPU", content, params);
    uint8_t *pixels = paint(s, content, rng);
    size_t size = (size_t)s->w * s->h * s->channels;
    struct rig_result r;
    rig_run(
        &(struct rig_job){
            .device = device, .type = "upscale", .params = params, .payload = pixels, .payload_size = size},
        &r);
    compare(&r, pixels, size, what);
    rig_free(&r);
    free(pixels);
}

// Ratios of each side, sizes from one pixel to more than a strip, three and four channels, every filter.
static void equals_the_reference(enum rig_device device) {
    static const double ratios[] = {1, 1.01, 1.5, 2, 3.7, 4};
    static const unsigned sides[][2] = {{1, 1}, {1, 7}, {9, 1}, {5, 3}, {17, 13}, {33, 35}, {40, 66}, {131, 19}};
    struct p2_rng rng;
    p2_rng_init(&rng, 11);
    unsigned turn = 0;
    for (size_t i = 0; i < 8; i++)
        for (size_t rx = 0; rx < 6; rx++)
            for (size_t ry = 0; ry < 6; ry++) {
                if (rx != ry && (i + rx + ry) % 4) continue;
                struct shape s = {.w = sides[i][0], .h = sides[i][1], .channels = 3 + turn % 2};
                s.out_w = (unsigned)(s.w * ratios[rx]);
                s.out_h = (unsigned)(s.h * ratios[ry]);
                for (size_t f = 0; f < FILTERS; f++)
                    check(device, &s, filters[f], (enum content)(turn++ % CONTENTS), &rng);
                turn++; // so that channels, content and filters do not march in step
            }
}

static void cpu_kernels_equal_the_reference(void **state) {
    (void)state;
    equals_the_reference(RIG_VECTORS);
}

static void gpu_kernels_equal_the_reference(void **state) {
    (void)state;
    equals_the_reference(RIG_PIXELS);
}

static void twice_as_large_in_every_content(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 12);
    for (unsigned w = 14; w <= 36; w++)
        for (unsigned channels = 3; channels <= 4; channels++)
            for (size_t f = 0; f < 5; f++) {
                struct shape s = {.w = w, .h = 9, .out_w = 2 * w, .out_h = 18, .channels = channels};
                check(RIG_VECTORS, &s, filters[f], (enum content)(w % CONTENTS), &rng);
            }
}

// Long enough for several bands and several launches, and the longest side there is.
static void long_work_is_cut_and_whole(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 13);
    static const struct shape shapes[] = {{300, 260, 1030, 1040, 4}, {16384, 1, 16384, 2, 3}, {2, 4200, 7, 16384, 4}};
    for (enum rig_device d = RIG_VECTORS; d <= RIG_PIXELS; d++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            check(d, &shapes[i], "quality=balanced", EDGES, &rng);
    const struct shape frame = {1100, 1000, 2200, 2000, 4};
    check(RIG_VECTORS, &frame, "quality=fast", NOISE, &rng);
    const struct shape strips = {530, 70, 1060, 140, 4}, launches = {1100, 130, 2200, 260, 3};
    for (enum rig_device d = RIG_VECTORS; d <= RIG_PIXELS; d++) check(d, &strips, "quality=quality", EDGES, &rng);
    check(RIG_VECTORS, &launches, "quality=quality", EXTREMES, &rng);
}

// ---- codecs ----

static size_t encode(enum p2_image_format f, const uint8_t *pixels, const struct shape *s, uint8_t **out) {
    size_t bound = p2_image_encode_bound(f, s->w, s->h, s->channels), size;
    *out = malloc(bound);
    assert_int_equal(p2_image_encode(&(struct p2_image_info){f, s->w, s->h, s->channels}, pixels,
                                     f == P2_IMAGE_WEBP ? 101 : 90, *out, bound, &size),
                     P2_OK);
    return size;
}

static uint8_t *decode(const uint8_t *bytes, size_t size, unsigned w, unsigned h, unsigned channels) {
    struct p2_image_info is;
    assert_int_equal(p2_image_probe(bytes, size, &is), P2_OK);
    assert_int_equal(is.width, w);
    assert_int_equal(is.height, h);
    is.channels = channels;
    uint8_t *pixels = malloc((size_t)w * h * channels);
    assert_int_equal(p2_image_decode(bytes, size, &is, pixels, (size_t)w * h * channels), P2_OK);
    return pixels;
}

static double mean_difference(const uint8_t *a, const uint8_t *b, size_t size) {
    double sum = 0;
    for (size_t i = 0; i < size; i++) sum += abs(a[i] - b[i]);
    return sum / (double)size;
}

// PNG in and each format out: the same pixels as raw in and raw out, exactly where the format keeps them.
static void encoded_pictures_go_in_and_out(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double tolerance;
    } formats[] = {{"raw", 0}, {"png", 0}, {"jpeg", 4}, {"webp", 4}, {"ppm", 0}};
    const struct shape s = {61, 43, 122, 86, 3};
    struct p2_rng rng;
    p2_rng_init(&rng, 14);
    uint8_t *pixels = paint(&s, GRADIENT, &rng), *png;
    size_t png_size = encode(P2_IMAGE_PNG, pixels, &s, &png);
    struct rig_result plain;
    rig_run(&(struct rig_job){.device = RIG_VECTORS,
                              .type = "upscale",
                              .params = "input_res=61x43 output_res=122x86",
                              .payload = pixels,
                              .payload_size = (size_t)61 * 43 * 3},
            &plain);
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++)
        for (size_t f = 0; f < 5; f++) {
            char params[160];
            snprintf(params, sizeof params,
                     "input_res=61x43 output_res=122x86 format=png result_format=%s jpeg_quality=95", formats[f].name);
            struct rig_result r;
            rig_run(
                &(struct rig_job){
                    .device = d, .type = "upscale", .params = params, .payload = png, .payload_size = png_size},
                &r);
            if (r.code != P2_OK) fail_msg("%s: %s", params, r.why);
            uint8_t *got = f ? decode(r.bytes, r.size, 122, 86, 3) : r.bytes;
            double difference = mean_difference(got, plain.bytes, plain.size);
            if (difference > formats[f].tolerance + (d == RIG_VECTORS ? 0 : 1)) fail_msg("%s: %g", params, difference);
            if (f) free(got);
            rig_free(&r);
        }
    rig_free(&plain);
    free(pixels);
    free(png);
}

static void alpha_travels_through_png_and_webp(void **state) {
    (void)state;
    const struct shape s = {20, 10, 40, 20, 4};
    struct p2_rng rng;
    p2_rng_init(&rng, 15);
    uint8_t *pixels = paint(&s, EDGES, &rng);
    static const enum p2_image_format formats[] = {P2_IMAGE_PNG, P2_IMAGE_WEBP};
    for (size_t i = 0; i < 2; i++) {
        uint8_t *bytes;
        size_t size = encode(formats[i], pixels, &s, &bytes);
        char params[160];
        snprintf(params, sizeof params,
                 "input_res=20x10 output_res=40x20 channels=4 format=%s result_format=raw quality=fast",
                 p2_image_format_name(formats[i]));
        struct rig_result r;
        rig_run(
            &(struct rig_job){
                .device = RIG_VECTORS, .type = "upscale", .params = params, .payload = bytes, .payload_size = size},
            &r);
        if (formats[i] == P2_IMAGE_PNG) compare(&r, pixels, (size_t)20 * 10 * 4, params);
        assert_int_equal(r.code, P2_OK);
        assert_int_equal(r.bytes[3], pixels[3]); // a corner keeps its value
        rig_free(&r);
        free(bytes);
    }
    free(pixels);
}

static void broken_pictures_are_bad_payloads(void **state) {
    (void)state;
    const struct shape s = {20, 10, 40, 20, 3};
    struct p2_rng rng;
    p2_rng_init(&rng, 16);
    uint8_t *pixels = paint(&s, NOISE, &rng), *png;
    size_t size = encode(P2_IMAGE_PNG, pixels, &s, &png);
    struct {
        const char *params;
        size_t size;
    } cases[] = {{"input_res=20x10 output_res=40x20 format=png", size - 20},
                 {"input_res=20x11 output_res=40x20 format=png", size},
                 {"input_res=20x10 output_res=40x20 format=jpeg", size},
                 {"input_res=20x10 output_res=40x20 format=webp", 5}};
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct rig_result r;
            rig_run(&(struct rig_job){.device = d,
                                      .type = "upscale",
                                      .params = cases[i].params,
                                      .payload = png,
                                      .payload_size = cases[i].size},
                    &r);
            assert_int_equal(r.code, P2_ERR_BAD_PAYLOAD);
            assert_non_null(strstr(r.why, "payload"));
            rig_free(&r);
        }
    free(pixels);
    free(png);
}

static void a_cancelled_job_ends_so(void **state) {
    (void)state;
    struct rig_result r;
    const uint8_t pixel[3] = {1, 2, 3};
    for (size_t f = 0; f < FILTERS; f++) {
        char params[160];
        describe(&(struct shape){1, 1, 2, 2, 3}, filters[f], params, sizeof params);
        rig_run(&(struct rig_job){.device = RIG_VECTORS,
                                  .type = "upscale",
                                  .params = params,
                                  .payload = pixel,
                                  .payload_size = 3,
                                  .cancelled = true},
                &r);
        assert_int_equal(r.code, P2_ERR_CANCELLED);
        rig_free(&r);
    }
}

static void steady_work_allocates_nothing(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 17);
    const struct shape s = {100, 60, 250, 150, 4};
    uint64_t before = 0;
    for (int round = 0; round < 4; round++) {
        for (size_t f = 0; f < FILTERS; f++) check(RIG_VECTORS, &s, filters[f], NOISE, &rng);
        if (round == 1) before = rig_allocations(RIG_VECTORS);
    }
    assert_int_equal(rig_allocations(RIG_VECTORS), before);
}

static void a_filter_by_name_is_the_one_that_quality_chooses(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"quality=fast", "quality=balanced algorithm=bilinear"},
                                           {"quality=balanced", "quality=fast algorithm=adaptive"},
                                           {"quality=quality", "quality=fast algorithm=ml"}};
    const struct shape s = {7, 5, 14, 10, 4};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct rig_result by[2];
        for (int k = 0; k < 2; k++) {
            char params[160];
            describe(&s, pairs[i][k], params, sizeof params);
            rig_prepare("upscale", params, 7 * 5 * 4, &by[k]);
            assert_int_equal(by[k].code, P2_OK);
        }
        assert_memory_equal(by[0].block, by[1].block, sizeof by[0].block);
    }
}

int main(void) {
    if (!rig_open()) return RIG_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_kernels_equal_the_reference),
        cmocka_unit_test(gpu_kernels_equal_the_reference),
        cmocka_unit_test(twice_as_large_in_every_content),
        cmocka_unit_test(long_work_is_cut_and_whole),
        cmocka_unit_test(encoded_pictures_go_in_and_out),
        cmocka_unit_test(alpha_travels_through_png_and_webp),
        cmocka_unit_test(broken_pictures_are_bad_payloads),
        cmocka_unit_test(a_cancelled_job_ends_so),
        cmocka_unit_test(steady_work_allocates_nothing),
        cmocka_unit_test(a_filter_by_name_is_the_one_that_quality_chooses),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_close();
    return failed;
}
