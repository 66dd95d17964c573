// p2c2r-executor: what p2c2r-peer starts, one for each device. People may ask it for --list and --selftest.
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/conf.h"
#include "os/os.h"
#include "peer/executor/report.h"
#include "peer/executor/serve.h"

#define WORDS_FD 3
#define MEMORY_FD 4

static void usage(FILE *to) {
    fputs("usage: p2c2r-executor --list | --selftest [--device N|fake] | --device N|fake\n"
          "\n"
          "Drives one OpenCL device for p2c2r-peer, which starts it with words on descriptor 3 and memory on 4.\n"
          "\n"
          "  --list         the devices, a JSON object on each line\n"
          "  --selftest     proves every task type on every device, or on the one named; 1 when one fails\n"
          "  --device N     the Nth device of the list, from 0; \"fake\" computes with the references, without OpenCL\n"
          "  --cache DIR    where programs are kept [~/.cache/p2c2r]\n"
          "  --blobs DIR    where the blobs of jobs are\n"
          "  --help, --version\n",
          to);
}

// Payloads are other people's: no core file holds them, no other process of this user reads them from memory, nothing
// written is readable by others; and the child goes when the supervisor goes.
static void harden(bool child) {
    umask(077);
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (!child) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    // A terminal and a service manager tell the whole group to stop; the supervisor drains first and then says QUIT.
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

static bool parse_device(const char *text, struct serve_options *o) {
    o->fake = !strcmp(text, "fake");
    if (o->fake) return true;
    if (text[0] < '0' || text[0] > '9') return false;
    char *end;
    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    o->device = (uint32_t)n;
    return errno == 0 && *end == 0 && n < UINT32_MAX;
}

static bool is_socket(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

struct asked {
    bool list, selftest, device;
    struct serve_options serve;
};

// Exit code, or -1 to go on.
static int parse(int argc, char **argv, struct asked *a) {
    static const struct option options[] = {
        {"list", no_argument, NULL, 'l'},         {"selftest", no_argument, NULL, 's'},
        {"device", required_argument, NULL, 'd'}, {"cache", required_argument, NULL, 'c'},
        {"blobs", required_argument, NULL, 'b'},  {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {0},
    };
    int letter;
    while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (letter) {
        case 'l': a->list = true; break;
        case 's': a->selftest = true; break;
        case 'c': a->serve.cache_dir = optarg; break;
        case 'b': a->serve.blob_dir = optarg; break;
        case 'h': usage(stdout); return P2_EXIT_OK;
        case 'v': puts("p2c2r-executor " P2_VERSION); return P2_EXIT_OK;
        case 'd':
            a->device = true;
            if (parse_device(optarg, &a->serve)) break;
            fprintf(stderr, "p2c2r-executor: --device wants a number or \"fake\", not \"%s\"\n", optarg);
            return P2_EXIT_USAGE;
        default: usage(stderr); return P2_EXIT_USAGE;
        }
    }
    bool one = a->list ? !a->selftest && !a->device : a->selftest || a->device;
    if (one && optind == argc) return -1;
    usage(stderr);
    return P2_EXIT_USAGE;
}

int main(int argc, char **argv) {
    struct asked a = {.serve = {.words_fd = WORDS_FD, .memory_fd = MEMORY_FD}};
    int code = parse(argc, argv, &a);
    if (code >= 0) return code;
    char folder[4096];
    if (!a.serve.cache_dir) {
        if (!p2_cache_dir(folder, sizeof folder)) {
            fputs("p2c2r-executor: no cache directory; name one with --cache\n", stderr);
            return P2_EXIT_FAILED;
        }
        a.serve.cache_dir = folder;
    }
    a.serve.types = exec_types;
    a.serve.type_count = exec_type_count;
    bool child = !a.list && !a.selftest;
    harden(child);
    if (a.list) return report_list(a.serve.cache_dir);
    if (a.selftest) return report_selftest(&a.serve, a.device);
    if (!is_socket(WORDS_FD)) {
        fputs("p2c2r-executor: --device is for p2c2r-peer: there are no words on descriptor 3\n", stderr);
        return P2_EXIT_USAGE;
    }
    serve(&a.serve);
}
