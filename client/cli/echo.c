// p2c2r echo: what a round trip through the cluster costs.
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hist.h"
#include "cli.h"
#include "os/os.h"

#define IN_FLIGHT_MAX 4096
#define SIZE_MAX_BYTES (16 << 20)

struct settings {
    struct common_settings common;
    uint64_t size;
    int64_t count, in_flight;
    p2_ns deadline_ns;
};

static const struct p2_option options[] = {
    {.name = "size",
     .kind = P2_OPT_BYTES,
     .fallback = "1KiB",
     .min = 0,
     .max = SIZE_MAX_BYTES,
     .value_name = "BYTES",
     .doc = "Payload of each.",
     .offset = offsetof(struct settings, size)},
    {.name = "count",
     .kind = P2_OPT_INT,
     .fallback = "1000",
     .min = 1,
     .max = 100e6,
     .value_name = "N",
     .doc = "How many.",
     .offset = offsetof(struct settings, count),
     .letter = 'n'},
    {.name = "in-flight",
     .kind = P2_OPT_INT,
     .fallback = "1",
     .min = 1,
     .max = IN_FLIGHT_MAX,
     .value_name = "K",
     .doc = "How many at once.",
     .offset = offsetof(struct settings, in_flight)},
    {.name = "deadline",
     .kind = P2_OPT_DURATION,
     .fallback = "10s",
     .min = 1e6,
     .max = 3600e9,
     .value_name = "TIME",
     .doc = "How long each may take.",
     .offset = offsetof(struct settings, deadline_ns)},
    LOCAL_OPTIONS(offsetof(struct settings, common)),
    COMMON_OPTIONS(offsetof(struct settings, common)),
    {.name = NULL},
};

static const struct p2_program program = {
    .name = "p2c2r echo", .summary = "Measures round trips through the cluster.", .operands = "", .options = options};

struct run {
    const struct settings *s;
    p2c2r_client *client;
    uint8_t *payload;
    struct p2_hist hist;
    int64_t submitted, ended, ok, local;
    p2_ns began_ns;
    struct cli_bar bar;
    int exit_code;
    bool stop;
};

static bool submit(struct run *r) {
    p2c2r_task task = {.size = sizeof task,
                       .type = "echo",
                       .payload = r->payload,
                       .payload_size = (size_t)r->s->size,
                       .deadline_ms = r->s->deadline_ns / P2_MS,
                       .cache = P2C2R_CACHE_BYPASS}; // the way to a peer and back is what it shows
    p2c2r_ticket ticket;
    p2c2r_status status = p2c2r_submit(r->client, &task, &ticket);
    if (status == P2C2R_OK) r->submitted++;
    if (status != P2C2R_OK && status != P2C2R_EAGAIN) {
        cli_bar_clear(&r->bar);
        cli_complain("%s", p2c2r_last_error(r->client));
        r->exit_code = status == P2C2R_EINVAL ? P2_EXIT_USAGE : P2_EXIT_FAILED;
        r->stop = true;
    }
    return status == P2C2R_OK;
}

// The first that goes wrong is told; one that nobody can change ends the run.
static void take(struct run *r, const p2c2r_result *result) {
    r->ended++;
    r->local += result->origin == P2C2R_ORIGIN_LOCAL;
    bool same = result->outcome == P2C2R_DONE && result->data_size == r->s->size &&
                (r->s->size == 0 || memcmp(result->data, r->payload, result->data_size) == 0);
    if (same) {
        r->ok++;
        p2_hist_add(&r->hist, result->total_us * P2_US);
        return;
    }
    if (r->exit_code != P2_EXIT_OK) return;
    if (result->outcome == P2C2R_DONE) {
        cli_bar_clear(&r->bar);
        cli_complain("an echo came back changed");
        r->exit_code = P2_EXIT_FAILED;
        return;
    }
    cli_bar_clear(&r->bar);
    cli_complain("%s", result->reason);
    r->exit_code = cli_exit_of(result);
    r->stop = result->outcome != P2C2R_EXPIRED;
}

static void report(const struct run *r) {
    double seconds = (double)(p2_clock_now() - r->began_ns) / 1e9;
    double min = (double)r->hist.min_us / 1e3, p50 = (double)p2_hist_quantile(&r->hist, 0.5) / 1e6;
    double p99 = (double)p2_hist_quantile(&r->hist, 0.99) / 1e6, rate = (double)r->ok / seconds;
    if (r->s->common.json) {
        json_t *o =
            json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f}", "count", (json_int_t)r->ended, "ok",
                      (json_int_t)r->ok, "failed", (json_int_t)(r->ended - r->ok), "local", (json_int_t)r->local,
                      "bytes", (json_int_t)r->s->size, "in_flight", (json_int_t)r->s->in_flight, "min_ms", min,
                      "p50_ms", p50, "p99_ms", p99, "tasks_per_s", rate);
        json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
        putchar('\n');
        json_decref(o);
        return;
    }
    printf("%" PRId64 " round trips of %" PRIu64 " bytes, %" PRId64 " in flight: ", r->ok, r->s->size, r->s->in_flight);
    printf("min %.3f ms, p50 %.3f ms, p99 %.3f ms, %.0f tasks/s", min, p50, p99, rate);
    if (r->ended > r->ok) printf(", %" PRId64 " failed", r->ended - r->ok);
    if (r->local) printf(", %" PRId64 " on this machine", r->local);
    putchar('\n');
}

static int measure(const struct settings *s) {
    struct run r = {.s = s, .began_ns = p2_clock_now()};
    r.client = cli_connect(&s->common, (uint32_t)s->in_flight, &r.exit_code);
    if (!r.client) return r.exit_code;
    r.payload = malloc(s->size ? (size_t)s->size : 1);
    if (!r.payload) {
        cli_complain("memory is short");
        p2c2r_destroy(&r.client);
        return P2_EXIT_FAILED;
    }
    for (uint64_t i = 0; i < s->size; i++) r.payload[i] = (uint8_t)(i * 131 >> 3);
    cli_bar_begin(&r.bar, &s->common);
    while (!r.stop && r.ended < s->count) {
        while (!r.stop && r.submitted < s->count && r.submitted - r.ended < s->in_flight && submit(&r)) continue;
        p2c2r_result results[64] = {{.size = sizeof(p2c2r_result)}};
        uint32_t n = p2c2r_poll(r.client, results, 64, 1000000);
        for (uint32_t i = 0; i < n; i++) {
            take(&r, &results[i]);
            p2c2r_release(r.client, &results[i]);
        }
        if (!r.stop)
            cli_bar_draw(&r.bar, (double)r.ended / (double)s->count, "%" PRId64 " of %" PRId64, r.ended, s->count);
    }
    cli_bar_clear(&r.bar);
    if (r.ok) report(&r);
    free(r.payload);
    p2c2r_destroy(&r.client);
    return r.exit_code;
}

static int start(int argc, char **argv) {
    struct settings s = {0};
    char **operands;
    int count;
    enum p2_conf_outcome outcome = p2_conf_read(&program, argc, argv, &s, &operands, &count);
    if (outcome != P2_CONF_RUN) return cli_exit_of_conf(outcome);
    int code = measure(&s);
    p2_conf_free(&s);
    return code;
}

const struct cli_command cli_echo = {&program, start};
