#include "rig.h"

static void push(struct spool *s, struct p2_blob_pool *pool, uint64_t offset, uint32_t size, enum p2_err expect) {
    struct p2_blob *b = p2_blob_new(pool, size);
    const struct piece p = {{b, 0, size}, offset, size, false};
    assert_int_equal(spool_push(s, pool, &p), expect);
    p2_blob_unref(b);
    spool_check(s);
}

static void test_pieces_leave_in_order_and_memory_comes_back(void **state) {
    (void)state;
    struct p2_blob_pool pool;
    p2_blob_pool_init(&pool, 1 << 24, 0);
    struct spool s = {.table = NULL};
    uint64_t in = 0, out = 0;
    for (unsigned round = 0; round < 50; round++) { // the ring goes round and grows
        for (unsigned i = 0; i < 5; i++, in += 3000) push(&s, &pool, in, 3000, P2_OK);
        for (unsigned i = 0; i < 4; i++, out += 3000) {
            assert_int_equal(spool_at(&s, 0)->offset, out);
            spool_drop_first(&s);
        }
    }
    assert_int_equal(s.count, 50);
    assert_int_equal(s.bytes, in - out);
    assert_null(spool_at(&s, 50));
    spool_clear(&s);
    assert_int_equal(pool.bytes_live, 0);
    p2_blob_pool_deinit(&pool);
}

static void test_one_piece_needs_no_table(void **state) {
    (void)state;
    struct p2_blob_pool pool;
    p2_blob_pool_init(&pool, 1 << 24, 0);
    struct spool s = {.table = NULL};
    for (unsigned i = 0; i < 3; i++) {
        push(&s, &pool, 0, 100, P2_OK);
        assert_null(s.table);
        spool_drop_first(&s);
    }
    p2_blob_pool_deinit(&pool);
}

static void test_crumbs_are_refused(void **state) {
    (void)state;
    struct p2_blob_pool pool;
    p2_blob_pool_init(&pool, 1 << 24, 0);
    struct spool s = {.table = NULL};
    for (unsigned i = 0; i < 16; i++) push(&s, &pool, i, 1, P2_OK);
    push(&s, &pool, 16, 1, P2_ERR_BAD_MESSAGE);
    push(&s, &pool, 16, 4096, P2_OK); // a good piece buys room for more
    push(&s, &pool, 16 + 4096, 1, P2_OK);
    spool_clear(&s);
    p2_blob_pool_deinit(&pool);
}

static void test_a_full_pool_is_said(void **state) {
    (void)state;
    struct p2_blob_pool pool;
    p2_blob_pool_init(&pool, 256, 0); // two of 64 bytes, but no table beside them
    struct spool s = {.table = NULL};
    push(&s, &pool, 0, 64, P2_OK);
    push(&s, &pool, 64, 64, P2_ERR_NO_MEMORY);
    assert_int_equal(s.count, 1);
    spool_clear(&s);
    assert_int_equal(pool.bytes_live, 0);
    p2_blob_pool_deinit(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_leave_in_order_and_memory_comes_back),
        cmocka_unit_test(test_one_piece_needs_no_table),
        cmocka_unit_test(test_crumbs_are_refused),
        cmocka_unit_test(test_a_full_pool_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
