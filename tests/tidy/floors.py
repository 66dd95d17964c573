#!/usr/bin/env python3
"""Which folder may include which, and through which door each outside library is reached (CONTRIBUTING.md)."""
import os
import re

from source import ROOT, finish, read, tracked

BASE, MSG, TYPE = 'common/base', 'common/msg', 'kernels/task_type.h'
SHELL = ['common/wire', 'common/net', 'common/os']

# The first rule whose pattern matches a file holds. A target is a folder or a file; a file's own folder is always
# allowed.
RULES = [
    (r'common/base/', []),
    (r'common/msg/', [BASE]),
    (r'common/wire/', [BASE, MSG, 'proto']),
    (r'common/os/', [BASE]),
    (r'common/net/', [BASE, 'common/os']),
    (r'common/image/', [BASE]),
    (r'kernels/[^/]+/(spec|ref)\.[ch]|kernels/[^/]+/layout\.h|kernels/task_type\.h|kernels/registry|kernels/common/',
     [BASE, TYPE, 'kernels/common']),
    (r'kernels/[^/]+/exec\.c', [BASE, TYPE, 'common/os', 'common/image', 'peer/executor', 'kernels/common']),
    (r'kernels/', [BASE, TYPE, 'common/os', 'common/image', 'peer/executor', 'tests/lib', 'kernels/common']),
    (r'coordinator/core/', [BASE, MSG, TYPE]),
    (r'peer/core/', [BASE, MSG, TYPE]),
    (r'client/core/', [BASE, MSG, TYPE]),
    # words.h is the vocabulary between an executor and who started it
    (r'peer/executor/', [BASE, 'common/os', 'common/image', TYPE, MSG, 'peer/core/words.h']),
    (r'coordinator/shell/', [BASE, MSG, 'coordinator/core', *SHELL, TYPE]),
    (r'peer/shell/', [BASE, MSG, 'peer/core', *SHELL, TYPE]),
    (r'client/local/pipe\.[ch]', [BASE, MSG, TYPE, 'common/os', 'peer/core/words.h']),
    (r'client/local/', [BASE, MSG, TYPE, 'peer/core/words.h']),
    (r'client/shell/', [BASE, MSG, 'client/core', 'client/local', 'client/include', *SHELL, TYPE]),
    (r'client/scene/', [BASE, 'common/os', 'common/image', TYPE, 'kernels/raytrace']),
    (r'client/include/', []),
    (r'client/examples/', ['client/include']),
    (r'client/grid/', [BASE]),
    (r'client/world/', [BASE, 'kernels/physics/layout.h']), # the records of its payloads
    (r'client/play/core/', [BASE]),
    (r'client/play/draw/', [BASE, 'client/play/core', 'client/include']),
    (r'client/play/', [BASE, 'client/include', 'client/play', 'client/world', 'kernels/physics/layout.h', 'common/os']),
    (r'client/cli/', [BASE, 'client/include', 'client/play', 'client/grid', 'client/world', 'kernels/physics/layout.h',
                      'client/scene/scene.h', 'common/os', 'common/image', TYPE]),
    (r'coordinator/[^/]+$', [BASE, 'coordinator/shell', 'coordinator/core', 'common/os']),
    (r'peer/[^/]+$', [BASE, 'peer/shell', 'peer/core', 'common/os']),
    (r'(tests|loadtest)/', None),  # anything
]

# Outside header -> where it may be included (tests and benches may use what they test).
DOORS = [
    (r'(libwebsockets|uv)\.h', r'common/net/'),
    (r'(protobuf-c/.*|p2c2r\.pb-c|zstd)\.h', r'common/wire/'),
    (r'openssl/.*', r'common/os/crypto\.c'),
    (r'CL/.*', r'peer/executor/|kernels/[^/]+/exec\.c'),
    (r'jansson\.h', r'common/os/conf[^/]*|coordinator/shell/http_[^/]*|client/(cli|scene|world)/|'
                    r'peer/(main|options)[^/]*|peer/shell/devices\.c|peer/executor/main\.c'),
    (r'SDL.*\.h', r'client/play/window_sdl\.c'),
    (r'assimp/.*', r'client/scene/import(_files)?\.[ch]'),
    (r'(png|turbojpeg|jpeglib|webp/.*)\.h', r'common/image/'),
]


def resolve(path, include):
    """The tree's file that a quoted include names, or None."""
    for folder in (os.path.dirname(path), 'common', '', 'client/include', 'tests'):
        candidate = os.path.normpath(os.path.join(folder, include))
        if os.path.isfile(os.path.join(ROOT, candidate)):
            return candidate
    return None


def allowed(path, target):
    if os.path.dirname(path) == os.path.dirname(target):
        return True
    for pattern, targets in RULES:
        if re.match(pattern, path):
            return targets is None or any(target == t or target.startswith(t + '/') for t in targets)
    return False


def main():
    problems = []
    for path in tracked('.c', '.h', '.cl', '.cpp'):
        for number, line in enumerate(read(path).split('\n'), 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^">]+)[>"]', line)
            if not match:
                continue
            include = match.group(2)
            target = resolve(path, include) if match.group(1) == '"' else None
            if target and not allowed(path, target):
                problems.append(f'{path}:{number}: its floor may not include {target}')
            for header, door in DOORS:
                if not target and re.fullmatch(header, include) and not re.match(door, path) \
                        and not re.match(r'(tests|loadtest)/|kernels/[^/]+/test\.c', path):
                    problems.append(f'{path}:{number}: {include} is reached only through {door}')
    finish('floors', problems)


main()
