// The public face of core/quality: the caller's struct keeps the core's.
#include "p2c2r/quality.h"

#include <string.h>

#include "base/check.h"
#include "client/core/quality.h"
#include "client/shell/client.h"

_Static_assert(sizeof(struct quality) <= sizeof((p2c2r_quality *)0)->state, "it has room there");

static bool load(struct quality *q, const p2c2r_quality *from) {
    if (!from || from->size != sizeof *from) return false;
    memcpy(q, from->state, sizeof *q);
    return q->levels > 0; // begun
}

static void store(p2c2r_quality *to, const struct quality *q) { memcpy(to->state, q, sizeof *q); }

p2c2r_status p2c2r_quality_init(p2c2r_quality *quality, const p2c2r_quality_options *options) {
    p2c2r_quality_options o = {0};
    if (!quality || quality->size != sizeof *quality) return P2C2R_EINVAL;
    if (options) {
        size_t size;
        memcpy(&size, options, sizeof size);
        if (!p2_client_take(&o, sizeof o, options, size)) return P2C2R_EINVAL;
    }
    if (!o.levels) o.levels = QUALITY_LEVELS_DEFAULT;
    if (!o.slower_us) o.slower_us = QUALITY_SLOW_US;
    if (!o.better_us) o.better_us = QUALITY_QUICK_US;
    if (o.levels > QUALITY_LEVELS_MAX || o.level >= o.levels || o.better_us < 0 || o.better_us >= o.slower_us ||
        o.slower_us > QUALITY_FRAME_US_MAX)
        return P2C2R_EINVAL;
    struct quality q;
    p2_quality_init(&q, o.levels, o.level, o.slower_us, o.better_us);
    memset(quality->state, 0, sizeof quality->state);
    store(quality, &q);
    return P2C2R_OK;
}

uint32_t p2c2r_quality_frame(p2c2r_quality *quality, uint32_t level, int64_t took_us) {
    struct quality q;
    if (!load(&q, quality)) return 0;
    uint32_t next = p2_quality_frame(&q, level, took_us);
    store(quality, &q);
    return next;
}

uint32_t p2c2r_quality_level(const p2c2r_quality *quality) {
    struct quality q;
    return load(&q, quality) ? q.level : 0;
}

int64_t p2c2r_quality_mean_us(const p2c2r_quality *quality) {
    struct quality q;
    return load(&q, quality) ? p2_quality_mean_us(&q) : 0;
}

const char *p2c2r_quality_name(uint32_t level) {
    static const char *const names[] = {"fast", "balanced", "quality"};
    return level < sizeof names / sizeof *names ? names[level] : "";
}
