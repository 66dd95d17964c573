#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log_line.h"

struct arguments {
    va_list list;
};

static void put(struct p2_log_text *out, const char *bytes, size_t size, enum p2_log_origin origin) {
    size_t room = sizeof out->text - out->size;
    size_t n = size < room ? size : room;
    memcpy(out->text + out->size, bytes, n);
    memset(out->origin + out->size, (int)origin, n);
    out->size += n;
}

// One conversion, taken apart. Lengths are counted: -2 hh, -1 h, 1 l, 2 ll, 3 j, z and t, which are 64 bits here.
struct conversion {
    char flags[8];
    int width, precision; // -1: none
    int length;
    char letter;
};

static int read_number(const char **at, struct arguments *args) {
    if (**at == '*') {
        (*at)++;
        return va_arg(args->list, int);
    }
    int n = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) n = n < P2_LOG_LINE_MAX ? n * 10 + (**at - '0') : n;
    return n;
}

static struct conversion read_conversion(const char **at, struct arguments *args) {
    struct conversion c = {.width = -1, .precision = -1};
    size_t flags = 0;
    for (; **at && strchr("-+ #0", **at); (*at)++) {
        if (flags < sizeof c.flags - 2) c.flags[flags++] = **at;
    }
    if (**at == '*' || (**at >= '0' && **at <= '9')) c.width = read_number(at, args);
    if (c.width < -1) { // as printf: a negative width argument is the flag - and its size
        c.flags[flags] = '-';
        c.width = c.width < -P2_LOG_LINE_MAX ? P2_LOG_LINE_MAX : -c.width;
    }
    if (**at == '.') {
        (*at)++;
        c.precision = read_number(at, args);
        if (c.precision < 0) c.precision = -1;
    }
    for (; **at && strchr("hljzt", **at); (*at)++) {
        c.length += **at == 'h' ? -1 : **at == 'l' ? 1 : 3;
    }
    c.letter = **at;
    if (c.letter) (*at)++;
    return c;
}

// The conversion as text again, for an argument that was widened to `length`.
static void write_conversion(const struct conversion *c, const char *length, char out[static 64]) {
    char width[16] = "", precision[16] = "";
    if (c->width >= 0) snprintf(width, sizeof width, "%d", c->width);
    if (c->precision >= 0) snprintf(precision, sizeof precision, ".%d", c->precision);
    snprintf(out, 64, "%%%s%s%s%s%c", c->flags, width, precision, length, c->letter);
}

static intmax_t take_signed(struct arguments *args, int length) {
    if (length > 0) return length == 2 ? va_arg(args->list, long long) : va_arg(args->list, long);
    int v = va_arg(args->list, int);
    return length == 0 ? v : length == -1 ? (short)v : (signed char)v;
}

static uintmax_t take_unsigned(struct arguments *args, int length) {
    if (length > 0) return length == 2 ? va_arg(args->list, unsigned long long) : va_arg(args->list, unsigned long);
    unsigned v = va_arg(args->list, unsigned);
    return length == 0 ? v : length == -1 ? (unsigned short)v : (unsigned char)v;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
// Returns false for a conversion that is not known: what the further arguments are is then not known either.
static bool convert(struct p2_log_text *out, const struct conversion *c, struct arguments *args) {
    char format[64], text[P2_LOG_LINE_MAX];
    int n = 0;
    enum p2_log_origin origin = P2_LOG_NUMBER;
    if (c->letter && strchr("di", c->letter)) {
        write_conversion(c, "j", format);
        n = snprintf(text, sizeof text, format, take_signed(args, c->length));
    } else if (c->letter && strchr("uoxX", c->letter)) {
        write_conversion(c, "j", format);
        n = snprintf(text, sizeof text, format, take_unsigned(args, c->length));
    } else if (c->letter && strchr("aAeEfFgG", c->letter)) {
        write_conversion(c, "", format);
        n = snprintf(text, sizeof text, format, va_arg(args->list, double));
    } else if (c->letter == 'c') {
        origin = P2_LOG_TEXT;
        text[0] = (char)va_arg(args->list, int);
        n = 1;
    } else if (c->letter == 's' || c->letter == 'p') {
        origin = P2_LOG_TEXT;
        write_conversion(c, "", format);
        n = snprintf(text, sizeof text, format, va_arg(args->list, const void *));
    } else {
        return false;
    }
    size_t size = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    put(out, text, size, origin);
    return true;
}
#pragma GCC diagnostic pop

void p2_log_expand(struct p2_log_text *out, const char *format, va_list args) {
    struct arguments rest;
    va_copy(rest.list, args);
    out->size = 0;
    while (format && *format) {
        const char *percent = strchr(format, '%');
        size_t plain = percent ? (size_t)(percent - format) : strlen(format);
        put(out, format, plain, P2_LOG_FORMAT);
        if (!percent) break;
        format = percent + 1;
        if (*format == '%') {
            put(out, format++, 1, P2_LOG_TEXT);
            continue;
        }
        struct conversion c = read_conversion(&format, &rest);
        if (!convert(out, &c, &rest)) break;
    }
    va_end(rest.list);
}
