// node vectors.mjs DIR PROTOCOL.md: client/js against proto/vectors and the worked example. Each record decodes, says
// what the comment above it says as far as its fields bear those names, and encodes to the same bytes.
import assert from 'node:assert/strict';
import {readFileSync, readdirSync} from 'node:fs';
import test from 'node:test';

import {Broken, pack, unpack} from '../../client/js/p2c2r.js';

const [, , folder, protocol] = process.argv;
const SEQ = 7; // in every vector
const hex = (bytes) => Buffer.from(bytes).toString('hex');

/** [meaning, bytes] of each record in hex text: a comment, then bytes; what follows a ';' is for the reader. */
function records(text) {
    return text.split(/^# /m).slice(1).map((block) => {
        const [meaning, ...lines] = block.split('\n');
        const digits = lines.map((line) => line.split(';')[0]).join('').replace(/\s/g, '');
        return [meaning, new Uint8Array(Buffer.from(digits, 'hex'))];
    });
}

// How comments spell what fields hold; ms are printed with as many digits as there are microseconds.
const ms = (us) => Number(us) / 1000;
const SAYS = {
    id: (header, value) => hex(header.id) === value,
    peer: (header, value) => hex(header.peer).padEnd(32, '0') === value, // nobody is written as zeroes
    attempt: (header, value) => header.attempt === Number(value),
    offset: (header, value) => header.offset === Number(value),
    limit: (header, value) => Number(header.limit) === Number(value),
    type: (header, value) => JSON.stringify(header.type) === value,
    agent: (header, value) => JSON.stringify(header.agent) === value,
    features: (header, value) => Number(header.features) === Number(value),
    class: (header, value) => ['realtime', 'interactive', 'batch', 'background'][header.class] === value,
    deadline: (header, value) => ms(header.deadline_us) === parseFloat(value),
    queue: (header, value) => ms(header.queue_us) === parseFloat(value),
    latency: (header, value) => ms(header.latency_us) === parseFloat(value),
    kernel: (header, value) => ms(header.kernel_us) === parseFloat(value),
    processing: (header, value) => ms(header.processing_us) === parseFloat(value),
    tasks: (header, value) => header.tasks.length === Number(value),
    in_flight_max: (header, value) => header.tasks_in_flight_max === Number(value),
    payload_max: (header, value) => header.payload_bytes_max === Number(value),
    question: (header, value) => String(header.question) === value,
    tasks_max: (header, value) => header.tasks_max === Number(value),
    task: (row, value) => row.id_head.toString(16).padStart(8, '0') === value,
    state: (row, value) => ['queued', 'running', 'returning', 'joined', 'kept'][row.state] === value,
    age: (row, value) => ms(row.age_us) === parseFloat(value),
    left: (row, value) => ms(row.left_us) === parseFloat(value),
    attempts: (header, value) => (header.attempts ?? header.attempt) === Number(value),
};

let compared = 0;
function check(meaning, bytes, seq) {
    const [record, ...more] = unpack(bytes.slice().buffer);
    assert.equal(more.length, 0);
    assert.equal(record.name, meaning.split(' ')[0]);
    assert.equal(record.seq, seq);
    let of = record.header, row = 0; // from its "task=" on, an open task of a STATUS
    for (const [, key, value] of meaning.matchAll(/ (\w+)=("[^"]*"|\S+)/g)) {
        if (key === 'stream') assert.equal(record.stream, Number(value));
        const param = record.header.params?.find(({name}) => name === key);
        if (param) {
            const {name, text, ints, reals, ...number} = param;
            const numbers = ints?.values ?? reals?.values ?? Object.values(number);
            const said = text === undefined ? String(numbers) : `"${text}"`;
            assert.equal(said, value, `${meaning}: ${name}`);
            compared++;
            continue;
        }
        if (key === 'task') of = record.header.tasks[row++];
        if (!SAYS[key] || (key === 'queue' && record.header.queue_us === undefined)) continue;
        assert.ok(SAYS[key](of, value), `${meaning}: ${key} is not ${value}`);
        compared++;
    }
    assert.equal(record.flags === 1, / zstd\b/.test(meaning));
    assert.equal(hex(pack(record)), hex(bytes));
}

const files = readdirSync(folder).filter((name) => name.endsWith('.hex'));
for (const name of files) {
    test(name, () => {
        const [[meaning, bytes], ...more] = records(readFileSync(`${folder}/${name}`, 'utf8'));
        assert.equal(more.length, 0);
        check(meaning, bytes, SEQ);
    });
}

test('there were vectors, and their comments could be read', () => {
    assert.ok(files.length > 50 && compared > 60, `${files.length} files, ${compared} values compared`);
});

test('the worked example of PROTOCOL.md', () => {
    const blocks = [...readFileSync(protocol, 'utf8').matchAll(/^```hex (\w+)\n([^]*?)^```$/gm)];
    const seq = {client: 0, coordinator: 0};
    for (const [, who, block] of blocks) check(...records(block)[0], seq[who]++);
    assert.ok(seq.client >= 3 && seq.coordinator >= 4);
});

test('any byte may be another: then it is Broken, or a record that can be written', () => {
    let broken = 0, read = 0;
    for (const name of files) {
        const [[, bytes]] = records(readFileSync(`${folder}/${name}`, 'utf8'));
        for (let at = 0; at < bytes.length; at++) {
            for (const value of [0, 1, 0x7f, 0xff, bytes[at] ^ 8]) {
                const other = bytes.slice();
                other[at] = value;
                try {
                    for (const record of unpack(other.buffer)) pack(record);
                    read++;
                } catch (error) {
                    if (!(error instanceof Broken)) throw error;
                    broken++;
                }
            }
        }
        for (let size = 1; size < bytes.length; size++) {
            assert.throws(() => [...unpack(bytes.slice(0, size).buffer)], Broken);
        }
    }
    assert.ok(broken > 1000 && read > 1000, `${broken} broken, ${read} read`);
});
