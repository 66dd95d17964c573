// Pictures: PNG, JPEG, WebP, PPM/PGM and raw, to and from 8-bit RGB or RGBA rows without padding. Sizes are read and
// checked from the header before a pixel is allocated; all decoders have their own bombs defused.
#ifndef P2_IMAGE_IMAGE_H
#define P2_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum p2_image_format { P2_IMAGE_RAW = 0, P2_IMAGE_PNG = 1, P2_IMAGE_JPEG = 2, P2_IMAGE_WEBP = 3, P2_IMAGE_PPM = 4 };

#define P2_IMAGE_SIDE_MAX 16384u
#define P2_IMAGE_PIXELS_MAX (64u << 20)
#define P2_IMAGE_RATIO_MAX 200u // decoded bytes per encoded byte, above 1 MiB decoded

struct p2_image_info {
    enum p2_image_format format;
    uint32_t width, height;
    uint32_t channels; // 3 or 4, as it will be decoded
};

// From the first bytes; P2_ERR_BAD_PAYLOAD when no format is recognised or the header is broken, P2_ERR_TOO_LARGE
// when a side or the pixel count is above its limit. RAW is never recognised.
enum p2_err p2_image_probe(const uint8_t *bytes, size_t size, struct p2_image_info *out);

// What a file says of its picture that decoding does not show.
struct p2_image_traits {
    uint32_t orientation; // as EXIF counts, 1..8 (p2_image_upright); read of JPEG only, 1 when nothing sound is said
    bool deep;            // more than 8 bits a channel, of which decoding keeps 8
    // A sort of file that is recognised but that no decoder here reads, and what to do: "is a CMYK JPEG: ..."; else
    // NULL.
    const char *unread;
};
void p2_image_traits(const uint8_t *bytes, size_t size, struct p2_image_traits *out);

// Decodes into pixels (width * height * channels bytes, the caller's, capacity checked). `want` says what size and
// channels the caller expects; P2_ERR_BAD_PAYLOAD when the file says otherwise or is broken, P2_ERR_TOO_LARGE for a
// bomb. channels may differ from the file's: alpha is dropped or set to 255. Memory used besides pixels is bounded by
// a few rows, except progressive JPEG and WebP: bounded by 8 bytes a pixel.
enum p2_err p2_image_decode(const uint8_t *bytes, size_t size, const struct p2_image_info *want, uint8_t *pixels,
                            size_t capacity);

// Turns and mirrors decoded pixels of a picture of that orientation so that it stands upright, from one buffer into
// another; *is has the sizes before and then those after (5..8 swap them). Orientation: where the stored first row and
// first column belong: 1 top left, 2 top right, 3 bottom right, 4 bottom left, 5 left top, 6 right top, 7 right bottom,
// 8 left bottom. Others count as 1.
void p2_image_upright(struct p2_image_info *is, uint32_t orientation, const uint8_t *from, uint8_t *to);

// Upper bound of p2_image_encode's output.
size_t p2_image_encode_bound(enum p2_image_format format, uint32_t width, uint32_t height, uint32_t channels);

// Encodes pixels of that size and channels (3 or 4) into out, in that format. quality 1..100 for JPEG and WebP (101:
// WebP lossless); PNG uses it as effort 1..9 (fast at 1). P2_ERR_RESULT_TOO_LARGE when capacity is short. JPEG drops
// alpha.
enum p2_err p2_image_encode(const struct p2_image_info *what, const uint8_t *pixels, int quality, uint8_t *out,
                            size_t capacity, size_t *size_out);

enum p2_image_format p2_image_format_of_path(const char *path); // by extension; RAW when unknown
const char *p2_image_format_name(enum p2_image_format f);       // "png"

#endif
