// The record codec: what the six records of a small task cost to write and to read, against the same six messages as
// JSON through jansson. Tasks differ in ids, in numbers and in how many bytes those take, so that nothing is learned by
// heart.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/rng.h"
#include "loadtest/bench/allocations.h"
#include "loadtest/bench/bench.h"
#include "loadtest/bench/bench_codec.h"
#include "os/os.h"
#include "wire/wire.h"

#define TASKS 32u
#define ROUNDS 64u // through all tasks, in one measurement of ours; jansson gets one
#define PAYLOAD 64u
#define RECORDS 6u
#define RECORD_BYTES 160u // at most
#define NS_PER_MS 1e6

static const enum p2_msg_kind kinds[RECORDS] = {P2_MSG_TASK_SUBMIT, P2_MSG_TASK_ACCEPTED,   P2_MSG_TASK_ASSIGN,
                                                P2_MSG_TASK_RESULT, P2_MSG_RESULT_DELIVERY, P2_MSG_RESULT_ACK};

// What is asked for: a task as small as they come, and one with parameters.
static const struct p2_param upscale_params[] = {P2_GIVEN_INTS("input_res", 960, 540),
                                                 P2_GIVEN_INTS("output_res", 1920, 1080),
                                                 P2_GIVEN_TEXT("quality", "balanced")};
static const struct shape {
    const char *type, *name;
    struct p2_params params;
} shapes[] = {{"echo", "echo", {NULL, 0}}, {"upscale", "upscale, 3 parameters", {upscale_params, 3}}};

struct task {
    struct p2_msg records[RECORDS];
    json_t *json[RECORDS];
    uint8_t bytes[RECORDS][RECORD_BYTES];
    size_t size[RECORDS]; // prefix and header
};

struct stage {
    const struct shape *shape;
    struct p2_blob_pool pool;
    struct p2_codec codec;
    struct p2_blob *payload;
    struct task tasks[TASKS];
    uint8_t *stream; // all tasks' records of all kinds with their payloads, as a connection brings them
    size_t stream_size;
    struct p2_reader reader;
    uint32_t only; // the record that a row is about
    uint64_t heard;
};

// ---- tasks

static p2_ns some_us(struct p2_rng *r, uint64_t bits) {
    return P2_US + (p2_ns)(p2_rng_next(r) >> (64 - bits + p2_rng_below(r, 4))) * P2_US;
}

static struct p2_job_times some_times(struct p2_rng *r) {
    const p2_ns kernel = some_us(r, 14);
    return (struct p2_job_times){some_us(r, 5), some_us(r, 9), kernel + some_us(r, 8), kernel};
}

static void make_task(struct stage *s, struct task *t, struct p2_rng *r) {
    const struct p2_slice payload = {s->payload, 0, PAYLOAD};
    const struct p2_params params = s->shape->params;
    const struct p2_str type = p2_str(s->shape->type);
    struct p2_id id, peer;
    for (size_t i = 0; i < sizeof id.b; i++) {
        id.b[i] = (uint8_t)p2_rng_next(r);
        peer.b[i] = (uint8_t)p2_rng_next(r);
    }
    const uint32_t stream = 1 + (uint32_t)p2_rng_below(r, 100000);
    for (uint32_t i = 0; i < RECORDS; i++) t->records[i] = (struct p2_msg){.kind = kinds[i], .stream = stream};
    t->records[0].u.submit = (struct p2_msg_task_submit){id, type, 1, P2_CLASS_INTERACTIVE, some_us(r, 18), PAYLOAD};
    t->records[0].u.submit.raw_size = PAYLOAD;
    t->records[0].u.submit.params = params;
    t->records[0].u.submit.payload = payload;
    t->records[1].u.accepted = (struct p2_msg_task_accepted){id, (uint32_t)p2_rng_below(r, 300), some_us(r, 16)};
    t->records[2].u.assign = (struct p2_msg_task_assign){
        id, 1, type, 1, 0, P2_CLASS_INTERACTIVE, some_us(r, 18), PAYLOAD, PAYLOAD, false, params};
    t->records[2].u.assign.payload = payload;
    t->records[3].u.result = (struct p2_msg_task_result){id, 1, some_times(r), PAYLOAD, PAYLOAD, .payload = payload};
    t->records[4].u.delivery = (struct p2_msg_result_delivery){
        id, 1, peer, false, some_us(r, 10), some_us(r, 16), some_us(r, 12), some_times(r), PAYLOAD, PAYLOAD};
    t->records[4].u.delivery.payload = payload;
    t->records[5].u.ack.attempt = 1;
}

