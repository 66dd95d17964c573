// Logs: one line per event on stderr, logfmt or JSON. Never a payload, never a token.
#ifndef P2_OS_LOG_H
#define P2_OS_LOG_H

#include <stdbool.h>

enum p2_log_level { P2_LOG_ERROR, P2_LOG_WARN, P2_LOG_INFO, P2_LOG_DEBUG };
enum p2_log_format { P2_LOG_LOGFMT, P2_LOG_JSON };

// Before there are threads. program: lends for good.
void p2_log_setup(const char *program, enum p2_log_format format, enum p2_log_level level);
bool p2_log_level_parse(const char *text, enum p2_log_level *out);
bool p2_log_on(enum p2_log_level level);

// event is a short_snake_name; `fields` is printf for key=value pairs separated by spaces, with quotes around a value
// that may hold spaces. What %s puts in is just a value, escaped as needed, whatever it holds; only pairs put in whole
// ("%s" alone) are read as pairs. Keys other than ts, level, program and event, each once. In JSON format the pairs
// become members, numbers and true and false as such.
// One write per line; at most 1,000 lines a second, then a count of those lost. May be called from any thread.
void p2_log(enum p2_log_level level, const char *event, const char *fields, ...) __attribute__((format(printf, 3, 4)));

#endif
