// What makes two tasks the same: type and version, parameters in one canonical form, scope; then (memo.c) the digests
// of its blobs. The payload's digest is added by the shell: key = SHA-256(head, SHA-256(raw payload)).
#ifndef COORDINATOR_CORE_CACHE_KEY_H
#define COORDINATOR_CORE_CACHE_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "kernels/task_type.h"

// Length and bytes of a type's name, its version, the scope; then each parameter: name, kind, values.
#define CACHE_PARAM_BYTES_MAX (1 + P2_PARAM_NAME_MAX + 2 + 2 + P2_PARAM_TEXT_MAX)
#define CACHE_HEAD_BYTES_MAX (64 + 16 + 4 + 2 * P2_PARAMS_MAX * CACHE_PARAM_BYTES_MAX)

// Writes the head and returns its length; 0 when it does not fit or cannot be told. Parameters are in the order of
// their names whatever order they came in; one that is absent has its type's default; a whole number for a REAL is
// that real; there is one zero. `scope` zero: the result may be shared by all.
size_t cache_key_head(const struct p2_task_type *type, const struct p2_params *params, const struct p2_id *scope,
                      uint8_t *out, size_t capacity);

#endif
