// Letters of five by seven pixels, drawn by the project: capitals, digits and a few signs. Small letters become
// capitals.
#ifndef CLIENT_PLAY_DRAW_TEXT_H
#define CLIENT_PLAY_DRAW_TEXT_H

#include <stdint.h>

#define TEXT_ADVANCE 6 // pixels from a letter to the next
#define TEXT_LINE 10   // and from a line to the next

struct canvas { // three bytes RGB a pixel; borrowed
    uint8_t *rgb;
    uint32_t w, h;
};

// With a dark edge, so that it can be read on anything. What is outside the canvas is cut off; what has no picture is a
// blank. Returns where the next letter would be.
int text_draw(const struct canvas *c, int x, int y, uint32_t colour, const char *text); // colour 0xrrggbb
int text_width(const char *text);                                                       // pixels

void text_fill(const struct canvas *c, int x, int y, int w, int h, uint32_t colour); // a rectangle, clipped
void text_dim(const struct canvas *c, int x, int y, int w, int h);                   // to a third, for text to stand on

#endif
