// The executor child: words on one descriptor, cells in the memory of another, until the supervisor goes.
#ifndef PEER_EXECUTOR_SERVE_H
#define PEER_EXECUTOR_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "peer/core/words.h"
#include "peer/executor/exec.h"

struct serve_options {
    int words_fd, memory_fd; // SOCK_SEQPACKET; memfd
    bool fake;
    uint32_t device; // index, when not fake
    const char *cache_dir;
    const char *blob_dir;                 // NULL: jobs refer to none
    const struct exec_type *const *types; // all this build has
    uint32_t type_count;                  // at most SLOT_TYPES_MAX
};

// Does not return: the process ends with 0 when the supervisor said QUIT or closed its end, 1 after WORD_FAILED.
// Threads may be inside a driver then, so nothing is torn down; the kernel takes back all there is.
_Noreturn void serve(const struct serve_options *options);

// Sizes of a SETUP against the memory there is; a sentence in why when false.
bool serve_setup_is_good(const struct word_setup *setup, uint64_t memory_bytes, struct p2_strbuf *why);

#endif
