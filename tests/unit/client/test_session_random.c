// Seeded random conversations, right and wrong: invariants after each step, every ticket ends exactly once.
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define STEPS 4000
#define SEEDS 60

struct shadow {
    struct rig rig;
    struct p2_rng rng;
    session_ticket open[RIG_TASKS]; // 0: the slot is free
    uint32_t stream[RIG_TASKS];     // as seen in its SUBMIT; 0: not sent
    uint32_t attempt[RIG_TASKS];    // of the result being sent
    uint64_t have[RIG_TASKS], size[RIG_TASKS];
    uint64_t submitted, ended, done, resumed;
    uint64_t asked, answered, last_answer; // questions are answered in order but for those that could not be asked
    uint32_t connections;
};

static uint64_t below(struct shadow *w, uint64_t n) { return p2_rng_below(&w->rng, n); }

static void watch_ended(struct shadow *w, const struct session_ended *e) {
    uint32_t slot = (uint32_t)e->ticket;
    assert_true(slot < RIG_TASKS && w->open[slot] == e->ticket); // open, so not ended before
    assert_in_range(e->outcome, SESSION_DONE, SESSION_LOST);
    if (e->outcome == SESSION_DONE) assert_true(e->result_size == w->size[slot] && w->have[slot] == w->size[slot]);
    w->open[slot] = 0;
    w->stream[slot] = 0;
    w->ended++;
    if (e->outcome == SESSION_DONE) w->done++;
}

static void watch(struct shadow *w) {
    for (uint32_t i = 0; i < w->rig.out.count; i++) {
        struct session_action *a = &w->rig.out.items[i];
        uint32_t slot = (uint32_t)a->u.begin.ticket;
        if (a->kind == SESSION_DO_ANSWERED) w->answered++;
        if (a->kind == SESSION_DO_ANSWERED && a->u.answer.code == P2_OK) {
            assert_true(a->u.answer.question > w->last_answer);
            w->last_answer = a->u.answer.question;
        }
        if (a->kind == SESSION_DO_ENDED) watch_ended(w, &a->u.ended);
        if (a->kind == SESSION_DO_BEGIN_RESULT) {
            assert_int_equal(w->open[slot], a->u.begin.ticket);
            w->have[slot] = 0;
            w->size[slot] = a->u.begin.size;
            w->attempt[slot] = a->u.begin.attempt;
        }
        if (a->kind == SESSION_DO_STORE) {
            slot = (uint32_t)a->u.store.ticket;
            assert_int_equal(a->u.store.offset, w->have[slot]);
            assert_int_equal(a->u.store.attempt, w->attempt[slot]);
            w->have[slot] += a->u.store.raw_size;
            assert_true(w->have[slot] <= w->size[slot]);
        }
        bool resumes = a->kind == SESSION_DO_SEND && a->u.send.msg.kind == P2_MSG_TASK_RESUME;
        w->resumed += resumes;
        if (resumes || (a->kind == SESSION_DO_SEND && a->u.send.msg.kind == P2_MSG_TASK_SUBMIT)) {
            slot = resumes ? a->u.send.msg.u.resume.id.b[0] : (uint32_t)a->u.send.ticket; // as id_of makes it
            w->stream[slot] = a->u.send.msg.stream;
            w->attempt[slot] = 0;
        }
    }
    w->rig.out.count = 0; // looked at once
}

static void submit(struct shadow *w) {
    uint32_t slot = (uint32_t)below(w, RIG_TASKS);
    if (w->open[slot]) return;
    struct session_submit task = rig_task(&w->rig, slot, (uint32_t)below(w, 2) * (uint32_t)below(w, 400000));
    task.class_ = (enum p2_class)below(w, P2_CLASSES);
    task.deadline_ns = (p2_ns)(1 + below(w, 8000)) * P2_MS;
    task.withheld = below(w, 20) == 0;
    w->open[slot] = task.ticket;
    w->have[slot] = w->size[slot] = 0;
    w->submitted++;
    rig_submit_as(&w->rig, task);
}

// A word about a ticket that was sent: mostly right, sometimes a little wrong.
static struct p2_msg word(struct shadow *w, uint32_t slot, struct p2_slice part) {
    session_ticket t = w->open[slot];
    uint32_t stream = w->stream[slot], attempt = w->attempt[slot];
    switch (below(w, 12)) {
    case 0: return accepted_msg(stream, t);
    case 1: return ended_msg(stream, t, (enum p2_err)(20 + below(w, 25))); // UnknownTask among them
    case 2: return (struct p2_msg){.kind = P2_MSG_TASK_TIMEOUT, .stream = stream, .u.timeout.id = id_of(t)};
    case 3:
        return (struct p2_msg){
            .kind = P2_MSG_RESEND,
            .stream = stream,
            .u.resend = {id_of(t), (uint32_t)below(w, 5), below(w, 500000), below(w, 4) ? 0 : below(w, 1000)}};
    case 4:
    case 5:
    case 6:
        return (struct p2_msg){
            .kind = P2_MSG_WINDOW, .stream = stream, .u.window = {below(w, 500000), 1 + (uint32_t)below(w, 3)}};
    case 7: part.size = 0; return delivery_msg(stream, t, attempt + 1, below(w, 2) ? 0 : 100000, part);
    case 8: return delivery_msg(stream, t, attempt + (uint32_t)below(w, 2), part.size + below(w, 3) * 1000, part);
    default: return chunk_msg(stream, attempt, w->have[slot] + (below(w, 30) == 0), part);
    }
}

