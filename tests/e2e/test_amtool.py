"""Debian's tools as clients of Lapwing's API v2: amtool, prometheus as a sender of alerts, vmalert with
Lapwing as its data source, remote write and notifier.

    test_amtool.py PATH/TO/lapwing
"""
import json
import re
import subprocess
import sys
import time

from alerting_parts import Hook, Process, folder, free_port, lapwing, wait_for

LAPWING = sys.argv[1]
CONFIG = """
global:
  smtp_smarthost: 'mail.example:587'
  smtp_from: 'a@example.org'
  smtp_auth_password: 'verysecret'
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 1s
  routes:
  - receiver: mail
    matchers: [ severity="mail" ]
receivers:
- name: hook
  webhook_configs: [ { url: "http://127.0.0.1:PORT/hook" } ]
- name: mail
  email_configs: [ { to: 'b@example.org' } ]
- name: watcher
  heartbeat_configs: [ { url: "http://127.0.0.1:PORT/ping", interval: 1s } ]
"""
RULES = """
groups:
- name: peer
  interval: 1s
  rules:
  - record: peer:one
    expr: vector(1)
  - alert: NAME
    expr: vector(1) > 0
    labels: {severity: page}
    annotations: {summary: 'value {{ $value }}'}
"""


class Amtool:
    def __init__(self, server):
        self.url = server.url()

    def run(self, *args, status=0, text=None):
        # Its version check writes a warning: Debian's is older than what Lapwing reports.
        done = subprocess.run(["amtool", "--alertmanager.url", self.url, "--no-version-check", *args],
                              capture_output=True, text=True, timeout=30, input=text)
        assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
        return done.stdout if status == 0 else done.stderr

    def json(self, *args):
        return json.loads(self.run(*args, "-o", "json"))


def silences(amtool, server):
    identity = amtool.run("silence", "add", "alertname=~A|B", "instance!=z", "--comment=at work",
                          "--author=me", "-d", "1h").strip()
    (found,) = amtool.json("silence", "query")
    assert found["id"] == identity and found["createdBy"] == "me" and found["comment"] == "at work"
    assert [(m["name"], m["isRegex"], m["isEqual"]) for m in found["matchers"]] == \
        [("alertname", True, True), ("instance", False, False)]
    assert identity in amtool.run("silence", "query", "alertname=~A|B")
    assert identity not in amtool.run("silence", "query", "alertname=C")
    assert amtool.run("silence", "query", "-q", "--created-by", "me").strip() == identity

    assert identity in amtool.run("silence", "update", "-d", "3h", "--comment=longer", identity)
    (found,) = amtool.json("silence", "query")
    assert found["id"] == identity and found["comment"] == "longer"

    exported = amtool.run("silence", "query", "-o", "json")
    amtool.run("silence", "expire", identity)
    assert amtool.json("silence", "query") == []
    (expired,) = amtool.json("silence", "query", "--expired")
    assert expired["status"]["state"] == "expired"
    amtool.run("silence", "import", text=exported)  # of one that has ended: a new one
    (imported,) = amtool.json("silence", "query")
    assert imported["id"] != identity and imported["matchers"] == expired["matchers"]
    assert "comment required" in amtool.run("silence", "add", "a=b", status=1)
    server.kill()  # what was answered is on disk
    server.start()
    assert len(amtool.json("silence", "query")) == 1
    amtool.run("silence", "expire", *amtool.run("silence", "query", "-q").split())


