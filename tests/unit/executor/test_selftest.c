#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "os/os.h"
#include "peer/executor/builds.h"
#include "types.h"

static struct device device;
static struct program_cache cache;
static const struct proof_means means = {.cache = &cache, .anew = true};
static struct exec_slot slot;
static struct proof proof;
static atomic_uint_fast64_t allocations;
static struct residents residents;

static int setup(void **state) {
    (void)state;
    char text[200];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    if (!residents_init(&residents, &device, &allocations, UINT64_MAX)) return -1;
    return slot_init(&slot, &residents, &why) == P2_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    proof_drop(&proof);
    slot_deinit(&slot);
    residents_deinit(&residents);
    return 0;
}

static void a_right_type_is_offered_with_its_speed(void **state) {
    (void)state;
    proof_make(&proof, exec_types[TYPE_ADD], TYPE_ADD, &slot, &means);
    assert_string_equal(proof.why, "");
    assert_true(proof.offered);
    assert_true(proof.units_per_second >= 1);
    assert_true(proof.build_ns > 0 && proof.test_ns > 0);
    assert_non_null(proof.program);
    assert_int_equal(slot.types[TYPE_ADD].count, 1);
}

static void a_wrong_kernel_is_withheld(void **state) {
    (void)state;
    proof_make(&proof, exec_types[TYPE_WRONG], TYPE_WRONG, &slot, &means);
    assert_false(proof.offered);
    assert_non_null(strstr(proof.why, "known answer 0 came out wrong"));
    assert_null(proof.program);
    assert_null(slot.types[TYPE_WRONG].kernels);
}

static void a_program_that_does_not_build_is_withheld_with_its_log(void **state) {
    (void)state;
    proof_make(&proof, exec_types[TYPE_NOBUILD], TYPE_NOBUILD, &slot, &means);
    assert_false(proof.offered);
    assert_non_null(strstr(proof.why, "does not build"));
    assert_non_null(strstr(proof.why, "error"));
}

static void a_kernel_that_is_not_there_is_named(void **state) {
    (void)state;
    struct exec_type type = *exec_types[TYPE_ADD];
    const char *const names[] = {"add", "subtract", NULL};
    type.kernels = names;
    proof_make(&proof, &type, TYPE_ADD, &slot, &means);
    assert_false(proof.offered);
    assert_non_null(strstr(proof.why, "subtract"));
    assert_null(slot.types[TYPE_ADD].kernels);
}

static void a_kernel_may_be_left_out_where_the_type_says_so(void **state) {
    (void)state;
    struct exec_type type = *exec_types[TYPE_ADD];
    const char *const names[] = {"add", "subtract", NULL};
    type.kernels = names;
    type.kernels_by_device = true;
    proof_make(&proof, &type, TYPE_ADD, &slot, &means);
    assert_true(proof.offered);
    assert_int_equal(slot.types[TYPE_ADD].count, 2);
    assert_non_null(slot.types[TYPE_ADD].kernels[0].kernel);
    assert_null(slot.types[TYPE_ADD].kernels[1].kernel);
    slot_drop_type(&slot, TYPE_ADD);
}

static void a_type_without_known_answers_is_withheld(void **state) {
    (void)state;
    struct p2_task_type pure = *exec_types[TYPE_ADD]->type;
    pure.known_answer_count = 0;
    struct exec_type type = *exec_types[TYPE_ADD];
    type.type = &pure;
    proof_make(&proof, &type, TYPE_ADD, &slot, &means);
    assert_false(proof.offered);
    assert_non_null(strstr(proof.why, "no known answer"));
}

static void prove_on(struct device *d) {
    char text[200];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    struct exec_slot other;
    struct residents others;
    assert_true(residents_init(&others, d, &allocations, UINT64_MAX));
    assert_int_equal(slot_init(&other, &others, &why), P2_OK);
    proof_make(&proof, exec_types[TYPE_ADD], TYPE_ADD, &other, &means);
    assert_string_equal(proof.why, "");
    assert_true(proof.offered);
    proof_drop(&proof);
    slot_deinit(&other);
    residents_deinit(&others);
}

static void groups_shrink_to_what_the_device_runs(void **state) {
    (void)state;
    struct device small = device;
    small.info.group_max = 5; // not a divisor of the type's 64: halving stops at 4
    prove_on(&small);
    small.info.group_max = device.info.group_max;
    small.info.item_max[0] = 1;
    prove_on(&small);
}

