// Two loops in one process, a server's and a client's, that note what happens to them. Turned by hand until something
// holds, never longer than a deadline.
#ifndef TESTS_UNIT_NET_FIXTURE_H
#define TESTS_UNIT_NET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/blob.h"
#include "net/net.h"

#define NOTED_MAX 64u

// A test record: size of the whole (u32), lane (u8), three zero bytes, stamp (u32), number (u32), then payload bytes.
#define HEAD_BYTES 16u

struct noted {
    uint32_t size, lane, stamp, number;
};

struct side {
    struct p2_loop *loop;
    p2_conn last; // opened last
    uint32_t opened, closed, writable;
    p2_conn closed_handle;
    enum p2_err why;
    uint64_t room;
    char remote[64];
    bool echo;       // sends every whole record back, as it came
    bool pause_once; // pauses at the first byte
    bool stamps;     // writes the record's index into its head
    uint64_t bytes;  // received
    uint32_t records;
    struct noted noted[NOTED_MAX]; // the first records
    bool content_wrong;            // a payload byte was not what fill() writes
    uint8_t *stream;               // bytes of a record not whole yet
    size_t stream_size, stream_capacity;
};

struct pair {
    struct side server, client;
    uint16_t port;
    struct p2_blob_pool pool;
};

void pair_begin(struct pair *p, const struct p2_net_limits *server, const struct p2_net_limits *client);
void pair_end(struct pair *p);
void pair_connect(struct pair *p); // one dial, both opened and established

// Turns both loops until `done` holds; fails the test after ten seconds.
#define UNTIL(p, done)                                                                                                 \
    do {                                                                                                               \
        struct pair *until_pair = (p);                                                                                 \
        p2_ns until_end = deadline();                                                                                  \
        while (!(done)) {                                                                                              \
            assert_true(before(until_end));                                                                            \
            pair_turn(until_pair);                                                                                     \
        }                                                                                                              \
    } while (0)

p2_ns deadline(void);
bool before(p2_ns end);
void pair_turn(struct pair *p);   // each loop once, waiting a moment when nothing is to be done
void pair_settle(struct pair *p); // until neither has anything to do

const char *pair_url(const struct pair *p);
// Sends a record with a payload of `size` bytes (fill(number)).
enum p2_err send_record(struct pair *p, struct side *from, unsigned lane, uint32_t number, uint32_t size);
void forget_received(struct side *s);

int raw_connect(const struct pair *p);
// Sends text, turns until the other end closes, and gives what came back (NUL-terminated).
void raw_talk(struct pair *p, int fd, const char *text, char *out, size_t capacity);

#endif
