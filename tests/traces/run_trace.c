// Plays a story against the coordinator's core and compares what it says with what the story says it says.
//
//   run_trace STORY.txt            exit 0 when they agree; otherwise the first difference on stderr
//   run_trace --write STORY.txt    writes down what is said now
//
// Lines that begin with "#" and empty lines are for the reader. "> words" is an event; the lines after it are what
// the core answers: notes as the log has them, "-> NAME Message" for messages (pings left out), "close NAME".
// Events: README.md beside this file.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"

#define NAMES 32
#define NAME_BYTES 16
#define TEXT_BYTES (256u << 10)

struct name {
    char text[NAME_BYTES];
    p2_handle conn;       // of a client or peer
    struct p2_id id;      // of a task or peer
    struct p2_id session; // of a client
    uint32_t stream;      // of a task at its client
    struct p2_msg job;    // a task's latest TASK_ASSIGN
    uint64_t size;        // of a blob
};

struct story {
    struct rig rig;
    struct name names[NAMES];
    unsigned count;
    uint32_t streams;
    struct p2_strbuf said;
    char said_storage[TEXT_BYTES];
    char *words[16]; // of the event
    unsigned word_count;
    bool estimates; // are said with TaskAccepted
};

static struct story st;

static _Noreturn void give_up(const char *what, const char *which) {
    fprintf(stderr, "run_trace: %s: %s\n", what, which);
    exit(2);
}

// ---- names and words ------------------------------------------------------------------------------------------------

static struct name *find_name(const char *text) {
    for (unsigned i = 0; i < st.count; i++) {
        if (strcmp(st.names[i].text, text) == 0) return &st.names[i];
    }
    return NULL;
}

static struct name *named(unsigned word) {
    struct name *n = word < st.word_count ? find_name(st.words[word]) : NULL;
    if (!n) give_up("nobody of that name", word < st.word_count ? st.words[word] : "(missing)");
    return n;
}

static struct name *new_name(unsigned word) {
    if (word >= st.word_count || find_name(st.words[word]) || st.count == NAMES || strlen(st.words[word]) >= NAME_BYTES)
        give_up("a new name is needed", word < st.word_count ? st.words[word] : "(missing)");
    struct name *n = &st.names[st.count++];
    snprintf(n->text, sizeof n->text, "%s", st.words[word]);
    return n;
}

// The value of key=value among the words, or the fallback.
static const char *option(const char *key, const char *fallback) {
    size_t n = strlen(key);
    for (unsigned i = 1; i < st.word_count; i++) {
        if (strncmp(st.words[i], key, n) == 0 && st.words[i][n] == '=') return st.words[i] + n + 1;
    }
    return fallback;
}

static uint64_t number(const char *key, uint64_t fallback) {
    const char *text = option(key, NULL);
    if (!text) return fallback;
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (strcmp(end, "KiB") == 0)
        value <<= 10;
    else if (strcmp(end, "MiB") == 0)
        value <<= 20;
    else if (*end)
        give_up("not a number", text);
    return value;
}

static p2_ns duration(const char *text) {
    char *end;
    long long value = strtoll(text, &end, 10);
    if (strcmp(end, "ms") == 0) return value * P2_MS;
    if (strcmp(end, "s") == 0) return value * P2_SEC;
    give_up("not a duration", text);
}

// ---- what the core says ---------------------------------------------------------------------------------------------

static const struct name *conn_name(p2_handle conn) {
    for (unsigned i = 0; i < st.count; i++) {
        if (conn && st.names[i].conn == conn) return &st.names[i];
    }
    return NULL;
}

static struct name *id_name(const struct p2_id *id) {
    for (unsigned i = 0; i < st.count; i++) {
        if (!p2_id_is_zero(id) && p2_id_equal(&st.names[i].id, id)) return &st.names[i];
    }
    return NULL;
}

static void replace(char *text, size_t capacity, const char *what, const char *by) {
    char *at = strstr(text, what);
    if (!at) return;
    size_t tail = strlen(at + strlen(what)) + 1, before = (size_t)(at - text);
    if (before + strlen(by) + tail > capacity) return;
    memmove(at + strlen(by), at + strlen(what), tail);
    memcpy(at, by, strlen(by));
}

