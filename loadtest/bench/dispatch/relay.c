#include "loadtest/bench/dispatch/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "loadtest/bench/dispatch/drive.h"

#define PEERS_MAX 64u
#define TASKS_MAX 65536u
#define READ_BYTES (256u << 10)
#define WHOLE_BYTES (128u << 10) // larger records are passed on as they come
#define PAST_QUEUE (16u << 10)   // pieces from here on are written without being queued, when nothing is
#define QUEUE_HIGH (1u << 20)    // nobody else's large record goes on to a connection to which this much is queued

struct peer {
    int fd;
    bool known, worker, writing; // writing: asked epoll to tell when more can leave
    uint32_t jobs, jobs_max;     // of a worker: in hand; at most
    uint8_t *held;               // read, and not passed on yet
    size_t held_size, held_capacity;
    uint64_t left;          // of a large record on its way
    struct peer *to, *from; // where it goes; whose goes to us
    bool waits, touched;    // until it can be passed on; something is queued since the last write
    uint8_t *out;
    size_t out_at, out_end, out_capacity;
};

struct task {
    struct peer *client;
    uint32_t tag, next_free;
};

struct relay {
    int poll, listening;
    struct peer peers[PEERS_MAX];
    uint32_t count, worker_count, touched_count, waiting;
    struct peer *workers[PEERS_MAX], *touched[PEERS_MAX];
    struct task tasks[TASKS_MAX];
    uint32_t free; // UINT32_MAX: none
    uint8_t in[READ_BYTES];
};

// ---- what leaves

static void watch(struct relay *r, struct peer *p) {
    struct epoll_event e = {.events = (p->waits ? 0u : (unsigned)EPOLLIN) | (p->writing ? (unsigned)EPOLLOUT : 0u),
                            .data.ptr = p};
    P2_CHECK(epoll_ctl(r->poll, EPOLL_CTL_MOD, p->fd, &e) == 0);
}

static size_t queued(const struct peer *p) { return p->out_end - p->out_at; }

