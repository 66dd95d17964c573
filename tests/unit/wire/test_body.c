#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "support.h"

static uint8_t in[P2_RECORD_PAYLOAD_MAX], out[P2_RECORD_PAYLOAD_MAX];

static void text_like(void) {
    for (size_t i = 0; i < sizeof in; i++) in[i] = (uint8_t) "the quick brown fox "[i % 20];
}

static void what_shrinks_comes_back(void **state) {
    struct bench *t = *state;
    text_like();
    static const uint32_t sizes[] = {1025, 5000, P2_RECORD_PAYLOAD_MAX};
    for (size_t i = 0; i < 3; i++) {
        struct p2_blob *b = p2_body_deflate(&t->codec, in, sizes[i]);
        assert_non_null(b);
        assert_true(b->size < sizes[i] - sizes[i] / 6);
        memset(out, 0, sizeof out);
        assert_int_equal(p2_body_inflate(&t->codec, b->data, b->size, out, sizes[i]), P2_OK);
        assert_memory_equal(in, out, sizes[i]);
        p2_blob_unref(b);
    }
}

static void what_does_not_shrink_stays(void **state) {
    struct bench *t = *state;
    struct p2_rng rng;
    p2_rng_init(&rng, 1);
    for (size_t i = 0; i < sizeof in; i++) in[i] = (uint8_t)p2_rng_next(&rng);
    assert_null(p2_body_deflate(&t->codec, in, sizeof in));
    text_like();
    assert_null(p2_body_deflate(&t->codec, in, 0));
    assert_null(p2_body_deflate(&t->codec, in, 1024));
    assert_true(t->pool.bytes_live == 0);
}

static void sizes_must_agree(void **state) {
    struct bench *t = *state;
    text_like();
    struct p2_blob *b = p2_body_deflate(&t->codec, in, 5000);
    assert_non_null(b);
    assert_int_equal(p2_body_inflate(&t->codec, b->data, b->size, out, 4999), P2_ERR_BAD_RECORD);
    assert_int_equal(p2_body_inflate(&t->codec, b->data, b->size, out, 5001), P2_ERR_BAD_RECORD);
    assert_int_equal(p2_body_inflate(&t->codec, b->data, b->size, out, P2_RECORD_PAYLOAD_MAX + 1), P2_ERR_BAD_RECORD);
    for (uint32_t cut = 0; cut < b->size; cut++)
        assert_int_equal(p2_body_inflate(&t->codec, b->data, cut, out, 5000), P2_ERR_BAD_RECORD);
    p2_blob_unref(b);
}

static void damage_is_found_or_harmless(void **state) {
    struct bench *t = *state;
    text_like();
    struct p2_blob *b = p2_body_deflate(&t->codec, in, 5000);
    assert_non_null(b);
    uint8_t *exact = malloc(5000); // a sanitizer sees a byte written beyond it
    assert_non_null(exact);
    for (uint32_t i = 0; i < b->size * 8; i++) {
        b->data[i / 8] ^= (uint8_t)(1u << i % 8);
        enum p2_err e = p2_body_inflate(&t->codec, b->data, b->size, exact, 5000);
        assert_true(e == P2_OK || e == P2_ERR_BAD_RECORD);
        b->data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    free(exact);
    p2_blob_unref(b);
}

static void bombs_are_refused_by_their_header(void **state) {
    struct bench *t = *state;
    // A gigabyte of zeroes: 8-byte content size, RLE blocks of 128 KiB that would go on.
    static const uint8_t gigabyte[] = {0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0x02, 0x00, 0x10, 0};
    // Says 100 bytes, but its blocks hold 128 KiB each.
    static const uint8_t liar[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 100, 0x02, 0x00, 0x10, 0, 0x03, 0x00, 0x10, 0};
    // No content size.
    static const uint8_t unsized[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x23, 0x03, 0x00, 'A'};
    // 256 bytes in a window of 2^24, and in one of 2^23.
    static const uint8_t wide[] = {0x28, 0xb5, 0x2f, 0xfd, 0x40, 0x70, 0, 0, 0x03, 0x08, 0x00, 'A'};
    static const uint8_t widest[] = {0x28, 0xb5, 0x2f, 0xfd, 0x40, 0x68, 0, 0, 0x03, 0x08, 0x00, 'A'};
    // A good frame with another one, or a skippable one, after it.
    static const uint8_t two[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 100, 0x23, 0x03, 0x00,
                                  'A',  0x50, 0x2a, 0x4d, 0x18, 0,   0,    0,    0};
    assert_int_equal(p2_body_inflate(&t->codec, gigabyte, sizeof gigabyte, out, P2_RECORD_PAYLOAD_MAX),
                     P2_ERR_BAD_RECORD);
    assert_int_equal(p2_body_inflate(&t->codec, liar, sizeof liar, out, 100), P2_ERR_BAD_RECORD);
    assert_int_equal(p2_body_inflate(&t->codec, unsized, sizeof unsized, out, 100), P2_ERR_BAD_RECORD);
    assert_int_equal(p2_body_inflate(&t->codec, wide, sizeof wide, out, 256), P2_ERR_BAD_RECORD);
    assert_int_equal(p2_body_inflate(&t->codec, widest, sizeof widest, out, 256), P2_OK);
    assert_int_equal(p2_body_inflate(&t->codec, two, sizeof two, out, 100), P2_ERR_BAD_RECORD);
    assert_int_equal(p2_body_inflate(&t->codec, two, 10, out, 100), P2_OK);
    assert_int_equal(out[99], 'A');
    assert_int_equal(p2_body_inflate(&t->codec, NULL, 0, out, 0), P2_ERR_BAD_RECORD);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_shrinks_comes_back),
        cmocka_unit_test(what_does_not_shrink_stays),
        cmocka_unit_test(sizes_must_agree),
        cmocka_unit_test(damage_is_found_or_harmless),
        cmocka_unit_test(bombs_are_refused_by_their_header),
    };
    return cmocka_run_group_tests(tests, bench_setup, bench_teardown);
}
