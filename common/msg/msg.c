#include "msg.h"

#include <string.h>

struct p2_slice *p2_msg_payload(struct p2_msg *m) {
    switch (m->kind) {
    case P2_MSG_TASK_SUBMIT: return &m->u.submit.payload;
    case P2_MSG_TASK_ASSIGN: return &m->u.assign.payload;
    case P2_MSG_TASK_RESULT: return &m->u.result.payload;
    case P2_MSG_RESULT_DELIVERY: return &m->u.delivery.payload;
    case P2_MSG_CHUNK: return &m->u.chunk.payload;
    default: return NULL;
    }
}

const char *p2_missing_name(enum p2_missing m) {
    static const char *const names[] = {"none", "type", "kind", "memory"};
    return (unsigned)m < sizeof names / sizeof *names ? names[m] : "unknown";
}

const char *p2_open_state_name(enum p2_open_state s) {
    static const char *const names[] = {"queued", "running", "returning", "joined", "kept"};
    return (unsigned)s < sizeof names / sizeof *names ? names[s] : "unknown";
}

static struct p2_str keep_text(char **end, struct p2_str text) {
    if (text.n == 0) return (struct p2_str){0};
    struct p2_str kept = {*end, text.n};
    memcpy(*end, text.p, text.n);
    *end += text.n;
    return kept;
}

uint64_t p2_params_bytes(const struct p2_params *ps) {
    uint64_t size = (uint64_t)ps->count * sizeof(struct p2_param);
    for (uint32_t i = 0; i < ps->count; i++) {
        const struct p2_param *p = &ps->items[i];
        size += p->name.n + (p->kind == P2_PARAM_TEXT ? (uint64_t)p->value.text.n : 0);
    }
    return size;
}

struct p2_params p2_params_copy(const struct p2_params *ps, void *memory) {
    if (ps->count == 0) return (struct p2_params){0};
    struct p2_param *items = memory;
    char *end = (char *)(items + ps->count);
    memcpy(items, ps->items, ps->count * sizeof *items);
    for (uint32_t i = 0; i < ps->count; i++) {
        items[i].name = keep_text(&end, ps->items[i].name);
        if (items[i].kind == P2_PARAM_TEXT) items[i].value.text = keep_text(&end, ps->items[i].value.text);
    }
    return (struct p2_params){items, ps->count};
}

struct p2_blob *p2_params_keep(struct p2_blob_pool *pool, const struct p2_params *ps, struct p2_params *out) {
    *out = (struct p2_params){0};
    if (ps->count == 0) return NULL;
    uint64_t size = p2_params_bytes(ps);
    struct p2_blob *b = size <= UINT32_MAX ? p2_blob_new(pool, (uint32_t)size) : NULL;
    if (b) *out = p2_params_copy(ps, b->data);
    return b;
}
