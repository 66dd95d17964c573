// The other processes of a run: a coordinator of our own, the synthetic peers, and what the system says of each.
#ifndef LOADTEST_PROCESS_H
#define LOADTEST_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/ns.h"
#include "base/strbuf.h"
#include "loadtest/core/scenario.h"
#include "loadtest/peers.h"
#include "loadtest/proc.h"

#define PROCESS_ARGUMENTS_MAX 48u
#define PROCESS_REAL_PEERS_MAX 16u

struct process {
    pid_t pid; // 0: none
    int words; // ours of what it says; -1: none
};

// Starts `program` and waits for its line "listening URL", at most 10 s. Its log goes to our stderr. False: a sentence
// in why. Must be called before this process has threads.
bool process_coordinator(struct process *p, const char *program, const struct scenario *s, char *url_out,
                         size_t capacity, struct p2_strbuf *why);
// Starts a real peer on `devices` ("all", "0,2", "fake"); it is ready when the coordinator says so.
bool process_real_peer(struct process *p, const char *program, const char *devices, const struct scenario *s,
                       const char *url);
bool process_peers(struct process *p, const struct scenario *s, const char *url); // likewise
void process_begin_peers(struct process *p);                                      // the run begins
// The last that the peers said since the last call, into *out; *alive false when they have ended.
void process_hear_peers(struct process *p, struct peers_said *out, bool *alive);
void process_end(struct process *p); // asks it to leave, and at most 5 s later makes it; fine with zeroes

// What this machine is: processor, cores, memory, kernel.
struct machine {
    char cpu[96], kernel[96];
    uint32_t cores;
    uint64_t memory_bytes;
};
void process_machine(struct machine *out);

#endif
