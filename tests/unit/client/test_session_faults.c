// A session between several coordinators on virtual time: they are killed and restarted, go deaf, lose connections; the
// client's own program stands still. Every ticket ends exactly once, with a result that was computed for it.
#include "model.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 150
#define INBOX 1024u

struct world {
    struct rig rig;
    struct p2_rng rng;
    struct model *model;
    uint32_t probes[MODEL_SITES], link; // connections; MODEL_NONE
    struct {                            // what came while we stood still
        uint32_t conn;
        struct word w;
    } inbox[INBOX];
    uint32_t inbox_count;
    p2_ns frozen_until, submit_ns, fault_ns, submit_until, fault_until;
    session_ticket open[RIG_TASKS];
    bool stored[RIG_TASKS];
    uint64_t submitted, ended, done, adopted, resumed, moved, faults;
    uint32_t home; // address of the last link
};

static uint64_t below(struct world *w, uint64_t n) { return p2_rng_below(&w->rng, n); }

static void begin(struct world *w, uint64_t seed) {
    memset(w, 0, sizeof *w);
    p2_rng_init(&w->rng, seed);
    w->rig = (struct rig){.now = P2_SEC, .room = ROOM};
    const struct session_config config = {.addresses = MODEL_SITES,
                                          .tasks_max = RIG_TASKS,
                                          .connect_timeout_ns = 10 * P2_SEC,
                                          .lost_timeout_ns = P2_NEVER,
                                          .seed = seed,
                                          .agent = "test",
                                          .features = P2_FEATURE_SESSIONS,
                                          .types = 1};
    p2_blob_pool_init(&w->rig.pool, UINT64_MAX, 0);
    w->rig.s = p2_session_create(&config);
    assert_non_null(w->rig.s);
    assert_true(p2_session_actions_init(&w->rig.out, RIG_TASKS));
    w->model = model_create(&w->rng);
    model_clock(w->model, w->rig.now);
    for (uint32_t i = 0; i < MODEL_SITES; i++) model_delay(w->model, i, (p2_ns)(1 + below(w, 60)) * P2_MS);
    for (uint32_t i = 0; i < MODEL_SITES; i++) w->probes[i] = MODEL_NONE;
    w->link = w->home = MODEL_NONE;
    w->submit_ns = w->rig.now;
    w->fault_ns = P2_NEVER;
}

static void end(struct world *w) {
    assert_int_equal(w->submitted, w->ended);
    assert_int_equal(p2_session_open(w->rig.s), 0);
    model_destroy(&w->model);
    rig_shut(&w->rig);
}

// ---- what the session wants

static void said(struct world *w, uint32_t conn, const struct p2_msg *m) {
    struct word word = {.kind = WORD_MSG, .msg = m->kind, .stream = m->stream};
    switch (m->kind) {
    case P2_MSG_GAMER_REGISTER: word.id = m->u.gamer_register.session; break;
    case P2_MSG_PING: word.token = m->u.ping.token; break;
    case P2_MSG_TASK_SUBMIT: word.id = m->u.submit.id; break;
    case P2_MSG_TASK_RESUME: word.id = m->u.resume.id; break;
    default: break;
    }
    w->resumed += m->kind == P2_MSG_TASK_RESUME;
    model_say(w->model, conn, &word);
}

static void ended(struct world *w, const struct session_ended *e) {
    uint32_t slot = (uint32_t)e->ticket;
    assert_true(slot < RIG_TASKS && w->open[slot] == e->ticket); // open, so not ended before
    if (e->outcome == SESSION_DONE) {
        const struct p2_id id = id_of(e->ticket);
        assert_true(w->stored[slot] && e->result_size == sizeof id);
        assert_true(model_has_computed(w->model, &id));
        w->done++;
    }
    w->open[slot] = 0;
    w->ended++;
}

static void adopt(struct world *w, uint32_t address) {
    w->link = w->probes[address];
    w->probes[address] = MODEL_NONE;
    assert_true(w->link != MODEL_NONE);
    w->adopted++;
    w->moved += w->home != MODEL_NONE && w->home != address;
    w->home = address;
}

