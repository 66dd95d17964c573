// Text built up in the caller's storage; what does not fit is cut and remembered. Always NUL-terminated.
#ifndef P2_BASE_STRBUF_H
#define P2_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

struct p2_strbuf {
    char *text;
    size_t size, capacity; // size excludes the NUL
    bool cut;
};

void p2_strbuf_init(struct p2_strbuf *s, char *storage, size_t capacity); // borrows storage; capacity >= 1
void p2_strbuf_printf(struct p2_strbuf *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void p2_strbuf_add(struct p2_strbuf *s, const char *text, size_t size);

#endif
