#include <stddef.h>

#include "msg.h"

struct p2_blob *p2_params_keep(struct p2_blob_pool *pool, const struct p2_params *ps, struct p2_params *out) {
    *out = (struct p2_params){0};
    if (ps->count == 0) return NULL;
    size_t bytes = ps->count * sizeof *ps->items;
    for (uint32_t i = 0; i < ps->count; i++) {
        const struct p2_param *p = &ps->items[i];
        bytes += p->name.n + (p->kind == P2_PARAM_TEXT ? p->value.text.n : 0);
    }
    if (bytes > UINT32_MAX) return NULL;
    struct p2_blob *blob = p2_blob_new(pool, (uint32_t)bytes);
    if (!blob) return NULL;
    // A blob's data is aligned for any object: the items stand first, their texts behind them.
    struct p2_param *items = (struct p2_param *)(void *)blob->data;
    char *texts = (char *)(items + ps->count);
    memcpy(items, ps->items, ps->count * sizeof *items);
    for (uint32_t i = 0; i < ps->count; i++) {
        struct p2_str *all[] = {&items[i].name, items[i].kind == P2_PARAM_TEXT ? &items[i].value.text : NULL};
        for (int j = 0; j < 2 && all[j]; j++) {
            if (all[j]->n) memcpy(texts, all[j]->p, all[j]->n);
            all[j]->p = texts;
            texts += all[j]->n;
        }
    }
    *out = (struct p2_params){items, ps->count};
    return blob;
}
