#include "base/hash.h"

#include "base/rng.h"
#include "cmocka_all.h"

#define SEEDS 64u
#define KEYS 4096u
#define PLACES 1024u

// Keys as they are made up: a counter in one half or the other, or a counter's multiples.
static struct p2_id made_up(unsigned how, uint64_t n) {
    struct p2_id id = {{0}};
    uint64_t words[2] = {how == 0 ? n : how == 2 ? n << 40 : 7, how == 1 ? n : how == 3 ? n << 52 : 0};
    memcpy(id.b, words, sizeof words);
    return id;
}

// For whatever seed, keys that differ little lie as evenly as chance would have them: 4 to a place, a variance of 4.
static void neighbours_lie_apart(void **state) {
    (void)state;
    struct p2_rng r;
    p2_rng_init(&r, 1);
    for (unsigned run = 0; run < SEEDS * 4; run++) {
        const uint64_t seed[2] = {p2_rng_next(&r), p2_rng_next(&r)};
        unsigned low[PLACES] = {0}, high[PLACES] = {0};
        for (uint64_t n = 0; n < KEYS; n++) {
            struct p2_id key = made_up(run % 4, n);
            uint64_t hash = p2_hash_id(&key, seed);
            low[hash % PLACES]++;
            high[hash >> 54]++;
        }
        double spread[2] = {0, 0}, mean = (double)KEYS / PLACES;
        for (unsigned i = 0; i < PLACES; i++) {
            spread[0] += ((double)low[i] - mean) * ((double)low[i] - mean);
            spread[1] += ((double)high[i] - mean) * ((double)high[i] - mean);
        }
        assert_true(spread[0] / PLACES < 1.5 * mean && spread[1] / PLACES < 1.5 * mean);
    }
}

// One bit of a key turns about half of the bits of its hash, whichever it is.
static void every_bit_counts(void **state) {
    (void)state;
    struct p2_rng r;
    p2_rng_init(&r, 2);
    for (unsigned bit = 0; bit < 128; bit++) {
        unsigned turned = 0;
        for (unsigned run = 0; run < SEEDS; run++) {
            const uint64_t seed[2] = {p2_rng_next(&r), p2_rng_next(&r)};
            struct p2_id key = made_up(0, p2_rng_next(&r)), other = key;
            other.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
            turned += (unsigned)__builtin_popcountll(p2_hash_id(&key, seed) ^ p2_hash_id(&other, seed));
        }
        assert_in_range(turned, SEEDS * 28, SEEDS * 36);
    }
}

// Who knows what seeds look like, but not this one, finds no pair of keys that falls together: also not where a half of
// a key equals a half of the seed, which hides the other half from one of the products.
static void a_half_that_equals_the_seed_hides_nothing(void **state) {
    (void)state;
    struct p2_rng r;
    p2_rng_init(&r, 3);
    for (unsigned run = 0; run < SEEDS; run++) {
        const uint64_t seed[2] = {p2_rng_next(&r), p2_rng_next(&r)};
        for (unsigned half = 0; half < 2; half++) {
            uint64_t words[2] = {seed[0], seed[1]}, hashes[2];
            struct p2_id key;
            for (unsigned i = 0; i < 2; i++) {
                words[!half] = i;
                memcpy(key.b, words, sizeof words);
                hashes[i] = p2_hash_id(&key, seed);
            }
            assert_true(hashes[0] != hashes[1]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_lie_apart),
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(a_half_that_equals_the_seed_hides_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
