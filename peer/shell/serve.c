#include "peer/shell/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "kernels/task_type.h"
#include "os/conf.h"
#include "os/log.h"
#include "os/os.h"
#include "peer/shell/supervisor.h"

#define POOL_LIVE_MAX (UINT64_C(64) << 20) // records read and queued, of one connection
#define POOL_KEPT_MAX (UINT64_C(4) << 20)
#define WORDS_AT_ONCE 64       // of one executor before others have their turn
#define IDLE (30 * P2_SEC)     // without a job, until the cells' memory goes back to the system
#define KILL_WAIT (2 * P2_SEC) // for a killed executor to be gone when we leave

// ---- stepping -------------------------------------------------------------------------------------------------------

static void step(struct supervisor *s, struct worker_event *ev) {
    if (!s->hearing) s->now = p2_clock_now();
    ev->now_ns = s->now;
    ev->more = s->hearing;
    s->stepping = true;
    worker_step(s->worker, ev, &s->actions);
    for (uint32_t i = 0; i < s->actions.count; i++) supervisor_carry(s, &s->actions.items[i]);
    s->stepping = false;
}

void supervisor_later(struct supervisor *s, const struct worker_event *ev) {
    P2_CHECK(s->aftermath_count < AFTERMATH_MAX);
    s->aftermath[s->aftermath_count++] = *ev;
}

void supervisor_feed(struct supervisor *s, struct worker_event *ev) {
    if (s->stepping) { // a callback out of an action
        supervisor_later(s, ev);
        return;
    }
    if (s->leaving) return;
    step(s, ev);
    while (s->aftermath_count > 0 && !s->leaving) {
        struct worker_event next = s->aftermath[0];
        memmove(s->aftermath, s->aftermath + 1, --s->aftermath_count * sizeof next);
        step(s, &next);
    }
}

// ---- the connection -------------------------------------------------------------------------------------------------

static enum p2_err on_msg(void *context, struct p2_msg *m) {
    struct supervisor *s = context;
    struct worker_event ev = {.kind = WORKER_MSG, .msg = m};
    supervisor_feed(s, &ev);
    return P2_OK;
}

static void on_opened(void *context, p2_conn c, const char *remote_address) {
    (void)remote_address;
    struct supervisor *s = context;
    if (c != s->conn) return;
    if (s->reading) p2_reader_deinit(&s->reader);
    p2_reader_init(&s->reader, &s->codec);
    s->reading = true;
    struct worker_event ev = {.kind = WORKER_LINK_UP, .room = p2_conn_room(s->loop, c)};
    supervisor_feed(s, &ev);
}

static void on_received(void *context, p2_conn c, const uint8_t *bytes, size_t size) {
    struct supervisor *s = context;
    if (c != s->conn || s->reader.failed) return;
    s->now = p2_clock_now();
    s->hearing = true;
    enum p2_err err = p2_reader_feed(&s->reader, bytes, size, on_msg, s);
    s->hearing = false;
    struct worker_event ev = {.kind = err == P2_OK ? WORKER_TICK : WORKER_LINK_FAULT, .why = err};
    supervisor_feed(s, &ev);
}

static void on_stamp(void *context, p2_conn c, uint32_t n, uint8_t *head, size_t head_size) {
    (void)context, (void)c, (void)head_size;
    p2_prefix_stamp(head, n);
}

static void on_writable(void *context, p2_conn c, uint64_t room) {
    struct supervisor *s = context;
    if (c != s->conn) return;
    struct worker_event ev = {.kind = WORKER_WRITABLE, .room = room};
    supervisor_feed(s, &ev);
}

static void on_closed(void *context, p2_conn c, enum p2_err why) {
    struct supervisor *s = context;
    if (c != s->conn) return;
    s->conn = P2_NO_HANDLE;
    struct worker_event ev = {.kind = WORKER_LINK_DOWN, .why = why};
    supervisor_feed(s, &ev);
}

// ---- executors ------------------------------------------------------------------------------------------------------

