// Which tasks run on the game's own machine, and the life of the child they run in.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "client/local/local_in.h"

#define TASKS 64u
#define CELLS 2u
#define SPEED 1000u // units a second: a unit is a millisecond

static struct local *l;
static struct local_actions acts;
static p2_ns now;
static uint32_t last_slot;

static int open_local(void **state) {
    (void)state;
    const struct local_config config = {.tasks_max = TASKS,
                                        .cells = CELLS,
                                        .cell_bytes = 1 << 20,
                                        .types = p2_task_types,
                                        .type_count = p2_task_type_count};
    l = p2_local_create(&config);
    now = P2_SEC;
    last_slot = 0;
    return l && p2_local_actions_init(&acts, &config) ? 0 : 1;
}

static int close_local(void **state) {
    (void)state;
    p2_local_destroy(&l);
    p2_local_actions_deinit(&acts);
    return 0;
}

static void feed(struct local_event ev) {
    ev.now_ns = now;
    p2_local_step(l, &ev, &acts);
    p2_local_check(l);
}

static void tick(p2_ns later) {
    now += later;
    feed((struct local_event){.kind = LOCAL_TICK});
}

static uint32_t count(enum local_action_kind kind) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < acts.count; i++) n += acts.items[i].kind == kind;
    return n;
}

static const struct local_action *the(enum local_action_kind kind) {
    assert_int_equal(count(kind), 1);
    uint32_t i = 0;
    while (acts.items[i].kind != kind) i++;
    return &acts.items[i];
}

static void expect_end(uint64_t ticket, enum local_end how) {
    assert_int_equal(the(LOCAL_DO_END)->u.end.ticket, ticket);
    assert_int_equal(the(LOCAL_DO_END)->u.end.how, how);
    assert_false(p2_local_has(l, ticket));
}

static struct local_task task_of(uint64_t units, p2_ns span) {
    return (struct local_task){.ticket = (7ull << 32) + last_slot++ % TASKS,
                               .cost = {.units = units,
                                        .size_class = p2_size_class(units),
                                        .result_bytes_max = 1000,
                                        .timeout_prior_ns = 20 * P2_MS},
                               .deadline_ns = now + span};
}

static uint64_t hand_in(struct local_task task) {
    feed((struct local_event){.kind = LOCAL_TASK, .u.task = task});
    return task.ticket;
}

static uint64_t task(uint64_t units, p2_ns span) { return hand_in(task_of(units, span)); }

static void unmet(uint64_t ticket, enum p2_err code) {
    feed((struct local_event){.kind = LOCAL_UNMET, .u.unmet = {ticket, code, 0}});
}

static void over(uint64_t ticket, bool done) {
    feed((struct local_event){.kind = LOCAL_OVER, .u.over = {ticket, done}});
}

static void link_is(bool up) { feed((struct local_event){.kind = LOCAL_LINK, .u.up = up}); }

static void word(struct word w) { feed((struct local_event){.kind = LOCAL_WORD, .u.word = &w}); }

static void done(uint32_t cell, enum p2_err code) {
    word((struct word){.kind = WORD_DONE, .u.done = {.cell = cell, .code = code, .result_size = code ? 0 : 10}});
}

static void gone(const char *text) { feed((struct local_event){.kind = LOCAL_GONE, .u.text = text}); }

static struct word offer_of(uint32_t type, uint64_t speed) {
    struct word w = {.kind = WORD_OFFER, .u.offer = {.version = p2_task_types[type]->version}};
    snprintf(w.u.offer.type, sizeof w.u.offer.type, "%s", p2_task_types[type]->name);
    w.u.offer.units_per_second = speed;
    return w;
}

static void start(void) {
    feed((struct local_event){.kind = LOCAL_TICK});
    assert_int_equal(the(LOCAL_DO_START)->u.setup.cells, CELLS);
    feed((struct local_event){.kind = LOCAL_STARTED});
    assert_int_equal(count(LOCAL_DO_SETUP), 1);
    word((struct word){.kind = WORD_DEVICE, .u.device = {.kind = P2_DEVICE_CPU, .memory_bytes = 1 << 30}});
}

