// Who has a course and who merely waits; what a task brings lies in one piece.
#include "rig.h"

static struct rig rig;
static p2_handle client, peer;
static struct p2_msg first;

static int set_up(void **state) {
    (void)state;
    rig_init(&rig, NULL);
    peer = rig_peer(&rig, 1, 0);
    client = rig_client(&rig);
    rig_submit(&rig, client, 1, 1, 10); // has the only slot
    first = *rig_only(&rig, peer, P2_MSG_TASK_ASSIGN);
    rig_forget(&rig);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    rig_deinit(&rig);
    return 0;
}

static const struct task *task(uint32_t stream) {
    return task_by_stream(rig.c, client_of(rig.c, session_find(rig.c, client)), stream);
}

static void what_runs_has_one_what_waits_has_none(void **state) {
    (void)state;
    rig_submit(&rig, client, 2, 2, 10);
    rig_submit(&rig, client, 3, 3, 0);
    assert_non_null(course_of(rig.c, task(1)));
    assert_null(course_of(rig.c, task(2)));
    assert_null(course_of(rig.c, task(3)));
    assert_int_equal(rig.c->courses.live, 1);
    assert_int_equal(cargo_bytes_here(task(2)->cargo), 10);
    assert_true(task_payload_whole(rig.c, task(3)));
}

static void a_payload_that_comes_has_one_until_it_is_here(void **state) {
    (void)state;
    rig_submit(&rig, client, 2, 2, 2 * P2_RECORD_PAYLOAD_MAX);
    assert_non_null(course_of(rig.c, task(2)));
    assert_false(task_payload_whole(rig.c, task(2)));
    rig_chunk(&rig, client, 2, 1, P2_RECORD_PAYLOAD_MAX, P2_RECORD_PAYLOAD_MAX);
    assert_null(course_of(rig.c, task(2)));
    assert_int_equal(task(2)->cargo->payload.count, 2);
}

static void a_payload_beyond_the_window_keeps_it(void **state) {
    (void)state;
    rig_submit(&rig, client, 2, 2, P2_STREAM_WINDOW + 1);
    for (uint64_t at = P2_RECORD_PAYLOAD_MAX; at < P2_STREAM_WINDOW; at += P2_RECORD_PAYLOAD_MAX)
        rig_chunk(&rig, client, 2, 1, at, P2_RECORD_PAYLOAD_MAX);
    rig_chunk(&rig, client, 2, 1, P2_STREAM_WINDOW, 1);
    assert_true(task_payload_whole(rig.c, task(2)));
    assert_non_null(course_of(rig.c, task(2)));
}

static void one_that_was_tried_keeps_whom_it_tried(void **state) {
    (void)state;
    const struct task *t = task(1);
    p2_handle handle = task_handle(rig.c, t);
    rig_close(&rig, peer);
    assert_int_equal(t->state, TASK_QUEUED);
    assert_non_null(course_of(rig.c, t));
    peer = rig_peer(&rig, 1, 0);
    const struct p2_msg again = *rig_last(&rig, peer, P2_MSG_TASK_ASSIGN);
    rig_failure(&rig, peer, &again, P2_ERR_EXECUTION_FAILED, true);
    assert_ptr_equal(p2_slab_get(&rig.c->tasks, handle), t);
    assert_int_equal(course_of(rig.c, t)->tried_count, 1);
}

static void a_key_waits_in_its_flight(void **state) {
    (void)state;
    struct p2_msg m = rig_submit_msg(2, 2, 100);
    m.u.submit.type = p2_str("same");
    rig.slow_hash = true;
    m.u.submit.payload_size = MEMO_AT_ONCE + 1;
    rig_send_submit(&rig, client, &m);
    assert_non_null(course_of(rig.c, task(2))); // its digest is being made
    rig_hash(&rig);
    assert_null(course_of(rig.c, task(2)));
    assert_non_null(flight_of(rig.c, task(2)));
    rig_result(&rig, peer, &first, 10); // its slot is free
    const struct course *co = course_of(rig.c, task(2));
    assert_true(co->memo.keyed && p2_digest_equal(&co->memo.key, &flight_of(rig.c, task(2))->key));
}

static void a_chunk_nobody_owes_ends_its_sender(void **state) {
    (void)state;
    rig_submit(&rig, client, 2, 2, 10);
    rig_chunk(&rig, client, 2, 1, 10, 5);
    rig_expect_error(&rig, client, P2_ERR_BAD_MESSAGE);
}

static void work_of_hours_is_counted_as_an_hour_and_more(void **state) {
    (void)state;
    rig.c->limits.deadline_ns_max = 24 * 3600 * P2_SEC;
    for (unsigned i = 0; i < 100; i++) estimate_add_run(rig.c, 0, 0, 2 * 3600 * P2_SEC);
    rig_submit(&rig, client, 2, 2, 10);
    assert_int_equal(task(2)->work_us, UINT32_MAX); // what it has room for
    assert_int_equal(rig.c->types[0].queue.work_ns[task(2)->class_], (p2_ns)UINT32_MAX * P2_US);
}

// ---- cargo ----------------------------------------------------------------------------------------------------------

static void what_brings_nothing_takes_no_memory(void **state) {
    (void)state;
    const struct p2_msg_task_submit m = {.payload_size = 0};
    struct cargo *g;
    assert_true(cargo_load(rig.c, &m, &g));
    assert_null(g);
    cargo_drop(rig.c, g);
    assert_int_equal(cargo_params(NULL).count + cargo_blob_count(NULL) + cargo_payload_bytes(NULL), 0);
}

static void all_of_it_lies_in_one_piece(void **state) {
    (void)state;
    char name[] = "result";
    struct p2_param item = {.name = {name, 6}, .kind = P2_PARAM_INT, .count = 1, .value.ints = {7}};
    rig_bring(&rig, client, 9, 5, 1000);
    const struct p2_digest digest = rig_digest(5);
    const struct p2_msg_task_submit m = {.payload_size = 3, .params = {&item, 1}, .blobs = &digest, .blob_count = 1};
    uint64_t before = rig.pool.live[0];
    struct cargo *g;
    assert_true(cargo_load(rig.c, &m, &g));
    name[0] = '?';
    assert_true(p2_str_is(g->params.items[0].name, "result"));
    assert_true(p2_digest_equal(&g->digests[0], &digest));
    struct blob *b = cargo_blob(rig.c, g, 0);
    assert_int_equal(b->entry.pins, 1);
    assert_ptr_equal(g->params.items[0].name.p + 6, g->memory->data + g->memory->size);
    cargo_drop(rig.c, g);
    assert_int_equal(b->entry.pins, 0);
    assert_int_equal(rig.pool.live[0], before);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_runs_has_one_what_waits_has_none),
        TEST(a_payload_that_comes_has_one_until_it_is_here),
        TEST(a_payload_beyond_the_window_keeps_it),
        TEST(one_that_was_tried_keeps_whom_it_tried),
        TEST(a_key_waits_in_its_flight),
        TEST(a_chunk_nobody_owes_ends_its_sender),
        TEST(work_of_hours_is_counted_as_an_hour_and_more),
        TEST(what_brings_nothing_takes_no_memory),
        TEST(all_of_it_lies_in_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
