#include "peer/executor/slot.h"

enum p2_err fake_run(struct exec_slot *s, const struct exec_type *type, const struct exec_job *job, size_t *out_size) {
    if (type->run_reference) return type->run_reference(s, job, out_size);
    return type->type->reference(job->block, job->in, job->in_size, job->out, job->out_capacity, out_size);
}
