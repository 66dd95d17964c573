// The one-pass decoder against protobuf-c's way, over headers that are sound, and over those with something changed.
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "by_protobuf.h"
#include "support.h"
#include "tests/vectors/samples.h"

#define MUTANTS 100000u

struct pair {
    struct p2_arena ours, theirs;
};

static int setup(void **state) {
    static struct pair p;
    *state = &p;
    return p2_arena_init(&p.ours, (size_t)1 << 20) && p2_arena_init(&p.theirs, BY_PROTOBUF_ARENA) ? 0 : -1;
}

static int teardown(void **state) {
    struct pair *p = *state;
    p2_arena_deinit(&p->ours);
    p2_arena_deinit(&p->theirs);
    return 0;
}

// Both ways; gives the code.
static enum p2_err both(struct pair *p, const struct wire_table *t, const uint8_t *header, size_t size) {
    struct p2_msg ours, theirs;
    memset(&ours, 0xAA, sizeof ours);
    uint8_t *exact = malloc(size ? size : 1); // a sanitizer sees any step beyond it
    assert_non_null(exact);
    memcpy(exact, header, size);
    p2_arena_reset(&p->ours);
    enum p2_err e = p2_wire_get_message(&p->ours, t, exact, (uint32_t)size, &ours.u);
    assert_int_equal(e, by_protobuf(&p->theirs, t, exact, (uint32_t)size, &theirs.u));
    if (e == P2_OK) assert_true(same_message(t, &ours.u, &theirs.u));
    free(exact);
    return e;
}

static void samples_are_decoded_alike(void **state) {
    static struct bytes record;
    for (unsigned i = 0; i < sample_count; i++) {
        record.size = 0;
        add_record(&record, &samples[i].msg, 0);
        struct p2_prefix p;
        assert_int_equal(p2_prefix_get(record.data, &p), P2_OK);
        const struct wire_table *t = p2_wire_kind(p.type)->table;
        for (size_t size = 0; size < p.header_len; size++) both(*state, t, record.data + P2_PREFIX_BYTES, size);
        assert_int_equal(both(*state, t, record.data + P2_PREFIX_BYTES, p.header_len), P2_OK);
    }
}

// A field of a table, or one like it: most of them sound by themselves.
static void add_some_field(struct p2_rng *r, struct bytes *b, const struct wire_table *t, unsigned depth);

// Sometimes in more bytes than it needs, or than a varint may have.
static void add_some_varint(struct p2_rng *r, struct bytes *b, uint64_t value) {
    uint64_t more = p2_rng_below(r, 50) ? 0 : p2_rng_below(r, 11);
    add_varint(b, value);
    for (; more; more--) {
        b->data[b->size - 1] |= 0x80;
        add(b, "", 1);
    }
}

static void add_some_number(struct p2_rng *r, struct bytes *b) {
    static const uint64_t edges[] = {0, 1, 2, 4, 16, 127, 128, 16383, 16384, 65536, UINT32_MAX, UINT64_C(1) << 32};
    unsigned which = (unsigned)p2_rng_below(r, 16);
    add_some_varint(r, b, which < 12 ? edges[which] : p2_rng_next(r) >> p2_rng_below(r, 64));
}

static void add_some_bytes(struct p2_rng *r, struct bytes *b, const struct wire_field *f, unsigned depth) {
    static const unsigned sizes[] = {0, 1, 4, 7, 8, 16, 16, 16, 17, 32, 32, 33, 256, 257};
    static struct bytes inner[4];
    struct bytes *in = &inner[depth];
    in->size = 0;
    if (f->items) {
        for (uint64_t n = p2_rng_below(r, 8); n; n--) add_some_field(r, in, f->items, depth + 1);
    } else if (f->wire_type != 2) {
        for (uint64_t n = p2_rng_below(r, 20); n; n--) {
            uint64_t bits = p2_rng_next(r);
            if (f->wire_type == 0) add_some_number(r, in);
            if (f->wire_type == 1) add(in, &bits, sizeof bits);
        }
    } else {
        bool text = p2_rng_below(r, 16) != 0;
        for (uint64_t n = sizes[p2_rng_below(r, sizeof sizes / sizeof *sizes)]; n; n--)
            add(in, &(uint8_t){(uint8_t)(text ? 'a' + n % 26 : p2_rng_next(r))}, 1);
    }
    add_some_varint(r, b, in->size);
    add(b, in->data, in->size);
}

static void add_some_field(struct p2_rng *r, struct bytes *b, const struct wire_table *t, unsigned depth) {
    uint32_t index = (uint32_t)p2_rng_below(r, t->field_count);
    const struct wire_field *f = &t->fields[index];
    uint32_t number = p2_rng_below(r, 100) ? index + 1 : (uint32_t)p2_rng_below(r, 100);
    uint32_t wire_type = p2_rng_below(r, 100) ? f->wire_type : (uint32_t)p2_rng_below(r, 6);
    bool packed = f->as >= WIRE_LIST && f->wire_type != 2 && p2_rng_below(r, 2);
    if (packed) wire_type = 2;
    add_some_varint(r, b, number << 3 | wire_type);
    uint64_t bits = p2_rng_next(r);
    if (f->as == WIRE_MAGIC && p2_rng_below(r, 8)) bits = P2_PROTOCOL_MAGIC;
    double unit = (double)p2_rng_below(r, 5) / 4;
    if (f->as == WIRE_UNIT && p2_rng_below(r, 8)) memcpy(&bits, &unit, sizeof bits);
    if (wire_type == 0) add_some_number(r, b);
    if (wire_type == 1) add(b, &bits, 8);
    if (wire_type == 2) add_some_bytes(r, b, f, depth);
    if (wire_type == 5) add(b, &bits, 4);
}

static void what_must_be_there(struct bytes *b, const struct wire_table *t) {
    for (uint32_t i = 0; i < t->field_count; i++) {
        const struct wire_field *f = &t->fields[i];
        if (!(t->required >> i & 1)) continue;
        if (f->as == WIRE_ID) add_id(b, i + 1);
        if (f->as == WIRE_TEXT) add_text(b, i + 1, "name");
        if (f->wire_type == 0) add_number(b, i + 1, 1);
    }
}

static void random_headers_are_decoded_alike(void **state) {
    struct p2_rng r;
    p2_rng_init(&r, 6);
    static struct bytes b;
    unsigned sound = 0, wrong = 0, broken = 0;
    for (unsigned i = 0; i < MUTANTS; i++) {
        const struct p2_wire_kind *kind = p2_wire_kind((unsigned)p2_rng_below(&r, P2_MSG_KINDS));
        if (!kind) continue;
        b.size = 0;
        if (p2_rng_below(&r, 4)) what_must_be_there(&b, kind->table);
        for (uint64_t n = p2_rng_below(&r, 6); n; n--) add_some_field(&r, &b, kind->table, 0);
        if (b.size && p2_rng_below(&r, 8) == 0) b.data[p2_rng_below(&r, b.size)] = (uint8_t)p2_rng_next(&r);
        if (b.size > P2_HEADER_MAX) continue;
        enum p2_err e = both(*state, kind->table, b.data, b.size);
        sound += e == P2_OK;
        wrong += e == P2_ERR_BAD_MESSAGE;
        broken += e == P2_ERR_BAD_RECORD;
    }
    // The generator reaches all outcomes, each often.
    assert_true(sound > MUTANTS / 20 && wrong > MUTANTS / 20 && broken > MUTANTS / 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_decoded_alike),
        cmocka_unit_test(random_headers_are_decoded_alike),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
