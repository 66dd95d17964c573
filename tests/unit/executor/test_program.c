#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "os/os.h"
#include "peer/executor/program.h"

static struct device device;
static struct program_cache cache;
static const char source[] = "__kernel void one(__global int *out) { out[0] = 1; }";
static const char other[] = "__kernel void one(__global int *out) { out[0] = 2; }";

static void build(const char *text, bool expect_hit) {
    char storage[1000];
    struct p2_strbuf why;
    p2_strbuf_init(&why, storage, sizeof storage);
    cl_program program = NULL;
    bool hit = !expect_hit;
    assert_int_equal(program_build(&device, &cache, text, &program, &hit, &why), P2_OK);
    assert_int_equal(hit, expect_hit);
    cl_int e;
    cl_kernel k = clCreateKernel(program, "one", &e);
    assert_non_null(k);
    clReleaseKernel(k);
    clReleaseProgram(program);
}

static uint32_t files(const char *suffix) {
    uint32_t count = 0;
    DIR *dir = opendir(cache.folder);
    assert_non_null(dir);
    struct dirent *e;
    while ((e = readdir(dir))) {
        size_t n = strlen(e->d_name), s = strlen(suffix);
        count += e->d_name[0] != '.' && n >= s && !strcmp(e->d_name + n - s, suffix);
    }
    closedir(dir);
    return count;
}

static int start_empty(void **state) {
    (void)state;
    assert_true(program_cache_init(&cache, fixture_folder()));
    DIR *dir = opendir(cache.folder);
    struct dirent *e;
    while ((e = readdir(dir))) {
        if (e->d_name[0] != '.') unlinkat(dirfd(dir), e->d_name, 0);
    }
    closedir(dir);
    return 0;
}

static void binary_path(char *out, size_t capacity) {
    struct p2_digest key;
    char text[P2_DIGEST_TEXT];
    assert_true(program_key(&device, source, program_options(&device), &key));
    p2_digest_text(&key, text);
    snprintf(out, capacity, "%.4000s/%s.bin", cache.folder, text);
}

static void second_build_is_a_hit(void **state) {
    (void)state;
    build(source, false);
    build(source, true);
    build(other, false);
    build(source, true);
    build(other, true);
    assert_int_equal(files(".bin"), 2);
}

static void key_depends_on_everything(void **state) {
    (void)state;
    struct p2_digest a, b;
    assert_true(program_key(&device, source, program_options(&device), &a));
    assert_true(program_key(&device, source, program_options(&device), &b));
    assert_true(p2_digest_equal(&a, &b));
    assert_true(program_key(&device, source, "-DX", &b));
    assert_false(p2_digest_equal(&a, &b));
    assert_true(program_key(&device, other, program_options(&device), &b));
    assert_false(p2_digest_equal(&a, &b));
    for (int i = 0; i < 3; i++) {
        struct device d = device;
        (i == 0 ? d.info.name : i == 1 ? d.info.driver : d.info.platform)[0] ^= 1;
        assert_true(program_key(&d, source, program_options(&device), &b));
        assert_false(p2_digest_equal(&a, &b));
    }
}

static void sources_know_what_they_are_compiled_for(void **state) {
    (void)state;
    static const char cpu[] =
        "#if !P2_CPU\n#error not for this\n#endif\n__kernel void k(__global int *a) { *a = 1; }\n";
    static const char gpu[] = "#if P2_CPU\n#error not for this\n#endif\n__kernel void k(__global int *a) { *a = 1; }\n";
    struct device processor = device, graphics = device;
    processor.info.facts.is_cpu = true;
    graphics.info.facts.is_cpu = false;
    for (int i = 0; i < 4; i++) {
        cl_program program = NULL;
        bool hit;
        char text[4096];
        struct p2_strbuf why;
        p2_strbuf_init(&why, text, sizeof text);
        enum p2_err e = program_build(i % 2 ? &graphics : &processor, &cache, i < 2 ? cpu : gpu, &program, &hit, &why);
        assert_int_equal(e, i == 0 || i == 3 ? P2_OK : P2_ERR_EXECUTION_FAILED);
        if (program) clReleaseProgram(program);
    }
}

// Every kind of damage: the file is not used, and a good one takes its place.
static void damaged_files_are_replaced(void **state) {
    (void)state;
    build(source, false);
    char path[4200];
    binary_path(path, sizeof path);
    uint8_t *good;
    size_t size;
    assert_int_equal(p2_file_read(path, 64 << 20, &good, &size), P2_OK);
    assert_true(size > 100);
    const size_t flips[] = {0, 8, 12, 16, 30, 60, 90, size / 2, size - 1};
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        good[flips[i]] ^= 0x10;
        assert_int_equal(p2_file_write(path, good, size), P2_OK);
        good[flips[i]] ^= 0x10;
        build(source, false);
        build(source, true);
    }
    const size_t lengths[] = {0, 1, 50, size - 1};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(p2_file_write(path, good, lengths[i]), P2_OK);
        build(source, false);
        build(source, true);
    }
    free(good);
}

