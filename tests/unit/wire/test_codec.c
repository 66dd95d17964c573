// Every message there and back, and our encoder held to protobuf-c's.
#include <stdlib.h>
#include <string.h>

#include "support.h"
#include "tests/vectors/samples.h"
#include "wire/codec_schema.h"

static struct p2_prefix split(const struct bytes *record, struct p2_blob *payload, struct p2_slice *slice) {
    struct p2_prefix p;
    assert_int_equal(p2_prefix_get(record->data, &p), P2_OK);
    payload->data = (uint8_t *)record->data + P2_PREFIX_BYTES + p.header_len;
    payload->size = p.payload_len;
    *slice = (struct p2_slice){p.payload_len ? payload : NULL, 0, p.payload_len};
    return p;
}

static void every_sample_round_trips(void **state) {
    struct bench *t = *state;
    static struct bytes first, second;
    for (unsigned i = 0; i < sample_count; i++) {
        struct p2_blob blob = {.refs = 1};
        struct p2_slice slice;
        struct p2_msg out;
        first.size = second.size = 0;
        add_record(&first, &samples[i].msg, 3);
        struct p2_prefix p = split(&first, &blob, &slice);
        assert_int_equal(p2_decode(&t->codec, &p, first.data + P2_PREFIX_BYTES, slice, &out), P2_OK);
        assert_int_equal(out.kind, samples[i].msg.kind);
        assert_int_equal(out.stream, samples[i].msg.stream);
        add_record(&second, &out, 3);
        assert_int_equal(first.size, second.size);
        assert_memory_equal(first.data, second.data, first.size);
    }
}

static void is_what_protobuf_c_packs(const struct p2_msg *m) {
    static struct bytes record;
    record.size = 0;
    add_record(&record, m, 0);
    struct p2_prefix p;
    assert_int_equal(p2_prefix_get(record.data, &p), P2_OK);
    const struct wire_table *table = p2_wire_kind(p.type)->table;
    ProtobufCMessage *pb = protobuf_c_message_unpack(table->pb, NULL, p.header_len, record.data + P2_PREFIX_BYTES);
    assert_non_null(pb);
    uint8_t packed[4096];
    assert_true(protobuf_c_message_get_packed_size(pb) <= sizeof packed);
    assert_int_equal(protobuf_c_message_pack(pb, packed), p.header_len);
    assert_memory_equal(packed, record.data + P2_PREFIX_BYTES, p.header_len);
    protobuf_c_message_free_unpacked(pb, NULL);
}

static void headers_are_what_protobuf_c_packs(void **state) {
    (void)state;
    for (unsigned i = 0; i < sample_count; i++) is_what_protobuf_c_packs(&samples[i].msg);
}

static void every_kind_has_a_sample(void **state) {
    (void)state;
    for (unsigned kind = 1; kind < P2_MSG_KINDS; kind++) {
        unsigned found = !p2_wire_kind(kind);
        for (unsigned i = 0; i < sample_count; i++) found += (unsigned)samples[i].msg.kind == kind;
        assert_true(found > 0);
    }
}

static uint8_t wire_type_of(const ProtobufCFieldDescriptor *d) {
    switch (d->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return 2;
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64: return 1;
    case PROTOBUF_C_TYPE_FIXED32: return 5;
    default: return 0;
    }
}

static ProtobufCType type_of(const struct wire_field *f) {
    switch ((enum wire_as)f->as) {
    case WIRE_U32:
    case WIRE_RAW: return PROTOBUF_C_TYPE_UINT32;
    case WIRE_U64:
    case WIRE_US:
    case WIRE_SPANS: return PROTOBUF_C_TYPE_UINT64;
    case WIRE_BOOL:
    case WIRE_TRUE: return PROTOBUF_C_TYPE_BOOL;
    case WIRE_ENUM:
    case WIRE_CODE: return PROTOBUF_C_TYPE_ENUM;
    case WIRE_MAGIC: return PROTOBUF_C_TYPE_FIXED32;
    case WIRE_TOKEN: return PROTOBUF_C_TYPE_FIXED64;
    case WIRE_UNIT:
    case WIRE_REAL: return PROTOBUF_C_TYPE_DOUBLE;
    case WIRE_ID:
    case WIRE_ID_OPT:
    case WIRE_DIGEST:
    case WIRE_DIGESTS: return PROTOBUF_C_TYPE_BYTES;
    case WIRE_TEXT:
    case WIRE_WORD: return PROTOBUF_C_TYPE_STRING;
    case WIRE_INT: return PROTOBUF_C_TYPE_SINT64;
    case WIRE_NUMBERS: return f->wire_type == 0 ? PROTOBUF_C_TYPE_SINT64 : PROTOBUF_C_TYPE_DOUBLE;
    default: return PROTOBUF_C_TYPE_MESSAGE;
    }
}

