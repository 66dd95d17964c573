// Executor processes: found, started, spoken to, killed, reaped.
#ifndef PEER_SHELL_CHILD_H
#define PEER_SHELL_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/ns.h"
#include "peer/core/words.h"

#define CHILD_PATH_MAX 4096

struct child {
    pid_t pid; // 0: none
    int pidfd; // readable when it has ended; -1: none
    int words; // SOCK_SEQPACKET, non-blocking, readable when it said something; -1: none
};

struct child_options {
    const char *program; // path of p2c2r-executor
    const char *device;  // "0", "fake"
    const char *cache;   // NULL: its own choice
    const char *blobs;   // folder of blobs, which it maps; NULL: there is none
    int nice;            // added to our own niceness
};

// Finds p2c2r-executor: `given` when set, else beside the running program, in executor/ below it, or in
// ../libexec/p2c2r. False when none of them can be run; out then holds where it was expected.
bool child_find(const char *given, char out[static CHILD_PATH_MAX]);

// Starts it in a process group of its own (a terminal's Ctrl-C is ours to handle), with the socketpair as descriptor 3,
// memory_fd as 4, standard output going to standard error, no other descriptor of ours, no new privileges, and a
// death with its parent's. P2_ERR_IO when the world refuses.
enum p2_err child_start(struct child *c, const struct child_options *o, int memory_fd);
void child_init(struct child *c); // no process

// False: it does not take words any more, or has not listened to more of them than there can be under way.
bool child_say(struct child *c, const struct word *word);

enum child_heard { CHILD_SILENT, CHILD_WORD, CHILD_NOISE, CHILD_CLOSED };
enum child_heard child_hear(struct child *c, struct word *out); // NOISE: a datagram that is no word
bool child_waiting(const struct child *c);                      // there is something to hear

void child_kill(struct child *c); // at once; harmless when none
void child_drop(struct child *c); // one that has only just begun: killed and reaped
// True when it has ended: "exit code 1", "signal 9 (KILL)" in text, its descriptors closed. Waits at most `wait_ns`.
bool child_reap(struct child *c, p2_ns wait_ns, char *text, size_t capacity);

// Runs `program` with arguments (NULL-terminated, after argv[0]) to its end, at most `limit_ns`. With `out`, its
// standard output goes there as text, cut at capacity; else to ours. Exit code; -1 when it did not run or was killed.
struct child_capture {
    char *out;
    size_t capacity;
};
int child_run(const char *program, const char *const *arguments, const struct child_capture *capture, p2_ns limit_ns);

#endif
