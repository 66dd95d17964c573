#include "client/shell/client.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "client/shell/io.h"
#include "os/os.h"

char *p2_client_why(struct p2c2r_client *c) { return p2_io_serves(c) ? c->thread_error : c->error; }

p2c2r_status p2_client_fail(struct p2c2r_client *c, p2c2r_status status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(p2_client_why(c), sizeof c->error, format, args);
    va_end(args);
    return status;
}

bool p2_client_take(void *to, size_t to_size, const void *from, size_t from_size) {
    if (from_size <= sizeof(size_t) || from_size > 16 * to_size) return false;
    memset(to, 0, to_size);
    memcpy(to, from, from_size < to_size ? from_size : to_size);
    // A newer caller's further fields are unknown here: only their zeroes mean what we do.
    for (size_t i = to_size; i < from_size; i++) {
        if (((const unsigned char *)from)[i]) return false;
    }
    return true;
}

void p2_client_give(void *to, size_t to_size, void *from, size_t from_size) {
    size_t n = to_size < from_size ? to_size : from_size;
    memcpy(from, &to_size, sizeof to_size); // every struct begins with its size
    if (to_size > n) memset((char *)to + n, 0, to_size - n);
    memcpy(to, from, n);
}

static bool read_options(const p2c2r_options *given, p2c2r_options *o) {
    *o = (p2c2r_options){0};
    if (given) {
        size_t size;
        memcpy(&size, given, sizeof size);
        if (!p2_client_take(o, sizeof *o, given, size)) return false;
    }
    if (!o->coordinator) o->coordinator = "ws://127.0.0.1:8765";
    if (!o->tasks_max) o->tasks_max = CLIENT_TASKS_DEFAULT;
    if (!o->payload_bytes_max) o->payload_bytes_max = CLIENT_PAYLOAD_DEFAULT;
    return o->tasks_max <= CLIENT_TASKS_LIMIT && o->connect_timeout_ms >= 0 &&
           o->connect_timeout_ms <= CLIENT_SPAN_MAX_MS && o->fake_lag_ms >= 0 && o->fake_lag_ms <= CLIENT_SPAN_MAX_MS &&
           o->fake_loss >= 0 && o->fake_loss <= 1 && (o->io_thread == 0 || o->io_thread == 1) &&
           o->local_tasks_max <= CLIENT_LOCAL_TASKS_LIMIT;
}

// The transport below ignores SIGPIPE for its whole process when it starts, though it never needs to: its writes ask
// for no signal. The game's own setting is put back.
static struct p2_loop *create_loop(struct p2c2r_client *c) {
    struct p2_net_limits limits = p2_net_limits_default();
    limits.connections_max = 4 * c->line_count; // one each, and those before it that are not quite gone
    struct p2_net_handlers handlers = p2_client_handlers;
    handlers.context = c;
    struct sigaction before;
    bool known = sigaction(SIGPIPE, NULL, &before) == 0;
    struct p2_loop *loop = p2_loop_create(&limits, &handlers);
    if (known) sigaction(SIGPIPE, &before, NULL);
    return loop;
}

static p2_ns connect_timeout(const p2c2r_options *o) {
    return (o->connect_timeout_ms ? o->connect_timeout_ms : CLIENT_CONNECT_DEFAULT_MS) * P2_MS;
}

static bool create_parts(struct p2c2r_client *c, const p2c2r_options *o) {
    uint64_t seed;
    p2_entropy(&seed, sizeof seed);
    p2_rng_init(&c->rng, seed);
    struct session_config config = {.addresses = c->line_count,
                                    .tasks_max = o->tasks_max,
                                    .connect_timeout_ns = connect_timeout(o),
                                    .lost_timeout_ns = o->connect_timeout_ms ? connect_timeout(o) : P2_NEVER,
                                    .seed = p2_rng_next(&c->rng),
                                    .agent = "libp2c2r " P2_VERSION,
                                    .features = P2_FEATURE_ZSTD | P2_FEATURE_SESSIONS,
                                    .types = p2_task_type_count};
    p2_blob_pool_init(&c->payloads, o->payload_bytes_max, o->payload_bytes_max / 4);
    p2_blob_pool_init(&c->results, UINT64_MAX, o->payload_bytes_max / 4);
    p2_blob_pool_init(&c->wire, CLIENT_WIRE_BYTES_MAX, CLIENT_WIRE_BYTES_MAX / 16);
    if (!p2_slab_init(&c->records, sizeof(struct record), o->tasks_max) || !p2_mail_init(c, o->tasks_max)) return false;
    c->reasons = p2_calloc(o->tasks_max, sizeof *c->reasons);
    if (!c->reasons || !p2_session_actions_init(&c->actions, o->tasks_max)) return false;
    if (!p2_codec_init(&c->codec, &c->wire)) return false;
    for (uint32_t i = 0; i < c->line_count; i++) p2_reader_init(&c->lines[i].reader, &c->codec);
    c->session = p2_session_create(&config);
    if (!c->session) return false;
    c->loop = create_loop(c);
    return c->loop && p2_here_open(c, o);
}