static void stored(struct world *w, const struct session_action *a) {
    uint32_t slot = (uint32_t)a->u.store.ticket;
    const struct p2_id id = id_of(a->u.store.ticket);
    assert_int_equal(w->open[slot], a->u.store.ticket);
    assert_int_equal(a->u.store.raw_size, sizeof id);
    assert_memory_equal(p2_slice_data(&a->u.store.slice), &id, sizeof id);
    w->stored[slot] = true;
}

static void step(struct world *w, struct session_event ev);

static void perform(struct world *w) {
    bool closed = false;
    for (uint32_t i = 0; i < w->rig.out.count; i++) {
        struct session_action *a = &w->rig.out.items[i];
        uint32_t *probe = &w->probes[a->kind == SESSION_DO_PROBE || a->kind == SESSION_DO_PROBE_END ||
                                             a->kind == SESSION_DO_PROBE_SEND
                                         ? a->u.probe.address
                                         : 0];
        switch (a->kind) {
        case SESSION_DO_DIAL: fail(); break;
        case SESSION_DO_PROBE:
            assert_int_equal(*probe, MODEL_NONE);
            *probe = model_dial(w->model, a->u.probe.address);
            break;
        case SESSION_DO_PROBE_SEND: said(w, *probe, &a->u.probe.msg); break;
        case SESSION_DO_PROBE_END:
            assert_true(*probe != MODEL_NONE);
            model_hang_up(w->model, *probe);
            *probe = MODEL_NONE;
            break;
        case SESSION_DO_ADOPT: adopt(w, a->u.probe.address); break;
        case SESSION_DO_SEND: said(w, w->link, &a->u.send.msg); break;
        case SESSION_DO_CLOSE: closed = true; break;
        case SESSION_DO_STORE: stored(w, a); break;
        case SESSION_DO_ENDED: ended(w, &a->u.ended); break;
        default: break;
        }
    }
    if (!closed) return;
    model_hang_up(w->model, w->link);
    w->link = MODEL_NONE;
    step(w, (struct session_event){.kind = SESSION_CLOSED, .u.why = P2_ERR_CLOSED});
}

static void step(struct world *w, struct session_event ev) {
    rig_step(&w->rig, ev);
    perform(w);
}

// ---- what comes in

static void hear_msg(struct world *w, struct session_event ev, const struct word *word) {
    struct p2_msg m = {.kind = word->msg, .stream = word->stream};
    struct p2_blob *blob = NULL;
    switch (word->msg) {
    case P2_MSG_HELLO:
        m = hello_msg(P2_PROTOCOL_VERSION);
        m.u.hello.features = P2_FEATURE_SESSIONS;
        break;
    case P2_MSG_GAMER_REGISTERED:
        m.u.gamer_registered = (struct p2_msg_gamer_registered){.session = word->id,
                                                                .tasks_in_flight_max = 100,
                                                                .payload_bytes_max = UINT64_MAX,
                                                                .resumed = word->resumed,
                                                                .resume_grace_ns = MODEL_GRACE};
        break;
    case P2_MSG_PONG: m.u.ping.token = word->token; break;
    case P2_MSG_TASK_ACCEPTED: m.u.accepted.id = word->id; break;
    case P2_MSG_TASK_ENDED: m.u.ended = (struct p2_msg_task_ended){.id = word->id, .code = word->code}; break;
    case P2_MSG_RESULT_DELIVERY:
        blob = p2_blob_new(&w->rig.pool, sizeof word->id);
        memcpy(blob->data, &word->id, sizeof word->id);
        m.u.delivery = (struct p2_msg_result_delivery){.id = word->id,
                                                       .attempt = 1,
                                                       .payload_size = sizeof word->id,
                                                       .raw_size = sizeof word->id,
                                                       .payload = {blob, 0, sizeof word->id}};
        break;
    default: fail();
    }
    w->rig.said = m;
    ev.u.msg = &w->rig.said;
    step(w, ev);
    p2_blob_unref(blob);
}

