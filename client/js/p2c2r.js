// A client of a P2C2R coordinator for browsers: one ES module, no build step, no dependencies. The same records as
// everywhere (proto/PROTOCOL.md), over the browser's own WebSocket. zstd is not offered: browsers do not have it.
//
//     const client = new Client('ws://127.0.0.1:8765');
//     const result = await client.submit('echo', new TextEncoder().encode('hello'), {deadlineMs: 500});
//
// Two parts: records to bytes and back (pack, unpack), and Client, which owns tasks from submit to their one end.
// @ts-check

// ---- what is said ---------------------------------------------------------------------------------------------------

/**
 * A field: [number, name, kind, 'one' | 'many' | 'oneof'].
 * @typedef {[number, string, string, string]} Field
 * @typedef {{list: Field[], byNumber: Map<number, Field>}} Schema
 * @typedef {{name: string, stream: number, seq: number, flags: number, header: any, payload: Uint8Array}} WireRecord
 * `flags` bit 0: the payload is a zstd frame; it is handed over as it came.
 */

const SCHEMAS = /** @type {Record<string, Schema>} */ ({});

/** @param {string} name @param {string} text "number name kind", comma-separated; kind* repeated, kind? of a oneof */
function schema(name, text) {
    const list = text.split(',').filter(Boolean).map((entry) => {
        const [number, field, kind] = entry.trim().split(' ');
        const mark = kind.at(-1);
        const count = mark === '*' ? 'many' : mark === '?' ? 'oneof' : 'one';
        return /** @type {Field} */ ([Number(number), field, kind.replace(/[*?]$/, ''), count]);
    });
    SCHEMAS[name] = {list, byNumber: new Map(list.map((field) => [field[0], field]))};
}

const TIMES = '5 queue_us u64, 6 latency_us u64, 7 network_latency_us u64, 8 transfer_us u64, 9 peer_queue_us u64, ' +
    '10 processing_us u64, 11 kernel_us u64';
schema('Hello', '1 magic fixed32, 2 version_min u32, 3 version_max u32, 4 features u64, 5 role role, 6 agent text');
schema('Ping', '1 token fixed64');
schema('Pong', '1 token fixed64');
schema('Drain', '1 grace_us u64');
schema('Error', '1 code code, 2 retryable bool, 3 retry_after_us u64, 4 sentence text');
schema('Device', '1 kind device, 2 name text, 3 driver text, 4 memory_bytes u64, 5 buffer_bytes_max u64, ' +
    '6 compute_units u32, 7 slots u32');
schema('Offer', '1 type name, 2 version u32, 3 device u32, 4 units_per_second u64');
schema('PeerRegister', '1 cpu_cores u32, 2 memory_bytes u64, 3 slots u32, 4 queue_depth u32, 5 devices Device*, ' +
    '6 offers Offer*, 7 instance id');
schema('PeerRegistered', '1 peer id, 2 heartbeat_interval_us u64');
schema('GamerRegister', '1 session id');
schema('GamerRegistered', '1 session id, 2 tasks_in_flight_max u32, 3 payload_bytes_max u64, ' +
    '4 bytes_in_flight_max u64, 5 resumed bool, 6 resume_grace_us u64');
schema('Ints', '1 values sint*');
schema('Reals', '1 values double*');
schema('Param', '1 name name, 2 int sint?, 3 real double?, 4 text text?, 5 ints Ints?, 6 reals Reals?');
schema('TaskSubmit', '1 id id, 2 type name, 3 version u32, 4 class class, 5 deadline_us u64, 6 payload_size u64, ' +
    '7 raw_size u32, 8 no_cache bool, 9 params Param*, 10 series u32, 11 refresh bool, 12 private bool, ' +
    '13 blobs digest*, 14 weight_percent u32');
schema('TaskSubmitBatch', '1 tasks TaskSubmit*');
schema('TaskAccepted', '1 id id, 2 queue_position u32, 3 estimate_us u64');
schema('ResultDelivery', `1 id id, 2 attempt u32, 3 peer id, 4 cached bool, ${TIMES}, ` +
    '12 payload_size u64, 13 raw_size u32');
schema('TaskEnded', '1 id id, 2 attempt u32, 3 code code, 4 retryable bool, 5 retry_after_us u64, 6 sentence text');
schema('TaskTimeout', '1 id id, 2 attempt u32, 3 queue_us u64');
schema('TaskCancel', '1 id id, 2 attempt u32');
schema('CanMeet', '1 question u64, 2 type name, 3 version u32, 4 class class, 5 deadline_us u64, 6 payload_size u64, ' +
    '7 params Param*');
schema('CanMeetAnswer', '1 question u64, 2 can bool, 3 code code, 4 p50_us u64, 5 p95_us u64, 6 queue_position u32, ' +
    '7 retryable bool, 8 retry_after_us u64, 9 sentence text');
schema('StatusRequest', '1 tasks_max u32');
schema('UnmetDemand', '1 type name, 2 version u32, 3 missing missing, 4 memory_bytes u64, 5 kinds u32, 6 count u64, ' +
    '7 last_us u64');
schema('OpenTask', '1 id_head u32, 2 type name, 3 class class, 4 state open, 5 age_us u64, 6 left_us u64, ' +
    '7 attempts u32, 8 peer id, 9 yours bool');
schema('Status', '1 peers u32, 2 peers_ready u32, 3 clients u32, 4 slots u32, 5 slots_busy u32, 6 tasks_queued u32, ' +
    '7 tasks_running u32, 8 tasks_accepted u64, 9 tasks_completed u64, 10 tasks_failed u64, 11 tasks_expired u64, ' +
    '12 tasks_cancelled u64, 13 tasks_refused u64, 14 attempts_retried u64, 15 uptime_us u64, 16 version text, ' +
    '17 cache_hits u64, 18 cache_misses u64, 19 unmet UnmetDemand*, 20 attempts_hedged u64, 21 peers_held_back u32, ' +
    '22 tasks OpenTask*');
schema('TaskAssign', '1 id id, 2 attempt u32, 3 type name, 4 version u32, 5 device u32, 6 class class, ' +
    '7 deadline_us u64, 8 payload_size u64, 9 raw_size u32, 10 params Param*, 11 blobs digest*');
schema('TaskResult', '1 id id, 2 attempt u32, 3 success bool, 4 processing_us u64, 5 kernel_us u64, 6 queue_us u64, ' +
    '7 transfer_us u64, 8 payload_size u64, 9 raw_size u32');
schema('TaskFailure', '1 id id, 2 attempt u32, 3 code code, 4 retryable bool, 5 sentence text, 6 processing_us u64, ' +
    '7 kernel_us u64, 8 queue_us u64, 9 transfer_us u64');
schema('TaskRecall', '1 id id, 2 attempt u32');
schema('TaskRecalled', '1 id id, 2 attempt u32, 3 returned bool');
schema('Heartbeat', '1 load double, 2 tasks_completed u64, 3 tasks_failed u64, 4 running u32, 5 waiting u32, ' +
    '6 slot_busy_us u64*');
schema('PeerDisconnect', '1 reason text');
schema('Chunk', '1 offset u64, 2 attempt u32, 3 raw_size u32');
schema('Window', '1 limit u64, 2 attempt u32');
schema('Resend', '1 id id, 2 attempt u32, 3 limit u64, 4 offset u64');
schema('ResultAck', '1 attempt u32');
schema('TaskResume', '1 id id');
schema('BlobHave', '1 digests digest*, 2 gone bool');
schema('BlobWant', '1 digest digest, 2 offset u64, 3 limit u64');
schema('BlobPut', '1 digest digest, 2 payload_size u64, 3 offset u64');

