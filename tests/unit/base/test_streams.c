#include "base/streams.h"

#include "base/rng.h"
#include "cmocka_all.h"
#include "testlib.h"

#define SLOTS_MAX 64

struct model {
    struct p2_streams streams;
    uint32_t of_slot[SLOTS_MAX]; // 0: none
    uint32_t capacity, count;
};

static bool used(const struct model *m, uint32_t stream) {
    for (uint32_t i = 0; i < m->capacity; i++) {
        if (m->of_slot[i] == stream) return true;
    }
    return false;
}

static void check(const struct model *m) {
    assert_int_equal(m->streams.count, m->count);
    for (uint32_t i = 0; i < m->capacity; i++) {
        if (m->of_slot[i]) assert_int_equal(p2_streams_get(&m->streams, m->of_slot[i]), i);
    }
}

static void step(struct model *m, uint32_t slot, uint32_t stream) {
    if (m->of_slot[slot]) {
        uint32_t old = m->of_slot[slot];
        p2_streams_remove(&m->streams, old);
        m->of_slot[slot] = 0;
        m->count--;
        assert_int_equal(p2_streams_get(&m->streams, old), P2_NO_SLOT);
    } else if (!used(m, stream)) {
        assert_int_equal(p2_streams_get(&m->streams, stream), P2_NO_SLOT);
        p2_streams_put(&m->streams, stream, slot);
        m->of_slot[slot] = stream;
        m->count++;
    }
}

// Counted up, at random, and all on one place of the table.
static void agrees_with_a_model(void **state) {
    (void)state;
    for (uint64_t run = 0; run < 24; run++) {
        struct p2_rng r;
        p2_rng_init(&r, run);
        struct model m = {.capacity = 1 + (uint32_t)p2_rng_below(&r, SLOTS_MAX)};
        assert_true(p2_streams_init(&m.streams, m.capacity));
        for (uint32_t i = 1; i < 4000; i++) {
            uint32_t stream = run % 3 == 0   ? i
                              : run % 3 == 1 ? 1 + (uint32_t)p2_rng_below(&r, UINT32_MAX)
                                             : (1 + (uint32_t)p2_rng_below(&r, 200)) * (m.streams.mask + 1);
            step(&m, (uint32_t)p2_rng_below(&r, m.capacity), stream);
            if (i % 8 == 0) check(&m);
        }
        p2_streams_deinit(&m.streams);
    }
}

static void put_twice(void *s) { p2_streams_put(s, 7, 1); }
static void put_beyond(void *s) { p2_streams_put(s, 8, 2); }
static void remove_absent(void *s) { p2_streams_remove(s, 8); }

static void misuse_aborts(void **state) {
    (void)state;
    struct p2_streams s;
    assert_true(p2_streams_init(&s, 2));
    p2_streams_put(&s, 7, 0);
    assert_true(t_aborts(put_twice, &s));
    assert_true(t_aborts(put_beyond, &s));
    assert_true(t_aborts(remove_absent, &s));
    p2_streams_deinit(&s);
    p2_streams_deinit(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(misuse_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
