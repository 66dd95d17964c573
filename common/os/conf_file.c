#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "conf_internal.h"
#include "os.h"

// Does the JSON string at `quoted`, quotes included, say `key`?
static bool says(const char *quoted, size_t size, const char *key) {
    json_t *s = json_loadb(quoted, size, JSON_DECODE_ANY, NULL);
    bool same = s && strcmp(json_string_value(s), key) == 0;
    json_decref(s);
    return same;
}

static size_t skip_string(const char *text, size_t size, size_t at) {
    for (at++; at < size && text[at] != '"'; at++) at += text[at] == '\\';
    return at + 1;
}

static size_t skip_space(const char *text, size_t size, size_t at) {
    while (at < size && strchr(" \t\r\n", text[at])) at++;
    return at;
}

static int line_at(const char *text, size_t at) {
    int line = 1;
    for (size_t i = 0; i < at; i++) line += text[i] == '\n';
    return line;
}

// The line of a key of the outermost object. jansson keeps no places, so the text, which it found well-formed, is
// walked again.
static int line_of_key(const char *text, size_t size, const char *key) {
    int depth = 0;
    for (size_t at = 0; at < size; at++) {
        if (text[at] == '{' || text[at] == '[') depth++;
        if (text[at] == '}' || text[at] == ']') depth--;
        if (text[at] != '"') continue;
        size_t end = skip_string(text, size, at);
        size_t next = skip_space(text, size, end);
        bool is_key = depth == 1 && next < size && text[next] == ':';
        if (is_key && says(text + at, end - at, key)) return line_at(text, at);
        at = end - 1;
    }
    return 1;
}

static bool refuse_type(const struct p2_option *o, struct p2_strbuf *why) {
    static const char *const wanted[] = {
        [P2_OPT_BOOL] = "true or false",
        [P2_OPT_INT] = "a whole number, without quotes",
        [P2_OPT_REAL] = "a number, without quotes",
        [P2_OPT_TEXT] = "a text in quotes",
        [P2_OPT_DURATION] = "a time in quotes such as \"5s\", or a number of milliseconds",
        [P2_OPT_BYTES] = "a size in quotes such as \"8MiB\", or a number of bytes",
        [P2_OPT_LIST] = "a list of texts",
    };
    p2_strbuf_printf(why, "%s must be %s", o->name, wanted[o->kind]);
    return false;
}

static bool set_list(struct p2_conf *c, const struct p2_option *o, const json_t *value) {
    struct p2_conf_item **list = p2_conf_field(o, c->settings);
    *list = NULL;
    size_t i;
    const json_t *item;
    json_array_foreach(value, i, item) {
        if (!json_is_string(item)) return refuse_type(o, c->why);
        if (p2_conf_keep_item(c->settings, json_string_value(item), list)) continue;
        p2_strbuf_printf(c->why, "not enough memory");
        return false;
    }
    return true;
}

static bool set_value(struct p2_conf *c, const struct p2_option *o, const json_t *value) {
    bool quantity = o->kind == P2_OPT_DURATION || o->kind == P2_OPT_BYTES;
    bool number = o->kind == P2_OPT_INT || o->kind == P2_OPT_REAL || quantity;
    char text[64];
    if (json_is_boolean(value) && o->kind == P2_OPT_BOOL) {
        return p2_conf_set(o, json_is_true(value) ? "true" : "false", c->settings, c->why);
    }
    if (json_is_string(value) && quantity) return p2_conf_set(o, json_string_value(value), c->settings, c->why);
    if (json_is_string(value) && o->kind == P2_OPT_TEXT) {
        const char *kept = p2_conf_keep(c->settings, json_string_value(value));
        if (!kept) p2_strbuf_printf(c->why, "not enough memory");
        return kept && p2_conf_set(o, kept, c->settings, c->why);
    }
    if (json_is_array(value) && o->kind == P2_OPT_LIST) return set_list(c, o, value);
    if (json_is_integer(value) && number) {
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return p2_conf_set(o, text, c->settings, c->why);
    }
    if (json_is_real(value) && number) {
        snprintf(text, sizeof text, "%.17g", json_real_value(value));
        return p2_conf_set(o, text, c->settings, c->why);
    }
    return refuse_type(o, c->why);
}