// False when it has no more to say.
static bool hear(struct supervisor *s, struct executor *e) {
    for (int i = 0; i < WORDS_AT_ONCE; i++) {
        struct word word;
        enum p2_child_heard heard = p2_child_hear(&e->child, &word, sizeof word);
        if (heard == P2_CHILD_SILENT) return true;
        if (heard == P2_CHILD_CLOSED) return false;
        if (heard == P2_CHILD_NOISE) memset(&word, 0, sizeof word);
        struct worker_event ev = {.kind = WORKER_EXEC_WORD, .exec = e->index, .word = &word};
        supervisor_feed(s, &ev);
    }
    return true;
}

static void on_words(void *context, int fd) {
    struct executor *e = context;
    if (hear(e->of, e)) return;
    // What closes its end has ended, or is of no use any more.
    p2_loop_unwatch(e->of->loop, fd);
    close(fd);
    e->child.words = -1;
    p2_child_kill(&e->child);
}

static void on_ended(void *context, int fd) {
    struct executor *e = context;
    struct supervisor *s = e->of;
    if (e->child.words >= 0) {
        while (hear(s, e) && p2_child_waiting(&e->child)) {
        }
        p2_loop_unwatch(s->loop, e->child.words);
    }
    p2_loop_unwatch(s->loop, fd);
    char *text = s->gone_text[e->index];
    bool reaped = p2_child_reap(&e->child, 0, text, sizeof s->gone_text[0]);
    P2_CHECK(reaped); // its descriptor said so
    struct worker_event ev = {.kind = WORKER_EXEC_GONE, .exec = e->index, .text = text};
    supervisor_feed(s, &ev);
}

bool supervisor_watch(struct supervisor *s, uint32_t exec) {
    struct executor *e = &s->executors[exec];
    if (!p2_loop_watch(s->loop, e->child.words, on_words, e)) return false;
    if (p2_loop_watch(s->loop, e->child.pidfd, on_ended, e)) return true;
    p2_loop_unwatch(s->loop, e->child.words);
    return false;
}

// ---- lifetime -------------------------------------------------------------------------------------------------------

static void on_signal(void *context, int fd) {
    struct supervisor *s = context;
    while (p2_signals_take(fd)) {
        struct worker_event ev = {.kind = WORKER_DRAIN};
        supervisor_feed(s, &ev);
    }
}

static bool worker_start(struct supervisor *s) {
    const struct serve_settings *set = &s->settings;
    struct worker_config c = worker_config_default();
    p2_entropy(&c.seed, sizeof c.seed);
    p2_entropy(&c.instance, sizeof c.instance);
    c.types = p2_task_types;
    c.type_count = p2_task_type_count;
    c.agent = "p2c2r-peer " P2_VERSION;
    for (uint32_t i = 0; i < set->seats.count; i++) c.devices[i] = set->seats.all[i].device;
    c.device_count = set->seats.count;
    c.cpu_cores = p2_cpu_count();
    c.memory_bytes = p2_memory_bytes();
    c.queue_depth = set->queue_depth;
    c.keep_percent = set->keep_percent;
    c.cell_bytes = set->cell_bytes;
    c.drain_ns = set->drain_ns;
    c.blob_budget_bytes = s->blobs ? set->blob_budget : 0;
    s->worker = worker_create(&c);
    return s->worker && worker_actions_init(&s->actions, s->worker);
}

static bool executors_open(struct supervisor *s) {
    for (uint32_t i = 0; i < s->settings.seats.count; i++) {
        struct executor *e = &s->executors[i];
        const struct word_setup setup = worker_setup(s->worker, i);
        e->of = s;
        e->index = i;
        if (cells_init(&e->cells, &setup, &s->codec) != P2_OK) return false;
    }
    return true;
}

