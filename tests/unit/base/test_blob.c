#include "base/blob.h"

#include <string.h>

#include "base/rng.h"
#include "cmocka_all.h"
#include "testlib.h"

#define MIB (UINT64_C(1) << 20)

static void room_for_what_was_asked(void **state) {
    (void)state;
    struct p2_blob_pool p;
    p2_blob_pool_init(&p, 256 * MIB, MIB);
    const uint32_t sizes[] = {0, 1, 63, 64, 65, 4096, 65537, 1u << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct p2_blob *b = p2_blob_new(&p, sizes[i]);
        assert_non_null(b);
        assert_int_equal(b->size, sizes[i]);
        assert_true(b->capacity >= sizes[i]);
        assert_int_equal(b->capacity, UINT32_C(1) << b->size_class);
        assert_int_equal((uintptr_t)b->data % 16, 0);
        memset(b->data, 0xab, b->capacity); // a sanitizer would tell
        assert_ptr_equal(b->pool, &p);
        p2_blob_unref(b);
    }
    struct p2_slice none = {0};
    assert_null(p2_slice_data(&none));
    p2_blob_pool_deinit(&p);
}

static void steady_traffic_allocates_nothing(void **state) {
    (void)state;
    struct p2_blob_pool p;
    p2_blob_pool_init(&p, 16 * MIB, 16 * MIB);
    struct p2_blob *held[8];
    for (int round = 0; round < 100; round++) {
        if (round == 1) t_alloc_reset();
        for (uint32_t i = 0; i < 8; i++) held[i] = p2_blob_new(&p, 1000 * (i + 1));
        for (uint32_t i = 0; i < 8; i++) p2_blob_unref(held[i]);
    }
    assert_int_equal(t_alloc_count(), 0);
    assert_int_equal(p.allocations, 8);
    assert_int_equal(p.bytes_live, 0);
    p2_blob_pool_deinit(&p);
    assert_int_equal(p.bytes_kept, 0);
}

// A number of blobs that wavers passes its record again and again: each time some more are put by.
static void a_record_leaves_room_for_the_next(void **state) {
    (void)state;
    struct p2_blob_pool p;
    p2_blob_pool_init(&p, MIB, MIB);
    struct p2_blob *held[64 + 17];
    for (uint32_t i = 0; i < 64; i++) held[i] = p2_blob_new(&p, 1000);
    uint32_t put_by = 0;
    for (const struct p2_blob *b = p.free[10]; b; b = b->next_free) put_by++;
    assert_int_equal(p.allocations, 64 + put_by);
    assert_int_equal(p.bytes_kept, put_by * UINT64_C(1024));
    t_alloc_reset();
    for (uint32_t i = 64; i < 64 + put_by; i++) held[i] = p2_blob_new(&p, 1000);
    assert_int_equal(t_alloc_count(), 0);
    held[64 + put_by] = p2_blob_new(&p, 1000); // the next record: a quarter of what is in use, at most 16
    assert_int_equal(t_alloc_count(), 1 + 16);
    for (uint32_t i = 0; i <= 64 + put_by; i++) p2_blob_unref(held[i]);
    p2_blob_pool_deinit(&p);
}

static void nothing_is_put_by_beyond_what_may_be_kept(void **state) {
    (void)state;
    struct p2_blob_pool p;
    p2_blob_pool_init(&p, MIB, 2048);
    struct p2_blob *held[64];
    for (uint32_t i = 0; i < 64; i++) {
        held[i] = p2_blob_new(&p, 1000);
        assert_true(p.bytes_kept <= 2048);
    }
    for (uint32_t i = 0; i < 64; i++) p2_blob_unref(held[i]);
    p2_blob_pool_deinit(&p);
}

// What was to be put by is not needed yet: one that is asked for comes though there is no memory for more.
static void short_memory_puts_nothing_by(void **state) {
    (void)state;
    struct p2_blob_pool p;
    p2_blob_pool_init(&p, MIB, MIB);
    struct p2_blob *held[5];
    uint32_t count = 0;
    while (count < 4) held[count++] = p2_blob_new(&p, 1000); // the fifth would put one by
    t_alloc_reset();
    t_alloc_fail_at(2);
    held[count++] = p2_blob_new(&p, 1000);
    assert_true(t_alloc_failed());
    t_alloc_reset();
    assert_non_null(held[4]);
    assert_int_equal(p.bytes_kept, 0);
    while (count) p2_blob_unref(held[--count]);
    p2_blob_pool_deinit(&p);
}

static void bytes_may_be_lent(void **state) {
    (void)state;
    static const uint8_t bytes[100000] = {7};
    struct p2_blob_pool p;
    p2_blob_pool_init(&p, 64, 64); // the smallest blob, no more
    struct p2_blob *b = p2_blob_lend(&p, bytes, sizeof bytes);
    assert_non_null(b);
    assert_ptr_equal(b->data, bytes);
    assert_int_equal(b->size, sizeof bytes);
    assert_null(p2_blob_lend(&p, bytes, 1));
    p2_blob_unref(b);
    b = p2_blob_new(&p, 64); // the same again, with bytes of its own
    assert_non_null(b);
    assert_ptr_not_equal(b->data, bytes);
    b->data[0] = 1;
    p2_blob_unref(b);
    assert_int_equal(p.allocations, 1);
    p2_blob_pool_deinit(&p);
}

static void the_budget_holds(void **state) {
    (void)state;
    struct p2_blob_pool p;
    p2_blob_pool_init(&p, 4096, 0);
    struct p2_blob *a = p2_blob_new(&p, 2048), *b = p2_blob_new(&p, 1025);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(p.bytes_live, 4096);
    assert_null(p2_blob_new(&p, 1));
    p2_blob_unref(a);
    assert_null(p2_blob_new(&p, 2049));
    a = p2_blob_new(&p, 2048);
    assert_non_null(a);
    p2_blob_unref(a);
    p2_blob_unref(b);
    assert_int_equal(p.bytes_kept, 0);
    assert_null(p2_blob_new(&p, 4097));
    assert_null(p2_blob_new(&p, UINT32_MAX));
    p2_blob_pool_deinit(&p);
}

