// The thread that hashes: whole and in pieces, compressed or not, dropped, broken, too much.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>
#include <string.h>

#include "coordinator/shell/digest.h"
#include "os/os.h"
#include "wire/wire.h"

static struct p2_blob_pool pool;
static struct digest *d;
static sem_t woken;
static const uint8_t head[] = "head";

static void wake(void *context) { sem_post(context); }

static int set_up(void **state) {
    (void)state;
    p2_blob_pool_init(&pool, 64 << 20, 0);
    sem_init(&woken, 0, 0);
    d = digest_create(&pool, wake, &woken);
    assert_non_null(d);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    digest_destroy(&d);
    assert_null(d);
    assert_int_equal(pool.bytes_live, 0);
    p2_blob_pool_deinit(&pool);
    sem_destroy(&woken);
    return 0;
}

static void put(p2_handle task, const void *bytes, uint32_t size, bool last, bool at_once) {
    struct coord_hash h = {.task = task, .raw_size = size, .last = last, .at_once = at_once};
    if (last) h.head = head, h.head_size = sizeof head;
    if (size) {
        h.payload = (struct p2_slice){p2_blob_new(&pool, size), 0, size};
        memcpy(h.payload.blob->data, bytes, size);
    }
    digest_put(d, &h);
    p2_blob_unref(h.payload.blob);
}

static struct p2_digest expected(const void *bytes, size_t size) {
    uint8_t both[sizeof head + 32];
    struct p2_digest payload, key;
    p2_sha256(bytes, size, &payload);
    memcpy(both, head, sizeof head);
    memcpy(both + sizeof head, payload.b, 32);
    p2_sha256(both, sizeof both, &key);
    return key;
}

static void expect(p2_handle task, const void *bytes, size_t size) {
    p2_handle got;
    struct p2_digest key, want = expected(bytes, size);
    while (!digest_take(d, &got, &key)) sem_wait(&woken);
    assert_int_equal(got, task);
    assert_memory_equal(key.b, want.b, 32);
}

static void small_ones_at_once(void **state) {
    (void)state;
    p2_handle got;
    struct p2_digest key, want = expected("hello", 5);
    put(5, "hello", 5, true, true);
    assert_true(digest_take(d, &got, &key));
    assert_int_equal(got, 5);
    assert_memory_equal(key.b, want.b, 32);
    assert_false(digest_take(d, &got, &key));
    put(6, NULL, 0, true, true);
    expect(6, "", 0);
}

static void pieces_of_several(void **state) {
    (void)state;
    put(1, "hel", 3, false, false);
    put(2, "good", 4, false, false);
    put(1, "lo", 2, true, false);
    expect(1, "hello", 5);
    put(2, "bye", 3, true, false);
    expect(2, "goodbye", 7);
}

static void compressed_ones_count_raw(void **state) {
    (void)state;
    static uint8_t raw[20000];
    struct p2_codec codec;
    assert_true(p2_codec_init(&codec, &pool));
    struct p2_blob *b = p2_body_deflate(&codec, raw, sizeof raw);
    p2_codec_deinit(&codec);
    struct coord_hash h = {.task = 3,
                           .payload = {b, 0, b->size},
                           .raw_size = sizeof raw,
                           .zstd = true,
                           .last = true,
                           .head = head,
                           .head_size = sizeof head};
    digest_put(d, &h);
    expect(3, raw, sizeof raw);
    h.task = 4;
    h.raw_size = 19999; // not what it claims to be: no key
    digest_put(d, &h);
    p2_blob_unref(b);
    put(5, "x", 1, true, false);
    expect(5, "x", 1);
}

static void dropped_ones_say_nothing(void **state) {
    (void)state;
    put(1, "hel", 3, false, false);
    digest_drop(d, 1);
    digest_drop(d, 77);
    put(2, "x", 1, true, false);
    expect(2, "x", 1);
    put(3, "left", 4, false, false); // what is open when it ends is let go
}

static void more_streams_than_there_are(void **state) {
    (void)state;
    p2_handle got;
    struct p2_digest key;
    for (p2_handle task = 1; task <= DIGEST_STREAMS + 5; task++) {
        put(task, "x", 1, false, false);
        while (task % 100 == 0 && pool.bytes_live > 100) digest_take(d, &got, &key); // lets go what is done
    }
    digest_drop(d, 1);
    while (pool.bytes_live) digest_take(d, &got, &key);
    put(5000, "y", 1, true, false);
    expect(5000, "y", 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(small_ones_at_once), TEST(pieces_of_several),
                                       TEST(compressed_ones_count_raw), TEST(dropped_ones_say_nothing),
                                       TEST(more_streams_than_there_are)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
