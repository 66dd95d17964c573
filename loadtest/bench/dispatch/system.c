#include "loadtest/bench/dispatch/system.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "loadtest/bench/dispatch/lib.h"
#include "loadtest/bench/dispatch/relay.h"
#include "os/os.h"

#define WORKERS 4u
#define LOG_BYTES (1u << 20)
#define LAST_WORDS 300u // bytes
#define WARM (300 * P2_MS)
#define READY_WAIT (10 * P2_SEC)
#define DRAIN_WAIT (15 * P2_SEC)
#define FRAME (1920u * 1080 * 3) // bytes of a picture that nobody has compressed

const struct measure measures[MEASURES] = {
    [MEASURE_1] = {"1", "64 B, 1 in flight", 64, 1},
    [MEASURE_256] = {"256", "64 B, 256 in flight", 64, 256},
    [MEASURE_4096] = {"4096", "64 B, 4,096 in flight", 64, 4096},
    [MEASURE_64K] = {"64k", "64 KiB, 64 in flight", 65536, 64},
    [MEASURE_6M] = {"6m", "6 MiB, 4 in flight", FRAME, 4},
};

// ---- brokers

void command_add(struct command *c, const char *text) {
    P2_CHECK(c->count < COMMAND_ARGUMENTS_MAX);
    c->arguments[c->count++] = text;
}

void command_addf(struct command *c, const char *format, ...) {
    P2_CHECK(c->used < sizeof c->texts / sizeof c->texts[0]);
    char *text = c->texts[c->used++];
    va_list rest;
    va_start(rest, format);
    vsnprintf(text, sizeof c->texts[0], format, rest);
    va_end(rest);
    command_add(c, text);
}

static void add_all(struct command *c, const char *const *texts) {
    for (; *texts; texts++) command_add(c, *texts);
}

// Everything is as it is when nothing is said, but what one client may ask for: there is only one here.
static void coordinator_command(struct command *c, const struct stage *s, uint16_t port) {
    static const char *const options[] = {"--log-level",
                                          "error",
                                          "--client-tasks-rate",
                                          "0",
                                          "--client-bytes-rate",
                                          "0",
                                          "--client-device-rate",
                                          "0",
                                          "--tasks-per-client-max",
                                          "8192",
                                          "--blob-budget",
                                          "0",
                                          NULL};
    (void)s;
    command_add(c, "--listen");
    command_addf(c, "127.0.0.1:%u", port);
    add_all(c, options);
}

static void gearmand_command(struct command *c, const struct stage *s, uint16_t port) {
    static const char *const options[] = {"-t", "1", "-L", "127.0.0.1", "-p", NULL};
    add_all(c, options);
    command_addf(c, "%u", port);
    command_addf(c, "--log-file=%s/gearmand.log", s->directory);
}

// What may be sent at once can be said in a file only.
static void nats_command(struct command *c, const struct stage *s, uint16_t port) {
    char path[128];
    snprintf(path, sizeof path, "%s/nats.conf", s->directory);
    FILE *f = fopen(path, "w");
    P2_CHECK(f);
    fprintf(f, "listen: \"127.0.0.1:%u\"\nmax_payload: 8388608\nmax_pending: 268435456\nwrite_deadline: \"30s\"\n",
            port);
    fclose(f);
    command_add(c, "-c");
    command_addf(c, "%s", path);
}

static void redis_command(struct command *c, const struct stage *s, uint16_t port) {
    static const char *const options[] = {"--bind",      "127.0.0.1", "--save",     "",        "--appendonly", "no",
                                          "--daemonize", "no",        "--loglevel", "warning", "--port",       NULL};
    add_all(c, options);
    command_addf(c, "%u", port);
    command_add(c, "--dir");
    command_add(c, s->directory);
}

static void beanstalkd_command(struct command *c, const struct stage *s, uint16_t port) {
    static const char *const options[] = {"-l", "127.0.0.1", "-z", "16000000", "-p", NULL};
    (void)s;
    add_all(c, options);
    command_addf(c, "%u", port);
}