static void say_note(const struct coord_note *n) {
    char text[512], from[64], to[64];
    struct p2_strbuf out;
    p2_strbuf_init(&out, text, sizeof text);
    coord_note_text(n, &out);
    for (unsigned i = 0; i < st.count; i++) {
        const struct name *name = &st.names[i];
        char hex[P2_ID_TEXT];
        p2_id_text(&name->id, hex);
        if (!p2_id_is_zero(&name->id)) replace(text, sizeof text, hex, name->text);
        if (!name->conn) continue;
        snprintf(from, sizeof from, "conn=%llx", (unsigned long long)name->conn);
        snprintf(to, sizeof to, "conn=%s", name->text);
        replace(text, sizeof text, from, to);
    }
    p2_strbuf_printf(&st.said, "  %s\n", text);
}

static void say_span(const char *what, uint64_t n, const char *when, p2_ns span) {
    p2_strbuf_printf(&st.said, " %s=%llu %s=%llums", what, (unsigned long long)n, when,
                     (unsigned long long)(span / P2_MS));
}

static void say_answer(const struct p2_msg_can_meet_answer *a) {
    p2_strbuf_printf(&st.said, a->can ? " yes" : " no code=%s", p2_err_name(a->code));
    if (a->p95_ns) say_span("position", a->queue_position, "p95", a->p95_ns);
    if (a->sentence.n) p2_strbuf_printf(&st.said, " text=\"%.*s\"", (int)a->sentence.n, a->sentence.p);
}

static void say_open_task(const struct p2_msg_open_task *t) {
    p2_strbuf_printf(&st.said, " %.*s:%s%s", (int)t->type.n, t->type.p, p2_open_state_name(t->where),
                     t->yours ? ":yours" : "");
    say_span("attempts", t->attempts, "left", t->left_ns);
}

// A blob's number is its name's place in the list.
static struct p2_digest digest_of(const struct name *n) { return rig_digest((uint64_t)(n - st.names) + 1); }

static const char *blob_name(const struct p2_digest *digest) {
    for (unsigned i = 0; i < st.count; i++) {
        const struct p2_digest d = digest_of(&st.names[i]);
        if (st.names[i].size && p2_digest_equal(&d, digest)) return st.names[i].text;
    }
    return "?";
}

static void say_detail(const struct p2_msg *m) {
    const struct p2_id *id = NULL;
    uint64_t attempt = 0, bytes = 0;
    switch (m->kind) {
    case P2_MSG_TASK_ACCEPTED:
        id = &m->u.accepted.id;
        if (st.estimates) say_span("position", m->u.accepted.queue_position, "estimate", m->u.accepted.estimate_ns);
        break;
    case P2_MSG_TASK_ASSIGN:
        id = &m->u.assign.id;
        attempt = m->u.assign.attempt;
        bytes = m->u.assign.raw_size;
        break;
    case P2_MSG_RESULT_DELIVERY:
        id = &m->u.delivery.id;
        attempt = m->u.delivery.attempt;
        bytes = m->u.delivery.raw_size;
        if (m->u.delivery.cached) p2_strbuf_printf(&st.said, " cached");
        break;
    case P2_MSG_CHUNK:
        attempt = m->u.chunk.attempt;
        bytes = m->u.chunk.raw_size;
        break;
    case P2_MSG_TASK_CANCEL:
        id = &m->u.cancel.id;
        attempt = m->u.cancel.attempt;
        break;
    case P2_MSG_TASK_RECALL:
        id = &m->u.recall.id;
        attempt = m->u.recall.attempt;
        break;
    case P2_MSG_RESEND:
        id = &m->u.resend.id;
        attempt = m->u.resend.attempt;
        if (m->u.resend.offset) p2_strbuf_printf(&st.said, " from=%llu", (unsigned long long)m->u.resend.offset);
        break;
    case P2_MSG_GAMER_REGISTERED:
        if (m->u.gamer_registered.resumed) p2_strbuf_printf(&st.said, " resumed");
        break;
    case P2_MSG_TASK_TIMEOUT: id = &m->u.timeout.id; break;
    case P2_MSG_TASK_ENDED:
        id = &m->u.ended.id;
        p2_strbuf_printf(&st.said, " code=%s", p2_err_name(m->u.ended.code));
        break;
    case P2_MSG_STATUS:
        for (uint32_t i = 0; i < m->u.status.task_count; i++) say_open_task(&m->u.status.tasks[i]);
        break;
    case P2_MSG_CAN_MEET_ANSWER: say_answer(&m->u.can_meet_answer); break;
    case P2_MSG_BLOB_HAVE:
        p2_strbuf_printf(&st.said, " %s%s", m->u.blob_have.gone ? "gone " : "", blob_name(m->u.blob_have.digests));
        break;
    case P2_MSG_BLOB_WANT:
        p2_strbuf_printf(&st.said, " %s from=%llu", blob_name(&m->u.blob_want.digest),
                         (unsigned long long)m->u.blob_want.offset);
        break;
    case P2_MSG_BLOB_PUT:
        p2_strbuf_printf(&st.said, " %s from=%llu", blob_name(&m->u.blob_put.digest),
                         (unsigned long long)m->u.blob_put.offset);
        break;
    case P2_MSG_WINDOW: p2_strbuf_printf(&st.said, " limit=%llu", (unsigned long long)m->u.window.limit); break;
    case P2_MSG_ERROR: p2_strbuf_printf(&st.said, " code=%s", p2_err_name(m->u.error.code)); break;
    default: break;
    }
    const struct name *name = id ? id_name(id) : NULL;
    if (name) p2_strbuf_printf(&st.said, " %s", name->text);
    if (attempt) p2_strbuf_printf(&st.said, " attempt=%llu", (unsigned long long)attempt);
    if (bytes) p2_strbuf_printf(&st.said, " bytes=%llu", (unsigned long long)bytes);
}

