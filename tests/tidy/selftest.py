#!/usr/bin/env python3
"""The tidy checks can fail: each is run over a small tree with one planted fault and must name it."""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LONG = 'int long_one(void);\nint long_one(void) {\n' + '    ;\n' * 80 + '    return 0;\n}\n'
DEEP = ('void deep(int a);\nvoid deep(int a) {\n' + ''.join('    ' * i + 'if (a) {\n' for i in range(1, 6)) +
        '}' * 5 + '\n}\n')
WIDE = 'void wide(int a, int b, int c, int d, int e, int f, int g) {\n}\n'
WIDE_IN_LINES = 'void wide(int a, int b, int c,\n          int d, int e,\n          int f, int g) {\n}\n'

FAULTS = [  # check, planted file, its text, what the check must say
    ('floors', 'coordinator/core/a.c', '#include "net/net.h"\n', 'may not include common/net/net.h'),
    ('floors', 'peer/core/a.c', '#include <CL/cl.h>\n', 'CL/cl.h is reached only through'),
    ('floors', 'client/shell/a.c', '#include <zstd.h>\n', 'zstd.h is reached only through'),
    ('sizes', 'common/base/a.c', LONG, 'long_one has 83 lines'),
    ('sizes', 'common/base/a.c', DEEP, 'deep nests 5 deep'),
    ('sizes', 'common/base/a.c', WIDE, 'wide has 7 parameters'),
    ('sizes', 'common/base/a.c', WIDE_IN_LINES, 'wide has 7 parameters'),
    ('sizes', 'common/base/a.h', '\n' * 251, '251 lines'),
    ('sizes', 'common/base/a.c', '\n// ' + '\u00e9' * 118 + '\n', 'a.c:2: 121 columns'),
    ('sizes', 'kernels/a.cl', '// ' + 'x' * 118 + '\n', 'a.cl:1: 121 columns'),
    ('sizes', 'loadtest/a.py', '# ' + 'x' * 119 + '\n', 'a.py:1: 121 columns'),
    ('bans', 'common/os/a.c', 'void f(void) {\n    usleep(1);\n}\n', 'usleep('),
    ('bans', 'common/os/a.c', '// TO' + 'DO later\n', 'an open end'),
    ('bans', 'coordinator/core/a.c', 'void f(struct task *t) {\n    t->state = 1;\n}\n', 'f writes a state'),
    ('bans', 'peer/executor/a.c', 'void g(struct cell *c) {\n    c->state = 1;\n}\n', 'g writes a state'),
    ('bans', 'client/shell/a.c', 'void h(struct record *r) {\n    r->state = 1;\n}\n', 'h writes a state'),
    ('bans', 'common/base/a.h', 'typedef struct a a;\n', 'never a typedef'),
    ('layout', 'stray/a.c', '', 'stray: not one of the names'),
    ('layout', 'common/a.md', '[x](gone.md)\n', 'links to gone.md'),
]
FORMAT = [
    ('format', 'common/base/a.c', 'int  f(void);\n', 'common/base/a.c'),
    ('format', 'kernels/a.cl', '__kernel  void f(void) {}\n', 'kernels/a.cl'),
]


def run(tree, check):
    return subprocess.run([sys.executable, os.path.join(tree, 'tests/tidy', check + '.py')], capture_output=True,
                          text=True, env={**os.environ, 'GIT_CEILING_DIRECTORIES': tree, 'GIT_DIR': tree})


def plant(tree, path, text):
    os.makedirs(os.path.dirname(os.path.join(tree, path)), exist_ok=True)
    with open(os.path.join(tree, path), 'w', encoding='utf-8') as file:
        file.write(text)


def impure():
    """What purity says of an archive that counts calls in a static and reads the clock."""
    with tempfile.TemporaryDirectory() as folder:
        plant(folder, 'a.c', '#include <time.h>\nlong f(void);\nlong f(void) {\n    static long calls;\n'
                             '    return time(0) + ++calls;\n}\n')
        object_file, archive = os.path.join(folder, 'a.o'), os.path.join(folder, 'a.a')
        subprocess.run(['cc', '-c', os.path.join(folder, 'a.c'), '-o', object_file], check=True)
        subprocess.run(['ar', 'rcs', archive, object_file], check=True)
        return subprocess.run([sys.executable, os.path.join(HERE, 'purity.py'), archive], capture_output=True,
                              text=True, check=False).stdout


def main():
    missed = []
    faults = FAULTS + FORMAT * bool(shutil.which('clang-format'))
    said = impure()
    if 'writable data: calls' not in said or 'reaches outside: time' not in said:
        missed.append(f'purity does not name the static and the clock: {said}')
    for check, path, text, expected in faults:
        with tempfile.TemporaryDirectory() as tree:
            shutil.copytree(HERE, os.path.join(tree, 'tests/tidy'), ignore=shutil.ignore_patterns('__pycache__'))
            plant(tree, 'common/net/net.h', '')
            result = run(tree, check)
            if expected in result.stdout:
                missed.append(f'{check} complains of nothing: {result.stdout}{result.stderr}')
            plant(tree, path, text)
            result = run(tree, check)
            if result.returncode != 1 or expected not in result.stdout:
                missed.append(f'{check} does not say "{expected}": {result.stdout}{result.stderr}')
    print('\n'.join(missed) or f'{len(faults) + 2} planted faults found')
    sys.exit(1 if missed else 0)


main()
