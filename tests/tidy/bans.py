#!/usr/bin/env python3
"""Words that do not enter the tree, and states written outside their one function."""
import re

from source import bare, finish, functions, read, tracked

CODE = [  # in C without comments and literals: pattern, where it does not apply, why
    (r'\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|atoi|atol|atof)\s*\(', None, 'unsafe or unchecked'),
    (r'\b(system|popen)\s*\(', None, 'no shells'),
    (r'\b(sleep|usleep|nanosleep)\s*\(', None, 'nothing sleeps to wait for something'),
    (r'\b(rand|srand|random|time|gettimeofday)\s*\(', None, 'common/os has the clock and the entropy'),
    (r'\bclock_gettime\s*\(', r'common/os/|tests/|loadtest/', 'common/os has the clock'),
    (r'\btypedef\s+struct\b', r'client/include/', 'struct name, never a typedef of one'),
    (r'\bassert\s*\(', r'tests/', 'P2_CHECK stays on in every build'),
    (r'(?<![\w>.])(malloc|calloc|realloc|free|strdup|strndup)\s*\(',
     r'common/base/mem\.c|(?!common/(base|msg|wire|net)/|client/(core|local|shell)/)',
     'base/mem.h is the door: p2_malloc'),
    (r'\b(printf|puts)\s*\(', r'.*/main\.c|client/cli/|client/examples/|coordinator/|peer/|tests/|loadtest/|'
                              r'kernels/[^/]+/test\.c', 'libraries do not print'),
]
TEXT = [  # in any tracked text
    (r'\b(TODO|FIXME|XXX|HACK)\b', 'an open end'),
    (r'/(work|root)/\w', "a path of somebody's machine"),
    (r'(registry\.npmjs|deb\.debian\.org|pypi\.org)', 'a registry host'),
]
TEXT_ENDINGS = ('.c', '.h', '.cl', '.cpp', '.py', '.md', '.build', '.proto', '.json', '.txt', 'run', '.in', '.js')


def states(path, text):
    """Lines that write a .state outside a function named ..._move or ..._init."""
    spans = [(line, line + length, name) for name, _, line, length, _ in functions(text)]
    for number, line in enumerate(text.split('\n'), 1):
        if not re.search(r'(\.|->)state\s*=[^=]', line):
            continue
        owner = next((name for first, last, name in spans if first <= number < last), '')
        if not re.search(r'_(move|init)$', owner):
            yield f'{path}:{number}: {owner or "file scope"} writes a state; only its move function does'


def main():
    problems = []
    for path in tracked('.c', '.h', '.cpp'):
        text = bare(read(path))
        for number, line in enumerate(text.split('\n'), 1):
            for pattern, exempt, why in CODE:
                match = re.search(pattern, line)
                if match and not (exempt and re.match(exempt, path)):
                    problems.append(f'{path}:{number}: {match.group(0).strip()}: {why}')
        if re.match(r'(coordinator|peer|client)/core/|peer/executor/|client/(shell|local)/', path):
            problems += states(path, text)
    for path in tracked(*TEXT_ENDINGS):
        if path == 'tests/tidy/bans.py':
            continue
        for number, line in enumerate(read(path).split('\n'), 1):
            problems += [f'{path}:{number}: {re.search(pattern, line).group(0)}: {why}'
                         for pattern, why in TEXT if re.search(pattern, line)]
    finish('bans', problems)


main()
