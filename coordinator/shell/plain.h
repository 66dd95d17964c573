// Payloads for those who did not choose zstd.
#ifndef COORDINATOR_SHELL_PLAIN_H
#define COORDINATOR_SHELL_PLAIN_H

#include "base/blob.h"
#include "base/err.h"
#include "msg/msg.h"
#include "wire/wire.h"

// The coordinator's blobs and its codec. They stand together because the core gives a coord_unpack the pool alone.
struct plain {
    struct p2_blob_pool pool;
    struct p2_codec codec; // of that pool
};

// Is this a message to a peer or client whose payload is compressed?
bool plain_needed(const struct p2_msg *m);

// A coord_unpack. The pool must be that of a struct plain.
enum p2_err plain_unpack(const struct p2_slice *packed, uint32_t raw_size, struct p2_blob_pool *pool,
                         struct p2_blob **out);

// Decompresses it. The message then borrows the payload from *held, which the caller unreferences when it is sent.
// P2_ERR_BAD_RECORD: the bytes are not what they claim to be; P2_ERR_NO_MEMORY. The message is then as it was.
enum p2_err plain_make(struct p2_msg *m, struct plain *plain, struct p2_blob **held);

#endif
