#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/shell/plain.h"

#define RAW 20000u

static void expect_plain(struct plain *plain, struct p2_msg *m, const uint8_t *raw) {
    struct p2_blob *held = NULL;
    assert_true(plain_needed(m));
    assert_int_equal(plain_make(m, plain, &held), P2_OK);
    assert_false(plain_needed(m));
    const struct p2_slice *payload = p2_msg_payload(m);
    assert_ptr_equal(payload->blob, held);
    assert_int_equal(payload->size, RAW);
    assert_memory_equal(p2_slice_data(payload), raw, RAW);
    p2_blob_unref(held);
}

static void test_each_kind_that_carries_bytes(void **state) {
    (void)state;
    struct plain plain;
    p2_blob_pool_init(&plain.pool, 1 << 20, 0);
    assert_true(p2_codec_init(&plain.codec, &plain.pool));
    uint8_t raw[RAW];
    for (uint32_t i = 0; i < RAW; i++) raw[i] = (uint8_t)(i / 100);
    struct p2_blob *packed = p2_body_deflate(&plain.codec, raw, RAW);
    assert_non_null(packed);
    const struct p2_slice slice = {packed, 0, packed->size};
    struct p2_msg m = {.kind = P2_MSG_TASK_ASSIGN};
    m.u.assign.raw_size = RAW;
    m.u.assign.payload_zstd = true;
    m.u.assign.payload = slice;
    expect_plain(&plain, &m, raw);
    m = (struct p2_msg){.kind = P2_MSG_RESULT_DELIVERY};
    m.u.delivery.raw_size = RAW;
    m.u.delivery.payload_zstd = true;
    m.u.delivery.payload = slice;
    expect_plain(&plain, &m, raw);
    m = (struct p2_msg){.kind = P2_MSG_CHUNK, .u.chunk = {.raw_size = RAW, .payload_zstd = true, .payload = slice}};
    expect_plain(&plain, &m, raw);
    m.kind = P2_MSG_DRAIN;
    assert_false(plain_needed(&m));
    p2_blob_unref(packed);
    p2_codec_deinit(&plain.codec);
    p2_blob_pool_deinit(&plain.pool);
}

static void test_bytes_that_lie_are_refused_and_nothing_leaks(void **state) {
    (void)state;
    struct plain plain;
    p2_blob_pool_init(&plain.pool, 1 << 20, 0);
    assert_true(p2_codec_init(&plain.codec, &plain.pool));
    struct p2_blob *junk = p2_blob_new(&plain.pool, 100), *held = NULL;
    memset(junk->data, 7, 100);
    const struct p2_slice slice = {junk, 0, 100};
    struct p2_msg m = {.kind = P2_MSG_CHUNK, .u.chunk = {.raw_size = RAW, .payload_zstd = true, .payload = slice}};
    assert_int_equal(plain_make(&m, &plain, &held), P2_ERR_BAD_RECORD);
    assert_null(held);
    assert_true(m.u.chunk.payload_zstd);
    assert_int_equal(plain_unpack(&slice, RAW, &plain.pool, &held), P2_ERR_BAD_RECORD);
    assert_null(held);
    plain.pool.bytes_live_max = plain.pool.bytes_live;
    assert_int_equal(plain_make(&m, &plain, &held), P2_ERR_NO_MEMORY);
    p2_blob_unref(junk);
    p2_codec_deinit(&plain.codec);
    p2_blob_pool_deinit(&plain.pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_that_carries_bytes),
        cmocka_unit_test(test_bytes_that_lie_are_refused_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
