// What proves a type also warms it: every kernel of every type is launched before the peer says that it is ready, on a
// device that computes by vectors or on one that computes by single elements. Whoever adds a kernel adds a known
// answer that launches it, or warm() does.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/check.h"
#include "peer/executor/selftest.h"
#include "rig.h"

#define KERNELS_MAX 64

static struct device device;
static struct program_cache cache;
static atomic_uint_fast64_t allocations;

// Adds the launches of each kernel while the type is proved on such a device.
static void prove(uint32_t index, bool is_cpu, uint64_t launches[static KERNELS_MAX]) {
    char text[4096] = "";
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    struct device d = device;
    struct residents residents;
    struct exec_slot slot;
    static struct proof proof;
    d.info.facts.is_cpu = d.info.shares_memory = is_cpu;
    assert_true(residents_init(&residents, &d, &allocations, UINT64_MAX));
    assert_int_equal(slot_init(&slot, &residents, &why), P2_OK);
    proof_make(&proof, exec_types[index], index, &slot, &(struct proof_means){.cache = &cache, .anew = true});
    if (!proof.offered) print_error("%s: %s\n", exec_types[index]->type->name, proof.why);
    assert_true(proof.offered);
    const struct slot_type *t = &slot.types[index];
    assert_true(t->count <= KERNELS_MAX);
    for (uint32_t k = 0; k < t->count; k++) launches[k] += t->kernels[k].launches;
    proof_drop(&proof);
    slot_deinit(&slot);
    residents_deinit(&residents);
}

static void every_kernel_is_warm_before_the_first_job(void **state) {
    (void)state;
    for (uint32_t i = 0; i < exec_type_count; i++) {
        uint64_t launches[KERNELS_MAX] = {0};
        prove(i, true, launches);
        prove(i, false, launches);
        for (uint32_t k = 0; exec_types[i]->kernels && exec_types[i]->kernels[k]; k++) {
            if (!launches[k]) print_error("%s: %s\n", exec_types[i]->type->name, exec_types[i]->kernels[k]);
            assert_true(launches[k] > 0);
        }
    }
}

int main(void) {
    const char *folder = getenv("P2_TEST_CACHE");
    P2_CHECK(folder);
    char text[200];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    unsetenv("POCL_CACHE_DIR");
    P2_CHECK(device_prepare_cache(folder) == P2_OK);
    if (device_open(&device, 0, &why) != P2_OK) return RIG_SKIPPED;
    program_cache_init(&cache, folder);
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_kernel_is_warm_before_the_first_job)};
    int failed = cmocka_run_group_tests_name("kernels/warm", tests, NULL, NULL);
    device_close(&device);
    return failed;
}
