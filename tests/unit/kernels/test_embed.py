#!/usr/bin/env python3
"""embed.py: includes inlined once or as often as asked for, comments gone, quotes and backslashes kept, what
was read listed for the build."""
import os
import subprocess
import sys
import tempfile


def main():
    with tempfile.TemporaryDirectory() as folder:
        def put(name, text):
            with open(os.path.join(folder, name), 'w', encoding='ascii') as file:
                file.write(text)
        put('layout.h', '#define A 1\n')
        put('common.cl', '#include "layout.h"\nint f(void);\n#include "twice.h"\n#include "twice.h" // again\n')
        put('twice.h', 'int T;\n')
        put('x.cl', '// words\n#include "layout.h"\n  #  include "common.cl"\n\n'
                    'char c = \'"\'; /* " */ char d = \'\\\\\';\n')
        target = os.path.join(folder, 'x.h')
        subprocess.run([sys.executable, sys.argv[1], os.path.join(folder, 'x.cl'), target, 'x_cl'], check=True)
        with open(target, encoding='ascii') as file:
            text = file.read()
        assert text.count('#define A 1') == 1, text
        assert text.count('int T;') == 2, text
        assert 'words' not in text and 'include' not in text, text
        assert text.index('#define A 1') < text.index('int f(void);') < text.index('char c'), text
        probe = os.path.join(folder, 'probe.c')
        put('probe.c', '#include <stdio.h>\n#include "x.h"\nint main(void) { fputs(x_cl, stdout); return 0; }\n')
        subprocess.run([os.environ.get('CC', 'cc'), probe, '-o', os.path.join(folder, 'probe')], check=True)
        out = subprocess.run([os.path.join(folder, 'probe')], capture_output=True, text=True, check=True).stdout
        assert out == '#define A 1\nint f(void);\nint T;\nint T;\nchar c = \'"\'; /* " */ char d = \'\\\\\';\n', out
        with open(target + '.d', encoding='utf-8') as file:
            depends = file.read()
        assert all(name in depends for name in ('x.cl', 'layout.h', 'common.cl')), depends
        missing = subprocess.run([sys.executable, sys.argv[1], os.path.join(folder, 'none.cl'), target, 'x'],
                                 capture_output=True, check=False)
        assert missing.returncode != 0


main()
