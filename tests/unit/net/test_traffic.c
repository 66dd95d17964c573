// Records between a server and a client of ours: order, batches, lanes, sizes, back-pressure.
#include "fixture.h"

#include <string.h>

static void echo_both_ways(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    p.server.echo = true;
    pair_connect(&p);
    assert_string_equal(p.server.remote, "127.0.0.1");
    assert_string_equal(p.client.remote, "127.0.0.1");
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(send_record(&p, &p.client, 1, i, i * 100), P2_OK);
        UNTIL(&p, p.client.records == i + 1);
        assert_int_equal(p.client.noted[i].number, i);
        assert_int_equal(p.client.noted[i].size, HEAD_BYTES + i * 100);
    }
    assert_false(p.server.content_wrong || p.client.content_wrong);
    assert_int_equal(p.pool.bytes_live, 0); // payloads are let go once sent
    pair_end(&p);
}

static void queued_records_leave_together(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    pair_connect(&p);
    struct p2_net_stats before_stats, after;
    p2_loop_stats(p.client.loop, &before_stats);
    for (uint32_t i = 0; i < 1000; i++) assert_int_equal(send_record(&p, &p.client, 1, i, 40), P2_OK);
    UNTIL(&p, p.server.records == 1000);
    p2_loop_stats(p.client.loop, &after);
    assert_int_equal(after.records_out - before_stats.records_out, 1000);
    assert_int_equal(after.bytes_out - before_stats.bytes_out, 1000 * (HEAD_BYTES + 40));
    assert_int_equal(after.messages_out - before_stats.messages_out, 1); // 56,000 bytes fit one message
    assert_int_equal(after.heads_out - before_stats.heads_out, 4 + 4);   // with its mask
    assert_false(p.server.content_wrong);
    pair_end(&p);
}

static void without_batching_each_record_is_a_message(void **state) {
    (void)state;
    struct p2_net_limits limits = p2_net_limits_default();
    struct p2_net_stats stats;
    struct pair p;
    limits.batch = false;
    pair_begin(&p, NULL, &limits);
    p.client.stamps = true;
    pair_connect(&p);
    static const uint32_t lanes[] = {4, 2, 0, 4, 1, 3, 0, 2}, expected[] = {2, 6, 4, 1, 7, 5, 0, 3};
    for (uint32_t i = 0; i < 8; i++) assert_int_equal(send_record(&p, &p.client, lanes[i], i, 10), P2_OK);
    UNTIL(&p, p.server.records == 8);
    p2_loop_stats(p.client.loop, &stats);
    assert_int_equal(stats.records_out, 8);
    assert_int_equal(stats.messages_out, 8);
    for (uint32_t i = 0; i < 8; i++) assert_int_equal(p.server.noted[i].number, expected[i]);
    for (uint32_t i = 0; i < 1000; i++) assert_int_equal(send_record(&p, &p.client, i % 5, i, 40), P2_OK);
    UNTIL(&p, p.server.records == 1008);
    p2_loop_stats(p.client.loop, &stats);
    assert_int_equal(stats.messages_out, 1008);
    assert_false(p.server.content_wrong);
    pair_end(&p);
}

static void lower_lanes_first_order_kept_inside(void **state) {
    (void)state;
    static const uint32_t lanes[] = {4, 2, 0, 4, 1, 3, 0, 2}, expected[] = {2, 6, 4, 1, 7, 5, 0, 3};
    struct pair p;
    pair_begin(&p, NULL, NULL);
    p.client.stamps = true;
    pair_connect(&p);
    for (uint32_t i = 0; i < 8; i++) assert_int_equal(send_record(&p, &p.client, lanes[i], i, 10), P2_OK);
    UNTIL(&p, p.server.records == 8);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(p.server.noted[i].number, expected[i]);
        assert_int_equal(p.server.noted[i].stamp, i); // stamped as they leave, not as they were queued
    }
    pair_end(&p);
}

static void an_urgent_record_overtakes_bulk(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    pair_connect(&p);
    for (uint32_t i = 0; i < 60; i++) assert_int_equal(send_record(&p, &p.client, 4, i, 65536), P2_OK);
    assert_int_equal(send_record(&p, &p.client, 0, 99, 0), P2_OK);
    UNTIL(&p, p.server.records == 61);
    uint32_t at = 0; // behind what the socket has taken
    while (p.server.noted[at].number != 99) at++;
    assert_true(at < 60);
    for (uint32_t i = 0; i < 60; i++) assert_int_equal(p.server.noted[i < at ? i : i + 1].number, i);
    assert_false(p.server.content_wrong);
    pair_end(&p);
}

