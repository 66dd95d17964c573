// Frames and their tiles: stories one by one, then chance from a seed with every invariant checked.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "client/core/frames.h"

#define DEADLINE (100 * P2_MS)

struct rig {
    struct frames *f;
    struct frames_actions out;
    p2_ns now;
};

static struct frames_config plain(void) {
    return (struct frames_config){
        .frames_max = 3, .tiles = 4, .steps = 100, .ghost = 1, .deadline_ns = DEADLINE, .hedge = true};
}

static void open_with(struct rig *r, struct frames_config config) {
    *r = (struct rig){.f = p2_frames_create(&config), .now = P2_SEC};
    assert_non_null(r->f);
}

static void step(struct rig *r, struct frames_event ev) {
    ev.now_ns = r->now;
    r->out = p2_frames_step(r->f, &ev);
    p2_frames_check(r->f);
}

static void submit(struct rig *r) { step(r, (struct frames_event){.kind = FRAMES_SUBMIT}); }

static void tick(struct rig *r, p2_ns later) {
    r->now += later;
    step(r, (struct frames_event){.kind = FRAMES_TICK});
}

static struct frames_event ended(uint32_t slot, uint32_t tile, uint32_t copy, enum session_outcome outcome) {
    return (struct frames_event){.kind = FRAMES_ENDED,
                                 .u.ended = {.part = {slot, tile, copy},
                                             .outcome = outcome,
                                             .code = outcome == SESSION_DONE ? P2_OK : P2_ERR_EXECUTION_FAILED,
                                             .device_ns = P2_MS}};
}

static void come(struct rig *r, uint32_t slot, uint32_t tile) { step(r, ended(slot, tile, 0, SESSION_DONE)); }

static void come_all(struct rig *r, uint32_t slot) {
    for (uint32_t i = 0; i < 4; i++) come(r, slot, i);
}

static uint32_t count(const struct rig *r, enum frames_action_kind kind) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->out.count; i++) n += r->out.items[i].kind == kind;
    return n;
}

static const struct frames_action *did(const struct rig *r, enum frames_action_kind kind, uint32_t nth) {
    for (uint32_t i = 0; i < r->out.count; i++)
        if (r->out.items[i].kind == kind && nth-- == 0) return &r->out.items[i];
    fail_msg("no such action");
    return NULL;
}

static const struct frames_end *end_of(const struct rig *r, uint32_t nth) { return &did(r, FRAMES_DO_END, nth)->u.end; }

// So that it is known what is usual: every tile takes 10 ms.
static void warm_up(struct rig *r) {
    for (int i = 0; i < 8; i++) {
        submit(r);
        r->now += 10 * P2_MS;
        come_all(r, p2_frames_slot(r->f));
        assert_int_equal(end_of(r, 0)->outcome, SESSION_DONE);
    }
}

// ---- stories

static void a_frame_is_cut_sent_and_given(void **state) {
    (void)state;
    struct rig r;
    open_with(&r, plain());
    submit(&r);
    assert_int_equal(count(&r, FRAMES_DO_SEND), 4);
    uint32_t at = 0;
    for (uint32_t i = 0; i < 4; i++) {
        const struct frames_action *a = did(&r, FRAMES_DO_SEND, i);
        assert_int_equal(a->u.send.rows.first, at);
        assert_int_equal(a->u.send.deadline_ns, DEADLINE);
        assert_int_equal(a->u.send.part.tile, i);
        assert_int_equal(a->u.send.weight_percent, 0);
        at += a->u.send.rows.steps;
    }
    assert_int_equal(at, 100);
    r.now += 7 * P2_MS;
    for (uint32_t i = 4; i-- > 0;) {
        assert_int_equal(p2_frames_number(r.f, 0), 1);
        come(&r, 0, i);
        assert_int_equal(count(&r, FRAMES_DO_TAKE), 1);
    }
    const struct frames_end *e = end_of(&r, 0);
    assert_int_equal(e->number, 1);
    assert_int_equal(e->outcome, SESSION_DONE);
    assert_int_equal(e->code, P2_OK);
    assert_int_equal(e->tiles, 4);
    assert_int_equal(e->filled + e->hedged, 0);
    assert_int_equal(e->latency_ns, 7 * P2_MS);
    assert_int_equal(p2_frames_next_ns(r.f), P2_NEVER);
    submit(&r); // another tile goes first, and it is known what rows weigh
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(did(&r, FRAMES_DO_SEND, i)->u.send.part.tile, (i + 1) % 4);
        assert_in_range(did(&r, FRAMES_DO_SEND, i)->u.send.weight_percent, 50, 200);
    }
    p2_frames_destroy(&r.f);
}

