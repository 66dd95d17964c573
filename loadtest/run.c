#include "loadtest/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "loadtest/clients.h"
#include "os/os.h"

#define READY_WAIT (60 * P2_SEC)     // for all connections, and
#define FIRST_WAIT (10 * P2_SEC)     // for the first of them
#define READY_WAIT_EACH (10 * P2_MS) // more for each peer
#define ASK_EACH (50 * P2_MS)        // whether real peers are there
#define BACKLOG_MAX (1u << 20)
#define SENDS_AT_ONCE 256u   // before the sockets have their turn
#define GATHER (250 * P2_US) // what is due within it leaves together, as what a game's frame asks for: counted as late
#define SECOND_NS P2_SEC
#define LAST_WORDS_WAIT P2_SEC // of the peers

// Meant times of tasks that are due and have found no window open, oldest first.
struct backlog {
    p2_ns *meant;
    uint32_t first, count;
};

struct counters { // of everything since the start
    p2_ns cpu_ns[PROGRAMS];
    uint64_t wire_bytes, payload_bytes;
    p2_ns busy_ns, said_ns, at_ns; // said: by the peers, of themselves
};

struct run {
    struct run_settings set;
    const struct scenario *s;
    struct report *report;
    struct clients clients;
    struct process coordinator, peers, real[PROCESS_REAL_PEERS_MAX];
    struct peers_said said;
    struct arrival arrival;
    struct backlog backlog;
    p2_ns start_ns, next_ns; // next: meant time of the next arrival, absolute
    p2_ns gathered_ns;       // when tasks were last sent
    p2_ns span_ns, last_end_ns;
    uint64_t closed_sent;
    int timer, signals;
    bool counting, interrupted, peers_lost;
    struct counters began, before; // when counting began; a second ago
    uint64_t sent, done, not_done; // in this second
    p2_ns second_ns;
    uint64_t open_counted;
    int stalled; // 0: not yet, 1: now, 2: over
};

static p2_ns since_start(const struct run *r) { return p2_clock_now() - r->start_ns; }

// ---- measuring ------------------------------------------------------------------------------------------------------

static void count_all(const struct run *r, struct counters *out) {
    *out = (struct counters){
        .cpu_ns = {process_cpu(getpid()), process_cpu(r->peers.pid), process_cpu(r->coordinator.pid)},
        .wire_bytes = hub_wire_bytes(&r->clients.hub) + r->said.wire_bytes,
        .payload_bytes = r->clients.hub.payload_bytes + r->said.payload_bytes,
        .busy_ns = r->said.busy_ns,
        .said_ns = r->said.at_ns,
        .at_ns = p2_clock_now(),
    };
}

static bool counted(const struct run *r, p2_ns meant_ns) { return meant_ns - r->start_ns >= r->s->warmup_ns; }

static void on_end(void *context, p2_ns meant_ns, const struct report_end *e) {
    struct run *r = context;
    bool done = e->ending == ENDED_DONE && !e->wrong;
    r->done += done;
    r->not_done += !done;
    if (r->set.real_peers && r->counting && !r->report->jobs_ns) report_job(r->report, e);
    if (!counted(r, meant_ns)) return;
    report_end(r->report, e);
    r->last_end_ns = since_start(r);
    r->open_counted--;
}

static double share_of(const struct run *r, p2_ns busy_ns, p2_ns span_ns) {
    return r->said.slots && span_ns > 0 ? (double)busy_ns / (double)span_ns / r->said.slots : 0;
}

static void end_second(struct run *r) {
    struct counters now;
    count_all(r, &now);
    p2_ns span = p2_ns_max(now.at_ns - r->before.at_ns, 1);
    const struct p2_msg_status *said = &r->clients.said;
    struct report_second row = {
        .at_ns = now.at_ns - r->start_ns,
        .sent = r->sent,
        .done = r->done,
        .not_done = r->not_done,
        .open = r->clients.open,
        .backlog = r->backlog.count,
        .queued = said->tasks_queued,
        .running = said->tasks_running,
        .peers = said->peers_ready,
        .busy = share_of(r, now.busy_ns - r->before.busy_ns, now.said_ns - r->before.said_ns),
        .resident = {process_resident(getpid()), process_resident(r->peers.pid), process_resident(r->coordinator.pid)},
    };
    for (uint32_t i = 0; i < PROGRAMS; i++) row.cpu[i] = (double)(now.cpu_ns[i] - r->before.cpu_ns[i]) / (double)span;
    report_second(r->report, &row);
    if (r->set.second) r->set.second(r->set.context, r->report, &row, r->span_ns);
    r->sent = r->done = r->not_done = 0;
    r->before = now;
    r->second_ns += SECOND_NS;
    clients_ask_status(&r->clients);
}