static void a_busy_lane_does_not_starve_the_others(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    pair_connect(&p);
    assert_int_equal(send_record(&p, &p.client, 4, 1000, 60000), P2_OK);
    for (uint32_t i = 0; i < 90; i++) assert_int_equal(send_record(&p, &p.client, 1, i, 60000), P2_OK);
    UNTIL(&p, p.server.records == 91);
    uint32_t at = 0;
    while (at < NOTED_MAX && p.server.noted[at].number != 1000) at++;
    assert_in_range(at, 4, NOTED_MAX - 1); // after the first message, long before the last
    pair_end(&p);
}

static void large_payloads_whole(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    pair_connect(&p);
    struct side *ways[2][2] = {{&p.client, &p.server}, {&p.server, &p.client}};
    for (int w = 0; w < 2; w++) {
        struct side *from = ways[w][0], *to = ways[w][1];
        uint32_t sent = 0;
        for (p2_ns end = deadline(); to->records < 1000;) {
            assert_true(before(end));
            while (sent < 1000 && p2_conn_room(from->loop, from->last) >= 70000) {
                assert_int_equal(send_record(&p, from, 3, sent++, 65536), P2_OK);
            }
            pair_turn(&p);
        }
        assert_int_equal(to->bytes, 1000 * (65536 + HEAD_BYTES));
        assert_false(to->content_wrong);
    }
    pair_end(&p);
}

static void sizes_at_the_edges(void **state) {
    (void)state;
    static const uint32_t sizes[] = {0, 1, 109, 110, 111, 125, 65519, 65520, 65535, 65536, 131072, 262144 - HEAD_BYTES};
    struct pair p;
    pair_begin(&p, NULL, NULL);
    p.server.echo = true;
    pair_connect(&p);
    for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(send_record(&p, &p.client, 2, i, sizes[i]), P2_OK);
        UNTIL(&p, p.client.records == i + 1);
        assert_int_equal(p.client.noted[i].size, HEAD_BYTES + sizes[i]);
    }
    assert_int_equal(send_record(&p, &p.client, 2, 0, 262144 - HEAD_BYTES + 1), P2_ERR_TOO_LARGE);
    uint8_t none = 0;
    assert_int_equal(p2_conn_send(p.client.loop, p.client.last, 0, &none, 0, (struct p2_slice){0}),
                     P2_ERR_INVALID_ARGUMENT);
    assert_false(p.server.content_wrong || p.client.content_wrong);
    assert_int_equal(p.client.closed, 0);
    pair_end(&p);
}

// Fills the way to a reader that has paused, until nothing more leaves; returns how many records were queued in all.
static uint32_t fill_up(struct pair *p) {
    uint32_t sent = 0, quiet = 0;
    while (quiet < 20) {
        bool room = p2_conn_room(p->client.loop, p->client.last) > 0;
        if (room) assert_int_equal(send_record(p, &p->client, 3, sent++, 60000), P2_OK);
        assert_true(sent < 5000);
        quiet = room ? 0 : quiet + 1;
        pair_turn(p);
    }
    return sent;
}

static void a_paused_reader_stops_the_sender(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    pair_connect(&p);
    p.server.pause_once = true;
    uint32_t sent = fill_up(&p);
    assert_int_equal(p2_conn_room(p.client.loop, p.client.last), 0);
    p2_conn_want_room(p.client.loop, p.client.last);
    p2_conn_want_room(p.client.loop, p.client.last); // asking twice is asking once
    pair_settle(&p);
    assert_int_equal(p.client.writable, 0);
    assert_true(p.server.bytes <= 2 * 262144); // what was read already, nothing after
    p2_conn_pause(p.server.loop, p.server.last, false);
    UNTIL(&p, p.server.records == sent);
    UNTIL(&p, p.client.writable == 1);
    assert_true(p.client.room >= p2_net_limits_default().room_bytes / 2);
    assert_false(p.server.content_wrong);
    pair_settle(&p);
    assert_int_equal(p.client.writable, 1);
    pair_end(&p);
}

static void room_there_already_is_told_from_a_later_turn(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    pair_connect(&p);
    assert_int_equal(p2_conn_room(p.client.loop, p.client.last), p2_net_limits_default().room_bytes);
    p2_conn_want_room(p.client.loop, p.client.last);
    assert_int_equal(p.client.writable, 0);
    p2_loop_turn(p.client.loop, P2_NEVER); // has something to do, so it does not wait for ever
    UNTIL(&p, p.client.writable == 1);
    pair_end(&p);
}

