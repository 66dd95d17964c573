// Blobs on disk: received, continued, proved, read back, removed; what a crash or a flipped bit leaves.
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"
#include "cmocka_all.h"
#include "os/blobstore.h"
#include "os/os.h"
#include "testlib.h"

#define PIECE 65536u

struct bench {
    struct p2_blobstore *s;
    struct p2_blob_pool pool;
    const char *dir;
    uint8_t *bytes;
    uint32_t size;
    struct p2_digest digest;
};

static struct p2_blobstore *open_store(const char *dir, enum p2_err *e) {
    const struct p2_blobstore_config c = {.dir = dir, .streams_max = 4, .works_max = 64, .seed = {3, 4}};
    return p2_blobstore_open(&c, e);
}

static void begin(struct bench *b, const char *name, uint32_t size) {
    *b = (struct bench){.dir = t_path(name), .size = size, .bytes = malloc(size)};
    p2_blob_pool_init(&b->pool, UINT64_C(64) << 20, 0);
    struct p2_rng rng;
    p2_rng_init(&rng, size);
    for (uint32_t i = 0; i < size; i++) b->bytes[i] = (uint8_t)p2_rng_next(&rng);
    p2_sha256(b->bytes, size, &b->digest);
    enum p2_err e;
    b->s = open_store(b->dir, &e);
    assert_non_null(b->s);
}

static void again(struct bench *b) {
    enum p2_err e;
    p2_blobstore_close(&b->s);
    b->s = open_store(b->dir, &e);
    assert_non_null(b->s);
}

static void end(struct bench *b) {
    p2_blobstore_close(&b->s);
    assert_int_equal(b->pool.bytes_live, 0);
    p2_blob_pool_deinit(&b->pool);
    free(b->bytes);
}

static void ask(struct bench *b, const struct p2_blob_work *w) { assert_true(p2_blobstore_do(b->s, w)); }

static struct p2_blob_work work(const struct bench *b, enum p2_blob_what what, p2_handle token) {
    return (struct p2_blob_work){.what = what, .token = token, .digest = b->digest, .size = b->size};
}

static struct p2_blob_work answer(struct bench *b, enum p2_blob_what what) {
    struct p2_blob_work out;
    while (!p2_blobstore_answer(b->s, &out)) {
        struct pollfd p = {.fd = p2_blobstore_fd(b->s), .events = POLLIN};
        assert_int_equal(poll(&p, 1, 20000), 1);
    }
    assert_int_equal(out.what, what);
    return out;
}

static uint64_t begin_receiving(struct bench *b, p2_handle token) {
    struct p2_blob_work w = work(b, P2_BLOB_BEGIN, token);
    ask(b, &w);
    w = answer(b, P2_BLOB_BEGIN);
    assert_int_equal(w.why, P2_OK);
    assert_int_equal(w.token, token);
    return w.offset;
}

static void write_from(struct bench *b, p2_handle token, uint64_t from, uint64_t to) {
    while (from < to) {
        uint32_t n = to - from < PIECE ? (uint32_t)(to - from) : PIECE;
        struct p2_blob *blob = p2_blob_new(&b->pool, n);
        memcpy(blob->data, b->bytes + from, n);
        struct p2_blob_work w = work(b, P2_BLOB_WRITE, token);
        w.slice = (struct p2_slice){blob, 0, n};
        ask(b, &w);
        p2_blob_unref(blob);
        from += n;
        w = answer(b, P2_BLOB_WRITE);
        assert_int_equal(w.why, P2_OK);
        assert_int_equal(w.offset, from);
        p2_blob_unref(w.slice.blob);
    }
}

static enum p2_err commit(struct bench *b, p2_handle token) {
    struct p2_blob_work w = work(b, P2_BLOB_COMMIT, token);
    ask(b, &w);
    return answer(b, P2_BLOB_COMMIT).why;
}

static void receive(struct bench *b) {
    write_from(b, 7, begin_receiving(b, 7), b->size);
    assert_int_equal(commit(b, 7), P2_OK);
}

static enum p2_err open_to_read(struct bench *b, p2_handle token, bool prove) {
    struct p2_blob_work w = work(b, P2_BLOB_OPEN, token);
    w.prove = prove;
    ask(b, &w);
    return answer(b, P2_BLOB_OPEN).why;
}

static void close_reading(struct bench *b, p2_handle token) {
    struct p2_blob_work w = work(b, P2_BLOB_CLOSE, token);
    ask(b, &w);
}

static void read_whole(struct bench *b, p2_handle token) {
    for (uint64_t at = 0; at < b->size; at += PIECE) {
        uint32_t n = b->size - at < PIECE ? (uint32_t)(b->size - at) : PIECE;
        struct p2_blob *blob = p2_blob_new(&b->pool, n);
        struct p2_blob_work w = work(b, P2_BLOB_READ, token);
        w.offset = at;
        w.slice = (struct p2_slice){blob, 0, n};
        ask(b, &w);
        p2_blob_unref(blob);
        w = answer(b, P2_BLOB_READ);
        assert_int_equal(w.why, P2_OK);
        assert_memory_equal(w.slice.blob->data, b->bytes + at, n);
        p2_blob_unref(w.slice.blob);
    }
}

