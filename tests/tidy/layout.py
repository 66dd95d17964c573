#!/usr/bin/env python3
"""What stands at the root, and that documents' links lead somewhere."""
import os
import re

from source import ROOT, finish, read, tracked

REQUIRED = 'meson.build coordinator peer client common proto kernels tests loadtest deploy README.md'.split()
ALLOWED = set(REQUIRED) | {'run', 'meson_options.txt', 'CONTRIBUTING.md'}


def main():
    problems = [f'{name}: missing at the root' for name in REQUIRED if not os.path.exists(os.path.join(ROOT, name))]
    for name in sorted({path.split('/')[0] for path in tracked('')}):
        if name not in ALLOWED and not name.startswith('.'):
            problems.append(f'{name}: not one of the names at the root')
    for path in tracked('.md'):
        for link in re.findall(r'\]\(([^)#:]+)(?:#[^)]*)?\)', read(path)):
            if not os.path.exists(os.path.join(ROOT, os.path.dirname(path), link)):
                problems.append(f'{path}: links to {link}, which is not there')
    finish('layout', problems)


main()
