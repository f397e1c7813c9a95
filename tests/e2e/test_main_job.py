"""The main job with real parts: a node exporter scraped, rules over its data, a webhook told, promtool as
a client, and kill -9 in the middle.

    test_main_job.py PATH/TO/lapwing
"""
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

from ports import HttpServer, free_port

LAPWING = sys.argv[1]
RULES = """
groups:
- name: unit
  rules:
  - {record: 'job:up:sum', expr: 'sum by (job) (up)'}
  - alert: TargetDown
    expr: up == 0
    for: 1s
    labels: {severity: page}
    annotations: {summary: '{{ $labels.instance }} is down ({{ $value | humanizePercentage }})'}
"""


class Webhook(http.server.BaseHTTPRequestHandler):
    received = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Webhook.received.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


def wait_for(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            value = condition()
            if value:
                return value
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


class Server:
    def __init__(self, folder, flags):
        self.folder, self.flags = folder, flags
        self.port = free_port()
        self.process = None

    def start(self):
        log = open(self.folder / "log", "a")
        self.process = subprocess.Popen(
            [LAPWING, f"--config.file={self.folder}/prometheus.yml",
             f"--alertmanager.config.file={self.folder}/alertmanager.yml",
             f"--storage.tsdb.path={self.folder}/data", f"--web.listen-address=127.0.0.1:{self.port}",
             *self.flags], stderr=log)
        wait_for("ready", lambda: self.get("/-/ready"))

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path):
        with urllib.request.urlopen(self.url(path), timeout=10) as answer:
            return answer.read().decode()

    def post(self, path):
        request = urllib.request.Request(self.url(path), method="POST", data=b"")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def query(self, expression):
        answer = json.loads(self.get("/api/v1/query?query=" + urllib.parse.quote(expression)))
        return {tuple(sorted(s["metric"].items())): s["value"][1] for s in answer["data"]["result"]}

    def stop(self, number):
        self.process.send_signal(number)
        return self.process.wait(30)


def write_configuration(folder, exporter_port, webhook_port):
    (folder / "rules.yml").write_text(RULES)
    (folder / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {"job_name": "node", "static_configs": [{"targets": [f"127.0.0.1:{exporter_port}"]}]},
            {"job_name": "gone", "static_configs": [{"targets": ["127.0.0.1:1"]}]},
            {"job_name": "files", "file_sd_configs": [{"files": [str(folder / "targets*.json")]}]},
        ]}))
    (folder / "alertmanager.yml").write_text(json.dumps({
        "route": {"receiver": "hook", "group_by": ["alertname"], "group_wait": "1s",
                  "group_interval": "1s", "repeat_interval": "1h"},
        "receivers": [{"name": "hook", "webhook_configs": [
            {"url": f"http://127.0.0.1:{webhook_port}/hook"}]}]}))


def check_queries(server):
    up = wait_for("scraped", lambda: (r := server.query("up")) and len(r) >= 2 and r)
    assert sorted(up.values()) == ["0", "1"], up
    wait_for("rule", lambda: server.query('job:up:sum{job="node"} == 1'))
    assert len(server.query("node_cpu_seconds_total")) >= 2
    out = subprocess.run(["promtool", "query", "instant", server.url(""), "count(up)"],
                         capture_output=True, text=True, check=True).stdout
    assert "=> 2" in out, out


def check_bad_reload(server, folder):
    good = (folder / "prometheus.yml").read_text()
    (folder / "prometheus.yml").write_text("scrape_configs:\n- job_name: x\n  scrape_intervall: 1s\n")
    status, text = server.post("/-/reload")
    assert status == 500 and "prometheus.yml:3:" in text, (status, text)
    assert "lapwing_config_last_reload_successful 0" in server.get("/metrics")
    assert '"job_name": "node"' in json.loads(server.get("/api/v1/status/config"))["data"]["yaml"]
    (folder / "prometheus.yml").write_text(good)
    assert server.post("/-/reload")[0] == 200


