// GET /healthz: one JSON object, 200 while work is taken, 503 while draining.
#ifndef COORDINATOR_SHELL_HTTP_HEALTH_H
#define COORDINATOR_SHELL_HTTP_HEALTH_H

#include <stddef.h>

unsigned http_health(void *serve, char *body_out, size_t capacity, const char **content_type_out);

#endif
