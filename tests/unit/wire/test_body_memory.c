// Once a codec is there, no record takes memory of its own: every allocation of this process, zstd's included, is
// counted. A sanitizer has the allocator for itself; there the test is skipped.
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "support.h"

#if defined(__SANITIZE_ADDRESS__)
#define COUNTED false
static const uint64_t allocations;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNTED false
static const uint64_t allocations;
#endif
#endif

#ifndef COUNTED
#define COUNTED true
static uint64_t allocations;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *p, size_t size) {
    allocations++;
    return __libc_realloc(p, size);
}
#endif

static uint8_t in[P2_RECORD_PAYLOAD_MAX], out[P2_RECORD_PAYLOAD_MAX];

static void there_and_back(struct bench *t, uint32_t size) {
    struct p2_blob *b = p2_body_deflate(&t->codec, in, size);
    assert_non_null(b);
    assert_int_equal(p2_body_inflate(&t->codec, b->data, b->size, out, size), P2_OK);
    assert_memory_equal(in, out, size);
    p2_blob_unref(b);
}

static void no_record_allocates(void **state) {
    if (!COUNTED) skip();
    struct bench *t = *state;
    struct p2_rng rng;
    p2_rng_init(&rng, 3);
    for (size_t i = 0; i < sizeof in; i++) in[i] = (uint8_t)(i % 64 < 24 ? p2_rng_next(&rng) : i >> 6);
    for (uint32_t size = 1025; size <= P2_RECORD_PAYLOAD_MAX; size += 1000) there_and_back(t, size); // the pool's blobs
    uint64_t before = allocations;
    // runs of one size are where a context would let go of memory it has not needed lately
    static const uint32_t sizes[] = {1025, 2048, 8192, 8193, 16384, 16385, 32768, P2_RECORD_PAYLOAD_MAX, 4000, 50000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int round = 0; round < 300; round++) there_and_back(t, sizes[i]);
    for (int round = 0; round < 1000; round++)
        there_and_back(t, 1025 + (uint32_t)p2_rng_below(&rng, P2_RECORD_PAYLOAD_MAX - 1024));
    assert_int_equal(allocations - before, 0);
}

// The pool keeps what is freed: its blobs are no allocations either.
static int setup(void **state) {
    struct bench *t = calloc(1, sizeof *t);
    if (!t) return -1;
    p2_blob_pool_init(&t->pool, 4 << 20, 4 << 20);
    *state = t;
    return p2_codec_init(&t->codec, &t->pool) ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_record_allocates)};
    return cmocka_run_group_tests(tests, setup, bench_teardown);
}
