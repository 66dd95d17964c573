// The page index.html: a picture in, upscaled by the cluster, shown beside what it was, with where the time went.
// @ts-check
import {Client} from './p2c2r.js';

/** @type {<T extends HTMLElement>(id: string) => T} */
const $ = (id) => /** @type {any} */ (document.getElementById(id));
const PIXELS_MAX = 16 << 20; // of a result that is sent raw, 4 bytes each
const SIDE_MAX = 16384;
const DEADLINE_MS = 60000;
const TRIES_MAX = 20;
const PAUSE_MS_MAX = 10000;
const STATES = {idle: 'not connected', dialing: 'connecting', greeting: 'connecting', up: 'connected',
    down: 'no answer, trying again', closed: 'not connected'};
const ROWS = [['queue: waiting at coordinator and peer', 'queueMs'], ['transfer: on the way, both ways', 'transferMs'],
    ['processing: on the peer', 'processingMs'], ['of that, kernel: on its device', 'kernelMs'], ['in all', 'totalMs']];

/** @type {Client | null} */ let client = null;
/** @type {{name: string, width: number, height: number, pixels: Uint8ClampedArray} | null} */ let picture = null;
/** @type {AbortController | null} the picture under way */ let running = null;
let loading = {}; // the file dropped last

// ---- the coordinator ------------------------------------------------------------------------------------------------

function showState() {
    const state = client?.state ?? 'idle';
    $('state').textContent = STATES[state];
    $('state').dataset.state = state;
    if (state === 'up') $('help').hidden = true;
    if (state === 'down') $('help').hidden = false;
}

/** @param {string} url */
function dial(url) {
    client?.close();
    client = null;
    try {
        client = new Client(url, {agent: 'p2c2r page', connectTimeoutMs: DEADLINE_MS, lostTimeoutMs: DEADLINE_MS});
    } catch {
        return problem(`${url} is no address of a coordinator: ws://HOST:PORT/`);
    }
    client.addEventListener('state', showState);
    client.connect().catch((error) => { if (error.code !== 'Cancelled') problem(error.message); });
}

// ---- the picture ----------------------------------------------------------------------------------------------------

/** @param {string} [text] */
function problem(text = '') {
    $('problem').textContent = text;
    $('problem').hidden = !text;
}

/** @param {File} file */
async function load(file) {
    const mine = loading = {};
    let next;
    problem();
    try {
        const image = await createImageBitmap(file); // upright, as its EXIF orientation says
        const context = sized(document.createElement('canvas'), image.width, image.height);
        context.drawImage(image, 0, 0);
        const {data, width, height} = context.getImageData(0, 0, image.width, image.height);
        next = {name: file.name, width, height, pixels: data};
    } catch {
        if (mine === loading) problem(`${file.name} is not a picture this browser can read.`);
        return;
    }
    if (mine !== loading) return; // another was dropped while this one was decoded
    picture = next;
    await upscale();
}

/** @param {HTMLCanvasElement} canvas @param {number} width @param {number} height */
function sized(canvas, width, height) {
    canvas.width = width;
    canvas.height = height;
    return /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
}

/**
 * @param {NonNullable<typeof picture>} source @param {number} width @param {number} height @param {AbortSignal} signal
 */
async function compute(source, width, height, signal) {
    const options = {
        params: {input_res: [source.width, source.height], output_res: [width, height], channels: 4,
            quality: /** @type {HTMLSelectElement} */ ($('quality')).value},
        class: /** @type {const} */ ('interactive'), deadlineMs: DEADLINE_MS, signal,
        cache: /** @type {HTMLInputElement} */ ($('fresh')).checked ? /** @type {const} */ ('refresh') : undefined,
        onAccepted: (/** @type {{queuePosition: number, estimateMs: number}} */ {queuePosition, estimateMs}) => {
            const when = estimateMs ? `, about ${Math.ceil(estimateMs)} ms` : '';
            $('progress').textContent = `The cluster has it: ${queuePosition} before it${when}.`;
        },
    };
    for (let tries = 1; ; tries++) {
        try {
            if (!client) throw new Error('there is no coordinator');
            return await client.submit('upscale', source.pixels, options);
        } catch (error) {
            const {retryable, retryAfterMs = 0, message} = /** @type {any} */ (error);
            if (!retryable || tries === TRIES_MAX || signal.aborted) throw error;
            $('progress').textContent = `${message}; trying again.`;
            await pause(Math.min(Math.max(retryAfterMs, 500), PAUSE_MS_MAX), signal);
            signal.throwIfAborted();
        }
    }
}

/** @param {number} ms @param {AbortSignal} signal ends it sooner */
const pause = (ms, signal) => new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => { clearTimeout(timer); resolve(undefined); }, {once: true});
});