static bool supervisor_open(struct supervisor *s) {
    struct p2_net_limits limits = p2_net_limits_default();
    limits.connections_max = 4;
    limits.batch = !s->settings.unbatched;
    const struct p2_net_handlers handlers = {.context = s,
                                             .opened = on_opened,
                                             .received = on_received,
                                             .stamp = on_stamp,
                                             .writable = on_writable,
                                             .closed = on_closed};
    s->signals = p2_signals_open();
    s->loop = p2_loop_create(&limits, &handlers);
    return s->signals >= 0 && s->loop && p2_codec_init(&s->codec, &s->pool) && supervisor_blobs_open(s) &&
           worker_start(s) && executors_open(s) && p2_loop_watch(s->loop, s->signals, on_signal, s);
}

static void supervisor_close(struct supervisor *s) {
    char text[64];
    for (uint32_t i = 0; i < P2_DEVICES_MAX; i++) p2_child_kill(&s->executors[i].child);
    p2_loop_destroy(&s->loop);
    p2_blobstore_close(&s->blobs);
    for (uint32_t i = 0; i < P2_DEVICES_MAX; i++) {
        struct executor *e = &s->executors[i];
        if (e->child.pidfd >= 0 && !p2_child_reap(&e->child, KILL_WAIT, text, sizeof text)) {
            p2_log(P2_LOG_WARN, "executor_stuck", "pid=%d", (int)e->child.pid);
        }
        cells_deinit(&e->cells);
    }
    if (s->reading) p2_reader_deinit(&s->reader);
    worker_actions_deinit(&s->actions);
    worker_destroy(&s->worker);
    p2_codec_deinit(&s->codec);
    p2_blob_pool_deinit(&s->pool);
    if (s->signals >= 0) close(s->signals);
}

// Memory that big jobs have touched does not stay with a peer that has nothing to do.
static p2_ns rest(struct supervisor *s) {
    struct worker_stats stats;
    worker_stats(s->worker, &stats);
    if (stats.jobs > 0) {
        s->idle_since = P2_NEVER;
        s->used = true;
    } else if (s->used && s->idle_since == P2_NEVER) {
        s->idle_since = s->now;
    } else if (s->used && s->now >= p2_ns_add(s->idle_since, IDLE)) {
        for (uint32_t i = 0; i < s->settings.seats.count; i++) cells_release(&s->executors[i].cells);
        s->idle_since = P2_NEVER;
        s->used = false;
    }
    return p2_ns_add(s->idle_since, IDLE);
}

static void turn(struct supervisor *s) {
    p2_ns wake = p2_ns_min(worker_next_ns(s->worker), rest(s));
    p2_loop_turn(s->loop, wake == P2_NEVER ? P2_NEVER : p2_ns_max(wake - p2_clock_now(), 0));
    struct worker_event tick = {.kind = WORKER_TICK};
    if (!s->leaving && worker_next_ns(s->worker) <= p2_clock_now()) supervisor_feed(s, &tick);
}

int serve(const struct serve_settings *settings) {
    if (!p2_url_ok(settings->url)) {
        fprintf(stderr, "p2c2r-peer: --coordinator %s is not of the form ws://HOST:PORT\n", settings->url);
        return P2_EXIT_USAGE;
    }
    struct supervisor *s = calloc(1, sizeof *s);
    if (!s) return P2_EXIT_FAILED;
    s->settings = *settings;
    s->signals = -1;
    s->idle_since = P2_NEVER;
    for (uint32_t i = 0; i < P2_DEVICES_MAX; i++) {
        p2_child_init(&s->executors[i].child);
        s->executors[i].cells.fd = -1;
    }
    p2_blob_pool_init(&s->pool, POOL_LIVE_MAX, POOL_KEPT_MAX);
    int code = P2_EXIT_FAILED;
    if (supervisor_open(s)) {
        struct worker_event first = {.kind = WORKER_TICK};
        supervisor_blobs_found(s);
        supervisor_feed(s, &first);
        while (!s->leaving) turn(s);
        code = s->leave_why == P2_OK ? P2_EXIT_OK : P2_EXIT_FAILED;
    } else {
        fputs("p2c2r-peer: the system gave no memory, descriptors or shared memory to work with\n", stderr);
    }
    supervisor_close(s);
    free(s);
    return code;
}
