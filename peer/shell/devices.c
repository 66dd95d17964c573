#include "peer/shell/devices.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/child.h"
#include "os/os.h"

#define LIST_BYTES_MAX 65536
#define LIST_LIMIT (60 * P2_SEC) // drivers may take long when their files come from a cold disk
#define SLOTS_DEFAULT 2

const char devices_none[] = "no OpenCL device was found: install your graphics card's OpenCL driver, or "
                            "pocl-opencl-icd to compute on the processor";

static const struct {
    const char *name;
    enum p2_device_kind kind;
} kinds[] = {{"cpu", P2_DEVICE_CPU}, {"gpu", P2_DEVICE_GPU}, {"other", P2_DEVICE_OTHER}, {"fake", P2_DEVICE_FAKE}};

static const char *kind_name(enum p2_device_kind kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].kind == kind) return kinds[i].name;
    }
    return "other";
}

static enum p2_device_kind kind_named(const char *name) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, name) == 0) return kinds[i].kind;
    }
    return P2_DEVICE_OTHER;
}

bool devices_parse(const char *line, struct seat *out) {
    json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    int index = -1, units = 0, slots = 0;
    json_int_t memory = 0;
    const char *kind = "", *name = "", *driver = "";
    bool ok =
        root && json_unpack(root, "{s:i, s:s, s:s, s:s, s:I, s:i, s:i}", "index", &index, "kind", &kind, "name", &name,
                            "driver", &driver, "memory_bytes", &memory, "compute_units", &units, "slots", &slots) == 0;
    ok = ok && index >= 0 && index < 1000 && memory >= 0 && units >= 0 && slots >= 1;
    if (ok) {
        struct worker_device *d = &out->device;
        *d = (struct worker_device){.kind = kind_named(kind), .memory_bytes = (uint64_t)memory};
        d->compute_units = (uint32_t)units;
        d->slots = (uint32_t)slots < WORKER_SLOTS_MAX ? (uint32_t)slots : WORKER_SLOTS_MAX;
        snprintf(d->name, sizeof d->name, "%s", name);
        snprintf(d->driver, sizeof d->driver, "%s", driver);
        snprintf(out->argument, sizeof out->argument, "%d", index);
    }
    json_decref(root);
    return ok;
}

bool devices_list(const struct devices_source *from, struct seats *out, struct p2_strbuf *why) {
    *out = (struct seats){0};
    char *text = calloc(1, LIST_BYTES_MAX);
    if (!text) return false;
    const char *const arguments[] = {"--list", from->cache ? "--cache" : NULL, from->cache, NULL};
    const struct p2_child_capture capture = {text, LIST_BYTES_MAX};
    int code = p2_child_run(from->program, arguments, &capture, LIST_LIMIT);
    if (from->raw) snprintf(from->raw, from->raw_capacity, "%s", text);
    bool ok = code == 0;
    if (!ok) p2_strbuf_printf(why, "%s --list failed (exit code %d)", from->program, code);
    char *rest = text;
    for (char *line = text; ok && *line && out->count < P2_DEVICES_MAX; line = rest) {
        rest = line + strcspn(line, "\n");
        if (*rest) *rest++ = '\0';
        ok = devices_parse(line, &out->all[out->count]);
        if (!ok) p2_strbuf_printf(why, "%s --list said what is not understood: %.80s", from->program, line);
        out->count += ok;
    }
    free(text);
    return ok;
}

bool devices_only_fake(const char *which) { return strcmp(which, "fake") == 0; }

static void fake_seat(struct seat *s) {
    *s = (struct seat){.argument = "fake"};
    s->device = (struct worker_device){.kind = P2_DEVICE_FAKE, .name = "fake", .driver = "plain C references"};
    s->device.memory_bytes = p2_memory_bytes();
    s->device.compute_units = p2_cpu_count();
    s->device.slots = SLOTS_DEFAULT;
}

static bool add(const char *word, size_t size, const struct seats *listed, struct seats *out) {
    struct seat *to = &out->all[out->count];
    bool found = size == 4 && memcmp(word, "fake", 4) == 0;
    if (found) fake_seat(to);
    for (uint32_t i = 0; !found && i < listed->count; i++) {
        const char *argument = listed->all[i].argument;
        found = strlen(argument) == size && memcmp(argument, word, size) == 0;
        if (found) *to = listed->all[i];
    }
    for (uint32_t i = 0; i < out->count; i++) found = found && strcmp(out->all[i].argument, to->argument) != 0;
    out->count += found;
    return found;
}

bool devices_select(const char *which, const struct seats *listed, uint32_t slots, struct seats *out,
                    struct p2_strbuf *why) {
    *out = (struct seats){0};
    bool all = strcmp(which, "all") == 0;
    if (all) *out = *listed;
    for (const char *word = which; !all;) {
        size_t size = strcspn(word, ",");
        if (out->count == P2_DEVICES_MAX || !add(word, size, listed, out)) {
            p2_strbuf_printf(why, "no device \"%.*s\", or named twice", (int)size, word);
            return false;
        }
        if (!word[size]) break;
        word += size + 1;
    }
    for (uint32_t i = 0; slots && i < out->count; i++) out->all[i].device.slots = slots;
    if (out->count == 0) p2_strbuf_printf(why, "%s", devices_none);
    return out->count > 0;
}

void devices_print(const struct seats *s, FILE *to) {
    fprintf(to, "%-5s  %-5s  %5s  %5s  %10s  %s\n", "index", "kind", "units", "slots", "memory", "name (driver)");
    for (uint32_t i = 0; i < s->count; i++) {
        const struct worker_device *d = &s->all[i].device;
        fprintf(to, "%-5s  %-5s  %5u  %5u  %6llu MiB  %s (%s)\n", s->all[i].argument, kind_name(d->kind),
                d->compute_units, d->slots, (unsigned long long)(d->memory_bytes >> 20), d->name, d->driver);
    }
}
