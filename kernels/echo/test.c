// Echo on the device and on the fake one: every length around a vector, none at all, and a large one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "os/os.h"
#include "rig.h"

static void check(enum rig_device device, size_t size) {
    uint8_t *payload = malloc(size + 1);
    struct p2_rng rng;
    p2_rng_init(&rng, size);
    for (size_t i = 0; i < size; i++) payload[i] = (uint8_t)p2_rng_next(&rng);
    struct rig_result r;
    rig_run(&(struct rig_job){.device = device, .type = "echo", .params = "", .payload = payload, .payload_size = size},
            &r);
    assert_int_equal(r.code, P2_OK);
    assert_int_equal(r.size, size);
    assert_memory_equal(r.bytes, payload, size);
    assert_false(r.overran);
    rig_free(&r);
    free(payload);
}

static void every_length_comes_back(void **state) {
    (void)state;
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++) {
        for (size_t size = 0; size <= 130; size++) check(d, size);
        check(d, 4095);
        check(d, (3 << 20) + 5); // more work-items than the small grid of some compilers
    }
}

static void a_wrong_size_is_a_bad_payload(void **state) {
    (void)state;
    const struct p2_task_type *t = p2_task_type_find(p2_str("echo"));
    struct rig_result r;
    rig_prepare("echo", "", 8, &r);
    uint8_t bytes[8] = {0}, out[8];
    size_t size;
    assert_int_equal(t->reference(r.block, bytes, 7, out, 8, &size), P2_ERR_BAD_PAYLOAD);
    assert_int_equal(t->reference(r.block, bytes, 8, out, 7, &size), P2_ERR_RESULT_TOO_LARGE);
}

static void a_cancelled_job_ends_so(void **state) {
    (void)state;
    struct rig_result r;
    rig_run(&(struct rig_job){.device = RIG_VECTORS,
                              .type = "echo",
                              .params = "",
                              .payload = (const uint8_t *)"abc",
                              .payload_size = 3,
                              .cancelled = true},
            &r);
    assert_int_equal(r.code, P2_ERR_CANCELLED);
    rig_free(&r);
}

static void blobs_come_back_as_their_digests(void **state) {
    (void)state;
    struct p2_digest expected[2];
    p2_sha256("a blob", 6, &expected[0]);
    p2_sha256("b", 1, &expected[1]);
    for (enum rig_device d = RIG_VECTORS; d <= RIG_FAKE; d++) {
        struct rig_result r;
        const struct rig_job job = {
            .device = d, .type = "echo", .params = "digests=1", .blobs = {{"a blob", 6}, {"b", 1}}, .blob_count = 2};
        rig_run(&job, &r);
        assert_int_equal(r.code, P2_OK);
        assert_int_equal(r.size, sizeof expected);
        assert_memory_equal(r.bytes, expected, sizeof expected);
        rig_free(&r);
    }
}

int main(void) {
    if (!rig_open()) return RIG_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_comes_back),
        cmocka_unit_test(a_wrong_size_is_a_bad_payload),
        cmocka_unit_test(a_cancelled_job_ends_so),
        cmocka_unit_test(blobs_come_back_as_their_digests),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_close();
    return failed;
}
