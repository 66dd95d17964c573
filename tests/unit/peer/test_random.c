// Any sequence of events, sensible or not, from a seed: every invariant holds after each step, every job ends, and
// when faults stop the worker comes back.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "rig.h"

#define SEEDS 100
#define STEPS 3000
#define STORES_MAX 64

enum process { NONE, WANTED, RUNS, SERVES };

// The world as the worker's actions have left it.
struct world {
    struct rig rig;
    struct p2_rng rng;
    enum process exec[3];
    bool dying[3]; // a KILL is on its way to it
    bool conn, open, greeted, joined;
    bool closing; // our side has closed it
    uint32_t stream;
    uint64_t payload, sent, granted;  // of the last job assigned
    uint32_t fetch;                   // stream of a result to open the window of; 0: none
    uint8_t busy[3][WORD_CELLS_MAX];  // 1: handed, 2: cancelled too
    bool recalled[3][WORD_CELLS_MAX]; // and not answered
    uint64_t size[3][WORD_CELLS_MAX]; // of the payload
    struct worker_action stores[STORES_MAX];
    uint32_t store_count;
    bool left;
};

static uint32_t below(struct world *x, uint32_t n) { return (uint32_t)p2_rng_below(&x->rng, n); }

static void close_conn(struct world *x) {
    x->open = x->greeted = x->joined = false;
    x->payload = x->sent = x->fetch = 0;
}

static void see(struct world *x, const struct worker_action *a) {
    switch (a->kind) {
    case WORKER_ACT_DIAL:
        assert_false(x->conn);
        x->conn = true;
        break;
    case WORKER_ACT_SEND:
        assert_true(x->open);
        x->greeted = x->greeted || a->u.msg.kind == P2_MSG_HELLO;
        if (a->u.msg.kind == P2_MSG_WINDOW && a->u.msg.stream == x->stream) x->granted = a->u.msg.u.window.limit;
        if (a->u.msg.kind == P2_MSG_TASK_FAILURE && a->u.msg.stream == x->stream) x->sent = x->payload;
        break;
    case WORKER_ACT_SEND_RESULT:
        assert_true(x->joined && a->size <= P2_RECORD_PAYLOAD_MAX);
        assert_true(a->offset + a->size <= x->rig.config.cell_bytes);
        assert_int_equal(x->busy[a->exec][a->cell], 0); // the executor has let go of it
        if (a->u.msg.kind == P2_MSG_TASK_RESULT && a->u.msg.u.result.payload_size > a->size) x->fetch = a->u.msg.stream;
        break;
    case WORKER_ACT_CLOSE:
        assert_true(x->conn && !x->closing);
        close_conn(x);
        x->closing = true;
        break;
    case WORKER_ACT_STORE:
        assert_true(a->offset + a->size <= x->rig.config.cell_bytes);
        assert_int_equal(x->busy[a->exec][a->cell], 0);
        assert_true(x->store_count < STORES_MAX);
        x->stores[x->store_count++] = *a; // answered later: a store need not be done at once
        break;
    case WORKER_ACT_START_EXEC:
        assert_int_equal(x->exec[a->exec], NONE);
        x->exec[a->exec] = WANTED;
        break;
    case WORKER_ACT_KILL_EXEC:
        assert_int_not_equal(x->exec[a->exec], NONE);
        x->dying[a->exec] = true;
        break;
    case WORKER_ACT_WORD:
        assert_true(x->exec[a->exec] >= RUNS);
        if (a->u.word->kind == WORD_JOB) {
            assert_int_equal(x->busy[a->exec][a->u.word->u.job.cell], 0);
            x->busy[a->exec][a->u.word->u.job.cell] = 1;
            x->recalled[a->exec][a->u.word->u.job.cell] = false;
            x->size[a->exec][a->u.word->u.job.cell] = a->u.word->u.job.payload_size;
        } else if (a->u.word->kind == WORD_CANCEL) {
            assert_int_equal(x->busy[a->exec][a->u.word->u.cell], 1);
            x->busy[a->exec][a->u.word->u.cell] = 2;
        } else if (a->u.word->kind == WORD_RECALL) {
            assert_int_equal(x->busy[a->exec][a->u.word->u.cell], 1);
            x->recalled[a->exec][a->u.word->u.cell] = true;
        }
        break;
    case WORKER_ACT_LEAVE: x->left = true; break;
    default: break;
    }
}

