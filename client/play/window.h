// A window to draw in and keys to play with: the door to SDL2, which is looked for when a window is wanted and not
// before.
#ifndef CLIENT_PLAY_WINDOW_H
#define CLIENT_PLAY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"

struct window;

struct window_keys { // since the last time they were asked for; east and south as held now, -1..1
    bool end, offload, lag, quality, rain, hide, picture;
    float east, south;
};

// NULL with a sentence in why. The picture is w x h pixels, shown `scale` times as large to begin with.
struct window *window_open(const char *title, uint32_t w, uint32_t h, uint32_t scale, struct p2_strbuf *why);
void window_close(struct window **win); // NULL is fine
void window_keys(struct window *win, struct window_keys *out);
void window_show(struct window *win, const uint8_t *rgb); // waits for no screen

#endif
