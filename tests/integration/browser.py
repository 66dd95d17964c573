"""A headless Chromium driven over WebDriver (W3C) by plain HTTP, and a static server for its pages. Standard
library only."""
import functools
import http.client
import http.server
import json
import os
import shutil
import threading

from cluster import Program

ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'  # the key the standard gives references to elements


def installed():
    return shutil.which('chromedriver') and (shutil.which('chromium') or shutil.which('google-chrome'))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Pages:
    """Serves a folder on loopback, as `python3 -m http.server` does."""

    def __init__(self, folder):
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=folder))
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Browser:
    """with Browser(folder) as b: one window. Every name ending in .test leads to this machine."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        self.driver = Program('chromedriver', self.folder, 'chromedriver', '--port=0')
        self.port = int(self.driver.line('ChromeDriver was started successfully on port ').rstrip('.').split()[-1])
        options = {'binary': shutil.which('chromium') or shutil.which('google-chrome'), 'args': [
            '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
            '--disable-background-networking', '--disable-extensions', '--window-size=1000,900',
            '--host-resolver-rules=MAP *.test 127.0.0.1', f'--user-data-dir={os.path.join(self.folder, "chromium")}']}
        try:
            answer = self.ask('POST', '', {'capabilities': {'alwaysMatch': {'goog:chromeOptions': options}}}, '')
            self.session = '/' + answer['sessionId']
        except BaseException:
            self.driver.kill()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.ask('DELETE', '')
        finally:
            self.driver.process.terminate()
            self.driver.wait()
            self.driver.log.close()

    def ask(self, method, path, body=None, session=None):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        text = json.dumps(body if body is not None else {}) if method == 'POST' else None
        connection.request(method, '/session' + (self.session if session is None else session) + path, text,
                           {'Content-Type': 'application/json'})
        with connection.getresponse() as response:
            value = json.load(response)['value']
        connection.close()
        assert response.status == 200, f'{method} {path}: {value}'
        return value

    def go(self, url):
        self.ask('POST', '/url', {'url': url})

    def run(self, script, *arguments):
        return self.ask('POST', '/execute/sync', {'script': script, 'args': list(arguments)})

    def run_async(self, script, *arguments):
        """The script calls its last argument with what it has to say."""
        return self.ask('POST', '/execute/async', {'script': script, 'args': list(arguments)})

    def find(self, selector):
        return self.ask('POST', '/element', {'using': 'css selector', 'value': selector})[ELEMENT]

    def type(self, selector, text):
        """Into an input; for one of files, a path."""
        self.ask('POST', f'/element/{self.find(selector)}/value', {'text': text})

    def click(self, selector):
        self.ask('POST', f'/element/{self.find(selector)}/click')

    def text(self, selector):
        return self.ask('GET', f'/element/{self.find(selector)}/text')

    def shown(self, selector):
        return self.ask('GET', f'/element/{self.find(selector)}/displayed')

    def complaints(self):
        """Errors in the console, those of connections apart: they are part of the story."""
        return [entry['message'] for entry in self.ask('POST', '/se/log', {'type': 'browser'})
                if entry['level'] == 'SEVERE' and 'WebSocket connection' not in entry['message']]