static void get_ready(void) {
    start();
    word(offer_of(0, SPEED));
    word((struct word){.kind = WORD_READY});
    assert_int_equal(the(LOCAL_DO_NOTE)->u.note.kind, LOCAL_NOTE_READY);
}

// ---- when

static void without_a_connection_it_waits_a_little_and_goes(void **state) {
    (void)state;
    get_ready();
    uint64_t t = task(10, 10 * P2_SEC);
    assert_int_equal(acts.count, 0);
    assert_int_equal(p2_local_next_ns(l), now + LOCAL_PATIENCE_NS);
    tick(LOCAL_PATIENCE_NS - 1);
    assert_int_equal(acts.count, 0);
    tick(1);
    assert_int_equal(the(LOCAL_DO_JOB)->u.job.ticket, t);
    uint32_t cell = the(LOCAL_DO_JOB)->u.job.cell;
    now += 10 * P2_MS;
    word((struct word){.kind = WORD_DONE,
                       .u.done = {.cell = cell,
                                  .result_size = 1000,
                                  .queue_ns = P2_MS,
                                  .processing_ns = 3600 * P2_SEC, // cannot be
                                  .kernel_ns = 5 * P2_MS}});
    expect_end(t, LOCAL_END_DONE);
    assert_int_equal(the(LOCAL_DO_END)->u.end.size, 1000);
    assert_int_equal(the(LOCAL_DO_END)->u.end.queue_ns, LOCAL_PATIENCE_NS + P2_MS);
    assert_int_equal(the(LOCAL_DO_END)->u.end.processing_ns, 9 * P2_MS);
    assert_int_equal(the(LOCAL_DO_END)->u.end.kernel_ns, 5 * P2_MS);
    task(10, 10 * P2_SEC); // the link has been down for long: no further wait
    assert_int_equal(count(LOCAL_DO_JOB), 1);
}

static void a_connection_in_time_leaves_it_to_the_cluster(void **state) {
    (void)state;
    get_ready();
    task(10, 10 * P2_SEC);
    tick(LOCAL_PATIENCE_NS / 2);
    link_is(true);
    tick(LOCAL_PATIENCE_NS);
    assert_int_equal(acts.count, 0);
    link_is(false); // and lost again
    tick(LOCAL_PATIENCE_NS - 1);
    assert_int_equal(acts.count, 0);
    tick(1);
    assert_int_equal(count(LOCAL_DO_JOB), 1);
}

// 10 ms as the child said, twice that at most, and a turn: begun 37 ms before the deadline.
static void at_the_last_moment_when_the_cluster_is_late(void **state) {
    (void)state;
    get_ready();
    link_is(true);
    struct local_task t = task_of(10, 100 * P2_MS);
    const p2_ns last = t.deadline_ns - 20 * P2_MS - LOCAL_TURN_NS;
    static const struct {
        p2_ns usual, worst;
        bool at_once, never;
    } cases[] = {
        {0, 0, false, false},                    // nothing is known
        {20 * P2_MS, 40 * P2_MS, false, false},  // it is overdue by then
        {20 * P2_MS, 90 * P2_MS, false, true},   // it may yet be in time, and will be
        {50 * P2_MS, 200 * P2_MS, false, false}, // it may well be too late
        {150 * P2_MS, 200 * P2_MS, true, false}, // it is usually too late
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        t = task_of(10, 100 * P2_MS);
        t.usual_ns = cases[i].usual;
        t.worst_ns = cases[i].worst;
        hand_in(t);
        assert_int_equal(count(LOCAL_DO_JOB), cases[i].at_once);
        if (!cases[i].at_once) assert_int_equal(p2_local_next_ns(l), cases[i].never ? P2_NEVER : last);
        over(t.ticket, true);
        if (cases[i].at_once) done(0, P2_ERR_CANCELLED);
    }
    task(10, 100 * P2_MS);
    now = last;
    tick(0);
    assert_int_equal(count(LOCAL_DO_JOB), 1);
}

