#include "loadtest/bench/asked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

#define REPORT_BYTES_MAX (16u << 20)

static size_t hear(void *buffer, size_t size, void *from) { return fread(buffer, 1, size, from); }

json_t *asked(const char *program, const char *arguments) {
    char command[4096];
    json_error_t why;
    fflush(stdout);
    int n = snprintf(command, sizeof command, "'%s' --quiet --json %s", program, arguments);
    FILE *said = n > 0 && (size_t)n < sizeof command ? popen(command, "r") : NULL;
    json_t *report = said ? json_load_callback(hear, said, JSON_DISABLE_EOF_CHECK, &why) : NULL;
    if (said) pclose(said); // a threshold of the scenario that is missed is a row of ours
    if (!report) fprintf(stderr, "bench: no report from %s %s\n", program, arguments);
    return report;
}

// The first of the list, which is not there in a scenario without any.
static void change_first(json_t *scenario, const char *list, json_t *changed) {
    json_t *first = json_array_get(json_object_get(scenario, list), 0);
    if (changed) P2_CHECK(first && json_object_update(first, changed) == 0);
}

static json_t *made_of(const char *base, const char *changed) {
    json_t *scenario = json_loads(base, 0, NULL), *with = json_loads(changed ? changed : "{}", 0, NULL);
    P2_CHECK(scenario && with);
    json_t *task = json_incref(json_object_get(with, "task")), *group = json_incref(json_object_get(with, "group"));
    json_object_del(with, "task");
    json_object_del(with, "group");
    P2_CHECK(json_object_update(scenario, with) == 0);
    change_first(scenario, "tasks", task);
    change_first(scenario, "peers", group);
    json_decref(task);
    json_decref(group);
    json_decref(with);
    return scenario;
}

json_t *asked_scenario(const char *program, const char *base, const char *changed, const char *arguments) {
    char path[] = "/tmp/p2c2r-scenario-XXXXXX.json", all[4096];
    json_t *scenario = made_of(base, changed), *report = NULL;
    int fd = mkstemps(path, 5);
    if (fd >= 0 && json_dumpfd(scenario, fd, 0) == 0) {
        snprintf(all, sizeof all, "%s %s", path, arguments);
        report = asked(program, all);
    }
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    json_decref(scenario);
    return report;
}

double asked_number(const json_t *report, const char *place) {
    const json_t *at = report;
    for (const char *rest = place; at && *rest;) {
        char key[64];
        size_t n = strcspn(rest, ".");
        // "p99.9_us" is one key
        if (rest[n] == '.' && rest[n + 1] >= '0' && rest[n + 1] <= '9') n += 1 + strcspn(rest + n + 1, ".");
        snprintf(key, sizeof key, "%.*s", (int)n, rest);
        at = json_object_get(at, key);
        rest += n + (rest[n] == '.');
    }
    return json_number_value(at);
}
