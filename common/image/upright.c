#include <string.h>

#include "image/image.h"

void p2_image_upright(struct p2_image_info *is, uint32_t orientation, const uint8_t *from, uint8_t *to) {
    const size_t w = is->width, h = is->height, bytes = is->channels;
    const bool swapped = orientation >= 5 && orientation <= 8;
    const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const size_t out_w = swapped ? h : w, out_h = swapped ? w : h;
    for (size_t y = 0; y < out_h; y++) {
        for (size_t x = 0; x < out_w; x++, to += bytes) {
            size_t column = swapped ? y : x, row = swapped ? x : y;
            if (from_right) column = w - 1 - column;
            if (from_below) row = h - 1 - row;
            memcpy(to, from + (row * w + column) * bytes, bytes);
        }
    }
    is->width = (uint32_t)out_w;
    is->height = (uint32_t)out_h;
}