const struct system systems[SYSTEMS] = {
    [OURS] = {.name = "ours",
              .doc = "our coordinator, protocol by hand",
              .program = "",
              .command = coordinator_command,
              .ahead = {64, 64, 256, 64, 0},
              .client = &raw_ours_client,
              .worker = &raw_ours_worker},
    [OURS_BATCH] = {.name = "ours-batch",
                    .doc = "our coordinator, protocol by hand, tasks in batches",
                    .program = "",
                    .command = coordinator_command,
                    .ahead = {0, 64, 256, 0, 0},
                    .client = &raw_ours_batch_client,
                    .worker = &raw_ours_worker},
    [OURS_SESSION] = {.name = "ours-session",
                      .doc = "our coordinator, protocol by hand, sessions",
                      .program = "",
                      .command = coordinator_command,
                      .ahead = {64, 64, 256, 64, 0},
                      .client = &raw_ours_session_client,
                      .worker = &raw_ours_worker},
    [RELAY] = {.name = "relay",
               .doc = "raw relay, the limit",
               .ahead = {64, 64, 1024, 64, 4},
               .client = &raw_relay_client,
               .worker = &raw_relay_worker},
    [OURS_LIB] = {.name = "ours-lib",
                  .doc = "our coordinator, client library and peer core",
                  .program = "",
                  .command = coordinator_command,
                  .ahead = {64, 64, 256, 64, 4},
                  .load = lib_ours_load,
                  .work = lib_ours_work},
    [GEARMAND_1] = {.name = "gearmand-1",
                    .doc = "gearmand, protocol by hand, one job a worker",
                    .program = "gearmand",
                    .command = gearmand_command,
                    .ahead = {1, 1, 1, 1, 1},
                    .client = &raw_gearman_client,
                    .worker = &raw_gearman_worker},
    [GEARMAND] = {.name = "gearmand",
                  .doc = "gearmand, protocol by hand, jobs ahead",
                  .program = "gearmand",
                  .command = gearmand_command,
                  .ahead = {1, 64, 1024, 1, 1},
                  .client = &raw_gearman_client,
                  .worker = &raw_gearman_worker},
    [GEARMAND_LIB] = {.name = "gearmand-lib",
                      .doc = "gearmand, libgearman",
                      .program = "gearmand",
                      .command = gearmand_command,
                      .ahead = {1, 1, 1, 1, 0}, // does not end with large payloads
                      .load = lib_gearman_load,
                      .work = lib_gearman_work},
    [NATS] = {.name = "nats",
              .doc = "nats-server, protocol by hand",
              .program = "nats-server",
              .command = nats_command,
              .ahead = {1, 1, 1, 1, 1}, // it pushes
              .client = &raw_nats_client,
              .worker = &raw_nats_worker},
    [NATS_LIB] = {.name = "nats-lib",
                  .doc = "nats-server, libnats",
                  .program = "nats-server",
                  .command = nats_command,
                  .ahead = {1, 64, 1024, 64, 4}, // 1: each result is written at once
                  .load = lib_nats_load,
                  .work = lib_nats_work},
    [REDIS] = {.name = "redis",
               .doc = "redis-server, lists, protocol by hand",
               .program = "redis-server",
               .command = redis_command,
               .ahead = {1, 64, 256, 16, 1},
               .client = &raw_redis_client,
               .worker = &raw_redis_worker},
    [BEANSTALKD] = {.name = "beanstalkd",
                    .doc = "beanstalkd, protocol by hand",
                    .program = "beanstalkd",
                    .command = beanstalkd_command,
                    .ahead = {1, 8, 8, 1, 1},
                    .client = &raw_beanstalk_client,
                    .worker = &raw_beanstalk_worker},
};

// ---- a run

struct cast {
    pid_t broker, workers[WORKERS], load;
    int ready[2], figures[2];
    uint16_t port;
};

// So that the figures' pipe ends with the client, and with nobody else.
static void close_figures(const struct cast *k) {
    close(k->figures[0]);
    close(k->figures[1]);
}

