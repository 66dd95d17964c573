// The client side.
#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "internal.h"
#include "os/os.h"

#define HOST_MAX 256
#define PATH_MAX_BYTES 256
#define PORT_DEFAULT 80

struct target {
    char host[HOST_MAX];             // without brackets
    char host_header[HOST_MAX + 10]; // as a URL has it
    char path[PATH_MAX_BYTES];
    int port;
};

static bool parse_port(const char **at, int *port_out) {
    long port = 0;
    const char *p = *at;
    if (!isdigit((unsigned char)*p)) return false;
    while (isdigit((unsigned char)*p) && port <= 65535) port = port * 10 + (*p++ - '0');
    *at = p;
    *port_out = (int)port;
    return port > 0 && port <= 65535;
}

static bool host_char(char ch, bool bracketed) {
    if (bracketed) return isxdigit((unsigned char)ch) || ch == ':' || ch == '.';
    return isalnum((unsigned char)ch) || ch == '-' || ch == '.' || ch == '_';
}

// ws://host[:port][/path], the host a name, an IPv4 address or a bracketed IPv6 address.
static bool parse_url(const char *url, struct target *t) {
    static const char scheme[] = "ws://";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0) return false;
    const char *p = url + sizeof scheme - 1;
    bool bracketed = *p == '[';
    if (bracketed) p++;
    size_t size = 0;
    while (host_char(p[size], bracketed)) size++;
    if (size == 0 || size >= sizeof t->host) return false;
    memcpy(t->host, p, size);
    t->host[size] = '\0';
    p += size;
    if (bracketed && *p++ != ']') return false;
    t->port = PORT_DEFAULT;
    if (*p == ':') {
        p++;
        if (!parse_port(&p, &t->port)) return false;
    }
    if (*p != '\0' && *p != '/') return false;
    for (const char *q = p; *q; q++) {
        if (!isgraph((unsigned char)*q)) return false; // a path goes into the request as it is
    }
    if (*p == '\0') p = "/";
    if (strlen(p) >= sizeof t->path) return false;
    memcpy(t->path, p, strlen(p) + 1);
    snprintf(t->host_header, sizeof t->host_header, bracketed ? "[%s]:%d" : "%s:%d", t->host, t->port);
    return true;
}

// A dial to a name: the lookup, then one address after the other.
struct dial {
    uv_getaddrinfo_t request;
    struct p2_loop *loop;
    p2_conn handle; // P2_NO_HANDLE once the connection is gone: the answer is for nobody
    struct addrinfo *found, *next;
    struct target target;
    bool looking_up;
};

static bool is_numeric(const char *host) {
    struct in6_addr any;
    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

// The opening handshake, which leaves as soon as TCP is up.
static bool put_request(struct p2_loop *loop, struct conn *c, const struct target *t) {
    char key[P2_HEAD_KEY_BYTES + 1], text[HOST_MAX + PATH_MAX_BYTES + 256];
    p2_entropy(c->nonce, sizeof c->nonce);
    p2_head_key(c->nonce, key);
    int size = snprintf(text, sizeof text,
                        "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Protocol: " P2_SUBPROTOCOL "\r\n\r\n",
                        t->path, t->host_header, key);
    return p2_put_plain(loop, c, (const uint8_t *)text, (size_t)size);
}

// `address` is numeric, so that lws looks nothing up.
static bool connect_to(struct p2_loop *loop, struct conn *c, const struct target *t, const char *address) {
    if (!put_request(loop, c, t)) return false;
    struct lws_client_connect_info info = {
        .context = loop->context,
        .vhost = loop->vhost,
        .address = address,
        .port = t->port,
        .host = t->host,
        .method = "RAW",
        .local_protocol_name = P2_SUBPROTOCOL,
        .opaque_user_data = handle_to_pointer(c->handle),
    };
    loop->dialing = c->handle;
    c->wsi = lws_client_connect_via_info(&info);
    loop->dialing = P2_NO_HANDLE;
    loop->dirty = true;
    return c->wsi != NULL;
}

static void give_up(struct p2_loop *loop, struct conn *c) {
    c->why = P2_ERR_UNREACHABLE; // told from the next turn: the caller may not have the handle yet
    p2_conn_move(c, CONN_ENDED);
    p2_conn_due(loop, c, DUE_CUT);
    loop->dirty = true;
}

static void free_dial(struct dial *d) {
    if (d->found) uv_freeaddrinfo(d->found);
    p2_free(d);
}

bool p2_dial_has_next(const struct conn *c) { return c->dial && c->dial->next; }

void p2_dial_next(struct p2_loop *loop, struct conn *c) {
    struct dial *d = c->dial;
    while (d->next) {
        const struct addrinfo *a = d->next;
        d->next = a->ai_next;
        char address[INET6_ADDRSTRLEN + 16];
        if (getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) != 0) continue;
        if (connect_to(loop, c, &d->target, address)) return;
    }
    give_up(loop, c);
}

void p2_dial_forget(struct conn *c) {
    struct dial *d = c->dial;
    if (!d) return;
    c->dial = NULL;
    if (d->looking_up) {
        d->handle = P2_NO_HANDLE;
        (void)uv_cancel((uv_req_t *)&d->request); // on_looked_up frees it, cancelled or not
    } else {
        free_dial(d);
    }
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
    struct dial *d = request->data;
    struct p2_loop *loop = d->loop;
    loop->lookups--;
    d->looking_up = false;
    d->found = d->next = status == 0 ? found : NULL;
    struct conn *c = p2_conn_find(loop, d->handle);
    if (!c) {
        free_dial(d);
    } else if (c->state == CONN_DIALING) {
        p2_dial_next(loop, c);
    }
}

// libuv starts its threads at the first lookup: they get none of the program's signals.
static bool look_up(struct p2_loop *loop, struct conn *c, const struct target *t) {
    // Lookups outlive their connections, but are no more than there may be connections.
    if (loop->lookups >= loop->limits.connections_max) return false;
    struct dial *d = p2_calloc(1, sizeof *d);
    if (!d) return false;
    d->loop = loop;
    d->handle = c->handle;
    d->target = *t;
    d->request.data = d;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    d->looking_up = uv_getaddrinfo(&loop->uv, &d->request, on_looked_up, t->host, NULL, &hints) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!d->looking_up) {
        p2_free(d);
        return false;
    }
    loop->lookups++;
    c->dial = d;
    return true;
}

void p2_dial_wait(struct p2_loop *loop) {
    while (loop->lookups > 0) uv_run(&loop->uv, UV_RUN_ONCE);
}

bool p2_url_ok(const char *url) {
    struct target t;
    return parse_url(url, &t);
}

p2_conn p2_dial(struct p2_loop *loop, const char *url) {
    struct target t;
    if (!parse_url(url, &t) || p2_net_memory_short()) return P2_NO_HANDLE;
    struct conn *c = p2_conn_new(loop, CONN_DIALING);
    if (!c) return P2_NO_HANDLE;
    c->dialled = true;
    bool started = is_numeric(t.host) ? connect_to(loop, c, &t, t.host) : look_up(loop, c, &t);
    if (!started) give_up(loop, c);
    return c->handle;
}

p2_ns p2_backoff(uint32_t failures, uint64_t random) {
    const p2_ns first = 50 * P2_MS, last = 10 * P2_SEC;
    p2_ns delay = first;
    for (uint32_t i = 1; i < failures && delay < last; i++) delay *= 2;
    delay = p2_ns_min(delay, last);
    return delay / 2 + (p2_ns)(random % ((uint64_t)delay + 1));
}
