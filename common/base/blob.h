// Refcounted bytes that are written once and then shared.
// Not thread-safe: a blob belongs to one loop. A pool may be shared.
#ifndef P2_BASE_BLOB_H
#define P2_BASE_BLOB_H

#include <stdint.h>

struct p2_blob_pool;

struct p2_blob {
    struct p2_blob_pool *pool;
    struct p2_blob *next_free;
    uint32_t refs;
    uint32_t size;     // bytes in use
    uint32_t capacity; // bytes available at data
    uint32_t size_class;
    uint8_t *data; // aligned to 16 bytes
};

// Recycles blobs by power-of-two size class, so steady traffic allocates nothing.
struct p2_blob_pool {
    struct p2_blob *free[27];            // class i holds capacity 1 << i
    uint32_t live[27];                   // handed out, of each class
    uint64_t bytes_live, bytes_live_max; // capacities of blobs handed out; their ceiling (the budget)
    uint64_t bytes_kept, bytes_kept_max; // in free lists; above the ceiling memory goes back to the system
    uint64_t allocations;                // calls of malloc since init, for tests and metrics
    void (*lock)(void *context), (*unlock)(void *context); // NULL: one thread uses it
    void *lock_context;
};

void p2_blob_pool_init(struct p2_blob_pool *p, uint64_t bytes_live_max, uint64_t bytes_kept_max);
void p2_blob_pool_deinit(struct p2_blob_pool *p); // every blob must have come back
// From now on several threads may take and give back blobs: each such call is made between these two. A blob itself
// still belongs to one thread at a time.
void p2_blob_pool_share(struct p2_blob_pool *p, void (*lock)(void *context), void (*unlock)(void *context),
                        void *context);

// One reference to a blob with capacity >= size and size set; NULL over budget or out of memory.
struct p2_blob *p2_blob_new(struct p2_blob_pool *p, uint32_t size);
struct p2_blob *p2_blob_ref(struct p2_blob *b);
// A blob whose bytes are the caller's, without room in front: they stay as they are until the last reference is gone.
// Only what it costs besides counts as live.
struct p2_blob *p2_blob_lend(struct p2_blob_pool *p, const uint8_t *bytes, uint32_t size);
void p2_blob_unref(struct p2_blob *b); // NULL is fine

// Part of a blob. Holding one means holding one reference.
struct p2_slice {
    struct p2_blob *blob; // NULL: empty
    uint32_t offset, size;
};

static inline const uint8_t *p2_slice_data(const struct p2_slice *s) { return s->blob ? s->blob->data + s->offset : 0; }

#endif
