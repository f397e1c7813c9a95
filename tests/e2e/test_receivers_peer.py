"""The same alerts, the same alertmanager.yml, here and in Debian's prometheus-alertmanager: what a webhook,
Slack, PagerDuty, OpsGenie and Telegram are sent is compared field by field, times and addresses apart.

Lapwing's rules make the alerts: its own routing gets them, and the peer as an Alertmanager of
prometheus.yml.

    test_receivers_peer.py PATH/TO/lapwing
"""
import copy
import http.server
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from alerting_parts import in_step
from ports import HttpServer, free_port

LAPWING = sys.argv[1]
TEMPLATES = """
{{ define "my.title" }}{{ range $i, $a := .Alerts }}{{ if $i }}; {{ end }}{{ $a.Labels.disk }}={{ $a.Annotations.value }}{{ end }}{{ end }}
{{ define "my.details" }}{{ with .CommonLabels.Remove (stringSlice "alertname") }}{{ range .SortedPairs }}{{ .Name | toUpper }}: {{ .Value | printf "%q" }}{{ end }}{{ end }}{{ end }}
"""


def wait_for(what, condition, seconds=60):
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


class Recorder:
    """Answers everybody and keeps (method, path, what authorizes, body)."""

    def __init__(self):
        self.received = received = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                received.append((self.command, self.path, self.headers.get("Authorization"),
                                 json.loads(body)))
                self.send_response(200)
                plain = self.path.startswith("/slack")
                self.send_header("Content-Type", "text/plain" if plain else "application/json")
                self.end_headers()
                self.wfile.write(b"ok" if plain else b'{"ok": true, "result": {"message_id": 1, '
                                 b'"date": 1, "chat": {"id": 1, "type": "private"}}}')

            do_PUT = do_POST

            def log_message(self, *args):
                pass

        server = HttpServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"

    def of(self, prefix):
        return [r for r in self.received if r[1].startswith(prefix)]


def alertmanager_yml(url):
    return json.dumps({
        "templates": ["*.tmpl"],
        "route": {"receiver": "team.all", "group_by": ["alertname"], "group_wait": "2s",
                  "group_interval": "2s", "repeat_interval": "1h"},
        "receivers": [{
            "name": "team.all",
            "webhook_configs": [{"url": f"{url}/hook"},
                                {"url": f"{url}/short", "max_alerts": 1,
                                 "http_config": {"authorization": {"credentials": "t"}}}],
            "slack_configs": [
                {"api_url": f"{url}/slack/a", "channel": "#a", "send_resolved": True},
                {"api_url": f"{url}/slack/b", "channel": "#{{ .CommonLabels.severity }}",
                 "send_resolved": True, "color": "{{ if eq .Status \"firing\" }}#f00{{ end }}",
                 "title": "{{ template \"my.title\" . }}", "text": "{{ template \"my.details\" . }}",
                 "pretext": "{{ len .Alerts.Firing }}/{{ len .Alerts.Resolved }}", "short_fields": True,
                 "icon_emoji": ":x:", "icon_url": "http://i", "link_names": True, "footer": "f",
                 "image_url": "http://i", "thumb_url": "http://t", "mrkdwn_in": ["text"],
                 "fields": [{"title": "A", "value": "{{ .GroupLabels.alertname }}"},
                            {"title": "B", "value": "b", "short": False}],
                 "actions": [{"type": "button", "text": "Go", "url": "http://x", "style": "danger"},
                             {"type": "button", "text": "Ask", "name": "n", "value": "v", "confirm": {
                                 "text": "t", "title": "T", "ok_text": "y", "dismiss_text": "n"}}]}],
            "pagerduty_configs": [{
                "routing_key": "pd", "url": f"{url}/pagerduty", "severity": "warning",
                "class": "c", "component": "k", "group": "{{ .CommonLabels.severity }}",
                "details": {"firing": "x", "resolved": "y", "num_firing": "n", "num_resolved": "m",
                            "mine": "{{ template \"my.title\" . }}"},
                "links": [{"href": "http://l", "text": "L"}],
                "images": [{"src": "http://s", "alt": "S", "href": "http://h"}]}],
            "opsgenie_configs": [{
                "api_key": "og", "api_url": f"{url}/opsgenie/", "tags": "x,y", "priority": "P1",
                "note": "n", "entity": "e", "actions": "a,b", "details": {"k": "{{ .Status }}"},
                "responders": [{"name": "ops", "type": "team"}], "update_alerts": True}],
            "telegram_configs": [{
                "api_url": f"{url}/telegram", "bot_token": "tok", "chat_id": -7,
                "message": "<b>{{ .CommonLabels.alertname }}</b> {{ range .Alerts }}{{ .Annotations.text }}{{ end }}",
                "parse_mode": "HTML", "disable_notifications": True}],
        }]})


