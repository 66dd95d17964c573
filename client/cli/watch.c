// p2c2r status --watch: the same question again and again, until INT or TERM.
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "status.h"

#define SLICE_NS (200 * P2_MS) // signals are looked for that often while an answer is waited for

struct watch {
    const struct status_settings *s;
    p2c2r_client *client;
    int signals;
    bool screen; // drawn over and over; otherwise a line each
    p2c2r_cluster now, before;
    p2_ns now_ns, before_ns; // 0: none
};

// The other screen of the terminal: what stood there comes back with it.
static void screen_begin(const struct watch *w) {
    if (w->screen) fputs("\033[?1049h", stdout);
}

static void screen_end(const struct watch *w) {
    if (!w->screen) return;
    fputs("\033[?1049l", stdout);
    fflush(stdout);
}

static double per_second(const struct watch *w, uint64_t now, uint64_t before) {
    double seconds = (double)(w->now_ns - w->before_ns) / 1e9;
    return w->before_ns && now >= before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

static void print_line(const struct watch *w) {
    const p2c2r_cluster *c = &w->now;
    printf("up %" PRId64 " s, peers %" PRIu32 "/%" PRIu32 ", clients %" PRIu32 ", slots %" PRIu32 "/%" PRIu32
           ", queued %" PRIu32 ", running %" PRIu32 ", completed %" PRIu64 " (%.1f/s), failed %" PRIu64
           ", refused %" PRIu64 "\n",
           c->uptime_us / 1000000, c->peers_ready, c->peers, c->clients, c->slots_busy, c->slots, c->tasks_queued,
           c->tasks_running, c->tasks_completed, per_second(w, c->tasks_completed, w->before.tasks_completed),
           c->tasks_failed, c->tasks_refused);
}

static void print(const struct watch *w) {
    if (w->s->common.json) {
        status_print_json(&w->now);
    } else if (w->screen) {
        fputs("\033[H\033[J", stdout);
        status_print_text(w->client, &w->now);
        printf("now          %.1f accepted/s, %.1f completed/s, %.1f failed/s, %.1f refused/s\n\nevery %g s; Ctrl-C "
               "ends\n",
               per_second(w, w->now.tasks_accepted, w->before.tasks_accepted),
               per_second(w, w->now.tasks_completed, w->before.tasks_completed),
               per_second(w, w->now.tasks_failed, w->before.tasks_failed),
               per_second(w, w->now.tasks_refused, w->before.tasks_refused), w->s->refresh_s);
    } else {
        print_line(w);
    }
}

// An answer, or why there is none; ETIMEOUT with `*stopped` when a signal came first.
static p2c2r_status ask(struct watch *w, bool *stopped) {
    p2_ns until = p2_clock_now() + w->s->common.connect_timeout_ns;
    for (;;) {
        p2_ns left = until - p2_clock_now();
        p2c2r_status status = p2c2r_cluster_wait(w->client, &w->now, p2_ns_max(p2_ns_min(left, SLICE_NS), 0) / P2_US);
        *stopped = p2_signals_take(w->signals) != 0;
        bool may_come = status == P2C2R_EUNREACHABLE || status == P2C2R_ETIMEOUT;
        if (!may_come || *stopped || left <= SLICE_NS) return status;
    }
}

// Keeps the connection until then. False: a signal came.
static bool idle_until(const struct watch *w, p2_ns until) {
    for (;;) {
        p2_ns left = until - p2_clock_now();
        if (left <= 0) return true;
        int64_t own_us = p2c2r_next_timeout_us(w->client);
        if (own_us >= 0) left = p2_ns_min(left, own_us * P2_US);
        struct pollfd on[] = {{.fd = w->signals, .events = POLLIN}, {.fd = p2c2r_fd(w->client), .events = POLLIN}};
        poll(on, 2, (int)(left / P2_MS) + 1);
        if (p2_signals_take(w->signals)) return false;
        p2c2r_poll(w->client, NULL, 0, 0);
    }
}

static int watch(struct watch *w) {
    bool begun = false, stopped = false;
    for (p2_ns due = p2_clock_now();; due += (p2_ns)(w->s->refresh_s * 1e9)) {
        p2c2r_status status = ask(w, &stopped);
        if (stopped) break;
        if (status != P2C2R_OK && !begun) {
            cli_complain("%s", p2c2r_last_error(w->client));
            return status_exit_of(status);
        }
        if (!begun) screen_begin(w);
        begun = true;
        w->now_ns = p2_clock_now();
        if (status == P2C2R_OK) {
            print(w);
            w->before = w->now;
            w->before_ns = w->now_ns;
        } else if (w->screen) {
            printf("\033[H\033[J%s\n\nCtrl-C ends\n", p2c2r_last_error(w->client));
        } else {
            cli_complain("%s", p2c2r_last_error(w->client));
        }
        if (fflush(stdout) != 0 || !idle_until(w, p2_ns_max(due + (p2_ns)(w->s->refresh_s * 1e9), w->now_ns))) break;
    }
    if (begun) screen_end(w);
    return P2_EXIT_OK;
}

int status_watch(const struct status_settings *s, p2c2r_client *client) {
    struct watch w = {.s = s,
                      .client = client,
                      .signals = p2_signals_open(),
                      .screen = !s->common.json && isatty(STDOUT_FILENO),
                      .now = {.size = sizeof w.now}};
    if (w.signals < 0) {
        cli_complain("signals cannot be waited for");
        return P2_EXIT_FAILED;
    }
    int code = watch(&w);
    close(w.signals);
    return code;
}
