// What messages call tasks, replicas and flights by, and the tables that find them. The keys lie in the objects.
#ifndef COORDINATOR_CORE_TABLES_H
#define COORDINATOR_CORE_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "base/slab.h"

struct coord;
struct client;

bool tables_init(struct coord *c);
void tables_deinit(struct coord *c);
size_t tables_bytes(const struct coord *c);
void tables_check(const struct coord *c);

struct p2_id table_pair_key(p2_handle h, uint32_t stream);
struct p2_id table_own_key(const struct client *cl, const struct p2_id *id); // ids are a client's own: by its salt

#endif
