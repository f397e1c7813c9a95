"""What the tests of the HTTP side share: servers on free ports, and requests."""
import http.client
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.parse

from ports import free_port


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    """A server in a folder of its own; `arguments` follow the binary's path."""

    def __init__(self, name, arguments, port, prefix="", scheme="http"):
        self.name, self.port, self.prefix = name, port, prefix
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-"))
        self.arguments = [str(a).replace("FOLDER", str(self.folder)) for a in arguments]
        self.process = None
        self.scheme = scheme

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def start(self, wait=True):
        log = open(self.folder / "log", "a")
        self.process = subprocess.Popen(self.arguments, stderr=log, stdout=log, cwd=self.folder)
        deadline = time.monotonic() + 30
        while wait:
            try:
                if self.call("GET", self.prefix + "/-/ready").status == 200:
                    break
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self.name} does not start:\n" + self.log())
            time.sleep(0.05)
        return self

    def log(self):
        return (self.folder / "log").read_text()

    def call(self, method, target, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, target, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **params):
        query = urllib.parse.urlencode(params, doseq=True)
        return self.call("GET", self.prefix + path + ("?" + query if query else ""))

    def post(self, path, **params):
        return self.call("POST", self.prefix + path, urllib.parse.urlencode(params, doseq=True),
                         {"Content-Type": "application/x-www-form-urlencoded"})

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        status = self.process.returncode if self.process else 0
        shutil.rmtree(self.folder, ignore_errors=True)
        return status


def lapwing(binary, *flags, config=None):
    port = free_port()
    server = Server("lapwing", [binary, "--storage.path=FOLDER/data",
                                f"--web.listen-address=127.0.0.1:{port}", *flags], port)
    if config is not None:
        server.write("prometheus.yml", config)
        server.arguments.append(f"--config.file={server.folder}/prometheus.yml")
    return server


def prometheus(*flags, config="global: {}\n"):
    port = free_port()
    server = Server("prometheus", ["prometheus", "--storage.tsdb.path=FOLDER/data",
                                   "--config.file=FOLDER/prometheus.yml",
                                   f"--web.listen-address=127.0.0.1:{port}", *flags], port)
    server.write("prometheus.yml", config)
    return server


def wait_for(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


def varint(value):
    out = b""
    value &= (1 << 64) - 1
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, kind, payload):
    if kind == 2:
        return varint(number << 3 | 2) + varint(len(payload)) + payload
    return varint(number << 3 | kind) + payload


def write_request(series):
    """[(labels, [(t_ms, value)])] as a remote write message, compressed."""
    import snappy
    import struct
    message = b""
    for labels, samples in series:
        body = b""
        for name, value in sorted(labels.items()):
            body += field(1, 2, field(1, 2, name.encode()) + field(2, 2, value.encode()))
        for t_ms, value in samples:
            body += field(2, 2, field(1, 1, struct.pack("<d", value)) + field(2, 0, varint(t_ms)))
        message += field(1, 2, body)
    return snappy.compress(message)


def remote_write(server, series):
    answer = server.call("POST", server.prefix + "/api/v1/write", write_request(series),
                         {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
                          "X-Prometheus-Remote-Write-Version": "0.1.0"})
    assert answer.status in (200, 204), (server.name, answer.status, answer.text)
