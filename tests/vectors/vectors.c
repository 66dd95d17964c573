// Holds proto/vectors/*.hex to the code: each decodes, says what its comment says, and encodes to the same bytes.
//   vectors DIR          checks; exit 1 and a line for each that differs
//   vectors --write DIR  writes them from samples.c
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "samples.h"
#include "wire/wire.h"

#define RECORD_MAX (P2_PREFIX_BYTES + P2_HEADER_MAX + P2_RECORD_PAYLOAD_MAX)
#define SEQ 7u // in every vector, so that its bytes are seen to be kept

struct vector {
    char meaning[1024];
    uint8_t *bytes;
    size_t size;
};

static struct p2_blob_pool pool;
static struct p2_codec codec;

static size_t encode(const struct p2_msg *m, uint8_t *out) {
    size_t n = p2_encode(m, out, RECORD_MAX);
    struct p2_slice payload = p2_encode_payload(m);
    p2_prefix_stamp(out, SEQ);
    if (payload.size) memcpy(out + n, p2_slice_data(&payload), payload.size);
    return n + payload.size;
}

static void describe(const struct p2_msg *m, char *out, size_t capacity) {
    struct p2_strbuf s;
    p2_strbuf_init(&s, out, capacity);
    p2_msg_describe(m, &s);
}

static bool write_one(const char *dir, const struct sample *s, uint8_t *bytes) {
    char path[512], meaning[1024];
    snprintf(path, sizeof path, "%s/%s.hex", dir, s->name);
    FILE *f = fopen(path, "w");
    if (!f) return false;
    describe(&s->msg, meaning, sizeof meaning);
    fprintf(f, "# %s\n", meaning);
    size_t size = encode(&s->msg, bytes);
    for (size_t i = 0; i < size; i++) fprintf(f, "%02x%s", bytes[i], i % 16 == 15 || i + 1 == size ? "\n" : " ");
    return fclose(f) == 0;
}

static bool read_one(const char *path, struct vector *v) {
    FILE *f = fopen(path, "r");
    if (!f) return false;
    char line[sizeof v->meaning + 2];
    v->size = 0;
    v->meaning[0] = 0;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        if (line[0] == '#') {
            snprintf(v->meaning, sizeof v->meaning, "%s", line + 2);
            continue;
        }
        unsigned byte;
        int used;
        for (char *p = line; v->size < RECORD_MAX && sscanf(p, "%2x%n", &byte, &used) == 1; p += used)
            v->bytes[v->size++] = (uint8_t)byte;
    }
    fclose(f);
    return true;
}

// NULL, or what is wrong. Adds the kind to `kinds`.
static const char *check_one(struct vector *v, uint8_t *again, uint64_t *kinds) {
    struct p2_prefix prefix;
    struct p2_msg m;
    static char meaning[1024]; // given to the caller when it differs
    if (v->size < P2_PREFIX_BYTES || p2_prefix_get(v->bytes, &prefix) != P2_OK) return "its prefix is refused";
    if (P2_PREFIX_BYTES + prefix.header_len + (size_t)prefix.payload_len != v->size) return "its lengths are wrong";
    uint8_t *header = v->bytes + P2_PREFIX_BYTES;
    struct p2_blob blob = {.refs = 1, .size = prefix.payload_len, .data = header + prefix.header_len};
    struct p2_slice payload = {prefix.payload_len ? &blob : NULL, 0, prefix.payload_len};
    enum p2_err e = p2_decode(&codec, &prefix, header, payload, &m);
    if (e != P2_OK) return p2_err_name(e);
    describe(&m, meaning, sizeof meaning);
    if (strcmp(meaning, v->meaning) != 0) return meaning;
    if (encode(&m, again) != v->size || memcmp(again, v->bytes, v->size) != 0) return "it encodes to other bytes";
    *kinds |= UINT64_C(1) << m.kind;
    return NULL;
}

static int check_all(const char *dir, struct vector *v, uint8_t *again) {
    DIR *d = opendir(dir);
    uint64_t kinds = 0;
    int wrong = 0, checked = 0;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        char path[512];
        size_t n = strlen(entry->d_name);
        if (n < 4 || strcmp(entry->d_name + n - 4, ".hex") != 0) continue;
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        const char *why = read_one(path, v) ? check_one(v, again, &kinds) : "it cannot be read";
        if (why) fprintf(stderr, "%s: %s\n", entry->d_name, why);
        wrong += why != NULL;
        checked++;
    }
    if (d) closedir(d);
    for (unsigned kind = 1; kind < P2_MSG_KINDS; kind++) {
        if (kinds & UINT64_C(1) << kind) continue;
        fprintf(stderr, "%s has no vector\n", p2_msg_name((enum p2_msg_kind)kind));
        wrong++;
    }
    printf("%d vectors, %d wrong\n", checked, wrong);
    return wrong ? 1 : 0;
}

int main(int argc, char **argv) {
    bool write = argc == 3 && strcmp(argv[1], "--write") == 0;
    if (argc != 2 && !write) {
        fprintf(stderr, "usage: vectors [--write] DIR\n");
        return 2;
    }
    p2_blob_pool_init(&pool, 1 << 20, 0);
    struct vector v = {.bytes = malloc(RECORD_MAX)};
    uint8_t *again = malloc(RECORD_MAX);
    if (!v.bytes || !again || !p2_codec_init(&codec, &pool)) return 1;
    int status = 0;
    if (write) {
        for (unsigned i = 0; i < sample_count; i++)
            if (!write_one(argv[2], &samples[i], again)) status = 1;
    } else {
        status = check_all(argv[1], &v, again);
    }
    p2_codec_deinit(&codec);
    p2_blob_pool_deinit(&pool);
    free(v.bytes);
    free(again);
    return status;
}
