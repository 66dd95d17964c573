#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "os/os.h"
#include "peer/executor/slot.h"

#define SLOTS 2
#define BUDGET 10000

// The linker's --wrap: memory of a device that is full, or never gives any.
static bool device_full;
cl_mem __real_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *error);
cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *error);

static struct device fake, opencl;
static bool has_opencl;
static struct residents residents;
static struct exec_slot slots[SLOTS];
static atomic_uint_fast64_t allocations;

cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *error) {
    if (!device_full) return __real_clCreateBuffer(context, flags, size, host, error);
    if (error) *error = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    return NULL;
}

// What a job does, by its block; the type has no code for devices, so the same runs on both.
struct ask {
    struct exec_keep_want want;
    size_t part_bytes;
    void (*then)(struct exec_slot *slot, struct exec_kept *kept, struct ask *ask);
    enum p2_err build_answer, answer;
    // and what came of it
    enum p2_err kept_code;
    struct exec_kept *kept;
    uint32_t builds, runs, found; // found: the fact that it had
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool shut;
    uint32_t at_gate;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void wait_at_gate(void) {
    pthread_mutex_lock(&gate.lock);
    gate.at_gate++;
    pthread_cond_broadcast(&gate.changed);
    while (gate.shut) pthread_cond_wait(&gate.changed, &gate.lock);
    gate.at_gate--;
    pthread_mutex_unlock(&gate.lock);
}

static void until_at_gate(void) {
    pthread_mutex_lock(&gate.lock);
    while (!gate.at_gate) pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

static void set_gate(bool shut) {
    pthread_mutex_lock(&gate.lock);
    gate.shut = shut;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

static enum p2_err build(struct exec_slot *slot, struct exec_kept *kept, void *arg) {
    struct ask *ask = arg;
    ask->builds++;
    for (size_t i = 0; i < sizeof kept->facts; i++) assert_int_equal(kept->facts[i], 0);
    uint8_t *host = exec_keep_host(slot, kept, 0, ask->part_bytes);
    if (!host) return P2_ERR_DEVICE_MEMORY;
    memset(host, 0x11, ask->part_bytes);
    memcpy(kept->facts, &(uint32_t){7}, sizeof(uint32_t));
    if (ask->build_answer) exec_why(slot, "it cannot be built");
    return ask->build_answer;
}

static enum p2_err build_at_gate(struct exec_slot *slot, struct exec_kept *kept, void *arg) {
    wait_at_gate();
    return build(slot, kept, arg);
}

static enum p2_err run(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    struct ask *ask = *(struct ask *const *)job->block;
    *out_size = 0;
    ask->runs++;
    ask->kept_code = exec_keep(slot, &ask->want, &ask->kept);
    if (ask->kept_code) return ask->kept_code;
    memcpy(&ask->found, ask->kept->facts, sizeof ask->found);
    if (ask->then) ask->then(slot, ask->kept, ask);
    return ask->answer;
}

static const struct exec_type type = {.run = run, .run_reference = run};

static int setup(void **state) {
    (void)state;
    char text[200];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    device_full = false;
    if (!residents_init(&residents, &fake, &allocations, BUDGET)) return -1;
    for (uint32_t i = 0; i < SLOTS; i++)
        if (slot_init(&slots[i], &residents, &why) != P2_OK) return -1;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (uint32_t i = 0; i < SLOTS; i++) slot_deinit(&slots[i]);
    residents_deinit(&residents);
    return 0;
}

static struct ask ask_for(uint8_t key, size_t bytes) {
    return (struct ask){.want = {.key = {{key}}, .build = build}, .part_bytes = bytes};
}

static struct slot_outcome run_job(uint32_t slot, struct ask *ask, const atomic_bool *cancelled, p2_ns deadline_ns) {
    struct slot_outcome outcome;
    ask->want.arg = ask;
    const struct slot_job job = {.job = {.block = &ask}, .deadline_ns = deadline_ns, .cancelled = cancelled};
    slot_run(&slots[slot], 0, &type, &job, &outcome);
    return outcome;
}

static void run_ask(struct ask *ask) { assert_int_equal(run_job(0, ask, NULL, P2_NEVER).code, P2_OK); }

// Whether the thing of this key is there, without building it.
static bool is_kept(uint8_t key, bool exclusive) {
    struct ask ask = {.want = {.key = {{key}}, .exclusive = exclusive}};
    run_job(0, &ask, NULL, P2_NEVER);
    assert_true(ask.kept_code == P2_OK || ask.kept_code == P2_ERR_NOT_FOUND);
    return ask.kept_code == P2_OK;
}

static void what_was_built_is_found_again(void **state) {
    (void)state;
    struct ask first = ask_for(1, 100), second = ask_for(1, 100), other = ask_for(2, 50);
    run_ask(&first);
    run_ask(&second);
    run_ask(&other);
    assert_int_equal(first.builds + other.builds, 2);
    assert_int_equal(second.builds, 0);
    assert_int_equal(second.found, 7);
    assert_ptr_equal(second.kept, first.kept);
    assert_ptr_not_equal(other.kept, first.kept);
    assert_int_equal(first.kept->parts[0].host[99], 0x11);
    assert_int_equal(residents.bytes, 150);
    assert_int_equal(residents.counts.found, 1);
}

static void what_is_not_there_is_said(void **state) {
    (void)state;
    assert_false(is_kept(1, false));
    assert_false(is_kept(1, true));
}

static void shared_and_exclusive_keys_are_apart_and_types_too(void **state) {
    (void)state;
    struct ask shared = ask_for(1, 10), exclusive = ask_for(1, 10);
    exclusive.want.exclusive = true;
    run_ask(&shared);
    run_ask(&exclusive);
    assert_int_equal(exclusive.builds, 1);
    struct ask *other = &(struct ask){.want = {.key = {{1}}}};
    const struct slot_job job = {.job = {.block = &other}, .deadline_ns = P2_NEVER};
    struct slot_outcome outcome;
    slot_run(&slots[0], 1, &type, &job, &outcome);
    assert_int_equal(outcome.code, P2_ERR_NOT_FOUND);
}

static void a_builder_that_fails_leaves_nothing(void **state) {
    (void)state;
    struct ask bad = ask_for(1, 100);
    bad.build_answer = P2_ERR_BAD_PAYLOAD;
    struct slot_outcome outcome = run_job(0, &bad, NULL, P2_NEVER);
    assert_int_equal(outcome.code, P2_ERR_BAD_PAYLOAD);
    assert_string_equal(outcome.why, "it cannot be built");
    assert_int_equal(residents.bytes, 0);
    struct ask good = ask_for(1, 100);
    run_ask(&good);
    assert_int_equal(good.builds, 1);
}

struct second {
    pthread_t thread;
    uint32_t slot;
    struct ask *ask;
    struct slot_outcome outcome;
    const atomic_bool *cancelled;
};

static void *second_main(void *arg) {
    struct second *s = arg;
    s->outcome = run_job(s->slot, s->ask, s->cancelled, P2_NEVER);
    return NULL;
}

// Beside what the test does.
static void second_start(struct second *s, struct ask *ask) {
    s->ask = ask;
    assert_int_equal(pthread_create(&s->thread, NULL, second_main, s), 0);
}

static void two_slots_build_once(void **state) {
    (void)state;
    struct ask a = ask_for(1, 100), b = ask_for(1, 100);
    a.want.build = build_at_gate;
    set_gate(true);
    struct second s = {.slot = 1};
    second_start(&s, &a);
    until_at_gate();
    struct ask impatient = ask_for(1, 100); // has to wait, and its time is over
    assert_int_equal(run_job(0, &impatient, NULL, p2_clock_now()).code, P2_ERR_DEADLINE_EXCEEDED);
    set_gate(false);
    run_ask(&b);
    pthread_join(s.thread, NULL);
    assert_int_equal(s.outcome.code, P2_OK);
    assert_int_equal(a.builds, 1);
    assert_int_equal(b.builds + impatient.builds, 0);
    assert_ptr_equal(a.kept, b.kept);
}

static void who_waits_for_a_builder_that_fails_builds(void **state) {
    (void)state;
    struct ask a = ask_for(1, 100), b = ask_for(1, 100);
    a.want.build = build_at_gate;
    a.build_answer = P2_ERR_CANCELLED;
    set_gate(true);
    struct second s = {.slot = 1};
    second_start(&s, &a);
    until_at_gate();
    set_gate(false);
    run_ask(&b);
    pthread_join(s.thread, NULL);
    assert_int_not_equal(s.outcome.code, P2_OK);
    assert_int_equal(b.builds, 1);
    assert_int_equal(residents.counts.failed, 1);
    assert_int_equal(residents.counts.built, 1);
}

static void the_least_recently_used_makes_room(void **state) {
    (void)state;
    struct ask one = ask_for(1, 4000), two = ask_for(2, 4000), again = ask_for(1, 4000), three = ask_for(3, 4000);
    run_ask(&one);
    run_ask(&two);
    run_ask(&again);
    run_ask(&three);
    assert_int_equal(residents.bytes, 8000);
    assert_int_equal(residents.counts.evicted, 1);
    assert_false(is_kept(2, false));
    assert_true(is_kept(1, false));
    assert_true(is_kept(3, false));
}

static void more_than_the_budget_serves_its_job_alone(void **state) {
    (void)state;
    struct ask small = ask_for(1, 100), large = ask_for(2, BUDGET + 1);
    run_ask(&small);
    run_ask(&large);
    assert_int_equal(large.found, 7);
    assert_int_equal(residents.bytes, 0);
}

static void at_gate_with(struct exec_slot *slot, struct exec_kept *kept, struct ask *ask) {
    (void)slot, (void)ask;
    wait_at_gate();
    assert_int_equal(kept->parts[0].host[ask->part_bytes - 1], 0x11); // still there
}

static void what_is_in_use_stays(void **state) {
    (void)state;
    struct ask used = ask_for(1, 6000), more = ask_for(2, 6000);
    used.then = at_gate_with;
    set_gate(true);
    struct second s = {.slot = 1};
    second_start(&s, &used);
    until_at_gate();
    run_ask(&more); // above the budget: only this one can go
    assert_int_equal(residents_evict(&residents, UINT64_MAX), 0);
    assert_int_equal(residents.bytes, 6000);
    set_gate(false);
    pthread_join(s.thread, NULL);
    assert_int_equal(s.outcome.code, P2_OK);
    assert_true(is_kept(1, false));
    assert_int_equal(residents_evict(&residents, UINT64_MAX), 6000);
    assert_int_equal(residents.bytes, 0);
}

static void count_up(struct exec_slot *slot, struct exec_kept *kept, struct ask *ask) {
    (void)slot, (void)ask;
    uint32_t n;
    memcpy(&n, kept->facts, sizeof n);
    n++;
    memcpy(kept->facts, &n, sizeof n);
}

static void count_up_at_gate(struct exec_slot *slot, struct exec_kept *kept, struct ask *ask) {
    wait_at_gate();
    count_up(slot, kept, ask);
}

static struct ask world(void (*then)(struct exec_slot *, struct exec_kept *, struct ask *)) {
    struct ask ask = ask_for(1, 100);
    ask.want.exclusive = true;
    ask.then = then;
    return ask;
}

static void an_exclusive_one_is_one_jobs_at_a_time(void **state) {
    (void)state;
    struct ask a = world(count_up_at_gate), b = world(count_up), c = world(NULL);
    set_gate(true);
    struct second s = {.slot = 1};
    second_start(&s, &a);
    until_at_gate();
    assert_int_equal(run_job(0, &c, NULL, p2_clock_now()).code, P2_ERR_DEADLINE_EXCEEDED);
    set_gate(false);
    run_ask(&b);
    run_ask(&c);
    pthread_join(s.thread, NULL);
    assert_int_equal(a.builds + b.builds + c.builds, 1);
    assert_int_equal(a.found + b.found, 7 + 8);
    assert_int_equal(c.found, 9);
}

static void an_exclusive_one_is_gone_with_a_job_that_fails(void **state) {
    (void)state;
    struct ask good = world(count_up), bad = world(count_up), fresh = world(NULL);
    run_ask(&good);
    assert_true(is_kept(1, true));
    bad.answer = P2_ERR_EXECUTION_FAILED;
    run_job(0, &bad, NULL, P2_NEVER);
    assert_false(is_kept(1, true));
    run_ask(&fresh);
    assert_int_equal(fresh.found, 7);
    const atomic_bool cancelled = true;
    bad.answer = P2_ERR_CANCELLED;
    assert_int_equal(run_job(0, &bad, &cancelled, P2_NEVER).code, P2_ERR_CANCELLED);
    assert_false(is_kept(1, true));
}

static void a_shared_one_stays_when_a_job_fails(void **state) {
    (void)state;
    struct ask ask = ask_for(1, 100);
    ask.answer = P2_ERR_EXECUTION_FAILED;
    run_job(0, &ask, NULL, P2_NEVER);
    assert_true(is_kept(1, false));
}

static void drop_it(struct exec_slot *slot, struct exec_kept *kept, struct ask *ask) {
    (void)ask;
    exec_keep_drop(slot, kept);
}

static void what_is_dropped_goes_with_its_last_job(void **state) {
    (void)state;
    struct ask ask = ask_for(1, 100), exclusive = world(drop_it);
    ask.then = drop_it;
    run_ask(&ask);
    assert_false(is_kept(1, false));
    run_ask(&exclusive);
    assert_false(is_kept(1, true));
    assert_int_equal(residents.bytes, 0);
}

static void grow(struct exec_slot *slot, struct exec_kept *kept, struct ask *ask) {
    (void)ask;
    assert_non_null(exec_keep_host(slot, kept, 0, 300));
    assert_non_null(exec_keep_host(slot, kept, EXEC_KEPT_PARTS - 1, 50));
}

static void an_exclusive_one_grows(void **state) {
    (void)state;
    struct ask ask = world(grow);
    run_ask(&ask);
    assert_int_equal(ask.kept->parts[0].size, 300);
    assert_int_equal(residents.bytes, 350);
}

static void cancelling_ends_the_wait(void **state) {
    (void)state;
    struct ask holder = world(count_up_at_gate), waiter = world(count_up);
    set_gate(true);
    struct second s = {.slot = 1};
    second_start(&s, &holder);
    until_at_gate();
    atomic_bool cancelled = false;
    struct second w = {.slot = 0, .cancelled = &cancelled};
    second_start(&w, &waiter);
    // Before the wait or in it, as it falls: the end is the same.
    atomic_store(&cancelled, true);
    residents_wake(&residents);
    pthread_join(w.thread, NULL);
    assert_int_equal(w.outcome.code, P2_ERR_CANCELLED);
    assert_int_equal(waiter.found, 0);
    set_gate(false);
    pthread_join(s.thread, NULL);
    assert_int_equal(s.outcome.code, P2_OK);
}

static struct resident_key key_of(uint32_t n) {
    struct resident_key key = {0};
    memcpy(key.digest.b, &n, sizeof n);
    return key;
}

static void a_full_table_makes_room_or_refuses(void **state) {
    (void)state;
    const struct resident_waiter waiter = {.deadline_ns = P2_NEVER};
    struct resident_entry *all[RESIDENTS_MAX], *e;
    bool fresh;
    struct resident_key one_more = key_of(RESIDENTS_MAX), again = key_of(0);
    for (uint32_t i = 0; i < RESIDENTS_MAX; i++) {
        struct resident_key key = key_of(i);
        assert_int_equal(residents_acquire(&residents, &key, true, &waiter, &all[i], &fresh), P2_OK);
        assert_true(fresh);
        residents_built(&residents, all[i], true);
    }
    assert_int_equal(residents_acquire(&residents, &one_more, true, &waiter, &e, &fresh), P2_ERR_DEVICE_MEMORY);
    assert_int_equal(residents_acquire(&residents, &again, true, &waiter, &e, &fresh), P2_OK);
    assert_false(fresh);
    residents_release(&residents, e, true);
    residents_release(&residents, all[3], true);
    assert_int_equal(residents_acquire(&residents, &one_more, true, &waiter, &e, &fresh), P2_OK);
    assert_ptr_equal(e, all[3]);
    residents_built(&residents, e, false);
    assert_int_equal(residents.counts.evicted, 1);
    for (uint32_t i = 0; i < RESIDENTS_MAX; i++)
        if (i != 3) residents_release(&residents, all[i], true);
}

static enum p2_err short_of_memory(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    enum p2_err err = run(slot, job, out_size);
    const struct ask *ask = *(struct ask *const *)job->block;
    if (err || residents.counts.evicted) return err;
    exec_why(slot, "no memory for %u", ask->runs);
    return P2_ERR_DEVICE_MEMORY;
}

static void a_job_without_memory_is_run_again_when_room_was_made(void **state) {
    (void)state;
    const struct exec_type hungry = {.run = short_of_memory, .run_reference = short_of_memory};
    struct ask other = ask_for(1, 100), ask = ask_for(2, 100), changer = world(count_up);
    run_ask(&other);
    struct ask *asks[] = {&changer, &ask};
    struct slot_outcome outcome;
    for (int i = 0; i < 2; i++) {
        asks[i]->want.arg = asks[i];
        const struct slot_job job = {.job = {.block = &asks[i]}, .deadline_ns = P2_NEVER};
        slot_run(&slots[0], 0, &hungry, &job, &outcome);
        // What it has for itself is changed already: it cannot start again.
        if (i == 0) assert_int_equal(outcome.code, P2_ERR_DEVICE_MEMORY);
    }
    assert_int_equal(changer.runs, 1);
    assert_int_equal(ask.runs, 2);
    assert_int_equal(outcome.code, P2_OK);
    assert_string_equal(outcome.why, "");
    assert_false(is_kept(1, false));
}

static void a_full_device_gets_room_from_what_nobody_uses(void **state) {
    (void)state;
    if (!has_opencl) skip();
    struct residents store;
    struct exec_slot slot;
    char text[200];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    assert_true(residents_init(&store, &opencl, &allocations, UINT64_MAX));
    assert_int_equal(slot_init(&slot, &store, &why), P2_OK);
    const struct resident_waiter waiter = {.deadline_ns = P2_NEVER};
    struct resident_entry *a, *b;
    bool fresh;
    struct resident_key first = key_of(1), second = key_of(2);
    assert_int_equal(residents_acquire(&store, &first, true, &waiter, &a, &fresh), P2_OK);
    assert_non_null(residents_buffer(&store, a, 0, 5000, &why));
    residents_built(&store, a, true);
    assert_int_equal(residents_acquire(&store, &second, true, &waiter, &b, &fresh), P2_OK);
    assert_null(residents_buffer(&store, b, 0, (size_t)opencl.info.facts.buffer_bytes_max + 1, &why));
    assert_non_null(strstr(text, "more than the device gives"));
    device_full = true;
    assert_null(residents_buffer(&store, b, 0, 5000, &why));
    assert_int_equal(store.counts.evicted, 0); // the first is in use
    residents_release(&store, a, true);
    assert_null(exec_buffer(&slot, 5000));
    assert_int_equal(store.counts.evicted, 1);
    device_full = false;
    assert_non_null(residents_buffer(&store, b, 0, 5000, &why));
    residents_built(&store, b, true);
    residents_release(&store, b, true);
    slot_deinit(&slot);
    assert_int_equal(store.bytes, 5000);
    residents_deinit(&store);
}

static enum p2_err build_on_device(struct exec_slot *slot, struct exec_kept *kept, void *arg) {
    struct ask *ask = arg;
    uint8_t *bytes = exec_host(slot, ask->part_bytes);
    cl_mem mem = exec_keep_buffer(slot, kept, 3, ask->part_bytes);
    if (!bytes || !mem) return P2_ERR_DEVICE_MEMORY;
    for (size_t i = 0; i < ask->part_bytes; i++) bytes[i] = (uint8_t)(i * 5);
    return exec_upload(slot, mem, bytes, ask->part_bytes);
}

static void read_from_device(struct exec_slot *slot, struct exec_kept *kept, struct ask *ask) {
    uint8_t *bytes = exec_host(slot, ask->part_bytes);
    assert_non_null(bytes);
    memset(bytes, 0, ask->part_bytes);
    ask->answer = exec_download(slot, kept->parts[3].mem, bytes, ask->part_bytes);
    for (size_t i = 0; i < ask->part_bytes; i++) assert_int_equal(bytes[i], (uint8_t)(i * 5));
}

static void one_slot_uses_what_another_built_on_the_device(void **state) {
    (void)state;
    if (!has_opencl) skip();
    struct residents store;
    struct exec_slot both[2];
    char text[200];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    assert_true(residents_init(&store, &opencl, &allocations, UINT64_MAX));
    struct ask asks[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(slot_init(&both[i], &store, &why), P2_OK);
        asks[i] = (struct ask){.want = {.key = {{9}}, .build = i ? NULL : build_on_device, .arg = &asks[i]},
                               .part_bytes = 70000,
                               .then = read_from_device};
        struct ask *ask = &asks[i];
        const struct slot_job job = {.job = {.block = &ask}, .deadline_ns = P2_NEVER};
        struct slot_outcome outcome;
        slot_run(&both[i], 0, &type, &job, &outcome);
        assert_int_equal(outcome.code, P2_OK);
    }
    assert_ptr_equal(asks[0].kept, asks[1].kept);
    assert_int_equal(store.counts.built, 1);
    for (int i = 0; i < 2; i++) slot_deinit(&both[i]);
    residents_deinit(&store);
}

int main(void) {
    has_opencl = fixture_open(&opencl);
    device_open_fake(&fake);
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_was_built_is_found_again),
        TEST(what_is_not_there_is_said),
        TEST(shared_and_exclusive_keys_are_apart_and_types_too),
        TEST(a_builder_that_fails_leaves_nothing),
        TEST(two_slots_build_once),
        TEST(who_waits_for_a_builder_that_fails_builds),
        TEST(the_least_recently_used_makes_room),
        TEST(more_than_the_budget_serves_its_job_alone),
        TEST(what_is_in_use_stays),
        TEST(an_exclusive_one_is_one_jobs_at_a_time),
        TEST(an_exclusive_one_is_gone_with_a_job_that_fails),
        TEST(a_shared_one_stays_when_a_job_fails),
        TEST(what_is_dropped_goes_with_its_last_job),
        TEST(an_exclusive_one_grows),
        TEST(cancelling_ends_the_wait),
        TEST(a_full_table_makes_room_or_refuses),
        TEST(a_job_without_memory_is_run_again_when_room_was_made),
        TEST(a_full_device_gets_room_from_what_nobody_uses),
        TEST(one_slot_uses_what_another_built_on_the_device),
    };
    int failed = cmocka_run_group_tests_name("executor/residents", tests, NULL, NULL);
    if (has_opencl) device_close(&opencl);
    fixture_remove();
    return failed;
}
