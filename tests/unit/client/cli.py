#!/usr/bin/env python3
"""The command line asked wrongly, and asked where nobody answers: the right exit code and a sentence on stderr.

    cli.py PROGRAM PICTURE
"""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

PROGRAM, PICTURE = sys.argv[1:]
NOBODY = ['--coordinator', 'ws://127.0.0.1:9', '--connect-timeout', '100ms']


def run(*arguments):
    clean = {k: v for k, v in os.environ.items() if not k.startswith('P2C2R_')}
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=False, env=clean)


def expect(code, says, *arguments):
    result = run(*arguments)
    place = f'{arguments}: exit {result.returncode}\n{result.stdout}{result.stderr}'
    assert result.returncode == code, place
    first = result.stderr.splitlines()[0] if result.stderr else result.stdout.splitlines()[0]
    assert says in first, place
    if code == 4:
        assert len(result.stderr.splitlines()) == 1, place
    return result.stdout


def refusals(folder):
    out = os.path.join(folder, 'x.png')
    broken = os.path.join(folder, 'broken.png')
    with open(broken, 'wb') as file:
        file.write(b'\x89PNG\r\n\x1a\nnot really')
    bomb = os.path.join(folder, 'bomb.png')
    with open(PICTURE, 'rb') as file, open(bomb, 'wb') as copy:
        head = bytearray(file.read())
        head[16:24] = b'\x00\x00\xff\xff\x00\x00\xff\xff'
        copy.write(head)
    expect(2, 'Usage')
    expect(2, 'frobnicate', 'frobnicate')
    expect(2, 'missing', 'upscale')
    expect(2, '-o', 'upscale', PICTURE)
    expect(2, 'no such file', 'upscale', os.path.join(folder, 'missing.png'), '-o', out)
    expect(2, 'damaged', 'upscale', broken, '-o', out)
    expect(2, 'not a PNG', 'upscale', __file__, '-o', out)
    expect(2, 'is empty', 'upscale', '/dev/null', '-o', out)
    expect(2, 'this is a folder', 'upscale', folder, '-o', out)
    expect(2, '-o FILE', 'upscale', PICTURE, '-o', '')
    expect(2, 'or in / for a folder', 'upscale', PICTURE, '-o', 'x')
    odd = os.path.join(folder, 'odd')
    with open(odd, 'wb') as file:  # as far as a frame header of four colours
        file.write(b'\xff\xd8\xff\xc0\x00\x14\x08\x00\x08\x00\x08\x04' + bytes(12))
    expect(2, 'CMYK', 'upscale', odd, '-o', out)
    with open(odd, 'wb') as file:
        file.write(b'RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x02' + bytes(9))
    expect(2, 'animated WebP', 'upscale', odd, '-o', out)
    expect(2, 'bomb.png', 'upscale', bomb, '-o', out)
    expect(2, 'scale', 'upscale', PICTURE, '-o', out, '--scale', '9')
    expect(2, 'divine', 'upscale', PICTURE, '-o', out, '--quality', 'divine')
    expect(2, 'WIDTHxHEIGHT', 'upscale', PICTURE, '-o', out, '--size', '12')
    expect(2, 'WIDTHxHEIGHT', 'upscale', PICTURE, '-o', out, '--size', '0x5')
    expect(2, 'give one of them', 'upscale', PICTURE, '-o', out, '--size', '960x540', '--scale', '2')
    expect(2, 'output_res', 'upscale', PICTURE, '-o', out, '--size', '10x10', *NOBODY)
    expect(2, 'sharpness', 'upscale', PICTURE, '-o', out, '--sharpness', 'much', *NOBODY)
    expect(2, 'must end in', 'upscale', PICTURE, '-o', os.path.join(folder, 'x.gif'))
    expect(2, 'would both become', 'upscale', PICTURE, PICTURE, '-o', folder)
    expect(2, 'ws://HOST:PORT', 'upscale', PICTURE, '-o', out, '--coordinator', 'http://x')
    expect(2, '', 'echo', '--count', '0')
    expect(2, '', 'status', 'operand')
    expect(2, 'max', 'tasks', '--max', '65')
    expect(2, 'refresh', 'status', '--watch', '--refresh', '0')
    expect(2, '', 'can-meet', *NOBODY)
    expect(2, 'PARAMETER=VALUE', 'can-meet', 'echo', 'size', *NOBODY)
    expect(2, 'nonsense', 'can-meet', 'nonsense', *NOBODY)
    expect(2, 'output_res', 'can-meet', 'upscale', 'input_res=10x10', *NOBODY)
    expect(2, 'class', 'can-meet', 'echo', '--class', 'first')
    assert not os.path.exists(out)


