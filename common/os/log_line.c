#include "log_line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define CLOSING_ROOM 24 // for cut=true, the brace and the newline

static const char *const level_names[] = {"error", "warn", "info", "debug"};

bool p2_log_level_parse(const char *text, enum p2_log_level *out) {
    for (unsigned i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out = (enum p2_log_level)i;
            return true;
        }
    }
    return false;
}

// Bytes of the UTF-8 character at p, 0 when it is none; controls beyond ASCII (U+0080 to U+009F) count as none.
static size_t utf8_size(const char *p, size_t room) {
    const unsigned char *u = (const unsigned char *)p;
    size_t n = u[0] >= 0xf0 && u[0] <= 0xf4 ? 4 : u[0] >= 0xe0 ? 3 : 2;
    if (u[0] < 0xc2 || u[0] > 0xf4 || n > room) return 0;
    for (size_t i = 1; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80) return 0;
    }
    bool overlong = (u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xf0 && u[1] < 0x90);
    bool outside = (u[0] == 0xed && u[1] > 0x9f) || (u[0] == 0xf4 && u[1] > 0x8f);
    bool control = u[0] == 0xc2 && u[1] < 0xa0;
    return overlong || outside || control ? 0 : n;
}

// Inside quotes, for both formats: a JSON string's escapes, so a line stays a line and valid UTF-8.
static void add_escaped(struct p2_strbuf *out, const char *text, size_t size) {
    for (size_t i = 0; i < size;) {
        unsigned char c = (unsigned char)text[i];
        size_t n = 1;
        if (c == '"' || c == '\\') {
            p2_strbuf_printf(out, "\\%c", c);
        } else if (c == '\n') {
            p2_strbuf_add(out, "\\n", 2);
        } else if (c == '\t') {
            p2_strbuf_add(out, "\\t", 2);
        } else if (c < ' ' || c == 0x7f) {
            p2_strbuf_printf(out, "\\u%04x", c);
        } else if (c < 0x80) {
            p2_strbuf_add(out, &text[i], 1);
        } else {
            n = utf8_size(&text[i], size - i);
            if (n) p2_strbuf_add(out, &text[i], n);
            if (!n) p2_strbuf_add(out, "\\ufffd", 6);
            n = n ? n : 1;
        }
        i += n;
    }
}

static void add_quoted(struct p2_strbuf *out, const char *text, size_t size) {
    p2_strbuf_add(out, "\"", 1);
    add_escaped(out, text, size);
    p2_strbuf_add(out, "\"", 1);
}

static bool is_bare(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (text[i] <= ' ' || text[i] > '~' || strchr("\"=\\", text[i])) return false;
    }
    return size > 0;
}

static size_t digits(const char *text, size_t size, size_t at) {
    size_t n = 0;
    while (at + n < size && text[at + n] >= '0' && text[at + n] <= '9') n++;
    return n;
}

// A number as JSON writes them.
static bool is_number(const char *text, size_t size) {
    size_t at = size > 0 && text[0] == '-';
    size_t whole = digits(text, size, at);
    if (whole == 0 || (whole > 1 && text[at] == '0')) return false;
    at += whole;
    if (at < size && text[at] == '.') {
        size_t fraction = digits(text, size, at + 1);
        if (fraction == 0) return false;
        at += 1 + fraction;
    }
    if (at < size && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        if (at < size && (text[at] == '+' || text[at] == '-')) at++;
        size_t exponent = digits(text, size, at);
        if (exponent == 0) return false;
        at += exponent;
    }
    return at == size;
}

struct field {
    const char *key, *value;
    size_t key_size, value_size;
    bool quoted, textual; // textual: some of the value was put in as text, so digits in it are not a number
};