static void references(void **state) {
    (void)state;
    struct p2_blob_pool p;
    p2_blob_pool_init(&p, MIB, MIB);
    struct p2_blob *b = p2_blob_new(&p, 100);
    assert_ptr_equal(p2_blob_ref(b), b);
    p2_blob_unref(b);
    assert_int_equal(p.bytes_live, 128);
    p2_blob_unref(b);
    assert_int_equal(p.bytes_live, 0);
    assert_int_equal(p.bytes_kept, 128);
    p2_blob_unref(NULL);
    p2_blob_pool_deinit(&p);
}

// Blobs of a size no longer asked for make way for those that are.
static void kept_memory_follows_the_traffic(void **state) {
    (void)state;
    struct p2_blob_pool p;
    p2_blob_pool_init(&p, 8 * MIB, MIB);
    p2_blob_unref(p2_blob_new(&p, MIB));
    assert_int_equal(p.bytes_kept, MIB);
    for (int i = 0; i < 10; i++) p2_blob_unref(p2_blob_new(&p, 1024));
    assert_int_equal(p.allocations, 2);
    assert_int_equal(p.bytes_kept, 1024);
    p2_blob_unref(p2_blob_new(&p, 2 * MIB)); // never kept, and nothing is thrown out for it
    assert_int_equal(p.bytes_kept, 1024);
    p2_blob_pool_deinit(&p);
}

static void short_memory_releases_what_is_kept(void **state) {
    (void)state;
    struct p2_blob_pool p;
    p2_blob_pool_init(&p, MIB, MIB);
    p2_blob_unref(p2_blob_new(&p, 5000));
    t_alloc_reset();
    t_alloc_fail_at(1);
    struct p2_blob *b = p2_blob_new(&p, 100); // its second try comes through
    assert_non_null(b);
    assert_true(t_alloc_failed());
    assert_int_equal(p.bytes_kept, 0);
    p2_blob_unref(b);
    t_alloc_reset();
    p2_blob_pool_deinit(&p);
}

static void random_use_keeps_count(void **state) {
    (void)state;
    struct p2_blob_pool p;
    struct p2_rng r;
    p2_rng_init(&r, 3);
    p2_blob_pool_init(&p, MIB, MIB / 4);
    struct p2_blob *held[32] = {0};
    for (int step = 0; step < 20000; step++) {
        uint32_t i = (uint32_t)p2_rng_below(&r, 32);
        if (held[i]) {
            assert_int_equal(held[i]->data[0], i);
            p2_blob_unref(held[i]);
            held[i] = NULL;
        } else {
            held[i] = p2_blob_new(&p, 1 + (uint32_t)p2_rng_below(&r, UINT64_C(1) << p2_rng_below(&r, 19)));
            if (held[i]) held[i]->data[0] = (uint8_t)i;
        }
        uint64_t live = 0;
        for (int k = 0; k < 32; k++) live += held[k] ? held[k]->capacity : 0;
        assert_int_equal(p.bytes_live, live);
        assert_true(live <= p.bytes_live_max && p.bytes_kept <= p.bytes_kept_max);
    }
    for (int i = 0; i < 32; i++) p2_blob_unref(held[i]);
    p2_blob_pool_deinit(&p);
}

struct key {
    unsigned taken, held;
};

static void take_key(void *context) {
    struct key *k = context;
    k->taken++;
    k->held++;
}

static void give_key(void *context) {
    struct key *k = context;
    assert_int_equal(k->held--, 1);
}

static void a_shared_pool_is_locked_for_every_change(void **state) {
    (void)state;
    struct p2_blob_pool p;
    struct key key = {0};
    p2_blob_pool_init(&p, MIB, 0);
    p2_blob_pool_share(&p, take_key, give_key, &key);
    struct p2_blob *b = p2_blob_new(&p, 1);
    assert_null(p2_blob_new(&p, 2 * MIB)); // over budget
    p2_blob_unref(p2_blob_ref(b));
    assert_int_equal(key.taken, 2); // a reference is its owner's
    p2_blob_unref(b);
    assert_int_equal(key.taken, 3);
    assert_int_equal(key.held, 0);
    p2_blob_pool_deinit(&p);
}

static void deinit(void *arg) { p2_blob_pool_deinit(arg); }

static void a_blob_left_behind_aborts(void **state) {
    (void)state;
    struct p2_blob_pool p;
    p2_blob_pool_init(&p, MIB, 0);
    struct p2_blob *b = p2_blob_new(&p, 1);
    assert_true(t_aborts(deinit, &p));
    p2_blob_unref(b);
    p2_blob_pool_deinit(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_for_what_was_asked),
        cmocka_unit_test(steady_traffic_allocates_nothing),
        cmocka_unit_test(a_record_leaves_room_for_the_next),
        cmocka_unit_test(nothing_is_put_by_beyond_what_may_be_kept),
        cmocka_unit_test(short_memory_puts_nothing_by),
        cmocka_unit_test(bytes_may_be_lent),
        cmocka_unit_test(the_budget_holds),
        cmocka_unit_test(references),
        cmocka_unit_test(kept_memory_follows_the_traffic),
        cmocka_unit_test(short_memory_releases_what_is_kept),
        cmocka_unit_test(random_use_keeps_count),
        cmocka_unit_test(a_shared_pool_is_locked_for_every_change),
        cmocka_unit_test(a_blob_left_behind_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
