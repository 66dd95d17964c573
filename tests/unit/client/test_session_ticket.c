// A ticket's life: payload out, result in, and every way to end, once.
#include "rig.h"

static struct p2_slice part(struct rig *r, uint32_t size) {
    return (struct p2_slice){p2_blob_new(&r->pool, size), 0, size};
}

static void payload_goes_out_within_its_window(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 1);
    rig_up(&r);
    uint32_t size = P2_STREAM_WINDOW + 100000;
    session_ticket t = rig_submit(&r, 0, size);
    struct p2_msg *m = rig_sent(&r, P2_MSG_TASK_SUBMIT, 0);
    assert_int_equal(m->stream, 1);
    assert_int_equal(m->u.submit.payload_size, size);
    assert_int_equal(m->u.submit.payload.size, P2_RECORD_PAYLOAD_MAX);
    assert_int_equal(m->u.submit.raw_size, P2_RECORD_PAYLOAD_MAX);
    assert_int_equal(m->u.submit.deadline_ns, 10 * P2_SEC);
    uint64_t sent = m->u.submit.payload.size;
    for (uint32_t i = 0; (m = rig_sent(&r, P2_MSG_CHUNK, i)) != NULL; i++) {
        assert_int_equal(m->u.chunk.offset, sent);
        assert_int_equal(m->u.chunk.payload.offset, sent);
        assert_int_equal(m->u.chunk.attempt, 1);
        sent += m->u.chunk.raw_size;
    }
    assert_int_equal(sent, P2_STREAM_WINDOW);
    rig_msg(&r, accepted_msg(1, t));
    assert_null(rig_sent(&r, P2_MSG_CHUNK, 0));
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_WINDOW, .stream = 1, .u.window = {.limit = UINT64_MAX, .attempt = 1}});
    assert_int_equal(rig_sent(&r, P2_MSG_CHUNK, 0)->u.chunk.offset, P2_STREAM_WINDOW);
    assert_int_equal(rig_sent(&r, P2_MSG_CHUNK, 1)->u.chunk.raw_size, 100000 - P2_RECORD_PAYLOAD_MAX);
    assert_null(rig_sent(&r, P2_MSG_CHUNK, 2));
    rig_shut(&r);
}

static void wishes_go_with_the_task(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 1);
    rig_up(&r);
    struct session_submit task = rig_task(&r, 0, 0);
    task.refresh = true;
    task.series = 7;
    task.weight_percent = 250;
    rig_submit_as(&r, task);
    const struct p2_msg_task_submit *m = &rig_sent(&r, P2_MSG_TASK_SUBMIT, 0)->u.submit;
    assert_true(m->refresh && !m->no_cache && !m->private_);
    assert_int_equal(m->series, 7);
    assert_int_equal(m->weight_percent, 250);
    task = rig_task(&r, 1, 0);
    task.no_cache = task.private_ = true;
    rig_submit_as(&r, task);
    m = &rig_sent(&r, P2_MSG_TASK_SUBMIT, 0)->u.submit;
    assert_true(!m->refresh && m->no_cache && m->private_);
    rig_shut(&r);
}

static void payload_waits_for_room(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 2);
    rig_up(&r);
    r.room = 70000;
    rig_submit(&r, 0, 200000);
    assert_non_null(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0));
    assert_non_null(rig_sent(&r, P2_MSG_CHUNK, 0));
    assert_null(rig_sent(&r, P2_MSG_CHUNK, 1));
    assert_non_null(rig_did(&r, SESSION_DO_WANT_ROOM, 0));
    r.room = 0;
    rig_submit(&r, 1, 10);
    assert_null(rig_did(&r, SESSION_DO_SEND, 0));
    assert_null(rig_did(&r, SESSION_DO_WANT_ROOM, 0)); // asked already
    r.room = ROOM;
    rig_step(&r, (struct session_event){.kind = SESSION_WRITABLE});
    assert_non_null(rig_sent(&r, P2_MSG_CHUNK, 1));
    assert_non_null(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0));
    rig_shut(&r);
}

