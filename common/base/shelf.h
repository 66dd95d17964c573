// A table of content-addressed blobs: which are here, how large they are, who uses them, and which go first when room
// is short. It knows neither files nor connections: its owner tells it what happened and carries out what it asks
// for.
//
//   COMING <-> HERE --> LOST        COMING: being received; its whole size is counted from the start. Again from HERE
//    ^  |                                   when its bytes turned out wrong and can be had anew
//    |  v                           PART:   interrupted; what is there may be continued, or given up for room
//    PART                           LOST:   its bytes turned out wrong; found by nobody, gone with its last pin
//
// PART and HERE without a pin are idle: the one that has been idle longest is the next victim.
#ifndef P2_BASE_SHELF_H
#define P2_BASE_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "err.h"
#include "list.h"
#include "map.h"
#include "slab.h"

enum p2_shelf_state { P2_SHELF_COMING, P2_SHELF_PART, P2_SHELF_HERE, P2_SHELF_LOST };
#define P2_SHELF_STATES 4

// The first member of the owner's own struct.
struct p2_shelf_entry {
    p2_handle self;
    struct p2_digest digest;
    uint64_t size;
    enum p2_shelf_state state;
    bool proved; // its bytes were read and right since the start
    uint32_t pins;
    struct p2_list idle; // in shelf.idle
};

struct p2_shelf {
    struct p2_slab entries;
    struct p2_map by_digest;
    struct p2_list idle; // longest first
    uint64_t bytes, idle_bytes, bytes_max;
};

struct p2_shelf_limits {
    uint32_t entries_max;
    uint64_t bytes_max;
    size_t entry_bytes; // of the owner's struct
};

// All memory is taken now. False when it is short.
bool p2_shelf_init(struct p2_shelf *s, const struct p2_shelf_limits *limits, const uint64_t seed[static 2]);
void p2_shelf_deinit(struct p2_shelf *s);
size_t p2_shelf_memory_bytes(const struct p2_shelf *s);

void *p2_shelf_find(const struct p2_shelf *s, const struct p2_digest *digest); // NULL; never a LOST one
void *p2_shelf_get(const struct p2_shelf *s, p2_handle h);                     // NULL when it is no more

// P2_OK: one more entry of that size fits. P2_ERR_AGAIN: it does once victims are removed. P2_ERR_OVERLOADED: not while
// those in use are. P2_ERR_TOO_LARGE: never.
enum p2_err p2_shelf_room(const struct p2_shelf *s, uint64_t size);
void *p2_shelf_victim(const struct p2_shelf *s); // NULL: none is idle

// Needs p2_shelf_room. Zeroed beyond its first member. NULL: its digest is taken (or looks so to the table).
void *p2_shelf_add(struct p2_shelf *s, const struct p2_digest *digest, uint64_t size, enum p2_shelf_state state);
void p2_shelf_remove(struct p2_shelf *s, struct p2_shelf_entry *e); // without a pin
void p2_shelf_move(struct p2_shelf *s, struct p2_shelf_entry *e,
                   enum p2_shelf_state state);                                     // as in the picture, or to itself
void p2_shelf_resize(struct p2_shelf *s, struct p2_shelf_entry *e, uint64_t size); // what COMING brings
void p2_shelf_pin(struct p2_shelf *s, struct p2_shelf_entry *e);
bool p2_shelf_unpin(struct p2_shelf *s,
                    struct p2_shelf_entry *e); // true: it was the last of a LOST one, to be removed now

void p2_shelf_check(const struct p2_shelf *s); // every invariant but the owners of pins

#endif
