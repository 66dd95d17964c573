// A store of blobs as a shell has it beside its core: what is asked for is done in order and a little later. Blobs have
// numbers; their digest, size and bytes follow from it.
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "base/blobwork.h"
#include "sim.h"

#define SIM_BLOBS 12u
#define SIM_BLOB_BYTES_MAX 400000u
#define DISK_STREAMS 256u
#define DISK_WORKS 16384u

struct p2_digest sim_blob_digest(uint32_t number);
uint32_t sim_blob_size(uint32_t number);
uint64_t sim_blob_seed(uint32_t number);
bool sim_blob_number(const struct p2_digest *digest, uint32_t *number_out); // false: none of ours

struct disk_file {
    uint64_t have;
    bool there, whole;
};

struct disk {
    const struct node *node; // frozen, it hears no answers
    struct p2_blob_pool *pool;
    void (*answer)(struct disk *d, struct p2_blob_work *w);
    struct disk_file files[SIM_BLOBS];
    struct {
        p2_handle token;
        bool reading;
        uint32_t blob;
    } streams[DISK_STREAMS];
    struct p2_blob_work *works;
    uint32_t first, count;
    struct timer timer;
};

void disk_init(struct disk *d, const struct node *node, struct p2_blob_pool *pool,
               void (*answer)(struct disk *, struct p2_blob_work *));
void disk_deinit(struct disk *d);
void disk_do(struct disk *d, const struct p2_blob_work *w);
void disk_process_ended(struct disk *d); // what it had asked for is forgotten; files stay
void disk_wipe(struct disk *d);

#endif