const TYPES = /** @type {Record<string, number>} */ ({
    Hello: 1, PeerRegister: 2, PeerRegistered: 3, GamerRegister: 4, GamerRegistered: 5, TaskSubmit: 6,
    TaskSubmitBatch: 7, TaskAccepted: 8, TaskAssign: 9, TaskResult: 10, TaskFailure: 11, ResultDelivery: 12,
    TaskEnded: 13, TaskTimeout: 14,
    TaskCancel: 15, Chunk: 16, Window: 17, Resend: 18, Heartbeat: 19, Ping: 20, Pong: 21, StatusRequest: 22, Status: 23,
    Drain: 24, Error: 25, BlobHave: 26, BlobWant: 27, BlobPut: 28, PeerDisconnect: 29, CanMeet: 30, CanMeetAnswer: 31,
    TaskRecall: 32, TaskRecalled: 33, ResultAck: 36, TaskResume: 37,
});
const NAMES = new Map(Object.entries(TYPES).map(([name, type]) => [type, name]));
const WITH_PAYLOAD = new Set(['TaskSubmit', 'TaskSubmitBatch', 'TaskAssign', 'TaskResult', 'ResultDelivery', 'Chunk']);

/** Names of the protocol's error codes (PROTOCOL.md, section 8). */
export const ERRORS = /** @type {Record<number, string>} */ (Object.freeze({
    1: 'BadMagic', 2: 'UnsupportedVersion', 3: 'BadRecord', 4: 'TooLarge', 5: 'BadMessage', 6: 'WrongRole',
    7: 'UnexpectedMessage', 8: 'HandshakeTimeout', 9: 'IdleTimeout', 10: 'SlowReader', 11: 'TooManyConnections',
    20: 'BadParameter', 21: 'UnknownType', 22: 'NoCapablePeer', 23: 'Overloaded', 24: 'QuotaExceeded',
    25: 'WouldMissDeadline', 26: 'Draining', 27: 'DuplicateTask', 28: 'UnknownTask', 29: 'Unauthorized',
    30: 'BlobMissing', 40: 'DeadlineExceeded', 41: 'Cancelled', 42: 'AttemptsExhausted', 43: 'PeerLost',
    44: 'ConnectionLost', 60: 'BadPayload', 61: 'ExecutionFailed', 62: 'DeviceMemory', 63: 'ResultTooLarge',
    64: 'WatchdogKilled', 65: 'Internal', 66: 'StateMissing',
}));
const NUMBERS = new Map(Object.entries(ERRORS).map(([number, name]) => [name, Number(number)]));

const MAGIC = 0x52324332;
const PREFIX_BYTES = 16;
const RECORD_PAYLOAD_MAX = 65536;
const PAYLOAD_MAX = 67108864;
const TEXT_MAX = 256;
const NAME_MAX = 32;
const ELEMENTS_MAX = 4096;
const UNKNOWN_MAX = 64;
const HIGHEST = /** @type {Record<string, number>} */ ({
    role: 3, class: 3, device: 4, missing: 3, open: 4, u32: 0xffffffff,
});
const VARINTS = new Set(['u32', 'u64', 'sint', 'bool', 'role', 'class', 'device', 'missing', 'open', 'code']);
const WIRE_TYPES = /** @type {Record<string, number>} */ ({fixed32: 5, fixed64: 1, double: 1});
const BYTES = /** @type {Record<string, number>} */ ({id: 16, digest: 32});
const NOTHING = new Uint8Array(0);
const utf8 = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
const toUtf8 = new TextEncoder();

/** What came breaks the protocol: `code` is a name of ERRORS. */
export class Broken extends Error {
    /** @param {string} code @param {string} [message] */
    constructor(code, message = code) {
        super(message);
        this.name = 'Broken';
        this.code = code;
    }
}

/** @param {string} kind */
const wireType = (kind) => (VARINTS.has(kind) ? 0 : WIRE_TYPES[kind] ?? 2);
/** @param {bigint} value @returns {number | bigint} a number where that is exact */
const plain = (value) => (value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value);

// ---- bytes in -------------------------------------------------------------------------------------------------------

class Reader {
    /** @param {Uint8Array} bytes @param {{elements: number, unknown: number}} budget shared by one record's messages */
    constructor(bytes, budget) {
        this.bytes = bytes;
        this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        this.budget = budget;
        this.at = 0;
    }

    /** @param {number} size @returns {number} where these bytes begin */
    skip(size) {
        const start = this.at;
        if (size > this.bytes.length - start) throw new Broken('BadRecord', 'a header ends in the middle of a field');
        this.at += size;
        return start;
    }

    /** @returns {number | bigint} */
    varint() {
        let value = 0;
        for (let scale = 1; scale < 2 ** 49; scale *= 128) { // seven bytes fit a number exactly
            const byte = this.bytes[this.skip(1)];
            value += (byte & 127) * scale;
            if (byte < 128) return value;
        }
        let big = BigInt(value);
        for (let shift = 49n; shift < 70n; shift += 7n) {
            const byte = this.bytes[this.skip(1)];
            big |= BigInt(byte & 127) << shift;
            if (byte < 128) return plain(BigInt.asUintN(64, big));
        }
        throw new Broken('BadRecord', 'a varint of more than ten bytes');
    }

    size() {
        const size = this.varint();
        if (typeof size !== 'number') throw new Broken('BadRecord', 'a field longer than its header');
        return this.bytes.subarray(this.skip(size), this.at);
    }

    /** @param {string} kind */
    varintOf(kind) {
        const value = this.varint();
        if (kind === 'u64') return value;
        if (kind === 'sint') {
            if (typeof value === 'number') return value % 2 ? -(value + 1) / 2 : value / 2;
            return plain((value >> 1n) ^ -(value & 1n));
        }
        if (kind === 'code') return value === 0 || (typeof value === 'number' && value in ERRORS) ? value : 65;
        if (kind === 'bool') return value !== 0;
        if (value > HIGHEST[kind]) throw new Broken('BadMessage', `${value} is no ${kind}`);
        return value;
    }

    /** @param {string} kind @param {number} wire @returns {any} */
    value(kind, wire) {
        if (wire !== wireType(kind)) throw new Broken('BadRecord', 'a field of another wire type');
        if (wire === 0) return this.varintOf(kind);
        if (kind === 'fixed32') return this.view.getUint32(this.skip(4), true);
        if (kind === 'fixed64') return plain(this.view.getBigUint64(this.skip(8), true));
        if (kind === 'double') return this.real();
        const bytes = this.size();
        if (kind === 'text' || kind === 'name') return text(bytes, kind);
        if (!(kind in BYTES)) return new Reader(bytes, this.budget).message(kind);
        if (bytes.length !== BYTES[kind] && !(kind === 'id' && bytes.length === 0)) {
            throw new Broken('BadMessage', `${bytes.length} bytes are no ${kind}`);
        }
        return bytes.slice();
    }

    real() {
        const value = this.view.getFloat64(this.skip(8), true);
        if (!Number.isFinite(value)) throw new Broken('BadMessage', 'a number that is not finite');
        return value;
    }

    /** @param {any} message @param {Field} field @param {number} wire */
    repeated(message, [, name, kind], wire) {
        const count = () => {
            if (++this.budget.elements > ELEMENTS_MAX) throw new Broken('BadMessage', 'too many elements');
        };
        if (wire !== 2 || wireType(kind) === 2) {
            count();
            message[name].push(this.value(kind, wire));
            return;
        }
        const packed = new Reader(this.size(), this.budget);
        while (packed.at < packed.bytes.length) {
            count();
            message[name].push(packed.value(kind, wireType(kind)));
        }
    }

    /** @param {number} wire */
    unknown(wire) {
        if (++this.budget.unknown > UNKNOWN_MAX) throw new Broken('BadMessage', 'too many unknown fields');
        if (wire === 0) this.varint();
        else if (wire === 1) this.skip(8);
        else if (wire === 2) this.size();
        else if (wire === 5) this.skip(4);
        else throw new Broken('BadRecord', `wire type ${wire}`);
    }

    /** @param {string} name */
    message(name) {
        const message = /** @type {any} */ (empty(name));
        const seen = new Set();
        while (this.at < this.bytes.length) {
            const tag = Number(this.varint());
            const number = Math.floor(tag / 8);
            const field = SCHEMAS[name].byNumber.get(number);
            if (number === 0) throw new Broken('BadRecord', 'field 0');
            if (!field) this.unknown(tag % 8);
            else if (field[3] === 'many') this.repeated(message, field, tag % 8);
            else {
                const once = field[3] === 'oneof' ? 'oneof' : number;
                if (seen.has(once)) throw new Broken('BadMessage', `${name}.${field[1]} stands twice`);
                seen.add(once);
                message[field[1]] = this.value(field[2], tag % 8);
            }
        }
        return message;
    }
}