static void urgent_goes_first_and_equals_take_turns(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 3);
    struct session_submit slow = rig_task(&r, 0, 200000), a = rig_task(&r, 1, 100000), b = rig_task(&r, 2, 100000);
    slow.class_ = P2_CLASS_BATCH;
    rig_submit_as(&r, slow);
    rig_submit_as(&r, a);
    rig_submit_as(&r, b);
    rig_up(&r);
    assert_true(p2_id_equal(&rig_sent(&r, P2_MSG_TASK_SUBMIT, 0)->u.submit.id, &a.id));
    assert_true(p2_id_equal(&rig_sent(&r, P2_MSG_TASK_SUBMIT, 1)->u.submit.id, &b.id));
    assert_true(p2_id_equal(&rig_sent(&r, P2_MSG_TASK_SUBMIT, 2)->u.submit.id, &slow.id));
    for (uint32_t i = 0; i < r.out.count; i++) {
        struct session_action *act = &r.out.items[i];
        if (act->kind != SESSION_DO_SEND || act->u.send.msg.stream == 0) continue;
        assert_int_equal(act->u.send.lane, act->u.send.msg.stream == 3 ? 1 + P2_CLASS_BATCH : 1);
    }
    rig_shut(&r);
}

static void hold_back(uint64_t each, uint64_t all) {
    struct rig r;
    rig_open(&r, 4);
    rig_up_limited(&r, 2, each, all);
    session_ticket big = rig_submit(&r, 0, 5000); // above the whole allowance: alone, for the coordinator to judge
    assert_non_null(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0));
    rig_submit(&r, 1, 600);
    assert_null(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0));
    rig_msg(&r, ended_msg(1, big, P2_ERR_TOO_LARGE));
    assert_non_null(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0));
    session_ticket third = rig_submit(&r, 2, 600);
    assert_null(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0)); // by bytes
    rig_step(&r, (struct session_event){.kind = SESSION_CANCEL, .u.end.ticket = third});
    rig_submit(&r, 3, 10);
    assert_non_null(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0));
    rig_submit(&r, 4, 10);
    assert_null(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0)); // by count
    rig_shut(&r);
}

static void coordinators_limits_hold_tickets_back(void **state) {
    (void)state;
    hold_back(100, 1000); // what one may have is no limit of all
    hold_back(1000, 0);   // but when nothing is said of all
}

// A game that hands over and looks again a frame later has not been given that frame.
static void time_counts_from_when_it_was_handed_over(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 5);
    r.now += 60 * P2_SEC;
    rig_up(&r);
    struct session_submit task = rig_task(&r, 0, 10);
    task.submitted_ns = r.now - 3 * P2_SEC;
    rig_submit_as(&r, task);
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0)->u.submit.deadline_ns, task.deadline_ns - 3 * P2_SEC);
    rig_msg(&r, ended_msg(1, task.ticket, P2_ERR_OVERLOADED));
    assert_int_equal(rig_ended(&r)->total_ns, 3 * P2_SEC);
    task = rig_task(&r, 1, 10);
    task.submitted_ns = r.now - task.deadline_ns;
    rig_submit_as(&r, task); // too late already
    assert_ended(&r, task.ticket, SESSION_EXPIRED, P2_ERR_DEADLINE_EXCEEDED);
    assert_null(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0));
    rig_shut(&r);
}

static void result_comes_in_pieces_under_windows(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 5);
    rig_up(&r);
    session_ticket t = rig_submit(&r, 0, 10);
    rig_msg(&r, accepted_msg(1, t));
    uint64_t size = 600000, have = 0;
    struct p2_slice full = part(&r, P2_RECORD_PAYLOAD_MAX);
    r.now += 20 * P2_MS;
    struct p2_msg m = delivery_msg(1, t, 1, size, full);
    m.u.delivery.queue_ns = 2 * P2_MS;
    m.u.delivery.times = (struct p2_job_times){.queue_ns = P2_MS, .processing_ns = 5 * P2_MS, .kernel_ns = 4 * P2_MS};
    m.u.delivery.peer = (struct p2_id){{3}};
    rig_msg(&r, m);
    assert_int_equal(rig_did(&r, SESSION_DO_BEGIN_RESULT, 0)->u.begin.size, size);
    assert_int_equal(rig_did(&r, SESSION_DO_STORE, 0)->u.store.raw_size, P2_RECORD_PAYLOAD_MAX);
    uint64_t granted = rig_sent(&r, P2_MSG_WINDOW, 0)->u.window.limit;
    assert_in_range(granted, P2_STREAM_WINDOW + 1, full.size + SESSION_RESULT_WINDOW);
    for (have = full.size; have < size; have += full.size) {
        if (size - have < full.size) full.size = (uint32_t)(size - have);
        assert_null(rig_ended(&r));
        rig_msg(&r, chunk_msg(1, 1, have, full));
        assert_int_equal(rig_did(&r, SESSION_DO_STORE, 0)->u.store.offset, have);
    }
    assert_ended(&r, t, SESSION_DONE, P2_OK);
    struct session_ended *e = rig_ended(&r);
    assert_int_equal(e->result_size, size);
    assert_int_equal(e->total_ns, 20 * P2_MS);
    assert_int_equal(e->queue_ns, 3 * P2_MS);
    assert_int_equal(e->processing_ns, 5 * P2_MS);
    assert_int_equal(e->kernel_ns, 4 * P2_MS);
    assert_int_equal(e->attempts, 1);
    assert_int_equal(e->peer.b[0], 3);
    rig_msg(&r, chunk_msg(1, 1, 0, full)); // it has ended: no one's fault, nobody's news
    assert_int_equal(r.out.count, 0);
    p2_blob_unref(full.blob);
    rig_shut(&r);
}

