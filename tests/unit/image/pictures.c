#include "pictures.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "base/check.h"
#include "base/rng.h"

uint8_t *picture_smooth(uint32_t w, uint32_t h, uint32_t channels) {
    uint8_t *pixels = malloc((size_t)w * h * channels), *p = pixels;
    P2_CHECK(pixels);
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++)
            for (uint32_t c = 0; c < channels; c++) *p++ = (uint8_t)(60 + x + y * 2 % 90 + c * 9);
    return pixels;
}

uint8_t *picture_noise(uint32_t w, uint32_t h, uint32_t channels, uint64_t seed) {
    size_t size = (size_t)w * h * channels;
    uint8_t *pixels = malloc(size);
    P2_CHECK(pixels);
    struct p2_rng rng;
    p2_rng_init(&rng, seed);
    for (size_t i = 0; i < size; i++) pixels[i] = (uint8_t)p2_rng_next(&rng);
    return pixels;
}

struct kind {
    int colour, depth;
    bool transparent; // with a tRNS chunk
};

static const struct kind kinds[PICTURE_PNG_KINDS] = {
    {PNG_COLOR_TYPE_GRAY, 1, false},    {PNG_COLOR_TYPE_GRAY, 4, false},    {PNG_COLOR_TYPE_GRAY, 8, true},
    {PNG_COLOR_TYPE_GRAY, 16, false},   {PNG_COLOR_TYPE_GA, 8, false},      {PNG_COLOR_TYPE_GA, 16, false},
    {PNG_COLOR_TYPE_PALETTE, 2, false}, {PNG_COLOR_TYPE_PALETTE, 8, false}, {PNG_COLOR_TYPE_PALETTE, 8, true},
    {PNG_COLOR_TYPE_RGB, 16, false},    {PNG_COLOR_TYPE_RGB, 8, true},      {PNG_COLOR_TYPE_RGBA, 16, false},
};

struct out {
    uint8_t *bytes;
    size_t size, capacity;
};

static void write_bytes(png_structp png, png_bytep from, size_t size) {
    struct out *o = png_get_io_ptr(png);
    P2_CHECK(size <= o->capacity - o->size);
    memcpy(o->bytes + o->size, from, size);
    o->size += size;
}

static void no_flush(png_structp png) { (void)png; }

// The sample of pixel (x, y), channel c, 0 to 2^depth - 1.
static uint32_t sample(const struct kind *k, uint32_t x, uint32_t y, uint32_t c) {
    return (x * 7 + y * 13 + c * 5) * (k->depth == 16 ? 771 : 1) & ((1u << k->depth) - 1);
}

static uint8_t to_eight(const struct kind *k, uint32_t v) {
    uint32_t white = (1u << k->depth) - 1;
    return (uint8_t)((v * 255 + white / 2) / white);
}

static uint8_t palette_level(uint32_t index, uint32_t c) { return (uint8_t)(index * 31 + c * 77); }

static void expect(const struct kind *k, uint32_t x, uint32_t y, uint8_t *rgba) {
    uint32_t first = sample(k, x, y, 0);
    rgba[3] = 255;
    if (k->colour == PNG_COLOR_TYPE_PALETTE) {
        for (uint32_t c = 0; c < 3; c++) rgba[c] = palette_level(first, c);
        if (k->transparent && first < 2) rgba[3] = first ? 128 : 0;
        return;
    }
    bool gray = !(k->colour & PNG_COLOR_MASK_COLOR), alpha = k->colour & PNG_COLOR_MASK_ALPHA;
    for (uint32_t c = 0; c < 3; c++) rgba[c] = to_eight(k, sample(k, x, y, gray ? 0 : c));
    if (alpha) rgba[3] = to_eight(k, sample(k, x, y, gray ? 1 : 3));
    // the tRNS chunk below names the first pixel's colour
    bool first_colour =
        sample(k, x, y, 0) == sample(k, 0, 0, 0) &&
        (gray || (sample(k, x, y, 1) == sample(k, 0, 0, 1) && sample(k, x, y, 2) == sample(k, 0, 0, 2)));
    if (k->transparent && first_colour) rgba[3] = 0;
}

