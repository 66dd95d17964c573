#!/usr/bin/env python3
"""or_skip.py PROGRAM ARGUMENT...: runs it; skipped (77) where it is not installed."""
import os
import shutil
import sys

if not shutil.which(sys.argv[1]):
    print(f'{sys.argv[1]} is not installed')
    sys.exit(77)
os.execvp(sys.argv[1], sys.argv[1:])