static void say_message(p2_handle conn, const struct p2_msg *m) {
    const struct name *to = conn_name(conn);
    if (m->kind == P2_MSG_PING) return;
    p2_strbuf_printf(&st.said, "  -> %s %s", to ? to->text : "?", p2_msg_name(m->kind));
    say_detail(m);
    p2_strbuf_printf(&st.said, "\n");
    struct name *task = m->kind == P2_MSG_TASK_ASSIGN ? id_name(&m->u.assign.id) : NULL;
    if (task) task->job = *m;
}

static void listen_to_core(void) {
    for (uint32_t i = 0; i < st.rig.out.count; i++) {
        const struct coord_action *a = &st.rig.out.items[i];
        if (a->kind == COORD_NOTE)
            say_note(&a->u.note);
        else if (a->kind == COORD_SEND)
            say_message(a->conn, &a->u.msg);
        else if (a->kind == COORD_CLOSE)
            p2_strbuf_printf(&st.said, "  close %s\n", conn_name(a->conn)->text);
    }
    rig_forget(&st.rig);
}

// ---- events ---------------------------------------------------------------------------------------------------------

static struct name *connect_as(unsigned word, enum p2_role role) {
    struct name *n = new_name(word);
    n->conn = st.rig.next_conn; // so that what is said at once has a name
    rig_open(&st.rig);
    n->id = role == P2_ROLE_PEER ? session_find(st.rig.c, n->conn)->id : n->id;
    rig_hello(&st.rig, n->conn, role);
    rig_forget(&st.rig); // greetings are the same in every story
    return n;
}

static void on_client(void) {
    bool sessions = strcmp(option("sessions", "no"), "yes") == 0;
    const char *again = option("again", NULL);
    if (sessions || again) st.rig.features |= P2_FEATURE_SESSIONS;
    struct name *n = connect_as(1, P2_ROLE_CLIENT);
    st.rig.features &= ~P2_FEATURE_SESSIONS;
    n->session = session_find(st.rig.c, n->conn)->id;
    struct p2_msg m = {.kind = P2_MSG_GAMER_REGISTER};
    if (again && find_name(again)) n->session = m.u.gamer_register.session = find_name(again)->session;
    rig_msg(&st.rig, n->conn, &m);
}

static void on_resume(void) {
    struct name *task = named(2);
    task->stream = ++st.streams;
    struct p2_msg m = {.kind = P2_MSG_TASK_RESUME, .stream = task->stream, .u.resume.id = task->id};
    rig_msg(&st.rig, named(1)->conn, &m);
}

static void on_ack(void) {
    const struct name *task = named(2);
    struct p2_msg m = {.kind = P2_MSG_RESULT_ACK, .stream = task->stream, .u.ack.attempt = task->job.u.assign.attempt};
    rig_msg(&st.rig, named(1)->conn, &m);
}

