// What spec.c and ref.c of echo share.
#ifndef KERNELS_ECHO_ECHO_H
#define KERNELS_ECHO_ECHO_H

#include "kernels/echo/layout.h"
#include "kernels/task_type.h"

extern const struct p2_task_type p2_type_echo;

enum p2_err p2_echo_reference(const void *block, const uint8_t *payload, size_t payload_size, uint8_t *out,
                              size_t out_capacity, size_t *out_size);

#endif
