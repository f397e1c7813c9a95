"""Alerts sent to Alertmanagers that prometheus.yml names: a real one behind a path prefix and basic
auth, found through a file, and a recorder with a bearer token; and this process' own routing as well.

    test_alertmanagers.py PATH/TO/lapwing
"""
import http.server
import json
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from ports import HttpServer, free_port

LAPWING = sys.argv[1]
# The password is "secret".
WEB_CONFIG = "basic_auth_users:\n  lapwing: $2b$04$vDljfftzWbiMVHn23V7XWuwnIE6nuzXFPodwwtiGH7Am7p/xAxEbe\n"
RULES = """
groups:
- name: g
  rules:
  - alert: AlwaysOn
    expr: vector(7) > 5
    labels: {severity: page, secret: hidden}
    annotations: {summary: 'value {{ $value }}'}
  - {alert: NotForThem, expr: vector(1), labels: {severity: info}}
"""


def wait_for(what, condition, seconds=40):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            value = condition()
            if value:
                return value
        except (OSError, subprocess.CalledProcessError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


class Recorder(http.server.BaseHTTPRequestHandler):
    received = []  # (path, authorization, content type, body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Recorder.received.append((self.path, self.headers.get("Authorization"),
                                  self.headers["Content-Type"], json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


def recorder():
    server = HttpServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read().decode()


def start_alertmanager(folder, port):
    (folder / "peer.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    (folder / "web.yml").write_text(WEB_CONFIG)
    return subprocess.Popen(
        ["prometheus-alertmanager", f"--config.file={folder}/peer.yml",
         f"--storage.path={folder}/peer", f"--web.listen-address=127.0.0.1:{port}",
         "--web.route-prefix=/am", "--cluster.listen-address=", f"--web.config.file={folder}/web.yml"],
        stderr=open(folder / "peer.log", "w"))


def write_configuration(folder, hook, peer):
    (folder / "rules.yml").write_text(RULES)
    (folder / "token").write_text("token-1\n")
    (folder / "ams.json").write_text(json.dumps([{"targets": [f"127.0.0.1:{peer}"]}]))
    (folder / "prometheus.yml").write_text(json.dumps({
        "global": {"evaluation_interval": "1s", "external_labels": {"cluster": "edge"}},
        "rule_files": ["rules.yml"],
        "alerting": {
            "alert_relabel_configs": [{"regex": "secret", "action": "labeldrop"}],
            "alertmanagers": [
                {"path_prefix": "/am/", "timeout": "5s",
                 "basic_auth": {"username": "lapwing", "password": "secret"},
                 "file_sd_configs": [{"files": ["ams*.json"]}]},
                {"scheme": "http", "authorization": {"credentials_file": "token"},
                 "static_configs": [{"targets": [f"127.0.0.1:{hook}", "gone:1"]}],
                 "relabel_configs": [
                     {"source_labels": ["__address__"], "regex": "gone:1", "action": "drop"}],
                 "alert_relabel_configs": [
                     {"source_labels": ["severity"], "regex": "info", "action": "drop"},
                     {"target_label": "via", "replacement": "set2"}]},
            ]}}))
    (folder / "alertmanager.yml").write_text(json.dumps({
        "route": {"receiver": "own", "group_by": ["..."], "group_wait": "0s"},
        "receivers": [{"name": "own", "webhook_configs": [
            {"url": f"http://127.0.0.1:{hook}/own"}]}]}))


def check_recorder():
    path, authorization, content_type, alerts = wait_for(
        "the second set", lambda: [r for r in Recorder.received if r[0] == "/api/v2/alerts"])[0]
    assert authorization == "Bearer token-1", authorization
    assert content_type == "application/json", content_type
    assert len(alerts) == 1, alerts
    alert = alerts[0]
    assert set(alert) == {"annotations", "endsAt", "startsAt", "generatorURL", "labels"}, alert
    assert alert["labels"] == {"alertname": "AlwaysOn", "cluster": "edge", "severity": "page",
                               "via": "set2"}, alert
    assert alert["annotations"] == {"summary": "value 7"}, alert
    assert alert["generatorURL"].endswith("/graph?g0.expr=vector%287%29+%3E+5&g0.tab=1"), alert
    assert alert["startsAt"] < alert["endsAt"] and alert["endsAt"].endswith("Z"), alert


def check_own():
    payloads = wait_for("own routing", lambda: (
        r := [b for p, _, _, b in Recorder.received if p == "/own"]) and len(r) >= 2 and r)
    names = {p["alerts"][0]["labels"]["alertname"] for p in payloads}
    assert names == {"AlwaysOn", "NotForThem"}, names
    assert all(p["commonLabels"]["cluster"] == "edge" for p in payloads), payloads
    assert all("secret" not in p["commonLabels"] for p in payloads), payloads


def check_peer(folder, port, peer):
    url = f"http://127.0.0.1:{peer}/am/api/v2/alerts"
    status = wait_for("discovered", lambda: (
        s := json.loads(get(port, "/api/v1/alertmanagers"))["data"]) and
        len(s["activeAlertmanagers"]) == 2 and s)
    assert {"url": url} in status["activeAlertmanagers"], status
    assert [d["url"] for d in status["droppedAlertmanagers"]] == ["http://gone:1/api/v2/alerts"], status
    out = json.loads(wait_for("amtool sees it", lambda: (
        o := subprocess.run(["amtool", f"--alertmanager.url=http://lapwing:secret@127.0.0.1:{peer}/am",
                             "alert", "query", "-o", "json"], capture_output=True, text=True,
                            check=True).stdout) and "AlwaysOn" in o and o))
    alert = next(a for a in out if a["labels"]["alertname"] == "AlwaysOn")
    assert alert["labels"] == {"alertname": "AlwaysOn", "cluster": "edge", "severity": "page"}, alert
    metrics = get(port, "/metrics")
    assert f'lapwing_notifications_sent_total{{alertmanager="{url}"}}' in metrics, metrics
    assert "lapwing_notifications_alertmanagers_discovered 2" in metrics
    assert "lapwing_notifications_dropped_total 0" in metrics
    (folder / "ams.json").unlink()
    wait_for("gone with its file", lambda: url not in get(port, "/api/v1/alertmanagers"))


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        port, peer = free_port(), free_port()
        write_configuration(folder, recorder(), peer)
        alertmanager = start_alertmanager(folder, peer)
        wait_for("the Alertmanager", lambda: socket.create_connection(("127.0.0.1", peer), 1).close()
                 or True)
        server = subprocess.Popen(
            [LAPWING, f"--config.file={folder}/prometheus.yml",
             f"--alertmanager.config.file={folder}/alertmanager.yml",
             f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"],
            stderr=open(folder / "log", "w"))
        try:
            wait_for("ready", lambda: get(port, "/-/ready"))
            check_recorder()
            check_own()
            check_peer(folder, port, peer)
            server.send_signal(signal.SIGTERM)
            assert server.wait(20) == 0
        except BaseException:
            print((folder / "log").read_text()[-4000:], file=sys.stderr)
            print((folder / "peer.log").read_text()[-2000:], file=sys.stderr)
            raise
        finally:
            for process in (server, alertmanager):
                if process.poll() is None:
                    process.kill()
                process.wait()
    print("ok")


main()
