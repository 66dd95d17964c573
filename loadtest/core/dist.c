#include "loadtest/core/dist.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "loadtest/core/quantity.h"

#define WORD_MAX 24
#define Z99 2.3263478740408408 // standard deviations below which 99 % of a normal distribution lies

// Up to 3 words of `text`; their number, 4 when there are more or one is too long.
static int split(const char *text, char words[3][WORD_MAX]) {
    int count = 0;
    while (*text) {
        size_t blank = 0, n = 0;
        while (text[blank] == ' ') blank++;
        text += blank;
        while (text[n] && text[n] != ' ') n++;
        if (n == 0) break;
        if (count == 3 || n >= WORD_MAX) return 4;
        memcpy(words[count], text, n);
        words[count++][n] = 0;
        text += n;
    }
    return count;
}

static bool span(const char *word, p2_ns *out) { return quantity_span(word, out) && *out <= DIST_NS_MAX; }

bool dist_parse(const char *text, struct dist *out) {
    char w[3][WORD_MAX];
    struct dist d = {DIST_CONSTANT, 0, 0};
    int n = split(text, w);
    if (n == 1 && span(w[0], &d.a)) {
        *out = d;
        return true;
    }
    if (n == 2 && strcmp(w[0], "exponential") == 0 && span(w[1], &d.a)) {
        d.kind = DIST_EXPONENTIAL;
        *out = d;
        return true;
    }
    if (n != 3 || !span(w[1], &d.a) || !span(w[2], &d.b) || d.b <= d.a) return false;
    if (strcmp(w[0], "uniform") == 0)
        d.kind = DIST_UNIFORM;
    else if (strcmp(w[0], "lognormal") == 0 && d.a > 0)
        d.kind = DIST_LOGNORMAL;
    else
        return false;
    *out = d;
    return true;
}

static double sigma(const struct dist *d) { return log((double)d->b / (double)d->a) / Z99; }

// Box and Muller (1958).
static double normal(struct p2_rng *r) {
    double u = 1 - p2_rng_unit(r); // (0, 1]
    return sqrt(-2 * log(u)) * cos(2 * M_PI * p2_rng_unit(r));
}

p2_ns dist_sample(const struct dist *d, struct p2_rng *r) {
    double ns = 0;
    switch (d->kind) {
    case DIST_CONSTANT: return d->a;
    case DIST_UNIFORM: ns = (double)d->a + p2_rng_unit(r) * (double)(d->b - d->a); break;
    case DIST_EXPONENTIAL: ns = -log(1 - p2_rng_unit(r)) * (double)d->a; break;
    case DIST_LOGNORMAL: ns = (double)d->a * pow(M_E, sigma(d) * normal(r)); break;
    default: P2_UNREACHABLE();
    }
    return ns > (double)DIST_NS_MAX ? DIST_NS_MAX : (p2_ns)ns;
}

p2_ns dist_mean(const struct dist *d) {
    if (d->kind == DIST_UNIFORM) return d->a + (d->b - d->a) / 2;
    if (d->kind != DIST_LOGNORMAL) return d->a;
    return (p2_ns)((double)d->a * pow(M_E, sigma(d) * sigma(d) / 2));
}
