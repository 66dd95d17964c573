#include <openssl/evp.h>

#include "base/check.h"
#include "os.h"

void p2_sha256(const void *bytes, size_t size, struct p2_digest *out) {
    unsigned int written = 0;
    P2_CHECK(EVP_Digest(bytes, size, out->b, &written, EVP_sha256(), NULL) == 1 && written == sizeof out->b);
}
