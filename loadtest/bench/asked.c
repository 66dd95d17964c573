#include "loadtest/bench/asked.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

// Its standard output is `end`; it ends with us.
static pid_t start(const char *const *arguments, int end) {
    const pid_t parent = getpid(), pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || dup2(end, STDOUT_FILENO) < 0) _exit(127);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

json_t *asked(const char *program, const char *const *arguments) {
    const char *all[ASKED_ARGUMENTS_MAX + 4] = {program, "--quiet", "--json"};
    int ends[2];
    for (uint32_t i = 0, n = 3; arguments[i]; i++) {
        P2_CHECK(i < ASKED_ARGUMENTS_MAX);
        all[n++] = arguments[i];
    }
    fflush(stdout);
    if (pipe2(ends, O_CLOEXEC) != 0) return NULL;
    const pid_t pid = start(all, ends[1]);
    close(ends[1]);
    FILE *said = fdopen(ends[0], "r");
    json_t *report = said ? json_loadf(said, 0, NULL) : NULL;
    if (said) fclose(said);
    if (pid > 0) waitpid(pid, NULL, 0); // a threshold of the scenario that is missed is a row of ours
    if (!report) fprintf(stderr, "bench: no report from %s %s\n", program, arguments[0]);
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

json_t *asked_scenario(const char *program, const char *base, const char *changed, const char *const *arguments) {
    char path[] = "/tmp/p2c2r-scenario-XXXXXX.json";
    const char *all[ASKED_ARGUMENTS_MAX + 1] = {path};
    json_t *scenario = made_of(base, changed), *report = NULL;
    for (uint32_t i = 0; arguments[i]; i++) {
        P2_CHECK(i + 1 < ASKED_ARGUMENTS_MAX);
        all[i + 1] = arguments[i];
    }
    int fd = mkstemps(path, 5);
    if (fd >= 0 && json_dumpfd(scenario, fd, 0) == 0) report = asked(program, all);
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
