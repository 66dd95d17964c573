// Plain HTTP on the listening port: a few GET routes, and who may upgrade to WebSocket.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "internal.h"
#include "os/log.h"

#define HEADERS_MAX 512u
#define BODY_MAX (MESSAGE_MAX - HEADERS_MAX)

bool p2_loop_route(struct p2_loop *loop, const char *path, p2_http_handler *handler, void *context) {
    if (loop->route_count == ROUTES_MAX || strlen(path) >= sizeof loop->routes[0].path || path[0] != '/') return false;
    struct route *r = &loop->routes[loop->route_count++];
    memcpy(r->path, path, strlen(path) + 1);
    r->handler = handler;
    r->context = context;
    return true;
}

static const char *phrase(unsigned status) {
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 503: return "Service Unavailable";
    default: return status < 400 ? "OK" : "Error";
    }
}

// The body stands at scratch + HEADERS_MAX; the head is put right before it. One request per connection.
static int reply(struct p2_loop *loop, struct conn *c, unsigned status, const char *type, size_t body_size,
                 bool head_only) {
    char head[HEADERS_MAX];
    int head_size = snprintf(head, sizeof head,
                             "HTTP/1.1 %u %s\r\ncontent-type: %s\r\ncontent-length: %zu\r\ncache-control: no-store\r\n"
                             "x-content-type-options: nosniff\r\nconnection: close\r\n\r\n",
                             status, phrase(status), type, body_size);
    P2_CHECK(head_size > 0 && (size_t)head_size < sizeof head);
    uint8_t *start = loop->scratch + HEADERS_MAX - (size_t)head_size;
    memcpy(start, head, (size_t)head_size);
    c->plain = true;
    c->closing_ns = loop->now;
    p2_conn_move(c, CONN_ENDED);
    return p2_put_plain(loop, c, start, (size_t)head_size + (head_only ? 0 : body_size)) ? 0 : -1;
}

static int reply_text(struct p2_loop *loop, struct conn *c, unsigned status, const char *text) {
    char *body = (char *)loop->scratch + HEADERS_MAX;
    int size = snprintf(body, BODY_MAX, "%s\n", text);
    return reply(loop, c, status, "text/plain; charset=utf-8", (size_t)size, false);
}

int p2_http_refuse(struct p2_loop *loop, struct conn *c) { return reply_text(loop, c, 400, "this is no request"); }

int p2_http_answer(struct p2_loop *loop, struct conn *c, const struct p2_head *head) {
    bool head_only = p2_head_is(&head->method, "HEAD");
    if (!head_only && !p2_head_is(&head->method, "GET")) return reply_text(loop, c, 405, "only GET and HEAD");
    for (uint32_t i = 0; i < loop->route_count; i++) {
        const struct route *r = &loop->routes[i];
        if (strlen(r->path) != head->path.size || memcmp(r->path, head->path.at, head->path.size) != 0) continue;
        char *body = (char *)loop->scratch + HEADERS_MAX;
        const char *type = "text/plain; charset=utf-8";
        body[0] = '\0';
        unsigned status = r->handler(r->context, body, BODY_MAX, &type);
        body[BODY_MAX - 1] = '\0';
        return reply(loop, c, status, type, strlen(body), head_only);
    }
    return reply_text(loop, c, 404, "nothing here");
}

// ---- who may upgrade ------------------------------------------------------------------------------------------------

// What is too long to be copied is not ours either.
static bool copy_part(const struct p2_head_part *part, char *out, size_t capacity) {
    if (part->size >= capacity) return false;
    if (part->size > 0) memcpy(out, part->at, part->size);
    out[part->size] = '\0';
    return true;
}

static bool page_allowed(const struct p2_loop *loop, const struct p2_head *head) {
    char origin[256] = "", host[256] = "";
    if (!head->origin.at) return true;
    bool copied = copy_part(&head->origin, origin, sizeof origin) && copy_part(&head->host, host, sizeof host);
    bool once = !head->origin_twice && !head->host_twice;
    if (copied && once && p2_origin_allowed(loop->origins, origin, host)) return true;
    p2_log(P2_LOG_WARN, "origin_refused", "origin=\"%s\"", origin);
    return false;
}

bool p2_http_wants_upgrade(const struct p2_head *head) { return head->upgrade.size > 0; }

// Upgrades to anything but our sub-protocol of WebSocket are refused.
bool p2_http_upgrade(struct p2_loop *loop, struct conn *c, const struct p2_head *head) {
    bool ours = p2_head_wants_websocket(head) && p2_head_lists(&head->protocol, P2_SUBPROTOCOL, true);
    if (ours && page_allowed(loop, head)) {
        char accept[P2_HEAD_ACCEPT_BYTES + 1], text[256];
        p2_head_accept(head->key.at, accept);
        int size = snprintf(text, sizeof text,
                            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: " P2_SUBPROTOCOL "\r\n\r\n",
                            accept);
        return p2_put_plain(loop, c, (const uint8_t *)text, (size_t)size);
    }
    loop->stats.refused++;
    if (ours)
        (void)reply_text(loop, c, 403, "pages of this origin may not connect here");
    else
        (void)reply_text(loop, c, 400, "WebSocket with sub-protocol " P2_SUBPROTOCOL " only");
    return false;
}