def check_files(server, folder, port):
    (folder / "targets.json").write_text(json.dumps(
        [{"targets": [f"127.0.0.1:{port}"], "labels": {"from": "file"}}]))
    wait_for("file target", lambda: server.query('up{from="file"} == 1'))


def check_webhook():
    payload = wait_for("webhook", lambda: Webhook.received and Webhook.received[0])
    assert payload["version"] == "4" and payload["status"] == "firing", payload
    alert = payload["alerts"][0]
    assert alert["labels"]["alertname"] == "TargetDown", payload
    assert alert["annotations"]["summary"] == "127.0.0.1:1 is down (0%)", payload


def check_kill(server):
    before = json.loads(server.get("/api/v1/alerts"))["data"]["alerts"][0]
    counted = int(list(server.query('count_over_time(up{job="node"}[1h])').values())[0])
    time.sleep(2)
    server.stop(signal.SIGKILL)
    server.start()
    after = json.loads(server.get("/api/v1/alerts"))["data"]["alerts"][0]
    assert after["activeAt"] == before["activeAt"] and after["state"] == "firing", (before, after)
    now = int(list(server.query('count_over_time(up{job="node"}[1h])').values())[0])
    assert now >= counted, (counted, now)
    time.sleep(3)
    firing = [p for p in Webhook.received if p["status"] == "firing"]
    assert len(firing) == 1, f"told {len(firing)} times"


def check_closed_files(folder):
    """Started without standard input, output and error, nothing of the log gets into the store's files."""
    port, data = free_port(), folder / "closed"
    command = [LAPWING, f"--storage.path={data}", f"--web.listen-address=127.0.0.1:{port}"]
    process = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command])
    wait_for("ready", lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5).close() or True)
    process.terminate()
    assert process.wait(30) == 0
    for path in data.rglob("*"):
        assert not path.is_file() or b"level=info" not in path.read_bytes(), path


def check_flags(folder):
    for flag, text, status in (("--web.max-connections=0", "expected 1 to 1000000, got 0", 1),
                               ("--query.max-concurrency=5000000000", "expected at most 4294967295", 1),
                               ("--web.external-url=http:///x", "expected http://HOST/PATH or /PATH", 1),
                               ("--web.external-url=ftp://box/", "expected http://HOST/PATH or /PATH", 1),
                               ("--web.listen-address=127.0.0.1:9", "--web.listen-address cannot be repeated", 2),
                               ("--config.file=/nonexistent.yml", "/nonexistent.yml", 1)):
        done = subprocess.run([LAPWING, f"--storage.path={folder}/flags", "--web.listen-address=127.0.0.1:0", flag],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status and text in done.stderr, (flag, done)
        assert done.stderr.count("\n") == 1, (flag, done)
    port = free_port()
    server = subprocess.Popen([LAPWING, f"--storage.path={folder}/flags", f"--web.listen-address=127.0.0.1:{port}",
                               "--web.external-url=box"], stderr=subprocess.DEVNULL)
    wait_for("ready below the path", lambda: urllib.request.urlopen(
        f"http://127.0.0.1:{port}/box/-/ready", timeout=5).close() or True)
    server.terminate()
    assert server.wait(30) == 0


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lapwing-e2e-"))
    webhook = HttpServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=webhook.serve_forever, daemon=True).start()
    exporter_port = free_port()
    exporter = subprocess.Popen(["prometheus-node-exporter",
                                 f"--web.listen-address=127.0.0.1:{exporter_port}"],
                                stderr=subprocess.DEVNULL)
    write_configuration(folder, exporter_port, webhook.server_address[1])
    server = Server(folder, ["--web.enable-lifecycle"])
    try:
        server.start()
        check_queries(server)
        check_webhook()
        check_bad_reload(server, folder)
        check_files(server, folder, exporter_port)
        check_kill(server)
        assert server.stop(signal.SIGTERM) == 0
        check_closed_files(folder)
        check_flags(folder)
    except BaseException:
        print((folder / "log").read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        exporter.kill()
        if server.process.poll() is None:
            server.process.kill()
    shutil.rmtree(folder)
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