static void a_refusal_sends_it_here_and_others_like_it_for_a_while(void **state) {
    (void)state;
    get_ready();
    link_is(true);
    uint64_t t = task(10, 10 * P2_SEC);
    unmet(t, P2_ERR_WOULD_MISS_DEADLINE);
    assert_int_equal(the(LOCAL_DO_JOB)->u.job.ticket, t);
    uint64_t like = task(10, 10 * P2_SEC);
    assert_int_equal(the(LOCAL_DO_JOB)->u.job.ticket, like);
    done(0, P2_OK);
    expect_end(t, LOCAL_END_DONE);
    done(1, P2_OK);
    expect_end(like, LOCAL_END_DONE);
    task(1000, 10 * P2_SEC); // another size
    assert_int_equal(acts.count, 0);
    now += LOCAL_SHUT_NS;
    task(10, 10 * P2_SEC);
    assert_int_equal(acts.count, 0);
}

static void what_is_no_fault_of_the_cluster_says_nothing_of_others(void **state) {
    (void)state;
    get_ready();
    link_is(true);
    unmet(task(10, 10 * P2_SEC), P2_ERR_ATTEMPTS_EXHAUSTED);
    assert_int_equal(count(LOCAL_DO_JOB), 1);
    task(10, 10 * P2_SEC);
    assert_int_equal(count(LOCAL_DO_JOB), 0);
}

static void a_forecast_counts_like_a_refusal_until_the_cluster_delivers(void **state) {
    (void)state;
    get_ready();
    link_is(true);
    const struct local_kind kind = {0, p2_size_class(10)};
    struct local_event ev = {.kind = LOCAL_FORECAST, .u.forecast = {kind, false, P2_ERR_NO_CAPABLE_PEER, 100 * P2_SEC}};
    feed(ev);
    uint64_t t = task(10, 10 * P2_SEC);
    assert_int_equal(count(LOCAL_DO_JOB), 1);
    over(t, true); // it was quicker
    assert_int_equal(the(LOCAL_DO_CANCEL)->u.cell, 0);
    task(10, 10 * P2_SEC);
    assert_int_equal(count(LOCAL_DO_JOB), 0);
    feed(ev);
    ev.u.forecast.can = true;
    feed(ev);
    task(10, 10 * P2_SEC);
    assert_int_equal(count(LOCAL_DO_JOB), 0);
    ev.u.forecast.can = false;
    ev.u.forecast.code = P2_ERR_UNREACHABLE; // no answer at all
    feed(ev);
    task(10, 10 * P2_SEC);
    assert_int_equal(count(LOCAL_DO_JOB), 0);
    ev.u.forecast.code = P2_ERR_OVERLOADED;
    feed(ev);
    now += LOCAL_SHUT_MAX_NS; // however long it says
    task(10, 10 * P2_SEC);
    assert_int_equal(count(LOCAL_DO_JOB), 0);
}

static void so_many_at_once_and_the_nearest_deadline_first(void **state) {
    (void)state;
    get_ready();
    link_is(true);
    uint64_t first = task(10, 10 * P2_SEC), second = task(10, 10 * P2_SEC), far = task(10, 9 * P2_SEC),
             near = task(10, 8 * P2_SEC);
    unmet(first, P2_ERR_NO_CAPABLE_PEER);
    unmet(second, P2_ERR_NO_CAPABLE_PEER);
    assert_int_equal(count(LOCAL_DO_JOB), 1);
    unmet(far, P2_ERR_NO_CAPABLE_PEER);
    unmet(near, P2_ERR_NO_CAPABLE_PEER);
    assert_int_equal(acts.count, 0);
    done(1, P2_OK);
    expect_end(second, LOCAL_END_DONE);
    assert_int_equal(the(LOCAL_DO_JOB)->u.job.ticket, near);
    assert_int_equal(the(LOCAL_DO_JOB)->u.job.cell, 1);
    done(0, P2_OK);
    expect_end(first, LOCAL_END_DONE);
    assert_int_equal(the(LOCAL_DO_JOB)->u.job.ticket, far);
}