/** @param {string} name @returns {object} the message with nothing said in it */
function empty(name) {
    const message = /** @type {any} */ ({});
    for (const [, field, kind, count] of SCHEMAS[name].list) {
        if (count === 'oneof') continue;
        if (count === 'many') message[field] = [];
        else if (kind === 'text' || kind === 'name') message[field] = '';
        else if (kind in BYTES) message[field] = NOTHING;
        else message[field] = kind === 'bool' ? false : 0;
    }
    return message;
}

/** @param {Uint8Array} bytes @param {string} kind */
function text(bytes, kind) {
    if (bytes.length > (kind === 'name' ? NAME_MAX : TEXT_MAX)) throw new Broken('BadMessage', 'a text is too long');
    try {
        const value = utf8.decode(bytes);
        if (!value.includes('\0')) return value;
    } catch {
        // told below
    }
    throw new Broken('BadMessage', 'a text is not UTF-8, or has U+0000 in it');
}

/**
 * Reads the records of one WebSocket message. Payloads are views of it, not copies.
 * @param {ArrayBuffer} message @returns {Generator<WireRecord>} throws Broken
 */
export function* unpack(message) {
    for (let at = 0; at < message.byteLength;) {
        const left = message.byteLength - at;
        if (left < PREFIX_BYTES) throw new Broken('BadRecord', 'a prefix is not whole');
        const view = new DataView(message, at, PREFIX_BYTES);
        const headerSize = view.getUint16(2, true), payloadSize = view.getUint32(8, true);
        const name = NAMES.get(view.getUint8(0)), flags = view.getUint8(1);
        if (!name) throw new Broken('BadRecord', `there is no record of type ${view.getUint8(0)}`);
        if (payloadSize > RECORD_PAYLOAD_MAX) throw new Broken('TooLarge', 'a payload is too long for one record');
        if (flags > 1 || (payloadSize > 0 && !WITH_PAYLOAD.has(name))) throw new Broken('BadRecord', `a bad ${name}`);
        const end = PREFIX_BYTES + headerSize + payloadSize;
        if (end > left) throw new Broken('BadRecord', 'a record spans two messages');
        const header = new Uint8Array(message, at + PREFIX_BYTES, headerSize);
        yield {
            name, flags, stream: view.getUint32(4, true), seq: view.getUint32(12, true),
            header: new Reader(header, {elements: 0, unknown: 0}).message(name),
            payload: new Uint8Array(message, at + PREFIX_BYTES + headerSize, payloadSize),
        };
        at += end;
    }
}

// ---- bytes out ------------------------------------------------------------------------------------------------------

/** @param {number[]} out @param {number | bigint} value */
function putVarint(out, value) {
    let rest = value;
    const exact = typeof rest === 'bigint' || Number.isSafeInteger(rest);
    if (!exact || rest < 0 || rest > 0xffffffffffffffffn) throw new RangeError(`${rest} does not fit its field`);
    for (; typeof rest === 'bigint' && rest > 0xffffffffn; rest >>= 7n) out.push(Number(rest & 127n) | 128);
    let small = Number(rest);
    for (; small > 127; small = Math.floor(small / 128)) out.push(small % 128 | 128);
    out.push(small);
}

/** @param {number[]} out @param {ArrayLike<number>} bytes */
function putBytes(out, bytes) {
    putVarint(out, bytes.length);
    for (let i = 0; i < bytes.length; i++) out.push(bytes[i]);
}

/** @param {number[]} out @param {string} kind @param {any} value */
function putValue(out, kind, value) {
    if (kind === 'sint') {
        const big = BigInt(value);
        putVarint(out, plain(big < 0n ? -2n * big - 1n : 2n * big));
    } else if (VARINTS.has(kind)) {
        if (value > HIGHEST[kind]) throw new RangeError(`${value} does not fit its field`);
        putVarint(out, typeof value === 'boolean' ? Number(value) : value);
    } else if (kind in WIRE_TYPES) {
        const view = new DataView(new ArrayBuffer(kind === 'fixed32' ? 4 : 8));
        if (kind === 'fixed32') view.setUint32(0, value, true);
        else if (kind === 'fixed64') view.setBigUint64(0, BigInt(value), true);
        else view.setFloat64(0, value, true);
        out.push(...new Uint8Array(view.buffer));
    } else if (kind === 'text' || kind === 'name') putBytes(out, toUtf8.encode(value));
    else putBytes(out, kind in BYTES ? value : putMessage(kind, value));
}

/** @param {string} name @param {any} message @returns {number[]} */
function putMessage(name, message) {
    const out = /** @type {number[]} */ ([]);
    for (const [number, field, kind, count] of SCHEMAS[name].list) {
        const value = message[field];
        const wire = wireType(kind);
        if (value === undefined) continue;
        if (count === 'many' && wire !== 2) {
            if (value.length === 0) continue;
            const packed = /** @type {number[]} */ ([]);
            for (const item of value) putValue(packed, kind, item);
            putVarint(out, number * 8 + 2);
            putBytes(out, packed);
        } else {
            const said = count === 'one' ? value !== 0 && value !== '' && value !== false && value.length !== 0 : true;
            for (const item of count === 'many' ? value : said ? [value] : []) {
                putVarint(out, number * 8 + wire);
                putValue(out, kind, item);
            }
        }
    }
    return out;
}

/**
 * Bytes of one record, zeroes left out, fields in the order of their numbers.
 * @param {{name: string, stream?: number, seq: number, flags?: number, header?: object, payload?: Uint8Array}} record
 * @returns {Uint8Array}
 */
export function pack({name, stream = 0, seq, flags = 0, header = {}, payload = NOTHING}) {
    const head = putMessage(name, header);
    if (head.length > 0xffff || payload.length > RECORD_PAYLOAD_MAX) throw new RangeError('too long for one record');
    const bytes = new Uint8Array(PREFIX_BYTES + head.length + payload.length);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, TYPES[name]);
    view.setUint8(1, flags);
    view.setUint16(2, head.length, true);
    view.setUint32(4, stream, true);
    view.setUint32(8, payload.length, true);
    view.setUint32(12, seq, true);
    bytes.set(head, PREFIX_BYTES);
    bytes.set(payload, PREFIX_BYTES + head.length);
    return bytes;
}

// ---- the client's words ---------------------------------------------------------------------------------------------

