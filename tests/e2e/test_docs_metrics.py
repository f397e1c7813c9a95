"""docs/metrics.md names every metric that a server with all its parts shows, and no other.

    test_docs_metrics.py PATH/TO/lapwing [--write]      --write makes the page anew
"""
import pathlib
import re
import sys
import tempfile
import time

from web_parts import lapwing, remote_write, wait_for

LAPWING = sys.argv[1]
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
HEAD = """# Lapwing's own metrics

What `/metrics` shows, made by `tests/e2e/test_docs_metrics.py LAPWING --write` from a running server; a test keeps the page equal
to that. Some metrics appear with their first event. Names of `process_*` are those of all Prometheus clients.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
"""
CONFIG = """global: {scrape_interval: 1s, evaluation_interval: 1s}
scrape_configs:
- job_name: self
  metrics_path: /box/metrics
  static_configs: [{targets: ['127.0.0.1:PORT', '127.0.0.1:1']}]
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:1']}]}]}
"""
RULES = """groups:
- name: g
  rules: [{alert: Down, expr: up == 0}, {record: 'a:b', expr: sum(up)}]
"""
ALERTMANAGER = """route: {receiver: r, group_wait: 1s}
receivers:
- name: r
  webhook_configs: [{url: 'http://127.0.0.1:1/'}]
  heartbeat_configs: [{url: 'http://127.0.0.1:1/'}]
"""


def families(text):
    """name -> [type, label names, help]"""
    found = {}
    for line in text.splitlines():
        match = re.match(r"# (HELP|TYPE) (\S+) (.*)", line)
        if match:
            entry = found.setdefault(match[2], ["", set(), ""])
            entry[0 if match[1] == "TYPE" else 2] = match[3]
            name = match[2]
            continue
        for label in re.findall(r'[{,](\w+)="', line):
            if label != "le":
                found[name][1].add(label)
    return found


def row(name, entry):
    labels = ", ".join(f"`{label}`" for label in sorted(entry[1]))
    return f"| `{name}` | {entry[0]} | {labels} | {entry[2].replace('|', chr(92) + '|')} |"


def observe():
    server = lapwing(LAPWING, "--web.enable-remote-write-receiver", "--web.enable-lifecycle", "--web.config.file=FOLDER/web.yml",
                     "--web.external-url=http://localhost/box", "--alertmanager.config.file=FOLDER/alertmanager.yml")
    server.prefix = "/box"
    server.arguments = [a.replace("FOLDER", str(server.folder)) for a in server.arguments]
    server.arguments.append(f"--config.file={server.folder}/prometheus.yml")
    for name, text in (("web.yml", ""), ("prometheus.yml", CONFIG.replace("PORT", str(server.port))),
                       ("rules.yml", RULES), ("alertmanager.yml", ALERTMANAGER)):
        server.write(name, text)
    server.start()
    remote_write(server, [({"__name__": "x"}, [(int(time.time()) * 1000, 1.0)])])
    server.get("/api/v1/query", query="up")
    server.post("/-/reload")
    # Until the alert has been tried to be sent, and everything was scraped and evaluated twice.
    wait_for("an alert", lambda: server.get("/api/v1/alerts").json["data"]["alerts"])
    wait_for("a failed delivery", lambda: re.search(r"lapwing_notif\w+failed\w*{.*} [1-9]", server.get("/metrics").text))
    time.sleep(1)
    text = server.get("/metrics").text
    assert server.stop() == 0
    return families(text)


def main():
    rows = [row(name, entry) for name, entry in sorted(observe().items())]
    text = HEAD + "\n".join(rows) + "\n"
    if "--write" in sys.argv:
        PAGE.write_text(text)
        return
    documented = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    missing, gone = [r for r in rows if r not in documented], [r for r in documented if r not in rows]
    assert not missing and not gone, "\n".join(
        ["docs/metrics.md differs; run test_docs_metrics.py LAPWING --write"] + [f"+ {r}" for r in missing] +
        [f"- {r}" for r in gone])
    print(len(rows), "metrics documented")


main()