static void make_stream(struct stage *s) {
    s->stream = malloc((size_t)TASKS * RECORDS * (RECORD_BYTES + PAYLOAD));
    P2_CHECK(s->stream);
    for (uint32_t i = 0; i < TASKS * RECORDS; i++) {
        const struct p2_msg *m = &s->tasks[i / RECORDS].records[i % RECORDS];
        uint8_t *at = s->stream + s->stream_size;
        size_t size = p2_encode(m, at, RECORD_BYTES);
        const struct p2_slice payload = p2_encode_payload(m);
        if (payload.size) memcpy(at + size, p2_slice_data(&payload), payload.size);
        p2_prefix_stamp(at, i);
        s->stream_size += size + payload.size;
    }
}

static void make_stage(struct stage *s, const struct shape *shape) {
    struct p2_rng r;
    *s = (struct stage){.shape = shape};
    p2_rng_init(&r, 1);
    p2_blob_pool_init(&s->pool, UINT64_C(1) << 20, UINT64_C(1) << 20);
    P2_CHECK(p2_codec_init(&s->codec, &s->pool));
    s->payload = p2_blob_new(&s->pool, PAYLOAD);
    P2_CHECK(s->payload);
    memset(s->payload->data, 7, PAYLOAD);
    for (uint32_t i = 0; i < TASKS; i++) {
        struct task *t = &s->tasks[i];
        make_task(s, t, &r);
        for (uint32_t k = 0; k < RECORDS; k++) {
            t->json[k] = bench_codec_json(&t->records[k]);
            t->size[k] = p2_encode(&t->records[k], t->bytes[k], RECORD_BYTES);
            P2_CHECK(t->size[k] > 0);
        }
    }
    make_stream(s);
}

static void unmake_stage(struct stage *s) {
    for (uint32_t i = 0; i < TASKS * RECORDS; i++) json_decref(s->tasks[i / RECORDS].json[i % RECORDS]);
    free(s->stream);
    p2_blob_unref(s->payload);
    p2_codec_deinit(&s->codec);
    p2_blob_pool_deinit(&s->pool);
}

// ---- what is measured

static void write_record(struct task *t, uint32_t k) {
    P2_CHECK(p2_encode(&t->records[k], t->bytes[k], RECORD_BYTES) == t->size[k]);
}

static void read_record(struct stage *s, const struct task *t, uint32_t k) {
    struct p2_prefix p;
    struct p2_msg m;
    P2_CHECK(p2_prefix_get(t->bytes[k], &p) == P2_OK);
    struct p2_slice payload = {p.payload_len ? s->payload : NULL, 0, p.payload_len};
    P2_CHECK(p2_decode(&s->codec, &p, t->bytes[k] + P2_PREFIX_BYTES, payload, &m) == P2_OK);
    s->heard += m.stream;
}

static void all_ours(void *arg) {
    struct stage *s = arg;
    for (uint32_t i = 0; i < ROUNDS * TASKS; i++) {
        struct task *t = &s->tasks[i % TASKS];
        for (uint32_t k = 0; k < RECORDS; k++) {
            write_record(t, k);
            read_record(s, t, k);
        }
    }
}

static void all_theirs(void *arg) {
    struct stage *s = arg;
    for (uint32_t i = 0; i < TASKS * RECORDS; i++) {
        char *text = json_dumps(s->tasks[i / RECORDS].json[i % RECORDS], JSON_COMPACT);
        json_t *read = text ? json_loads(text, 0, NULL) : NULL;
        P2_CHECK(read);
        json_decref(read);
        free(text);
    }
}

static void write_one_kind(void *arg) {
    struct stage *s = arg;
    for (uint32_t i = 0; i < ROUNDS * TASKS; i++) write_record(&s->tasks[i % TASKS], s->only);
}

static void read_one_kind(void *arg) {
    struct stage *s = arg;
    for (uint32_t i = 0; i < ROUNDS * TASKS; i++) read_record(s, &s->tasks[i % TASKS], s->only);
}

static enum p2_err on_msg(void *context, struct p2_msg *m) {
    ((struct stage *)context)->heard += m->stream;
    return P2_OK;
}

static void read_stream(void *arg) {
    struct stage *s = arg;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        p2_reader_init(&s->reader, &s->codec);
        s->reader.hello_seen = true;
        P2_CHECK(p2_reader_feed(&s->reader, s->stream, s->stream_size, on_msg, s) == P2_OK);
        p2_reader_deinit(&s->reader);
    }
}