/**
 * @typedef {'realtime' | 'interactive' | 'batch' | 'background'} TaskClass
 * @typedef {number | bigint | string | number[] | {real: number} | {reals: number[]}} ParamValue
 *   A whole number is an int, another number a real: a real that may be whole needs real(x) or reals([...]).
 * @typedef {object} TaskOptions
 * @property {Record<string, ParamValue>} [params] kernels/README.md says which a type takes
 * @property {number} [version] of the type; 0: any
 * @property {TaskClass} [class] 'realtime' unless told otherwise
 * @property {number} [deadlineMs] from now; 10 s unless told otherwise, at most an hour
 * @property {AbortSignal} [signal] cancels the task
 * @property {number} [series] not 0: a newer frame of a series may take the place of an older one that waits
 * @property {'no' | 'refresh' | 'private'} [cache] about results that are known already: PROTOCOL.md, section 5
 * @property {Uint8Array[]} [blobs] SHA-256 of blobs it refers to
 * @property {number} [resultBytesMax] a longer result is not taken; 64 MiB unless told otherwise
 * @property {(accepted: {queuePosition: number, estimateMs: number}) => void} [onAccepted]
 *
 * @typedef {object} Result
 * @property {ArrayBuffer} payload
 * @property {string} peer pseudonym of who computed it, in hex; empty when nobody did
 * @property {boolean} cached
 * @property {number} attempts
 * @property {Times} times where the time went
 * @typedef {object} Times all in milliseconds
 * @property {number} totalMs submit to end, as seen here
 * @property {number} queueMs at the coordinator and at the peer
 * @property {number} transferMs what is left of the whole: on the way, all parts of it
 * @property {number} processingMs on the peer, and of that
 * @property {number} kernelMs
 *
 * @typedef {{can: boolean, code: string | null, p50Ms: number, p95Ms: number, queuePosition: number,
 *            retryable: boolean, retryAfterMs: number, sentence: string}} CanMeet
 * @typedef {'refused' | 'failed' | 'expired' | 'cancelled' | 'lost'} Outcome
 * @typedef {'idle' | 'dialing' | 'greeting' | 'up' | 'down' | 'closed'} LinkState
 *
 * @typedef {object} World what the client needs of its surroundings; tests bring their own
 * @property {new (url: string, protocol: string) => WebSocket} WebSocket
 * @property {() => number} now milliseconds that never go back
 * @property {(call: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} random from 0 to below 1, for the jitter
 * @property {(bytes: Uint8Array) => void} fill with what nobody can guess, for ids
 *
 * @typedef {object} ClientOptions
 * @property {string} [agent] name and version of the program
 * @property {number} [connectTimeoutMs] a task not sent is lost after so long without a coordinator; 10 s
 * @property {number} [lostTimeoutMs] one that was sent likewise, unless the coordinator forgets it sooner; 30 s
 * @property {number} [tasksMax] open here at once, 4096: further ones are refused
 * @property {World} [world]
 *
 * @typedef {{attempt: number, sent: number, limit: number}} Outflow
 * @typedef {{attempt: number, have: number, limit: number, size: number, bytes: Uint8Array, delivery: any}} Inflow
 * @typedef {{resolve: (a?: any) => void, reject: (e: any) => void, timer: any}} Waiter
 * @typedef {'queued' | 'sent' | 'accepted' | 'arriving' | 'away' | 'ended'} TaskState
 * @typedef {object} Task
 * @property {TaskState} state @property {any} header @property {Uint8Array} payload @property {TaskOptions} options
 * @property {number} class @property {number} stream @property {number} submittedAt @property {number} deadlineAt
 * @property {number} attempts @property {boolean} again resumed rather than submitted on this connection
 * @property {boolean} accepted the coordinator has said so on this stream
 * @property {boolean} settled its caller has been told @property {any} timer @property {Outflow} out
 * @property {Inflow | null} in @property {(r: Result) => void} resolve @property {(e: any) => void} reject
 * @property {() => void} stopListening to its AbortSignal
 */

/** Why a task ended without a result, or a question without an answer. */
export class P2C2RError extends Error {
    /** @param {Outcome} outcome @param {string} code @param {string} [sentence] @param {any} [more] */
    constructor(outcome, code, sentence, more = {}) {
        super(sentence || code);
        this.name = 'P2C2RError';
        /** @type {Outcome} */
        this.outcome = outcome;
        /** A name of ERRORS, or Unreachable, QueueFull, NoMemory of this side. */
        this.code = code;
        /** May the same succeed later, unchanged? */
        this.retryable = Boolean(more.retryable);
        /** Not before that; 0: no advice. */
        this.retryAfterMs = Number(more.retry_after_us ?? 0) / 1000;
        this.attempts = Number(more.attempt ?? 0);
    }
}

/** @param {number} value a real parameter, whole or not @returns {{real: number}} */
export const real = (value) => ({real: value});
/** @param {number[]} values @returns {{reals: number[]}} */
export const reals = (values) => ({reals: values});

const SUBPROTOCOL = 'p2c2r.v1';
const SESSIONS = 4; // feature bit 2; zstd is bit 0
const CLASSES = ['realtime', 'interactive', 'batch', 'background'];
const OPEN_STATES = ['queued', 'running', 'returning', 'joined', 'kept'];
const OPEN_TASKS_MAX = 64;
const WINDOW_FIRST = 262144;
const WINDOW_AHEAD = 1048576; // bytes of a result granted ahead of what has arrived
const ROOM_BYTES = 1048576; // queued in the browser's socket; beyond that, sending waits
const ROOM_POLL_MS = 4; // there is no event that tells when they have left
const PING_MS = 5000;
const GREETING_MS = 5000;
const ANSWER_MS = 5000;
const GRACE_MS = 250; // what bad news may be late, beside two round trips
const BACKOFF_MIN_MS = 50, BACKOFF_MAX_MS = 10000;
const QUESTIONS_MAX = 256;
const DEADLINE_MS_MAX = 3600000;
const TIMER_MS_MAX = 2147483647; // a longer one of a browser ends at once
const MOVES = /** @type {Record<TaskState, TaskState[]>} */ ({
    queued: ['sent', 'ended'], sent: ['accepted', 'arriving', 'away', 'ended'], accepted: ['arriving', 'away', 'ended'],
    arriving: ['away', 'ended'], away: ['queued', 'sent', 'ended'], ended: [],
});

/** @param {Uint8Array} bytes */
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
/** @param {Uint8Array} a @param {Uint8Array} b */
const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** @param {any} header @returns {any} in camelCase; microseconds become milliseconds, codes names, ids hex */
function friendly(header) {
    if (Array.isArray(header)) return header.map(friendly);
    if (header instanceof Uint8Array) return hex(header);
    if (typeof header !== 'object') return header;
    return Object.fromEntries(Object.entries(header).map(([key, value]) => {
        const name = key.replace(/_us$/, '_ms').replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
        if (key === 'code') return [name, value ? ERRORS[value] : null];
        return [name, key.endsWith('_us') ? Number(value) / 1000 : friendly(value)];
    }));
}

/** @param {string} value @param {number} max */
function checkText(value, max) {
    const size = toUtf8.encode(value).length;
    if (size > max || value.includes('\0')) {
        throw new RangeError(`"${value}" is longer than ${max} bytes, or has U+0000`);
    }
    return value;
}

/** @param {string} value a task type's or parameter's */
function checkName(value) {
    if (typeof value !== 'string' || !value) throw new RangeError('a name is missing');
    return checkText(value, NAME_MAX);
}

/** @param {ParamValue} value */
function paramValue(value) {
    if (typeof value === 'string') return {text: checkText(value, TEXT_MAX)};
    if (typeof value === 'bigint') return {int: value};
    if (typeof value === 'number') return Number.isInteger(value) ? {int: value} : {real: value};
    if (Array.isArray(value)) return {[value.every(Number.isInteger) ? 'ints' : 'reals']: {values: value}};
    return 'reals' in value ? {reals: {values: value.reals}} : {real: value.real};
}

/** @param {Record<string, ParamValue>} [params] */
function paramList(params = {}) {
    const list = Object.entries(params).map(([name, value]) => ({name: checkName(name), ...paramValue(value)}));
    if (list.length > 32) throw new RangeError('more than 32 parameters');
    for (const one of /** @type {any[]} */ (list)) {
        const many = one.ints?.values ?? one.reals?.values ?? [one.real ?? 0];
        if (many.length < 1 || many.length > 16 || !many.every(Number.isFinite)) {
            throw new RangeError(`${one.name} takes 1 to 16 finite numbers`);
        }
    }
    return list;
}

/** @param {string} type @param {number} size of the payload @param {TaskOptions} options */
function describe(type, size, options) {
    const {deadlineMs = 10000, class: urgency = 'realtime', version = 0} = options;
    if (!(deadlineMs > 0 && deadlineMs <= DEADLINE_MS_MAX)) throw new RangeError('deadlineMs: above 0, up to an hour');
    if (!CLASSES.includes(urgency)) throw new RangeError(`there is no class ${urgency}`);
    const header = {
        type: checkName(type), version, class: CLASSES.indexOf(urgency), deadline_us: Math.ceil(deadlineMs * 1000),
        payload_size: size, params: paramList(options.params),
    };
    putMessage('CanMeet', header); // what cannot be said is refused here
    return header;
}

/** @param {ArrayBuffer | ArrayBufferView} payload */
function view(payload) {
    if (ArrayBuffer.isView(payload)) return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
    if (payload instanceof ArrayBuffer) return new Uint8Array(payload);
    throw new TypeError('a payload is an ArrayBuffer or a view of one');
}

