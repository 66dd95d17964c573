// The loop: lws on our own libuv loop, turned by the caller.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "internal.h"
#include "os/log.h"
#include "os/os.h"

#define TICK_NS_MIN (5 * P2_MS)
#define TICK_NS_MAX (250 * P2_MS)

static const struct lws_protocols protocols[] = {
    {.name = P2_SUBPROTOCOL, .callback = p2_net_callback, .rx_buffer_size = MESSAGE_MAX, .tx_packet_size = MESSAGE_MAX},
    {.name = NULL},
};

struct p2_net_limits p2_net_limits_default(void) {
    return (struct p2_net_limits){
        .connections_max = 16384,
        .connections_per_address_max = 64,
        .queue_bytes_max = UINT64_C(8) << 20,
        .batch = true,
        .room_bytes = UINT64_C(1) << 20,
        .handshake_ns = 5 * P2_SEC,
        .idle_ns = 60 * P2_SEC,
        .stall_ns = 10 * P2_SEC,
        .ping_ns = 30 * P2_SEC,
    };
}

// ---- creating -------------------------------------------------------------------------------------------------------

static void lws_says(int level, const char *line) {
    (void)level;
    int size = (int)strcspn(line, "\n");
    if (p2_log_on(P2_LOG_DEBUG)) p2_log(P2_LOG_DEBUG, "lws", "text=\"%.*s\"", size, line);
}

static bool create_context(struct p2_loop *loop) {
    void *foreign[1] = {&loop->uv};
    p2_ns longest = p2_ns_max(loop->limits.handshake_ns, loop->limits.stall_ns);
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME |
                   LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
        .foreign_loops = foreign, // ours: with its own, lws takes over signals
        .pcontext = &loop->context,
        .http_proxy_address = "", // else lws obeys http_proxy, even for loopback
        .user = loop,
        .pt_serv_buf_size = MESSAGE_MAX,                                            // what one read takes
        .timeout_secs = (unsigned)(p2_ns_min(longest, 3600 * P2_SEC) / P2_SEC) + 2, // our own limits come first
        .uid = -1,
        .gid = -1,
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, lws_says); // by default it prints
    // lws ignores SIGPIPE for the whole process; that is for the process to decide. lws itself sends with MSG_NOSIGNAL.
    struct sigaction before;
    sigaction(SIGPIPE, NULL, &before);
    loop->context = lws_create_context(&info);
    sigaction(SIGPIPE, &before, NULL);
    if (!loop->context) return false;
    loop->vhost = lws_get_vhost_by_name(loop->context, "default");
    return loop->vhost != NULL;
}

static void on_wake(uv_async_t *async) {
    struct p2_loop *loop = async->data;
    loop->served++;
}

// libuv may find it due before it has waited at all.
static void on_alarm(uv_timer_t *timer) { uv_stop(timer->loop); }

// What the timers of lws and its leftovers have brought about is looked at before anything is waited for.
static void on_waiting(uv_prepare_t *prepare) {
    struct p2_loop *loop = prepare->data;
    if (loop->served != loop->turn_served || !p2_list_empty(&loop->due)) uv_stop(&loop->uv);
}

static bool prepare_waiting(struct p2_loop *loop) {
    if (uv_timer_init(&loop->uv, &loop->alarm) != 0 || uv_prepare_init(&loop->uv, &loop->waiting) != 0) return false;
    loop->waiting.data = loop;
    return uv_prepare_start(&loop->waiting, on_waiting) == 0;
}

static p2_ns tick_period(const struct p2_net_limits *l) {
    p2_ns shortest = p2_ns_min(p2_ns_min(l->handshake_ns, l->idle_ns), p2_ns_min(l->stall_ns, l->ping_ns));
    return p2_ns_max(TICK_NS_MIN, p2_ns_min(TICK_NS_MAX, shortest / 8));
}

