// beanstalkd (its protocol.txt): tasks are put into one tube and results into another. A reserve that waits holds up
// all that follows on its connection, so there are several connections with one each.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadtest/bench/dispatch/raw.h"

struct job {
    char id[24];
    const uint8_t *body;
    size_t size;
};

static void put(struct link *l, const uint8_t *body, size_t size, bool wait) {
    char head[48];
    link_put(l, head, (size_t)snprintf(head, sizeof head, "put 0 0 600 %zu\r\n", size));
    link_put_large(l, body, size, wait);
    link_put(l, "\r\n", 2);
}

static void delete_and_reserve(struct link *l, const struct job *j) {
    char line[64];
    link_put(l, line, (size_t)snprintf(line, sizeof line, "delete %s\r\nreserve\r\n", j->id));
}

// The next job that was reserved; other answers are passed by.
static bool next_job(struct link *l, struct job *j) {
    static const char *const fine[] = {"INSERTED", "DELETED", "USING", "WATCHING"};
    for (;;) {
        const char *at = (const char *)link_at(l);
        const char *end = memchr(at, '\n', link_read(l));
        if (!end) return false;
        const size_t head = (size_t)(end - at) + 1;
        if (memcmp(at, "RESERVED ", 9) == 0) {
            if (sscanf(at + 9, "%23[0-9] %zu", j->id, &j->size) != 2)
                drive_fail("beanstalkd: a job without its numbers");
            if (link_read(l) < head + j->size + 2) return false;
            j->body = link_at(l) + head;
            l->in_at += head + j->size + 2;
            return true;
        }
        bool known = false;
        for (unsigned i = 0; i < sizeof fine / sizeof fine[0]; i++) known |= strncmp(at, fine[i], strlen(fine[i])) == 0;
        if (!known) drive_fail("beanstalkd: %.*s", (int)head - 1, at);
        l->in_at += head;
    }
}

// ---- client: the first connection puts, the others reserve

static void client_join(struct raw *r) {
    link_text(&r->links[0], "use tasks\r\n");
    for (uint32_t i = 1; i < r->link_count; i++)
        link_text(&r->links[i], "watch results\r\nignore default\r\nreserve\r\n");
}

static void submit(struct raw *r, const uint8_t *payload, size_t size) { put(&r->links[0], payload, size, false); }

static void client_take(struct raw *r, struct link *l) {
    struct job j;
    while (next_job(l, &j)) {
        drive_done(r->drive, j.body, j.size);
        delete_and_reserve(l, &j);
    }
}

// ---- worker

static void worker_join(struct raw *r) {
    for (uint32_t i = 0; i < r->link_count; i++)
        link_text(&r->links[i], "use results\r\nwatch tasks\r\nignore default\r\nreserve\r\n");
}

static void worker_take(struct raw *r, struct link *l) {
    struct job j;
    (void)r;
    while (next_job(l, &j)) {
        put(l, j.body, j.size, true);
        delete_and_reserve(l, &j);
    }
}

const struct raw_protocol raw_beanstalk_client = {
    .links = 9, .join = client_join, .submit = submit, .take = client_take};
const struct raw_protocol raw_beanstalk_worker = {.links = 8, .join = worker_join, .take = worker_take};
