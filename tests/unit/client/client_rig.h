// What tests of the whole library share: a client at a fake coordinator, and echo tasks.
#ifndef TESTS_UNIT_CLIENT_CLIENT_RIG_H
#define TESTS_UNIT_CLIENT_CLIENT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_coordinator.h"
#include "p2c2r/p2c2r.h"

#define PATIENCE_US 20000000 // how long the tests wait for what must happen; none wait for it to pass

static inline p2c2r_client *open_at(const char *url, p2c2r_options o) {
    o.size = sizeof o;
    o.coordinator = url;
    p2c2r_client *c = p2c2r_create(&o);
    assert_non_null(c);
    return c;
}

// Only when the fake's thread has taken the connection: while a loop of lws 4.1 is destroyed it closes one descriptor
// twice, which another thread of this process may have been given in between.
static inline void shut(p2c2r_client **c) {
    while (!p2c2r_connected(*c)) p2c2r_poll(*c, NULL, 0, 1000);
    p2c2r_destroy(c);
    assert_null(*c);
}

static inline p2c2r_task echo_task(const void *payload, size_t size) {
    return (p2c2r_task){
        .size = sizeof(p2c2r_task), .type = "echo", .payload = payload, .payload_size = size, .deadline_ms = 15000};
}

static inline p2c2r_ticket submit(p2c2r_client *c, const void *payload, size_t size) {
    p2c2r_task task = echo_task(payload, size);
    p2c2r_ticket ticket = 0;
    assert_int_equal(p2c2r_submit(c, &task, &ticket), P2C2R_OK);
    assert_true(ticket != 0);
    return ticket;
}

static inline p2c2r_result await(p2c2r_client *c, p2c2r_ticket ticket) {
    p2c2r_result r = {.size = sizeof r};
    assert_int_equal(p2c2r_wait(c, ticket, &r, PATIENCE_US), P2C2R_OK);
    assert_int_equal(r.ticket, ticket);
    return r;
}

#endif