static void put_extras(png_structp png, png_infop info, const struct kind *k) {
    png_color palette[256];
    for (uint32_t i = 0; i < 256; i++)
        palette[i] = (png_color){palette_level(i, 0), palette_level(i, 1), palette_level(i, 2)};
    if (k->colour == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 1 << k->depth);
    png_byte alphas[2] = {0, 128};
    png_color_16 key = {.gray = (png_uint_16)sample(k, 0, 0, 0),
                        .red = (png_uint_16)sample(k, 0, 0, 0),
                        .green = (png_uint_16)sample(k, 0, 0, 1),
                        .blue = (png_uint_16)sample(k, 0, 0, 2)};
    if (k->transparent) png_set_tRNS(png, info, alphas, 2, &key);
    png_text text = {.compression = PNG_TEXT_COMPRESSION_zTXt,
                     .key = (char *)"Comment",
                     .text = (char *)"not kept",
                     .text_length = 8};
    png_set_text(png, info, &text, 1);
}

#define W 19
#define H 11

static void put_row(const struct kind *k, uint32_t y, uint8_t *row) {
    static const uint32_t samples_of[] = {[PNG_COLOR_TYPE_GRAY] = 1,
                                          [PNG_COLOR_TYPE_GA] = 2,
                                          [PNG_COLOR_TYPE_PALETTE] = 1,
                                          [PNG_COLOR_TYPE_RGB] = 3,
                                          [PNG_COLOR_TYPE_RGBA] = 4};
    uint32_t samples = samples_of[k->colour], depth = (uint32_t)k->depth;
    memset(row, 0, W * 8);
    for (uint32_t x = 0; x < W; x++)
        for (uint32_t c = 0; c < samples; c++) {
            uint32_t v = sample(k, x, y, c), bit = (x * samples + c) * depth;
            if (depth == 16) {
                row[bit / 8] = (uint8_t)(v >> 8);
                row[bit / 8 + 1] = (uint8_t)v;
            } else {
                row[bit / 8] |= (uint8_t)(v << (8 - depth - bit % 8));
            }
        }
}

size_t picture_png_kind(size_t kind, bool interlaced, uint8_t *out, size_t capacity, uint8_t *rgba, bool *alpha) {
    const struct kind *k = &kinds[kind];
    *alpha = (k->colour & PNG_COLOR_MASK_ALPHA) || k->transparent;
    struct out o = {.bytes = out, .capacity = capacity};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &o, write_bytes, no_flush);
    png_set_IHDR(png, info, W, H, k->depth, k->colour, interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    put_extras(png, info, k);
    png_write_info(png, info);
    uint8_t rows[H][W * 8];
    png_bytep pointers[H];
    for (uint32_t y = 0; y < H; y++) {
        put_row(k, y, rows[y]);
        pointers[y] = rows[y];
        for (uint32_t x = 0; x < W; x++) expect(k, x, y, rgba + ((size_t)y * W + x) * 4);
    }
    png_write_image(png, pointers);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return o.size;
}

static void put_be32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t crc_of(const uint8_t *p, size_t size) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return ~crc;
}

size_t picture_png_chunk(const char name[static 4], const uint8_t *data, uint32_t size, uint8_t *out) {
    put_be32(out, size);
    memcpy(out + 4, name, 4);
    if (size) memcpy(out + 8, data, size);
    put_be32(out + 8 + size, crc_of(out + 4, size + 4));
    return (size_t)size + 12;
}

size_t picture_jpeg_progressive(uint32_t w, uint32_t h, uint8_t *out, size_t capacity) {
    uint8_t *pixels = picture_noise(w, h, 3, 5);
    tjhandle tj = tjInitCompress();
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    P2_CHECK(tjCompress2(tj, pixels, (int)w, 0, (int)h, TJPF_RGB, &bytes, &size, TJSAMP_444, 80, TJFLAG_PROGRESSIVE) ==
             0);
    P2_CHECK(size <= capacity);
    memcpy(out, bytes, size);
    tjFree(bytes);
    tjDestroy(tj);
    free(pixels);
    return size;
}