static void too_late_is_left_as_the_cluster_ended_it(void **state) {
    (void)state;
    get_ready();
    link_is(true);
    uint64_t t = task(10, 9 * P2_MS);
    unmet(t, P2_ERR_OVERLOADED);
    expect_end(t, LOCAL_END_UNMET);
    // A cell that does not become free in time is no better.
    unmet(task(100, 10 * P2_SEC), P2_ERR_OVERLOADED);
    unmet(task(100, 10 * P2_SEC), P2_ERR_OVERLOADED);
    uint64_t waits = task(100, 500 * P2_MS);
    unmet(waits, P2_ERR_OVERLOADED);
    assert_int_equal(acts.count, 0);
    now = p2_local_next_ns(l);
    tick(0);
    expect_end(waits, LOCAL_END_UNMET);
}

static void what_looks_hopeless_is_tried_now_and_then(void **state) {
    (void)state;
    get_ready();
    link_is(true);
    uint32_t tried = 0;
    for (uint32_t i = 0; i < 2 * ESTIMATE_PROBE; i++) {
        unmet(task(10, 9 * P2_MS), P2_ERR_ATTEMPTS_EXHAUSTED);
        tried += count(LOCAL_DO_JOB);
        if (count(LOCAL_DO_JOB)) assert_int_equal(count(LOCAL_DO_END), 0);
    }
    assert_int_equal(tried, 2);
}

static void how_long_it_takes_is_learned(void **state) {
    (void)state;
    get_ready();
    link_is(true);
    for (int i = 0; i < 100; i++) { // 30 ms each, not the 10 it said
        unmet(task(10, 10 * P2_SEC), P2_ERR_ATTEMPTS_EXHAUSTED);
        now += 30 * P2_MS;
        done(0, P2_OK);
        assert_int_equal(the(LOCAL_DO_END)->u.end.how, LOCAL_END_DONE);
    }
    struct local_task t = task_of(10, P2_SEC);
    hand_in(t);
    assert_in_range(t.deadline_ns - LOCAL_TURN_NS - p2_local_next_ns(l), 29 * P2_MS, 31 * P2_MS);
    over(t.ticket, false);
    t = task_of(10, 25 * P2_MS);
    hand_in(t);
    unmet(t.ticket, P2_ERR_ATTEMPTS_EXHAUSTED);
    expect_end(t.ticket, LOCAL_END_UNMET);
    // One that is cut off after longer says that it takes at least that.
    t = task_of(10, P2_SEC);
    hand_in(t);
    unmet(t.ticket, P2_ERR_ATTEMPTS_EXHAUSTED);
    now = t.deadline_ns;
    tick(0);
    expect_end(t.ticket, LOCAL_END_EXPIRED);
    done(0, P2_ERR_CANCELLED);
    assert_true(l->known[p2_size_class(10)].estimate.mean_ns > 100 * P2_MS);
}

static void only_what_the_device_can_do(void **state) {
    (void)state;
    get_ready();
    struct local_task tasks[5];
    for (uint32_t i = 0; i < 5; i++) tasks[i] = task_of(10, 10 * P2_SEC);
    tasks[0].type = 1; // not offered
    tasks[1].cost.device_kinds = 1u << P2_DEVICE_GPU;
    tasks[2].cost.device_bytes = 1ull << 31;
    tasks[3].payload_size = (1 << 20) + 1;
    tasks[4].cost.result_bytes_max = (1 << 20) + 1;
    for (uint32_t i = 0; i < 5; i++) {
        uint64_t t = hand_in(tasks[i]);
        assert_int_equal(p2_local_next_ns(l), P2_NEVER);
        unmet(t, P2_ERR_NO_CAPABLE_PEER);
        expect_end(t, LOCAL_END_UNMET);
    }
}

