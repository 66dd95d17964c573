// libnats: requests under one inbox, as its own request call does it, but any number of them open; results, and the
// tasks that follow, in the subscription's thread.
#include <nats/nats.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "loadtest/bench/dispatch/lib.h"

#define INBOX "_INBOX.load"
#define BUFFER (256 << 10)
#define PATIENCE_MS 10000

struct requester {
    natsConnection *connection;
    struct drive *drive;
    sem_t over;
};

static void must(natsStatus s, const char *what) {
    if (s != NATS_OK) drive_fail("%s: %s", what, natsStatus_GetText(s));
}

// at_once: each message is written as it is published; else the library's thread gathers them.
static natsConnection *connect_to(uint16_t port, bool at_once) {
    char url[48];
    natsOptions *o;
    natsConnection *c;
    snprintf(url, sizeof url, "nats://127.0.0.1:%u", port);
    must(natsOptions_Create(&o), "options");
    must(natsOptions_SetURL(o, url), "url");
    must(natsOptions_SetSendAsap(o, at_once), "send asap");
    must(natsOptions_SetIOBufSize(o, BUFFER), "buffers");
    must(natsConnection_Connect(&c, o), "connect");
    natsOptions_Destroy(o);
    return c;
}

static void submit_all(struct requester *r) {
    struct drive *d = r->drive;
    for (uint32_t n = drive_room(d); n; n--)
        must(natsConnection_PublishRequest(r->connection, "task", INBOX, drive_next(d), (int)d->plan.payload_bytes),
             "publish");
}

static void on_result(natsConnection *c, natsSubscription *s, natsMsg *m, void *context) {
    struct requester *r = context;
    (void)c, (void)s;
    drive_turn(r->drive);
    if (natsMsg_GetDataLength(m) > 0) // else it begins
        drive_done(r->drive, natsMsg_GetData(m), (size_t)natsMsg_GetDataLength(m));
    natsMsg_Destroy(m);
    submit_all(r);
    if (drive_over(r->drive)) sem_post(&r->over);
}

void lib_nats_load(uint16_t port, struct drive *d) {
    static struct requester r;
    natsSubscription *s;
    r.drive = d;
    r.connection = connect_to(port, d->plan.in_flight == 1);
    sem_init(&r.over, 0, 0);
    must(natsConnection_Subscribe(&s, r.connection, INBOX, on_result, &r), "subscribe");
    must(natsSubscription_SetPendingLimits(s, -1, -1), "limits");
    must(natsConnection_FlushTimeout(r.connection, PATIENCE_MS), "flush");
    drive_begin(d);
    must(natsConnection_Publish(r.connection, INBOX, NULL, 0), "begin"); // so that one thread submits everything
    while (sem_wait(&r.over) != 0) continue;
}

static void on_task(natsConnection *c, natsSubscription *s, natsMsg *m, void *context) {
    (void)s, (void)context;
    must(natsConnection_Publish(c, natsMsg_GetReply(m), natsMsg_GetData(m), natsMsg_GetDataLength(m)), "publish");
    natsMsg_Destroy(m);
}

void lib_nats_work(uint16_t port, uint32_t ahead, size_t payload_bytes, int ready) {
    (void)payload_bytes;
    natsConnection *c = connect_to(port, ahead == 1);
    natsSubscription *s;
    must(natsConnection_QueueSubscribe(&s, c, "task", "echoes", on_task, NULL), "subscribe");
    must(natsSubscription_SetPendingLimits(s, -1, -1), "limits");
    must(natsConnection_FlushTimeout(c, PATIENCE_MS), "flush");
    if (write(ready, "", 1) != 1) drive_fail("nobody waits for this worker");
    for (;;) pause();
}