static void check_table(const struct wire_table *t, uint32_t depth) {
    assert_true(depth <= P2_NESTING_MAX); // the decoder calls itself so deep and no deeper
    assert_int_equal(t->field_count, t->pb->n_fields);
    assert_true(t->field_count <= WIRE_FIELDS_MAX);
    for (uint32_t i = 0; i < t->field_count; i++) {
        const ProtobufCFieldDescriptor *d = &t->pb->fields[i];
        const struct wire_field *f = &t->fields[i];
        assert_int_equal(d->id, i + 1);
        assert_int_equal(d->type, type_of(f));
        assert_int_equal(f->wire_type, wire_type_of(d));
        assert_int_equal(d->label == PROTOBUF_C_LABEL_REPEATED, f->as >= WIRE_LIST);
        bool required = f->min > 0 && f->as != WIRE_NUMBERS; // which get_values checks
        assert_int_equal(t->required >> i & 1, required);
        assert_int_equal(f->items != NULL, d->type == PROTOBUF_C_TYPE_MESSAGE);
        if (!f->items) continue;
        assert_ptr_equal(f->items->pb, d->descriptor);
        check_table(f->items, depth + 1);
    }
}

static void tables_agree_with_the_proto(void **state) {
    (void)state;
    for (unsigned kind = 1; kind < P2_MSG_KINDS; kind++) {
        if (p2_wire_kind(kind)) check_table(p2_wire_kind(kind)->table, 1);
    }
}

static void fits_exactly(const struct p2_msg *m) {
    static uint8_t whole[P2_PREFIX_BYTES + P2_HEADER_MAX];
    size_t size = p2_encode(m, whole, sizeof whole);
    for (size_t room = 0; room <= size; room++) {
        uint8_t *exact = malloc(room ? room : 1);
        assert_non_null(exact);
        assert_int_equal(p2_encode(m, exact, room), room < size ? 0 : size);
        if (room == size) assert_memory_equal(exact, whole, size);
        free(exact);
    }
}

static void encoding_into_too_little_room_gives_nothing(void **state) {
    (void)state;
    for (unsigned i = 0; i < sample_count; i++) fits_exactly(&samples[i].msg);
}

// Tasks of a batch whose lengths take one byte and two, in every order.
static void lengths_are_of_any_width(void **state) {
    (void)state;
    static char text[P2_PARAM_TEXT_MAX];
    memset(text, 'x', sizeof text);
    for (unsigned wide = 0; wide < 8; wide++) {
        struct p2_param params[3];
        struct p2_msg_task_submit tasks[3];
        for (unsigned i = 0; i < 3; i++) {
            params[i] = (struct p2_param){.name = {"text", 4}, .kind = P2_PARAM_TEXT, .count = 1};
            params[i].value.text = (struct p2_str){text, wide >> i & 1 ? 250 : 80};
            tasks[i] = (struct p2_msg_task_submit){.id = {{1}}, .type = {"echo", 4}, .params = {&params[i], 1}};
        }
        struct p2_msg m = {.kind = P2_MSG_TASK_SUBMIT_BATCH, .stream = 1, .u.submit_batch = {tasks, 3}};
        is_what_protobuf_c_packs(&m);
        fits_exactly(&m);
    }
}

// The largest batch a header can hold, with as many elements as are allowed: fits the arena.
static void the_largest_batch_fits(void **state) {
    struct bench *t = *state;
    static struct p2_msg_task_submit tasks[P2_BATCH_MAX];
    static struct p2_param params[15];
    for (unsigned i = 0; i < 15; i++)
        params[i] = (struct p2_param){.name = {"n", 1}, .kind = P2_PARAM_INT, .count = 1, .value.ints = {7}};
    for (unsigned i = 0; i < P2_BATCH_MAX; i++)
        tasks[i] = (struct p2_msg_task_submit){.id = {{1}}, .type = {"echo", 4}, .params = {params, 15}};
    struct p2_msg m = {.kind = P2_MSG_TASK_SUBMIT_BATCH, .stream = 1, .u.submit_batch = {tasks, P2_BATCH_MAX}}, out;
    static struct bytes record;
    record.size = 0;
    add_record(&record, &m, 0);
    struct p2_prefix p;
    assert_int_equal(p2_prefix_get(record.data, &p), P2_OK);
    assert_int_equal(p2_decode(&t->codec, &p, record.data + P2_PREFIX_BYTES, (struct p2_slice){0}, &out), P2_OK);
    assert_int_equal(out.u.submit_batch.task_count, P2_BATCH_MAX);
    assert_int_equal(out.u.submit_batch.tasks[255].params.count, 15);

    tasks[0].params.count = 14; // one element less, so that one more elsewhere is still within
    params[0].kind = P2_PARAM_INTS;
    record.size = 0;
    add_record(&record, &m, 0);
    assert_int_equal(p2_prefix_get(record.data, &p), P2_OK);
    assert_int_equal(p2_decode(&t->codec, &p, record.data + P2_PREFIX_BYTES, (struct p2_slice){0}, &out),
                     P2_ERR_BAD_MESSAGE); // 4,096 + 255 elements
}

