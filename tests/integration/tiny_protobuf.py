"""The little of Protocol Buffers that p2c2r.proto needs, in plain Python, for stranger.py.

The schema is read from the .proto file itself, so that it cannot differ from it; the numbers of record types are in
the comments there ("// Record type 6.").
"""
import collections
import os
import re
import struct

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'proto', 'p2c2r.proto')
FIXED = {'double': (1, '<d'), 'fixed64': (1, '<Q'), 'fixed32': (5, '<I')}

Field = collections.namedtuple('Field', 'number name type repeated oneof')


class ProtocolError(Exception):
    """The other side did what PROTOCOL.md does not allow."""


def read_schema(path=SCHEMA):
    """Messages {name: [Field]}, enums {name: {value name: number}}, record types {TASK_SUBMIT: 6} of a simple file."""
    messages, enums, types = {}, {}, {}
    fields = values = record_type = None
    oneof = False
    with open(path, encoding='utf-8') as file:
        for line in file:
            if found := re.match(r'// Record type (\d+)\.', line):
                record_type = int(found[1])
            line = line.split('//')[0].strip()
            if found := re.match(r'message (\w+) {', line):
                fields, values = messages.setdefault(found[1], []), None
                if record_type is not None:
                    types[re.sub(r'(?<=[a-z])(?=[A-Z])', '_', found[1]).upper()] = record_type
                record_type = None
            elif found := re.match(r'enum (\w+) {', line):
                values, fields = enums.setdefault(found[1], {}), None
            elif line.startswith('oneof'):
                oneof = True
            elif line == '}':
                oneof = False
            elif fields is not None and (found := re.match(r'(repeated )?(\w+) (\w+) = (\d+);', line)):
                fields.append(Field(int(found[4]), found[3], found[2], bool(found[1]), oneof))
            elif values is not None and (found := re.match(r'(\w+) = (\d+);', line)):
                values[found[1]] = int(found[2])
    return messages, enums, types


MESSAGES, ENUMS, TYPES = read_schema()
TYPE_NAMES = {number: name for name, number in TYPES.items()}
ERRORS = ENUMS['ErrorCode']
ERROR_NAMES = {number: name for name, number in ERRORS.items()}


def camel(type_name):
    return type_name.title().replace('_', '')


def put_varint(number):
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def get_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number & 0xffffffffffffffff, at
        if shift > 63:
            raise ProtocolError('a varint of more than 10 bytes')


def put_scalar(kind, value):
    """Wire type and bytes of one value."""
    if kind in FIXED:
        wire, form = FIXED[kind]
        return wire, struct.pack(form, value)
    if kind in MESSAGES:
        value = encode(kind, value)
    if kind == 'string':
        value = value.encode() if isinstance(value, str) else value
    if isinstance(value, (bytes, bytearray)):
        return 2, put_varint(len(value)) + value
    if kind == 'sint64':
        value = value << 1 ^ value >> 63
    return 0, put_varint(int(value))


def encode(message, values):
    """The bytes of a message given as a dict; proto3 leaves out zeroes, except in a oneof, and packs numbers."""
    out = bytearray()
    values = dict(values)
    for field in MESSAGES[message]:
        value = values.pop(field.name, None)
        if value is None or not value and not field.oneof:
            continue
        items = [put_scalar(field.type, item) for item in (value if field.repeated else [value])]
        if field.repeated and items[0][0] != 2:
            packed = b''.join(data for _, data in items)
            items = [(2, put_varint(len(packed)) + packed)]
        for wire, data in items:
            out += put_varint(field.number << 3 | wire) + data
    if values:
        raise KeyError(f'{message} has no {", ".join(values)}')
    return bytes(out)


def get_scalar(kind, wire, data, at):
    """One value of a known field and where the next begins."""
    expected = FIXED[kind][0] if kind in FIXED else 2 if kind in ('string', 'bytes') or kind in MESSAGES else 0
    if wire != expected:
        raise ProtocolError(f'wire type {wire} for a {kind}')
    if kind in FIXED:
        form = struct.Struct(FIXED[kind][1])
        return form.unpack_from(data, at)[0], at + form.size
    number, at = get_varint(data, at)
    if wire == 0:
        if kind == 'sint64':
            number = number >> 1 ^ -(number & 1)
        return bool(number) if kind == 'bool' else number, at
    if at + number > len(data):
        raise ProtocolError('a field is longer than its message')
    value = bytes(data[at:at + number])
    return decode(kind, value) if kind in MESSAGES else value.decode() if kind == 'string' else value, at + number


def decode(message, data):
    """A message as a dict of all its fields; those that were not sent have their defaults, a oneof's are None."""
    known = {field.number: field for field in MESSAGES[message]}
    values = {field.name: [] if field.repeated else None if field.oneof or field.type in MESSAGES else
              {'string': '', 'bytes': b'', 'double': 0.0, 'bool': False}.get(field.type, 0) for field in known.values()}
    at = 0
    try:
        while at < len(data):
            key, at = get_varint(data, at)
            field, wire = known.get(key >> 3), key & 7
            if field is None:
                kind = {0: 'uint64', 1: 'fixed64', 2: 'bytes', 5: 'fixed32'}[wire]
                _, at = get_scalar(kind, wire, data, at)
            elif field.repeated and wire == 2 and field.type not in ('string', 'bytes') and field.type not in MESSAGES:
                packed, at = get_scalar('bytes', wire, data, at)
                inner = 0
                while inner < len(packed):
                    value, inner = get_scalar(field.type, FIXED.get(field.type, (0,))[0], packed, inner)
                    values[field.name].append(value)
            else:
                value, at = get_scalar(field.type, wire, data, at)
                if field.repeated:
                    values[field.name].append(value)
                else:
                    values[field.name] = value
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise ProtocolError(f'{message} does not parse') from error
    return values
