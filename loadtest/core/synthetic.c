#include "loadtest/core/synthetic.h"

#include <string.h>

#define MAGIC 0x544c3250u // "P2LT"

static void put(uint8_t *out, uint32_t v) {
    for (int i = 0; i < 4; i++) out[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get(const uint8_t *in) {
    return in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

void synthetic_put(const struct synthetic *s, uint8_t out[SYNTHETIC_HEADER]) {
    put(out, MAGIC);
    put(out + 4, s->task);
    put(out + 8, s->result_bytes);
    put(out + 12, s->content);
}

bool synthetic_get(const uint8_t in[SYNTHETIC_HEADER], struct synthetic *out) {
    if (get(in) != MAGIC || get(in + 8) < SYNTHETIC_HEADER) return false;
    *out = (struct synthetic){get(in + 4), get(in + 8), get(in + 12)};
    return true;
}

#define THIN_WORDS 8 // of noise, and as many zeros

// splitmix64's output function over words' places.
static uint64_t word_at(uint32_t content, bool thin, uint64_t i) {
    if (thin && i / THIN_WORDS % 2) return 0;
    uint64_t z = ((uint64_t)content << 32 | 0x9e3779b9u) + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint8_t *put_part(uint8_t *out, uint64_t word, uint64_t skip, uint64_t size) {
    memcpy(out, (const uint8_t *)&word + skip, size);
    return out + size;
}

void synthetic_fill(uint32_t content, bool thin, uint64_t offset, uint8_t *out, uint64_t size) {
    uint64_t i = offset / 8, skip = offset % 8, first = skip && size ? (8 - skip < size ? 8 - skip : size) : 0;
    if (first) out = put_part(out, word_at(content, thin, i++), skip, first);
    const uint64_t end = i + (size - first) / 8, rest = (size - first) % 8;
    for (; i < end; i++, out += 8) {
        const uint64_t word = word_at(content, thin, i);
        memcpy(out, &word, 8);
    }
    if (rest) put_part(out, word_at(content, thin, i), 0, rest);
}
