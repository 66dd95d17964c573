// Notes of the core as log lines, and the one line on standard output.
#include <stdio.h>

#include "base/strbuf.h"
#include "os/log.h"
#include "peer/shell/supervisor.h"

static enum p2_log_level level_of(const struct worker_note *n) {
    switch (n->kind) {
    case WORKER_NOTE_FAULT:
    case WORKER_NOTE_REFUSED:
    case WORKER_NOTE_BLOB_LOST:
    case WORKER_NOTE_EXEC_SLOW:
    case WORKER_NOTE_EXEC_WITHHELD: return P2_LOG_WARN;
    case WORKER_NOTE_LINK_LOST: return n->code ? P2_LOG_WARN : P2_LOG_INFO;
    case WORKER_NOTE_EXEC_KILLED: return n->code == P2_ERR_DRAINING ? P2_LOG_INFO : P2_LOG_WARN;
    case WORKER_NOTE_EXEC_GONE: return n->value < 0 ? P2_LOG_INFO : P2_LOG_WARN;
    case WORKER_NOTE_JOB_FAILED:
    case WORKER_NOTE_JOB_REFUSED: return P2_LOG_WARN;
    case WORKER_NOTE_EXEC_BUILDS:
    case WORKER_NOTE_JOB_TAKEN:
    case WORKER_NOTE_JOB_DONE:
    case WORKER_NOTE_JOB_CANCELLED:
    case WORKER_NOTE_DIALLING: return P2_LOG_DEBUG;
    default: return P2_LOG_INFO;
    }
}

static const char *value_name(enum worker_note_kind kind) {
    switch (kind) {
    case WORKER_NOTE_DIALLING: return "failures";
    case WORKER_NOTE_OFFERED:
    case WORKER_NOTE_EXEC_READY: return "types";
    case WORKER_NOTE_LINK_LOST: return "jobs_dropped";
    case WORKER_NOTE_COORDINATOR_DRAINS: return "grace_ms";
    case WORKER_NOTE_EXEC_BUILDS:
    case WORKER_NOTE_EXEC_COMPILES: return "percent";
    case WORKER_NOTE_EXEC_SLOW: return "launch_us";
    case WORKER_NOTE_EXEC_GONE: return "restart_ms";
    case WORKER_NOTE_JOB_TAKEN:
    case WORKER_NOTE_BLOB_FETCHED:
    case WORKER_NOTE_JOB_DONE: return "bytes";
    case WORKER_NOTE_DRAINING: return "jobs";
    default: return NULL;
    }
}

// Text of others: quotes would end the value.
static void add_text(struct p2_strbuf *out, const char *text) {
    p2_strbuf_add(out, " text=\"", 7);
    for (; *text; text++) p2_strbuf_add(out, *text == '"' || *text == '\\' || *text < ' ' ? "'" : text, 1);
    p2_strbuf_add(out, "\"", 1);
}

void supervisor_note(struct supervisor *s, const struct worker_note *n) {
    char storage[768], id[P2_ID_TEXT];
    struct p2_strbuf out;
    p2_strbuf_init(&out, storage, sizeof storage);
    p2_id_text(&n->id, id);
    bool named = !p2_id_is_zero(&n->id);
    if (n->kind == WORKER_NOTE_REGISTERED) {
        printf("registered with %s as %s\n", s->settings.url, id);
        fflush(stdout);
        p2_strbuf_printf(&out, " coordinator=%s peer=%s", s->settings.url, id);
    } else if (n->kind == WORKER_NOTE_LINK_LOST || n->kind == WORKER_NOTE_DIALLING) {
        p2_strbuf_printf(&out, " coordinator=%s", s->settings.url);
    } else if (named) {
        p2_strbuf_printf(&out, " task=%s", id);
        if (n->attempt) p2_strbuf_printf(&out, " attempt=%u", n->attempt);
    }
    if (!p2_log_on(level_of(n))) return;
    if (n->exec < s->settings.seats.count)
        p2_strbuf_printf(&out, " device=%s", s->settings.seats.all[n->exec].argument);
    if (n->code) p2_strbuf_printf(&out, " code=%s", p2_err_name(n->code));
    if (value_name(n->kind)) p2_strbuf_printf(&out, " %s=%lld", value_name(n->kind), (long long)n->value);
    if (n->text && *n->text) add_text(&out, n->text);
    p2_log(level_of(n), worker_note_name(n->kind), "%s", storage[0] == ' ' ? storage + 1 : storage);
}
