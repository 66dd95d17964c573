#include "client/core/tiles.h"

#include <stddef.h>

#include "base/check.h"
#include "msg/limits.h"

#define UNKNOWN_TILES 4u   // while it is not known how many peers there are
#define SEARCH_ROUNDS 24   // of the largest tile's cost: to 2^-24 of the whole
#define LEARN 0.5          // of the difference between what was predicted and what was measured, for rows
#define LEARN_PEER 0.25    // and for peers, which change less
#define CORRECTION_MAX 4.0 // of one measurement, either way

void p2_tiles_init(struct tiles *t, uint32_t steps, uint32_t ghost) {
    P2_CHECK(steps > 0);
    *t = (struct tiles){.steps = steps, .ghost = ghost, .per_bin = (steps + TILES_BINS - 1) / TILES_BINS};
    t->bins = (steps + t->per_bin - 1) / t->per_bin;
    for (uint32_t i = 0; i < t->bins; i++) t->cost[i] = t->per_bin;
    t->cost[t->bins - 1] = steps - (t->bins - 1) * t->per_bin;
}

static uint32_t bins_of(const struct tiles *t, uint32_t steps) { return (steps + t->per_bin - 1) / t->per_bin; }

static uint32_t min_of(uint32_t a, uint32_t b) { return a < b ? a : b; }

struct sums {
    double before[TILES_BINS + 1]; // of all bins before this one
};

static void sum_up(const struct tiles *t, struct sums *s) {
    s->before[0] = 0;
    for (uint32_t i = 0; i < t->bins; i++) s->before[i + 1] = s->before[i] + t->cost[i];
}

// Of the bins first to end - 1 and the ghosts around them.
static double cost_of(const struct tiles *t, const struct sums *s, uint32_t first, uint32_t end) {
    uint32_t ghost = bins_of(t, t->ghost);
    return s->before[min_of(end + ghost, t->bins)] - s->before[first - min_of(first, ghost)];
}

double p2_tiles_cost(const struct tiles *t, struct tile tile) {
    struct sums s;
    sum_up(t, &s);
    return cost_of(t, &s, tile.first / t->per_bin, bins_of(t, tile.first + tile.steps));
}

uint32_t p2_tiles_weight(const struct tiles *t, struct tile tile) {
    if (!t->known) return 0;
    uint32_t first = tile.first - min_of(tile.first, t->ghost),
             end = min_of(tile.first + tile.steps + t->ghost, t->steps);
    double whole = p2_tiles_cost(t, (struct tile){0, t->steps}) / t->steps;
    double percent = 100 * p2_tiles_cost(t, tile) / (end - first) / whole + 0.5;
    return percent < P2_WEIGHT_MIN ? P2_WEIGHT_MIN : percent < P2_WEIGHT_MAX ? (uint32_t)percent : P2_WEIGHT_MAX;
}

uint32_t p2_tiles_worth(const struct tiles *t, uint32_t peers) {
    uint32_t count = peers ? min_of(peers, TILES_MAX) : UNKNOWN_TILES;
    if (t->known) {
        double all = p2_tiles_cost(t, (struct tile){0, t->steps}) / (double)TILES_WORTH_NS;
        if (all < count) count = all > 1 ? (uint32_t)all : 1;
    }
    uint32_t fit = t->ghost ? t->steps / (4 * t->ghost) : t->steps;
    return fit > 1 ? min_of(count, fit) : 1;
}

// The farthest end of a tile from `first` on that costs no more than `most`; one bin at least.
static uint32_t reach(const struct tiles *t, const struct sums *s, uint32_t first, double most) {
    uint32_t low = first + 1, high = t->bins;
    while (low < high) {
        uint32_t middle = (low + high + 1) / 2;
        if (cost_of(t, s, first, middle) <= most)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static uint32_t tiles_needed(const struct tiles *t, const struct sums *s, double most, uint32_t limit) {
    uint32_t n = 0;
    for (uint32_t at = 0; at < t->bins && n <= limit; n++) at = reach(t, s, at, most);
    return n;
}

// Linear partitioning by searching for the least cost of the most expensive tile.
uint32_t p2_tiles_cut(const struct tiles *t, uint32_t count, struct tile out[TILES_MAX]) {
    P2_CHECK(count >= 1 && count <= TILES_MAX);
    struct sums s;
    sum_up(t, &s);
    double low = 0, high = s.before[t->bins];
    for (int i = 0; i < SEARCH_ROUNDS; i++) {
        double middle = (low + high) / 2;
        if (tiles_needed(t, &s, middle, count) <= count)
            high = middle;
        else
            low = middle;
    }
    uint32_t n = 0;
    for (uint32_t at = 0; at < t->bins; n++) {
        uint32_t end = n + 1 == count ? t->bins : reach(t, &s, at, high);
        uint32_t first = at * t->per_bin;
        out[n] = (struct tile){first, min_of(end * t->per_bin, t->steps) - first};
        at = end;
    }
    return n;
}

// ---- learning

static uint32_t place_of(const struct tiles *t, uint64_t name) {
    uint32_t i = 0;
    while (i < TILES_PEERS && t->peers[i].name != name) i++;
    return i;
}

static struct tiles_peer *peer_of(struct tiles *t, uint64_t name) {
    uint32_t at = place_of(t, name);
    if (at == TILES_PEERS) {
        at = 0;
        for (uint32_t i = 1; i < TILES_PEERS; i++)
            if (t->peers[i].heard < t->peers[at].heard) at = i;
        t->peers[at] = (struct tiles_peer){.name = name, .slowness = 1};
    }
    t->peers[at].heard = ++t->heard;
    return &t->peers[at];
}

// What is learned of peers and of rows has one factor too many: peers are as slow as the average, on average.
static void settle_peers(struct tiles *t) {
    double sum = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < TILES_PEERS; i++) {
        if (!t->peers[i].name) continue;
        sum += t->peers[i].slowness;
        n++;
    }
    double mean = sum / n;
    for (uint32_t i = 0; i < TILES_PEERS; i++) t->peers[i].slowness /= mean;
    for (uint32_t i = 0; i < t->bins; i++) t->cost[i] *= mean;
}

static double bounded(double ratio) {
    return ratio > CORRECTION_MAX ? CORRECTION_MAX : ratio < 1 / CORRECTION_MAX ? 1 / CORRECTION_MAX : ratio;
}

void p2_tiles_learn(struct tiles *t, struct tile tile, uint64_t peer, p2_ns took) {
    struct tiles_peer *by = peer ? peer_of(t, peer) : NULL;
    double ratio = (double)(took > 0 ? took : 1) / p2_tiles_cost(t, tile) / (by ? by->slowness : 1);
    double factor = 1 + LEARN * (bounded(ratio) - 1);
    uint32_t first = tile.first / t->per_bin, end = bins_of(t, tile.first + tile.steps);
    if (!t->known) { // how much a row is, everywhere
        t->known = true;
        first = 0;
        end = t->bins;
        factor = ratio;
    } else if (by) {
        by->slowness *= 1 + LEARN_PEER * (bounded(ratio) - 1);
    }
    for (uint32_t i = first; i < end; i++) t->cost[i] *= factor;
    if (by) settle_peers(t);
}

double p2_tiles_slowness(const struct tiles *t, uint64_t peer) {
    uint32_t at = peer ? place_of(t, peer) : TILES_PEERS;
    return at < TILES_PEERS ? t->peers[at].slowness : 1;
}
