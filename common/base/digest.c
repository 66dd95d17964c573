#include "digest.h"

#include <string.h>

#include "hex.h"

bool p2_digest_equal(const struct p2_digest *a, const struct p2_digest *b) {
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

struct p2_id p2_digest_half(const struct p2_digest *d) {
    struct p2_id half;
    memcpy(half.b, d->b, sizeof half.b);
    return half;
}

void p2_digest_text(const struct p2_digest *d, char out[static P2_DIGEST_TEXT]) { p2_hex_text(d->b, sizeof d->b, out); }

bool p2_digest_parse(const char *text, struct p2_digest *out) { return p2_hex_parse(text, out->b, sizeof out->b); }
