#!/usr/bin/env python3
"""Manual pages and completion as the programs print them, read by the tools they are for; a tool that is not installed
is left out.

    shells.py P2C2R P2C2R-COORDINATOR P2C2R-PEER
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

CLI, *OTHERS = sys.argv[1:]


def run(*command, **environment):
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                            env={**os.environ, **environment})
    assert result.returncode == 0, f'{command}: exit {result.returncode}\n{result.stdout}{result.stderr}'
    return result


def man(page):
    if shutil.which('man'):
        result = run('man', '--warnings=all', '-l', '-Tutf8', page, MANPAGER='cat', MANWIDTH='80', LC_ALL='C.UTF-8')
        assert not result.stderr, result.stderr
        assert 'EXIT STATUS' in re.sub('.\x08', '', result.stdout), result.stdout
    if shutil.which('mandoc'):
        run('mandoc', '-Tlint', '-Wwarning', page)


def bash(script, *cases):
    """cases: the words of a line, the last one begun; and what completes it."""
    for line, wanted in cases:
        words = ' '.join(f"'{word}'" for word in line)
        chooser = '_' + line[0].replace('-', '_')
        asked = f'source {script}; COMP_WORDS=({words}); COMP_CWORD={len(line) - 1}; {chooser}'
        said = run('bash', '--norc', '-c', asked + '; echo "${COMPREPLY[*]}"').stdout.split()
        assert set(wanted) <= set(said), (line, said)
        assert all(word.startswith(line[-1]) for word in said), (line, said)


def fish(script, *cases):
    if not shutil.which('fish'):
        return
    run('fish', '--no-config', '--no-execute', script)
    for line, wanted in cases:
        said = run('fish', '--no-config', '-c', f'source {script}; complete -C "{" ".join(line)}"').stdout.splitlines()
        assert set(wanted) <= {word.split('\t')[0] for word in said}, (line, said)


def zsh(script, name):
    """Sourced it makes itself known; loaded as a function, as installed, it is there at the first call."""
    if not shutil.which('zsh'):
        return
    run('zsh', '-n', script)
    chooser = '_' + name.replace('-', '_')
    said = run('zsh', '-fc', f'compdef() {{ print known $* }}; source {script}; print $+functions[{chooser}]').stdout
    assert said.split() == ['known', chooser, name, '1'], said
    folder = os.path.dirname(script)
    said = run('zsh', '-fc', f'fpath=({folder}); autoload -U {os.path.basename(script)}; words=({name} -); CURRENT=2;'
               '_arguments() { print options $# }; _describe() { print words $#commands };'
               f'compdef() {{ print late }}; {os.path.basename(script)}').stdout.split()
    assert said[0] in ('options', 'words') and int(said[1]) > 8 and len(said) == 2, said


def program(path, folder, cases):
    name = os.path.basename(path)
    page, pages = os.path.join(folder, name + '.1'), {}
    with open(page, 'w', encoding='utf-8') as file:
        file.write(run(path, '--print-man').stdout)
    man(page)
    for shell, file_name in (('bash', name + '.bash'), ('zsh', '_' + name.replace('-', '_')), ('fish', name + '.fish')):
        pages[shell] = os.path.join(folder, file_name)
        with open(pages[shell], 'w', encoding='utf-8') as file:
            file.write(run(path, '--print-completion', shell).stdout)
    bash(pages['bash'], *cases)
    fish(pages['fish'], *cases)
    zsh(pages['zsh'], name)


def words_of_cli():
    """Every command of --help is in the manual page and completed."""
    commands = [line.split()[0] for line in run(CLI, '--help').stdout.splitlines() if line.startswith('  ')]
    assert 'upscale' in commands and 'status' in commands, commands
    page = run(CLI, '--print-man').stdout
    for command in commands:
        assert '.SS p2c2r ' + command.replace('-', '\\-') + '\n' in page, command
        options = run(CLI, command, '--help').stdout
        for word in options.split():
            if word.startswith('--') and word[2:].replace('-', '').isalpha():
                assert word.replace('-', '\\-') in page, (command, word)
    assert page.count('\\-\\-connect\\-timeout\\fR') == 1, 'shared options are described once'
    return commands


COMMANDS = words_of_cli()
with tempfile.TemporaryDirectory() as scratch:
    program(CLI, scratch, [
        (['p2c2r', ''], COMMANDS),
        (['p2c2r', 'stat'], ['status']),
        (['p2c2r', 'upscale', '--qual'], ['--quality']),
        (['p2c2r', 'upscale', '--quality', 'b'], ['balanced']),
        (['p2c2r', 'can-meet', 'up'], ['upscale']),
        (['p2c2r', 'blob', 'p'], ['put']),
    ])
    for other in OTHERS:
        program(other, scratch, [([os.path.basename(other), '--log-l'], ['--log-level'])])
for wrong in (['--print-completion'], ['--print-completion', 'csh'], ['--print-completion=csh']):
    result = subprocess.run([CLI, *wrong], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2 and 'bash, zsh or fish' in result.stderr, result
