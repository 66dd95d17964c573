// Every format there and back, every kind of PNG, and what encoders and probes refuse.
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
#include "pictures.h"

static const uint32_t sides[][2] = {{1, 1}, {1, 9}, {9, 1}, {2, 2}, {15, 17}, {16, 16}, {33, 7}, {100, 61}};
#define SIDES (sizeof sides / sizeof *sides)

static double distance(const uint8_t *a, const uint8_t *b, size_t size) {
    double sum = 0;
    for (size_t i = 0; i < size; i++) sum += abs(a[i] - b[i]);
    return sum / (double)size;
}

// Encodes, checks the bound, probes, decodes into as many channels; returns the mean distance.
static double there_and_back(enum p2_image_format f, uint32_t w, uint32_t h, uint32_t channels, int quality) {
    size_t raw = (size_t)w * h * channels, size = 0;
    uint8_t *pixels = picture_smooth(w, h, channels), *back = malloc(raw);
    size_t bound = p2_image_encode_bound(f, w, h, channels);
    uint8_t *bytes = malloc(bound);
    assert_int_equal(p2_image_encode(&(struct p2_image_info){f, w, h, channels}, pixels, quality, bytes, bound, &size),
                     P2_OK);
    assert_true(size > 0 && size <= bound);
    struct p2_image_info is;
    assert_int_equal(p2_image_probe(bytes, size, &is), P2_OK);
    assert_int_equal(is.format, f);
    assert_int_equal(is.width, w);
    assert_int_equal(is.height, h);
    is.channels = channels;
    assert_int_equal(p2_image_decode(bytes, size, &is, back, raw), P2_OK);
    double d = distance(pixels, back, raw);
    free(pixels);
    free(back);
    free(bytes);
    return d;
}

static void exact_formats_come_back_exactly(void **state) {
    (void)state;
    for (size_t i = 0; i < SIDES; i++) {
        for (uint32_t channels = 3; channels <= 4; channels++) {
            for (int effort = 1; effort <= 9; effort += 4)
                assert_true(there_and_back(P2_IMAGE_PNG, sides[i][0], sides[i][1], channels, effort) == 0);
            assert_true(there_and_back(P2_IMAGE_WEBP, sides[i][0], sides[i][1], channels, 101) == 0);
        }
        assert_true(there_and_back(P2_IMAGE_PPM, sides[i][0], sides[i][1], 3, 0) == 0);
    }
}

static void lossy_formats_come_back_nearly(void **state) {
    (void)state;
    for (size_t i = 0; i < SIDES; i++) {
        assert_true(there_and_back(P2_IMAGE_JPEG, sides[i][0], sides[i][1], 3, 95) < 4);
        assert_true(there_and_back(P2_IMAGE_JPEG, sides[i][0], sides[i][1], 3, 80) < 12);
        assert_true(there_and_back(P2_IMAGE_WEBP, sides[i][0], sides[i][1], 3, 95) < 12);
    }
}

// Noise is what compresses worst.
static void bounds_hold_for_noise(void **state) {
    (void)state;
    for (size_t i = 0; i < SIDES; i++)
        for (uint32_t channels = 3; channels <= 4; channels++)
            for (enum p2_image_format f = P2_IMAGE_RAW; f <= P2_IMAGE_PPM; f++) {
                uint32_t w = sides[i][0] * 3, h = sides[i][1] * 2;
                uint8_t *pixels = picture_noise(w, h, channels, i);
                size_t bound = p2_image_encode_bound(f, w, h, channels), size;
                uint8_t *bytes = malloc(bound);
                static const int qualities[] = {1, 9, 50, 100, 101};
                for (size_t q = 0; q < 5; q++)
                    assert_int_equal(p2_image_encode(&(struct p2_image_info){f, w, h, channels}, pixels, qualities[q],
                                                     bytes, bound, &size),
                                     P2_OK);
                free(bytes);
                free(pixels);
            }
}

