// Clock, entropy, signals, files: what the world gives to the shells. Cores never include this.
#ifndef P2_OS_OS_H
#define P2_OS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/id.h"
#include "base/ns.h"

p2_ns p2_clock_now(void);                // CLOCK_MONOTONIC
p2_ns p2_clock_thread(void);             // processor time of the calling thread
void p2_entropy(void *out, size_t size); // from the kernel; aborts when there is none
struct p2_id p2_id_random(void);

// Signals by way of a descriptor, so they are dealt with in the loop and not in a signal handler.
// Returns a readable signalfd for TERM and INT, which are blocked for the process; -1 when refused. SIGPIPE is ignored.
int p2_signals_open(void);
int p2_signals_take(int fd); // next signal number, 0 when none

void p2_sha256(const void *bytes, size_t size, struct p2_digest *out);
// Of one after the other; without either, of nothing.
void p2_sha256_of_two(const void *first, size_t first_size, const void *second, size_t second_size,
                      struct p2_digest *out);

// The same of bytes that come in pieces. One thread at a time.
struct p2_sha256;
struct p2_sha256 *p2_sha256_begin(void); // NULL when memory is short
void p2_sha256_add(struct p2_sha256 *h, const void *bytes, size_t size);
void p2_sha256_end(struct p2_sha256 **h,
                   struct p2_digest *out); // frees it; `out` NULL: not wanted. NULL inside is fine

// Whole file, at most size_max bytes; gives malloc'd bytes (free). P2_ERR_NOT_FOUND, P2_ERR_TOO_LARGE, P2_ERR_IO.
enum p2_err p2_file_read(const char *path, size_t size_max, uint8_t **out, size_t *size_out);
// Written beside it and renamed, so a reader sees the old or the new. P2_ERR_IO.
enum p2_err p2_file_write(const char *path, const void *bytes, size_t size);
// All bytes from or to an offset of an open file, also when interrupted. False: an error, or the file ends before.
bool p2_file_read_at(int fd, uint8_t *out, size_t size, uint64_t at);
bool p2_file_write_at(int fd, const uint8_t *bytes, size_t size, uint64_t at);
// Memory to share with another process by its descriptor: zeroes, CLOEXEC, of a size that neither can change any more;
// read and written by position it can be mapped by the other only. -1 when the world refuses.
int p2_memory_share(const char *name, uint64_t size);
void p2_memory_give_back(int fd, uint64_t size); // to the system; it reads as zeroes afterwards
enum p2_err p2_dir_make(const char *path);       // with parents, mode 0700; fine when it is there
// The user's cache directory for this product ($XDG_CACHE_HOME/p2c2r, $HOME/.cache/p2c2r, else /var/tmp/p2c2r-UID). The
// last is made here, and false when it is someone else's; the others are the caller's to make.
bool p2_cache_dir(char *out, size_t capacity);
// Directory of the running program, for finding what is installed beside it.
bool p2_program_dir(char *out, size_t capacity);

uint32_t p2_cpu_count(void);
uint64_t p2_memory_bytes(void);
uint64_t p2_resident_bytes(void);

#endif