static void a_late_tile_is_sent_once_more(void **state) {
    (void)state;
    struct rig r;
    open_with(&r, plain());
    warm_up(&r);
    submit(&r);
    uint32_t slot = p2_frames_slot(r.f);
    r.now += 10 * P2_MS;
    for (uint32_t i = 1; i < 4; i++) come(&r, slot, i);
    assert_int_equal(p2_frames_next_ns(r.f), r.now + 5 * P2_MS); // one and a half of what is usual
    tick(&r, 5 * P2_MS);
    const struct frames_action *a = did(&r, FRAMES_DO_SEND, 0);
    assert_int_equal(a->u.send.part.tile, 0);
    assert_int_equal(a->u.send.part.copy, 1);
    assert_int_equal(a->u.send.deadline_ns, DEADLINE - 15 * P2_MS);
    tick(&r, 20 * P2_MS); // once
    assert_int_equal(r.out.count, 0);
    step(&r, ended(slot, 0, 1, SESSION_DONE));
    assert_int_equal(did(&r, FRAMES_DO_STOP, 0)->u.part.copy, 0);
    assert_int_equal(did(&r, FRAMES_DO_TAKE, 0)->u.part.copy, 1);
    assert_int_equal(end_of(&r, 0)->hedged, 1);
    step(&r, ended(slot, 0, 0, SESSION_DONE)); // of interest to nobody
    assert_int_equal(r.out.count, 0);
    p2_frames_destroy(&r.f);
}

static void second_copies_have_a_budget(void **state) {
    (void)state;
    struct rig r;
    open_with(&r, plain());
    warm_up(&r); // 32 tiles
    submit(&r);
    tick(&r, 15 * P2_MS); // all four are late
    assert_int_equal(count(&r, FRAMES_DO_SEND), 4);
    tick(&r, DEADLINE - 15 * P2_MS);
    submit(&r);
    tick(&r, 15 * P2_MS);
    assert_int_equal(count(&r, FRAMES_DO_SEND), 0);
    p2_frames_destroy(&r.f);
    struct frames_config config = plain();
    config.hedge = false;
    open_with(&r, config);
    warm_up(&r);
    submit(&r);
    tick(&r, 80 * P2_MS);
    assert_int_equal(r.out.count, 0);
    p2_frames_destroy(&r.f);
}

static void a_frame_is_never_late(void **state) {
    (void)state;
    struct rig r;
    open_with(&r, plain());
    submit(&r);
    for (uint32_t i = 0; i < 3; i++) come(&r, 0, i);
    r.now += 60 * P2_MS;
    tick(&r, 0); // half its time is over: sent once more
    assert_int_equal(count(&r, FRAMES_DO_SEND), 1);
    assert_int_equal(p2_frames_next_ns(r.f), P2_SEC + DEADLINE);
    tick(&r, 40 * P2_MS);
    assert_int_equal(count(&r, FRAMES_DO_STOP), 2);
    assert_int_equal(did(&r, FRAMES_DO_FILL, 0)->u.part.tile, 3);
    assert_int_equal(end_of(&r, 0)->outcome, SESSION_DONE);
    assert_int_equal(end_of(&r, 0)->filled, 1);
    assert_int_equal(end_of(&r, 0)->latency_ns, DEADLINE);
    submit(&r); // and with nothing at all
    tick(&r, DEADLINE);
    assert_int_equal(end_of(&r, 0)->outcome, SESSION_EXPIRED);
    assert_int_equal(end_of(&r, 0)->code, P2_ERR_DEADLINE_EXCEEDED);
    assert_int_equal(end_of(&r, 0)->filled, 4);
    p2_frames_destroy(&r.f);
}

