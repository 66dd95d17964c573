// The two ends of a link, between link.c, which opens it and harms it, and end.c, which moves its bytes.
#ifndef TESTS_SIM_END_H
#define TESTS_SIM_END_H

#include "sim.h"

#define LANES (1 + P2_CLASSES)
#define MESSAGE_MAX (256u * 1024u) // bytes that leave at once

struct record;
struct segment;

enum end_state { END_NONE, END_OPEN, END_FLUSHING, END_PARTING, END_DEAD };

struct end {
    struct link *link;
    enum end_state state;
    struct record *first[LANES], *last[LANES];
    uint64_t queued;
    uint32_t sent, passed_over, favoured;
    bool room_wanted;
    p2_ns busy_until;
    struct timer pump, arrive, cut;
    struct segment *in_first, *in_last; // on their way to this end
    enum p2_err why;
    struct p2_reader reader;
    struct record *copy; // of something sent before, for tampering
};

struct link {
    p2_handle self;
    struct node *node; // NULL: abandoned
    struct end ends[2];
    struct timer open;
    p2_ns delay, frozen_until;
    uint64_t bandwidth;
    uint32_t message_bytes;
    bool silent, broken, tampered, arrived;
};

void end_init(struct link *l, int which, struct p2_codec *codec);
void end_die(struct end *e); // nothing of it is left, nobody is told; harmless twice

// Closes it without a goodbye, at the earliest time that was asked for.
void end_cut_at(struct end *e, p2_ns at, enum p2_err why);

// Queues a record; takes no reference of the payload's for itself but its own.
void end_put(struct end *e, unsigned lane, const uint8_t *head, size_t head_size, struct p2_slice payload);
void end_clear_queue(struct end *e);
void end_copy_again(struct end *e); // what left last is queued once more
void end_wake(struct end *e);       // something may leave, or there may be room

#endif