static void flush(struct relay *r, struct peer *p) {
    while (queued(p)) {
        ssize_t n = send(p->fd, p->out + p->out_at, queued(p), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break;
        p->out_at += (size_t)n;
    }
    if (!queued(p)) p->out_at = p->out_end = 0;
    if (p->writing == (queued(p) > 0)) return;
    p->writing = queued(p) > 0;
    watch(r, p);
}

static void queue(struct relay *r, struct peer *p, const void *bytes, size_t size) {
    if (p->out_capacity - p->out_end < size && p->out_at) {
        memmove(p->out, p->out + p->out_at, queued(p));
        p->out_end -= p->out_at;
        p->out_at = 0;
    }
    if (p->out_capacity - p->out_end < size) {
        while (p->out_capacity - p->out_end < size)
            p->out_capacity = p->out_capacity ? 2 * p->out_capacity : READ_BYTES;
        p->out = realloc(p->out, p->out_capacity);
        P2_CHECK(p->out);
    }
    memcpy(p->out + p->out_end, bytes, size);
    p->out_end += size;
    if (p->touched) return;
    p->touched = true;
    r->touched[r->touched_count++] = p;
}

// A piece of a large record, without a copy when nothing stands before it.
static void pass(struct relay *r, struct peer *to, const uint8_t *bytes, size_t size) {
    ssize_t n = 0;
    if (size >= PAST_QUEUE && !to->writing) {
        flush(r, to);
        if (!queued(to)) n = send(to->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) n = 0;
    }
    if ((size_t)n < size) queue(r, to, bytes + n, size - (size_t)n);
}

// ---- where it goes

static struct peer *pick(const struct relay *r) {
    struct peer *best = NULL;
    for (uint32_t i = 0; i < r->worker_count; i++) {
        struct peer *w = r->workers[i];
        if (w->jobs < w->jobs_max && !w->from && (!best || w->jobs < best->jobs)) best = w;
    }
    return best;
}

// The head goes on with the tag that its receiver knows; NULL: it must wait.
static struct peer *route(struct relay *r, struct peer *p, const struct relay_head *h) {
    struct relay_head on = {h->size, 0};
    struct peer *to;
    if (p->worker) {
        P2_CHECK(h->tag < TASKS_MAX);
        struct task *t = &r->tasks[h->tag];
        to = t->client;
        if (to->from) return NULL;
        on.tag = t->tag;
        t->next_free = r->free;
        r->free = h->tag;
        p->jobs--;
    } else {
        to = pick(r);
        if (!to || r->free == UINT32_MAX) return NULL;
        on.tag = r->free;
        r->free = r->tasks[on.tag].next_free;
        r->tasks[on.tag] = (struct task){.client = p, .tag = h->tag};
        to->jobs++;
    }
    queue(r, to, &on, sizeof on);
    return to;
}

static void greet(struct relay *r, struct peer *p, const struct relay_head *h) {
    p->known = true;
    p->worker = h->tag > 0;
    p->jobs_max = h->tag;
    if (p->worker) r->workers[r->worker_count++] = p;
}

// Passes on what it can of what p sent; returns how many bytes.
static size_t feed(struct relay *r, struct peer *p, const uint8_t *bytes, size_t size) {
    size_t at = 0;
    struct relay_head h;
    for (;;) {
        if (p->left) {
            size_t n = size - at < p->left ? size - at : (size_t)p->left;
            if (!n) break;
            p->waits = queued(p->to) > QUEUE_HIGH;
            if (p->waits) break;
            pass(r, p->to, bytes + at, n);
            at += n;
            p->left -= n;
            if (p->left) continue;
            p->to->from = NULL;
            continue;
        }
        if (size - at < sizeof h) break;
        memcpy(&h, bytes + at, sizeof h);
        const bool whole = h.size <= WHOLE_BYTES;
        if (whole && size - at < sizeof h + h.size) break;
        if (!p->known) {
            greet(r, p, &h);
            at += sizeof h;
            continue;
        }
        struct peer *to = route(r, p, &h);
        p->waits = !to;
        if (!to) break;
        at += sizeof h;
        if (whole) {
            queue(r, to, bytes + at, h.size);
            at += h.size;
        } else {
            p->left = h.size;
            p->to = to;
            to->from = p;
        }
    }
    return at;
}

// ---- what comes

static void hold(struct peer *p, const uint8_t *bytes, size_t size) {
    if (p->held_capacity < size) {
        p->held = realloc(p->held, p->held_capacity = size + READ_BYTES);
        P2_CHECK(p->held);
    }
    memmove(p->held, bytes, size);
    p->held_size = size;
}

static void feed_held(struct relay *r, struct peer *p) {
    const bool waited = p->waits;
    p->waits = false;
    size_t taken = feed(r, p, p->held, p->held_size);
    hold(p, p->held + taken, p->held_size - taken);
    r->waiting += (uint32_t)p->waits - (uint32_t)waited;
    if (p->waits != waited) watch(r, p);
}

static bool receive(struct relay *r, struct peer *p) {
    uint8_t *to = r->in;
    size_t room = READ_BYTES;
    if (p->held_size) {
        if (p->held_capacity < p->held_size + READ_BYTES)
            p->held = realloc(p->held, p->held_capacity = p->held_size + READ_BYTES);
        P2_CHECK(p->held);
        to = p->held + p->held_size;
        room = p->held_capacity - p->held_size;
    }
    ssize_t n = recv(p->fd, to, room, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n <= 0) return false;
    if (to != r->in) {
        p->held_size += (size_t)n;
        feed_held(r, p);
        return true;
    }
    size_t taken = feed(r, p, r->in, (size_t)n);
    if (taken < (size_t)n) hold(p, r->in + taken, (size_t)n - taken);
    if (!p->waits) return true;
    r->waiting++;
    watch(r, p);
    return true;
}

static void take_in(struct relay *r) {
    const int one = 1;
    int fd;
    while ((fd = accept4(r->listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        P2_CHECK(r->count < PEERS_MAX);
        struct peer *p = &r->peers[r->count++];
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = p};
        *p = (struct peer){.fd = fd};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        P2_CHECK(epoll_ctl(r->poll, EPOLL_CTL_ADD, fd, &e) == 0);
    }
}

// Who closes has been measured: the process is about to be ended, and nothing is tried again.
static void close_peer(struct relay *r, struct peer *p) {
    epoll_ctl(r->poll, EPOLL_CTL_DEL, p->fd, NULL);
    close(p->fd);
    p->jobs_max = 0;
}

static void turn(struct relay *r) {
    struct epoll_event events[PEERS_MAX];
    int n = epoll_wait(r->poll, events, PEERS_MAX, -1);
    for (int i = 0; i < n; i++) {
        struct peer *p = events[i].data.ptr;
        if (!p) {
            take_in(r);
            continue;
        }
        if (events[i].events & EPOLLOUT) flush(r, p);
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !p->waits && !receive(r, p)) close_peer(r, p);
    }
    for (uint32_t i = 0; r->waiting && i < r->count; i++)
        if (r->peers[i].waits) feed_held(r, &r->peers[i]);
    for (uint32_t i = 0; i < r->touched_count; i++) {
        r->touched[i]->touched = false;
        if (!r->touched[i]->writing) flush(r, r->touched[i]);
    }
    r->touched_count = 0;
}

_Noreturn void relay_serve(uint16_t port, int ready) {
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int one = 1;
    struct relay *r = calloc(1, sizeof *r);
    P2_CHECK(r);
    for (uint32_t i = 0; i < TASKS_MAX; i++) r->tasks[i].next_free = i + 1 < TASKS_MAX ? i + 1 : UINT32_MAX;
    r->poll = epoll_create1(EPOLL_CLOEXEC);
    r->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(r->listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(r->listening, (const struct sockaddr *)&at, sizeof at) != 0 || listen(r->listening, 64) != 0)
        drive_fail("relay: port %u: %s", port, strerror(errno));
    struct epoll_event e = {.events = EPOLLIN};
    P2_CHECK(epoll_ctl(r->poll, EPOLL_CTL_ADD, r->listening, &e) == 0);
    if (write(ready, "", 1) != 1) drive_fail("relay: nobody waits for it");
    for (;;) turn(r);
}