static void a_failed_tile_is_tried_again_or_filled(void **state) {
    (void)state;
    struct rig r;
    open_with(&r, plain());
    submit(&r);
    struct frames_event ev = ended(0, 2, 0, SESSION_REFUSED);
    ev.u.ended.retryable = true;
    ev.u.ended.retry_after_ns = 3 * P2_MS;
    for (uint32_t i = 1; i < FRAMES_TRIES_MAX; i++) {
        step(&r, ev);
        assert_int_equal(r.out.count, 0);
        tick(&r, 3 * P2_MS);
        assert_int_equal(did(&r, FRAMES_DO_SEND, 0)->u.send.part.tile, 2);
    }
    step(&r, ev);
    tick(&r, 3 * P2_MS);
    assert_int_equal(r.out.count, 0);
    come(&r, 0, 0);
    come(&r, 0, 1);
    come(&r, 0, 3); // it does not wait for its deadline
    assert_int_equal(did(&r, FRAMES_DO_FILL, 0)->u.part.tile, 2);
    assert_int_equal(end_of(&r, 0)->outcome, SESSION_DONE);
    submit(&r);
    for (uint32_t i = 0; i < 4; i++) step(&r, ended(0, i, 0, SESSION_FAILED));
    assert_int_equal(end_of(&r, 0)->outcome, SESSION_FAILED);
    assert_int_equal(end_of(&r, 0)->code, P2_ERR_EXECUTION_FAILED);
    p2_frames_destroy(&r.f);
}

static void without_room_a_tile_waits(void **state) {
    (void)state;
    struct rig r;
    open_with(&r, plain());
    submit(&r);
    for (int i = 0; i < 20; i++) { // no such try counts
        step(&r, (struct frames_event){.kind = FRAMES_UNSENT, .u.part = {0, 1, 0}});
        tick(&r, FRAMES_RETRY_NS);
        assert_int_equal(count(&r, FRAMES_DO_SEND), 1);
    }
    come_all(&r, 0);
    assert_int_equal(end_of(&r, 0)->filled, 0);
    p2_frames_destroy(&r.f);
}

static void the_newest_wins(void **state) {
    (void)state;
    struct rig r;
    open_with(&r, plain());
    for (int i = 0; i < 3; i++) submit(&r);
    assert_true(p2_frames_full(r.f));
    submit(&r);
    assert_int_equal(end_of(&r, 0)->number, 1);
    assert_true(end_of(&r, 0)->dropped);
    assert_int_equal(end_of(&r, 0)->outcome, SESSION_CANCELLED);
    assert_int_equal(count(&r, FRAMES_DO_STOP), 4);
    assert_int_equal(count(&r, FRAMES_DO_SEND), 4);
    come_all(&r, 2); // number 3: what is older will not be shown any more
    assert_int_equal(count(&r, FRAMES_DO_END), 2);
    assert_int_equal(end_of(&r, 0)->number, 2);
    assert_true(end_of(&r, 0)->dropped);
    assert_int_equal(end_of(&r, 1)->number, 3);
    assert_false(end_of(&r, 1)->dropped);
    p2_frames_destroy(&r.f);
    struct frames_config config = plain();
    config.refuse = true;
    open_with(&r, config);
    for (int i = 0; i < 4; i++) submit(&r);
    assert_int_equal(r.out.count, 0);
    p2_frames_destroy(&r.f);
}

static void ordered_frames_wait_for_older_ones(void **state) {
    (void)state;
    struct rig r;
    struct frames_config config = plain();
    config.ordered = config.whole = true;
    open_with(&r, config);
    for (int i = 0; i < 3; i++, r.now += P2_MS) submit(&r);
    assert_int_equal(count(&r, FRAMES_DO_SEND), 1); // whole
    come(&r, 2, 0);
    come(&r, 1, 0);
    assert_int_equal(count(&r, FRAMES_DO_END), 0);
    come(&r, 0, 0);
    assert_int_equal(count(&r, FRAMES_DO_END), 3);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(end_of(&r, i)->number, i + 1);
    for (int i = 0; i < 3; i++) submit(&r); // 4, 5, 6
    come(&r, 1, 0);
    submit(&r); // 4 is given up, so that 5 is given
    assert_int_equal(end_of(&r, 0)->number, 4);
    assert_true(end_of(&r, 0)->dropped);
    assert_int_equal(end_of(&r, 1)->number, 5);
    assert_int_equal(end_of(&r, 1)->outcome, SESSION_DONE);
    p2_frames_destroy(&r.f);
}

