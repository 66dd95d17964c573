// What nobody could do is counted by what was missing, in a table that does not grow.
#include <string.h>

#include "rig.h"

static struct rig rig;
static p2_handle client;
static uint32_t streams;

static int setup(void **state) {
    (void)state;
    rig_init(&rig, NULL);
    client = rig_client(&rig);
    streams = 0;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rig_deinit(&rig);
    return 0;
}

static void submit(const char *type, uint32_t version, int64_t memory) {
    const struct p2_param param = {.name = p2_str("memory"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {memory}};
    streams++;
    struct p2_msg m = rig_submit_msg(streams, streams, 10);
    m.u.submit.type = p2_str(type);
    m.u.submit.version = version;
    m.u.submit.params = (struct p2_params){&param, 1};
    rig_send_submit(&rig, client, &m);
}

static const struct p2_msg_status *look(void) {
    const struct p2_msg m = {.kind = P2_MSG_STATUS_REQUEST};
    rig_forget(&rig);
    rig_msg(&rig, client, &m);
    return &rig_only(&rig, client, P2_MSG_STATUS)->u.status;
}

static void expect_row(const struct p2_msg_status *s, uint32_t at, const char *type, enum p2_missing missing,
                       uint64_t count) {
    assert_true(at < s->unmet_count);
    assert_true(p2_str_is(s->unmet[at].type, type));
    assert_int_equal(s->unmet[at].missing, missing);
    assert_int_equal(s->unmet[at].count, count);
}

static void test_by_what_is_missing(void **state) {
    (void)state;
    assert_int_equal(look()->unmet_count, 0);
    submit("alpha", 0, 0);
    submit("first", 0, 0); // the same by another name
    rig_pass(&rig, P2_SEC);
    submit("beta", 9, 0);
    p2_handle peer = rig_open(&rig);
    rig_hello(&rig, peer, P2_ROLE_PEER);
    rig_register(&rig, peer, 1, 0, 1, 1000);
    rig_pass(&rig, P2_SEC);
    submit("alpha", 0, 1025);
    submit("alpha", 0, 2048); // of the same size class
    submit("alpha", 0, 1000); // that one can be done
    submit("nothing", 0, 0);  // no such type: nobody could ever
    const struct p2_msg_status *s = look();
    assert_int_equal(s->unmet_count, 3); // latest first
    expect_row(s, 0, "alpha", P2_MISSING_MEMORY, 2);
    assert_int_equal(s->unmet[0].memory_bytes, 2048);
    assert_int_equal(s->unmet[0].last_ns, 0);
    expect_row(s, 1, "beta", P2_MISSING_TYPE, 1);
    assert_int_equal(s->unmet[1].version, 9);
    assert_int_equal(s->unmet[1].last_ns, P2_SEC);
    expect_row(s, 2, "alpha", P2_MISSING_TYPE, 2);
    assert_int_equal(s->unmet[2].version, 1);
    assert_int_equal(s->unmet[2].last_ns, 2 * P2_SEC);
}

static void test_stranded_tasks_count(void **state) {
    (void)state;
    p2_handle peer = rig_peer(&rig, 1, 0);
    submit("alpha", 0, 0);
    submit("alpha", 0, 0);
    assert_int_equal(look()->unmet_count, 0);
    rig_close(&rig, peer);
    expect_row(look(), 0, "alpha", P2_MISSING_TYPE, 2);
    peer = rig_peer(&rig, 1, 0);
    rig_close(&rig, peer);
    expect_row(look(), 0, "alpha", P2_MISSING_TYPE, 4); // each time
    rig_pass(&rig, 3 * P2_SEC);                         // they fail; that is not asking again
    expect_row(look(), 0, "alpha", P2_MISSING_TYPE, 4);
}

static void test_questions_do_not_count(void **state) {
    (void)state;
    struct p2_msg m = {.kind = P2_MSG_CAN_MEET};
    m.u.can_meet.type = p2_str("alpha");
    rig_msg(&rig, client, &m);
    assert_int_equal(rig_only(&rig, client, P2_MSG_CAN_MEET_ANSWER)->u.can_meet_answer.code, P2_ERR_NO_CAPABLE_PEER);
    assert_int_equal(look()->unmet_count, 0);
}

static void test_other_refusals_do_not_count(void **state) {
    (void)state;
    rig_peer(&rig, 1, 0);
    for (uint32_t i = 0; i <= rig.c->limits.tasks_per_client_max; i++) submit("alpha", 0, 0);
    assert_int_equal(rig.c->stats.tasks_refused, 1);
    assert_int_equal(rig.c->unmet.total, 0);
}

static void test_the_table_forgets_what_is_longest_past(void **state) {
    (void)state;
    for (uint32_t version = 100; version < 100 + 3 * P2_UNMET_MAX; version++) {
        submit("alpha", 0, 0); // asked for again and again: it stays
        submit("alpha", version, 0);
        rig_pass(&rig, P2_MS);
    }
    const struct p2_msg_status *s = look();
    assert_int_equal(s->unmet_count, P2_UNMET_MAX);
    bool found = false;
    for (uint32_t i = 0; i < s->unmet_count; i++) {
        if (i) assert_true(s->unmet[i].last_ns >= s->unmet[i - 1].last_ns);
        if (s->unmet[i].version == 1) {
            assert_int_equal(s->unmet[i].count, 3 * P2_UNMET_MAX);
            found = true;
        } else {
            assert_true(s->unmet[i].version >= 100 + 2 * P2_UNMET_MAX + 1);
        }
    }
    assert_true(found);
    assert_int_equal(rig.c->unmet.total, 6 * P2_UNMET_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_by_what_is_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stranded_tasks_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_questions_do_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_refusals_do_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_table_forgets_what_is_longest_past, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
