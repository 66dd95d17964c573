// Core NATS (docs.nats.io, client protocol): requests with one inbox on one connection, workers in a queue group.
#include <string.h>

#include "base/str.h"
#include "loadtest/bench/dispatch/raw.h"

#define INBOX "_R.7"
#define LARGE (32u << 10)
#define DIGITS_MAX 20u

static size_t put_digits(uint8_t *out, size_t n) {
    uint8_t reversed[DIGITS_MAX];
    size_t count = 0;
    do {
        reversed[count++] = (uint8_t)('0' + n % 10);
        n /= 10;
    } while (n);
    for (size_t i = 0; i < count; i++) out[i] = reversed[count - 1 - i];
    return count;
}

// "PUB subject [reply] size", payload, line end.
static void publish(struct link *l, struct p2_str subject, const char *reply, const uint8_t *payload, size_t size,
                    bool wait) {
    uint8_t *at = link_room(l, subject.n + sizeof INBOX + DIGITS_MAX + 8), *begin = at;
    memcpy(at, "PUB ", 4);
    memcpy(at + 4, subject.p, subject.n);
    at += 4 + subject.n;
    *at++ = ' ';
    if (reply) {
        memcpy(at, reply, strlen(reply));
        at += strlen(reply);
        *at++ = ' ';
    }
    at += put_digits(at, size);
    *at++ = '\r';
    *at++ = '\n';
    l->out_end += (size_t)(at - begin);
    if (size >= LARGE)
        link_put_large(l, payload, size, wait);
    else
        link_put(l, payload, size);
    link_put(l, "\r\n", 2);
}

struct message {
    struct p2_str reply; // "": none
    const uint8_t *payload;
    size_t size;
};

// "MSG subject sid [reply] size": what stands between the blanks.
static void read_head(const char *at, const char *end, struct message *m) {
    const char *words[5];
    size_t sizes[5], count = 0;
    while (at < end && count < 5) {
        const char *blank = memchr(at, ' ', (size_t)(end - at));
        if (!blank) blank = end;
        words[count] = at;
        sizes[count++] = (size_t)(blank - at);
        at = blank + 1;
    }
    if (count != 4 && count != 5) drive_fail("nats: a message without its words");
    m->reply = (struct p2_str){words[3], count == 5 ? (uint32_t)sizes[3] : 0};
    m->size = 0;
    for (size_t i = 0; i < sizes[count - 1]; i++) m->size = m->size * 10 + (size_t)(words[count - 1][i] - '0');
}

// The next whole message; PINGs are answered on the way. *pong: a PONG came.
static bool next_message(struct link *l, struct message *m, bool *pong) {
    for (;;) {
        const char *at = (const char *)link_at(l);
        const char *end = memchr(at, '\n', link_read(l));
        if (!end) return false;
        const size_t head = (size_t)(end - at) + 1;
        if (memcmp(at, "MSG ", 4) == 0) {
            read_head(at, end - 1, m);
            if (link_read(l) < head + m->size + 2) return false;
            m->payload = link_at(l) + head;
            l->in_at += head + m->size + 2;
            return true;
        }
        if (memcmp(at, "-ERR", 4) == 0) drive_fail("nats: %.*s", (int)head, at);
        if (memcmp(at, "PING", 4) == 0) link_text(l, "PONG\r\n");
        *pong |= memcmp(at, "PONG", 4) == 0;
        l->in_at += head;
    }
}

static void join(struct raw *r, const char *subscribe) {
    struct link *l = &r->links[0];
    struct message m;
    bool pong = false;
    link_text(l, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
    link_text(l, subscribe);
    link_text(l, "PING\r\n");
    link_flush(l, true);
    while (!pong) {
        link_fill(l, true);
        if (next_message(l, &m, &pong)) drive_fail("nats: a message before any was asked for");
    }
}

static void client_join(struct raw *r) { join(r, "SUB " INBOX " 1\r\n"); }
static void worker_join(struct raw *r) { join(r, "SUB task echoes 1\r\n"); }

static void submit(struct raw *r, const uint8_t *payload, size_t size) {
    publish(&r->links[0], p2_str("task"), INBOX, payload, size, false);
}

static void client_take(struct raw *r, struct link *l) {
    struct message m;
    bool pong = false;
    while (next_message(l, &m, &pong)) drive_done(r->drive, m.payload, m.size);
}

static void worker_take(struct raw *r, struct link *l) {
    struct message m;
    bool pong = false;
    (void)r;
    while (next_message(l, &m, &pong)) publish(l, m.reply, NULL, m.payload, m.size, true);
}

const struct raw_protocol raw_nats_client = {.links = 1, .join = client_join, .submit = submit, .take = client_take};
const struct raw_protocol raw_nats_worker = {.links = 1, .join = worker_join, .take = worker_take};
