"""The web pages in a headless Chromium: each page shows what is there, silences are made and ended, a receiver
is tested. Skipped (77) without Chromium or in a build without the pages.

    test_ui.py PATH/TO/lapwing [FOLDER for screenshots]
"""
import http.server
import json
import sys
import threading

import browser
from ports import HttpServer
from web_parts import lapwing, wait_for

LAPWING = sys.argv[1]
SHOTS = sys.argv[2] if len(sys.argv) > 2 else None
PREFIX = "/box"
CONFIG = """global: {scrape_interval: 1s, evaluation_interval: 1s}
scrape_configs:
- job_name: self
  metrics_path: /box/metrics
  static_configs: [{targets: ['127.0.0.1:PORT', '127.0.0.1:1']}]
rule_files: [rules.yml]
"""
RULES = """groups:
- name: watch
  rules:
  - {alert: TargetDown, expr: up == 0, labels: {severity: page}, annotations: {summary: 'it is <b>down</b>'}}
  - {record: 'job:up:sum', expr: sum by (job) (up)}
"""
ALERTMANAGER = """route: {receiver: ops, group_wait: 1h}
receivers:
- name: ops
  webhook_configs: [{url: 'http://127.0.0.1:HOOK/'}]
- name: nowhere
  webhook_configs: [{url: 'http://127.0.0.1:1/'}]
"""


class Hook(http.server.BaseHTTPRequestHandler):
    received = []

    def do_POST(self):
        Hook.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


def start():
    hook = HttpServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    server = lapwing(LAPWING, "--web.enable-remote-write-receiver", "--web.page-title=Box 7",
                     "--web.external-url=http://127.0.0.1/box", "--alertmanager.config.file=FOLDER/alertmanager.yml")
    server.prefix = PREFIX
    server.arguments = [a.replace("FOLDER", str(server.folder)) for a in server.arguments]
    server.arguments.append(f"--config.file={server.folder}/prometheus.yml")
    server.write("prometheus.yml", CONFIG.replace("PORT", str(server.port)))
    server.write("rules.yml", RULES)
    server.write("alertmanager.yml", ALERTMANAGER.replace("HOOK", str(hook.server_port)))
    return server.start()


def shot(page, name):
    if SHOTS:
        page.screenshot(f"{SHOTS}/{name}.png")


def test_query(page, server):
    page.go(f"http://127.0.0.1:{server.port}{PREFIX}/")
    page.wait("document.title === 'Query · Box 7'")
    page.go(f"http://127.0.0.1:{server.port}{PREFIX}/query?expr=up")
    page.wait_text('instance="127.0.0.1:1"')
    shot(page, "query")
    page.go(f"http://127.0.0.1:{server.port}{PREFIX}/query?expr=minute()")
    page.wait_text("{}")
    page.click("Graph")
    page.wait("document.querySelector('.graph canvas')")
    shot(page, "graph")
    page.go(f"http://127.0.0.1:{server.port}{PREFIX}/query?expr=sum(")
    page.wait("document.querySelector('.notice.error')")


def test_targets(page, server):
    page.click("Targets")
    page.wait_text("1 of 2 up")
    page.wait_text("connection refused")
    shot(page, "targets")


