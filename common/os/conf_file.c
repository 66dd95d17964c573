// The JSON configuration file: one object, option names as keys.
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "conf_in.h"
#include "os.h"

// jansson keeps no positions of keys, so the line is found again in the text: the first "key" followed by a colon.
static int line_of_key(const char *text, const char *key) {
    size_t size = strlen(key);
    int line = 1;
    for (const char *at = text; *at; at++) {
        if (*at == '\n') line++;
        if (*at != '"' || strncmp(at + 1, key, size) != 0 || at[1 + size] != '"') continue;
        const char *after = at + size + 2;
        after += strspn(after, " \t\r\n");
        if (*after == ':') return line;
    }
    return 0;
}

static bool value_text(const json_t *value, struct p2_strbuf *out) {
    switch (json_typeof(value)) {
    case JSON_STRING: p2_strbuf_printf(out, "%s", json_string_value(value)); break;
    case JSON_INTEGER: p2_strbuf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value)); break;
    case JSON_REAL: p2_strbuf_printf(out, "%.17g", json_real_value(value)); break;
    case JSON_TRUE: p2_strbuf_printf(out, "true"); break;
    case JSON_FALSE: p2_strbuf_printf(out, "false"); break;
    default: return false;
    }
    return !out->cut;
}

static bool set_key(struct conf *c, const char *key, const json_t *value, struct p2_strbuf *why) {
    int index = conf_find(c, key, strlen(key));
    if (index < 0) return p2_strbuf_printf(why, "\"%s\" is no option of %s", key, c->program->name), false;
    char storage[4096];
    struct p2_strbuf text;
    p2_strbuf_init(&text, storage, sizeof storage);
    p2_strbuf_printf(why, "\"%s\" ", key);
    if (!value_text(value, &text)) return p2_strbuf_printf(why, "must be a string, a number or true or false"), false;
    return conf_set(c, index, text.text, CONF_FILE, why);
}

static bool read_text(struct conf *c, const char *path, const char *text, struct p2_strbuf *why) {
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!root) return p2_strbuf_printf(why, "%s:%d: %s", path, error.line, error.text), false;
    bool fine = json_is_object(root);
    if (!fine) p2_strbuf_printf(why, "%s:1: the file must be one object { ... }", path);
    for (void *it = fine ? json_object_iter(root) : NULL; it && fine; it = json_object_iter_next(root, it)) {
        const char *key = json_object_iter_key(it);
        char storage[512];
        struct p2_strbuf problem;
        p2_strbuf_init(&problem, storage, sizeof storage);
        fine = set_key(c, key, json_object_iter_value(it), &problem);
        if (!fine) p2_strbuf_printf(why, "%s:%d: %s", path, line_of_key(text, key), storage);
    }
    json_decref(root);
    return fine;
}

bool conf_read_file(struct conf *c, const char *path, struct p2_strbuf *why) {
    uint8_t *bytes;
    size_t size;
    enum p2_err e = p2_file_read(path, CONF_FILE_BYTES_MAX, &bytes, &size);
    if (e != P2_OK) return p2_strbuf_printf(why, "%s: %s", path, p2_err_sentence(e)), false;
    char *text = realloc(bytes, size + 1);
    if (!text) {
        free(bytes);
        return p2_strbuf_printf(why, "%s: memory is short", path), false;
    }
    text[size] = 0;
    bool fine = strlen(text) == size && read_text(c, path, text, why);
    if (!fine && strlen(text) != size) p2_strbuf_printf(why, "%s: holds a NUL byte", path);
    free(text);
    return fine;
}
