// The canonical form of a task, and the store of results: least recently used, time to live, both bounds.
#include <string.h>

#include "coordinator/core/cache_key.h"
#include "rig.h"

// ---- keys -----------------------------------------------------------------------------------------------------------

static const struct p2_param_spec table[] = {{.name = "scale", .kind = P2_PARAM_REAL, .min = -9, .max = 9},
                                             {.name = "count", .kind = P2_PARAM_INT, .min = 0, .max = 9},
                                             {.name = "mode", .kind = P2_PARAM_TEXT, .fallback = "fast"},
                                             {.name = NULL}};
static const struct p2_task_type type = {.name = "upscale", .version = 1, .params = table};
static const struct p2_task_type newer = {.name = "upscale", .version = 2, .params = table};
static const struct p2_task_type other = {.name = "upscal", .version = 1, .params = table};

static struct p2_param real(const char *name, double v) {
    return (struct p2_param){.name = p2_str(name), .kind = P2_PARAM_REAL, .count = 1, .value.reals = {v}};
}
static struct p2_param whole(const char *name, int64_t v) {
    return (struct p2_param){.name = p2_str(name), .kind = P2_PARAM_INT, .count = 1, .value.ints = {v}};
}
static struct p2_param text(const char *name, const char *v) {
    return (struct p2_param){.name = p2_str(name), .kind = P2_PARAM_TEXT, .count = 1, .value.text = p2_str(v)};
}

struct head {
    uint8_t b[CACHE_HEAD_BYTES_MAX];
    size_t n;
};

static struct head head_of(const struct p2_task_type *t, const struct p2_param *items, uint32_t n, uint64_t scope) {
    struct head h;
    struct p2_id id = rig_id(scope);
    h.n = cache_key_head(t, &(struct p2_params){items, n}, &id, h.b, sizeof h.b);
    assert_true(h.n > 0);
    return h;
}

static bool same(const struct p2_param *a, uint32_t an, const struct p2_param *b, uint32_t bn) {
    struct head x = head_of(&type, a, an, 0), y = head_of(&type, b, bn, 0);
    return x.n == y.n && memcmp(x.b, y.b, x.n) == 0;
}

static void one_form_for_equal_parameters(void **state) {
    (void)state;
    const struct p2_param a[] = {real("scale", 2), whole("count", 3)}, b[] = {whole("count", 3), real("scale", 2)};
    assert_true(same(a, 2, b, 2)); // order
    const struct p2_param c[] = {whole("scale", 2), real("count", 3)};
    assert_true(same(a, 2, c, 2)); // 2 and 2.0
    const struct p2_param d[] = {text("mode", "fast"), real("scale", 2), whole("count", 3)};
    assert_true(same(a, 2, d, 3)); // a default said
    const struct p2_param zero = real("scale", 0), minus = real("scale", -0.0);
    assert_true(same(&zero, 1, &minus, 1));
}

static void another_form_for_others(void **state) {
    (void)state;
    const struct p2_param a[] = {real("scale", 2), whole("count", 3)}, b[] = {real("scale", 3), whole("count", 2)};
    assert_false(same(a, 2, b, 2));
    assert_false(same(a, 2, a, 1));
    const struct p2_param near = real("scale", 2.0000000001), half = real("count", 2.5), two = whole("count", 2);
    assert_false(same(a, 1, &near, 1));
    assert_false(same(&half, 1, &two, 1));
    const struct p2_param fast = text("mode", "fast"), fas = text("mode", "fas");
    assert_false(same(&fast, 1, &fas, 1));
    // Where one name ends and its value begins is told, too.
    const struct p2_param ab = text("ab", "c"), abc = text("a", "bc");
    assert_false(same(&ab, 1, &abc, 1));
    struct head x = head_of(&type, a, 2, 0), y = head_of(&newer, a, 2, 0), z = head_of(&other, a, 2, 0);
    struct head mine = head_of(&type, a, 2, 7);
    assert_memory_not_equal(x.b, y.b, x.n);
    assert_memory_not_equal(x.b, z.b, z.n);
    assert_memory_not_equal(x.b, mine.b, x.n);
}

static void a_head_that_does_not_fit(void **state) {
    (void)state;
    const struct p2_param a = text("mode", "quality");
    const struct p2_id all = {{0}};
    uint8_t b[64];
    size_t n = cache_key_head(&type, &(struct p2_params){&a, 1}, &all, b, sizeof b);
    assert_true(n > 0 && n < sizeof b);
    assert_int_equal(cache_key_head(&type, &(struct p2_params){&a, 1}, &all, b, n - 1), 0);
    assert_int_equal(cache_key_head(&type, &(struct p2_params){&a, 1}, &all, b, n), n);
}

