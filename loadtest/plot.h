// Lines over time as inline SVG, for the report's page.
#ifndef LOADTEST_PLOT_H
#define LOADTEST_PLOT_H

#include <stdint.h>
#include <stdio.h>

#define PLOT_LINES_MAX 5u

struct plot_line {
    const char *name, *colour;
    const double *y; // borrows; of each x, NAN where there is none
};

struct plot {
    const char *title, *x_unit, *y_unit;
    const double *x; // rising; borrows
    uint32_t count;
    struct plot_line lines[PLOT_LINES_MAX];
    uint32_t line_count;
    const char *const *x_names; // in place of numbers, one for each x; NULL: numbers
};

void plot_write(FILE *f, const struct plot *p);
double plot_top(double most); // the least of 1, 2, 2.5, 5 times a power of ten that is not below it

#endif