static void an_empty_result_is_a_result(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 6);
    rig_up(&r);
    session_ticket t = rig_submit(&r, 0, 0);
    assert_null(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0)->u.submit.payload.blob);
    rig_msg(&r, delivery_msg(1, t, 1, 0, (struct p2_slice){0})); // from a cache: no ACCEPTED needed
    assert_ended(&r, t, SESSION_DONE, P2_OK);
    rig_shut(&r);
}

static void a_higher_attempt_begins_the_result_anew(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 7);
    rig_up(&r);
    session_ticket t = rig_submit(&r, 0, 10);
    rig_msg(&r, accepted_msg(1, t));
    struct p2_slice p = part(&r, 1000);
    rig_msg(&r, delivery_msg(1, t, 1, 3000, p));
    rig_msg(&r, delivery_msg(1, t, 2, 2000, p));
    assert_int_equal(rig_did(&r, SESSION_DO_BEGIN_RESULT, 0)->u.begin.attempt, 2);
    assert_int_equal(rig_did(&r, SESSION_DO_BEGIN_RESULT, 0)->u.begin.size, 2000);
    rig_msg(&r, chunk_msg(1, 1, 1000, p)); // was on its way
    assert_int_equal(r.out.count, 0);
    rig_msg(&r, delivery_msg(1, t, 1, 3000, p)); // likewise
    assert_int_equal(r.out.count, 0);
    rig_msg(&r, chunk_msg(1, 2, 1000, p));
    assert_ended(&r, t, SESSION_DONE, P2_OK);
    assert_int_equal(rig_ended(&r)->attempts, 2);
    p2_blob_unref(p.blob);
    rig_shut(&r);
}

static void broken_results_end_the_connection(void **state) {
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct rig r;
        rig_open(&r, 8);
        rig_up(&r);
        session_ticket t = rig_submit(&r, 0, 10);
        rig_msg(&r, accepted_msg(1, t));
        struct p2_slice p = part(&r, 1000);
        rig_msg(&r, delivery_msg(1, t, 1, 3000, p));
        struct p2_msg wrong[] = {
            chunk_msg(1, 1, 500, p),        // overlap
            chunk_msg(1, 1, 1500, p),       // gap
            chunk_msg(1, 2, 1000, p),       // of an attempt never begun
            delivery_msg(1, t, 1, 3000, p), // begun twice
            chunk_msg(1, 1, 1000, p),       // says less than it carries
            accepted_msg(1, t),             // a second time
        };
        wrong[4].u.chunk.raw_size = 999;
        rig_msg(&r, wrong[i]);
        assert_ended(&r, t, SESSION_LOST, P2_ERR_CONNECTION_LOST);
        assert_non_null(rig_did(&r, SESSION_DO_CLOSE, 0));
        p2_blob_unref(p.blob);
        rig_shut(&r);
    }
}

// The coordinator lets a lane that waits for long go first once, and accepts in another than that of results.
static void a_task_may_be_accepted_after_its_result_began(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 8);
    rig_up(&r);
    session_ticket t = rig_submit(&r, 0, 10);
    struct p2_slice p = part(&r, 1000);
    rig_msg(&r, delivery_msg(1, t, 1, 2000, p));
    rig_msg(&r, accepted_msg(1, t));
    assert_int_equal(p2_session_link(r.s), LINK_UP);
    rig_msg(&r, chunk_msg(1, 1, 1000, p));
    assert_int_equal(rig_ended(&r)->outcome, SESSION_DONE);
    p2_blob_unref(p.blob);
    rig_shut(&r);
}

