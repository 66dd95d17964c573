// client/js: a task from submit to its one end.
import assert from 'node:assert/strict';
import test from 'node:test';

import {Client, real, reals} from '../../../../client/js/p2c2r.js';
import {World, bytes, deliver, up, watch} from './fake.mjs';

test('greets in one message, and waits for the answer', async () => {
    const world = new World();
    const client = new Client('ws://host:1/', {world});
    assert.equal(world.sockets.length, 0, 'nothing is dialled before it is needed');
    const connected = watch(client.connect());
    assert.deepEqual([world.socket.url, world.socket.protocol, world.socket.binaryType],
        ['ws://host:1/', 'p2c2r.v1', 'arraybuffer']);
    world.socket.onopen();
    await world.settle();
    assert.deepEqual(world.socket.heard.map(({name}) => name), ['Hello', 'GamerRegister']);
    assert.equal(world.socket.messages, 1);
    assert.equal(world.socket.heard[0].header.features, 4, 'sessions, and no zstd');
    assert.equal(world.socket.heard[1].header.session.length, 0);
    assert.equal(connected.count, 0);
    world.socket.greet();
    await world.settle();
    assert.equal(connected.count, 1);
    assert.equal(client.state, 'up');
});

test('a task goes out once it can, and its result comes back with times', async () => {
    const {world, client, socket} = await up();
    const accepted = [], {signal} = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener, remove = signal.removeEventListener;
    signal.addEventListener = (...its) => { listeners++; add.apply(signal, its); };
    signal.removeEventListener = (...its) => { listeners--; remove.apply(signal, its); };
    const ended = watch(client.submit('echo', bytes(100), {deadlineMs: 500, class: 'interactive', series: 3, version: 1,
        cache: 'private', signal, onAccepted: (a) => accepted.push(a)}));
    await world.settle();
    const [record] = socket.take('TaskSubmit');
    const {type, deadline_us, payload_size, series, version} = record.header;
    assert.deepEqual({type, class: record.header.class, deadline_us, payload_size, series, version},
        {type: 'echo', class: 1, deadline_us: 500000, payload_size: 100, series: 3, version: 1});
    assert.deepEqual([record.header.private, record.header.no_cache, record.header.refresh], [true, false, false]);
    assert.deepEqual([...record.payload], [...bytes(100)]);
    socket.say('TaskAccepted', record.stream, {id: record.header.id, queue_position: 2, estimate_us: 2500});
    await world.advance(10);
    deliver(socket, record, bytes(100).reverse());
    await world.settle();
    assert.deepEqual(accepted, [{queuePosition: 2, estimateMs: 2.5}]);
    assert.deepEqual([...new Uint8Array(ended.value.payload)], [...bytes(100).reverse()]);
    assert.deepEqual(ended.value.times, {totalMs: 10, queueMs: 1.5, transferMs: 6.5, processingMs: 2, kernelMs: 1.5});
    assert.deepEqual([ended.value.peer, ended.value.cached, ended.value.attempts], ['ab'.repeat(16), false, 1]);
    const [ack] = socket.take('ResultAck');
    assert.deepEqual([ack.stream, ack.header.attempt], [record.stream, 1]);
    assert.deepEqual([client.open, ended.count, listeners], [0, 1, 0]);
});

test('tasks submitted together leave in one message, ids and streams all different', async () => {
    const {world, client, socket} = await up();
    const before = socket.messages;
    for (let i = 0; i < 20; i++) watch(client.submit('echo', bytes(i)));
    await world.settle();
    assert.equal(socket.messages, before + 1);
    const records = socket.take('TaskSubmit');
    assert.deepEqual(records.map(({stream}) => stream), Array.from({length: 20}, (_, i) => i + 1));
    assert.equal(new Set(records.map(({header}) => header.id.join())).size, 20);
});

test('a long payload goes as far as its window', async () => {
    const {world, client, socket} = await up();
    const payload = bytes(400000);
    watch(client.submit('echo', payload));
    await world.settle();
    const [first] = socket.take('TaskSubmit');
    let got = [...first.payload];
    const more = () => {
        for (const {header, stream, payload: part} of socket.take('Chunk')) {
            assert.deepEqual([stream, header.offset, header.attempt], [first.stream, got.length, 1]);
            got = got.concat([...part]);
        }
        return got.length;
    };
    assert.equal(more(), 262144);
    socket.say('Window', first.stream, {limit: 300000, attempt: 1});
    await world.settle();
    assert.equal(more(), 262144, 'a part that does not fit as a whole waits');
    socket.say('Window', first.stream, {limit: 390000, attempt: 2});
    await world.settle();
    assert.equal(more(), 262144, 'a window of another attempt says nothing');
    socket.say('Window', first.stream, {limit: 400000, attempt: 1});
    await world.settle();
    assert.equal(more(), 400000);
    assert.deepEqual(Buffer.compare(Buffer.from(got), Buffer.from(payload)), 0);
    socket.say('Resend', first.stream, {id: first.header.id, attempt: 2, limit: 262144});
    await world.settle();
    const resent = socket.take('Chunk');
    assert.deepEqual(resent.map(({header}) => [header.offset, header.attempt]),
        [0, 65536, 131072, 196608].map((offset) => [offset, 2]));
});

