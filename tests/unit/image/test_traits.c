// What files say of their pictures: sound, broken and hostile.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "image/image.h"
#include "pictures.h"

#define JPEG_MAX 65536

// A JPEG of w x h with that TIFF block as its EXIF; returns its size.
static size_t jpeg_with_exif(const void *tiff, size_t size, uint8_t *out) {
    uint8_t *plain = malloc(JPEG_MAX);
    size_t n = picture_jpeg_progressive(24, 18, plain, JPEG_MAX), length = 2 + 6 + size;
    const uint8_t head[] = {0xff, 0xd8, 0xff, 0xe1, (uint8_t)(length >> 8), (uint8_t)length, 'E', 'x', 'i', 'f', 0, 0};
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, tiff, size);
    memcpy(out + sizeof head + size, plain + 2, n - 2);
    free(plain);
    return sizeof head + size + n - 2;
}

static uint32_t orientation_of(const uint8_t *bytes, size_t size) {
    uint8_t *exact = malloc(size ? size : 1); // a sanitizer sees a read beyond it
    if (size) memcpy(exact, bytes, size);
    struct p2_image_traits traits;
    p2_image_traits(exact, size, &traits);
    free(exact);
    return traits.orientation;
}

static uint32_t orientation_in(const void *tiff, size_t size) {
    uint8_t jpeg[JPEG_MAX + 256];
    return orientation_of(jpeg, jpeg_with_exif(tiff, size, jpeg));
}

// One entry before the tag that is looked for, as cameras have them.
static const uint8_t little[] =
    "II*\0\x08\0\0\0\x02\0\x0f\x01\x02\0\x04\0\0\0abcd\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0";
static const uint8_t big[] = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0";

static void orientation_is_read_in_both_byte_orders(void **state) {
    (void)state;
    assert_int_equal(orientation_in(little, sizeof little), 6);
    assert_int_equal(orientation_in(big, sizeof big), 8);
    uint8_t each[sizeof little];
    memcpy(each, little, sizeof little);
    for (uint8_t value = 0; value < 12; value++) {
        each[30] = value;
        assert_int_equal(orientation_in(each, sizeof each), value >= 1 && value <= 8 ? value : 1);
    }
    uint8_t png[8192];
    size_t size;
    uint8_t *pixels = picture_smooth(9, 9, 3);
    assert_int_equal(p2_image_encode(&(struct p2_image_info){P2_IMAGE_PNG, 9, 9, 3}, pixels, 1, png, sizeof png, &size),
                     P2_OK);
    assert_int_equal(orientation_of(png, size), 1);
    assert_int_equal(orientation_of(NULL, 0), 1);
    free(pixels);
}

static void what_is_not_sound_is_upright(void **state) {
    (void)state;
    static const struct {
        size_t at;
        uint8_t is;
    } faults[] = {{0, 'M'}, {2, 0}, {4, 9}, {7, 0x7f}, {4, 36}, {8, 0}, {24, 2}, {26, 2}, {31, 1}};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        uint8_t broken[sizeof little];
        memcpy(broken, little, sizeof little);
        broken[faults[i].at] = faults[i].is;
        assert_int_equal(orientation_in(broken, sizeof broken), 1);
    }
    // cut within the tag or before; what follows the tag is of no account
    for (size_t cut = 0; cut < sizeof little; cut++) assert_int_equal(orientation_in(little, cut), cut >= 34 ? 6 : 1);
}

static void damage_is_harmless(void **state) {
    (void)state;
    uint8_t jpeg[JPEG_MAX + 256], copy[JPEG_MAX + 256];
    size_t size = jpeg_with_exif(little, sizeof little, jpeg);
    struct p2_rng rng;
    p2_rng_init(&rng, 21);
    for (int round = 0; round < 20000; round++) {
        memcpy(copy, jpeg, size);
        uint64_t hits = 1 + p2_rng_below(&rng, 4);
        for (uint64_t i = 0; i < hits; i++) copy[p2_rng_below(&rng, 64)] = (uint8_t)p2_rng_next(&rng);
        assert_in_range(orientation_of(copy, 12 + p2_rng_below(&rng, 80)), 1, 8);
    }
}