def outputs(folder):
    """What cannot be written is refused before a coordinator is looked for."""
    plain = os.path.join(folder, 'plain')
    shutil.copyfile(PICTURE, plain)
    expect(2, 'No such file or directory', 'upscale', PICTURE, '-o', os.path.join(folder, 'none', 'x.png'), *NOBODY)
    expect(2, 'Not a directory', 'upscale', PICTURE, '-o', os.path.join(plain, 'x.png'), *NOBODY)
    expect(2, 'cannot be made', 'upscale', PICTURE, '-o', plain + '/', *NOBODY)
    os.mkdir(os.path.join(folder, 'hud_x2.png'))
    expect(2, 'a folder has that name', 'upscale', PICTURE, '-o', folder, *NOBODY)
    os.rmdir(os.path.join(folder, 'hud_x2.png'))
    pipe = os.path.join(folder, 'pipe.png')
    os.mkfifo(pipe)
    expect(2, 'is no file', 'upscale', PICTURE, '-o', pipe, *NOBODY)
    expect(2, 'too long', 'upscale', PICTURE, '-o', os.path.join(folder, 'x' * 252 + '.png'), *NOBODY)
    original = os.path.join(folder, 'original.png')
    shutil.copyfile(PICTURE, original)
    os.symlink(original, os.path.join(folder, 'same.png'))
    expect(2, 'would be overwritten', 'upscale', original, '-o', original, *NOBODY)
    expect(2, 'would be overwritten', 'upscale', original, '-o', os.path.join(folder, 'same.png'), *NOBODY)


def nobody(folder):
    out = os.path.join(folder, 'x.png')
    expect(4, 'no coordinator', 'upscale', PICTURE, '-o', out, *NOBODY)
    expect(4, 'no coordinator', 'upscale', PICTURE, '-o', out, '--repeat', '50', '--json', *NOBODY)
    expect(4, 'no coordinator', 'status', *NOBODY)
    expect(4, 'no coordinator', 'status', '--watch', *NOBODY)
    expect(4, 'no coordinator', 'info', '--features', *NOBODY)
    expect(4, 'no coordinator', 'tasks', *NOBODY)
    expect(4, 'no coordinator', 'can-meet', 'echo', *NOBODY)
    expect(4, 'no coordinator', 'echo', *NOBODY)
    expect(5, 'deadline', 'echo', '--count', '1', '--deadline', '20ms', '--coordinator', 'ws://127.0.0.1:9')
    assert not os.path.exists(out)


def png(rows, width, depth, colour):
    def part(name, data):
        return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))
    return b'\x89PNG\r\n\x1a\n' + part(b'IHDR', struct.pack('>IIBBBBB', width, 1, depth, colour, 0, 0, 0)) + \
        part(b'IDAT', zlib.compress(rows)) + part(b'IEND', b'')


def what_is_lost_is_said(folder):
    names = [os.path.join(folder, name) for name in ('deep.png', 'deeper.png')]
    for name in names:
        with open(name, 'wb') as file:
            file.write(png(b'\0\1\2\3\4', 2, 16, 0))
    for count, says in ((1, 'deep.png: of 16 bits'), (2, 'deep.png and 1 more: of 16 bits')):
        out = os.path.join(folder, 'deep') + '/'
        lines = run('upscale', *names[:count], PICTURE, '-o', out, *NOBODY).stderr.splitlines()
        assert len(lines) == 2 and says in lines[0], lines
        lines = run('upscale', *names[:count], PICTURE, '-o', out, '--json', *NOBODY).stderr.splitlines()
        assert len(lines) == 1, lines
    clear = os.path.join(folder, 'clear.png')
    with open(clear, 'wb') as file:
        file.write(png(b'\0\1\2\3\4', 1, 8, 6))
    for ending, lines in (('png', 1), ('webp', 1), ('jpg', 2), ('ppm', 2)):
        said = run('upscale', clear, '-o', os.path.join(folder, 'c.' + ending), *NOBODY).stderr.splitlines()
        assert len(said) == lines and ('transparency' in said[0]) == (lines == 2), said


def scenes(folder):
    scene, packed = os.path.join(folder, 's.json'), os.path.join(folder, 's.p2rt')
    with open(scene, 'w', encoding='ascii') as file:
        file.write('{"objects": [{"type": "sphere"}]}')
    expect(2, '-o FILE', 'raytrace', scene)
    expect(2, '.png', 'raytrace', scene, '-o', 'a.tiff', *NOBODY)
    expect(2, 'size', 'raytrace', scene, '-o', os.path.join(folder, 'a.png'), '--size', '0x5', *NOBODY)
    expect(2, 'tiles', 'raytrace', scene, '-o', os.path.join(folder, 'a.png'), '--tiles', '0', *NOBODY)
    expect(1, 'none.json', 'raytrace', 'none.json', '-o', os.path.join(folder, 'a.png'), *NOBODY)
    assert run('raytrace', scene, '--pack', packed).returncode == 0
    with open(packed, 'rb') as file:
        assert file.read(4) == b'P2RT'
    expect(4, '127.0.0.1:9', 'raytrace', packed, '-o', os.path.join(folder, 'a.png'), *NOBODY)


