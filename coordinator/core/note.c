#include "note.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const state_names[TASK_STATES] = {
    "new", "queued", "placed", "returning", "joined", "kept", "done", "failed", "expired", "cancelled", "refused",
};

static const char *const why_names[WHY_CODES] = {
    [WHY_NONE] = "none",
    [WHY_SUBMITTED] = "submitted",
    [WHY_PICKED] = "picked",
    [WHY_RESULT] = "result",
    [WHY_DELIVERED] = "delivered",
    [WHY_PEER_LOST] = "peer_lost",
    [WHY_PEER_FAILED] = "peer_failed",
    [WHY_PEER_BROKE] = "peer_broke_rules",
    [WHY_CLIENT_ASKED] = "client_asked",
    [WHY_CLIENT_LOST] = "client_lost",
    [WHY_DEADLINE] = "deadline",
    [WHY_NO_PEER] = "no_peer",
    [WHY_ATTEMPTS] = "attempts",
    [WHY_MEMORY] = "memory",
    [WHY_BAD_REQUEST] = "bad_request",
    [WHY_DUPLICATE] = "duplicate",
    [WHY_LIMIT] = "limit",
    [WHY_DRAINING] = "draining",
    [WHY_SILENT] = "silent",
    [WHY_LEFT] = "left",
    [WHY_QUOTA] = "quota",
    [WHY_SHED] = "shed",
    [WHY_SUPERSEDED] = "superseded",
    [WHY_CACHED] = "cached",
    [WHY_JOINED] = "joined",
    [WHY_TOOK_OVER] = "took_over",
    [WHY_RELEASED] = "released",
    [WHY_RECALLED] = "recalled",
    [WHY_FLAPPING] = "flapping",
    [WHY_BUDGET] = "budget",
    [WHY_RESUMED] = "resumed",
    [WHY_NOT_RESUMED] = "not_resumed",
    [WHY_ACKNOWLEDGED] = "acknowledged",
    [WHY_BLOB] = "blob",
};

static const char *const note_names[NOTE_KINDS] = {
    [NOTE_TASK] = "task",
    [NOTE_PICKED] = "picked",
    [NOTE_HEDGED] = "hedged",
    [NOTE_RUN_LOST] = "run_lost",
    [NOTE_TASK_RESEND] = "task_resend",
    [NOTE_TASK_RECALL] = "task_recall",
    [NOTE_PEER_JOINED] = "peer_joined",
    [NOTE_PEER_CHANGED] = "peer_changed",
    [NOTE_PEER_HELD] = "peer_held",
    [NOTE_PEER_RELEASED] = "peer_released",
    [NOTE_PEER_DRAINING] = "peer_draining",
    [NOTE_PEER_LOST] = "peer_lost",
    [NOTE_BREAKER_OPEN] = "breaker_open",
    [NOTE_BREAKER_HALF_OPEN] = "breaker_half_open",
    [NOTE_BREAKER_CLOSED] = "breaker_closed",
    [NOTE_OFFER_IGNORED] = "offer_ignored",
    [NOTE_CLIENT_JOINED] = "client_joined",
    [NOTE_CLIENT_LOST] = "client_lost",
    [NOTE_CLIENT_AWAY] = "client_away",
    [NOTE_CLIENT_RESUMED] = "client_resumed",
    [NOTE_TASK_RESUMED] = "task_resumed",
    [NOTE_CONN_REFUSED] = "conn_refused",
    [NOTE_CONN_ERROR] = "conn_error",
    [NOTE_REMOTE_ERROR] = "remote_error",
    [NOTE_LATE] = "late_message",
    [NOTE_BLOB_STORED] = "blob_stored",
    [NOTE_BLOB_REFUSED] = "blob_refused",
    [NOTE_BLOB_EVICTED] = "blob_evicted",
    [NOTE_BLOB_LOST] = "blob_lost",
    [NOTE_BLOB_SENT] = "blob_sent",
    [NOTE_STALL] = "stall",
    [NOTE_DRAIN] = "drain",
    [NOTE_DRAINED] = "drained",
};

const char *task_state_name(enum task_state s) { return (unsigned)s < COUNT(state_names) ? state_names[s] : "unknown"; }

const char *coord_why_name(enum coord_why w) { return (unsigned)w < COUNT(why_names) ? why_names[w] : "unknown"; }

const char *coord_note_name(enum coord_note_kind k) {
    return (unsigned)k < COUNT(note_names) ? note_names[k] : "unknown";
}

static void put_id(struct p2_strbuf *out, const char *key, const struct p2_id *id) {
    char text[P2_ID_TEXT];
    if (p2_id_is_zero(id)) return;
    p2_id_text(id, text);
    p2_strbuf_printf(out, " %s=%s", key, text);
}

// Remotes' words go into one quoted value: no quote, backslash or control character survives.
static void put_text(struct p2_strbuf *out, struct p2_str text) {
    if (!text.n) return;
    p2_strbuf_printf(out, " text=\"");
    for (uint32_t i = 0; i < text.n; i++) {
        char ch = text.p[i];
        bool plain = (unsigned char)ch >= 0x20 && ch != '"' && ch != '\\' && ch != 0x7f;
        p2_strbuf_add(out, plain ? &ch : ".", 1);
    }
    p2_strbuf_printf(out, "\"");
}

void coord_note_text(const struct coord_note *n, struct p2_strbuf *out) {
    p2_strbuf_printf(out, "%s", coord_note_name(n->kind));
    if (n->kind == NOTE_TASK) p2_strbuf_printf(out, " state=%s", task_state_name(n->to));
    if (n->why != WHY_NONE) p2_strbuf_printf(out, " why=%s", coord_why_name(n->why));
    put_id(out, "task", &n->task);
    put_id(out, "of", &n->of);
    put_id(out, "peer", &n->peer);
    if (n->conn) p2_strbuf_printf(out, " conn=%llx", (unsigned long long)n->conn);
    if (n->kind == NOTE_TASK && n->to == TASK_QUEUED) p2_strbuf_printf(out, " class=%s", p2_class_name(n->class_));
    if (n->attempt) p2_strbuf_printf(out, " attempt=%u", n->attempt);
    if (n->code != P2_OK) p2_strbuf_printf(out, " code=%s", p2_err_name(n->code));
    switch (n->kind) {
    case NOTE_PEER_JOINED:
    case NOTE_PEER_CHANGED: p2_strbuf_printf(out, " slots=%llu", (unsigned long long)n->count); break;
    case NOTE_PEER_LOST: p2_strbuf_printf(out, " jobs=%llu", (unsigned long long)n->count); break;
    case NOTE_BLOB_STORED:
    case NOTE_BLOB_EVICTED:
    case NOTE_BLOB_LOST:
    case NOTE_BLOB_SENT: p2_strbuf_printf(out, " bytes=%llu", (unsigned long long)n->count); break;
    case NOTE_CLIENT_LOST:
    case NOTE_CLIENT_AWAY:
    case NOTE_CLIENT_RESUMED:
    case NOTE_DRAIN: p2_strbuf_printf(out, " tasks=%llu", (unsigned long long)n->count); break;
    default: break;
    }
    const char *span = n->kind == NOTE_BREAKER_OPEN || n->kind == NOTE_PEER_HELD ? "for_us" : "after_us";
    if (n->span_ns) p2_strbuf_printf(out, " %s=%llu", span, (unsigned long long)p2_ns_to_us(n->span_ns));
    put_text(out, n->text);
}
