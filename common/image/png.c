#include <png.h>
#include <string.h>

#include "image/codec.h"

// Chunks that only cost memory and time here: libpng is told to drop them unread.
static const png_byte skipped[] = "iCCP\0zTXt\0iTXt\0tEXt\0sPLT\0eXIf\0hIST\0";
#define SKIPPED_COUNT 7
#define CHUNKS_MAX 128
#define CHUNK_BYTES_MAX (8u << 20)

#define HEADER_END 33 // signature, IHDR's length, name, 13 bytes, checksum

// Is there a tRNS chunk before the first IDAT, within these bytes?
static bool has_transparency(const uint8_t *bytes, size_t size) {
    size_t at = HEADER_END;
    for (int chunk = 0; chunk < CHUNKS_MAX && size >= 12 && at <= size - 12; chunk++) {
        uint32_t length = p2_be32(bytes + at);
        if (memcmp(bytes + at + 4, "tRNS", 4) == 0) return true;
        if (memcmp(bytes + at + 4, "IDAT", 4) == 0 || length > size - at - 12) return false;
        at += (size_t)length + 12;
    }
    return false;
}

enum p2_err p2_png_probe(const uint8_t *bytes, size_t size, struct p2_image_info *out) {
    if (size < HEADER_END || p2_be32(bytes + 8) != 13 || memcmp(bytes + 12, "IHDR", 4) != 0) return P2_ERR_BAD_PAYLOAD;
    out->width = p2_be32(bytes + 16);
    out->height = p2_be32(bytes + 20);
    bool alpha = (bytes[25] & PNG_COLOR_MASK_ALPHA) || has_transparency(bytes, size);
    out->channels = alpha ? 4 : 3;
    return P2_OK;
}

void p2_png_traits(const uint8_t *bytes, size_t size, struct p2_image_traits *out) {
    struct p2_image_info info;
    out->deep = p2_png_probe(bytes, size, &info) == P2_OK && bytes[24] > 8;
}

struct reader {
    const uint8_t *bytes;
    size_t size, at;
};

static void read_bytes(png_structp png, png_bytep to, size_t size) {
    struct reader *r = png_get_io_ptr(png);
    if (size > r->size - r->at) png_error(png, "truncated");
    memcpy(to, r->bytes + r->at, size);
    r->at += size;
}

static void quiet_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static PNG_NORETURN void quiet_error(png_structp png, png_const_charp text) {
    (void)text;
    png_longjmp(png, 1);
}

static void ask_for_rows(png_structp png, png_infop info, uint32_t channels) {
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    bool alpha = (png_get_color_type(png, info) & PNG_COLOR_MASK_ALPHA) || png_get_valid(png, info, PNG_INFO_tRNS);
    if (channels == 3 && alpha) png_set_strip_alpha(png);
    if (channels == 4 && !alpha) png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
}

// Apart from its caller because of setjmp: no local here lives across a jump.
static void decode_rows(png_structp png, png_infop info, const struct p2_image_info *want, uint8_t *pixels) {
    png_set_user_limits(png, P2_IMAGE_SIDE_MAX, P2_IMAGE_SIDE_MAX);
    png_set_chunk_cache_max(png, CHUNKS_MAX);
    png_set_chunk_malloc_max(png, CHUNK_BYTES_MAX);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, skipped, SKIPPED_COUNT);
    png_read_info(png, info);
    ask_for_rows(png, info, want->channels);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t row = (size_t)want->width * want->channels;
    if (png_get_image_width(png, info) != want->width || png_get_image_height(png, info) != want->height ||
        png_get_rowbytes(png, info) != row)
        png_error(png, "not the picture that was asked for");
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < want->height; y++) png_read_row(png, pixels + y * row, NULL);
    png_read_end(png, NULL);
}

enum p2_err p2_png_decode(const uint8_t *bytes, size_t size, const struct p2_image_info *want, uint8_t *pixels) {
    struct reader reader = {.bytes = bytes, .size = size};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, quiet_error, quiet_warning);
    if (!png) return P2_ERR_NO_MEMORY;
    png_infop info = png_create_info_struct(png);
    if (!info || setjmp(png_jmpbuf(png))) {
        enum p2_err err = info ? P2_ERR_BAD_PAYLOAD : P2_ERR_NO_MEMORY;
        png_destroy_read_struct(&png, &info, NULL);
        return err;
    }
    png_set_read_fn(png, &reader, read_bytes);
    decode_rows(png, info, want, pixels);
    png_destroy_read_struct(&png, &info, NULL);
    return P2_OK;
}

static void write_bytes(png_structp png, png_bytep from, size_t size) {
    if (!p2_image_sink_add(png_get_io_ptr(png), from, size)) png_error(png, "no room");
}

static void no_flush(png_structp png) { (void)png; }

static void encode_rows(png_structp png, png_infop info, const struct p2_image_info *is, const uint8_t *pixels,
                        int effort) {
    png_set_user_limits(png, P2_IMAGE_SIDE_MAX, P2_IMAGE_SIDE_MAX);
    png_set_compression_level(png, effort < 1 ? 1 : effort > 9 ? 9 : effort);
    // One fixed filter costs a third of choosing one per row, and rendered pictures lose a few percent by it.
    png_set_filter(png, PNG_FILTER_TYPE_BASE, effort < 4 ? PNG_FILTER_UP : PNG_ALL_FILTERS);
    int colour = is->channels == 4 ? PNG_COLOR_TYPE_RGBA : PNG_COLOR_TYPE_RGB;
    png_set_IHDR(png, info, is->width, is->height, 8, colour, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    size_t row = (size_t)is->width * is->channels;
    for (uint32_t y = 0; y < is->height; y++) png_write_row(png, pixels + y * row);
    png_write_end(png, NULL);
}

enum p2_err p2_png_encode(const struct p2_image_info *is, const uint8_t *pixels, int effort, struct p2_image_sink *to) {
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, quiet_error, quiet_warning);
    if (!png) return P2_ERR_NO_MEMORY;
    png_infop info = png_create_info_struct(png);
    if (!info || setjmp(png_jmpbuf(png))) {
        enum p2_err err = info ? P2_ERR_RESULT_TOO_LARGE : P2_ERR_NO_MEMORY;
        png_destroy_write_struct(&png, &info);
        return err;
    }
    png_set_write_fn(png, to, write_bytes, no_flush);
    encode_rows(png, info, is, pixels, effort);
    png_destroy_write_struct(&png, &info);
    return P2_OK;
}
