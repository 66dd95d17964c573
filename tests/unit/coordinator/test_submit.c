#include <string.h>

#include "rig.h"

static int setup(void **state) { return rig_set_up(state, NULL, 1); }

static struct p2_param int_param(const char *name, int64_t value) {
    return (struct p2_param){.name = p2_str(name), .kind = P2_PARAM_INT, .count = 1, .value.ints = {value}};
}

static void submit_with(struct rig *r, uint32_t stream, const char *name, int64_t value) {
    struct p2_param param = int_param(name, value);
    struct p2_msg m = rig_submit_msg(stream, stream, 10);
    m.u.submit.params = (struct p2_params){&param, 1};
    rig_send_submit(r, r->client, &m);
}

static void test_accepted_with_position_and_estimate(void **state) {
    struct rig *r = *state;
    for (uint32_t i = 1; i <= 3; i++) rig_submit(r, r->client, i, i, 100);
    assert_int_equal(rig_nth(r, r->client, P2_MSG_TASK_ACCEPTED, 0)->u.accepted.queue_position, 0);
    assert_int_equal(rig_nth(r, r->client, P2_MSG_TASK_ACCEPTED, 1)->u.accepted.queue_position, 0);
    assert_int_equal(rig_nth(r, r->client, P2_MSG_TASK_ACCEPTED, 2)->u.accepted.queue_position, 1);
    // The prior; half of the job in hand before it; the prior of the one that waits before that.
    assert_int_equal(rig_nth(r, r->client, P2_MSG_TASK_ACCEPTED, 0)->u.accepted.estimate_ns, 50 * P2_MS);
    assert_int_equal(rig_nth(r, r->client, P2_MSG_TASK_ACCEPTED, 1)->u.accepted.estimate_ns, 55 * P2_MS);
    assert_int_equal(rig_nth(r, r->client, P2_MSG_TASK_ACCEPTED, 2)->u.accepted.estimate_ns, 105 * P2_MS);
}

static void test_the_peer_gets_the_task_as_it_was_said(void **state) {
    struct rig *r = *state;
    struct p2_param param = int_param("units", 5);
    struct p2_msg m = rig_submit_msg(77, 9, 300);
    m.u.submit.type = p2_str("first"); // an alias; the peer is told the name
    m.u.submit.class_ = P2_CLASS_BATCH;
    m.u.submit.params = (struct p2_params){&param, 1};
    rig_send_submit(r, r->client, &m);
    const struct p2_msg_task_assign *a = &rig_only(r, r->peer, P2_MSG_TASK_ASSIGN)->u.assign;
    struct p2_id id = rig_id(77);
    assert_true(p2_id_equal(&a->id, &id));
    assert_true(p2_str_is(a->type, "alpha"));
    assert_int_equal(a->version, 1);
    assert_int_equal(a->attempt, 1);
    assert_int_equal(a->class_, P2_CLASS_BATCH);
    assert_int_equal(a->deadline_ns, P2_SEC);
    assert_int_equal(a->payload_size, 300);
    assert_int_equal(a->raw_size, 300);
    assert_true(rig_bytes_right(&a->payload, 0));
    assert_int_equal(a->params.count, 1);
    assert_int_equal(a->params.items[0].value.ints[0], 5);
}

static uint64_t units_weighing(struct rig *r, uint32_t stream, uint32_t percent) {
    struct p2_msg m = rig_submit_msg(stream, stream, 10);
    m.u.submit.weight_percent = percent;
    rig_send_submit(r, r->client, &m);
    const struct p2_id id = rig_id(stream);
    for (uint32_t i = 0; i < r->c->tasks.capacity; i++) {
        p2_handle h;
        const struct task *t = p2_slab_at(&r->c->tasks, i, &h);
        if (t && p2_id_equal(&t->id, &id)) return t->cost.units;
    }
    fail_msg("no such task");
    return 0;
}

static void test_units_weigh_what_the_client_says(void **state) {
    struct rig *r = *state;
    assert_int_equal(units_weighing(r, 1, 0), 1000);
    assert_int_equal(units_weighing(r, 2, 100), 1000);
    assert_int_equal(units_weighing(r, 3, 250), 2500);
    assert_int_equal(units_weighing(r, 4, 1), 60); // no less than P2_WEIGHT_MIN
    assert_int_equal(units_weighing(r, 5, P2_WEIGHT_MAX), 16000);
}