test('what the socket has not taken holds the rest back', async () => {
    const {world, client, socket} = await up();
    socket.bufferedAmount = 2 << 20;
    watch(client.submit('echo', bytes(10)));
    await world.settle();
    assert.equal(socket.take('TaskSubmit').length, 0);
    socket.bufferedAmount = 0;
    await world.advance(10);
    assert.equal(socket.take('TaskSubmit').length, 1);
});

test('a long result: windows, a restart, and what is left of the attempt before', async () => {
    const {world, client, socket} = await up();
    const ended = watch(client.submit('echo', bytes(1)));
    await world.settle();
    const [record] = socket.take('TaskSubmit');
    const result = bytes(3000000), lost = new Uint8Array(3000000);
    deliver(socket, record, lost);
    let limit = 262144;
    const send = (source, from, attempt) => {
        let at = from;
        for (; at < source.length && Math.min(at + 65536, source.length) <= limit; at += 65536) {
            socket.say('Chunk', record.stream, {offset: at, attempt}, source.subarray(at, at + 65536));
        }
        return at;
    };
    send(lost, 65536, 1);
    await world.settle();
    const [wider] = socket.take('Window');
    assert.deepEqual([wider.header.attempt, wider.header.limit > 1000000], [1, true]);
    deliver(socket, record, result, 2);
    const {id} = record.header;
    socket.say('ResultDelivery', record.stream, {id, attempt: 1, payload_size: 1}, lost.subarray(0, 1));
    socket.say('Chunk', record.stream, {offset: 262144, attempt: 1}, lost.subarray(0, 65536));
    limit = 262144;
    for (let at = 65536; at < result.length;) {
        at = send(result, at, 2);
        await world.settle();
        for (const {header} of socket.take('Window')) {
            assert.equal(header.attempt, 2);
            limit = Math.max(limit, header.limit);
        }
    }
    await world.settle();
    assert.equal(Buffer.compare(Buffer.from(ended.value.payload), Buffer.from(result)), 0);
    assert.equal(ended.value.attempts, 2);
    assert.deepEqual(socket.take('ResultAck').map(({header}) => header.attempt), [2]);
});

test('how tasks end without a result', async () => {
    const {world, client, socket} = await up();
    const cases = [
        [['TaskEnded', {code: 23, retryable: true, retry_after_us: 100000, sentence: 'full'}], 'refused', 'Overloaded'],
        [['TaskAccepted', {}, 'TaskEnded', {code: 42, attempt: 3, retryable: true}], 'failed', 'AttemptsExhausted'],
        [['TaskAccepted', {}, 'TaskTimeout', {attempt: 1}], 'expired', 'DeadlineExceeded'],
        [['TaskEnded', {code: 41}], 'cancelled', 'Cancelled'],
        [['TaskEnded', {code: 777}], 'refused', 'Internal'],
        [['TaskAccepted', {}, 'Error', {code: 9, retryable: true}], 'failed', 'IdleTimeout'],
    ];
    for (const [story, outcome, code] of cases) {
        const ended = watch(client.submit('echo'));
        await world.settle();
        const [{stream, header: {id}}] = socket.take('TaskSubmit');
        for (let i = 0; i < story.length; i += 2) {
            socket.say(story[i], stream, story[i] === 'Error' ? story[i + 1] : {id, ...story[i + 1]});
        }
        socket.say('TaskEnded', stream, {id, code: 65});
        await world.settle();
        assert.deepEqual([ended.error.outcome, ended.error.code, ended.count], [outcome, code, 1]);
        assert.equal(client.state, 'up');
    }
    const ended = watch(client.submit('echo'));
    await world.settle();
    const [{stream, header: {id}}] = socket.take('TaskSubmit');
    socket.say('TaskEnded', stream, {id, code: 23, retryable: true, retry_after_us: 100000, sentence: 'full'});
    await world.settle();
    const {message, retryable, retryAfterMs} = ended.error;
    assert.deepEqual({message, retryable, retryAfterMs}, {message: 'full', retryable: true, retryAfterMs: 100});
});

