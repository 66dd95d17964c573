#include "base/hex.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "testlib.h"

size_t t_unhex(const char *text, uint8_t *out, size_t capacity) {
    size_t n = 0;
    for (;;) {
        while (isspace((unsigned char)*text)) text++;
        if (!*text) return n;
        char pair[3] = {text[0], text[1], 0};
        if (n == capacity || !p2_hex_parse(pair, &out[n], 1)) {
            fprintf(stderr, "testlib: not hex, or too long: %.20s\n", text);
            abort();
        }
        n++;
        text += 2;
    }
}

const char *t_hex(const void *bytes, size_t size) {
    static char texts[4][2 * 256 + 1];
    static unsigned next;
    char *text = texts[next++ % 4];
    if (size > 256) abort();
    p2_hex_text(bytes, size, text);
    return text;
}