static void codes_that_would_be_the_same_here_are_left(void **state) {
    (void)state;
    static const enum p2_err same[] = {P2_OK,
                                       P2_ERR_BAD_PARAMETER,
                                       P2_ERR_BAD_PAYLOAD,
                                       P2_ERR_CANCELLED,
                                       P2_ERR_DEADLINE_EXCEEDED,
                                       P2_ERR_BLOB_MISSING,
                                       P2_ERR_NO_MEMORY};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) assert_false(p2_local_stands_in(same[i]));
    assert_true(p2_local_stands_in(P2_ERR_UNREACHABLE));
    assert_true(p2_local_stands_in(P2_ERR_WOULD_MISS_DEADLINE));
}

// ---- the child

static void while_it_builds_only_what_has_time_waits(void **state) {
    (void)state;
    start();
    link_is(true);
    uint64_t frame = task(10, 100 * P2_MS), batch = task(10, 60 * P2_SEC);
    unmet(frame, P2_ERR_NO_CAPABLE_PEER);
    expect_end(frame, LOCAL_END_UNMET);
    unmet(batch, P2_ERR_NO_CAPABLE_PEER);
    assert_int_equal(acts.count, 0);
    tick(30 * P2_SEC);
    word(offer_of(0, SPEED));
    word((struct word){.kind = WORD_READY});
    assert_int_equal(the(LOCAL_DO_JOB)->u.job.ticket, batch);
}

static void a_crash_fails_what_only_it_had(void **state) {
    (void)state;
    get_ready();
    link_is(true);
    uint64_t alone = task(10, 10 * P2_SEC);
    unmet(alone, P2_ERR_NO_CAPABLE_PEER);
    uint64_t both = task(10, 10 * P2_SEC);
    assert_int_equal(the(LOCAL_DO_JOB)->u.job.ticket, both);
    gone("signal 9 (KILL)");
    expect_end(alone, LOCAL_END_FAILED);
    assert_int_equal(the(LOCAL_DO_END)->u.end.code, P2_ERR_EXECUTION_FAILED);
    assert_true(strlen(the(LOCAL_DO_END)->u.end.text) > 0);
    assert_int_equal(count(LOCAL_DO_START), 1); // the first time at once
    assert_true(p2_local_has(l, both));
    unmet(both, P2_ERR_NO_CAPABLE_PEER); // it is not tried again
    expect_end(both, LOCAL_END_FAILED);
    assert_int_equal(the(LOCAL_DO_END)->u.end.code, P2_ERR_EXECUTION_FAILED);
}

static void a_crash_without_a_connection_fails_at_once(void **state) {
    (void)state;
    get_ready();
    link_is(true);
    link_is(false);
    tick(LOCAL_PATIENCE_NS);
    uint64_t t = task(10, 10 * P2_SEC);
    assert_int_equal(count(LOCAL_DO_JOB), 1);
    gone("signal 11 (SEGV)");
    expect_end(t, LOCAL_END_FAILED);
}

static void it_is_started_again_so_often_and_no_more(void **state) {
    (void)state;
    static const p2_ns delays[] = {0, 250 * P2_MS, 500 * P2_MS, 1000 * P2_MS};
    get_ready();
    uint64_t waits = task(10, 600 * P2_SEC);
    for (uint32_t i = 0; i + 1 < LOCAL_CRASHES_MAX; i++) {
        gone("exit code 1");
        if (delays[i]) {
            assert_int_equal(count(LOCAL_DO_START), 0);
            tick(delays[i] - 1);
            assert_int_equal(count(LOCAL_DO_START), 0);
            tick(1);
        }
        assert_int_equal(count(LOCAL_DO_START), 1);
    }
    gone("exit code 1");
    assert_int_equal(acts.items[acts.count - 1].u.note.kind, LOCAL_NOTE_OVER);
    tick(3600 * P2_SEC);
    assert_int_equal(acts.count, 0);
    unmet(waits, P2_ERR_UNREACHABLE);
    expect_end(waits, LOCAL_END_UNMET);
    assert_int_equal(p2_local_next_ns(l), P2_NEVER);
}

