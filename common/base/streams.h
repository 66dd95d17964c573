// Which slot a stream's number belongs to. Numbers are mostly counted up by whoever gives them, so those in use lie
// close together here as well, and nothing is hashed. Whoever chooses numbers to collide makes a search as long as
// there are slots, at most.
#ifndef P2_BASE_STREAMS_H
#define P2_BASE_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "slots.h"

struct p2_streams_node { // of a slot
    uint32_t stream;
    uint32_t next; // link
};

struct p2_streams {
    uint32_t *first; // links, by the stream's low bits
    struct p2_streams_node *nodes;
    uint32_t mask, count, capacity;
};

// For slots below `capacity`, each with one stream at most. False when memory is short.
bool p2_streams_init(struct p2_streams *s, uint32_t capacity);
void p2_streams_deinit(struct p2_streams *s); // fine with zeroes

void p2_streams_put(struct p2_streams *s, uint32_t stream, uint32_t slot); // neither is in there
uint32_t p2_streams_get(const struct p2_streams *s, uint32_t stream);      // P2_NO_SLOT when absent
void p2_streams_remove(struct p2_streams *s, uint32_t stream);             // it is in there

#endif
