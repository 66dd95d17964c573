#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "os/os.h"

#define BAR_WIDTH 30
#define DRAW_EVERY_NS (50 * P2_MS)

void cli_bar_begin(struct cli_bar *b, const struct common_settings *s) {
    *b = (struct cli_bar){.on = !s->quiet && !s->json && isatty(STDERR_FILENO), .began_ns = p2_clock_now()};
}

void cli_bar_draw(struct cli_bar *b, double share, const char *format, ...) {
    p2_ns now = b->on ? p2_clock_now() : 0;
    if (!b->on || (share < 1 && now - b->drawn_ns < DRAW_EVERY_NS)) return;
    b->drawn_ns = now;
    char text[128];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int full = (int)(share * BAR_WIDTH);
    full = full < 0 ? 0 : full > BAR_WIDTH ? BAR_WIDTH : full;
    fprintf(stderr, "\r[%.*s%*s] %s \033[K", full, "##############################", BAR_WIDTH - full, "", text);
}

void cli_bar_clear(const struct cli_bar *b) {
    if (b->on) fputs("\r\033[K", stderr);
}

double cli_bar_seconds(const struct cli_bar *b) { return (double)(p2_clock_now() - b->began_ns) / 1e9; }
