// Plain HTTP on the listening port: a few GET routes, and who may upgrade to WebSocket.
#include <stdio.h>
#include <string.h>
#include <strings.h>

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

// The body stands at scratch + LWS_PRE + HEADERS_MAX; the head is put right before it. One request per connection.
static int reply(struct p2_loop *loop, struct lws *wsi, unsigned status, const char *type, size_t body_size,
                 bool head_only) {
    char head[HEADERS_MAX];
    int head_size = snprintf(head, sizeof head,
                             "HTTP/1.1 %u %s\r\ncontent-type: %s\r\ncontent-length: %zu\r\ncache-control: no-store\r\n"
                             "x-content-type-options: nosniff\r\nconnection: close\r\n\r\n",
                             status, phrase(status), type, body_size);
    P2_CHECK(head_size > 0 && (size_t)head_size < sizeof head);
    uint8_t *start = loop->scratch + LWS_PRE + HEADERS_MAX - (size_t)head_size;
    memcpy(start, head, (size_t)head_size);
    size_t size = (size_t)head_size + (head_only ? 0 : body_size);
    if (lws_write(wsi, start, size, LWS_WRITE_HTTP) < 0) return -1;
    return -1; // lws sends what the socket did not take, then closes
}

static int reply_text(struct p2_loop *loop, struct lws *wsi, unsigned status, const char *text) {
    char *body = (char *)loop->scratch + LWS_PRE + HEADERS_MAX;
    int size = snprintf(body, BODY_MAX, "%s\n", text);
    return reply(loop, wsi, status, "text/plain; charset=utf-8", (size_t)size, false);
}

int p2_http_answer(struct p2_loop *loop, struct lws *wsi, const char *path, size_t size) {
    bool head_only = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
    if (!head_only && lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) <= 0) {
        return reply_text(loop, wsi, 405, "only GET and HEAD");
    }
    for (uint32_t i = 0; i < loop->route_count; i++) {
        const struct route *r = &loop->routes[i];
        if (strlen(r->path) != size || memcmp(r->path, path, size) != 0) continue;
        char *body = (char *)loop->scratch + LWS_PRE + HEADERS_MAX;
        const char *type = "text/plain; charset=utf-8";
        body[0] = '\0';
        unsigned status = r->handler(r->context, body, BODY_MAX, &type);
        body[BODY_MAX - 1] = '\0';
        return reply(loop, wsi, status, type, strlen(body), head_only);
    }
    return reply_text(loop, wsi, 404, "nothing here");
}

// Whether the comma-separated list names our sub-protocol.
static bool lists_subprotocol(const char *list) {
    size_t size = strlen(P2_SUBPROTOCOL);
    for (const char *p = list; *p;) {
        p += strspn(p, ", \t");
        size_t word = strcspn(p, ", \t");
        if (word == size && strncmp(p, P2_SUBPROTOCOL, size) == 0) return true;
        p += word;
    }
    return false;
}

// What is too long to be copied is not ours either.
static bool page_allowed(const struct p2_loop *loop, struct lws *wsi) {
    char origin[256] = "", host[256] = "";
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) <= 0) return true;
    bool copied = lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN) > 0;
    if (lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST) < 0) host[0] = '\0';
    if (copied && p2_origin_allowed(loop->origins, origin, host)) return true;
    p2_log(P2_LOG_WARN, "origin_refused", "origin=\"%s\"", origin);
    return false;
}

// The headers are read afresh: what lws passes to its callback here may point to freed memory. Upgrades to anything but
// WebSocket (lws would speak HTTP/2) are refused.
bool p2_http_upgrade_allowed(struct p2_loop *loop, struct lws *wsi) {
    char text[128];
    bool websocket = lws_hdr_total_length(wsi, WSI_TOKEN_UPGRADE) > 0 &&
                     lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_UPGRADE) > 0 && strcasecmp(text, "websocket") == 0;
    bool ours = websocket && lws_hdr_total_length(wsi, WSI_TOKEN_PROTOCOL) > 0 &&
                lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_PROTOCOL) > 0 && lists_subprotocol(text);
    if (ours && page_allowed(loop, wsi)) return true;
    loop->stats.refused++;
    if (ours) {
        (void)reply_text(loop, wsi, 403, "pages of this origin may not connect here");
        return false;
    }
    (void)reply_text(loop, wsi, 400, "WebSocket with sub-protocol " P2_SUBPROTOCOL " only");
    return false;
}
