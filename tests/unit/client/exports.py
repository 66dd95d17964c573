#!/usr/bin/env python3
"""The shared library exports exactly what the public headers declare, and the archive defines nothing a game might.

    exports.py SHARED ARCHIVE HEADER...
"""
import re
import subprocess
import sys


def symbols(*command):
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].split('@')[0] for line in output.splitlines() if re.search(r' [A-Za-z] \S+$', line)}


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
    strangers = {s for s in defined if not re.match(r'p2_|p2c2r_|__odr_asan', s)}
    assert not strangers, f'names without our prefix: {sorted(strangers)}'


main()
