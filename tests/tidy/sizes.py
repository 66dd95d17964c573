#!/usr/bin/env python3
"""A source file may not pass 800 lines, a header 250, a line 120 columns, a function 70 lines, 6 parameters or 4 levels
of nesting."""
from source import bare, finish, functions, read, tracked

FILE, HEADER, COLUMNS, FUNCTION, PARAMETERS, NESTING = 800, 250, 120, 70, 6, 4
ONE_FILE = {'client/js/p2c2r.js': 1400}  # what a web page loads is one file, without a build step


def main():
    problems = []
    for path in tracked('.c', '.h', '.cl', '.cpp', '.py', '.js', '.mjs'):
        text = read(path)
        lines, limit = text.count('\n'), HEADER if path.endswith('.h') else ONE_FILE.get(path, FILE)
        if lines > limit:
            problems.append(f'{path}: {lines} lines, at most {limit}')
        problems += [f'{path}:{number}: {len(line)} columns, at most {COLUMNS}'
                     for number, line in enumerate(text.split('\n'), 1) if len(line) > COLUMNS]
        if path.endswith(('.py', '.js', '.mjs')):
            continue
        for name, parameters, line, length, nesting in functions(bare(text)):
            place = f'{path}:{line}: {name}'
            if length > FUNCTION:
                problems.append(f'{place} has {length} lines, at most {FUNCTION}')
            # an OpenCL kernel's arguments are a fixed list set one by one; a .cl file may have more
            if parameters > PARAMETERS and not path.endswith('.cl'):
                problems.append(f'{place} has {parameters} parameters, at most {PARAMETERS}')
            if nesting > NESTING:
                problems.append(f'{place} nests {nesting} deep, at most {NESTING}')
    finish('sizes', problems)


main()
