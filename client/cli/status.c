#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "status.h"

static const struct p2_option options[] = {
    {.name = "watch",
     .kind = P2_OPT_BOOL,
     .doc = "Again and again until Ctrl-C: drawn over on a terminal, a line each elsewhere.",
     .offset = offsetof(struct status_settings, watch)},
    {.name = "refresh",
     .kind = P2_OPT_REAL,
     .fallback = "2",
     .min = 0.1,
     .max = 3600,
     .value_name = "SECONDS",
     .doc = "How often with --watch.",
     .offset = offsetof(struct status_settings, refresh_s)},
    COMMON_OPTIONS(offsetof(struct status_settings, common)),
    {.name = NULL},
};

static const struct p2_program program = {
    .name = "p2c2r status", .summary = "Shows how the cluster does.", .operands = "", .options = options};

static json_t *unmet_json(const p2c2r_cluster *c) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < c->unmet_count; i++) {
        const p2c2r_unmet *u = &c->unmet[i];
        json_t *o = json_object();
        json_object_set_new(o, "type", json_string(u->type));
        json_object_set_new(o, "version", json_integer(u->version));
        json_object_set_new(o, "missing", json_string(u->missing));
        if (u->memory_bytes) json_object_set_new(o, "memory_bytes", json_integer((json_int_t)u->memory_bytes));
        if (u->kinds) json_object_set_new(o, "kinds", json_integer(u->kinds));
        json_object_set_new(o, "count", json_integer((json_int_t)u->count));
        json_object_set_new(o, "last_us", json_integer(u->last_us));
        json_array_append_new(list, o);
    }
    return list;
}

void status_print_json(const p2c2r_cluster *c) {
    json_t *o = json_object();
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"peers", c->peers},
        {"peers_ready", c->peers_ready},
        {"clients", c->clients},
        {"slots", c->slots},
        {"slots_busy", c->slots_busy},
        {"tasks_queued", c->tasks_queued},
        {"tasks_running", c->tasks_running},
        {"tasks_accepted", c->tasks_accepted},
        {"tasks_completed", c->tasks_completed},
        {"tasks_failed", c->tasks_failed},
        {"tasks_expired", c->tasks_expired},
        {"tasks_cancelled", c->tasks_cancelled},
        {"tasks_refused", c->tasks_refused},
        {"retries", c->retries},
        {"hedges", c->hedges},
        {"peers_held_back", c->peers_held_back},
        {"uptime_us", (uint64_t)c->uptime_us},
        {"rtt_us", (uint64_t)c->rtt_us},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_object_set_new(o, numbers[i].name, json_integer((json_int_t)numbers[i].value));
    json_object_set_new(o, "version", json_string(c->version));
    json_object_set_new(o, "unmet", unmet_json(c));
    cli_print_json(o);
}

static void print_unmet(const p2c2r_unmet *u) {
    static const char *const kinds[] = {"", "CPU", "GPU", "other", "fake"};
    printf("not served   %s version %" PRIu32 ": ", u->type, u->version);
    if (u->memory_bytes) {
        bool small = u->memory_bytes < 1 << 20;
        printf("no peer has a device with %" PRIu64 " %s", small ? u->memory_bytes : u->memory_bytes >> 20,
               small ? "bytes" : "MiB");
    } else if (u->kinds) {
        printf("no peer has a device of kind");
        for (unsigned k = 1; k < sizeof kinds / sizeof *kinds; k++) {
            if (u->kinds >> k & 1) printf(" %s", kinds[k]);
        }
    } else {
        printf("no peer offers it");
    }
    printf("; %" PRIu64 " task%s, the last %" PRId64 " s ago\n", u->count, u->count == 1 ? "" : "s",
           u->last_us / 1000000);
}

void status_print_text(p2c2r_client *client, const p2c2r_cluster *c) {
    p2c2r_terms terms = {.size = sizeof terms};
    bool there = p2c2r_connection_terms(client, &terms) == P2C2R_OK;
    printf("coordinator  %s, version %s, up %" PRId64 " s, round trip %.3f ms\n", there ? terms.coordinator : "lost",
           c->version, c->uptime_us / 1000000, (double)c->rtt_us / 1e3);
    printf("peers        %" PRIu32 ", %" PRIu32 " ready, %" PRIu32 " held back; %" PRIu32 " of %" PRIu32
           " slots busy\n",
           c->peers, c->peers_ready, c->peers_held_back, c->slots_busy, c->slots);
    printf("clients      %" PRIu32 "\n", c->clients);
    printf("tasks        %" PRIu32 " queued, %" PRIu32 " running\n", c->tasks_queued, c->tasks_running);
    printf("so far       %" PRIu64 " accepted, %" PRIu64 " completed, %" PRIu64 " failed, %" PRIu64 " expired, %" PRIu64
           " cancelled, %" PRIu64 " refused, %" PRIu64 " retries, %" PRIu64 " hedges\n",
           c->tasks_accepted, c->tasks_completed, c->tasks_failed, c->tasks_expired, c->tasks_cancelled,
           c->tasks_refused, c->retries, c->hedges);
    for (uint32_t i = 0; i < c->unmet_count; i++) print_unmet(&c->unmet[i]);
}

int status_exit_of(p2c2r_status status) {
    if (status == P2C2R_OK) return P2_EXIT_OK;
    return status == P2C2R_ECLOSED ? P2_EXIT_REFUSED : P2_EXIT_UNREACHABLE;
}

static int ask(const struct common_settings *s, p2c2r_client *client) {
    p2c2r_cluster cluster = {.size = sizeof cluster};
    p2c2r_status status = p2c2r_cluster_wait(client, &cluster, s->connect_timeout_ns / P2_US);
    if (status == P2C2R_OK && s->json)
        status_print_json(&cluster);
    else if (status == P2C2R_OK)
        status_print_text(client, &cluster);
    else
        cli_complain("%s", p2c2r_last_error(client));
    return status_exit_of(status);
}

static int start(int argc, char **argv) {
    struct status_settings s = {.watch = false};
    char **operands;
    int count, code = P2_EXIT_OK;
    enum p2_conf_outcome outcome = p2_conf_read(&program, argc, argv, &s, &operands, &count);
    if (outcome != P2_CONF_RUN) return cli_exit_of_conf(outcome);
    p2c2r_client *client = cli_connect(&s.common, 1, &code);
    if (client) code = s.watch ? status_watch(&s, client) : ask(&s.common, client);
    p2c2r_destroy(&client);
    p2_conf_free(&s);
    return code;
}

const struct cli_command cli_status = {&program, start};
