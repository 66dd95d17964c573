#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define CONNS 8192u
#define MAILS 4096u
#define SESSIONS 2048u
#define TASKS 64u
#define COMPUTED 65536u

struct mail {
    p2_ns at;
    uint64_t order;
    bool to_client;
    uint32_t conn; // WORD_WORK: the session
    struct word w;
};

struct conn {
    uint32_t site, session;
    bool near, far, silent; // open at the client's end, at the site's
};

struct work {
    struct p2_id id;
    uint32_t stream; // 0: the client has not asked for it on this connection
    bool there, done;
};

struct session_there {
    struct p2_id id;
    uint32_t site, conn;
    bool live;
    p2_ns lost_ns;
    struct work tasks[TASKS];
};

struct site {
    enum model_mood mood;
    p2_ns delay;
};

struct model {
    struct p2_rng *rng;
    p2_ns now;
    struct site sites[MODEL_SITES];
    struct conn conns[CONNS];
    uint32_t conn_count, session_count, mail_count;
    struct session_there sessions[SESSIONS];
    struct mail mails[MAILS];
    uint64_t order, computed;
    struct p2_id results[COMPUTED];
};

struct model *model_create(struct p2_rng *rng) {
    struct model *m = calloc(1, sizeof *m);
    P2_CHECK(m);
    m->rng = rng;
    return m;
}

void model_destroy(struct model **m) {
    free(*m);
    *m = NULL;
}

static void post(struct model *m, p2_ns delay, bool to_client, uint32_t conn, const struct word *w) {
    P2_CHECK(m->mail_count < MAILS);
    m->mails[m->mail_count++] = (struct mail){m->now + delay, m->order++, to_client, conn, *w};
}

static void answer(struct model *m, uint32_t conn, const struct word *w) {
    const struct conn *c = &m->conns[conn];
    if (c->far && !c->silent) post(m, m->sites[c->site].delay, true, conn, w);
}

// ---- the network

uint32_t model_dial(struct model *m, uint32_t site) {
    P2_CHECK(m->conn_count < CONNS);
    uint32_t at = m->conn_count++;
    m->conns[at] = (struct conn){.site = site, .session = MODEL_NONE, .near = true};
    const struct word began = {.kind = WORD_OPENED};
    post(m, m->sites[site].delay, false, at, &began);
    return at;
}

void model_say(struct model *m, uint32_t conn, const struct word *w) {
    struct conn *c = &m->conns[conn];
    if (c->near && !c->silent) post(m, m->sites[c->site].delay, false, conn, w);
}

void model_hang_up(struct model *m, uint32_t conn) {
    const struct word end = {.kind = WORD_CLOSED};
    model_say(m, conn, &end);
    m->conns[conn].near = false;
}

// ---- sessions

static void detach(struct model *m, uint32_t conn) {
    struct conn *c = &m->conns[conn];
    c->far = false;
    if (c->session == MODEL_NONE) return;
    struct session_there *s = &m->sessions[c->session];
    c->session = MODEL_NONE;
    s->conn = MODEL_NONE;
    s->lost_ns = m->now;
    for (uint32_t i = 0; i < TASKS; i++) s->tasks[i].stream = 0;
}

// The site closes it.
static void close_there(struct model *m, uint32_t conn) {
    const struct word end = {.kind = WORD_CLOSED, .code = P2_ERR_CLOSED};
    answer(m, conn, &end);
    detach(m, conn);
}

static uint32_t find_session(const struct model *m, uint32_t site, const struct p2_id *id) {
    for (uint32_t i = 0; i < m->session_count; i++) {
        const struct session_there *s = &m->sessions[i];
        bool kept = s->live && (s->conn != MODEL_NONE || m->now < s->lost_ns + MODEL_GRACE);
        if (!p2_id_equal(&s->id, id)) continue;
        P2_CHECK(s->site == site); // a session is shown to nobody else
        return kept ? i : MODEL_NONE;
    }
    P2_CHECK(p2_id_is_zero(id));
    return MODEL_NONE;
}