static void another_programs_file_is_not_taken(void **state) {
    (void)state;
    build(source, false);
    char path[4200];
    binary_path(path, sizeof path);
    uint8_t *bytes;
    size_t size;
    assert_int_equal(p2_file_read(path, 64 << 20, &bytes, &size), P2_OK);
    struct p2_digest key;
    char text[P2_DIGEST_TEXT], to[4200];
    assert_true(program_key(&device, other, program_options(&device), &key));
    p2_digest_text(&key, text);
    snprintf(to, sizeof to, "%.4000s/%s.bin", cache.folder, text);
    assert_int_equal(p2_file_write(to, bytes, size), P2_OK);
    free(bytes);
    build(other, false);
}

static void what_a_killed_writer_left_is_swept(void **state) {
    (void)state;
    char path[4200], verdict[4200];
    snprintf(path, sizeof path, "%.4000s/half.tmp", cache.folder);
    assert_int_equal(p2_file_write(path, "half", 4), P2_OK);
    snprintf(verdict, sizeof verdict, "%.4000s/a" VERDICT_SUFFIX, cache.folder);
    assert_int_equal(p2_file_write(verdict, "kept", 4), P2_OK);
    build(source, false);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(files(""), 3); // the binary, the verdict and the lock
    assert_int_equal(remove(verdict), 0);
}

static void the_oldest_binaries_go(void **state) {
    (void)state;
    for (int i = 0; i < 70; i++) {
        char path[4200];
        snprintf(path, sizeof path, "%.4000s/%02d.bin", cache.folder, i);
        assert_int_equal(p2_file_write(path, "old", 3), P2_OK);
    }
    build(source, false);
    assert_int_equal(files(".bin"), 65);
    build(source, true);
}

static void without_a_folder_it_builds(void **state) {
    (void)state;
    char file[4200];
    snprintf(file, sizeof file, "%.4000s/file", cache.folder);
    assert_int_equal(p2_file_write(file, "x", 1), P2_OK);
    assert_false(program_cache_init(&cache, file));
    build(source, false);
    build(source, false);
}

static void a_failure_gives_the_log(void **state) {
    (void)state;
    char storage[2000];
    struct p2_strbuf why;
    p2_strbuf_init(&why, storage, sizeof storage);
    cl_program program = NULL;
    bool hit;
    const char *bad = "__kernel void one(__global int *out) { out[0] = no_such_name; }";
    assert_int_equal(program_build(&device, &cache, bad, &program, &hit, &why), P2_ERR_EXECUTION_FAILED);
    assert_non_null(strstr(storage, "no_such_name"));
    assert_null(program);
    assert_int_equal(files(".bin"), 0);
}

static void what_pocl_leaves_is_bounded(void **state) {
    (void)state;
    char folder[4200], path[4300];
    snprintf(folder, sizeof folder, "%.4000s/new", cache.folder);
    for (int i = 0; i < 80; i++) {
        snprintf(path, sizeof path, "%s/pocl/tempfile_%06d", folder, i);
        if (i == 0) {
            char pocl[4300];
            snprintf(pocl, sizeof pocl, "%s/pocl", folder);
            assert_int_equal(p2_dir_make(pocl), P2_OK);
        }
        assert_int_equal(p2_file_write(path, "", 0), P2_OK);
    }
    char before[4200];
    snprintf(before, sizeof before, "%s", getenv("POCL_CACHE_DIR"));
    unsetenv("POCL_CACHE_DIR");
    assert_int_equal(device_prepare_cache(folder), P2_OK);
    assert_int_not_equal(strcmp(getenv("POCL_CACHE_DIR"), before), 0);
    setenv("POCL_CACHE_DIR", before, 1);
    uint32_t left = 0;
    for (int i = 0; i < 80; i++) {
        snprintf(path, sizeof path, "%s/pocl/tempfile_%06d", folder, i);
        left += access(path, F_OK) == 0;
    }
    assert_int_equal(left, 64);
}

int main(void) {
    if (!fixture_open(&device)) return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(second_build_is_a_hit, start_empty),
        cmocka_unit_test_setup(key_depends_on_everything, start_empty),
        cmocka_unit_test_setup(sources_know_what_they_are_compiled_for, start_empty),
        cmocka_unit_test_setup(damaged_files_are_replaced, start_empty),
        cmocka_unit_test_setup(another_programs_file_is_not_taken, start_empty),
        cmocka_unit_test_setup(what_a_killed_writer_left_is_swept, start_empty),
        cmocka_unit_test_setup(the_oldest_binaries_go, start_empty),
        cmocka_unit_test_setup(without_a_folder_it_builds, start_empty),
        cmocka_unit_test_setup(what_pocl_leaves_is_bounded, start_empty),
        cmocka_unit_test_setup(a_failure_gives_the_log, start_empty),
    };
    int failed = cmocka_run_group_tests_name("executor/program", tests, NULL, NULL);
    device_close(&device);
    fixture_remove();
    return failed;
}
