#!/usr/bin/env python3
"""The browser's client in headless Chromium: a picture dropped on the page and upscaled by real processes. Skipped (77)
where Chromium or its driver is not installed."""
import hashlib
import os
import signal
import sys
import unittest

from browser import Browser, Pages, installed
from cluster import ROOT, SAMPLES, Cluster, Proxy, eventually
from test_upscale import ppm

AFTER = """
const [done] = [...arguments].slice(-1);
const canvas = document.getElementById('after');
const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
crypto.subtle.digest('SHA-256', data).then((digest) => done([canvas.width, canvas.height,
    Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')]));
"""
DROP = """
const [done] = arguments, canvas = document.createElement('canvas'), files = new DataTransfer();
[canvas.width, canvas.height] = [8, 6];
canvas.toBlob((blob) => {
    files.items.add(new File([blob], 'small.png'));
    document.getElementById('drop').dispatchEvent(new DragEvent('drop', {dataTransfer: files, bubbles: true}));
    done();
});
"""
# Many tasks of all sizes through the module itself; what comes back is compared in the page.
ECHOES = """
const [url, count, done] = arguments;
import('/p2c2r.js').then(async ({Client}) => {
    const client = new Client(url), sizes = Array.from({length: count}, (_, i) => i * 39595);
    const payloads = sizes.map((size, i) => new Uint8Array(size).map((_, at) => at * 31 + i));
    let good = 0;
    const tasks = payloads.map((payload) => ({type: 'echo', payload, deadlineMs: 60000}));
    for await (const {index, result, error} of client.results(tasks, {inFlight: 8})) {
        if (error) return done(String(error));
        const got = new Uint8Array(result.payload), sent = payloads[index];
        good += got.length === sent.length && got.every((byte, at) => byte === sent[at]);
    }
    const {tasksCompleted} = await client.status(), {can} = await client.canMeet('echo', {deadlineMs: 10000});
    client.close();
    done([good, tasksCompleted >= count, can, client.open]);
}).catch((error) => done(String(error)));
"""


def expected(cluster, sample, quality):
    """[width, height, SHA-256 of RGBA] of what the command line makes of it."""
    path = os.path.join(cluster.folder, 'expected.ppm')
    cluster.cli('upscale', sample, '-o', path, '--quality', quality)
    width, height, pixels = ppm(path)
    rgba = bytearray(b'\xff' * (width * height * 4))
    for channel in range(3):
        rgba[channel::4] = pixels[channel::3]
    return [width, height, hashlib.sha256(rgba).hexdigest()]


def times(browser):
    return {row: float(browser.run('return document.querySelector(`[data-key=${arguments[0]}] .ms`).textContent', row))
            for row in ('queueMs', 'transferMs', 'processingMs', 'kernelMs', 'totalMs')}