static const char *path_of(const struct bench *b) {
    static char path[512];
    assert_true(p2_blobstore_path(b->dir, &b->digest, path, sizeof path));
    return path;
}

static uint32_t found(const struct bench *b, const struct p2_blobstore_found **out) {
    return p2_blobstore_found(b->s, out);
}

// ---- tests ----------------------------------------------------------------------------------------------------------

static void what_comes_in_can_be_read(void **state) {
    (void)state;
    struct bench b;
    begin(&b, "a", 3 * PIECE + 17);
    assert_int_not_equal(access(b.dir, F_OK), 0); // no folder before there is something for it
    receive(&b);
    assert_int_equal(access(path_of(&b), R_OK), 0);
    assert_int_equal(open_to_read(&b, 7, true), P2_OK); // the token of a receiving is no reading's
    read_whole(&b, 7);
    close_reading(&b, 7);
    end(&b);
}

static void an_interrupted_one_goes_on_where_it_was(void **state) {
    (void)state;
    struct bench b;
    begin(&b, "b", 5 * PIECE);
    assert_int_equal(begin_receiving(&b, 1), 0);
    write_from(&b, 1, 0, 3 * PIECE);
    struct p2_blob_work w = work(&b, P2_BLOB_LEAVE, 1);
    ask(&b, &w);
    assert_int_equal(begin_receiving(&b, 2), 3 * PIECE);
    write_from(&b, 2, 3 * PIECE, 4 * PIECE);
    again(&b); // as after a crash: nobody said LEAVE
    const struct p2_blobstore_found *all;
    assert_int_equal(found(&b, &all), 1);
    assert_true(all[0].part);
    assert_int_equal(all[0].size, b.size);
    assert_int_equal(begin_receiving(&b, 3), 4 * PIECE);
    write_from(&b, 3, 4 * PIECE, b.size);
    assert_int_equal(commit(&b, 3), P2_OK);
    assert_int_equal(open_to_read(&b, 3, true), P2_OK);
    read_whole(&b, 3);
    close_reading(&b, 3);
    again(&b);
    assert_int_equal(found(&b, &all), 1);
    assert_false(all[0].part);
    assert_int_equal(all[0].size, b.size);
    assert_true(p2_digest_equal(&all[0].digest, &b.digest));
    end(&b);
}

static void a_fresh_one_starts_anew(void **state) {
    (void)state;
    struct bench b;
    begin(&b, "c", 2 * PIECE);
    begin_receiving(&b, 1);
    write_from(&b, 1, 0, PIECE);
    struct p2_blob_work w = work(&b, P2_BLOB_LEAVE, 1);
    ask(&b, &w);
    w = work(&b, P2_BLOB_BEGIN, 2);
    w.fresh = true;
    ask(&b, &w);
    assert_int_equal(answer(&b, P2_BLOB_BEGIN).offset, 0);
    write_from(&b, 2, 0, b.size);
    assert_int_equal(commit(&b, 2), P2_OK);
    end(&b);
}

static void wrong_bytes_leave_nothing(void **state) {
    (void)state;
    struct bench b;
    begin(&b, "d", 2 * PIECE);
    b.bytes[PIECE + 5] ^= 1; // not what the digest says
    write_from(&b, 1, begin_receiving(&b, 1), b.size);
    assert_int_equal(commit(&b, 1), P2_ERR_BAD_PAYLOAD);
    assert_int_not_equal(access(path_of(&b), F_OK), 0);
    const struct p2_blobstore_found *all;
    again(&b);
    assert_int_equal(found(&b, &all), 0);
    end(&b);
}

static void one_that_is_short_is_wrong(void **state) {
    (void)state;
    struct bench b;
    begin(&b, "e", 2 * PIECE);
    write_from(&b, 1, begin_receiving(&b, 1), PIECE);
    assert_int_equal(commit(&b, 1), P2_ERR_BAD_PAYLOAD);
    end(&b);
}

static void a_flipped_bit_is_found_and_removed(void **state) {
    (void)state;
    struct bench b;
    begin(&b, "f", 2 * PIECE);
    receive(&b);
    int fd = open(path_of(&b), O_WRONLY);
    uint8_t wrong = (uint8_t)~b.bytes[PIECE + 1];
    assert_int_equal(pwrite(fd, &wrong, 1, PIECE + 1), 1);
    close(fd);
    again(&b);
    assert_int_equal(open_to_read(&b, 1, true), P2_ERR_BAD_PAYLOAD);
    close_reading(&b, 1);
    assert_int_equal(open_to_read(&b, 2, true), P2_ERR_NOT_FOUND);
    close_reading(&b, 2);
    receive(&b); // and it can come again
    assert_int_equal(open_to_read(&b, 3, true), P2_OK);
    close_reading(&b, 3);
    assert_int_equal(truncate(path_of(&b), 10), 0);
    assert_int_equal(open_to_read(&b, 4, false), P2_ERR_BAD_PAYLOAD); // a wrong length needs no proof
    close_reading(&b, 4);
    end(&b);
}

