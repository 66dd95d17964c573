// Plots: their scale, and that gaps are gaps.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "loadtest/plot.h"

static void the_scale_is_round_and_above(void **state) {
    (void)state;
    assert_true(fabs(plot_top(1.2) - 2) < 1e-9);
    assert_true(fabs(plot_top(2.1) - 2.5) < 1e-9);
    assert_true(fabs(plot_top(730) - 1000) < 1e-9);
    assert_true(fabs(plot_top(500) - 500) < 1e-9);
    assert_true(plot_top(0) == 1 && plot_top(NAN) == 1);
}

static void lines_break_where_there_is_nothing(void **state) {
    (void)state;
    const double x[] = {1, 2, 3, 4}, y[] = {1, NAN, 3, 4};
    const struct plot p = {
        .title = "t", .x_unit = "s", .y_unit = "ms", .x = x, .count = 4, .lines = {{"a", "#000", y}}, .line_count = 1};
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    plot_write(f, &p);
    fclose(f);
    const char *path = strstr(text, " d=\"");
    assert_non_null(path);
    assert_int_equal(path[4], 'M');
    const char *end = strchr(path + 4, '"');
    int pens = 0, strokes = 0;
    for (const char *c = path + 4; c < end; c++) {
        pens += *c == 'M';
        strokes += *c == 'L';
    }
    assert_int_equal(pens, 2);
    assert_int_equal(strokes, 1);
    assert_null(strstr(text, "nan"));
    free(text);
}

static void nothing_is_drawn_of_nothing_and_one_point_is_enough(void **state) {
    (void)state;
    const double one = 1;
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    struct plot p = {
        .title = "t", .x_unit = "s", .y_unit = "ms", .x = &one, .lines = {{"a", "#000", &one}}, .line_count = 1};
    plot_write(f, &p);
    fflush(f);
    assert_int_equal(size, 0);
    p.count = 1;
    plot_write(f, &p);
    fclose(f);
    assert_non_null(strstr(text, "</svg>"));
    assert_null(strstr(text, "nan"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scale_is_round_and_above),
        cmocka_unit_test(lines_break_where_there_is_nothing),
        cmocka_unit_test(nothing_is_drawn_of_nothing_and_one_point_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