class Page(unittest.TestCase):
    def setUp(self):
        self.pages = self.enterContext(Pages(os.path.join(ROOT, 'client', 'js')))

    def test_a_picture_is_upscaled_through_thick_and_thin(self):
        game = f'http://game.test:{self.pages.port}'
        cluster = self.enterContext(Cluster('--allow-origin', game))
        peer = cluster.peer()
        browser = self.enterContext(Browser(cluster.folder))

        def progress():
            return browser.text('#progress')

        with self.subTest('dropped, upscaled, timed, shown'):
            browser.go(f'http://127.0.0.1:{self.pages.port}/?coordinator={cluster.url}')
            eventually('connected', lambda: browser.text('#state') == 'connected')
            browser.run('document.getElementById("quality").value = "fast"')
            browser.type('#file', SAMPLES[0])
            eventually('the picture is there', lambda: progress().startswith('Done: corridor.png'))
            self.assertEqual(browser.run_async(AFTER), expected(cluster, SAMPLES[0], 'fast'))
            t = times(browser)
            self.assertAlmostEqual(t['queueMs'] + t['transferMs'] + t['processingMs'], t['totalMs'], delta=0.05)
            self.assertLessEqual(t['kernelMs'], t['processingMs'])
            self.assertRegex(browser.text('#who'), 'computed by peer [0-9a-f]{8}, attempt 1')
            self.assertTrue(browser.shown('#compare'))
            browser.run('const s = document.getElementById("split"); s.value = 20; s.dispatchEvent(new Event("input"))')
            self.assertAlmostEqual(browser.run(
                'return parseFloat(getComputedStyle(document.getElementById("line")).left) / '
                'document.getElementById("compare").clientWidth'), 0.2, delta=0.01)
            self.assertFalse(browser.shown('#help'))

        with self.subTest('really dropped'):
            browser.run_async(DROP)
            eventually('the picture is there', lambda: progress() == 'Done: small.png is 16 x 12.')

        with self.subTest('known already'):
            browser.click('#again')
            eventually('the answer of before', lambda: 'known already' in browser.text('#who'))

        with self.subTest('what is no picture'):
            browser.type('#file', os.path.join(ROOT, 'README.md'))
            eventually('the page says so', lambda: 'not a picture' in browser.text('#problem'))

        with self.subTest('many tasks, windows both ways'):
            self.assertEqual(browser.run_async(ECHOES, cluster.url, 24), [24, True, True, 0])

        with self.subTest('the same over connections that break: tasks are resumed'):
            with Proxy(cluster.address, budgets=[700_000 + 300_000 * i for i in range(6)]) as proxy:
                self.assertEqual(browser.run_async(ECHOES, proxy.url, 24), [24, True, True, 0])
                self.assertGreaterEqual(proxy.lost, 6)

        with self.subTest('the coordinator is killed while the picture is under way'):
            peer.process.send_signal(signal.SIGSTOP)
            browser.type('#file', SAMPLES[2])
            eventually('it is accepted', lambda: progress().startswith('The cluster has it'))
            cluster.coordinator.kill()
            eventually('the page says what to do', lambda: browser.shown('#help'))
            self.assertIn('p2c2r-coordinator', browser.text('#help'))
            cluster.coordinator = cluster.start(
                'coordinator', os.environ['P2C2R_COORDINATOR_EXE'], '--listen', cluster.address, '--allow-origin', game,
                '--blob-dir', os.path.join(cluster.folder, 'blobs'))
            cluster.coordinator.line('listening ')
            peer.process.send_signal(signal.SIGCONT)
            eventually('the picture is there', lambda: progress().startswith('Done: hud.png'))
            self.assertEqual(browser.run_async(AFTER), expected(cluster, SAMPLES[2], 'fast'))
            self.assertFalse(browser.shown('#help'))

        with self.subTest('cancelled'):
            peer.process.send_signal(signal.SIGSTOP)
            browser.run('document.getElementById("fresh").click()')
            browser.click('#again')
            eventually('it is accepted', lambda: progress().startswith('The cluster has it'))
            browser.click('#cancel')
            eventually('the page says so', lambda: browser.text('#problem') == 'Cancelled.')
            peer.process.send_signal(signal.SIGCONT)
            eventually('the cluster knows', lambda: cluster.health()['tasks_cancelled'] >= 1)
        self.assertEqual(browser.complaints(), [])

        with self.subTest('pages of elsewhere'):
            browser.go(f'http://stranger.test:{self.pages.port}/?coordinator={cluster.url}')
            eventually('it is turned away', lambda: 'origin_refused' in cluster.coordinator.tail())
            eventually('the page says what to do', lambda: browser.shown('#help'))
            self.assertIn(f'--allow-origin http://stranger.test:{self.pages.port}', browser.text('#help'))
            browser.go(f'{game}/?coordinator={cluster.url}')
            eventually('this one may', lambda: browser.text('#state') == 'connected')


if __name__ == '__main__':
    if not installed():
        print('chromium or chromedriver is not installed')
        sys.exit(77)
    unittest.main(verbosity=0)
