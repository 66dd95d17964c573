// Keys of tasks for the core's cache: SHA-256 of payloads as they arrive, by a thread of its own. Small whole ones are
// hashed at once. All calls from the loop's thread; blobs are referenced and let go there only.
#ifndef COORDINATOR_SHELL_DIGEST_H
#define COORDINATOR_SHELL_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "coordinator/core/coord.h"

#define DIGEST_JOBS 256u     // pieces waiting for the thread; what comes then makes its task an uncached one
#define DIGEST_STREAMS 1024u // payloads begun and not finished

struct digest;

// `wake` is called from the thread when digest_take has something. NULL when memory or threads are short.
struct digest *digest_create(struct p2_blob_pool *pool, void (*wake)(void *context), void *context);
void digest_destroy(struct digest **d);

void digest_put(struct digest *d, const struct coord_hash *h); // COORD_HASH
void digest_drop(struct digest *d, p2_handle task);            // COORD_UNHASH

// A key that is known now; false when there is none.
bool digest_take(struct digest *d, p2_handle *task, struct p2_digest *key);

#endif