static void good_service_is_remembered(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 3 * LOCAL_CRASHES_MAX; i++) {
        if (i)
            feed((struct local_event){.kind = LOCAL_STARTED});
        else
            start();
        word((struct word){.kind = WORD_READY});
        now += LOCAL_SERVICE_NS;
        gone("signal 11 (SEGV)");
        assert_int_equal(count(LOCAL_DO_START), 1);
    }
}

static void a_job_nobody_wants_ends_or_the_child_does(void **state) {
    (void)state;
    get_ready();
    link_is(true);
    unmet(task(10, 10 * P2_SEC), P2_ERR_NO_CAPABLE_PEER);
    uint64_t t = task(10, 10 * P2_SEC);
    over(t, false);
    assert_int_equal(the(LOCAL_DO_CANCEL)->u.cell, 1);
    over(t, false); // harmless
    assert_int_equal(acts.count, 0);
    tick(LOCAL_CANCEL_NS - 1);
    assert_int_equal(acts.count, 0);
    tick(1);
    assert_int_equal(count(LOCAL_DO_KILL), 1);
    tick(P2_SEC);
    assert_int_equal(acts.count, 0); // once
    gone("signal 9 (KILL)");
    assert_int_equal(the(LOCAL_DO_END)->u.end.how, LOCAL_END_FAILED); // the other one
}

static void too_long_here_is_expired(void **state) {
    (void)state;
    get_ready();
    uint64_t t = task(10, 50 * P2_MS);
    unmet(t, P2_ERR_UNREACHABLE);
    assert_int_equal(p2_local_next_ns(l), now + 50 * P2_MS);
    tick(50 * P2_MS);
    expect_end(t, LOCAL_END_EXPIRED);
    assert_int_equal(count(LOCAL_DO_CANCEL), 1);
    // Or it looks at the clock itself.
    done(0, P2_ERR_CANCELLED);
    t = task(10, 60 * P2_MS); // little time left: at once, as it may take longer than it likely does
    assert_int_equal(the(LOCAL_DO_JOB)->u.job.cell, 0);
    unmet(t, P2_ERR_UNREACHABLE);
    now += 60 * P2_MS;
    done(0, P2_ERR_CANCELLED);
    expect_end(t, LOCAL_END_EXPIRED);
    t = task(10, 10 * P2_SEC);
    unmet(t, P2_ERR_UNREACHABLE);
    done(0, P2_ERR_BAD_PAYLOAD);
    expect_end(t, LOCAL_END_FAILED);
    assert_int_equal(the(LOCAL_DO_END)->u.end.code, P2_ERR_BAD_PAYLOAD);
    assert_string_equal(the(LOCAL_DO_END)->u.end.text, p2_err_sentence(P2_ERR_BAD_PAYLOAD));
}