// What the peers said last is of a moment ago, when some of it was still on its way to them.
static void hear_last_words(struct run *r) {
    p2_ns after = p2_clock_now(), until = p2_ns_add(after, LAST_WORDS_WAIT);
    bool alive = r->peers.pid > 0;
    while (alive && r->said.at_ns < after && p2_clock_now() < until) {
        hub_turn(&r->clients.hub, 10 * P2_MS);
        process_hear_peers(&r->peers, &r->said, &alive);
    }
}

static void end_counting(struct run *r) {
    struct report *out = r->report;
    struct counters now, later;
    count_all(r, &now);
    hear_last_words(r);
    count_all(r, &later);
    out->begin_ns = r->s->warmup_ns;
    out->end_ns = p2_ns_max(p2_ns_min(r->span_ns, since_start(r)), r->last_end_ns);
    p2_ns span = now.at_ns - r->began.at_ns;
    double scale = span > 0 ? (double)(out->end_ns - out->begin_ns) / (double)span : 1; // of what was read a bit later
    for (uint32_t i = 0; i < PROGRAMS; i++)
        out->cpu_ns[i] = (p2_ns)((double)(now.cpu_ns[i] - r->began.cpu_ns[i]) * (scale > 1 ? 1 : scale));
    out->wire_bytes = later.wire_bytes - r->began.wire_bytes;
    out->payload_bytes = later.payload_bytes - r->began.payload_bytes;
    out->busy = share_of(r, later.busy_ns - r->began.busy_ns, p2_ns_min(span, later.said_ns - r->began.said_ns));
    out->unanswered = r->open_counted;
    for (uint32_t i = 0; i < r->backlog.count; i++)
        out->unanswered += counted(r, r->backlog.meant[(r->backlog.first + i) % BACKLOG_MAX]);
}

// ---- sending --------------------------------------------------------------------------------------------------------

static bool submit(struct run *r, p2_ns meant_ns) {
    if (!clients_submit(&r->clients, meant_ns)) return false;
    r->sent++;
    if (!counted(r, meant_ns)) return true;
    r->report->sent++;
    r->open_counted++;
    return true;
}

static void owe(struct run *r, p2_ns meant_ns) {
    struct backlog *b = &r->backlog;
    if (b->count == BACKLOG_MAX) {
        r->report->dropped += counted(r, meant_ns);
        return;
    }
    b->meant[(b->first + b->count++) % BACKLOG_MAX] = meant_ns;
}

static void send_open(struct run *r) {
    struct backlog *b = &r->backlog;
    uint32_t sent = 0;
    while (b->count && sent < SENDS_AT_ONCE && submit(r, b->meant[b->first])) {
        b->first = (b->first + 1) % BACKLOG_MAX;
        b->count--;
        sent++;
    }
    p2_ns now = p2_clock_now();
    if (r->next_ns > now || now < r->gathered_ns + GATHER) return;
    for (; r->next_ns <= now && sent < SENDS_AT_ONCE; sent++) {
        r->report->due += counted(r, r->next_ns);
        if (b->count || !submit(r, r->next_ns)) owe(r, r->next_ns);
        r->next_ns = p2_ns_add(r->start_ns, arrival_next(&r->arrival));
    }
    if (r->next_ns > now) r->gathered_ns = now;
}

static bool closed_over(const struct run *r) {
    if (r->s->closed_count && r->closed_sent >= r->s->closed_count) return true;
    return r->s->closed_duration_ns && since_start(r) >= r->s->closed_duration_ns;
}

static void send_closed(struct run *r) {
    for (uint32_t i = 0; i < SENDS_AT_ONCE && r->clients.open < r->s->closed_in_flight && !closed_over(r); i++) {
        p2_ns now = p2_clock_now();
        if (!submit(r, now)) return;
        r->report->due += counted(r, now);
        r->closed_sent++;
    }
}

static bool all_sent(const struct run *r) {
    if (r->interrupted) return true;
    return scenario_open(r->s) ? r->next_ns == P2_NEVER && r->backlog.count == 0 : closed_over(r);
}

