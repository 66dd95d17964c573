#include "report.h"

#include <string.h>

#include "os/log.h"

#define LINE_BYTES 1024

// One task more or less is of interest to who looks for it; a connection that misbehaves to everybody.
static enum p2_log_level level_of(const struct coord_note *n) {
    switch (n->kind) {
    case NOTE_TASK: return n->to == TASK_FAILED ? P2_LOG_INFO : P2_LOG_DEBUG;
    case NOTE_HEDGED:
    case NOTE_RUN_LOST:
    case NOTE_TASK_RESEND:
    case NOTE_TASK_RECALL:
    case NOTE_CLIENT_JOINED:
    case NOTE_CLIENT_LOST:
    case NOTE_CLIENT_AWAY:
    case NOTE_CLIENT_RESUMED:
    case NOTE_TASK_RESUMED:
    case NOTE_BLOB_SENT:
    case NOTE_LATE: return P2_LOG_DEBUG;
    case NOTE_PEER_HELD:
    case NOTE_BREAKER_OPEN:
    case NOTE_BLOB_LOST:
    case NOTE_CONN_REFUSED:
    case NOTE_CONN_ERROR:
    case NOTE_REMOTE_ERROR:
    case NOTE_STALL: return P2_LOG_WARN;
    default: return P2_LOG_INFO;
    }
}

void report_note(const struct coord_note *n) {
    enum p2_log_level level = level_of(n);
    if (!p2_log_on(level)) return;
    char line[LINE_BYTES];
    struct p2_strbuf text;
    p2_strbuf_init(&text, line, sizeof line);
    coord_note_text(n, &text);
    const char *name = coord_note_name(n->kind);
    const char *fields = line + strlen(name);
    p2_log(level, name, "%s", *fields == ' ' ? fields + 1 : fields);
}
