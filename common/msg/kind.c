#include "kind.h"

#include <stddef.h>
#include <string.h>

const char *p2_msg_name(enum p2_msg_kind kind) {
    static const char *const names[P2_MSG_KINDS] = {
        [P2_MSG_NONE] = "None",
        [P2_MSG_HELLO] = "Hello",
        [P2_MSG_PEER_REGISTER] = "PeerRegister",
        [P2_MSG_PEER_REGISTERED] = "PeerRegistered",
        [P2_MSG_GAMER_REGISTER] = "GamerRegister",
        [P2_MSG_GAMER_REGISTERED] = "GamerRegistered",
        [P2_MSG_TASK_SUBMIT] = "TaskSubmit",
        [P2_MSG_TASK_SUBMIT_BATCH] = "TaskSubmitBatch",
        [P2_MSG_TASK_ACCEPTED] = "TaskAccepted",
        [P2_MSG_TASK_ASSIGN] = "TaskAssign",
        [P2_MSG_TASK_RESULT] = "TaskResult",
        [P2_MSG_TASK_FAILURE] = "TaskFailure",
        [P2_MSG_RESULT_DELIVERY] = "ResultDelivery",
        [P2_MSG_TASK_ENDED] = "TaskEnded",
        [P2_MSG_TASK_TIMEOUT] = "TaskTimeout",
        [P2_MSG_TASK_CANCEL] = "TaskCancel",
        [P2_MSG_CHUNK] = "Chunk",
        [P2_MSG_WINDOW] = "Window",
        [P2_MSG_RESEND] = "Resend",
        [P2_MSG_HEARTBEAT] = "Heartbeat",
        [P2_MSG_PING] = "Ping",
        [P2_MSG_PONG] = "Pong",
        [P2_MSG_STATUS_REQUEST] = "StatusRequest",
        [P2_MSG_STATUS] = "Status",
        [P2_MSG_DRAIN] = "Drain",
        [P2_MSG_ERROR] = "Error",
        [P2_MSG_BLOB_HAVE] = "BlobHave",
        [P2_MSG_BLOB_WANT] = "BlobWant",
        [P2_MSG_BLOB_PUT] = "BlobPut",
        [P2_MSG_PEER_DISCONNECT] = "PeerDisconnect",
        [P2_MSG_CAN_MEET] = "CanMeet",
        [P2_MSG_CAN_MEET_ANSWER] = "CanMeetAnswer",
        [P2_MSG_TASK_RECALL] = "TaskRecall",
        [P2_MSG_TASK_RECALLED] = "TaskRecalled",
        [P2_MSG_RESULT_ACK] = "ResultAck",
        [P2_MSG_TASK_RESUME] = "TaskResume",
    };
    const char *name = (unsigned)kind < P2_MSG_KINDS ? names[kind] : NULL;
    return name ? name : "Unknown";
}

const char *p2_role_name(enum p2_role role) {
    switch (role) {
    case P2_ROLE_NONE: return "none";
    case P2_ROLE_PEER: return "peer";
    case P2_ROLE_CLIENT: return "client";
    case P2_ROLE_COORDINATOR: return "coordinator";
    }
    return "unknown";
}

static const char *const class_names[P2_CLASSES] = {"realtime", "interactive", "batch", "background"};

const char *p2_class_name(enum p2_class c) { return (unsigned)c < P2_CLASSES ? class_names[c] : "unknown"; }

bool p2_class_parse(const char *text, enum p2_class *out) {
    for (unsigned i = 0; i < P2_CLASSES; i++) {
        if (strcmp(text, class_names[i]) == 0) {
            *out = (enum p2_class)i;
            return true;
        }
    }
    return false;
}
