#include <string.h>

#include "rig.h"

static void expect_text(const struct coord_note *n, const char *text) {
    char storage[512];
    struct p2_strbuf out;
    p2_strbuf_init(&out, storage, sizeof storage);
    coord_note_text(n, &out);
    assert_string_equal(storage, text);
}

static void test_a_task_tells_its_story(void **state) {
    (void)state;
    struct coord_note n = {.kind = NOTE_TASK,
                           .to = TASK_QUEUED,
                           .why = WHY_PEER_LOST,
                           .code = P2_ERR_PEER_LOST,
                           .class_ = P2_CLASS_BATCH,
                           .task = rig_id(1),
                           .peer = rig_id(2),
                           .attempt = 1,
                           .span_ns = 1500 * P2_US};
    expect_text(&n, "task state=queued why=peer_lost task=00000000000000000000000000000001 "
                    "peer=00000000000000000000000000000002 class=batch attempt=1 code=PeerLost after_us=1500");
}

static void test_words_of_remotes_cannot_break_a_line(void **state) {
    (void)state;
    struct coord_note n = {.kind = NOTE_CONN_ERROR, .conn = 0x2a, .code = P2_ERR_BAD_MESSAGE};
    n.text = p2_str("a\"b\nc\\d");
    expect_text(&n, "conn_error conn=2a code=BadMessage text=\"a.b.c.d\"");
}

static void test_every_number_has_a_name(void **state) {
    (void)state;
    for (unsigned i = 0; i < NOTE_KINDS; i++) assert_string_not_equal(coord_note_name(i), "unknown");
    for (unsigned i = 0; i < TASK_STATES; i++) assert_string_not_equal(task_state_name(i), "unknown");
    for (unsigned i = 0; i < WHY_CODES; i++) assert_string_not_equal(coord_why_name(i), "unknown");
    assert_string_equal(coord_note_name(NOTE_KINDS), "unknown");
    assert_string_equal(task_state_name(TASK_STATES), "unknown");
    assert_string_equal(coord_why_name(WHY_CODES), "unknown");
}

static void test_limits_are_looked_at(void **state) {
    (void)state;
    struct coord_limits good = coord_limits_default(), l = good;
    assert_null(coord_limits_wrong(&good));
    l.attempts_max = COORD_ATTEMPTS_CEILING + 1;
    assert_non_null(strstr(coord_limits_wrong(&l), "attempts_max"));
    l = good;
    l.stream_window_bytes = P2_STREAM_WINDOW - 1;
    assert_non_null(strstr(coord_limits_wrong(&l), "stream_window_bytes"));
    l = good;
    l.payload_budget_bytes = 2 * l.stream_window_bytes - 1;
    assert_non_null(strstr(coord_limits_wrong(&l), "payload_budget_bytes"));
    l = good;
    l.cut_through = false;
    assert_non_null(strstr(coord_limits_wrong(&l), "cut_through"));
    l.stream_window_bytes = P2_TASK_PAYLOAD_MAX;
    assert_null(coord_limits_wrong(&l));
    l = good;
    l.tasks_max = 0;
    assert_non_null(strstr(coord_limits_wrong(&l), "tasks_max"));
    struct p2_blob_pool pool;
    p2_blob_pool_init(&pool, 0, 0);
    struct coord_config config = {.limits = l, .types = rig_types, .type_count = 2, .pool = &pool};
    assert_null(coord_create(&config, 0));
}

static void test_the_sum_grows_with_the_limits(void **state) {
    (void)state;
    struct p2_blob_pool pool;
    p2_blob_pool_init(&pool, 0, 0);
    struct coord_config config = {.limits = rig_limits(), .types = rig_types, .type_count = 2, .pool = &pool};
    struct coord *small = coord_create(&config, 0);
    config.limits.tasks_max *= 4;
    struct coord *large = coord_create(&config, 0);
    size_t more = coord_memory_bytes(large) - coord_memory_bytes(small);
    assert_in_range(more, 3 * 256 * (sizeof(struct task) + sizeof(struct replica)), 3 * 256 * 4096);
    coord_destroy(&small);
    coord_destroy(&large);
    coord_destroy(&large);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_task_tells_its_story),
        cmocka_unit_test(test_words_of_remotes_cannot_break_a_line),
        cmocka_unit_test(test_every_number_has_a_name),
        cmocka_unit_test(test_limits_are_looked_at),
        cmocka_unit_test(test_the_sum_grows_with_the_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
