// What messages call tasks, replicas and flights by, and the tables that find them. The keys lie in the objects.
#ifndef COORDINATOR_CORE_TABLES_H
#define COORDINATOR_CORE_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "base/slab.h"

#include "base/index.h"

struct coord;
struct client;

// Objects by a number that counts up within a row: streams of a client or a peer. An object lies at its number modulo
// the size of the row, so that what is open of a row that counts up is found without a search. One whose place is taken
// lies in the index.
struct table_place {
    uint32_t link, number; // slot + 1; 0: nobody
};

// Rows are the slots of handles.
struct table {
    struct table_place *places;
    uint32_t mask, count;
    struct p2_index rest;
};

bool table_put(struct table *t, p2_handle row, uint32_t number, uint32_t slot); // false: the number is taken
void table_remove(struct table *t, p2_handle row, uint32_t number, uint32_t slot);
uint32_t table_get(const struct table *t, p2_handle row, uint32_t number); // P2_NO_SLOT: nobody

// A task that is open, or one that ended not long ago: slots of coord.tasks, then places in coord.recent.
uint32_t table_task_known(const struct coord *c, const struct client *cl, const struct p2_id *id);

void table_task_prefetch(const struct coord *c, const struct client *cl, const struct p2_id *id); // asked for soon

bool tables_init(struct coord *c);
void tables_deinit(struct coord *c);
size_t tables_bytes(const struct coord *c);
void tables_check(const struct coord *c);

struct p2_id table_pair_key(p2_handle h, uint32_t stream);
struct p2_id table_own_key(const struct client *cl, const struct p2_id *id); // ids are a client's own: by its salt

#endif
