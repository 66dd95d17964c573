#include "loadtest/bench/dispatch/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"
#include "loadtest/bench/dispatch/drive.h"

#define READ_BYTES (256u << 10)
#define LARGE (32u << 10) // from here on it pays to write past the queue

void link_open(struct link *l, uint16_t port, size_t record_bytes_max) {
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int one = 1;
    *l = (struct link){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (l->fd < 0 || connect(l->fd, (const struct sockaddr *)&to, sizeof to) != 0)
        drive_fail("port %u: %s", port, strerror(errno));
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    l->in_capacity = READ_BYTES + 2 * record_bytes_max;
    l->out_capacity = READ_BYTES;
    l->in = malloc(l->in_capacity);
    l->out = malloc(l->out_capacity);
    P2_CHECK(l->in && l->out);
}

void link_close(struct link *l) {
    if (l->in) close(l->fd);
    free(l->in);
    free(l->out);
    *l = (struct link){0};
}

// The broker is gone: so is what this process is for.
_Noreturn static void over(void) { exit(0); }

bool link_fill(struct link *l, bool wait) {
    if (l->in_at == l->in_end) {
        l->in_at = l->in_end = 0;
    } else if (l->in_capacity - l->in_end < l->in_capacity / 2) {
        memmove(l->in, l->in + l->in_at, l->in_end - l->in_at);
        l->in_end -= l->in_at;
        l->in_at = 0;
    }
    if (l->in_end == l->in_capacity) {
        l->in = realloc(l->in, l->in_capacity *= 2);
        P2_CHECK(l->in);
    }
    ssize_t n = recv(l->fd, l->in + l->in_end, l->in_capacity - l->in_end, wait ? 0 : MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (n <= 0) over();
    l->in_end += (size_t)n;
    return true;
}

bool link_flush(struct link *l, bool wait) {
    while (l->out_at < l->out_end) {
        ssize_t n = send(l->fd, l->out + l->out_at, link_queued(l), MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return false;
        if (n <= 0) over();
        l->out_at += (size_t)n;
    }
    l->out_at = l->out_end = 0;
    return true;
}

uint8_t *link_room(struct link *l, size_t size) {
    if (l->out_capacity - l->out_end >= size) return l->out + l->out_end;
    memmove(l->out, l->out + l->out_at, link_queued(l));
    l->out_end -= l->out_at;
    l->out_at = 0;
    if (l->out_capacity - l->out_end < size) {
        while (l->out_capacity - l->out_end < size) l->out_capacity *= 2;
        l->out = realloc(l->out, l->out_capacity);
        P2_CHECK(l->out);
    }
    return l->out + l->out_end;
}

void link_put(struct link *l, const void *bytes, size_t size) {
    memcpy(link_room(l, size), bytes, size);
    l->out_end += size;
}

void link_text(struct link *l, const char *text) { link_put(l, text, strlen(text)); }

void link_put_large(struct link *l, const void *bytes, size_t size, bool wait) {
    const uint8_t *rest = bytes;
    while (size >= LARGE) {
        const struct iovec parts[2] = {{l->out + l->out_at, link_queued(l)}, {(void *)(uintptr_t)rest, size}};
        const struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = 2};
        ssize_t n = sendmsg(l->fd, &m, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) over();
        size_t sent = (size_t)n, queued = link_queued(l), of_queue = sent < queued ? sent : queued;
        l->out_at += of_queue;
        rest += sent - of_queue;
        size -= sent - of_queue;
        if (link_queued(l)) break;
        l->out_at = l->out_end = 0;
        if (!wait) break;
    }
    if (size) link_put(l, rest, size);
}
