#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "peer/executor/pool.h"

static struct device device;
static char text[200];
static struct p2_strbuf why;
static atomic_uint_fast64_t allocations;
static struct residents residents;

static int setup(void **state) {
    p2_strbuf_init(&why, text, sizeof text);
    atomic_store(&allocations, 0);
    static struct pool pool;
    assert_true(residents_init(&residents, &device, &allocations, UINT64_MAX));
    pool_init(&pool, &residents);
    *state = &pool;
    return 0;
}

static int teardown(void **state) {
    pool_deinit(*state);
    residents_deinit(&residents);
    return 0;
}

static void classes_hold_their_sizes(void **state) {
    (void)state;
    assert_int_equal(pool_class(0), 0);
    assert_int_equal(pool_class(4096), 0);
    assert_int_equal(pool_class(4097), 1);
    for (size_t size = 1; size < (size_t)1 << 41; size += size / 7 + 1) {
        uint32_t c = pool_class(size);
        assert_true(c < POOL_CLASSES);
        assert_true(pool_class_size(c) >= size);
        if (c > 0) assert_true(pool_class_size(c - 1) < size);
        assert_int_equal(pool_class(pool_class_size(c)), c);
    }
}

static void large_memory_of_a_processor_lies_on_large_pages(void **state) {
    if (!device.info.facts.is_cpu) skip();
    const size_t large = (size_t)2 << 20;
    const uint8_t one = 1;
    void *small = NULL, *at = NULL;
    cl_mem mem = pool_device(*state, large / 2, &why);
    assert_int_equal(clGetMemObjectInfo(mem, CL_MEM_HOST_PTR, sizeof small, &small, NULL), CL_SUCCESS);
    assert_null(small);
    mem = pool_device(*state, large + 1, &why);
    assert_int_equal(clGetMemObjectInfo(mem, CL_MEM_HOST_PTR, sizeof at, &at, NULL), CL_SUCCESS);
    assert_non_null(at);
    assert_int_equal((uintptr_t)at % large, 0);
    cl_command_queue queue = clCreateCommandQueue(device.context, device.info.id, 0, NULL);
    assert_int_equal(clEnqueueFillBuffer(queue, mem, &one, 1, 0, large + 1, 0, NULL, NULL), CL_SUCCESS);
    assert_int_equal(clFinish(queue), CL_SUCCESS);
    clReleaseCommandQueue(queue);
    assert_int_equal(((uint8_t *)at)[large], 1);
    assert_int_equal(atomic_load(&allocations), 2);
    pool_release(*state);
    assert_ptr_equal(pool_device(*state, large + 1, &why), mem);
}

static void what_comes_back_serves_again(void **state) {
    struct pool *p = *state;
    cl_mem a = pool_device(p, 10000, &why), b = pool_device(p, 10000, &why);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    uint8_t *h = pool_host(p, 10000, &why);
    assert_non_null(h);
    assert_int_equal((uintptr_t)h % POOL_ALIGN, 0);
    memset(h, 1, 10000);
    assert_int_equal(atomic_load(&allocations), 3);
    pool_release(p);
    cl_mem c = pool_device(p, 9999, &why), d = pool_device(p, 10100, &why);
    assert_true((c == a && d == b) || (c == b && d == a));
    assert_ptr_equal(pool_host(p, 9500, &why), h);
    assert_int_equal(atomic_load(&allocations), 3);
}

static void trim_gives_back_only_what_is_free(void **state) {
    struct pool *p = *state;
    uint8_t *h = pool_host(p, 5000, &why);
    assert_non_null(pool_host(p, 50000, &why));
    pool_release(p);
    assert_ptr_equal(pool_host(p, 5000, &why), h);
    pool_trim(p);
    assert_int_equal(p->bytes_kept, pool_class_size(pool_class(5000)));
    h[0] = 1;
    assert_non_null(pool_host(p, 50000, &why));
    assert_int_equal(atomic_load(&allocations), 3);
}

static void a_host_block_has_one_view(void **state) {
    struct pool *p = *state;
    uint8_t *h = pool_host(p, 5000, &why);
    cl_mem view = pool_host_view(p, h, 5000);
    if (device.info.facts.is_cpu)
        assert_non_null(view);
    else
        assert_null(view);
    assert_ptr_equal(pool_host_view(p, h, 100), view);
    assert_null(pool_host_view(p, h + 64, 100));
    assert_null(pool_host_view(p, h, 1 << 20));
    uint64_t before = atomic_load(&allocations);
    pool_release(p);
    assert_null(pool_host_view(p, h, 5000));
    assert_ptr_equal(pool_host(p, 5000, &why), h);
    assert_ptr_equal(pool_host_view(p, h, 5000), view);
    assert_int_equal(atomic_load(&allocations), before);
}

static void more_than_the_device_has_is_refused(void **state) {
    struct pool *p = *state;
    assert_null(pool_device(p, (size_t)device.info.facts.buffer_bytes_max + 1, &why));
    assert_non_null(strstr(text, "more than the device gives"));
    assert_null(pool_device(p, SIZE_MAX, &why));
    assert_null(pool_host(p, SIZE_MAX, &why));
    assert_int_equal(atomic_load(&allocations), 0);
}

static void fake_gives_host_memory_only(void **state) {
    (void)state;
    struct device fake;
    device_open_fake(&fake);
    struct pool p;
    struct residents none;
    assert_true(residents_init(&none, &fake, &allocations, UINT64_MAX));
    pool_init(&p, &none);
    assert_null(pool_device(&p, 1, &why));
    uint8_t *h = pool_host(&p, 1, &why);
    assert_non_null(h);
    assert_null(pool_host_view(&p, h, 1));
    pool_deinit(&p);
    residents_deinit(&none);
}

int main(void) {
    if (!fixture_open(&device)) return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_hold_their_sizes),
        cmocka_unit_test_setup_teardown(large_memory_of_a_processor_lies_on_large_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_back_serves_again, setup, teardown),
        cmocka_unit_test_setup_teardown(trim_gives_back_only_what_is_free, setup, teardown),
        cmocka_unit_test_setup_teardown(a_host_block_has_one_view, setup, teardown),
        cmocka_unit_test_setup_teardown(more_than_the_device_has_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(fake_gives_host_memory_only, setup, teardown),
    };
    int failed = cmocka_run_group_tests_name("executor/pool", tests, NULL, NULL);
    device_close(&device);
    fixture_remove();
    return failed;
}