static void step(struct world *x, struct worker_event ev) {
    ev.more = ev.kind != WORKER_TICK && below(x, 3) == 0;
    rig_step(&x->rig, ev);
    for (uint32_t i = 0; i < x->rig.out.count; i++) see(x, &x->rig.out.items[i]);
}

static void gone(struct world *x, uint32_t exec) {
    if (x->exec[exec] == NONE) return;
    x->exec[exec] = NONE;
    x->dying[exec] = false;
    memset(x->busy[exec], 0, sizeof x->busy[exec]);
    step(x, (struct worker_event){.kind = WORKER_EXEC_GONE, .exec = exec, .text = "gone"});
}

static void word(struct world *x, uint32_t exec, struct word w) {
    step(x, (struct worker_event){.kind = WORKER_EXEC_WORD, .exec = exec, .word = &w});
}

// Some time later: it drops the job, or says that it runs.
static void answer_recall(struct world *x, uint32_t exec, uint32_t cell) {
    x->recalled[exec][cell] = false;
    struct word w = {.kind = WORD_RUNS, .u.cell = cell};
    if (below(x, 2)) {
        w = rig_done(cell, P2_ERR_CANCELLED, 0);
        w.u.done.returned = true;
        x->busy[exec][cell] = 0;
    }
    word(x, exec, w);
}

static void executor_works(struct world *x, uint32_t exec) {
    if (x->dying[exec]) {
        gone(x, exec);
    } else if (x->exec[exec] == WANTED) {
        x->exec[exec] = RUNS;
        step(x, (struct worker_event){.kind = WORKER_EXEC_STARTED, .exec = exec});
    } else if (x->exec[exec] == RUNS) {
        x->exec[exec] = SERVES;
        word(x, exec, (struct word){.kind = WORD_OFFER, .u.offer = {.type = "flip", .version = 3}});
        word(x, exec, (struct word){.kind = WORD_READY});
    } else if (x->exec[exec] == SERVES) {
        uint32_t cell = below(x, 6);
        if (!x->busy[exec][cell]) return;
        if (x->recalled[exec][cell]) {
            answer_recall(x, exec, cell);
            return;
        }
        static const enum p2_err codes[] = {P2_OK, P2_OK, P2_OK, P2_ERR_CANCELLED, P2_ERR_EXECUTION_FAILED};
        x->busy[exec][cell] = 0;
        word(x, exec,
             rig_done(cell, codes[below(x, 5)], below(x, (uint32_t)x->size[exec][cell] * RIG_RESULT_TIMES + 1)));
    }
}

// An executor that says anything at all.
static void executor_raves(struct world *x, uint32_t exec) {
    if (x->exec[exec] < RUNS) return;
    struct word w;
    uint8_t *raw = (uint8_t *)&w;
    for (size_t i = 0; i < sizeof w; i++) raw[i] = below(x, 3) ? 0 : (uint8_t)p2_rng_next(&x->rng);
    w.kind = (enum word_kind)below(x, 15);
    if (below(x, 2)) w.u.done = (struct word_done){.cell = below(x, 8), .result_size = below(x, 4000)};
    if (w.kind == WORD_DONE && w.u.done.cell < WORD_CELLS_MAX) x->busy[exec][w.u.done.cell] = 0;
    word(x, exec, w);
}

static void msg(struct world *x, struct p2_msg m) {
    if (x->open) step(x, (struct worker_event){.kind = WORKER_MSG, .msg = &m});
}

