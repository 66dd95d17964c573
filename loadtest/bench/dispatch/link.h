// A socket to a broker on this machine, with what was read from it and what is to leave: everything there is to read is
// taken at once, and everything queued leaves in one write. When the broker closes it, the process ends.
#ifndef LOADTEST_BENCH_DISPATCH_LINK_H
#define LOADTEST_BENCH_DISPATCH_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link {
    int fd;
    uint8_t *in; // [in_at, in_end) is read and not yet taken
    size_t in_at, in_end, in_capacity;
    uint8_t *out; // [out_at, out_end) is to leave
    size_t out_at, out_end, out_capacity;
};

// Connects, for records of at most so many bytes.
void link_open(struct link *l, uint16_t port, size_t record_bytes_max);
void link_close(struct link *l); // fine with zeroes

// One read. False: nothing is there, and it was not to wait.
bool link_fill(struct link *l, bool wait);
// Writes what is queued; false when the socket does not take all of it and it was not to wait.
bool link_flush(struct link *l, bool wait);

static inline size_t link_queued(const struct link *l) { return l->out_end - l->out_at; }
static inline size_t link_read(const struct link *l) { return l->in_end - l->in_at; }
static inline const uint8_t *link_at(const struct link *l) { return l->in + l->in_at; }

// Room for so many bytes behind what is queued: written by the caller, who then raises out_end.
uint8_t *link_room(struct link *l, size_t size);
void link_put(struct link *l, const void *bytes, size_t size);
void link_text(struct link *l, const char *text);
// The same of bytes that are many: written at once behind what is queued, as far as the socket takes them (with `wait`,
// all of them); the rest is copied.
void link_put_large(struct link *l, const void *bytes, size_t size, bool wait);

#endif
