// Built without SDL2's headers: there is no window.
#include "client/play/window.h"

struct window *window_open(const char *title, uint32_t w, uint32_t h, uint32_t scale, struct p2_strbuf *why) {
    (void)title, (void)w, (void)h, (void)scale;
    p2_strbuf_printf(why, "this p2c2r was built without a window: install libsdl2-dev and build it again, or play with "
                          "--headless");
    return NULL;
}

void window_close(struct window **win) { *win = NULL; }

void window_keys(struct window *win, struct window_keys *out) {
    (void)win;
    *out = (struct window_keys){0};
}

void window_show(struct window *win, const uint8_t *rgb) { (void)win, (void)rgb; }