static void on_register(struct model *m, uint32_t conn, const struct word *w) {
    struct conn *c = &m->conns[conn];
    uint32_t at = find_session(m, c->site, &w->id);
    bool resumed = at != MODEL_NONE;
    if (resumed && m->sessions[at].conn != MODEL_NONE) close_there(m, m->sessions[at].conn);
    if (!resumed) {
        P2_CHECK(m->session_count < SESSIONS);
        at = m->session_count++;
        struct session_there *s = &m->sessions[at];
        *s = (struct session_there){.site = c->site, .live = true};
        uint64_t random[2] = {p2_rng_next(m->rng), p2_rng_next(m->rng) | 1};
        memcpy(s->id.b, random, sizeof s->id.b);
    }
    m->sessions[at].conn = conn;
    c->session = at;
    const struct word welcome = {
        .kind = WORD_MSG, .msg = P2_MSG_GAMER_REGISTERED, .id = m->sessions[at].id, .resumed = resumed};
    answer(m, conn, &welcome);
}

static struct work *task_of(struct session_there *s, const struct p2_id *id) {
    for (uint32_t i = 0; i < TASKS; i++) {
        if (s->tasks[i].there && p2_id_equal(&s->tasks[i].id, id)) return &s->tasks[i];
    }
    return NULL;
}

static void tell(struct model *m, uint32_t conn, enum p2_msg_kind kind, const struct work *t) {
    const struct word w = {.kind = WORD_MSG, .msg = kind, .stream = t->stream, .id = t->id, .code = P2_ERR_CANCELLED};
    if (t->stream) answer(m, conn, &w);
}

static void on_submit(struct model *m, uint32_t conn, const struct word *w) {
    struct session_there *s = &m->sessions[m->conns[conn].session];
    P2_CHECK(!task_of(s, &w->id)); // never twice within a session
    uint32_t at = 0;
    while (at < TASKS && s->tasks[at].there) at++;
    P2_CHECK(at < TASKS);
    s->tasks[at] = (struct work){.id = w->id, .stream = w->stream, .there = true};
    tell(m, conn, P2_MSG_TASK_ACCEPTED, &s->tasks[at]);
    const struct word work = {.kind = WORD_WORK, .id = w->id};
    p2_ns takes = (p2_ns)p2_rng_below(m->rng, p2_rng_below(m->rng, 4) ? 100 * P2_MS : 3 * P2_SEC);
    post(m, takes, false, m->conns[conn].session, &work);
}

static void on_work(struct model *m, uint32_t session, const struct word *w) {
    struct session_there *s = &m->sessions[session];
    struct work *t = s->live ? task_of(s, &w->id) : NULL;
    if (!t || (s->conn == MODEL_NONE && m->now >= s->lost_ns + MODEL_GRACE)) return;
    t->done = true;
    P2_CHECK(m->computed < COMPUTED);
    m->results[m->computed++] = t->id;
    if (s->conn != MODEL_NONE) tell(m, s->conn, P2_MSG_RESULT_DELIVERY, t);
}

static void on_resume(struct model *m, uint32_t conn, const struct word *w) {
    struct work *t = task_of(&m->sessions[m->conns[conn].session], &w->id);
    if (!t) {
        const struct word unknown = {
            .kind = WORD_MSG, .msg = P2_MSG_TASK_ENDED, .stream = w->stream, .id = w->id, .code = P2_ERR_UNKNOWN_TASK};
        answer(m, conn, &unknown);
        return;
    }
    t->stream = w->stream;
    tell(m, conn, P2_MSG_TASK_ACCEPTED, t);
    if (t->done) tell(m, conn, P2_MSG_RESULT_DELIVERY, t);
}

static void on_leave(struct model *m, uint32_t conn, const struct word *w) {
    struct session_there *s = &m->sessions[m->conns[conn].session];
    for (uint32_t i = 0; i < TASKS; i++) {
        struct work *t = &s->tasks[i];
        if (!t->there || t->stream != w->stream) continue;
        if (w->msg == P2_MSG_TASK_CANCEL) tell(m, conn, P2_MSG_TASK_ENDED, t);
        *t = (struct work){.there = false};
    }
}

