#include "loadtest/core/threshold.h"

#include <string.h>

#include "base/check.h"
#include "loadtest/core/quantity.h"

struct whole {
    const char *name;
    enum threshold_what what;
    enum threshold_unit unit;
};

static const struct whole wholes[] = {
    {"success", WHAT_SUCCESS, UNIT_SHARE},
    {"rate", WHAT_RATE, UNIT_NUMBER},
    {"overhead", WHAT_OVERHEAD, UNIT_SHARE},
    {"busy", WHAT_BUSY, UNIT_SHARE},
    {"coordinator", WHAT_COORDINATOR, UNIT_SHARE},
    {"growth", WHAT_GROWTH, UNIT_SHARE},
    {"kernel", WHAT_KERNEL, UNIT_SHARE},
    {"connection", WHAT_CONNECTION, UNIT_BYTES},
    {"wrong", WHAT_WRONG, UNIT_NUMBER},
    {"unanswered", WHAT_UNANSWERED, UNIT_NUMBER},
    {"dropped", WHAT_DROPPED, UNIT_NUMBER},
};

enum threshold_unit threshold_unit(const struct threshold *t) {
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++) {
        if (wholes[i].what == t->what) return wholes[i].unit;
    }
    return UNIT_SPAN;
}

static bool parse_of_stage(const char *name, struct threshold *t) {
    double d;
    if (strcmp(name, "mean") == 0) {
        t->what = WHAT_MEAN;
    } else if (strcmp(name, "max") == 0) {
        t->what = WHAT_MAX;
    } else if (name[0] == 'p' && quantity_number(name + 1, &d) && d > 0 && d < 100) {
        t->what = WHAT_QUANTILE;
        t->quantile = d / 100;
    } else {
        return false;
    }
    return true;
}

static bool parse_metric(const char *name, struct threshold *t) {
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++) {
        if (strcmp(name, wholes[i].name) != 0) continue;
        t->what = wholes[i].what;
        return true;
    }
    t->stage = STAGE_LATENCY;
    if (strncmp(name, "task", 4) == 0) {
        for (name += 4; *name >= '0' && *name <= '9' && t->task <= SCENARIO_TASKS_MAX; name++)
            t->task = 10 * t->task + (uint32_t)(*name - '0');
        return t->task > 0 && t->task <= SCENARIO_TASKS_MAX && *name == '.' && parse_of_stage(name + 1, t);
    }
    for (enum stage s = 0; s < STAGES; s++) {
        size_t n = strlen(stage_name(s));
        if (strncmp(name, stage_name(s), n) != 0 || name[n] != '.') continue;
        t->stage = s;
        name += n + 1;
        break;
    }
    return parse_of_stage(name, t);
}

static bool parse_limit(const char *text, struct threshold *t) {
    p2_ns span;
    uint64_t bytes;
    switch (threshold_unit(t)) {
    case UNIT_SHARE: return quantity_share(text, &t->limit);
    case UNIT_NUMBER: return quantity_number(text, &t->limit);
    case UNIT_BYTES:
        if (!quantity_bytes(text, &bytes)) return false;
        t->limit = (double)bytes;
        return true;
    case UNIT_SPAN: break;
    }
    if (!quantity_span(text, &span)) return false;
    t->limit = (double)span;
    return true;
}

bool threshold_parse(const char *text, struct threshold *out, struct p2_strbuf *why) {
    struct threshold t = {.sign = SIGN_BELOW};
    char name[32];
    size_t n = 0;
    while (text[n] && text[n] != '<' && text[n] != '>') n++;
    if (n == 0 || n >= sizeof name || text[n] == 0 || strlen(text) >= sizeof t.text) {
        p2_strbuf_printf(why, "\"%.40s\" is not of the form METRIC<LIMIT or METRIC>LIMIT", text);
        return false;
    }
    memcpy(name, text, n);
    name[n] = 0;
    memcpy(t.text, text, strlen(text) + 1);
    bool equal = text[n + 1] == '=', above = text[n] == '>';
    t.sign = above ? (equal ? SIGN_AT_LEAST : SIGN_ABOVE) : (equal ? SIGN_AT_MOST : SIGN_BELOW);
    if (!parse_metric(name, &t)) {
        p2_strbuf_printf(
            why, "nothing is called \"%s\"; p50, p99.9, mean, max, added.p99, success, rate and others are", name);
        return false;
    }
    if (!parse_limit(text + n + 1 + equal, &t)) {
        static const char *const forms[] = {"a time like 100ms", "a share like 0.99 or 99%", "a number",
                                            "a size like 12KiB"};
        p2_strbuf_printf(why, "the limit in \"%s\" is not %s", text, forms[threshold_unit(&t)]);
        return false;
    }
    *out = t;
    return true;
}

static const struct hdr *times_of(const struct threshold *t, const struct report *r) {
    return t->task ? &r->tasks[t->task - 1] : &r->stages[t->stage];
}

double threshold_value(const struct threshold *t, const struct report *r) {
    const struct hdr *h = times_of(t, r);
    switch (t->what) {
    case WHAT_QUANTILE: return (double)hdr_at(h, t->quantile);
    case WHAT_MEAN: return (double)hdr_mean(h);
    case WHAT_MAX: return (double)hdr_max(h);
    case WHAT_SUCCESS: return report_success(r);
    case WHAT_RATE: return report_rate(r);
    case WHAT_OVERHEAD: return report_overhead(r);
    case WHAT_BUSY: return r->busy;
    case WHAT_KERNEL: return report_kernel(r);
    case WHAT_COORDINATOR: return report_cpu(r, PROGRAM_COORDINATOR);
    case WHAT_GROWTH: return report_growth(r);
    case WHAT_CONNECTION: return report_connection_bytes(r);
    case WHAT_UNANSWERED: return (double)r->unanswered;
    case WHAT_DROPPED: return (double)r->dropped;
    case WHAT_WRONG: return (double)r->wrong;
    }
    P2_UNREACHABLE();
}

bool threshold_holds(const struct threshold *t, const struct report *r) {
    double value = threshold_value(t, r);
    if (threshold_unit(t) == UNIT_SPAN && times_of(t, r)->count == 0) return false;
    switch (t->sign) {
    case SIGN_BELOW: return value < t->limit;
    case SIGN_AT_MOST: return value <= t->limit;
    case SIGN_ABOVE: return value > t->limit;
    case SIGN_AT_LEAST: return value >= t->limit;
    }
    P2_UNREACHABLE();
}

void threshold_show(enum threshold_unit unit, double value, struct p2_strbuf *out) {
    switch (unit) {
    case UNIT_SPAN: p2_strbuf_printf(out, "%.3f ms", value / (double)P2_MS); break;
    case UNIT_SHARE: p2_strbuf_printf(out, "%.3f %%", 100 * value); break;
    case UNIT_NUMBER: p2_strbuf_printf(out, "%.1f", value); break;
    case UNIT_BYTES: p2_strbuf_printf(out, "%.2f KiB", value / 1024); break;
    }
}