static void hear(struct world *w, uint32_t conn, const struct word *word) {
    struct session_event ev = {.address = 0};
    while (ev.address < MODEL_SITES && w->probes[ev.address] != conn) ev.address++;
    bool link = conn == w->link;
    if (!link && ev.address == MODEL_SITES) return; // left meanwhile
    if (link) ev.address = 0;
    switch (word->kind) {
    case WORD_OPENED:
        ev.kind = SESSION_PROBE_OPENED;
        step(w, ev);
        break;
    case WORD_CLOSED:
        *(link ? &w->link : &w->probes[ev.address]) = MODEL_NONE;
        ev.kind = link ? SESSION_CLOSED : SESSION_PROBE_CLOSED;
        ev.u.why = word->code;
        step(w, ev);
        break;
    default: ev.kind = link ? SESSION_MSG : SESSION_PROBE_MSG; hear_msg(w, ev, word);
    }
}

// ---- what happens

static void submit(struct world *w, p2_ns deadline_min) {
    uint32_t slot = (uint32_t)below(w, RIG_TASKS);
    w->submit_ns = w->rig.now + (p2_ns)below(w, 400) * P2_MS;
    if (w->open[slot]) return;
    struct session_submit task = rig_task(&w->rig, slot, 0);
    task.deadline_ns = deadline_min + (p2_ns)below(w, 60) * P2_SEC;
    w->open[slot] = task.ticket;
    w->stored[slot] = false;
    w->submitted++;
    step(w, (struct session_event){.kind = SESSION_SUBMIT, .u.submit = task});
}

static void freeze(struct world *w, p2_ns span) {
    w->frozen_until = w->rig.now + span;
    w->faults++;
}

static void fault(struct world *w) {
    uint32_t site = (uint32_t)below(w, MODEL_SITES);
    w->fault_ns = w->rig.now + (p2_ns)below(w, 4000) * P2_MS;
    w->faults++;
    switch (below(w, 8)) {
    case 0:
    case 1: model_mood(w->model, site, (enum model_mood)below(w, 4)); break;
    case 2:
        if (w->link != MODEL_NONE) model_mood(w->model, w->home, MODEL_DOWN); // the one we are at is killed
        break;
    case 3:
    case 4:
        if (w->link != MODEL_NONE) model_break(w->model, w->link, below(w, 2)); // as when our address changes
        break;
    case 5:
        if (w->link != MODEL_NONE) model_silence(w->model, w->link);
        break;
    case 6: freeze(w, (p2_ns)below(w, 30) * P2_SEC); break;
    default: model_mood(w->model, site, MODEL_WELL);
    }
}

static p2_ns next_ns(const struct world *w) {
    p2_ns own = w->frozen_until;
    if (w->rig.now >= w->frozen_until) {
        own = p2_ns_min(p2_session_next_ns(w->rig.s), w->submit_ns < w->submit_until ? w->submit_ns : P2_NEVER);
        if (w->fault_ns < w->fault_until) own = p2_ns_min(own, w->fault_ns);
    }
    return p2_ns_max(w->rig.now, p2_ns_min(own, model_next_ns(w->model)));
}

static void wake(struct world *w) {
    for (uint32_t i = 0; i < w->inbox_count; i++) hear(w, w->inbox[i].conn, &w->inbox[i].w);
    w->inbox_count = 0;
}

// Until nothing is due before `until`.
static void run(struct world *w, p2_ns until, p2_ns deadline_min) {
    for (p2_ns next; (next = next_ns(w)) < until;) {
        w->rig.now = next;
        model_clock(w->model, next);
        bool frozen = next < w->frozen_until;
        uint32_t conn;
        struct word word;
        if (!frozen && w->inbox_count) {
            wake(w);
        } else if (model_next_ns(w->model) <= next) {
            if (!model_turn(w->model, &conn, &word)) continue;
            if (!frozen) {
                hear(w, conn, &word);
                continue;
            }
            assert_true(w->inbox_count < INBOX);
            w->inbox[w->inbox_count].conn = conn;
            w->inbox[w->inbox_count++].w = word;
        } else if (w->fault_ns <= next && w->fault_ns < w->fault_until) {
            fault(w);
        } else if (w->submit_ns <= next && w->submit_ns < w->submit_until) {
            submit(w, deadline_min);
        } else {
            step(w, (struct session_event){.kind = SESSION_TICK});
        }
    }
}