static void a_slow_reader_is_cut(void **state) {
    (void)state;
    struct p2_net_limits limits = p2_net_limits_default();
    limits.queue_bytes_max = 1 << 20;
    struct pair p;
    pair_begin(&p, NULL, &limits);
    pair_connect(&p);
    p.server.pause_once = true;
    enum p2_err e = P2_OK;
    for (uint32_t i = 0; i < 5000 && e == P2_OK; i++) {
        e = send_record(&p, &p.client, 3, i, 60000);
        assert_int_equal(p.client.closed, 0); // not from inside send
        if (e == P2_OK) pair_turn(&p);
    }
    assert_int_equal(e, P2_ERR_SLOW_READER);
    assert_int_equal(send_record(&p, &p.client, 0, 0, 0), P2_ERR_CLOSED);
    assert_int_equal(p2_conn_room(p.client.loop, p.client.last), 0);
    p2_loop_turn(p.client.loop, 0);
    assert_int_equal(p.client.closed, 1);
    assert_int_equal(p.client.why, P2_ERR_SLOW_READER);
    assert_int_equal(p.pool.bytes_live, 0);
    p2_conn_pause(p.server.loop, p.server.last, false);
    UNTIL(&p, p.server.closed == 1);
    assert_int_equal(p.server.why, P2_ERR_CLOSED);
    pair_end(&p);
}

static void a_reader_that_takes_nothing_stalls(void **state) {
    (void)state;
    struct p2_net_limits limits = p2_net_limits_default();
    limits.stall_ns = 80 * P2_MS;
    struct pair p;
    pair_begin(&p, NULL, &limits);
    pair_connect(&p);
    p.server.pause_once = true;
    (void)fill_up(&p);
    UNTIL(&p, p.client.closed == 1);
    assert_int_equal(p.client.why, P2_ERR_SLOW_READER);
    pair_end(&p);
}

// Sends records of 16 bytes until nothing moves any more; returns how many. `queued_max` gets the most the server held.
static uint32_t flood(struct pair *p, uint64_t room_bytes, uint64_t *queued_max) {
    uint32_t sent = 0, quiet = 0;
    while (quiet < 50) {
        uint64_t moved = p->server.bytes;
        for (int i = 0; i < 10000 && p2_conn_room(p->client.loop, p->client.last) > 0; i++) {
            assert_int_equal(send_record(p, &p->client, 0, sent++, 0), P2_OK);
        }
        pair_turn(p);
        uint64_t queued = room_bytes - p2_conn_room(p->server.loop, p->server.last);
        if (queued > *queued_max) *queued_max = queued;
        quiet = p->server.bytes != moved ? 0 : quiet + 1;
    }
    return sent;
}

static void who_does_not_read_our_answers_is_not_read_from(void **state) {
    (void)state;
    struct p2_net_limits limits = p2_net_limits_default();
    limits.queue_bytes_max = limits.room_bytes = UINT64_C(1) << 30; // it is not the cut that bounds it
    struct pair p;
    pair_begin(&p, &limits, NULL);
    p.server.echo = true;
    pair_connect(&p);
    p2_conn_pause(p.client.loop, p.client.last, true);
    uint64_t queued_max = 0;
    uint32_t sent = flood(&p, limits.room_bytes, &queued_max);
    assert_int_equal(p2_conn_room(p.client.loop, p.client.last), 0); // the sender has to wait
    assert_true(p.server.records < sent && p.server.records > 1000);
    // What one read of 256 KiB makes it answer, at less than twice the bytes, comes on top of the threshold.
    assert_in_range(queued_max, 65536, 65536 + 2 * 262144);
    p2_conn_pause(p.server.loop, p.server.last, true); // the application's own pause is another matter
    p2_conn_pause(p.server.loop, p.server.last, false);
    uint64_t bytes = p.server.bytes;
    pair_settle(&p);
    assert_int_equal(p.server.bytes, bytes);
    p2_conn_pause(p.client.loop, p.client.last, false);
    UNTIL(&p, p.client.records == sent);
    assert_int_equal(p.server.records, sent);
    assert_int_equal(p.client.closed + p.server.closed, 0);
    assert_int_equal(p2_conn_room(p.server.loop, p.server.last), limits.room_bytes);
    pair_end(&p);
}

static void closing_who_does_not_read_our_answers(void **state) {
    (void)state;
    struct p2_net_limits limits = p2_net_limits_default();
    limits.queue_bytes_max = limits.room_bytes = UINT64_C(1) << 30;
    struct pair p;
    pair_begin(&p, &limits, NULL);
    p.server.echo = true;
    pair_connect(&p);
    p2_conn_pause(p.client.loop, p.client.last, true);
    uint64_t queued_max = 0;
    (void)flood(&p, limits.room_bytes, &queued_max);
    p2_conn_close(p.server.loop, p.server.last, P2_ERR_DRAINING);
    p2_conn_pause(p.client.loop, p.client.last, false);
    UNTIL(&p, p.server.closed == 1 && p.client.closed == 1);
    assert_int_equal(p.server.why, P2_ERR_DRAINING);
    pair_end(&p);
}