static void test_refusals_name_what_is_wrong(void **state) {
    struct rig *r = *state;
    struct p2_msg m = rig_submit_msg(1, 1, 10);
    m.u.submit.type = p2_str("gam\xc3\xbcma");
    rig_send_submit(r, r->client, &m);
    rig_expect_ended(r, r->client, 1, P2_ERR_UNKNOWN_TYPE);
    struct p2_str said = rig_only(r, r->client, P2_MSG_TASK_ENDED)->u.ended.sentence;
    assert_true(p2_str_is(said, "no task type is called 'gam??ma'"));
    rig_forget(r);

    submit_with(r, 2, "bad", 1);
    rig_expect_ended(r, r->client, 2, P2_ERR_BAD_PARAMETER);
    assert_true(p2_str_is(rig_only(r, r->client, P2_MSG_TASK_ENDED)->u.ended.sentence, "bad is not to be set"));
    rig_forget(r);

    m = rig_submit_msg(3, 3, 1001);
    m.u.submit.type = p2_str("beta"); // takes 1,000 bytes at most
    rig_send_submit(r, r->client, &m);
    rig_expect_ended(r, r->client, 3, P2_ERR_TOO_LARGE);
    rig_forget(r);

    m = rig_submit_msg(4, 4, (uint64_t)P2_TASK_PAYLOAD_MAX + 1);
    rig_send_submit(r, r->client, &m);
    rig_expect_ended(r, r->client, 4, P2_ERR_TOO_LARGE);
    rig_forget(r);

    m = rig_submit_msg(5, 5, 10);
    m.u.submit.version = 2;
    rig_send_submit(r, r->client, &m);
    rig_expect_ended(r, r->client, 5, P2_ERR_NO_CAPABLE_PEER);
    assert_int_equal(r->c->stats.tasks_accepted, 0);
    assert_int_equal(r->c->stats.tasks_refused, 5);
    assert_int_equal(rig_count(r, r->client, P2_MSG_TASK_ACCEPTED), 0);
}

static void test_no_capable_peer_names_the_capability(void **state) {
    struct rig *r = *state;
    rig_close(r, r->peer);
    rig_submit(r, r->client, 1, 1, 10);
    rig_expect_ended(r, r->client, 1, P2_ERR_NO_CAPABLE_PEER);
    assert_true(
        p2_str_is(rig_only(r, r->client, P2_MSG_TASK_ENDED)->u.ended.sentence, "no peer offers alpha version 1"));
    rig_forget(r);

    p2_handle small = rig_open(r);
    rig_hello(r, small, P2_ROLE_PEER);
    rig_register(r, small, 1, 0, 1, 1000);
    submit_with(r, 2, "memory", 1001);
    rig_expect_ended(r, r->client, 2, P2_ERR_NO_CAPABLE_PEER);
    assert_true(p2_str_is(rig_only(r, r->client, P2_MSG_TASK_ENDED)->u.ended.sentence,
                          "no peer offers alpha with 1001 bytes of device memory"));
    assert_true(rig_only(r, r->client, P2_MSG_TASK_ENDED)->u.ended.retryable);
    rig_forget(r);
    submit_with(r, 3, "memory", 1000);
    assert_int_equal(rig_count(r, r->client, P2_MSG_TASK_ACCEPTED), 1);
}

static void test_an_id_is_taken_once(void **state) {
    struct rig *r = *state;
    rig_submit(r, r->client, 1, 42, 10);
    rig_submit(r, r->client, 2, 42, 10); // open
    rig_expect_ended(r, r->client, 2, P2_ERR_DUPLICATE_TASK);
    struct p2_msg assign = *rig_only(r, r->peer, P2_MSG_TASK_ASSIGN);
    rig_result(r, r->peer, &assign, 10);
    rig_forget(r);
    rig_submit(r, r->client, 3, 42, 10); // ended a moment ago
    rig_expect_ended(r, r->client, 3, P2_ERR_DUPLICATE_TASK);
    p2_handle other = rig_client(r);
    rig_submit(r, other, 1, 42, 10); // another client's ids are its own
    assert_int_equal(rig_count(r, other, P2_MSG_TASK_ACCEPTED), 1);
}

static void test_ended_ids_are_forgotten_in_order(void **state) {
    struct rig *r = *state;
    for (uint32_t i = 1; i <= 65; i++) { // one more than are remembered
        rig_submit(r, r->client, i, i, 10);
        rig_cancel(r, r->client, i, i);
    }
    rig_forget(r);
    rig_submit(r, r->client, 100, 2, 10);
    rig_expect_ended(r, r->client, 100, P2_ERR_DUPLICATE_TASK);
    rig_submit(r, r->client, 101, 1, 10);
    assert_int_equal(rig_count(r, r->client, P2_MSG_TASK_ACCEPTED), 1);
}

