#include "hex.h"

#include <string.h>

void p2_hex_text(const uint8_t *bytes, size_t size, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * size] = 0;
}

static int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool p2_hex_parse(const char *text, uint8_t *out, size_t size) {
    for (size_t i = 0; i < 2 * size; i++) {
        if (digit_value(text[i]) < 0) return false; // a NUL is no digit, so a short text ends here
    }
    if (text[2 * size] != 0) return false;
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(digit_value(text[2 * i]) << 4 | digit_value(text[2 * i + 1]));
    }
    return true;
}
