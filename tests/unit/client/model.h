// Coordinators and the network to them, as a session sees them, on virtual time: each keeps sessions and computes
// tasks, may be killed, restarted, deaf or slow, and its connections may break or fall silent. Honest otherwise.
#ifndef TESTS_UNIT_CLIENT_MODEL_H
#define TESTS_UNIT_CLIENT_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"
#include "base/rng.h"
#include "msg/msg.h"

#define MODEL_SITES 4u
#define MODEL_GRACE (30 * P2_SEC)
#define MODEL_NONE UINT32_MAX

enum model_mood {
    MODEL_WELL,
    MODEL_DOWN, // refuses connections
    MODEL_DEAF, // takes them and says nothing
    MODEL_SHY,  // says HELLO and no more
};

// What travels: a connection's beginning or end, or the gist of a record.
enum word_kind { WORD_OPENED, WORD_CLOSED, WORD_MSG, WORD_WORK };

struct word {
    enum word_kind kind;
    enum p2_msg_kind msg;
    uint32_t stream;
    struct p2_id id; // of a task or a session
    uint64_t token;
    p2_ns span_ns;
    enum p2_err code;
    bool resumed;
};

struct model;

struct model *model_create(struct p2_rng *rng);
void model_destroy(struct model **m);

void model_clock(struct model *m, p2_ns now); // before anything else at that time

// A connection to a site; its number. OPENED or CLOSED follow, or nothing.
uint32_t model_dial(struct model *m, uint32_t site);
void model_say(struct model *m, uint32_t conn, const struct word *w);
void model_hang_up(struct model *m, uint32_t conn); // nothing more of it is heard at this end

p2_ns model_next_ns(const struct model *m);
// The next event, of which the time has come. True: it is for the client, *conn and *w say which.
bool model_turn(struct model *m, uint32_t *conn, struct word *w);

// ---- faults
void model_mood(struct model *m, uint32_t site, enum model_mood mood); // DOWN: its sessions and connections are gone
void model_break(struct model *m, uint32_t conn, bool known_there);    // lost for the client, perhaps for it alone
void model_silence(struct model *m, uint32_t conn);                    // nothing passes any more
void model_delay(struct model *m, uint32_t site, p2_ns one_way);
void model_cut_all(struct model *m); // by the sites: the client does not read

uint64_t model_computed(const struct model *m);                         // runs that ended
bool model_has_computed(const struct model *m, const struct p2_id *id); // somewhere

#endif
