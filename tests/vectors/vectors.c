// Holds records written in hex to the code: each decodes, says what the comment above it says, and encodes to the same
// bytes.
//   vectors DIR             checks proto/vectors: one record a file, every kind there. Exit 1 and a line for each wrong
//   vectors --session FILE  checks one direction of a connection: many records, through the reader
//   vectors --write DIR     writes the vectors from samples.c
//   vectors --errors        prints the table of error codes as PROTOCOL.md has it
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "samples.h"
#include "wire/wire.h"

#define RECORD_MAX (P2_PREFIX_BYTES + P2_HEADER_MAX + P2_RECORD_PAYLOAD_MAX)
#define RECORDS_MAX 64
#define MEANING_MAX 1024
#define SEQ 7u // in every vector written, so that its bytes are seen to be kept

struct records {
    unsigned count;
    char meaning[RECORDS_MAX][MEANING_MAX];
    size_t start[RECORDS_MAX + 1];
    uint8_t bytes[2 * RECORD_MAX];
};

struct check {
    const struct records *expected;
    unsigned at;
    const char *wrong; // NULL while all is well
    uint64_t kinds;
};

static struct p2_blob_pool pool;
static struct p2_codec codec;

static size_t encode(const struct p2_msg *m, uint32_t seq, uint8_t out[static RECORD_MAX]) {
    size_t n = p2_encode(m, out, RECORD_MAX);
    struct p2_slice payload = p2_encode_payload(m);
    p2_prefix_stamp(out, seq);
    if (payload.size) memcpy(out + n, p2_slice_data(&payload), payload.size);
    return n + payload.size;
}

static void describe(const struct p2_msg *m, char out[static MEANING_MAX]) {
    struct p2_strbuf s;
    p2_strbuf_init(&s, out, MEANING_MAX);
    p2_msg_describe(m, &s);
}

static bool write_one(const char *dir, const struct sample *s) {
    static uint8_t bytes[RECORD_MAX];
    char path[512], meaning[MEANING_MAX];
    snprintf(path, sizeof path, "%s/%s.hex", dir, s->name);
    FILE *f = fopen(path, "w");
    if (!f) return false;
    describe(&s->msg, meaning);
    fprintf(f, "# %s\n", meaning);
    size_t size = encode(&s->msg, SEQ, bytes);
    for (size_t i = 0; i < size; i++) fprintf(f, "%02x%s", bytes[i], i % 16 == 15 || i + 1 == size ? "\n" : " ");
    return fclose(f) == 0;
}

static bool read_records(const char *path, struct records *r) {
    FILE *f = fopen(path, "r");
    if (!f) return false;
    char line[MEANING_MAX + 2];
    size_t size = 0;
    r->count = 0;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        if (line[0] == '#' && r->count < RECORDS_MAX) {
            r->start[r->count] = size;
            snprintf(r->meaning[r->count++], MEANING_MAX, "%s", line + 2);
            continue;
        }
        unsigned byte;
        int used;
        for (char *p = line; size < sizeof r->bytes && sscanf(p, "%2x%n", &byte, &used) == 1; p += used)
            r->bytes[size++] = (uint8_t)byte;
    }
    r->start[r->count] = size;
    fclose(f);
    return r->count > 0;
}

static enum p2_err on_msg(void *context, struct p2_msg *m) {
    static char meaning[MEANING_MAX];
    static uint8_t again[RECORD_MAX];
    struct check *c = context;
    if (c->at == c->expected->count) {
        c->wrong = "there are more records than comments";
        return P2_ERR_BAD_RECORD;
    }
    unsigned i = c->at++;
    const uint8_t *bytes = c->expected->bytes + c->expected->start[i];
    size_t size = c->expected->start[i + 1] - c->expected->start[i];
    struct p2_prefix prefix;
    describe(m, meaning);
    c->kinds |= UINT64_C(1) << m->kind;
    if (strcmp(meaning, c->expected->meaning[i]) != 0) {
        c->wrong = meaning;
    } else if (p2_prefix_get(bytes, &prefix) != P2_OK || encode(m, prefix.seq, again) != size ||
               memcmp(again, bytes, size) != 0) {
        c->wrong = "it encodes to other bytes";
    }
    return c->wrong ? P2_ERR_BAD_MESSAGE : P2_OK;
}

// True when every record of the file is as its comment says. `session`: the file is a connection from its beginning.
static bool check_file(const char *path, bool session, uint64_t *kinds) {
    static struct records records;
    struct check c = {.expected = &records};
    if (!read_records(path, &records)) {
        c.wrong = "it cannot be read";
    } else {
        struct p2_reader reader;
        p2_reader_init(&reader, &codec);
        reader.hello_seen = !session;
        reader.seq = session ? 0 : SEQ;
        enum p2_err e = p2_reader_feed(&reader, records.bytes, records.start[records.count], on_msg, &c);
        if (!c.wrong && e != P2_OK) c.wrong = p2_err_name(e);
        if (!c.wrong && c.at != records.count) c.wrong = "a record is not whole";
        p2_reader_deinit(&reader);
    }
    *kinds |= c.kinds;
    if (c.wrong) fprintf(stderr, "%s, record %u: %s\n", path, c.at, c.wrong);
    return !c.wrong;
}

static int check_all(const char *dir) {
    DIR *d = opendir(dir);
    uint64_t kinds = 0;
    int wrong = 0;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        char path[512];
        size_t n = strlen(entry->d_name);
        if (n < 4 || strcmp(entry->d_name + n - 4, ".hex") != 0) continue;
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        wrong += !check_file(path, false, &kinds);
    }
    if (d) closedir(d);
    for (unsigned kind = 1; kind < P2_MSG_KINDS; kind++) {
        if (kinds & UINT64_C(1) << kind || strcmp(p2_msg_name((enum p2_msg_kind)kind), "Unknown") == 0) continue;
        fprintf(stderr, "%s has no vector\n", p2_msg_name((enum p2_msg_kind)kind));
        wrong++;
    }
    return wrong ? 1 : 0;
}

static int print_errors(void) {
    for (uint32_t number = 1; number < P2_ERR_AGAIN; number++) {
        enum p2_err e = p2_err_from_wire(number);
        if ((uint32_t)e != number) continue;
        const char *again = p2_err_retryable(e) ? "yes" : "no";
        printf("| %u | %s | %s | %s |\n", number, p2_err_name(e), p2_err_sentence(e), again);
    }
    return 0;
}

static int run(const char *mode, const char *path) {
    uint64_t kinds = 0;
    if (!mode) return check_all(path);
    if (strcmp(mode, "--session") == 0) return check_file(path, true, &kinds) ? 0 : 1;
    if (strcmp(mode, "--write") != 0) return 2;
    for (unsigned i = 0; i < sample_count; i++)
        if (!write_one(path, &samples[i])) return 1;
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: vectors --errors | [--session|--write] PATH\n");
        return 2;
    }
    p2_blob_pool_init(&pool, 1 << 20, 0);
    if (!p2_codec_init(&codec, &pool)) return 1;
    bool errors = argc == 2 && strcmp(argv[1], "--errors") == 0;
    int status = errors ? print_errors() : run(argc == 3 ? argv[1] : NULL, argv[argc - 1]);
    p2_codec_deinit(&codec);
    p2_blob_pool_deinit(&pool);
    return status;
}
