// How one log line is made, apart from where it goes: the part that tests can hold.
#ifndef P2_OS_LOG_LINE_H
#define P2_OS_LOG_LINE_H

#include <stdarg.h>
#include <stdint.h>

#include "base/ns.h"
#include "base/strbuf.h"
#include "log.h"

#define P2_LOG_LINE_MAX 4096 // with its newline; the most that a pipe takes in one piece
#define P2_LOG_LINES_PER_SECOND 1000

// Where a character of the expanded fields comes from. Only what the format itself says is structure; text that was
// put in is never more than a value, whatever quotes, spaces or equal signs are in it.
enum p2_log_origin { P2_LOG_FORMAT, P2_LOG_NUMBER, P2_LOG_TEXT };

struct p2_log_text {
    char text[P2_LOG_LINE_MAX];
    unsigned char origin[P2_LOG_LINE_MAX]; // enum p2_log_origin
    size_t size;
};

// printf, remembering origins. Knows d i u o x X c s p e f g a and %, in all lengths but L, and stops at any other.
void p2_log_expand(struct p2_log_text *out, const char *format, va_list args);

struct p2_log_head {
    const char *program, *event;
    enum p2_log_level level;
    int64_t wall_ns; // since 1970
};

// One line with its newline. Fields that do not fit are left out, and cut=true says so. `out` holds P2_LOG_LINE_MAX
// bytes and a NUL.
void p2_log_line(struct p2_strbuf *out, enum p2_log_format format, const struct p2_log_head *head,
                 const struct p2_log_text *fields);

// At most P2_LOG_LINES_PER_SECOND in each second that starts with a line. Zeroed storage is a fresh gate.
struct p2_log_gate {
    p2_ns began_ns;
    uint32_t lines;
    uint64_t lost;
};

// May a line be written now? *lost_out: lines refused in the second before, to be reported first.
bool p2_log_gate_pass(struct p2_log_gate *g, p2_ns now, uint64_t *lost_out);

#endif
