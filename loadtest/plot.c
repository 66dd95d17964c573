#include "loadtest/plot.h"

#include <math.h>
#include <stdbool.h>

#define WIDTH 860.0
#define HEIGHT 240.0
#define LEFT 70.0
#define RIGHT 28.0
#define TOP 34.0
#define BOTTOM 32.0
#define Y_TICKS 5
#define X_TICKS 10

double plot_top(double most) {
    static const double steps[] = {1, 2, 2.5, 5, 10};
    if (!(most > 0) || !isfinite(most)) return 1;
    double power = pow(10, floor(log10(most)));
    for (int i = 0; i < 4; i++) {
        if (steps[i] * power >= most * (1 - 1e-12)) return steps[i] * power;
    }
    return 10 * power;
}

static double most_of(const struct plot *p) {
    double most = 0;
    for (uint32_t l = 0; l < p->line_count; l++) {
        for (uint32_t i = 0; i < p->count; i++) {
            if (p->lines[l].y[i] > most) most = p->lines[l].y[i];
        }
    }
    return most;
}

static double x_at(const struct plot *p, double x) {
    double first = p->x[0], span = p->x[p->count - 1] - first;
    return LEFT + (span > 0 ? (x - first) / span : 0) * (WIDTH - LEFT - RIGHT);
}

static double y_at(double y, double top) { return HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM); }

static void axes(FILE *f, const struct plot *p, double top) {
    for (int i = 0; i <= Y_TICKS; i++) {
        double y = y_at(top * i / Y_TICKS, top);
        fprintf(f, "<line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\" class=\"g\"/>", LEFT, WIDTH - RIGHT, y, y);
        fprintf(f, "<text x=\"%.0f\" y=\"%.1f\" class=\"r\">%.6g</text>\n", LEFT - 6, y + 4, top * i / Y_TICKS);
    }
    uint32_t each = p->x_names || p->count <= X_TICKS ? 1 : (p->count + X_TICKS - 1) / X_TICKS;
    for (uint32_t i = 0; i < p->count; i += each) {
        fprintf(f, "<text x=\"%.1f\" y=\"%.0f\" class=\"m\">", x_at(p, p->x[i]), HEIGHT - BOTTOM + 16);
        if (p->x_names)
            fprintf(f, "%s</text>\n", p->x_names[i]);
        else
            fprintf(f, "%.3g</text>\n", p->x[i]);
    }
    fprintf(f, "<text x=\"%.0f\" y=\"%.0f\" class=\"r\">%s</text>\n", WIDTH - RIGHT, HEIGHT - 3, p->x_unit);
}

// A line breaks where there is no value.
static void line(FILE *f, const struct plot *p, const struct plot_line *l, double top) {
    bool pen = false;
    fprintf(f, "<path class=\"l\" stroke=\"%s\" d=\"", l->colour);
    for (uint32_t i = 0; i < p->count; i++) {
        if (!isnan(l->y[i])) fprintf(f, "%c%.1f %.1f", pen ? 'L' : 'M', x_at(p, p->x[i]), y_at(l->y[i], top));
        pen = !isnan(l->y[i]);
    }
    fputs("\"/>\n", f);
}

void plot_write(FILE *f, const struct plot *p) {
    if (p->count == 0) return;
    double top = plot_top(most_of(p)), at = LEFT;
    fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n", WIDTH, HEIGHT);
    fprintf(f, "<title>%s</title><text x=\"%.0f\" y=\"14\" class=\"t\">%s, %s</text>\n", p->title, LEFT, p->title,
            p->y_unit);
    for (uint32_t i = 0; i < p->line_count; i++) {
        const char *name = p->lines[i].name;
        fprintf(
            f,
            "<rect x=\"%.0f\" y=\"20\" width=\"10\" height=\"10\" fill=\"%s\"/><text x=\"%.0f\" y=\"29\">%s</text>\n",
            at, p->lines[i].colour, at + 14, name);
        int letters = 0;
        while (name[letters]) letters++;
        at += 30 + 7.5 * letters;
    }
    axes(f, p, top);
    for (uint32_t i = 0; i < p->line_count; i++) line(f, p, &p->lines[i], top);
    fputs("</svg>\n", f);
}