static void missing_tiles_wait_for_the_coarse_picture(void **state) {
    (void)state;
    struct rig r;
    struct frames_config config = plain();
    config.coarse = true;
    open_with(&r, config);
    submit(&r);
    assert_int_equal(did(&r, FRAMES_DO_SEND, 0)->u.send.part.tile, FRAMES_COARSE);
    assert_int_equal(count(&r, FRAMES_DO_SEND), 5);
    for (uint32_t i = 0; i < 3; i++) come(&r, 0, i);
    step(&r, ended(0, 3, 0, SESSION_FAILED));
    assert_int_equal(count(&r, FRAMES_DO_END), 0);
    come(&r, 0, FRAMES_COARSE);
    assert_int_equal(did(&r, FRAMES_DO_TAKE, 0)->u.part.tile, FRAMES_COARSE);
    assert_int_equal(count(&r, FRAMES_DO_FILL), 1);
    assert_int_equal(end_of(&r, 0)->tiles, 4);
    submit(&r); // nobody waits for it when all tiles are there
    come_all(&r, 0);
    assert_int_equal(did(&r, FRAMES_DO_STOP, 0)->u.part.tile, FRAMES_COARSE);
    assert_int_equal(count(&r, FRAMES_DO_END), 1);
    p2_frames_destroy(&r.f);
}

static void tiles_follow_peers_and_cost(void **state) {
    (void)state;
    struct rig r;
    struct frames_config config = plain();
    config.tiles = 0;
    open_with(&r, config);
    step(&r, (struct frames_event){.kind = FRAMES_SUBMIT, .u.submit.peers = 7});
    assert_int_equal(count(&r, FRAMES_DO_SEND), 7);
    for (uint32_t i = 0; i < 7; i++) come(&r, 0, i); // a millisecond each: 7 in all
    step(&r, (struct frames_event){.kind = FRAMES_SUBMIT, .u.submit.peers = 20});
    assert_in_range(count(&r, FRAMES_DO_SEND), 6, 8);
    p2_frames_destroy(&r.f);
}

// ---- chance

enum { COPIES = (TILES_MAX + 1) * 2, UNDER_WAY = FRAMES_MAX * COPIES };

struct copy {
    struct frames_part part;
    uint64_t number;
    p2_ns at;
    enum session_outcome outcome;
};

struct world {
    struct rig r;
    struct frames_config config;
    struct p2_rng rng;
    struct copy copies[UNDER_WAY];
    uint32_t copy_count, failing; // per cent
    uint64_t submitted, ended, given;
    uint64_t sent, hedged;
    p2_ns since[512]; // submitted, by number
};

static uint32_t below(struct world *w, uint32_t n) { return (uint32_t)p2_rng_below(&w->rng, n); }

static bool same(struct frames_part a, struct frames_part b) {
    return a.slot == b.slot && a.tile == b.tile && a.copy == b.copy;
}

// A copy that is stopped or ends was under way, once.
static void remove_copy(struct world *w, struct frames_part part) {
    for (uint32_t i = 0; i < w->copy_count; i++) {
        if (!same(w->copies[i].part, part)) continue;
        w->copies[i] = w->copies[--w->copy_count];
        return;
    }
    fail_msg("a copy that is not under way");
}

static void on_send(struct world *w, const struct frames_action *a) {
    for (uint32_t i = 0; i < w->copy_count; i++) assert_false(same(w->copies[i].part, a->u.send.part));
    assert_true(w->copy_count < UNDER_WAY && a->u.send.deadline_ns > 0);
    struct copy *c = &w->copies[w->copy_count++];
    p2_ns took = (1 + below(w, 12)) * P2_MS;
    if (below(w, 20) == 0) took *= 50; // a peer that stands still
    *c = (struct copy){a->u.send.part, p2_frames_number(w->r.f, a->u.send.part.slot), w->r.now + took, SESSION_DONE};
    if (below(w, 100) < w->failing) c->outcome = below(w, 2) ? SESSION_REFUSED : SESSION_FAILED;
    w->sent++;
    w->hedged += a->u.send.part.copy;
}

static void on_end(struct world *w, const struct frames_end *e) {
    assert_in_range(e->number, 1, w->submitted);
    w->ended++;
    assert_true(e->latency_ns <= w->config.deadline_ns);
    assert_true(e->filled <= e->tiles && e->tiles >= 1);
    for (uint32_t i = 0; i < w->copy_count; i++) assert_true(w->copies[i].number != e->number);
    assert_true(w->since[e->number % 512] > 0); // ends once
    w->since[e->number % 512] = 0;
    if (e->dropped) {
        assert_int_equal(e->outcome, SESSION_CANCELLED);
        return;
    }
    assert_true(e->number > w->given);
    w->given = e->number;
    assert_int_equal(e->outcome == SESSION_DONE, e->filled < e->tiles);
    assert_int_equal(e->code == P2_OK, e->filled == 0 && !e->dropped);
    assert_int_equal(e->code == P2_OK, e->missing == SESSION_DONE);
    if (e->missing == SESSION_DONE) assert_int_equal(e->outcome, SESSION_DONE);
}

