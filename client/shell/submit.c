// A caller's task, checked here so that a mistake is a sentence at once and not a refusal a round trip later.
#include "client/shell/io.h"

#include <stdio.h>
#include <string.h>

#include "os/os.h"

static const struct p2_param_spec *param_spec(const struct p2_task_type *type, const char *name) {
    for (const struct p2_param_spec *p = type->params; p && p->name; p++) {
        if (strcmp(p->name, name) == 0) return p;
    }
    return NULL;
}

static p2c2r_status parse_params(struct p2c2r_client *c, const p2c2r_task *task, struct prepared *out) {
    if (task->param_count > P2_PARAMS_MAX || (task->param_count && !task->params))
        return p2_client_fail(c, P2C2R_EINVAL, "a task takes at most %d parameters", P2_PARAMS_MAX);
    char text[P2_TEXT_MAX];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    for (uint32_t i = 0; i < task->param_count; i++) {
        const p2c2r_param *given = &task->params[i];
        if (!given->name || !given->value)
            return p2_client_fail(c, P2C2R_EINVAL, "parameter %u lacks a name or a value", i + 1);
        const struct p2_param_spec *spec = param_spec(out->type, given->name);
        if (!spec)
            return p2_client_fail(c, P2C2R_EINVAL, "%s takes no parameter \"%.32s\"", out->type->name, given->name);
        if (p2_param_parse(spec, given->value, &out->params[out->param_count], &why) != P2_OK)
            return p2_client_fail(c, P2C2R_EINVAL, "%s", text);
        out->params[out->param_count++].name = p2_str(spec->name);
    }
    struct p2_params all = {out->params, out->param_count};
    if (p2_params_check(&all, out->type->params, &why) != P2_OK) return p2_client_fail(c, P2C2R_EINVAL, "%s", text);
    return P2C2R_OK;
}

// Every blob has the size of a power of two: what a payload takes of the budget.
static uint64_t blob_bytes(uint64_t size) {
    uint64_t n = 64; // the smallest
    while (n < size) n <<= 1;
    return n;
}

static uint32_t place_of(const struct p2_task_type *type) {
    uint32_t at = 0;
    while (p2_task_types[at] != type) at++;
    return at;
}

p2c2r_status p2_task_prepare(struct p2c2r_client *c, const p2c2r_task *task, struct prepared *out) {
    if (!task->type) return p2_client_fail(c, P2C2R_EINVAL, "a task needs a type");
    out->type = p2_task_type_find(p2_str(task->type));
    if (!out->type) return p2_client_fail(c, P2C2R_EINVAL, "no task type is called \"%.32s\"", task->type);
    if (task->priority > P2C2R_BACKGROUND) return p2_client_fail(c, P2C2R_EINVAL, "priority is 0 to 3");
    if (task->cache > (P2C2R_CACHE_BYPASS | P2C2R_CACHE_REFRESH | P2C2R_CACHE_PRIVATE))
        return p2_client_fail(c, P2C2R_EINVAL, "cache has an unknown bit");
    if (task->deadline_ms < 0 || task->deadline_ms > CLIENT_SPAN_MAX_MS)
        return p2_client_fail(c, P2C2R_EINVAL, "deadline_ms is 0 to %lld", CLIENT_SPAN_MAX_MS);
    if (task->blob_count > out->type->blobs_max || (task->blob_count && !task->blobs))
        return p2_client_fail(c, P2C2R_EINVAL, "%s refers to at most %u blobs", out->type->name,
                              (unsigned)out->type->blobs_max);
    if (task->payload_size > out->type->payload_bytes_max || task->payload_size > P2_TASK_PAYLOAD_MAX)
        return p2_client_fail(c, P2C2R_EINVAL, "%s takes a payload of at most %llu bytes", out->type->name,
                              (unsigned long long)(out->type->payload_bytes_max < P2_TASK_PAYLOAD_MAX
                                                       ? out->type->payload_bytes_max
                                                       : P2_TASK_PAYLOAD_MAX));
    if (!task->payload_lent && blob_bytes(task->payload_size) > c->payloads.bytes_live_max)
        return p2_client_fail(c, P2C2R_EINVAL, "the payload is larger than payload_bytes_max allows");
    out->param_count = 0;
    p2c2r_status status = parse_params(c, task, out);
    if (status != P2C2R_OK) return status;
    memset(out->block, 0, sizeof out->block);
    out->cost = (struct p2_task_cost){0};
    char text[P2_TEXT_MAX];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    struct p2_params params = {out->params, out->param_count};
    if (out->type->prepare(&params, task->payload_size, out->block, &out->cost, &why) != P2_OK)
        return p2_client_fail(c, P2C2R_EINVAL, "%s", text);
    out->kind = (struct timeout_kind){place_of(out->type), out->cost.size_class, out->cost.timeout_prior_ns};
    out->deadline_ns = task->deadline_ms * P2_MS;
    return P2C2R_OK;
}

