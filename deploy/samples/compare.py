#!/usr/bin/env python3
"""Puts the same corner of a picture before and after upscaling side by side, enlarged without smoothing.

    compare.py BEFORE.png AFTER.png OUT.png X Y WIDTH HEIGHT     (the corner, in pixels of BEFORE)

Standard library only; 8-bit RGB PNGs.
"""
import struct
import sys
import zlib

ENLARGE = 4  # screen pixels for one pixel of BEFORE


def read_png(path):
    """(width, height, rows of RGB bytes)"""
    with open(path, 'rb') as file:
        data = file.read()
    at, packed, width, height = 8, b'', 0, 0
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b'IHDR':
            width, height, depth, color, _, _, interlaced = struct.unpack('>IIBBBBB', body)
            if (depth, color, interlaced) != (8, 2, 0):
                sys.exit(f'{path}: not an 8-bit RGB PNG')
        packed += body if kind == b'IDAT' else b''
        at += size + 12
    raw, rows, above = zlib.decompress(packed), [], bytearray(width * 3)
    for y in range(height):
        line = raw[y * (width * 3 + 1):(y + 1) * (width * 3 + 1)]
        above = unfilter(line[0], bytearray(line[1:]), above)
        rows.append(above)
    return width, height, rows


def unfilter(kind, row, above):
    for i in range(len(row)):
        left, up = row[i - 3] if i >= 3 else 0, above[i]
        corner = above[i - 3] if i >= 3 else 0
        if kind == 4:
            near = min((abs(up - corner), 0, left), (abs(left - corner), 1, up),
                       (abs(left + up - 2 * corner), 2, corner))
            row[i] = (row[i] + near[2]) & 255
        else:
            row[i] = (row[i] + (0, left, up, (left + up) // 2)[kind]) & 255
    return row


def corner(picture, x, y, width, height, times):
    """Rows of that rectangle, each pixel `times` wide and high."""
    for row in picture[2][y:y + height]:
        wide = b''.join(bytes(row[(x + i) * 3:(x + i) * 3 + 3]) * times for i in range(width))
        for _ in range(times):
            yield wide


def main():
    before, after = read_png(sys.argv[1]), read_png(sys.argv[2])
    x, y, width, height = map(int, sys.argv[4:])
    scale = after[0] // before[0]
    gap = bytes([255]) * 3 * 8
    rows = [left + gap + right for left, right in
            zip(corner(before, x, y, width, height, ENLARGE),
                corner(after, x * scale, y * scale, width * scale, height * scale, ENLARGE // scale))]

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    with open(sys.argv[3], 'wb') as file:
        file.write(b'\x89PNG\r\n\x1a\n' +
                   chunk(b'IHDR', struct.pack('>IIBBBBB', len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)) +
                   chunk(b'IDAT', zlib.compress(b''.join(b'\0' + row for row in rows), 9)) + chunk(b'IEND', b''))


if __name__ == '__main__':
    main()
