// client/js: connections that are lost and come back.
import assert from 'node:assert/strict';
import test from 'node:test';

import {Client} from '../../../../client/js/p2c2r.js';
import {SESSION, World, again, bytes, deliver, up, watch} from './fake.mjs';

test('dials again after 50 ms doubling to 10 s, with jitter', async () => {
    const world = new World();
    watch(new Client('ws://host:1/', {world}).connect());
    const pauses = [];
    for (let i = 0; i < 10; i++) {
        world.chance = i % 2 ? 0 : 0.999;
        world.socket.drop();
        const from = world.time, known = world.sockets.length;
        while (world.sockets.length === known) await world.advance(5);
        pauses.push(world.time - from);
    }
    pauses.forEach((pause, i) => {
        const wanted = Math.min(10000, Math.min(10000, 50 * 2 ** i) * (i % 2 ? 0.5 : 1.5));
        assert.ok(Math.abs(pause - wanted) <= 5, `${pause} ms, not ${wanted}`);
    });
});

test('who does not answer in time is given up; who refuses for good is told at once', async () => {
    const world = new World();
    const client = new Client('ws://host:1/', {world, connectTimeoutMs: 8000});
    const [connected, task] = [watch(client.connect()), watch(client.submit('echo', bytes(1), {deadlineMs: 60000}))];
    const first = world.socket;
    await world.advance(5200);
    assert.equal(first.closed, 4008);
    assert.equal(world.sockets.length, 2);
    await world.advance(3000);
    assert.deepEqual([connected.error.code, connected.error.outcome], ['Unreachable', 'lost']);
    assert.deepEqual([task.error.code, task.error.outcome, task.error.retryable], ['Unreachable', 'lost', true]);
    const refused = watch(client.connect());
    world.socket.onopen();
    world.socket.say('Error', 0, {code: 2, sentence: 'other version'});
    world.socket.drop(4002);
    await world.settle();
    assert.deepEqual([refused.error.code, refused.error.message], ['UnsupportedVersion', 'other version']);
    client.close();
});

test('a socket that cannot even be made is a connection that failed', async () => {
    const world = new World();
    world.WebSocket = function () { throw new Error('mixed content'); };
    const client = new Client('ws://host:1/', {world, connectTimeoutMs: 1000});
    const task = watch(client.submit('echo'));
    await world.advance(1000);
    assert.match(task.error.message, /mixed content/);
});

test('after a drop, tasks go on under the session, before new ones', async () => {
    const {world, client, socket} = await up();
    const sizes = [10, 400000];
    const tasks = sizes.map((size) => watch(client.submit('echo', bytes(size))));
    await world.settle();
    const records = socket.take('TaskSubmit');
    socket.say('TaskAccepted', records[0].stream, {id: records[0].header.id});
    deliver(socket, records[1], bytes(400000)); // its first part
    socket.drop();
    const later = watch(client.submit('echo', bytes(3)));
    const next = await again(world, {resumed: true});
    assert.deepEqual([...next.take('GamerRegister')[0].header.session], [...SESSION]);
    assert.deepEqual(next.heard.filter(({name}) => name.startsWith('Task')).map(({name}) => name),
        ['TaskResume', 'TaskResume', 'TaskSubmit']);
    const resumed = next.take('TaskResume'), [fresh] = next.take('TaskSubmit');
    assert.deepEqual(resumed.map(({header}) => header.id.join()), records.map(({header}) => header.id.join()));
    assert.deepEqual(next.take('Chunk').length, 0, 'payload is sent when it is asked for');
    const {id} = resumed[1].header;
    next.say('TaskAccepted', resumed[1].stream, {id});
    next.say('Resend', resumed[1].stream, {id, attempt: 3, limit: 400000, offset: 300000});
    await world.settle();
    assert.deepEqual(next.take('Chunk').map(({header, payload}) => [header.offset, header.attempt, payload.length]),
        [[300000, 3, 65536], [365536, 3, 34464]]);
    deliver(next, resumed[0], bytes(10), 1);
    next.say('ResultDelivery', resumed[1].stream, {id, attempt: 3, payload_size: 2, raw_size: 2}, bytes(2));
    deliver(next, fresh, bytes(3));
    await world.settle();
    assert.deepEqual([...tasks, later].map(({value, count}) => [value.payload.byteLength, count]),
        [[10, 1], [2, 1], [3, 1]]);
    assert.equal(next.take('ResultAck').length, 3);
});

