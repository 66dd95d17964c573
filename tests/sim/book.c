#include "book.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

// ---- types ----------------------------------------------------------------------------------------------------------

static const struct p2_param_spec params[] = {
    {.name = "content", .kind = P2_PARAM_INT, .required = true, .max = UINT32_MAX, .doc = "Which payload it is."},
    {.name = "result", .kind = P2_PARAM_INT, .required = true, .max = P2_TASK_PAYLOAD_MAX, .doc = "Bytes of result."},
    {.name = "work", .kind = P2_PARAM_INT, .required = true, .max = UINT32_MAX, .unit = "us", .doc = "Time it takes."},
    {.name = "memory", .kind = P2_PARAM_INT, .required = true, .max = 65536, .unit = "MiB", .doc = "On the device."},
    {.name = NULL}};

static uint64_t int_of(const struct p2_params *given, const char *name) {
    return (uint64_t)p2_params_find(given, name)->value.ints[0];
}

static enum p2_err prepare(const struct p2_params *given, uint64_t payload_size, void *block, struct p2_task_cost *cost,
                           struct p2_strbuf *why) {
    enum p2_err err = p2_params_check(given, params, why);
    if (err) return err;
    uint64_t work = int_of(given, "work");
    struct sim_block b = {(uint32_t)int_of(given, "content"), (uint32_t)int_of(given, "result")};
    memcpy(block, &b, sizeof b);
    *cost = (struct p2_task_cost){.units = work + payload_size / 1024 + 1,
                                  .result_bytes_max = b.result_size,
                                  .device_bytes = int_of(given, "memory") << 20,
                                  .size_class = p2_size_class(work),
                                  .timeout_prior_ns = 2 * (p2_ns)work * P2_US + sim.plan->prior};
    return P2_OK;
}

