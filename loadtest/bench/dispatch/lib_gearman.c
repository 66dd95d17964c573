// libgearman: foreground tasks; more than one at a time as run_tasks has them, each result adding the next task.
#include <libgearman/gearman.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "loadtest/bench/dispatch/lib.h"

struct submitter {
    gearman_client_st *client;
    struct drive *drive;
    uint8_t *payloads; // of each slot: the library keeps the pointer
};

static void submit_all(struct submitter *s) {
    struct drive *d = s->drive;
    const size_t size = d->plan.payload_bytes;
    for (uint32_t n = drive_room(d); n; n--) {
        const uint8_t *payload = drive_next(d);
        uint32_t slot;
        memcpy(&slot, payload, sizeof slot);
        uint8_t *mine = s->payloads + slot * size;
        memcpy(mine, payload, size);
        gearman_return_t code;
        if (!gearman_client_add_task(s->client, NULL, s, "echo", NULL, mine, size, &code) || gearman_failed(code))
            drive_fail("gearman: %s", gearman_client_error(s->client));
    }
}

static gearman_return_t on_complete(gearman_task_st *t) {
    struct submitter *s = gearman_task_context(t);
    drive_turn(s->drive);
    drive_done(s->drive, gearman_task_data(t), gearman_task_data_size(t));
    submit_all(s);
    return GEARMAN_SUCCESS;
}

static void one_by_one(struct submitter *s) {
    struct drive *d = s->drive;
    while (!drive_over(d)) {
        gearman_return_t code;
        size_t size;
        const uint8_t *payload = drive_next(d);
        void *result = gearman_client_do(s->client, "echo", NULL, payload, d->plan.payload_bytes, &size, &code);
        if (gearman_failed(code)) drive_fail("gearman: %s", gearman_client_error(s->client));
        drive_turn(d);
        drive_done(d, result, size);
        free(result);
    }
}

void lib_gearman_load(uint16_t port, struct drive *d) {
    struct submitter s = {.client = gearman_client_create(NULL), .drive = d};
    s.payloads = malloc(d->plan.payload_bytes * d->plan.in_flight);
    P2_CHECK(s.client && s.payloads);
    if (gearman_failed(gearman_client_add_server(s.client, "127.0.0.1", port)))
        drive_fail("gearman: %s", gearman_client_error(s.client));
    drive_begin(d);
    if (d->plan.in_flight == 1) {
        one_by_one(&s);
    } else {
        gearman_client_set_complete_fn(s.client, on_complete);
        gearman_client_add_options(s.client, GEARMAN_CLIENT_FREE_TASKS);
        while (!drive_over(d)) {
            submit_all(&s);
            if (gearman_failed(gearman_client_run_tasks(s.client)))
                drive_fail("gearman: %s", gearman_client_error(s.client));
        }
    }
    free(s.payloads);
    gearman_client_free(s.client);
}

static void *echo(gearman_job_st *job, void *context, size_t *size, gearman_return_t *code) {
    (void)context;
    *size = gearman_job_workload_size(job);
    void *result = malloc(*size);
    P2_CHECK(result);
    memcpy(result, gearman_job_workload(job), *size);
    *code = GEARMAN_SUCCESS;
    return result;
}

void lib_gearman_work(uint16_t port, uint32_t ahead, size_t payload_bytes, int ready) {
    (void)ahead, (void)payload_bytes;
    gearman_worker_st *w = gearman_worker_create(NULL);
    P2_CHECK(w);
    if (gearman_failed(gearman_worker_add_server(w, "127.0.0.1", port)) ||
        gearman_failed(gearman_worker_add_function(w, "echo", 0, echo, NULL)) ||
        gearman_failed(gearman_worker_echo(w, "?", 1)))
        drive_fail("gearman: %s", gearman_worker_error(w));
    if (write(ready, "", 1) != 1) drive_fail("nobody waits for this worker");
    while (!gearman_failed(gearman_worker_work(w))) continue;
}