// The letter F is unlike itself however it is turned: stored as each orientation would, it comes out the same.
static void every_orientation_comes_out_upright(void **state) {
    (void)state;
    static const char upright[] = "####"
                                  "#..."
                                  "##.."
                                  "#..."
                                  "#...";
    static const char *const stored[9] = {
        [1] = "#####...##..#...#...", [2] = "####...#..##...#...#", [3] = "...#...#..##...#####",
        [4] = "#...#...##..#...####", [5] = "######.#..#....#....", [6] = "#....#....#.#..#####",
        [7] = "....#....#..#.######", [8] = "#####..#.#....#....#"};
    for (uint32_t channels = 3; channels <= 4; channels++) {
        for (uint32_t o = 1; o <= 8; o++) {
            uint8_t from[20 * 4], to[20 * 4];
            const char *letters = o == 1 ? upright : stored[o];
            for (size_t i = 0; i < 20 * channels; i++) from[i] = (uint8_t)(letters[i / channels] + (int)(i % channels));
            struct p2_image_info is = {P2_IMAGE_JPEG, o < 5 ? 4 : 5, o < 5 ? 5 : 4, channels};
            p2_image_upright(&is, o, from, to);
            assert_int_equal(is.width, 4);
            assert_int_equal(is.height, 5);
            for (size_t i = 0; i < 20 * channels; i++) {
                if (to[i] != (uint8_t)(upright[i / channels] + (int)(i % channels)))
                    fail_msg("orientation %u, %u channels: pixel %zu is not where it belongs", o, channels,
                             i / channels);
            }
        }
    }
}

static void depth_is_told(void **state) {
    (void)state;
    for (size_t kind = 0; kind < PICTURE_PNG_KINDS; kind++) {
        uint8_t png[65536], rgba[19 * 11 * 4];
        bool alpha;
        size_t size = picture_png_kind(kind, false, png, sizeof png, rgba, &alpha);
        struct p2_image_traits traits;
        p2_image_traits(png, size, &traits);
        assert_int_equal(traits.deep, png[24] == 16); // where a PNG says how deep it is
        p2_image_traits(png, 24, &traits);
        assert_false(traits.deep);
    }
    static const struct {
        const char *text;
        bool deep;
    } ppms[] = {{"P6 1 1 255 abc", false}, {"P6 1 1 65535 abcdef", true}, {"P5 1 1 256 ab", true}, {"P6 1 1", false}};
    for (size_t i = 0; i < sizeof ppms / sizeof *ppms; i++) {
        struct p2_image_traits traits;
        p2_image_traits((const uint8_t *)ppms[i].text, strlen(ppms[i].text), &traits);
        assert_int_equal(traits.deep, ppms[i].deep);
    }
}

static const char *unread(const uint8_t *bytes, size_t size) {
    struct p2_image_traits traits;
    p2_image_traits(bytes, size, &traits);
    return traits.unread;
}

static void what_no_decoder_reads_is_named(void **state) {
    (void)state;
    uint8_t jpeg[JPEG_MAX], webp[30] = "RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x02";
    size_t size = picture_jpeg_progressive(24, 18, jpeg, sizeof jpeg), sof = 2;
    while (jpeg[sof + 1] != 0xc2) sof += 2 + (size_t)(jpeg[sof + 2] << 8 | jpeg[sof + 3]);
    assert_null(unread(jpeg, size));
    jpeg[sof + 9] = 4; // components
    assert_non_null(strstr(unread(jpeg, size), "CMYK"));
    jpeg[sof + 9] = 2;
    assert_non_null(strstr(unread(jpeg, size), "colours"));
    jpeg[sof + 9] = 3;
    jpeg[sof + 4] = 12; // bits
    assert_non_null(strstr(unread(jpeg, size), "more than 8 bits"));
    jpeg[sof + 4] = 8;
    jpeg[sof + 1] = 0xc3;
    assert_non_null(strstr(unread(jpeg, size), "lossless"));
    jpeg[sof + 1] = 0xc0;
    assert_null(unread(jpeg, size));
    assert_non_null(strstr(unread(webp, sizeof webp), "animated"));
    webp[20] = 0;
    assert_null(unread(webp, sizeof webp));
    assert_null(unread((const uint8_t *)"P6 1 1 255 abc", 14));
    assert_null(unread(NULL, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orientation_is_read_in_both_byte_orders),
        cmocka_unit_test(what_is_not_sound_is_upright),
        cmocka_unit_test(damage_is_harmless),
        cmocka_unit_test(every_orientation_comes_out_upright),
        cmocka_unit_test(depth_is_told),
        cmocka_unit_test(what_no_decoder_reads_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
