#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "os/os.h"

struct reading {
    struct batch_job *j;
    char *wrong;
    size_t capacity;
};

static bool fail(struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(struct reading *r, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(r->wrong, r->capacity, format, args);
    va_end(args);
    return false;
}

static size_t number_text(const json_t *v, char *out, size_t capacity) {
    int n = json_is_integer(v) ? snprintf(out, capacity, "%" JSON_INTEGER_FORMAT, json_integer_value(v))
                               : snprintf(out, capacity, "%.17g", json_real_value(v));
    return (size_t)n;
}

// A parameter's value as on the command line: text, a number, or several numbers between commas.
static char *value_text(const json_t *v) {
    if (json_is_string(v)) return strdup(json_string_value(v));
    char text[512] = "";
    if (json_is_number(v)) {
        number_text(v, text, sizeof text);
        return strdup(text);
    }
    size_t at = 0, i;
    const json_t *item;
    json_array_foreach(v, i, item) {
        if (!json_is_number(item) || at + 32 > sizeof text) return NULL;
        if (i) text[at++] = ',';
        at += number_text(item, text + at, sizeof text - at);
    }
    return at ? strdup(text) : NULL;
}

static bool read_params(struct reading *r, json_t *v) {
    const char *name;
    json_t *value;
    p2c2r_task *task = &r->j->job.task;
    if (!json_is_object(v)) return fail(r, "params is an object of names and values");
    json_object_foreach(v, name, value) {
        uint32_t i = task->param_count;
        if (i == P2_PARAMS_MAX) return fail(r, "a task has at most %u parameters", P2_PARAMS_MAX);
        r->j->values[i] = value_text(value);
        if (!r->j->values[i]) return fail(r, "params: %.32s is a text, a number, or a list of numbers", name);
        r->j->params[i] = (p2c2r_param){name, r->j->values[i]};
        task->param_count++;
    }
    return true;
}

static bool read_type(struct reading *r, json_t *v) {
    r->j->job.task.type = json_string_value(v);
    return json_is_string(v) || fail(r, "type is a text");
}

static bool read_id(struct reading *r, json_t *v) {
    r->j->id = v;
    return json_is_string(v) || json_is_integer(v) || fail(r, "id is a text or a whole number");
}

static bool read_payload(struct reading *r, json_t *v) {
    r->j->job.task.payload = json_string_value(v);
    r->j->job.task.payload_size = json_string_length(v);
    return json_is_string(v) || fail(r, "payload is a text; bytes come from a file");
}

static bool read_file(struct reading *r, json_t *v) {
    p2c2r_task *task = &r->j->job.task;
    if (!json_is_string(v) || strcmp(json_string_value(v), "-") == 0) return fail(r, "file is a file's name");
    if (json_object_get(r->j->asked, "payload")) return fail(r, "payload and file both say what to send");
    bool good = cli_read(json_string_value(v), &r->j->payload, &task->payload_size, r->wrong, r->capacity);
    task->payload = r->j->payload;
    return good;
}

static bool read_blobs(struct reading *r, json_t *v) {
    size_t i;
    const json_t *item;
    if (!json_is_array(v) || json_array_size(v) > CLI_BLOBS_MAX)
        return fail(r, "blobs is a list of at most %u digests", CLI_BLOBS_MAX);
    json_array_foreach(v, i, item) {
        if (!json_is_string(item) || !cli_parse_digest(json_string_value(item), &r->j->blobs[i]))
            return fail(r, "blobs are digests of 64 hex digits, as p2c2r blob put prints them");
    }
    r->j->job.task.blob_count = (uint32_t)json_array_size(v);
    return true;
}

static bool read_out(struct reading *r, json_t *v) {
    if (!json_is_string(v)) return fail(r, "out is a file's name");
    r->j->out = json_string_value(v);
    const char *wrong = cli_out_wrong(r->j->out);
    return !wrong || fail(r, "%s cannot be written: %s", r->j->out, wrong);
}

static bool read_priority(struct reading *r, json_t *v) {
    for (uint32_t i = 0; json_is_string(v) && cli_classes[i]; i++) {
        r->j->job.task.priority = i;
        if (strcmp(json_string_value(v), cli_classes[i]) == 0) return true;
    }
    return fail(r, "priority is realtime, interactive, batch or background");
}

static bool read_deadline(struct reading *r, json_t *v) {
    int64_t ns = 0;
    bool good = json_is_string(v) && p2_parse_duration(json_string_value(v), &ns);
    double ms = json_is_number(v) ? json_number_value(v) : 0;
    if (ms >= 1 && ms <= 86400e3) ns = (int64_t)(ms * 1e6), good = true;
    r->j->job.deadline_ns = ns;
    return (good && ns >= P2_MS && ns <= 86400 * P2_SEC) ||
           fail(r, "deadline is a time such as \"5s\", or a number of milliseconds, from 1ms to 24h");
}

static bool read_no_cache(struct reading *r, json_t *v) {
    r->j->job.task.cache = json_is_true(v) ? P2C2R_CACHE_BYPASS : 0;
    return json_is_boolean(v) || fail(r, "no_cache is true or false");
}

// Names and files last: what is wrong with the rest is said before a file is read.
static const struct {
    const char *name;
    bool (*read)(struct reading *r, json_t *value);
} keys[] = {
    {"id", read_id},       {"type", read_type},         {"params", read_params},     {"payload", read_payload},
    {"blobs", read_blobs}, {"priority", read_priority}, {"deadline", read_deadline}, {"no_cache", read_no_cache},
    {"out", read_out},     {"file", read_file},
};

static bool read_keys(struct reading *r) {
    const char *name;
    json_t *value;
    json_object_foreach(r->j->asked, name, value) {
        bool known = false;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) known |= strcmp(keys[i].name, name) == 0;
        if (!known) return fail(r, "unknown key \"%.32s\"", name);
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *v = json_object_get(r->j->asked, keys[i].name);
        if (v && !keys[i].read(r, v)) return false;
    }
    return r->j->job.task.type || fail(r, "type is missing");
}

struct batch_job *batch_line_read(const char *text, size_t size, const struct batch_defaults *d, char *wrong,
                                  size_t capacity) {
    struct batch_job *j = calloc(1, sizeof *j);
    if (!j) return NULL;
    struct reading r = {j, wrong, capacity};
    *wrong = 0;
    p2_sha256(text, size, &j->digest);
    j->job.deadline_ns = d->deadline_ns;
    j->job.task = (p2c2r_task){
        .params = j->params, .blobs = j->blobs, .priority = d->priority, .cache = d->no_cache ? P2C2R_CACHE_BYPASS : 0};
    json_error_t error;
    j->asked = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!j->asked)
        fail(&r, "not JSON: %s", error.text);
    else if (!json_is_object(j->asked))
        fail(&r, "not a JSON object");
    else
        read_keys(&r);
    return j;
}

void batch_job_free(struct batch_job *j) {
    if (!j) return;
    for (size_t i = 0; i < P2_PARAMS_MAX; i++) free(j->values[i]);
    free(j->payload);
    json_decref(j->asked);
    free(j);
}
