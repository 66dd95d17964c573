// The clients of a run: real sessions (client/core) over one hub, and the tasks that each has open.
#ifndef LOADTEST_CLIENTS_H
#define LOADTEST_CLIENTS_H

#include "base/rng.h"
#include "client/core/session.h"
#include "loadtest/core/report.h"
#include "loadtest/core/scenario.h"
#include "loadtest/hub.h"

struct client;

struct clients {
    struct hub hub;
    const struct scenario *scenario; // borrows
    struct client *all;
    uint32_t count, up, next; // next: in turn
    struct session_actions actions;
    struct p2_blob *params[SCENARIO_TASKS_MAX]; // kept, of each task
    struct p2_params kept[SCENARIO_TASKS_MAX];
    struct p2_rng rng;
    uint32_t contents; // used
    uint64_t open;
    bool verify;               // every result is a synthetic one, or an echo
    struct p2_msg_status said; // by the coordinator, last
    char refused[160];         // its sentence when it turns one of us away; "" otherwise
    void (*ended)(void *context, p2_ns meant_ns, const struct report_end *e);
    void *context;
};

// Starts dialling. False: memory is short; deinit all the same.
bool clients_init(struct clients *c, const struct scenario *s, const char *url);
void clients_deinit(struct clients *c); // fine with zeroes
// Sends one task that was meant to be sent then. False: every window is full.
bool clients_submit(struct clients *c, p2_ns meant_ns);
void clients_ask_status(struct clients *c);
uint32_t clients_serving(const struct clients *c); // connected now

#endif