// ---- the loop -------------------------------------------------------------------------------------------------------

static void on_timer(void *context, int fd) {
    (void)context;
    uint64_t times;
    (void)!read(fd, &times, sizeof times);
}

static void on_signal(void *context, int fd) {
    struct run *r = context;
    while (p2_signals_take(fd)) r->interrupted = true;
}

// The loop's own waits are in whole milliseconds; the next arrival is not.
static void arm(const struct run *r, p2_ns at) {
    struct itimerspec t = {0};
    if (at != P2_NEVER) t.it_value = (struct timespec){at / P2_SEC, at % P2_SEC};
    (void)!timerfd_settime(r->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

static void stall(struct run *r) {
    p2_ns at = since_start(r);
    if (!r->set.stall_ns || r->coordinator.pid <= 0 || r->stalled == 2) return;
    if (r->stalled == 0 && at >= r->set.stall_at_ns) {
        kill(r->coordinator.pid, SIGSTOP);
        r->stalled = 1;
    } else if (r->stalled == 1 && at >= r->set.stall_at_ns + r->set.stall_ns) {
        kill(r->coordinator.pid, SIGCONT);
        r->stalled = 2;
    }
}

static void turn(struct run *r, bool more) {
    p2_ns now = p2_clock_now();
    p2_ns wake = r->second_ns;
    if (more && scenario_open(r->s) && !r->backlog.count)
        wake = p2_ns_min(wake, p2_ns_max(r->next_ns, r->gathered_ns + GATHER));
    if (r->set.stall_ns && r->stalled == 0) wake = p2_ns_min(wake, r->start_ns + r->set.stall_at_ns);
    if (r->stalled == 1) wake = p2_ns_min(wake, r->start_ns + r->set.stall_at_ns + r->set.stall_ns);
    arm(r, p2_ns_max(wake, 1));
    hub_turn(&r->clients.hub, wake <= now ? 0 : P2_SEC);
    bool alive = true;
    if (r->peers.pid > 0) process_hear_peers(&r->peers, &r->said, &alive);
    if (!alive) r->peers_lost = true;
    stall(r);
    if (!r->counting && since_start(r) >= r->s->warmup_ns) {
        count_all(r, &r->began);
        r->counting = true;
    }
    if (p2_clock_now() >= r->second_ns) end_second(r);
}

static void drive(struct run *r) {
    const bool open = scenario_open(r->s);
    if (r->peers.pid > 0) process_begin_peers(&r->peers);
    r->start_ns = p2_clock_now();
    r->span_ns = scenario_span(r->s);
    r->second_ns = r->start_ns + SECOND_NS;
    count_all(r, &r->before);
    r->began = r->before;
    r->counting = r->s->warmup_ns == 0;
    arrival_init(&r->arrival, r->s->phases, r->s->phase_count, r->s->poisson, r->s->seed);
    r->next_ns = open ? p2_ns_add(r->start_ns, arrival_next(&r->arrival)) : P2_NEVER;
    while (!all_sent(r) && !r->peers_lost) {
        if (open && since_start(r) > p2_ns_add(r->span_ns, r->s->grace_ns)) break;
        if (open)
            send_open(r);
        else
            send_closed(r);
        turn(r, true);
    }
    if (r->counting) r->report->jobs_ns = p2_clock_now() - r->began.at_ns;
    p2_ns until = p2_ns_add(p2_clock_now(), r->interrupted ? 0 : r->s->grace_ns);
    while (r->clients.open && p2_clock_now() < until && !r->peers_lost) turn(r, false);
    if (r->sent + r->done + r->not_done) end_second(r);
    end_counting(r);
}

// ---- getting there --------------------------------------------------------------------------------------------------

static bool ready(const struct run *r) {
    if (clients_serving(&r->clients) < r->clients.count || r->said.ready < scenario_peers(r->s)) return false;
    return r->set.real_peers == 0 || r->clients.said.peers_ready >= scenario_peers(r->s) + r->set.real_peers;
}

static enum run_outcome await_ready(struct run *r, struct p2_strbuf *why) {
    p2_ns wait = READY_WAIT + scenario_peers(r->s) * READY_WAIT_EACH, began = p2_clock_now(), until = began + wait,
          ask_ns = 0;
    bool alive = true, any = false;
    while (!ready(r) && alive && p2_clock_now() < until && !r->interrupted && !r->clients.refused[0]) {
        hub_turn(&r->clients.hub, 50 * P2_MS);
        any = any || clients_serving(&r->clients) > 0;
        if (!any && p2_clock_now() > began + FIRST_WAIT) break;
        if (r->set.real_peers && p2_clock_now() >= ask_ns) {
            clients_ask_status(&r->clients);
            ask_ns = p2_clock_now() + ASK_EACH;
        }
        if (r->peers.pid > 0) process_hear_peers(&r->peers, &r->said, &alive);
    }
    if (r->interrupted) return RUN_INTERRUPTED;
    if (ready(r)) return RUN_OK;
    if (!any && !r->clients.refused[0])
        p2_strbuf_printf(why, "no coordinator answers");
    else if (r->clients.refused[0])
        p2_strbuf_printf(why, "the coordinator refuses: %s", r->clients.refused);
    else if (!alive)
        p2_strbuf_printf(why, "the synthetic peers ended: is there memory for them, and descriptors (ulimit -n)?");
    else
        p2_strbuf_printf(why, "after %d s %u of %u clients and %u of %u synthetic peers are connected%s",
                         (int)(wait / P2_SEC), clients_serving(&r->clients), r->clients.count, r->said.ready,
                         scenario_peers(r->s), r->set.real_peers ? ", or a real peer offers nothing" : "");
    return RUN_UNREACHABLE;
}

static bool open_loop(struct run *r) {
    r->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    r->signals = p2_signals_open();
    r->backlog.meant = malloc(BACKLOG_MAX * sizeof *r->backlog.meant);
    r->clients.ended = on_end;
    r->clients.context = r;
    return r->timer >= 0 && r->signals >= 0 && r->backlog.meant &&
           p2_loop_watch(r->clients.hub.loop, r->timer, on_timer, r) &&
           p2_loop_watch(r->clients.hub.loop, r->signals, on_signal, r);
}

static enum run_outcome go(struct run *r, struct run_facts *facts, struct p2_strbuf *why) {
    const struct run_settings *set = &r->set;
    if (set->url) {
        snprintf(facts->url, sizeof facts->url, "%s", set->url);
    } else if (!process_coordinator(&r->coordinator, set->coordinator, r->s, facts->url, sizeof facts->url, why)) {
        return RUN_FAILED;
    }
    r->report->resident_bare = process_resident(r->coordinator.pid);
    r->report->real_peers = set->real_peers;
    r->report->connections = r->s->clients + scenario_peers(r->s) + set->real_peers;
    bool ok = true;
    for (uint32_t i = 0; ok && i < set->real_peers; i++)
        ok = process_real_peer(&r->real[i], set->peer, set->devices, r->s, facts->url);
    ok = ok && (scenario_peers(r->s) == 0 || process_peers(&r->peers, r->s, facts->url));
    ok = ok && clients_init(&r->clients, r->s, facts->url) && open_loop(r);
    if (!ok) {
        p2_strbuf_printf(why, "the system gave no memory, processes or descriptors to work with");
        return RUN_FAILED;
    }
    r->clients.verify = scenario_peers(r->s) > 0 && set->real_peers == 0;
    enum run_outcome out = await_ready(r, why);
    if (out != RUN_OK) return out;
    drive(r);
    facts->peers = r->said;
    if (r->peers_lost) p2_strbuf_printf(why, "the synthetic peers ended in the middle");
    return r->peers_lost ? RUN_FAILED : r->interrupted ? RUN_INTERRUPTED : RUN_OK;
}

enum run_outcome run_scenario(const struct run_settings *settings, struct report *report, struct run_facts *facts,
                              struct p2_strbuf *why) {
    struct run *r = calloc(1, sizeof *r);
    memset(facts, 0, sizeof *facts);
    if (!r) return RUN_FAILED;
    r->set = *settings;
    r->s = settings->scenario;
    r->report = report;
    r->timer = r->signals = r->coordinator.words = r->peers.words = -1;
    enum run_outcome out = go(r, facts, why);
    process_end(&r->peers);
    for (uint32_t i = 0; i < PROCESS_REAL_PEERS_MAX; i++) process_end(&r->real[i]);
    clients_deinit(&r->clients); // before the coordinator, which would wait for them
    process_end(&r->coordinator);
    if (r->timer >= 0) close(r->timer);
    if (r->signals >= 0) close(r->signals);
    free(r->backlog.meant);
    free(r);
    return out;
}
