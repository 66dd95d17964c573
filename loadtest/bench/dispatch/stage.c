#include "loadtest/bench/dispatch/stage.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "os/os.h"

#define PRIORITY 5
#define START_WAIT (10 * P2_SEC)
#define LOOK_EACH_MS 10 // for a port that is not open yet
#define CONGESTION "/proc/sys/net/ipv4/tcp_congestion_control"

// ---- the place

static bool loopback_up(void) {
    struct ifreq i = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &i) == 0;
    if (fd >= 0) close(fd);
    return up;
}

// What a machine's administrator chose for the internet (bbr, say) need not be good for loopback.
static void choose_congestion(struct stage *s) {
    int fd = s->own_network ? open(CONGESTION, O_WRONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)!write(fd, "reno", 4);
        close(fd);
    }
    uint8_t *text;
    size_t size;
    if (p2_file_read(CONGESTION, 64, &text, &size) != P2_OK) return;
    snprintf(s->congestion, sizeof s->congestion, "%.*s", (int)strcspn((const char *)text, "\n"), (const char *)text);
    free(text);
}

static bool sit_on(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)processor, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0;
}

static bool choose_processors(struct stage *s) {
    cpu_set_t set;
    unsigned found = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return false;
    for (int i = 0; i < CPU_SETSIZE && found < 2; i++)
        if (CPU_ISSET((size_t)i, &set)) s->processors[found++] = i;
    return found == 2;
}

static bool end_with_parent(pid_t parent) { return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent; }

// A virtual processor that halts takes tens of microseconds to come back, so it is kept from it by somebody who runs
// only when nobody else does.
static pid_t spin_on(int processor) {
    const struct sched_param lowest = {0};
    pid_t parent = getpid(), pid = fork();
    if (pid != 0) return pid;
    if (!end_with_parent(parent) || !sit_on(processor) || sched_setscheduler(0, SCHED_IDLE, &lowest) != 0) _exit(1);
    for (volatile uint64_t i = 0;; i++) continue;
}

// Who was started in real time already keeps his priority.
static bool run_in_real_time(void) {
    const struct sched_param priority = {.sched_priority = PRIORITY};
    const int now = sched_getscheduler(0);
    return now == SCHED_RR || now == SCHED_FIFO || sched_setscheduler(0, SCHED_RR, &priority) == 0;
}

bool stage_begin(struct stage *s, bool plain) {
    *s = (struct stage){.turn = -1, .signals = p2_signals_open()};
    if (!choose_processors(s)) {
        fprintf(stderr, "bench: it takes two processors, one for the broker and one for what it serves\n");
        return false;
    }
    const char *base = getenv("TMPDIR");
    snprintf(s->directory, sizeof s->directory, "%s/p2c2r-bench-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
    if (!mkdtemp(s->directory)) {
        fprintf(stderr, "bench: no directory for the brokers: %s\n", strerror(errno));
        return false;
    }
    char path[80];
    snprintf(path, sizeof path, "%.*s.lock", (int)(strlen(s->directory) - 7), s->directory);
    s->turn = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    s->own_network = !plain && unshare(CLONE_NEWNET) == 0 && loopback_up();
    choose_congestion(s);
    fflush(NULL);
    for (unsigned i = 0; !plain && i < STAGE_SPINNERS_MAX; i++) s->spinners[i] = spin_on(s->processors[i]);
    s->real_time = !plain && run_in_real_time();
    return true;
}

static void remove_directory(const char *path) {
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        char name[400];
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.') unlink(name);
    }
    if (d) closedir(d);
    rmdir(path);
}

void stage_end(struct stage *s) {
    for (unsigned i = 0; i < STAGE_SPINNERS_MAX; i++) stage_stop(&s->spinners[i]);
    remove_directory(s->directory);
    if (s->turn >= 0) close(s->turn);
    if (s->signals >= 0) close(s->signals);
}

bool stage_interrupted(struct stage *s) {
    s->interrupted = s->interrupted || (s->signals >= 0 && p2_signals_take(s->signals) != 0);
    return s->interrupted;
}

void stage_enter(const struct stage *s) {
    while (s->turn >= 0 && flock(s->turn, LOCK_EX) != 0 && errno == EINTR) continue;
}

void stage_leave(const struct stage *s) {
    if (s->turn >= 0) flock(s->turn, LOCK_UN); // also of those who were forked meanwhile
}

// ---- processes

pid_t stage_fork(const struct stage *s, enum stage_side side, const char *name) {
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = fork();
    P2_CHECK(pid >= 0);
    if (pid != 0) return pid;
    if (!end_with_parent(parent) || !sit_on(s->processors[side])) _exit(127);
    prctl(PR_SET_NAME, name);
    return 0;
}

pid_t stage_spawn(const struct stage *s, const char *const *arguments, const char *log) {
    pid_t pid = stage_fork(s, STAGE_BROKER, "bench-broker");
    if (pid != 0) return pid;
    char path[128];
    snprintf(path, sizeof path, "%s/%s", s->directory, log);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) _exit(127);
    execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

bool stage_has(const char *program) {
    const char *path = getenv("PATH");
    char name[512];
    if (strchr(program, '/')) return access(program, X_OK) == 0;
    while (path && *path) {
        size_t n = strcspn(path, ":");
        snprintf(name, sizeof name, "%.*s/%s", (int)n, path, program);
        if (access(name, X_OK) == 0) return true;
        path += n + (path[n] == ':');
    }
    return false;
}

static bool ends_within(pid_t pid, int wait_ms) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    bool ended = fd >= 0 && poll(&p, 1, wait_ms) > 0;
    if (fd >= 0) close(fd);
    return ended;
}

void stage_stop(pid_t *pid) {
    if (*pid <= 0) return;
    kill(*pid, SIGKILL); // nothing of what it knows is of use any more
    waitpid(*pid, NULL, 0);
    *pid = 0;
}

// ---- waiting

static int dial(uint16_t port, struct sockaddr_in *at) {
    *at =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

uint16_t stage_port(void) {
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    int fd = dial(0, &at);
    P2_CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, size) == 0 &&
             getsockname(fd, (struct sockaddr *)&at, &size) == 0);
    close(fd);
    return ntohs(at.sin_port);
}

bool stage_await_port(uint16_t port, pid_t owner) {
    const p2_ns until = p2_clock_now() + START_WAIT;
    while (p2_clock_now() < until) {
        struct sockaddr_in at;
        int fd = dial(port, &at);
        bool open = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
        if (fd >= 0) close(fd);
        if (open) return true;
        if (ends_within(owner, LOOK_EACH_MS)) return false;
    }
    return false;
}

bool stage_await(int fd, void *out, size_t size, p2_ns patience_ns) {
    const p2_ns until = p2_clock_now() + patience_ns;
    uint8_t *at = out;
    while (size) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        p2_ns left = until - p2_clock_now();
        if (left <= 0 || poll(&p, 1, (int)(left / P2_MS) + 1) <= 0) return false;
        ssize_t n = read(fd, at, size);
        if (n <= 0) return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}
