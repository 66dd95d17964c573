// A blob on its way from a client to the disk. Several clients may offer the same one: the first sends, the others wait
// and are told how that ends, or take over.
//
//   WAITING --> OPENING --BEGIN done--> TAKING --all stored--> CHECKING --COMMIT done--> (told HAVE, or ERROR)
//
// A client that goes leaves what is stored to be continued, by whomever; once CHECKING, it need not stay.
#ifndef COORDINATOR_CORE_UPLOAD_H
#define COORDINATOR_CORE_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blobwork.h"
#include "base/list.h"
#include "base/ns.h"
#include "base/slab.h"
#include "msg/flow.h"
#include "msg/msg.h"

#define UPLOADS_PER_CLIENT 8u
#define UPLOAD_WRITES_FREE 16u   // pieces on their way to the disk, of any size; more, when they are
#define UPLOAD_WRITE_BYTES 2048u // that long on average

struct blob;
struct client;
struct coord;
struct session;

enum upload_state { UPLOAD_WAITING, UPLOAD_OPENING, UPLOAD_TAKING, UPLOAD_CHECKING };
#define UPLOAD_STATES 4

struct upload {
    p2_handle self, blob;
    p2_handle client; // P2_NO_HANDLE: it left while CHECKING
    enum upload_state state;
    uint32_t stream;
    uint32_t writes; // not answered
    struct p2_list in_client, in_blob;
    struct p2_inflow in;
    uint64_t stored;
    struct p2_list awaited; // in blobs.awaited while the client owes bytes
    p2_ns awaited_ns;
    uint64_t awaited_have;
};

void upload_on_put(struct coord *c, struct session *s, const struct p2_msg *m);
struct upload *upload_of(const struct coord *c, const struct client *cl, uint32_t stream); // NULL: none
void upload_on_chunk(struct coord *c, struct session *s, struct upload *u, const struct p2_msg_chunk *chunk);
void upload_on_error(struct coord *c, struct upload *u); // the client wants it no more
void upload_on_done(struct coord *c, const struct p2_blob_work *answer);
void upload_client_gone(struct coord *c, struct client *cl);
void upload_tick(struct coord *c); // those that stopped arriving
p2_ns upload_next_ns(const struct coord *c);
void upload_check(const struct coord *c);

#endif
