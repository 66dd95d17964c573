// The client side.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

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

p2_conn p2_dial(struct p2_loop *loop, const char *url) {
    struct target t;
    if (!parse_url(url, &t)) return P2_NO_HANDLE;
    struct conn *c = p2_conn_new(loop, CONN_DIALING);
    if (!c) return P2_NO_HANDLE;
    c->dialled = true;
    struct lws_client_connect_info info = {
        .context = loop->context,
        .vhost = loop->vhost,
        .address = t.host,
        .port = t.port,
        .path = t.path,
        .host = t.host_header,
        .protocol = P2_SUBPROTOCOL,
        .local_protocol_name = P2_SUBPROTOCOL,
        .ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT,
        .opaque_user_data = handle_to_pointer(c->handle),
    };
    loop->dialing = c->handle;
    c->wsi = lws_client_connect_via_info(&info);
    loop->dialing = P2_NO_HANDLE;
    loop->dirty = true;
    if (!c->wsi) {
        c->why = P2_ERR_UNREACHABLE; // told from the next turn: the caller does not have the handle yet
        p2_conn_move(c, CONN_ENDED);
        p2_conn_due(loop, c, DUE_CUT);
    }
    return c->handle;
}

p2_ns p2_backoff(uint32_t failures, uint64_t random) {
    const p2_ns first = 50 * P2_MS, last = 10 * P2_SEC;
    p2_ns delay = first;
    for (uint32_t i = 1; i < failures && delay < last; i++) delay *= 2;
    delay = p2_ns_min(delay, last);
    return delay / 2 + (p2_ns)(random % ((uint64_t)delay + 1));
}