static void break_with(struct rig *r, struct p2_msg *m, enum p2_err code) {
    p2_handle conn = rig_client(r);
    struct p2_slice bytes = rig_bytes(r, 100, 0);
    if (m->u.submit.payload.size) m->u.submit.payload.blob = bytes.blob;
    rig_msg(r, conn, m);
    p2_blob_unref(bytes.blob);
    rig_expect_error(r, conn, code);
}

static void test_submissions_that_contradict_themselves(void **state) {
    struct rig *r = *state;
    struct p2_msg good = rig_submit_msg(1, 1, 100), m;
    good.u.submit.raw_size = good.u.submit.payload.size = 100;
    m = good;
    m.u.submit.raw_size = m.u.submit.payload.size = 99;
    m.u.submit.payload_size = 98;
    break_with(r, &m, P2_ERR_BAD_MESSAGE);
    m = good;
    m.u.submit.raw_size = 99;
    break_with(r, &m, P2_ERR_BAD_MESSAGE);
    m = good;
    m.u.submit.class_ = (enum p2_class)P2_CLASSES;
    break_with(r, &m, P2_ERR_BAD_MESSAGE);
    m = good;
    m.u.submit.id = (struct p2_id){{0}};
    break_with(r, &m, P2_ERR_BAD_MESSAGE);
    m = good;
    m.u.submit.deadline_ns = -1;
    break_with(r, &m, P2_ERR_BAD_MESSAGE);
    m = good;
    m.stream = 0;
    break_with(r, &m, P2_ERR_UNEXPECTED_MESSAGE);
    m = good; // zstd: the sizes may differ, but not exceed a record
    m.u.submit.payload_zstd = true;
    m.u.submit.payload_size = 1 << 20;
    m.u.submit.raw_size = P2_RECORD_PAYLOAD_MAX + 1;
    break_with(r, &m, P2_ERR_BAD_MESSAGE);
}

static void test_a_stream_is_used_by_one_task_at_a_time(void **state) {
    struct rig *r = *state;
    rig_submit(r, r->client, 5, 1, 10);
    rig_submit(r, r->client, 5, 2, 10);
    rig_expect_error(r, r->client, P2_ERR_UNEXPECTED_MESSAGE);
    assert_int_equal(r->c->tasks.live, 0);
}

static void test_deadlines_have_a_default_and_a_ceiling(void **state) {
    struct rig *r = *state;
    struct p2_msg m = rig_submit_msg(1, 1, 10);
    m.u.submit.deadline_ns = 0;
    rig_send_submit(r, r->client, &m);
    assert_int_equal(rig_only(r, r->peer, P2_MSG_TASK_ASSIGN)->u.assign.deadline_ns, 200 * P2_MS);
    rig_cancel(r, r->client, 1, 1);
    rig_close(r, r->peer);
    r->peer = rig_peer(r, 1, 0);
    m = rig_submit_msg(2, 2, 10);
    m.u.submit.deadline_ns = P2_NEVER;
    rig_send_submit(r, r->client, &m);
    assert_int_equal(rig_only(r, r->peer, P2_MSG_TASK_ASSIGN)->u.assign.deadline_ns, 3600 * P2_SEC);
}

static void test_batch(void **state) {
    struct rig *r = *state;
    struct p2_msg_task_submit tasks[3];
    struct p2_slice bytes = rig_bytes(r, 10, 0);
    for (uint32_t i = 0; i < 3; i++) {
        tasks[i] = rig_submit_msg(i + 1, 0, 10).u.submit;
        tasks[i].raw_size = 10;
        tasks[i].payload = bytes;
    }
    tasks[1].type = p2_str("nothing");
    struct p2_msg m = {.kind = P2_MSG_TASK_SUBMIT_BATCH, .stream = 20, .u.submit_batch = {tasks, 3}};
    rig_msg(r, r->client, &m);
    assert_int_equal(rig_count(r, r->client, P2_MSG_TASK_ACCEPTED), 2);
    assert_int_equal(rig_last(r, r->client, P2_MSG_TASK_ACCEPTED)->stream, 22);
    rig_expect_ended(r, r->client, 21, P2_ERR_UNKNOWN_TYPE);
    tasks[0].payload_size = 11; // a task of a batch comes whole
    tasks[0].id = rig_id(9);
    m.stream = 30;
    rig_msg(r, r->client, &m);
    rig_expect_error(r, r->client, P2_ERR_BAD_MESSAGE);
    p2_blob_unref(bytes.blob);
}

