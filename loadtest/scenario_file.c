#include "loadtest/scenario_file.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "loadtest/core/quantity.h"
#include "os/os.h"

#define PARAM_TEXT 48 // bytes of a number as text

struct reading {
    struct scenario_file *f;
    struct p2_strbuf *why;
    bool failed;
    uint32_t texts; // used
};

// An object, and where it stands, for sentences.
struct place {
    struct reading *r;
    json_t *object;
    const char *list; // "" for the scenario itself
    size_t at;
};

static void fail(struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct reading *r, const char *format, ...) {
    if (r->failed) return;
    r->failed = true;
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    p2_strbuf_printf(r->why, "%s", text);
}

static void fail_key(const struct place *p, const char *key, const char *form) {
    if (*p->list)
        fail(p->r, "%s[%zu].%s is not %s", p->list, p->at, key, form);
    else
        fail(p->r, "%s is not %s", key, form);
}

// ---- one value ------------------------------------------------------------------------------------------------------

static json_t *get(const struct place *p, const char *key) { return json_object_get(p->object, key); }

static double number(const struct place *p, const char *key, double fallback, double least, double most) {
    json_t *v = get(p, key);
    if (!v) return fallback;
    double d = json_is_number(v) ? json_number_value(v) : NAN;
    if (d >= least && d <= most) return d;
    char form[80];
    snprintf(form, sizeof form, "a number from %g to %g", least, most);
    fail_key(p, key, form);
    return fallback;
}

static uint64_t whole(const struct place *p, const char *key, uint64_t fallback, uint64_t most) {
    json_t *v = get(p, key);
    if (!v) return fallback;
    if (json_is_integer(v) && json_integer_value(v) >= 0 && (uint64_t)json_integer_value(v) <= most)
        return (uint64_t)json_integer_value(v);
    char form[80];
    snprintf(form, sizeof form, "a whole number from 0 to %llu", (unsigned long long)most);
    fail_key(p, key, form);
    return fallback;
}

static bool truth(const struct place *p, const char *key) {
    json_t *v = get(p, key);
    if (v && !json_is_boolean(v)) fail_key(p, key, "true or false");
    return json_is_true(v);
}

static p2_ns span(const struct place *p, const char *key, p2_ns fallback) {
    json_t *v = get(p, key);
    p2_ns out = fallback;
    if (v && (!json_is_string(v) || !quantity_span(json_string_value(v), &out)))
        fail_key(p, key, "a time like \"250ms\" or \"10s\"");
    return out;
}

static uint64_t bytes(const struct place *p, const char *key, uint64_t fallback) {
    json_t *v = get(p, key);
    uint64_t out = fallback;
    if (json_is_integer(v) && json_integer_value(v) >= 0) return (uint64_t)json_integer_value(v);
    if (v && (!json_is_string(v) || !quantity_bytes(json_string_value(v), &out)))
        fail_key(p, key, "a size like 64 or \"64KiB\"");
    return out;
}

// A share, or a rate a minute: 0.05 or "5%".
static double share(const struct place *p, const char *key) {
    json_t *v = get(p, key);
    double out = 0;
    if (json_is_number(v) && json_number_value(v) >= 0) return json_number_value(v);
    if (v && (!json_is_string(v) || !quantity_share(json_string_value(v), &out)))
        fail_key(p, key, "a share like 0.05 or \"5%\"");
    return out;
}

// Every key of the object is among these.
static void check_keys(const struct place *p, const char *const *known) {
    const char *key;
    json_t *value;
    json_object_foreach(p->object, key, value) {
        const char *const *k = known;
        while (*k && strcmp(*k, key) != 0) k++;
        if (!*k && *p->list)
            fail(p->r, "%s[%zu] has no key \"%.40s\"", p->list, p->at, key);
        else if (!*k)
            fail(p->r, "a scenario has no key \"%.40s\"", key);
    }
}

// ---- lists ----------------------------------------------------------------------------------------------------------

