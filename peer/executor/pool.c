#include "peer/executor/pool.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/check.h"

#define SHIFT_MIN 12 // the smallest class is 4 KiB
#define SIZE_MAX_HELD ((size_t)1 << 40)
#define KEEP_MAX ((uint64_t)768 << 20) // of one slot between jobs; above it free blocks are given back

#define HUGE_BYTES ((size_t)2 << 20)

struct pool_block {
    struct pool_block *next;
    uint8_t *host;    // NULL: device memory
    uint8_t *backing; // what device memory of a processor lies in; NULL: the driver's own
    cl_mem mem;       // device memory, or the view of the host's, made when first asked for
    size_t size;
    uint32_t size_class;
};

size_t pool_class_size(uint32_t size_class) {
    uint32_t shift = SHIFT_MIN + size_class / 4;
    return ((size_t)1 << shift) + (size_t)(size_class % 4) * ((size_t)1 << (shift - 2));
}

uint32_t pool_class(size_t size) {
    if (size <= (size_t)1 << SHIFT_MIN) return 0;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll((unsigned long long)size);
    size_t base = (size_t)1 << shift, step = base >> 2;
    uint32_t quarter = (uint32_t)((size - base + step - 1) / step);
    return (shift - SHIFT_MIN) * 4 + quarter;
}

void pool_init(struct pool *p, struct residents *residents) {
    *p = (struct pool){.device = residents->device, .residents = residents, .allocations = residents->allocations};
}

static void block_destroy(struct pool *p, struct pool_block *b) {
    if (b->mem) clReleaseMemObject(b->mem);
    free(b->host);
    free(b->backing);
    p->bytes_kept -= b->size;
    free(b);
}

static void list_destroy(struct pool *p, struct pool_block **head) {
    while (*head) {
        struct pool_block *b = *head;
        *head = b->next;
        block_destroy(p, b);
    }
}

void pool_trim(struct pool *p) {
    for (uint32_t i = 0; i < POOL_CLASSES; i++) {
        list_destroy(p, &p->free_device[i]);
        list_destroy(p, &p->free_host[i]);
    }
}

void pool_release(struct pool *p) {
    while (p->taken) {
        struct pool_block *b = p->taken;
        p->taken = b->next;
        struct pool_block **head = b->host ? &p->free_host[b->size_class] : &p->free_device[b->size_class];
        b->next = *head;
        *head = b;
    }
    if (p->bytes_kept > KEEP_MAX) pool_trim(p);
}

void pool_deinit(struct pool *p) {
    pool_release(p);
    pool_trim(p);
    P2_CHECK(p->bytes_kept == 0);
}

static struct pool_block *take(struct pool *p, struct pool_block **head) {
    struct pool_block *b = *head;
    if (!b) return NULL;
    *head = b->next;
    b->next = p->taken;
    p->taken = b;
    return b;
}

static struct pool_block *adopt(struct pool *p, struct pool_block made) {
    struct pool_block *b = malloc(sizeof *b);
    if (!b) return NULL;
    *b = made;
    b->next = p->taken;
    p->taken = b;
    p->bytes_kept += b->size;
    atomic_fetch_add(p->allocations, 1);
    return b;
}

// Whole pages, so that every device that shares memory can see it; where there are many, large ones: a first job
// touches tens of megabytes, which are thousands of faults on small ones.
static uint8_t *host_memory(size_t size) {
    size_t align = size >= HUGE_BYTES ? HUGE_BYTES : DEVICE_VIEW_ALIGN;
    size_t rounded = (size + DEVICE_VIEW_ALIGN - 1) / DEVICE_VIEW_ALIGN * DEVICE_VIEW_ALIGN;
    void *host = NULL;
    if (posix_memalign(&host, align, rounded)) return NULL;
    if (align == HUGE_BYTES) (void)madvise(host, rounded, MADV_HUGEPAGE); // a system without takes small ones
    return host;
}

// A processor computes in the memory that it is given: this pool's own has large pages.
static cl_mem make_device(struct pool *p, size_t size, uint8_t **backing, cl_int *error) {
    *backing = p->device->info.facts.is_cpu && size >= HUGE_BYTES ? host_memory(size) : NULL;
    cl_mem mem = *backing ? device_view(p->device, *backing, size) : NULL;
    if (mem) return mem;
    free(*backing);
    *backing = NULL;
    return clCreateBuffer(p->device->context, CL_MEM_READ_WRITE, size, NULL, error);
}

static cl_mem device_memory(struct pool *p, size_t size, uint8_t **backing, cl_int *error) {
    cl_mem mem = make_device(p, size, backing, error);
    if (mem) return mem;
    pool_trim(p);
    do mem = make_device(p, size, backing, error);
    while (!mem && residents_evict(p->residents, size) > 0);
    return mem;
}

cl_mem pool_device(struct pool *p, size_t size, struct p2_strbuf *why) {
    uint64_t limit = p->device->info.facts.buffer_bytes_max;
    if (device_is_fake(p->device) || size > limit || size > SIZE_MAX_HELD) {
        p2_strbuf_printf(why, "a buffer of %zu bytes is more than the device gives (%llu)", size,
                         (unsigned long long)(device_is_fake(p->device) ? 0 : limit));
        return NULL;
    }
    uint32_t size_class = pool_class(size);
    struct pool_block *b = take(p, &p->free_device[size_class]);
    if (b) return b->mem;
    size_t class_size = pool_class_size(size_class);
    if (class_size > limit) class_size = (size_t)limit;
    cl_int e = CL_SUCCESS;
    uint8_t *backing;
    cl_mem mem = device_memory(p, class_size, &backing, &e);
    const struct pool_block made = {.backing = backing, .mem = mem, .size = class_size, .size_class = size_class};
    if (mem) b = adopt(p, made);
    if (b) return mem;
    if (mem) clReleaseMemObject(mem);
    free(backing);
    p2_strbuf_printf(why, "no device memory for %zu bytes (OpenCL error %d)", size, e);
    return NULL;
}

uint8_t *pool_host(struct pool *p, size_t size, struct p2_strbuf *why) {
    if (size > SIZE_MAX_HELD) {
        p2_strbuf_printf(why, "host scratch of %zu bytes is out of range", size);
        return NULL;
    }
    uint32_t size_class = pool_class(size);
    struct pool_block *b = take(p, &p->free_host[size_class]);
    if (b) return b->host;
    size_t class_size = pool_class_size(size_class);
    uint8_t *host = host_memory(class_size);
    if (!host) {
        pool_trim(p);
        host = host_memory(class_size);
    }
    if (host) b = adopt(p, (struct pool_block){.host = host, .size = class_size, .size_class = size_class});
    if (b) return host;
    free(host);
    p2_strbuf_printf(why, "no host memory for %zu bytes", size);
    return NULL;
}

cl_mem pool_host_view(struct pool *p, const void *host, size_t size) {
    struct pool_block *b = p->taken;
    while (b && (!b->host || b->host != host)) b = b->next;
    if (!b || size > b->size) return NULL;
    if (!b->mem) {
        b->mem = device_view(p->device, b->host, b->size);
        if (b->mem) atomic_fetch_add(p->allocations, 1);
    }
    return b->mem;
}
