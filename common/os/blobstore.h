// Blobs on disk, by their SHA-256: DIR/ab/cdef..., 256 directories by the first byte. What is being received has
// another name, with its size in it, until all of it is there, compared with its digest and synced. Which blobs there
// are, and which go when room is short, is the owner's to know (base/shelf.h).
//
// The disk is touched by two threads of the store's own, one for what comes and one for what goes, so that neither a
// sync nor a slow read holds up the loop. Files are read and not mapped: an error of the disk is then a code, not the
// end of the process.
#ifndef P2_OS_BLOBSTORE_H
#define P2_OS_BLOBSTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blobwork.h"

struct p2_blobstore;

struct p2_blobstore_config {
    const char *dir;
    uint32_t streams_max; // receivings and readings at once
    uint32_t works_max;   // asked for and not answered
    uint64_t seed[2];     // of its table's hash
    bool make;            // the folder, at once
};

struct p2_blobstore_found {
    struct p2_digest digest;
    uint64_t size; // of the whole
    bool part;     // interrupted, to be continued
    int64_t used_ns;
};

// A folder that is not there is made when the first blob comes, so that who never gets one leaves no trace. NULL with
// P2_ERR_IO: another process has it, or it cannot be read; P2_ERR_NO_MEMORY.
struct p2_blobstore *p2_blobstore_open(const struct p2_blobstore_config *config, enum p2_err *error);
void p2_blobstore_close(struct p2_blobstore **s); // what is under way is done first; unreferences what was not answered

// What lay there when it was opened, the one not used for longest first. Lends until closed.
uint32_t p2_blobstore_found(const struct p2_blobstore *s, const struct p2_blobstore_found **out);

// Takes one reference to the slice; a READ without a blob is answered P2_ERR_NO_MEMORY. Every BEGIN is to be followed
// by one COMMIT or LEAVE, every OPEN by one CLOSE, whatever their answers are. False, and nothing taken: works_max or
// streams_max, or the BEGIN or OPEN before it was not taken. LEAVE and CLOSE always are.
bool p2_blobstore_do(struct p2_blobstore *s, const struct p2_blob_work *work);
// The next answer, with a reference to its slice for the caller to give back. False: none yet.
bool p2_blobstore_answer(struct p2_blobstore *s, struct p2_blob_work *out);
int p2_blobstore_fd(const struct p2_blobstore *s); // readable when there is one

// Where a whole blob lies, for a program that maps it itself. False: longer than capacity.
bool p2_blobstore_path(const char *dir, const struct p2_digest *digest, char *out, size_t capacity);

#endif