// ---- the store ------------------------------------------------------------------------------------------------------

#define PIECE (128 + sizeof(struct piece)) // a blob of 100 bytes has a capacity of 128

static struct p2_blob_pool pool;
static struct cache k;

static void open_cache(uint32_t entries, uint64_t bytes) {
    const uint64_t seed[2] = {1, 2};
    p2_blob_pool_init(&pool, 1 << 20, 0);
    k = (struct cache){.bytes = 0};
    assert_true(cache_init(&k, entries, bytes, P2_SEC, seed));
}

static void close_cache(void) {
    cache_deinit(&k);
    assert_int_equal(pool.bytes_live, 0);
    p2_blob_pool_deinit(&pool);
}

static struct p2_digest key(uint8_t first, uint8_t last) { return (struct p2_digest){{[0] = first, [31] = last}}; }

static bool keep(struct p2_digest d, uint32_t size, p2_ns now) {
    struct spool s = {.table = NULL};
    struct p2_blob *b = p2_blob_new(&pool, size);
    assert_int_equal(spool_push(&s, &pool, &(struct piece){{b, 0, size}, 0, size, false}), P2_OK);
    p2_blob_unref(b);
    bool kept = cache_put(&k, &d, &s, size, now);
    assert_true(!kept || s.count == 0);
    spool_clear(&s);
    cache_check(&k, k.entries.capacity);
    return kept;
}

static bool known(struct p2_digest d, p2_ns now) {
    bool found = cache_find(&k, &d, now) != NULL;
    cache_check(&k, k.entries.capacity);
    return found;
}

static void least_recently_used_goes_first(void **state) {
    (void)state;
    open_cache(3, 1 << 20);
    for (uint8_t i = 1; i <= 3; i++) assert_true(keep(key(i, 0), 100, 0));
    assert_true(known(key(1, 0), 1));
    assert_true(keep(key(4, 0), 100, 1));
    assert_true(known(key(1, 0), 1));
    assert_false(known(key(2, 0), 1));
    assert_true(known(key(3, 0), 1) && known(key(4, 0), 1));
    assert_int_equal(k.evicted, 1);
    close_cache();
}

static void bytes_are_bounded(void **state) {
    (void)state;
    open_cache(10, 2 * PIECE);
    assert_true(keep(key(1, 0), 100, 0) && keep(key(2, 0), 100, 0));
    assert_int_equal(k.bytes, 2 * PIECE);
    assert_true(keep(key(3, 0), 100, 0));
    assert_false(known(key(1, 0), 0));
    assert_false(keep(key(4, 0), 5000, 0)); // larger than the cache: nobody leaves for it
    assert_true(known(key(2, 0), 0) && known(key(3, 0), 0));
    close_cache();
}

static void nothing_too_old(void **state) {
    (void)state;
    open_cache(10, 1 << 20);
    assert_true(keep(key(1, 0), 100, 0) && keep(key(2, 0), 100, P2_SEC / 2));
    assert_true(known(key(1, 0), P2_SEC - 1));
    assert_false(known(key(1, 0), P2_SEC));
    cache_tick(&k, P2_SEC);
    assert_int_equal(k.entries.live, 1);
    assert_true(known(key(2, 0), P2_SEC));
    assert_true(keep(key(2, 0), 100, P2_SEC)); // anew: its time starts again
    cache_tick(&k, 3 * P2_SEC / 2);
    assert_true(known(key(2, 0), 3 * P2_SEC / 2));
    close_cache();
}

static void the_whole_key_counts(void **state) {
    (void)state;
    open_cache(10, 1 << 20);
    assert_true(keep(key(1, 1), 100, 0));
    assert_false(known(key(1, 2), 0)); // equal in the half the map knows
    assert_true(keep(key(1, 2), 100, 0));
    assert_true(known(key(1, 2), 0));
    assert_false(known(key(1, 1), 0));
    close_cache();
}

static void a_cache_of_nothing(void **state) {
    (void)state;
    open_cache(0, 1 << 20);
    assert_false(keep(key(1, 0), 100, 0));
    assert_false(known(key(1, 0), 0));
    close_cache();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_form_for_equal_parameters),
        cmocka_unit_test(another_form_for_others),
        cmocka_unit_test(a_head_that_does_not_fit),
        cmocka_unit_test(least_recently_used_goes_first),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(nothing_too_old),
        cmocka_unit_test(the_whole_key_counts),
        cmocka_unit_test(a_cache_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
