#include "loadtest/bench/dispatch/raw.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/check.h"
#include "os/os.h"

#define QUEUE_BYTES (1u << 20) // a client queues more only when less than this waits to leave

static void open_links(struct raw *r, size_t payload_bytes) {
    const uint32_t most = r->drive ? r->drive->plan.in_flight + 1 : r->ahead;
    r->link_count = r->protocol->links < most ? r->protocol->links : most;
    P2_CHECK(r->link_count > 0 && r->link_count <= RAW_LINKS_MAX);
    for (uint32_t i = 0; i < r->link_count; i++) link_open(&r->links[i], r->port, payload_bytes + 512);
    r->protocol->join(r);
}

static bool flush(struct raw *r, bool wait) {
    bool all = true;
    if (r->protocol->leave) r->protocol->leave(r);
    for (uint32_t i = 0; i < r->link_count; i++) all &= link_flush(&r->links[i], wait);
    return all;
}

// Waits until something has come on any of the links, or more can leave, and reads it.
static void take_any(struct raw *r) {
    struct pollfd fds[RAW_LINKS_MAX];
    for (uint32_t i = 0; i < r->link_count; i++)
        fds[i] = (struct pollfd){r->links[i].fd, (short)(POLLIN | (link_queued(&r->links[i]) ? POLLOUT : 0)), 0};
    if (poll(fds, r->link_count, -1) < 0 && errno != EINTR) drive_fail("poll: %s", strerror(errno));
    if (r->drive) drive_turn(r->drive);
    for (uint32_t i = 0; i < r->link_count; i++)
        if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) && link_fill(&r->links[i], false))
            r->protocol->take(r, &r->links[i]);
}

// With one link there is nothing to choose between: it is read without asking first.
static void take(struct raw *r, bool nothing_queued) {
    if (!nothing_queued || r->link_count > 1) {
        take_any(r);
        return;
    }
    if (!link_fill(&r->links[0], true)) return;
    if (r->drive) drive_turn(r->drive);
    r->protocol->take(r, &r->links[0]);
}

static void submit(struct raw *r) {
    struct drive *d = r->drive;
    size_t queued = link_queued(&r->links[0]), size = d->plan.payload_bytes;
    if (queued >= QUEUE_BYTES) return;
    size_t fit = (QUEUE_BYTES - queued) / size + 1;
    uint32_t room = drive_room(d), n = room < fit ? room : (uint32_t)fit;
    if (n && r->protocol->batch) r->protocol->batch(r, n);
    for (uint32_t i = 0; i < n; i++) r->protocol->submit(r, drive_next(d), size);
}

void raw_client(const struct raw_protocol *protocol, uint16_t port, struct drive *d) {
    struct raw r = {.protocol = protocol, .drive = d, .port = port};
    open_links(&r, d->plan.payload_bytes);
    drive_begin(d);
    for (;;) {
        submit(&r);
        bool all = flush(&r, false);
        if (drive_over(d)) break;
        take(&r, all);
    }
    for (uint32_t i = 0; i < r.link_count; i++) link_close(&r.links[i]);
}

_Noreturn void raw_worker(const struct raw_protocol *protocol, uint16_t port, uint32_t ahead, size_t payload_bytes,
                          int ready) {
    struct raw r = {.protocol = protocol, .port = port, .ahead = ahead};
    open_links(&r, payload_bytes);
    if (write(ready, "", 1) != 1) drive_fail("nobody waits for this worker");
    // a read that waits comes back in time for the next tick
    const p2_ns tick = protocol->tick_ns;
    const struct timeval patience = {.tv_sec = tick / P2_SEC, .tv_usec = tick % P2_SEC / P2_US};
    if (tick) setsockopt(r.links[0].fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    p2_ns due = tick ? p2_clock_now() + tick : P2_NEVER;
    for (;;) {
        flush(&r, true);
        take(&r, true);
        if (!tick || p2_clock_now() < due) continue;
        protocol->tick(&r);
        due = p2_clock_now() + tick;
    }
}
