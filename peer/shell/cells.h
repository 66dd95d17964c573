// The memory a supervisor and one executor share: a sealed memfd, cut into cells as words.h says. The supervisor reads
// and writes it by position and maps none of it, so its own memory stays small however large the jobs are, and
// nothing the executor does with the memory can fault it.
#ifndef PEER_SHELL_CELLS_H
#define PEER_SHELL_CELLS_H

#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "msg/limits.h"
#include "peer/core/words.h"
#include "wire/wire.h"

struct cells {
    int fd; // CLOEXEC; its size can no longer change
    struct word_setup setup;
    struct p2_codec *codec; // borrows: decompresses payloads
    uint8_t inflated[P2_RECORD_PAYLOAD_MAX];
};

enum p2_err cells_init(struct cells *c, const struct word_setup *setup,
                       struct p2_codec *codec); // P2_ERR_IO when the world refuses
void cells_deinit(struct cells *c);

// Payload bytes to `offset` of a cell's payload; raw_size is their number after decompression.
// P2_ERR_BAD_RECORD: they do not decompress to it; P2_ERR_IO. Cell and range must lie within the setup.
struct cells_piece {
    uint32_t cell, raw_size;
    uint64_t offset;
    bool zstd;
    struct p2_slice bytes;
};
enum p2_err cells_store(struct cells *c, const struct cells_piece *piece);

// [offset, offset + size) of a cell's result into a fresh blob of the pool, size at most P2_RECORD_PAYLOAD_MAX. Gives a
// reference; NULL when the pool or the world refuses.
struct p2_blob *cells_load(struct cells *c, uint32_t cell, uint64_t offset, uint32_t size, struct p2_blob_pool *pool);

// Gives the memory of all cells back to the system; they read as zeroes afterwards.
void cells_release(struct cells *c);

#endif
