#!/usr/bin/env python3
"""Reads the symbol tables of the pure archives: no writable data, nothing undefined beyond each other and a little
libc.

    purity.py ARCHIVE...
"""
import re
import subprocess
import sys

from source import finish

LIBC = set('''abort malloc calloc realloc free memcpy memmove memset memcmp memchr strlen strcmp strncmp strchr strrchr
    strnlen snprintf vsnprintf strtod strtol strtoll strtoul strtoull qsort
    floor floorf ceil ceilf round roundf lround lroundf lrint lrintf rint rintf trunc sqrt sqrtf fabs fabsf fmin fminf
    fmax fmaxf fma fmaf exp expf log log2 log2f sin sinf cos cosf sincos sincosf atan2f pow powf isfinite ldexp frexp
    __stack_chk_fail __memcpy_chk __memset_chk __memmove_chk __snprintf_chk __vsnprintf_chk
    __errno_location __isoc23_strtol __isoc23_strtoll __isoc23_strtoull __ctype_b_loc
    _GLOBAL_OFFSET_TABLE_'''.split())
WRITABLE = {('libp2_base.a', 'mem.c.o', 'p2_mem_hooks')}  # set once, before anything is built on it
LAST_WORDS = {'write', 'fprintf', 'fputs', 'stderr', '__fprintf_chk'}  # of p2_check_failed, before it aborts


def main():
    defined, undefined, problems = set(), [], []
    for archive in sys.argv[1:]:
        name = archive.rsplit('/', 1)[-1]
        member = '?'
        for line in subprocess.run(['objdump', '-t', archive], capture_output=True, text=True,
                                   check=True).stdout.splitlines():
            if re.match(r'\S+\.o:\s', line):
                member = line.split(':')[0].rsplit('/', 1)[-1]
            match = re.match(r'[0-9a-f]{8,} (.{7}) (\S+)\s+([0-9a-f]+)(?:\s+\.hidden)?\s*(.*)$', line)
            if not match:
                continue
            flags, section, size, symbol = match.groups()
            symbol = symbol.replace('.hidden ', '').strip()
            if section == '*UND*':
                undefined.append((name, member, symbol))
            elif re.match(r'\.(data|bss|tdata|tbss)(?!\.rel\.ro)|\*COM\*', section) and 'O' in flags and int(size, 16):
                if (name, member, symbol) in WRITABLE:
                    continue
                problems.append(f'{name}({member}): writable data: {symbol}')
            else:
                defined.add(symbol)
    for name, member, symbol in undefined:
        last_words = name == 'libp2_base.a' and member == 'check.c.o'
        if symbol not in defined and symbol not in LIBC and not (last_words and symbol in LAST_WORDS):
            problems.append(f'{name}({member}): reaches outside: {symbol}')
    if not defined:
        problems.append('no symbols read')
    finish('purity', problems)


main()
