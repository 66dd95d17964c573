#include "peer/shell/cells.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "os/os.h"

static uint64_t total(const struct word_setup *s) { return s->cells * (s->in_bytes + s->out_bytes); }

enum p2_err cells_init(struct cells *c, const struct word_setup *setup, struct p2_codec *codec) {
    c->setup = *setup;
    c->codec = codec;
    c->fd = memfd_create("p2c2r-cells", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (c->fd < 0) return P2_ERR_IO;
    // the executor can then neither shrink nor grow what we read
    bool ok = ftruncate(c->fd, (off_t)total(setup)) == 0 &&
              fcntl(c->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
    if (ok) return P2_OK;
    cells_deinit(c);
    return P2_ERR_IO;
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

void cells_release(struct cells *c) {
    (void)fallocate(c->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)total(&c->setup));
}