static bool start_broker(const struct run *r, struct cast *k) {
    const struct system *y = r->system;
    char byte;
    if (!y->program) {
        k->broker = stage_fork(r->stage, STAGE_BROKER, "bench-relay");
        if (k->broker == 0) {
            close_figures(k);
            relay_serve(k->port, k->ready[1]);
        }
        return stage_await(k->ready[0], &byte, 1, READY_WAIT);
    }
    struct command c = {0};
    command_add(&c, *y->program ? y->program : r->coordinator);
    y->command(&c, r->stage, k->port);
    if (!*y->program) add_all(&c, r->with);
    c.arguments[c.count] = NULL;
    k->broker = stage_spawn(r->stage, c.arguments, "broker.log");
    return stage_await_port(k->port, k->broker);
}

// The end of what it said, on one line.
static void add_last_words(const struct stage *s, struct p2_strbuf *why) {
    char path[128];
    uint8_t *text;
    size_t size;
    snprintf(path, sizeof path, "%s/broker.log", s->directory);
    if (p2_file_read(path, LOG_BYTES, &text, &size) != P2_OK) return;
    const size_t from = size > LAST_WORDS ? size - LAST_WORDS : 0;
    for (size_t i = from; i < size; i++)
        if (text[i] < ' ') text[i] = ' ';
    if (size) p2_strbuf_printf(why, ": %.*s", (int)(size - from), (const char *)text + from);
    free(text);
}

static bool start_workers(const struct run *r, struct cast *k) {
    const struct system *y = r->system;
    char bytes[WORKERS];
    for (uint32_t i = 0; i < WORKERS; i++) {
        k->workers[i] = stage_fork(r->stage, STAGE_LOAD, "bench-worker");
        if (k->workers[i] != 0) continue;
        close_figures(k);
        if (y->worker) raw_worker(y->worker, k->port, r->ahead, r->measure->payload_bytes, k->ready[1]);
        y->work(k->port, r->ahead, r->measure->payload_bytes, k->ready[1]);
        _exit(0);
    }
    return stage_await(k->ready[0], bytes, sizeof bytes, READY_WAIT);
}

static void play_load(const struct run *r, const struct cast *k) {
    struct drive d;
    struct drive_figures figures;
    struct drive_plan plan = {.payload_bytes = r->measure->payload_bytes,
                              .in_flight = r->measure->in_flight,
                              .warm_ns = WARM,
                              .measured_ns = r->measured_ns,
                              .broker = k->broker,
                              .worker_count = WORKERS};
    memcpy(plan.workers, k->workers, sizeof k->workers);
    drive_init(&d, &plan);
    if (r->system->client)
        raw_client(r->system->client, k->port, &d);
    else
        r->system->load(k->port, &d);
    drive_figures(&d, &figures);
    drive_deinit(&d);
    _exit(write(k->figures[1], &figures, sizeof figures) == (ssize_t)sizeof figures ? 0 : 1);
}

static bool play(const struct run *r, struct cast *k, struct drive_figures *out, struct p2_strbuf *why) {
    if (!start_broker(r, k)) {
        p2_strbuf_printf(why, "the broker does not start");
        add_last_words(r->stage, why);
        return false;
    }
    if (!start_workers(r, k)) {
        p2_strbuf_printf(why, "its workers do not get through to the broker");
        return false;
    }
    k->load = stage_fork(r->stage, STAGE_LOAD, "bench-load");
    if (k->load == 0) play_load(r, k);
    close(k->figures[1]);
    k->figures[1] = -1;
    if (stage_await(k->figures[0], out, sizeof *out, WARM + r->measured_ns + DRAIN_WAIT)) return true;
    p2_strbuf_printf(why, "its client has left, or has not ended %d s after its time", (int)(DRAIN_WAIT / P2_SEC));
    return false;
}

bool system_run(const struct run *r, struct drive_figures *out, struct p2_strbuf *why) {
    struct cast k = {.port = stage_port()};
    P2_CHECK(pipe2(k.ready, O_CLOEXEC) == 0 && pipe2(k.figures, O_CLOEXEC) == 0);
    stage_enter(r->stage);
    bool played = play(r, &k, out, why);
    stage_stop(&k.load);
    for (uint32_t i = 0; i < WORKERS; i++) stage_stop(&k.workers[i]);
    stage_stop(&k.broker);
    stage_leave(r->stage);
    for (int i = 0; i < 2; i++) {
        close(k.ready[i]);
        if (k.figures[i] >= 0) close(k.figures[i]);
    }
    return played;
}