static void on_msg(struct model *m, uint32_t conn, const struct word *w) {
    const struct word hello = {.kind = WORD_MSG, .msg = P2_MSG_HELLO};
    const struct word pong = {.kind = WORD_MSG, .msg = P2_MSG_PONG, .token = w->token};
    enum model_mood mood = m->sites[m->conns[conn].site].mood;
    if (w->msg == P2_MSG_HELLO) answer(m, conn, &hello);
    if (w->msg == P2_MSG_GAMER_REGISTER && mood == MODEL_WELL) on_register(m, conn, w);
    if (m->conns[conn].session == MODEL_NONE) return;
    if (w->msg == P2_MSG_PING) answer(m, conn, &pong);
    if (w->msg == P2_MSG_TASK_SUBMIT) on_submit(m, conn, w);
    if (w->msg == P2_MSG_TASK_RESUME) on_resume(m, conn, w);
    if (w->msg == P2_MSG_TASK_CANCEL || w->msg == P2_MSG_RESULT_ACK) on_leave(m, conn, w);
}

static void at_site(struct model *m, uint32_t conn, const struct word *w) {
    struct conn *c = &m->conns[conn];
    enum model_mood mood = m->sites[c->site].mood;
    if (w->kind == WORD_OPENED) {
        const struct word refused = {.kind = WORD_CLOSED, .code = P2_ERR_UNREACHABLE};
        c->far = true;
        if (mood == MODEL_WELL || mood == MODEL_SHY) answer(m, conn, w);
        if (mood == MODEL_DOWN) answer(m, conn, &refused);
        if (mood == MODEL_DOWN) c->far = false;
    } else if (c->far && w->kind == WORD_CLOSED) {
        detach(m, conn);
    } else if (c->far) {
        on_msg(m, conn, w);
    }
}

// ---- time

static uint32_t first(const struct model *m) {
    uint32_t at = MODEL_NONE;
    for (uint32_t i = 0; i < m->mail_count; i++) {
        const struct mail *a = &m->mails[i], *b = &m->mails[at == MODEL_NONE ? i : at];
        if (at == MODEL_NONE || a->at < b->at || (a->at == b->at && a->order < b->order)) at = i;
    }
    return at;
}

p2_ns model_next_ns(const struct model *m) {
    uint32_t at = first(m);
    return at == MODEL_NONE ? P2_NEVER : m->mails[at].at;
}

void model_clock(struct model *m, p2_ns now) { m->now = now; }

bool model_turn(struct model *m, uint32_t *conn, struct word *w) {
    uint32_t at = first(m);
    P2_CHECK(at != MODEL_NONE && m->mails[at].at <= m->now);
    const struct mail mail = m->mails[at];
    m->mails[at] = m->mails[--m->mail_count];
    if (mail.w.kind == WORD_WORK) {
        on_work(m, mail.conn, &mail.w);
        return false;
    }
    if (!mail.to_client) {
        if (!m->conns[mail.conn].silent) at_site(m, mail.conn, &mail.w);
        return false;
    }
    struct conn *c = &m->conns[mail.conn];
    if (!c->near || c->silent) return false;
    if (mail.w.kind == WORD_CLOSED) c->near = false;
    *conn = mail.conn;
    *w = mail.w;
    return true;
}

// ---- faults

void model_mood(struct model *m, uint32_t site, enum model_mood mood) {
    for (uint32_t i = 0; i < m->conn_count && mood == MODEL_DOWN; i++) {
        if (m->conns[i].site == site && m->conns[i].far) close_there(m, i);
    }
    for (uint32_t i = 0; i < m->session_count && mood == MODEL_DOWN; i++) {
        if (m->sessions[i].site == site) m->sessions[i].live = false;
    }
    m->sites[site].mood = mood;
}

void model_break(struct model *m, uint32_t conn, bool known_there) {
    const struct word end = {.kind = WORD_CLOSED, .code = P2_ERR_CLOSED};
    if (!m->conns[conn].near) return;
    post(m, 0, true, conn, &end);
    if (known_there) detach(m, conn);
}

void model_silence(struct model *m, uint32_t conn) { m->conns[conn].silent = true; }

void model_delay(struct model *m, uint32_t site, p2_ns one_way) { m->sites[site].delay = one_way; }

void model_cut_all(struct model *m) {
    for (uint32_t i = 0; i < m->conn_count; i++) {
        if (m->conns[i].far) close_there(m, i);
    }
}

uint64_t model_computed(const struct model *m) { return m->computed; }

bool model_has_computed(const struct model *m, const struct p2_id *id) {
    for (uint64_t i = m->computed; i > 0; i--) {
        if (p2_id_equal(&m->results[i - 1], id)) return true;
    }
    return false;
}
