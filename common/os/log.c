#include "log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "os.h"

#define LINE_MAX_BYTES 2048
#define LINES_PER_SECOND 1000

static const char *const LEVELS[] = {"error", "warn", "info", "debug"};

// Logging is the world's side: the only mutable state of common/os, guarded for executor threads.
static struct {
    pthread_mutex_t lock;
    char program[32];
    enum p2_log_format format;
    enum p2_log_level level;
    p2_ns second_start_ns;
    unsigned in_second, lost;
} logger = {.lock = PTHREAD_MUTEX_INITIALIZER, .program = "p2c2r", .level = P2_LOG_INFO};

void p2_log_setup(const char *program, enum p2_log_format format, enum p2_log_level level) {
    pthread_mutex_lock(&logger.lock);
    snprintf(logger.program, sizeof logger.program, "%s", program);
    logger.format = format;
    logger.level = level;
    pthread_mutex_unlock(&logger.lock);
}

bool p2_log_level_parse(const char *text, enum p2_log_level *out) {
    for (unsigned i = 0; i < sizeof LEVELS / sizeof *LEVELS; i++) {
        if (strcmp(text, LEVELS[i]) != 0) continue;
        *out = (enum p2_log_level)i;
        return true;
    }
    return false;
}

bool p2_log_on(enum p2_log_level level) { return level <= logger.level; }

static void add_time(struct p2_strbuf *line) {
    struct timespec t;
    struct tm utc;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    p2_strbuf_printf(line, "%s.%03ldZ", text, t.tv_nsec / 1000000);
}

// One character inside a JSON string or a logfmt line: control characters never reach the output raw.
static void add_char(struct p2_strbuf *line, char c, bool json) {
    if ((unsigned char)c < 0x20)
        p2_strbuf_printf(line, json ? "\\u%04x" : "\\x%02x", (unsigned)(unsigned char)c);
    else if (json && (c == '"' || c == '\\'))
        p2_strbuf_printf(line, "\\%c", c);
    else
        p2_strbuf_add(line, &c, 1);
}

// key=value and key="value with spaces" pairs into JSON members, values as strings.
static void add_json_members(struct p2_strbuf *line, const char *fields) {
    const char *at = fields;
    while (*at) {
        while (*at == ' ') at++;
        if (!*at) break;
        p2_strbuf_add(line, ",\"", 2);
        while (*at && *at != '=' && *at != ' ') add_char(line, *at++, true);
        p2_strbuf_add(line, "\":\"", 3);
        if (*at == '=') at++;
        bool quoted = *at == '"';
        if (quoted) at++;
        while (*at && (quoted ? *at != '"' : *at != ' ')) add_char(line, *at++, true);
        if (quoted && *at == '"') at++;
        p2_strbuf_add(line, "\"", 1);
    }
}

static void write_line(struct p2_strbuf *line) {
    line->text[line->size] = '\n'; // the NUL's place: a line is written by length
    ssize_t ignored = write(STDERR_FILENO, line->text, line->size + 1);
    (void)ignored; // a log that cannot be written has nowhere to say so
}

static void emit(enum p2_log_level level, const char *event, const char *fields) {
    char storage[LINE_MAX_BYTES];
    struct p2_strbuf line;
    p2_strbuf_init(&line, storage, sizeof storage);
    if (logger.format == P2_LOG_JSON) {
        p2_strbuf_printf(&line, "{\"time\":\"");
        add_time(&line);
        p2_strbuf_printf(&line, "\",\"level\":\"%s\",\"program\":\"%s\",\"event\":\"%s\"", LEVELS[level],
                         logger.program, event);
        size_t head = line.size;
        add_json_members(&line, fields);
        p2_strbuf_add(&line, "}", 1);
        if (line.cut) { // half a member would not be JSON
            line.size = head;
            line.cut = false;
            p2_strbuf_printf(&line, ",\"cut\":\"yes\"}");
        }
    } else {
        p2_strbuf_printf(&line, "time=");
        add_time(&line);
        p2_strbuf_printf(&line, " level=%s program=%s event=%s%s", LEVELS[level], logger.program, event,
                         *fields ? " " : "");
        for (const char *at = fields; *at; at++) add_char(&line, *at, false);
    }
    write_line(&line);
}

void p2_log(enum p2_log_level level, const char *event, const char *fields, ...) {
    if (!p2_log_on(level)) return;
    char text[LINE_MAX_BYTES];
    va_list args;
    va_start(args, fields);
    vsnprintf(text, sizeof text, fields, args);
    va_end(args);

    pthread_mutex_lock(&logger.lock);
    p2_ns now = p2_clock_now();
    if (now - logger.second_start_ns >= P2_SEC) {
        if (logger.lost) {
            char lost[32];
            snprintf(lost, sizeof lost, "lines=%u", logger.lost);
            emit(P2_LOG_WARN, "log_lines_lost", lost);
        }
        logger.second_start_ns = now;
        logger.in_second = logger.lost = 0;
    }
    if (logger.in_second < LINES_PER_SECOND) {
        logger.in_second++;
        emit(level, event, text);
    } else {
        logger.lost++;
    }
    pthread_mutex_unlock(&logger.lock);
}
