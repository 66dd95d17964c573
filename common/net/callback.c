// The one callback through which lws tells everything.
#include <string.h>

#include "internal.h"
#include "os/os.h"

static int receive(struct p2_loop *loop, struct conn *c, struct lws *wsi, const uint8_t *bytes, size_t size) {
    loop->served++;
    loop->stats.bytes_in += size;
    c->heard_ns = loop->now;
    if (c->state != CONN_OPEN) return 0; // it is leaving: what still comes in is not wanted
    if (!lws_frame_is_binary(wsi)) {
        p2_queue_clear(loop, c);
        p2_conn_leave(loop, c, P2_ERR_BAD_RECORD);
        return 0;
    }
    p2_conn handle = c->handle; // the handlers may let go of it
    bool ends = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;
    if (size > 0) loop->handlers.received(loop->handlers.context, handle, bytes, size);
    if (ends && loop->handlers.message_end) loop->handlers.message_end(loop->handlers.context, handle);
    return 0;
}

// Why the remote closed the WebSocket, from its close frame: say_goodbye (conn.c) has the codes.
static enum p2_err goodbye_meaning(const uint8_t *reason, size_t size) {
    unsigned code = size < 2 ? 1000u : (unsigned)reason[0] << 8 | reason[1];
    if (code == 1000 || code == 1001) return P2_OK; // done, or going away
    return code > 4000 && code < 4000 + P2_ERR_AGAIN ? p2_err_from_wire(code - 4000) : P2_ERR_CLOSED;
}

// What concerns a connection of ours. Nonzero closes it.
static int connection_event(struct p2_loop *loop, struct conn *c, struct lws *wsi, enum lws_callback_reasons reason,
                            const void *in, size_t size) {
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        if (c->state != CONN_ARRIVED && c->state != CONN_DIALING) return -1;
        loop->served++;
        p2_conn_opened(loop, c, wsi);
        return 0;
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_CLIENT_RECEIVE: return receive(loop, c, wsi, in, size);
    case LWS_CALLBACK_RECEIVE_PONG:
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG: c->heard_ns = loop->now; return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_CLIENT_WRITEABLE: loop->served++; return p2_conn_flush(loop, c);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        c->goodbye_heard = true;
        c->goodbye_why = goodbye_meaning(in, size);
        return 0;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    case LWS_CALLBACK_WSI_DESTROY: // whatever ended before any of the above could be said
        lws_set_opaque_user_data(wsi, NULL);
        p2_conn_gone(loop, c);
        return 0;
    default: return 0;
    }
}

static bool is_ours(struct lws *wsi) {
    const struct lws_protocols *p = lws_get_protocol(wsi);
    return p && p->name && strcmp(p->name, P2_SUBPROTOCOL) == 0;
}

int p2_net_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size) {
    (void)user;
    struct lws_context *context = wsi ? lws_get_context(wsi) : NULL;
    struct p2_loop *loop = context ? lws_context_user(context) : NULL;
    if (!loop || loop->destroying) return 0;
    switch (reason) {
    case LWS_CALLBACK_HTTP: loop->served++; return p2_http_answer(loop, wsi, in, size);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return p2_http_upgrade_allowed(loop, wsi) ? 0 : -1;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return is_ours(wsi) ? 0 : -1;
    case LWS_CALLBACK_HTTP_BODY:
    case LWS_CALLBACK_RAW_ADOPT:
    case LWS_CALLBACK_RAW_RX: return -1; // neither request bodies nor tunnels
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_CLIENT_RECEIVE:
    case LWS_CALLBACK_RECEIVE_PONG:
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_CLIENT_WRITEABLE:
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    case LWS_CALLBACK_WSI_DESTROY: break;
    default: return 0; // the rest is about things not used here, and not all of it about a connection
    }
    struct conn *c = p2_conn_find(loop, pointer_to_handle(lws_get_opaque_user_data(wsi)));
    bool ending = reason == LWS_CALLBACK_CLOSED || reason == LWS_CALLBACK_CLIENT_CLOSED ||
                  reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR || reason == LWS_CALLBACK_WSI_DESTROY;
    if (!c) return ending ? 0 : -1;
    if (c->handle == loop->dialing) return 0; // p2_dial sees by itself that it failed
    return connection_event(loop, c, wsi, reason, in, size);
}