static void it_works_with_and_without_shared_memory(void **state) {
    (void)state;
    struct device remote = device;
    remote.info.facts.is_cpu = false;
    prove_on(&remote); // graphics beside a processor
    remote.info.shares_memory = false;
    prove_on(&remote); // a card of its own
}

static void a_device_too_small_says_so(void **state) {
    (void)state;
    struct device tiny = device;
    tiny.info.facts.buffer_bytes_max = 50;
    struct exec_slot other;
    char text[200];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    struct residents others;
    assert_true(residents_init(&others, &tiny, &allocations, UINT64_MAX));
    assert_int_equal(slot_init(&other, &others, &why), P2_OK);
    proof_make(&proof, exec_types[TYPE_ADD], TYPE_ADD, &other, &means);
    assert_false(proof.offered);
    assert_non_null(strstr(proof.why, "more than the device gives"));
    slot_deinit(&other);
    residents_deinit(&others);
}

static enum p2_err too_much(struct exec_slot *s, const struct exec_job *job, size_t *out_size) {
    (void)s;
    *out_size = job->out_capacity + 1;
    return P2_OK;
}

static void a_result_beyond_its_room_is_withheld(void **state) {
    (void)state;
    struct exec_type type = *exec_types[TYPE_ADD];
    type.run = too_much;
    proof_make(&proof, &type, TYPE_ADD, &slot, &means);
    assert_false(proof.offered);
    assert_non_null(strstr(proof.why, "were allowed"));
}

static enum p2_err cold(struct exec_slot *s) {
    exec_why(s, "too cold");
    return P2_ERR_EXECUTION_FAILED;
}

static void a_type_that_does_not_warm_is_withheld(void **state) {
    (void)state;
    struct exec_type type = *exec_types[TYPE_ADD];
    type.warm = cold;
    proof_make(&proof, &type, TYPE_ADD, &slot, &means);
    assert_false(proof.offered);
    assert_string_equal(proof.why, "warming: too cold");
}

static void programs_are_built_ahead(void **state) {
    (void)state;
    static struct proof proofs[TYPES];
    struct builds builds;
    builds_start(&builds, &device, exec_types, TYPES, proofs, &means);
    bool seen[TYPES] = {false};
    uint32_t i, count = 0;
    for (; builds_next(&builds, &i); count++) {
        assert_true(i < TYPES && !seen[i] && proofs[i].built);
        seen[i] = true;
        assert_true((proofs[i].program != NULL) == (i != TYPE_NOBUILD));
        assert_true((proofs[i].why[0] != 0) == (i == TYPE_NOBUILD));
        cl_program program = proofs[i].program;
        proof_make(&proofs[i], exec_types[i], i, &slot, &means);
        assert_true(proofs[i].offered == (i == TYPE_ADD || i == TYPE_STUCK));
        if (proofs[i].offered) assert_ptr_equal(proofs[i].program, program);
    }
    assert_int_equal(count, TYPES);
    builds_end(&builds);
    for (i = 0; i < TYPES; i++) {
        slot_drop_type(&slot, i);
        proof_drop(&proofs[i]);
    }
    // Nothing is waited for, and nothing is left half done.
    static struct proof others[TYPES];
    builds_start(&builds, &device, exec_types, TYPES, others, &means);
    builds_end(&builds);
    for (i = 0; i < TYPES; i++) proof_drop(&others[i]);
}

static uint32_t references, steps;
static void count_reference(const struct test_block *block) {
    (void)block;
    references++;
}
static void count_step(void *arg, const char *step, float part) {
    (void)arg;
    assert_true(step[0] && part >= 0 && part <= 1);
    steps++;
}

// Proves on the slot, counting what it took.
static void prove_counting(uint32_t type) {
    const struct proof_means trusting = {.cache = &cache, .on_step = count_step};
    references = steps = 0;
    test_on_reference = count_reference;
    proof_make(&proof, exec_types[type], type, &slot, &trusting);
    test_on_reference = NULL;
}

static void forget_proof(uint32_t type) {
    slot_drop_type(&slot, type);
    proof_drop(&proof);
}

