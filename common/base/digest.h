// A SHA-256 value. Computing one needs common/os/os.h; holding and printing one does not.
#ifndef P2_BASE_DIGEST_H
#define P2_BASE_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "id.h"

struct p2_digest {
    uint8_t b[32];
};

#define P2_DIGEST_TEXT 65

bool p2_digest_equal(const struct p2_digest *a, const struct p2_digest *b);
void p2_digest_text(const struct p2_digest *d, char out[static P2_DIGEST_TEXT]);
struct p2_id p2_digest_half(const struct p2_digest *d);        // its first half, as key of a p2_map
bool p2_digest_parse(const char *text, struct p2_digest *out); // exactly 64 hex digits

#endif