// How many the list of that name has; 0 when there is none.
static uint32_t list_of(const struct place *top, const char *name, uint32_t most, json_t **out) {
    json_t *list = get(top, name);
    *out = list;
    if (!list) return 0;
    if (!json_is_array(list) || json_array_size(list) > most) {
        fail(top->r, "%s is not a list of at most %u", name, most);
        return 0;
    }
    return (uint32_t)json_array_size(list);
}

static bool place_in(const struct place *top, const char *name, json_t *list, uint32_t i, struct place *out) {
    *out = (struct place){top->r, json_array_get(list, i), name, i};
    if (!json_is_object(out->object)) fail(top->r, "%s[%u] is not an object", name, i);
    return !top->r->failed;
}

static uint32_t texts_of(const struct place *top, const char *name, uint32_t most, const char **out) {
    json_t *list;
    uint32_t n = list_of(top, name, most, &list);
    for (uint32_t i = 0; i < n; i++) {
        out[i] = json_string_value(json_array_get(list, i));
        if (!out[i]) fail(top->r, "%s[%u] is not a text", name, i);
    }
    return top->r->failed ? 0 : n;
}

static void read_phases(const struct place *top) {
    static const char *const known[] = {"rate", "to", "burst", "duration", NULL};
    struct scenario *s = &top->r->f->scenario;
    json_t *list;
    struct place p;
    uint32_t n = list_of(top, "phases", ARRIVAL_PHASES_MAX, &list);
    for (uint32_t i = 0; i < n && place_in(top, "phases", list, i, &p); i++) {
        struct arrival_phase *phase = &s->phases[i];
        check_keys(&p, known);
        phase->rate = number(&p, "rate", 0, 0, ARRIVAL_RATE_MAX);
        phase->rate_to = number(&p, "to", phase->rate, 0, ARRIVAL_RATE_MAX);
        phase->burst = whole(&p, "burst", 0, UINT32_MAX);
        phase->duration_ns = span(&p, "duration", 0);
        s->phase_count = i + 1;
    }
}

static void read_closed(const struct place *top) {
    static const char *const known[] = {"in_flight", "count", "duration", NULL};
    struct scenario *s = &top->r->f->scenario;
    json_t *v = get(top, "closed");
    if (!v) return;
    struct place p = {top->r, v, "", 0};
    if (!json_is_object(v)) {
        fail(top->r, "closed is not an object");
        return;
    }
    check_keys(&p, known);
    s->closed_in_flight = (uint32_t)whole(&p, "in_flight", 0, UINT32_MAX);
    s->closed_count = whole(&p, "count", 0, UINT32_MAX);
    s->closed_duration_ns = span(&p, "duration", 0);
}

static const char *param_text(struct reading *r, json_t *v) {
    if (json_is_string(v)) return json_string_value(v);
    if (!json_is_number(v)) return NULL;
    char *text = r->f->texts + (size_t)PARAM_TEXT * r->texts++;
    if (json_is_integer(v))
        snprintf(text, PARAM_TEXT, "%lld", (long long)json_integer_value(v));
    else
        snprintf(text, PARAM_TEXT, "%.17g", json_real_value(v));
    return text;
}

static void read_params(const struct place *p, struct scenario_task *t) {
    json_t *given = get(p, "params"), *v;
    const char *key;
    if (!given) return;
    if (!json_is_object(given) || json_object_size(given) > SCENARIO_PARAMS_MAX) {
        fail(p->r, "%s[%zu].params is not an object of at most %u", p->list, p->at, SCENARIO_PARAMS_MAX);
        return;
    }
    json_object_foreach(given, key, v) {
        const struct p2_param_spec *spec = t->type->params;
        while (spec && spec->name && strcmp(spec->name, key) != 0) spec++;
        const char *text = param_text(p->r, v);
        if (!spec || !spec->name || !text) {
            fail(p->r, "%s[%zu].params: %s takes no \"%.32s\" like that", p->list, p->at, t->type->name, key);
            return;
        }
        struct p2_param *out = &t->params[t->param_count++];
        if (p2_param_parse(spec, text, out, p->r->why) != P2_OK) {
            p->r->failed = true;
            return;
        }
        out->name = p2_str(spec->name);
    }
}

