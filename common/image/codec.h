// What the codecs of this folder give to image.c. Sizes in `info` are within the limits when decode is called, pixels
// has room for them, and encode's arguments are checked.
#ifndef P2_IMAGE_CODEC_H
#define P2_IMAGE_CODEC_H

#include <stdbool.h>

#include "image/image.h"

// Header of a file of that format: sizes as the file says them, unchecked against the limits.
enum p2_err p2_png_probe(const uint8_t *bytes, size_t size, struct p2_image_info *out);
enum p2_err p2_jpeg_probe(const uint8_t *bytes, size_t size, struct p2_image_info *out);
enum p2_err p2_webp_probe(const uint8_t *bytes, size_t size, struct p2_image_info *out);
enum p2_err p2_ppm_probe(const uint8_t *bytes, size_t size, struct p2_image_info *out);

// Fill in what there is to say; out has what is usual.
void p2_png_traits(const uint8_t *bytes, size_t size, struct p2_image_traits *out);
void p2_jpeg_traits(const uint8_t *bytes, size_t size, struct p2_image_traits *out);
void p2_webp_traits(const uint8_t *bytes, size_t size, struct p2_image_traits *out);
void p2_ppm_traits(const uint8_t *bytes, size_t size, struct p2_image_traits *out);

// Of the payload of a JPEG's APP1 segment; 1 unless it is EXIF and says otherwise.
uint32_t p2_exif_orientation(const uint8_t *bytes, size_t size);

enum p2_err p2_png_decode(const uint8_t *bytes, size_t size, const struct p2_image_info *want, uint8_t *pixels);
enum p2_err p2_jpeg_decode(const uint8_t *bytes, size_t size, const struct p2_image_info *want, uint8_t *pixels);
enum p2_err p2_webp_decode(const uint8_t *bytes, size_t size, const struct p2_image_info *want, uint8_t *pixels);
enum p2_err p2_ppm_decode(const uint8_t *bytes, size_t size, const struct p2_image_info *want, uint8_t *pixels);

// Where an encoder writes.
struct p2_image_sink {
    uint8_t *bytes;
    size_t size, capacity;
    bool full; // something did not fit
};

bool p2_image_sink_add(struct p2_image_sink *s, const void *bytes, size_t size); // false: capacity is short

enum p2_err p2_png_encode(const struct p2_image_info *is, const uint8_t *pixels, int effort, struct p2_image_sink *to);
enum p2_err p2_jpeg_encode(const struct p2_image_info *is, const uint8_t *pixels, int quality,
                           struct p2_image_sink *to);
enum p2_err p2_webp_encode(const struct p2_image_info *is, const uint8_t *pixels, int quality,
                           struct p2_image_sink *to);
enum p2_err p2_ppm_encode(const struct p2_image_info *is, const uint8_t *pixels, struct p2_image_sink *to);

// Big- and little-endian numbers at p.
static inline uint32_t p2_be16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static inline uint32_t p2_be32(const uint8_t *p) { return p2_be16(p) << 16 | p2_be16(p + 2); }
static inline uint32_t p2_le32(const uint8_t *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

#endif
