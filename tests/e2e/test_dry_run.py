#!/usr/bin/env python3
"""`lapwing rules dry-run`: two days of stored history, rules and routing, and who would have been told.

    test_dry_run.py PATH/TO/lapwing
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "promql"))
import differential  # pylint: disable=wrong-import-position

LAPWING = os.path.abspath(sys.argv.pop(1))
MINUTE = 60
HOUR = 60 * MINUTE
NOW = int(time.time()) // MINUTE * MINUTE
START = NOW - 48 * HOUR

RULES = """
groups:
- name: hosts
  interval: 1m
  rules:
  - record: instance:up
    expr: up
  - alert: Down
    expr: instance:up == 0
    for: 5m
    labels: {severity: page}
    annotations: {summary: "{{ $labels.instance }} of {{ $externalLabels.site }}"}
  - alert: Noise
    expr: instance:up == 0
    labels: {severity: info}
  - alert: Night
    expr: instance:up{instance="a"} == 0
    labels: {severity: night}
  - alert: Standing
    expr: ALERTS{alertname="Down", alertstate="firing"}
    labels: {severity: none}
"""

ROUTING = """
route:
  receiver: nobody
  group_by: [alertname, instance]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 12h
  routes:
  - {receiver: pager, matchers: [severity="page"]}
  - {receiver: chat, matchers: [severity="info"]}
  - {receiver: chat, matchers: [severity="night"], mute_time_intervals: [always]}
time_intervals:
- {name: always, time_intervals: [{years: ['2000:2100']}]}
inhibit_rules:
- {source_matchers: [alertname="Down"], target_matchers: [alertname="Noise"], equal: [instance]}
receivers:
- name: nobody
- name: pager
  webhook_configs: [{url_file: /nonexistent/secret}]
- name: chat
  slack_configs: [{api_url: "http://127.0.0.1:1/", channel: ops}]
