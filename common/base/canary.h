// Planted bugs. In every ordinary build P2_CANARY(x) is the constant false and nothing of it is left; the simulator
// compiles the cores a second time with P2_CANARIES, where it asks whether --canary x was given. A test proves that the
// simulator finds each of them.
#ifndef P2_BASE_CANARY_H
#define P2_BASE_CANARY_H

#include <stdbool.h>

// Name, and what the bug is.
#define P2_CANARY_LIST(X)                                                                                              \
    X(ack_by_newest, "coordinator: a result is acknowledged by the number of the newest run")                          \
    X(attempts_off_by_one, "coordinator: one attempt more than allowed")                                               \
    X(attempts_too_few, "coordinator: gives up one attempt early")                                                     \
    X(blocked_stays, "coordinator: a free offer does not unblock its type (lost wake-up)")                             \
    X(breaker_stays, "coordinator: an open breaker stays open")                                                        \
    X(budget_unpaid, "coordinator: retries cost no token")                                                             \
    X(cache_by_payload, "coordinator: parameters do not count in what makes two tasks the same")                       \
    X(cancel_missed, "coordinator: a cancelled task's peer is not told")                                               \
    X(cancel_twice, "coordinator: a cancel is answered twice")                                                         \
    X(class_starved, "coordinator: the queue of the lowest class is never looked at")                                  \
    X(deadline_ignored, "coordinator: expired tasks stay")                                                             \
    X(delivered_early, "coordinator: a long result counts as delivered before its end")                                \
    X(flap_ignored, "coordinator: nobody is held back for joining too often")                                          \
    X(joined_forgotten, "coordinator: who waits for an identical task is not woken when it ends")                      \
    X(load_kept, "coordinator: an ended job's load is not subtracted")                                                 \
    X(loser_kept, "coordinator: of two runs the slower is not called off")                                             \
    X(map_entry_leaked, "coordinator: the stream of an ended task stays in its map")                                   \
    X(offer_after_drain, "coordinator: a draining peer keeps its offers")                                              \
    X(pin_forgotten, "coordinator: the blobs of a task are not pinned")                                                \
    X(question_lost, "client: questions on their way are forgotten with the connection")                               \
    X(question_twice, "coordinator: a question is answered no twice")                                                  \
    X(recall_runs, "peer: a recalled job is given back before its executor has answered")                              \
    X(recall_unacked, "coordinator: a recalled task is queued before its peer has given it back")                      \
    X(recall_unanswered, "peer: a recalled job is dropped, and nothing said")                                          \
    X(recent_forgotten, "coordinator: ended tasks are not remembered")                                                 \
    X(resend_offset, "client: RESEND is answered from where it was")                                                   \
    X(reservation_leaked, "coordinator: an expired task's memory stays reserved")                                      \
    X(result_gap, "coordinator: a long result goes on in the middle for a client that came back")                      \
    X(result_rerun, "coordinator: a kept result is computed again for a client that came back")                        \
    X(room_lost, "coordinator: the answer to WANT_ROOM wakes nobody")                                                  \
    X(slot_twice, "coordinator: a job frees its slot twice")                                                           \
    X(spool_early, "coordinator: kept payloads are dropped as they are forwarded")                                     \
    X(stale_attempt, "coordinator: chunks of an attempt given up count for the next")                                  \
    X(stale_job, "peer: the cell of a cancelled job is taken again while its executor has it")                         \
    X(ticket_timer, "client: a ticket that is sent has no timer of its own")                                           \
    X(ticket_twice, "client: a refused ticket ends twice")                                                             \
    X(tried_forgotten, "coordinator: a peer that failed a task gets it again")                                         \
    X(window_client, "client: no further window for long results")                                                     \
    X(window_payload, "coordinator: no further window for long payloads")                                              \
    X(window_peer, "peer: no further window for long payloads")

enum p2_canary {
    P2_CANARY_none,
#define P2_CANARY_NAME(name, doc) P2_CANARY_##name,
    P2_CANARY_LIST(P2_CANARY_NAME)
#undef P2_CANARY_NAME
        P2_CANARY_COUNT
};

#ifdef P2_CANARIES
extern enum p2_canary p2_canary_on; // defined by the simulator
#define P2_CANARY(name) (p2_canary_on == P2_CANARY_##name)
#else
#define P2_CANARY(name) (false && P2_CANARY_##name != P2_CANARY_none)
#endif

#endif