def test_alerts_and_silences(page, server):
    page.click("Alerts")
    page.wait_text("TargetDown")
    page.wait_text("it is <b>down</b>")  # as text
    shot(page, "alerts")
    page.click("Silence")
    page.wait("document.querySelector('form')")
    page.wait_text("matches 1 alert now")
    page.click("Silence")
    page.wait_text("an author is needed")
    page.type("Author", "me")
    page.type("Comment", "being repaired")
    page.type("For", "soon")
    page.run("document.querySelector('form button.main').click()")
    page.wait_text('duration "soon"')
    page.type("For", "1h30m")
    page.run("document.querySelector('form button.main').click()")
    page.wait("document.querySelector('tbody tr')")
    page.wait_text("being repaired")
    page.wait_text("ends in 1h")
    shot(page, "silences")
    [silence] = server.get("/api/v2/silences").json
    assert silence["createdBy"] == "me" and silence["status"]["state"] == "active"
    assert {m["name"]: m["value"] for m in silence["matchers"]}["alertname"] == "TargetDown"
    wait_for("muted", lambda: server.get("/api/v2/alerts", silenced="false").json == [])
    page.click("Expire")
    page.wait_text("Expired 1")
    assert server.get("/api/v2/silences").json[0]["status"]["state"] == "expired"
    page.click("Expired 1")
    page.wait_text("being repaired")
    # By hand, with what only Lapwing has.
    page.go(f"http://127.0.0.1:{server.port}{PREFIX}/silences")
    page.click("New silence")
    page.type("Matchers", 'team=~"a|b", zone!=x, "odd name"="y"')
    page.type("Author", "me")
    page.type("Comment", "second")
    page.type("Remind before the end", "10m")
    page.run("document.querySelector('form input[type=checkbox]').click()")
    page.run("document.querySelector('form button.main').click()")
    page.wait_text("reminds 10m before its end")
    second = next(s for s in server.get("/api/v2/silences").json if s["comment"] == "second")
    assert second["expireOnResolve"] is True and second["remindBefore"] == "10m"
    assert sorted((m["name"], m["value"], m["isEqual"], m["isRegex"]) for m in second["matchers"]) == [
        ("odd name", "y", True, False), ("team", "a|b", True, True), ("zone", "x", False, False)]
    page.type("Matchers", "nonsense")
    page.type("Comment", "x")
    page.run("document.querySelector('form button.main').click()")
    page.wait_text('expected name="value"')


def test_receivers(page, server):
    page.click("Receivers")
    page.wait_text("nowhere")
    page.run("[...document.querySelectorAll('button')].filter((b) => b.innerText.startsWith('Send test'))[0].click()")
    page.wait_text("delivered")
    assert Hook.received and Hook.received[-1]["receiver"] == "ops"
    page.run("[...document.querySelectorAll('tr')].find((r) => r.innerText.startsWith('nowhere')).querySelector('button').click()")
    page.wait_text("failed")
    page.wait_text("What happened last")
    page.wait_text("TargetDown")
    shot(page, "receivers")


def test_rules_and_status(page, server):
    page.click("Rules")
    page.wait_text("job:up:sum")
    page.click("Status")
    page.wait_text("storageRetention")
    page.click("Storage")
    page.wait_text("Series by metric")
    page.wait_text("Bytes in the journal")
    shot(page, "storage")
    page.click("Configuration")
    page.wait_text("job_name: self")
    # Where Prometheus has its pages.
    for path, target in (("/graph?g0.expr=up", "/query?g0.expr=up"), ("/config", "/status#config"),
                         ("/tsdb-status", "/status#storage"), ("/service-discovery", "/targets"), ("/", "/query")):
        answer = server.call("GET", PREFIX + path)
        assert answer.status == 302 and answer.headers["Location"] == PREFIX + target, (path, answer.headers["Location"])
    page.go(f"http://127.0.0.1:{server.port}{PREFIX}/graph?g0.expr=vector(7)&g0.tab=1")
    page.wait_text("vector(7)")
    assert server.get("/nowhere").status == 404


def main():
    server = start()
    if not browser.find() or "built without the web UI" in server.get("/").text:
        server.stop()
        print("skipped: no Chromium, or no pages in this build")
        sys.exit(77)
    wait_for("an alert", lambda: server.get("/api/v1/alerts").json["data"]["alerts"])
    page = browser.Page(f"http://127.0.0.1:{server.port}{PREFIX}/query")
    try:
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test(page, server)
                print(name, "passed", flush=True)
        unexpected = [e for e in page.errors if "400" not in e]
        assert not unexpected, unexpected
    except AssertionError:
        print(page.errors)
        shot(page, "failure")
        raise
    finally:
        page.close()
        server.stop()


main()