static void add_key(struct p2_strbuf *out, const struct field *f) {
    for (size_t i = 0; i < f->key_size; i++) {
        char c = f->key[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("_.-", c);
        p2_strbuf_add(out, c && plain ? &c : "_", 1);
    }
}

static void add_json_value(struct p2_strbuf *out, const struct field *f) {
    bool word = (f->value_size == 4 && memcmp(f->value, "true", 4) == 0) ||
                (f->value_size == 5 && memcmp(f->value, "false", 5) == 0);
    if (!f->quoted && (word || (!f->textual && is_number(f->value, f->value_size)))) {
        p2_strbuf_add(out, f->value, f->value_size);
    } else {
        add_quoted(out, f->value, f->value_size);
    }
}

static void add_field(struct p2_strbuf *out, enum p2_log_format format, const struct field *f) {
    if (format == P2_LOG_JSON) {
        p2_strbuf_add(out, out->size > 1 ? ",\"" : "\"", out->size > 1 ? 2 : 1);
        add_key(out, f);
        p2_strbuf_add(out, "\":", 2);
        add_json_value(out, f);
        return;
    }
    if (out->size > 0) p2_strbuf_add(out, " ", 1);
    add_key(out, f);
    p2_strbuf_add(out, "=", 1);
    if (is_bare(f->value, f->value_size)) {
        p2_strbuf_add(out, f->value, f->value_size);
    } else {
        add_quoted(out, f->value, f->value_size);
    }
}

// The next field of the text from *at on; false at its end. Where the equal sign is the format's own, only the format's
// own quotes and spaces end the value; a list of pairs put in as one text is read like a format.
static bool next_field(const struct p2_log_text *t, size_t *at, struct field *f) {
    size_t i = *at;
    while (i < t->size && t->text[i] == ' ') i++;
    if (i == t->size) return false;
    *f = (struct field){.key = t->text + i};
    while (i < t->size && t->text[i] != ' ' && t->text[i] != '=') i++;
    f->key_size = (size_t)(t->text + i - f->key);
    if (i == t->size || t->text[i] == ' ') { // a word alone says that something is so
        f->value = "true";
        f->value_size = 4;
        *at = i;
        return true;
    }
    bool own = t->origin[i] == P2_LOG_FORMAT;
    i++;
    f->quoted = i < t->size && t->text[i] == '"' && (!own || t->origin[i] == P2_LOG_FORMAT);
    i += f->quoted;
    char closing = f->quoted ? '"' : ' ';
    f->value = t->text + i;
    for (; i < t->size; i++) {
        if (t->text[i] == closing && (!own || t->origin[i] == P2_LOG_FORMAT)) break;
        if (own && t->origin[i] == P2_LOG_TEXT) f->textual = true;
    }
    f->value_size = (size_t)(t->text + i - f->value);
    *at = i + (f->quoted && i < t->size);
    return true;
}

static void add_word(struct p2_strbuf *out, enum p2_log_format format, const char *key, const char *value) {
    struct field f = {
        .key = key, .key_size = strlen(key), .value = value, .value_size = strlen(value), .textual = true};
    add_field(out, format, &f);
}

static void format_time(int64_t wall_ns, char out[static 40]) {
    time_t seconds = (time_t)(wall_ns / P2_SEC);
    struct tm t;
    gmtime_r(&seconds, &t);
    size_t n = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &t);
    snprintf(out + n, 40 - n, ".%03dZ", (int)(wall_ns / P2_MS % 1000));
}

void p2_log_line(struct p2_strbuf *out, enum p2_log_format format, const struct p2_log_head *head,
                 const struct p2_log_text *fields) {
    char storage[P2_LOG_LINE_MAX - CLOSING_ROOM + 1], when[40];
    struct p2_strbuf line;
    p2_strbuf_init(&line, storage, sizeof storage);
    if (format == P2_LOG_JSON) p2_strbuf_add(&line, "{", 1);
    format_time(head->wall_ns, when);
    add_word(&line, format, "ts", when);
    add_word(&line, format, "level", level_names[head->level]);
    add_word(&line, format, "program", head->program);
    add_word(&line, format, "event", head->event);
    size_t at = 0, whole = line.size;
    bool cut = fields->size == sizeof fields->text;
    for (struct field f; next_field(fields, &at, &f);) {
        add_field(&line, format, &f);
        if (line.cut) { // a field is there as a whole or not at all
            cut = true;
            break;
        }
        whole = line.size;
    }
    p2_strbuf_add(out, line.text, whole);
    if (cut) p2_strbuf_printf(out, format == P2_LOG_JSON ? ",\"cut\":true" : " cut=true");
    p2_strbuf_printf(out, format == P2_LOG_JSON ? "}\n" : "\n");
}

bool p2_log_gate_pass(struct p2_log_gate *g, p2_ns now, uint64_t *lost_out) {
    *lost_out = 0;
    if (g->lines == 0 || now - g->began_ns >= P2_SEC) {
        *lost_out = g->lost;
        *g = (struct p2_log_gate){.began_ns = now};
    }
    if (g->lines >= P2_LOG_LINES_PER_SECOND) {
        g->lost++;
        return false;
    }
    g->lines++;
    return true;
}
