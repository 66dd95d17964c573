#include "options.h"

#include <stddef.h>

#define AT(field) offsetof(struct coordinator_settings, field)
#define COUNT_MAX 1048576.0

static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const formats[] = {"logfmt", "json", NULL};

static const struct p2_option options[] = {
    {.name = "listen",
     .kind = P2_OPT_TEXT,
     .fallback = "127.0.0.1:8765",
     .value_name = "ADDR:PORT",
     .doc = "Where peers and clients connect; port 0 picks a free one, which the first line on stdout names.",
     .offset = AT(listen),
     .letter = 'l'},
    {.name = "clients-max",
     .kind = P2_OPT_INT,
     .fallback = "1024",
     .min = 1,
     .max = COUNT_MAX,
     .value_name = "N",
     .doc = "Clients connected at once.",
     .offset = AT(clients_max)},
    {.name = "peers-max",
     .kind = P2_OPT_INT,
     .fallback = "1024",
     .min = 1,
     .max = COUNT_MAX,
     .value_name = "N",
     .doc = "Peers connected at once.",
     .offset = AT(peers_max)},
    {.name = "strangers-max",
     .kind = P2_OPT_INT,
     .fallback = "256",
     .min = 1,
     .max = COUNT_MAX,
     .value_name = "N",
     .doc = "Connections that have not registered yet.",
     .offset = AT(strangers_max)},
    {.name = "tasks-max",
     .kind = P2_OPT_INT,
     .fallback = "65536",
     .min = 1,
     .max = COUNT_MAX,
     .value_name = "N",
     .doc = "Tasks open at once, of all clients together.",
     .offset = AT(tasks_max)},
    {.name = "tasks-per-client-max",
     .kind = P2_OPT_INT,
     .fallback = "4096",
     .min = 1,
     .max = COUNT_MAX,
     .value_name = "N",
     .doc = "Tasks one client may have open at once.",
     .offset = AT(tasks_per_client_max)},
    {.name = "queue-per-class-max",
     .kind = P2_OPT_INT,
     .fallback = "65536",
     .min = 1,
     .max = COUNT_MAX,
     .value_name = "N",
     .doc = "Tasks of one class that may wait for a peer.",
     .offset = AT(queue_per_class_max)},
    {.name = "attempts-max",
     .kind = P2_OPT_INT,
     .fallback = "3",
     .min = 1,
     .max = COORD_ATTEMPTS_CEILING,
     .value_name = "N",
     .doc = "Peers a task is given to before it fails.",
     .offset = AT(attempts_max)},
    {.name = "payload-budget",
     .kind = P2_OPT_BYTES,
     .fallback = "512MiB",
     .min = 2.0 * (1 << 20),
     .max = 1099511627776.0,
     .value_name = "SIZE",
     .doc = "Bytes of payloads and results that open tasks may keep in memory.",
     .offset = AT(payload_budget)},
    {.name = "stream-window",
     .kind = P2_OPT_BYTES,
     .fallback = "1MiB",
     .min = 256.0 * 1024,
     .max = 64.0 * (1 << 20),
     .value_name = "SIZE",
     .doc = "Bytes of one payload or result on their way through, kept at once.",
     .offset = AT(stream_window)},
    {.name = "heartbeat",
     .kind = P2_OPT_DURATION,
     .fallback = "1s",
     .min = 50e6,
     .max = 60e9,
     .value_name = "TIME",
     .doc = "Between heartbeats of a peer; three missed, it counts as lost.",
     .offset = AT(heartbeat)},
    {.name = "no-peer-grace",
     .kind = P2_OPT_DURATION,
     .fallback = "2s",
     .min = 0,
     .max = 3600e9,
     .value_name = "TIME",
     .doc = "How long an accepted task waits for a peer to return when none is left that could do it.",
     .offset = AT(no_peer_grace)},
    {.name = "deadline-max",
     .kind = P2_OPT_DURATION,
     .fallback = "1h",
     .min = 1e6,
     .max = 86400e9,
     .value_name = "TIME",
     .doc = "Longer deadlines are shortened to this.",
     .offset = AT(deadline_max)},
    {.name = "drain-grace",
     .kind = P2_OPT_DURATION,
     .fallback = "30s",
     .min = 0,
     .max = 3600e9,
     .value_name = "TIME",
     .doc = "After TERM, open tasks have this long to end.",
     .offset = AT(drain_grace)},
    {.name = "log-level",
     .kind = P2_OPT_TEXT,
     .fallback = "info",
     .choices = levels,
     .value_name = "LEVEL",
     .doc = "Least important lines to write: error, warn, info or debug.",
     .offset = AT(log_level)},
    {.name = "log-format",
     .kind = P2_OPT_TEXT,
     .fallback = "logfmt",
     .choices = formats,
     .value_name = "FORMAT",
     .doc = "How lines on stderr are written: logfmt or json.",
     .offset = AT(log_format)},
    {.name = NULL},
};

const struct p2_program coordinator_program = {
    .name = "p2c2r-coordinator",
    .summary = "Takes tasks from clients, gives them to peers, brings back the results.",
    .operands = "",
    .details =
        "The first line on standard output is \"listening ws://ADDR:PORT\". GET /healthz on the same port answers "
        "with a JSON object. TERM or INT: no new work is taken, open tasks are finished, then it leaves; a second "
        "one ends it at once.",
    .options = options,
};

struct coord_limits coordinator_limits(const struct coordinator_settings *s) {
    struct coord_limits l = coord_limits_default();
    l.clients_max = (uint32_t)s->clients_max;
    l.peers_max = (uint32_t)s->peers_max;
    l.strangers_max = (uint32_t)s->strangers_max;
    l.tasks_max = (uint32_t)s->tasks_max;
    l.tasks_per_client_max = (uint32_t)s->tasks_per_client_max;
    l.queue_per_class_max = (uint32_t)s->queue_per_class_max;
    l.recent_max = l.tasks_max;
    l.offers_max = l.peers_max < COUNT_MAX / 16 ? l.peers_max * 16 : l.peers_max;
    l.attempts_max = (uint32_t)s->attempts_max;
    l.payload_budget_bytes = s->payload_budget;
    l.stream_window_bytes = s->stream_window;
    l.heartbeat_ns = s->heartbeat;
    l.no_peer_grace_ns = s->no_peer_grace;
    l.deadline_ns_max = s->deadline_max;
    l.drain_grace_ns = s->drain_grace;
    return l;
}