test('an abort ends a task at once; what crosses it is dropped', async () => {
    const {world, client, socket} = await up({tasks_in_flight_max: 1});
    const [first, second, never] = [new AbortController(), new AbortController(), AbortSignal.abort('before')];
    const one = watch(client.submit('echo', bytes(5), {signal: first.signal}));
    const two = watch(client.submit('echo', bytes(5), {signal: second.signal}));
    const three = watch(client.submit('echo', bytes(5), {signal: never}));
    await world.settle();
    const [record, ...others] = socket.take('TaskSubmit');
    assert.equal(others.length, 0, 'the coordinator takes one at a time');
    assert.equal(three.error, 'before');
    second.abort();
    first.abort(new Error('not wanted'));
    await world.settle();
    assert.deepEqual([one.error.message, two.error.name], ['not wanted', 'AbortError']);
    assert.deepEqual(socket.take('TaskCancel').map(({stream}) => stream), [record.stream]);
    assert.equal(client.open, 0);
    watch(client.submit('echo', bytes(5)));
    await world.settle();
    assert.equal(socket.take('TaskSubmit').length, 0, 'the coordinator still counts the cancelled one');
    deliver(socket, record, bytes(5));
    await world.settle();
    assert.equal(socket.take('ResultAck').length, 0);
    assert.equal(socket.take('TaskSubmit').length, 1);
    assert.equal(one.count, 1);
});

test('a deadline passes here, too, when the coordinator says nothing', async () => {
    const {world, client, socket} = await up();
    const ended = watch(client.submit('echo', bytes(5), {deadlineMs: 1000}));
    await world.settle();
    await world.advance(1000);
    assert.equal(ended.count, 0, 'bad news may be on its way');
    await world.advance(300);
    assert.deepEqual([ended.error.outcome, ended.error.code], ['expired', 'DeadlineExceeded']);
    assert.equal(socket.take('TaskCancel').length, 1);
});

test('no more is in flight than the coordinator grants', async () => {
    const {world, client, socket} = await up({bytes_in_flight_max: 1000, payload_bytes_max: 600});
    const large = watch(client.submit('echo', bytes(601)));
    const tasks = [500, 500, 500].map((size) => watch(client.submit('echo', bytes(size))));
    await world.settle();
    assert.deepEqual([large.error.outcome, large.error.code], ['refused', 'TooLarge']);
    const records = socket.take('TaskSubmit');
    assert.equal(records.length, 2);
    deliver(socket, records[0], bytes(1));
    await world.settle();
    assert.equal(socket.take('TaskSubmit').length, 1);
    assert.deepEqual(tasks.map(({count}) => count), [1, 0, 0]);
});

test('better classes leave first; the queue has an end', async () => {
    const {world, client, socket} = await up({tasks_in_flight_max: 1}, {tasksMax: 4});
    const tasks = ['background', 'batch', 'interactive', 'realtime', 'realtime'].map(
        (urgency) => watch(client.submit('echo', bytes(1), {class: urgency})));
    const order = [];
    for (let i = 0; i < 4; i++) {
        await world.settle();
        const [record] = socket.take('TaskSubmit');
        order.push(record.header.class);
        deliver(socket, record, bytes(1));
    }
    assert.deepEqual(order, [0, 1, 2, 3]);
    assert.deepEqual([tasks[4].error.code, tasks[4].error.outcome, tasks[4].error.retryable],
        ['QueueFull', 'refused', true]);
});

test('results longer than wanted are not taken', async () => {
    const {world, client, socket} = await up();
    const ended = watch(client.submit('echo', bytes(1), {resultBytesMax: 10}));
    await world.settle();
    const [record] = socket.take('TaskSubmit');
    deliver(socket, record, bytes(11));
    await world.settle();
    assert.deepEqual([ended.error.outcome, ended.error.code], ['failed', 'ResultTooLarge']);
    assert.equal(socket.take('TaskCancel').length, 1);
});

test('parameters keep their kinds; what cannot be said is refused', async () => {
    const {world, client, socket} = await up();
    watch(client.submit('x', bytes(0), {params: {i: -3, big: 2n ** 60n, r: 0.5, one: real(1), t: 'a', ii: [1, 2],
        rr: [0, -9.5], whole: reals([1, 2])}}));
    await world.settle();
    const [{header: {params}}] = socket.take('TaskSubmit');
    assert.deepEqual(params, [
        {name: 'i', int: -3}, {name: 'big', int: 2n ** 60n}, {name: 'r', real: 0.5}, {name: 'one', real: 1},
        {name: 't', text: 'a'}, {name: 'ii', ints: {values: [1, 2]}}, {name: 'rr', reals: {values: [0, -9.5]}},
        {name: 'whole', reals: {values: [1, 2]}}]);
    const bad = [{params: {x: NaN}}, {params: {x: []}}, {params: {x: 'a'.repeat(257)}}, {params: {x: 'a\0'}},
        {params: {'': 1}}, {params: Object.fromEntries(Array.from({length: 33}, (_, i) => [`p${i}`, 1]))},
        {deadlineMs: 0}, {deadlineMs: 4e6}, {class: 'urgent'}, {version: -1}, {params: {x: 2n ** 70n}}];
    for (const options of bad) await assert.rejects(client.submit('x', bytes(0), options), RangeError);
    await assert.rejects(client.submit('', bytes(0)), RangeError);
    await assert.rejects(client.submit('x', 'text'), TypeError);
    assert.throws(() => new Client('http://host/'), TypeError);
    assert.equal(client.open, 1);
});

