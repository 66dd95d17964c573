#include "peer/shell/cells.h"

#include <unistd.h>

#include "base/check.h"
#include "os/os.h"

enum p2_err cells_init(struct cells *c, const struct word_setup *setup, struct p2_codec *codec) {
    c->setup = *setup;
    c->codec = codec;
    c->fd = p2_memory_share("p2c2r-cells", word_memory_bytes(setup));
    return c->fd >= 0 ? P2_OK : P2_ERR_IO;
}

void cells_deinit(struct cells *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
}

enum p2_err cells_store(struct cells *c, const struct cells_piece *p) {
    const struct word_setup *s = &c->setup;
    P2_CHECK(p->cell < s->cells && p->raw_size <= sizeof c->inflated);
    P2_CHECK(p->offset <= s->in_bytes && p->raw_size <= s->in_bytes - p->offset);
    const uint8_t *bytes = p2_slice_data(&p->bytes);
    if (p->zstd) {
        if (p2_body_inflate(c->codec, bytes, p->bytes.size, c->inflated, p->raw_size) != P2_OK)
            return P2_ERR_BAD_RECORD;
        bytes = c->inflated;
    } else if (p->raw_size != p->bytes.size) {
        return P2_ERR_BAD_RECORD;
    }
    return p2_file_write_at(c->fd, bytes, p->raw_size, word_cell_in(s, p->cell) + p->offset) ? P2_OK : P2_ERR_IO;
}

struct p2_blob *cells_load(struct cells *c, uint32_t cell, uint64_t offset, uint32_t size, struct p2_blob_pool *pool) {
    const struct word_setup *s = &c->setup;
    P2_CHECK(cell < s->cells && size <= P2_RECORD_PAYLOAD_MAX && offset <= s->out_bytes &&
             size <= s->out_bytes - offset);
    struct p2_blob *b = p2_blob_new(pool, size);
    if (!b) return NULL;
    if (p2_file_read_at(c->fd, b->data, size, word_cell_out(s, cell) + offset)) return b;
    p2_blob_unref(b);
    return NULL;
}

void cells_release(struct cells *c) { p2_memory_give_back(c->fd, word_memory_bytes(&c->setup)); }
