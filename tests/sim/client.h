// A client, between client_node.c, which is its shell, and client_work.c, which thinks of what it wants.
#ifndef TESTS_SIM_CLIENT_H
#define TESTS_SIM_CLIENT_H

#include "client/core/session.h"
#include "sim.h"

#define TICKETS 256

struct ticket_book { // an open ticket as its shell keeps it
    session_ticket handle;
    uint32_t task, attempt;
    p2_handle link; // its result was begun on
    uint64_t size, have;
};

#define ASKED_MAX 32

struct asked {       // a question without an answer
    uint64_t number; // 0: free
    p2_ns at_ns;
};

struct client {
    struct node node;
    uint32_t index, generation;
    bool up;
    struct session *s;
    struct session_actions out;
    struct ticket_book tickets[TICKETS];
    uint32_t open, cursor;
    struct asked asked[ASKED_MAX];
    uint64_t questions;
    bool putting; // a blob
    uint32_t blob;
    uint32_t losses; // of the next connections, each as soon as it is up
    p2_ns every;     // a task on average
    p2_ns rtt_max;   // it has believed in
    struct timer tick, submit, again;
};

void client_step(struct client *c, struct session_event *ev);

uint32_t client_free_slot(const struct client *c); // of a ticket; 0: none

// Each of these makes one step, or none when there is nothing to do it with.
void client_submit(struct client *c);
void client_cancel_one(struct client *c);
void client_cancel(struct client *c, uint32_t slot); // of its tickets, not a free one
void client_submit_content(struct client *c, uint32_t slot, uint32_t content, uint32_t weight_percent,
                           p2_ns deadline_ns);
void client_ask(struct client *c); // whether a task could be met
void client_put(struct client *c); // a blob, or gives up the one it is at

void client_send_part(struct client *c, const struct session_action *a); // of the blob it puts

#endif
