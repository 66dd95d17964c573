// Borrowed text: pointer and length, not NUL-terminated, valid UTF-8 where it came over the wire.
#ifndef P2_BASE_STR_H
#define P2_BASE_STR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct p2_str {
    const char *p; // may be NULL when n is 0
    uint32_t n;
};

static inline struct p2_str p2_str(const char *z) { return (struct p2_str){z, z ? (uint32_t)strlen(z) : 0}; }

static inline bool p2_str_is(struct p2_str s, const char *z) {
    return strnlen(z, (size_t)s.n + 1) == s.n && (s.n == 0 || memcmp(s.p, z, s.n) == 0);
}

#endif