static void alpha_is_dropped_or_made(void **state) {
    (void)state;
    uint8_t *rgba = picture_smooth(8, 5, 4), bytes[8192], got[8 * 5 * 4];
    size_t size;
    assert_int_equal(
        p2_image_encode(&(struct p2_image_info){P2_IMAGE_PNG, 8, 5, 4}, rgba, 1, bytes, sizeof bytes, &size), P2_OK);
    struct p2_image_info is;
    assert_int_equal(p2_image_probe(bytes, size, &is), P2_OK);
    assert_int_equal(is.channels, 4);
    is.channels = 3;
    assert_int_equal(p2_image_decode(bytes, size, &is, got, sizeof got), P2_OK);
    for (size_t i = 0; i < 40; i++) assert_memory_equal(got + 3 * i, rgba + 4 * i, 3);
    static const enum p2_image_format opaque[] = {P2_IMAGE_JPEG, P2_IMAGE_PPM};
    for (size_t f = 0; f < 2; f++) {
        assert_int_equal(
            p2_image_encode(&(struct p2_image_info){opaque[f], 8, 5, 4}, rgba, 100, bytes, sizeof bytes, &size), P2_OK);
        assert_int_equal(p2_image_probe(bytes, size, &is), P2_OK);
        assert_int_equal(is.channels, 3);
        is.channels = 4;
        assert_int_equal(p2_image_decode(bytes, size, &is, got, sizeof got), P2_OK);
        for (size_t i = 0; i < 40; i++) assert_int_equal(got[4 * i + 3], 255);
    }
    free(rgba);
}

// 1 to 16 bits, gray, palette, with and without alpha, interlaced: all become 8-bit RGB or RGBA.
static void every_kind_of_png_is_read(void **state) {
    (void)state;
    for (size_t i = 0; i < PICTURE_PNG_KINDS; i++)
        for (int interlaced = 0; interlaced < 2; interlaced++) {
            uint8_t bytes[65536], expected[19 * 11 * 4], got[19 * 11 * 4];
            bool alpha;
            size_t size = picture_png_kind(i, interlaced, bytes, sizeof bytes, expected, &alpha);
            struct p2_image_info is;
            assert_int_equal(p2_image_probe(bytes, size, &is), P2_OK);
            assert_int_equal(is.width, 19);
            assert_int_equal(is.height, 11);
            assert_int_equal(is.channels, alpha ? 4 : 3);
            is.channels = 4;
            assert_int_equal(p2_image_decode(bytes, size, &is, got, sizeof got), P2_OK);
            if (memcmp(got, expected, sizeof got) != 0) fail_msg("kind %zu interlaced %d", i, interlaced);
            is.channels = 3;
            assert_int_equal(p2_image_decode(bytes, size, &is, got, (size_t)19 * 11 * 3), P2_OK);
            for (size_t p = 0; p < 19 * 11; p++) assert_memory_equal(got + 3 * p, expected + 4 * p, 3);
        }
}

static enum p2_err read_text(const char *text, size_t size, uint8_t *rgb, size_t capacity) {
    struct p2_image_info is;
    enum p2_err err = p2_image_probe((const uint8_t *)text, size, &is);
    return err ? err : p2_image_decode((const uint8_t *)text, size, &is, rgb, capacity);
}

