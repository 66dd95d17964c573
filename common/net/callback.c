// The one callback through which lws tells everything. Its WebSocket is not used: each connection is a socket to it,
// and head.c, ws.c read what comes in.
#include "internal.h"
#include "os/os.h"

// What concerns a connection of ours. Nonzero closes it.
static int connection_event(struct p2_loop *loop, struct conn *c, struct lws *wsi, enum lws_callback_reasons reason,
                            void *in, size_t size) {
    switch (reason) {
    case LWS_CALLBACK_RAW_CONNECTED:
        if (c->state != CONN_DIALING) return -1;
        loop->served++;
        c->wsi = wsi;
        c->up = true;
        p2_conn_ask_write(loop, c);
        return 0;
    case LWS_CALLBACK_RAW_RX: return p2_receive(loop, c, in, size);
    case LWS_CALLBACK_RAW_WRITEABLE:
        loop->served++;
        c->waits_for_socket = false;
        return p2_conn_flush(loop, c);
    case LWS_CALLBACK_RAW_CLOSE:
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    case LWS_CALLBACK_WSI_DESTROY: // whatever ended before any of the above could be said
        lws_set_opaque_user_data(wsi, NULL);
        p2_conn_gone(loop, c);
        return 0;
    default: return 0;
    }
}

int p2_net_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size) {
    (void)user;
    struct lws_context *context = wsi ? lws_get_context(wsi) : NULL;
    struct p2_loop *loop = context ? lws_context_user(context) : NULL;
    if (!loop || loop->destroying) return 0;
    if (loop->slept) {
        loop->now = p2_clock_now();
        loop->slept = false;
    }
    switch (reason) {
    case LWS_CALLBACK_RAW_CONNECTED:
    case LWS_CALLBACK_RAW_RX:
    case LWS_CALLBACK_RAW_WRITEABLE:
    case LWS_CALLBACK_RAW_CLOSE:
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    case LWS_CALLBACK_WSI_DESTROY: break;
    default: return 0; // the rest is about things not used here, and not all of it about a connection
    }
    struct conn *c = p2_conn_find(loop, pointer_to_handle(lws_get_opaque_user_data(wsi)));
    bool ending = reason == LWS_CALLBACK_RAW_CLOSE || reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR ||
                  reason == LWS_CALLBACK_WSI_DESTROY;
    if (!c) return ending ? 0 : -1;
    if (ending && c->handle == loop->dialing) return 0; // p2_dial sees by itself that it failed
    return connection_event(loop, c, wsi, reason, in, size);
}