def alerts(amtool, hook):
    amtool.run("alert", "add", "alertname=Disk", "instance=a", "--annotation=summary=full",
               "--generator-url=http://example/graph")
    amtool.run("alert", "add", "Mail", "severity=mail")
    (disk,) = amtool.json("alert", "query", "alertname=Disk")
    assert disk["labels"] == {"alertname": "Disk", "instance": "a"}
    assert disk["receivers"] == [{"name": "hook"}] and disk["status"]["state"] == "active"
    assert "Mail" in amtool.run("alert", "query", "--receiver=mail")
    assert "Disk" not in amtool.run("alert", "query", "--receiver=mail")
    told = wait_for("the webhook", lambda: [b for _, b in hook.received
                                            if b.get("groupLabels") == {"alertname": "Disk"}])
    assert told[0]["alerts"][0]["annotations"] == {"summary": "full"}
    amtool.run("silence", "add", "alertname=Disk", "--comment=x", "-d", "1h")
    assert "Disk" not in amtool.run("alert", "query")
    assert "Disk" in amtool.run("alert", "query", "--silenced")


def killed(amtool, server, hook):
    """What was acknowledged is told once, whatever happens in the next moment."""
    for round in range(3):
        amtool.run("alert", "add", f"alertname=Kill{round}")
        server.kill()
        server.start()
        assert f"Kill{round}" in amtool.run("alert", "query")
        wait_for("the webhook", lambda: fired(hook, f"Kill{round}"))
        # A kill between the receiver's answer and its record would tell it again, as it must.
        wait_for("the record of it", lambda: any(f"Kill{round}" in line and "delivered" in line
                                                 for line in server.log().splitlines()))
        time.sleep(0.3)
    server.kill()
    server.start()
    time.sleep(1.5)
    for round in range(3):
        assert len(fired(hook, f"Kill{round}")) == 1


def configuration(amtool, path):
    shown = amtool.run("config", "show")
    assert "verysecret" not in shown and "<secret>" in shown
    assert "receiver: mail" in amtool.run("config", "routes", "show")
    assert amtool.run("config", "routes", "test", "severity=mail").strip() == "mail"
    shown = json.loads(amtool.run("config", "show", "-o", "json"))["config"]["original"]
    (path / "shown.yml").write_text(re.sub(r"- name: watcher\n.*\n", "", shown))
    assert "SUCCESS" in subprocess.run(["amtool", "check-config", path / "shown.yml"],
                                       capture_output=True, text=True, check=True).stdout


