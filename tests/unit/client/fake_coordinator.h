// A coordinator of a few dozen lines on a thread of its own: real sockets and records, no peers. What it does with
// tasks is its mood; it may change while it runs.
#ifndef TESTS_UNIT_CLIENT_FAKE_COORDINATOR_H
#define TESTS_UNIT_CLIENT_FAKE_COORDINATOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernels/task_type.h"
#include "msg/flow.h"
#include "net/net.h"
#include "wire/wire.h"

enum fake_mood {
    FAKE_ECHO,      // the payload comes back, under windows
    FAKE_RESEND,    // asks for each payload twice, then echoes
    FAKE_REFUSE,    // no capable peer
    FAKE_FAIL,      // accepted, then attempts exhausted
    FAKE_SILENT,    // accepted, then nothing; confirms cancels
    FAKE_HANG_UP,   // closes on a task
    FAKE_GARBAGE,   // answers a task with bytes that are no record
    FAKE_BAD_ZSTD,  // a result that does not unpack
    FAKE_BAD_PART,  // the second task's result likewise, the first half of it; the others echo
    FAKE_GAP,       // a result with a hole
    FAKE_TOO_LONG,  // a result longer than any echo
    FAKE_COMPUTE,   // what the type's reference makes of it; but `silent` tasks first that get no answer
    FAKE_TURN_AWAY, // ERROR to the connection instead of REGISTERED
};

#define FAKE_TASKS 4096
#define FAKE_SPOILT 0xee

struct fake_task {
    uint32_t stream; // 0: free
    struct p2_id id;
    struct p2_blob *payload;
    uint64_t size;
    bool resent;
    struct p2_inflow in;
    struct p2_outflow out;
    const struct p2_task_type *type;
    uint64_t result_bytes_max;
    _Alignas(16) uint8_t block[P2_BLOCK_MAX];
};

struct fake {
    _Atomic int mood;
    atomic_bool stop, pack;    // results are compressed where that helps
    atomic_bool deaf, is_deaf; // reads nothing; as it is (fake_deafen)
    atomic_uint spoiled;       // pieces of payloads with a byte FAKE_SPOILT
    atomic_uint submits, cancels, errors, connections, zstd_payloads, silent;
    atomic_uint silent_above; // bytes of a result, at most, for which there is none; 0: off
    uint16_t port;
    char url[64];
    pthread_t thread;
    struct p2_loop *loop;
    p2_conn conn;
    struct p2_blob_pool pool;
    struct p2_codec codec;
    struct p2_reader reader;
    struct fake_task tasks[FAKE_TASKS];
    uint32_t tasks_in_flight_max;
    uint8_t head[P2_PREFIX_BYTES + P2_HEADER_MAX];
};

void fake_start(struct fake *f, enum fake_mood mood, uint32_t tasks_in_flight_max);
void fake_stop(struct fake *f);
void fake_deafen(struct fake *f, bool deaf); // its connection; true: when this returns

#endif