static void what_an_earlier_start_proved_is_not_proved_again(void **state) {
    (void)state;
    uint32_t answers = exec_types[TYPE_ADD]->type->known_answer_count;
    proof_make(&proof, exec_types[TYPE_ADD], TYPE_ADD, &slot, &means);
    uint64_t speed = proof.units_per_second;
    assert_false(proof.known);
    forget_proof(TYPE_ADD);
    prove_counting(TYPE_ADD);
    assert_true(proof.offered && proof.known && proof.cached);
    assert_int_equal(proof.units_per_second, speed);
    assert_int_equal(references + steps, 0);
    // Other results than then: the references decide, and what they say is kept.
    struct p2_digest key;
    struct verdict v;
    assert_true(verdict_key(&device, exec_types[TYPE_ADD], &key));
    assert_true(verdict_load(&cache, &key, &v));
    assert_int_equal(v.count, answers);
    v.results[answers - 1].b[31] ^= 1;
    verdict_store(&cache, &key, &v);
    forget_proof(TYPE_ADD);
    prove_counting(TYPE_ADD);
    assert_true(proof.offered && !proof.known);
    assert_int_equal(references, 1);
    assert_true(steps > 0);
    forget_proof(TYPE_ADD);
    prove_counting(TYPE_ADD);
    assert_true(proof.known);
}

static void a_verdict_makes_no_wrong_kernel_right(void **state) {
    (void)state;
    struct p2_digest key;
    assert_true(verdict_key(&device, exec_types[TYPE_WRONG], &key));
    const struct verdict v = {.count = exec_types[TYPE_WRONG]->type->known_answer_count, .units_per_second = 5};
    verdict_store(&cache, &key, &v);
    prove_counting(TYPE_WRONG);
    assert_false(proof.offered);
    assert_non_null(strstr(proof.why, "known answer 0 came out wrong"));
}

static void a_verdict_that_is_not_whole_is_none(void **state) {
    (void)state;
    struct p2_digest key, other = {{1}};
    struct verdict v = {.count = 2, .units_per_second = 5}, back;
    assert_true(verdict_key(&device, exec_types[TYPE_NOBUILD], &key));
    assert_false(verdict_load(&cache, &key, &back));
    verdict_store(&cache, &key, &v);
    assert_true(verdict_load(&cache, &key, &back));
    assert_int_equal(back.units_per_second, 5);
    assert_false(verdict_load(&cache, &other, &back));
    char name[P2_DIGEST_TEXT], path[4096 + 100];
    p2_digest_text(&key, name);
    snprintf(path, sizeof path, "%.4000s/%s" VERDICT_SUFFIX, cache.folder, name);
    uint8_t *bytes;
    size_t size;
    assert_int_equal(p2_file_read(path, 1 << 20, &bytes, &size), P2_OK);
    for (size_t i = 0; i < size; i += 13) {
        bytes[i] ^= 4;
        assert_int_equal(p2_file_write(path, bytes, size), P2_OK);
        assert_false(verdict_load(&cache, &key, &back));
        bytes[i] ^= 4;
    }
    assert_int_equal(p2_file_write(path, bytes, size - 1), P2_OK);
    assert_false(verdict_load(&cache, &key, &back));
    free(bytes);
    const struct program_cache none = {""};
    verdict_store(&none, &key, &v);
    assert_false(verdict_load(&none, &key, &back));
}

int main(void) {
    if (!fixture_open(&device)) return TEST_SKIPPED;
    program_cache_init(&cache, fixture_folder());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_right_type_is_offered_with_its_speed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_kernel_is_withheld, setup, teardown),
        cmocka_unit_test_setup_teardown(a_program_that_does_not_build_is_withheld_with_its_log, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kernel_that_is_not_there_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kernel_may_be_left_out_where_the_type_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_type_without_known_answers_is_withheld, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_shrink_to_what_the_device_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(it_works_with_and_without_shared_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_too_small_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_result_beyond_its_room_is_withheld, setup, teardown),
        cmocka_unit_test_setup_teardown(a_type_that_does_not_warm_is_withheld, setup, teardown),
        cmocka_unit_test_setup_teardown(programs_are_built_ahead, setup, teardown),
        cmocka_unit_test_setup_teardown(what_an_earlier_start_proved_is_not_proved_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_verdict_makes_no_wrong_kernel_right, setup, teardown),
        cmocka_unit_test_setup_teardown(a_verdict_that_is_not_whole_is_none, setup, teardown),
    };
    int failed = cmocka_run_group_tests_name("executor/selftest", tests, NULL, NULL);
    device_close(&device);
    fixture_remove();
    return failed;
}
