#include <stdio.h>
#include <string.h>

#include "image/codec.h"

struct header {
    uint32_t width, height, deepest; // the value that stands for white
    uint32_t samples;                // of a pixel: 1 or 3
    size_t end;                      // where the samples begin
};

static bool is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The next decimal number, after white space and comments; false when there is none below 100,000.
static bool number(const uint8_t *bytes, size_t size, size_t *at, uint32_t *out) {
    while (*at < size && (is_space(bytes[*at]) || bytes[*at] == '#')) {
        if (bytes[*at] == '#')
            while (*at < size && bytes[*at] != '\n') ++*at;
        else
            ++*at;
    }
    uint32_t value = 0;
    size_t begin = *at;
    for (; *at < size && bytes[*at] >= '0' && bytes[*at] <= '9'; ++*at) {
        value = value * 10 + (uint32_t)(bytes[*at] - '0');
        if (value > 99999) return false;
    }
    *out = value;
    return *at > begin;
}

static bool parse(const uint8_t *bytes, size_t size, struct header *out) {
    size_t at = 2;
    out->samples = bytes[1] == '6' ? 3 : 1;
    if (!is_space(bytes[2]) && bytes[2] != '#') return false;
    if (!number(bytes, size, &at, &out->width) || !number(bytes, size, &at, &out->height) ||
        !number(bytes, size, &at, &out->deepest))
        return false;
    if (out->deepest < 1 || out->deepest > 65535 || at >= size || !is_space(bytes[at])) return false;
    out->end = at + 1;
    return true;
}

enum p2_err p2_ppm_probe(const uint8_t *bytes, size_t size, struct p2_image_info *out) {
    struct header h;
    if (!parse(bytes, size, &h)) return P2_ERR_BAD_PAYLOAD;
    out->width = h.width;
    out->height = h.height;
    out->channels = 3;
    return P2_OK;
}

void p2_ppm_traits(const uint8_t *bytes, size_t size, struct p2_image_traits *out) {
    struct header h;
    out->deep = parse(bytes, size, &h) && h.deepest > 255;
}

static uint8_t sample(const uint8_t *from, const struct header *h, size_t index) {
    uint32_t v = h->deepest > 255 ? p2_be16(from + 2 * index) : from[index];
    if (v > h->deepest) v = h->deepest;
    return (uint8_t)((v * 255 + h->deepest / 2) / h->deepest);
}

enum p2_err p2_ppm_decode(const uint8_t *bytes, size_t size, const struct p2_image_info *want, uint8_t *pixels) {
    struct header h;
    if (!parse(bytes, size, &h)) return P2_ERR_BAD_PAYLOAD;
    size_t count = (size_t)want->width * want->height;
    if (size - h.end < count * h.samples * (h.deepest > 255 ? 2 : 1)) return P2_ERR_BAD_PAYLOAD;
    const uint8_t *from = bytes + h.end;
    for (size_t i = 0; i < count; i++, pixels += want->channels) {
        for (uint32_t c = 0; c < 3; c++) pixels[c] = sample(from, &h, i * h.samples + (h.samples == 3 ? c : 0));
        if (want->channels == 4) pixels[3] = 255;
    }
    return P2_OK;
}

enum p2_err p2_ppm_encode(const struct p2_image_info *is, const uint8_t *pixels, struct p2_image_sink *to) {
    char head[64];
    int size = snprintf(head, sizeof head, "P6\n%u %u\n255\n", is->width, is->height);
    if (!p2_image_sink_add(to, head, (size_t)size)) return P2_ERR_RESULT_TOO_LARGE;
    size_t count = (size_t)is->width * is->height;
    if (count * 3 > to->capacity - to->size) return P2_ERR_RESULT_TOO_LARGE;
    uint8_t *out = to->bytes + to->size;
    for (size_t i = 0; i < count; i++) memcpy(out + 3 * i, pixels + is->channels * i, 3);
    to->size += count * 3;
    return P2_OK;
}