static void hostile_words_end_it(void **state) {
    (void)state;
    struct word bad[] = {
        {.kind = WORD_DONE, .u.done = {.cell = 1}},                           // nothing runs there
        {.kind = WORD_DONE, .u.done = {.cell = UINT32_MAX}},                  // no such cell
        {.kind = WORD_DONE, .u.done = {.cell = 0, .result_size = 1001}},      // more than any result
        {.kind = WORD_DONE, .u.done = {.cell = 0, .queue_ns = -1}},           // before it began
        {.kind = WORD_DONE, .u.done = {.cell = 0, .code = (enum p2_err)999}}, // no code of ours
        {.kind = WORD_READY},                                                 // again
        {.kind = (enum word_kind)0},                                          // noise
        {.kind = WORD_FAILED, .text = "the \x01 device\xff is gone"},         // its own end
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        close_local(state);
        open_local(state);
        get_ready();
        unmet(task(10, 10 * P2_SEC), P2_ERR_UNREACHABLE);
        word(bad[i]);
        assert_int_equal(count(LOCAL_DO_KILL), 1);
        assert_int_equal(count(LOCAL_DO_END), 0);
        if (i + 1 == sizeof bad / sizeof *bad)
            assert_string_equal(the(LOCAL_DO_NOTE)->u.note.text, "the ? device? is gone");
        word((struct word){.kind = WORD_DONE}); // what was on its way already
        assert_int_equal(acts.count, 0);
        gone("signal 9 (KILL)");
        assert_int_equal(the(LOCAL_DO_END)->u.end.how, LOCAL_END_FAILED);
    }
    struct word strange = {.kind = WORD_OFFER, .u.offer = {.type = "nothing known", .version = 1}}, endless = strange;
    memset(endless.u.offer.type, 'a', sizeof endless.u.offer.type);
    struct word early[] = {
        strange, endless, {.kind = WORD_DEVICE, .u.device = {.kind = (enum p2_device_kind)77}}, {.kind = WORD_DONE}};
    for (size_t i = 0; i < sizeof early / sizeof *early; i++) {
        close_local(state);
        open_local(state);
        start();
        word(early[i]);
        assert_int_equal(count(LOCAL_DO_KILL), 1);
    }
    close_local(state);
    open_local(state);
    start();
    word(offer_of(0, 1));
    word(offer_of(0, 1)); // twice
    assert_int_equal(count(LOCAL_DO_KILL), 1);
}

static void silence_while_building_ends_it(void **state) {
    (void)state;
    start();
    tick(LOCAL_SILENCE_NS - 1);
    word((struct word){.kind = WORD_PROGRESS});
    tick(LOCAL_SILENCE_NS - 1);
    assert_int_equal(acts.count, 0);
    tick(1);
    assert_int_equal(count(LOCAL_DO_KILL), 1);
}

static void memory_goes_back_when_nothing_runs(void **state) {
    (void)state;
    get_ready();
    unmet(task(10, 10 * P2_SEC), P2_ERR_UNREACHABLE);
    done(0, P2_OK);
    tick(LOCAL_IDLE_NS - 1);
    assert_int_equal(count(LOCAL_DO_RELEASE), 0);
    tick(1);
    assert_int_equal(count(LOCAL_DO_RELEASE), 1);
    assert_int_equal(p2_local_next_ns(l), P2_NEVER);
}

// ---- anything at all

enum { NOT_OPEN, OPEN, ALONE, ENDED };

struct game {
    struct p2_rng rng;
    unsigned state[TASKS];
    bool running[CELLS]; // as the child sees it
    bool child, started;
    uint32_t ends, tasks;
};

static uint64_t handle(uint32_t slot) { return (1ull << 32) + slot; }

static void look(struct game *g) {
    for (uint32_t i = 0; i < acts.count; i++) {
        const struct local_action *a = &acts.items[i];
        if (a->kind == LOCAL_DO_START) {
            assert_false(g->child);
            g->child = true;
            g->started = false;
        } else if (a->kind == LOCAL_DO_JOB) {
            assert_false(g->running[a->u.job.cell]);
            assert_true(g->child && g->started);
            g->running[a->u.job.cell] = true;
        } else if (a->kind == LOCAL_DO_END) {
            unsigned *state = &g->state[(uint32_t)a->u.end.ticket];
            bool ran = a->u.end.how == LOCAL_END_DONE || (!l->up && a->u.end.how == LOCAL_END_FAILED);
            assert_true(*state == ALONE || (*state == OPEN && ran));
            *state = ENDED;
            g->ends++;
        }
    }
    acts.count = 0; // seen
}

