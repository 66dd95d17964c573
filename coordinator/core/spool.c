#include "spool.h"

#include <stddef.h>

#include "base/check.h"

#define FREE_PIECES 16u       // any payload may come in so many pieces
#define PIECE_RAW_BYTES 2048u // beyond them, this many bytes buy one

static uint32_t table_capacity(const struct spool *s) {
    return s->table ? s->table->capacity / (uint32_t)sizeof(struct piece) : 1;
}

static struct piece *table_of(const struct spool *s) { return (struct piece *)(void *)s->table->data; }

static struct piece *place(const struct spool *s, uint32_t index) {
    if (!s->table) return (struct piece *)&s->one;
    return &table_of(s)[(s->head + index) % table_capacity(s)];
}

static bool grow(struct spool *s, struct p2_blob_pool *pool) {
    uint32_t want = s->table ? 2 * s->table->capacity : 8 * (uint32_t)sizeof(struct piece);
    struct p2_blob *wider = p2_blob_new(pool, want);
    if (!wider) return false;
    struct piece *to = (struct piece *)(void *)wider->data;
    for (uint32_t i = 0; i < s->count; i++) to[i] = *place(s, i);
    p2_blob_unref(s->table);
    s->table = wider;
    s->head = 0;
    return true;
}

enum p2_err spool_push(struct spool *s, struct p2_blob_pool *pool, const struct piece *p) {
    if (s->count >= FREE_PIECES + (s->bytes + p->raw_size) / PIECE_RAW_BYTES) return P2_ERR_BAD_MESSAGE;
    if (s->count == table_capacity(s) && !grow(s, pool)) return P2_ERR_NO_MEMORY;
    struct piece *to = place(s, s->count);
    *to = *p;
    if (to->slice.blob) p2_blob_ref(to->slice.blob);
    s->count++;
    s->bytes += p->raw_size;
    return P2_OK;
}

const struct piece *spool_at(const struct spool *s, uint32_t index) {
    return s && index < s->count ? place(s, index) : NULL;
}

void spool_drop_first(struct spool *s) {
    P2_CHECK(s->count > 0);
    struct piece *first = place(s, 0);
    p2_blob_unref(first->slice.blob);
    s->bytes -= first->raw_size;
    s->count--;
    s->head = s->table ? (s->head + 1) % table_capacity(s) : 0;
}

void spool_clear(struct spool *s) {
    while (s->count) spool_drop_first(s);
    p2_blob_unref(s->table);
    *s = (struct spool){.table = NULL};
}

void spool_check(const struct spool *s) {
    uint64_t bytes = 0;
    if (!s) return;
    P2_CHECK(s->count <= table_capacity(s));
    for (uint32_t i = 0; i < s->count; i++) {
        const struct piece *p = place(s, i);
        const struct piece *next = spool_at(s, i + 1);
        P2_CHECK(p->raw_size > 0 && p->slice.blob && p->slice.blob->refs > 0);
        P2_CHECK(!next || next->offset == p->offset + p->raw_size);
        bytes += p->raw_size;
    }
    P2_CHECK(bytes == s->bytes);
}