static enum p2_class class_of(const struct place *p) {
    static const char *const names[] = {"realtime", "interactive", "batch", "background"};
    const char *name = json_string_value(get(p, "class"));
    if (!get(p, "class")) return P2_CLASS_INTERACTIVE;
    for (uint32_t i = 0; name && i < 4; i++) {
        if (strcmp(name, names[i]) == 0) return (enum p2_class)(P2_CLASS_REALTIME + i);
    }
    fail_key(p, "class", "realtime, interactive, batch or background");
    return P2_CLASS_INTERACTIVE;
}

static void read_task(const struct place *p, struct scenario_task *t) {
    static const char *const known[] = {"type",     "weight",       "payload", "result",   "class",
                                        "deadline", "params",       "service", "distinct", "series",
                                        "no_cache", "compressible", NULL};
    check_keys(p, known);
    const char *type = json_string_value(get(p, "type"));
    t->type = type ? p2_task_type_find(p2_str(type)) : NULL;
    if (!t->type) {
        fail_key(p, "type", "the name of a task type");
        return;
    }
    t->weight = number(p, "weight", 1, 0, 1e6);
    t->payload_bytes = bytes(p, "payload", 64);
    t->result_bytes = bytes(p, "result", 0);
    t->class_ = class_of(p);
    t->deadline_ns = span(p, "deadline", 0);
    t->distinct = (uint32_t)whole(p, "distinct", 0, UINT32_MAX);
    t->series = truth(p, "series");
    t->no_cache = truth(p, "no_cache");
    t->compressible = truth(p, "compressible");
    const char *service = get(p, "service") ? json_string_value(get(p, "service")) : "0";
    if (!service || !dist_parse(service, &t->service))
        fail_key(p, "service", "\"5ms\", \"uniform 1ms 9ms\", \"exponential 5ms\" or \"lognormal 5ms 20ms\"");
    read_params(p, t);
}

static uint32_t types_of(const struct place *p) {
    json_t *list = get(p, "types");
    uint32_t bits = 0;
    if (!list) return 0;
    if (!json_is_array(list) || json_array_size(list) == 0) fail_key(p, "types", "a list of task types");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        const struct p2_task_type *t = name ? p2_task_type_find(p2_str(name)) : NULL;
        if (!t) fail_key(p, "types", "a list of task types");
        for (uint32_t k = 0; t && k < p2_task_type_count; k++) bits |= (uint32_t)(p2_task_types[k] == t) << k;
    }
    return bits;
}

static void read_group(const struct place *p, struct scenario_group *g) {
    static const char *const known[] = {"count", "slots", "queue_depth", "types", "speed",   "rtt", "away",
                                        "error", "stall", "vanish",      "flap",  "silence", NULL};
    check_keys(p, known);
    *g = (struct scenario_group){
        .count = (uint32_t)whole(p, "count", 1, SCENARIO_PEERS_MAX),
        .slots = (uint32_t)whole(p, "slots", 1, 16),
        .queue_depth = (uint32_t)whole(p, "queue_depth", 2, 3),
        .types = types_of(p),
        .speed = number(p, "speed", 1, 0.001, 1000),
        .rtt_ns = span(p, "rtt", 0),
        .away_ns = span(p, "away", 5 * P2_SEC),
        .error = share(p, "error"),
        .stall = share(p, "stall"),
        .vanish = share(p, "vanish"),
        .flap = share(p, "flap"),
        .silence = share(p, "silence"),
    };
}

