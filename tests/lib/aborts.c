#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testlib.h"

bool t_aborts(void (*fn)(void *arg), void *arg) {
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) abort();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); // the test runner's own handler is not meant for this
        struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        int null = open("/dev/null", O_WRONLY);
        if (null >= 0) dup2(null, STDERR_FILENO);
        fn(arg);
        _exit(0);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child) abort();
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}