static void removed_is_removed(void **state) {
    (void)state;
    struct bench b;
    begin(&b, "g", PIECE);
    receive(&b);
    struct p2_blob_work w = work(&b, P2_BLOB_REMOVE, 0);
    ask(&b, &w);
    assert_int_equal(begin_receiving(&b, 1), 0); // done after it
    assert_int_not_equal(access(path_of(&b), F_OK), 0);
    w = work(&b, P2_BLOB_LEAVE, 1);
    ask(&b, &w);
    end(&b);
}

static void the_order_of_use_outlives_the_process(void **state) {
    (void)state;
    struct bench b;
    begin(&b, "h", PIECE);
    receive(&b);
    struct p2_digest first = b.digest;
    b.bytes[0] ^= 1;
    p2_sha256(b.bytes, b.size, &b.digest);
    receive(&b);
    const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, path_of(&b), long_ago, 0), 0);
    const struct p2_blobstore_found *all;
    again(&b);
    assert_int_equal(found(&b, &all), 2);
    assert_true(p2_digest_equal(&all[0].digest, &b.digest));
    assert_int_equal(open_to_read(&b, 1, false), P2_OK);
    close_reading(&b, 1);
    again(&b);
    assert_int_equal(found(&b, &all), 2);
    assert_true(p2_digest_equal(&all[0].digest, &first));
    end(&b);
}

static void a_folder_has_one_owner(void **state) {
    (void)state;
    struct bench b;
    begin(&b, "i", PIECE);
    receive(&b);
    enum p2_err e;
    assert_null(open_store(b.dir, &e));
    assert_int_equal(e, P2_ERR_IO);
    end(&b);
}

static void what_is_not_ours_is_left_alone(void **state) {
    (void)state;
    struct bench b;
    begin(&b, "j", PIECE);
    receive(&b);
    char path[600];
    snprintf(path, sizeof path, "%.*s/README", (int)(strrchr(path_of(&b), '/') - path_of(&b)), path_of(&b));
    t_write(path, "x", 1);
    snprintf(path, sizeof path, "%s.7.part.old", path_of(&b));
    t_write(path, "x", 1);
    snprintf(path, sizeof path, "%s.7.part", path_of(&b)); // ours, and longer than it may be
    t_write(path, "0123456789", 10);
    const struct p2_blobstore_found *all;
    again(&b);
    assert_int_equal(found(&b, &all), 1);
    assert_int_not_equal(access(path, F_OK), 0);
    end(&b);
}

static void a_folder_that_cannot_be_is_a_code(void **state) {
    (void)state;
    struct bench b;
    t_write(t_path("file"), "x", 1);
    begin(&b, "k", PIECE);
    p2_blobstore_close(&b.s);
    char inside[600];
    snprintf(inside, sizeof inside, "%s/deeper", t_path("file"));
    enum p2_err e;
    b.s = open_store(inside, &e);
    if (b.s) {
        struct p2_blob_work w = work(&b, P2_BLOB_BEGIN, 1);
        ask(&b, &w);
        e = answer(&b, P2_BLOB_BEGIN).why;
        w = work(&b, P2_BLOB_LEAVE, 1);
        ask(&b, &w);
    }
    assert_int_equal(e, P2_ERR_IO);
    end(&b);
}

static void full_is_said_at_once(void **state) {
    (void)state;
    struct bench b;
    begin(&b, "l", PIECE);
    struct p2_blob_work w = work(&b, P2_BLOB_OPEN, 1);
    for (; w.token <= 4; w.token++) ask(&b, &w);
    assert_false(p2_blobstore_do(b.s, &w)); // streams_max
    for (unsigned i = 0; i < 4; i++) assert_int_equal(answer(&b, P2_BLOB_OPEN).why, P2_ERR_NOT_FOUND);
    for (p2_handle t = 1; t <= 4; t++) close_reading(&b, t);
    end(&b); // and what is still under way is dealt with
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_in_can_be_read),
        cmocka_unit_test(an_interrupted_one_goes_on_where_it_was),
        cmocka_unit_test(a_fresh_one_starts_anew),
        cmocka_unit_test(wrong_bytes_leave_nothing),
        cmocka_unit_test(one_that_is_short_is_wrong),
        cmocka_unit_test(a_flipped_bit_is_found_and_removed),
        cmocka_unit_test(removed_is_removed),
        cmocka_unit_test(the_order_of_use_outlives_the_process),
        cmocka_unit_test(a_folder_has_one_owner),
        cmocka_unit_test(what_is_not_ours_is_left_alone),
        cmocka_unit_test(a_folder_that_cannot_be_is_a_code),
        cmocka_unit_test(full_is_said_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