static void texts_leave_clean(void **state) {
    struct bench *t = *state;
    static char name[300];
    memset(name, 'x', sizeof name);
    memcpy(name + 254, "\xe2\x82\xac", 3); // a euro sign across the limit
    name[3] = '\xff';
    struct p2_msg m = {.kind = P2_MSG_PEER_DISCONNECT, .u.disconnect.reason = {name, sizeof name}}, out;
    static struct bytes record;
    record.size = 0;
    add_record(&record, &m, 0);
    struct p2_prefix p;
    assert_int_equal(p2_prefix_get(record.data, &p), P2_OK);
    assert_int_equal(p2_decode(&t->codec, &p, record.data + P2_PREFIX_BYTES, (struct p2_slice){0}, &out), P2_OK);
    assert_int_equal(out.u.disconnect.reason.n, 254);
    assert_int_equal(out.u.disconnect.reason.p[3], '?');
    assert_int_equal(out.u.disconnect.reason.p[253], 'x');
}

static void texts_of_parameters_leave_clean(void **state) {
    struct bench *t = *state;
    static char name[40], text[300];
    memset(name, 'n', sizeof name);
    memset(text, 't', sizeof text);
    name[1] = text[2] = '\x80';
    const struct p2_param params[2] = {
        {.name = {name, sizeof name}, .kind = P2_PARAM_TEXT, .count = 1, .value.text = {text, sizeof text}},
        {.name = {name, 3}, .kind = P2_PARAM_INT, .count = 1, .value.ints = {-5}}};
    struct p2_msg m = {.kind = P2_MSG_CAN_MEET, .u.can_meet = {.type = {"echo", 4}, .params = {params, 2}}}, out;
    static struct bytes record;
    record.size = 0;
    add_record(&record, &m, 0);
    struct p2_prefix p;
    assert_int_equal(p2_prefix_get(record.data, &p), P2_OK);
    assert_int_equal(p2_decode(&t->codec, &p, record.data + P2_PREFIX_BYTES, (struct p2_slice){0}, &out), P2_OK);
    const struct p2_param *got = out.u.can_meet.params.items;
    assert_int_equal(got[0].name.n, P2_PARAM_NAME_MAX);
    assert_memory_equal(got[0].name.p, "n?n", 3);
    assert_int_equal(got[0].value.text.n, P2_PARAM_TEXT_MAX);
    assert_memory_equal(got[0].value.text.p, "tt?t", 4);
    assert_true(p2_str_is(got[1].name, "n?n"));
    assert_int_equal(got[1].value.ints[0], -5);
    fits_exactly(&m);
}

static void never_stays_never(void **state) {
    struct bench *t = *state;
    struct p2_msg m = {.kind = P2_MSG_DRAIN, .u.drain.grace_ns = P2_NEVER}, out;
    static struct bytes record;
    record.size = 0;
    add_record(&record, &m, 0);
    struct p2_prefix p;
    assert_int_equal(p2_prefix_get(record.data, &p), P2_OK);
    assert_int_equal(p2_decode(&t->codec, &p, record.data + P2_PREFIX_BYTES, (struct p2_slice){0}, &out), P2_OK);
    assert_true(out.u.drain.grace_ns == P2_NEVER);
}

static void local_codes_leave_as_internal(void **state) {
    struct bench *t = *state;
    struct p2_msg m = {.kind = P2_MSG_ERROR, .u.error.code = P2_ERR_IO}, out;
    static struct bytes record;
    record.size = 0;
    add_record(&record, &m, 0);
    struct p2_prefix p;
    assert_int_equal(p2_prefix_get(record.data, &p), P2_OK);
    assert_int_equal(p2_decode(&t->codec, &p, record.data + P2_PREFIX_BYTES, (struct p2_slice){0}, &out), P2_OK);
    assert_int_equal(out.u.error.code, P2_ERR_INTERNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_round_trips),
        cmocka_unit_test(headers_are_what_protobuf_c_packs),
        cmocka_unit_test(every_kind_has_a_sample),
        cmocka_unit_test(tables_agree_with_the_proto),
        cmocka_unit_test(encoding_into_too_little_room_gives_nothing),
        cmocka_unit_test(lengths_are_of_any_width),
        cmocka_unit_test(the_largest_batch_fits),
        cmocka_unit_test(texts_leave_clean),
        cmocka_unit_test(texts_of_parameters_leave_clean),
        cmocka_unit_test(never_stays_never),
        cmocka_unit_test(local_codes_leave_as_internal),
    };
    return cmocka_run_group_tests(tests, bench_setup, bench_teardown);
}
