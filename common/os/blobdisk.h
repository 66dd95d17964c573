// The files of a store of blobs: one blob being received or read, used by one thread at a time. blobstore.h is what the
// programs see.
#ifndef P2_OS_BLOBDISK_H
#define P2_OS_BLOBDISK_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "blobstore.h"
#include "os.h"

struct p2_blobdisk {
    char dir[PATH_MAX];
    int lock; // held for as long as the store is open; -1: the folder is not there yet
};

struct p2_blobfile {
    int fd; // -1: it could not be opened
    struct p2_sha256 *sha;
    uint64_t size, have;
    struct p2_digest digest;
};

// P2_ERR_NOT_FOUND: the folder is not there; made when `make` is set. P2_ERR_IO: it cannot be used, or somebody does.
enum p2_err p2_blobdisk_take(struct p2_blobdisk *d, bool make);
// Gives malloc'd entries (free), oldest first. P2_ERR_NO_MEMORY.
enum p2_err p2_blobdisk_scan(const struct p2_blobdisk *d, struct p2_blobstore_found **out, uint32_t *count_out);

enum p2_err p2_blobdisk_begin(struct p2_blobdisk *d, struct p2_blobfile *f, bool fresh);
enum p2_err p2_blobdisk_write(struct p2_blobfile *f, const uint8_t *bytes, uint32_t size);
enum p2_err p2_blobdisk_commit(const struct p2_blobdisk *d, struct p2_blobfile *f);
enum p2_err p2_blobdisk_open(const struct p2_blobdisk *d, struct p2_blobfile *f, bool prove);
enum p2_err p2_blobdisk_read(const struct p2_blobfile *f, uint64_t offset, uint8_t *out, uint32_t size);
void p2_blobdisk_close(struct p2_blobfile *f); // what is there of it stays
void p2_blobdisk_remove(const struct p2_blobdisk *d, const struct p2_digest *digest, uint64_t size);

#endif
