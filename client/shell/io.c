// The library's own thread, which turns the loop.
#include "client/shell/io.h"

#include <poll.h>
#include <signal.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "os/os.h"

static _Thread_local const struct p2c2r_client *served; // by this thread

static struct timespec span_of(p2_ns ns) { return (struct timespec){.tv_sec = ns / P2_SEC, .tv_nsec = ns % P2_SEC}; }

// ---- the door

void p2_client_lock(struct p2c2r_client *c) {
    if (c->io) P2_CHECK(pthread_mutex_lock(&c->io->door) == 0);
}

void p2_client_unlock(struct p2c2r_client *c) {
    if (c->io) P2_CHECK(pthread_mutex_unlock(&c->io->door) == 0);
}

static void lock_pool(void *c) { p2_client_lock(c); }

static void unlock_pool(void *c) { p2_client_unlock(c); }

void p2_io_wake(struct p2c2r_client *c) {
    if (c->io && !c->io->inside) p2_loop_wake(c->loop);
}

void p2_io_tell(struct p2c2r_client *c) {
    if (c->io) pthread_cond_signal(&c->io->ended);
}

void p2_io_wait_for_more(struct p2c2r_client *c, p2_ns until) {
    struct timespec at = span_of(until);
    if (c->io)
        (void)pthread_cond_timedwait(&c->io->ended, &c->io->door, &at);
    else
        p2_client_turn(c, p2_ns_max(until - p2_clock_now(), 0));
}

bool p2_io_serves(const struct p2c2r_client *c) { return served == c; }

// ---- visitors

// For who cannot enter.
static void look(struct p2c2r_client *c) {
    bool up = p2_client_is_up(c);
    p2_ns rtt_ns = p2_session_rtt_ns(c->session);
    p2_client_lock(c);
    c->io->seen.up = up;
    c->io->seen.rtt_ns = rtt_ns;
    c->io->seen.links = c->links;
    p2_client_unlock(c);
}

bool p2_client_free(struct p2c2r_client *c) {
    if (!c) return false;
    if (c->io && served == c) return false; // its error text is the caller's
    if (c->io ? !c->io->inside : !c->stepping) return true;
    p2_client_fail(c, P2C2R_EINVAL, "the log callback must not call this library");
    return false;
}

static void set_visitor(struct io *io, bool visitor) {
    P2_CHECK(pthread_mutex_lock(&io->door) == 0);
    io->visitor = visitor;
    if (!visitor) pthread_cond_signal(&io->left);
    P2_CHECK(pthread_mutex_unlock(&io->door) == 0);
}

bool p2_client_enter(struct p2c2r_client *c) {
    if (!p2_client_free(c)) return false;
    if (!c->io) return true;
    set_visitor(c->io, true);
    P2_CHECK(pthread_mutex_lock(&c->io->turn) == 0);
    c->io->inside = true;
    return true;
}

p2c2r_status p2_client_leave(struct p2c2r_client *c, p2c2r_status status) {
    if (!c->io) return status;
    look(c);
    c->io->inside = false;
    P2_CHECK(pthread_mutex_unlock(&c->io->turn) == 0);
    set_visitor(c->io, false);
    p2_loop_wake(c->loop); // what it is to wait for may have changed
    return status;
}

// ---- the thread

// Lets visitors go first: whoever locks turn again at once would keep them out. False: it is to end.
static bool begin_turn(struct io *io) {
    P2_CHECK(pthread_mutex_lock(&io->door) == 0);
    while (io->visitor && !io->stop) pthread_cond_wait(&io->left, &io->door);
    bool stop = io->stop;
    P2_CHECK(pthread_mutex_unlock(&io->door) == 0);
    if (!stop) P2_CHECK(pthread_mutex_lock(&io->turn) == 0);
    return !stop;
}

static void *run(void *context) {
    struct p2c2r_client *c = context;
    served = c;
    struct pollfd ready = {.fd = p2_loop_fd(c->loop), .events = POLLIN};
    while (begin_turn(c->io)) {
        p2_client_turn(c, 0);
        look(c);
        p2_ns next = p2_client_next_ns(c); // a wake during the turn is used up, but one from here on ends the wait
        P2_CHECK(pthread_mutex_unlock(&c->io->turn) == 0);
        struct timespec span = span_of(next == P2_NEVER ? 0 : p2_ns_max(next - p2_clock_now(), 0));
        (void)ppoll(&ready, 1, next == P2_NEVER ? NULL : &span, NULL);
    }
    return NULL;
}

static bool init_locks(struct io *io) {
    pthread_mutexattr_t again;
    pthread_condattr_t clock;
    if (pthread_mutexattr_init(&again) != 0) return false;
    bool ok = pthread_condattr_init(&clock) == 0;
    if (ok) {
        P2_CHECK(pthread_mutexattr_settype(&again, PTHREAD_MUTEX_RECURSIVE) == 0);
        P2_CHECK(pthread_condattr_setclock(&clock, CLOCK_MONOTONIC) == 0); // p2_clock_now's
        // On Linux these take no memory and cannot fail.
        P2_CHECK(pthread_mutex_init(&io->turn, NULL) == 0 && pthread_mutex_init(&io->door, &again) == 0);
        P2_CHECK(pthread_cond_init(&io->ended, &clock) == 0 && pthread_cond_init(&io->left, NULL) == 0);
        pthread_condattr_destroy(&clock);
    }
    pthread_mutexattr_destroy(&again);
    return ok;
}

bool p2_io_start(struct p2c2r_client *c) {
    struct io *io = p2_calloc(1, sizeof *io);
    if (!io) return false;
    if (!init_locks(io)) {
        p2_free(io);
        return false;
    }
    c->io = io;
    p2_blob_pool_share(&c->payloads, lock_pool, unlock_pool, c);
    p2_blob_pool_share(&c->results, lock_pool, unlock_pool, c);
    look(c);
    sigset_t all, before; // the game's signals are for its own threads
    sigfillset(&all);
    P2_CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    io->running = pthread_create(&io->thread, NULL, run, c) == 0;
    P2_CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    return io->running;
}

void p2_io_stop(struct p2c2r_client *c) {
    struct io *io = c->io;
    if (!io || !io->running) return;
    P2_CHECK(pthread_mutex_lock(&io->door) == 0);
    io->stop = true;
    pthread_cond_signal(&io->left);
    P2_CHECK(pthread_mutex_unlock(&io->door) == 0);
    p2_loop_wake(c->loop);
    P2_CHECK(pthread_join(io->thread, NULL) == 0);
    io->running = false;
    io->inside = true; // for good
}

void p2_io_free(struct p2c2r_client *c) {
    struct io *io = c->io;
    if (!io) return;
    c->io = NULL;
    pthread_cond_destroy(&io->left);
    pthread_cond_destroy(&io->ended);
    pthread_mutex_destroy(&io->door);
    pthread_mutex_destroy(&io->turn);
    p2_free(io);
}