static void register_named(p2_handle conn) {
    const char *types = option("types", "alpha,beta");
    unsigned mask =
        (strstr(types, "alpha") ? 1u : 0u) | (strstr(types, "beta") ? 2u : 0u) | (strstr(types, "same") ? 4u : 0u);
    rig_register(&st.rig, conn, (uint32_t)number("slots", 1), (uint32_t)number("depth", 0), mask, number("memory", 0));
}

static void on_peer(void) {
    p2_handle conn = connect_as(1, P2_ROLE_PEER)->conn;
    st.rig.instance = rig_id(number("instance", 0));
    register_named(conn);
}

static void on_register(void) { register_named(named(1)->conn); }

static void read_params(struct p2_param params[2]) {
    params[0] = (struct p2_param){.name = p2_str("memory"), .kind = P2_PARAM_INT, .count = 1};
    params[1] = (struct p2_param){.name = p2_str("units"), .kind = P2_PARAM_INT, .count = 1};
    params[0].value.ints[0] = (int64_t)number("memory", 0);
    params[1].value.ints[0] = (int64_t)number("units", 1000);
}

static void on_ask(void) {
    struct p2_param params[2];
    read_params(params);
    struct p2_msg m = {.kind = P2_MSG_CAN_MEET};
    struct p2_msg_can_meet *q = &m.u.can_meet;
    q->type = p2_str(option("type", "alpha"));
    q->params = (struct p2_params){params, 2};
    q->payload_size = number("size", 100);
    q->deadline_ns = duration(option("deadline", "10s"));
    if (!p2_class_parse(option("class", "realtime"), &q->class_)) give_up("no such class", option("class", ""));
    rig_msg(&st.rig, named(1)->conn, &m);
}

static void on_list(void) {
    const struct p2_msg m = {.kind = P2_MSG_STATUS_REQUEST, .u.status_request.tasks_max = (uint32_t)number("max", 64)};
    st.rig.c->limits.list_tasks = strcmp(option("all", "no"), "yes") == 0;
    rig_msg(&st.rig, named(1)->conn, &m);
}

static void on_submit(void) {
    struct name *client = named(1), *task = new_name(2);
    task->id = rig_id(0x7000 + st.count);
    task->stream = ++st.streams;
    struct p2_param params[3];
    read_params(params);
    params[2] = (struct p2_param){.name = p2_str("result"), .kind = P2_PARAM_INT, .count = 1};
    struct p2_msg m = rig_submit_msg(0x7000 + st.count, task->stream, number("size", 100));
    m.u.submit.type = p2_str(option("type", "alpha"));
    params[2].value.ints[0] = (int64_t)number("result", number("size", 100));
    m.u.submit.params = (struct p2_params){params, 3};
    m.u.submit.series = (uint32_t)number("series", 0);
    m.u.submit.refresh = strcmp(option("refresh", "no"), "yes") == 0;
    m.u.submit.deadline_ns = duration(option("deadline", "10s"));
    const char *blob = option("blob", NULL);
    const struct p2_digest digest = blob && find_name(blob) ? digest_of(find_name(blob)) : rig_digest(999);
    if (blob) m.u.submit.blobs = &digest;
    m.u.submit.blob_count = blob != NULL;
    if (!p2_class_parse(option("class", "realtime"), &m.u.submit.class_)) give_up("no such class", option("class", ""));
    rig_send_submit(&st.rig, client->conn, &m);
}

// ---- blobs ----------------------------------------------------------------------------------------------------------

static struct name *the_blob(unsigned word) {
    struct name *n = word < st.word_count ? find_name(st.words[word]) : NULL;
    if (!n) n = new_name(word);
    if (!n->size) n->size = number("size", 256 << 10);
    return n;
}

static uint64_t blob_number(const struct name *n) { return (uint64_t)(n - st.names) + 1; }

static void on_offer(void) {
    const struct name *blob = the_blob(2), *client = named(1);
    find_name(st.words[2])->stream = ++st.streams;
    rig_put(&st.rig, client->conn, st.streams, blob_number(blob), blob->size);
}

