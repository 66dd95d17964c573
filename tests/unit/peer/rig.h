// A worker on a made-up clock, with two made-up task types, checked after each step.
#ifndef TESTS_UNIT_PEER_RIG_H
#define TESTS_UNIT_PEER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> // needs the above

#include "peer/core/worker.h"

#define RIG_RESULT_TIMES 2u // result_bytes_max of "flip" in payload sizes
#define RIG_PAYLOAD_MAX (1u << 20)

struct rig {
    struct worker_config config;
    struct worker *w;
    struct worker_actions out; // of the last step
    p2_ns now;
    uint64_t features; // the coordinator chooses
};

// "flip" version 3 (alias "flop"; an INT parameter "bad" above 0 is refused) and "other" version 1.
extern const struct p2_task_type *const rig_types[2];

void rig_config(struct rig *r, uint32_t devices); // 2 slots each, depth 2, 1 MiB cells; change r->config after it
void rig_open(struct rig *r);                     // creates and makes the first step
void rig_close(struct rig *r);

void rig_step(struct rig *r, struct worker_event ev); // at r->now
void rig_tick_at(struct rig *r, p2_ns at);            // moves the clock
void rig_run_until(struct rig *r, p2_ns at); // ticks whenever the worker wants one; actions of the last step stay
void rig_msg(struct rig *r, struct p2_msg m);
void rig_word(struct rig *r, uint32_t exec, struct word word);

// The n-th action of a kind (or record, or note of a kind) in the last step; NULL when there are fewer.
const struct worker_action *rig_action(const struct rig *r, enum worker_action_kind kind, uint32_t n);
const struct p2_msg *rig_sent(const struct rig *r, enum p2_msg_kind kind, uint32_t n); // SEND and SEND_RESULT
const struct worker_note *rig_note(const struct rig *r, enum worker_note_kind kind, uint32_t n);
const struct word *rig_said(const struct rig *r, enum word_kind kind, uint32_t n);

void rig_ready(struct rig *r, uint32_t exec); // STARTED, offers "flip", READY
void rig_join(struct rig *r);                 // executor 0 ready, link up to JOINED, plenty of room, heartbeat 1 s
struct p2_msg rig_hello(void);
struct p2_msg rig_registered(void);

// TASK_ASSIGN of "flip": 1 s, class INTERACTIVE, attempt 1, id from the stream; first record holds `first` bytes.
struct p2_msg rig_assign(uint32_t stream, uint64_t payload_size, uint32_t first);
struct p2_msg rig_chunk(uint32_t stream, uint64_t offset, uint32_t size);
struct p2_msg rig_cancel(uint32_t stream);
struct p2_id rig_id(uint32_t stream);
void rig_stored(struct rig *r);                      // answers the last step's STORE
uint32_t rig_handed(struct rig *r, uint32_t stream); // a whole 100-byte job with executor 0: its cell
struct word rig_done(uint32_t cell, enum p2_err code, uint64_t result_size);

#endif
