#include <ctype.h>
#include <string.h>

#include "base/check.h"
#include "image/codec.h"

static enum p2_image_format recognise(const uint8_t *bytes, size_t size) {
    if (size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0) return P2_IMAGE_PNG;
    if (size >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0) return P2_IMAGE_JPEG;
    if (size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0) return P2_IMAGE_WEBP;
    if (size >= 3 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6')) return P2_IMAGE_PPM;
    return P2_IMAGE_RAW;
}

enum p2_err p2_image_probe(const uint8_t *bytes, size_t size, struct p2_image_info *out) {
    *out = (struct p2_image_info){.format = recognise(bytes, size)};
    enum p2_err err = P2_ERR_BAD_PAYLOAD;
    switch (out->format) {
    case P2_IMAGE_RAW: break;
    case P2_IMAGE_PNG: err = p2_png_probe(bytes, size, out); break;
    case P2_IMAGE_JPEG: err = p2_jpeg_probe(bytes, size, out); break;
    case P2_IMAGE_WEBP: err = p2_webp_probe(bytes, size, out); break;
    case P2_IMAGE_PPM: err = p2_ppm_probe(bytes, size, out); break;
    }
    if (err) return err;
    if (!out->width || !out->height) return P2_ERR_BAD_PAYLOAD;
    if (out->width > P2_IMAGE_SIDE_MAX || out->height > P2_IMAGE_SIDE_MAX) return P2_ERR_TOO_LARGE;
    if ((uint64_t)out->width * out->height > P2_IMAGE_PIXELS_MAX) return P2_ERR_TOO_LARGE;
    return P2_OK;
}

void p2_image_traits(const uint8_t *bytes, size_t size, struct p2_image_traits *out) {
    *out = (struct p2_image_traits){.orientation = 1};
    switch (recognise(bytes, size)) {
    case P2_IMAGE_PNG: p2_png_traits(bytes, size, out); break;
    case P2_IMAGE_JPEG: p2_jpeg_traits(bytes, size, out); break;
    case P2_IMAGE_PPM: p2_ppm_traits(bytes, size, out); break;
    case P2_IMAGE_WEBP: p2_webp_traits(bytes, size, out); break;
    case P2_IMAGE_RAW: break;
    }
}

enum p2_err p2_image_decode(const uint8_t *bytes, size_t size, const struct p2_image_info *want, uint8_t *pixels,
                            size_t capacity) {
    P2_CHECK(want->channels == 3 || want->channels == 4);
    struct p2_image_info is;
    enum p2_err err = p2_image_probe(bytes, size, &is);
    if (err) return err;
    if (is.format != want->format || is.width != want->width || is.height != want->height) return P2_ERR_BAD_PAYLOAD;
    uint64_t decoded = (uint64_t)is.width * is.height * want->channels;
    if (decoded > capacity) return P2_ERR_TOO_LARGE;
    if (decoded > (1u << 20) && decoded / P2_IMAGE_RATIO_MAX > size) return P2_ERR_TOO_LARGE;
    switch (is.format) {
    case P2_IMAGE_PNG: return p2_png_decode(bytes, size, want, pixels);
    case P2_IMAGE_JPEG: return p2_jpeg_decode(bytes, size, want, pixels);
    case P2_IMAGE_WEBP: return p2_webp_decode(bytes, size, want, pixels);
    case P2_IMAGE_PPM: return p2_ppm_decode(bytes, size, want, pixels);
    case P2_IMAGE_RAW: break;
    }
    P2_UNREACHABLE();
}

size_t p2_image_encode_bound(enum p2_image_format format, uint32_t width, uint32_t height, uint32_t channels) {
    size_t row = (size_t)width * channels, raw = row * height;
    size_t blocks = ((size_t)width + 15) / 16 * (((size_t)height + 15) / 16);
    switch (format) {
    case P2_IMAGE_RAW: return raw;
    case P2_IMAGE_PNG: return raw + height + (raw + height) / 8 + (raw + height) / 64 + 4096; // deflate, chunk heads
    case P2_IMAGE_JPEG: return blocks * 256 * 6 + 4096;                                       // tjBufSize of 4:4:4
    case P2_IMAGE_WEBP: return raw + raw / 2 + blocks * 64 + 65536; // no bound is documented; noise stays below raw
    case P2_IMAGE_PPM: return (size_t)width * height * 3 + 64;
    }
    P2_UNREACHABLE();
}

bool p2_image_sink_add(struct p2_image_sink *s, const void *bytes, size_t size) {
    if (size > s->capacity - s->size) {
        s->full = true;
        return false;
    }
    if (size) memcpy(s->bytes + s->size, bytes, size);
    s->size += size;
    return true;
}

enum p2_err p2_image_encode(const struct p2_image_info *what, const uint8_t *pixels, int quality, uint8_t *out,
                            size_t capacity, size_t *size_out) {
    P2_CHECK(what->channels == 3 || what->channels == 4);
    P2_CHECK(what->width && what->width <= P2_IMAGE_SIDE_MAX);
    P2_CHECK(what->height && what->height <= P2_IMAGE_SIDE_MAX);
    size_t raw = (size_t)what->width * what->height * what->channels;
    struct p2_image_sink sink = {.bytes = out, .capacity = capacity};
    enum p2_err err = P2_OK;
    switch (what->format) {
    case P2_IMAGE_RAW:
        if (!p2_image_sink_add(&sink, pixels, raw)) err = P2_ERR_RESULT_TOO_LARGE;
        break;
    case P2_IMAGE_PNG: err = p2_png_encode(what, pixels, quality, &sink); break;
    case P2_IMAGE_JPEG: err = p2_jpeg_encode(what, pixels, quality, &sink); break;
    case P2_IMAGE_WEBP: err = p2_webp_encode(what, pixels, quality, &sink); break;
    case P2_IMAGE_PPM: err = p2_ppm_encode(what, pixels, &sink); break;
    }
    *size_out = err ? 0 : sink.size;
    return err;
}

static bool same_word(const char *a, const char *b) {
    for (; *a && *b; a++, b++)
        if (tolower((unsigned char)*a) != *b) return false;
    return *a == *b;
}

enum p2_image_format p2_image_format_of_path(const char *path) {
    static const struct {
        const char *ending;
        enum p2_image_format format;
    } known[] = {{"png", P2_IMAGE_PNG},   {"jpg", P2_IMAGE_JPEG}, {"jpeg", P2_IMAGE_JPEG}, {"jpe", P2_IMAGE_JPEG},
                 {"webp", P2_IMAGE_WEBP}, {"ppm", P2_IMAGE_PPM},  {"pgm", P2_IMAGE_PPM},   {"pnm", P2_IMAGE_PPM}};
    const char *dot = strrchr(path, '.');
    if (!dot || strchr(dot, '/')) return P2_IMAGE_RAW;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (same_word(dot + 1, known[i].ending)) return known[i].format;
    return P2_IMAGE_RAW;
}

const char *p2_image_format_name(enum p2_image_format f) {
    static const char *const names[] = {"raw", "png", "jpeg", "webp", "ppm"};
    return (unsigned)f < sizeof names / sizeof *names ? names[f] : "unknown";
}
