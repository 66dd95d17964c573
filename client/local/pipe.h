// The executor child and the memory it shares with us, carried for local.h: started, spoken to, heard, ended. A cell
// takes a payload and gives a result; none of it is mapped here, so nothing the child does with it can fault the game.
#ifndef CLIENT_LOCAL_PIPE_H
#define CLIENT_LOCAL_PIPE_H

#include "base/blob.h"
#include "os/child.h"
#include "peer/core/words.h"

struct pipe {
    struct p2_child child;
    int memory; // -1: none yet
    struct word_setup setup;
    char program[P2_CHILD_PATH_MAX];
    char device[16];
    char text[64]; // how the last child ended
};

// False when a name is too long.
bool p2_pipe_init(struct pipe *p, const char *program, const char *device);
void p2_pipe_deinit(struct pipe *p); // kills it, and waits a moment for its end

bool p2_pipe_start(struct pipe *p, const struct word_setup *setup); // false: the world refuses
void p2_pipe_kill(struct pipe *p);                                  // its descriptor says when it is gone
void p2_pipe_hang_up(struct pipe *p);                               // closes the words of one that closed its end
// True when it has ended, p->text says how and its descriptors are closed.
bool p2_pipe_reap(struct pipe *p);

// False: it does not listen, and should be killed.
bool p2_pipe_say(struct pipe *p, const struct word *w);
bool p2_pipe_job(struct pipe *p, const struct word *w, const struct p2_slice *payload); // w: a WORD_JOB
bool p2_pipe_setup(struct pipe *p);
bool p2_pipe_cancel(struct pipe *p, uint32_t cell);

// Bytes of a cell's result. False when the world refuses.
bool p2_pipe_result(const struct pipe *p, uint32_t cell, uint64_t offset, uint8_t *out, uint64_t size);
void p2_pipe_release(struct pipe *p); // the cells' memory

#endif
