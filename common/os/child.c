#include "os/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"

#define ARGUMENTS_MAX 12
#define WORDS_FD 3
#define MEMORY_FD 4
#define SCRATCH_FD 10 // descriptors are moved up here first, so that none is overwritten before it is used

void p2_child_init(struct p2_child *c) { *c = (struct p2_child){.pidfd = -1, .words = -1}; }

// ---- finding --------------------------------------------------------------------------------------------------------

bool p2_child_find(const char *given, char out[static P2_CHILD_PATH_MAX]) {
    static const char *const places[] = {"p2c2r-executor", "executor/p2c2r-executor", "../libexec/p2c2r/p2c2r-executor",
                                         "../../peer/executor/p2c2r-executor"};
    if (given) {
        snprintf(out, P2_CHILD_PATH_MAX, "%s", given);
        return access(out, X_OK) == 0;
    }
    char folder[P2_CHILD_PATH_MAX / 2];
    if (!p2_program_dir(folder, sizeof folder)) folder[0] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(out, P2_CHILD_PATH_MAX, "%s/%s", folder, places[i]);
        if (access(out, X_OK) == 0) return true;
    }
    snprintf(out, P2_CHILD_PATH_MAX, "%s/%s", folder, places[0]);
    return false;
}

// ---- starting -------------------------------------------------------------------------------------------------------

struct start {
    const char *program;
    char *const *argv;
    int out, words, memory; // -1: standard error, none, none
    bool own_group;
    int nice;
    bool mute;
    pid_t parent;
};

// Between vfork and exec, in our memory: async-signal-safe calls only, and no signal may find a handler of ours.
static _Noreturn void become(const struct start *s) {
    const struct sigaction plain = {.sa_handler = SIG_DFL};
    for (int i = 1; i < NSIG; i++) sigaction(i, &plain, NULL); // KILL and STOP refuse
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (getppid() != s->parent) _exit(126); // it died before the line above could take hold
    if (s->own_group) setpgid(0, 0);
    if (s->nice) (void)!nice(s->nice);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out = fcntl(s->out >= 0 ? s->out : STDERR_FILENO, F_DUPFD_CLOEXEC, SCRATCH_FD);
    int words = s->words >= 0 ? fcntl(s->words, F_DUPFD_CLOEXEC, SCRATCH_FD) : -1;
    int memory = s->memory >= 0 ? fcntl(s->memory, F_DUPFD_CLOEXEC, SCRATCH_FD) : -1;
    if (null >= 0) dup2(null, STDIN_FILENO);
    int nowhere = s->mute ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
    if (nowhere >= 0) dup2(nowhere, STDERR_FILENO);
    if (out >= 0) dup2(nowhere >= 0 ? nowhere : out, STDOUT_FILENO);
    unsigned keep = STDERR_FILENO;
    if (words >= 0 && memory >= 0) {
        dup2(words, WORDS_FD);
        dup2(memory, MEMORY_FD);
        keep = MEMORY_FD;
    }
    close_range(keep + 1, ~0U, 0);
    execv(s->program, s->argv);
    _exit(127);
}

// vfork: to copy the page tables of a large game takes longer than a frame.
static pid_t start(struct start *s) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    s->parent = getpid();
    int error = errno;
    pid_t pid = vfork();
    if (pid == 0) become(s);
    errno = error;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

enum p2_err p2_child_start(struct p2_child *c, const struct p2_child_options *o, int memory_fd) {
    p2_child_init(c);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) return P2_ERR_IO;
    const int room = (int)o->unheard_max;
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    int blocking = fcntl(pair[1], F_GETFL);
    fcntl(pair[1], F_SETFL, blocking & ~O_NONBLOCK); // its side may wait for us; ours never waits for it
    const char *arguments[ARGUMENTS_MAX] = {o->program, "--device", o->device};
    unsigned n = 3;
    if (o->cache) {
        arguments[n++] = "--cache";
        arguments[n++] = o->cache;
    }
    if (o->blobs) {
        arguments[n++] = "--blobs";
        arguments[n++] = o->blobs;
    }
    char *argv[ARGUMENTS_MAX];
    memcpy(argv, arguments, sizeof argv);
    struct start s = {.program = o->program,
                      .argv = argv,
                      .out = -1,
                      .words = pair[1],
                      .memory = memory_fd,
                      .own_group = true,
                      .nice = o->nice,
                      .mute = o->mute};
    c->pid = start(&s);
    close(pair[1]);
    c->words = pair[0];
    c->pidfd = c->pid > 0 ? pidfd_open(c->pid, 0) : -1;
    if (c->pidfd >= 0) return P2_OK;
    p2_child_drop(c);
    return P2_ERR_IO;
}

void p2_child_drop(struct p2_child *c) {
    if (c->pidfd >= 0) {
        p2_child_kill(c);
        waitid(P_PIDFD, (id_t)c->pidfd, &(siginfo_t){0}, WEXITED);
    } else if (c->pid > 0) {
        kill(c->pid, SIGKILL);
        waitpid(c->pid, NULL, 0);
    }
    if (c->pidfd >= 0) close(c->pidfd);
    close(c->words);
    p2_child_init(c);
}

