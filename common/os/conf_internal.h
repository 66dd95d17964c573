// What the files of conf.c share; conf.h is what the programs see.
#ifndef P2_OS_CONF_INTERNAL_H
#define P2_OS_CONF_INTERNAL_H

#include <stdio.h>

#include "base/strbuf.h"
#include "conf.h"

#define P2_CONF_WHY_MAX 512         // a sentence about what is wrong
#define P2_CONF_FILE_MAX (1u << 20) // bytes of a configuration file
#define P2_CONF_NAME_MAX 64         // of an option, with its NUL
#define P2_CONF_OPTIONS_MAX 128     // in one table
#define P2_CONF_SOURCE_FLAG "the command line"

// Values read so far: where they are, and where each came from.
struct p2_conf {
    const struct p2_program *program;
    void *settings;
    size_t count;                            // options in the table
    const char *source[P2_CONF_OPTIONS_MAX]; // "P2C2R_LISTEN", a file's name, P2_CONF_SOURCE_FLAG; NULL: the default
    struct p2_strbuf *why;
};

// conf_value.c: one option's value. `text` is lent to a TEXT field.
void *p2_conf_field(const struct p2_option *o, void *settings); // where it is
bool p2_conf_set(const struct p2_option *o, const char *text, void *settings, struct p2_strbuf *why);
// The value as p2_conf_set reads it; false when it is an unset TEXT, or a LIST.
bool p2_conf_text(const struct p2_option *o, const void *settings, struct p2_strbuf *out);
void p2_conf_limit_text(const struct p2_option *o, double limit, struct p2_strbuf *out); // a limit in people's units

// conf_find.c: names.
const struct p2_option *p2_conf_find(const struct p2_program *p, const char *name); // NULL when there is none
void p2_conf_env_name(const struct p2_option *o, char out[static P2_CONF_NAME_MAX]);
const char *p2_conf_nearest(const struct p2_program *p, const char *name); // a likely meant name, or NULL

// Flags that every program has, beside those of its table.
struct p2_conf_common {
    const char *name, *value_name, *doc;
    char letter; // unless the table uses it
};
extern const struct p2_conf_common p2_conf_commons[]; // a NULL name ends it
bool p2_conf_letter_free(const struct p2_program *p, char letter);

// conf_file.c: values from JSON. Texts are copied with p2_conf_keep.
bool p2_conf_read_file(struct p2_conf *c, const char *path);
bool p2_conf_print(const struct p2_conf *c, FILE *out, FILE *sources);
// conf.c: a copy of the text, freed by p2_conf_free(settings); NULL when memory is short.
const char *p2_conf_keep(void *settings, const char *text);
// The same as the last item of a list; false when memory is short.
bool p2_conf_keep_item(void *settings, const char *text, struct p2_conf_item **list);

// conf_help.c, conf_man.c, conf_completion.c
void p2_conf_help(const struct p2_program *p, FILE *out);
void p2_conf_man(const struct p2_program *p, FILE *out);
bool p2_conf_completion(const struct p2_program *p, const char *shell, FILE *out); // false: no such shell
void p2_suite_man(const struct p2_suite *s, FILE *out);
bool p2_suite_completion(const struct p2_suite *s, const char *shell, FILE *out);
// "Default: 5s. From 1ms to 1h." or ""; what both help and man say after an option's sentence.
void p2_conf_remark(const struct p2_option *o, struct p2_strbuf *out);

#endif
