// Executor processes: found, started, spoken to, killed, reaped. What is said are datagrams of one size (for the
// executor: struct word of peer/core/words.h), opaque here. No signal handler is installed or needed; as after any
// fork, this process gets a SIGCHLD when one has ended.
#ifndef P2_OS_CHILD_H
#define P2_OS_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/ns.h"

#define P2_CHILD_PATH_MAX 4096

struct p2_child {
    pid_t pid; // 0: none
    int pidfd; // readable when it has ended; -1: none
    int words; // SOCK_SEQPACKET, non-blocking, readable when it said something; -1: none
};

struct p2_child_options {
    const char *program; // path of p2c2r-executor
    const char *device;  // "0", "fake"
    const char *cache;   // NULL: its own choice
    const char *blobs;   // folder of blobs, which it maps; NULL: there is none
    int nice;            // added to our own niceness
    bool mute;           // its standard error goes nowhere
    size_t unheard_max;  // bytes of datagrams that may wait for it
};

// Finds p2c2r-executor: `given` when set, else beside the running program, in executor/ below it, in
// ../libexec/p2c2r, or where it lies in a build tree. False when none of them can be run; out then holds where it was
// expected.
bool p2_child_find(const char *given, char out[static P2_CHILD_PATH_MAX]);

// Starts `program --device ...` in a process group of its own (a terminal's Ctrl-C is ours to handle), with the
// socketpair as descriptor 3, memory_fd as 4, standard output going to standard error, no other descriptor of ours, no
// new privileges, and a death with its parent's: with that of the thread that called this. P2_ERR_IO when the world
// refuses.
enum p2_err p2_child_start(struct p2_child *c, const struct p2_child_options *o, int memory_fd);
void p2_child_init(struct p2_child *c); // no process

// False: it does not take words any more, or has not listened to more of them than there can be under way.
bool p2_child_say(struct p2_child *c, const void *word, size_t size);

enum p2_child_heard { P2_CHILD_SILENT, P2_CHILD_WORD, P2_CHILD_NOISE, P2_CHILD_CLOSED };
// NOISE: a datagram of another size.
enum p2_child_heard p2_child_hear(struct p2_child *c, void *out, size_t size);
bool p2_child_waiting(const struct p2_child *c); // there is something to hear

void p2_child_kill(struct p2_child *c); // at once; harmless when none
void p2_child_drop(struct p2_child *c); // one that has only just begun: killed and reaped
// True when it has ended: "exit code 1", "signal 9 (KILL)" in text, its descriptors closed. Waits at most `wait_ns`.
bool p2_child_reap(struct p2_child *c, p2_ns wait_ns, char *text, size_t capacity);

// Runs `program` with arguments (NULL-terminated, after argv[0]) to its end, at most `limit_ns`. With `out`, its
// standard output goes there as text, cut at capacity; else to ours. Exit code; -1 when it did not run or was killed.
struct p2_child_capture {
    char *out;
    size_t capacity;
};
int p2_child_run(const char *program, const char *const *arguments, const struct p2_child_capture *capture,
                 p2_ns limit_ns);

#endif