async function upscale() {
    if (!picture) return;
    running?.abort();
    const mine = running = new AbortController(), source = picture;
    const scale = Number(/** @type {HTMLSelectElement} */ ($('scale')).value);
    const [width, height] = [Math.round(source.width * scale), Math.round(source.height * scale)];
    problem();
    buttons();
    try {
        if (width * height > PIXELS_MAX || width > SIDE_MAX || height > SIDE_MAX) {
            throw new Error(`${width} x ${height} is more than this page takes: choose a smaller scale.`);
        }
        $('progress').textContent = `Sending ${source.name}, ${source.width} x ${source.height}.`;
        const result = await compute(source, width, height, mine.signal);
        show(source, width, height, result);
        $('progress').textContent = `Done: ${source.name} is ${width} x ${height}.`;
    } catch (error) {
        if (mine !== running) return; // another picture has taken its place
        $('progress').textContent = '';
        problem(mine.signal.aborted ? 'Cancelled.' : /** @type {Error} */ (error).message);
    } finally {
        if (mine === running) running = null;
        buttons();
    }
}

function buttons() {
    /** @type {HTMLButtonElement} */ ($('again')).disabled = !picture;
    /** @type {HTMLButtonElement} */ ($('cancel')).disabled = !running;
}

/**
 * @param {NonNullable<typeof picture>} source @param {number} width @param {number} height
 * @param {import('./p2c2r.js').Result} result
 */
function show(source, width, height, result) {
    const pixels = new ImageData(new Uint8ClampedArray(result.payload), width, height);
    sized($('after'), width, height).putImageData(pixels, 0, 0);
    const small = sized(document.createElement('canvas'), source.width, source.height);
    small.putImageData(new ImageData(source.pixels, source.width, source.height), 0, 0);
    const before = sized($('before'), width, height);
    before.imageSmoothingQuality = 'low';
    before.drawImage(small.canvas, 0, 0, width, height);
    $('who').textContent = result.cached ? 'known already: nobody had to compute it'
        : `computed by peer ${result.peer.slice(0, 8)}, attempt ${result.attempts}`;
    const {totalMs} = result.times;
    $('times').replaceChildren(...ROWS.map(([title, key]) => {
        const ms = result.times[/** @type {keyof typeof result.times} */ (key)];
        const row = document.createElement('tr');
        row.dataset.key = key;
        const cells = ['th', 'td', 'td'].map((tag) => row.appendChild(document.createElement(tag)));
        cells[0].textContent = title;
        cells[0].setAttribute('scope', 'row');
        cells[1].textContent = ms.toFixed(2);
        cells[1].className = 'ms';
        cells[2].className = 'bar';
        const bar = cells[2].appendChild(document.createElement('span'));
        bar.style.width = `${Math.min(100, 100 * ms / (totalMs || 1))}%`;
        return row;
    }));
    $('result').hidden = false;
    offerToSave();
}

function offerToSave() {
    const link = /** @type {HTMLAnchorElement} */ ($('save'));
    /** @type {HTMLCanvasElement} */ ($('after')).toBlob((blob) => {
        URL.revokeObjectURL(link.href);
        link.hidden = !blob;
        if (blob) link.href = URL.createObjectURL(blob);
    });
}

// ---- what a person does ---------------------------------------------------------------------------------------------

const drop = $('drop'), file = /** @type {HTMLInputElement} */ ($('file'));
const address = /** @type {HTMLInputElement} */ ($('coordinator'));
const split = /** @type {HTMLInputElement} */ ($('split'));

/** @param {FileList | null | undefined} files */
function take(files) {
    const [first] = files ?? [];
    if (first) void load(first);
}

file.addEventListener('change', () => take(file.files));
for (const type of ['dragover', 'dragenter', 'dragleave', 'drop']) {
    document.addEventListener(type, (event) => {
        event.preventDefault(); // else the browser leaves the page for the picture
        drop.classList.toggle('over', type === 'dragover' || type === 'dragenter');
        if (type === 'drop') take(/** @type {DragEvent} */ (event).dataTransfer?.files);
    });
}
split.addEventListener('input', () => $('compare').style.setProperty('--split', `${split.value}%`));
address.addEventListener('change', () => dial(address.value));
$('cancel').addEventListener('click', () => running?.abort());
$('settings').addEventListener('submit', (event) => {
    event.preventDefault();
    void upscale();
});

const asked = new URLSearchParams(location.search).get('coordinator');
const host = location.protocol.startsWith('http') && location.hostname ? location.hostname : '127.0.0.1';
address.value = asked ?? `ws://${host}:8765`;
$('allow').textContent = `--allow-origin ${location.origin}`;
dial(address.value);
showState();
