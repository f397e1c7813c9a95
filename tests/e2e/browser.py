"""A headless Chromium, driven by its debugging protocol over a websocket of our own."""
import base64
import http.client
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time


def find():
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page:
    def __init__(self, url):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lapwing-browser-"))
        self.process = subprocess.Popen(
            [find(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-extensions", "--disable-background-networking", "--remote-debugging-port=0",
             "--window-size=1280,900", f"--user-data-dir={self.folder}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.errors = []
        self.sequence = 0
        self.socket = self.connect()
        self.call("Runtime.enable")
        self.call("Log.enable")
        self.go(url)

    def connect(self):
        deadline = time.monotonic() + 60
        port_file = self.folder / "DevToolsActivePort"
        while not (port_file.exists() and port_file.read_text().count("\n")):
            assert time.monotonic() < deadline, "chromium does not start"
            time.sleep(0.1)
        port = int(port_file.read_text().split("\n")[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/json/list")
        target = next(t for t in json.loads(connection.getresponse().read()) if t["type"] == "page")
        path = target["webSocketDebuggerUrl"].split(str(port), 1)[1]
        s = socket.create_connection(("127.0.0.1", port), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        s.sendall((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += s.recv(1)
        assert b"101" in head.split(b"\r\n")[0], head
        return s

    def take(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            assert piece, "chromium is gone"
            data += piece
        return data

    def receive(self):
        text = b""
        while True:
            first, length = struct.unpack("!BB", self.take(2))
            if length == 126:
                length = struct.unpack("!H", self.take(2))[0]
            elif length == 127:
                length = struct.unpack("!Q", self.take(8))[0]
            text += self.take(length)
            if first & 0x80:
                return json.loads(text)

    def send(self, message):
        data = json.dumps(message).encode()
        head = struct.pack("!BBH", 0x81, 0x80 | 126, len(data)) if len(data) < 65536 else struct.pack(
            "!BBQ", 0x81, 0x80 | 127, len(data))
        self.socket.sendall(head + b"\0\0\0\0" + data)  # a mask of zeros is a mask

    def call(self, method, **params):
        self.sequence += 1
        self.send({"id": self.sequence, "method": method, "params": params})
        while True:
            message = self.receive()
            if message.get("method") == "Runtime.exceptionThrown":
                details = message["params"]["exceptionDetails"]
                self.errors.append(details.get("exception", {}).get("description") or details["text"])
            if message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
                self.errors.append(message["params"]["entry"]["text"])
            if message.get("id") == self.sequence:
                assert "error" not in message, message
                return message["result"]

    def go(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def run(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, (script, result)
        return result["result"].get("value")

    def wait(self, script, seconds=20):
        """Until the expression is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = self.run(f"(() => {{ try {{ return !!({script}); }} catch {{ return false; }} }})()")
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"never true: {script}\n" + (self.run("document.body.innerText") or ""))

    def wait_text(self, text):
        return self.wait(f"document.body.innerText.includes({json.dumps(text)})")

    def type(self, label, text):
        """Into the input whose label or placeholder this is."""
        self.run(f"""(() => {{
            const wanted = {json.dumps(label)};
            const input = [...document.querySelectorAll('input')].find((i) => i.ariaLabel === wanted ||
                i.closest('label')?.innerText.trim() === wanted);
            const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
            set.call(input, {json.dumps(text)});
            input.dispatchEvent(new Event('input', {{bubbles: true}}));
        }})()""")

    def click(self, text):
        """The first button or link of this text."""
        self.wait(f"""[...document.querySelectorAll('button, a')].filter((e) => e.innerText.trim() === {json.dumps(text)})
            .slice(0, 1).map((e) => (e.click(), true))[0]""")

    def screenshot(self, path):
        image = self.call("Page.captureScreenshot", format="png")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(image))

    def close(self):
        self.process.kill()
        self.process.wait()
        self.socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)