static void act_on_task(struct game *g, uint32_t slot) {
    unsigned *state = &g->state[slot];
    uint64_t t = handle(slot);
    uint64_t roll = p2_rng_below(&g->rng, 3);
    if (*state == NOT_OPEN || *state == ENDED) {
        struct local_task new = task_of(1 + p2_rng_below(&g->rng, 100), (p2_ns)p2_rng_below(&g->rng, 2000) * P2_MS);
        new.ticket = t;
        new.usual_ns = (p2_ns)p2_rng_below(&g->rng, 2) * 50 * P2_MS;
        new.worst_ns = 2 * new.usual_ns;
        *state = OPEN;
        g->tasks++;
        hand_in(new);
    } else if (roll == 0 && *state == OPEN) {
        *state = ALONE;
        unmet(t, P2_ERR_NO_CAPABLE_PEER);
    } else if (roll == 1) {
        over(t, *state == OPEN && p2_rng_below(&g->rng, 2));
        *state = ENDED;
        g->ends++;
    }
}

static void act_as_child(struct game *g) {
    uint32_t cell = (uint32_t)p2_rng_below(&g->rng, CELLS);
    if (!g->child) return;
    if (!g->started) {
        g->started = true;
        feed((struct local_event){.kind = LOCAL_STARTED});
        look(g);
        word(offer_of(0, SPEED));
        look(g);
        word((struct word){.kind = WORD_READY});
    } else if (p2_rng_below(&g->rng, 200) == 0) {
        g->child = g->started = false;
        memset(g->running, 0, sizeof g->running);
        gone("signal 11 (SEGV)");
    } else if (g->running[cell]) {
        g->running[cell] = false;
        done(cell, p2_rng_below(&g->rng, 4) ? P2_OK : P2_ERR_EXECUTION_FAILED);
    }
}

static void every_ticket_ends_once_whatever_comes(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        if (seed > 1) open_local(state);
        struct game g = {.ends = 0};
        p2_rng_init(&g.rng, seed);
        for (int i = 0; i < 2000; i++) {
            now += (p2_ns)p2_rng_below(&g.rng, 20) * P2_MS;
            switch (p2_rng_below(&g.rng, 4)) {
            case 0: act_as_child(&g); break;
            case 1: link_is(p2_rng_below(&g.rng, 2)); break;
            case 2: tick(0); break;
            default: act_on_task(&g, (uint32_t)p2_rng_below(&g.rng, TASKS)); break;
            }
            look(&g);
        }
        for (uint32_t i = 0; i < TASKS; i++) {
            if (g.state[i] != OPEN) continue;
            over(handle(i), true);
            look(&g);
            g.ends++;
        }
        for (int i = 0; i < 10000 && l->open_count; i++) { // what is alone ends by itself, by its deadline
            tick(P2_MS);
            look(&g);
        }
        assert_int_equal(l->open_count, 0);
        assert_int_equal(g.ends, g.tasks);
        if (seed < 40) close_local(state);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_local, close_local)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(without_a_connection_it_waits_a_little_and_goes),
        T(a_connection_in_time_leaves_it_to_the_cluster),
        T(at_the_last_moment_when_the_cluster_is_late),
        T(a_refusal_sends_it_here_and_others_like_it_for_a_while),
        T(what_is_no_fault_of_the_cluster_says_nothing_of_others),
        T(a_forecast_counts_like_a_refusal_until_the_cluster_delivers),
        T(so_many_at_once_and_the_nearest_deadline_first),
        T(too_late_is_left_as_the_cluster_ended_it),
        T(what_looks_hopeless_is_tried_now_and_then),
        T(how_long_it_takes_is_learned),
        T(only_what_the_device_can_do),
        T(codes_that_would_be_the_same_here_are_left),
        T(while_it_builds_only_what_has_time_waits),
        T(a_crash_fails_what_only_it_had),
        T(a_crash_without_a_connection_fails_at_once),
        T(it_is_started_again_so_often_and_no_more),
        T(good_service_is_remembered),
        T(a_job_nobody_wants_ends_or_the_child_does),
        T(too_long_here_is_expired),
        T(hostile_words_end_it),
        T(silence_while_building_ends_it),
        T(memory_goes_back_when_nothing_runs),
        T(every_ticket_ends_once_whatever_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