test('questions and numbers', async () => {
    const {world, client, socket} = await up();
    const [can, status, late] = [watch(client.canMeet('upscale', {payloadSize: 1000, deadlineMs: 50})),
        watch(client.status()), watch(client.canMeet('echo'))];
    await world.settle();
    const [asked] = socket.take('CanMeet');
    assert.equal(asked.header.payload_size, 1000);
    socket.say('CanMeetAnswer', 0, {question: asked.header.question, can: false, code: 25, p50_us: 80000,
        p95_us: 120000});
    socket.say('Status', 0, {peers: 3, uptime_us: 5000, unmet: [{type: 'echo', version: 1, missing: 1, count: 2}]});
    await world.advance(6000);
    const {code, p50Ms, p95Ms} = can.value;
    assert.deepEqual({can: can.value.can, code, p50Ms, p95Ms},
        {can: false, code: 'WouldMissDeadline', p50Ms: 80, p95Ms: 120});
    assert.deepEqual([status.value.peers, status.value.uptimeMs, status.value.unmet[0].count], [3, 5, 2]);
    assert.equal(late.error.code, 'IdleTimeout');
});

test('open tasks are listed as far as they are asked for', async () => {
    const {world, client, socket} = await up();
    const [some, many] = [watch(client.status({tasksMax: 2})), watch(client.status({tasksMax: 1000}))];
    await world.settle();
    assert.deepEqual(socket.take('StatusRequest').map(({header}) => header.tasks_max), [2, 64]);
    socket.say('Status', 0, {peers: 1, tasks: [
        {id_head: 0x10f1e2d3, type: 'upscale', class: 1, state: 1, age_us: 1500, left_us: 48000, attempts: 2,
            yours: true},
        {id_head: 7, type: 'echo', class: 3, state: 4}]});
    socket.say('Status', 0, {});
    await world.settle();
    const [mine, other] = some.value.tasks;
    assert.deepEqual(mine, {idHead: 0x10f1e2d3, type: 'upscale', class: 'interactive', state: 'running', ageMs: 1.5,
        leftMs: 48, attempts: 2, peer: '', yours: true});
    assert.deepEqual([other.class, other.state, other.yours], ['background', 'kept', false]);
    assert.deepEqual(many.value.tasks, []);
});

test('an iterator of results keeps so many under way, and cancels the rest when left', async () => {
    const {world, client, socket} = await up();
    const seen = [];
    const loop = (async () => {
        const tasks = Array.from({length: 10}, (_, i) => ({type: 'echo', payload: bytes(i)}));
        for await (const {index, result, error} of client.results(tasks, {inFlight: 3})) {
            seen.push([index, error ? error.code : result.payload.byteLength]);
            if (seen.length === 4) break;
        }
    })();
    await world.settle();
    let records = socket.take('TaskSubmit');
    assert.equal(records.length, 3);
    socket.say('TaskEnded', records[1].stream, {id: records[1].header.id, code: 21});
    for (const record of [records[2], records[0]]) {
        deliver(socket, record, record.payload);
        await world.settle();
    }
    records = socket.take('TaskSubmit');
    deliver(socket, records[0], records[0].payload);
    await loop;
    await world.settle();
    assert.deepEqual(seen, [[1, 'UnknownType'], [2, 2], [0, 0], [3, 3]]);
    assert.equal(client.open, 0);
    assert.deepEqual(socket.take('TaskCancel').map(({stream}) => stream), records.slice(1).map(({stream}) => stream));
});

test('close ends everything, once', async () => {
    const {world, client, socket} = await up();
    const [task, question] = [watch(client.submit('echo', bytes(1))), watch(client.status())];
    await world.settle();
    client.close();
    client.close();
    await world.settle();
    assert.deepEqual([task.error.outcome, task.count, question.count, socket.closed], ['cancelled', 1, 1, 1000]);
    await assert.rejects(client.submit('echo'), {code: 'Cancelled'});
    await assert.rejects(client.connect(), {code: 'Cancelled'});
    await world.advance(60000);
    assert.equal(world.sockets.length, 1);
    assert.equal(world.timers.length, 0);
});
