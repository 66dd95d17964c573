// An allocator of the game's own for everything that the library allocates.
#ifndef P2C2R_MEMORY_H
#define P2C2R_MEMORY_H

#include "p2c2r.h"

#ifdef __cplusplus
extern "C" {
#endif

// As malloc, calloc, realloc and free of the C library, each with `context`. All four are needed. Called inside calls
// of this library, on their thread; also on the library's own threads, with p2c2r_options.io_thread and while a host
// name is looked up. Blocks are aligned for any type. NULL says that memory is short: calls then fail with
// P2C2R_ENOMEM, tickets end with the code NoMemory or with the connection, and nothing else is lost.
typedef struct p2c2r_allocator {
    size_t size;
    void *context;
    void *(*allocate)(void *context, size_t size);
    void *(*allocate_zeroed)(void *context, size_t count, size_t size);
    void *(*reallocate)(void *context, void *old, size_t size);
    void (*release)(void *context, void *old); // never with NULL
} p2c2r_allocator;

// Once, for the whole process and for good, before the first p2c2r_create: afterwards P2C2R_EINVAL, as for a struct
// that is not whole. libuv, libwebsockets and zstd serve this library from there too (protobuf-c needs no memory but
// ours); if the game uses libuv or libwebsockets itself, it must not have begun to, and what it does with them is
// served as well. Not served: what libcrypto keeps while p2c2r_blob_put_wait hashes, and what the C library takes for
// threads, to sort and to resolve names. When the allocator says no to libuv or libwebsockets, which cannot go on
// without, they get up to 2 MiB that are kept for that, and no connection is begun while half of that is in use.
P2C2R_API p2c2r_status p2c2r_set_allocator(const p2c2r_allocator *allocator);

#ifdef __cplusplus
}
#endif

#endif