struct p2_loop *p2_loop_create(const struct p2_net_limits *limits, const struct p2_net_handlers *handlers) {
    P2_CHECK(limits->connections_max > 0 && limits->handshake_ns > 0 && limits->idle_ns > 0);
    P2_CHECK(limits->stall_ns > 0 && limits->ping_ns > 0);
    P2_CHECK(handlers->opened && handlers->received && handlers->writable && handlers->closed);
    struct p2_loop *loop = p2_net_memory_short() ? NULL : p2_calloc(1, sizeof *loop);
    if (!loop) return NULL;
    loop->limits = *limits;
    loop->handlers = *handlers;
    loop->now = loop->ticked_ns = p2_clock_now();
    loop->tick_every_ns = tick_period(limits);
    p2_list_init(&loop->due);
    p2_list_init(&loop->held);
    p2_list_init(&loop->listeners);
    p2_list_init(&loop->watches);
    if (uv_loop_init(&loop->uv) != 0) {
        p2_free(loop);
        return NULL;
    }
    loop->wake.data = loop;
    loop->mask_at = sizeof loop->mask_keys;
    loop->scratch = p2_malloc(SCRATCH_BYTES);
    bool ok = uv_async_init(&loop->uv, &loop->wake, on_wake) == 0 && prepare_waiting(loop) && loop->scratch &&
              p2_slab_init(&loop->conns, sizeof(struct conn), limits->connections_max) && create_context(loop);
    if (!ok) p2_loop_destroy(&loop);
    return loop;
}

// ---- destroying -----------------------------------------------------------------------------------------------------

static void close_own(uv_handle_t *handle, void *context) {
    struct p2_loop *loop = context;
    bool own = handle == (uv_handle_t *)&loop->wake || handle == (uv_handle_t *)&loop->alarm ||
               handle == (uv_handle_t *)&loop->waiting;
    if (own && !uv_is_closing(handle)) uv_close(handle, NULL);
}

// Descriptors that lws polls at the end, when every connection is gone: its event pipe.
struct last_fds {
    int fds[8];
    int count;
};

static void note_polled(uv_handle_t *handle, void *context) {
    struct last_fds *last = context;
    uv_os_fd_t fd;
    if (handle->type != UV_POLL || uv_is_closing(handle) || uv_fileno(handle, &fd) != 0) return;
    if (last->count < (int)(sizeof last->fds / sizeof *last->fds)) last->fds[last->count++] = fd;
}

// lws 4.1.6 closes the descriptor of its event pipe at once and once more when libuv has let go of it. By then another
// thread of the program may own that number, so it is taken at once for the second close to hit.
static void occupy(const struct last_fds *last, int any_open_fd) {
    for (int i = 0; i < last->count; i++) {
        if (fcntl(last->fds[i], F_GETFD) >= 0) continue;
        int taken = fcntl(any_open_fd, F_DUPFD_CLOEXEC, last->fds[i]);
        if (taken >= 0 && taken != last->fds[i]) close(taken);
    }
}

// lws gives up its handles over several passes, since libuv confirms each; then the context is destroyed a second time,
// which frees it.
static void destroy_context(struct p2_loop *loop) {
    const int passes_max = 10000;
    struct last_fds last = {.count = 0};
    uv_walk(&loop->uv, note_polled, &last);
    if (loop->context) lws_context_destroy(loop->context);
    occupy(&last, uv_backend_fd(&loop->uv));
    for (int i = 0; i < passes_max && uv_run(&loop->uv, UV_RUN_NOWAIT); i++) {
    }
    if (loop->context) lws_context_destroy(loop->context);
    for (int i = 0; i < passes_max && uv_run(&loop->uv, UV_RUN_NOWAIT); i++) {
    }
}

void p2_loop_destroy(struct p2_loop **loop_at) {
    struct p2_loop *loop = *loop_at;
    if (!loop) return;
    P2_CHECK(!loop->turning);
    *loop_at = NULL;
    loop->destroying = true;
    p2_conns_discard(loop);
    p2_loop_stop_listening(loop);
    while (!p2_list_empty(&loop->watches)) {
        struct watch *w = P2_CONTAINER_OF(p2_list_first(&loop->watches), struct watch, node);
        p2_loop_unwatch(loop, w->fd);
    }
    p2_dial_wait(loop);
    uv_walk(&loop->uv, close_own, loop);
    destroy_context(loop);
    P2_CHECK(uv_loop_close(&loop->uv) == 0);
    if (loop->arriving_ready) p2_map_deinit(&loop->arriving);
    p2_records_deinit(&loop->records);
    p2_slab_deinit(&loop->conns);
    p2_free(loop->scratch);
    p2_free(loop);
}

// ---- turning --------------------------------------------------------------------------------------------------------

static p2_ns next_tick(const struct p2_loop *loop) {
    bool needed = loop->conns.live > 0 || !p2_list_empty(&loop->listeners);
    return needed ? p2_ns_add(loop->ticked_ns, loop->tick_every_ns) : P2_NEVER;
}

