#include <openssl/evp.h>

#include "base/check.h"
#include "os.h"

void p2_sha256(const void *bytes, size_t size, struct p2_digest *out) {
    unsigned int written = 0;
    P2_CHECK(EVP_Digest(bytes, size, out->b, &written, EVP_sha256(), NULL) == 1 && written == sizeof out->b);
}

// struct p2_sha256 has no members of its own: it is the library's context.
static EVP_MD_CTX *context(struct p2_sha256 *h) { return (EVP_MD_CTX *)h; }

struct p2_sha256 *p2_sha256_begin(void) {
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    if (c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1) return (struct p2_sha256 *)c;
    EVP_MD_CTX_free(c);
    return NULL;
}

void p2_sha256_add(struct p2_sha256 *h, const void *bytes, size_t size) {
    P2_CHECK(EVP_DigestUpdate(context(h), bytes, size) == 1);
}

void p2_sha256_end(struct p2_sha256 **h, struct p2_digest *out) {
    unsigned int written = 0;
    EVP_MD_CTX *c = context(*h);
    *h = NULL;
    if (c && out) P2_CHECK(EVP_DigestFinal_ex(c, out->b, &written) == 1 && written == sizeof out->b);
    EVP_MD_CTX_free(c);
}