/** @returns {World} */
const browser = () => ({
    WebSocket: globalThis.WebSocket, now: () => performance.now(), random: Math.random,
    setTimeout: (call, ms) => setTimeout(call, ms), clearTimeout: (timer) => clearTimeout(timer),
    fill: (bytes) => { crypto.getRandomValues(bytes); },
});

// ---- the client -----------------------------------------------------------------------------------------------------

/**
 * A connection to a coordinator that is kept up, and the tasks on it. Every task ends exactly once: with its result, or
 * with a P2C2RError (an abort of its signal: with the signal's reason), also when the connection dies. A lost
 * connection is dialled again after 50 ms to 10 s; tasks go on under the session's token, or are submitted again when
 * the coordinator has forgotten them. Dispatches 'state' events; `state` says which. Nothing is dialled before it is
 * needed.
 *
 *     idle --> dialing --> greeting --> up        closed: from any, by close()
 *                ^ |          |         |
 *                | +----------+---------+--> down
 *                +---- back-off over ----------+
 */
export class Client extends EventTarget {
    /** @type {LinkState} */ #state = 'idle';
    #url; #agent; #world; #connectMs; #lostMs; #tasksMax;
    /** @type {WebSocket | null} */ #socket = null;
    /** @type {any} */ #linkTimer = null;
    /** @type {any} */ #roomTimer = null;
    /** @type {Set<Task>} all that wait to be sent or may still hear from the coordinator */ #tasks = new Set();
    /** @type {Set<Task>[]} by class */ #queued = CLASSES.map(() => new Set());
    /** @type {Set<Task>[]} by class: payload is left to send */ #sending = CLASSES.map(() => new Set());
    /** @type {Map<number, Task>} */ #streams = new Map();
    /** @type {Map<number, Waiter>} */ #questions = new Map();
    /** @type {Waiter[]} */ #waiting = [];
    /** @type {Uint8Array[]} */ #outbox = [];
    #outboxBytes = 0; #bytesInFlight = 0; #woken = false;
    #seqIn = 0; #seqOut = 0; #lastStream = 0; #lastQuestion = 0; #failures = 0; #downSince = 0;
    #features = 0; #session = NOTHING; #graceMs = 0; #helloSeen = false; #open = 0;
    #heardAt = 0; #pingAt = 0; #pingToken = 0; #rttMs = 0;
    /** @type {any} the coordinator's ERROR about the connection */ #turnedAway = null;
    #limits = {tasksInFlightMax: 0, payloadBytesMax: PAYLOAD_MAX, bytesInFlightMax: 0};

    /** @param {string} url ws://HOST:PORT/ or wss:// @param {ClientOptions} [options] */
    constructor(url, options = {}) {
        super();
        if (!/^wss?:$/.test(new URL(url).protocol)) throw new TypeError(`${url} is not ws:// or wss://`);
        this.#url = url;
        this.#agent = checkText(options.agent ?? 'p2c2r.js 0.1.0', TEXT_MAX);
        this.#connectMs = Math.min(options.connectTimeoutMs ?? 10000, TIMER_MS_MAX);
        this.#lostMs = Math.min(options.lostTimeoutMs ?? 30000, TIMER_MS_MAX);
        this.#tasksMax = options.tasksMax ?? 4096;
        this.#world = options.world ?? browser();
    }