static void a_result_larger_than_its_type_allows_is_not_taken(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 9);
    rig_up(&r);
    struct session_submit task = rig_task(&r, 0, 10);
    task.result_bytes_max = 999;
    rig_submit_as(&r, task);
    rig_msg(&r, delivery_msg(1, task.ticket, 1, 1000, (struct p2_slice){0}));
    assert_ended(&r, task.ticket, SESSION_FAILED, P2_ERR_RESULT_TOO_LARGE);
    assert_non_null(rig_sent(&r, P2_MSG_TASK_CANCEL, 0));
    assert_int_equal(p2_session_link(r.s), LINK_UP);
    rig_shut(&r);
}

static void resend_starts_from_the_first_byte(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 10);
    rig_up(&r);
    session_ticket t = rig_submit(&r, 0, 100000);
    rig_msg(&r, accepted_msg(1, t));
    struct p2_msg again = {
        .kind = P2_MSG_RESEND, .stream = 1, .u.resend = {.id = id_of(t), .attempt = 2, .limit = 70000}};
    rig_msg(&r, again);
    struct p2_msg *m = rig_sent(&r, P2_MSG_CHUNK, 0);
    assert_int_equal(m->u.chunk.offset, 0);
    assert_int_equal(m->u.chunk.attempt, 2);
    assert_int_equal(m->u.chunk.payload.offset, 0);
    assert_int_equal(rig_sent(&r, P2_MSG_CHUNK, 1)->u.chunk.raw_size, 70000 - P2_RECORD_PAYLOAD_MAX);
    rig_msg(&r, again); // answered already
    assert_null(rig_sent(&r, P2_MSG_CHUNK, 0));
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_WINDOW, .stream = 1, .u.window = {.limit = 100000, .attempt = 1}});
    assert_null(rig_sent(&r, P2_MSG_CHUNK, 0)); // a window of the attempt before
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_WINDOW, .stream = 1, .u.window = {.limit = 100000, .attempt = 2}});
    assert_int_equal(rig_sent(&r, P2_MSG_CHUNK, 0)->u.chunk.offset, 70000);
    rig_shut(&r);
}

static void the_coordinators_endings_are_told_apart(void **state) {
    (void)state;
    static const struct {
        bool accepted;
        enum p2_err code;
        enum session_outcome outcome;
    } cases[] = {
        {false, P2_ERR_NO_CAPABLE_PEER, SESSION_REFUSED},   {false, P2_ERR_OVERLOADED, SESSION_REFUSED},
        {true, P2_ERR_ATTEMPTS_EXHAUSTED, SESSION_FAILED},  {true, P2_ERR_BAD_PAYLOAD, SESSION_FAILED},
        {true, P2_ERR_CANCELLED, SESSION_CANCELLED},        {true, P2_ERR_DEADLINE_EXCEEDED, SESSION_EXPIRED},
        {false, P2_ERR_DEADLINE_EXCEEDED, SESSION_EXPIRED}, {true, P2_ERR_CONNECTION_LOST, SESSION_LOST},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int as_error = 0; as_error < 2; as_error++) {
            struct rig r;
            rig_open(&r, 11);
            rig_up(&r);
            session_ticket t = rig_submit(&r, 0, 10);
            if (cases[i].accepted) rig_msg(&r, accepted_msg(1, t));
            struct p2_msg m = ended_msg(1, t, cases[i].code);
            if (as_error) m = (struct p2_msg){.kind = P2_MSG_ERROR, .stream = 1, .u.error.code = cases[i].code};
            rig_msg(&r, m);
            assert_ended(&r, t, cases[i].outcome, cases[i].code);
            rig_msg(&r, m); // once is enough
            assert_null(rig_ended(&r));
            rig_shut(&r);
        }
    }
    struct rig r;
    rig_open(&r, 11);
    rig_up(&r);
    session_ticket t = rig_submit(&r, 0, 10);
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_TASK_TIMEOUT,
                                .stream = 1,
                                .u.timeout = {.id = id_of(t), .attempt = 2, .queue_ns = 5 * P2_MS}});
    assert_ended(&r, t, SESSION_EXPIRED, P2_ERR_DEADLINE_EXCEEDED);
    assert_int_equal(rig_ended(&r)->attempts, 2);
    assert_int_equal(rig_ended(&r)->queue_ns, 5 * P2_MS);
    rig_shut(&r);
}

