// What stands in for a tile that does not come in time: the same rows, enlarged here by bilinear filtering.
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

#endif
