// Roles, classes and the kinds of message, with their names.
#ifndef P2_MSG_KIND_H
#define P2_MSG_KIND_H

#include <stdbool.h>

enum p2_role { P2_ROLE_NONE = 0, P2_ROLE_PEER = 1, P2_ROLE_CLIENT = 2, P2_ROLE_COORDINATOR = 3 };

// Class of a task, best first. Also the lane in which its bytes queue.
enum p2_class { P2_CLASS_REALTIME = 0, P2_CLASS_INTERACTIVE = 1, P2_CLASS_BATCH = 2, P2_CLASS_BACKGROUND = 3 };
#define P2_CLASSES 4

enum p2_msg_kind {
    P2_MSG_NONE = 0,
    P2_MSG_HELLO = 1,             // both ways, first
    P2_MSG_PEER_REGISTER = 2,     // peer -> coordinator; again whenever what it offers changes
    P2_MSG_PEER_REGISTERED = 3,   // coordinator -> peer
    P2_MSG_GAMER_REGISTER = 4,    // client -> coordinator
    P2_MSG_GAMER_REGISTERED = 5,  // coordinator -> client
    P2_MSG_TASK_SUBMIT = 6,       // client -> coordinator
    P2_MSG_TASK_SUBMIT_BATCH = 7, // client -> coordinator
    P2_MSG_TASK_ACCEPTED = 8,     // coordinator -> client
    P2_MSG_TASK_ASSIGN = 9,       // coordinator -> peer
    P2_MSG_TASK_RESULT = 10,      // peer -> coordinator
    P2_MSG_TASK_FAILURE = 11,     // peer -> coordinator
    P2_MSG_RESULT_DELIVERY = 12,  // coordinator -> client: ends the task once its payload is whole
    P2_MSG_TASK_ENDED = 13,       // coordinator -> client: ends it without a result (refused, failed, cancelled)
    P2_MSG_TASK_TIMEOUT = 14,     // coordinator -> client: ends it because its deadline passed
    P2_MSG_TASK_CANCEL = 15,      // client -> coordinator, coordinator -> peer
    P2_MSG_CHUNK = 16,            // more payload of a stream, any way
    P2_MSG_WINDOW = 17,           // receiver of a stream's payload -> sender
    P2_MSG_RESEND = 18,           // coordinator -> client: this task's payload again from its first byte
    P2_MSG_HEARTBEAT = 19,        // peer -> coordinator
    P2_MSG_PING = 20,             // any way
    P2_MSG_PONG = 21,
    P2_MSG_STATUS_REQUEST = 22,  // client -> coordinator
    P2_MSG_STATUS = 23,          // coordinator -> client
    P2_MSG_DRAIN = 24,           // sender takes no new work and will leave
    P2_MSG_ERROR = 25,           // any way: about a stream, or stream 0 for the connection, which then ends
    P2_MSG_BLOB_HAVE = 26,       // any way: the sender holds these blobs, or does not any more
    P2_MSG_BLOB_WANT = 27,       // any way: please send this one
    P2_MSG_BLOB_PUT = 28,        // client -> coordinator: take it? coordinator -> peer: here it comes
    P2_MSG_PEER_DISCONNECT = 29, // peer -> coordinator: goodbye, with the reason
    P2_MSG_CAN_MEET = 30,        // client -> coordinator: would such a task be done in time?
    P2_MSG_CAN_MEET_ANSWER = 31, // coordinator -> client
    P2_MSG_TASK_RECALL = 32,     // coordinator -> peer: give the job back if it has not started
    P2_MSG_TASK_RECALLED = 33,   // peer -> coordinator: whether it does
    // 34 and 35 are no messages of version 1.
    P2_MSG_RESULT_ACK = 36,  // client -> coordinator: this result is here whole
    P2_MSG_TASK_RESUME = 37, // client -> coordinator: an earlier task goes on on this stream
    P2_MSG_KINDS
};

// "TaskSubmit". Static storage; "Unknown" out of range.
const char *p2_msg_name(enum p2_msg_kind kind);
const char *p2_role_name(enum p2_role role);
const char *p2_class_name(enum p2_class c); // "realtime"
bool p2_class_parse(const char *text, enum p2_class *out);

#endif