static void a_deadline_holds_without_a_coordinator(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 12);
    struct session_submit task = rig_task(&r, 0, 10);
    task.deadline_ns = 2 * P2_SEC;
    rig_submit_as(&r, task);
    rig_tick(&r, 2 * P2_SEC - 1);
    assert_null(rig_ended(&r));
    rig_tick(&r, 1);
    assert_ended(&r, task.ticket, SESSION_EXPIRED, P2_ERR_DEADLINE_EXCEEDED);
    rig_shut(&r);
}

static void nobody_answers_within_the_connect_timeout(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 13);
    session_ticket first = rig_submit(&r, 0, 10);
    rig_tick(&r, P2_SEC);
    session_ticket second = rig_submit(&r, 1, 10);
    rig_tick(&r, 2 * P2_SEC - 1);
    assert_null(rig_ended(&r));
    rig_tick(&r, 1);
    assert_ended(&r, first, SESSION_LOST, P2_ERR_UNREACHABLE);
    rig_tick(&r, P2_SEC);
    assert_ended(&r, second, SESSION_LOST, P2_ERR_UNREACHABLE);
    rig_shut(&r);
}

static void silence_about_a_sent_ticket_ends_after_the_grace(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 14);
    rig_up(&r);
    session_ticket t = rig_submit(&r, 0, 10);
    rig_tick(&r, 10 * P2_SEC + SESSION_GRACE_NS - 1);
    assert_null(rig_ended(&r));
    rig_tick(&r, 1);
    assert_ended(&r, t, SESSION_EXPIRED, P2_ERR_DEADLINE_EXCEEDED);
    assert_non_null(rig_sent(&r, P2_MSG_TASK_CANCEL, 0));
    rig_shut(&r);
}

static void the_grace_counts_two_round_trips(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 15);
    rig_up(&r);
    uint64_t token = rig_sent(&r, P2_MSG_PING, 0)->u.ping.token;
    session_ticket t = rig_submit(&r, 0, 10);
    rig_tick(&r, 100 * P2_MS);
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_PONG, .u.ping.token = token});
    rig_tick(&r, 10 * P2_SEC - 100 * P2_MS + SESSION_GRACE_NS + 200 * P2_MS - 1);
    assert_null(rig_ended(&r));
    rig_tick(&r, 1);
    assert_ended(&r, t, SESSION_EXPIRED, P2_ERR_DEADLINE_EXCEEDED);
    rig_shut(&r);
}

static void cancel_ends_once_whoever_is_quicker(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 16);
    session_ticket queued = rig_submit(&r, 0, 10);
    rig_step(&r, (struct session_event){.kind = SESSION_CANCEL, .u.end.ticket = queued});
    assert_ended(&r, queued, SESSION_CANCELLED, P2_ERR_CANCELLED);
    rig_step(&r, (struct session_event){.kind = SESSION_CANCEL, .u.end.ticket = queued});
    assert_null(rig_ended(&r));
    rig_up(&r);
    session_ticket a = rig_submit(&r, 0, 400000), b = rig_submit(&r, 1, 10), c = rig_submit(&r, 2, 10);
    for (int i = 0; i < 2; i++) {
        rig_step(&r, (struct session_event){.kind = SESSION_CANCEL, .u.end.ticket = a});
        assert_true((rig_sent(&r, P2_MSG_TASK_CANCEL, 0) != NULL) == (i == 0)); // told once
        assert_null(rig_ended(&r));
    }
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_WINDOW, .stream = 1, .u.window = {.limit = UINT64_MAX, .attempt = 1}});
    assert_null(rig_sent(&r, P2_MSG_CHUNK, 0)); // no more payload for what nobody wants
    rig_msg(&r, ended_msg(1, a, P2_ERR_CANCELLED));
    assert_ended(&r, a, SESSION_CANCELLED, P2_ERR_CANCELLED);
    rig_step(&r, (struct session_event){.kind = SESSION_CANCEL, .u.end.ticket = b});
    rig_msg(&r, delivery_msg(2, b, 1, 0, (struct p2_slice){0}));
    assert_ended(&r, b, SESSION_DONE, P2_OK);
    rig_step(&r, (struct session_event){.kind = SESSION_CANCEL, .u.end.ticket = c});
    rig_closed(&r);
    assert_ended(&r, c, SESSION_CANCELLED, P2_ERR_CANCELLED);
    rig_shut(&r);
}

