#include <string.h>
#include <turbojpeg.h>

#include "image/codec.h"

// A progressive file makes the decoder walk all coefficients once a scan. Real encoders write about ten scans.
#define SCANS_MAX 100u
#define SCANNED_PIXELS_MAX (1ull << 30) // scans times pixels

enum {
    SOF0 = 0xc0,
    SOF15 = 0xcf,
    DHT = 0xc4,
    JPG = 0xc8,
    DAC = 0xcc,
    SOI = 0xd8,
    EOI = 0xd9,
    SOS = 0xda,
    APP1 = 0xe1,
    TEM = 0x01
};

struct outline {
    uint32_t width, height, components, scans;
    uint32_t bits;        // of a sample
    uint8_t process;      // marker of its frame: which kind of JPEG it is
    uint32_t orientation; // the first that is not upright; 0 when none is
    bool ended;           // an EOI was seen
};

static bool has_no_length(uint8_t marker) { return marker == TEM || (marker >= 0xd0 && marker <= SOI); }

static bool is_frame(uint8_t marker) {
    return marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != JPG && marker != DAC;
}

// From inside entropy-coded data to the next marker that ends it; size when there is none.
static size_t skip_scan(const uint8_t *bytes, size_t size, size_t at) {
    while (at < size) {
        const uint8_t *ff = memchr(bytes + at, 0xff, size - at);
        if (!ff || ff + 1 >= bytes + size) return size;
        uint8_t next = ff[1];
        at = (size_t)(ff - bytes);
        if (next != 0 && next != 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
        at += next == 0xff ? 1 : 2;
    }
    return size;
}

// Walks the markers; false when the structure is broken. `whole` goes on after the frame header to count scans.
static bool walk(const uint8_t *bytes, size_t size, bool whole, struct outline *out) {
    *out = (struct outline){0};
    size_t at = 2;
    while (size >= 4 && at <= size - 4) {
        if (bytes[at] != 0xff) return false;
        uint8_t marker = bytes[at + 1];
        if (marker == 0xff) { // a fill byte
            at++;
            continue;
        }
        at += 2;
        if (marker == EOI) {
            out->ended = true;
            return out->width != 0;
        }
        if (has_no_length(marker)) continue;
        uint32_t length = p2_be16(bytes + at);
        if (length < 2 || length > size - at) return false;
        if (marker == APP1 && !out->orientation) {
            uint32_t orientation = p2_exif_orientation(bytes + at + 2, length - 2);
            if (orientation > 1) out->orientation = orientation;
        }
        if (is_frame(marker)) {
            if (length < 8 || out->width) return false;
            out->height = p2_be16(bytes + at + 3);
            out->width = p2_be16(bytes + at + 5);
            out->components = bytes[at + 7];
            out->bits = bytes[at + 2];
            out->process = marker;
            if (!whole) return true;
        }
        at += length;
        if (marker == SOS) {
            if (++out->scans > SCANS_MAX) return true;
            at = skip_scan(bytes, size, at);
        }
    }
    out->ended = at + 2 <= size && bytes[at] == 0xff && bytes[at + 1] == EOI;
    return out->width != 0 && (out->scans > 0 || !whole);
}

enum p2_err p2_jpeg_probe(const uint8_t *bytes, size_t size, struct p2_image_info *out) {
    struct outline outline;
    if (!walk(bytes, size, false, &outline)) return P2_ERR_BAD_PAYLOAD;
    out->width = outline.width;
    out->height = outline.height;
    out->channels = 3;
    return P2_OK;
}

void p2_jpeg_traits(const uint8_t *bytes, size_t size, struct p2_image_traits *out) {
    struct outline outline;
    if (!walk(bytes, size, false, &outline)) return;
    if (outline.orientation) out->orientation = outline.orientation;
    bool usual = outline.process <= SOF0 + 2 || outline.process == SOF0 + 9 || outline.process == SOF0 + 10;
    if (!usual || outline.bits != 8)
        out->unread = "is a lossless JPEG or one of more than 8 bits a channel: save it as PNG first";
    else if (outline.components == 4)
        out->unread = "is a CMYK JPEG, made for printing: convert it to RGB first";
    else if (outline.components != 1 && outline.components != 3)
        out->unread = "is a JPEG of colours that are not read: convert it to RGB first";
}

enum p2_err p2_jpeg_decode(const uint8_t *bytes, size_t size, const struct p2_image_info *want, uint8_t *pixels) {
    struct outline outline;
    if (!walk(bytes, size, true, &outline)) return P2_ERR_BAD_PAYLOAD;
    if (outline.scans > SCANS_MAX || (uint64_t)outline.scans * want->width * want->height > SCANNED_PIXELS_MAX)
        return P2_ERR_TOO_LARGE;
    if (!outline.ended || (outline.components != 1 && outline.components != 3)) return P2_ERR_BAD_PAYLOAD;
    tjhandle tj = tjInitDecompress();
    if (!tj) return P2_ERR_NO_MEMORY;
    int format = want->channels == 4 ? TJPF_RGBA : TJPF_RGB;
    int failed = tjDecompress2(tj, bytes, (unsigned long)size, pixels, (int)want->width, 0, (int)want->height, format,
                               TJFLAG_LIMITSCANS | TJFLAG_STOPONWARNING);
    tjDestroy(tj);
    return failed ? P2_ERR_BAD_PAYLOAD : P2_OK;
}

enum p2_err p2_jpeg_encode(const struct p2_image_info *is, const uint8_t *pixels, int quality,
                           struct p2_image_sink *to) {
    tjhandle tj = tjInitCompress();
    if (!tj) return P2_ERR_NO_MEMORY;
    quality = quality < 1 ? 1 : quality > 100 ? 100 : quality;
    int format = is->channels == 4 ? TJPF_RGBX : TJPF_RGB, sampling = quality > 90 ? TJSAMP_444 : TJSAMP_420;
    // TurboJPEG writes to a buffer of the caller only when that is as large as its own bound.
    bool in_place = to->capacity >= tjBufSize((int)is->width, (int)is->height, sampling);
    unsigned char *bytes = in_place ? to->bytes : NULL;
    unsigned long size = 0;
    int failed = tjCompress2(tj, pixels, (int)is->width, 0, (int)is->height, format, &bytes, &size, sampling, quality,
                             in_place ? TJFLAG_NOREALLOC : 0);
    enum p2_err err = failed ? P2_ERR_INTERNAL : P2_OK;
    if (!failed && in_place) to->size = size;
    if (!failed && !in_place && !p2_image_sink_add(to, bytes, size)) err = P2_ERR_RESULT_TOO_LARGE;
    if (!in_place) tjFree(bytes);
    tjDestroy(tj);
    return err;
}
