// Payloads from a stranger, for the task of any known answer of any type: refused, or computed by the reference into
// no more than was promised, and equal to itself.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "kernels/task_type.h"

#define CASES 64u

static const struct p2_known_answer *pick(uint8_t which, const struct p2_task_type **type) {
    for (uint32_t t = 0, i = which % CASES; t < p2_task_type_count; i -= p2_task_types[t++]->known_answer_count)
        if (i < p2_task_types[t]->known_answer_count) {
            *type = p2_task_types[t];
            return &p2_task_types[t]->known_answers[i];
        }
    return NULL;
}

static void compute(const struct p2_task_type *t, const void *block, const uint8_t *payload, size_t size,
                    const struct p2_task_cost *cost) {
    size_t room = (size_t)cost->result_bytes_max, used = 0;
    uint8_t *out = malloc(room ? room : 1);
    P2_CHECK(out);
    enum p2_err err = t->reference(block, payload, size, out, room, &used);
    P2_CHECK(err == P2_OK || err == P2_ERR_BAD_PAYLOAD);
    if (!err) P2_CHECK(used <= room && t->equal(block, out, used, out, used));
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct p2_task_type *t = NULL;
    const struct p2_known_answer *known = size ? pick(data[0], &t) : NULL;
    if (!known) return 0;
    _Alignas(64) uint8_t block[P2_BLOCK_MAX];
    char text[200];
    struct p2_strbuf why;
    struct p2_task_cost cost;
    p2_strbuf_init(&why, text, sizeof text);
    const struct p2_params params = {known->params, known->param_count};
    uint8_t *payload = aligned_alloc(64, size / 64 * 64 + 64);
    P2_CHECK(payload);
    memcpy(payload, data + 1, size - 1);
    if (t->prepare(&params, size - 1, block, &cost, &why) == P2_OK)
        compute(t, block, payload, size - 1, &cost);
    else
        P2_CHECK(text[0]);
    free(payload);
    return 0;
}