static void lose_link(struct world *x) {
    if (!x->conn) return;
    x->conn = x->closing = false;
    close_conn(x);
    step(x, (struct worker_event){.kind = WORKER_LINK_DOWN, .why = P2_ERR_CLOSED});
}

static void assign(struct world *x) {
    uint32_t size = below(x, 3) ? below(x, 2000) : below(x, 520000);
    uint32_t first = below(x, 4) ? size : 0;
    if (first > 65536) first = 65536;
    struct p2_msg m = rig_assign(++x->stream, size, first);
    x->payload = size;
    x->sent = first;
    x->granted = P2_STREAM_WINDOW;
    m.u.assign.device = below(x, 4);
    m.u.assign.class_ = (enum p2_class)below(x, 4);
    m.u.assign.deadline_ns = (p2_ns)below(x, 8000) * P2_MS;
    msg(x, m);
}

static void coordinator_talks(struct world *x) {
    uint64_t may = x->granted < x->payload ? x->granted : x->payload;
    if (x->fetch) {
        struct p2_msg m = {.kind = P2_MSG_WINDOW, .stream = x->fetch, .u.window = {1 << 20, 1}};
        x->fetch = 0;
        msg(x, m);
    } else if (x->sent < may) {
        uint64_t at = x->sent, size = may - at < 65536 ? may - at : 65536;
        x->sent += size;
        msg(x, rig_chunk(x->stream, at, (uint32_t)size));
    } else if (x->sent == x->payload || !below(x, 4)) {
        assign(x);
    }
}

static void coordinator_works(struct world *x) {
    if (!x->conn) return;
    if (x->closing) {
        lose_link(x);
    } else if (!x->open) {
        x->open = true;
        step(x, (struct worker_event){.kind = WORKER_LINK_UP, .room = below(x, 1 << 20)});
    } else if (x->greeted && !x->joined) {
        msg(x, rig_hello());
        if (x->open && rig_sent(&x->rig, P2_MSG_PEER_REGISTER, 0)) {
            x->joined = true;
            msg(x, rig_registered());
        }
    } else if (x->joined) {
        coordinator_talks(x);
    }
}
static void coordinator_raves(struct world *x) {
    if (!x->joined) return;
    uint32_t stream = x->stream > 8 ? x->stream - below(x, 8) : below(x, 8);
    struct p2_msg m = {.kind = (enum p2_msg_kind)below(x, P2_MSG_KINDS), .stream = stream};
    switch (below(x, 8)) {
    case 0: m = rig_cancel(stream); break;
    case 5:
    case 6: m = (struct p2_msg){.kind = P2_MSG_TASK_RECALL, .stream = stream, .u.recall = {rig_id(stream), 1}}; break;
    case 1: m = rig_chunk(stream, below(x, 4) * 65536, 1 + below(x, 65536)); break;
    case 2: m = (struct p2_msg){.kind = P2_MSG_WINDOW, .stream = stream, .u.window = {below(x, 2000000), 1}}; break;
    case 3: m = rig_assign(stream, below(x, 9000), below(x, 9000)); break;
    case 4: m = (struct p2_msg){.kind = P2_MSG_ERROR, .stream = stream, .u.error.code = P2_ERR_UNKNOWN_TASK}; break;
    default:
        if (below(x, 8)) return;
        break;
    }
    msg(x, m);
}

static void answer_store(struct world *x) {
    if (!x->store_count) return;
    struct worker_action a = x->stores[0];
    memmove(x->stores, x->stores + 1, --x->store_count * sizeof a);
    enum p2_err why = below(x, 20) ? P2_OK : P2_ERR_BAD_RECORD;
    step(x, (struct worker_event){.kind = WORKER_STORED, .job = a.job, .stored = why ? 0 : a.size, .why = why});
}

static void time_passes(struct world *x, p2_ns span) {
    x->rig.now += span;
    step(x, (struct worker_event){.kind = WORKER_TICK});
}

