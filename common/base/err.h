// Stable codes for everything that can be refused or go wrong. Numbers go over the wire and never change
// meaning; names (CamelCase) are what logs, JSON and PROTOCOL.md show.
#ifndef P2_BASE_ERR_H
#define P2_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

enum p2_err {
    P2_OK = 0,
    // The connection's fault: it is told and closed.
    P2_ERR_BAD_MAGIC = 1,           // first record is not a HELLO of ours
    P2_ERR_UNSUPPORTED_VERSION = 2, // no protocol version in common
    P2_ERR_BAD_RECORD = 3,          // prefix or framing broken, header does not parse
    P2_ERR_TOO_LARGE = 4,           // a length above its limit
    P2_ERR_BAD_MESSAGE = 5,         // a field out of its range
    P2_ERR_WRONG_ROLE = 6,          // a peer's message from a client or the reverse
    P2_ERR_UNEXPECTED_MESSAGE = 7,  // not in this state
    P2_ERR_HANDSHAKE_TIMEOUT = 8,
    P2_ERR_IDLE_TIMEOUT = 9,
    P2_ERR_SLOW_READER = 10,
    P2_ERR_TOO_MANY_CONNECTIONS = 11,
    // Refused at submit: the task was never accepted.
    P2_ERR_BAD_PARAMETER = 20,
    P2_ERR_UNKNOWN_TYPE = 21,
    P2_ERR_NO_CAPABLE_PEER = 22,
    P2_ERR_OVERLOADED = 23,
    P2_ERR_QUOTA_EXCEEDED = 24,
    P2_ERR_WOULD_MISS_DEADLINE = 25,
    P2_ERR_DRAINING = 26,
    P2_ERR_DUPLICATE_TASK = 27,
    P2_ERR_UNKNOWN_TASK = 28,
    P2_ERR_UNAUTHORIZED = 29,
    P2_ERR_BLOB_MISSING = 30,
    // How an accepted task may end without a result.
    P2_ERR_DEADLINE_EXCEEDED = 40,
    P2_ERR_CANCELLED = 41,
    P2_ERR_ATTEMPTS_EXHAUSTED = 42,
    P2_ERR_PEER_LOST = 43,
    P2_ERR_CONNECTION_LOST = 44,
    // What an executor reports.
    P2_ERR_BAD_PAYLOAD = 60,      // bytes are not what the parameters say; another peer would say the same
    P2_ERR_EXECUTION_FAILED = 61, // the device or its driver failed
    P2_ERR_DEVICE_MEMORY = 62,
    P2_ERR_RESULT_TOO_LARGE = 63,
    P2_ERR_WATCHDOG_KILLED = 64,
    P2_ERR_INTERNAL = 65,
    P2_ERR_STATE_MISSING = 66, // what the task goes on from is not kept by that peer, or no longer
    // Local to one process; never on the wire.
    P2_ERR_AGAIN = 80,
    P2_ERR_INVALID_ARGUMENT = 81,
    P2_ERR_NO_MEMORY = 82,
    P2_ERR_UNREACHABLE = 83,
    P2_ERR_CLOSED = 84,
    P2_ERR_IO = 85,
    P2_ERR_NOT_FOUND = 86,
};

// CamelCase name ("BadMagic"); "Unknown" for a number not listed. Static storage.
const char *p2_err_name(enum p2_err e);

// One sentence for people. Static storage.
const char *p2_err_sentence(enum p2_err e);

// May the same request succeed later, or elsewhere, unchanged?
bool p2_err_retryable(enum p2_err e);

// A number from the wire: itself when listed and allowed on the wire, else P2_ERR_INTERNAL. So is 0: what reports a
// failure cannot say that there was none.
enum p2_err p2_err_from_wire(uint32_t number);

#endif