// Less than a millisecond is more than libuv can count.
static void wait_briefly(struct p2_loop *loop, p2_ns wait) {
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    if (loop->served != loop->turn_served || loop->dirty || !p2_list_empty(&loop->due)) return;
    struct pollfd ready = {.fd = uv_backend_fd(&loop->uv), .events = POLLIN};
    struct timespec span = {.tv_nsec = wait};
    if (ppoll(&ready, 1, &span, NULL) > 0) uv_run(&loop->uv, UV_RUN_NOWAIT); // a signal just ends the wait
}

// Serves what is ready; waits for it until then if nothing is.
static void serve(struct p2_loop *loop, p2_ns until) {
    p2_ns wait = until == P2_NEVER ? P2_NEVER : until - loop->now;
    loop->dirty = false;
    loop->slept = wait > 0;
    if (wait <= 0) {
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    } else if (wait < P2_MS) {
        wait_briefly(loop, wait);
    } else {
        if (wait != P2_NEVER) uv_timer_start(&loop->alarm, on_alarm, (uint64_t)(wait / P2_MS), 0);
        uv_run(&loop->uv, UV_RUN_ONCE);
        uv_timer_stop(&loop->alarm);
    }
    loop->slept = false;
    loop->now = p2_clock_now();
}

static void pass(struct p2_loop *loop, p2_ns until) {
    serve(loop, until);
    if (loop->now >= next_tick(loop)) p2_conns_tick(loop);
    p2_conns_attend(loop);
}

void p2_loop_turn(struct p2_loop *loop, p2_ns timeout_ns) {
    P2_CHECK(!loop->turning);
    loop->turning = true;
    loop->turns++;
    loop->now = p2_clock_now();
    if (loop->conns.live == 0) loop->ticked_ns = loop->now; // nothing was there to be late for
    p2_ns deadline = timeout_ns > 0 ? p2_ns_add(loop->now, timeout_ns) : loop->now;
    loop->turn_served = loop->served;
    p2_conns_attend(loop);
    do {
        pass(loop, loop->served == loop->turn_served ? p2_ns_min(deadline, next_tick(loop)) : loop->now);
        if (!p2_list_empty(&loop->due)) break; // the next turn has something to do at once
    } while (loop->served == loop->turn_served && loop->now < deadline);
    loop->turning = false;
    bool left_over = !p2_list_empty(&loop->due) || loop->dirty;
    if (left_over && loop->fd_lent) p2_loop_wake(loop);
}

void p2_loop_wake(struct p2_loop *loop) { uv_async_send(&loop->wake); }

int p2_loop_fd(struct p2_loop *loop) {
    loop->fd_lent = true;
    return uv_backend_fd(&loop->uv);
}

p2_ns p2_loop_next_ns(struct p2_loop *loop) {
    if (loop->dirty || !p2_list_empty(&loop->due)) return loop->now; // asked for since the last turn
    int timer_ms = uv_backend_timeout(&loop->uv);                    // -1: libuv waits for nothing
    return timer_ms < 0 ? P2_NEVER : p2_ns_add(loop->now, (p2_ns)timer_ms * P2_MS);
}

void p2_loop_stats(const struct p2_loop *loop, struct p2_net_stats *out) { *out = loop->stats; }

// ---- watching descriptors -------------------------------------------------------------------------------------------

static void on_watched(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    struct watch *w = poll->data;
    w->loop->served++;
    w->ready(w->context, w->fd);
}

static void free_watch(uv_handle_t *handle) { p2_free(handle->data); }

bool p2_loop_watch(struct p2_loop *loop, int fd, p2_fd_ready *ready, void *context) {
    struct watch *w = p2_calloc(1, sizeof *w);
    if (!w) return false;
    if (uv_poll_init(&loop->uv, &w->poll, fd) != 0) {
        p2_free(w);
        return false;
    }
    w->loop = loop;
    w->ready = ready;
    w->context = context;
    w->fd = fd;
    w->poll.data = w;
    p2_list_push_back(&loop->watches, &w->node);
    loop->dirty = true;
    if (uv_poll_start(&w->poll, UV_READABLE, on_watched) == 0) return true;
    p2_loop_unwatch(loop, fd);
    return false;
}

void p2_loop_unwatch(struct p2_loop *loop, int fd) {
    P2_LIST_EACH (node, next, &loop->watches) {
        struct watch *w = P2_CONTAINER_OF(node, struct watch, node);
        if (w->fd != fd) continue;
        p2_list_remove(node);
        uv_poll_stop(&w->poll);
        uv_close((uv_handle_t *)&w->poll, free_watch);
        return;
    }
}
