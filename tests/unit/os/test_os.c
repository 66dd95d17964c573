// clock, entropy, signals, crypto, file, sys.
#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "os/os.h"
#include "testlib.h"

static void clock_and_entropy(void **state) {
    (void)state;
    p2_ns before = p2_clock_now();
    assert_true(before > 0);
    for (int i = 0; i < 1000; i++) {
        p2_ns now = p2_clock_now();
        assert_true(now >= before);
        before = now;
    }
    const p2_ns spent = p2_clock_thread();
    assert_true(spent > 0);
    assert_true(p2_clock_thread() >= spent);
    uint8_t a[1000] = {0}, b[1000] = {0};
    p2_entropy(a, sizeof a);
    p2_entropy(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    p2_entropy(a, 0);
    struct p2_id one = p2_id_random(), two = p2_id_random();
    assert_false(p2_id_equal(&one, &two));
}

static void signals_by_descriptor(void **state) {
    (void)state;
    int fd = p2_signals_open();
    assert_true(fd >= 0);
    assert_int_equal(p2_signals_take(fd), 0);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(p2_signals_take(fd), SIGTERM);
    assert_int_equal(p2_signals_take(fd), 0);
    assert_int_equal(kill(getpid(), SIGINT), 0);
    assert_int_equal(p2_signals_take(fd), SIGINT);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1); // and not SIGPIPE
    close(ends[1]);
    close(fd);
}

static void sha256(void **state) {
    (void)state;
    struct p2_digest d;
    char text[P2_DIGEST_TEXT];
    p2_sha256("", 0, &d);
    p2_digest_text(&d, text);
    assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    p2_sha256("abc", 3, &d); // FIPS 180-2, B.1
    p2_digest_text(&d, text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct p2_digest pieces;
    p2_sha256_of_two("ab", 2, "c", 1, &pieces);
    assert_memory_equal(&pieces, &d, sizeof d);
    struct p2_sha256 *h = p2_sha256_begin();
    p2_sha256_add(h, "a", 1);
    p2_sha256_add(h, "bc", 2);
    p2_sha256_end(&h, &pieces);
    assert_null(h);
    assert_true(p2_digest_equal(&pieces, &d));
    h = p2_sha256_begin();
    p2_sha256_end(&h, NULL);
}

static void files_are_read_whole(void **state) {
    (void)state;
    uint8_t *bytes;
    size_t size;
    const char *path = t_path("file");
    uint8_t *content = malloc(20000);
    p2_entropy(content, 20000);
    t_write(path, content, 20000);
    assert_int_equal(p2_file_read(path, 20000, &bytes, &size), P2_OK);
    assert_int_equal(size, 20000);
    assert_memory_equal(bytes, content, size);
    free(bytes);
    assert_int_equal(p2_file_read(path, 19999, &bytes, &size), P2_ERR_TOO_LARGE);
    assert_null(bytes);
    assert_int_equal(p2_file_read(path, SIZE_MAX, &bytes, &size), P2_OK);
    free(bytes);
    t_write(path, "", 0);
    assert_int_equal(p2_file_read(path, 0, &bytes, &size), P2_OK);
    assert_int_equal(size, 0);
    free(bytes);
    assert_int_equal(p2_file_read(t_path("none"), 10, &bytes, &size), P2_ERR_NOT_FOUND);
    assert_int_equal(p2_file_read(t_path("file/none"), 10, &bytes, &size), P2_ERR_NOT_FOUND);
    assert_int_equal(p2_file_read(t_dir(), 10, &bytes, &size), P2_ERR_IO);
    free(content);
}

// What gives no size beforehand: /proc, an endless device.
static void files_of_unknown_size(void **state) {
    (void)state;
    uint8_t *bytes;
    size_t size;
    assert_int_equal(p2_file_read("/proc/self/status", 1 << 20, &bytes, &size), P2_OK);
    assert_true(size > 100);
    free(bytes);
    assert_int_equal(p2_file_read("/proc/self/status", 10, &bytes, &size), P2_ERR_TOO_LARGE);
    assert_int_equal(p2_file_read("/dev/zero", 100000, &bytes, &size), P2_ERR_TOO_LARGE);
    assert_null(bytes);
}

static void short_memory_is_an_error(void **state) {
    (void)state;
    uint8_t *bytes;
    size_t size;
    const char *path = t_path("some");
    t_write(path, "some", 4);
    t_alloc_fail_at(1);
    assert_int_equal(p2_file_read(path, 100, &bytes, &size), P2_ERR_IO);
    assert_true(t_alloc_failed());
    t_alloc_reset();
}

struct reading {
    const char *path;
    const char *old, *young;
    size_t size;
    int others, done;
};

static void *read_on(void *arg) {
    struct reading *r = arg;
    while (!__atomic_load_n(&r->done, __ATOMIC_ACQUIRE)) {
        uint8_t *bytes;
        size_t size;
        if (p2_file_read(r->path, 1 << 20, &bytes, &size) != P2_OK) {
            r->others++;
            continue;
        }
        bool whole = size == r->size && (memcmp(bytes, r->old, size) == 0 || memcmp(bytes, r->young, size) == 0);
        r->others += !whole;
        free(bytes);
    }
    return NULL;
}

static void a_reader_sees_the_old_or_the_new(void **state) {
    (void)state;
    enum { SIZE = 100000 };
    static char old[SIZE], young[SIZE];
    memset(old, 'o', SIZE);
    memset(young, 'y', SIZE);
    struct reading r = {.path = t_path("atomic"), .old = old, .young = young, .size = SIZE};
    assert_int_equal(p2_file_write(r.path, old, SIZE), P2_OK);
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_on, &r), 0);
    for (int i = 0; i < 50; i++) assert_int_equal(p2_file_write(r.path, i % 2 ? old : young, SIZE), P2_OK);
    __atomic_store_n(&r.done, 1, __ATOMIC_RELEASE);
    pthread_join(reader, NULL);
    assert_int_equal(r.others, 0);
}

