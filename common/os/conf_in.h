// Between the parts of conf: values as text, where each came from, and what is printed from the table.
#ifndef P2_OS_CONF_IN_H
#define P2_OS_CONF_IN_H

#include "base/strbuf.h"
#include "conf.h"

#define CONF_OPTIONS_MAX 96
#define CONF_FILE_BYTES_MAX (1u << 20)

enum conf_source { CONF_DEFAULT, CONF_FILE, CONF_ENVIRONMENT, CONF_FLAG };

struct conf {
    const struct p2_program *program;
    unsigned char *settings;
    unsigned char source[CONF_OPTIONS_MAX]; // enum conf_source, by option index
    int count;
};

// Sets an option from text. False with a sentence in why ("--listen: ..." is the caller's).
bool conf_set(struct conf *c, int index, const char *text, enum conf_source source, struct p2_strbuf *why);
// The option's present value as text that conf_set takes; "" when unset.
void conf_get(const struct conf *c, int index, struct p2_strbuf *out);
int conf_find(const struct conf *c, const char *name, size_t size); // -1 when unknown
// A copy that lives until p2_conf_free(settings). NULL when memory is short.
const char *conf_keep(struct conf *c, const char *text);

// Reads the JSON file. False with a sentence that names file, line and key.
bool conf_read_file(struct conf *c, const char *path, struct p2_strbuf *why);

void conf_print_help(const struct conf *c);
void conf_print_man(const struct conf *c);
void conf_print_config(const struct conf *c);
bool conf_print_completion(const struct conf *c, const char *shell); // false: no such shell

#endif
