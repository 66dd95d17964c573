// Pictures and files that the tests of common/image share.
#ifndef TESTS_UNIT_IMAGE_PICTURES_H
#define TESTS_UNIT_IMAGE_PICTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint8_t *picture_smooth(uint32_t w, uint32_t h, uint32_t channels); // gives (free)
uint8_t *picture_noise(uint32_t w, uint32_t h, uint32_t channels, uint64_t seed);

// A 19x11 PNG of one of the kinds there are, and what it shows as RGBA. Returns its size.
#define PICTURE_PNG_KINDS 12
size_t picture_png_kind(size_t kind, bool interlaced, uint8_t *out, size_t capacity, uint8_t *rgba, bool *alpha);

// A chunk with its length and checksum; returns its size.
size_t picture_png_chunk(const char name[static 4], const uint8_t *data, uint32_t size, uint8_t *out);

// A progressive JPEG of noise, w x h; returns its size.
size_t picture_jpeg_progressive(uint32_t w, uint32_t h, uint8_t *out, size_t capacity);

#endif
