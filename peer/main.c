// p2c2r-peer: a volunteer's machine. Options, devices, then the supervisor.
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/strbuf.h"
#include "os/child.h"
#include "os/log.h"
#include "peer/options.h"
#include "peer/shell/devices.h"
#include "peer/shell/serve.h"

#define WHY_MAX 512
#define LIST_MAX 65536
#define PAGE 4096u
#define SELFTEST_LIMIT (3600 * P2_SEC) // a cold build on a slow machine takes minutes

struct run {
    struct options options;
    char executor[P2_CHILD_PATH_MAX];
    char list[LIST_MAX]; // as the executor gave it
    struct seats listed;
};

static int failed(const char *why) {
    fprintf(stderr, "p2c2r-peer: %s\n", why);
    return P2_EXIT_FAILED;
}

static bool list(struct run *r, struct p2_strbuf *why) {
    const struct devices_source from = {r->executor, r->options.cache, r->list, sizeof r->list};
    return devices_list(&from, &r->listed, why);
}

static int command_devices(struct run *r) {
    char text[WHY_MAX];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    if (!list(r, &why)) return failed(text);
    if (r->listed.count == 0) return failed(devices_none);
    if (r->options.json) {
        fputs(r->list, stdout);
    } else {
        devices_print(&r->listed, stdout);
    }
    return P2_EXIT_OK;
}

static int selftest(struct run *r, const char *device) {
    const char *arguments[8] = {"--selftest"};
    int n = 1;
    if (device) {
        arguments[n++] = "--device";
        arguments[n++] = device;
    }
    if (r->options.cache) {
        arguments[n++] = "--cache";
        arguments[n++] = r->options.cache;
    }
    return p2_child_run(r->executor, arguments, NULL, SELFTEST_LIMIT) == 0 ? P2_EXIT_OK : P2_EXIT_FAILED;
}

// The seats that --device asks for. An exit code; what is wrong has been said.
static int choose(struct run *r, struct seats *out) {
    char text[WHY_MAX];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    const char *which = r->options.device;
    if (!devices_only_fake(which) && !list(r, &why)) return failed(text);
    if (devices_select(which, &r->listed, (uint32_t)r->options.slots, out, &why)) return P2_EXIT_OK;
    bool none = !devices_only_fake(which) && r->listed.count == 0; // the machine's fault before it is the question's
    if (none) return failed(devices_none);
    failed(text);
    fprintf(stderr, "There are:\n");
    devices_print(&r->listed, stderr);
    fprintf(stderr, "and fake, which computes with plain C.\n");
    return P2_EXIT_USAGE;
}

static int command_selftest(struct run *r) {
    struct seats seats;
    int code = choose(r, &seats);
    if (code != P2_EXIT_OK) return code;
    for (uint32_t i = 0; i < seats.count; i++) {
        if (selftest(r, seats.all[i].argument) != P2_EXIT_OK) code = P2_EXIT_FAILED;
    }
    return code;
}

static int command_serve(struct run *r) {
    const struct options *o = &r->options;
    struct serve_settings s = {.url = o->coordinator,
                               .executor = r->executor,
                               .cache = o->cache,
                               .nice = (int)o->nice,
                               .queue_depth = (uint32_t)o->queue_depth,
                               .keep_percent = (uint32_t)o->keep_percent,
                               .unbatched = !o->batch,
                               .cell_bytes = (o->max_payload + PAGE - 1) / PAGE * PAGE,
                               .blob_dir = o->blob_dir,
                               .blob_budget = o->blob_budget,
                               .drain_ns = o->drain_ns};
    int code = choose(r, &s.seats);
    if (code != P2_EXIT_OK) return code;
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none); // payloads are other people's and do not come to lie on this disk
    return serve(&s);
}

int main(int argc, char **argv) {
    static struct run r;
    char **operands;
    int operand_count;
    switch (p2_conf_read(&options_program, argc, argv, &r.options, &operands, &operand_count)) {
    case P2_CONF_EXIT_OK: return P2_EXIT_OK;
    case P2_CONF_EXIT_USAGE: return P2_EXIT_USAGE;
    case P2_CONF_RUN: break;
    }
    enum p2_log_level level = P2_LOG_INFO;
    p2_log_level_parse(r.options.log_level, &level);
    p2_log_setup("peer", strcmp(r.options.log_format, "json") == 0 ? P2_LOG_JSON : P2_LOG_LOGFMT, level);
    int code = P2_EXIT_USAGE;
    if (!p2_child_find(r.options.executor, r.executor)) {
        fprintf(stderr, "p2c2r-peer: there is no program to run at %s; say where with --executor\n", r.executor);
        code = P2_EXIT_FAILED;
    } else if (operand_count == 0) {
        code = command_serve(&r);
    } else if (strcmp(operands[0], "devices") == 0) {
        code = command_devices(&r);
    } else if (strcmp(operands[0], "selftest") == 0) {
        code = command_selftest(&r);
    } else {
        fprintf(stderr, "p2c2r-peer: no such command: %s (there are: devices, selftest)\n", operands[0]);
    }
    p2_conf_free(&r.options);
    return code;
}