static int entries_of(const char *path) {
    DIR *d = opendir(path);
    assert_non_null(d);
    int n = 0;
    for (const struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void a_failed_write_leaves_the_old(void **state) {
    (void)state;
    assert_int_equal(p2_dir_make(t_path("w/taken/inner")), P2_OK);
    assert_int_equal(p2_file_write(t_path("w/taken"), "x", 1), P2_ERR_IO); // a folder has the name
    assert_int_equal(p2_file_write(t_path("w/none/x"), "x", 1), P2_ERR_IO);
    assert_int_equal(entries_of(t_path("w")), 1); // nothing half-written stays
    assert_int_equal(p2_file_write(t_path("w/ok"), "abc", 3), P2_OK);
    assert_int_equal(p2_file_write(t_path("w/ok"), "de", 2), P2_OK);
    assert_int_equal(entries_of(t_path("w")), 2);
    char longest[2 + 255 + 1] = "w/";
    memset(longest + 2, 'a', 255);
    assert_int_equal(p2_file_write(t_path(longest), "x", 1), P2_OK);
    assert_int_equal(unlink(t_path(longest)), 0);
    char *left = t_read(t_path("w/ok"), NULL);
    assert_string_equal(left, "de");
    free(left);
    char lengthy[PATH_MAX + 10];
    memset(lengthy, 'a', sizeof lengthy);
    lengthy[sizeof lengthy - 1] = 0;
    assert_int_equal(p2_file_write(lengthy, "x", 1), P2_ERR_IO);
    assert_int_equal(p2_dir_make(lengthy), P2_ERR_IO);
}

static void folders(void **state) {
    (void)state;
    const char *path = t_path("a/b/c");
    assert_int_equal(p2_dir_make(path), P2_OK);
    assert_int_equal(p2_dir_make(path), P2_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(p2_dir_make(t_path("a/b/d/")), P2_OK);
    t_write(t_path("plain"), "", 0);
    assert_int_equal(p2_dir_make(t_path("plain")), P2_ERR_IO);
    assert_int_equal(p2_dir_make(t_path("plain/x")), P2_ERR_IO);
    assert_int_equal(p2_dir_make(""), P2_ERR_IO);
}

static void where_caches_go(void **state) {
    (void)state;
    char out[PATH_MAX], wanted[64];
    setenv("XDG_CACHE_HOME", "/x/cache", 1);
    setenv("HOME", "/x/home", 1);
    assert_true(p2_cache_dir(out, sizeof out));
    assert_string_equal(out, "/x/cache/p2c2r");
    assert_false(p2_cache_dir(out, strlen("/x/cache/p2c2r")));
    setenv("XDG_CACHE_HOME", "relative", 1);
    assert_true(p2_cache_dir(out, sizeof out));
    assert_string_equal(out, "/x/home/.cache/p2c2r");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    if (p2_cache_dir(out, sizeof out)) { // false where someone else has that name
        snprintf(wanted, sizeof wanted, "/var/tmp/p2c2r-%u", (unsigned)geteuid());
        assert_string_equal(out, wanted);
        struct stat info;
        assert_int_equal(lstat(out, &info), 0);
        assert_int_equal(info.st_uid, geteuid());
        rmdir(out);
    }
}

static void this_machine(void **state) {
    (void)state;
    char out[PATH_MAX], program[PATH_MAX] = "";
    assert_true(p2_program_dir(out, sizeof out));
    assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    assert_int_equal(strncmp(program, out, strlen(out)), 0);
    assert_int_equal(program[strlen(out)], '/');
    assert_false(p2_program_dir(out, 1));
    assert_true(p2_cpu_count() >= 1);
    assert_true(p2_memory_bytes() > 1 << 20);
    assert_true(p2_resident_bytes() > 4096 && p2_resident_bytes() < p2_memory_bytes());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_and_entropy),
        cmocka_unit_test(signals_by_descriptor),
        cmocka_unit_test(sha256),
        cmocka_unit_test(files_are_read_whole),
        cmocka_unit_test(files_of_unknown_size),
        cmocka_unit_test(short_memory_is_an_error),
        cmocka_unit_test(a_reader_sees_the_old_or_the_new),
        cmocka_unit_test(a_failed_write_leaves_the_old),
        cmocka_unit_test(folders),
        cmocka_unit_test(where_caches_go),
        cmocka_unit_test(this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
