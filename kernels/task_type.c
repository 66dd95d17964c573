#include "kernels/task_type.h"

bool p2_task_type_is(const struct p2_task_type *t, struct p2_str name) {
    if (p2_str_is(name, t->name)) return true;
    for (const char *const *alias = t->aliases; alias && *alias; alias++)
        if (p2_str_is(name, *alias)) return true;
    return false;
}

const struct p2_task_type *p2_task_type_find(struct p2_str name) {
    for (uint32_t i = 0; i < p2_task_type_count; i++)
        if (p2_task_type_is(p2_task_types[i], name)) return p2_task_types[i];
    return NULL;
}

p2_ns p2_task_patience(p2_ns prior_ns) {
    p2_ns span;
    return __builtin_mul_overflow(prior_ns, (p2_ns)4, &span) ? P2_NEVER : span;
}

uint32_t p2_size_class(uint64_t units) { return units < 2 ? 0 : 63u - (uint32_t)__builtin_clzll(units); }