test('what the coordinator does not know is submitted again, first in its class', async () => {
    const {world, client, socket} = await up();
    const tasks = [1, 2].map((size) => watch(client.submit('echo', bytes(size), {deadlineMs: 5000})));
    await world.settle();
    const before = socket.take('TaskSubmit');
    socket.drop();
    tasks.push(watch(client.submit('echo', bytes(3))));
    const next = await again(world, {resumed: false, session: new Uint8Array(16).fill(9)});
    assert.equal(next.take('TaskResume').length, 0);
    const records = next.take('TaskSubmit');
    assert.deepEqual(records.map(({payload}) => payload.length), [1, 2, 3]);
    assert.ok(records[0].header.deadline_us < 5000000, 'the deadline goes on');
    assert.notDeepEqual(records[0].header.id, before[0].header.id);
    next.drop();
    const third = await again(world, {resumed: true, session: new Uint8Array(16).fill(9)});
    const resumed = third.take('TaskResume');
    assert.equal(resumed.length, 3);
    third.say('TaskEnded', resumed[1].stream, {id: resumed[1].header.id, code: 28});
    await world.settle();
    const [once] = third.take('TaskSubmit');
    assert.deepEqual([once.payload.length, once.header.id.join()], [2, resumed[1].header.id.join()]);
    deliver(third, once, bytes(2));
    await world.settle();
    assert.deepEqual(tasks.map(({count}) => count), [0, 1, 0]);
});

test('tasks are lost with the connection: without sessions, after our own error, when nobody comes back', async () => {
    const story = async (more, code, ms) => {
        const {world, client, socket} = await up(more, {lostTimeoutMs: 3000});
        const task = watch(client.submit('echo', bytes(1), {deadlineMs: 60000}));
        await world.settle();
        socket.drop(code);
        await world.advance(ms);
        return task.error && [task.error.outcome, task.error.code, task.error.retryable];
    };
    assert.deepEqual(await story({resume_grace_us: 0}, 1006, 0), ['lost', 'ConnectionLost', true]);
    assert.deepEqual(await story({}, 4005, 0), ['lost', 'ConnectionLost', false]);
    assert.equal(await story({}, 1006, 2900), undefined);
    assert.deepEqual(await story({}, 1006, 3000), ['lost', 'ConnectionLost', true]);
    assert.deepEqual(await story({resume_grace_us: 1e6}, 1006, 1000), ['lost', 'ConnectionLost', true]);
});

test('after an error of our own the next session is a new one, and the back-off begins anew', async () => {
    const {world, socket} = await up();
    socket.drop();
    const second = await again(world, {resumed: true});
    for (const code of [1006, 4005]) {
        const from = world.time, known = world.sockets.length;
        world.socket.drop(code);
        while (world.sockets.length === known) await world.advance(5);
        assert.equal(world.time - from, 50);
        world.socket.onopen();
        await world.settle();
        assert.equal(world.socket.take('GamerRegister')[0].header.session.length, code === 4005 ? 0 : 16);
        world.socket.greet({resumed: code !== 4005});
        await world.settle();
    }
    assert.notEqual(world.socket, second);
});

test('a client may be closed, and used, while it is told of its state', async () => {
    for (const when of ['dialing', 'greeting', 'up', 'down']) {
        const world = new World();
        const client = new Client('ws://host:1/', {world});
        client.addEventListener('state', () => { if (client.state === when) client.close(); });
        const task = watch(client.submit('echo', bytes(1)));
        await world.settle();
        world.socket.onopen?.();
        await world.settle();
        if (world.socket.onmessage) world.socket.greet();
        await world.settle();
        world.socket.drop();
        await world.settle();
        await world.advance(60000);
        assert.deepEqual([client.state, task.error.code, task.count], ['closed', 'Cancelled', 1], when);
        assert.deepEqual([world.sockets.length, world.timers.length], [1, 0], `${when}: nothing goes on`);
    }
});