// Over budget is for the caller to wait out; short memory is not.
static p2c2r_status no_blob(struct p2c2r_client *c, uint64_t size) {
    p2_client_lock(c);
    bool full = c->payloads.bytes_live + blob_bytes(size) > c->payloads.bytes_live_max;
    p2_client_unlock(c);
    if (full) return p2_client_fail(c, P2C2R_EAGAIN, "payloads of open tickets fill payload_bytes_max");
    return p2_client_fail(c, P2C2R_ENOMEM, "memory is short");
}

static struct p2_blob *take_payload(struct p2c2r_client *c, const p2c2r_task *task) {
    if (task->payload_size == 0) return NULL;
    if (task->payload_lent) return p2_blob_lend(&c->payloads, task->payload, (uint32_t)task->payload_size);
    struct p2_blob *b = p2_blob_new(&c->payloads, (uint32_t)task->payload_size);
    if (b) memcpy(b->data, task->payload, task->payload_size);
    return b;
}

static p2c2r_status keep(struct p2c2r_client *c, const p2c2r_task *task, const struct prepared *p,
                         struct session_submit *out) {
    struct p2_params params = {p->params, p->param_count};
    if (p->param_count) {
        out->params_blob = p2_params_keep(&c->payloads, &params, &out->params);
        if (!out->params_blob) return no_blob(c, 1024);
    }
    if (task->blob_count) {
        out->blobs = p2_blob_new(&c->payloads, task->blob_count * (uint32_t)sizeof *task->blobs);
        if (out->blobs) memcpy(out->blobs->data, task->blobs, out->blobs->size);
    }
    struct p2_blob *blob = take_payload(c, task);
    if ((task->payload_size && !blob) || (task->blob_count && !out->blobs)) {
        p2_blob_unref(out->params_blob);
        p2_blob_unref(out->blobs);
        p2_blob_unref(blob);
        return no_blob(c, task->payload_lent ? 0 : task->payload_size);
    }
    if (blob) out->payload = (struct p2_slice){blob, 0, blob->size};
    return P2C2R_OK;
}

// Asking the system for each would cost as much as all the rest of a submit. Under the door.
static struct p2_id take_id(struct p2c2r_client *c) {
    if (!c->ids_left) {
        p2_entropy(c->ids, sizeof c->ids);
        c->ids_left = CLIENT_IDS;
    }
    return c->ids[--c->ids_left];
}

static bool is_fake_lost(struct p2c2r_client *c) { return c->fake_loss > 0 && p2_rng_unit(&c->rng) < c->fake_loss; }

// And what of its task is drawn by lot.
static struct record *new_record(struct p2c2r_client *c, const p2c2r_task *task, struct session_submit *out) {
    p2_handle handle;
    p2_client_lock(c);
    struct record *r = p2_slab_alloc(&c->records, &handle);
    if (r) out->id = take_id(c);
    if (r) out->withheld = is_fake_lost(c);
    p2_client_unlock(c);
    if (!r) return NULL;
    r->ticket = handle;
    r->reason = "";
    p2_list_init(&r->link);
    p2_record_move(c, r, RECORD_OPEN);
    r->user = task->user;
    r->out = task->out;
    r->out_capacity = task->out_capacity;
    return r;
}