"""
CONFIG = "global: {evaluation_interval: 1m, external_labels: {site: north}}\n"

# instance -> (down from, to), in seconds since the start
DOWN = {"a": (HOUR, 2 * HOUR), "b": (30 * HOUR, 30 * HOUR + 3 * MINUTE),
        "c": (48 * HOUR + 2 * MINUTE, 48 * HOUR + 6 * MINUTE), "d": (0, 0)}
END = 48 * HOUR + 9 * MINUTE


def series(name):
    for instance, (start, end) in DOWN.items():
        points = [0.0 if start <= t < end else 1.0 for t in range(0, END, MINUTE)]
        yield {"__name__": name, "instance": instance}, points


class Server:
    def __init__(self, folder, *flags):
        port = differential.free_port()
        with open(f"{folder}/server.yml", "w", encoding="utf-8") as out:
            out.write("global: {}\n")
        with open(f"{folder}/am.yml", "w", encoding="utf-8") as out:
            out.write("route: {receiver: x}\nreceivers: [{name: x}]\n")
        self.server = differential.Server(
            [LAPWING, f"--config.file={folder}/server.yml", f"--storage.path={folder}/data",
             f"--alertmanager.config.file={folder}/am.yml", "--web.enable-remote-write-receiver",
             f"--web.listen-address=127.0.0.1:{port}", *flags], port, folder)
        self.url = self.server.url
        self.stop = self.server.stop

    def post(self, path, body, **headers):
        request = urllib.request.Request(self.server.url + path, body, headers)
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def write(self, data):
        import snappy
        out = b""
        for labels, points in data:
            body = b"".join(differential.field(1, differential.field(1, k.encode()) +
                                               differential.field(2, v.encode()))
                            for k, v in sorted(labels.items()))
            for i, v in enumerate(points):
                t_ms = (START + i * MINUTE) * 1000
                body += differential.field(2, b"\x09" + differential.struct.pack("<d", v) + b"\x10" +
                                           differential.varint(t_ms))
            out += differential.field(1, body)
        self.post("/api/v1/write", snappy.compress(out),
                  **{"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
                     "X-Prometheus-Remote-Write-Version": "0.1.0"})


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


class DryRun(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = cls.folder.name
        server = Server(cls.path)
        try:
            # What the rules recorded in real life must not be seen again.
            recorded = {"__name__": "instance:up", "instance": "d"}, [0.0] * 100
            server.write([recorded, *series("up")])
            server.post("/api/v2/silences", json.dumps({
                "matchers": [{"name": "instance", "value": "c", "isRegex": False}],
                "startsAt": stamp(NOW), "endsAt": stamp(NOW + 2 * HOUR), "createdBy": "me",
                "comment": "moving"}).encode(), **{"Content-Type": "application/json"})
        finally:
            server.stop()
        for name, text in (("rules.yml", RULES), ("routing.yml", ROUTING), ("config.yml", CONFIG)):
            with open(f"{cls.path}/{name}", "w", encoding="utf-8") as out:
                out.write(text)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def lapwing(self, *arguments):
        return subprocess.run([LAPWING, "rules", "dry-run", "--storage.path", self.path + "/data",
                               *arguments], capture_output=True, text=True, check=False)

    def events(self, *arguments):
        result = self.lapwing("--json", "--config.file", self.path + "/config.yml",
                              "--alertmanager.config.file", self.path + "/routing.yml",
                              self.path + "/rules.yml", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def digest(self):
        names = sorted(os.path.join(at, name) for at, _, files in os.walk(self.path + "/data")
                       for name in files if "lock" not in name)
        digests = []
        for name in names:
            with open(name, "rb") as file:
                digests.append((name, hashlib.sha256(file.read()).hexdigest()))
        return digests

    def test_who_would_have_been_told(self):
        before = self.digest()
        events = self.events("--over", "2d")
        self.assertEqual(self.digest(), before, "the history changed")

        def find(**wanted):
            """[seconds since the start] of events with these members and labels."""
            found = []
            for e in events:
                have = dict(e["labels"], **{k: v for k, v in e.items() if k != "labels"})
                if all(have.get(k) == v for k, v in wanted.items()):
                    t = time.mktime(time.strptime(e["time"][:19], "%Y-%m-%dT%H:%M:%S"))
                    found.append(t - time.timezone - START)
            return found

        fired = find(event="firing", alertname="Down", instance="a")
        self.assertEqual(len(fired), 1)
        self.assertTrue(HOUR + 5 * MINUTE <= fired[0] < HOUR + 7 * MINUTE, fired)
        told = find(event="told", receiver="pager", instance="a", resolved=False)
        self.assertEqual(len(told), 1)
        self.assertTrue(30 <= told[0] - fired[0] <= 32, (fired, told))
        ended = find(event="resolved", alertname="Down", instance="a")
        told = find(event="told", receiver="pager", instance="a", resolved=True)
        self.assertEqual((len(ended), len(told)), (1, 1))
        self.assertTrue(0 <= ended[0] - 2 * HOUR < 2 * MINUTE, ended)
        self.assertTrue(0 <= told[0] - ended[0] <= 5 * MINUTE + 1, (ended, told))

        self.assertEqual(find(alertname="Down", instance="b"), [], "three minutes are no five")
        self.assertEqual(len(find(event="told", receiver="chat", instance="b", resolved=False)), 1)
        self.assertEqual(find(instance="d"), [], "what was recorded in real life is not seen")
        self.assertTrue(find(event="inhibited", alertname="Noise", instance="a"))
        self.assertTrue(find(event="muted", alertname="Night", by="always"))
        self.assertFalse(find(event="told", alertname="Night"))
        self.assertTrue(find(event="silenced", alertname="Noise", instance="c"))
        self.assertFalse(find(event="told", instance="c"))
        self.assertEqual(len(find(event="firing", alertname="Standing", instance="a")), 1,
                         "rules see what rules before them wrote")
        self.assertEqual({e["labels"]["site"] for e in events}, {"north"})

    def test_the_span(self):
        self.assertFalse([e for e in self.events("--over", "3h") if e["labels"]["instance"] == "a"])
        only = self.events("--from", str(START), "--to", stamp(START + 3 * HOUR))
        self.assertEqual({e["labels"]["instance"] for e in only}, {"a"})

    def test_for_people(self):
        result = self.lapwing("--alertmanager.config.file", self.path + "/routing.yml",
                              self.path + "/rules.yml")
        self.assertEqual(result.returncode, 0, result.stderr)
        for text in ['Down{instance="a", severity="page"} firing',
                     "told pager by webhook[0] that it fires: Down{",
                     "  Down: fired 1 time, 55m in all, 55m at the longest\n",
                     "Who would have been told:", "  pager by webhook[0]: 2 notifications",
                     "  silenced: "]:
            self.assertIn(text, result.stdout)

    def test_without_routing_nobody_is_told(self):
        result = self.lapwing(self.path + "/rules.yml")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("Who would have been told: nobody", result.stdout)
        self.assertIn("Down: fired 1 time", result.stdout)

    def test_failing_rules(self):
        path = self.path + "/failing.yml"
        with open(path, "w", encoding="utf-8") as out:
            out.write("groups: [{name: g, rules: [{alert: Twice, expr: "
                      "'up * on () group_left () up'}]}]\n")
        result = self.lapwing(path, "--over=1h")
        self.assertEqual(result.returncode, 1)
        self.assertIn('rule "Twice" failed: found duplicate series', result.stderr)
        with open(path, "w", encoding="utf-8") as out:
            out.write("groups: [{name: g, rules: [{alert: Bad, expr: 'up ='}]}]\n")
        result = self.lapwing(path)
        self.assertEqual(result.returncode, 1)
        self.assertIn("could not parse expression", result.stderr)

    def test_a_store_in_use_is_refused(self):
        server = Server(self.path)
        try:
            result = self.lapwing(self.path + "/rules.yml")
        finally:
            server.stop()
        self.assertEqual(result.returncode, 1)
        self.assertIn("is in use by another process", result.stderr)

    def test_a_snapshot_of_a_running_server(self):
        arguments = [self.path + "/rules.yml", "--to", str(START + 3 * HOUR)]
        server = Server(self.path, "--web.enable-admin-api")
        try:
            result = self.lapwing(*arguments, "--url", server.url + "/")
        finally:
            server.stop()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("Down: fired 1 time", result.stdout)
        self.assertEqual(os.listdir(self.path + "/data/snapshots"), [])
        server = Server(self.path)
        try:
            result = self.lapwing(*arguments, "--url=" + server.url)
        finally:
            server.stop()
        self.assertEqual(result.returncode, 1)
        self.assertIn("it needs --web.enable-admin-api", result.stderr)

    def test_usage(self):
        self.assertEqual(self.lapwing().returncode, 2)
        self.assertEqual(self.lapwing("--over=soon", "x.yml").returncode, 2)
        result = subprocess.run([LAPWING, "rules", "dry-run", "--storage.path=/nonexistent/data",
                                 self.path + "/rules.yml"], capture_output=True, text=True,
                                check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("there is no such folder", result.stderr)


if __name__ == "__main__":
    unittest.main()
