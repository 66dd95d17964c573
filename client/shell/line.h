// The connections to coordinators, as the rest of the shell sees them. Included by client.h. Not installed.
#ifndef CLIENT_SHELL_LINE_H
#define CLIENT_SHELL_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ns.h"
#include "net/net.h"
#include "wire/wire.h"

#define CLIENT_URL_BYTES 256u // of one coordinator, with its end

struct p2c2r_client;

// Fake lag: what the coordinator said, not yet heard.
struct held {
    struct held *next;
    p2_ns due_ns;
    bool end; // the connection's end, `why`
    enum p2_err why;
    size_t size;
    uint8_t bytes[];
};

// An address of the list, and its connection: a probe, or the link.
struct line {
    struct p2c2r_client *client;
    char url[CLIENT_URL_BYTES];
    p2_conn conn; // P2_NO_HANDLE: none
    struct p2_reader reader;
    bool loopback;
    bool hearing, renewed;           // bytes are read just now; and are void, for there is another connection
    bool opened_waits, closed_waits; // of a probe, as those of the client
    enum p2_err closed_why;
};

// ---- line.c
extern const struct p2_net_handlers p2_client_handlers; // context is set by the copy's owner
void p2_line_dial(struct line *l);                      // a connection of its own; closed_waits when there is none
void p2_line_hear(struct line *l, const uint8_t *bytes, size_t size);
void p2_line_probe_send(struct line *l, const struct p2_msg *m);
void p2_line_probe_end(struct line *l, enum p2_err why);
void p2_line_adopt(struct line *l); // as the link
void p2_lines_deinit(struct p2c2r_client *c);

#endif
