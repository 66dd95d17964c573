// p2c2r blob put FILE...: files that many tasks refer to, brought once.
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "cli.h"

struct settings {
    struct common_settings common;
    p2_ns time_ns;
};

static const struct p2_option options[] = {
    {.name = "time",
     .kind = P2_OPT_DURATION,
     .fallback = "10m",
     .min = 1e6,
     .max = 86400e9,
     .value_name = "TIME",
     .doc = "How long each may take.",
     .offset = offsetof(struct settings, time_ns)},
    COMMON_OPTIONS(offsetof(struct settings, common)),
    {.name = NULL},
};

static const char *verb(size_t i) { return i == 0 ? "put" : NULL; }

static const struct p2_program program = {
    .name = "p2c2r blob",
    .summary = "Brings the coordinator files that tasks refer to, and prints their SHA-256.",
    .operands = "put FILE...",
    .details = "A file the coordinator has already is not sent; one that was interrupted goes on where it was.",
    .options = options,
    .operand_word = verb,
    .operands_min = 2,
    .operands_max = -1,
};

static void print(const struct settings *s, const char *path, uint64_t size, const p2c2r_digest *digest) {
    struct p2_digest d;
    char text[P2_DIGEST_TEXT];
    memcpy(d.b, digest->bytes, sizeof d.b);
    p2_digest_text(&d, text);
    if (!s->common.json) {
        printf("%s  %s\n", text, path);
        return;
    }
    json_t *o = json_pack("{s:s, s:I, s:s%}", "digest", text, "bytes", (json_int_t)size, "file", path, strlen(path));
    json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(o);
}

static int exit_of(p2c2r_status status) {
    switch (status) {
    case P2C2R_OK: return P2_EXIT_OK;
    case P2C2R_EREFUSED:
    case P2C2R_ECLOSED: return P2_EXIT_REFUSED;
    case P2C2R_EUNREACHABLE: return P2_EXIT_UNREACHABLE;
    case P2C2R_ETIMEOUT: return P2_EXIT_LATE;
    default: return P2_EXIT_FAILED;
    }
}

static int put_bytes(p2c2r_client *client, const char *path, int fd, p2_ns time_ns, p2c2r_digest *digest,
                     uint64_t *size) {
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size <= 0) {
        cli_complain("%s is no file with bytes in it", path);
        return P2_EXIT_FAILED;
    }
    *size = (uint64_t)info.st_size;
    void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        cli_complain("%s cannot be mapped: %s", path, strerror(errno));
        return P2_EXIT_FAILED;
    }
    p2c2r_status status = p2c2r_blob_put_wait(client, bytes, *size, digest, time_ns / P2_US);
    munmap(bytes, (size_t)info.st_size);
    if (status != P2C2R_OK) cli_complain("%s: %s", path, p2c2r_last_error(client));
    return exit_of(status);
}

int cli_blob_bring(p2c2r_client *client, const char *path, const struct common_settings *s, p2_ns time_ns,
                   p2c2r_digest *digest, uint64_t *size) {
    // As long as the first answer may take, not as long as the bytes may.
    p2c2r_cluster cluster = {.size = sizeof cluster};
    if (!p2c2r_connected(client) && p2c2r_cluster_wait(client, &cluster, s->connect_timeout_ns / P2_US) != P2C2R_OK) {
        cli_complain("%s", p2c2r_last_error(client));
        return P2_EXIT_UNREACHABLE;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        cli_complain("%s cannot be opened: %s", path, strerror(errno));
        return P2_EXIT_FAILED;
    }
    int code = put_bytes(client, path, fd, time_ns, digest, size);
    close(fd);
    return code;
}

static int put(const struct settings *s, char **files, int count) {
    int code = P2_EXIT_OK;
    p2c2r_client *client = cli_connect(&s->common, 1, &code);
    if (!client) return code;
    for (int i = 0; i < count && code == P2_EXIT_OK; i++) {
        p2c2r_digest digest;
        uint64_t size;
        code = cli_blob_bring(client, files[i], &s->common, s->time_ns, &digest, &size);
        if (code == P2_EXIT_OK) print(s, files[i], size, &digest);
    }
    p2c2r_destroy(&client);
    return code;
}

static int start(int argc, char **argv) {
    struct settings s = {0};
    char **operands;
    int count;
    enum p2_conf_outcome outcome = p2_conf_read(&program, argc, argv, &s, &operands, &count);
    if (outcome != P2_CONF_RUN) return cli_exit_of_conf(outcome);
    int code = P2_EXIT_USAGE;
    if (strcmp(operands[0], "put") == 0)
        code = put(&s, operands + 1, count - 1);
    else
        cli_complain("there is no blob %s; it is p2c2r blob put FILE...", operands[0]);
    p2_conf_free(&s);
    return code;
}

const struct cli_command cli_blob = {&program, start};