static void ppm_and_pgm_are_read(void **state) {
    (void)state;
    uint8_t rgb[64];
    const char p5[] = "P5 # words\n2 1\n# more\n255\n\x10\xf0";
    assert_int_equal(read_text(p5, sizeof p5 - 1, rgb, sizeof rgb), P2_OK);
    assert_memory_equal(rgb, "\x10\x10\x10\xf0\xf0\xf0", 6);
    const char deep[] = "P6\n1 1\n65535\n\x80\x80\xff\xff\x00\x00";
    assert_int_equal(read_text(deep, sizeof deep - 1, rgb, sizeof rgb), P2_OK);
    assert_memory_equal(rgb, "\x80\xff\x00", 3);
    const char shallow[] = "P5 1 1 3 \x02";
    assert_int_equal(read_text(shallow, sizeof shallow - 1, rgb, sizeof rgb), P2_OK);
    assert_int_equal(rgb[0], 170);
    static const char *const bad[] = {"P6",
                                      "P6 ",
                                      "P6 1",
                                      "P6 1 1",
                                      "P6 1 1 255",
                                      "P6 1 1 255 ab",
                                      "P6 0 1 255 abc",
                                      "P6 1 1 0 abc",
                                      "P6 1 1 65536 abcdef",
                                      "P6 1 -1 255 abc",
                                      "P61 1 255 abc",
                                      "P6 # a comment without end",
                                      "P6 1 1 256 abc",
                                      "P6 999999999999 1 255 abc"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(read_text(bad[i], strlen(bad[i]), rgb, sizeof rgb), P2_ERR_BAD_PAYLOAD);
    assert_int_equal(read_text("P6 16385 1 255 ", 15, rgb, sizeof rgb), P2_ERR_TOO_LARGE);
    assert_int_equal(read_text("P6 16384 16384 255 ", 19, rgb, sizeof rgb), P2_ERR_TOO_LARGE);
}

static void what_was_not_asked_for_is_refused(void **state) {
    (void)state;
    uint8_t *rgb = picture_smooth(8, 5, 3), bytes[8192], got[120];
    size_t size;
    assert_int_equal(
        p2_image_encode(&(struct p2_image_info){P2_IMAGE_PNG, 8, 5, 3}, rgb, 1, bytes, sizeof bytes, &size), P2_OK);
    struct p2_image_info want = {.format = P2_IMAGE_PNG, .width = 8, .height = 5, .channels = 3};
    assert_int_equal(p2_image_decode(bytes, size, &want, got, sizeof got), P2_OK);
    assert_int_equal(p2_image_decode(bytes, size, &want, got, sizeof got - 1), P2_ERR_TOO_LARGE);
    struct p2_image_info other = want;
    other.width = 9;
    assert_int_equal(p2_image_decode(bytes, size, &other, got, sizeof got), P2_ERR_BAD_PAYLOAD);
    other = want;
    other.height = 4;
    assert_int_equal(p2_image_decode(bytes, size, &other, got, sizeof got), P2_ERR_BAD_PAYLOAD);
    other = want;
    other.format = P2_IMAGE_JPEG;
    assert_int_equal(p2_image_decode(bytes, size, &other, got, sizeof got), P2_ERR_BAD_PAYLOAD);
    free(rgb);
}

static void short_capacity_is_told(void **state) {
    (void)state;
    uint8_t *rgb = picture_noise(40, 40, 3, 3);
    size_t bound = p2_image_encode_bound(P2_IMAGE_PNG, 40, 40, 3), full, size;
    uint8_t *bytes = malloc(bound + 65536);
    for (enum p2_image_format f = P2_IMAGE_RAW; f <= P2_IMAGE_PPM; f++) {
        size_t room = p2_image_encode_bound(f, 40, 40, 3);
        bytes = realloc(bytes, room + 1);
        assert_int_equal(p2_image_encode(&(struct p2_image_info){f, 40, 40, 3}, rgb, 80, bytes, room, &full), P2_OK);
        bytes[full] = 0x5a;
        assert_int_equal(p2_image_encode(&(struct p2_image_info){f, 40, 40, 3}, rgb, 80, bytes, full, &size), P2_OK);
        assert_int_equal(size, full);
        for (size_t capacity = 0; capacity < full; capacity += full / 7) {
            bytes[capacity] = 0xa5;
            assert_int_equal(p2_image_encode(&(struct p2_image_info){f, 40, 40, 3}, rgb, 80, bytes, capacity, &size),
                             P2_ERR_RESULT_TOO_LARGE);
            assert_int_equal(size, 0);
            assert_int_equal(bytes[capacity], 0xa5);
        }
    }
    free(bytes);
    free(rgb);
}

static void formats_have_names_and_endings(void **state) {
    (void)state;
    assert_int_equal(p2_image_format_of_path("a/b.png"), P2_IMAGE_PNG);
    assert_int_equal(p2_image_format_of_path("B.JPG"), P2_IMAGE_JPEG);
    assert_int_equal(p2_image_format_of_path("x.jpeg"), P2_IMAGE_JPEG);
    assert_int_equal(p2_image_format_of_path("x.y.WebP"), P2_IMAGE_WEBP);
    assert_int_equal(p2_image_format_of_path("x.ppm"), P2_IMAGE_PPM);
    assert_int_equal(p2_image_format_of_path("x.rgb"), P2_IMAGE_RAW);
    assert_int_equal(p2_image_format_of_path("png"), P2_IMAGE_RAW);
    assert_int_equal(p2_image_format_of_path("x.png/y"), P2_IMAGE_RAW);
    assert_int_equal(p2_image_format_of_path("x.pn"), P2_IMAGE_RAW);
    assert_int_equal(p2_image_format_of_path(""), P2_IMAGE_RAW);
    assert_string_equal(p2_image_format_name(P2_IMAGE_RAW), "raw");
    assert_string_equal(p2_image_format_name(P2_IMAGE_JPEG), "jpeg");
    assert_string_equal(p2_image_format_name((enum p2_image_format)99), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_formats_come_back_exactly),
        cmocka_unit_test(lossy_formats_come_back_nearly),
        cmocka_unit_test(bounds_hold_for_noise),
        cmocka_unit_test(alpha_is_dropped_or_made),
        cmocka_unit_test(every_kind_of_png_is_read),
        cmocka_unit_test(ppm_and_pgm_are_read),
        cmocka_unit_test(what_was_not_asked_for_is_refused),
        cmocka_unit_test(short_capacity_is_told),
        cmocka_unit_test(formats_have_names_and_endings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