p2c2r_client *p2c2r_create(const p2c2r_options *options) {
    p2_memory_settle();
    p2c2r_options o;
    if (!read_options(options, &o)) return NULL;
    struct p2c2r_client *c = p2_calloc(1, sizeof *c);
    if (!c) return NULL;
    p2_list_init(&c->ended);
    p2_list_init(&c->lent);
    p2_stats_init(&c->stats, p2_clock_now());
    p2_list_init(&c->streams);
    c->held_last = &c->held_first;
    c->fake_lag_ns = o.fake_lag_ms * P2_MS;
    c->fake_loss = o.fake_loss;
    c->log = o.log;
    c->log_context = o.log_context;
    if (!p2_client_addresses(c, o.coordinator) || !create_parts(c, &o)) {
        p2c2r_destroy(&c);
        return NULL;
    }
    p2_client_turn(c, 0); // dials
    if (o.io_thread && !p2_io_start(c)) p2c2r_destroy(&c);
    return c;
}

// In order, as far as that needs no waiting: else the coordinator keeps what nobody will fetch for a while.
static void leave(struct p2c2r_client *c) {
    if (!c->loop || c->conn == P2_NO_HANDLE) return;
    p2_conn_close(c->loop, c->conn, P2_OK);
    p2_loop_turn(c->loop, 0);
}

void p2c2r_destroy(p2c2r_client **client) {
    struct p2c2r_client *c = client ? *client : NULL;
    if (!c) return;
    *client = NULL;
    p2_io_stop(c);
    p2_streams_end(c);
    leave(c);
    p2_here_close(c);
    p2_loop_destroy(&c->loop); // first: what it has queued refers to blobs
    p2_session_destroy(&c->session);
    p2_client_drop_held(c);
    for (uint32_t i = 0; i < c->records.capacity; i++) {
        p2_handle handle;
        struct record *r = p2_slab_at(&c->records, i, &handle);
        if (r) p2_record_free(c, r);
    }
    p2_lines_deinit(c);
    p2_codec_deinit(&c->codec);
    p2_session_actions_deinit(&c->actions);
    p2_slab_deinit(&c->records);
    p2_free(c->reasons);
    p2_mail_deinit(c);
    p2_blob_pool_deinit(&c->payloads);
    p2_blob_pool_deinit(&c->results);
    p2_blob_pool_deinit(&c->wire);
    p2_io_free(c);
    p2_free(c);
}

bool p2_client_is_up(const struct p2c2r_client *c) { return p2_session_link(c->session) == LINK_UP; }

int32_t p2c2r_connected(const p2c2r_client *client) {
    if (!client) return 0;
    if (!client->io) return p2_client_is_up(client);
    struct p2c2r_client *c = (struct p2c2r_client *)(uintptr_t)client; // a lock is no change that a caller could see
    p2_client_lock(c);
    bool up = c->io->seen.up;
    p2_client_unlock(c);
    return up;
}

int p2c2r_fd(const p2c2r_client *c) { return c && !c->io ? p2_loop_fd(c->loop) : -1; }

int64_t p2c2r_next_timeout_us(const p2c2r_client *client) {
    if (!client) return -1;
    struct p2c2r_client *c = (struct p2c2r_client *)(uintptr_t)client;
    p2_client_lock(c);
    bool ended = !p2_list_empty(&c->ended) || p2_streams_ended(c);
    p2_client_unlock(c);
    if (ended) return 0;
    if (c->io) return -1;
    p2_ns next = p2_client_next_ns(c);
    if (next == P2_NEVER) return -1;
    p2_ns wait = p2_ns_max(next - p2_clock_now(), 0);
    return (wait + P2_US - 1) / P2_US; // rounded up: a poll then is not too early
}

const char *p2c2r_last_error(const p2c2r_client *c) { return c ? c->error : ""; }

const char *p2c2r_status_name(p2c2r_status status) {
    static const char *const names[] = {"ok",      "again",     "invalid", "no_memory", "unreachable",
                                        "timeout", "not_found", "closed",  "refused"};
    return status <= 0 && status >= P2C2R_EREFUSED ? names[-status] : "unknown";
}

const char *p2c2r_status_text(p2c2r_status status) {
    static const char *const texts[] = {
        "Done.",
        "The window is full: poll, then submit again.",
        "An argument is out of its range.",
        "Memory is short.",
        "No coordinator answers.",
        "It did not happen in that time.",
        "There is no such ticket.",
        "The coordinator has ended the connection.",
        "The coordinator does not take it.",
    };
    return status <= 0 && status >= P2C2R_EREFUSED ? texts[-status] : "Unknown status.";
}

const char *p2c2r_outcome_name(p2c2r_outcome outcome) {
    static const char *const names[] = {"unknown", "done", "refused", "failed", "expired", "cancelled", "lost"};
    return outcome <= P2C2R_LOST ? names[outcome] : names[0];
}

const char *p2c2r_origin_name(uint32_t origin) {
    static const char *const names[] = {"none", "peer", "cache", "local"};
    return origin <= P2C2R_ORIGIN_LOCAL ? names[origin] : names[0];
}

const char *p2c2r_version(void) { return P2_VERSION; }