test('a question that waited for a connection which broke at once does not leave on the next one', async () => {
    const world = new World();
    const client = new Client('ws://host:1/', {world});
    const asked = watch(client.status());
    world.socket.onopen();
    await world.settle();
    world.socket.greet();
    world.socket.say('TaskEnded', 7, {code: 41}); // in the same turn: nobody opened that stream
    await world.settle();
    assert.deepEqual([asked.error.code, asked.error.retryable], ['ConnectionLost', true]);
    const next = await again(world, {resumed: true});
    assert.deepEqual(next.heard.map(({name}) => name), ['Hello', 'GamerRegister']);
});

test('many tasks keep their order when they start over', async () => {
    const {world, client, socket} = await up({tasks_in_flight_max: 4096});
    for (let i = 0; i < 3000; i++) watch(client.submit('echo', bytes(i % 7), {class: i % 2 ? 'batch' : 'realtime'}));
    await world.settle();
    const sizes = (records) => [0, 2].map((urgency) => records.filter(({header}) => header.class === urgency)
        .map(({payload}) => payload.length).join(''));
    const before = sizes(socket.take('TaskSubmit'));
    socket.drop();
    const next = await again(world, {resumed: false, tasks_in_flight_max: 4096});
    assert.equal(before[0].length, 1500);
    assert.deepEqual(sizes(next.take('TaskSubmit')), before);
});

test('a cancelled task does not outlive its connection', async () => {
    const {world, client, socket} = await up({}, {tasksMax: 1});
    const stop = new AbortController();
    watch(client.submit('echo', bytes(1), {signal: stop.signal}));
    await world.settle();
    stop.abort();
    const full = watch(client.submit('echo', bytes(1)));
    await world.settle();
    assert.equal(full.error.code, 'QueueFull', 'the coordinator has not let go of it');
    socket.drop();
    const next = await again(world, {resumed: true});
    const fresh = watch(client.submit('echo', bytes(1)));
    await world.settle();
    assert.deepEqual([next.take('TaskResume').length, next.take('TaskSubmit').length, fresh.count], [0, 1, 0]);
});

test('a coordinator that talks is there, though it owes a PONG; then silence counts from its last word', async () => {
    const {world, socket} = await up();
    for (let i = 0; i < 5; i++) {
        await world.advance(4000);
        socket.say('Ping', 0, {token: i});
    }
    assert.equal(socket.closed, 0);
    await world.advance(10000);
    assert.equal(socket.closed, 4009);
});

test('an abort while away: it is not resumed', async () => {
    const {world, client, socket} = await up();
    const stop = new AbortController();
    const task = watch(client.submit('echo', bytes(1), {signal: stop.signal}));
    await world.settle();
    socket.drop();
    stop.abort();
    const next = await again(world, {resumed: true});
    assert.equal(next.take('TaskResume').length, 0);
    assert.equal(task.count, 1);
});

test('PING every 5 s; silence ends the connection; a page in the background is no silence', async () => {
    const {world, client, socket} = await up();
    await world.advance(5000);
    socket.say('Pong', 0, {token: socket.take('Ping')[0].header.token});
    assert.equal(client.rttMs, 0);
    await world.advance(5000);
    world.time += 40;
    socket.say('Pong', 0, {token: socket.take('Ping')[0].header.token});
    assert.equal(client.rttMs, 40);
    socket.say('Ping', 0, {token: 77});
    await world.settle();
    assert.equal(socket.take('Pong')[0].header.token, 77);
    world.time += 60000; // no timer ran meanwhile
    await world.advance(1);
    assert.deepEqual([client.state, socket.closed], ['up', 0]);
    await world.advance(10000);
    assert.equal(socket.closed, 4009);
    await again(world, {resumed: true});
    assert.equal(client.state, 'up');
});