def write_configuration(folder, peer, ours, theirs, target):
    (folder / "rules.yml").write_text("""
groups:
- name: g
  rules:
  - alert: Disk
    expr: disk_used > 90
    labels: {severity: page}
    annotations: {value: '{{ $value }}', text: '{{ $labels.disk }} <full> & "more"'}
""")
    (folder / "my.tmpl").write_text(TEMPLATES)
    (folder / "ours.yml").write_text(alertmanager_yml(ours))
    (folder / "theirs.yml").write_text(alertmanager_yml(theirs))
    (folder / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{peer}"]}]}]},
        "scrape_configs": [{"job_name": "t", "static_configs": [{"targets": [target]}]}]}))


class Disks(http.server.BaseHTTPRequestHandler):
    used = {"sda": 91.5, "sdb": 97}

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        for disk, value in Disks.used.items():
            self.wfile.write(f'disk_used{{disk="{disk}"}} {value}\n'.encode())

    def log_message(self, *args):
        pass


def normal(value, url):
    """Without what must differ: times, addresses, and what the peer is too old to know."""
    if isinstance(value, dict):
        value = {k: normal(v, url) for k, v in value.items()}
        for key in ("startsAt", "endsAt"):
            if key in value:
                value[key] = value[key][:4] == "0001"
        return value
    if isinstance(value, list):
        return [normal(v, url) for v in value]
    if isinstance(value, str):
        value = value.replace(url, "URL")
        return re.sub(r"http://[^/\s]+:\d+", "HOST", value)
    return value


def differ(where, ours, theirs):
    """Names every leaf that differs."""
    if type(ours) is type(theirs) and isinstance(ours, (dict, list)):
        keys = sorted({*ours, *theirs}) if isinstance(ours, dict) else range(max(len(ours), len(theirs)))
        for key in keys:
            pick = (lambda v: v.get(key)) if isinstance(ours, dict) else \
                (lambda v: v[key] if key < len(v) else None)
            differ(f"{where}.{key}", pick(ours), pick(theirs))
    elif ours != theirs:
        print(f"{where}: here {ours!r}, there {theirs!r}", file=sys.stderr)


def compare(what, prefix, ours, theirs):
    def texts(recorder):
        out = []
        for method, path, authorization, body in recorder.of(prefix):
            out.append((method, path, authorization, normal(copy.deepcopy(body), recorder.url)))
        return sorted(out, key=lambda r: json.dumps(r, sort_keys=True))
    a, b = texts(ours), texts(theirs)
    if a != b:
        for x, y in zip(a, b):
            if x != y:
                differ(f"{what} {x[1]}", list(x), list(y))
        print(f"{what}: {len(a)} requests here, {len(b)} there", file=sys.stderr)
    return a == b


def run(folder):
    ours, theirs = Recorder(), Recorder()
    target = HttpServer(("127.0.0.1", 0), Disks)
    threading.Thread(target=target.serve_forever, daemon=True).start()
    peer, port = free_port(), free_port()
    write_configuration(folder, peer, ours.url, theirs.url, f"127.0.0.1:{target.server_port}")
    alertmanager = subprocess.Popen(
        ["prometheus-alertmanager", f"--config.file={folder}/theirs.yml",
         f"--storage.path={folder}/peer", f"--web.listen-address=127.0.0.1:{peer}",
         "--cluster.listen-address="], stderr=open(folder / "peer.log", "w"))
    wait_for("the peer", lambda: socket.create_connection(("127.0.0.1", peer), 1).close() or True)
    server = subprocess.Popen(
        [LAPWING, f"--config.file={folder}/prometheus.yml",
         f"--alertmanager.config.file={folder}/ours.yml", f"--storage.tsdb.path={folder}/data",
         f"--web.listen-address=127.0.0.1:{port}"], stderr=open(folder / "log", "w"))
    kinds = {"webhook": "/hook", "max_alerts": "/short", "slack": "/slack/a", "slack, all of it": "/slack/b",
             "pagerduty": "/pagerduty", "opsgenie": "/opsgenie", "telegram": "/telegram"}
    try:
        for count, used in ((1, {"sda": 91.5, "sdb": 97}), (2, {"sda": 1, "sdb": 2})):
            Disks.used = used
            for side, recorder in (("here", ours), ("there", theirs)):
                wait_for(f"all told {side}, {count}", lambda: all(
                    len(recorder.of(p)) >= count for p in kinds.values()))
            time.sleep(1)
        same = [compare(what, prefix, ours, theirs) for what, prefix in kinds.items()]
        assert all(same), same
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    except BaseException:
        print((folder / "log").read_text()[-3000:], file=sys.stderr)
        print((folder / "peer.log").read_text()[-2000:], file=sys.stderr)
        raise
    finally:
        for process in (server, alertmanager):
            if process.poll() is None:
                process.kill()
            process.wait()


def main():
    Disks.used = {"sda": 91.5, "sdb": 97}
    with tempfile.TemporaryDirectory() as name:
        run(pathlib.Path(name))
    print("ok")


in_step(main)