static void hear(struct shadow *w) {
    struct p2_slice part = {p2_blob_new(&w->rig.pool, 40000), 0, 1 + (uint32_t)below(w, 40000)};
    uint32_t slot = (uint32_t)below(w, RIG_TASKS);
    uint64_t left = w->size[slot] - w->have[slot];
    if (left && part.size > left) part.size = (uint32_t)left;
    struct p2_msg m = {.kind = (enum p2_msg_kind)below(w, P2_MSG_KINDS), .stream = (uint32_t)below(w, 3)};
    if (w->open[slot] && w->stream[slot] && below(w, 40))
        m = word(w, slot, part);
    else if (below(w, 8))
        m = (struct p2_msg){.kind = P2_MSG_PING};
    else if (w->last_answer < w->asked && below(w, 2))
        m = (struct p2_msg){.kind = P2_MSG_CAN_MEET_ANSWER,
                            .u.can_meet_answer = {.question = w->last_answer + 1, .can = true}};
    rig_msg(&w->rig, m);
    watch(w);
    p2_blob_unref(part.blob);
}

static void ask(struct shadow *w) {
    const struct p2_msg_can_meet q = {.question = ++w->asked, .type = p2_str("echo")};
    rig_step(&w->rig, (struct session_event){.kind = SESSION_ASK, .u.question = &q});
}

static void connect(struct shadow *w) {
    rig_step(&w->rig, (struct session_event){.kind = SESSION_OPENED});
    watch(w);
    struct p2_msg hello = hello_msg(below(w, 20) ? 1 : 2);
    if (below(w, 4)) hello.u.hello.features |= P2_FEATURE_SESSIONS;
    rig_msg(&w->rig, hello);
    watch(w);
    if (p2_session_link(w->rig.s) != LINK_GREETING) return;
    rig_msg(&w->rig, (struct p2_msg){.kind = P2_MSG_GAMER_REGISTERED,
                                     .u.gamer_registered = {.tasks_in_flight_max = 1 + (uint32_t)below(w, 10),
                                                            .payload_bytes_max = below(w, 1000000),
                                                            .bytes_in_flight_max = below(w, 2) * below(w, 4000000),
                                                            .resumed = below(w, 3) > 0,
                                                            .resume_grace_ns = (p2_ns)below(w, 3) * P2_SEC}});
    w->connections++;
}

static void close_link(struct shadow *w) {
    if (p2_session_link(w->rig.s) != LINK_DOWN) rig_closed(&w->rig);
    memset(w->stream, 0, sizeof w->stream);
}

static void one(struct shadow *w) {
    struct rig *r = &w->rig;
    r->now += (p2_ns)below(w, 20 * (uint64_t)P2_MS);
    r->room = below(w, 4) ? below(w, 2 * ROOM) : 0;
    enum session_link link = p2_session_link(r->s);
    session_ticket some = w->open[below(w, RIG_TASKS)];
    uint64_t what = below(w, 100);
    if (link == LINK_DIALING && what < 50)
        connect(w);
    else if (link == LINK_CLOSING && what < 50)
        close_link(w);
    else if (what < 1)
        close_link(w);
    else if (what < 20)
        submit(w);
    else if (what < 70)
        hear(w);
    else if (what < 73)
        rig_step(r, (struct session_event){.kind = SESSION_CANCEL, .u.end.ticket = some});
    else if (what < 74)
        rig_step(r, (struct session_event){.kind = SESSION_DROP, .u.end = {some, P2_ERR_NO_MEMORY}});
    else if (what < 80)
        rig_step(r, (struct session_event){.kind = SESSION_WRITABLE});
    else if (what < 81)
        rig_step(r, (struct session_event){.kind = SESSION_STATUS});
    else if (what < 83)
        ask(w);
    else
        rig_tick(r, 0);
}

static uint64_t converse(uint64_t seed, uint64_t *resumed) {
    struct shadow w = {0};
    rig_open(&w.rig, seed);
    p2_rng_init(&w.rng, seed);
    for (int i = 0; i < STEPS; i++) {
        one(&w);
        watch(&w);
    }
    rig_tick(&w.rig, 60 * P2_SEC); // no deadline is that far
    watch(&w);
    assert_int_equal(w.submitted, w.ended);
    assert_int_equal(w.asked, w.answered);
    assert_int_equal(p2_session_open(w.rig.s), 0);
    assert_true(w.connections > 3);
    rig_shut(&w.rig);
    *resumed += w.resumed;
    return w.done;
}

static void every_ticket_ends_exactly_once(void **state) {
    (void)state;
    const char *given = getenv("P2C2R_TEST_SEED");
    uint64_t resumed = 0;
    if (given) {
        converse(strtoull(given, NULL, 10), &resumed);
        return;
    }
    uint64_t done = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        fprintf(stderr, seed == SEEDS ? "seed %llu\n" : "seed %llu\r", (unsigned long long)seed);
        done += converse(seed, &resumed);
    }
    assert_true(resumed > 100);
    assert_true(done > 100); // the conversations reach the end worth reaching
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_ticket_ends_exactly_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
