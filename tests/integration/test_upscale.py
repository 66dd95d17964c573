#!/usr/bin/env python3
"""The whole job with real files: a picture in at the client, upscaled by peers, a picture out."""
import os
import re
import resource
import signal
import struct
import subprocess
import unittest

from cluster import SAMPLES, Cluster, json_lines


def png_size(path):
    with open(path, 'rb') as file:
        head = file.read(24)
    assert head[:8] == b'\x89PNG\r\n\x1a\n', path
    return struct.unpack('>II', head[16:24])


def ppm(path):
    with open(path, 'rb') as file:
        head, size, deepest, pixels = file.read().split(b'\n', 3)
    assert (head, deepest) == (b'P6', b'255'), path
    width, height = map(int, size.split())
    return width, height, pixels


class Upscale(unittest.TestCase):
    def test_samples_on_an_opencl_device(self):
        with Cluster() as cluster:
            cluster.peer(device='all')
            out = os.path.join(cluster.folder, 'out') + '/'
            os.mkdir(out)
            for quality in ('fast', 'balanced', 'quality'):
                text, _ = cluster.cli('upscale', *SAMPLES, '-o', out, '--quality', quality, '--json', '--psnr')
                frames = [o for o in json_lines(text) if 'summary' not in o]
                self.assertEqual(len(frames), len(SAMPLES))
                for frame in frames:
                    self.assertEqual((frame['width_out'], frame['height_out']), (960, 540))
                    # fast is bilinear itself: equal but for rounding; the others stay near it
                    self.assertGreater(frame['psnr_db'], 50 if quality == 'fast' else 20)
            for quality, name in (('fast', 'bilinear'), ('balanced', 'adaptive')):
                same = [os.path.join(cluster.folder, by + '.ppm') for by in (quality, name)]
                cluster.cli('upscale', SAMPLES[0], '-o', same[0], '--quality', quality)
                cluster.cli('upscale', SAMPLES[0], '-o', same[1], '--filter', name)
                self.assertEqual(*(open(path, 'rb').read() for path in same))
            pictures = sorted(os.listdir(out))
            self.assertEqual(pictures, ['corridor_x2.png', 'forest_x2.png', 'hud_x2.png', 'spheres_x2.png'])
            for picture in pictures:
                self.assertEqual(png_size(out + picture), (960, 540))

    def test_bands_of_several_peers_are_the_whole(self):
        with Cluster() as cluster:
            for _ in range(2):
                cluster.peer('--slots', '1', device='all')
            for quality in ('fast', 'balanced', 'quality'):
                pictures = []
                for tiles in ('1', '6'):
                    out = os.path.join(cluster.folder, f'{quality}-{tiles}.ppm')
                    text, _ = cluster.cli('upscale', SAMPLES[0], '-o', out, '--quality', quality, '--json', '--psnr',
                                          '--tiles', tiles)
                    pictures.append(ppm(out))
                self.assertEqual(*pictures)
                frame = json_lines(text)[0]
                self.assertTrue(frame['ok'])
                self.assertEqual(frame['tiles'], 6)
                self.assertGreater(frame['psnr_db'], 20)
            words = ('upscale', SAMPLES[0], SAMPLES[2], '-o', cluster.folder, '--tiles', '3', '--repeat', '2')
            text, _ = cluster.cli(*words)
            self.assertEqual(text.count(' 3 bands, '), 4)
            cluster.cli('upscale', SAMPLES[0], '-o', out, '--tiles', '2', '--format', 'jpeg', expect=2)

    def test_bands_wait_for_peers_and_say_why_there_are_none(self):
        with Cluster() as cluster:
            out = os.path.join(cluster.folder, 'a.png')
            words = ('upscale', SAMPLES[0], '-o', out, '--tiles', '2')
            _, said = cluster.cli(*words, '--connect-timeout', '300ms', expect=3)
            self.assertNotIn('deadline', said)
            late = cluster.start_cli(*words, '--json')
            cluster.peer()
            self.assertTrue(json_lines(late.line('{'))[0]['ok'])
            self.assertEqual(late.wait(), 0)

    def test_formats_sizes_and_repeats(self):
        with Cluster('--cache-entries', '0') as cluster:  # or a repeated picture is not computed again
            cluster.peer()
            cluster.peer()
            for name in ('a.jpg', 'b.webp', 'c.ppm', 'd.png'):
                path = os.path.join(cluster.folder, name)
                cluster.cli('upscale', SAMPLES[0], '-o', path, '--scale', '1.5')
                self.assertGreater(os.path.getsize(path), 1000)
                cluster.cli('upscale', path, '-o', os.path.join(cluster.folder, 'again.png'), '--size', '1000x600')
                self.assertEqual(png_size(os.path.join(cluster.folder, 'again.png')), (1000, 600))
            text, _ = cluster.cli('upscale', *SAMPLES, '-o', cluster.folder, '--repeat', '5', '--json')
            frames = [o for o in json_lines(text) if 'summary' not in o]
            self.assertEqual(len(frames), 20)
            self.assertEqual(len({frame['peer'] for frame in frames}), 2, 'both peers take part')

    def test_a_picture_from_a_camera_held_sideways_comes_back_upright(self):
        with Cluster() as cluster:
            cluster.peer()
            straight, sideways = (os.path.join(cluster.folder, name) for name in ('straight.jpg', 'sideways.jpg'))
            cluster.cli('upscale', SAMPLES[2], '-o', straight, '--size', '480x271')
            with open(straight, 'rb') as file:
                data = file.read()
            exif = b'Exif\0\0MM\0*' + struct.pack('>IHHHIHHI', 8, 1, 0x0112, 3, 1, 6, 0, 0)
            with open(sideways, 'wb') as file:
                file.write(data[:2] + b'\xff\xe1' + struct.pack('>H', len(exif) + 2) + exif + data[2:])
            results = []
            for path in (straight, sideways):
                out = path + '.ppm'
                text, _ = cluster.cli('upscale', path, '-o', out, '--quality', 'fast', '--psnr', '--json')
                self.assertGreater(json_lines(text)[0]['psnr_db'], 50)
                results.append(ppm(out))
            (width, height, pixels), (turned_width, turned_height, turned) = results
            self.assertEqual((width, height), (960, 542))
            self.assertEqual((turned_width, turned_height), (542, 960))
            for x, y in ((0, 0), (959, 0), (0, 541), (480, 100), (123, 456)):
                at, to = 3 * (y * width + x), 3 * (x * turned_width + height - 1 - y)
                for channel in range(3):  # bilinear the other way round rounds otherwise
                    self.assertAlmostEqual(pixels[at + channel], turned[to + channel], delta=2, msg=(x, y))

    def test_an_output_that_cannot_be_written_does_not_keep_the_others(self):
        def small_files():  # as where a quota is nearly used up
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (300 << 10, 300 << 10))

        with Cluster() as cluster:
            cluster.peer()
            out = os.path.join(cluster.folder, 'out') + '/'
            result = subprocess.run([os.environ['P2C2R_CLI_EXE'], 'upscale', *SAMPLES, '-o', out, '--json', '--repeat',
                                     '2', '--in-flight', '1', '--coordinator', cluster.url], capture_output=True,
                                    text=True, timeout=120, check=False, preexec_fn=small_files)
            self.assertEqual(result.returncode, 1, result.stderr)
            frames = [o for o in json_lines(result.stdout) if 'summary' not in o]
            self.assertEqual(len(frames), 8)
            kept = {frame['name'].replace('.png', '_x2.png') for frame in frames if frame['ok']}
            self.assertEqual(set(os.listdir(out)), kept)
            self.assertIn('hud_x2.png', kept)
            self.assertNotIn('forest_x2.png', kept)
            self.assertEqual(len(result.stderr.splitlines()), 4 - len(kept), result.stderr)  # each once

    def test_times_add_up(self):
        line = re.compile(r'queue ([\d.]+) \+ transfer ([\d.]+) '
                          r'\+ processing ([\d.]+) \(kernel ([\d.]+)\) = ([\d.]+) ms$')
        last = re.compile(r'4 frames, 4 ok, 0 failed in ([\d.]+) s: ([\d.]+) fps, at most (\d) in flight; ')
        with Cluster() as cluster:
            cluster.peer('--slots', '1')
            for in_flight in (1, 4):
                text, _ = cluster.cli('upscale', *SAMPLES, '-o', cluster.folder, '--in-flight', str(in_flight))
                *lines, summary = text.splitlines()
                wall_s, fps, most = map(float, last.match(summary).groups())
                self.assertEqual(most, in_flight)
                self.assertAlmostEqual(wall_s * fps, 4, delta=0.1 * wall_s + 0.01 * fps)
                totals = []
                for queue, transfer, processing, kernel, total in (map(float, line.search(l).groups()) for l in lines):
                    self.assertAlmostEqual(queue + transfer + processing, total, delta=0.25)
                    self.assertLessEqual(kernel, processing)
                    self.assertLessEqual(total, wall_s * 1000 + 10)
                    totals.append(total)
                if in_flight == 1:  # one after the other: then they do not overlap
                    self.assertLessEqual(sum(totals), wall_s * 1000 + 10)

    def test_status_and_health(self):
        with Cluster() as cluster:
            self.assertEqual(cluster.health()['peers'], 0)
            cluster.cli('can-meet', 'echo', expect=3)
            cluster.cli('echo', '--count', '1', expect=3)
            text, _ = cluster.cli('status', '--json')
            self.assertEqual([(u['type'], u['missing'], u['count']) for u in json_lines(text)[0]['unmet']],
                             [('echo', 'type', 1)])
            cluster.peer()
            text, _ = cluster.cli('can-meet', 'echo', '--deadline', '5s', '--json')
            self.assertTrue(json_lines(text)[0]['can'])
            text, _ = cluster.cli('can-meet', 'echo', '--size', '60MiB', '--deadline', '1ms', '--json', expect=5)
            self.assertEqual(json_lines(text)[0]['code'], 'WouldMissDeadline')
            text, _ = cluster.cli('status', '--json')
            self.assertEqual(json_lines(text)[0]['peers_ready'], 1)
            self.assertEqual(cluster.health()['peers'], 1)

    def test_the_command_line_refuses_what_makes_no_sense(self):
        with Cluster() as cluster:
            cluster.peer()
            broken = os.path.join(cluster.folder, 'broken.png')
            with open(broken, 'wb') as file:
                file.write(b'\x89PNG\r\n\x1a\nnot really')
            cluster.cli('upscale', broken, '-o', cluster.folder + '/x.png', expect=2)
            cluster.cli('upscale', SAMPLES[0], '-o', cluster.folder + '/x.png', '--scale', '9', expect=2)
            with open(SAMPLES[0], 'rb') as file, open(broken, 'wb') as cut:
                cut.write(file.read()[:5000])
            _, errors = cluster.cli('upscale', broken, '-o', cluster.folder + '/x.png', expect=1)
            self.assertEqual(errors, 'p2c2r: broken.png: the picture is damaged: the peer cannot decode it.\n')
            cluster.cli('upscale', SAMPLES[0], '-o', cluster.folder + '/x.png', '--quality', 'divine', expect=2)
            cluster.cli('upscale', *SAMPLES, '-o', cluster.folder + '/x.png', expect=2)
            self.assertFalse(os.path.exists(cluster.folder + '/x.png'))
            cluster.cli('upscale', cluster.folder + '/missing.png', '-o', cluster.folder + '/x.png', expect=2)


if __name__ == '__main__':
    unittest.main(verbosity=0)
