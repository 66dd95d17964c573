#include "err.h"

#include <stddef.h>

struct row {
    enum p2_err code;
    bool retryable;
    const char *name, *sentence;
};

// Retryable: the same request may succeed at another time or place, unchanged.
static const struct row rows[] = {
    {P2_OK, false, "Ok", "All is well."},
    {P2_ERR_BAD_MAGIC, false, "BadMagic", "The first message is not a greeting of this protocol."},
    {P2_ERR_UNSUPPORTED_VERSION, false, "UnsupportedVersion", "There is no protocol version that both sides speak."},
    {P2_ERR_BAD_RECORD, false, "BadRecord", "A record is broken: its prefix, its framing or its header."},
    {P2_ERR_TOO_LARGE, false, "TooLarge", "A length is above its limit."},
    {P2_ERR_BAD_MESSAGE, false, "BadMessage", "A message holds a value outside its range."},
    {P2_ERR_WRONG_ROLE, false, "WrongRole", "This message is not for this role to send."},
    {P2_ERR_UNEXPECTED_MESSAGE, false, "UnexpectedMessage", "This message makes no sense at this point."},
    {P2_ERR_HANDSHAKE_TIMEOUT, true, "HandshakeTimeout", "The greeting did not come in time."},
    {P2_ERR_IDLE_TIMEOUT, true, "IdleTimeout", "Nothing was heard for too long."},
    {P2_ERR_SLOW_READER, true, "SlowReader", "What was sent is not being read."},
    {P2_ERR_TOO_MANY_CONNECTIONS, true, "TooManyConnections", "No more connections are accepted now."},
    {P2_ERR_BAD_PARAMETER, false, "BadParameter", "A parameter of the task is missing, unknown or out of range."},
    {P2_ERR_UNKNOWN_TYPE, false, "UnknownType", "There is no such task type."},
    {P2_ERR_NO_CAPABLE_PEER, true, "NoCapablePeer", "No connected peer can run this task."},
    {P2_ERR_OVERLOADED, true, "Overloaded", "There is more work than the peers can take on."},
    {P2_ERR_QUOTA_EXCEEDED, true, "QuotaExceeded", "This client has too much in flight already."},
    {P2_ERR_WOULD_MISS_DEADLINE, true, "WouldMissDeadline", "The task would not be done by its deadline."},
    {P2_ERR_DRAINING, true, "Draining", "The coordinator is about to stop and takes no new work."},
    {P2_ERR_DUPLICATE_TASK, false, "DuplicateTask", "A task with this id is open, or ended not long ago."},
    {P2_ERR_UNKNOWN_TASK, false, "UnknownTask", "There is no task with this id."},
    {P2_ERR_UNAUTHORIZED, false, "Unauthorized", "This is not allowed to you."},
    {P2_ERR_BLOB_MISSING, false, "BlobMissing", "A blob that the task refers to is not here."},
    {P2_ERR_DEADLINE_EXCEEDED, true, "DeadlineExceeded", "The deadline passed before there was a result."},
    {P2_ERR_CANCELLED, false, "Cancelled", "The task was cancelled."},
    {P2_ERR_ATTEMPTS_EXHAUSTED, true, "AttemptsExhausted", "Every attempt failed."},
    {P2_ERR_PEER_LOST, true, "PeerLost", "The peer that ran the task went away."},
    {P2_ERR_CONNECTION_LOST, true, "ConnectionLost", "The connection broke before there was a result."},
    {P2_ERR_BAD_PAYLOAD, false, "BadPayload", "The payload is not what the parameters say."},
    {P2_ERR_EXECUTION_FAILED, true, "ExecutionFailed", "The device or its driver failed."},
    {P2_ERR_DEVICE_MEMORY, true, "DeviceMemory", "The device has too little memory for this task."},
    {P2_ERR_RESULT_TOO_LARGE, false, "ResultTooLarge", "The result is above its limit."},
    {P2_ERR_WATCHDOG_KILLED, true, "WatchdogKilled", "The task ran too long and was stopped."},
    {P2_ERR_INTERNAL, true, "Internal", "Something went wrong that has no better name."},
    {P2_ERR_STATE_MISSING, false, "StateMissing", "What the task goes on from is not kept there: send it whole."},
    {P2_ERR_AGAIN, true, "Again", "Not now: try again in a moment."},
    {P2_ERR_INVALID_ARGUMENT, false, "InvalidArgument", "An argument is not valid."},
    {P2_ERR_NO_MEMORY, true, "NoMemory", "There is not enough memory."},
    {P2_ERR_UNREACHABLE, true, "Unreachable", "The other side cannot be reached."},
    {P2_ERR_CLOSED, false, "Closed", "It is closed."},
    {P2_ERR_IO, true, "Io", "Reading or writing failed."},
    {P2_ERR_NOT_FOUND, false, "NotFound", "It is not there."},
};

static const struct row *find(enum p2_err e) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].code == e) return &rows[i];
    }
    return NULL;
}

const char *p2_err_name(enum p2_err e) {
    const struct row *r = find(e);
    return r ? r->name : "Unknown";
}

const char *p2_err_sentence(enum p2_err e) {
    const struct row *r = find(e);
    return r ? r->sentence : "An error without a name.";
}

bool p2_err_retryable(enum p2_err e) {
    const struct row *r = find(e);
    return r && r->retryable;
}

enum p2_err p2_err_from_wire(uint32_t number) {
    if (number == P2_OK || number >= P2_ERR_AGAIN || !find((enum p2_err)number)) return P2_ERR_INTERNAL;
    return (enum p2_err)number;
}