// Small ones as the memory they share: at first 128 bytes, then 4 KiB at a time. Large ones as 128 bytes and a payload.
static void records_count_as_what_they_cost(void **state) {
    (void)state;
    struct p2_net_limits limits = p2_net_limits_default();
    limits.queue_bytes_max = 128 + 10 * 4096 + 128 + 1000;
    struct pair p;
    pair_begin(&p, NULL, &limits);
    pair_connect(&p);
    uint64_t queued = 0, most = 0;
    uint32_t sent = 0, steps = 0;
    for (; steps < 11; most = queued) {
        assert_int_equal(send_record(&p, &p.client, 1, sent++, 0), P2_OK);
        queued = limits.room_bytes - p2_conn_room(p.client.loop, p.client.last);
        assert_true(queued == most || queued == most + (steps ? 4096 : 128));
        steps += queued != most;
    }
    assert_in_range(sent, (128 + 9 * 4096) / (2 * HEAD_BYTES), (128 + 10 * 4096) / HEAD_BYTES);
    assert_int_equal(send_record(&p, &p.client, 2, sent++, 1000), P2_OK); // exactly full
    assert_int_equal(send_record(&p, &p.client, 1, sent++, 0), P2_OK);    // shares the last 4 KiB
    assert_int_equal(p2_conn_room(p.client.loop, p.client.last), limits.room_bytes - limits.queue_bytes_max);
    assert_int_equal(send_record(&p, &p.client, 3, sent, 0), P2_ERR_SLOW_READER);
    pair_end(&p);
}

// Of all sizes around where records begin to share memory, in turns, so that shared and other memory alternates.
static void small_and_large_records_keep_their_order(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    p.client.stamps = true;
    pair_connect(&p);
    for (uint32_t i = 0; i < NOTED_MAX; i++)
        assert_int_equal(send_record(&p, &p.client, 1, i, i % 3 ? 480 + i : i), P2_OK);
    UNTIL(&p, p.server.records == NOTED_MAX);
    for (uint32_t i = 0; i < NOTED_MAX; i++) {
        assert_int_equal(p.server.noted[i].number, i);
        assert_int_equal(p.server.noted[i].stamp, i);
        assert_int_equal(p.server.noted[i].size, HEAD_BYTES + (i % 3 ? 480 + i : i));
    }
    assert_false(p.server.content_wrong);
    assert_int_equal(p2_conn_room(p.client.loop, p.client.last), p2_net_limits_default().room_bytes);
    assert_int_equal(p.pool.bytes_live, 0);
    pair_end(&p);
}

static void steady_traffic_allocates_no_records(void **state) {
    (void)state;
    struct pair p;
    pair_begin(&p, NULL, NULL);
    p.server.echo = true;
    pair_connect(&p);
    for (uint32_t round = 0; round < 50; round++) {
        forget_received(&p.client);
        for (uint32_t i = 0; i < 10; i++) assert_int_equal(send_record(&p, &p.client, 1, i, 1000), P2_OK);
        UNTIL(&p, p.client.records == 10);
    }
    assert_true(p.pool.allocations <= 20); // payloads come back as soon as they left; the pool puts some by
    pair_end(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo_both_ways),
        cmocka_unit_test(queued_records_leave_together),
        cmocka_unit_test(without_batching_each_record_is_a_message),
        cmocka_unit_test(lower_lanes_first_order_kept_inside),
        cmocka_unit_test(an_urgent_record_overtakes_bulk),
        cmocka_unit_test(a_busy_lane_does_not_starve_the_others),
        cmocka_unit_test(large_payloads_whole),
        cmocka_unit_test(sizes_at_the_edges),
        cmocka_unit_test(a_paused_reader_stops_the_sender),
        cmocka_unit_test(room_there_already_is_told_from_a_later_turn),
        cmocka_unit_test(a_slow_reader_is_cut),
        cmocka_unit_test(a_reader_that_takes_nothing_stalls),
        cmocka_unit_test(who_does_not_read_our_answers_is_not_read_from),
        cmocka_unit_test(closing_who_does_not_read_our_answers),
        cmocka_unit_test(records_count_as_what_they_cost),
        cmocka_unit_test(small_and_large_records_keep_their_order),
        cmocka_unit_test(steady_traffic_allocates_no_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