// Nanoseconds for one of the tasks that `ours` and `theirs` go through.
static double ns_of(double ms, uint32_t rounds) { return ms * NS_PER_MS / (rounds * TASKS); }

static void named(struct bench_row *row, const struct stage *s, const char *what) {
    snprintf(row->measure, sizeof row->measure, "%s: %s", s->shape->name, what);
}

static void against_json(struct bench *b, struct stage *s) {
    const struct bench_pair pair = {.ours = all_ours, .theirs = all_theirs, .arg = s, .repetitions = 101, .warm_up = 5};
    struct bench_times times;
    bench_pairs(&pair, &times);
    double ours = ns_of(times.ours_ms, ROUNDS), theirs = ns_of(times.theirs_ms, 1);
    struct bench_row row = {.value = ours / 1000,
                            .unit = "us",
                            .bar = 1,
                            .kind = BENCH_AT_MOST,
                            .against = "submit, accepted, assign, result, delivery, ack"};
    named(&row, s, "encode + decode of a task");
    bench_row(b, &row);
    row = (struct bench_row){.value = theirs / ours, .unit = "x", .bar = 10, .kind = BENCH_AT_LEAST};
    named(&row, s, "as JSON, dumps + loads");
    snprintf(row.against, sizeof row.against, "%.2f us with jansson %s, compact; from and to its own objects",
             theirs / 1000, jansson_version_str());
    bench_row(b, &row);
}

static void sizes(struct bench *b, const struct stage *s) {
    uint64_t ours = 0, theirs = 0;
    for (uint32_t i = 0; i < TASKS * RECORDS; i++) {
        char *text = json_dumps(s->tasks[i / RECORDS].json[i % RECORDS], JSON_COMPACT);
        P2_CHECK(text);
        theirs += strlen(text);
        ours += s->tasks[i / RECORDS].size[i % RECORDS];
        free(text);
    }
    struct bench_row row = {
        .value = 100 * (1 - (double)ours / (double)theirs), .unit = "%", .bar = 70, .kind = BENCH_AT_LEAST};
    named(&row, s, "smaller than as JSON");
    snprintf(row.against, sizeof row.against, "%.1f bytes a task with prefixes, against %.1f; no payloads in either",
             (double)ours / TASKS, (double)theirs / TASKS);
    bench_row(b, &row);
}

static void allocations(struct bench *b, struct stage *s) {
    read_stream(s); // the pool has what it needs
    uint64_t before = allocations_so_far();
    all_ours(s);
    read_stream(s);
    struct bench_row row = {.value = (double)(allocations_so_far() - before),
                            .bar = 0,
                            .kind = BENCH_AT_MOST,
                            .against = "malloc, calloc, realloc; of encoder, decoder and reader"};
    named(&row, s, "allocations for 4,096 tasks");
    bench_row(b, &row);
}

static void each_record(struct bench *b, struct stage *s) {
    for (s->only = 0; s->only < RECORDS; s->only++) {
        const struct bench_pair pair = {
            .ours = write_one_kind, .theirs = read_one_kind, .arg = s, .repetitions = 51, .warm_up = 3};
        struct bench_times times;
        bench_pairs(&pair, &times);
        struct bench_row row;
        named(&row, s, p2_msg_name(kinds[s->only]));
        bench_tell(b, row.measure, ns_of(times.ours_ms, ROUNDS), "ns", "encode; decode %.3g ns; %zu bytes",
                   ns_of(times.theirs_ms, ROUNDS), s->tasks[0].size[s->only]);
    }
    const struct bench_pair pair = {.ours = read_stream, .theirs = all_ours, .arg = s, .repetitions = 51, .warm_up = 3};
    struct bench_times times;
    bench_pairs(&pair, &times);
    struct bench_row row;
    named(&row, s, "the reader");
    bench_tell(b, row.measure, ns_of(times.ours_ms, ROUNDS), "ns",
               "all six, with four payloads of 64 bytes copied into blobs that are given back");
}

int main(void) {
    struct stage *s = malloc(sizeof *s);
    P2_CHECK(s);
    struct bench b;
    bench_begin(&b, "codec", "", BENCH_VALUES);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        make_stage(s, &shapes[i]);
        against_json(&b, s);
        sizes(&b, s);
        allocations(&b, s);
        each_record(&b, s);
        unmake_stage(s);
    }
    free(s);
    return bench_end(&b);
}
