#include "base/slab.h"

#include <string.h>

#include "base/rng.h"
#include "cmocka_all.h"
#include "testlib.h"

struct thing {
    uint64_t number;
    char rest[13]; // an odd size, so that objects need padding
};

static void a_dead_handle_finds_nothing(void **state) {
    (void)state;
    struct p2_slab s;
    assert_true(p2_slab_init(&s, sizeof(struct thing), 2));
    p2_handle a, b;
    struct thing *first = p2_slab_alloc(&s, &a);
    first->number = 1;
    assert_ptr_equal(p2_slab_get(&s, a), first);
    p2_slab_free(&s, a);
    assert_null(p2_slab_get(&s, a));
    struct thing *again = p2_slab_alloc(&s, &b);
    assert_ptr_equal(again, first); // the same slot, another generation, zeroed
    assert_int_equal(again->number, 0);
    assert_true(a != b);
    assert_null(p2_slab_get(&s, a));
    assert_null(p2_slab_get(&s, P2_NO_HANDLE));
    assert_null(p2_slab_get(&s, b | 0xffff));               // a slot that does not exist
    assert_null(p2_slab_get(&s, (p2_handle)1 << 32 | 1));   // a slot never used
    assert_null(p2_slab_get(&s, b + ((p2_handle)1 << 32))); // the generation it will have when freed
    p2_slab_deinit(&s);
}

struct asked {
    const struct p2_slab *slab;
    const void *object;
};

static void ask_for_handle(void *arg) {
    const struct asked *a = arg;
    (void)p2_slab_handle(a->slab, a->object);
}

static void an_object_knows_its_handle(void **state) {
    (void)state;
    struct p2_slab s;
    assert_true(p2_slab_init(&s, sizeof(struct thing), 3));
    p2_handle h[3];
    for (int i = 0; i < 3; i++) {
        const void *object = p2_slab_alloc(&s, &h[i]);
        assert_int_equal(p2_slab_handle(&s, object), h[i]);
    }
    const void *gone = p2_slab_in(&s, 1);
    assert_ptr_equal(gone, p2_slab_get(&s, h[1]));
    p2_slab_free(&s, h[1]);
    assert_true(t_aborts(ask_for_handle, &(struct asked){&s, gone}));
    p2_slab_deinit(&s);
}

static void full_gives_null_and_no_handle(void **state) {
    (void)state;
    struct p2_slab s;
    assert_true(p2_slab_init(&s, 1, 3));
    p2_handle h[4];
    for (int i = 0; i < 3; i++) assert_non_null(p2_slab_alloc(&s, &h[i]));
    assert_null(p2_slab_alloc(&s, &h[3]));
    assert_int_equal(h[3], P2_NO_HANDLE);
    assert_int_equal(s.live, 3);
    p2_slab_free(&s, h[1]);
    assert_non_null(p2_slab_alloc(&s, &h[3]));
    p2_slab_deinit(&s);
}

static void generations_wrap(void **state) {
    (void)state;
    struct p2_slab s;
    assert_true(p2_slab_init(&s, 8, 1));
    s.generation[0] = UINT32_MAX - 1;
    p2_handle last, first;
    assert_non_null(p2_slab_alloc(&s, &last));
    p2_slab_free(&s, last);
    assert_non_null(p2_slab_alloc(&s, &first));
    assert_int_equal(first >> 32, 1);
    assert_null(p2_slab_get(&s, last));
    p2_slab_deinit(&s);
}

static void walks_and_random_use(void **state) {
    (void)state;
    enum { SLOTS = 40 };
    struct p2_slab s;
    struct p2_rng r;
    p2_rng_init(&r, 7);
    assert_true(p2_slab_init(&s, sizeof(struct thing), SLOTS));
    p2_handle held[SLOTS];
    uint32_t count = 0;
    for (uint64_t step = 1; step < 5000; step++) {
        if (p2_rng_below(&r, 2)) {
            p2_handle h;
            struct thing *t = p2_slab_alloc(&s, &h);
            assert_true((t == NULL) == (count == SLOTS));
            if (!t) continue;
            assert_int_equal((uintptr_t)t % 16, 0);
            t->number = h;
            memset(t->rest, 0xff, sizeof t->rest);
            held[count++] = h;
        } else if (count > 0) {
            uint32_t i = (uint32_t)p2_rng_below(&r, count);
            p2_slab_free(&s, held[i]);
            assert_null(p2_slab_get(&s, held[i]));
            held[i] = held[--count];
        }
        uint32_t seen = 0;
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            p2_handle h;
            const struct thing *t = p2_slab_at(&s, slot, &h);
            if (t) assert_int_equal(t->number, h);
            seen += t != NULL;
        }
        assert_int_equal(seen, count);
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(((struct thing *)p2_slab_get(&s, held[i]))->number, held[i]);
    }
    p2_handle none;
    assert_null(p2_slab_at(&s, SLOTS, &none));
    p2_slab_deinit(&s);
}

struct dead {
    struct p2_slab *slab;
    p2_handle handle;
};

static void free_it(void *arg) {
    struct dead *d = arg;
    p2_slab_free(d->slab, d->handle);
}

static void freeing_twice_aborts(void **state) {
    (void)state;
    struct p2_slab s;
    assert_true(p2_slab_init(&s, 8, 1));
    struct dead d = {.slab = &s};
    assert_non_null(p2_slab_alloc(&s, &d.handle));
    p2_slab_free(&s, d.handle);
    assert_true(t_aborts(free_it, &d));
    p2_slab_deinit(&s);
}

static void memory(void **state) {
    (void)state;
    struct p2_slab s;
    for (uint64_t n = 1; n <= 3; n++) {
        t_alloc_reset();
        t_alloc_fail_at(n);
        assert_false(p2_slab_init(&s, 100, 10));
        assert_true(t_alloc_failed());
    }
    t_alloc_reset();
    assert_false(p2_slab_init(&s, SIZE_MAX - 3, 2));
    assert_false(p2_slab_init(&s, SIZE_MAX / 2, 16));
    assert_true(p2_slab_init(&s, 100, 10));
    assert_true(p2_slab_bytes(&s) >= 1000);
    uint64_t before = t_alloc_count();
    p2_handle h;
    for (int i = 0; i < 10; i++) assert_non_null(p2_slab_alloc(&s, &h));
    assert_int_equal(t_alloc_count(), before); // all was taken at init
    p2_slab_deinit(&s);
    assert_true(p2_slab_init(&s, 8, 0));
    assert_null(p2_slab_alloc(&s, &h));
    p2_slab_deinit(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_handle_finds_nothing),
        cmocka_unit_test(an_object_knows_its_handle),
        cmocka_unit_test(full_gives_null_and_no_handle),
        cmocka_unit_test(generations_wrap),
        cmocka_unit_test(walks_and_random_use),
        cmocka_unit_test(freeing_twice_aborts),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
