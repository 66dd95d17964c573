#!/usr/bin/env python3
"""The shared library exports exactly what the public headers declare, has a soname with a version, and imports nothing
that prints, ends the program or takes its signals; the archive defines nothing a game might.

    exports.py SHARED ARCHIVE HEADER...
"""
import re
import subprocess
import sys


def symbols(*command):
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].split('@')[0] for line in output.splitlines() if re.search(r' [A-Za-z] \S+$', line)}


# What a library must not do to the program it is part of, besides calling back: print, end it, take its signals,
# environment or standard streams. stderr and abort are P2_CHECK's; sigaction puts back what libwebsockets sets.
PROCESS = set('''printf vprintf puts putchar putc fputc fputs fwrite perror stdout stdin system popen
    exit _exit _Exit quick_exit atexit on_exit longjmp siglongjmp fork vfork execv execve execl execvp posix_spawn
    signal raise kill sigprocmask sigqueue setenv putenv unsetenv chdir umask setlocale srand rand'''.split())
PROCESS -= {'vfork', 'execv', '_exit', 'kill'} # of the child that local_executor asks for: common/os/child.c alone
PROCESS |= {f'__{name}_chk' for name in PROCESS}


def main():
    shared, archive, *headers = sys.argv[1:]
    declared = set()
    for header in headers:
        with open(header, encoding='utf-8') as file:
            text = re.sub(r'//.*', '', file.read())
        declared |= set(re.findall(r'P2C2R_API[^;(]*?\b(p2c2r_\w+)\s*\(', text))
    assert len(declared) > 10, declared
    exported = symbols('nm', '-D', '--defined-only', shared) - {'P2C2R_0'}
    assert exported == declared, f'only declared: {declared - exported}; only exported: {exported - declared}'
    defined = symbols('nm', '-g', '--defined-only', archive)
    assert declared <= defined, f'not in the archive: {declared - defined}'
    # __asan marks of globals come with the sanitizer, not with us
    imported = symbols('nm', '-D', '--undefined-only', shared)
    assert 'abort' in imported, imported  # it is read
    assert not imported & PROCESS, f'not for a library: {sorted(imported & PROCESS)}'
    dynamic = subprocess.run(['readelf', '-d', shared], capture_output=True, text=True, check=True).stdout
    assert re.search(r'SONAME.*\[libp2c2r\.so\.\d+\]', dynamic), dynamic
    strangers = {s for s in defined if not re.match(r'p2_|p2c2r_|__odr_asan', s)}
    assert not strangers, f'names without our prefix: {sorted(strangers)}'


main()
