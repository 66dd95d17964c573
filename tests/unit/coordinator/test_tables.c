// What is found by a stream, also where streams share a place.
#include "rig.h"

static struct rig rig;

static int setup(void **state) {
    rig_init(&rig, NULL);
    *state = &rig;
    return 0;
}

static int teardown(void **state) {
    rig_deinit(*state);
    return 0;
}

static const struct task *found(const struct rig *r, p2_handle client, uint32_t stream) {
    return task_by_stream(r->c, client_of(r->c, session_find(r->c, client)), stream);
}

static void submit(struct rig *r, p2_handle client, uint64_t id, uint32_t stream) {
    struct p2_msg m = rig_submit_msg(id, stream, 10);
    rig_send_submit(r, client, &m);
}

static void test_streams_that_share_a_place(void **state) {
    struct rig *r = *state;
    rig_peer(r, 1, 0);
    p2_handle client = rig_client(r), other = rig_client(r);
    uint32_t apart = r->c->by_stream.mask + 1;
    for (uint32_t i = 0; i < 4; i++) submit(r, client, 1 + i, 5 + i * apart);
    submit(r, other, 1, 5); // a row of its own
    assert_int_equal(r->c->by_stream.rest.count, 3);
    rig_cancel(r, client, 5, 1);         // the one in the place
    rig_cancel(r, client, 5 + apart, 2); // one that is not
    submit(r, client, 9, 5 + 4 * apart); // takes the place that is free
    assert_int_equal(r->c->by_stream.rest.count, 2);
    const uint64_t ids[] = {0, 0, 3, 4, 9};
    for (uint32_t i = 0; i < 5; i++) {
        const struct task *t = found(r, client, 5 + i * apart);
        assert_int_equal(t != NULL, ids[i] != 0);
        struct p2_id id = rig_id(ids[i]);
        if (t) assert_memory_equal(&t->id, &id, sizeof id);
    }
    assert_non_null(found(r, other, 5));
    assert_null(found(r, other, 5 + 2 * apart));
}

static void test_an_id_is_known_until_others_took_its_place(void **state) {
    struct rig *r = *state;
    p2_handle client = rig_client(r);
    rig_peer(r, 1, 0);
    uint32_t most = r->c->limits.recent_max;
    for (uint32_t i = 1; i <= most + 1; i++) {
        submit(r, client, i, i);
        rig_cancel(r, client, i, i);
    }
    const struct client *cl = client_of(r->c, session_find(r->c, client));
    struct p2_id first = rig_id(1), second = rig_id(2), last = rig_id(most + 1);
    assert_null(task_recent(r->c, cl, &first));
    assert_non_null(task_recent(r->c, cl, &second));
    assert_non_null(task_recent(r->c, cl, &last));
    assert_null(task_by_id(r->c, cl, &last));
    assert_int_equal(r->c->by_id.count, most);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_streams_that_share_a_place),
        TEST(test_an_id_is_known_until_others_took_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
