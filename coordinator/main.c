// p2c2r-coordinator: reads its settings, serves, leaves.
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "coordinator/options.h"
#include "coordinator/shell/serve.h"
#include "os/log.h"

static void set_up_log(const struct coordinator_settings *s) {
    enum p2_log_level level = P2_LOG_INFO;
    p2_log_level_parse(s->log_level, &level);
    bool json = strcmp(s->log_format, "json") == 0;
    p2_log_setup(coordinator_program.name, json ? P2_LOG_JSON : P2_LOG_LOGFMT, level);
}

#define OTHER_DESCRIPTORS 64u // than connections'

// One descriptor for each connection: the soft limit is usually lower than what the system allows. When that is too
// little, who comes later is kept waiting, which nobody would understand.
static void raise_descriptors(const struct coord_limits *limits) {
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0) return;
    l.rlim_cur = l.rlim_max;
    setrlimit(RLIMIT_NOFILE, &l);
    uint64_t wanted = (uint64_t)limits->clients_max + limits->peers_max + limits->strangers_max + OTHER_DESCRIPTORS;
    if (l.rlim_max < wanted)
        p2_log(P2_LOG_WARN, "descriptors_few", "have=%llu wanted=%llu", (unsigned long long)l.rlim_max,
               (unsigned long long)wanted);
}

static int complain(const char *listen, enum p2_err error, const struct coord_limits *limits) {
    const char *name = coordinator_program.name;
    if (error == P2_ERR_IO) {
        fprintf(stderr, "%s: cannot listen on %s: the port is taken, or the address is not one of this machine\n", name,
                listen);
    } else if (error == P2_ERR_NOT_FOUND) {
        fprintf(stderr, "%s: --blob-dir cannot be used, or another process uses it\n", name);
    } else if (error == P2_ERR_INVALID_ARGUMENT) {
        const char *wrong = coord_limits_wrong(limits);
        fprintf(stderr, "%s: %s\n", name,
                wrong ? wrong : "--allow-origin takes origins without a path, such as https://game.example, or *");
        return P2_EXIT_USAGE;
    } else {
        fprintf(stderr, "%s: no memory for these limits\n", name);
    }
    return P2_EXIT_FAILED;
}

static int run(const struct coordinator_settings *s) {
    char address[256];
    struct serve_config config = {
        .address = address, .limits = coordinator_limits(s), .pick = coordinator_pick(s), .blob_dir = s->blob_dir};
    config.allow_origin = s->allow_origin;
    config.unbatched = !s->batch;
    if (!p2_parse_address(s->listen, address, sizeof address, &config.port)) {
        fprintf(stderr, "%s: --listen takes ADDR:PORT, not '%s'\n", coordinator_program.name, s->listen);
        return P2_EXIT_USAGE;
    }
    if (coordinator_settings_wrong(s)) {
        fprintf(stderr, "%s: %s\n", coordinator_program.name, coordinator_settings_wrong(s));
        return P2_EXIT_USAGE;
    }
    set_up_log(s);
    raise_descriptors(&config.limits);
    uint16_t port = 0;
    enum p2_err error;
    struct serve *serve = serve_create(&config, &port, &error);
    if (!serve) return complain(s->listen, error, &config.limits);
    bool v6 = strchr(address, ':') != NULL;
    printf("listening ws://%s%s%s:%u\n", v6 ? "[" : "", address, v6 ? "]" : "", (unsigned)port);
    fflush(stdout);
    p2_log(P2_LOG_INFO, "started", "version=%s memory_max_mib=%llu", P2_VERSION,
           (unsigned long long)(serve_memory_bytes(serve) >> 20));
    bool in_order = serve_run(serve);
    p2_log(P2_LOG_INFO, "left", "in_order=%s", in_order ? "true" : "false");
    serve_destroy(&serve);
    return in_order ? P2_EXIT_OK : P2_EXIT_FAILED;
}

int main(int argc, char **argv) {
    struct coordinator_settings settings;
    memset(&settings, 0, sizeof settings);
    char **operands;
    int operand_count;
    enum p2_conf_outcome outcome = p2_conf_read(&coordinator_program, argc, argv, &settings, &operands, &operand_count);
    if (outcome == P2_CONF_EXIT_OK) return P2_EXIT_OK;
    if (outcome == P2_CONF_EXIT_USAGE) return P2_EXIT_USAGE;
    int status = run(&settings);
    p2_conf_free(&settings);
    return status;
}
