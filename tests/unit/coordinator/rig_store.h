// The shell's store of blobs, for the bench: what the core asks for is done at once, or when told to. Bytes are
// rig_bytes, so that a file is its length. Which digest they have is the test's to say: all right, or wrong.
#ifndef TESTS_COORDINATOR_RIG_STORE_H
#define TESTS_COORDINATOR_RIG_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blobwork.h"

#define RIG_FILES 64
#define RIG_STREAMS 64
#define RIG_WORKS 4096

struct rig;

struct rig_file {
    struct p2_digest digest;
    uint64_t size, have; // size 0: no such file
    bool whole;
    bool wrong; // its bytes are not what the digest says
};

struct rig_store {
    struct rig_file files[RIG_FILES];
    struct {
        p2_handle token;
        bool reading;
        struct rig_file *file;
    } streams[RIG_STREAMS];
    struct p2_blob_work works[RIG_WORKS]; // asked for, not done
    uint32_t first, count;
    uint32_t seen; // actions looked at
    bool held;     // nothing is done until rig_store_do
    bool busy;
    bool broken; // every write fails
    uint64_t removed, read_bytes;
};

struct p2_digest rig_digest(uint64_t n);
struct rig_file *rig_file(struct rig *r, const struct p2_digest *digest); // NULL: none
void rig_store_look(struct rig *r);                                       // after each step
bool rig_store_do(struct rig *r);                                         // the oldest; false: nothing to do
void rig_store_drop(struct rig *r);                                       // at the end: what was asked for and not done
void rig_find(struct rig *r, uint64_t blob, uint64_t size, uint64_t have); // it lies there at the start

#endif
