// What the supervisor's files share.
#ifndef PEER_SHELL_SUPERVISOR_H
#define PEER_SHELL_SUPERVISOR_H

#include "net/net.h"
#include "os/blobstore.h"
#include "os/child.h"
#include "peer/shell/cells.h"
#include "peer/shell/serve.h"
#include "wire/wire.h"

#define AFTERMATH_MAX 64 // events that follow from one step's actions: a store each message, a start each executor

struct supervisor;

struct executor {
    struct supervisor *of;
    uint32_t index;
    struct p2_child child;
    struct cells cells;
    bool dull[WORD_CELLS_MAX]; // the first record of this cell's result did not shrink: the others are not tried
};

struct supervisor {
    struct serve_settings settings;
    struct p2_loop *loop;
    struct p2_blob_pool pool;
    struct p2_codec codec;
    struct p2_reader reader;
    bool reading;
    bool hearing; // bytes of the connection: one reading of the clock and one end of a step for all of them
    p2_conn conn; // P2_NO_HANDLE: none
    struct worker *worker;
    struct worker_actions actions;
    struct executor executors[P2_DEVICES_MAX];
    struct p2_blobstore *blobs; // NULL: none are kept
    char blob_dir[P2_CHILD_PATH_MAX];
    int signals;
    p2_ns now;

    bool stepping;
    struct worker_event aftermath[AFTERMATH_MAX];
    uint32_t aftermath_count;
    char gone_text[P2_DEVICES_MAX][64];
    struct p2_blob_work refused[AFTERMATH_MAX]; // what the store of blobs could not take, lends to the aftermath
    uint32_t refused_next;

    bool leaving;
    enum p2_err leave_why;
    bool used;        // cells hold memory
    p2_ns idle_since; // no job since then, while used; P2_NEVER otherwise
    uint8_t head[P2_PREFIX_BYTES + P2_HEADER_MAX];
};

// ---- serve.c
void supervisor_feed(struct supervisor *s, struct worker_event *ev); // stamps it; also feeds what follows from it
void supervisor_later(struct supervisor *s, const struct worker_event *ev); // while stepping: fed after the actions
bool supervisor_watch(struct supervisor *s, uint32_t exec); // hears a child that has just been started; false: cannot

// ---- carry.c
void supervisor_carry(struct supervisor *s, const struct worker_action *a);

// ---- blobs.c
bool supervisor_blobs_open(struct supervisor *s); // false: the folder asked for cannot be used
void supervisor_blobs_found(struct supervisor *s);
void supervisor_blob(struct supervisor *s, const struct p2_blob_work *work);

// ---- notes.c
void supervisor_note(struct supervisor *s, const struct worker_note *n);

#endif
