// Open tasks in STATUS: whose, how many, and what of them.
#include <string.h>

#include "rig.h"

static struct rig rig;
static p2_handle client, other;

static int setup(void **state) {
    (void)state;
    rig_init(&rig, NULL);
    client = rig_client(&rig);
    other = rig_client(&rig);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rig_deinit(&rig);
    return 0;
}

static const struct p2_msg_status *list(p2_handle who, uint32_t max) {
    const struct p2_msg m = {.kind = P2_MSG_STATUS_REQUEST, .u.status_request.tasks_max = max};
    rig_forget(&rig);
    rig_msg(&rig, who, &m);
    return &rig_only(&rig, who, P2_MSG_STATUS)->u.status;
}

static void submit(p2_handle who, uint32_t stream, uint32_t head, p2_ns deadline_ns) {
    struct p2_msg m = rig_submit_msg(1000 + stream, stream, 10);
    for (unsigned i = 0; i < 4; i++) m.u.submit.id.b[i] = (uint8_t)(head >> (24 - 8 * i));
    m.u.submit.deadline_ns = deadline_ns;
    rig_send_submit(&rig, who, &m);
}

static void who_sees_whose(void **state) {
    (void)state;
    rig_peer(&rig, 1, 0);
    submit(client, 1, 0xaabbccdd, 9 * P2_SEC);
    submit(other, 2, 2, 5 * P2_SEC);
    submit(client, 3, 3, 7 * P2_SEC);
    rig_pass(&rig, P2_SEC);
    assert_int_equal(list(client, 0)->task_count, 0);
    const struct p2_msg_status *s = list(client, 64);
    assert_int_equal(s->task_count, 2);
    const struct p2_msg_open_task *t = &s->tasks[0];
    assert_int_equal(t->id_head, 0xaabbccdd);
    assert_true(p2_str_is(t->type, "alpha"));
    assert_int_equal(t->where, P2_OPEN_RUNNING);
    assert_int_equal(t->age_ns, P2_SEC);
    assert_int_equal(t->left_ns, 8 * P2_SEC);
    assert_int_equal(t->attempts, 1);
    assert_false(p2_id_is_zero(&t->peer));
    assert_true(t->yours);
    assert_int_equal(s->tasks[1].where, P2_OPEN_QUEUED);
    assert_int_equal(s->tasks[1].attempts, 0);
    assert_true(p2_id_is_zero(&s->tasks[1].peer));
    assert_int_equal(list(client, 1)->task_count, 1);

    rig.c->limits.list_tasks = true;
    s = list(client, 64);
    assert_int_equal(s->task_count, 3);
    assert_int_equal(s->tasks[2].id_head, 2);
    assert_false(s->tasks[2].yours);
    assert_int_equal(list(client, 2)->task_count, 2); // its own come first
    s = list(other, 1);
    assert_true(s->task_count == 1 && s->tasks[0].yours);

    // One that has registered as nothing yet sees none of its own, having none.
    p2_handle stranger = rig_open(&rig);
    rig_hello(&rig, stranger, P2_ROLE_CLIENT);
    assert_int_equal(list(stranger, 64)->task_count, 3);
    rig.c->limits.list_tasks = false;
    assert_int_equal(list(stranger, 64)->task_count, 0);
}

static void an_answer_is_bounded(void **state) {
    (void)state;
    rig_peer(&rig, 1, 0);
    rig.c->limits.list_tasks = true;
    for (uint32_t i = 1; i <= 40; i++) submit(client, i, i, (p2_ns)(100 - i) * P2_SEC);
    for (uint32_t i = 1; i <= 40; i++) submit(other, i, 100 + i, (p2_ns)(200 - i) * P2_SEC);
    const struct p2_msg_status *s = list(other, UINT32_MAX);
    assert_int_equal(s->task_count, P2_OPEN_TASKS_MAX);
    bool seen[200] = {false};
    for (uint32_t i = 0; i < s->task_count; i++) {
        const struct p2_msg_open_task *t = &s->tasks[i];
        assert_true(t->id_head < 200 && !seen[t->id_head]);
        seen[t->id_head] = true;
        assert_int_equal(t->yours, i < 40);
        if (t->yours) assert_int_equal(t->id_head, 101 + i); // oldest first
    }
    rig_pass(&rig, 30 * P2_SEC);
    s = list(client, 64);
    for (uint32_t i = 0; i < s->task_count; i++) assert_true(s->tasks[i].left_ns >= 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_sees_whose, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_is_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