def tasks_of_any_type(folder):
    """p2c2r submit and batch, as far as they come without a coordinator."""
    text, out, jobs = (os.path.join(folder, name) for name in ('text', 'out.bin', 'jobs.jsonl'))
    with open(text, 'w', encoding='ascii') as file:
        file.write('hello')
    expect(2, 'missing', 'submit')
    expect(2, 'nonsense', 'submit', 'nonsense', text, *NOBODY)
    expect(2, 'NAME=VALUE', 'submit', 'echo', text, '--param', 'x', *NOBODY)
    expect(2, 'no parameter "x"', 'submit', 'echo', text, '-p', 'x=1', *NOBODY)
    expect(2, 'at most 32', 'submit', 'echo', text, *['-px=1'] * 33, *NOBODY)
    expect(2, 'no such file', 'submit', 'echo', text + '2', *NOBODY)
    expect(2, 'a folder has that name', 'submit', 'echo', text, '-o', folder, *NOBODY)
    expect(2, 'say with -o', 'submit', 'echo', text, '--json', *NOBODY)
    expect(4, '127.0.0.1:9', 'submit', 'echo', text, '-o', out, *NOBODY)
    expect(4, 'no coordinator', 'submit', 'echo', text, '--blob', text, '-o', out, *NOBODY)
    assert not os.path.exists(out)
    expect(2, 'No such file', 'batch', jobs, *NOBODY)
    expect(2, 'this is a folder', 'batch', folder, *NOBODY)
    wrong = {'{"type": "echo"': 'not JSON', '[]': 'not a JSON object', '{}': 'type is missing',
             '{"type": "nonsense"}': 'nonsense', '{"type": "echo", "typ": 1}': 'unknown key "typ"',
             '{"type": "echo", "payload": "a", "file": "b"}': 'both',
             '{"type": "echo", "file": "none"}': 'no such file',
             '{"type": "echo", "out": "none/x"}': 'cannot be written', '{"type": "echo", "deadline": 0}': 'deadline',
             '{"type": "echo", "deadline": "1y"}': 'deadline', '{"type": "echo", "priority": "first"}': 'priority',
             '{"type": "echo", "blobs": ["12"]}': '64 hex digits',
             '{"type": "echo", "params": {"a": [true]}}': 'params',
             '{"type": "upscale", "params": {"input_res": [2, 2]}}': 'output_res', '{"type": 1}': 'type is a text',
             '{"type": "echo", "id": 1.5}': 'id is', '{"type": "echo", "no_cache": 1}': 'no_cache'}
    with open(jobs, 'w', encoding='ascii') as file:
        file.write('\n'.join(wrong) + '\n\n')
    lines = [json.loads(line) for line in run('batch', jobs, *NOBODY).stdout.splitlines()]
    assert len(lines) == len(wrong), lines
    for line in lines:
        assert not line['ok'] and line['outcome'] == 'wrong', line
        assert list(wrong.values())[line['line'] - 1] in line['reason'], line
    assert run('batch', jobs, *NOBODY).returncode == 2
    with open(jobs, 'w', encoding='ascii') as file:
        file.write('{"type": "echo"}\n' * 3)
    expect(2, 'it is something else', 'batch', jobs, '--resume', jobs, *NOBODY)
    result = run('batch', jobs, '--resume', out, '--quiet', *NOBODY)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 4 and [line['code'] for line in lines] == ['Unreachable'] * 3, result
    assert result.stderr.count('\n') == 1 and 'no coordinator' in result.stderr, result.stderr


def answers():
    expect(0, 'Usage', '--help')
    expect(0, 'p2c2r ', '--version')
    for command in ('upscale', 'raytrace', 'submit', 'batch', 'echo', 'status', 'info', 'tasks', 'can-meet', 'types'):
        expect(0, 'Usage', command, '--help')
    expect(0, 'echo', 'types')
    types = {t['name']: t for t in map(json.loads, run('types', '--json').stdout.splitlines())}
    sizes = next(p for p in types['upscale']['params'] if p['name'] == 'output_res')
    assert sizes['required'] and sizes['count'] == 2, sizes


with tempfile.TemporaryDirectory() as scratch:
    refusals(scratch)
    outputs(scratch)
    nobody(scratch)
    what_is_lost_is_said(scratch)
    scenes(scratch)
    tasks_of_any_type(scratch)
    answers()
