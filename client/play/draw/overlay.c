#include "client/play/draw/overlay.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define WHITE 0xf2f4f8u
#define DIM 0x9aa8bcu
#define GOOD 0x63e08au
#define WARN 0xffc14du
#define BAD 0xff6a5eu
#define GOLD 0xffd94du
#define PANEL_W 320
#define PANEL_H 80
#define GRAPH_H 34
#define BUDGET_MS (1000.0 / 60)

// A line in pieces of different colours: each ends where the next begins.
static int say(const struct canvas *c, int x, int y, uint32_t colour, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
static int say(const struct canvas *c, int x, int y, uint32_t colour, const char *format, ...) {
    char text[120];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return text_draw(c, x, y, colour, text);
}

static void row(const struct canvas *c, int y, const char *name, const struct overlay_row *r) {
    say(c, 10, y, DIM, "%s", name);
    say(c, 58, y, r->per_s > 0 ? WHITE : WARN, "%5.1f/s", r->per_s);
    say(c, 106, y, r->took_ms > 0 ? WHITE : DIM, "%6.1f ms", r->took_ms);
    say(c, 166, y, r->missed ? WARN : DIM, "-%" PRIu64, r->missed);
    say(c, 202, y, GOOD, "%s", r->now);
}

static void link_line(const struct overlay *o, const struct canvas *c, int y) {
    int x = say(c, 10, y, DIM, "offload ");
    const bool up = o->offload && o->connected;
    x = say(c, x, y, up ? GOOD : o->offload ? BAD : WARN, "%s", up ? "on" : o->offload ? "no coordinator" : "off");
    x = say(c, x, y, DIM, "  round trip ");
    x = say(c, x, y, WHITE, "%.1f ms", (double)o->stats.rtt_us / 1e3);
    if (o->lag_ms > 0 || o->loss > 0) say(c, x, y, BAD, "  lag %.0f ms loss %.0f%%", o->lag_ms, o->loss * 100);
}

static void panel(const struct overlay *o, const struct canvas *c) {
    text_dim(c, 4, 4, PANEL_W, PANEL_H);
    const double last = o->frame_ms[(o->frame_next + OVERLAY_FRAMES - 1) % OVERLAY_FRAMES];
    int x = say(c, 10, 9, GOLD, "p2c2r play  ");
    x = say(c, x, 9, DIM, "frame ");
    x = say(c, x, 9, last < BUDGET_MS ? WHITE : BAD, "%4.1f ms", last);
    x = say(c, x, 9, DIM, "  p99 ");
    say(c, x, 9, o->frame_p99_ms < BUDGET_MS ? GOOD : BAD, "%4.1f ms", o->frame_p99_ms);
    link_line(o, c, 20);
    row(c, 33, "picture", &o->picture);
    row(c, 43, "bodies", &o->bodies);
    row(c, 53, "ways", &o->ways);
    x = say(c, 10, 67, DIM, "in flight ");
    x = say(c, x, 67, WHITE, "%" PRIu32, o->stats.in_flight);
    x = say(c, x, 67, DIM, "  queue ");
    x = say(c, x, 67, WHITE, "%.1f", (double)o->stats.queue.mean_us / 1e3);
    x = say(c, x, 67, DIM, "  net ");
    x = say(c, x, 67, WHITE, "%.1f", (double)o->stats.transfer.mean_us / 1e3);
    x = say(c, x, 67, DIM, "  peer ");
    x = say(c, x, 67, WHITE, "%.1f", (double)o->stats.processing.mean_us / 1e3);
    say(c, x, 67, DIM, " ms");
}

// Two pixels a frame; the line is a sixtieth of a second.
static void graph(const struct overlay *o, const struct canvas *c) {
    const int left = (int)c->w - 2 * (int)OVERLAY_FRAMES - 8, bottom = 22 + GRAPH_H;
    text_dim(c, left - 4, 18, 2 * (int)OVERLAY_FRAMES + 8, GRAPH_H + 8);
    for (uint32_t i = 0; i < OVERLAY_FRAMES; i++) {
        const double ms = o->frame_ms[(o->frame_next + i) % OVERLAY_FRAMES];
        int high = (int)(ms / BUDGET_MS * (GRAPH_H - 8));
        if (high > GRAPH_H) high = GRAPH_H;
        text_fill(c, left + 2 * (int)i, bottom - high, 2, high, ms < BUDGET_MS ? 0x4fb8e8u : BAD);
    }
    text_fill(c, left, bottom - (GRAPH_H - 8), 2 * (int)OVERLAY_FRAMES, 1, 0xc05040u);
    say(c, left + 2, bottom - GRAPH_H, DIM, "16.7 ms");
}

void overlay_draw(const struct overlay *o, const struct canvas *c) {
    panel(o, c);
    graph(o, c);
    char text[40];
    snprintf(text, sizeof text, "home %" PRIu32, o->home);
    text_draw(c, (int)c->w - text_width(text) - 8, 7, GOLD, text);
    static const char keys[] = "o offload  l lag+loss  q quality  arrows goal  space rain  h hide  p picture  esc end";
    text_dim(c, 0, (int)c->h - 15, (int)c->w, 15);
    text_draw(c, ((int)c->w - text_width(keys)) / 2, (int)c->h - 11, DIM, keys);
}
