#include "check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void p2_check_failed(const char *expression, const char *file, int line) {
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, expression);
    abort();
}
