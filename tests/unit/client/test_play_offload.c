// Between the game and the library, where nobody answers: everything handed over is accounted for, and the game told.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "client/play/offload.h"

static struct offload o;
static struct game game;
static uint8_t picture[SCENE_BYTES];

static struct game_asks tick(void) {
    struct game_asks asks;
    game_step(&game, &(struct game_event){.kind = GAME_TICK, .u.tick.offload = true}, &asks);
    return asks;
}

static void open_nowhere(int64_t timeout_ms) {
    const struct offload_settings nowhere = {.coordinator = "ws://127.0.0.1:9", .connect_timeout_ms = timeout_ms};
    assert_true(offload_open(&o, &nowhere));
    game_init(&game, 1);
}

static void hand_all(void) {
    const struct game_asks asks = tick();
    assert_true(asks.bodies.wanted && asks.field);
    offload_hand(&o, &game, &asks);
    offload_picture(&o, picture, game.ticks);
    assert_int_equal(offload_under_way(&o), 3);
    assert_true(game.bodies.asked);
}

static void another_connection_loses_what_was_under_way(void **state) {
    (void)state;
    open_nowhere(60000);
    hand_all();
    assert_true(offload_again(&o, &game, 100, 0.5));
    assert_int_equal(offload_under_way(&o), 0);
    assert_false(game.bodies.asked);
    for (uint32_t i = 0; i < OFFLOAD_SORTS; i++) {
        assert_int_equal(o.counts[i].submitted, 1);
        assert_int_equal(o.counts[i].lost, 1);
    }
    for (uint32_t i = 0; i < OFFLOAD_FRAMES; i++) assert_false(o.frames[i].used);
    struct game_asks asks = tick();
    assert_true(asks.bodies.wanted && asks.bodies.begin);
    offload_hand(&o, &game, &asks);
    assert_int_equal(o.counts[OFFLOAD_BODIES].submitted, 2);
    offload_close(&o);
}

static void what_nobody_takes_is_told_to_the_game(void **state) {
    (void)state;
    open_nowhere(1);
    hand_all();
    while (offload_under_way(&o)) {
        p2c2r_poll(o.client, NULL, 0, 20000); // until something has ended
        offload_poll(&o, &game);
    }
    assert_false(game.bodies.asked);
    for (uint32_t i = 0; i < OFFLOAD_SORTS; i++) {
        const struct offload_count *n = &o.counts[i];
        assert_int_equal(n->lost + n->late, n->submitted);
        assert_int_equal(n->done, 0);
    }
    offload_close(&o);
}

static void pictures_wait_for_room(void **state) {
    (void)state;
    open_nowhere(60000);
    for (uint32_t i = 0; i < 2 * OFFLOAD_FRAMES; i++) offload_picture(&o, picture, i);
    const uint64_t handed = o.counts[OFFLOAD_PICTURE].submitted;
    assert_true(handed > 2 && handed < OFFLOAD_FRAMES);
    assert_int_equal(offload_under_way(&o), handed);
    offload_close(&o);
}

static void an_address_that_is_none(void **state) {
    (void)state;
    assert_false(offload_open(&o, &(struct offload_settings){.coordinator = "nowhere"}));
    assert_null(o.client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_connection_loses_what_was_under_way),
        cmocka_unit_test(what_nobody_takes_is_told_to_the_game),
        cmocka_unit_test(pictures_wait_for_room),
        cmocka_unit_test(an_address_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
