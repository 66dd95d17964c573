// Files made to do harm: each is refused with the right code, and with little memory (the process may not grow).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/rng.h"
#include "image/image.h"
#include "pictures.h"

#define KIB_MORE 8192 // how much the peak of resident memory may grow over one refusal

static long peak_kib(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void refused(const uint8_t *bytes, size_t size, const struct p2_image_info *want, enum p2_err code) {
    uint8_t pixel[64 * 64 * 4];
    long before = peak_kib();
    assert_int_equal(p2_image_decode(bytes, size, want, pixel, sizeof pixel), code);
    assert_true(peak_kib() - before <= KIB_MORE);
}

static void put_be32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static size_t png_head(uint32_t w, uint32_t h, uint8_t *out) {
    memcpy(out, "\x89PNG\r\n\x1a\n", 8);
    uint8_t header[13] = {[8] = 8, [9] = 2};
    put_be32(header, w);
    put_be32(header + 4, h);
    return 8 + picture_png_chunk("IHDR", header, 13, out + 8);
}

static void huge_headers(void **state) {
    (void)state;
    static const struct {
        uint32_t w, h;
        enum p2_err code;
    } sizes[] = {{65535, 65535, P2_ERR_TOO_LARGE},
                 {16385, 1, P2_ERR_TOO_LARGE},
                 {1, 16385, P2_ERR_TOO_LARGE},
                 {16384, 16384, P2_ERR_TOO_LARGE},
                 {UINT32_MAX, UINT32_MAX, P2_ERR_TOO_LARGE},
                 {0x80000000u, 2, P2_ERR_TOO_LARGE},
                 {0, 5, P2_ERR_BAD_PAYLOAD},
                 {5, 0, P2_ERR_BAD_PAYLOAD}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t png[128];
        size_t size = png_head(sizes[i].w, sizes[i].h, png);
        struct p2_image_info is;
        assert_int_equal(p2_image_probe(png, size, &is), sizes[i].code);
        struct p2_image_info want = {P2_IMAGE_PNG, sizes[i].w, sizes[i].h, 3};
        refused(png, size, &want, sizes[i].code);
    }
    const uint8_t jpeg[] = {0xff, 0xd8, 0xff, 0xc0, 0, 17,   8, 0xff, 0xff, 0xff, 0xff,
                            3,    1,    0x11, 0,    2, 0x11, 0, 3,    0x11, 0};
    refused(jpeg, sizeof jpeg, &(struct p2_image_info){P2_IMAGE_JPEG, 65535, 65535, 3}, P2_ERR_TOO_LARGE);
}

static void webp_with_a_giant_canvas(void **state) {
    (void)state;
    uint8_t webp[64] = "RIFF____WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\x0f\0";
    webp[4] = 22, webp[5] = webp[6] = webp[7] = 0;
    struct p2_image_info is;
    enum p2_err err = p2_image_probe(webp, 30, &is);
    assert_true(err == P2_ERR_TOO_LARGE || err == P2_ERR_BAD_PAYLOAD);
    webp[20] = 2; // animated
    memset(webp + 24, 0, 6);
    assert_int_equal(p2_image_probe(webp, 30, &is), P2_ERR_BAD_PAYLOAD);
}

// A single colour compresses a thousandfold; above 1 MiB that is taken for a bomb.
static void bombs_by_ratio(void **state) {
    (void)state;
    const uint32_t side = 2048;
    uint8_t *pixels = calloc((size_t)side * side, 3);
    size_t bound = p2_image_encode_bound(P2_IMAGE_PNG, side, side, 3), size;
    uint8_t *bytes = malloc(bound);
    assert_int_equal(
        p2_image_encode(&(struct p2_image_info){P2_IMAGE_PNG, side, side, 3}, pixels, 9, bytes, bound, &size), P2_OK);
    assert_true((size_t)side * side * 3 / size > P2_IMAGE_RATIO_MAX);
    struct p2_image_info is;
    assert_int_equal(p2_image_probe(bytes, size, &is), P2_OK);
    assert_int_equal(p2_image_decode(bytes, size, &is, pixels, (size_t)side * side * 3), P2_ERR_TOO_LARGE);
    // the same below 1 MiB is a small flat picture
    assert_int_equal(
        p2_image_encode(&(struct p2_image_info){P2_IMAGE_PNG, 500, 500, 3}, pixels, 9, bytes, bound, &size), P2_OK);
    assert_int_equal(p2_image_probe(bytes, size, &is), P2_OK);
    assert_int_equal(p2_image_decode(bytes, size, &is, pixels, (size_t)side * side * 3), P2_OK);
    free(bytes);
    free(pixels);
}

// The scans of a progressive file repeated: 100,000 pixels would be walked 10,000 times.
static void jpeg_with_ten_thousand_scans(void **state) {
    (void)state;
    uint8_t *jpeg = malloc(1 << 20);
    size_t size = picture_jpeg_progressive(64, 64, jpeg, 1 << 20), last = size - 2;
    while (last > 0 && !(jpeg[last] == 0xff && jpeg[last + 1] == 0xda)) last--;
    size_t scan = size - 2 - last, times = 10000, total = last + scan * times + 2;
    uint8_t *many = malloc(total);
    memcpy(many, jpeg, last);
    for (size_t i = 0; i < times; i++) memcpy(many + last + i * scan, jpeg + last, scan);
    memcpy(many + total - 2, jpeg + size - 2, 2);
    struct p2_image_info want = {P2_IMAGE_JPEG, 64, 64, 3};
    uint8_t pixels[64 * 64 * 3];
    assert_int_equal(p2_image_decode(jpeg, size, &want, pixels, sizeof pixels), P2_OK);
    refused(many, total, &want, P2_ERR_TOO_LARGE);
    free(many);
    free(jpeg);
}

// Chunks of text and profiles, as many and as long as they like, are skipped unread.
static void png_with_ten_thousand_texts(void **state) {
    (void)state;
    uint8_t *rgb = picture_smooth(9, 9, 3), plain[4096], got[9 * 9 * 3];
    size_t size, at;
    assert_int_equal(
        p2_image_encode(&(struct p2_image_info){P2_IMAGE_PNG, 9, 9, 3}, rgb, 9, plain, sizeof plain, &size), P2_OK);
    uint8_t text[64] = "Comment\0\0x\x9c", *png = malloc(size + 10000 * 80);
    memcpy(png, plain, 33);
    at = 33;
    static const char names[][5] = {"zTXt", "iCCP", "tEXt", "iTXt", "prVt"};
    for (int i = 0; i < 10000; i++) at += picture_png_chunk(names[i % 5], text, sizeof text, png + at);
    memcpy(png + at, plain + 33, size - 33);
    at += size - 33;
    struct p2_image_info want = {P2_IMAGE_PNG, 9, 9, 3};
    long before = peak_kib();
    assert_int_equal(p2_image_decode(png, at, &want, got, sizeof got), P2_OK);
    assert_true(peak_kib() - before <= KIB_MORE);
    assert_memory_equal(got, rgb, sizeof got);
    free(png);
    free(rgb);
}

static size_t sample_file(enum p2_image_format f, bool progressive, uint8_t *out, size_t capacity) {
    if (progressive) return picture_jpeg_progressive(24, 18, out, capacity);
    uint8_t *pixels = picture_noise(24, 18, 3, 9);
    size_t size;
    assert_int_equal(p2_image_encode(&(struct p2_image_info){f, 24, 18, 3}, pixels, f == P2_IMAGE_WEBP ? 80 : 75, out,
                                     capacity, &size),
                     P2_OK);
    free(pixels);
    return size;
}

// No prefix of a file is a picture. The copy ends where the prefix does, so a sanitizer sees a read beyond it.
static void files_cut_at_every_byte(void **state) {
    (void)state;
    uint8_t *file = malloc(65536), pixels[24 * 18 * 3];
    for (enum p2_image_format f = P2_IMAGE_PNG; f <= P2_IMAGE_PPM; f++)
        for (int progressive = 0; progressive <= (f == P2_IMAGE_JPEG); progressive++) {
            size_t size = sample_file(f, progressive, file, 65536);
            struct p2_image_info want = {f, 24, 18, 3}, is;
            assert_int_equal(p2_image_decode(file, size, &want, pixels, sizeof pixels), P2_OK);
            for (size_t cut = 0; cut < size; cut++) {
                uint8_t *prefix = malloc(cut ? cut : 1);
                memcpy(prefix, file, cut);
                (void)p2_image_probe(prefix, cut, &is);
                enum p2_err err = p2_image_decode(prefix, cut, &want, pixels, sizeof pixels);
                if (err != P2_ERR_BAD_PAYLOAD)
                    fail_msg("%s cut at %zu of %zu: %d", p2_image_format_name(f), cut, size, err);
                free(prefix);
            }
        }
    free(file);
}

// Files with damage in random places: any answer but a crash, a hang or a code of our own making.
static void files_with_random_damage(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 77);
    uint8_t *file = malloc(65536), pixels[24 * 18 * 3];
    for (enum p2_image_format f = P2_IMAGE_PNG; f <= P2_IMAGE_PPM; f++)
        for (int progressive = 0; progressive <= (f == P2_IMAGE_JPEG); progressive++) {
            size_t size = sample_file(f, progressive, file, 65536);
            for (int round = 0; round < 2000; round++) {
                uint8_t *copy = malloc(size);
                memcpy(copy, file, size);
                uint64_t hits = 1 + p2_rng_below(&rng, 6);
                // half of the damage in the headers, where it does more
                for (uint64_t i = 0; i < hits; i++)
                    copy[p2_rng_below(&rng, round & 1 ? size : 64)] = (uint8_t)p2_rng_next(&rng);
                struct p2_image_info want = {f, 24, 18, 3};
                enum p2_err err = p2_image_decode(copy, size, &want, pixels, sizeof pixels);
                assert_true(err == P2_OK || err == P2_ERR_BAD_PAYLOAD || err == P2_ERR_TOO_LARGE);
                free(copy);
            }
        }
    free(file);
}

static void what_is_no_picture(void **state) {
    (void)state;
    struct p2_image_info is;
    assert_int_equal(p2_image_probe(NULL, 0, &is), P2_ERR_BAD_PAYLOAD);
    static const char *const texts[] = {"",  "P", "P6", "GIF89a", "\x89PNG\r\n\x1a\n", "\xff\xd8\xff", "RIFF1234WEBP",
                                        "BM"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(p2_image_probe((const uint8_t *)texts[i], strlen(texts[i]), &is), P2_ERR_BAD_PAYLOAD);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(huge_headers),
        cmocka_unit_test(webp_with_a_giant_canvas),
        cmocka_unit_test(bombs_by_ratio),
        cmocka_unit_test(jpeg_with_ten_thousand_scans),
        cmocka_unit_test(png_with_ten_thousand_texts),
        cmocka_unit_test(files_cut_at_every_byte),
        cmocka_unit_test(files_with_random_damage),
        cmocka_unit_test(what_is_no_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
