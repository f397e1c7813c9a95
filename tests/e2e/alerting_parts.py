"""What the alerting tests share: Lapwing and Debian's tools as processes, a webhook that remembers."""
import http.server
import json
import pathlib
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

from ports import HttpServer, free_port


def wait_for(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            value = condition()
            if value:
                return value
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


def in_step(compare, attempts=4):
    """Two servers with timers of their own may fall out of step by a flush: what differs each time
    is a difference."""
    for attempt in range(attempts):
        try:
            return compare()
        except AssertionError:
            if attempt == attempts - 1:
                raise
            print("out of step, once more", flush=True)


class Hook:
    """An HTTP server whose .received holds (path, JSON body) of every POST."""

    def __init__(self):
        self.received = []
        received = self.received

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                received.append((self.path, json.loads(body) if body else None))
                self.send_response(200)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *args):
                pass

        self.server = HttpServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Process:
    """A server with an HTTP API; ready when `ready` answers."""

    def __init__(self, folder, name, port, command, ready):
        self.folder, self.name, self.port = pathlib.Path(folder), name, port
        self.command, self.ready = command, ready
        self.process = None

    def start(self):
        with open(self.folder / f"{self.name}.log", "a") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        wait_for(self.name, lambda: self.request("GET", self.ready)[0] == 200)
        return self

    def url(self, path=""):
        return f"http://127.0.0.1:{self.port}{path}"

    def request(self, method, path, body=None, content_type="application/json"):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": content_type} if data is not None else {}
        request = urllib.request.Request(self.url(path), method=method, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def get(self, path):
        status, body = self.request("GET", path)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def kill(self):
        self.process.kill()
        self.process.wait(30)

    def log(self):
        return (self.folder / f"{self.name}.log").read_text()


def lapwing(binary, folder, flags=(), prometheus="{}", name="lapwing"):
    """Lapwing over folder/alertmanager.yml."""
    folder = pathlib.Path(folder)
    port = free_port()
    (folder / f"{name}.yml").write_text(prometheus)
    return Process(folder, name, port, [
        binary, f"--config.file={folder}/{name}.yml",
        f"--alertmanager.config.file={folder}/alertmanager.yml",
        f"--storage.tsdb.path={folder}/{name}-data", f"--web.listen-address=127.0.0.1:{port}",
        *flags], "/-/ready")


def alertmanager(folder, config="alertmanager.yml"):
    port = free_port()
    return Process(folder, "alertmanager", port, [
        "prometheus-alertmanager", f"--config.file={folder}/{config}",
        f"--storage.path={folder}/am-data", f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address="], "/-/ready")


def folder():
    return tempfile.TemporaryDirectory(prefix="lapwing-e2e-")