    get url() { return this.#url; }
    get state() { return this.#state; }
    /** Tasks whose end is still to come. */
    get open() { return this.#open; }
    /** Smoothed round trip to the coordinator; 0 before it is known. */
    get rttMs() { return this.#rttMs; }
    get limits() { return {...this.#limits}; }

    // ---- what callers ask -------------------------------------------------------------------------------------------

    /** Resolves when the coordinator has answered; rejects when it does not in time, or will not have us. */
    async connect() {
        if (this.#state === 'closed') throw closed();
        this.#start();
        if (this.#state === 'up') return;
        await new Promise((resolve, reject) => {
            const waiter = {resolve, reject, timer: this.#world.setTimeout(() => {
                this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
                reject(this.#unreachable());
            }, this.#connectMs)};
            this.#waiting.push(waiter);
        });
    }

    /**
     * Hands in a task; never waits for the network. The payload is not copied: leave it as it is until
     * the task has ended.
     * @param {string} type @param {ArrayBuffer | ArrayBufferView} [payload] @param {TaskOptions} [options]
     * @returns {Promise<Result>}
     */
    submit(type, payload = NOTHING, options = {}) {
        return new Promise((resolve, reject) => {
            const bytes = view(payload), now = this.#world.now();
            const header = {
                ...describe(type, bytes.length, options), id: newId(this.#world), series: options.series ?? 0,
                no_cache: options.cache === 'no', refresh: options.cache === 'refresh',
                private: options.cache === 'private', blobs: options.blobs ?? [],
            };
            if (putMessage('TaskSubmit', header).length > 0xffff) throw new RangeError('too many parameters');
            options.signal?.throwIfAborted();
            if (this.#state === 'closed') throw closed();
            if (bytes.length > this.#limits.payloadBytesMax) throw new P2C2RError('refused', 'TooLarge');
            if (this.#tasks.size >= this.#tasksMax) throw new P2C2RError('refused', 'QueueFull', '', {retryable: true});
            const onAbort = () => this.#abort(task);
            /** @type {Task} */
            const task = {state: 'queued', header, payload: bytes, options, class: header.class, stream: 0, attempts: 0,
                submittedAt: now, deadlineAt: now + header.deadline_us / 1000, again: false, settled: false,
                accepted: false, timer: null, out: {attempt: 1, sent: 0, limit: WINDOW_FIRST}, in: null,
                resolve, reject, stopListening: () => options.signal?.removeEventListener('abort', onAbort)};
            options.signal?.addEventListener('abort', onAbort, {once: true});
            this.#open++;
            this.#tasks.add(task);
            this.#queued[task.class].add(task);
            this.#start();
            this.#rearm(task);
            this.#wake();
        });
    }

    /**
     * Results as they come, of any number of tasks with at most `inFlight` of them under way; what ended without
     * one has an `error` instead. Leaving the loop cancels the rest.
     * @param {Iterable<Entry> | AsyncIterable<Entry>} tasks @param {{inFlight?: number}} [options]
     * @returns {AsyncGenerator<{index: number, result?: Result, error?: any}>}
     * @typedef {{type: string, payload?: ArrayBuffer | ArrayBufferView} & TaskOptions} Entry
     */
    async *results(tasks, options = {}) {
        const {inFlight = 16} = options;
        const running = /** @type {Map<number, {ended: Promise<any>, cancel: AbortController}>} */ (new Map());
        const first = async () => {
            const one = await Promise.race([...running.values()].map(({ended}) => ended));
            running.delete(one.index);
            return one;
        };
        let next = 0;
        try {
            for await (const {type, payload, ...rest} of tasks) {
                const index = next++, cancel = new AbortController(), relay = () => cancel.abort(rest.signal?.reason);
                if (rest.signal?.aborted) relay();
                rest.signal?.addEventListener('abort', relay, {once: true});
                const ended = this.submit(type, payload, {...rest, signal: cancel.signal})
                    .then((result) => ({index, result}), (error) => ({index, error}))
                    .finally(() => rest.signal?.removeEventListener('abort', relay));
                running.set(index, {ended, cancel});
                if (running.size >= inFlight) yield await first();
            }
            while (running.size) yield await first();
        } finally {
            for (const {cancel} of running.values()) cancel.abort();
        }
    }

    /**
     * Would such a task be done by its deadline? As things stand; nothing is reserved.
     * @param {string} type @param {TaskOptions & {payloadSize?: number}} [options] @returns {Promise<CanMeet>}
     */
    async canMeet(type, options = {}) {
        const question = ++this.#lastQuestion;
        const header = {...describe(type, options.payloadSize ?? 0, options), question};
        const {question: _, ...answer} = await this.#ask(question, 'CanMeet', header);
        return answer;
    }

    /**
     * The cluster's numbers, and as many open tasks as wanted, at most 64: PROTOCOL.md's STATUS in camelCase, times in
     * milliseconds, `class` and `state` of a task by name.
     * @param {{tasksMax?: number}} [options] @returns {Promise<any>}
     */
    async status(options = {}) {
        const wanted = Math.min(Math.max(0, Math.trunc(options.tasksMax ?? 0)), OPEN_TASKS_MAX);
        const status = await this.#ask(-1 - this.#lastQuestion++, 'StatusRequest', {tasks_max: wanted});
        for (const task of status.tasks) {
            task.class = CLASSES[task.class];
            task.state = OPEN_STATES[task.state];
        }
        return status;
    }

    /** Leaves: open tasks end as cancelled, here and at the coordinator. */
    close() {
        if (this.#state === 'closed') return;
        const socket = this.#socket;
        this.#forget();
        this.#move('closed');
        socket?.close(1000);
        for (const task of this.#tasks) this.#fail(task, closed());
        this.#tell(closed());
    }

    /** @param {number} key @param {string} name @param {object} header @returns {Promise<any>} */
    async #ask(key, name, header) {
        await this.connect();
        if (this.#state !== 'up') throw connectionLost('the connection broke before the question'); // since then
        if (this.#questions.size >= QUESTIONS_MAX) throw new P2C2RError('refused', 'QueueFull', '', {retryable: true});
        return new Promise((resolve, reject) => {
            const timer = this.#world.setTimeout(() => {
                this.#questions.delete(key);
                reject(new P2C2RError('lost', 'IdleTimeout', 'no answer came', {retryable: true}));
            }, ANSWER_MS);
            this.#questions.set(key, {resolve, reject, timer});
            this.#send(name, 0, header);
        });
    }

    /** @param {number | undefined} key @param {any} header */
    #answer(key, header) {
        const asked = key === undefined ? undefined : this.#questions.get(key);
        if (!asked || key === undefined) return;
        this.#questions.delete(key);
        this.#world.clearTimeout(asked.timer);
        asked.resolve(friendly(header));
    }

    // ---- the link ---------------------------------------------------------------------------------------------------

    /**
     * Who listens is told when we are done: it may close the client, and we would go on with one that is closed.
     * @param {LinkState} to
     */
    #move(to) {
        this.#state = to;
        queueMicrotask(() => this.dispatchEvent(new Event('state')));
    }

    #unreachable() {
        const why = this.#turnedAway;
        if (why) return new P2C2RError('lost', ERRORS[why.code] ?? 'Internal', why.sentence, why);
        return new P2C2RError('lost', 'Unreachable', `no coordinator answers at ${this.#url}`, {retryable: true});
    }

    /** @param {any} [error] why not; nothing: the link is up */
    #tell(error) {
        for (const waiter of this.#waiting.splice(0)) {
            this.#world.clearTimeout(waiter.timer);
            if (error) waiter.reject(error);
            else waiter.resolve();
        }
    }

    #start() {
        if (this.#state !== 'idle') return;
        this.#downSince = this.#world.now();
        this.#dial();
    }

    #dial() {
        this.#seqIn = this.#seqOut = this.#lastStream = this.#features = this.#pingAt = 0;
        this.#helloSeen = false;
        this.#move('dialing');
        let socket = /** @type {WebSocket} */ (/** @type {unknown} */ (null));
        try {
            socket = new this.#world.WebSocket(this.#url, SUBPROTOCOL);
        } catch (error) { // a page from https may not use ws://
            this.#turnedAway = {code: 29, retryable: false, sentence: String(error)};
            return this.#lost(0);
        }
        this.#socket = socket;
        socket.binaryType = 'arraybuffer';
        this.#linkTimer = this.#world.setTimeout(() => this.#fault('HandshakeTimeout'), GREETING_MS);
        socket.onopen = () => this.#opened(socket);
        socket.onmessage = (event) => this.#received(socket, event.data);
        socket.onclose = (event) => {
            if (socket === this.#socket) this.#lost(event.code > 4000 ? event.code - 4000 : 0);
        };
    }

    /** @param {WebSocket} socket */
    #opened(socket) {
        if (socket !== this.#socket) return;
        this.#move('greeting');
        this.#send('Hello', 0, {magic: MAGIC, version_min: 1, version_max: 1, features: SESSIONS, role: 2,
            agent: this.#agent});
        this.#send('GamerRegister', 0, {session: this.#session});
    }

    /**
     * What the coordinator did wrong ends the connection.
     * @param {string} code @param {string} [why]
     */
    #fault(code, why = code) {
        const socket = this.#socket;
        this.#lost(0);
        socket?.close(4000 + (NUMBERS.get(code) ?? 65), why.slice(0, 40));
    }

    /** Everything of this connection, but not of its tasks. */
    #forget() {
        const socket = this.#socket;
        if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
        this.#socket = null;
        this.#world.clearTimeout(this.#linkTimer);
        this.#world.clearTimeout(this.#roomTimer);
        this.#roomTimer = null;
        this.#outbox = [];
        this.#outboxBytes = this.#bytesInFlight = 0;
        for (const set of this.#sending) set.clear();
        const lost = connectionLost('the connection broke before the answer');
        for (const {reject, timer} of this.#questions.values()) {
            this.#world.clearTimeout(timer);
            reject(lost);
        }
        this.#questions.clear();
    }

    /** @param {number} code the remote's, of PROTOCOL.md section 8; 0: none */
    #lost(code) {
        const now = this.#world.now(), wasUp = this.#state === 'up';
        const why = code || (this.#turnedAway?.code ?? 0);
        const ours = why > 0 && why < 8; // an error of this client: there is no session to come back to
        this.#forget();
        if (wasUp) this.#downSince = now;
        if (ours) this.#session = NOTHING;
        const keep = (this.#features & SESSIONS) !== 0 && this.#graceMs > 0 && !ours;
        for (const task of this.#streams.values()) {
            task.stream = 0;
            if (task.settled) this.#tasks.delete(task);
            else if (keep) this.#turn(task, 'away');
            else this.#fail(task, connectionLost(this.#turnedAway?.sentence, !ours));
        }
        this.#streams.clear();
        this.#move('down');
        if (this.#turnedAway && !this.#turnedAway.retryable) this.#tell(this.#unreachable());
        for (const task of this.#tasks) this.#rearm(task);
        const pause = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** this.#failures++) * (0.5 + this.#world.random());
        this.#linkTimer = this.#world.setTimeout(() => this.#dial(), Math.min(pause, BACKOFF_MAX_MS));
    }

    /** @param {any} registered */
    #up(registered) {
        if (!this.#helloSeen || this.#state !== 'greeting') throw new Broken('UnexpectedMessage');
        if (registered.tasks_in_flight_max === 0) throw new Broken('BadMessage');
        this.#world.clearTimeout(this.#linkTimer);
        this.#failures = 0;
        this.#turnedAway = null;
        this.#session = registered.session;
        this.#graceMs = Number(registered.resume_grace_us) / 1000;
        this.#limits = {
            tasksInFlightMax: registered.tasks_in_flight_max,
            payloadBytesMax: Number(registered.payload_bytes_max),
            bytesInFlightMax: Number(registered.bytes_in_flight_max),
        };
        const away = [...this.#tasks].filter((task) => task.state === 'away');
        if (registered.resumed) for (const task of away) this.#resume(task);
        else {
            for (const task of away) task.header.id = newId(this.#world); // the old one may be known as ended
            this.#startOver(away);
        }
        this.#move('up');
        for (const task of this.#tasks) this.#rearm(task);
        this.#linkTimer = this.#world.setTimeout(() => this.#ping(), PING_MS);
        this.#tell();
    }

    #ping() {
        const now = this.#world.now();
        // Timers of a page in the background are late by up to a minute: silence counts from the PING.
        const silent = this.#pingAt && now - Math.max(this.#pingAt, this.#heardAt) >= PING_MS;
        if (silent) return this.#fault('IdleTimeout');
        if (!this.#pingAt) {
            this.#pingAt = now;
            this.#send('Ping', 0, {token: ++this.#pingToken});
        }
        this.#linkTimer = this.#world.setTimeout(() => this.#ping(), PING_MS);
    }

    // ---- records in -------------------------------------------------------------------------------------------------

    /** @param {WebSocket} socket @param {any} data */
    #received(socket, data) {
        if (socket !== this.#socket) return;
        this.#heardAt = this.#world.now();
        try {
            if (!(data instanceof ArrayBuffer)) throw new Broken('BadRecord', 'a message that is not binary');
            for (const record of unpack(data)) {
                if (record.seq !== this.#seqIn) throw new Broken('BadRecord', 'a record is missing');
                if (record.flags) throw new Broken('BadRecord', 'zstd was not offered');
                this.#seqIn = (this.#seqIn + 1) >>> 0;
                if (record.stream === 0) this.#onLink(record);
                else this.#onStream(record);
                if (socket !== this.#socket) return;
            }
        } catch (error) {
            // Anything else is an error of this module: that, too, costs the page a connection and not its tasks.
            this.#fault(error instanceof Broken ? error.code : 'Internal', /** @type {Error} */ (error).message);
        }
        this.#wake();
    }

    /** @param {WireRecord} record about the connection */
    #onLink({name, header}) {
        switch (name) {
        case 'Hello':
            if (this.#helloSeen) throw new Broken('UnexpectedMessage');
            if (header.magic !== MAGIC) throw new Broken('BadMagic');
            if (header.version_min !== 1 || header.version_max !== 1) throw new Broken('UnsupportedVersion');
            if (header.role !== 3) throw new Broken('WrongRole');
            this.#helloSeen = true;
            this.#features = Number(BigInt(header.features) & BigInt(SESSIONS));
            break;
        case 'GamerRegistered': this.#up(header); break;
        case 'Ping': this.#send('Pong', 0, header); break;
        case 'Pong':
            if (!this.#pingAt || header.token !== this.#pingToken) break;
            this.#rttMs += (this.#heardAt - this.#pingAt - this.#rttMs) * (this.#rttMs ? 0.125 : 1);
            this.#pingAt = 0;
            break;
        case 'Status': this.#answer([...this.#questions.keys()].find((key) => key < 0), header); break;
        case 'CanMeetAnswer': this.#answer(header.question, header); break;
        case 'Error':
            this.#turnedAway = header;
            break;
        case 'Drain': break; // what it takes no more it refuses with Draining
        default: throw new Broken('UnexpectedMessage');
        }
    }

    /** @param {WireRecord} record about a task */
    #onStream({name, stream, header, payload}) {
        if (this.#state !== 'up') throw new Broken('UnexpectedMessage');
        const task = this.#streams.get(stream);
        if (!task) {
            if (stream > this.#lastStream) throw new Broken('UnexpectedMessage');
            return; // it has ended here
        }
        if (header.id && !same(header.id, task.header.id)) throw new Broken('BadMessage');
        switch (name) {
        case 'TaskAccepted': {
            if (task.accepted) throw new Broken('UnexpectedMessage');
            task.accepted = true;
            if (task.state === 'sent') this.#turn(task, 'accepted'); // it may come behind the begin of the result
            const {onAccepted} = task.options;
            if (!task.settled && onAccepted) {
                const {queuePosition, estimateMs} = friendly(header);
                queueMicrotask(() => onAccepted({queuePosition, estimateMs}));
            }
            break;
        }
        case 'TaskEnded': case 'Error': this.#onEnded(task, header); break;
        case 'TaskTimeout':
            this.#fail(task, new P2C2RError('expired', 'DeadlineExceeded', 'its deadline passed', header));
            break;
        case 'ResultDelivery': this.#onDelivery(task, header, payload); break;
        case 'Chunk': this.#onChunk(task, header, payload); break;
        case 'Window':
            if (header.attempt === task.out.attempt) task.out.limit = Math.max(task.out.limit, Number(header.limit));
            break;
        case 'Resend':
            if (header.attempt <= task.out.attempt || task.settled) break; // answered already, or not wanted
            if (header.offset > header.limit || header.offset > task.payload.length) throw new Broken('BadMessage');
            task.out = {attempt: header.attempt, sent: header.offset, limit: Number(header.limit)};
            this.#sending[task.class].add(task);
            break;
        default: throw new Broken('UnexpectedMessage');
        }
    }

    /** @param {Task} task @param {any} header of TASK_ENDED, or of an ERROR about the task */
    #onEnded(task, header) {
        const code = ERRORS[header.code];
        if (!code) throw new Broken('BadMessage', 'an end has a result or a reason');
        if (task.again && task.state === 'sent' && code === 'UnknownTask' && !task.settled) {
            this.#leaveStream(task);
            this.#turn(task, 'away');
            this.#startOver([task]);
            return;
        }
        const outcomes = /** @type {Record<string, Outcome>} */ ({Cancelled: 'cancelled', DeadlineExceeded: 'expired',
            ConnectionLost: 'lost'});
        const outcome = outcomes[code] ?? (task.state === 'sent' && !task.again ? 'refused' : 'failed');
        this.#fail(task, new P2C2RError(outcome, code, header.sentence, header));
    }

    /** @param {Task} task @param {any} header @param {Uint8Array} part */
    #onDelivery(task, header, part) {
        const {attempt, payload_size: size} = header;
        if (task.in && attempt < task.in.attempt) return;
        if (attempt === 0 || attempt === task.in?.attempt || size > PAYLOAD_MAX) throw new Broken('BadMessage');
        if (task.state !== 'arriving') this.#turn(task, 'arriving');
        let bytes = NOTHING;
        if (!task.settled && size > (task.options.resultBytesMax ?? PAYLOAD_MAX)) this.#giveUp(task, 'ResultTooLarge');
        try {
            if (!task.settled) bytes = new Uint8Array(size);
        } catch {
            this.#giveUp(task, 'NoMemory');
        }
        task.in = {attempt, have: 0, limit: WINDOW_FIRST, size, bytes, delivery: header};
        this.#takePart(task, task.in, part);
    }

    /** @param {Task} task @param {any} header @param {Uint8Array} part */
    #onChunk(task, header, part) {
        if (!task.in) throw new Broken('UnexpectedMessage');
        if (header.attempt < task.in.attempt) return;
        if (header.attempt !== task.in.attempt || header.offset !== task.in.have || part.length === 0) {
            throw new Broken('BadMessage');
        }
        this.#takePart(task, task.in, part);
    }

    /** @param {Task} task @param {Inflow} inflow @param {Uint8Array} part */
    #takePart(task, inflow, part) {
        if (part.length > inflow.size - inflow.have) throw new Broken('BadMessage');
        if (part.length > inflow.limit - inflow.have) throw new Broken('TooLarge');
        if (!task.settled) inflow.bytes.set(part, inflow.have);
        inflow.have += part.length;
        if (inflow.have === inflow.size) return this.#whole(task, inflow);
        const limit = Math.min(inflow.size, inflow.have + WINDOW_AHEAD);
        const worthIt = limit - inflow.limit >= WINDOW_AHEAD / 2 || limit === inflow.size;
        if (task.settled || limit <= inflow.limit || !worthIt) return;
        inflow.limit = limit;
        this.#send('Window', task.stream, {limit, attempt: inflow.attempt});
    }

    /** @param {Task} task @param {Inflow} inflow */
    #whole(task, {attempt, bytes, delivery}) {
        if (this.#features & SESSIONS && !task.settled) this.#send('ResultAck', task.stream, {attempt});
        const totalMs = this.#world.now() - task.submittedAt;
        const {queueMs, peerQueueMs, processingMs, kernelMs, peer, cached} = friendly(delivery);
        const waited = queueMs + peerQueueMs;
        const times = {totalMs, queueMs: waited, transferMs: Math.max(0, totalMs - waited - processingMs), processingMs,
            kernelMs};
        const {resolve, settled} = task;
        this.#end(task);
        const payload = /** @type {ArrayBuffer} */ (bytes.buffer);
        if (!settled) resolve({payload, peer, cached, attempts: attempt, times});
    }

    // ---- a task -----------------------------------------------------------------------------------------------------

    /** @param {Task} task @param {TaskState} to */
    #turn(task, to) {
        if (!MOVES[task.state].includes(to)) throw new Error(`a task that is ${task.state} cannot become ${to}`);
        task.state = to;
        if (to === 'away') task.in = null;
    }

    /**
     * Its one end, as far as its caller is concerned.
     * @param {Task} task
     */
    #settle(task) {
        if (task.settled) return;
        task.settled = true;
        task.stopListening();
        this.#world.clearTimeout(task.timer);
        this.#sending[task.class].delete(task);
        task.payload = NOTHING;
        this.#open--;
    }

    /**
     * Nothing more will come about it.
     * @param {Task} task
     */
    #end(task) {
        if (task.stream) this.#leaveStream(task);
        this.#settle(task);
        this.#queued[task.class].delete(task);
        this.#tasks.delete(task);
        this.#turn(task, 'ended');
    }

    /** @param {Task} task @param {any} error */
    #fail(task, error) {
        const {reject, settled} = task;
        this.#end(task);
        if (!settled) reject(error);
    }

    /**
     * Tells its caller now, the coordinator too; what crosses that on the way is dropped.
     * @param {Task} task @param {any} error
     */
    #drop(task, error) {
        if (!task.stream) return this.#fail(task, error);
        this.#send('TaskCancel', task.stream, {id: task.header.id});
        this.#settle(task);
        task.reject(error);
    }

    /** @param {Task} task @param {string} code */
    #giveUp(task, code) { this.#drop(task, new P2C2RError('failed', code)); }

    /** @param {Task} task */
    #abort(task) { if (!task.settled) this.#drop(task, task.options.signal?.reason); }

    /**
     * When this task's silence has lasted too long.
     * @param {Task} task
     */
    #dueAt(task) {
        if (task.stream) return task.deadlineAt + 2 * this.#rttMs + GRACE_MS;
        if (this.#state === 'up') return task.deadlineAt;
        const patience = task.state === 'away' ? this.#downSince + Math.min(this.#graceMs, this.#lostMs)
            : Math.max(task.submittedAt, this.#downSince) + this.#connectMs;
        return Math.min(task.deadlineAt, patience);
    }

    /** @param {Task} task */
    #rearm(task) {
        if (task.settled) return;
        this.#world.clearTimeout(task.timer);
        const now = this.#world.now();
        task.timer = this.#world.setTimeout(() => this.#due(task), Math.max(0, this.#dueAt(task) - now));
    }

    /** @param {Task} task */
    #due(task) {
        const now = this.#world.now();
        if (now < this.#dueAt(task)) return this.#rearm(task);
        if (task.stream || now >= task.deadlineAt) {
            const late = new P2C2RError('expired', 'DeadlineExceeded', 'its deadline passed without a result');
            return this.#drop(task, late);
        }
        const lost = connectionLost('the connection did not come back in time');
        this.#fail(task, task.state === 'away' ? lost : this.#unreachable());
    }

    /** @param {Task} task */
    #enterStream(task) {
        task.stream = ++this.#lastStream;
        task.accepted = false;
        this.#streams.set(task.stream, task);
        this.#bytesInFlight += task.header.payload_size;
        this.#turn(task, 'sent');
    }

    /** @param {Task} task */
    #leaveStream(task) {
        this.#streams.delete(task.stream);
        this.#sending[task.class].delete(task);
        this.#bytesInFlight -= task.header.payload_size;
        task.stream = 0;
    }

    /**
     * As if they had never been sent, before those that have not been.
     * @param {Task[]} tasks away
     */
    #startOver(tasks) {
        for (const task of tasks) {
            this.#turn(task, 'queued');
            task.again = false;
            task.out = {attempt: 1, sent: 0, limit: WINDOW_FIRST};
            this.#rearm(task);
        }
        this.#queued.forEach((queue, urgency) => {
            const first = tasks.filter((task) => task.class === urgency);
            if (first.length) this.#queued[urgency] = new Set([...first, ...queue]);
        });
    }

    /**
     * Payload is sent when it is asked for.
     * @param {Task} task away
     */
    #resume(task) {
        task.again = true;
        task.out = {attempt: 0, sent: task.payload.length, limit: 0};
        this.#enterStream(task);
        this.#send('TaskResume', task.stream, {id: task.header.id});
    }

    // ---- records out ------------------------------------------------------------------------------------------------

    /** @param {string} name @param {number} stream @param {object} header @param {Uint8Array} [payload] */
    #send(name, stream, header, payload) {
        const record = pack({name, stream, seq: this.#seqOut, header, payload});
        this.#seqOut = (this.#seqOut + 1) >>> 0;
        this.#outbox.push(record);
        this.#outboxBytes += record.length;
        this.#wake();
    }

    /** What is ready now leaves in one message, when those who are calling us are done. */
    #wake() {
        if (this.#woken) return;
        this.#woken = true;
        queueMicrotask(() => {
            this.#pump();
            this.#woken = false;
            this.#flush();
        });
    }

    #flush() {
        if (!this.#outbox.length || !this.#socket) return;
        const message = new Uint8Array(this.#outboxBytes);
        let at = 0;
        for (const record of this.#outbox) {
            message.set(record, at);
            at += record.length;
        }
        this.#outbox = [];
        this.#outboxBytes = 0;
        this.#socket.send(message);
    }

    /** Payloads as far as their windows and the socket have room, best class first; then new tasks. */
    #pump() {
        for (let urgency = 0; this.#state === 'up' && urgency < CLASSES.length; urgency++) {
            while (this.#sendChunk(urgency) || this.#sendTask(urgency)) {
                if (!this.#hasRoom()) return;
            }
        }
    }

    #hasRoom() {
        if (this.#outboxBytes + (this.#socket?.bufferedAmount ?? 0) < ROOM_BYTES) return true;
        this.#roomTimer ??= this.#world.setTimeout(() => {
            this.#roomTimer = null;
            this.#wake();
        }, ROOM_POLL_MS);
        return false;
    }

    /** @param {number} urgency @returns {boolean} whether one could be sent; tasks take turns */
    #sendChunk(urgency) {
        for (const task of this.#sending[urgency]) {
            const {out, payload} = task, size = Math.min(RECORD_PAYLOAD_MAX, payload.length - out.sent);
            if (size > out.limit - out.sent) continue; // a part that does not fit as a whole waits
            this.#sending[urgency].delete(task);
            if (size === 0) continue;
            if (!this.#hasRoom()) { this.#sending[urgency].add(task); return false; }
            this.#send('Chunk', task.stream, {offset: out.sent, attempt: out.attempt},
                payload.subarray(out.sent, out.sent + size));
            out.sent += size;
            if (out.sent < payload.length) this.#sending[urgency].add(task);
            return true;
        }
        return false;
    }

    /** @param {number} urgency @returns {boolean} whether one could be sent */
    #sendTask(urgency) {
        const [task] = this.#queued[urgency], {tasksInFlightMax, bytesInFlightMax, payloadBytesMax} = this.#limits;
        if (!task) return false;
        const size = task.payload.length;
        if (size > payloadBytesMax) { this.#fail(task, new P2C2RError('refused', 'TooLarge')); return true; }
        const full = this.#streams.size >= tasksInFlightMax ||
            (bytesInFlightMax && this.#streams.size > 0 && this.#bytesInFlight + size > bytesInFlightMax);
        if (full || !this.#hasRoom()) return false;
        const left = task.deadlineAt - this.#world.now();
        if (left <= 0) { this.#due(task); return true; }
        this.#queued[urgency].delete(task);
        this.#enterStream(task);
        const first = task.payload.subarray(0, RECORD_PAYLOAD_MAX);
        this.#send('TaskSubmit', task.stream, {...task.header, deadline_us: Math.ceil(left * 1000)}, first);
        task.out.sent = first.length;
        if (first.length < size) this.#sending[urgency].add(task);
        return true;
    }
}

/** @param {string} [sentence] @param {boolean} [retryable] */
const connectionLost = (sentence, retryable = true) => new P2C2RError('lost', 'ConnectionLost', sentence, {retryable});
const closed = () => new P2C2RError('cancelled', 'Cancelled', 'the client was closed');

/** @param {World} world */
function newId(world) {
    const id = new Uint8Array(16);
    do world.fill(id); while (id.every((byte) => byte === 0));
    return id;
}
