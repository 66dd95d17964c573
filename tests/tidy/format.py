#!/usr/bin/env python3
"""C and OpenCL C as .clang-format lays them out. Skipped (77) where clang-format is not installed."""
import shutil
import subprocess
import sys

from source import ROOT, finish, tracked


def main():
    if not shutil.which('clang-format'):
        sys.exit(77)
    files = tracked('.c', '.h', '.cl', '.cpp')
    result = subprocess.run(['clang-format', '--dry-run', *files], cwd=ROOT, capture_output=True, text=True)
    finish('format', sorted({line.split(': ')[0].rsplit(':', 2)[0] for line in result.stderr.splitlines()
                             if 'clang-format-violations' in line}))


main()
