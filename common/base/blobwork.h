// What a core asks of the store of blobs beside it (common/os/blobstore.h), and how it is answered. Whatever takes time
// is answered later, by the same words with `why` filled in; works that name the same blob are done in order.
#ifndef P2_BASE_BLOBWORK_H
#define P2_BASE_BLOBWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "blob.h"
#include "digest.h"
#include "err.h"
#include "slab.h"

enum p2_blob_what {
    P2_BLOB_NONE,
    P2_BLOB_BEGIN,  // digest, size, fresh: to be received. Answer: offset, up to which it is there and counted
    P2_BLOB_WRITE,  // slice: the bytes that follow. Answer: offset, up to which they are stored now
    P2_BLOB_COMMIT, // all are here: P2_OK and it is kept for good, or P2_ERR_BAD_PAYLOAD and nothing of it is
    P2_BLOB_LEAVE,  // what is here stays, to be continued. No answer
    P2_BLOB_OPEN,   // digest, size, prove: to be read; with `prove` its bytes are compared with its digest first.
                    // P2_ERR_BAD_PAYLOAD: they are wrong, and it is removed. P2_ERR_NOT_FOUND
    P2_BLOB_READ,   // slice to be filled, from offset
    P2_BLOB_CLOSE,  // of one that is open to be read. No answer
    P2_BLOB_REMOVE, // digest, size: of a whole or a part. No answer
};

struct p2_blob_work {
    enum p2_blob_what what;
    p2_handle token; // of the receiving or reading that BEGIN or OPEN started; the owner's choice
    struct p2_digest digest;
    uint64_t size, offset;
    bool prove, fresh;     // fresh: what an earlier receiving left is not continued
    struct p2_slice slice; // WRITE, READ: referenced until the answer
    enum p2_err why;
};

#endif
