// client/js: coordinators that break the rules, on purpose or by chance.
import assert from 'node:assert/strict';
import test from 'node:test';

import {Client, pack} from '../../../../client/js/p2c2r.js';
import {World, again, bytes, deliver, up, watch} from './fake.mjs';

// Each is said on a connection with one task, on stream 1.
const say = (name, stream, header, payload) => (socket, id) => socket.say(name, stream, header && header(id), payload);
const raw = (...bytes) => (socket) => socket.raw(Uint8Array.from(bytes));
const BROKEN = {
    'text instead of bytes': (socket) => socket.onmessage({data: 'hello'}),
    'half a prefix': raw(20, 0, 0),
    'an unknown type': raw(99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0),
    'a payload where none belongs': raw(20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 9),
    'a payload that is not there': raw(16, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0),
    'too long a payload': raw(16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 2, 0, 0, 0),
    'zstd that was not offered': raw(16, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0),
    'a header that is no message': raw(20, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 9, 1),
    'an endless varint': raw(24, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 8, ...Array(11).fill(255)),
    'a field twice': raw(24, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 8, 1, 8, 2),
    'a sequence with a hole': (socket) => socket.raw(pack({name: 'Ping', seq: 9, header: {}})),
    'a second HELLO': say('Hello', 0),
    'a second registration': (socket) => socket.greet(),
    'a message for peers': say('TaskAssign', 0),
    'a stream nobody opened': say('TaskEnded', 7, () => ({code: 41})),
    'another id': say('TaskEnded', 1, () => ({id: new Uint8Array(16).fill(1), code: 41})),
    'an end without a reason': say('TaskEnded', 1, (id) => ({id})),
    'attempt 0': say('ResultDelivery', 1, (id) => ({id})),
    'a result above all limits': say('ResultDelivery', 1, (id) => ({id, attempt: 1, payload_size: 67108865})),
    'a result longer than it says': say('ResultDelivery', 1, (id) => ({id, attempt: 1, payload_size: 1}), bytes(2)),
    'a chunk before its result': say('Chunk', 1, () => ({attempt: 1}), bytes(1)),
    'a chunk with a gap': (socket, id) => {
        socket.say('ResultDelivery', 1, {id, attempt: 1, payload_size: 100}, bytes(10));
        socket.say('Chunk', 1, {attempt: 1, offset: 11}, bytes(10));
    },
    'an empty chunk': (socket, id) => {
        socket.say('ResultDelivery', 1, {id, attempt: 1, payload_size: 100}, bytes(10));
        socket.say('Chunk', 1, {attempt: 1, offset: 10});
    },
    'accepted twice': (socket, id) => {
        socket.say('TaskAccepted', 1, {id});
        socket.say('TaskAccepted', 1, {id});
    },
    'a resend beyond its limit': say('Resend', 1, (id) => ({id, attempt: 2, limit: 1, offset: 2})),
};

for (const [what, does] of Object.entries(BROKEN)) {
    test(`a coordinator that says ${what} is left, and its tasks are not`, async () => {
        const {world, client, socket} = await up();
        const task = watch(client.submit('echo', bytes(5)));
        await world.settle();
        const [{header: {id}}] = socket.take('TaskSubmit');
        does(socket, id);
        await world.settle();
        assert.ok(socket.closed > 4000 && socket.closed < 4008, `closed with ${socket.closed}`);
        assert.equal(task.count, 0);
        const next = await again(world, {resumed: true});
        const [resumed] = next.take('TaskResume');
        deliver(next, resumed, bytes(5));
        await world.settle();
        assert.equal(task.value.payload.byteLength, 5);
        assert.equal(client.state, 'up');
    });
}

test('more of a cancelled result than its window has room for', async () => {
    const {world, client, socket} = await up();
    const stop = new AbortController();
    watch(client.submit('echo', bytes(5), {signal: stop.signal}));
    await world.settle();
    const [record] = socket.take('TaskSubmit');
    stop.abort();
    deliver(socket, record, bytes(400000));
    for (let at = 65536; at < 262144; at += 65536) {
        socket.say('Chunk', record.stream, {attempt: 1, offset: at}, bytes(65536));
    }
    assert.deepEqual([socket.closed, socket.take('Window').length], [0, 0]);
    socket.say('Chunk', record.stream, {attempt: 1, offset: 262144}, bytes(65536));
    assert.equal(socket.closed, 4004);
});

test('HELLO must be what it should', async () => {
    const good = {magic: 0x52324332, version_min: 1, version_max: 1, features: 4, role: 3};
    for (const [bad, code] of [[{magic: 1}, 4001], [{version_max: 2}, 4002], [{role: 2}, 4006]]) {
        const world = new World();
        const client = new Client('ws://host:1/', {world});
        watch(client.connect());
        world.socket.onopen();
        world.socket.say('Hello', 0, {...good, ...bad});
        assert.equal(world.socket.closed, code);
        client.close();
    }
});

