// 128-bit identifiers (tasks, sessions, peers). Random, chosen by whoever makes the thing.
#ifndef P2_BASE_ID_H
#define P2_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct p2_id {
    uint8_t b[16];
};

#define P2_ID_TEXT 33 // 32 hex digits and a NUL

static inline bool p2_id_equal(const struct p2_id *a, const struct p2_id *b) { return memcmp(a->b, b->b, 16) == 0; }
bool p2_id_is_zero(const struct p2_id *id);
void p2_id_text(const struct p2_id *id, char out[static P2_ID_TEXT]);
bool p2_id_parse(const char *text, struct p2_id *out); // exactly 32 hex digits

#endif
