// The library's own SHA-256, not its table of algorithms: looking one up takes longer than hashing a small payload.
#define OPENSSL_API_COMPAT 10101
#include <openssl/sha.h>
#include <stdlib.h>

#include "base/check.h"
#include "os.h"

struct p2_sha256 {
    SHA256_CTX state;
};

void p2_sha256(const void *bytes, size_t size, struct p2_digest *out) { p2_sha256_of_two(bytes, size, NULL, 0, out); }

void p2_sha256_of_two(const void *first, size_t first_size, const void *second, size_t second_size,
                      struct p2_digest *out) {
    SHA256_CTX c;
    P2_CHECK(SHA256_Init(&c) && SHA256_Update(&c, first, first_size) && SHA256_Update(&c, second, second_size) &&
             SHA256_Final(out->b, &c));
}

struct p2_sha256 *p2_sha256_begin(void) {
    struct p2_sha256 *h = malloc(sizeof *h);
    if (h) P2_CHECK(SHA256_Init(&h->state));
    return h;
}

void p2_sha256_add(struct p2_sha256 *h, const void *bytes, size_t size) {
    P2_CHECK(SHA256_Update(&h->state, bytes, size));
}

void p2_sha256_end(struct p2_sha256 **h, struct p2_digest *out) {
    if (*h && out) P2_CHECK(SHA256_Final(out->b, &(*h)->state));
    free(*h);
    *h = NULL;
}