// ---- speaking -------------------------------------------------------------------------------------------------------

bool p2_child_say(struct p2_child *c, const void *word, size_t size) {
    ssize_t n;
    do {
        n = send(c->words, word, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)size;
}

enum p2_child_heard p2_child_hear(struct p2_child *c, void *out, size_t size) {
    if (c->words < 0) return P2_CHILD_SILENT;
    ssize_t n;
    do {
        n = recv(c->words, out, size, MSG_DONTWAIT | MSG_TRUNC);
    } while (n < 0 && errno == EINTR);
    if (n == (ssize_t)size) return P2_CHILD_WORD;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return P2_CHILD_SILENT;
    return n > 0 ? P2_CHILD_NOISE : P2_CHILD_CLOSED;
}

bool p2_child_waiting(const struct p2_child *c) {
    struct pollfd said = {.fd = c->words, .events = POLLIN};
    return c->words >= 0 && poll(&said, 1, 0) > 0 && (said.revents & POLLIN);
}

// ---- ending ---------------------------------------------------------------------------------------------------------

void p2_child_kill(struct p2_child *c) {
    if (c->pidfd >= 0) pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
}

static void describe(const siginfo_t *info, char *text, size_t capacity) {
    if (info->si_code == CLD_EXITED) {
        snprintf(text, capacity, "exit code %d", info->si_status);
        return;
    }
    const char *name = sigabbrev_np(info->si_status);
    snprintf(text, capacity, "signal %d (%s)", info->si_status, name ? name : "?");
}

bool p2_child_reap(struct p2_child *c, p2_ns wait_ns, char *text, size_t capacity) {
    struct pollfd ended = {.fd = c->pidfd, .events = POLLIN};
    if (wait_ns > 0) poll(&ended, 1, (int)(wait_ns / P2_MS));
    siginfo_t info = {0};
    bool known = waitid(P_PIDFD, (id_t)c->pidfd, &info, WEXITED | WNOHANG) == 0;
    if (known ? info.si_pid == 0 : errno != ECHILD) return false;
    if (known)
        describe(&info, text, capacity);
    else // a game that ignores SIGCHLD, or waits for every child it has
        snprintf(text, capacity, "an end that nobody noted");
    close(c->pidfd);
    if (c->words >= 0) close(c->words);
    p2_child_init(c);
    return true;
}

// ---- running to the end ---------------------------------------------------------------------------------------------

// False when the time is over.
static bool read_until(int fd, const struct p2_child_capture *capture, p2_ns limit) {
    size_t size = 0;
    for (;;) {
        p2_ns left = limit - p2_clock_now();
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int n = left > 0 ? poll(&ready, 1, (int)(left / P2_MS) + 1) : 0;
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        char rest[512];
        bool room = size + 1 < capture->capacity;
        ssize_t got = room ? read(fd, capture->out + size, capture->capacity - 1 - size) : read(fd, rest, sizeof rest);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        if (room) size += (size_t)got;
    }
    capture->out[size] = '\0';
    return true;
}

int p2_child_run(const char *program, const char *const *arguments, const struct p2_child_capture *capture,
                 p2_ns limit_ns) {
    char *argv[ARGUMENTS_MAX] = {NULL};
    const char *list[ARGUMENTS_MAX] = {program};
    for (int i = 0; i + 2 < ARGUMENTS_MAX && arguments[i]; i++) list[i + 1] = arguments[i];
    memcpy(argv, list, sizeof argv);
    int ends[2] = {-1, -1};
    if (capture && pipe2(ends, O_CLOEXEC) != 0) return -1;
    struct start s = {
        .program = program, .argv = argv, .out = capture ? ends[1] : STDOUT_FILENO, .words = -1, .memory = -1};
    struct p2_child c;
    p2_child_init(&c);
    c.pid = start(&s);
    if (capture) close(ends[1]);
    c.pidfd = c.pid > 0 ? pidfd_open(c.pid, 0) : -1;
    p2_ns limit = p2_ns_add(p2_clock_now(), limit_ns);
    bool in_time = c.pidfd >= 0 && (!capture || read_until(ends[0], capture, limit));
    if (capture) close(ends[0]);
    if (c.pidfd < 0) return -1;
    struct pollfd ended = {.fd = c.pidfd, .events = POLLIN};
    p2_ns left;
    while (in_time && (left = limit - p2_clock_now()) > 0) {
        int n = poll(&ended, 1, left > 3600 * P2_SEC ? 3600000 : (int)(left / P2_MS) + 1);
        if (n > 0) break;
    }
    in_time = in_time && ended.revents;
    if (!in_time) p2_child_kill(&c);
    siginfo_t info = {0};
    waitid(P_PIDFD, (id_t)c.pidfd, &info, WEXITED);
    close(c.pidfd);
    return in_time && info.si_code == CLD_EXITED ? info.si_status : -1;
}