static void on_bring(void) {
    const struct name *blob = the_blob(2), *client = named(1);
    uint64_t to = number("to", blob->size);
    for (uint64_t at = number("from", 0); at < to; at += P2_RECORD_PAYLOAD_MAX) {
        uint64_t left = to - at;
        rig_chunk(&st.rig, client->conn, blob->stream, 1, at,
                  left < P2_RECORD_PAYLOAD_MAX ? (uint32_t)left : P2_RECORD_PAYLOAD_MAX);
    }
}

static void on_want(void) { rig_want(&st.rig, named(1)->conn, blob_number(the_blob(2)), number("from", 0)); }

static void on_have(void) {
    rig_have(&st.rig, named(1)->conn, blob_number(the_blob(2)), strcmp(option("gone", "no"), "yes") == 0);
}

static void on_flip(void) {
    const struct p2_digest digest = digest_of(the_blob(1));
    struct rig_file *f = rig_file(&st.rig, &digest);
    if (!f) give_up("no such file", st.words[1]);
    f->wrong = true;
    struct blob *b = blob_here(st.rig.c, &digest);
    if (b) b->entry.proved = false; // as after a start
}

static bool is_peer(const struct name *n) { return !p2_id_is_zero(&n->id); }

static void on_chunk(void) {
    const struct name *from = named(1), *task = named(2);
    uint32_t stream = is_peer(from) ? task->job.stream : task->stream;
    uint64_t attempt = number("attempt", is_peer(from) ? task->job.u.assign.attempt : 1);
    rig_chunk(&st.rig, from->conn, stream, (uint32_t)attempt, number("from", 0), (uint32_t)number("size", 100));
}

static void on_window(void) {
    const struct name *from = named(1), *task = named(2);
    uint32_t stream = is_peer(from) ? task->job.stream : task->stream;
    rig_window(&st.rig, from->conn, stream, task->job.u.assign.attempt, number("limit", 0));
}

static void on_result(void) { rig_result(&st.rig, named(1)->conn, &named(2)->job, number("size", 100)); }

static void on_fail(void) {
    const char *code = option("code", "ExecutionFailed");
    unsigned e = 0;
    while (e < 100 && strcmp(p2_err_name((enum p2_err)e), code) != 0) e++;
    rig_failure(&st.rig, named(1)->conn, &named(2)->job, (enum p2_err)e,
                strcmp(option("retryable", "yes"), "yes") == 0);
}

static void on_cancel(void) {
    const struct name *task = named(2);
    struct p2_msg m = {.kind = P2_MSG_TASK_CANCEL, .stream = task->stream};
    m.u.cancel.id = task->id;
    rig_msg(&st.rig, named(1)->conn, &m);
}

// Tasks one after another, of which nothing is said: what they teach is told by what comes after.
static void on_learn(void) {
    const struct name *client = named(1), *peer = named(2);
    p2_ns each = duration(option("each", "10ms"));
    for (uint64_t n = number("tasks", 50); n; n--) {
        struct p2_msg m = rig_submit_msg(0x10000 + st.streams, st.streams + 1, 100);
        st.streams++;
        rig_send_submit(&st.rig, client->conn, &m);
        const struct p2_msg job = *rig_last(&st.rig, peer->conn, P2_MSG_TASK_ASSIGN);
        rig_run_to(&st.rig, st.rig.now + each);
        rig_result(&st.rig, peer->conn, &job, 100);
        rig_forget(&st.rig);
    }
    st.estimates = true;
}

static void on_recalled(void) {
    const struct p2_msg *job = &named(2)->job;
    struct p2_msg m = {.kind = P2_MSG_TASK_RECALLED, .stream = job->stream};
    m.u.recalled.id = job->u.assign.id;
    m.u.recalled.attempt = job->u.assign.attempt;
    m.u.recalled.returned = strcmp(option("returned", "yes"), "yes") == 0;
    rig_msg(&st.rig, named(1)->conn, &m);
}

static void on_gone(void) { rig_close(&st.rig, named(1)->conn); }
static void on_beat(void) { rig_heartbeat(&st.rig, named(1)->conn); }
static void on_stall(void) { rig_jump(&st.rig, duration(st.words[1])); }

static void on_wait(void) {
    p2_ns until = st.rig.now + duration(st.words[1]);
    rig_run_to(&st.rig, until);
}

