// What stands in for a tile that does not come in time: the same rows, enlarged here by bilinear filtering, or made of
// the rows next to them.
#ifndef CLIENT_CORE_FILL_H
#define CLIENT_CORE_FILL_H

#include <stddef.h>
#include <stdint.h>

struct fill { // two pictures of the same ground, rows of 8-bit pixels without gaps
    const uint8_t *in;
    uint32_t in_w, in_h, out_w, out_h, channels; // channels 3 or 4; sides 1 to 16,384
};

// Rows first to first + rows - 1 of the larger one. Within one level of what upscaling with quality fast gives.
void p2_fill_rows(const struct fill *f, uint32_t first, uint32_t rows, uint8_t *out);

#define FILL_NONE UINT32_MAX

struct fill_gap {                       // in a picture
    uint32_t first, rows, above, below; // its rows; the nearest ones that are there, one of them perhaps FILL_NONE
};

// Rows of row_bytes each pass evenly from the one above into the one below.
void p2_fill_between(uint8_t *picture, size_t row_bytes, struct fill_gap gap);

#endif
