#include "loadtest/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "os/os.h"

#define START_WAIT_MS 10000
#define END_WAIT_MS 5000
#define LINE_MAX_BYTES 512u

// ---- what the system says -------------------------------------------------------------------------------------------

void process_machine(struct machine *out) {
    struct utsname u;
    memset(out, 0, sizeof *out);
    out->cores = p2_cpu_count();
    out->memory_bytes = p2_memory_bytes();
    if (uname(&u) == 0) snprintf(out->kernel, sizeof out->kernel, "%.40s %.40s", u.sysname, u.release);
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[256];
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        snprintf(out->cpu, sizeof out->cpu, "%.*s", (int)(strlen(colon + 2) - 1), colon + 2);
        break;
    }
    if (f) fclose(f);
}

// ---- starting -------------------------------------------------------------------------------------------------------

struct arguments {
    const char *all[PROCESS_ARGUMENTS_MAX + 1];
    char texts[8][64];
    uint32_t count, used;
};

static void add(struct arguments *a, const char *text) {
    P2_CHECK(a->count < PROCESS_ARGUMENTS_MAX);
    a->all[a->count++] = text;
}

static void add_number(struct arguments *a, const char *name, uint64_t n) {
    char *text = a->texts[a->used++];
    snprintf(text, sizeof a->texts[0], "%llu", (unsigned long long)n);
    add(a, name);
    add(a, text);
}

static uint64_t at_least(uint64_t n, uint64_t least) { return n > least ? n : least; }

// Limits that the scenario itself reaches are raised; everything else is the coordinator's default, then what the
// scenario says.
static void arguments_of(const struct scenario *s, const char *program, struct arguments *a) {
    add(a, program);
    add(a, "--listen");
    add(a, "127.0.0.1:0");
    add(a, "--log-level");
    add(a, "error");
    add_number(a, "--peers-max", at_least(scenario_peers(s) + scenario_peers(s) / 8, 1024));
    add_number(a, "--clients-max", at_least(s->clients + 16, 1024));
    add_number(a, "--tasks-per-client-max", at_least(s->window, 4096));
    add_number(a, "--tasks-max",
               at_least((uint64_t)s->clients * s->window > 262144 ? 262144 : (uint64_t)s->clients * s->window, 65536));
    for (uint32_t i = 0; i < s->option_count; i++) add(a, s->options[i]);
    a->all[a->count] = NULL;
}

static bool await_line(int fd, char *url_out, size_t capacity) {
    char text[LINE_MAX_BYTES];
    size_t used = 0;
    p2_ns until = p2_clock_now() + START_WAIT_MS * P2_MS;
    while (used < sizeof text - 1) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        p2_ns left = until - p2_clock_now();
        if (left <= 0 || poll(&p, 1, (int)(left / P2_MS) + 1) <= 0) return false;
        ssize_t n = read(fd, text + used, sizeof text - 1 - used);
        if (n <= 0) return false;
        used += (size_t)n;
        text[used] = 0;
        const char *line = strstr(text, "listening ");
        const char *end = line ? strpbrk(line + 10, " \n") : NULL;
        if (!end) continue;
        snprintf(url_out, capacity, "%.*s", (int)(end - line - 10), line + 10);
        return true;
    }
    return false;
}

// Its standard output is p->words.
static bool spawn(struct process *p, const char *const *arguments) {
    int ends[2];
    *p = (struct process){.words = -1};
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    pid_t parent = getpid();
    p->pid = fork();
    if (p->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || dup2(ends[1], STDOUT_FILENO) < 0) _exit(127);
        setpgid(0, 0); // Ctrl-C is for us first
        execv(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    close(ends[1]);
    p->words = ends[0];
    if (p->pid > 0) return true;
    process_end(p);
    return false;
}

bool process_coordinator(struct process *p, const char *program, const struct scenario *s, char *url_out,
                         size_t capacity, struct p2_strbuf *why) {
    struct arguments a = {0};
    arguments_of(s, program, &a);
    if (spawn(p, a.all) && await_line(p->words, url_out, capacity)) return true;
    p2_strbuf_printf(why, "%s did not start", program);
    process_end(p);
    return false;
}

bool process_real_peer(struct process *p, const char *program, const char *devices, const struct scenario *s,
                       const char *url) {
    const char *const always[] = {program, "--coordinator", url,    "--device", devices, "--blob-budget",
                                  "0",     "--log-level",   "error"};
    struct arguments a = {0};
    for (uint32_t i = 0; i < sizeof always / sizeof *always; i++) add(&a, always[i]);
    for (uint32_t i = 0; i < s->peer_option_count; i++) add(&a, s->peer_options[i]);
    return spawn(p, a.all);
}

bool process_peers(struct process *p, const struct scenario *s, const char *url) {
    int ends[2];
    *p = (struct process){.words = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
    fflush(NULL);
    pid_t parent = getpid();
    p->pid = fork();
    if (p->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(127);
        setpgid(0, 0);
        close(ends[0]);
        _exit(peers_run(s, url, ends[1]));
    }
    close(ends[1]);
    p->words = ends[0];
    if (p->pid > 0) return true;
    process_end(p);
    return false;
}

void process_begin_peers(struct process *p) { (void)!send(p->words, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL); }

void process_hear_peers(struct process *p, struct peers_said *out, bool *alive) {
    struct peers_said said;
    ssize_t n;
    *alive = true;
    while ((n = recv(p->words, &said, sizeof said, MSG_DONTWAIT)) == (ssize_t)sizeof said) *out = said;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) *alive = false;
}

// ---- ending ---------------------------------------------------------------------------------------------------------

// False: it still runs after so long.
static bool await_end(pid_t pid, int wait_ms) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    bool ended = fd >= 0 && poll(&p, 1, wait_ms) > 0;
    if (fd >= 0) close(fd);
    return ended && waitpid(pid, NULL, 0) == pid;
}

void process_end(struct process *p) {
    if (p->pid > 0) {
        if (p->words >= 0) close(p->words);
        p->words = -1;
        kill(p->pid, SIGCONT);
        kill(p->pid, SIGTERM);
        if (!await_end(p->pid, END_WAIT_MS)) {
            kill(p->pid, SIGKILL);
            waitpid(p->pid, NULL, 0);
        }
    }
    if (p->pid < 0 && p->words >= 0) close(p->words);
    *p = (struct process){.words = -1};
}
