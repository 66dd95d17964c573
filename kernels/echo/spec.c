#include <string.h>

#include "base/strbuf.h"
#include "kernels/echo/echo.h"

static const struct p2_param_spec params[] = {
    {.name = "digests",
     .kind = P2_PARAM_INT,
     .count = 1,
     .min = 0,
     .max = 1,
     .fallback = "0",
     .unit = "",
     .doc = "1: the result is the SHA-256 of each blob, one after another."},
    {.name = NULL},
};

static enum p2_err prepare(const struct p2_params *given, uint64_t payload_size, void *block, struct p2_task_cost *cost,
                           struct p2_strbuf *why) {
    enum p2_err err = p2_params_check(given, params, why);
    if (err) return err;
    if (payload_size > ECHO_BYTES_MAX) {
        p2_strbuf_printf(why, "payload of %llu bytes is above the limit of %u", (unsigned long long)payload_size,
                         ECHO_BYTES_MAX);
        return P2_ERR_TOO_LARGE;
    }
    const struct p2_param *digests = p2_params_find(given, "digests");
    struct echo_block b = {.size = (unsigned)payload_size, .digests = digests && digests->value.ints[0]};
    memcpy(block, &b, sizeof b);
    uint64_t units = payload_size ? payload_size : 1;
    *cost = (struct p2_task_cost){
        .units = units,
        .result_bytes_max = b.digests ? ECHO_BLOBS_MAX * ECHO_DIGEST : payload_size,
        .device_bytes = 2 * payload_size,
        .size_class = p2_size_class(units),
        .timeout_prior_ns = 20 * P2_MS + (p2_ns)payload_size * 4, // 250 MB/s each way
    };
    return P2_OK;
}

static bool equal(const void *block, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) {
    (void)block;
    return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static const uint8_t hello[] = "what goes in comes out: two vectors and a rest";

static const struct p2_known_answer known_answers[] = {
    {.payload = hello, .payload_size = sizeof hello - 1},
    {.payload = hello, .payload_size = 0},
};

const struct p2_task_type p2_type_echo = {
    .name = "echo",
    .version = 1,
    .doc = "Returns the payload unchanged; measures the way there and back.",
    .unit = "B",
    .params = params,
    .block_bytes = sizeof(struct echo_block),
    .criticality = P2_CRIT_LOW,
    .deterministic = true,
    .payload_bytes_max = ECHO_BYTES_MAX,
    .blobs_max = ECHO_BLOBS_MAX,
    .prepare = prepare,
    .reference = p2_echo_reference,
    .equal = equal,
    .known_answers = known_answers,
    .known_answer_count = sizeof known_answers / sizeof *known_answers,
};
