// Many at once: batches, thousands in flight on one connection, and a client that is destroyed with them.
#include <string.h>

#include "client/shell/client.h"
#include "client_rig.h"

#define MANY 4096u
#define BATCH 24u

static struct fake f; // it is large

static uint64_t messages_sent(const p2c2r_client *c) {
    struct p2_net_stats s;
    p2_loop_stats(c->loop, &s);
    return s.messages_out;
}

static void connect_to(p2c2r_client *c) {
    while (!p2c2r_connected(c)) p2c2r_poll(c, NULL, 0, 1000);
    p2c2r_ticket ticket = submit(c, NULL, 0);
    p2c2r_poll(c, NULL, 0, 0);
    assert_int_equal(p2c2r_cancel(c, ticket), P2C2R_OK);
    p2c2r_result r = await(c, ticket); // nothing of the greeting is left to send
    p2c2r_release(c, &r);
}

static void a_batch_has_a_status_per_item_and_leaves_in_one_message(void **state) {
    (void)state;
    fake_start(&f, FAKE_SILENT, 100); // what it answers would be acknowledged, in messages of their own
    p2c2r_client *c = open_at(f.url, (p2c2r_options){.tasks_max = BATCH - 4});
    connect_to(c);
    uint32_t sent_before = f.submits;
    p2c2r_task tasks[BATCH];
    p2c2r_ticket tickets[BATCH];
    p2c2r_status statuses[BATCH];
    for (uint32_t i = 0; i < BATCH; i++) tasks[i] = echo_task("x", 1);
    tasks[3].type = "teleport";
    tasks[7].payload = NULL;
    uint64_t before = messages_sent(c);
    assert_int_equal(p2c2r_submit_batch(c, tasks, BATCH, tickets, statuses), P2C2R_EAGAIN);
    assert_int_equal(messages_sent(c), before); // nothing waits for a socket
    for (uint32_t i = 0; i < BATCH; i++) {
        bool bad = i == 3 || i == 7, late = i >= BATCH - 2; // two of 24 were bad, and 20 fit
        assert_int_equal(statuses[i], bad ? P2C2R_EINVAL : late ? P2C2R_EAGAIN : P2C2R_OK);
        assert_int_equal(tickets[i] != 0, !bad && !late);
    }
    uint32_t ended = p2c2r_poll(c, NULL, 0, 0);
    assert_int_equal(ended, 0);
    assert_int_equal(messages_sent(c), before + 1);
    while (f.submits - sent_before < BATCH - 4) p2c2r_poll(c, NULL, 0, 1000);
    for (uint32_t i = 0; i < BATCH; i++) {
        if (tickets[i]) assert_int_equal(p2c2r_cancel(c, tickets[i]), P2C2R_OK);
    }
    while (ended < BATCH - 4) {
        p2c2r_result r = {.size = sizeof r};
        assert_int_equal(p2c2r_poll(c, &r, 1, PATIENCE_US), 1);
        assert_int_equal(r.outcome, P2C2R_CANCELLED);
        p2c2r_release(c, &r);
        ended++;
    }
    assert_int_equal(f.submits - sent_before, BATCH - 4);
    assert_int_equal(p2c2r_submit_batch(c, NULL, 0, NULL, NULL), P2C2R_OK);
    assert_int_equal(p2c2r_submit_batch(c, NULL, 1, tickets, statuses), P2C2R_EINVAL);
    shut(&c);
    fake_stop(&f);
}

static void submit_many(p2c2r_client *c, uint8_t *ends) {
    p2c2r_ticket ticket;
    p2c2r_task task = echo_task("0123456789", 10);
    for (uint32_t i = 0; i < MANY; i++) {
        task.user = &ends[i];
        assert_int_equal(p2c2r_submit(c, &task, &ticket), P2C2R_OK);
    }
    assert_int_equal(p2c2r_submit(c, &task, &ticket), P2C2R_EAGAIN);
}

static void thousands_in_flight_end_once_each(void **state) {
    (void)state;
    fake_start(&f, FAKE_SILENT, MANY);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
    static uint8_t ends[MANY];
    static p2c2r_result results[MANY];
    submit_many(c, ends);
    while (f.submits < MANY) assert_int_equal(p2c2r_poll(c, NULL, 0, 1000), 0);
    for (uint32_t slot = 0; slot < MANY; slot += 2) { // half of them: the others stay as they are
        p2_handle ticket;
        assert_non_null(p2_slab_at(&c->records, slot, &ticket));
        assert_int_equal(p2c2r_cancel(c, ticket), P2C2R_OK);
    }
    uint32_t ended = 0;
    while (ended < MANY / 2) {
        results[0].size = sizeof results[0];
        uint32_t n = p2c2r_poll(c, results, MANY, PATIENCE_US);
        assert_true(n > 0);
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(results[i].outcome, P2C2R_CANCELLED);
            ++*(uint8_t *)results[i].user;
            p2c2r_release(c, &results[i]);
        }
        ended += n;
    }
    assert_int_equal(ended, MANY / 2);
    p2c2r_result r = {.size = sizeof r};
    assert_int_equal(p2c2r_poll(c, &r, 1, 0), 0);
    for (uint32_t i = 0; i < MANY; i++) ended -= ends[i] == 1;
    assert_int_equal(ended, 0);
    p2c2r_destroy(&c); // with the other half on their way
    fake_stop(&f);
}

static void destroy_with_thousands_in_flight(void **state) {
    (void)state;
    static uint8_t ends[MANY];
    fake_start(&f, FAKE_SILENT, MANY);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
    submit_many(c, ends);
    while (f.submits < MANY) assert_int_equal(p2c2r_poll(c, NULL, 0, 1000), 0);
    p2c2r_destroy(&c);
    c = open_at(f.url, (p2c2r_options){0});
    submit_many(c, ends); // wherever they are by then
    shut(&c);
    fake_stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_has_a_status_per_item_and_leaves_in_one_message),
        cmocka_unit_test(thousands_in_flight_end_once_each),
        cmocka_unit_test(destroy_with_thousands_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