static bool equal(const void *block, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) {
    (void)block;
    return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static const struct p2_known_answer answer = {.payload_size = 0};

#define TYPE(type_name)                                                                                                \
    {                                                                                                                  \
        .name = type_name, .version = 1, .doc = "Of the simulator.", .unit = "us", .params = params,                   \
        .block_bytes = sizeof(struct sim_block), .criticality = P2_CRIT_LOW, .deterministic = true,                    \
        .payload_bytes_max = P2_TASK_PAYLOAD_MAX, .blobs_max = BOOK_BLOBS, .prepare = prepare, .equal = equal,         \
        .known_answers = &answer, .known_answer_count = 1                                                              \
    }

static const struct p2_task_type types[SIM_TYPES] = {TYPE("frame"), TYPE("filter"), TYPE("ask"),
                                                     TYPE("think"), TYPE("world"),  TYPE("rays")};
const struct p2_task_type *const sim_types[SIM_TYPES] = {&types[0], &types[1], &types[2],
                                                         &types[3], &types[4], &types[5]};

// ---- bytes ----------------------------------------------------------------------------------------------------------

// The lowest bit of a seed says whether its bytes repeat, so that zstd has something to do.
static uint64_t word_at(uint64_t seed, uint64_t index) {
    return seed & 1 ? seed + (index >> 5) * UINT64_C(0x0101010101)
                    : (seed + index * UINT64_C(0x9e3779b97f4a7c15)) ^ (seed >> 29) * (index + 1);
}

static void fill_part(uint8_t *out, uint64_t seed, uint64_t offset, uint32_t size) { // within one word
    uint64_t word = word_at(seed, offset / 8);
    memcpy(out, (const uint8_t *)&word + offset % 8, size);
}

void bytes_fill(uint8_t *out, uint64_t seed, uint64_t offset, uint32_t size) {
    uint32_t head = (uint32_t)(-offset % 8);
    if (head > size) head = size;
    if (head) fill_part(out, seed, offset, head);
    uint8_t *words = out + head;
    uint64_t first = (offset + head) / 8, count = (size - head) / 8;
    for (uint64_t i = 0; i < count; i++) { // half of what a run costs, so nothing else is done in here
        uint64_t word = word_at(seed, first + i);
        memcpy(words + 8 * i, &word, 8);
    }
    uint32_t tail = (size - head) % 8;
    if (tail) fill_part(words + 8 * count, seed, 8 * (first + count), tail);
}

bool bytes_right(const uint8_t *bytes, uint64_t seed, uint64_t offset, uint32_t size) {
    uint8_t want[4096];
    while (size) {
        uint32_t n = size < sizeof want ? size : (uint32_t)sizeof want;
        bytes_fill(want, seed, offset, n);
        if (memcmp(want, bytes, n) != 0) return false;
        bytes += n;
        offset += n;
        size -= n;
    }
    return true;
}

#define LANES 4u // sums side by side: one would wait for itself at every word

uint64_t result_seed_of(const uint8_t *payload, uint32_t size, uint32_t type) {
    uint64_t lanes[LANES] = {mix(size + ((uint64_t)type << 32) + 1), 1, 2, 3}, word;
    for (uint32_t at = 0; at < size; at += 8) {
        uint64_t *h = &lanes[at / 8 % LANES];
        word = 0;
        memcpy(&word, payload + at, size - at < 8 ? size - at : 8);
        *h = (*h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        *h ^= *h >> 32;
    }
    for (uint32_t i = 1; i < LANES; i++) lanes[0] = mix(lanes[0] ^ lanes[i]);
    return mix(lanes[0]);
}

// ---- the book -------------------------------------------------------------------------------------------------------

static struct {
    struct content *contents;
    struct deed *deeds;
    uint32_t content_count, content_room, deed_count, deed_room;
    uint8_t *scratch;
} book;

void book_open(void) {
    book.content_room = book.deed_room = 4096;
    book.contents = calloc(book.content_room, sizeof *book.contents);
    book.deeds = calloc(book.deed_room, sizeof *book.deeds);
    book.scratch = malloc(sim.plan->payload_max + 8);
    P2_CHECK(book.contents && book.deeds && book.scratch);
    book.content_count = book.deed_count = 0;
}

void book_close(void) {
    free(book.contents);
    free(book.deeds);
    free(book.scratch);
}

// Mostly small; now and then up to the most.
static uint32_t some_size(uint64_t most) {
    uint32_t kind = below(100), ceiling = 1500;
    if (kind < 8) return 0;
    if (kind >= 60) ceiling = 20000;
    if (kind >= 90) ceiling = 120000;
    if (kind >= 97 || ceiling > most) ceiling = (uint32_t)most;
    return below(ceiling + 1);
}

static uint64_t seed_of(uint32_t number) { return mix(sim.seed * 1000003 + number) & ~UINT64_C(1); }

static uint32_t add(struct content c, uint64_t seed) {
    if (book.content_count == book.content_room) {
        book.content_room *= 2;
        book.contents = realloc(book.contents, book.content_room * sizeof *book.contents);
        P2_CHECK(book.contents);
    }
    c.seed = seed;
    bytes_fill(book.scratch, c.seed, 0, c.payload_size);
    c.result_seed = result_seed_of(book.scratch, c.payload_size, c.type) & ~UINT64_C(1);
    if (c.seed & 1) c.result_seed |= 1;
    book.contents[book.content_count] = c;
    return book.content_count++;
}

uint32_t book_add(const struct content *c) { return add(*c, seed_of(book.content_count)); }

uint32_t book_content(uint32_t type) {
    if (sim.plan->repeats && chance(60)) {
        uint32_t old = book.content_count, skip = below(4);
        for (uint32_t looked = 0; old > 0 && looked < 64; looked++) {
            if (book.contents[--old].type == type && skip-- == 0) return old;
        }
    }
    struct content c = {.type = type};
    uint64_t seed = seed_of(book.content_count);
    if (sim.plan->zstd && chance(60)) seed |= 1;
    c.work_us = (uint32_t)(between(P2_MS, sim.plan->work_max) / P2_US) * (1 + type % 3) / 3 + 100;
    c.told_us = c.work_us;
    c.memory_mb = chance(70) ? 0 : 1u << below(13);
    c.payload_size = some_size(sim.plan->payload_max);
    c.result_size = some_size(sim.plan->result_max);
    return add(c, seed);
}

struct content *content_of(uint32_t number) {
    return number < book.content_count ? &book.contents[number] : NULL;
}

uint32_t book_task(uint32_t content) {
    if (book.deed_count == book.deed_room) {
        book.deed_room *= 2;
        book.deeds = realloc(book.deeds, book.deed_room * sizeof *book.deeds);
        P2_CHECK(book.deeds);
    }
    book.deeds[book.deed_count] = (struct deed){.content = content};
    return book.deed_count++;
}

struct deed *deed_of(uint32_t number) {
    return &book.deeds[number];
}
uint32_t book_count(void) { return book.deed_count; }

struct p2_id book_id(uint32_t number) {
    uint64_t halves[2] = {number + UINT64_C(1), mix(sim.seed + number)};
    struct p2_id id;
    memcpy(id.b, halves, sizeof id.b);
    return id;
}

bool book_number(const struct p2_id *id, uint32_t *number_out) {
    uint64_t n;
    memcpy(&n, id->b, sizeof n);
    if (n == 0 || n > book.deed_count) return false;
    struct p2_id want = book_id((uint32_t)n - 1);
    *number_out = (uint32_t)n - 1;
    return p2_id_equal(id, &want);
}