static void a_lost_connection_loses_what_was_sent_and_keeps_the_rest(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 17);
    rig_up_limited(&r, 1, UINT64_MAX, 0);
    session_ticket sent = rig_submit(&r, 0, 10), queued = rig_submit(&r, 1, 10);
    r.now += 4 * P2_SEC; // longer than the connect timeout, but there was a coordinator
    rig_closed(&r);
    assert_ended(&r, sent, SESSION_LOST, P2_ERR_CONNECTION_LOST);
    assert_true(rig_ended(&r)->retryable);
    rig_up(&r);
    struct p2_msg *m = rig_sent(&r, P2_MSG_TASK_SUBMIT, 0);
    assert_int_equal(m->stream, 1); // of the new connection
    assert_true(m->u.submit.deadline_ns < 6 * P2_SEC);
    rig_closed(&r);
    assert_ended(&r, queued, SESSION_LOST, P2_ERR_CONNECTION_LOST);
    rig_shut(&r);
}

static void a_withheld_task_is_never_sent_and_expires(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 18);
    rig_up(&r);
    struct session_submit task = rig_task(&r, 0, 10);
    task.withheld = true;
    rig_submit_as(&r, task);
    assert_null(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0));
    rig_closed(&r);
    rig_tick(&r, 4 * P2_SEC);
    assert_null(rig_ended(&r));
    rig_tick(&r, 6 * P2_SEC);
    assert_ended(&r, task.ticket, SESSION_EXPIRED, P2_ERR_DEADLINE_EXCEEDED);
    rig_shut(&r);
}

static void a_dropped_ticket_fails_and_the_coordinator_is_told(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 19);
    rig_up(&r);
    session_ticket t = rig_submit(&r, 0, 10);
    struct session_event drop = {.kind = SESSION_DROP, .u.end = {t, P2_ERR_NO_MEMORY}};
    rig_step(&r, drop);
    assert_ended(&r, t, SESSION_FAILED, P2_ERR_NO_MEMORY);
    assert_non_null(rig_sent(&r, P2_MSG_TASK_CANCEL, 0));
    rig_step(&r, drop);
    assert_int_equal(r.out.count, 0);
    rig_shut(&r);
}

static void a_step_is_bounded_and_the_rest_follows_at_once(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 20);
    rig_up(&r);
    r.room = UINT64_MAX;
    rig_submit(&r, 0, 200 * P2_RECORD_PAYLOAD_MAX);
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_WINDOW, .stream = 1, .u.window = {.limit = UINT64_MAX, .attempt = 1}});
    assert_int_equal(r.out.count, SESSION_SENDS_MAX);
    assert_true(p2_session_next_ns(r.s) <= r.now);
    rig_tick(&r, 0);
    assert_int_equal(r.out.count, 200 - 4 - SESSION_SENDS_MAX);
    assert_true(p2_session_next_ns(r.s) > r.now);
    rig_shut(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payload_goes_out_within_its_window),
        cmocka_unit_test(wishes_go_with_the_task),
        cmocka_unit_test(payload_waits_for_room),
        cmocka_unit_test(urgent_goes_first_and_equals_take_turns),
        cmocka_unit_test(coordinators_limits_hold_tickets_back),
        cmocka_unit_test(time_counts_from_when_it_was_handed_over),
        cmocka_unit_test(result_comes_in_pieces_under_windows),
        cmocka_unit_test(an_empty_result_is_a_result),
        cmocka_unit_test(a_higher_attempt_begins_the_result_anew),
        cmocka_unit_test(broken_results_end_the_connection),
        cmocka_unit_test(a_task_may_be_accepted_after_its_result_began),
        cmocka_unit_test(a_result_larger_than_its_type_allows_is_not_taken),
        cmocka_unit_test(resend_starts_from_the_first_byte),
        cmocka_unit_test(the_coordinators_endings_are_told_apart),
        cmocka_unit_test(a_deadline_holds_without_a_coordinator),
        cmocka_unit_test(nobody_answers_within_the_connect_timeout),
        cmocka_unit_test(silence_about_a_sent_ticket_ends_after_the_grace),
        cmocka_unit_test(the_grace_counts_two_round_trips),
        cmocka_unit_test(cancel_ends_once_whoever_is_quicker),
        cmocka_unit_test(a_lost_connection_loses_what_was_sent_and_keeps_the_rest),
        cmocka_unit_test(a_withheld_task_is_never_sent_and_expires),
        cmocka_unit_test(a_dropped_ticket_fails_and_the_coordinator_is_told),
        cmocka_unit_test(a_step_is_bounded_and_the_rest_follows_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