static void test_batches_of_no_size_or_too_much(void **state) {
    struct rig *r = *state;
    static const struct p2_msg_task_submit none[P2_BATCH_MAX + 1];
    const uint32_t counts[] = {0, P2_BATCH_MAX + 1};
    for (unsigned i = 0; i < 2; i++) {
        p2_handle conn = rig_client(r);
        struct p2_msg m = {.kind = P2_MSG_TASK_SUBMIT_BATCH, .stream = 1, .u.submit_batch = {none, counts[i]}};
        rig_msg(r, conn, &m);
        rig_expect_error(r, conn, P2_ERR_BAD_MESSAGE);
    }
}

static void test_each_limit_refuses_for_now(void **state) {
    struct rig *r = *state;
    uint32_t stream = 0;
    for (stream = 1; stream <= 128; stream++) rig_submit(r, r->client, stream, stream, 10);
    rig_forget(r);
    rig_submit(r, r->client, 129, 129, 10);
    rig_expect_ended(r, r->client, 129, P2_ERR_QUOTA_EXCEEDED); // per client
    assert_int_equal(rig_only(r, r->client, P2_MSG_TASK_ENDED)->u.ended.retry_after_ns, 100 * P2_MS);
    assert_true(rig_only(r, r->client, P2_MSG_TASK_ENDED)->u.ended.retryable);

    p2_handle second = rig_client(r);
    for (stream = 1; stream <= 73; stream++) rig_submit(r, second, stream, stream, 10); // 1 runs, 200 wait
    assert_int_equal(rig_count(r, second, P2_MSG_TASK_ACCEPTED), 73);
    rig_submit(r, second, 74, 74, 10);
    rig_expect_ended(r, second, 74, P2_ERR_OVERLOADED); // per class
    for (; stream <= 127; stream++) {
        struct p2_msg m = rig_submit_msg(stream + 100, stream + 100, 10);
        m.u.submit.class_ = P2_CLASS_BATCH;
        rig_send_submit(r, second, &m);
    }
    p2_handle third = rig_client(r);
    struct p2_msg m = rig_submit_msg(1, 1, 10);
    m.u.submit.class_ = P2_CLASS_BATCH;
    rig_send_submit(r, third, &m);
    m = rig_submit_msg(2, 2, 10);
    m.u.submit.class_ = P2_CLASS_BATCH;
    rig_send_submit(r, third, &m);
    assert_int_equal(r->c->tasks.live, 256);
    rig_expect_ended(r, third, 2, P2_ERR_OVERLOADED); // all
}

static void test_the_payload_budget_is_arithmetic(void **state) {
    struct rig *r = *state;
    for (uint32_t i = 1; i <= 16; i++) rig_submit(r, r->client, i, i, 8 << 20); // 1 MiB in, 1 MiB out each
    assert_int_equal(rig_count(r, r->client, P2_MSG_TASK_ACCEPTED), 16);
    assert_int_equal(r->c->reserved_bytes, r->c->limits.payload_budget_bytes);
    rig_forget(r);
    rig_submit(r, r->client, 17, 17, 1);
    rig_expect_ended(r, r->client, 17, P2_ERR_OVERLOADED);
    rig_cancel(r, r->client, 1, 1);
    rig_submit(r, r->client, 18, 18, 1);
    assert_int_equal(rig_count(r, r->client, P2_MSG_TASK_ACCEPTED), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_accepted_with_position_and_estimate),
        TEST(test_the_peer_gets_the_task_as_it_was_said),
        TEST(test_units_weigh_what_the_client_says),
        TEST(test_refusals_name_what_is_wrong),
        TEST(test_no_capable_peer_names_the_capability),
        TEST(test_an_id_is_taken_once),
        TEST(test_ended_ids_are_forgotten_in_order),
        TEST(test_submissions_that_contradict_themselves),
        TEST(test_a_stream_is_used_by_one_task_at_a_time),
        TEST(test_deadlines_have_a_default_and_a_ceiling),
        TEST(test_batch),
        TEST(test_batches_of_no_size_or_too_much),
        TEST(test_each_limit_refuses_for_now),
        TEST(test_the_payload_budget_is_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
