#include "log.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "log_line.h"
#include "os.h"

// Set up before there are threads, then only read; the lock keeps the gate, as drivers may call back from theirs.
static struct {
    const char *program;
    enum p2_log_format format;
    enum p2_log_level level;
    struct p2_log_gate gate;
    pthread_mutex_t lock;
} state = {.program = "p2c2r", .level = P2_LOG_INFO, .lock = PTHREAD_MUTEX_INITIALIZER};

void p2_log_setup(const char *program, enum p2_log_format format, enum p2_log_level level) {
    state.program = program;
    state.format = format;
    state.level = level;
}

bool p2_log_on(enum p2_log_level level) { return level <= state.level; }

static void write_line(enum p2_log_level level, const char *event, const struct p2_log_text *fields) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct p2_log_head head = {state.program, event, level, (int64_t)now.tv_sec * P2_SEC + now.tv_nsec};
    char storage[P2_LOG_LINE_MAX + 1];
    struct p2_strbuf line;
    p2_strbuf_init(&line, storage, sizeof storage);
    p2_log_line(&line, state.format, &head, fields);
    // One write, so lines of several processes do not mix. There is nowhere to report that it failed.
    ssize_t written = write(STDERR_FILENO, line.text, line.size);
    (void)written;
}

static void expand(struct p2_log_text *out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    p2_log_expand(out, format, args);
    va_end(args);
}

void p2_log(enum p2_log_level level, const char *event, const char *fields, ...) {
    if (!p2_log_on(level)) return;
    uint64_t lost;
    pthread_mutex_lock(&state.lock);
    bool pass = p2_log_gate_pass(&state.gate, p2_clock_now(), &lost);
    pthread_mutex_unlock(&state.lock);
    struct p2_log_text text;
    if (lost > 0) {
        expand(&text, "count=%llu", (unsigned long long)lost);
        write_line(P2_LOG_WARN, "log_lines_lost", &text);
    }
    if (!pass) return;
    va_list args;
    va_start(args, fields);
    p2_log_expand(&text, fields, args);
    va_end(args);
    write_line(level, event, &text);
}