static void read_lists(const struct place *top) {
    struct scenario *s = &top->r->f->scenario;
    json_t *list;
    struct place p;
    uint32_t n = list_of(top, "tasks", SCENARIO_TASKS_MAX, &list);
    for (uint32_t i = 0; i < n && place_in(top, "tasks", list, i, &p); i++) {
        read_task(&p, &s->tasks[i]);
        s->task_count = i + 1;
    }
    n = list_of(top, "peers", SCENARIO_GROUPS_MAX, &list);
    for (uint32_t i = 0; i < n && place_in(top, "peers", list, i, &p); i++) {
        read_group(&p, &s->groups[i]);
        s->group_count = i + 1;
    }
    s->threshold_count = texts_of(top, "thresholds", SCENARIO_THRESHOLDS_MAX, s->thresholds);
    s->option_count = texts_of(top, "coordinator", SCENARIO_OPTIONS_MAX, s->options);
    s->peer_option_count = texts_of(top, "peer", SCENARIO_OPTIONS_MAX, s->peer_options);
}

static void read_scenario(struct reading *r, json_t *root) {
    static const char *const known[] = {"name",       "doc",         "clients", "window",    "seed",  "warmup",
                                        "grace",      "poisson",     "phases",  "closed",    "tasks", "peers",
                                        "thresholds", "coordinator", "peer",    "unbatched", NULL};
    const struct place top = {r, root, "", 0};
    struct scenario *s = &r->f->scenario;
    check_keys(&top, known);
    const char *name = json_string_value(get(&top, "name"));
    if (!name || strlen(name) > SCENARIO_NAME_MAX ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name))
        fail(r, "name is not a text of at most %u small letters, digits and dashes", SCENARIO_NAME_MAX);
    else
        memcpy(s->name, name, strlen(name) + 1);
    if (get(&top, "doc") && !json_is_string(get(&top, "doc"))) fail_key(&top, "doc", "a text");
    s->clients = (uint32_t)whole(&top, "clients", 1, SCENARIO_CLIENTS_MAX);
    s->window = (uint32_t)whole(&top, "window", 4096, SCENARIO_WINDOW_MAX);
    s->seed = whole(&top, "seed", 1, INT64_MAX);
    s->warmup_ns = span(&top, "warmup", 0);
    s->grace_ns = span(&top, "grace", 10 * P2_SEC);
    s->poisson = truth(&top, "poisson");
    s->unbatched = truth(&top, "unbatched");
    read_phases(&top);
    read_closed(&top);
    read_lists(&top);
}

bool scenario_file_parse(const char *text, size_t size, struct scenario_file *out, struct p2_strbuf *why) {
    *out = (struct scenario_file){0};
    json_error_t e;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &e);
    if (!json_is_object(root)) {
        p2_strbuf_printf(why, root ? "it is not an object" : "line %d: %s", e.line, e.text);
        json_decref(root);
        return false;
    }
    out->json = root;
    out->texts = calloc(SCENARIO_TASKS_MAX * SCENARIO_PARAMS_MAX, PARAM_TEXT);
    struct reading r = {.f = out, .why = why};
    if (!out->texts) fail(&r, "memory is short");
    if (!r.failed) read_scenario(&r, root);
    if (!r.failed && scenario_check(&out->scenario, why)) return true;
    scenario_file_free(out);
    return false;
}

bool scenario_file_read(const char *path, struct scenario_file *out, struct p2_strbuf *why) {
    uint8_t *text;
    size_t size;
    enum p2_err err = p2_file_read(path, SCENARIO_FILE_BYTES_MAX, &text, &size);
    *out = (struct scenario_file){0};
    if (err != P2_OK) {
        p2_strbuf_printf(why, "it cannot be read (%s)", p2_err_name(err));
        return false;
    }
    bool ok = scenario_file_parse((const char *)text, size, out, why);
    free(text);
    return ok;
}

void scenario_file_free(struct scenario_file *f) {
    json_decref(f->json);
    free(f->texts);
    *f = (struct scenario_file){0};
}