static void look(struct world *w) {
    for (uint32_t i = 0; i < w->r.out.count; i++) {
        const struct frames_action *a = &w->r.out.items[i];
        if (a->kind == FRAMES_DO_SEND) on_send(w, a);
        if (a->kind == FRAMES_DO_STOP) remove_copy(w, a->u.part);
        if (a->kind == FRAMES_DO_END) on_end(w, &a->u.end);
    }
}

static void someone_ends(struct world *w) {
    uint32_t first = 0;
    for (uint32_t i = 1; i < w->copy_count; i++)
        if (w->copies[i].at < w->copies[first].at) first = i;
    p2_ns next = p2_frames_next_ns(w->r.f);
    if (!w->copy_count || w->copies[first].at > next) {
        w->r.out.count = 0;
        if (next == P2_NEVER) return;
        w->r.now = next;
        step(&w->r, (struct frames_event){.kind = FRAMES_TICK});
        return;
    }
    struct copy c = w->copies[first];
    w->r.now = p2_ns_max(w->r.now, c.at);
    remove_copy(w, c.part);
    struct frames_event ev = ended(c.part.slot, c.part.tile, c.part.copy, c.outcome);
    ev.u.ended.device_ns = below(w, 10 * P2_MS);
    ev.u.ended.retryable = below(w, 2);
    ev.u.ended.retry_after_ns = below(w, 5 * P2_MS);
    if (below(w, 30) == 0) ev = (struct frames_event){.kind = FRAMES_UNSENT, .u.part = c.part};
    step(&w->r, ev);
}

static void live(uint64_t seed) {
    struct world w = {.submitted = 0};
    p2_rng_init(&w.rng, seed);
    w.failing = below(&w, 3) * 15;
    w.config = (struct frames_config){.frames_max = 1 + below(&w, FRAMES_MAX),
                                      .tiles = below(&w, 3) ? below(&w, TILES_MAX + 1) : below(&w, 5),
                                      .steps = 1 + below(&w, 1200),
                                      .ghost = below(&w, 6),
                                      .deadline_ns = (5 + below(&w, 60)) * P2_MS,
                                      .whole = below(&w, 3) == 0,
                                      .ordered = below(&w, 2),
                                      .hedge = below(&w, 4),
                                      .refuse = below(&w, 3) == 0,
                                      .coarse = below(&w, 3) == 0};
    open_with(&w.r, w.config);
    while (w.submitted < 150) {
        if (below(&w, 4) == 0) {
            bool refused = w.config.refuse && p2_frames_full(w.r.f);
            if (!refused) w.since[++w.submitted % 512] = w.r.now;
            step(&w.r, (struct frames_event){.kind = FRAMES_SUBMIT, .u.submit.peers = below(&w, 10)});
        } else {
            someone_ends(&w);
        }
        look(&w);
        assert_true(w.submitted - w.ended <= w.config.frames_max);
    }
    for (int i = 0; w.ended < w.submitted; i++) {
        assert_true(i < 1000000);
        someone_ends(&w);
        look(&w);
    }
    assert_int_equal(w.copy_count, 0);
    if (w.failing == 0) assert_true(w.hedged <= 1 + FRAMES_HEDGES_MAX + w.sent / 10);
    if (!w.config.hedge) assert_int_equal(w.hedged, 0);
    p2_frames_destroy(&w.r.f);
}

static void chance(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        print_message("seed %d\r", (int)seed); // the last one told is the one that failed
        live(seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_cut_sent_and_given),
        cmocka_unit_test(a_late_tile_is_sent_once_more),
        cmocka_unit_test(second_copies_have_a_budget),
        cmocka_unit_test(a_frame_is_never_late),
        cmocka_unit_test(a_failed_tile_is_tried_again_or_filled),
        cmocka_unit_test(without_room_a_tile_waits),
        cmocka_unit_test(the_newest_wins),
        cmocka_unit_test(ordered_frames_wait_for_older_ones),
        cmocka_unit_test(missing_tiles_wait_for_the_coarse_picture),
        cmocka_unit_test(tiles_follow_peers_and_cost),
        cmocka_unit_test(chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
