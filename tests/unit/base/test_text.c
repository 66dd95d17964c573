// hex, id, digest, strbuf, arena, str, list.
#include <string.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/hex.h"
#include "base/id.h"
#include "base/list.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cmocka_all.h"
#include "testlib.h"

static void ids_and_digests(void **state) {
    (void)state;
    struct p2_id id, same;
    char text[P2_ID_TEXT];
    assert_true(p2_id_parse("0123456789abcdefFEDCBA9876543210", &id));
    p2_id_text(&id, text);
    assert_string_equal(text, "0123456789abcdeffedcba9876543210");
    assert_true(p2_id_parse(text, &same));
    assert_true(p2_id_equal(&id, &same));
    static const char *const wrong[] = {"",
                                        "0",
                                        "0123456789abcdeffedcba987654321",
                                        "0123456789abcdeffedcba98765432100",
                                        "0123456789abcdeffedcba987654321g",
                                        " 123456789abcdeffedcba9876543210",
                                        "0x23456789abcdeffedcba9876543210"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) assert_false(p2_id_parse(wrong[i], &same));
    assert_true(p2_id_equal(&id, &same)); // a refusal leaves it alone
    assert_false(p2_id_is_zero(&id));
    assert_true(p2_id_is_zero(&(struct p2_id){{0}}));
    struct p2_digest d, e;
    char digits[P2_DIGEST_TEXT];
    assert_true(p2_digest_parse("00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210", &d));
    p2_digest_text(&d, digits);
    assert_true(p2_digest_parse(digits, &e));
    assert_true(p2_digest_equal(&d, &e));
    e.b[31] ^= 1;
    assert_false(p2_digest_equal(&d, &e));
    assert_false(p2_digest_parse(text, &e));
}

static void strbuf_cuts_and_remembers(void **state) {
    (void)state;
    char storage[8];
    struct p2_strbuf s;
    p2_strbuf_init(&s, storage, sizeof storage);
    p2_strbuf_printf(&s, "%d-%s", 12, "abc");
    assert_string_equal(s.text, "12-abc");
    assert_int_equal(s.size, 6);
    p2_strbuf_add(&s, "d", 1);
    assert_false(s.cut); // exactly full
    p2_strbuf_add(&s, "", 0);
    assert_false(s.cut);
    p2_strbuf_add(&s, "e", 1);
    assert_true(s.cut);
    assert_string_equal(s.text, "12-abcd");
    p2_strbuf_init(&s, storage, sizeof storage);
    p2_strbuf_printf(&s, "%s", "0123456789");
    assert_true(s.cut);
    assert_string_equal(s.text, "0123456");
    p2_strbuf_init(&s, storage, 1);
    p2_strbuf_printf(&s, "x");
    assert_true(s.cut);
    assert_string_equal(s.text, "");
}

static void strbuf_never_halves_a_character(void **state) {
    (void)state;
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"; // 1, 2, 3, 4 and 1 bytes
    static const size_t kept[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    for (size_t room = 0; room < sizeof kept / sizeof kept[0]; room++) {
        for (int with_printf = 0; with_printf < 2; with_printf++) {
            char storage[16];
            struct p2_strbuf s;
            p2_strbuf_init(&s, storage, room + 1);
            if (with_printf) p2_strbuf_printf(&s, "%s", text);
            if (!with_printf) p2_strbuf_add(&s, text, sizeof text - 1);
            assert_int_equal(s.size, kept[room]);
            assert_int_equal(strlen(s.text), kept[room]);
            assert_int_equal(s.cut, kept[room] < sizeof text - 1);
            p2_strbuf_add(&s, "!", 1); // nothing is added behind a gap
            if (s.cut) assert_int_equal(s.size, kept[room]);
        }
    }
}

static void no_storage(void *arg) { p2_strbuf_init(arg, NULL, 0); }

static void strbuf_needs_storage(void **state) {
    (void)state;
    struct p2_strbuf s;
    assert_true(t_aborts(no_storage, &s));
}

static void arena_stays_within_its_ceiling(void **state) {
    (void)state;
    struct p2_arena a;
    assert_true(p2_arena_init(&a, 64));
    unsigned char *first = p2_arena_alloc(&a, 1), *second = p2_arena_alloc(&a, 16);
    assert_int_equal((uintptr_t)first % 16, 0);
    assert_ptr_equal(second, first + 16);
    assert_null(p2_arena_alloc(&a, 33));
    assert_null(p2_arena_alloc(&a, SIZE_MAX));
    memset(p2_arena_alloc(&a, 32), 1, 32); // to the last byte
    assert_null(p2_arena_alloc(&a, 1));
    assert_non_null(p2_arena_alloc(&a, 0));
    p2_arena_reset(&a);
    assert_ptr_equal(p2_arena_alloc(&a, 64), first);
    p2_arena_deinit(&a);
    t_alloc_reset();
    t_alloc_fail_at(1);
    assert_false(p2_arena_init(&a, 64));
    assert_true(t_alloc_failed());
}

static void arena_texts(void **state) {
    (void)state;
    struct p2_arena a;
    assert_true(p2_arena_init(&a, 16));
    const char *one = p2_arena_printf(&a, "peer %d", 7), *two = p2_arena_printf(&a, "%s", "longer than that");
    assert_string_equal(one, "peer 7");
    assert_string_equal(two, "longer t");
    assert_string_equal(p2_arena_printf(&a, "x"), "");
    p2_arena_deinit(&a);
}

static void borrowed_text(void **state) {
    (void)state;
    assert_true(p2_str_is(p2_str("abc"), "abc"));
    assert_false(p2_str_is(p2_str("abc"), "abcd"));
    assert_false(p2_str_is(p2_str("abc"), "ab"));
    assert_true(p2_str_is(p2_str(NULL), ""));
}

struct item {
    int number;
    struct p2_list node;
};

static void lists(void **state) {
    (void)state;
    struct p2_list head;
    struct item items[4];
    p2_list_init(&head);
    assert_null(p2_list_first(&head));
    for (int i = 0; i < 4; i++) {
        items[i].number = i;
        p2_list_init(&items[i].node);
        assert_false(p2_list_linked(&items[i].node));
        if (i % 2) p2_list_push_back(&head, &items[i].node);
        if (i % 2 == 0) p2_list_push_front(&head, &items[i].node);
    }
    int order = 0;
    P2_LIST_EACH (n, next, &head) {
        order = order * 10 + P2_CONTAINER_OF(n, struct item, node)->number;
        if (n == &items[1].node) p2_list_remove(n);
    }
    assert_int_equal(order, 2013);
    p2_list_remove(&items[1].node); // harmless
    p2_list_remove(&items[2].node);
    assert_ptr_equal(p2_list_first(&head), &items[0].node);
    p2_list_remove(&items[0].node);
    p2_list_remove(&items[3].node);
    assert_true(p2_list_empty(&head));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_digests),
        cmocka_unit_test(strbuf_cuts_and_remembers),
        cmocka_unit_test(strbuf_never_halves_a_character),
        cmocka_unit_test(strbuf_needs_storage),
        cmocka_unit_test(arena_stays_within_its_ceiling),
        cmocka_unit_test(arena_texts),
        cmocka_unit_test(borrowed_text),
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
