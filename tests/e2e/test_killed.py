"""kill -9 in the moments after a receiver has answered: nobody is told twice, and nobody is left out.

    /usr/bin/python3 tests/e2e/test_killed.py BINARY [kills]

The disk is slow: fdatasync() takes 50 ms, by a library that is loaded in front. A receiver takes a notification,
answers, and kills Lapwing 5 to 35 ms later: time to read the answer, but not to write state. After each restart
the same alert goes on firing, and nothing more may come for it; the end of all is told once each.
"""
import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from alerting_parts import free_port, wait_for
from ports import HttpServer

LAPWING = sys.argv[1]
KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 6

SLOW_DISK = """
#include <time.h>
#include <sys/syscall.h>
#include <unistd.h>
int fdatasync(int fd)
{
    const struct timespec pause = {0, 50000000};
    nanosleep(&pause, 0);
    return (int)syscall(SYS_fdatasync, fd);
}
"""

PROMETHEUS = "global: {}\n"
ALERTMANAGER = """
route: {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers:
- name: hook
  webhook_configs:
  - url: http://127.0.0.1:%d/
"""


class Hook(http.server.BaseHTTPRequestHandler):
    told = []  # (status, name, id)
    kill = None  # (process id, pause in seconds)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = body["groupLabels"]["alertname"]
        Hook.told.append((body["status"], name, self.headers["Idempotency-Key"]))
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        target, Hook.kill = Hook.kill, None
        self.request.sendall(answer)
        if target:
            time.sleep(target[1])
            os.kill(target[0], signal.SIGKILL)

    def log_message(self, *args):
        pass


def start(folder, port):
    process = subprocess.Popen(
        [LAPWING, f"--config.file={folder}/prometheus.yml",
         f"--alertmanager.config.file={folder}/alertmanager.yml", f"--storage.tsdb.path={folder}/data",
         f"--web.listen-address=127.0.0.1:{port}"], stderr=open(folder / "log", "a"),
        env={**os.environ, "LD_PRELOAD": str(folder / "slow.so"), "ASAN_OPTIONS": "verify_asan_link_order=0"})
    wait_for("up", lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5))
    return process


def post(port, name, **times):
    alert = {"labels": {"alertname": name}, **times}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v2/alerts", data=json.dumps([alert]).encode(),
                                     headers={"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=5).read()
    except OSError:
        pass  # it died while it answered


def run(folder):
    hook = HttpServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    port = free_port()
    (folder / "prometheus.yml").write_text(PROMETHEUS)
    (folder / "alertmanager.yml").write_text(ALERTMANAGER % hook.server_address[1])
    (folder / "slow.c").write_text(SLOW_DISK)
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", folder / "slow.c", "-o", folder / "slow.so"], check=True)
    names = [f"A{i}" for i in range(KILLS)]
    process = start(folder, port)
    try:
        for i, name in enumerate(names):
            Hook.kill = (process.pid, 0.005 + 0.03 * i / KILLS)
            post(port, name)
            process.wait(10)
            process = start(folder, port)
            post(port, name)
        time.sleep(2.5)  # a flush of each group, and whatever waits
        repeats = [t for t in set(Hook.told) if Hook.told.count(t) > 1]
        assert sorted(t[1] for t in Hook.told) == sorted(names), (repeats, Hook.told)
        for name in names:
            post(port, name, endsAt=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        wait_for("the ends", lambda: len(Hook.told) == 2 * KILLS)
        assert sorted(t[1] for t in Hook.told if t[0] == "resolved") == sorted(names), Hook.told
        assert len({t[2] for t in Hook.told}) == 2 * KILLS, Hook.told
    except BaseException:
        print((folder / "log").read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        process.kill()
        process.wait()


with tempfile.TemporaryDirectory() as name:
    run(pathlib.Path(name))
print("ok")
