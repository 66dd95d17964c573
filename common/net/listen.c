// Listening sockets. They are ours rather than lws's, so that a connection over a limit costs an accept and a close,
// and so that listening can stop while connections live on.
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "internal.h"
#include "os/log.h"
#include "os/os.h"

#define ACCEPTS_PER_CALLBACK 64

// ---- how many of one address are not established yet ----------------------------------------------------------------

// IPv6 counts by network: one host owns a whole /64.
static struct p2_id address_key(const struct sockaddr_storage *sa) {
    struct p2_id key = {{0}};
    if (sa->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)sa;
        key.b[10] = key.b[11] = 0xff;
        memcpy(&key.b[12], &v4->sin_addr, 4);
    } else if (sa->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)sa;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        memcpy(key.b, &v6->sin6_addr, mapped ? 16 : 8);
    }
    return key;
}

static void set_arriving(struct p2_loop *loop, const struct p2_id *address, uint64_t count) {
    (void)p2_map_remove(&loop->arriving, address);
    if (count > 0) (void)p2_map_put(&loop->arriving, address, count); // never full: one entry per connection at most
}

void p2_listen_forget(struct p2_loop *loop, struct conn *c) {
    if (!c->counted) return;
    c->counted = false;
    set_arriving(loop, &c->address, p2_map_get(&loop->arriving, &c->address) - 1);
}

// ---- accepting ------------------------------------------------------------------------------------------------------

static void adopt(struct p2_loop *loop, int fd, const struct sockaddr_storage *sa) {
    struct p2_id address = address_key(sa);
    uint64_t arriving = p2_map_get(&loop->arriving, &address);
    struct conn *c = NULL;
    if (arriving < loop->limits.connections_per_address_max) c = p2_conn_new(loop, CONN_ARRIVED);
    if (!c) {
        loop->stats.refused++;
        close(fd);
        return;
    }
    c->address = address;
    c->counted = true;
    set_arriving(loop, &address, arriving + 1);
    p2_conn handle = c->handle;
    lws_adopt_desc_t info = {
        .vh = loop->vhost,
        .type = LWS_ADOPT_SOCKET,
        .fd.sockfd = fd,
        .vh_prot_name = P2_SUBPROTOCOL,
        .opaque = handle_to_pointer(handle),
    };
    struct lws *wsi = lws_adopt_descriptor_vhost_via_info(&info); // closes fd when it fails
    c = p2_conn_find(loop, handle);
    if (!c) return;
    c->wsi = wsi;
    c->up = wsi;
    if (!wsi) p2_conn_release(loop, c);
}

static void on_acceptable(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    struct listener *l = poll->data;
    struct p2_loop *loop = l->loop;
    loop->served++;
    for (int i = 0; i < ACCEPTS_PER_CALLBACK; i++) {
        struct sockaddr_storage sa;
        socklen_t size = sizeof sa;
        int fd = accept4(l->fd, (struct sockaddr *)&sa, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            adopt(loop, fd, &sa);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            // It would be reported readable again at once, for ever.
            p2_log(P2_LOG_WARN, "accept_paused", "error=%d", errno);
            uv_poll_stop(&l->poll);
            l->resting = true;
            return;
        }
        if (errno != EINTR && errno != ECONNABORTED) return;
    }
}

void p2_listen_resume(struct p2_loop *loop) {
    P2_LIST_EACH (node, next, &loop->listeners) {
        struct listener *l = P2_CONTAINER_OF(node, struct listener, node);
        if (l->resting && uv_poll_start(&l->poll, UV_READABLE, on_acceptable) == 0) l->resting = false;
    }
}

// ---- opening and closing --------------------------------------------------------------------------------------------

static int open_socket(const char *address, uint16_t port) {
    char service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(address, service, &hints, &found) != 0) return -1;
    int fd = -1;
    for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) continue;
        const int on = 1;
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

static uint16_t bound_port(int fd) {
    struct sockaddr_storage sa;
    socklen_t size = sizeof sa;
    if (getsockname(fd, (struct sockaddr *)&sa, &size) != 0) return 0;
    if (sa.ss_family == AF_INET) return ntohs(((const struct sockaddr_in *)&sa)->sin_port);
    return ntohs(((const struct sockaddr_in6 *)&sa)->sin6_port);
}

static bool prepare_arriving(struct p2_loop *loop) {
    if (loop->arriving_ready) return true;
    uint64_t seed[2];
    p2_entropy(seed, sizeof seed);
    loop->arriving_ready = p2_map_init(&loop->arriving, loop->limits.connections_max, seed);
    return loop->arriving_ready;
}

enum p2_err p2_loop_listen(struct p2_loop *loop, const char *address, uint16_t port, uint16_t *port_out) {
    if (!prepare_arriving(loop)) return P2_ERR_NO_MEMORY;
    int fd = open_socket(address, port);
    if (fd < 0) return P2_ERR_IO;
    struct listener *l = p2_calloc(1, sizeof *l);
    if (!l || uv_poll_init(&loop->uv, &l->poll, fd) != 0) {
        p2_free(l);
        close(fd);
        return l ? P2_ERR_IO : P2_ERR_NO_MEMORY;
    }
    l->loop = loop;
    l->fd = fd;
    l->poll.data = l;
    p2_list_push_back(&loop->listeners, &l->node);
    l->resting = uv_poll_start(&l->poll, UV_READABLE, on_acceptable) != 0;
    loop->dirty = true;
    *port_out = bound_port(fd);
    return P2_OK;
}

static void free_listener(uv_handle_t *handle) { p2_free(handle->data); }

void p2_loop_stop_listening(struct p2_loop *loop) {
    P2_LIST_EACH (node, next, &loop->listeners) {
        struct listener *l = P2_CONTAINER_OF(node, struct listener, node);
        p2_list_remove(node);
        uv_poll_stop(&l->poll);
        close(l->fd);
        uv_close((uv_handle_t *)&l->poll, free_listener);
    }
}
