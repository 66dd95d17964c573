#include "base/check.h"
#include "base/hex.h"
#include "loadtest/bench/bench_codec.h"

static void add(json_t *object, const char *name, json_t *value) {
    P2_CHECK(json_object_set_new_nocheck(object, name, value) == 0);
}

static void add_number(json_t *object, const char *name, uint64_t value) {
    if (value) add(object, name, json_integer((json_int_t)value));
}

static void add_us(json_t *object, const char *name, p2_ns span) { add_number(object, name, p2_ns_to_us(span)); }

static void add_text(json_t *object, const char *name, struct p2_str text) {
    add(object, name, json_stringn(text.p, text.n));
}

static void add_id(json_t *object, const char *name, const struct p2_id *id) {
    char hex[2 * sizeof id->b + 1];
    p2_hex_text(id->b, sizeof id->b, hex);
    add(object, name, json_string(hex));
}

static json_t *value_of(const struct p2_param *p) {
    if (p->kind == P2_PARAM_TEXT) return json_stringn(p->value.text.p, p->value.text.n);
    if (p->kind == P2_PARAM_INT) return json_integer(p->value.ints[0]);
    P2_CHECK(p->kind == P2_PARAM_INTS);
    json_t *list = json_array();
    for (uint32_t i = 0; i < p->count; i++) json_array_append_new(list, json_integer(p->value.ints[i]));
    return list;
}

static void add_params(json_t *object, const struct p2_params *params) {
    json_t *values = json_object();
    for (uint32_t i = 0; i < params->count; i++) {
        const struct p2_str name = params->items[i].name;
        P2_CHECK(json_object_setn_new_nocheck(values, name.p, name.n, value_of(&params->items[i])) == 0);
    }
    add(object, "params", values);
}

static void add_task(json_t *o, const struct p2_msg_task_submit *t) {
    add_id(o, "id", &t->id);
    add_text(o, "type", t->type);
    add_number(o, "version", t->version);
    add(o, "class", json_string(p2_class_name(t->class_)));
    add_us(o, "deadline_us", t->deadline_ns);
    add_number(o, "payload_size", t->payload_size);
    if (t->params.count) add_params(o, &t->params);
}

static void add_assign(json_t *o, const struct p2_msg_task_assign *t) {
    add_number(o, "attempt", t->attempt);
    add_number(o, "device", t->device);
    const struct p2_msg_task_submit same = {.id = t->id,
                                            .type = t->type,
                                            .version = t->version,
                                            .class_ = t->class_,
                                            .deadline_ns = t->deadline_ns,
                                            .payload_size = t->payload_size,
                                            .params = t->params};
    add_task(o, &same);
}

static void add_delivery(json_t *o, const struct p2_msg_result_delivery *d) {
    add_id(o, "id", &d->id);
    add_number(o, "attempt", d->attempt);
    add_id(o, "peer", &d->peer);
    add_us(o, "queue_us", d->queue_ns);
    add_us(o, "latency_us", d->latency_ns);
    add_us(o, "network_latency_us", d->peer_rtt_ns);
    add_us(o, "transfer_us", d->times.transfer_ns);
    add_us(o, "peer_queue_us", d->times.queue_ns);
    add_us(o, "processing_us", d->times.processing_ns);
    add_us(o, "kernel_us", d->times.kernel_ns);
    add_number(o, "payload_size", d->payload_size);
}

static void add_result(json_t *o, const struct p2_msg_task_result *r) {
    add_id(o, "id", &r->id);
    add_number(o, "attempt", r->attempt);
    add(o, "success", json_true());
    add_us(o, "processing_us", r->times.processing_ns);
    add_us(o, "kernel_us", r->times.kernel_ns);
    add_us(o, "queue_us", r->times.queue_ns);
    add_us(o, "transfer_us", r->times.transfer_ns);
    add_number(o, "payload_size", r->payload_size);
}

json_t *bench_codec_json(const struct p2_msg *m) {
    json_t *o = json_object();
    P2_CHECK(o);
    add(o, "message", json_string(p2_msg_name(m->kind)));
    add_number(o, "stream", m->stream);
    switch (m->kind) {
    case P2_MSG_TASK_SUBMIT: add_task(o, &m->u.submit); break;
    case P2_MSG_TASK_ACCEPTED:
        add_id(o, "id", &m->u.accepted.id);
        add_number(o, "queue_position", m->u.accepted.queue_position);
        add_us(o, "estimate_us", m->u.accepted.estimate_ns);
        break;
    case P2_MSG_TASK_ASSIGN: add_assign(o, &m->u.assign); break;
    case P2_MSG_TASK_RESULT: add_result(o, &m->u.result); break;
    case P2_MSG_RESULT_DELIVERY: add_delivery(o, &m->u.delivery); break;
    case P2_MSG_RESULT_ACK: add_number(o, "attempt", m->u.ack.attempt); break;
    default: P2_UNREACHABLE(); // no other is one of a task's six
    }
    return o;
}
