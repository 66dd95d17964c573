// A world without network and clock for client/js: time that moves when told, sockets whose other end is the test.
import {webcrypto} from 'node:crypto';

import {Client, pack, unpack} from '../../../../client/js/p2c2r.js';

export const SESSION = new Uint8Array(16).fill(5);
const PATTERN = Uint8Array.from({length: 4 << 20}, (_, i) => (i * 7 + (i >> 8)) & 255);
/** A payload to be told from others of its size when a part is missing or in another place. */
export const bytes = (size) => PATTERN.slice(0, size);
const PEER = new Uint8Array(16).fill(0xab);

class FakeSocket {
    bufferedAmount = 0;
    closed = 0; // the code this side closed it with
    seqIn = 0;
    seqOut = 0;
    heard = []; // records from the client, in order
    messages = 0;

    constructor(world, url, protocol) {
        Object.assign(this, {world, url, protocol});
        world.sockets.push(this);
    }

    send(message) {
        this.messages++;
        for (const record of unpack(message.slice().buffer)) {
            if (record.seq !== this.seqIn++) throw new Error(`record ${record.seq} where ${this.seqIn - 1} was due`);
            this.heard.push(record);
        }
    }

    close(code = 1005) { this.closed = code; }

    // ---- the coordinator's end

    say(name, stream = 0, header = {}, payload = undefined) {
        this.raw(pack({name, stream, header, payload, seq: this.seqOut++}));
    }

    raw(bytes) { this.onmessage?.({data: bytes.slice().buffer}); }

    drop(code = 1006) { this.onclose?.({code}); }

    /** Records of that name not taken yet. */
    take(name) {
        const found = this.heard.filter((record) => record.name === name);
        this.heard = this.heard.filter((record) => record.name !== name);
        return found;
    }

    greet(more = {}) {
        this.say('Hello', 0, {magic: 0x52324332, version_min: 1, version_max: 1, features: 4, role: 3});
        this.say('GamerRegistered', 0, {session: SESSION, tasks_in_flight_max: 64, payload_bytes_max: 67108864,
            bytes_in_flight_max: 268435456, resume_grace_us: 30e6, ...more});
    }
}

export class World {
    time = 1000;
    timers = [];
    sockets = [];
    chance = 0.5;

    constructor() {
        const world = this;
        this.WebSocket = function (url, protocol) { return new FakeSocket(world, url, protocol); };
        this.now = () => this.time;
        this.random = () => this.chance;
        this.fill = (bytes) => webcrypto.getRandomValues(bytes);
        this.setTimeout = (call, ms) => {
            const timer = {call, at: this.time + ms};
            this.timers.push(timer);
            return timer;
        };
        this.clearTimeout = (timer) => { this.timers = this.timers.filter((one) => one !== timer); };
    }

    get socket() { return this.sockets.at(-1); }

    /** What promises and microtasks have to do is done. */
    settle() { return new Promise((resolve) => setImmediate(resolve)); }

    async advance(ms) {
        const end = this.time + ms;
        for (;;) {
            const [next] = this.timers.filter(({at}) => at <= end).sort((a, b) => a.at - b.at);
            if (!next) break;
            this.time = Math.max(this.time, next.at);
            this.clearTimeout(next);
            next.call();
            await this.settle();
        }
        this.time = end;
        await this.settle();
    }
}

/** A client that is up. */
export async function up(more = {}, options = {}) {
    const world = new World();
    const client = new Client('ws://127.0.0.1:8765/', {world, ...options});
    const connected = client.connect();
    world.socket.onopen();
    await world.settle();
    world.socket.greet(more);
    await connected;
    await world.settle();
    return {world, client, socket: world.socket};
}

/** The next connection, after a back-off, greeted. */
export async function again(world, more = {}) {
    const known = world.sockets.length;
    while (world.sockets.length === known) await world.advance(50);
    world.socket.onopen();
    await world.settle();
    world.socket.greet(more);
    await world.settle();
    return world.socket;
}

/** How a promise has ended, or undefined: {value} or {error}. Call before it may end. */
export function watch(promise) {
    const seen = {count: 0};
    promise.then((value) => { seen.value = value; seen.count++; }, (error) => { seen.error = error; seen.count++; });
    return seen;
}

/** Delivers a whole result for a task's record, in parts as windows allow. */
export function deliver(socket, record, payload, attempt = 1) {
    const first = payload.subarray(0, 65536);
    socket.say('ResultDelivery', record.stream, {id: record.header.id, attempt, peer: PEER, queue_us: 1000,
        peer_queue_us: 500, processing_us: 2000, kernel_us: 1500, payload_size: payload.length,
        raw_size: first.length}, first);
}