static void wait_for_it(struct world *x) {
    p2_ns next = worker_next_ns(x->rig.w);
    if (next != P2_NEVER) time_passes(x, p2_ns_max(next - x->rig.now, 0));
}

static void anything(struct world *x) {
    switch (below(x, 24)) {
    case 0: x->conn &&below(x, 20) ? time_passes(x, (p2_ns)below(x, 100) * P2_MS) : wait_for_it(x); break;
    case 1: time_passes(x, (p2_ns)below(x, 2000) * P2_US); break;
    case 2: step(x, (struct worker_event){.kind = WORKER_WRITABLE, .room = x->joined ? below(x, 1 << 19) : 0}); break;
    case 3: below(x, 100) ? coordinator_works(x) : lose_link(x); break;
    case 4: below(x, 50) ? executor_works(x, below(x, 3)) : gone(x, below(x, 3)); break;
    case 5:
        if (!below(x, 3)) coordinator_raves(x);
        if (!below(x, 15)) executor_raves(x, below(x, 3));
        break;
    case 6:
        if (!below(x, 60) && x->open)
            step(x, (struct worker_event){.kind = WORKER_LINK_FAULT, .why = P2_ERR_BAD_RECORD});
        break;
    case 7:
    case 8:
    case 9:
    case 10:
    case 11: coordinator_works(x); break;
    case 12:
    case 13:
    case 14:
    case 15: answer_store(x); break;
    default: executor_works(x, below(x, 3)); break;
    }
}

static uint32_t live(const struct world *x) {
    struct worker_stats s;
    worker_stats(x->rig.w, &s);
    return s.jobs;
}

// Nobody does wrong any more and nothing new comes: jobs end by their deadlines at the latest, executors serve.
static void calm(struct world *x) {
    for (int i = 0; i < 800; i++) {
        time_passes(x, 100 * P2_MS);
        for (uint32_t e = 0; e < 3; e++) {
            if (x->exec[e] != SERVES || x->dying[e]) executor_works(x, e);
        }
    }
    assert_int_equal(live(x), 0);
    for (uint32_t e = 0; e < 3; e++) assert_int_equal(x->exec[e], SERVES);
}

static void leave(struct world *x) {
    step(x, (struct worker_event){.kind = WORKER_DRAIN});
    for (int i = 0; i < 100 && !x->left; i++) {
        lose_link(x);
        for (uint32_t e = 0; e < 3; e++) gone(x, e);
        time_passes(x, P2_SEC);
    }
    assert_true(x->left);
    assert_int_equal(live(x), 0);
}

static void every_seed_holds(void **state) {
    (void)state;
    const char *one = getenv("P2C2R_TEST_SEED");
    uint64_t first = one ? strtoull(one, NULL, 10) : 1, last = one ? first : SEEDS;
    uint64_t bytes = 0, completed = 0, failed = 0, cancelled = 0, expired = 0, kills = 0, dropped = 0;
    for (uint64_t seed = first; seed <= last; seed++) {
        static struct world x;
        memset(&x, 0, sizeof x);
        p2_rng_init(&x.rng, seed);
        rig_config(&x.rig, 3);
        x.rig.config.seed = seed;
        x.rig.w = worker_create(&x.rig.config);
        assert_non_null(x.rig.w);
        assert_true(worker_actions_init(&x.rig.out, x.rig.w));
        for (int i = 0; i < STEPS; i++) anything(&x);
        struct worker_stats s;
        calm(&x);
        leave(&x);
        worker_stats(x.rig.w, &s);
        bytes += s.result_bytes, completed += s.completed, failed += s.failed, cancelled += s.cancelled;
        expired += s.expired, kills += s.kills, dropped += s.dropped;
        rig_close(&x.rig);
    }
    if (one) return;
    assert_true(bytes > 0);
    assert_true(completed > 0 && failed > 0 && cancelled > 0 && expired > 0 && kills > 0 &&
                dropped > 0); // all was visited
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_seed_holds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