static p2c2r_status submit_checked(struct p2c2r_client *c, const p2c2r_task *task, const struct placing *placing,
                                   p2c2r_ticket *ticket_out) {
    struct prepared p;
    if (task->payload_size && !task->payload) return p2_client_fail(c, P2C2R_EINVAL, "payload is NULL but has a size");
    p2c2r_status status = p2_task_prepare(c, task, &p);
    if (status != P2C2R_OK) return status;
    struct session_submit s = {.submitted_ns = p2_clock_now()};
    struct record *r = new_record(c, task, &s);
    if (!r) return p2_client_fail(c, P2C2R_EAGAIN, "tasks_max tickets are open or not released");
    status = keep(c, task, &p, &s);
    if (status != P2C2R_OK) {
        p2_record_free(c, r);
        return status;
    }
    if (task->payload_lent && s.payload.blob) r->lent = p2_blob_ref(s.payload.blob);
    if (placing) {
        r->owner = placing->owner;
        r->tag = placing->tag;
        r->window = placing->window;
        s.weight_percent = placing->weight_percent;
    }
    s.ticket = *ticket_out = r->ticket;
    s.type = p.type->name;
    s.version = p.type->version;
    s.class_ = (enum p2_class)task->priority;
    s.kind = p.kind;
    s.deadline_ns = p.deadline_ns;
    s.no_cache = task->cache & P2C2R_CACHE_BYPASS;
    s.refresh = task->cache & P2C2R_CACHE_REFRESH;
    s.private_ = task->cache & P2C2R_CACHE_PRIVATE;
    s.series = task->series;
    s.result_bytes_max = p.cost.result_bytes_max;
    if (!placing) p2_here_keep(c, r, &p, &s); // a tile that is late is filled
    p2_client_lock(c);
    p2_mail_submit(c, r, &s);
    p2_stats_submitted(&c->stats, s.submitted_ns);
    p2_client_unlock(c);
    return P2C2R_OK;
}

p2c2r_status p2_task_submit(struct p2c2r_client *c, const p2c2r_task *task, const struct placing *placing,
                            p2c2r_ticket *ticket) {
    p2c2r_status status = submit_checked(c, task, placing, ticket);
    if (status != P2C2R_EAGAIN) return status;
    p2_client_lock(c);
    c->stats.window_full++;
    p2_client_unlock(c);
    return status;
}

static p2c2r_status submit_one(struct p2c2r_client *c, const void *given, size_t size, p2c2r_ticket *ticket) {
    p2c2r_task task;
    if (!p2_client_take(&task, sizeof task, given, size))
        return p2_client_fail(c, P2C2R_EINVAL, "set task.size to sizeof(p2c2r_task)");
    return p2_task_submit(c, &task, NULL, ticket);
}

static size_t task_size(const p2c2r_task *task) {
    size_t size;
    memcpy(&size, task, sizeof size);
    return size;
}

p2c2r_status p2c2r_submit(p2c2r_client *c, const p2c2r_task *task, p2c2r_ticket *ticket) {
    if (!p2_client_free(c)) return P2C2R_EINVAL;
    if (!task || !ticket) return p2_client_fail(c, P2C2R_EINVAL, "task or ticket is NULL");
    p2c2r_status status = submit_one(c, task, task_size(task), ticket);
    if (status == P2C2R_OK) p2_io_wake(c);
    return status;
}

// One record each; they leave together, in as few messages as the connection needs.
p2c2r_status p2c2r_submit_batch(p2c2r_client *c, const p2c2r_task *tasks, uint32_t count, p2c2r_ticket *tickets,
                                p2c2r_status *statuses) {
    if (!p2_client_free(c)) return P2C2R_EINVAL;
    if (count && (!tasks || !tickets)) return p2_client_fail(c, P2C2R_EINVAL, "tasks or tickets is NULL");
    p2c2r_status worst = P2C2R_OK;
    size_t size = count ? task_size(tasks) : 0;
    for (uint32_t i = 0; i < count; i++) {
        tickets[i] = 0;
        p2c2r_status status = submit_one(c, (const char *)tasks + i * size, size, &tickets[i]);
        if (statuses) statuses[i] = status;
        if (status != P2C2R_OK) worst = status;
    }
    p2_io_wake(c);
    return worst;
}

p2c2r_status p2c2r_cancel(p2c2r_client *c, p2c2r_ticket ticket) {
    if (!p2_client_free(c)) return P2C2R_EINVAL;
    p2_client_lock(c);
    struct record *r = p2_slab_get(&c->records, ticket);
    bool ours = !r || r->owner;
    if (!ours && r->state == RECORD_OPEN) p2_mail_cancel(c, r);
    p2_client_unlock(c);
    if (ours) return p2_client_fail(c, P2C2R_ENOTFOUND, "no such ticket");
    p2_io_wake(c);
    return P2C2R_OK;
}