// A generator whose whole future is its seed (mulberry32, public domain, Tommy Ettinger 2017).
function chances(seed) {
    let state = seed;
    return () => {
        state = (state + 0x6d2b79f5) | 0;
        let t = Math.imul(state ^ (state >>> 15), 1 | state);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

test('whatever a coordinator does, every task ends exactly once', async () => {
    for (let seed = 1; seed <= 40; seed++) {
        const random = chances(seed), some = (n) => Math.floor(random() * n);
        const {world, client} = await up({tasks_in_flight_max: 8});
        world.random = random;
        const tasks = [], stops = [], open = new Map();
        for (let step = 0; step < 100; step++) {
            const socket = world.socket;
            for (const record of socket.heard.splice(0)) {
                if (record.name === 'TaskSubmit' || record.name === 'TaskResume') open.set(record.stream, record);
            }
            const record = [...open.values()][some(open.size)], id = record?.header.id;
            const act = some(record ? 12 : 4);
            if (act === 0) {
                stops.push(new AbortController());
                tasks.push(watch(client.submit('echo', bytes(some(300000)), {deadlineMs: 100 + some(20000),
                    class: ['realtime', 'batch'][some(2)], signal: stops.at(-1).signal})));
            } else if (act === 1 && stops.length) stops[some(stops.length)].abort();
            else if (act === 2) await world.advance(some(400));
            else if (act === 3 && client.state === 'up' && some(4) === 0) {
                socket.drop([1006, 4010, 4005][some(3)]);
                open.clear();
            } else if (act === 4 || act === 5) socket.say('TaskAccepted', record.stream, {id});
            else if (act === 6) socket.say('TaskEnded', record.stream, {id, code: [23, 28, 41][some(3)]});
            else if (act === 7) deliver(socket, record, bytes(some(100000)), 1 + some(3));
            else if (act === 8) socket.say('Window', record.stream, {limit: some(400000), attempt: 1 + some(2)});
            else if (act === 9) socket.say('Resend', record.stream, {id, attempt: 1 + some(3), limit: 262144});
            else if (act === 10) socket.say('Chunk', record.stream, {attempt: 1, offset: 65536}, bytes(some(65536)));
            else if (act === 11 && some(10) === 0) socket.raw(Uint8Array.from({length: 40}, () => some(256)));
            if (client.state === 'dialing' && some(3)) {
                open.clear();
                world.socket.onopen();
                await world.settle();
                world.socket.greet({resumed: some(2) === 0, tasks_in_flight_max: 8});
            }
            await world.settle();
        }
        await world.advance(60000);
        assert.deepEqual(tasks.filter(({count}) => count !== 1), [], `seed ${seed}`);
        assert.equal(client.open, 0, `seed ${seed}`);
    }
});

test('whatever bytes stand in a reply, nothing is thrown and every task ends exactly once', async () => {
    let broken = 0, survived = 0;
    for (let seed = 1; seed <= 300; seed++) {
        const random = chances(seed), some = (n) => Math.floor(random() * n);
        const {world, client, socket} = await up();
        const tasks = [10, 300000].map((size) => watch(client.submit('echo', bytes(size), {deadlineMs: 5000})));
        tasks.push(watch(client.status({tasksMax: 64})), watch(client.canMeet('echo')));
        await world.settle();
        const [one, two] = socket.take('TaskSubmit'), [asked] = socket.take('CanMeet'), said = [];
        socket.raw = (record) => said.push(record); // what the coordinator would have said, spoilt below
        for (const {stream, header: {id}} of [one, two]) {
            socket.say('TaskAccepted', stream, {id, queue_position: 3, estimate_us: 2500});
            socket.say('Window', stream, {limit: 300000, attempt: 1});
            socket.say('Resend', stream, {id, attempt: 2, limit: 262144});
        }
        socket.say('CanMeetAnswer', 0, {question: asked.header.question, code: 25, sentence: 'no'});
        socket.say('Status', 0, {peers: 3, tasks: [{id_head: 7, type: 'echo', class: 3, state: 4}]});
        deliver(socket, one, bytes(40));
        deliver(socket, two, bytes(70000));
        socket.say('Chunk', two.stream, {attempt: 1, offset: 65536}, bytes(4464));
        socket.say('TaskEnded', two.stream, {id: two.header.id, code: 42, sentence: 'late'});
        socket.say('Error', 0, {code: 10, retryable: true, sentence: 'slow'});
        for (const record of said) {
            if (some(12) === 0) record[some(Math.min(record.length, 60))] = [0, 1, 127, 128, 255, some(256)][some(6)];
            assert.doesNotThrow(() => socket.onmessage?.({data: record.slice().buffer}), `seed ${seed}`);
            await world.settle();
        }
        assert.notEqual(socket.closed, 4065, `seed ${seed}: an error of the module's own`);
        if (socket.closed) broken++;
        else survived++;
        socket.drop();
        await world.advance(60000);
        assert.deepEqual(tasks.filter(({count}) => count !== 1), [], `seed ${seed}`);
        assert.equal(client.open, 0, `seed ${seed}`);
    }
    assert.ok(broken > 50 && survived > 50, `${broken} broken, ${survived} survived`);
});