static void the_nearest_does_everything_while_it_is_well(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = calloc(1, sizeof *w);
        begin(w, seed);
        uint32_t nearest = (uint32_t)below(w, MODEL_SITES);
        for (uint32_t i = 0; i < MODEL_SITES; i++) model_delay(w->model, i, (i == nearest ? 5 : 8 + i) * P2_MS);
        w->submit_until = 60 * P2_SEC;
        run(w, 120 * P2_SEC, 10 * P2_SEC);
        assert_int_equal(w->home, nearest);
        assert_int_equal(w->adopted, 1);
        assert_int_equal(w->done, w->submitted);
        assert_int_equal(model_computed(w->model), w->done);
        end(w);
        free(w);
    }
}

// What was finished meanwhile comes once, and nothing is computed again; also when we were cut off for not reading.
static void thirty_seconds_of_standing_still_lose_nothing(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = calloc(1, sizeof *w);
        begin(w, seed);
        w->submit_until = 120 * P2_SEC;
        run(w, 20 * P2_SEC, 60 * P2_SEC);
        for (uint32_t i = 0; i < 3 * RIG_TASKS; i++) submit(w, 60 * P2_SEC); // so that some are under way
        assert_true(p2_session_open(w->rig.s) > 0);
        freeze(w, 30 * P2_SEC);
        run(w, 35 * P2_SEC, 60 * P2_SEC);
        if (seed % 2) model_cut_all(w->model);
        run(w, 200 * P2_SEC, 60 * P2_SEC);
        assert_int_equal(w->adopted, seed % 2 ? 2 : 1);
        assert_int_equal(w->moved, 0);
        assert_int_equal(w->done, w->submitted);
        assert_int_equal(model_computed(w->model), w->done);
        end(w);
        free(w);
    }
}

static void one(uint64_t seed, struct world *sum) {
    struct world *w = calloc(1, sizeof *w);
    begin(w, seed);
    w->fault_ns = w->rig.now;
    w->fault_until = 300 * P2_SEC;
    w->submit_until = 330 * P2_SEC;
    run(w, w->fault_until, below(w, 2) ? P2_SEC : 30 * P2_SEC);
    for (uint32_t i = 0; i < MODEL_SITES; i++)
        model_mood(w->model, i, i == seed % MODEL_SITES ? MODEL_WELL : MODEL_DEAF);
    w->frozen_until = w->rig.now;
    w->fault_until = 0;
    run(w, 330 * P2_SEC, 30 * P2_SEC); // one is well, and so is found
    assert_int_equal(p2_session_link(w->rig.s), LINK_UP);
    uint64_t unlucky = w->submitted - w->done;
    run(w, 500 * P2_SEC, 0);
    assert_true(w->submitted - w->done <= unlucky);
    sum->submitted += w->submitted;
    sum->done += w->done;
    sum->adopted += w->adopted;
    sum->moved += w->moved;
    sum->resumed += w->resumed;
    sum->faults += w->faults;
    end(w);
    free(w);
}

static void every_ticket_ends_once_whatever_happens(void **state) {
    (void)state;
    struct world *sum = calloc(1, sizeof *sum);
    const char *given = getenv("P2C2R_TEST_SEED");
    uint64_t first = given ? strtoull(given, NULL, 10) : 1, last = given ? first : SEEDS;
    for (uint64_t seed = first; seed <= last; seed++) {
        fprintf(stderr, seed == last ? "seed %llu\n" : "seed %llu\r", (unsigned long long)seed);
        one(seed, sum);
    }
    fprintf(stderr, "%llu tickets, %llu done; %llu faults, %llu links, %llu moves, %llu resumed\n",
            (unsigned long long)sum->submitted, (unsigned long long)sum->done, (unsigned long long)sum->faults,
            (unsigned long long)sum->adopted, (unsigned long long)sum->moved, (unsigned long long)sum->resumed);
    if (!given) assert_true(sum->moved > 1000 && sum->resumed > 1000 && sum->done > sum->submitted / 2);
    free(sum);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_does_everything_while_it_is_well),
        cmocka_unit_test(thirty_seconds_of_standing_still_lose_nothing),
        cmocka_unit_test(every_ticket_ends_once_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
