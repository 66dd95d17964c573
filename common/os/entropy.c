#include <errno.h>
#include <sys/random.h>

#include "base/check.h"
#include "os.h"

void p2_entropy(void *out, size_t size) {
    unsigned char *p = out;
    while (size > 0) {
        ssize_t n = getrandom(p, size, 0);
        if (n < 0 && errno == EINTR) continue;
        P2_CHECK(n > 0);
        p += n;
        size -= (size_t)n;
    }
}

struct p2_id p2_id_random(void) {
    struct p2_id id;
    p2_entropy(id.b, sizeof id.b);
    return id;
}