def commands(server, hook):
    def run(*args, status=0):
        done = subprocess.run([LAPWING, "alerts", *args, f"--url={server.url()}"],
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == status, (args, done.stdout, done.stderr)
        return done.stdout

    assert "delivered as firing: webhook[0] of hook" in run("explain", "alertname=Disk")
    assert json.loads(run("history", "alertname=Mail"))["data"]["events"][0]["event"] == "firing"
    routes = json.loads(run("routes", "test", "alertname=x", "severity=mail"))["data"]["routes"]
    assert [r["receiver"] for r in routes] == ["mail"]
    offline = subprocess.run([LAPWING, "alerts", "routes", "test", "severity=mail", "alertname=x",
                              f"--alertmanager.config.file={server.folder}/alertmanager.yml"],
                             capture_output=True, text=True, timeout=30, check=True).stdout
    assert offline == 'mail\t{}/{severity="mail"}:{alertname="x"}\n', offline
    quoted = subprocess.run([LAPWING, "alerts", "routes", "test", "--alertmanager.config.file",
                             f"{server.folder}/alertmanager.yml", 'severity="mail"'],
                            capture_output=True, text=True, timeout=30, check=True).stdout
    assert quoted.startswith("mail\t"), quoted
    everything = json.loads(run("history", "--limit", "1000"))["data"]["events"]
    assert {"Disk", "Mail"} <= {e["labels"].get("alertname") for e in everything}
    run("send-test", "hook")
    assert any(b and b.get("commonLabels", {}).get("alertname") == "TestNotification"
               for _, b in hook.received)
    run("send-test", "nobody", status=1)


def heartbeats(server, hook):
    wait_for("pings", lambda: [p for p, _ in hook.received if p == "/ping"][1:])
    assert server.request("POST", "/api/v1/heartbeat/backup?timeout=1s&label=severity=page")[0] == 200
    wait_for("the missing heartbeat", lambda: fired(hook, "HeartbeatMissing"))
    assert server.get("/api/v1/heartbeat")["data"][0]["missing"]
    assert server.request("DELETE", "/api/v1/heartbeat/backup")[0] == 200
    assert server.request("DELETE", "/api/v1/heartbeat/backup")[0] == 404
    assert server.request("POST", "/api/v1/heartbeat/a%20b")[0] == 400


def fired(hook, name):
    return [b for _, b in hook.received if b.get("status") == "firing" and
            b["commonLabels"].get("alertname") == name]


def prometheus_sends(path, server, hook):
    port = free_port()
    (path / "prom-rules.yml").write_text(RULES.replace("NAME", "FromPrometheus"))
    (path / "prom.yml").write_text(json.dumps({
        "global": {"evaluation_interval": "1s", "external_labels": {"site": "x"}},
        "rule_files": ["prom-rules.yml"],
        "alerting": {"alertmanagers": [{"api_version": "v2", "static_configs": [
            {"targets": [f"127.0.0.1:{server.port}"]}]}]}}))
    prometheus = Process(path, "prometheus", port, [
        "prometheus", f"--config.file={path}/prom.yml", f"--storage.tsdb.path={path}/prom-data",
        "--rules.alert.resend-delay=1s", f"--web.listen-address=127.0.0.1:{port}"], "/-/ready").start()
    try:
        (body,) = wait_for("Prometheus' alert", lambda: fired(hook, "FromPrometheus"))[:1]
        assert body["commonLabels"] == {"alertname": "FromPrometheus", "severity": "page", "site": "x"}
        assert body["commonAnnotations"] == {"summary": "value 1"}
        assert body["alerts"][0]["generatorURL"].endswith("g0.tab=1")
    finally:
        prometheus.stop()


def vmalert_uses(path, server, hook):
    port = free_port()
    (path / "vm-rules.yml").write_text(RULES.replace("NAME", "FromVmalert").replace(
        "vector(1) > 0", "peer:one > 0"))
    vmalert = Process(path, "vmalert", port, [
        "vmalert", f"-rule={path}/vm-rules.yml", f"-datasource.url={server.url()}",
        f"-remoteWrite.url={server.url()}", f"-remoteRead.url={server.url()}",
        f"-notifier.url={server.url()}", f"-httpListenAddr=127.0.0.1:{port}",
        "-remoteWrite.flushInterval=200ms", "-evaluationInterval=1s"], "/health").start()
    try:
        (body,) = wait_for("vmalert's alert", lambda: fired(hook, "FromVmalert"))[:1]
        assert body["commonLabels"]["severity"] == "page", body
        wait_for("the recorded series", lambda: server.get(
            "/api/v1/query?query=peer:one")["data"]["result"])
        wait_for("the alert's series", lambda: server.get(
            "/api/v1/query?query=ALERTS%7Balertname%3D%22FromVmalert%22%7D")["data"]["result"])
    finally:
        vmalert.stop()


def main():
    import pathlib
    with folder() as name:
        path, hook = pathlib.Path(name), Hook()
        (path / "alertmanager.yml").write_text(CONFIG.replace("PORT", str(hook.port)))
        server = lapwing(LAPWING, path, ["--web.enable-remote-write-receiver"]).start()
        amtool = Amtool(server)
        try:
            silences(amtool, server)
            alerts(amtool, hook)
            killed(amtool, server, hook)
            configuration(amtool, path)
            commands(server, hook)
            heartbeats(server, hook)
            prometheus_sends(path, server, hook)
            vmalert_uses(path, server, hook)
        except BaseException:
            for log in path.glob("*.log"):
                print(log.name, log.read_text()[-6000:])
            raise
        finally:
            server.stop()
    print("amtool, prometheus and vmalert are served")


main()
