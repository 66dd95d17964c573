// Which web pages may connect, by what their browser says of them.
#include "fixture.h"

#include <string.h>

static void pages_of_this_machine_may(void **state) {
    (void)state;
    static const char *const origins[] = {"http://localhost",      "http://localhost:8000", "https://LOCALHOST:1",
                                          "http://127.0.0.1:8000", "http://127.9.9.9",      "http://[::1]:8000"};
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
        assert_true(p2_origin_allowed("", origins[i], "127.0.0.1:8765"));
        assert_true(p2_origin_allowed("", origins[i], ""));
    }
}

static void other_pages_may_not(void **state) {
    (void)state;
    static const char *const origins[] = {"https://evil.example",
                                          "https://evil.example:8765",
                                          "http://localhost.evil.example",
                                          "http://127.0.0.1.evil.example",
                                          "http://evil.example/localhost",
                                          "http://localhost@evil.example",
                                          "http://128.0.0.1",
                                          "http://0x7f000001",
                                          "http://2130706433",
                                          "http://[::2]",
                                          "http://[::1",
                                          "http://::1",
                                          "http://localhost:80x",
                                          "http://",
                                          "localhost",
                                          "null",
                                          "file://",
                                          "chrome-extension://localhost",
                                          "",
                                          "*"};
    static const char *const hosts[] = {"127.0.0.1:8765", "evil.example:8765", "evil.example", "localhost:8765", ""};
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
        for (size_t k = 0; k < sizeof hosts / sizeof *hosts; k++) {
            assert_false(p2_origin_allowed("", origins[i], hosts[k])); // the host's own name is no proof: rebinding
        }
    }
}

static void pages_of_the_address_they_dial_may(void **state) {
    (void)state;
    assert_true(p2_origin_allowed("", "http://192.168.1.5:8000", "192.168.1.5:8765"));
    assert_true(p2_origin_allowed("", "http://[fe80::0:1]:8000", "[fe80::1]:8765"));
    assert_false(p2_origin_allowed("", "http://192.168.1.5:8000", "192.168.1.6:8765"));
    assert_false(p2_origin_allowed("", "http://192.168.1.5:8000", "[fe80::1]:8765"));
    assert_false(p2_origin_allowed("", "http://192.168.1.5:8000", "192.168.1.5:x"));
}

static void listed_pages_may(void **state) {
    (void)state;
    const char *list = "https://game.example, http://lab.example:81  chrome-extension://abc";
    assert_true(p2_origin_allowed(list, "https://game.example", "h"));
    assert_true(p2_origin_allowed(list, "https://Game.example", "h"));
    assert_true(p2_origin_allowed(list, "http://lab.example:81", "h"));
    assert_true(p2_origin_allowed(list, "chrome-extension://abc", "h"));
    assert_false(p2_origin_allowed(list, "http://game.example", "h"));
    assert_false(p2_origin_allowed(list, "https://game.example:444", "h"));
    assert_false(p2_origin_allowed(list, "https://a.game.example", "h"));
    assert_false(p2_origin_allowed(list, "http://lab.example:8", "h"));
    assert_false(p2_origin_allowed(list, "", "h"));
    assert_true(p2_origin_allowed("https://x.example,*", "https://game.example", "h"));
    assert_true(p2_origin_allowed("*", "null", "h"));
}

static void lists_that_make_no_sense(void **state) {
    (void)state;
    static const char *const good[] = {"", "*", "https://a.example", " https://a.example:1 ,*", "a+b://c"};
    static const char *const bad[] = {
        "game.example", "https://", "https:// a.example", "https://a.example/", "https://a.example,b", "://a", "**"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(p2_origins_ok(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(p2_origins_ok(bad[i]));
    char endless[P2_ORIGINS_MAX + 1] = "https://";
    memset(endless + 8, 'a', sizeof endless - 9);
    assert_false(p2_origins_ok(endless));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_this_machine_may),          cmocka_unit_test(other_pages_may_not),
        cmocka_unit_test(pages_of_the_address_they_dial_may), cmocka_unit_test(listed_pages_may),
        cmocka_unit_test(lists_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
