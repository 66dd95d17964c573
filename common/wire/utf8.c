#include <string.h>

#include "wire/codec_schema.h"

// Bytes of the well-formed sequence at `s` (RFC 3629: no overlong forms, no surrogates, up to U+10FFFF), or 0.
static size_t sequence(const uint8_t *s, size_t left) {
    uint8_t lead = s[0];
    if (lead < 0x80) return lead ? 1 : 0;
    size_t n = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || n > left) return 0;
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    return n;
}

bool p2_wire_utf8_any(const uint8_t *text, size_t size) {
    size_t at = 0;
    while (at < size) {
        uint64_t w;
        if (size - at >= sizeof w) {
            memcpy(&w, text + at, sizeof w);
            if (p2_wire_plain(w)) {
                at += sizeof w;
                continue;
            }
        }
        size_t n = sequence(text + at, size - at);
        if (n == 0) return false;
        at += n;
    }
    return true;
}

size_t p2_wire_utf8_clean(const uint8_t *text, size_t size, uint8_t *out, size_t max) {
    size_t at = 0, used = 0;
    while (at < size) {
        size_t n = sequence(text + at, size - at);
        if (used + (n ? n : 1) > max) break;
        if (n == 0) {
            out[used++] = '?';
            at++;
            continue;
        }
        memcpy(out + used, text + at, n);
        used += n;
        at += n;
    }
    return used;
}
