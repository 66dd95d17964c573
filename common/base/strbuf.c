#include "strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

void p2_strbuf_init(struct p2_strbuf *s, char *storage, size_t capacity) {
    P2_CHECK(capacity >= 1);
    *s = (struct p2_strbuf){.text = storage, .capacity = capacity};
    storage[0] = 0;
}

// A cut must not leave half a UTF-8 character behind: these texts go over the wire and into JSON.
static void mark_cut(struct p2_strbuf *s) {
    s->cut = true;
    size_t start = s->size;
    while (start > 0 && s->size - start < 3 && ((unsigned char)s->text[start - 1] & 0xc0) == 0x80) start--;
    if (start > 0) {
        unsigned char lead = (unsigned char)s->text[start - 1];
        size_t wanted = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
        if (wanted > s->size - start) s->size = start - 1;
    }
    s->text[s->size] = 0;
}

void p2_strbuf_printf(struct p2_strbuf *s, const char *format, ...) {
    if (s->cut) return; // what follows a gap would be misread
    size_t room = s->capacity - s->size;
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(s->text + s->size, room, format, args);
    va_end(args);
    if (wanted < 0) {
        mark_cut(s);
        return;
    }
    bool fits = (size_t)wanted < room;
    s->size += fits ? (size_t)wanted : room - 1;
    if (!fits) mark_cut(s);
}

void p2_strbuf_add(struct p2_strbuf *s, const char *text, size_t size) {
    if (s->cut || size == 0) return;
    size_t room = s->capacity - s->size - 1;
    size_t n = size < room ? size : room;
    memcpy(s->text + s->size, text, n);
    s->size += n;
    s->text[s->size] = 0;
    if (n < size) mark_cut(s);
}
