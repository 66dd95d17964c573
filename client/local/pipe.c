#include "client/local/pipe.h"

#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "os/os.h"

#define END_WAIT P2_SEC // for a killed child to be gone when we leave

static bool copy(char *to, size_t capacity, const char *from) {
    size_t n = strnlen(from, capacity);
    if (n == capacity) return false;
    memcpy(to, from, n + 1);
    return true;
}

bool p2_pipe_init(struct pipe *p, const char *program, const char *device) {
    p2_child_init(&p->child);
    p->memory = -1;
    return copy(p->program, sizeof p->program, program) && copy(p->device, sizeof p->device, device);
}

void p2_pipe_deinit(struct pipe *p) {
    p2_child_kill(&p->child);
    if (p->child.pidfd >= 0) p2_child_reap(&p->child, END_WAIT, p->text, sizeof p->text);
    if (p->memory >= 0) close(p->memory);
    p->memory = -1;
}

bool p2_pipe_start(struct pipe *p, const struct word_setup *setup) {
    p->setup = *setup;
    if (p->memory < 0) p->memory = p2_memory_share("p2c2r-local", word_memory_bytes(setup));
    const struct p2_child_options o = {
        .program = p->program, .device = p->device, .mute = true, .unheard_max = WORDS_UNHEARD_MAX};
    return p->memory >= 0 && p2_child_start(&p->child, &o, p->memory) == P2_OK;
}

void p2_pipe_kill(struct pipe *p) { p2_child_kill(&p->child); }

void p2_pipe_hang_up(struct pipe *p) {
    close(p->child.words);
    p->child.words = -1;
    p2_child_kill(&p->child);
}

bool p2_pipe_reap(struct pipe *p) { return p2_child_reap(&p->child, 0, p->text, sizeof p->text); }

bool p2_pipe_say(struct pipe *p, const struct word *w) {
    return p->child.words < 0 || p2_child_say(&p->child, w, sizeof *w); // gone already: that is about to be heard
}

bool p2_pipe_setup(struct pipe *p) {
    struct word w;
    memset(&w, 0, sizeof w);
    w.kind = WORD_SETUP;
    w.u.setup = p->setup;
    return p2_pipe_say(p, &w);
}

bool p2_pipe_job(struct pipe *p, const struct word *w, const struct p2_slice *payload) {
    P2_CHECK(w->u.job.cell < p->setup.cells && payload->size <= p->setup.in_bytes);
    bool stored = !payload->size || p2_file_write_at(p->memory, p2_slice_data(payload), payload->size,
                                                     word_cell_in(&p->setup, w->u.job.cell));
    return stored && p2_pipe_say(p, w);
}

bool p2_pipe_cancel(struct pipe *p, uint32_t cell) {
    struct word w;
    memset(&w, 0, sizeof w);
    w.kind = WORD_CANCEL;
    w.u.cell = cell;
    return p2_pipe_say(p, &w);
}

bool p2_pipe_result(const struct pipe *p, uint32_t cell, uint64_t offset, uint8_t *out, uint64_t size) {
    P2_CHECK(cell < p->setup.cells && offset <= p->setup.out_bytes && size <= p->setup.out_bytes - offset);
    return p2_file_read_at(p->memory, out, (size_t)size, word_cell_out(&p->setup, cell) + offset);
}

void p2_pipe_release(struct pipe *p) {
    if (p->memory >= 0) p2_memory_give_back(p->memory, word_memory_bytes(&p->setup));
}