static void on_drain(void) {
    struct p2_msg m = {.kind = P2_MSG_DRAIN};
    if (st.word_count > 1)
        rig_msg(&st.rig, named(1)->conn, &m);
    else
        rig_drain(&st.rig);
}

static void on_bye(void) {
    struct p2_msg m = {.kind = P2_MSG_PEER_DISCONNECT, .u.disconnect.reason = p2_str("leaving")};
    rig_msg(&st.rig, named(1)->conn, &m);
}

static void play(char *line) {
    static const struct {
        const char *word;
        void (*on)(void);
    } events[] = {{"client", on_client}, {"peer", on_peer},     {"register", on_register}, {"submit", on_submit},
                  {"chunk", on_chunk},   {"window", on_window}, {"result", on_result},     {"fail", on_fail},
                  {"cancel", on_cancel}, {"gone", on_gone},     {"beat", on_beat},         {"stall", on_stall},
                  {"wait", on_wait},     {"drain", on_drain},   {"bye", on_bye},           {"ask", on_ask},
                  {"learn", on_learn},   {"resume", on_resume}, {"ack", on_ack},           {"recalled", on_recalled},
                  {"offer", on_offer},   {"bring", on_bring},   {"want", on_want},         {"have", on_have},
                  {"flip", on_flip},     {"list", on_list}};
    st.word_count = 0;
    for (char *word = strtok_r(line, " ", &line); word && st.word_count < 16; word = strtok_r(NULL, " ", &line)) {
        st.words[st.word_count++] = word;
    }
    if (st.word_count == 0) give_up("an event without words", ">");
    for (unsigned i = 0; i < sizeof events / sizeof *events; i++) {
        if (strcmp(events[i].word, st.words[0]) != 0) continue;
        if (events[i].on == on_wait || events[i].on == on_stall) {
            if (st.word_count < 2) give_up("how long", st.words[0]);
        }
        events[i].on();
        listen_to_core();
        return;
    }
    give_up("no such event", st.words[0]);
}

// ---- the file -------------------------------------------------------------------------------------------------------

static char *read_all(const char *path) {
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, TEXT_BYTES);
    if (!f || !text) give_up("cannot read", path);
    size_t n = fread(text, 1, TEXT_BYTES - 1, f);
    fclose(f);
    text[n] = 0;
    return text;
}

static void play_all(const char *text) {
    char line[1024];
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n >= sizeof line) give_up("a line is too long", "1023 bytes at most");
        memcpy(line, text, n);
        line[n] = 0;
        text += n + (text[n] == '\n');
        if (line[0] == ' ') continue; // what was said when it was written
        p2_strbuf_printf(&st.said, "%s\n", line);
        if (line[0] == '>') play(line + 1);
    }
}

static void show_difference(const char *path, const char *expected, const char *said) {
    unsigned line = 1;
    while (*expected && *said) {
        size_t a = strcspn(expected, "\n"), b = strcspn(said, "\n");
        if (a != b || memcmp(expected, said, a) != 0) break;
        expected += a + (expected[a] == '\n');
        said += b + (said[b] == '\n');
        line++;
    }
    fprintf(stderr, "%s:%u: the story says\n%.*s\nthe core says\n%.*s\n", path, line, (int)strcspn(expected, "\n"),
            expected, (int)strcspn(said, "\n"), said);
}

int main(int argc, char **argv) {
    bool write = argc == 3 && strcmp(argv[1], "--write") == 0;
    if (argc != 2 && !write) give_up("usage", "run_trace [--write] STORY.txt");
    const char *path = argv[argc - 1];
    char *text = read_all(path);
    p2_strbuf_init(&st.said, st.said_storage, sizeof st.said_storage);
    struct coord_limits limits = rig_limits();
    limits.queue_per_class_max = 3; // so that stories of overload are short
    limits.payload_budget_bytes = 16 << 20;
    limits.hedge_percent = 100;
    rig_init(&st.rig, &limits);
    play_all(text);
    rig_deinit(&st.rig);
    bool same = strcmp(text, st.said.text) == 0;
    if (write) {
        FILE *f = fopen(path, "wb");
        if (!f || fputs(st.said.text, f) < 0 || fclose(f) != 0) give_up("cannot write", path);
    } else if (!same) {
        show_difference(path, text, st.said.text);
    }
    free(text);
    return same || write ? 0 : 1;
}
