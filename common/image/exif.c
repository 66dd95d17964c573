// The one thing that is read of an EXIF block: which way up the picture was taken. The block is a TIFF file within the
// picture; everything in it is a stranger's.
#include <string.h>

#include "image/codec.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_BYTES = 12 };

struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool big_endian;
};

static uint32_t get16(const struct tiff *t, size_t at) {
    const uint8_t *p = t->bytes + at;
    return t->big_endian ? p2_be16(p) : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t get32(const struct tiff *t, size_t at) {
    return t->big_endian ? p2_be32(t->bytes + at) : p2_le32(t->bytes + at);
}

uint32_t p2_exif_orientation(const uint8_t *bytes, size_t size) {
    if (size < 6 + 8 + 2 || memcmp(bytes, "Exif\0\0", 6) != 0) return 1;
    struct tiff t = {bytes + 6, size - 6, bytes[6] == 'M'};
    if (memcmp(t.bytes, t.big_endian ? "MM\0*" : "II*\0", 4) != 0) return 1;
    size_t at = get32(&t, 4);
    if (at > t.size - 2) return 1;
    uint32_t entries = get16(&t, at);
    at += 2;
    for (uint32_t i = 0; i < entries && t.size - at >= ENTRY_BYTES; i++, at += ENTRY_BYTES) {
        if (get16(&t, at) != TAG_ORIENTATION) continue;
        uint32_t value = get16(&t, at + 8);
        bool sound = get16(&t, at + 2) == TYPE_SHORT && get32(&t, at + 4) == 1 && value >= 1 && value <= 8;
        return sound ? value : 1;
    }
    return 1;
}