static bool set_key(struct p2_conf *c, const char *path, const char *key, const json_t *value) {
    const struct p2_option *o = p2_conf_find(c->program, key);
    if (!o) {
        const char *nearest = p2_conf_nearest(c->program, key);
        p2_strbuf_printf(c->why, "unknown key \"%.64s\"", key);
        if (nearest) p2_strbuf_printf(c->why, "; did you mean \"%s\"?", nearest);
        return false;
    }
    if (json_is_null(value)) return true; // as if it were not there
    c->source[o - c->program->options] = path;
    return set_value(c, o, value);
}

static bool set_all(struct p2_conf *c, const char *path, const char *text, size_t size) {
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!root || !json_is_object(root)) {
        p2_strbuf_printf(c->why, "%s:%d: %s", path, root ? 1 : error.line, root ? "not a JSON object" : error.text);
        json_decref(root);
        return false;
    }
    bool good = true;
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value) {
        size_t before = c->why->size;
        good = set_key(c, path, key, value);
        if (good) continue;
        char sentence[P2_CONF_WHY_MAX];
        snprintf(sentence, sizeof sentence, "%s", c->why->text + before);
        p2_strbuf_init(c->why, c->why->text, c->why->capacity);
        p2_strbuf_printf(c->why, "%s:%d: %s", path, line_of_key(text, size, key), sentence);
        break;
    }
    json_decref(root);
    return good;
}

bool p2_conf_read_file(struct p2_conf *c, const char *path) {
    uint8_t *bytes;
    size_t size;
    enum p2_err e = p2_file_read(path, P2_CONF_FILE_MAX, &bytes, &size);
    if (e) {
        const char *what = e == P2_ERR_NOT_FOUND   ? "there is no such file"
                           : e == P2_ERR_TOO_LARGE ? "is larger than 1 MiB"
                                                   : "cannot be read";
        p2_strbuf_printf(c->why, "%s: %s", path, what);
        return false;
    }
    bool good = set_all(c, path, (const char *)bytes, size);
    free(bytes);
    return good;
}

static bool print_text(const char *text, FILE *out) {
    json_t *s = json_string(text);
    bool good = s && json_dumpf(s, out, JSON_ENCODE_ANY) == 0;
    json_decref(s);
    return good;
}

static bool print_value(const struct p2_conf *c, const struct p2_option *o, FILE *out) {
    if (o->kind == P2_OPT_TEXT) { // as it is, at any length
        const char *text = *(const char *const *)(const void *)((const char *)c->settings + o->offset);
        if (!text) return fputs("null", out) >= 0;
        return print_text(text, out);
    }
    if (o->kind == P2_OPT_LIST) {
        bool good = fputc('[', out) >= 0;
        const struct p2_conf_item *first = *(struct p2_conf_item **)p2_conf_field(o, c->settings);
        for (const struct p2_conf_item *i = first; i && good; i = i->next)
            good = (i == first || fputs(", ", out) >= 0) && print_text(i->text, out);
        return good && fputc(']', out) >= 0;
    }
    char storage[64];
    struct p2_strbuf text;
    p2_strbuf_init(&text, storage, sizeof storage);
    p2_conf_text(o, c->settings, &text);
    bool quoted = o->kind == P2_OPT_DURATION || o->kind == P2_OPT_BYTES;
    return fprintf(out, quoted ? "\"%s\"" : "%s", text.text) > 0;
}

bool p2_conf_print(const struct p2_conf *c, FILE *out, FILE *sources) {
    fprintf(out, "{\n");
    for (size_t i = 0; i < c->count; i++) {
        const struct p2_option *o = &c->program->options[i];
        fprintf(out, "    \"%s\": ", o->name);
        if (!print_value(c, o, out)) {
            p2_strbuf_printf(c->why, "%s is not valid UTF-8", o->name);
            return false;
        }
        fprintf(out, i + 1 < c->count ? ",\n" : "\n");
    }
    fprintf(out, "}\n");
    fflush(out);
    for (size_t i = 0; i < c->count; i++) { // apart, so that the JSON can be used as a file
        fprintf(sources, "%s: from %s\n", c->program->options[i].name, c->source[i] ? c->source[i] : "its default");
    }
    return true;
}
